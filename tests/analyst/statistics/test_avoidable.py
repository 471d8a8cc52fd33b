"""Avoidable crises: against the whole likelihood maximised at once, a paired counterfactual, and weights as copies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, special

from juncture.analyst.statistics.avoidable import avoidable_crises, avoidable_model
from juncture.analyst.statistics.landmark import landmark_effect
from juncture.analyst.statistics.stratified import person_resamples
from juncture.base.errors import UsageError
from tests.analyst.statistics.test_landmark import openings


def test_model_against_the_marginal_likelihood_maximised_directly():
    """Oracle: scipy's maximum of the gamma frailty likelihood over the baseline's jumps, at the variance chosen."""
    rng = np.random.default_rng(3)
    person, missed, time, event, _ = openings(rng, 20, 1.6)
    time = np.ceil(time / 6)
    model = avoidable_model(person, missed, time, event, horizon=5)
    value, log_ratio, variance = model.refit(np.ones((1, 20)))
    ratio, k = np.exp(log_ratio[0]), 1 / variance[0]
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
    # Both are iterated to five digits.
    assert value[0] == pytest.approx(by_hand, rel=2e-3)
    profile = optimize.minimize_scalar(
        lambda log_v: optimize.minimize(
            lambda x: negative_log_likelihood(x, np.exp(-log_v)), best.x, method="BFGS", tol=1e-6
        ).fun,
        bounds=(np.log(0.1), np.log(4)), method="bounded", options={"xatol": 1e-3},
    )  # fmt: skip
    # The variance comes from a parabola through three points of a grid.
    assert np.log(variance[0]) == pytest.approx(profile.x, abs=0.1)


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
    assert model.draws(weight)[0] == pytest.approx(copied.refit(np.ones((1, len(copies))))[0][0], rel=1e-6)


def test_paired_counterfactual():
    """Planted ratio 1.8 in 120 cohorts of 100, the same people living once more with every opening met: the model is
    unbiased to within four simulation errors, and (1 - 1/ratio) times the crises is far too many."""
    rng = np.random.default_rng(5)
    truths, models, naive = [], [], []
    for _ in range(120):
        person, missed, time, event, avoided = openings(rng, 100, 1.8)
        value, log_ratio, _ = avoidable_model(person, missed, time, event, horizon=30).refit(np.ones((1, 100)))
        truths.append(avoided)
        models.append(value[0])
        naive.append((1 - np.exp(-log_ratio[0])) * (event & missed).sum())
    difference = np.array(models) - np.array(truths)
    error = difference.std() / np.sqrt(120)
    assert abs(difference.mean()) < 4 * error < 0.1 * np.mean(truths)
    assert np.mean(naive) > 1.2 * np.mean(truths)


def test_interval_covers_the_counterfactual():
    """Planted ratio 1.5 in 60 cohorts of 60, 100 resamples each: 95 % intervals cover 84 % or more (four errors are
    11 %)."""
    rng = np.random.default_rng(6)
    covered = []
    for _ in range(60):
        person, missed, time, event, avoided = openings(rng, 60, 1.5)
        effect = landmark_effect(person, missed, time, event, horizon=30)
        result = avoidable_crises(
            person, missed, time, event, horizon=30, multiplicity=person_resamples(60, 100, rng),
            informative_persons=effect.within.informative_persons,
        )  # fmt: skip
        assert result.ratio == pytest.approx(effect.within.ratio, rel=1e-6)
        covered.append(result.low <= avoided <= result.high)
    assert np.mean(covered) >= 0.84


def test_ceiling_and_bounds_by_hand():
    """Five missed openings: crises on days 2 and 9, one censored on day 4, two without a crisis; horizon 9."""
    result = avoidable_crises(
        [0, 0, 1, 1, 2, 2], [1, 1, 1, 1, 1, 0], [2, 9, 4, 9, 12, 3], [1, 1, 0, 0, 1, 1], horizon=9,
        multiplicity=np.ones((2, 3)), informative_persons=1,
    )  # fmt: skip
    assert (result.missed_openings, result.ceiling, result.bounds_low, result.bounds_high) == (5, 2, -3, 3)
    assert np.isnan(result.model) and np.isnan(result.low) and result.failed_draws == 2


def test_no_interval_below_twenty_informative_persons():
    rng = np.random.default_rng(6)
    person, missed, time, event, _ = openings(rng, 40, 1.5)
    arguments = {"horizon": 30, "multiplicity": person_resamples(40, 50, rng)}
    few = avoidable_crises(person, missed, time, event, informative_persons=19, **arguments)
    many = avoidable_crises(person, missed, time, event, informative_persons=20, **arguments)
    assert np.isnan(few.low) and np.isfinite(many.low) and few.model == many.model
    assert many.bounds_low < many.model < many.ceiling <= many.bounds_high


def test_shared_resamples_use_the_cohort_numbers():
    rng = np.random.default_rng(7)
    person, missed, time, event, _ = openings(rng, 40, 1.5)
    weights = person_resamples(100, 5, rng)
    shifted = avoidable_model(person + 60, missed, time, event, horizon=30)
    plain = avoidable_model(person, missed, time, event, horizon=30)
    np.testing.assert_allclose(shifted.draws(weights), plain.refit(weights[:, 60:])[0])
    with pytest.raises(UsageError):
        avoidable_model([-1], [1], [2.0], [1], horizon=30)


def test_no_openings_at_all():
    result = avoidable_crises([], [], [], [], horizon=30, multiplicity=np.ones((3, 5)), informative_persons=0)
    assert result.missed_openings == result.ceiling == result.bounds_low == result.bounds_high == 0
    assert np.isnan(result.model) and result.failed_draws == 3
