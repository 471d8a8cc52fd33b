"""Runs :mod:`peers_clk` in the peers' environment."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from benchmarks.linkage.datasets import Dataset, most_complete, with_dates
from numpy.typing import NDArray

SCRIPT = Path(__file__).with_name("peers_clk.py")


@dataclass(frozen=True)
class Solved:
    """Links of anonlink's greedy solver, best first: pairs of people and their similarity."""

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    similarity: NDArray[np.float64]
    encode_seconds: float
    link_seconds: float
    peak_bytes: int | None


def link_datasets(python: Path, sets: Sequence[Dataset], *, all_spellings: bool) -> list[Solved]:
    """Link each of ``sets`` (all of the same columns), in one process."""
    told = {"columns": list(sets[0].clear), "jobs": [_job(data, all_spellings) for data in sets]}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "jobs.json", Path(folder) / "links.json"
        source.write_text(json.dumps(told), encoding="utf-8")
        subprocess.run([str(python), str(SCRIPT), str(source), str(target)], check=True)
        results = json.loads(target.read_text(encoding="utf-8"))
    return [
        Solved(
            np.array(one["i"], np.int64),
            np.array(one["j"], np.int64),
            np.array(one["similarity"], np.float64),
            one["encode_seconds"],
            one["link_seconds"],
            one["peak_bytes"],
        )
        for one in results
    ]


def versions(python: Path) -> dict[str, str]:
    """Versions of what the peers' environment holds."""
    code = (
        "import json, importlib.metadata as m;"
        "print(json.dumps({n: m.version(n) for n in ('clkhash', 'anonlink', 'blocklib', 'numpy')}))"
    )
    out = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout
    found: dict[str, str] = json.loads(out)
    return found


def _job(data: Dataset, all_spellings: bool) -> dict[str, Any]:
    return {name: _side(table, data, all_spellings) for name, table in (("a", data.a), ("b", data.b))}


def _side(table: pa.Table, data: Dataset, all_spellings: bool) -> dict[str, Any]:
    rows = with_dates(table)
    if not all_spellings:
        rows = most_complete(rows, data.clear)
    columns = [pc.fill_null(pc.cast(rows[name], pa.string()), "").to_pylist() for name in data.clear]
    return {"person": rows["person"].to_pylist(), "rows": [list(row) for row in zip(*columns, strict=True)]}
