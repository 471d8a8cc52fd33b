"""From levels of agreement to a calibrated probability for each pair, without truth and without a threshold.

Rates among people who are not the same come from :mod:`juncture.linker.unmatched`. Rates among matches come from EM,
whose E-step knows that a person has at most one true partner (:mod:`juncture.kernels.marginals`); they go by the number
of pairs of rows of which the best is taken, and those of the surname by the sex that both files give, since in many
places women change it and men do not. Each class's rates lean on the rates of all.

The probability is a mean over draws of the rates from their posterior, so with few people it is duly less certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from juncture.kernels import em
from juncture.kernels.em import Floats, Levels, Scheme
from juncture.kernels.marginals import edge_marginals, edge_prior
from juncture.kernels.rows import among
from juncture.linker.candidates import Candidates
from juncture.linker.compare import FieldPair, Index, LinkInput, with_order
from juncture.linker.score import RowPairs
from juncture.linker.unmatched import HOME, Relatives, Strangers, alike_in, rarity, row_class, same_home

#: Random pairs of people on which non-matches are counted, times the number of fields.
SAMPLE = 1_500_000
#: Share of equal joint tokens that may name two different people, before any are seen.
_TOKEN_ERROR = 0.02
#: Rounds in which spellings are chosen anew, and in each how often non-matches are counted anew.
_OUTER_ROUNDS, _INNER_ROUNDS = 4, 3
#: What the guess of the rates among matches is worth: so many matches, or this share of them.
_PRIOR_MATCHES, _PRIOR_SHARE = 20.0, 0.05
#: What the rates of all matches are worth in those of one class.
_CLASS_MATCHES, _CLASS_MATCHES_RECORD = 25.0, 5.0
#: A candidate that is less probable than this after the first round is weighed no further.
_HOPELESS = 3e-6


@dataclass(frozen=True)
class Weighed:
    """Candidate pairs with log likelihood ratio ``weight`` (natural), ``probability``, and, a draw of the rates each,
    ``log_odds`` [draws, pairs]. ``matches``: expected number. ``rates``: by field, m and u a level. ``token`` bool
    [pairs]: which share a joint token; ``alone``: the probability without that evidence."""

    i: Index
    j: Index
    weight: Floats
    probability: Floats
    log_odds: Floats
    matches: float
    rates: dict[str, tuple[Floats, Floats]]
    token: NDArray[np.bool_]
    alone: Floats


@dataclass(frozen=True)
class _Pairs:
    """Scored pairs of people: ``weight`` [pairs] of the best pair of rows, ``levels`` and the distinct values they come
    from, ``code_a`` and ``code_b`` [pairs, fields], and the classes by which rates go: that of rows, and of the sex."""

    weight: Floats
    levels: Levels
    code_a: NDArray[np.int32]
    code_b: NDArray[np.int32]
    rows: Index
    sexes: Index

    @classmethod
    def of(cls, fields: Sequence[FieldPair], rows: RowPairs, weights: Sequence[Floats]) -> _Pairs:
        scored = rows.best(weights)
        levels = scored.levels
        code_a, code_b = np.empty(levels.shape, dtype=np.int32), np.empty(levels.shape, dtype=np.int32)
        for column, (field, weight) in enumerate(zip(fields, weights, strict=True)):
            chosen = (levels[:, column], scored.row_a, scored.row_b)
            if field.kind not in ("order", "record"):
                chosen = rows.filled(column, chosen, weight)
            levels[:, column] = chosen[0]
            code_a[:, column], code_b[:, column] = field.a.code[chosen[1]], field.b.code[chosen[2]]
        _settle(fields, levels)
        return cls(scored.weight, levels, code_a, code_b, row_class(rows.many), _sex_class(fields, levels, code_a))


def _settle(fields: Sequence[FieldPair], levels: Levels) -> None:
    """Let exchanged names, once seen as such, say nothing each by itself."""
    column = {field.name: number for number, field in enumerate(fields)}
    if "order" in column:
        for name in ("last_name", "first_name"):
            levels[levels[:, column["order"]] == 1, column[name]] = 0


def _sex_class(fields: Sequence[FieldPair], levels: Levels, code_a: NDArray[np.int32]) -> Index:
    """1 and 2 where both rows give the same of the two commonest sexes, 0 elsewhere."""
    out = np.zeros(len(levels), dtype=np.int64)
    for column, field in enumerate(fields):
        if field.name == "sex":
            common = np.argsort(-field.a.bearers, kind="stable")[:2]
            for place, value in enumerate(common.tolist()):
                out[(levels[:, column] == field.exact) & (code_a[:, column] == value)] = place + 1
    return out


def _in_classes(fields: Sequence[FieldPair], pairs: _Pairs) -> Levels:
    """Levels with their class: class times the number of levels, plus the level."""
    out = np.empty_like(pairs.levels)
    for column, field in enumerate(fields):
        kind = pairs.rows * 3 + pairs.sexes if field.name == "last_name" else pairs.rows
        out[:, column] = pairs.levels[:, column] + kind * field.scheme.size
    return out


def _class_schemes(fields: Sequence[FieldPair], pooled: Sequence[Floats], strangers: Strangers) -> list[Scheme]:
    out = []
    for field, rate, u in zip(fields, pooled, strangers.by_class, strict=True):
        sexes = 3 if field.name == "last_name" else 1
        classes = len(u) * sexes
        strata = max(field.scheme.stratum) + 1
        stratum = [one + strata * c for c in range(classes) for one in field.scheme.stratum]
        rising = tuple(np.concatenate([_rising(field, one) for one in u]).tolist()) if field.kind == "record" else None
        strength = _CLASS_MATCHES if rising is None else _CLASS_MATCHES_RECORD
        out.append(Scheme(field.name, tuple(stratum), tuple(rate.tolist()) * classes, strength, rising))
    return out


def _rising(field: FieldPair, u: Floats) -> Floats:
    """Weights over which the rates of a whole record's levels rise. Only one similarity is known of a record; without
    an order among its levels nothing would tie them together, and a hump of relatives would pass for matches. More
    alike is never less probable; in the lower half, matches do not grow more where records are less alike."""
    out = np.ones_like(u)
    levels = len(field.cuts) + 2
    half = (2 * levels + 4) // 3
    for start in range(1, u.size, levels):
        part = slice(start + half, start + levels)
        out[part] = np.minimum.accumulate(np.minimum(u[part] / u[start + half - 1], 1.0))
    return out


def weigh(
    fields: Sequence[FieldPair],
    a: LinkInput,
    b: LinkInput,
    candidates: Candidates,
    weights: Sequence[Floats],
    *,
    draws: int,
    rng: np.random.Generator,
) -> Weighed:
    """Weigh ``candidates``; ``weights`` are the log-weights of levels that first choose each pair's spellings."""
    i, j, token = candidates.i, candidates.j, candidates.token
    most = min(a.people, b.people) * 0.995
    sample_i, sample_j = _sample(a.people, b.people, SAMPLE // len(fields), rng)
    home_i, home_j = same_home(fields, a, b, rng)
    sample_rows = RowPairs.graded(fields, a, b, sample_i, sample_j)
    home_rows = RowPairs.graded(fields, a, b, home_i, home_j)
    total = float(a.people) * b.people
    # A household shares address and surname. Were its members taken for matches at first, EM would settle on them, so
    # what a household shares has no say yet, and is first counted as something that different people share.
    personal = [w * (field.name not in HOME) for field, w in zip(fields, weights, strict=True)]
    rows = RowPairs.graded(fields, a, b, i, j)
    guess = rows.best(personal).weight + edge_prior(0.3 * most, a.people, b.people)
    begun = edge_marginals(i, j, guess, sweeps=30)
    probability, matches = begun.probability, max(begun.matched, 1.0)
    if any(field.kind == "record" for field in fields):
        # Rates of high levels would be those of the matches among the random pairs: leave out who fits best, at first.
        probability = np.maximum(probability, 0.9 * _each_others_best(i, j, guess))
    one_row_each = a.person.size == a.people and b.person.size == b.people
    pooled: list[Floats] = [np.asarray(field.scheme.prior) for field in fields]
    m: Sequence[Floats] | None = None
    for outer in range(_OUTER_ROUNDS):
        if outer == 0 or not one_row_each:
            sample = _Pairs.of(fields, sample_rows, weights)
            homes = _Pairs.of(fields, home_rows, weights)
        pairs = _Pairs.of(fields, rows, weights)
        classed = _in_classes(fields, pairs)

        def e_step(log_ratio: Floats, number: float, i: Index = i, j: Index = j) -> tuple[Floats, float]:
            log_odds = log_ratio + edge_prior(number, a.people, b.people)
            found = edge_marginals(i, j, log_odds, sweeps=30, tolerance=1e-4)
            return found.probability, found.matched

        if outer == 0:
            homes_code = home_i * b.people + home_j
            probability = _not_relatives(fields, pairs, i * b.people + j, homes_code, probability)
            matches = float(np.clip(probability.sum(), 1.0, matches))
        for _ in range(_INNER_ROUNDS):
            code = i * b.people + j
            strangers = Strangers.count(
                fields,
                sample.levels,
                sample.rows,
                1 - _probability_of(sample_i * b.people + sample_j, code, probability),
            )
            relatives = Relatives.count(
                fields,
                homes.levels,
                1 - _probability_of(homes_code, code, probability),
                pooled,
                strangers.single,
            )
            other = _Unmatched(fields, pairs, strangers, relatives, a.people + b.people, total)
            evidence = token_evidence(token, probability, total)
            schemes = _class_schemes(fields, pooled, strangers)
            fit = em.fit(
                classed,
                other.log(pooled) - evidence,
                schemes,
                pairs=total,
                most=most,
                start=m,
                matches=matches,
                e_step=e_step,
                rounds=8,
            )
            m, matches, probability = fit.m, fit.matches, fit.probability
            guesses = _guesses(fields, strangers, max(_PRIOR_MATCHES, _PRIOR_SHARE * matches))
            pooled = _pooled(fields, fit.counts, guesses)
        if outer < _OUTER_ROUNDS - 1:
            rough = [np.log(one) - np.log(u) for one, u in zip(pooled, strangers.single, strict=True)]
            weights = with_order(fields, rough)
            hopeful = (probability >= _HOPELESS) | token
            i, j, token, probability = i[hopeful], j[hopeful], token[hopeful], probability[hopeful]
            rows = rows.take(hopeful)
    drawn = np.empty((draws, i.size))
    for row in range(draws):
        m = [em.draw_rates(c, s, rng) for c, s in zip(fit.counts, schemes, strict=True)]
        share = rng.beta(1 + fit.matches, 1 + max(most - fit.matches, 0))
        prior = edge_prior(min(share, 0.995) * most, a.people, b.people)
        drawn[row] = em.log_m_of(classed, m) - other.log(pooled, rng) + evidence + prior
    averaged = np.mean([edge_marginals(i, j, row).probability for row in drawn], axis=0) if i.size else probability
    both = {field.name: (one, u) for field, one, u in zip(fields, pooled, strangers.single, strict=True)}
    alone = edge_marginals(i, j, drawn.mean(axis=0) - evidence).probability if token.any() else averaged
    return Weighed(i, j, fit.log_ratio, averaged, drawn, matches, both, token, alone)


def _each_others_best(i: Index, j: Index, weight: Floats) -> NDArray[np.bool_]:
    """Pairs of two people who both have no better pair."""
    best = np.ones(i.size, dtype=np.bool_)
    for end in (i, j):
        top = np.full(int(end.max(initial=-1)) + 1, -np.inf)
        np.maximum.at(top, end, weight)
        best &= weight >= top[end]
    return best


def _not_relatives(
    fields: Sequence[FieldPair], pairs: _Pairs, code: Index, homes: Index, probability: Floats
) -> Floats:
    """``probability`` to begin with: people of one home and surname who do not agree in what is personal, first name
    and birth date, are taken for relatives. Begun the other way, few matches among many relatives would never part."""
    personal = np.ones(code.size, dtype=np.bool_)
    for column, field in enumerate(fields):
        if field.name in ("first_name", "birth_date"):
            personal &= (pairs.levels[:, column] == 0) | alike_in(field, less=1)[pairs.levels[:, column]]
    return np.where(among(code, homes) & ~personal, 0.0, probability)


@dataclass(frozen=True)
class _Unmatched:
    """Log-probability of candidates' levels among non-matches, strangers and relatives together."""

    fields: Sequence[FieldPair]
    pairs: _Pairs
    strangers: Strangers
    relatives: Relatives
    people: int
    total: float

    def log(self, m: Sequence[Floats], rng: np.random.Generator | None = None) -> Floats:
        """float64 [pairs]; with ``rng`` under a draw of the relatives' rates and number."""
        levels = self.pairs.levels
        strange = self.strangers.log(levels, self.pairs.rows)
        strange -= rarity(
            self.fields, levels, (self.pairs.code_a, self.pairs.code_b), self.strangers.single, self.people
        )
        rates = self.relatives.rates(self.fields, m, rng)
        related = em.log_m_of(levels, rates) + self.strangers.lift(levels)
        number = self.relatives.pairs if rng is None else float(rng.gamma(self.relatives.pairs + 0.5))
        share = min(max(number, 1e-3) / self.total, 0.5)
        return np.asarray(np.logaddexp(np.log1p(-share) + strange, np.log(share) + related))


def _guesses(fields: Sequence[FieldPair], strangers: Strangers, strength: float) -> list[Scheme]:
    """Schemes of the rates over all classes."""
    out = []
    for field, u in zip(fields, strangers.single, strict=True):
        rising = tuple(_rising(field, u).tolist()) if field.kind == "record" else None
        out.append(replace(field.scheme, strength=strength, rising=rising))
    return out


def _pooled(fields: Sequence[FieldPair], counts: Sequence[Floats], guesses: Sequence[Scheme]) -> list[Floats]:
    """Rates among all matches, over the classes."""
    return [
        em.rates(count.reshape(-1, field.scheme.size).sum(axis=0), field.scheme, np.asarray(g.prior), g.strength)
        for field, count, g in zip(fields, counts, guesses, strict=True)
    ]


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
