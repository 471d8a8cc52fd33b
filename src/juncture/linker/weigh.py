"""From levels of agreement to a calibrated probability for each pair, without truth and without a threshold.

Rates among non-matches are counted on random pairs of people, each as far as it is probably none. Where two fields
agree together more often than each by itself would (relatives share surname and address; first names tell the sex), the
joint rate is used. Rates among matches come from EM, whose E-step knows that a person has at most one true partner
(:mod:`juncture.kernels.marginals`). An agreement on a rare value weighs more than one on a common value.

The probability is a mean over draws of the rates from their posterior, so with few people it is duly less certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from juncture.kernels import em
from juncture.kernels.em import Floats, Levels
from juncture.kernels.marginals import edge_marginals, edge_prior
from juncture.linker.candidates import Candidates
from juncture.linker.compare import FieldPair, Index, LinkInput, Scored, score_pairs, shared_tokens

#: Fields whose agreement among non-matches is not independent.
TOGETHER = (("address", "last_name"), ("phone", "last_name"), ("address", "zip"), ("first_name", "sex"))
#: Fields that people of one household have in common.
SHARED_BY_HOUSEHOLD = frozenset({"address", "zip", "phone"})
#: Random pairs of people on which non-matches are counted, times the number of fields.
SAMPLE = 1_500_000
#: In a joint rate, how many expected pairs the assumption of independence is worth.
_TOGETHER_STRENGTH = 0.5
#: Share of equal joint tokens that may name two different people, before any are seen.
_TOKEN_ERROR = 0.02
_OUTER_ROUNDS = 4
#: What the guess of the rates among matches is worth: so many matches, or this share of the smaller file.
_PRIOR_MATCHES, _PRIOR_SHARE = 20.0, 0.05
#: A candidate that is less probable than this after the first round is weighed no further.
_HOPELESS = 3e-6


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
    most = min(a.people, b.people) * 0.995
    strength = max(_PRIOR_MATCHES, _PRIOR_SHARE * most)
    schemes = [replace(pair.scheme, strength=strength) for pair in pairs]
    sample_i, sample_j = _sample(a.people, b.people, SAMPLE // len(pairs), rng)
    total = float(a.people) * b.people
    # A household shares address and surname. Were its members taken for matches at first, EM would settle on them, so
    # what a household shares has no say yet, and is first counted as something that different people share.
    personal = [w * (pair.name not in SHARED_BY_HOUSEHOLD) for pair, w in zip(pairs, weights, strict=True)]
    guess = score_pairs(pairs, a, b, i, j, personal).weight + edge_prior(0.3 * most, a.people, b.people)
    begun = edge_marginals(i, j, guess, sweeps=30)
    probability, matches = begun.probability, max(begun.matched, 1.0)
    one_row_each = a.person.size == a.people and b.person.size == b.people
    m: Sequence[Floats] | None = None
    for outer in range(_OUTER_ROUNDS):
        token = _is_token(a, b, i, j)
        if outer == 0 or not one_row_each:
            sample = score_pairs(pairs, a, b, sample_i, sample_j, weights)
        scored = score_pairs(pairs, a, b, i, j, weights)
        unmatched = 1 - _probability_of(sample_i * b.people + sample_j, i * b.people + j, probability)
        u = _UnmatchedRates.count(pairs, sample.levels, unmatched)
        log_u = u.log(scored.levels) - rarity(pairs, scored, u.single, a.people + b.people)
        log_u -= token_evidence(token, probability, total)

        def e_step(log_ratio: Floats, number: float, i: Index = i, j: Index = j) -> tuple[Floats, float]:
            log_odds = log_ratio + edge_prior(number, a.people, b.people)
            found = edge_marginals(i, j, log_odds, sweeps=30, tolerance=1e-4)
            return found.probability, found.matched

        fit = em.fit(
            scored.levels,
            log_u,
            schemes,
            pairs=total,
            most=most,
            start=m,
            matches=matches,
            e_step=e_step,
            rounds=25 if outer else 8,
        )
        m, matches, probability = fit.m, fit.matches, fit.probability
        if outer < _OUTER_ROUNDS - 1:
            weights = [np.log(one) - np.log(other) for one, other in zip(fit.m, u.single, strict=True)]
            hopeful = probability >= _HOPELESS
            i, j, probability = i[hopeful], j[hopeful], probability[hopeful]
    drawn = _draw_log_odds(fit, scored.levels, log_u, schemes, (a.people, b.people, most), draws, rng)
    averaged = np.mean([edge_marginals(i, j, row).probability for row in drawn], axis=0) if i.size else probability
    both = {pair.name: (one, other) for pair, one, other in zip(pairs, fit.m, u.single, strict=True)}
    return Weighed(i, j, fit.log_ratio, averaged, drawn, matches, both)


def _sample(n_a: int, n_b: int, size: int, rng: np.random.Generator) -> tuple[Index, Index]:
    """Random pairs of people, or all where there are few."""
    if n_a * n_b <= size:
        code = np.arange(n_a * n_b)
        return code // max(1, n_b), code % max(1, n_b)
    return rng.integers(0, n_a, size), rng.integers(0, n_b, size)


def _probability_of(code: Index, candidates: Index, probability: Floats) -> Floats:
    """Probability of each pair by its number; 0 where it is no candidate. ``candidates`` rise."""
    if not candidates.size:
        return np.zeros(code.size)
    place = np.minimum(np.searchsorted(candidates, code), candidates.size - 1)
    return np.where(candidates[place] == code, probability[place], 0.0)


@dataclass(frozen=True)
class _UnmatchedRates:
    """Rates of levels among non-matches: ``single`` a field each, and log of how much more often two go together."""

    single: tuple[Floats, ...]
    together: dict[tuple[int, int], Floats]

    @classmethod
    def count(cls, pairs: Sequence[FieldPair], sample: Levels, unmatched: Floats) -> _UnmatchedRates:
        """Counts of a sample of pairs, each with its probability of being no match."""
        single = []
        for column, pair in enumerate(pairs):
            counts = em.count_levels(sample[:, column], pair.scheme.size, unmatched)
            single.append(em.rates(counts, pair.scheme, np.full(pair.scheme.size, 0.5), 1.0))
        names = [pair.name for pair in pairs]
        together = {}
        for one, other in TOGETHER:
            if one in names and other in names:
                x, y = names.index(one), names.index(other)
                together[x, y] = _lift(pairs[x], pairs[y], sample[:, [x, y]], unmatched, (single[x], single[y]))
        return cls(tuple(single), together)

    def log(self, levels: Levels) -> Floats:
        """Log-probability of each pair's levels among non-matches."""
        total = em.log_m_of(levels, self.single)
        for (x, y), lift in self.together.items():
            total += lift[levels[:, x], levels[:, y]]
        return total


def _lift(one: FieldPair, other: FieldPair, sample: Levels, unmatched: Floats, single: tuple[Floats, Floats]) -> Floats:
    """Log ratio of joint to independent rates, 0 where a field is missing; a cell with few expected pairs stays near
    independence (a gamma prior worth ``_TOGETHER_STRENGTH`` expected pairs)."""
    shape = (one.scheme.size, other.scheme.size)
    cell = np.ravel_multi_index((sample[:, 0], sample[:, 1]), shape)
    seen = np.bincount(cell, weights=unmatched, minlength=shape[0] * shape[1]).reshape(shape)
    stratum = (np.asarray(one.scheme.stratum)[:, None], np.asarray(other.scheme.stratum)[None, :])
    compared = np.zeros(shape)
    for s in np.unique(stratum[0]):
        for t in np.unique(stratum[1]):
            both = (stratum[0] == s) & (stratum[1] == t)
            compared[both] = seen[both].sum()
    expected = compared * single[0][:, None] * single[1][None, :]
    lift = np.log(seen + _TOGETHER_STRENGTH) - np.log(expected + _TOGETHER_STRENGTH)
    return np.where((stratum[0] > 0) & (stratum[1] > 0), lift, 0.0)


def rarity(pairs: Sequence[FieldPair], scored: Scored, single: Sequence[Floats], people: int) -> Floats:
    """What equal encodings say beyond the average agreement, in log units, float64 [pairs].

    With u the average rate of equality and c other bearers among N people, a value's rate is (c + 1) / (N + 1 / u):
    the posterior mean under a prior worth one bearer, so a value that nobody else bears is about as rare as the file
    is large, and never rarer than the average by more than the file can tell.

    Nothing is added where surname and an address are both equal: that is what relatives have in common, however rare
    either is, and their joint rate is counted as it stands.
    """
    total = np.zeros(scored.weight.size)
    equal = {pair.name: scored.levels[:, column] == pair.exact for column, pair in enumerate(pairs)}
    home = np.zeros(total.size, dtype=np.bool_)
    for name in SHARED_BY_HOUSEHOLD & set(equal):
        home |= equal[name]
    relatives = home & equal.get("last_name", np.zeros(total.size, dtype=np.bool_))
    for column, pair in enumerate(pairs):
        if pair.kind == "record" or pair.name == "sex":
            continue
        shared = pair.name == "last_name" or pair.name in SHARED_BY_HOUSEHOLD
        here = np.flatnonzero(equal[pair.name] & ~(relatives & shared))
        u = float(single[column][pair.exact])
        others = pair.a.others[pair.a.code[scored.row_a[here]]]
        total[here] += np.log(u) - np.log((others + 1) / (people + 1 / u))
    return total


def _is_token(a: LinkInput, b: LinkInput, i: Index, j: Index) -> NDArray[np.bool_]:
    left, right = shared_tokens(a, b)
    return np.isin(i * b.people + j, left * b.people + right)


def token_evidence(token: NDArray[np.bool_], probability: Floats, total: float) -> Floats:
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
