"""Grade how two agencies' encodings agree, field by field, into the few levels that EM weighs.

Distinct encodings are compared once, not once a row. Nothing here knows what a field's bits stand for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from juncture.base.errors import PackageRefused
from juncture.formats.link import DATE_PARTS, EncodedField
from juncture.kernels import bits
from juncture.kernels.bits import words
from juncture.kernels.em import Floats, Levels, Scheme
from juncture.kernels.parallel import each
from juncture.kernels.rows import among, distinct_pairs, numbered

Index = NDArray[np.int64]

#: Up to so many pairs of rows all are compared; of more, those that share a match key.
ALL_ROW_PAIRS = 120_000_000
#: Largest table of levels of distinct encodings held in memory, in cells; a quarter where not all pairs are compared,
#: since most of its cells would not be looked at.
_TABLE_CELLS = 80_000_000

MISSING = 0

#: The match key of both names, whichever stands first; and how many matches have them exchanged, at a guess.
EITHER_ORDER = "either_order"
_SWAPPED_SHARE = 0.01
#: Numbers of rows whose names nobody at the other agency has the other way round.
_NO_ORDER_A, _NO_ORDER_B = 1 << 61, 1 << 62


@dataclass(frozen=True)
class LinkInput:
    """What the linker needs of one agency's link package to compare people.

    ``spelling_start`` int32 [n + 1]; ``fields`` and ``keys`` by name, r rows each; ``joint_tokens`` uint8 [n, 4, 16].
    """

    spelling_start: NDArray[np.int32]
    fields: Mapping[str, EncodedField]
    keys: Mapping[str, EncodedField]
    joint_tokens: NDArray[np.uint8]

    @property
    def people(self) -> int:
        """Number of people."""
        return int(self.spelling_start.size - 1)

    @property
    def person(self) -> Index:
        """Person of each row, int64 [r]."""
        return np.repeat(np.arange(self.people), np.diff(self.spelling_start))


@dataclass(frozen=True)
class _Grades:
    """How a field is graded: Dice coefficients over chance between which a level changes, and guesses for m.

    ``cuts`` c_1 < c_2 < ... give the levels 1 (below c_1), 2, ..., and one more for equal encodings; ``prior`` has a
    rate for each of these. Cuts only bin the similarity; what a bin is worth, EM finds.
    """

    cuts: tuple[float, ...]
    prior: tuple[float, ...]


_NAME = _Grades((0.3, 0.5, 0.7), (0.06, 0.03, 0.06, 0.1, 0.75))
_GRADES: Mapping[str, _Grades] = {
    "last_name": _NAME,
    # Nobody marries into another first name.
    "first_name": _Grades(_NAME.cuts, (0.03, 0.02, 0.05, 0.1, 0.8)),
    "middle_name": _Grades((0.3, 0.6), (0.1, 0.05, 0.15, 0.7)),
    # Between the similarities that the tokens of a date leave: nothing, a part or two, transposed or a wrong digit of
    # the year, one part wrong.
    "birth_date": _Grades((0.3, 0.45, 0.57, 0.64), (0.03, 0.02, 0.02, 0.03, 0.08, 0.82)),
    "sex": _Grades((), (0.03, 0.97)),
    "address": _Grades((0.25, 0.45, 0.65), (0.3, 0.05, 0.05, 0.1, 0.5)),
}
_OTHER = _Grades((0.4, 0.65), (0.2, 0.05, 0.1, 0.65))

#: Under the record profile the cuts are quantiles of unrelated pairs, then steps from the last of them up to 1.
_RECORD_TAIL = (0.9, 0.99, 0.999, 0.9999)
_NORMAL_TAIL = (1.282, 2.326, 3.090, 3.719)
_RECORD_STEPS = (0.03, 0.06, 0.09, 0.12, 0.15, 0.19, 0.23, 0.27, 0.32, 0.38, 0.45, 0.55, 0.7, 0.85)

#: The share of one formal name's bits, over chance, from which two first names count as forms of one.
_FORM_SHARE = 0.75


@dataclass(frozen=True)
class Side:
    """The distinct encodings of one field at one agency.

    ``code`` int32 [r]: which distinct row, ``len(rows)`` for a missing one. ``extra`` belongs to a distinct row: bits
    of the formal names, or the mask of what is there. ``bearers``: people of this agency with the value; ``others``:
    people of either agency with it, less one for each agency that has it. ``number``: the same for equal rows at both
    agencies.
    """

    code: NDArray[np.int32]
    rows: NDArray[np.uint8]
    count: Index
    extra: NDArray[np.uint8]
    bearers: Index
    others: Index
    number: Index


@dataclass(frozen=True)
class FieldPair:
    """One field of two agencies, ready to be graded."""

    name: str
    a: Side
    b: Side
    cuts: NDArray[np.float32]
    scheme: Scheme
    kind: str
    table: NDArray[np.uint8] | None

    @property
    def exact(self) -> int:
        """The level of equal encodings."""
        return len(self.cuts) + 2

    def levels(self, row_a: NDArray[np.integer], row_b: NDArray[np.integer]) -> Levels:
        """Levels of pairs of rows, uint8 [pairs]."""
        left, right = self.a.code[row_a], self.b.code[row_b]
        if self.table is not None:
            return np.asarray(self.table[left, right])
        if self.kind == "order":
            orders = np.append(self.a.number, _NO_ORDER_A)[left], np.append(self.b.number, _NO_ORDER_B)[right]
            return _swapped(*orders)
        out = np.full(left.size, MISSING, dtype=np.uint8)
        known = np.flatnonzero((left < len(self.a.rows)) & (right < len(self.b.rows)))
        i, j = left[known].astype(np.int64), right[known].astype(np.int64)
        shared = bits.shared_pairs(self.a.rows, self.b.rows, i, j)
        forms = bits.shared_pairs(self.a.extra, self.b.extra, i, j) if self.kind == "forms" else None
        out[known] = self._grade(shared, i, j, forms)
        return out

    def _grade(
        self,
        shared: NDArray[np.integer],
        i: NDArray[np.integer],
        j: NDArray[np.integer],
        forms: NDArray[np.integer] | None,
    ) -> Levels:
        """Levels from shared bits; ``i`` and ``j`` are distinct rows, of shapes that broadcast to ``shared``'s."""
        a, b = self.a.count[i], self.b.count[j]
        length = self.a.rows.shape[1] * 8
        similar = bits.over_chance(shared, a, b, length)
        level = (np.searchsorted(self.cuts, similar, side="right") + 1).astype(np.uint8)
        level[(shared == a) & (shared == b)] = self.exact
        if forms is not None:
            left, right = bits.popcount(self.a.extra)[i], bits.popcount(self.b.extra)[j]
            over = forms - left * right / (self.a.extra.shape[1] * 8)
            free = 1 - np.maximum(left, right) / (self.a.extra.shape[1] * 8)
            one_form = over >= _FORM_SHARE * self._form_bits() * free
            level[one_form & (level < len(self.cuts) + 1)] = self.exact + 1
        elif self.kind == "date":
            partial = (self.a.extra[i, 0] != 7) | (self.b.extra[j, 0] != 7)
            whole = bits.over_chance(shared, a, b, length, overlap=True)
            level = np.where(partial, np.where(whole > 0.85, self.exact + 2, self.exact + 1), level).astype(np.uint8)
        elif self.kind == "record":
            unlike = (self.a.extra[i] != self.b.extra[j]).any(axis=-1)
            level = np.where(unlike, level + self.exact, level).astype(np.uint8)
        return level

    def _form_bits(self) -> float:
        """Bits of a single formal name: the fewest that any first name has."""
        counts = np.concatenate([bits.popcount(self.a.extra), bits.popcount(self.b.extra)])
        return float(counts.min()) if counts.size else 1.0

    def build_table(self) -> NDArray[np.uint8] | None:
        """Levels of all pairs of distinct encodings, with a last row and column for missing; None where too large."""
        all_rows = self.a.code.size * self.b.code.size
        most = _TABLE_CELLS if all_rows <= ALL_ROW_PAIRS else _TABLE_CELLS // 4
        if (len(self.a.rows) + 1) * (len(self.b.rows) + 1) > most:
            return None
        return self.level_rows(np.arange(len(self.a.rows) + 1))

    def level_rows(self, codes: NDArray[np.integer]) -> Levels:
        """Levels of some encodings of a with all of b, uint8 [codes, distinct of b + 1]; the last column, and the row
        of a missing one, are missing."""
        if self.table is not None:
            return np.asarray(self.table[codes])
        out = np.full((codes.size, len(self.b.rows) + 1), MISSING, dtype=np.uint8)
        known = np.flatnonzero(codes < len(self.a.rows))
        left = codes[known]
        if self.kind == "order":
            out[known, :-1] = _swapped(self.a.number[left][:, None], self.b.number[None, :])
            return out
        columns = np.arange(len(self.b.rows))[None, :]
        for part, shared in bits.shared_tiles(self.a.rows[left], self.b.rows):
            forms = None
            if self.kind == "forms":
                forms = np.vstack([one for _, one in bits.shared_tiles(self.a.extra[left[part]], self.b.extra)])
            out[known[part], :-1] = self._grade(shared, left[part][:, None], columns, forms)
        return out


def compare_fields(a: LinkInput, b: LinkInput, rng: np.random.Generator) -> tuple[FieldPair, ...]:
    """The comparisons that both agencies' files allow, in a fixed order. Raises ``PackageRefused`` where there is none
    or where lengths differ (other profiles, or other versions)."""
    names = [name for name in a.fields if name in b.fields and a.fields[name].bits.shape[1] and name != "first_forms"]
    if not names:
        raise PackageRefused("The link packages have no encoded field in common.")
    for name in names:
        if a.fields[name].bits.shape[1] != b.fields[name].bits.shape[1]:
            raise PackageRefused(f"The link packages encode {name} at different lengths.")
    fields = each(lambda name: _field_pair(name, a, b, rng), sorted(names))
    if {"last_name", "first_name"} <= set(names):
        fields += _order_pair(a, b)
    return tuple(fields)


def _field_pair(name: str, a: LinkInput, b: LinkInput, rng: np.random.Generator) -> FieldPair:
    kind, extra_a, extra_b = _extras(name, a, b)
    left, right = _sides(name, a, b, extra_a, extra_b)
    grades = _GRADES.get(name, _OTHER)
    cuts, prior = np.asarray(grades.cuts, dtype=np.float32), grades.prior
    if kind == "record":
        cuts, prior = _record_grades(left, right, rng)
    stratum, rate = [0, *[1] * len(prior)], [1.0, *prior]
    if kind == "forms":
        stratum, rate = [*stratum, 1], [1.0, *(0.95 * one for one in prior), 0.05]
    elif kind == "date":
        stratum, rate = [*stratum, 2, 2], [*rate, 0.15, 0.85]
    elif kind == "record":
        stratum, rate = [*stratum, *[2] * len(prior)], [*rate, *prior]
    bare = FieldPair(name, left, right, cuts, Scheme(name, tuple(stratum), tuple(rate)), kind, None)
    return FieldPair(name, left, right, cuts, bare.scheme, kind, bare.build_table())


def _extras(name: str, a: LinkInput, b: LinkInput) -> tuple[str, NDArray[np.uint8], NDArray[np.uint8]]:
    """What belongs to a row of the field beside its bits, and the kind of grading that this asks for."""
    if name == "first_name" and all("first_forms" in side.fields for side in (a, b)):
        return "forms", a.fields["first_forms"].bits, b.fields["first_forms"].bits
    if name == "birth_date" and all(part in side.fields for side in (a, b) for part in DATE_PARTS):
        return "date", _mask_bits(a, DATE_PARTS), _mask_bits(b, DATE_PARTS)
    if name == "record":
        masks = sorted(f for f in a.fields if f in b.fields and not a.fields[f].bits.shape[1])
        return "record", _mask_bits(a, masks), _mask_bits(b, masks)
    return "plain", np.zeros((a.person.size, 0), dtype=np.uint8), np.zeros((b.person.size, 0), dtype=np.uint8)


def _mask_bits(side: LinkInput, masks: Sequence[str]) -> NDArray[np.uint8]:
    """Which of the fields are there, packed uint8 [r, bytes], the first in the lowest bit."""
    there = np.array([side.fields[mask].present for mask in masks], dtype=np.uint8).reshape(len(masks), -1)
    return np.packbits(there.T, axis=1, bitorder="little")


def _sides(
    name: str, a: LinkInput, b: LinkInput, extra_a: NDArray[np.uint8], extra_b: NDArray[np.uint8]
) -> tuple[Side, Side]:
    both = np.vstack([np.hstack([a.fields[name].bits, extra_a]), np.hstack([b.fields[name].bits, extra_b])])
    first, joint = numbered(both)
    known = np.concatenate([a.fields[name].present, b.fields[name].present])
    split = a.person.size
    parts = ((a, slice(0, split), extra_a.shape[1]), (b, slice(split, None), extra_b.shape[1]))
    bearers = []
    for side, part, _ in parts:
        values, _ = distinct_pairs(joint[part][known[part]], side.person[known[part]])
        bearers.append(np.bincount(values, minlength=first.size))
    others = bearers[0] + bearers[1] - (bearers[0] > 0) - (bearers[1] > 0)
    out = []
    for (_, part, width), borne in zip(parts, bearers, strict=True):
        here = np.flatnonzero(borne)
        place = np.full(first.size, here.size, dtype=np.int32)
        place[here] = np.arange(here.size)
        code = np.where(known[part], place[joint[part]], here.size).astype(np.int32)
        whole = both[first[here]]
        rows, extra = whole[:, : whole.shape[1] - width], whole[:, whole.shape[1] - width :]
        count = bits.popcount(rows)
        out.append(Side(code, np.ascontiguousarray(rows), count, extra, borne[here], others[here], here))
    return out[0], out[1]


def _order_pair(a: LinkInput, b: LinkInput) -> list[FieldPair]:
    """The comparison that finds first and last name exchanged: none where no two rows have them so.

    A row is told by its key of both names in either order, and by the key of them in their order; only rows that the
    other agency has the other way round are coded, all others count as missing.
    """
    if not all(name in side.keys for side in (a, b) for name in ("names", EITHER_ORDER)):
        return []
    known = np.concatenate([side.keys["names"].present & side.keys[EITHER_ORDER].present for side in (a, b)])
    at_b = np.repeat([0, 1], [a.person.size, b.person.size])
    person = np.concatenate([a.person, b.person])
    both = np.vstack([np.hstack([side.keys[name].bits for name in (EITHER_ORDER, "names")]) for side in (a, b)])
    first, value = numbered(both)
    _, group = numbered(both[first][:, : both.shape[1] // 2])
    bearers = []
    for side in (0, 1):
        values, _ = distinct_pairs(value[known & (at_b == side)], person[known & (at_b == side)])
        bearers.append(np.bincount(values, minlength=first.size))
    orders = np.bincount(group[(bearers[0] + bearers[1]) > 0], minlength=group.size)
    there = [np.bincount(group, weights=borne, minlength=group.size) > 0 for borne in bearers]
    wanted = ((orders > 1) & there[0] & there[1])[group]
    if not wanted.any():
        return []
    others = bearers[0] + bearers[1] - (bearers[0] > 0) - (bearers[1] > 0)
    sides = []
    for side, borne in enumerate(bearers):
        here = np.flatnonzero(wanted & (borne > 0))
        place = np.full(first.size, here.size, dtype=np.int32)
        place[here] = np.arange(here.size)
        code = np.where(known, place[value], here.size)[at_b == side].astype(np.int32)
        rows = np.ascontiguousarray(both[first[here]])
        number = (group[here] << 32) | here
        nothing = np.zeros((here.size, 0), dtype=np.uint8)
        sides.append(Side(code, rows, bits.popcount(rows), nothing, borne[here], others[here], number))
    scheme = Scheme("order", (0, 0), (1 - _SWAPPED_SHARE, _SWAPPED_SHARE))
    bare = FieldPair("order", sides[0], sides[1], np.zeros(0, dtype=np.float32), scheme, "order", None)
    return [FieldPair("order", sides[0], sides[1], bare.cuts, scheme, "order", bare.build_table())]


def _swapped(left: Index, right: Index) -> NDArray[np.uint8]:
    """1 where two numbers are of one pair of names, in different orders."""
    return np.asarray(((left ^ right) >> 32 == 0) & (left != right), dtype=np.uint8)


def _record_grades(a: Side, b: Side, rng: np.random.Generator) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    size = 200_000
    i, j = rng.integers(0, max(1, len(a.rows)), size), rng.integers(0, max(1, len(b.rows)), size)
    shared = bits.shared_pairs(a.rows, b.rows, i, j)
    similar = bits.over_chance(shared, a.count[i], b.count[j], a.rows.shape[1] * 8)
    # In small files matches are among the most alike of random pairs: a quantile is no further out than twice what the
    # middle and the first of them make likely (quantiles of the normal distribution).
    middle = float(np.quantile(similar, 0.5))
    tail = np.quantile(similar, _RECORD_TAIL)
    tail = np.minimum(tail, middle + 2 * (tail[0] - middle) * np.asarray(_NORMAL_TAIL) / _NORMAL_TAIL[0])
    top = float(tail[-2])
    cuts = np.unique(np.concatenate([tail, top + (1 - top) * np.asarray(_RECORD_STEPS)])).astype(np.float32)
    steps = np.arange(1, cuts.size + 3, dtype=np.float64) ** 4
    return cuts, tuple((steps / steps.sum()).tolist())


def first_weights(pairs: Sequence[FieldPair], a: LinkInput, b: LinkInput, rng: np.random.Generator) -> list[Floats]:
    """Log-weights of levels to begin with, a comparison each: guesses for m over the rates of random rows."""
    size = 300_000
    i, j = rng.integers(0, a.person.size, size), rng.integers(0, b.person.size, size)
    out = []
    for pair in pairs:
        stratum, prior = np.asarray(pair.scheme.stratum), np.asarray(pair.scheme.prior)
        counts = np.bincount(pair.levels(i, j), minlength=prior.size) + 0.5
        u = counts / np.bincount(stratum, weights=counts)[stratum]
        out.append(np.log(prior) - np.log(u))
    return with_order(pairs, out)


def with_order(pairs: Sequence[FieldPair], weights: Sequence[Floats]) -> list[Floats]:
    """``weights`` with that of exchanged names made up for what each name by itself seems to say against the pair."""
    out = list(weights)
    column = {pair.name: number for number, pair in enumerate(pairs)}
    if "order" in column:
        against = sum(float(weights[column[name]][MISSING + 1]) for name in ("last_name", "first_name"))
        out[column["order"]] = np.array([0.0, max(weights[column["order"]][1], 3.0) - against])
    return out


def shared_tokens(a: LinkInput, b: LinkInput) -> tuple[Index, Index]:
    """Pairs of people who bear a joint token that exactly one person at each agency bears (each pair once)."""
    tokens = [side.joint_tokens.reshape(-1, side.joint_tokens.shape[-1]) for side in (a, b)]
    people = [np.repeat(np.arange(side.people), side.joint_tokens.shape[1]) for side in (a, b)]
    # Nearly all tokens are random padding: only those whose first bytes the other agency has, too, are looked at.
    heads = [words(one[:, :8])[:, 0] for one in tokens]
    meet = [among(heads[0], heads[1]), among(heads[1], heads[0])]
    tokens = [one[here] for one, here in zip(tokens, meet, strict=True)]
    people = [who[here] for who, here in zip(people, meet, strict=True)]
    first, code = numbered(np.concatenate(tokens))
    bearers = []
    for one, who in zip((code[: people[0].size], code[people[0].size :]), people, strict=True):
        values, owners = distinct_pairs(one, who)
        count = np.bincount(values, minlength=first.size)
        owner = np.full(first.size, -1, dtype=np.int64)
        owner[values] = owners
        owner[count != 1] = -1
        bearers.append(owner)
    both = np.flatnonzero((bearers[0] >= 0) & (bearers[1] >= 0))
    return distinct_pairs(bearers[0][both], bearers[1][both])
