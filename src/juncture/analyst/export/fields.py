"""What a column is, as data: from here come arrow types, the codebook, ``datapackage.json`` and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class FieldType(StrEnum):
    """The types of the Frictionless Table Schema that the tables need."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    STRING = "string"


@dataclass(frozen=True)
class Field:
    """One column. ``missing``: what it means where it is empty, so "" where it never is. ``words``: the closed set of
    its values; ``low`` and ``high``: its ends, both included.

    A name that ends in ``*`` stands for the columns that begin so.
    """

    name: str
    type: FieldType
    description: str
    unit: str = ""
    missing: str = ""
    words: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def limits(self) -> str:
        """The values that the column can have, in words; "" where its type says it all."""
        if self.words:
            return ", ".join(self.words)
        ends = [f"{word} {end:g}" for word, end in (("from", self.low), ("to", self.high)) if end is not None]
        return " ".join(ends)


@dataclass(frozen=True)
class TableSpec:
    """One table: what a row is, its columns, the columns that tell rows apart, and for other tables (by name) the
    columns of this one that point into their keys."""

    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    points_to: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def field_of(self, column: str) -> Field | None:
        """What ``column`` is; None where nobody said."""
        for one in self.fields:
            if one.name == column or (one.name.endswith("*") and column.startswith(one.name[:-1])):
                return one
        return None
