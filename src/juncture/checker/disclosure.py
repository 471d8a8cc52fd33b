"""Disclosure control: what of a proposed table may be told, decided by the number of people behind each row.

A row that tells of 1 to ``threshold - 1`` people is hidden, and so is one of whose events one person has over half.
Then everything from which a hidden row could be worked out goes too: where parts add up to a total, the people outside
the shown parts are nobody or at least ``threshold``, and never one hidden part alone (people of no listed part, such as
those neither female nor male, count as a part). Counts that remain are rounded, and estimates told to two significant
digits below 1 and three above: 0.342105 would say 13 of 38. The threshold is CMS's cell size rule (1-10 hidden); the
second step is complementary suppression (Hundepool et al., *Statistical Disclosure Control*, 2012, ch. 4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from juncture.formats.tables import Cell, Column, ColumnKind, ProposedRow, ProposedTable, ReleasedTable

DOMINANT_SHARE = 0.5


def control(
    table: ProposedTable, *, threshold: int, round_to: int, earlier: Sequence[ReleasedTable] = ()
) -> ReleasedTable:
    """What of ``table`` may be released. A row hidden in an ``earlier`` release of the table stays hidden."""
    few = f"fewer than {threshold} people"
    hidden = {
        i: few if _tells_of_few(table.columns, row, threshold) else "most of it is one person's"
        for i, row in enumerate(table.rows)
        if _tells_of_few(table.columns, row, threshold) or (row.largest_share or 0.0) > DOMINANT_SHARE
    }
    before = _hidden_before(table, earlier)
    for i, row in enumerate(table.rows):
        if _labels(table.columns, row.cells) in before:
            hidden.setdefault(i, "hidden in an earlier release")
    for members in _groups(table).values():
        _complement(table.rows, members, hidden, threshold)
    rows = tuple(
        _hide(table.columns, row.cells) if i in hidden else _round(table.columns, row.cells, threshold, round_to)
        for i, row in enumerate(table.rows)
    )
    return ReleasedTable(
        name=table.name,
        title=table.title,
        note=table.note,
        columns=table.columns,
        rows=rows,
        hidden=tuple(hidden.get(i, "") for i in range(len(table.rows))),
    )


def _tells_of_few(columns: Sequence[Column], row: ProposedRow, threshold: int) -> bool:
    # The author says who stands behind a row; a number of people that the row shows counts whatever was said.
    shown = [
        cell
        for column, cell in zip(columns, row.cells, strict=True)
        if column.kind is ColumnKind.PEOPLE and isinstance(cell, int | float)
    ]
    return any(0 < people < threshold for people in (*row.people, *shown))


def _groups(table: ProposedTable) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(table.rows):
        if row.part_of:
            groups[row.part_of].append(i)
    return groups


def _complement(rows: Sequence[ProposedRow], members: list[int], hidden: dict[int, str], threshold: int) -> None:
    """Hide more of one group of rows until nothing hidden can be worked out from what is shown.

    Counts are compared by position; one that only the total tells has nothing to be worked out from.
    """
    totals = [i for i in members if rows[i].is_total]
    parts = [i for i in members if not rows[i].is_total]
    told = min((len(rows[i].people) for i in members), default=0)
    reason = "a hidden row could be worked out from it"
    while any(i not in hidden for i in totals):
        total = next(i for i in totals if i not in hidden)
        shown = [i for i in parts if i not in hidden]
        unlisted = any(rows[total].people[k] > sum(rows[i].people[k] for i in parts) for k in range(told))
        covered = len(parts) - len(shown) + unlisted
        outside = [rows[total].people[k] - sum(rows[i].people[k] for i in shown) for k in range(told)]
        safe = covered != 1 and not any(1 <= people < threshold for people in outside)
        if not parts or safe:
            return
        if shown:
            hidden[min(shown, key=lambda i: (sum(rows[i].people), i))] = reason
        else:
            hidden[total] = reason


def _hidden_before(table: ProposedTable, earlier: Sequence[ReleasedTable]) -> set[tuple[Cell, ...]]:
    return {
        _labels(old.columns, row)
        for old in earlier
        if old.name == table.name
        for row, reason in zip(old.rows, old.hidden, strict=True)
        if reason
    }


def _labels(columns: Sequence[Column], cells: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(cell for column, cell in zip(columns, cells, strict=True) if column.kind is ColumnKind.LABEL)


def _hide(columns: Sequence[Column], cells: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(cell if column.kind is ColumnKind.LABEL else None for column, cell in zip(columns, cells, strict=True))


def _round(columns: Sequence[Column], cells: Sequence[Cell], threshold: int, round_to: int) -> tuple[Cell, ...]:
    """Round counts and estimates; a number of people that is told never becomes one that would have been hidden."""

    def rounded(column: Column, cell: Cell) -> Cell:
        if column.kind is ColumnKind.ESTIMATE and isinstance(cell, float):
            return float(f"{cell:.2g}" if abs(cell) < 1 else f"{cell:.3g}")
        if column.kind not in (ColumnKind.PEOPLE, ColumnKind.EVENTS) or not isinstance(cell, int | float):
            return cell
        nearest = round(cell / round_to) * round_to
        if column.kind is ColumnKind.PEOPLE and cell >= threshold > nearest:
            return -(-threshold // round_to) * round_to
        return nearest

    return tuple(rounded(column, cell) for column, cell in zip(columns, cells, strict=True))
