"""Avoidable crises: against the whole likelihood maximised at once, a paired counterfactual, and weights as copies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, special

from juncture.analyst.statistics.avoidable import avoidable_bounds, avoidable_model
from juncture.analyst.statistics.stratified import person_resamples
from juncture.base.errors import UsageError
from tests.analyst.statistics.test_landmark import openings


def test_model_against_the_marginal_likelihood_maximised_directly():
    """Oracle: scipy's maximum of the gamma frailty likelihood over the baseline's jumps, at the variance chosen."""
    rng = np.random.default_rng(3)
    person, missed, time, event, _ = openings(rng, 20, 1.6)
    time = np.ceil(time / 6)
    model = avoidable_model(person, missed, time, event, horizon=5)
    fit = model.refit(np.ones((1, 20)))
    ratio, k = np.exp(fit.log_ratio[0]), fit.precision[0]
    moments = sorted(set(time[event]))
    happened = np.bincount(person, event, 20)

    def expected(jumps):
        row = np.array([sum(j for m, j in zip(moments, jumps, strict=True) if m <= t) for t in time])
        return np.bincount(person, row * np.where(missed, ratio, 1.0), 20)

    def negative_log_likelihood(log_jumps, k=k):
        jumps = np.exp(log_jumps)
        tied = [(event & (time == m)).sum() for m in moments]
        part = special.gammaln(k + happened) - special.gammaln(k) + k * np.log(k)
        part = part - (k + happened) * np.log(k + expected(jumps))
        return -(part.sum() + np.dot(tied, log_jumps))

    best = optimize.minimize(negative_log_likelihood, np.full(len(moments), -3.0), method="BFGS", tol=1e-9)
    total = np.exp(best.x).sum()
    a, b = k + happened, k + expected(np.exp(best.x))
    by_hand = 0.0
    for who in range(20):
        survive_met, survive_missed = ((b[who] / (b[who] + total * r)) ** a[who] for r in (1, ratio))
        by_hand += missed[person == who].sum() * (survive_met - survive_missed)
    # The oracle is iterated to three digits.
    assert fit.avoided[0] == pytest.approx(by_hand, rel=2e-3)
    profile = optimize.minimize_scalar(
        lambda log_v: optimize.minimize(
            lambda x: negative_log_likelihood(x, np.exp(-log_v)), best.x, method="BFGS", tol=1e-6
        ).fun,
        bounds=(np.log(0.1), np.log(4)), method="bounded", options={"xatol": 1e-3},
    )  # fmt: skip
    # The variance comes from a parabola through three points of a grid.
    assert -np.log(fit.precision[0]) == pytest.approx(profile.x, abs=0.1)


def test_weights_are_copies_of_persons():
    """Oracle: the same model on openings in which a person drawn twice is two persons."""
    rng = np.random.default_rng(4)
    person, missed, time, event, _ = openings(rng, 30, 1.5)
    model = avoidable_model(person, missed, time, event, horizon=30)
    weight = person_resamples(30, 1, rng)
    copies = [np.flatnonzero(person == who) for who in range(30) for _ in range(int(weight[0, who]))]
    rows = np.concatenate(copies)
    names = np.concatenate([np.full(own.size, number) for number, own in enumerate(copies)])
    copied = avoidable_model(names, missed[rows], time[rows], event[rows], horizon=30)
    fit, again = model.refit(weight), copied.refit(np.ones((1, len(copies))))
    assert fit.avoided[0] == pytest.approx(again.avoided[0], rel=1e-6)
    near = model.refit(weight, near=model.refit(np.ones((1, 30))))
    assert near.avoided[0] == pytest.approx(fit.avoided[0], rel=1e-6)


def test_paired_counterfactual():
    """Planted ratio 1.8 in 120 cohorts of 100, the same people living once more with every opening met: the model is
    unbiased to within four simulation errors, and (1 - 1/ratio) times the crises is far too many."""
    rng = np.random.default_rng(5)
    truths, models, naive = [], [], []
    for _ in range(120):
        person, missed, time, event, avoided = openings(rng, 100, 1.8)
        fit = avoidable_model(person, missed, time, event, horizon=30).refit(np.ones((1, 100)))
        truths.append(avoided)
        models.append(fit.avoided[0])
        naive.append((1 - np.exp(-fit.log_ratio[0])) * (event & missed).sum())
    difference = np.array(models) - np.array(truths)
    error = difference.std() / np.sqrt(120)
    assert abs(difference.mean()) < 4 * error < 0.1 * np.mean(truths)
    assert np.mean(naive) > 1.2 * np.mean(truths)


def test_by_crisis_the_chances_add_up_to_the_model():
    """Planted ratio 1.8 in 80 cohorts of 100, nobody lost sight of: thinning gives each crisis a chance, and their sum
    is the difference of F in expectation, but for a few per cent since frailties are estimated."""
    rng = np.random.default_rng(15)
    by_chance, models = [], []
    for _ in range(80):
        frailty = rng.gamma(1.25, 0.8, 100)
        person = np.repeat(np.arange(100), 12)
        missed = rng.random(person.size) < 0.5
        time = np.ceil(rng.exponential(1, person.size) / (0.02 * frailty[person] * np.where(missed, 1.8, 1)))
        fit = avoidable_model(person, missed, time, time <= 30, horizon=30).refit(np.ones((1, 100)))
        assert fit.by_crisis.sum() == pytest.approx(fit.avoided[0])
        assert (fit.probability < 1).all() and fit.counted_once[0] == pytest.approx(1)
        by_chance.append(fit.probability.sum())
        models.append(fit.avoided[0])
    assert np.mean(by_chance) == pytest.approx(np.mean(models), rel=0.04)


def test_a_crisis_after_two_openings_counts_after_the_last():
    """By hand: persons with crises that two missed openings share; the earlier opening's part is left out, and the sum
    is that of the openings as if apart, less the same share of p."""
    rng = np.random.default_rng(16)
    person, missed, time, event, _ = openings(rng, 40, 1.6)
    rows = np.flatnonzero(event & missed & (time < 25))
    twice = np.concatenate((np.arange(person.size), rows))
    longer = np.concatenate((time, time[rows] + 3))
    columns = person[twice], missed[twice], longer, event[twice]
    apart = avoidable_model(*columns, horizon=30)
    once = avoidable_model(*columns, horizon=30, crisis=twice)
    everybody = np.ones((1, apart.persons.size))
    all_of_them, fit = apart.refit(everybody), once.refit(everybody)
    late = np.isin(apart.crisis_rows, np.arange(person.size, twice.size))
    assert sorted(once.crisis_rows) == sorted(apart.crisis_rows[~late])
    assert fit.avoided[0] == pytest.approx(all_of_them.by_crisis[0][~late].sum())
    assert fit.counted_once[0] == pytest.approx(1 - all_of_them.by_crisis[0][late].sum() / all_of_them.avoided[0])
    assert fit.by_crisis.sum() == pytest.approx(fit.avoided[0])


def test_some_of_the_persons():
    """Oracle: the model of their openings alone."""
    rng = np.random.default_rng(17)
    person, missed, time, event, _ = openings(rng, 50, 1.6)
    model_crises = person * 1000 + np.arange(person.size) // 2
    model = avoidable_model(person, missed, time, event, horizon=30, crisis=model_crises)
    mine = person % 3 > 0
    columns = (column[mine] for column in (person, missed, time, event))
    alone = avoidable_model(*columns, horizon=30, crisis=model_crises[mine])
    some = model.of(model.persons % 3 > 0)
    np.testing.assert_array_equal(some.persons, alone.persons)
    np.testing.assert_array_equal(some.informative, alone.informative)
    weights = person_resamples(some.persons.size, 3, rng)
    fits = some.refit(weights), alone.refit(weights)
    np.testing.assert_allclose(fits[0].avoided, fits[1].avoided, rtol=1e-6)
    np.testing.assert_array_equal(np.flatnonzero(mine)[alone.crisis_rows], some.crisis_rows)
    np.testing.assert_allclose(fits[0].by_crisis, fits[1].by_crisis, rtol=1e-6, atol=1e-9)


def test_differently():
    """By hand: the same frailties and baseline, another ratio, number of openings and hazard."""
    rng = np.random.default_rng(18)
    person, missed, time, event, _ = openings(rng, 40, 1.6)
    model = avoidable_model(person, missed, time, event, horizon=30)
    fit = model.refit(np.ones((1, model.persons.size)))
    assert fit.differently(ratio=1.0)[0] == pytest.approx(fit.avoided[0])
    shape = fit.precision[0] + np.bincount(person, event)
    rate, baseline = fit.precision[0] + fit.expected[0], 0.9 * fit.baseline[0]
    ratio = 1.25 * np.exp(fit.log_ratio[0])
    by_hand = (rate / (rate + baseline)) ** shape - (rate / (rate + ratio * baseline)) ** shape
    found = fit.differently(ratio=1.25, openings=0.8, met_hazard=0.9)[0]
    assert found == pytest.approx(0.8 * (np.bincount(person, missed) * by_hand).sum())


def test_ceiling_and_bounds_by_hand():
    """Five missed openings: crises on days 2 and 9, one censored on day 4, two without a crisis; horizon 9. With
    the same ends, the two crises are one, and so are the two that were not seen to their end."""
    columns = [1, 1, 1, 1, 1, 0], [2, 9, 4, 9, 12, 3], [1, 1, 0, 0, 1, 1]
    bounds = avoidable_bounds(*columns, horizon=9)
    assert (bounds.openings, bounds.ceiling, bounds.low, bounds.high) == (5, 2, -3, 3)
    bounds = avoidable_bounds(*columns, horizon=10, end=[0, 0, 1, 1, 2, 3])
    assert (bounds.openings, bounds.ceiling, bounds.low, bounds.high) == (5, 1, -3, 2)


def test_persons_are_the_callers_numbers():
    rng = np.random.default_rng(7)
    person, missed, time, event, _ = openings(rng, 40, 1.5)
    model = avoidable_model(person + 60, missed, time, event, horizon=30)
    np.testing.assert_array_equal(model.persons, np.arange(60, 100))
    with pytest.raises(UsageError):
        avoidable_model([-1], [1], [2.0], [1], horizon=30)


def test_no_openings_at_all():
    fit = avoidable_model([], [], [], [], horizon=30).refit(np.ones((3, 0)))
    assert np.isnan(fit.avoided).all() and fit.by_crisis.shape == (3, 0)
    bounds = avoidable_bounds([], [], [], horizon=30)
    assert bounds.openings == bounds.ceiling == bounds.low == bounds.high == 0
