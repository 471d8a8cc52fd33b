"""Columns and cells of proposed tables, and words for them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import kinds_of
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


def titles_of(agreement: Agreement, kinds: Sequence[str]) -> str:
    """Kinds (``party.word``) by title, with the agency's."""
    told = []
    for kind in kinds:
        name, word = kind.split(".", 1)
        party = agreement.party[name]
        title = kinds_of(party.family)[word].title if party.family is not None else word
        told.append(f"{title.lower()} ({party.title})")
    return ", ".join(told)


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun if number == 1 else noun + 's'}"
