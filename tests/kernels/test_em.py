"""EM: the penalised likelihood never falls; known rates come back; few pairs stay steady."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from juncture.kernels import em

SCHEME = em.Scheme("x", (0, 1, 1, 1), (1.0, 0.1, 0.2, 0.7), strength=5)
U = np.array([1.0, 0.95, 0.04, 0.01])


def world(
    rng: np.random.Generator, n: int, matches: int, columns: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m, missing = np.array([0.05, 0.15, 0.8]), 0.1
    truth = np.arange(n) < matches
    levels = np.empty((n, columns), dtype=np.uint8)
    for column in range(columns):
        matched = rng.choice([1, 2, 3], n, p=m)
        other = rng.choice([1, 2, 3], n, p=U[1:])
        levels[:, column] = np.where(truth, matched, other)
        levels[rng.random(n) < missing, column] = 0
    log_u = np.log(U)[levels].sum(axis=1)
    return levels, log_u, truth


@given(st.integers(0, 2**32 - 1), st.integers(20, 400), st.floats(0.05, 0.6))
@settings(max_examples=40, deadline=None)
def test_penalised_likelihood_never_falls(seed: int, n: int, share: float) -> None:
    levels, log_u, _ = world(np.random.default_rng(seed), n, int(n * share))
    fit = em.fit(levels, log_u, [SCHEME] * 3, pairs=float(n * 3), most=n, rounds=40)
    steps = np.diff(fit.objective)
    assert (steps > -1e-8 * np.abs(fit.objective[1:])).all()
    for rate in fit.m:
        assert rate[0] == 1 and abs(rate[1:].sum() - 1) < 1e-9


def test_known_rates_come_back() -> None:
    levels, log_u, truth = world(np.random.default_rng(3), 40_000, 3_000, columns=4)
    fit = em.fit(levels, log_u, [SCHEME] * 4, pairs=40_000.0, most=10_000)
    # Oracle: the rates the world was drawn from; three standard errors of a share of 3,000.
    for rate in fit.m:
        assert np.abs(rate[1:] - [0.05, 0.15, 0.8]).max() < 0.03
    assert abs(fit.matches - 3_000) < 120
    assert abs(fit.probability[truth].sum() + (1 - fit.probability[~truth]).sum() - 40_000) < 600


def test_missing_weighs_nothing() -> None:
    levels, log_u, _ = world(np.random.default_rng(4), 500, 100)
    fit = em.fit(levels, log_u, [SCHEME] * 3, pairs=5e3, most=200)
    blank = em.log_m_of(np.zeros((1, 3), dtype=np.uint8), fit.m)
    assert blank[0] == 0


def test_no_candidates_leave_the_priors() -> None:
    fit = em.fit(np.zeros((0, 1), np.uint8), np.zeros(0), [SCHEME], pairs=1e4, most=100)
    assert np.allclose(fit.m[0], SCHEME.prior)


def test_a_scheme_refuses_priors_that_do_not_sum_to_one() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        em.Scheme("x", (0, 1, 1), (1.0, 0.5, 0.6))


def test_drawn_rates_have_the_posterior_mean() -> None:
    rng = np.random.default_rng(5)
    counts = np.array([0.0, 10.0, 20.0, 70.0])
    drawn = np.mean([em.draw_rates(counts, SCHEME, rng) for _ in range(4_000)], axis=0)
    # Oracle: the Dirichlet mean (counts + strength x prior) / sum, here of 105.
    assert np.abs(drawn[1:] - np.array([10.5, 21.0, 73.5]) / 105).max() < 0.004


@given(st.lists(st.tuples(st.floats(0.01, 50), st.floats(0.001, 1)), min_size=1, max_size=25))
@settings(max_examples=100, deadline=None)
def test_rising_counts_against_isotonic_regression(pairs: list[tuple[float, float]]) -> None:
    counts, weights = (np.array(column) for column in zip(*pairs, strict=True))
    found = em.rising_counts(counts, weights)
    # Oracle: scipy's weighted isotonic regression of the ratio, which has the same solution.
    assert np.allclose(found, isotonic_regression(counts / weights, weights=weights).x * weights)
    assert abs(found.sum() - counts.sum()) < 1e-9 * counts.sum()


def test_rates_and_draws_rise_where_a_scheme_asks_for_it() -> None:
    scheme = em.Scheme("x", (0, 1, 1, 1), (1.0, 0.2, 0.3, 0.5), strength=1, rising=(1.0, 1.0, 1.0, 1.0))
    counts = np.array([0.0, 30.0, 10.0, 60.0])
    rate = em.rates(counts, scheme, np.asarray(scheme.prior), 1.0)
    assert rate[1] == rate[2] < rate[3] and abs(rate[1:].sum() - 1) < 1e-12
    rng = np.random.default_rng(1)
    assert all((np.diff(em.draw_rates(counts, scheme, rng)[1:]) >= 0).all() for _ in range(50))
