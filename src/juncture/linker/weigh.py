"""From levels of agreement to a calibrated probability for each pair, without truth and without a threshold.

Rates among non-matches are counted on random pairs of people, less the matches among them. Where two fields agree
together more often than each by itself would (relatives share surname and address; first names tell the sex), the
joint rate is used. Rates among matches come from EM, whose E-step knows that a person has at most one true partner
(:mod:`juncture.kernels.marginals`). An agreement on a rare value weighs more than one on a common value.

The probability is a mean over draws of the rates from their posterior, so with few people it is duly less certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from juncture.kernels import em
from juncture.kernels.em import Floats, Levels
from juncture.kernels.marginals import edge_marginals, edge_prior
from juncture.linker.candidates import Candidates
from juncture.linker.compare import FieldPair, Index, LinkInput, Scored, score_pairs, shared_tokens

#: Fields whose agreement among non-matches is not independent.
TOGETHER = (("address", "last_name"), ("first_name", "sex"))
#: Random pairs of people on which non-matches are counted.
SAMPLE = 400_000
#: In a joint rate, how many expected pairs the assumption of independence is worth.
_TOGETHER_STRENGTH = 4.0
#: Share of equal joint tokens that may name two different people, before any are seen.
_TOKEN_ERROR = 0.02
_OUTER_ROUNDS = 4


@dataclass(frozen=True)
class Weighed:
    """Candidate pairs with log likelihood ratio ``weight`` (natural), ``probability``, and, a draw of the rates each,
    ``log_odds`` [draws, pairs]. ``matches``: expected number. ``rates``: by field, m and u a level."""

    i: Index
    j: Index
    weight: Floats
    probability: Floats
    log_odds: Floats
    matches: float
    rates: dict[str, tuple[Floats, Floats]]


def weigh(
    pairs: Sequence[FieldPair],
    a: LinkInput,
    b: LinkInput,
    candidates: Candidates,
    weights: Sequence[Floats],
    *,
    draws: int,
    rng: np.random.Generator,
) -> Weighed:
    """Weigh ``candidates``; ``weights`` are the log-weights of levels that first choose each pair's spellings."""
    i, j = candidates.i, candidates.j
    schemes = [pair.scheme for pair in pairs]
    sample_i, sample_j, share = _sample(a.people, b.people, rng)
    most = min(a.people, b.people) * 0.995
    total = float(a.people) * b.people
    token = _is_token(a, b, i, j)

    def e_step(log_ratio: Floats, matches: float) -> Floats:
        return edge_marginals(i, j, log_ratio + edge_prior(matches, a.people, b.people), sweeps=30, tolerance=1e-4)

    matches = 0.3 * most
    scored = score_pairs(pairs, a, b, i, j, weights)
    probability = e_step(scored.weight, matches)
    fit: em.Fit | None = None
    m: Sequence[Floats] | None = None
    for _ in range(_OUTER_ROUNDS):
        sample = score_pairs(pairs, a, b, sample_i, sample_j, weights)
        scored = score_pairs(pairs, a, b, i, j, weights)
        u = _UnmatchedRates.count(pairs, sample.levels, scored.levels, probability * share)
        log_u = u.log(scored.levels) - rarity(pairs, scored, u.single, a.people + b.people)
        log_u -= token_evidence(token, probability, total)
        fit = em.fit(
            scored.levels, log_u, schemes, pairs=total, most=most, start=m, matches=matches, e_step=e_step, rounds=25
        )
        m, matches, probability = fit.m, fit.matches, fit.probability
        weights = [np.log(one) - np.log(other) for one, other in zip(fit.m, u.single, strict=True)]
    assert fit is not None
    drawn = _draw_log_odds(fit, scored.levels, log_u, schemes, (a.people, b.people, most), draws, rng)
    averaged = np.mean([edge_marginals(i, j, row) for row in drawn], axis=0) if i.size else probability
    both = {pair.name: (one, other) for pair, one, other in zip(pairs, fit.m, u.single, strict=True)}
    return Weighed(i, j, fit.log_ratio, averaged, drawn, matches, both)


def _sample(n_a: int, n_b: int, rng: np.random.Generator) -> tuple[Index, Index, float]:
    """Random pairs of people (all, where there are few) and the share of all pairs that they are."""
    if n_a * n_b <= SAMPLE:
        code = np.arange(n_a * n_b)
        return code // max(1, n_b), code % max(1, n_b), 1.0
    return rng.integers(0, n_a, SAMPLE), rng.integers(0, n_b, SAMPLE), SAMPLE / (n_a * n_b)


@dataclass(frozen=True)
class _UnmatchedRates:
    """Rates of levels among non-matches: ``single`` a field each, and log of how much more often two go together."""

    single: tuple[Floats, ...]
    together: dict[tuple[int, int], Floats]

    @classmethod
    def count(cls, pairs: Sequence[FieldPair], sample: Levels, candidates: Levels, matched: Floats) -> _UnmatchedRates:
        """Counts of a sample of pairs less those of its expected matches (``matched``, a weight a candidate)."""
        single = []
        for column, pair in enumerate(pairs):
            size = pair.scheme.size
            counts = em.count_levels(sample[:, column], size) - em.count_levels(candidates[:, column], size, matched)
            even = np.full(size, 0.5)
            single.append(em.rates(np.maximum(counts, 0), pair.scheme, even, 1.0))
        names = [pair.name for pair in pairs]
        together = {}
        for one, other in TOGETHER:
            if one in names and other in names:
                x, y = names.index(one), names.index(other)
                together[x, y] = _lift(pairs[x], pairs[y], (x, y), sample, candidates, matched, single)
        return cls(tuple(single), together)

    def log(self, levels: Levels) -> Floats:
        """Log-probability of each pair's levels among non-matches."""
        total = em.log_m_of(levels, self.single)
        for (x, y), lift in self.together.items():
            total += lift[levels[:, x], levels[:, y]]
        return total


def _lift(
    one: FieldPair,
    other: FieldPair,
    columns: tuple[int, int],
    sample: Levels,
    candidates: Levels,
    matched: Floats,
    single: Sequence[Floats],
) -> Floats:
    """Log ratio of joint to independent rates, 0 where a field is missing; a cell with few expected pairs stays near
    independence (a gamma prior worth ``_TOGETHER_STRENGTH`` expected pairs)."""
    shape = (one.scheme.size, other.scheme.size)
    x, y = columns

    def count(levels: Levels, weights: Floats | None) -> Floats:
        code = levels[:, x].astype(np.int64) * shape[1] + levels[:, y]
        return em.count_levels(code.astype(np.int64), shape[0] * shape[1], weights).reshape(shape)  # type: ignore[arg-type]

    seen = np.maximum(count(sample, None) - count(candidates, matched), 0)
    stratum = (np.asarray(one.scheme.stratum)[:, None], np.asarray(other.scheme.stratum)[None, :])
    known = (stratum[0] > 0) & (stratum[1] > 0)
    seen[~known] = 0
    compared = np.zeros(shape)
    for s in np.unique(stratum[0]):
        for t in np.unique(stratum[1]):
            cell = (stratum[0] == s) & (stratum[1] == t)
            compared[cell] = seen[cell].sum()
    expected = compared * single[x][:, None] * single[y][None, :]
    lift = np.log(seen + _TOGETHER_STRENGTH) - np.log(expected + _TOGETHER_STRENGTH)
    return np.where(known, lift, 0.0)


def rarity(pairs: Sequence[FieldPair], scored: Scored, single: Sequence[Floats], people: int) -> Floats:
    """What equal encodings say beyond the average agreement, in log units, float64 [pairs].

    With u the average rate of equality and c other bearers among N people, a value's rate is (c + 1) / (N + 1 / u):
    the posterior mean under a prior worth one bearer, so a value that nobody else bears is about as rare as the file
    is large, and never rarer than the average by more than the file can tell.
    """
    total = np.zeros(scored.weight.size)
    for column, pair in enumerate(pairs):
        if pair.kind == "record" or pair.name == "sex":
            continue
        equal = np.flatnonzero(scored.levels[:, column] == pair.exact)
        u = float(single[column][pair.exact])
        others = pair.a.others[pair.a.code[scored.row_a[equal]]]
        total[equal] += np.log(u) - np.log((others + 1) / (people + 1 / u))
    return total


def _is_token(a: LinkInput, b: LinkInput, i: Index, j: Index) -> np.typing.NDArray[np.bool_]:
    left, right = shared_tokens(a, b)
    return np.isin(i * b.people + j, left * b.people + right)


def token_evidence(token: np.typing.NDArray[np.bool_], probability: Floats, total: float) -> Floats:
    """Log likelihood ratio of an equal joint token, 0 without one (most people have none, so none says little)."""
    out = np.zeros(token.size)
    tokens = float(token.sum())
    if tokens:
        right = float(probability[token].sum())
        m = (right + 1) / (float(probability.sum()) + 4)
        u = (tokens - right + _TOKEN_ERROR * tokens + 0.5) / total
        out[token] = np.log(min(m, 1.0)) - np.log(u)
    return out


def _draw_log_odds(
    fit: em.Fit,
    levels: Levels,
    log_u: Floats,
    schemes: Sequence[em.Scheme],
    sizes: tuple[int, int, float],
    draws: int,
    rng: np.random.Generator,
) -> Floats:
    """Log-odds of every pair under ``draws`` draws of m and of the number of matches from their posteriors."""
    n_a, n_b, most = sizes
    out = np.empty((draws, levels.shape[0]))
    for row in range(draws):
        m = [em.draw_rates(c, s, rng) for c, s in zip(fit.counts, schemes, strict=True)]
        share = rng.beta(1 + fit.matches, 1 + max(most - fit.matches, 0))
        out[row] = em.log_m_of(levels, m) - log_u + edge_prior(min(share, 0.995) * most, n_a, n_b)
    return out
