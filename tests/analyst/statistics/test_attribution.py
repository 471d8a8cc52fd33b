"""Sequential attribution and lead time: by hand, against loops over crises, and as invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.analyst.statistics.attribution import CrisesAvoided, attribute_in_order
from juncture.analyst.statistics.incidence import kaplan_meier
from juncture.analyst.statistics.lead import median_times


@st.composite
def junctures(draw):
    """One to four junctures that share some of nine crises; what falls to a crisis is its chance."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        crisis = np.array(draw(st.lists(st.integers(0, 8), max_size=6, unique=True)), dtype=np.int64)
        chance = np.array(draw(st.lists(st.floats(-2, 1), min_size=2 * crisis.size, max_size=2 * crisis.size)))
        chance = chance.reshape(2, crisis.size)
        first = np.array(draw(st.lists(st.integers(0, 5), min_size=crisis.size, max_size=crisis.size)), dtype=float)
        found.append(CrisesAvoided(crisis, chance, chance, first, first + 2))
    size = len(found)
    likeness = draw(st.lists(st.booleans(), min_size=size * size, max_size=size * size))
    alike = np.array(likeness).reshape(size, size)
    return found, alike | alike.T


def slow(found, alike, draw):
    """One crisis after the other."""
    given_to = [0.0] * len(found)
    for crisis in range(9):
        left = 1.0
        chances = []
        for number, juncture in enumerate(found):
            for c in np.flatnonzero(juncture.crisis == crisis):
                span = juncture.first[c], juncture.last[c]
                met = any(alike[number, i] and s[0] <= span[1] and span[0] <= s[1] for i, s in chances)
                chances.append((number, span))
                if not met:
                    given_to[number] += left * juncture.avoided[draw, c]
                    left *= 1 - max(juncture.chance[draw, c], 0)
    return given_to


@settings(max_examples=150, deadline=None)
@given(junctures())
def test_against_loops(world):
    found, alike = world
    attributed = attribute_in_order(found, alike)
    for draw in range(2):
        assert [a[draw] for a in attributed] == pytest.approx(slow(found, alike, draw))
        # The crises that all share are each avoided once at most.
        distinct = np.unique(np.concatenate([j.crisis for j in found])).size
        assert sum(a[draw] for a in attributed) <= distinct + 1e-9


@settings(max_examples=50, deadline=None)
@given(junctures())
def test_the_first_keeps_all_and_its_twin_gets_nothing(world):
    first = world[0][0]
    pair = attribute_in_order([first, first], np.ones((2, 2), dtype=bool))
    np.testing.assert_allclose(pair[0], first.avoided.sum(axis=1))
    np.testing.assert_array_equal(pair[1], 0)


def test_by_hand():
    """Crises 7 and 9 of the first; 7, shared, and 8 of the second, whose response is another: what is left of 7 is 0.6.
    The third shares 7 with a response that could be the first's, and 8 with one that comes too late for the second's.
    A draw without an estimate takes nothing from those after it."""
    spans = np.array([0.0, 0.0]), np.array([5.0, 5.0])
    first = CrisesAvoided(
        np.array([9, 7]), np.array([[1.0, 0.5], [np.nan] * 2]), np.array([[0.3, 0.4], [np.nan] * 2]), *spans
    )
    second = CrisesAvoided(np.array([7, 8]), np.array([[0.6, 0.2]] * 2), np.array([[0.5, -1.0]] * 2), *spans)
    third = CrisesAvoided(
        np.array([8, 7]), np.ones((2, 2)), np.ones((2, 2)), np.array([6.0, 5.0]), np.array([9.0, 9.0])
    )
    alike = np.array([[True, False, True], [False, True, True], [True, True, True]])
    found = attribute_in_order([first, second, third], alike)
    assert found[0][0] == pytest.approx(1.5) and np.isnan(found[0][1])
    assert found[1] == pytest.approx([0.6 * 0.6 + 0.2, 0.6 + 0.2])
    assert found[2] == pytest.approx([1.0, 1.0])
    assert attribute_in_order([], np.zeros((0, 0), dtype=bool)) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 9), st.booleans()), min_size=3, max_size=30), st.randoms())
def test_median_against_kaplan_meier_on_copies(rows, chance):
    """Oracle: Kaplan-Meier of the openings of persons copied as often as they were drawn, halved at its end."""
    person, time, event = (np.array(column) for column in zip(*rows, strict=True))
    times = np.unique(time[event])
    exposed = np.array([[(time[person == p] >= t).sum() for t in times] for p in range(5)], dtype=float)
    crises = np.array([[((time == t) & event & (person == p)).sum() for t in times] for p in range(5)], dtype=float)
    weights = np.array([[chance.randint(0, 2) for _ in range(5)] for _ in range(3)], dtype=float)
    found = median_times(exposed.reshape(5, -1), crises.reshape(5, -1), times.astype(float), weights)
    for weight, median in zip(weights, found, strict=True):
        copies = np.repeat(np.arange(time.size), weight[person].astype(int))
        curve = kaplan_meier(time[copies], event[copies])
        if not curve.times.size:
            assert np.isnan(median)
            continue
        by = 1 - curve.survival
        assert median == curve.times[np.flatnonzero(by >= by[-1] / 2 - 1e-9)[0]]


def test_median_is_not_that_of_the_times_seen():
    """Six openings: crises on days 1, 2 and 8 of three, three lost sight of on day 3. Seen, the median is 2; F is 1/3
    by day 2 and all of the one opening that is left has its crisis on day 8, so that half of 1 is reached there."""
    exposed = np.array([[6.0, 5.0, 1.0]])
    found = median_times(exposed, np.ones((1, 3)), np.array([1.0, 2.0, 8.0]), np.ones((1, 1)))
    assert found == pytest.approx([8.0])
