"""Linking at scale, side by side: the product on encodings, Splink 5 in clear text, anonlink with blocklib.

    python benchmarks/scale/linking.py --peers PEERS_PYTHON

Every contender runs in a process of its own, one after another, on the same files, which are made from a seed. Its peak
memory is the most that the process ever held; one that takes longer than ``--minutes`` or more than ``--gib`` is
stopped, which the tables say. The product is run as it is used: an agency's part each, and the linker's.

Writes ``results/linking.csv`` and ``results/linking.md``; nothing in them is written by hand.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pyarrow import parquet

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
#: People of a, of b, and in both: the curve, then the city.
SIZES = ((100, 100), (1_000, 1_000), (10_000, 10_000), (100_000, 100_000), (100_000, 700_000))
SHARE_IN_BOTH = 0.4
#: People of the sample that is compared without blocks, and the least share of its pairs that blocks must keep.
SAMPLE, LEAST_KEPT = 1_000, 0.98
SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class Run:
    """One contender on one size. ``status``: done, or why not; ``told``: what it measured itself."""

    status: str
    seconds: float
    peak_gib: float
    told: Mapping[str, Any]


def main() -> None:
    """Run every contender on every size and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="Python of the environment of benchmarks/peers.txt")
    parser.add_argument("--sizes", nargs="*", default=[f"{a}x{b}" for a, b in SIZES], metavar="AxB")
    parser.add_argument("--seed", type=int, default=1_003)
    parser.add_argument("--minutes", type=float, default=20.0, help="limit of one contender on one size")
    parser.add_argument("--gib", type=float, default=8.0, help="limit of one contender's memory")
    parser.add_argument(
        "--only", nargs="*", choices=["ours", "splink", "anonlink"], default=["ours", "splink", "anonlink"]
    )
    parser.add_argument("--profiles", nargs="*", choices=["field", "record"], default=["field", "record"])
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    begun = time.perf_counter()
    rows: list[dict[str, Any]] = []
    for size in asked.sizes:
        n_a, n_b = (int(part) for part in size.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            rows += _one_size(Path(folder), (n_a, n_b), asked)
    facts = _facts(asked.peers, time.perf_counter() - begun)
    asked.results.mkdir(parents=True, exist_ok=True)
    _write_csv(rows, asked.results / "linking.csv")
    (asked.results / "linking.md").write_text(_page(rows, facts, asked), encoding="utf-8")


def _one_size(folder: Path, size: tuple[int, int], asked: argparse.Namespace) -> list[dict[str, Any]]:
    both = round(SHARE_IN_BOTH * min(size))
    # In a process of its own: what it holds would count as the contenders', who are begun from this one.
    numbers = [str(number) for number in (*size, both, asked.seed)]
    subprocess.run([sys.executable, str(HERE / "files.py"), str(folder), *numbers], check=True)
    lines = {side: parquet.read_metadata(folder / f"{side}.parquet").num_rows for side in "ab"}
    limits = (asked.minutes * 60, asked.gib)
    result = folder / "told.json"
    rows = []

    def add(contender: str, step: str, run: Run) -> Run:
        told = {name: value for name, value in run.told.items() if name != "seconds"}
        row = {
            "people_a": size[0],
            "people_b": size[1],
            "in_both": both,
            "rows_a": lines["a"],
            "rows_b": lines["b"],
            "contender": contender,
            "step": step,
            "status": run.status,
            "seconds": round(run.seconds, 2),
            "phases": run.told.get("seconds", {}),
            "peak_gib": run.peak_gib,
            **told,
        }
        rows.append(row)
        print(json.dumps(row), flush=True)
        return run

    def ours(*arguments: str) -> Run:
        return _run([sys.executable, *arguments, str(result)], result, *limits)

    if "ours" in asked.only:
        for profile in asked.profiles:
            for side in "ab":
                add(
                    f"ours, {profile}", f"agency {side}", ours(str(HERE / "ours_agency.py"), str(folder), side, profile)
                )
            linked = add(f"ours, {profile}", "linker", ours(str(HERE / "ours_linker.py"), str(folder)))
            if linked.status == "done":
                sample = (str(folder), str(SAMPLE), str(asked.seed))
                add(f"ours, {profile}", "sample without blocks", ours(str(HERE / "unblocked.py"), *sample))
    if "splink" in asked.only:
        add("Splink 5, clear text", "all", ours(str(HERE / "splink_clear.py"), str(folder)))
    if "anonlink" in asked.only and asked.peers:
        command = [str(asked.peers), "-P", str(HERE / "anonlink_blocklib.py"), str(folder), str(result)]
        add("anonlink and blocklib", "all", _run(command, result, *limits))
    return rows


def _run(command: Sequence[str], result: Path, most_seconds: float, most_gib: float) -> Run:
    """Run a contender to its end or to a limit."""
    result.unlink(missing_ok=True)
    begun = time.perf_counter()
    status, peak = "", 0.0
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stderr=errors)
        while process.poll() is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            now = _memory_gib(process.pid)
            peak = max(peak, now)
            if time.perf_counter() - begun > most_seconds:
                status = f"stopped after {most_seconds / 60:g} minutes"
            elif now > most_gib:
                status = f"stopped above {most_gib:g} GiB"
            if status:
                process.kill()
                process.wait()
        errors.seek(0)
        last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
    seconds = time.perf_counter() - begun
    if not status:
        status = "done" if process.returncode == 0 and result.exists() else f"failed: {' '.join(last)[:200]}"
    told = json.loads(result.read_text(encoding="utf-8")) if status == "done" else {}
    return Run(status, seconds, told.pop("peak_gib", round(peak, 3)), told)


def _memory_gib(pid: int) -> float:
    """What a process holds now, children included; 0 where the system does not tell (anything but Linux)."""
    total = 0.0
    for one in [pid, *_children(pid)]:
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30
        except (OSError, ValueError, IndexError):
            continue
    return total


def _children(pid: int) -> list[int]:
    try:
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(one) for one in told.split()]


def _facts(peers: Path | None, seconds: float) -> dict[str, str]:
    own = {name: version(name) for name in ("juncture", "splink", "duckdb", "numpy", "pyarrow")}
    theirs = "not run"
    if peers:
        code = "import importlib.metadata as m; print(*(f'{n} {m.version(n)}' for n in " \
               "('clkhash', 'anonlink', 'blocklib', 'numpy')), sep=', ')"  # fmt: skip
        theirs = subprocess.run([str(peers), "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    shown = [Path(part).name if Path(part).is_absolute() else part for part in sys.argv[1:]]
    return {
        "Command": f"`python benchmarks/scale/linking.py {shlex.join(shown)}`".replace(" `", "`"),
        "Date": f"{datetime.now(UTC):%Y-%m-%d}, took {seconds / 60:.1f} minutes",
        "Machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "Versions": f"Python {platform.python_version()}, " + ", ".join(f"{k} {v}" for k, v in own.items()),
        "Peers": theirs,
    }


def processor() -> str:
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def _write_csv(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items()})


def _page(rows: Sequence[Mapping[str, Any]], facts: Mapping[str, str], asked: argparse.Namespace) -> str:
    parts = ["# Linking at scale, side by side", "", "Written by the command below.", ""]
    parts += [f"- {name}: {value}" for name, value in facts.items()]
    parts += [
        f"- Worlds: `benchmarks/worlds.py`, seed {asked.seed}; {SHARE_IN_BOTH:.0%} of the smaller file's people are in "
        "both; everybody gets the same spellings, one to four a person, and the same seven fields.",
        f"- Limits: {asked.minutes:g} minutes and {asked.gib:g} GiB a contender and size.",
        "",
        "F1 is over pairs of people: the product's own best matching, Splink at p >= 0.5, anonlink at the threshold "
        "that the truth would choose (and Splink's best such in brackets). Seconds are of the whole process, reading "
        "and scoring included.",
        "",
        "| people | rows | contender | step | seconds | peak GiB | precision | recall | F1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        people = f"{row['people_a']:,} x {row['people_b']:,}"
        lines = f"{row['rows_a']:,} x {row['rows_b']:,}"
        scores = [f"{row[name]:.4f}" if name in row else "" for name in ("precision", "recall", "f1")]
        if "best_f1" in row:
            scores[2] += f" ({row['best_f1']:.4f})"
        took = f"{row['seconds']:,.1f}" if row["status"] == "done" else row["status"]
        cells = [people, lines, row["contender"], row["step"], took, f"{row['peak_gib']:.2f}", *scores]
        parts.append("| " + " | ".join(cells) + " |")
    return "\n".join([*parts, "", *_kept(rows), *_phases(rows), *_target(rows, asked)]) + "\n"


def _kept(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = ["## What blocks leave out", "",
             f"{SAMPLE:,} people of the smaller file compared with everybody, pair by pair: of the pairs at least as "
             "probable as not, the share that the blocked run holds so, too.", "",
             "| people | contender | pairs without blocks | kept | true ones of them kept |",
             "|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        if row["step"] == "sample without blocks" and row["status"] == "done":
            shares = [f"{row[name]:.4f}" if row[name] is not None else "" for name in ("kept", "kept_of_true")]
            size = f"{row['people_a']:,} x {row['people_b']:,}"
            parts.append(f"| {size} | {row['contender']} | {row['pairs_unblocked']:,} | {shares[0]} | {shares[1]} |")
    return [*parts, ""]


def _phases(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    largest = max(row["people_b"] for row in rows)
    parts = [f"## Where the time goes at {largest:,} people", ""]
    for row in rows:
        if row["people_b"] == largest and row["status"] == "done":
            phases = ", ".join(f"{name} {value:,.1f} s" for name, value in _seconds(row).items())
            more = f"; payload {row['payload_mib']:,} MiB" if "payload_mib" in row else ""
            notes = "".join(f"; {value:,} {name}" for name, value in row.get("notes", {}).items())
            parts.append(f"- {row['contender']}, {row['step']}: {phases}{more}{notes}")
    return [*parts, ""]


def _seconds(row: Mapping[str, Any]) -> Mapping[str, float]:
    told = row.get("phases", {})
    return told if isinstance(told, dict) else {}


def _target(rows: Sequence[Mapping[str, Any]], asked: argparse.Namespace) -> list[str]:
    """Whether the target is met at the largest size, computed."""
    largest = max(row["people_b"] for row in rows)
    here = [row for row in rows if row["people_b"] == largest]
    parts = ["## Target", ""]
    others = {row["contender"]: row for row in here if not row["contender"].startswith("ours")}
    for name in dict.fromkeys(row["contender"] for row in here if row["contender"].startswith("ours")):
        steps = {row["step"]: row for row in here if row["contender"] == name}
        work = [row for step, row in steps.items() if step != "sample without blocks"]
        if any(row["status"] != "done" for row in work):
            parts.append(f"- {name}: did not finish.")
            continue
        seconds, peak = sum(row["seconds"] for row in work), max(row["peak_gib"] for row in work)
        kept = steps.get("sample without blocks", {}).get("kept")
        said = [f"{seconds:,.0f} s in all, {peak:.2f} GiB at most ({'met' if peak < asked.gib else 'not met'})"]
        for other, row in others.items():
            if row["status"] == "done":
                faster = seconds < row["seconds"]
                said.append(f"{'faster' if faster else 'slower'} than {other} ({row['seconds']:,.0f} s)")
            else:
                said.append(f"{other} {row['status']}")
        met = "" if kept is None else f"{'met' if kept >= LEAST_KEPT else 'not met'}: at least {LEAST_KEPT}"
        said.append("blocks not measured" if kept is None else f"blocks keep {kept:.4f} ({met})")
        parts.append(f"- {name}: {'; '.join(said)}.")
    return parts


if __name__ == "__main__":
    main()
