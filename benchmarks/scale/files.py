"""Two agencies' files of any size, written to a folder for contenders that run each in a process of its own.

``a.parquet``, ``b.parquet``: spellings as the product encodes them. ``a.csv``, ``b.csv``: the same rows for the others,
``person`` and :data:`COLUMNS`, the birth date as ``1987-04-19`` where it is whole, else blank. ``truth.csv``: which
person of a is which of b.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import worlds

#: The seven fields that everybody gets.
FIELDS = ("last_name", "first_name", "birth_date", "sex", "address", "zip", "phone")


def write_world(folder: Path, n_a: int, n_b: int, n_both: int, seed: int) -> None:
    """Write the files of a world of that size and seed."""
    a, b, truth = worlds.two_files(n_a, n_b, n_both, seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (("a", a), ("b", b)):
        pq.write_table(table, folder / f"{name}.parquet")
        pc_csv.write_csv(clear(table), folder / f"{name}.csv")
    with (folder / "truth.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["a", "b"])
        writer.writerows(truth.tolist())


def clear(spellings: pa.Table) -> pa.Table:
    """``person`` and the seven fields in clear text, blank for missing."""
    parts = [pc.cast(spellings[f"birth_{part}"], pa.string()) for part in ("year", "month", "day")]
    padded = [parts[0], *(pc.utf8_lpad(part, 2, "0") for part in parts[1:])]
    date = pc.binary_join_element_wise(*padded, "-")
    columns = {name: date if name == "birth_date" else spellings[name] for name in FIELDS}
    blank = {name: pc.fill_null(column, "") for name, column in columns.items()}
    return pa.table({"person": spellings["person"], **blank})


if __name__ == "__main__":
    write_world(Path(sys.argv[1]), *(int(part) for part in sys.argv[2:6]))
