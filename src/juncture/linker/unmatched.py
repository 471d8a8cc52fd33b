"""How often levels of agreement occur among people who are not the same: strangers, and relatives.

Two people who are not one are nearly always strangers; their rates are counted on random pairs, and an agreement on a
rare value weighs more than one on a common value. Where a person has many spellings, the best of many pairs of rows
agrees more often by chance, so rates go by the number of pairs of rows.

Some are relatives, who share a surname and a home as one person would share them with herself, so these fields cannot
tell them from her; twins share the birth date, a father and a son the first name. How often, is counted on pairs that
share both surname and home. A pair whose home is missing may be relatives all the same: a class of its own in the
mixture of non-matches, not a rule for pairs that show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from juncture.kernels import em
from juncture.kernels.em import Floats, Levels
from juncture.kernels.rows import ascending, distinct_pairs
from juncture.linker.compare import FieldPair, Index, LinkInput

#: Distinct values of pairs of people, int32 [pairs, fields].
Codes = NDArray[np.int32]

#: Fields that people of one home have in common.
HOME = frozenset({"address", "zip", "phone"})
#: Of these, the ones that show that two people live together.
SAME_ROOF = ("address", "phone")
#: Fields whose agreement among strangers is not independent.
TOGETHER = (("address", "zip"), ("first_name", "sex"))
#: Upper ends of the classes by number of pairs of rows.
ROW_CLASSES = (1, 4, 15)

#: In a joint rate, how many expected pairs the assumption of independence is worth.
_TOGETHER_STRENGTH = 0.5
#: How many expected pairs the rate over all classes is worth in the rate of one class.
_CLASS_STRENGTH = 3.0
#: By what factor unrelated records grow fewer from a level of similarity to the next, at a guess.
_RECORD_DECAY = 0.7
#: What the guess of relatives' rates is worth, in pairs, and its share of twins and of people named alike.
_RELATIVES_STRENGTH = 10.0
_ALIKE = {"birth_date": 0.02, "first_name": 0.03}
#: At most so many relatives are twins or named alike: were it more, matches could pass for relatives.
_MOST_ALIKE = {"birth_date": 0.1, "first_name": 0.2}
#: Pairs of one home kept for counting, a person of either agency.
_HOMES_PER_PERSON = 3
_MOST_AT_HOME = 30


def row_class(many: Index) -> Index:
    """Class of a pair of people by its number of pairs of rows, 0 for one."""
    return np.searchsorted(np.asarray(ROW_CLASSES), many)


@dataclass(frozen=True)
class Strangers:
    """Rates of levels among strangers: ``single`` a field each, ``by_class`` [classes, levels] a field each, and log
    of how much more often two levels go together than each by itself."""

    single: tuple[Floats, ...]
    by_class: tuple[Floats, ...]
    together: dict[tuple[int, int], Floats]

    @classmethod
    def count(cls, pairs: Sequence[FieldPair], sample: Levels, classes: Index, unmatched: Floats) -> Strangers:
        """Counts of a sample of pairs with their class of rows, each with its probability of being no match."""
        single: list[Floats] = []
        by_class: list[Floats] = []
        for column, pair in enumerate(pairs):
            size = pair.scheme.size
            cell = classes * size + sample[:, column]
            classed = np.bincount(cell, weights=unmatched, minlength=(len(ROW_CLASSES) + 1) * size)
            seen = np.asarray(classed, dtype=np.float64).reshape(-1, size)
            pooled = em.rates(seen.sum(axis=0), pair.scheme, _before_counting(pair), 1.0)
            if pair.kind == "order":
                # Too rare to count: as rare as two strangers of equal names.
                pooled = np.array([1.0, _both_names(pairs, single)])
            single.append(pooled)
            by_class.append(_class_rates(seen, pooled, np.asarray(pair.scheme.stratum)))
        names = [pair.name for pair in pairs]
        together = {}
        for one, other in TOGETHER:
            if one in names and other in names:
                x, y = names.index(one), names.index(other)
                together[x, y] = _lift(pairs[x], pairs[y], sample[:, [x, y]], unmatched, (single[x], single[y]))
        return cls(tuple(single), tuple(by_class), together)

    def log(self, levels: Levels, classes: Index) -> Floats:
        """Log-probability of each pair's levels among strangers."""
        total = self.lift(levels)
        for column, rate in enumerate(self.by_class):
            total += np.log(rate)[classes, levels[:, column]]
        return total

    def lift(self, levels: Levels) -> Floats:
        """The part of :meth:`log` that comes from fields going together."""
        total = np.zeros(levels.shape[0])
        for (x, y), lift in self.together.items():
            total += lift[levels[:, x], levels[:, y]]
        return total


def _before_counting(pair: FieldPair) -> Floats:
    """Pairs at each level to begin with: half of one; of whole records fewer, the more they are alike."""
    out = np.full(pair.scheme.size, 0.5)
    if pair.kind == "record":
        levels = len(pair.cuts) + 2
        out[1:] *= np.tile(_RECORD_DECAY ** np.arange(levels), 2)
    return out


def _both_names(pairs: Sequence[FieldPair], single: Sequence[Floats]) -> float:
    names = (column for column, pair in enumerate(pairs) if pair.name in ("last_name", "first_name"))
    return float(np.prod([single[column][pairs[column].exact] for column in names]))


def _class_rates(seen: Floats, pooled: Floats, stratum: NDArray[np.int64]) -> Floats:
    """Rates by class [classes, levels]: the pooled ones times a ratio that stays near 1 where little was expected."""
    out = np.empty_like(seen)
    for row, counts in enumerate(seen):
        compared = np.bincount(stratum, weights=counts)[stratum]
        raised = pooled * (counts + _CLASS_STRENGTH) / (compared * pooled + _CLASS_STRENGTH)
        out[row] = raised / np.bincount(stratum, weights=raised)[stratum]
    return out


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


def rarity(
    pairs: Sequence[FieldPair], levels: Levels, codes: tuple[Codes, Codes], single: Sequence[Floats], people: int
) -> Floats:
    """What equal encodings say beyond the average agreement, in log units, float64 [pairs].

    With u the average rate of equality and c other bearers among N people, a value's rate is (c + 1) / (N + 1 / u):
    the posterior mean under a prior worth one bearer, so a value that nobody else bears is about as rare as the file
    is large, and never rarer than the average by more than the file can tell.
    """
    total = np.zeros(len(levels))
    for column, pair in enumerate(pairs):
        if pair.kind == "order":
            # Either order may be the wrong one, and a stranger would have to bear it: the rarer tells.
            here = np.flatnonzero(levels[:, column])
            u = float(single[column][1])
            borne = [side.others[code[here, column]] for side, code in zip((pair.a, pair.b), codes, strict=True)]
            total[here] += np.log(u) - np.log((np.minimum(*borne) + 1) / (people + 1 / u))
            continue
        if pair.kind == "record" or pair.name == "sex":
            continue
        here = np.flatnonzero(levels[:, column] == pair.exact)
        u = float(single[column][pair.exact])
        others = pair.a.others[codes[0][here, column]]
        total[here] += np.log(u) - np.log((others + 1) / (people + 1 / u))
    return total


def same_home(pairs: Sequence[FieldPair], a: LinkInput, b: LinkInput, rng: np.random.Generator) -> tuple[Index, Index]:
    """Pairs of people with an equal surname and an equal address or telephone in some pair of rows, each once, sorted;
    where there are very many, a random part of them. Empty where the files have no such field."""
    named = {pair.name: pair for pair in pairs}
    found = [np.zeros(0, dtype=np.int64)]
    for name in SAME_ROOF:
        if name in named and "last_name" in named:
            left, right = (_homes(named["last_name"], named[name], side, part) for side, part in ((a, "a"), (b, "b")))
            found.append(_meet(left, right, b.people))
    code = ascending(np.concatenate(found))
    most = _HOMES_PER_PERSON * (a.people + b.people)
    if code.size > most:
        code = np.sort(rng.choice(code, most, replace=False))
    return code // max(1, b.people), code % max(1, b.people)


def _homes(last: FieldPair, home: FieldPair, side: LinkInput, part: str) -> NDArray[np.int64]:
    """Distinct (surname, home, person) of one agency, int64 [3, n]: numbers equal at both agencies."""
    columns = []
    for field in (last, home):
        one = field.a if part == "a" else field.b
        columns.append(np.append(one.number, -1)[one.code])
    known = (columns[0] >= 0) & (columns[1] >= 0)
    width = int(columns[1].max(initial=0)) + 1
    place, number = np.unique(columns[0][known] * width + columns[1][known], return_inverse=True)
    value, person = distinct_pairs(number, side.person[known])
    return np.stack([place[value] // width, place[value] % width, person])


def _meet(left: NDArray[np.int64], right: NDArray[np.int64], width: int) -> Index:
    """Pairs of people, as ``i * width + j``, of equal surname and home; of a home with very many, only some."""
    name, home = np.concatenate([left[:2], right[:2]], axis=1)
    block = np.unique(name * (int(home.max(initial=0)) + 1) + home, return_inverse=True)[1]
    block_a, block_b = block[: left.shape[1]], block[left.shape[1] :]
    order = np.argsort(block_b, kind="stable")
    blocks = int(block.max(initial=-1)) + 1
    count = np.bincount(block_b, minlength=blocks)
    start = np.cumsum(count) - count
    many = np.minimum(count[block_a], _MOST_AT_HOME)
    offset = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    j = right[2][order[np.repeat(start[block_a], many) + offset]]
    return np.asarray(np.repeat(left[2], many) * width + j)


def alike_in(field: FieldPair, *, less: int = 0) -> NDArray[np.bool_]:
    """Levels at which a field is equal or nearly so, bool [levels]; ``less``: so many levels less alike as well."""
    level = np.arange(field.scheme.size)
    out = (level >= len(field.cuts) + 1 - less) & (level > 0)
    if field.kind == "date":
        out &= level != field.exact + 1  # partial dates that differ
    return np.asarray(out)


@dataclass(frozen=True)
class Relatives:
    """Relatives among the non-matches: ``pairs`` of them expected among all pairs, and ``counts`` of levels, a field
    each, of those that could be counted, prior included; None for a field that they share as one person does."""

    pairs: float
    counts: tuple[Floats | None, ...]

    @classmethod
    def count(
        cls,
        fields: Sequence[FieldPair],
        homes: Levels,
        unmatched: Floats,
        m: Sequence[Floats],
        single: Sequence[Floats],
    ) -> Relatives:
        """Counts of pairs of one home and surname (``homes``: their levels), each with its probability of being no
        match. ``m``: pooled rates among matches, ``single``: among strangers."""
        counts: list[Floats | None] = []
        shown = 1.0
        plain = np.ones(len(homes), dtype=np.bool_)
        for column, field in enumerate(fields):
            if field.name == "last_name" or field.name in HOME:
                counts.append(None)
                if field.name in ("last_name", "address"):
                    shown *= float(m[column][field.exact])
                continue
            guess = np.asarray(single[column]).copy()
            alike = _ALIKE.get(field.name, 0.0)
            stratum = np.asarray(field.scheme.stratum)
            same = np.zeros(guess.size)
            same[field.exact if field.kind != "order" else 0] = 1.0
            own = stratum == stratum[same.argmax()]
            guess[own] = (1 - alike) * guess[own] + alike * same[own]
            seen = em.count_levels(homes[:, column], guess.size, unmatched) + _RELATIVES_STRENGTH * guess
            if field.name in _MOST_ALIKE:
                alike_levels = own & alike_in(field)
                most = _MOST_ALIKE[field.name]
                rest = float(seen[own & ~alike_levels].sum())
                seen[alike_levels] *= min(1.0, rest * most / (1 - most) / max(float(seen[alike_levels].sum()), 1e-9))
                plain &= ~alike_in(field, less=2)[homes[:, column]]
                shown *= rest / (rest + float(seen[alike_levels].sum()))
            counts.append(seen)
        # Their number rests on those who are alike in nothing personal, whom nobody can take for one person.
        return cls((float(unmatched[plain].sum()) + 0.5) / max(shown, 0.1), tuple(counts))

    def rates(self, fields: Sequence[FieldPair], m: Sequence[Floats], rng: np.random.Generator | None) -> list[Floats]:
        """Rates of levels among relatives, a field each: posterior means, or with ``rng`` a draw."""
        out = []
        for field, counts, shared in zip(fields, self.counts, m, strict=True):
            if counts is None:
                out.append(np.asarray(shared))
                continue
            raised = counts if rng is None else np.maximum(rng.gamma(counts), 1e-9)
            stratum = np.asarray(field.scheme.stratum)
            out.append(np.asarray(raised / np.bincount(stratum, weights=raised)[stratum]))
        return out
