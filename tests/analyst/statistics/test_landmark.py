"""One juncture's effect: against the conditional likelihood written out, and against a planted truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from juncture.analyst.statistics.cox import cox_regression
from juncture.analyst.statistics.landmark import (
    SMALLEST_INFORMATIVE,
    adjusted_effect,
    compare_effects,
    landmark_effect,
)
from juncture.analyst.statistics.maximise import ConvergenceFailure
from juncture.analyst.statistics.stratified import person_resamples, stratified_terms
from juncture.base.errors import UsageError
from tests.analyst.statistics import slow_references as slow


def openings(rng, persons, ratio, horizon=30.0):
    """Openings of persons with gamma frailty; those more at risk miss more, which the crude contrast mistakes."""
    frailty = rng.gamma(1.25, 0.8, persons)
    person = np.repeat(np.arange(persons), rng.integers(4, 20, persons))
    tendency = np.exp(-0.5 * np.log(frailty) - rng.normal(0, 0.5, persons))
    missed = rng.random(person.size) < (1 / (1 + tendency))[person]
    clock = rng.exponential(1, person.size) / (0.02 * frailty[person])
    unmissed, until = clock, np.where(missed, clock / ratio, clock)
    end = np.where(rng.random(person.size) < 0.2, rng.uniform(0, horizon, person.size), horizon)
    event = np.ceil(until) <= end
    avoided = (missed & (until <= horizon)).sum() - (missed & (unmissed <= horizon)).sum()
    return person, missed, np.minimum(np.ceil(until), np.ceil(end)), event, int(avoided)


@st.composite
def small_openings(draw):
    n = draw(st.integers(8, 40))
    columns = [draw(st.lists(st.integers(0, top), min_size=n, max_size=n)) for top in (4, 1, 6, 1)]
    return tuple(np.array(column) for column in columns)


@settings(max_examples=60, deadline=None)
@given(small_openings())
def test_within_persons_against_the_likelihood_written_out(data):
    """Oracle: Efron's stratified likelihood in loops, maximised by scipy; Mancl & DeRouen's sandwich in loops."""
    person, missed, time, event = data
    effect = landmark_effect(person, missed, time, event, horizon=10)
    x = missed[:, None].astype(float)
    arguments = np.full(time.size, -1.0), time, event, x, person, True
    _, share = slow.cox_residuals(np.zeros(1), *arguments)
    held = [share[person == who].sum() > 1e-12 for who in np.unique(person)]
    assert effect.within.informative_persons == (sum(held) if event.any() else 0)
    assume(effect.within.failure is None and abs(effect.within.log_ratio) < 6)
    best = optimize.minimize_scalar(
        lambda beta: -slow.cox_log_likelihood(np.array([beta]), *arguments), bounds=(-8, 8), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    assert effect.within.log_ratio == pytest.approx(best.x, abs=1e-4)
    assert np.isnan(effect.within.standard_error) and np.isnan(effect.within.low)
    fit = cox_regression(arguments[0], time, event, x, person=person, strata=person)
    assert fit.coefficients[0] == effect.within.log_ratio
    score, share = slow.cox_residuals(fit.coefficients, *arguments)
    if np.isfinite(fit.covariance).all():
        _, corrected = slow.mancl_derouen(person, score, share)
        np.testing.assert_allclose(fit.covariance, corrected, rtol=1e-5, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(small_openings(), st.integers(0, 10_000))
def test_resampled_ratios_against_cox_on_copied_persons(data, seed):
    """Oracle: the regression on the resample written out, each drawn copy a person of its own."""
    person, missed, time, event = data
    everyone, code = np.unique(person, return_inverse=True)
    terms = stratified_terms(code, everyone.size, missed > 0, time.astype(float), event > 0)
    weights = person_resamples(everyone.size, 3, np.random.default_rng(seed))
    for weight, log_ratio in zip(weights, terms.log_ratios(weights), strict=True):
        rows, owner = [], []
        for who, copies in enumerate(weight.astype(int)):
            for copy in range(copies):
                rows.extend(np.flatnonzero(code == who))
                owner.extend([(who, copy)] * int((code == who).sum()))
        labels = np.unique(np.array(owner), axis=0, return_inverse=True)[1].reshape(-1)
        fit = cox_regression(
            np.full(len(rows), -1.0), time[rows], event[rows], missed[rows], person=labels, strata=labels
        )
        if fit.failure is not None:
            assert np.isnan(log_ratio)
        else:
            assert log_ratio == pytest.approx(fit.coefficients[0], abs=1e-6)


def test_planted_ratio_is_covered():
    """Planted 1.5 in 200 cohorts of 50: coverage of 95 % within 91-99 % (four errors are 6 %), bias under 0.06
    (four errors), and the crude contrast far off, because those at risk miss more."""
    rng = np.random.default_rng(2024)
    covered, bias, crude = [], [], []
    for _ in range(200):
        person, missed, time, event, _ = openings(rng, 50, 1.5)
        effect = landmark_effect(person, missed, time, event, horizon=30)
        covered.append(effect.within.low <= 1.5 <= effect.within.high)
        bias.append(effect.within.log_ratio - np.log(1.5))
        crude.append(effect.crude.log_ratio - np.log(1.5))
    assert 0.91 <= np.mean(covered) <= 0.99
    assert abs(np.mean(bias)) < 4 * np.std(bias) / np.sqrt(200) < 0.06
    assert np.mean(crude) > 0.15


def test_counts_risks_and_degrees():
    person, missed, time, event, _ = openings(np.random.default_rng(7), 60, 1.5)
    effect = landmark_effect(person, missed, time, event, horizon=30)
    assert effect.within.degrees_of_freedom == effect.within.informative_persons - 1 >= SMALLEST_INFORMATIVE
    assert effect.openings == person.size and effect.openings_missed == missed.sum() and effect.persons == 60
    assert effect.marginal.ratio == pytest.approx(effect.risk_missed / effect.risk_met)
    reach = stats.t.ppf(0.975, effect.within.degrees_of_freedom) * effect.within.standard_error
    assert np.log(effect.within.high) == pytest.approx(effect.within.log_ratio + reach, abs=1e-12)
    assert (effect.within.p_value < 0.05) == (not effect.within.low <= 1 <= effect.within.high)
    shorter = landmark_effect(person, missed, time, event, horizon=10)
    assert shorter.crises == (event & (time <= 10)).sum()


def test_marginal_error_against_moved_weights():
    """Oracle: the log ratio of two weighted Kaplan-Meier risks, differentiated by each person's weight."""
    person, missed, time, event, _ = openings(np.random.default_rng(8), 25, 1.5)
    effect = landmark_effect(person, missed, time, event, horizon=30)

    def estimate(weight):
        risks = [
            slow.weighted_incidence(person[side].tolist(), time[side], event[side].astype(int), 1, 30, weight)
            for side in (missed, ~missed)
        ]
        return np.log(risks[0] / risks[1])

    influence = slow.influence_by_weights(estimate, list(range(25)))
    assert effect.marginal.standard_error == pytest.approx(np.sqrt(25 / 24 * (influence**2).sum()), abs=1e-6)


def test_interaction_against_one_model_for_both():
    """Oracle: one stratified regression of missed and missed x woman; its robust error, since the correction by person
    is the same within each sex."""
    person, missed, time, event, _ = openings(np.random.default_rng(10), 90, 1.5)
    woman = person < 50
    women, men = (
        landmark_effect(person[side], missed[side], time[side], event[side], horizon=30).within
        for side in (woman, ~woman)
    )
    ratio = compare_effects(women, men)
    both = cox_regression(
        np.full(time.size, -1.0), time, event, np.column_stack((missed, missed & woman)), person=person, strata=person
    )
    assert ratio.log_ratio == pytest.approx(both.coefficients[1], abs=1e-6)
    assert ratio.standard_error == pytest.approx(both.standard_errors[1], abs=1e-6)
    assert min(women.degrees_of_freedom, men.degrees_of_freedom) <= ratio.degrees_of_freedom
    assert ratio.degrees_of_freedom <= women.degrees_of_freedom + men.degrees_of_freedom
    few = landmark_effect(person[:60], missed[:60], time[:60], event[:60], horizon=30).within
    assert np.isnan(compare_effects(women, few).low)


def test_adjustment_removes_what_it_names():
    """Planted: no effect of missing, but a bad week doubles both missing and crises; adjusted, the ratio is near 1
    (four errors), unadjusted it is not."""
    rng = np.random.default_rng(11)
    person = np.repeat(np.arange(200), 12)
    bad = rng.random(person.size) < 0.4
    missed = rng.random(person.size) < np.where(bad, 0.7, 0.3)
    clock = rng.exponential(1, person.size) / np.where(bad, 0.06, 0.015)
    time, event = np.minimum(np.ceil(clock), 30), np.ceil(clock) <= 30
    plain = landmark_effect(person, missed, time, event, horizon=30).within
    adjusted = adjusted_effect(person, missed, time, event, bad.astype(float), horizon=30)
    assert plain.low > 1.2
    assert abs(adjusted.log_ratio) < 4 * adjusted.standard_error < 0.4
    assert adjusted.degrees_of_freedom == plain.degrees_of_freedom - 1


def test_below_twenty_informative_persons_there_is_a_ratio_only():
    person, missed, time, event, _ = openings(np.random.default_rng(9), 15, 1.5)
    within = landmark_effect(person, missed, time, event, horizon=30).within
    assert within.informative_persons < SMALLEST_INFORMATIVE and np.isfinite(within.ratio)
    assert np.isnan([within.standard_error, within.low, within.high, within.p_value]).all()


def test_nobody_both_missed_and_met():
    effect = landmark_effect([1, 1, 2, 2], [1, 1, 0, 0], [3, 9, 4, 9], [1, 0, 1, 0], horizon=9)
    assert effect.within.failure is ConvergenceFailure.NO_INFORMATION and np.isnan(effect.within.ratio)
    assert effect.within.informative_persons == 0 and effect.persons_missed == effect.persons_met == 1
    alone = landmark_effect([1, 2], [1, 1], [3, 4], [1, 0], horizon=9)
    assert np.isnan(alone.marginal.ratio) and np.isnan(alone.risk_met)


def test_a_crisis_at_the_landmark_counts_and_negative_times_are_refused():
    assert landmark_effect([1, 1], [1, 0], [0, 5], [1, 0], horizon=9).crises == 1
    with pytest.raises(UsageError, match="negative"):
        landmark_effect([1, 1], [1, 0], [-1, 5], [1, 0], horizon=9)


def test_no_openings_at_all():
    effect = landmark_effect([], [], [], [], horizon=30)
    assert effect.openings == effect.persons == 0 and effect.within.failure is ConvergenceFailure.NO_EVENTS
    assert np.isnan([effect.within.ratio, effect.crude.ratio, effect.marginal.ratio, effect.risk_missed]).all()
