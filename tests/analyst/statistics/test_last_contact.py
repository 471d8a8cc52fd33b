"""What stood last before events, beside referents of the same person.

Oracles: plain loops in this file, the closed form for matched pairs, and lives in which nothing matters.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from juncture.analyst.statistics.last_contact import last_before, matched_odds, matched_times
from juncture.base.errors import UsageError
from tests.analyst.statistics.slow_references import cox_residuals

WEEK = 168
hours = st.integers(0, 40).map(lambda n: 24 * n)
spans = st.lists(st.tuples(hours, hours).map(sorted), max_size=4)


# Cases and referents -----------------------------------------------------------------------------------------------


def test_a_case_has_the_same_hours_of_the_three_weeks_before() -> None:
    times = matched_times([5 * WEEK + 6], [(0, 10 * WEEK)], [], first=0)
    assert times.at.tolist() == [5 * WEEK + 6, 4 * WEEK + 6, 3 * WEEK + 6, 2 * WEEK + 6]
    assert times.is_case.tolist() == [True, False, False, False]
    assert times.case.tolist() == [0, 0, 0, 0]


def test_a_referent_may_be_another_case() -> None:
    times = matched_times([2 * WEEK, 3 * WEEK], [(0, 10 * WEEK)], [(2 * WEEK, 2 * WEEK + 24)], first=0)
    assert times.at.tolist() == [2 * WEEK, WEEK, 3 * WEEK, 2 * WEEK, WEEK]
    assert times.case.tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("spans", "busy", "first", "kept"),
    [
        # Spans leave out their first hour and hold their last.
        ([(WEEK, 4 * WEEK)], [], 0, [4, 3, 2]),
        # Nothing new can begin within an episode; it can at its edges.
        ([(0, 4 * WEEK)], [(3 * WEEK - 6, 3 * WEEK + 6)], 0, [4, 2, 1]),
        ([(0, 4 * WEEK)], [(3 * WEEK, 3 * WEEK + 6), (WEEK - 6, WEEK)], 0, [4, 3, 2, 1]),
        # What lies before the first hour was not looked at.
        ([(0, 4 * WEEK)], [], 2 * WEEK, [4, 3, 2]),
        # Without a referent there is nothing to compare; a case that is not at risk is none.
        ([(3 * WEEK, 4 * WEEK)], [], 0, []),
        ([(0, 3 * WEEK)], [], 0, []),
    ],
)
def test_only_times_at_risk_are_compared(
    spans: list[tuple[int, int]], busy: list[tuple[int, int]], first: int, kept: list[int]
) -> None:
    assert matched_times([4 * WEEK], spans, busy, first=first).at.tolist() == [k * WEEK for k in kept]


@given(st.lists(hours, max_size=6), spans, spans, hours, st.integers(1, 4))
def test_matched_times_are_those_of_a_plain_loop(
    events: list[int], open_: list[list[int]], busy: list[list[int]], first: int, referents: int
) -> None:
    def free(hour: int) -> bool:
        inside = any(a < hour <= b for a, b in open_)
        return inside and not any(a < hour < b for a, b in busy) and hour >= first

    expected, number = [], 0
    for event in events:
        mine = [h for k in range(1, referents + 1) if free(h := event - k * WEEK)]
        if free(event) and mine:
            expected += [(h, number, h == event) for h in (event, *mine)]
            number += 1
    found = matched_times(events, open_, busy, first=first, referents=referents)
    assert list(zip(found.at.tolist(), found.case.tolist(), found.is_case.tolist(), strict=True)) == expected


# What stands last --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "moment", "present"),
    [
        (0, -1, []),
        (12, -1, []),  # a contact in the same hour cannot be said to be before
        (13, 12, [0]),
        (30, 24, [1]),
        (48, 48, [2]),  # it began before and still goes on
        (60, 54, [2]),
        (73, 72, [0, 1]),  # two in one hour
    ],
)
def test_what_stands_last(at: int, moment: int, present: list[int]) -> None:
    start, last, code = [12, 24, 36, 72, 72], [12, 24, 54, 72, 72], [0, 1, 2, 0, 1]
    found, has = last_before(start, last, code, [at], size=3)
    assert found.tolist() == [moment]
    assert np.flatnonzero(has[0]).tolist() == present


contacts = st.lists(st.tuples(st.integers(-20, 60), st.integers(0, 20), st.integers(0, 3)), max_size=12)


@given(contacts, st.lists(st.integers(0, 70), max_size=8))
def test_what_stands_last_is_that_of_a_plain_loop(told: list[tuple[int, int, int]], at: list[int]) -> None:
    start, last, code = ([c[0] for c in told], [c[0] + c[1] for c in told], [c[2] for c in told])
    moment, has = last_before(start, last, code, at, size=4)
    for i, when in enumerate(at):
        before = [(min(b, when), k) for a, b, k in zip(start, last, code, strict=True) if a < when]
        latest = max((m for m, _ in before), default=-1)
        if latest < 0:
            assert moment[i] == -1 and not has[i].any()
        else:
            assert moment[i] == latest
            assert set(np.flatnonzero(has[i]).tolist()) == {k for m, k in before if m == latest}


# The odds ----------------------------------------------------------------------------------------------------------


def pairs(*, only_case: int, only_referent: int, both: int = 3, neither: int = 4) -> tuple[list[int], ...]:
    """Pairs of a case and a referent, each of another person."""
    exposed = [*[(1, 0)] * only_case, *[(0, 1)] * only_referent, *[(1, 1)] * both, *[(0, 0)] * neither]
    person = [p for p in range(len(exposed)) for _ in range(2)]
    return person, person, [1, 0] * len(exposed), [e for pair in exposed for e in pair]


def test_of_pairs_the_odds_ratio_is_that_of_the_discordant_ones() -> None:
    """Oracle: the conditional estimate of matched pairs, b / c. One person a pair: the sandwich is 1/b + 1/c, each
    score over one less its share of the information, 1 / (b + c)."""
    odds = matched_odds(*pairs(only_case=30, only_referent=12))
    assert odds.log_ratio == pytest.approx(np.log(30 / 12), abs=1e-6)
    assert odds.informative_persons == 42
    assert odds.degrees_of_freedom == 41
    assert odds.standard_error == pytest.approx(np.sqrt(1 / 30 + 1 / 12) / (1 - 1 / 42), abs=1e-6)


def test_where_one_side_alone_is_exposed_there_is_no_ratio() -> None:
    odds = matched_odds(*pairs(only_case=9, only_referent=0))
    assert np.isnan(odds.log_ratio) and np.isnan(odds.standard_error)
    nothing = matched_odds(*pairs(only_case=0, only_referent=0))
    assert (nothing.informative_persons, nothing.degrees_of_freedom) == (0, 0)
    assert np.isnan(nothing.log_ratio)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError):
        matched_odds([0, 0], [0, 0], [1, 0], [1])
    with pytest.raises(UsageError):
        matched_odds([0, 0], [0, 0], [1, 2], [1, 0])


@given(st.integers(0, 10**6))
def test_the_odds_are_those_of_the_plain_conditional_likelihood(seed: int) -> None:
    """Oracle: -log of prod exp(b x_case) / sum exp(b x), written out and minimised; the sandwich by person from the
    slow residuals of Cox's likelihood."""
    rng = np.random.default_rng(seed)
    size = rng.integers(2, 5, 30)
    case = np.repeat(np.arange(30), size)
    person = rng.integers(0, 9, 30)[case]
    is_case = np.concatenate([np.eye(1, n, dtype=int)[0] for n in size])
    exposed = (rng.random(case.size) < 0.4).astype(int)
    odds = matched_odds(person, case, is_case, exposed)

    def loss(b: float) -> float:
        terms = [(exposed[case == k], is_case[case == k]) for k in range(30)]
        return sum(np.log(np.exp(b * x).sum()) - b * x[c == 1][0] for x, c in terms)

    if np.isnan(odds.log_ratio):
        assert abs(optimize.minimize_scalar(loss, bounds=(-20, 20), method="bounded").x) > 5
        return
    best = optimize.minimize_scalar(loss, bracket=(-1, 1), tol=1e-12)
    # Where a search without derivatives stops.
    assert odds.log_ratio == pytest.approx(best.x, abs=1e-5)
    zero = np.zeros(case.size)
    beta, x = np.array([odds.log_ratio]), exposed[:, None].astype(float)
    score, share = cox_residuals(beta, zero, zero + 1, is_case, x, case, True)
    information = share.sum()
    by_person = [(score[person == p].sum(), share[person == p].sum()) for p in range(9)]
    corrected = sum((u / (1 - i / information)) ** 2 for u, i in by_person)
    assert odds.standard_error == pytest.approx(np.sqrt(corrected) / information, abs=1e-6)
    assert odds.informative_persons == sum(
        any(0 < exposed[case == k].mean() < 1 for k in range(30) if person[case == k][0] == p) for p in range(9)
    )


# The design --------------------------------------------------------------------------------------------------------


def test_where_nothing_matters_the_odds_are_even_and_referents_after_the_case_would_say_otherwise() -> None:
    """Oracle: crises come at a person's own rate whatever happens; a follow-up comes in the week after half of them.

    Set beside the same hours of a fixed block of four weeks, the follow-up that a crisis brings about is found at the
    referents after it: the odds ratio, 1 in truth, comes out far below. See ``studies/last_contact``.
    """
    rng = np.random.default_rng(11)
    days, columns = 600, ([], [], [], [])
    block: tuple[list[int], ...] = ([], [], [], [])
    for person in range(300):
        crises = np.cumsum(rng.exponential(700 / rng.gamma(4), 120).astype(int) * 6 + 30)
        crises = crises[crises < days * 24]
        followed = crises[rng.random(crises.size) < 0.5]
        visits = (followed // 24 + rng.integers(1, 7, followed.size)) * 24 + 12
        contacts = np.concatenate((crises, visits))
        code = np.repeat([0, 1], [crises.size, visits.size])
        before = matched_times(crises, [(0, days * 24)], [(c, c + 30) for c in crises], first=4 * WEEK)
        around = [
            (h, key, int(h in crises))
            for key in sorted({c // (4 * WEEK) * WEEK + c % WEEK for c in crises.tolist()})
            for h in range(key // WEEK * 4 * WEEK + key % WEEK, (key // WEEK + 1) * 4 * WEEK, WEEK)
        ]
        for store, times in (
            (columns, list(zip(before.at, before.case, before.is_case, strict=True))),
            (block, around),
        ):
            at = np.array([t[0] for t in times], dtype=np.int64)
            moment, has = last_before(contacts, contacts, code, at, size=2)
            seen = has[:, 1] & (at - moment <= 4 * WEEK)
            store[0].extend([person] * at.size)
            store[1].extend(int(t[1]) + 10**6 * person for t in times)
            store[2].extend(int(t[2]) for t in times)
            store[3].extend(seen.astype(int).tolist())
    found, usual = matched_odds(*columns), matched_odds(*block)
    assert found.standard_error < 0.12
    # Four standard errors: one run in 16,000 is further off.
    assert abs(found.log_ratio) < 4 * found.standard_error
    assert usual.log_ratio < -6 * usual.standard_error
