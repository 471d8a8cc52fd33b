"""Fellegi-Sunter by expectation-maximisation over levels of agreement, steady with few matches.

A comparison grades a pair into one of a few levels, and each level belongs to a stratum: what could be compared at
all. Rates are taken within a stratum, so a level alone in its stratum (*missing*) weighs nothing, and a comparison of
partial dates never competes with one of full dates.

- The rates among non-matches (u) come straight from random pairs, less the matches among them, not from EM.
- The rates among matches (m) and the number of matches are fitted to candidate pairs; all other pairs count as
  non-matches. Each m has a Dirichlet prior, so a few dozen matches cannot drive a rate to 0 or 1.
- The E-step is an argument: independent pairs (the textbook's, under which the penalised likelihood never falls), or
  marginals of one-to-one matchings (:mod:`juncture.kernels.marginals`), as in Sadinle (2017, JASA 112, 600-612).

Source: Fellegi and Sunter (1969), Winkler (1988); priors as in Enamorado, Fifield and Imai (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Levels = NDArray[np.uint8]

#: ``e_step(log_ratio [pairs], matches) -> probability [pairs], expected number of matches``
EStep = Callable[[Floats, float], tuple[Floats, float]]


@dataclass(frozen=True)
class Scheme:
    """The levels of one comparison.

    ``stratum``: which stratum each level belongs to. ``prior``: guess of the rates among matches, summing to 1 in
    each stratum; ``strength``: how many matches that guess is worth, a stratum. ``rising``: where given, a weight a
    level, and rates over weights never fall from a level to the next of its stratum.
    """

    name: str
    stratum: tuple[int, ...]
    prior: tuple[float, ...]
    strength: float = 10.0
    rising: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.stratum) != len(self.prior):
            raise ValueError("a scheme has one prior a level")
        totals = np.bincount(self.stratum, weights=self.prior)
        if not np.allclose(totals[np.unique(self.stratum)], 1) or min(self.prior) <= 0 or self.strength <= 0:
            raise ValueError("priors are positive and sum to 1 in each stratum")

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.stratum)


def count_levels(levels: Levels, size: int, weights: Floats | None = None) -> Floats:
    """(Weighted) number of pairs at each level of one comparison, float64 [size]."""
    return np.bincount(levels, weights=weights, minlength=size).astype(np.float64)


def rates(counts: Floats, scheme: Scheme, prior: Floats, strength: float) -> Floats:
    """Posterior mean rates within strata, float64 [levels], of ``counts`` under ``strength * prior``."""
    stratum = np.asarray(scheme.stratum)
    return _shares(counts + strength * prior, scheme, stratum)


def _shares(raised: Floats, scheme: Scheme, stratum: NDArray[np.int64]) -> Floats:
    if scheme.rising is not None:
        weights = np.asarray(scheme.rising)
        for one in np.unique(stratum):
            here = np.flatnonzero(stratum == one)
            raised[here] = rising_counts(raised[here], weights[here])
    return np.asarray(raised / np.bincount(stratum, weights=raised)[stratum])


def rising_counts(counts: Floats, weights: Floats) -> Floats:
    """``counts`` moved between neighbouring levels, as little as makes ``counts / weights`` rise; their sum stays.

    Pooling of adjacent violators (Ayer et al. 1955), which maximises the multinomial likelihood under that order.
    """
    blocks: list[tuple[float, float, int]] = []
    for count, rate in zip(counts.tolist(), weights.tolist(), strict=True):
        block = (count, rate, 1)
        while blocks and blocks[-1][0] * block[1] > block[0] * blocks[-1][1]:
            before = blocks.pop()
            block = (before[0] + block[0], before[1] + block[1], before[2] + block[2])
        blocks.append(block)
    sizes = [size for _, _, size in blocks]
    return np.repeat([count / rate for count, rate, _ in blocks], sizes) * weights


def draw_rates(counts: Floats, scheme: Scheme, rng: np.random.Generator) -> Floats:
    """Rates drawn from their Dirichlet posterior, stratum by stratum."""
    stratum = np.asarray(scheme.stratum)
    raised = np.maximum(rng.gamma(counts + scheme.strength * np.asarray(scheme.prior)), 1e-9)
    return _shares(raised, scheme, stratum)


def independent(log_ratio: Floats, matches: float, pairs: float) -> Floats:
    """Probability of each pair by itself when ``matches`` of ``pairs`` match."""
    log_odds = log_ratio + np.log(matches) - np.log(max(pairs - matches, 1e-9))
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -700, 700))))


@dataclass(frozen=True)
class Fit:
    """What EM settled on.

    ``m``: rates among matches a comparison; ``counts``: expected matches at each level; ``matches``: expected number
    of matches; ``log_ratio``, ``probability`` float64 [pairs]; ``objective``: penalised log-likelihood after each
    round under independent pairs (a yardstick only, where another E-step was used).
    """

    m: tuple[Floats, ...]
    counts: tuple[Floats, ...]
    matches: float
    log_ratio: Floats
    probability: Floats
    objective: tuple[float, ...]


def log_m_of(levels: Levels, m: Sequence[Floats]) -> Floats:
    """Summed log rates among matches of each pair's levels, float64 [pairs]."""
    total = np.zeros(levels.shape[0])
    for column, rate in enumerate(m):
        total += np.log(rate)[levels[:, column]]
    return total


def fit(
    levels: Levels,
    log_u: Floats,
    schemes: Sequence[Scheme],
    *,
    pairs: float,
    most: float,
    start: Sequence[Floats] | None = None,
    matches: float | None = None,
    e_step: EStep | None = None,
    rounds: int = 60,
    tolerance: float = 1e-4,
) -> Fit:
    """Fit m and the number of matches to candidate pairs.

    ``levels`` uint8 [pairs, comparisons]; ``log_u`` log-probability of each candidate's levels among non-matches;
    ``pairs``: number of all pairs, candidates or not; ``most``: no more matches than this (people on the smaller
    side). Ends when no rate moves by more than ``tolerance``.
    """

    def alone(ratio: Floats, number: float) -> tuple[Floats, float]:
        each = independent(ratio, number, pairs)
        return each, float(each.sum())

    step = e_step or alone
    m = [np.asarray(one) for one in start] if start else [np.asarray(scheme.prior) for scheme in schemes]
    number = matches if matches is not None else 0.3 * most
    objective = []
    for _ in range(rounds):
        log_ratio = log_m_of(levels, m) - log_u
        objective.append(_objective(log_ratio, m, schemes, number, pairs))
        probability, found = step(log_ratio, number)
        counts = [count_levels(levels[:, f], s.size, probability) for f, s in enumerate(schemes)]
        fresh = [rates(c, s, np.asarray(s.prior), s.strength) for c, s in zip(counts, schemes, strict=True)]
        before, number = number, float(np.clip((found + 1) * pairs / (pairs + 1), 1, most))
        moved = max([float(np.abs(a - b).max()) for a, b in zip(fresh, m, strict=True)], default=0.0)
        m = fresh
        if moved < tolerance and abs(number - before) < tolerance * max(1.0, number):
            break
    log_ratio = log_m_of(levels, m) - log_u
    objective.append(_objective(log_ratio, m, schemes, number, pairs))
    probability, _ = step(log_ratio, number)
    counts = [count_levels(levels[:, f], s.size, probability) for f, s in enumerate(schemes)]
    return Fit(tuple(m), tuple(counts), number, log_ratio, probability, tuple(objective))


def _objective(
    log_ratio: Floats, m: Sequence[Floats], schemes: Sequence[Scheme], matches: float, pairs: float
) -> float:
    """Log-likelihood over that of no match at all, plus the log priors (Dirichlet; one match's worth for the rate)."""
    share = matches / pairs
    data = np.logaddexp(np.log(share) + log_ratio, np.log1p(-share)).sum()
    rest = (pairs - log_ratio.size) * np.log1p(-share) + np.log(share)
    prior = sum(
        float((scheme.strength * np.asarray(scheme.prior) * np.log(rate)).sum())
        for scheme, rate in zip(schemes, m, strict=True)
    )
    return float(data + rest + prior)
