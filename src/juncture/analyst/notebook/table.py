"""A table that can be looked at: an arrow table with a readable text and an accessible HTML form."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from html import escape
from importlib.util import find_spec
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from juncture.analyst.export.fields import TableSpec
from juncture.base.errors import MachineError, UsageError

#: Rows and characters a cell that are shown; the table has them all.
SHOWN_ROWS = 10
SHOWN_CHARACTERS = 40
INTERNAL = "internal, unsuppressed"


class Table:
    """Rows and columns with a title. ``len`` counts rows; iterating yields rows as dicts; ``table["column"]`` is a
    column as a numpy array (NaN or None where it is empty)."""

    def __init__(self, data: pa.Table, title: str, spec: TableSpec | None = None, *, whole: bool = False) -> None:
        self._data, self.title, self.spec = data, title, spec
        # What is looked up, not looked over, is shown to its end.
        self._whole = whole
        self._rows = data.num_rows if whole else SHOWN_ROWS

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._data.column_names)

    def __len__(self) -> int:
        return int(self._data.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._data.to_batches():
            yield from batch.to_pylist()

    def __getitem__(self, column: str) -> NDArray[Any]:
        self._must_have(column)
        values: NDArray[Any] = self._data.column(column).to_numpy()
        return values

    def where(self, **wanted: object) -> Table:
        """The rows in which each named column has the value given: ``table.where(stratum="all")``."""
        keep = np.ones(len(self), dtype=np.bool_)
        for column, value in wanted.items():
            self._must_have(column)
            keep &= np.array([cell == value for cell in self._data.column(column).to_pylist()], dtype=np.bool_)
        return Table(self._data.filter(pa.array(keep)), self.title, self.spec, whole=self._whole)

    def select(self, *columns: str) -> Table:
        """These columns only, in this order."""
        for column in columns:
            self._must_have(column)
        return Table(self._data.select(list(columns)), self.title, self.spec, whole=self._whole)

    @property
    def codebook(self) -> Table:
        """What the columns mean: a row a column."""
        known = [(column, self.spec.field_of(column) if self.spec else None) for column in self.columns]
        told = {
            "column": [column for column, _ in known],
            "meaning": [field.description if field else None for _, field in known],
            "unit": [field.unit or None if field else None for _, field in known],
            "empty_where": [field.missing or None if field else None for _, field in known],
        }
        data = pa.table({name: pa.array(cells, pa.string()) for name, cells in told.items()})
        return Table(data, f"Columns of {self.title[0].lower()}{self.title[1:]}", whole=True)

    def to_arrow(self) -> pa.Table:
        """The pyarrow table."""
        return self._data

    def to_pandas(self) -> Any:
        """A pandas data frame; raises ``MachineError`` where pandas is not installed."""
        if find_spec("pandas") is None:
            raise MachineError(
                "A data frame needs pandas, which is not installed.",
                remedy="`pip install pandas`, or use to_arrow(), iterate over the rows, or take columns as arrays.",
            )
        return self._data.to_pandas()

    def __repr__(self) -> str:
        width = shutil.get_terminal_size((120, 24)).columns
        lines, used = [""] * (1 + len(self._first())), 0
        hidden: list[str] = []
        for column, right in zip(self.columns, self._numeric(), strict=True):
            cells = [column, *(self._shown(row[column]) for row in self._first())]
            widest = max(map(len, cells))
            if hidden or (used and used + widest > width):
                hidden.append(column)
                continue
            used += widest + 2
            lines = [
                line + (cell.rjust(widest) if right else cell.ljust(widest)) + "  "
                for line, cell in zip(lines, cells, strict=True)
            ]
        text = [f"{self.title}: {rows_of(len(self))} ({INTERNAL})", *(line.rstrip() for line in lines)]
        if len(self) > self._rows:
            text.append(f"... and {len(self) - self._rows:,} more")
        if hidden:
            text.append(f"and the columns {', '.join(hidden)}")
        return "\n".join(text)

    def _repr_html_(self) -> str:
        style = [' style="text-align:right"' if right else ' style="text-align:left"' for right in self._numeric()]
        head = "".join(f'<th scope="col"{s}>{escape(c)}</th>' for c, s in zip(self.columns, style, strict=True))
        body = "".join(
            "<tr>"
            + "".join(f"<td{s}>{escape(self._shown(v))}</td>" for v, s in zip(row.values(), style, strict=True))
            + "</tr>"
            for row in self._first()
        )
        more = f"; the first {self._rows} are shown" if len(self) > self._rows else ""
        caption = f"{escape(self.title)}: {rows_of(len(self))}{more} ({INTERNAL})"
        return (
            f'<table><caption style="text-align:left">{caption}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _first(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._data.slice(0, self._rows).to_pylist()
        return rows

    def _shown(self, value: object) -> str:
        """A cell as it is shown: four digits of a number, nothing where it is empty."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float):
            return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
        text = str(value)
        return text if self._whole or len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."

    def _numeric(self) -> list[bool]:
        return [pa.types.is_integer(f.type) or pa.types.is_floating(f.type) for f in self._data.schema]

    def _must_have(self, column: str) -> None:
        if column not in self.columns:
            raise UsageError(f"The table has no column {column}.", remedy=f"It has: {', '.join(self.columns)}.")


def rows_of(number: int) -> str:
    """``number`` of rows in words."""
    return f"{number:,} row" if number == 1 else f"{number:,} rows"
