"""Rates by person against the sandwich written out, and what zero counts may not pretend."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from juncture.analyst.statistics.rates import compare_rates
from juncture.base.errors import UsageError
from tests.analyst.statistics import slow_references as slow

RNG = np.random.default_rng(0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(20, 400)), min_size=2, max_size=9),
    st.lists(st.tuples(st.integers(0, 9), st.integers(20, 400)), min_size=2, max_size=9),
)
def test_ratio_against_the_sandwich_written_out(women, men):
    """Oracle: glm(contacts ~ woman, poisson, offset = log(time)), sandwich::vcovHC(type = "HC3"), by its formula."""
    counts = np.array([c for c, _ in women + men], dtype=float)
    time = np.array([t for _, t in women + men], dtype=float)
    first = np.arange(counts.size) < len(women)
    result = compare_rates(counts, time, first, rng=np.random.default_rng(0), draws=9)
    if counts[first].sum() == 0 or counts[~first].sum() == 0:
        assert np.isnan(result.low) and np.isnan(result.high)
        assert np.isnan(result.ratio) if counts[~first].sum() == 0 else result.ratio == 0
        return
    log_ratio, error = slow.poisson_hc3(counts, time, first)
    assert np.log(result.ratio) == pytest.approx(log_ratio, abs=1e-8)
    assert result.log_standard_error == pytest.approx(error, abs=1e-8)
    reach = stats.t.ppf(0.975, counts.size - 2) * error
    assert np.log(result.high) == pytest.approx(log_ratio + reach, abs=1e-6)
    assert result.degrees_of_freedom == counts.size - 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(20, 400)), min_size=2, max_size=9))
def test_a_groups_own_rate_against_sums_written_out(women):
    counts = [c for c, _ in women]
    assume(sum(counts) > 0)
    rate = compare_rates([*counts, 1], [*(t for _, t in women), 9.0], [1] * len(women) + [0], rng=RNG, draws=0).first
    log_rate, error = slow.rate_by_person(counts, [t for _, t in women])
    reach = stats.t.ppf(0.975, len(women) - 1) * error
    assert rate.rate == pytest.approx(np.exp(log_rate), rel=1e-12)
    np.testing.assert_allclose(np.log([rate.low, rate.high]), [log_rate - reach, log_rate + reach], atol=1e-9)


def test_permutation_p_against_all_arrangements():
    """Oracle: all 252 choices of 5 out of 10 persons, studentised by loops."""
    counts = np.array([9, 4, 7, 6, 3, 2, 5, 1, 0, 4], dtype=float)
    time = np.array([300, 365, 200, 365, 180, 365, 365, 250, 365, 300], dtype=float)

    def statistic(chosen):
        difference, variance = 0.0, 0.0
        for sign, side in ((1, chosen), (-1, [i for i in range(10) if i not in chosen])):
            total = sum(time[i] for i in side)
            rate = sum(counts[i] for i in side) / total
            difference += sign * rate
            variance += sum(((counts[i] - rate * time[i]) / (1 - time[i] / total)) ** 2 for i in side) / total**2
        return abs(difference) / np.sqrt(variance)

    observed = statistic(tuple(range(5)))
    exact = np.mean([statistic(chosen) >= observed - 1e-12 for chosen in itertools.combinations(range(10), 5)])
    result = compare_rates(counts, time, np.arange(10) < 5, rng=np.random.default_rng(1), draws=9999)
    assert abs(result.permutation.statistic) == pytest.approx(observed, abs=1e-9)
    assert result.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999) + 1e-4)


def test_a_group_without_contacts_still_has_a_p_value():
    result = compare_rates([0] * 8 + [3, 5, 2, 4, 6, 3, 2, 5], [365.0] * 16, [1] * 8 + [0] * 8,
                           rng=np.random.default_rng(2), draws=999)  # fmt: skip
    assert result.ratio == 0 and np.isnan(result.low) and np.isnan(result.first.low) and result.first.rate == 0
    assert 0 < result.p_value < 0.01


def test_nobody_had_a_contact():
    result = compare_rates([0] * 6, [365.0] * 6, [1, 1, 1, 0, 0, 0], rng=np.random.default_rng(3))
    assert np.isnan(result.ratio) and np.isnan(result.p_value) and result.second.rate == 0


def test_one_person_in_a_group_has_a_rate_but_no_interval():
    result = compare_rates([3, 1, 2, 4], [10.0] * 4, [1, 0, 0, 0], rng=np.random.default_rng(4))
    assert result.ratio == pytest.approx(9 / 7) and np.isnan(result.low)


def test_coverage_where_people_differ():
    """Planted ratio 1.5, gamma frailty: 95 % intervals of 300 cohorts of 75 cover it in 92-98 % (4 errors are 5 %)."""
    rng = np.random.default_rng(12)
    covered = 0
    for _ in range(300):
        first = np.arange(75) < 50
        time = rng.uniform(100, 365, 75)
        counts = rng.poisson(rng.gamma(1.5, 1 / 1.5, 75) * 0.02 * np.where(first, 1.5, 1.0) * time)
        result = compare_rates(counts, time, first, rng=rng, draws=0)
        covered += result.low <= 1.5 <= result.high
    assert 0.91 <= covered / 300 <= 0.99


def test_negative_counts_and_no_time_are_refused():
    with pytest.raises(UsageError):
        compare_rates([-1, 2], [1, 1], [1, 0], rng=np.random.default_rng(5))
    with pytest.raises(UsageError):
        compare_rates([1, 2], [1, 0], [1, 0], rng=np.random.default_rng(5))
