"""How good the links are said to be, from the table ``linkage``."""

from __future__ import annotations

from juncture.agreement.model import Agreement
from juncture.pages import words
from juncture.pages.findings.released import Tables, records
from juncture.pages.tables import STRATA, UNTOLD, CellView, TableView, measure_words, row_view


def linkage_view(agreement: Agreement, tables: Tables) -> TableView | None:
    """The table of the linkage with a row a measure and a column for each of all, women and men."""
    table = tables.get("linkage")
    if table is None or not table.rows:
        return None
    cells: dict[str, dict[str, CellView]] = {}
    for number, (record, _) in enumerate(records(table)):
        measure = str(record.get("measure") or "")
        group = next((s for s in ("women", "men") if measure.endswith(f"_{s}")), "all")
        shown = row_view(agreement, table, number)
        told = [c for c in shown[1:] if c.text != words.NOTHING]
        cells.setdefault(measure.removesuffix(f"_{group}"), {})[group] = told[-1] if told else UNTOLD
    groups = [s for s in STRATA if any(s in found for found in cells.values())]
    return TableView(
        name=table.name,
        caption=table.title,
        note=table.note,
        titles=(
            CellView("Measure (95% interval)", is_header=True),
            *(CellView(STRATA[s], True, is_header=True) for s in groups),
        ),
        rows=tuple(
            (CellView(measure_words(measure), is_header=True), *(found.get(s, UNTOLD) for s in groups))
            for measure, found in cells.items()
        ),
    )
