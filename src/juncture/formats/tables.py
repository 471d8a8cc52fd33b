"""Tables of results, proposed and released: two types, so that a chart cannot be drawn from what was not checked.

A *proposed* table carries, beside each row, how many people stand behind it; it never leaves analyst and checker. A
*released* table is what disclosure control left of it: hidden cells are None. Both are canonical JSON, format 1.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from juncture.base.canonical import canonical_json
from juncture.formats.arrays import broken, need

PROPOSAL = "proposal"
RELEASED = "released"
VERSION = 1
#: Names of tables and columns: they become names of files and first rows of files, so nothing else may be in them.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

Cell = str | int | float | None


class ColumnKind(StrEnum):
    """What disclosure control does with a column."""

    LABEL = "label"  # stays: says which row this is
    PEOPLE = "people"  # a number of people: hidden with its row, rounded
    EVENTS = "events"  # a number of contacts, openings or crises: hidden with its row, rounded
    ESTIMATE = "estimate"  # a share, ratio, interval end, p, rank or verdict: hidden with its row


@dataclass(frozen=True)
class Column:
    """A column: its name (as in the results files), a title for readers, and its kind."""

    name: str
    title: str
    kind: ColumnKind


@dataclass(frozen=True)
class ProposedRow:
    """A row and the people behind it.

    ``people``: every number of people that the row tells or lets a reader work out (e.g. all, missed, met); the row
    is hidden if one of them is 1 to threshold - 1. ``part_of``: a name shared by rows that add up (all, women, men),
    "" where none do; ``is_total`` marks the row they add up to. ``largest_share``: the largest share of the row's
    events that come from one person, None where the row counts no events.
    """

    cells: tuple[Cell, ...]
    people: tuple[int, ...]
    part_of: str = ""
    is_total: bool = False
    largest_share: float | None = None


@dataclass(frozen=True)
class ProposedTable:
    """A table that the analyst asks to release."""

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[ProposedRow, ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            need(len(row.cells) == len(self.columns), PROPOSAL, "a row has a cell a column")
            need(all(type(n) is int and n >= 0 for n in row.people), PROPOSAL, "people are counts")
            need(all(_plain(cell) for cell in row.cells), PROPOSAL, "a cell is text, a finite number or nothing")
            share = row.largest_share
            # Without this, a share that is no number would pass for a small one.
            need(
                share is None or (type(share) in (int, float) and math.isfinite(share) and share >= 0),
                PROPOSAL,
                "the largest share is a share",
            )


@dataclass(frozen=True)
class Proposal:
    """Everything one round proposes. ``facts`` are sentences about the run that hold no number of people."""

    project: str
    round: int
    facts: Mapping[str, str]
    tables: tuple[ProposedTable, ...]

    def __post_init__(self) -> None:
        names = [table.name for table in self.tables]
        need(len(set(names)) == len(names), PROPOSAL, "every table has a name of its own")
        for table in self.tables:
            _check_names(table.name, table.columns, PROPOSAL)

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json({"payload": PROPOSAL, "version": VERSION, **asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Proposal:
        """Read a proposal; raises ``PackageRefused`` where it breaks its format."""
        try:
            read: Any = json.loads(data)
            need(read["payload"] == PROPOSAL and read["version"] == VERSION, PROPOSAL, "it is version 1")
            return cls(
                project=str(read["project"]),
                round=int(read["round"]),
                facts={str(k): str(v) for k, v in read["facts"].items()},
                tables=tuple(
                    ProposedTable(
                        name=str(t["name"]),
                        title=str(t["title"]),
                        note=str(t["note"]),
                        columns=_columns(t["columns"]),
                        rows=tuple(
                            ProposedRow(
                                cells=tuple(r["cells"]),
                                people=tuple(r["people"]),
                                part_of=str(r["part_of"]),
                                is_total=bool(r["is_total"]),
                                largest_share=r["largest_share"],
                            )
                            for r in t["rows"]
                        ),
                    )
                    for t in read["tables"]
                ),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise broken(PROPOSAL, "it is as version 1 says") from None


@dataclass(frozen=True)
class ReleasedTable:
    """A table after disclosure control: None is a cell that is hidden or was never estimable.

    ``hidden`` holds, a row, why its cells are hidden, or "" where they are not.
    """

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    hidden: tuple[str, ...]

    def __post_init__(self) -> None:
        need(len(self.hidden) == len(self.rows), RELEASED, "every row says whether it is hidden")
        need(all(len(row) == len(self.columns) for row in self.rows), RELEASED, "a row has a cell a column")

    def records(self) -> list[dict[str, Cell]]:
        """Rows as dictionaries by column name."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json({"payload": RELEASED, "version": VERSION, **asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> ReleasedTable:
        """Read a released table; raises ``PackageRefused`` where it breaks its format."""
        try:
            read: Any = json.loads(data)
            need(read["payload"] == RELEASED and read["version"] == VERSION, RELEASED, "it is version 1")
            name, columns = str(read["name"]), _columns(read["columns"])
            _check_names(name, columns, RELEASED)
            return cls(
                name=name,
                title=str(read["title"]),
                note=str(read["note"]),
                columns=columns,
                rows=tuple(tuple(row) for row in read["rows"]),
                hidden=tuple(str(h) for h in read["hidden"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise broken(RELEASED, "it is as version 1 says") from None


def _check_names(table: str, columns: tuple[Column, ...], payload: str) -> None:
    need(_NAME.fullmatch(table) is not None, payload, "a table is named by lower-case letters, digits and _")
    need(
        all(_NAME.fullmatch(column.name) for column in columns),
        payload,
        "a column is named by lower-case letters, digits and _",
    )


def _columns(read: Any) -> tuple[Column, ...]:
    return tuple(Column(name=str(c["name"]), title=str(c["title"]), kind=ColumnKind(c["kind"])) for c in read)


def _plain(cell: object) -> bool:
    return cell is None or isinstance(cell, str) or (type(cell) in (int, float) and math.isfinite(float(str(cell))))
