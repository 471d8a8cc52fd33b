"""The same ratio analysed in other ways, from the table ``sensitivity``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from juncture.agreement.model import Agreement
from juncture.pages import charts
from juncture.pages.charts import RatioGroup, RatioRow
from juncture.pages.findings.released import (
    HIDDEN_TO_PROTECT,
    Record,
    Tables,
    by_rank,
    interval,
    records,
    text_of,
    title_of_juncture,
)
from juncture.pages.tables import TableView, view

COLUMNS = ("what", "hazard_ratio", "low", "high", "people_informative")


def variant_chart(agreement: Agreement, tables: Tables) -> charts.Chart | None:
    """The variants of the first juncture in rank that has one to draw; the others are in the table."""
    place = by_rank(agreement, tables)
    found: dict[str, list[RatioRow]] = {}
    for record, why in records(tables.get("sensitivity")):
        ratio = interval(record, "hazard_ratio")
        remark = HIDDEN_TO_PROTECT if why else "" if ratio.known else "too small to say"
        row = RatioRow(text_of(record, "what", "variant"), ratio, remark)
        found.setdefault(str(record.get("juncture")), []).append(row)
    for name in sorted(found, key=place):
        chart = charts.variants([RatioGroup(title_of_juncture(agreement, name), tuple(found[name]))])
        if chart is not None:
            return chart
    return None


def variant_views(agreement: Agreement, tables: Tables) -> tuple[TableView, ...]:
    """The variants of each juncture, by rank."""
    table = tables.get("sensitivity")
    if table is None:
        return ()
    place = by_rank(agreement, tables)
    names = dict.fromkeys(str(record.get("juncture")) for record, _ in records(table))
    return tuple(
        replace(
            view(
                agreement,
                table,
                name=f"sensitivity-{number}",
                caption=title_of_juncture(agreement, name),
                columns=COLUMNS,
                keep=partial(_is_of, name),
            ),
            note="",  # said once for all junctures
        )
        for number, name in enumerate(sorted(names, key=place))
    )


def _is_of(name: str, record: Record) -> bool:
    return record.get("juncture") == name
