"""Figures of timelines as figures of persons under every matching, beside plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import Stratum


@st.composite
def made(draw: st.DrawFn) -> tuple[Matchings, np.ndarray]:
    people, distinct, timelines = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(0, 6))
    places = st.integers(-1, timelines - 1)
    rows = draw(st.lists(st.lists(places, min_size=people, max_size=people), min_size=distinct, max_size=distinct))
    of_draw = draw(st.lists(st.integers(0, distinct - 1), min_size=1, max_size=6))
    group = draw(st.lists(st.integers(0, 2), min_size=people, max_size=people))
    values = draw(st.lists(st.integers(0, 9), min_size=timelines, max_size=timelines))
    matchings = Matchings(np.array(rows), np.array(of_draw), np.array(group))
    return matchings, np.array(values, dtype=np.float64)


@given(made())
def test_against_loops(world: tuple[Matchings, np.ndarray]) -> None:
    matchings, values = world
    people, draws = range(matchings.group.size), matchings.of_draw.tolist()

    def of(draw: int, person: int) -> float:
        timeline = int(matchings.distinct[draw, person])
        return float(values[timeline]) if timeline >= 0 else 0.0

    by_person = matchings.by_person(values)
    assert by_person.tolist() == [[of(u, p) for p in people] for u in range(len(matchings.distinct))]
    for stratum in Stratum:
        mine = [p for p in people if matchings.members(stratum)[p]]
        mean = sum(of(d, p) for d in draws for p in mine) / len(draws)
        assert float(matchings.total(values, stratum)) == pytest.approx(mean, abs=1e-9)
    means = [sum(of(d, p) for d in draws) / len(draws) for p in people]
    share = matchings.largest_share(list(by_person))
    assert share == pytest.approx(max(means) / sum(means), abs=1e-9) if sum(means) else math.isnan(share)
    assert np.abs(matchings.rounded(by_person) - np.array(means)).max() <= 0.5 + 1e-9


def test_without_a_matching_nothing_is_counted() -> None:
    nobody = Matchings(np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64), np.array([0, 1]))
    assert nobody.rounded(np.zeros((0, 4, 3))).tolist() == np.zeros((4, 3)).tolist()
    assert math.isnan(nobody.largest_share([])) and math.isnan(nobody.combined([]).value)
