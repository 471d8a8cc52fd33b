"""Ours, Splink in clear text, and clkhash with anonlink: on the same people, in one run (README.md in this folder)."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.linkage import datasets, peers, report
from benchmarks.linkage.datasets import Dataset
from benchmarks.linkage.peers_clk import peak_bytes
from benchmarks.linkage.rows import ALL_SPELLINGS, CLK, JOINT, ONE_RECORD, OURS, SPLINK, Row
from benchmarks.linkage.scores import Bin, Truth, calibration, one_to_one

FOLDER = Path(__file__).resolve().parent
#: How many random cuts are made of each size.
CUTS = {100: 6, 300: 4, 1_000: 2}
QUICK_CUTS = {100: 2, 300: 1}

Result = tuple[list[Row], list[tuple[str, str, str, tuple[Bin, ...]]]]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, help="Python of the environment made from benchmarks/peers.txt")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this data set (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="fewer cuts, to see that all works")
    parser.add_argument("--dev", action="store_true", help="development data in place of the evaluation data")
    parser.add_argument("--out", type=Path, help="folder for the results (a whole run: this folder; else none)")
    given = parser.parse_args(arguments)
    makers = datasets.DEVELOPMENT if given.dev else datasets.EVALUATION
    unknown = sorted(set(given.only or ()) - set(makers))
    if unknown:
        parser.error(f"no data set is called {', '.join(unknown)}; there are {', '.join(makers)}")
    if not datasets.SHARED.is_dir():
        parser.error(f"the data folder is missing: {datasets.SHARED} (see README.md)")
    if given.peers is None:
        print("Without --peers, clkhash and anonlink are left out.")
    whole = not (given.only or given.quick or given.dev) and given.peers is not None
    begun = time.time()
    rows: list[Row] = []
    bins: list[tuple[str, str, str, tuple[Bin, ...]]] = []
    told = [name for name in makers if not given.only or name in given.only]
    sizes = QUICK_CUTS if given.quick else CUTS
    titles = {}
    for name in told:
        data = makers[name]()
        titles[name] = data.title
        print(f"{data.title}: {data.people[0]:,} and {data.people[1]:,} people, {len(data.truth):,} pairs", flush=True)
        for part_rows, part_bins in measure(data, sizes, given.peers):
            rows += part_rows
            bins += part_bins
        for row in rows:
            if row.dataset == name and row.size == "full":
                print(f"  {row.method:45} {row.rule:32} F1 {row.f1:.4f}  {row.seconds:6.1f} s", flush=True)
    flags = "".join(f" --only {name}" for name in given.only or ()) + " --quick" * given.quick + " --dev" * given.dev
    facts = report.facts(
        command=f"python benchmarks/linkage/run.py --peers PYTHON{flags}",
        seconds=time.time() - begun,
        peers=peers.versions(given.peers) if given.peers else {},
    )
    text = report.markdown(rows, bins, titles, facts)
    folder = given.out or (FOLDER if whole else None)
    if folder is None:
        print(text)
        return
    folder.mkdir(parents=True, exist_ok=True)
    report.write_csv(rows, folder / "results.csv")
    report.write_calibration(bins, folder / "calibration.csv")
    (folder / "results.md").write_text(text, encoding="utf-8")
    print(f"Written: {folder / 'results.md'}, results.csv, calibration.csv ({time.time() - begun:.0f} s)")


def measure(data: Dataset, sizes: dict[int, int], python: Path | None) -> list[Result]:
    """Everything on one data set: first the whole, one method at a time, then the cuts, two processes side by side."""
    jobs: list[Callable[..., Result]] = [run_ours for _ in OURS]
    arguments: list[dict[str, Any]] = [{"profile": profile} for profile in OURS]
    if data.tokens is not None:
        jobs.append(run_ours)
        arguments.append({"profile": "field", "joint": True})
    single = data.a.num_rows == data.people[0] and data.b.num_rows == data.people[1]
    for all_spellings in (False,) if single else (False, True):
        jobs.append(run_splink)
        arguments.append({"all_spellings": all_spellings})
    results = [_alone(job, [data], **one) for job, one in zip(jobs, arguments, strict=True)]
    if python is not None:
        results += [run_peers([data], python, all_spellings=every) for every in ((False,) if single else (False, True))]
    smallest = min(data.people)
    cuts = [data.cut(size, seed) for size, many in sizes.items() if size < smallest for seed in range(many)]
    if cuts:
        with _pool(2) as pool:
            waiting: list[Future[Result]] = [
                pool.submit(run_splink, cuts, all_spellings=not single),
                *(pool.submit(run_ours, cuts, profile=profile) for profile in OURS),
            ]
            results += [one.result() for one in waiting]
        if python is not None:
            results.append(run_peers(cuts, python, all_spellings=not single))
    return results


def run_ours(sets: Sequence[Dataset], *, profile: str, joint: bool = False) -> Result:
    """Ours, on each of ``sets``."""
    from benchmarks.linkage import ours

    rows, bins = [], []
    for data in sets:
        linked = ours.link_dataset(data, profile, joint=joint)
        memory = peak_bytes()
        method = JOINT if joint else OURS[profile]
        best = linked.best
        by_people = Truth(data, by_people=True)
        found = by_people.score(linked.i[best], linked.j[best])
        rows.append(
            Row.of(
                data.name, method, "no truth, no threshold",
                Truth(data).score(linked.i[best], linked.j[best]),
                expected_precision=linked.expected_precision,
                expected_recall=linked.expected_recall,
                people_precision=found.precision,
                people_recall=found.recall,
                seconds=linked.encode_seconds + linked.link_seconds,
                memory=memory,
            )
        )  # fmt: skip
        table = calibration(linked.probability, by_people.is_match(linked.i, linked.j))
        bins.append((rows[-1].dataset, rows[-1].size, method, table))
    return rows, bins


def run_splink(sets: Sequence[Dataset], *, all_spellings: bool) -> Result:
    """Splink in clear text, on each of ``sets``: two cuts of the probability without truth, two with it."""
    from benchmarks.linkage import splink_clear

    rows, bins = [], []
    for data in sets:
        scored = splink_clear.link_dataset(data, all_spellings=all_spellings)
        memory = peak_bytes()
        method = SPLINK[ALL_SPELLINGS if all_spellings else ONE_RECORD]
        truth = Truth(data)
        found = []
        for least in (0.5, 0.95):
            here = scored.probability >= least
            found.append((f"p >= {least}", truth.score(scored.i[here], scored.j[here])))
        found.append(("best threshold by truth", truth.best_threshold(scored.i, scored.j, scored.weight)[0]))
        kept = one_to_one(scored.i, scored.j, scored.weight)
        best, _ = truth.best_threshold(scored.i[kept], scored.j[kept], scored.weight[kept])
        found.append(("best threshold by truth, one to one", best))
        rows += [Row.of(data.name, method, rule, score, seconds=scored.seconds, memory=memory) for rule, score in found]
        match = Truth(data, by_people=True).is_match(scored.i, scored.j)
        bins.append((rows[-1].dataset, rows[-1].size, method, calibration(scored.probability, match)))
    return rows, bins


def run_peers(sets: Sequence[Dataset], python: Path, *, all_spellings: bool) -> Result:
    """clkhash and anonlink, on each of ``sets``, with the threshold that is best by the truth."""
    method = CLK[ALL_SPELLINGS if all_spellings else ONE_RECORD]
    rows = []
    for data, solved in zip(sets, peers.link_datasets(python, sets, all_spellings=all_spellings), strict=True):
        score, _ = Truth(data).best_threshold(solved.i, solved.j, solved.similarity)
        rows.append(
            Row.of(
                data.name, method, "best threshold by truth", score,
                seconds=solved.encode_seconds + solved.link_seconds, memory=solved.peak_bytes,
            )
        )  # fmt: skip
    return rows, []


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a child's peak memory is then its own.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _alone(job: Callable[..., Result], sets: Sequence[Dataset], **arguments: Any) -> Result:
    """``job`` in a new process."""
    with _pool(1) as pool:
        return pool.submit(job, sets, **arguments).result()


if __name__ == "__main__":
    main()
