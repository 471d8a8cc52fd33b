"""Findings as a notebook shows them: every table of results by its name, and charts of some."""

from __future__ import annotations

from html import escape
from typing import Any

import pyarrow as pa

from juncture.analyst.export.fields import TableSpec
from juncture.analyst.export.results import RESULTS
from juncture.analyst.export.tables import ARROW
from juncture.analyst.findings.files import result_tables
from juncture.analyst.findings.model import Findings
from juncture.analyst.findings.records import Record
from juncture.analyst.notebook.charts import CHARTS, draw
from juncture.analyst.notebook.table import INTERNAL, Table, rows_of
from juncture.base.errors import UsageError


class OpenFindings:
    """Every table of results as an attribute, such as ``findings.junctures``; ``tables`` holds them by name.

    They are the files of ``results/``, with the same columns. ``seed`` is the one that they were computed from.
    """

    def __init__(self, findings: Findings, seed: int) -> None:
        self.seed = seed
        self.tables = {
            name: _table(name, header, rows) for name, (header, rows) in sorted(result_tables(findings).items())
        }

    def __getattr__(self, name: str) -> Table:
        # Copying and unpickling ask for attributes before there are tables.
        tables: dict[str, Table] = self.__dict__.get("tables", {})
        if name not in tables:
            raise AttributeError(f"there is no table {name} of results; there are {', '.join(tables)}")
        return tables[name]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.tables})

    def chart(self, name: str) -> Any:
        """An Altair chart of the table ``name``, for the analyst's eyes: it carries a note that says so.

        It is shown as SVG made on this machine; nothing is fetched. Raises ``UsageError`` where there is no such chart.
        """
        if name not in CHARTS:
            raise UsageError(f"There is no chart {name}.", remedy=f"There are: {', '.join(CHARTS)}.")
        return draw(name, list(self.tables[name]))

    def __repr__(self) -> str:
        width = max(len(name) for name in self.tables)
        lines = [f"Findings from seed {self.seed} ({INTERNAL})"]
        lines += [f"  {name:<{width}}  {rows_of(len(table))}: {table.title}" for name, table in self.tables.items()]
        return "\n".join([*lines, f"charts: {', '.join(CHARTS)}"])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{escape(name)}</th><td>{len(table):,}</td>'
            f'<td style="text-align:left">{escape(table.title)}</td></tr>'
            for name, table in self.tables.items()
        )
        head = "".join(f'<th scope="col" style="text-align:left">{word}</th>' for word in ("table", "rows", "of"))
        return (
            f'<table><caption style="text-align:left">Findings from seed {self.seed} ({INTERNAL}); charts: '
            f"{', '.join(CHARTS)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )


def _table(name: str, header: tuple[str, ...], rows: list[Record]) -> Table:
    spec = RESULTS.get(name)
    columns = {column: _column(spec, column, [row[column] for row in rows]) for column in header}
    return Table(pa.table(columns), spec.title if spec else name.replace("_", " "), spec)


def _column(spec: TableSpec | None, column: str, cells: list[Any]) -> pa.Array:
    field = spec.field_of(column) if spec else None
    return pa.array(cells, ARROW[field.type] if field else None, from_pandas=True)
