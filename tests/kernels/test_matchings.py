"""Matchings: belief propagation, best matching and draws against plain enumeration."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.kernels import assign
from juncture.kernels.marginals import edge_marginals, edge_prior

SECOND = 0.05


def every_matching(
    i: np.ndarray, j: np.ndarray, log_odds: np.ndarray, second: float, most: int = 2
) -> Iterator[tuple[tuple[int, ...], float]]:
    """(set of edges, weight) of every matching, the obvious way."""
    for size in range(len(i) + 1):
        for edges in combinations(range(len(i)), size):
            used_a, used_b = np.bincount(i[list(edges)], minlength=9), np.bincount(j[list(edges)], minlength=9)
            if max(used_a.max(), used_b.max()) <= most:
                doubled = (used_a == 2).sum() + (used_b == 2).sum()
                yield edges, float(np.exp(sum(log_odds[e] for e in edges)) * second**doubled)


def exact_marginals(i: np.ndarray, j: np.ndarray, log_odds: np.ndarray, second: float) -> np.ndarray:
    total, out = 0.0, np.zeros(len(i))
    for edges, weight in every_matching(i, j, log_odds, second):
        total += weight
        out[list(edges)] += weight
    return out / total


graphs = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def random_graph(rng: np.random.Generator, edges: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    code = rng.choice(16, size=edges, replace=False)
    return code // 4, code % 4, rng.normal(0, 3, edges)


@given(graphs, st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_belief_propagation_on_a_tree_is_exact(rng: np.random.Generator, edges: int) -> None:
    # A path: a0-b0-a1-b1-...
    i, j = (np.arange(edges) + 1) // 2, np.arange(edges) // 2
    log_odds = rng.normal(0, 3, edges)
    got = edge_marginals(i, j, log_odds, second=SECOND, sweeps=2_000, tolerance=1e-12).probability
    assert np.abs(got - exact_marginals(i, j, log_odds, SECOND)).max() < 1e-6


@given(graphs, st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_best_matching_is_the_best(rng: np.random.Generator, edges: int) -> None:
    i, j, value = random_graph(rng, edges)
    chosen = assign.best_matching(i, j, value)
    assert np.bincount(i[chosen], minlength=1).max() <= 1 and np.bincount(j[chosen], minlength=1).max() <= 1
    best = max(sum(value[list(e)]) for e, _ in every_matching(i, j, value, 1.0, most=1))
    assert abs(value[chosen].sum() - best) < 1e-9


def test_draws_of_a_small_component_have_the_exact_marginals() -> None:
    i, j, log_odds = random_graph(np.random.default_rng(8), 9)
    exact = exact_marginals(i, j, log_odds, SECOND)
    drawn = assign.draw_matchings(
        i, j, np.tile(log_odds, (20_000, 1)), exact, rng=np.random.default_rng(9), second=SECOND
    )
    # Five standard errors of a share of 20,000.
    assert np.abs(drawn.mean(axis=0) - exact).max() < 5 * 0.5 / np.sqrt(20_000)


def test_draws_of_a_large_component_have_the_exact_marginals() -> None:
    rng = np.random.default_rng(10)
    code = rng.choice(16, size=14, replace=False)
    i, j, log_odds = code // 4, code % 4, rng.normal(0.5, 0.3, 14)
    sets, doubled = assign.subsets(i, j)
    weight = np.exp(sets @ log_odds + doubled * np.log(SECOND))
    exact = weight @ sets / weight.sum()
    assert (exact > max(assign.SET_ASIDE)).sum() > assign.EXACT_EDGES
    drawn = assign.draw_matchings(
        i, j, np.tile(log_odds, (1_000, 1)), exact, rng=np.random.default_rng(11), second=SECOND
    )
    # A chain: about 1,000 nearly independent draws; edges set aside are approximate.
    assert np.abs(drawn.mean(axis=0) - exact).max() < 0.07


@given(graphs)
@settings(max_examples=20, deadline=None)
def test_no_draw_uses_a_person_three_times_and_a_seed_gives_the_same(rng: np.random.Generator) -> None:
    i, j = rng.integers(0, 12, 60), rng.integers(0, 12, 60)
    code = np.unique(i * 12 + j)
    i, j = code // 12, code % 12
    log_odds = rng.normal(-1, 2, (3, code.size))
    p = edge_marginals(i, j, log_odds[0]).probability
    one, two = (assign.draw_matchings(i, j, log_odds, p, rng=np.random.default_rng(3)) for _ in range(2))
    assert (one == two).all()
    for row in one:
        assert np.bincount(i[row], minlength=1).max() <= 2 and np.bincount(j[row], minlength=1).max() <= 2


@pytest.mark.parametrize(("n_a", "n_b", "matches"), [(300, 200, 50.0), (200, 200, 150.0)])
def test_pairs_that_say_nothing_leave_the_number_of_matches_where_it_was(n_a: int, n_b: int, matches: float) -> None:
    i, j = np.divmod(np.arange(n_a * n_b), n_b)
    found = edge_marginals(i, j, np.full(i.size, edge_prior(matches, n_a, n_b)), sweeps=400, tolerance=1e-10)
    assert abs(found.matched - matches) < 0.02 * matches


def test_a_second_partner_is_added_only_where_it_is_probable() -> None:
    i, j = np.array([0, 0, 0]), np.array([0, 1, 2])
    probability = np.array([0.99, 0.8, 0.7])
    chosen = assign.best_matching(i, j, probability - 0.5)
    assert chosen.tolist() == [True, False, False]
    assert assign.add_seconds(i, j, chosen, probability).tolist() == [True, True, False]
