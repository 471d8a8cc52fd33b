"""Rows of released tables by column name, each with the reason why it is hidden."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from juncture.agreement.model import Agreement
from juncture.formats.tables import Cell, ReleasedTable
from juncture.pages.tables import record_of
from juncture.pages.words import Interval, figure

Record = Mapping[str, Cell]
Tables = Mapping[str, ReleasedTable]
HIDDEN_TO_PROTECT = "hidden, to protect people"


def records(table: ReleasedTable | None) -> list[tuple[Record, str]]:
    """Rows by column name, each with the reason why it is hidden."""
    return [(record_of(table, i), table.hidden[i]) for i in range(len(table.rows))] if table else []


def shown(table: ReleasedTable | None) -> list[Record]:
    """Rows that are not hidden."""
    return [record for record, why in records(table) if not why]


def interval(record: Record, value: str, low: str = "low", high: str = "high") -> Interval:
    """Three columns of a row."""
    return Interval(figure(record.get(value)), figure(record.get(low)), figure(record.get(high)))


def text_of(record: Record, *names: str) -> str:
    """The first of these columns that holds text; "" where none does."""
    return next((str(record[name]) for name in names if record.get(name) not in (None, "")), "")


def title_of_juncture(agreement: Agreement, name: str) -> str:
    """The declared title, else the name."""
    return agreement.juncture[name].title if name in agreement.juncture else name


def by_rank(agreement: Agreement, tables: Tables) -> Callable[[str], float]:
    """The place of a juncture by its name: by rank where it has one, those without by their order in the agreement,
    and last what the agreement does not declare."""
    ranks = {
        str(record.get("juncture")): figure(record.get("rank"))
        for record in shown(tables.get("junctures"))
        if record.get("stratum") == "all"
    }
    many = len(ranks) + 1
    places = {name: ranks.get(name) or many + place for place, name in enumerate(agreement.juncture)}
    return lambda name: places.get(name, math.inf)
