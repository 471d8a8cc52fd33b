"""Persons from up to a million contacts: ours beside Splink 5 as its documentation sets it up, in one run.

    python benchmarks/scale_persons/run.py [--sizes 20000 100000 300000 1000000] [--seed 1001] [--only ours|splink]

Each system runs in a process of its own on the same made-up contacts (``benchmarks/worlds.py``; four contacts a
person), one after the other. What a process takes longer than ``--minutes`` or more memory than ``--gib`` is told as
such. Writes ``results.csv`` and ``results.md`` beside this file, or into ``--results``.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks.scale_persons.measure import Phases, pair_scores, peak_gib  # noqa: E402

from benchmarks import worlds  # noqa: E402

SYSTEMS = ("ours", "splink")
CONTACTS_EACH = 4
COLUMNS = ("contacts", "people", "system", "outcome", "seconds", "peak_gib", "pairs_compared", "choice", "precision",
           "recall", "f1", "phases")  # fmt: skip


def main() -> None:
    """Measure and write."""
    options = _options()
    if options.child:
        _child(options.child, Path(options.world), options.threads)
        return
    rows: list[dict[str, object]] = []
    started = time.strftime("%Y-%m-%d %H:%M")
    for contacts in options.sizes:
        with tempfile.TemporaryDirectory() as place:
            people = contacts // CONTACTS_EACH
            table, truth = worlds.mentions(contacts, worlds.population(people, options.seed), options.seed + 1)
            pq.write_table(table, Path(place) / "mentions.parquet")
            np.save(Path(place) / "truth.npy", truth.astype(np.int64))
            del table
            for system in SYSTEMS if options.only is None else (options.only,):
                for row in _measured(system, Path(place), options):
                    rows.append({"contacts": contacts, "people": people, "system": system} | row)
                    print({k: v for k, v in rows[-1].items() if k != "phases"}, flush=True)
    options.results.mkdir(parents=True, exist_ok=True)
    with (options.results / "results.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    text = _report(rows, options, started)
    (options.results / "results.md").write_text(text, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--seed", type=int, default=1001)
    parser.add_argument("--only", choices=SYSTEMS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--gib", type=float, default=6.0)
    parser.add_argument("--results", type=Path, default=HERE)
    parser.add_argument("--child", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--world", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measured(system: str, place: Path, options: argparse.Namespace) -> list[dict[str, object]]:
    command = [sys.executable, __file__, "--child", system, "--world", str(place), "--threads", str(options.threads)]
    nothing: dict[str, object] = dict.fromkeys(COLUMNS[4:], "")
    try:
        done = subprocess.run(command, timeout=60 * options.minutes, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        return [nothing | {"outcome": f"not done in {options.minutes:g} minutes"}]
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["stopped"])[-1][:120]
        return [nothing | {"outcome": f"failed: {reason}"}]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    outcome = "done" if found["peak_gib"] <= options.gib else f"done, but over {options.gib:g} GiB"
    common = {
        "outcome": outcome,
        "seconds": round(sum(found["phases"].values()), 1),
        "peak_gib": round(found["peak_gib"], 2),
        "pairs_compared": found["pairs"],
        "phases": "; ".join(f"{name} {seconds:.1f}" for name, seconds in found["phases"].items()),
    }
    return [
        common | {"choice": choice} | {name: round(value, 5) for name, value in scores.items()}
        for choice, scores in found["scores"].items()
    ]


def _child(system: str, place: Path, threads: int) -> None:
    """Run one system on the world in ``place``; the last line printed is what was found, as JSON."""
    mentions = pq.read_table(place / "mentions.parquet")
    truth = np.load(place / "truth.npy")
    phases = Phases()
    if system == "ours":
        from juncture.agency.people.resolve import resolve

        names = {"learning what agreement is worth": "preparing", "scoring pairs": "learning",
                 "putting people together": "scoring"}  # fmt: skip
        seen: set[str] = set()

        def progress(step: str, done: int, total: int) -> None:
            if step in names and step not in seen:
                seen.add(step)
                phases.done(names[step])

        found = resolve(mentions, number_trust="none", spill_dir=place / "spill", threads=threads, progress=progress)
        phases.done("putting together")
        peak, pairs = peak_gib(), found.pairs_compared
        scores = {"no truth, no threshold": pair_scores(found.person.astype(np.int64), truth)}
    else:
        from benchmarks.scale_persons import splink_defaults

        clusters, pairs = splink_defaults.people(
            mentions, spill=place / "splink", memory_limit="4GB", threads=threads, phases=phases
        )
        peak = peak_gib()
        each = {threshold: pair_scores(person, truth) for threshold, person in clusters.items()}
        best = max(each, key=lambda threshold: each[threshold]["f1"])
        scores = {"p >= 0.95": each[0.95], f"best threshold, chosen with truth: {best:g}": each[best]}
    print(json.dumps({"phases": phases.seconds, "peak_gib": peak, "pairs": pairs, "scores": scores}))


def _report(rows: list[dict[str, object]], options: argparse.Namespace, started: str) -> str:
    shown = [name for name in COLUMNS if name != "phases"]
    lines = [
        "# Persons from contacts: ours beside Splink 5",
        "",
        f"Command: `{' '.join(['python benchmarks/scale_persons/run.py', *sys.argv[1:]])}`",
        "",
        f"{started}; {platform.system()} {platform.machine()}, Python {platform.python_version()}, {options.threads} "
        f"threads; splink {version('splink')}, duckdb {version('duckdb')}; seed {options.seed}; both of the same "
        "table, each in a process of its own. Pairs of contacts are counted, those that name nobody in none. "
        "Seconds are without reading the table; peak memory is of the whole process (for Splink with the clusters "
        "at all thresholds).",
        "",
        "| " + " | ".join(shown) + " |",
        "|" + "---|" * len(shown),
    ]
    lines += ["| " + " | ".join(str(row[name]) for name in shown) + " |" for row in rows]
    lines += ["", "Seconds by phase:", ""]
    told: set[object] = set()
    for row in rows:
        key = (row["contacts"], row["system"])
        if row["phases"] and key not in told:
            told.add(key)
            lines.append(f"- {row['contacts']}, {row['system']}: {row['phases']}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
