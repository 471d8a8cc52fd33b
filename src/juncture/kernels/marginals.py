"""How probable each pair is when a person has one true partner, or none, or, rarely, two records of one.

The matchings M of a bipartite graph have weight ``product of odds over M x second ** (number of ends used twice)``;
no end is used three times. Marginals come from belief propagation, which for matchings converges and is exact on
trees (Zdeborova and Mezard 2006; Bayati and Nair 2006); candidate graphs of people are very nearly trees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.integer]

#: Weight of a second partner for one person: agencies have joined their own records, so a double is rare.
SECOND = 0.02

#: Log-odds beyond these say nothing more and would cost digits.
_LOW, _HIGH = -40.0, 25.0


def edge_prior(matches: float, n_a: int, n_b: int, *, second: float = SECOND) -> float:
    """Log-odds of an edge in a random matching of ``n_a`` and ``n_b`` people of whom about ``matches`` have a partner.

    The odds at which belief propagation on the complete graph leaves that many people matched, so that pairs which
    say nothing leave the expected number where it was. Without seconds that is
    ``matches / ((n_a - matches) (n_b - matches))``.
    """
    offers = []
    for size in (n_a, n_b):
        ratio = max(matches, 1e-9) / max(size - matches, 0.5)
        offers.append(2 * ratio / (1 + np.sqrt(1 + 2 * second * ratio)))
    factor = [(1 + second * s) / (1 + s + second * s * s / 2) for s in offers]
    sides = offers[0] / n_b / factor[1], offers[1] / n_a / factor[0]
    return float(np.log(sides).mean())


@dataclass(frozen=True)
class Marginals:
    """``probability`` of each edge, float64 [edges]; ``matched``: expected number of people with a partner, the mean of
    both sides (smaller than the sum of probabilities by the seconds)."""

    probability: Floats
    matched: float


def edge_marginals(
    i: Index,
    j: Index,
    log_odds: Floats,
    *,
    second: float = SECOND,
    sweeps: int = 200,
    tolerance: float = 1e-6,
) -> Marginals:
    """How probable each edge ``i[e] - j[e]`` is.

    ``log_odds``: of each edge as if its two ends had nobody else.
    """
    if i.size == 0:
        return Marginals(np.zeros(0), 0.0)
    odds = np.exp(np.clip(log_odds, _LOW, _HIGH))
    from_a, from_b = np.ones(odds.size), np.ones(odds.size)
    now = np.zeros(odds.size)
    for _ in range(sweeps):
        from_a = np.sqrt(from_a * _message(i, odds * from_b, second))
        from_b = np.sqrt(from_b * _message(j, odds * from_a, second))
        joint = odds * from_a * from_b
        before, now = now, joint / (1 + joint)
        if np.abs(now - before).max() < tolerance:
            break
    matched = (_matched(i, odds * from_b, second) + _matched(j, odds * from_a, second)) / 2
    return Marginals(now, matched)


def _matched(node: Index, incoming: Floats, second: float) -> float:
    total = np.bincount(node, weights=incoming)
    doubles = np.maximum(total * total - np.bincount(node, weights=incoming * incoming), 0.0) / 2
    return float((1 - 1 / (1 + total + second * doubles)).sum())


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
