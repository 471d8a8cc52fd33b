"""How probable each pair is when a person has one true partner, or none, or, rarely, two records of one.

The matchings M of a bipartite graph have weight ``product of odds over M x second ** (number of ends used twice)``;
no end is used three times. Marginals come from belief propagation, which for matchings converges and is exact on
trees (Zdeborova and Mezard 2006; Bayati and Nair 2006); candidate graphs of people are very nearly trees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.integer]

#: Weight of a second partner for one person: agencies have joined their own records, so a double is rare.
SECOND = 0.02

#: Log-odds beyond these say nothing more and would cost digits.
_LOW, _HIGH = -40.0, 25.0


def edge_prior(matches: float, n_a: int, n_b: int) -> float:
    """Log-odds of an edge in a random matching expected to have ``matches`` edges, between ``n_a`` and ``n_b`` people.

    ``matches / ((n_a - matches) (n_b - matches))``: the activity at which the complete graph has that many.
    """
    free_a, free_b = max(n_a - matches, 1.0), max(n_b - matches, 1.0)
    return float(np.log(max(matches, 1e-9)) - np.log(free_a) - np.log(free_b))


def edge_marginals(
    i: Index,
    j: Index,
    log_odds: Floats,
    *,
    second: float = SECOND,
    sweeps: int = 200,
    tolerance: float = 1e-6,
) -> Floats:
    """Probability that each edge ``i[e] - j[e]`` is in the matching, float64 [edges].

    ``log_odds``: of each edge as if its two ends had nobody else.
    """
    if i.size == 0:
        return np.zeros(0)
    odds = np.exp(np.clip(log_odds, _LOW, _HIGH))
    from_a, from_b = np.ones(odds.size), np.ones(odds.size)
    before = np.zeros(odds.size)
    for _ in range(sweeps):
        from_a = np.sqrt(from_a * _message(i, odds * from_b, second))
        from_b = np.sqrt(from_b * _message(j, odds * from_a, second))
        joint = odds * from_a * from_b
        now = joint / (1 + joint)
        if np.abs(now - before).max() < tolerance:
            break
        before = now
    return now


def _message(node: Index, incoming: Floats, second: float) -> Floats:
    """Odds-factor that each edge gets from one of its ends, given what the end's other edges offer.

    With s the sum of the others' offers and q the sum over pairs of them, an end that takes this edge may also take
    one other (``1 + second s``); one that does not may take none, one, or two (``1 + s + second q``).
    """
    total = np.bincount(node, weights=incoming)[node]
    squares = np.bincount(node, weights=incoming * incoming)[node]
    others = np.maximum(total - incoming, 0.0)
    doubles = np.maximum(others * others - (squares - incoming * incoming), 0.0) / 2
    return np.asarray((1 + second * others) / (1 + others + second * doubles))
