"""Columns and cells of proposed tables, and words for them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from juncture.agreement.model import Agreement
from juncture.analyst.findings import records
from juncture.formats.tables import Cell, Column, ColumnKind

LABEL, PEOPLE, EVENTS, ESTIMATE = ColumnKind.LABEL, ColumnKind.PEOPLE, ColumnKind.EVENTS, ColumnKind.ESTIMATE


def columns_of(*columns: tuple[str, str, ColumnKind]) -> tuple[Column, ...]:
    """Columns from name, title and kind."""
    return tuple(Column(*column) for column in columns)


def cells_of(record: records.Record, columns: Sequence[Column]) -> tuple[Cell, ...]:
    """The cells of a row, by the columns' names."""
    return tuple(plain(record[column.name]) for column in columns)


def plain(value: records.Value) -> Cell:
    """Nothing in place of a number that is not estimable; numpy's numbers as Python's."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def share_or_none(share: float) -> float | None:
    """The share that a row's biggest person has of its events; None where it counts none."""
    return share if math.isfinite(share) else None


def nobody_as_few(people: Iterable[int]) -> tuple[int, ...]:
    """Numbers of people behind a row, with 1 for 0, so that rows of nobody are hidden like rows of few.

    Otherwise whoever knows or plants the only one could see in what is told whether that person was chosen.
    """
    return tuple(max(number, 1) for number in people)


def title_of(agreement: Agreement, kind: str) -> str:
    """A kind (``party.word``) by title, with the agency's."""
    return f"{agreement.kinds[kind].title} ({agreement.party[kind.split('.', 1)[0]].title})"


def titles_of(agreement: Agreement, kinds: Sequence[str]) -> str:
    """Several of them, with a small first letter."""
    titles = [title_of(agreement, kind) for kind in kinds]
    return ", ".join(title[0].lower() + title[1:] for title in titles)


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun if number == 1 else noun + 's'}"
