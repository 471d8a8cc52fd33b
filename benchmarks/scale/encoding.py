"""Records encoded a second: the product (both profiles, every match key) and clkhash, on the same records in one run.

    python benchmarks/scale/encoding.py --peers PEERS_PYTHON

Two sets: FEBRL 4, 10,000 records, six fields; and 100,000 different people of a made-up world, one record each, seven
fields, so that what a file repeats helps nobody beyond what names and dates repeat anyway. Each contender is begun anew
for each measurement, in turn, and the median of the measurements counts. Imports and reading are not counted.

Writes ``results/encoding.csv`` and ``results/encoding.md``; nothing in them is written by hand.
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
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
from files import FIELDS, clear
from linking import processor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import worlds

HERE = Path(__file__).resolve().parent
FEBRL = HERE.parents[2] / "shared" / "data" / "linkage" / "febrl"
FEBRL_FIELDS = ("last_name", "first_name", "birth_date", "address", "zip", "ssn4")
PEOPLE = 100_000


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, help="Python of the environment of benchmarks/peers.txt")
    parser.add_argument("--seed", type=int, default=1_004)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    asked = parser.parse_args()
    begun = time.perf_counter()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, table, fields in _sets(asked.seed):
            rows += _measure(Path(folder), name, table, fields, asked)
    asked.results.mkdir(parents=True, exist_ok=True)
    with (asked.results / "encoding.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    page = _page(rows, asked, time.perf_counter() - begun)
    (asked.results / "encoding.md").write_text(page, encoding="utf-8")


def _sets(seed: int) -> list[tuple[str, pa.Table, tuple[str, ...]]]:
    people = worlds.spelling_table(worlds.population(PEOPLE, seed), np.random.default_rng(seed), shares=(1.0,))
    out = [(f"{PEOPLE:,} different people", people, FIELDS)]
    if FEBRL.exists():
        out.insert(0, ("FEBRL 4", _febrl(), FEBRL_FIELDS))
    return out


def _febrl() -> pa.Table:
    rows: list[dict[str, str]] = []
    for name in ("febrl4a.csv", "febrl4b.csv"):
        with (FEBRL / name).open(encoding="utf-8", newline="") as handle:
            rows += [{key.strip(): value.strip() for key, value in row.items()} for row in csv.DictReader(handle)]
    dates = [row["date_of_birth"] if len(row["date_of_birth"]) == 8 else "" for row in rows]
    records: dict[str, pa.Array] = {
        "person": pa.array(np.arange(len(rows), dtype=np.int32)),
        "last_name": pa.array([row["surname"] or None for row in rows]),
        "first_name": pa.array([row["given_name"] or None for row in rows]),
        "address": pa.array([f"{row['street_number']} {row['address_1']}".strip() or None for row in rows]),
        "zip": pa.array([row["postcode"] or None for row in rows]),
        "ssn4": pa.array([row["soc_sec_id"][-4:] or None for row in rows]),
    }
    for place, part in ((slice(0, 4), "year"), (slice(4, 6), "month"), (slice(6, 8), "day")):
        numbers = [int(date[place]) if date else None for date in dates]
        records[f"birth_{part}"] = pa.array(numbers, pa.int16())
    for name in ("middle_name", "sex", "phone"):
        records[name] = pa.nulls(len(rows), pa.string())
    return pa.table(records)


def _measure(
    folder: Path, name: str, table: pa.Table, fields: tuple[str, ...], asked: argparse.Namespace
) -> list[dict[str, Any]]:
    pq.write_table(table, folder / "rows.parquet")
    columns = dict(zip(clear(table).column_names, clear(table).columns, strict=True)) | {"ssn4": table["ssn4"]}
    pc_csv.write_csv(pa.table({field: columns[field] for field in fields}), folder / "rows.csv")
    result = str(folder / "told.json")
    joined = ",".join(fields)
    ours = [sys.executable, str(HERE / "ours_encode.py"), str(folder / "rows.parquet"), joined]
    theirs = [str(asked.peers), "-P", str(HERE / "clkhash_encode.py"), str(folder / "rows.csv"), joined]
    contenders = {
        "ours, field": [*ours, "field", result],
        "ours, record": [*ours, "record", result],
        "clkhash, one worker": [*theirs, "1", result],
    }
    told: dict[str, list[dict[str, Any]]] = {contender: [] for contender in contenders}
    for _ in range(asked.repeat):
        for contender, command in contenders.items():
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            told[contender].append(json.loads(Path(result).read_text(encoding="utf-8")))
    rows = []
    for contender, runs in told.items():
        seconds = [run["seconds"]["encode"] for run in runs]
        row = {
            "set": name,
            "records": runs[0]["records"],
            "fields": len(fields),
            "contender": contender,
            "match_keys": runs[0].get("keys", 0),
            "seconds": round(median(seconds), 3),
            "fastest": min(seconds),
            "slowest": max(seconds),
            "records_a_second": round(runs[0]["records"] / median(seconds)),
            "peak_gib": max(run["peak_gib"] for run in runs),
        }
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def _page(rows: Sequence[Mapping[str, Any]], asked: argparse.Namespace, seconds: float) -> str:
    code = "import importlib.metadata as m; print(m.version('clkhash'))"
    peer = subprocess.run([str(asked.peers), "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    shown = [Path(part).name if Path(part).is_absolute() else part for part in sys.argv[1:]]
    versions = ", ".join(f"{name} {version(name)}" for name in ("juncture", "numpy", "pyarrow", "cryptography"))
    parts = [
        "# Records encoded a second",
        "",
        "Written by the command below.",
        "",
        f"- Command: `python benchmarks/scale/encoding.py {shlex.join(shown)}`",
        f"- Date: {datetime.now(UTC):%Y-%m-%d}, took {seconds / 60:.1f} minutes",
        f"- Machine: {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        f"- Versions: Python {platform.python_version()}, {versions}; clkhash {peer}",
        f"- Median of {asked.repeat} runs, each a process of its own, in turn; seed {asked.seed}",
        "",
        "| records | fields | contender | match keys | seconds (fastest to slowest) | records/s | peak GiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        span = f"{row['seconds']:.2f} ({row['fastest']:.2f} to {row['slowest']:.2f})"
        cells = [f"{row['set']}, {row['records']:,}", row["fields"], row["contender"], row["match_keys"], span]
        cells += [f"{row['records_a_second']:,}", f"{row['peak_gib']:.2f}"]
        parts.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    parts += ["", "## Target", ""]
    for name in dict.fromkeys(row["set"] for row in rows):
        speed = {row["contender"]: row["records_a_second"] for row in rows if row["set"] == name}
        peer_speed = speed.pop("clkhash, one worker")
        for contender, own in speed.items():
            verdict = "met" if own > peer_speed else "not met"
            parts.append(f"- {name}, {contender}: {own / peer_speed:.2f} times clkhash ({verdict}).")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
