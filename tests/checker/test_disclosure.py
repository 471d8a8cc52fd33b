"""Disclosure control: small tables in, what may be told out."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juncture.checker.disclosure import control
from juncture.formats.tables import Column, ColumnKind, ProposedRow, ProposedTable

COLUMNS = (
    Column("stratum", "Group", ColumnKind.LABEL),
    Column("people", "People", ColumnKind.PEOPLE),
    Column("missed", "Missed", ColumnKind.EVENTS),
    Column("ratio", "Ratio", ColumnKind.ESTIMATE),
)


def table(*rows: ProposedRow) -> ProposedTable:
    return ProposedTable("junctures", "Junctures", "", COLUMNS, rows)


def row(label: str, *people: int, total: bool = False, share: float | None = None, part_of: str = "j") -> ProposedRow:
    return ProposedRow((label, people[0], 3 * people[0], 1.5), people, part_of, total, share)


def shown(*rows: ProposedRow, threshold: int = 11) -> dict[str, bool]:
    released = control(table(*rows), threshold=threshold, round_to=5)
    return {str(cells[0]): not why for cells, why in zip(released.rows, released.hidden, strict=True)}


@pytest.mark.parametrize(("people", "seen"), [(0, True), (1, False), (10, False), (11, True), (12, True)])
def test_the_threshold_is_eleven(people: int, seen: bool) -> None:
    assert shown(row("all", people, part_of="")) == {"all": seen}


def test_every_count_a_row_tells_is_looked_at() -> None:
    assert shown(row("all", 40, 35, 5, part_of="")) == {"all": False}


def test_a_shown_number_of_people_is_looked_at_whatever_the_author_says_stands_behind_it() -> None:
    lying = ProposedRow(("all", 4, 20, 1.5), (40,))
    assert shown(lying) == {"all": False}


def test_hiding_takes_counts_and_estimates_and_leaves_labels() -> None:
    released = control(table(row("women", 4)), threshold=11, round_to=5)
    assert released.rows == (("women", None, None, None),)
    assert released.hidden == ("fewer than 11 people",)


def test_counts_are_rounded_and_estimates_are_not() -> None:
    released = control(table(row("all", 43, part_of="")), threshold=11, round_to=5)
    assert released.rows == (("all", 45, 130, 1.5),)


def test_estimates_are_told_too_coarsely_to_work_counts_out() -> None:
    cells = [0.342105, 1.62646, 23.0596, 0.00187666, None]
    rows = tuple(ProposedRow((str(i), 40, 100, cell), (40,)) for i, cell in enumerate(cells))
    released = control(table(*rows), threshold=11, round_to=5)
    assert [row[3] for row in released.rows] == [0.34, 1.63, 23.1, 0.0019, None]


@pytest.mark.parametrize(("people", "told"), [(0, 0), (11, 15), (12, 15), (13, 15), (18, 20), (42, 40)])
def test_a_number_of_people_is_never_rounded_below_the_threshold(people: int, told: int) -> None:
    released = control(table(row("all", people, part_of="")), threshold=11, round_to=5)
    assert released.rows[0][1] == told


def test_one_hidden_part_takes_another_so_that_the_total_does_not_tell() -> None:
    seen = shown(row("all", 60, total=True), row("women", 50), row("men", 10))
    assert seen == {"all": True, "women": False, "men": False}


def test_where_the_rest_is_few_one_more_stratum_goes() -> None:
    # 60 - 30 - 25 leaves 5 people who are neither; showing both parts would count them.
    seen = shown(row("all", 60, total=True), row("women", 30), row("men", 25))
    assert seen == {"all": True, "women": True, "men": False}


def test_where_the_parts_are_everybody_all_are_shown() -> None:
    seen = shown(row("all", 55, total=True), row("women", 30), row("men", 25))
    assert seen == {"all": True, "women": True, "men": True}


def test_a_count_that_only_the_total_tells_hides_no_part() -> None:
    seen = shown(row("all", 60, 40, total=True), row("women", 35), row("men", 25))
    assert seen == {"all": True, "women": True, "men": True}


def test_a_dominating_person_hides_the_row() -> None:
    assert shown(row("all", 40, share=0.51, part_of="")) == {"all": False}
    assert shown(row("all", 40, share=0.5, part_of="")) == {"all": True}


def test_what_was_hidden_stays_hidden() -> None:
    first = control(table(row("men", 8, part_of="")), threshold=11, round_to=5)
    again = control(table(row("men", 12, part_of="")), threshold=11, round_to=5, earlier=[first])
    assert again.hidden == ("hidden in an earlier release",)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=4),
    st.tuples(st.integers(0, 15), st.integers(0, 15)),
)
def test_nothing_hidden_can_be_worked_out(parts: list[tuple[int, int]], others: tuple[int, int]) -> None:
    """Oracle: everything consistent with what is shown is enumerated; no small count has only one value."""
    totals = tuple(sum(part[k] for part in parts) + others[k] for k in range(2))
    rows = [row("all", *totals, total=True), *(row(f"p{i}", *part) for i, part in enumerate(parts))]
    seen = shown(*rows)
    small = {f"p{i}": part for i, part in enumerate(parts) if any(1 <= n < 11 for n in part)}
    for name in small:
        assert not seen[name]
    if not seen["all"]:
        return
    for k, total in enumerate(totals):
        rest = total - sum(part[k] for i, part in enumerate(parts) if seen[f"p{i}"])
        hidden = [i for i in range(len(parts)) if not seen[f"p{i}"]]
        assert not 1 <= rest < 11
        unlisted = any(others)
        assert len(hidden) + unlisted != 1
        if hidden and rest:
            unknowns = min(len(hidden) + unlisted, 2)
            first = {split[0] for split in product(range(rest + 1), repeat=unknowns) if sum(split) == rest}
            assert len(first) > 1
