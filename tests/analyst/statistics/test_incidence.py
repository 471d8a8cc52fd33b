"""Survival, competing events and the missed share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from juncture.analyst.statistics.incidence import cumulative_incidence, kaplan_meier, missed_share
from juncture.base.errors import UsageError
from tests.analyst.statistics import slow_references as slow

# Weeks of remission under 6-mercaptopurine (Freireich et al. 1963, Blood 21:699-716), 1 = relapse.
REMISSION = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSE = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_leukaemia_against_R_survival():
    """summary(survfit(Surv(time, cens) ~ 1, gehan, subset = treat == "6-MP")), as printed in textbooks."""
    curve = kaplan_meier(REMISSION, RELAPSE)
    assert curve.times.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    # Printed with three and four decimals.
    np.testing.assert_allclose(curve.survival, [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], atol=6e-4)
    np.testing.assert_allclose(
        curve.standard_error, [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346], atol=6e-5
    )


def test_greenwood_by_its_formula_and_by_person():
    """Oracle: S^2 x sum d / (Y (Y - d)); with one row a person the influence variance is n/(n-1) times the same."""
    curve = kaplan_meier(REMISSION, RELAPSE)
    total, survival = 0.0, 1.0
    for time, at_risk, value, error in zip(
        curve.times, curve.at_risk, curve.survival, curve.standard_error, strict=True
    ):
        died = sum(t == time and e for t, e in zip(REMISSION, RELAPSE, strict=True))
        total += died / (at_risk * (at_risk - died))
        survival *= 1 - died / at_risk
        assert value == pytest.approx(survival, abs=1e-12)
        assert error == pytest.approx(survival * np.sqrt(total), abs=1e-12)
    incidence = cumulative_incidence(REMISSION, RELAPSE, cause=1, times=curve.times)
    np.testing.assert_allclose(incidence.incidence, 1 - curve.survival, atol=1e-12)
    np.testing.assert_allclose(incidence.standard_error, curve.standard_error * np.sqrt(21 / 20), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=25))
def test_survival_against_loops(rows):
    """Oracle: the product and Greenwood's sum in loops; survfit(conf.type = "log-log") by its formula."""
    time, event = (np.array(column) for column in zip(*rows, strict=True))
    curve = kaplan_meier(time, event)
    told = slow.kaplan_meier(time, event)
    assert curve.times.tolist() == [row[0] for row in told]
    for number, (_, at_risk, survival, greenwood) in enumerate(told):
        assert curve.at_risk[number] == at_risk
        assert curve.survival[number] == pytest.approx(survival, abs=1e-12)
        if survival == 0:
            assert np.isnan([curve.low[number], curve.high[number]]).all()
            continue
        assert curve.standard_error[number] == pytest.approx(survival * greenwood**0.5, abs=1e-12)
        reach = stats.norm.ppf(0.975) * greenwood**0.5 / np.log(survival)
        ends = sorted(np.exp(-np.exp(np.log(-np.log(survival)) + side * reach)) for side in (-1, 1))
        np.testing.assert_allclose(sorted((curve.low[number], curve.high[number])), ends, atol=1e-9)
        assert curve.low[number] < survival < curve.high[number]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(0, 2)), min_size=2, max_size=20),
    st.integers(0, 10),
)
def test_incidence_against_loops(rows, upto):
    """Oracle: Aalen-Johansen in loops; influences by moving each person's weight."""
    # Somebody of every sort stays to the end, so that the weighted estimate has a derivative.
    person, time, outcome = zip(*rows, (0, 11, 0), strict=True)
    result = cumulative_incidence(time, outcome, cause=1, times=[float(upto)], person=person)

    def estimate(weight):
        return slow.weighted_incidence(person, time, outcome, 1, upto, weight)

    everyone = sorted(set(person))
    assert result.incidence[0] == pytest.approx(estimate(dict.fromkeys(everyone, 1.0)), abs=1e-12)
    np.testing.assert_allclose(result.influence[:, 0], slow.influence_by_weights(estimate, everyone), atol=1e-6)
    if len(everyone) > 1:
        spread = len(everyone) / (len(everyone) - 1)
        assert result.standard_error[0] == pytest.approx(np.sqrt(spread * (result.influence[:, 0] ** 2).sum()))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=20))
def test_causes_and_survival_sum_to_one(rows):
    time, outcome = (np.array(column) for column in zip(*rows, strict=True))
    grid = np.arange(time.max() + 1, dtype=float)
    both = sum(cumulative_incidence(time, outcome, cause=cause, times=grid).incidence for cause in (1, 2))
    curve = kaplan_meier(time, outcome > 0)
    survival = np.concatenate(([1.0], curve.survival))[np.searchsorted(curve.times, grid, side="right")]
    np.testing.assert_allclose(both + survival, 1, atol=1e-12)


def test_missed_share_without_censoring_is_a_share():
    """By hand: 10 openings of 10 persons in 7 days: 5 met, 2 crises first, 3 neither; one response on day 9."""
    time = [1, 2, 3, 7, 7, 2, 5, 8, 9, 30]
    outcome = [1, 1, 1, 1, 1, 2, 2, 2, 1, 0]
    result = missed_share(range(10), time, outcome, window=7)
    assert (result.met.share, result.preempted.share) == (pytest.approx(0.5), pytest.approx(0.2))
    assert (result.missed.share, result.unanswered.share) == (pytest.approx(0.5), pytest.approx(0.3))
    assert result.unanswered.standard_error == pytest.approx(np.sqrt(0.3 * 0.7 / 9), abs=1e-12)
    logit, reach = np.log(3 / 7), stats.t.ppf(0.975, 9) * np.sqrt(0.3 * 0.7 / 9) / (0.3 * 0.7)
    assert result.unanswered.low == pytest.approx(1 / (1 + np.exp(-(logit - reach))), abs=1e-12)
    assert result.missed.low == pytest.approx(1 - result.met.high, abs=1e-12)


def test_one_person_many_times_is_one_person():
    """Rows repeated within persons change neither share nor error."""
    time, outcome = [1, 2, 9, 9, 3, 9], [1, 1, 0, 0, 2, 0]
    once = missed_share(range(6), time, outcome, window=7)
    often = missed_share(list(range(6)) * 5, time * 5, outcome * 5, window=7)
    assert often.missed.share == pytest.approx(once.missed.share)
    assert often.missed.standard_error == pytest.approx(once.missed.standard_error)
    assert often.openings == 30 and often.persons == 6


def test_what_cannot_be_said():
    assert np.isnan(missed_share([], [], [], window=7).missed.share)
    all_met = missed_share([1, 2, 3], [1, 2, 3], [1, 1, 1], window=7)
    assert all_met.missed.share == 0 and np.isnan(all_met.missed.high)
    lost = missed_share([1, 2], [3, 4], [0, 0], window=7)
    assert np.isnan(lost.missed.share)
    with pytest.raises(UsageError, match="outcome"):
        missed_share([1], [1], [3], window=7)


def test_nothing_observed():
    assert kaplan_meier([], []).times.size == 0
    assert np.isnan(cumulative_incidence([], [], cause=1, times=[1.0]).incidence[0])
