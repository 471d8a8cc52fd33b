"""Rows of the counting process."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.analyst.statistics.counting import counting_rows
from juncture.base.errors import UsageError


def test_rows_by_hand():
    """Late entry at 2, a gap from 10 to 20, two events on one day, one event in the gap, one at the entry."""
    rows = counting_rows([7, 7, 3], [2, 20, 0], [10, 30, 5], [7, 7, 7, 7, 7, 9], [4, 4, 15, 25, 2, 1])
    table = list(
        zip(
            rows.person.tolist(), rows.start.tolist(), rows.stop.tolist(), rows.events.tolist(),
            rows.event_number.tolist(), strict=True,
        )
    )  # fmt: skip
    assert table == [(3, 0, 5, 0, 1), (7, 2, 4, 2, 1), (7, 4, 10, 0, 2), (7, 20, 25, 1, 2), (7, 25, 30, 0, 3)]
    assert rows.outside == 3


def test_nobody_and_overlap():
    assert counting_rows([], [], [], [1], [2.0]).outside == 1
    with pytest.raises(UsageError, match="overlap"):
        counting_rows([1, 1], [0, 3], [4, 6], [], [])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=25),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 4)), max_size=8),
)
def test_nothing_is_lost(events, pieces):
    """Time at risk stays the same, and each event is in a row or outside of all intervals."""
    clock = dict.fromkeys(range(4), 0)
    person, start, stop = [], [], []
    for who, pause, length in pieces:
        person.append(who)
        start.append(clock[who] + pause)
        clock[who] += pause + length
        stop.append(clock[who])
    rows = counting_rows(person, start, stop, [who for who, _ in events], [when for _, when in events])
    assert (rows.stop - rows.start).sum() == sum(stop) - sum(start)
    inside = sum(
        any(p == who and a < when <= b for p, a, b in zip(person, start, stop, strict=True)) for who, when in events
    )
    assert rows.events.sum() == inside and rows.outside == len(events) - inside
