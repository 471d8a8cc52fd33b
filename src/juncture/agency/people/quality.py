"""How good the finding of persons probably is: expected precision and recall, for everybody and by group.

Over pairs of records. Precision: of the pairs said to be one person, the share that truly are. Recall: of the pairs
that truly are one person, the share that was said. A pair counts for the groups of both its records, so a group's row
is about the records of that group.

Both come from the model's own probabilities, without truth. The interval (95 %) is made of draws: people are drawn
anew (the Bayesian bootstrap; Rubin 1981), so that the many pairs of one person count as one piece of news; whether two
persons are truly one, or a spelling truly somebody else's, is drawn as one event for all their records; and all
log odds are shifted by a common error, since agreement of fields is not as independent as the model takes it to be.

Pairs that no blocking rule brought together have no probability. How many there are is estimated by
capture and recapture: names, birthdays and contact data (address, telephone, numbers) are three nearly independent ways
in which a true pair is found, and the pairs found by exactly one and by exactly two of them tell how many are found by
none (the lower bound of Chao 1987 for three occasions).

What this cannot see: records typed alike that are two people, and errors that the model itself does not think of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.people.cluster import Edges
from juncture.agency.people.nodes import Spellings
from juncture.agency.people.splink_adapter import ScoredPairs

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DRAWS = 200
#: Fewer people than this are too few to say anything of.
FEWEST_PEOPLE = 30
#: By so much, and beyond chance, the recall of a group must lie below everybody's before a warning.
MARKEDLY = 0.02
EVERYBODY = "everybody"
_AGES = (18, 30, 45, 65)
_AGE_NAMES = ("under 18", "18-29", "30-44", "45-64", "65 and over")
_FIELDS = ("last_name", "first_name", "middle_name", "birth_year", "sex", "address", "zip", "phone", "ssn4")
_SEXES: Mapping[str, str] = {"f": "female", "m": "male", "o": "other"}
#: Standard deviation of the common error of the log odds, in bits.
_SHIFT_BITS = 1.5
_SEED = 20261124
_CHUNK = 20


@dataclass(frozen=True)
class Estimate:
    """A share between 0 and 1 and its 95 % interval."""

    value: float
    low: float
    high: float

    def text(self) -> str:
        """As "98.7 % (98.1-99.2)"."""
        return f"{100 * self.value:.1f} % ({100 * self.low:.1f}-{100 * self.high:.1f})"


@dataclass(frozen=True)
class QualityRow:
    """One group of records: ``by`` what it is a group (sex, age, ...), how many ``people`` and ``records`` are in it,
    and what is expected of them; ``None`` where they are too few to say, or no pair was said or expected."""

    by: str
    group: str
    people: int
    records: int
    precision: Estimate | None
    recall: Estimate | None

    def texts(self) -> tuple[str, ...]:
        """The row as a line of a table under :data:`HEADER`."""
        found = (estimate.text() if estimate else "too small to say" for estimate in (self.precision, self.recall))
        return (self.by, self.group, f"{self.people:,}", f"{self.records:,}", *found)


HEADER = ("by", "group", "people", "records", "expected precision", "expected recall")


@dataclass(frozen=True)
class Quality:
    """The quality report. ``precision`` and ``recall`` are expected of everybody, 1 where there is no pair; so is the
    first of ``rows``, unless people are too few. ``unseen``: share of the true pairs of records that probably no
    blocking rule brought together. ``warnings``: a sentence a group that is found markedly worse."""

    precision: float
    recall: float
    rows: tuple[QualityRow, ...]
    unseen: float
    warnings: tuple[str, ...]

    def table(self) -> tuple[tuple[str, ...], ...]:
        """The report as texts, :data:`HEADER` first."""
        return (HEADER, *(row.texts() for row in self.rows))


@dataclass(frozen=True)
class Found:
    """What a run found, as the report needs it.

    ``pairs``: scored pairs of spellings. ``unit`` int64[spellings]; ``edges``: pairs of units; ``cluster`` int64[units]
    names each unit's person. ``sure`` float64[spellings]: how likely two mentions typed so are one person. ``alone``
    bool[spellings]: whose mentions were left apart. ``person`` int32[mentions].
    """

    pairs: ScoredPairs
    unit: Ints
    edges: Edges
    cluster: Ints
    sure: Floats
    alone: Bools
    person: npt.NDArray[np.int32]


def measure(mentions: pa.Table, spellings: Spellings, found: Found) -> Quality:
    """The quality report of a run over ``mentions`` (columns of an intake; ``race`` and ``start`` may be missing)."""
    named = np.flatnonzero(spellings.of_mention >= 0)
    groups = list(_groups(mentions, spellings, named))
    of_unit = found.unit[spellings.of_mention[named]]
    book = _Book.of(found, spellings, of_unit, groups)
    unseen = book.unseen()
    expected = book.shares(book.said.sum(0), book.false.sum(0), book.missed.sum(0), unseen)
    drawn = book.draws(np.random.default_rng(_SEED))
    rows: list[QualityRow] = []
    start = 0
    for by, names, code in groups:
        for k, name in enumerate(names):
            inside = named[code == k]
            if len(inside):
                people = len(np.unique(found.person[inside]))
                rows.append(_row(by, name, people, len(inside), expected[:, start + k], drawn[:, :, start + k]))
        start += len(names)
    true = book.said.sum(0) - book.false.sum(0) + book.missed.sum(0)
    share = float(unseen[0] / (true[0] + unseen[0])) if true[0] + unseen[0] > 0 else 0.0
    precision, recall = (float(x) if np.isfinite(x) else 1.0 for x in expected[:, 0])
    return Quality(precision, recall, tuple(rows), share, warnings_of(rows))


def _row(by: str, name: str, people: int, records: int, value: Floats, drawn: Floats) -> QualityRow:
    """``value`` float64[2] precision and recall; ``drawn`` float64[draws, 2]."""
    estimates: list[Estimate | None] = []
    for k in range(2):
        ok = drawn[:, k][np.isfinite(drawn[:, k])]
        if people < FEWEST_PEOPLE or not np.isfinite(value[k]) or not len(ok):
            estimates.append(None)
            continue
        low, high = np.quantile(ok, [0.025, 0.975])
        estimates.append(Estimate(float(value[k]), min(float(low), float(value[k])), max(float(high), float(value[k]))))
    return QualityRow(by, name, people, records, *estimates)


def warnings_of(rows: Sequence[QualityRow]) -> tuple[str, ...]:
    """A sentence for each group whose recall lies markedly, and beyond chance, below that of everybody (first row)."""
    whole = rows[0].recall if rows else None
    if whole is None:
        return ()
    # The same people may be a group twice (no birth date, no age): they are told of once.
    worse = {
        (row.records, row.recall): row
        for row in reversed(rows[1:])
        if row.recall and row.recall.value < whole.value - MARKEDLY and row.recall.high < whole.value
    }
    return tuple(
        f"Records with {row.by} {row.group} are found markedly worse: expected recall {recall.text()}, "
        f"of everybody {whole.text()}."
        for (_, recall), row in reversed(worse.items())
        if recall
    )


@dataclass(frozen=True)
class _Book:
    """Ends of pairs of records by group, as events.

    ``said`` float64[persons, groups]: ends of pairs said to be one person. ``false`` and ``missed`` float64[events,
    groups]: expected wrong ends, by event: a spelling that is somebody else's, and two persons that are one; with the
    probability (``false_p``, ``missed_p``) and the persons (``false_of``, ``missed_of`` int64[events, 2]) of each.
    ``captured`` float64[3, groups]: expected true ends of pairs found in none, one and two of three ways.
    """

    said: Floats
    false: Floats
    false_p: Floats
    false_of: Ints
    missed: Floats
    missed_p: Floats
    missed_of: Ints
    captured: Floats

    @classmethod
    def of(
        cls, found: Found, spellings: Spellings, of_unit: Ints, groups: list[tuple[str, tuple[str, ...], Ints]]
    ) -> _Book:
        units, width = len(found.cluster), sum(len(names) for _, names, _ in groups)
        records = np.zeros((units, width))
        start = 0
        for _, names, code in groups:
            np.add.at(records, (of_unit, start + code), 1.0)
            start += len(names)
        n = np.bincount(of_unit, minlength=units).astype(np.float64)
        clusters, person = np.unique(found.cluster, return_inverse=True)
        size = np.bincount(person, n, len(clusters))
        by_person = np.zeros((len(clusters), width))
        np.add.at(by_person, person, records)
        apart = np.zeros(len(clusters), bool)
        apart[person[found.unit[found.alone]]] = True
        said = by_person * np.where(apart, 0.0, np.maximum(size - 1, 0))[:, None]

        def ends(rows: Ints, events: Ints, mass: Floats, count: int) -> Floats:
            total = np.zeros((count, width))
            np.add.at(total, events, records[rows] * mass[:, None])
            return total

        e = found.edges
        left, right = person[e.left], person[e.right]
        # Wrong ends of a unit: against each other unit of its person, as far as the pair is not one person.
        inside = left == right
        here = np.r_[e.left[inside], e.right[inside]]
        there = np.r_[e.right[inside], e.left[inside]]
        likely = np.bincount(here, np.tile(e.probability[inside], 2) * n[there], units)
        doubt = np.maximum(size[person] - n - likely, 0.0)
        doubt[doubt < 1e-9 * np.maximum(size[person], 1)] = 0.0
        own = np.bincount(found.unit, (1 - found.sure) * spellings.mentions, units)
        itself = np.maximum(n - 1, 0.0) * np.minimum(own / np.maximum(n, 1), 1.0) * ~apart[person]
        wrong = np.flatnonzero((doubt + itself > 0) & (n > 0))
        false = records[wrong] * (doubt + itself)[wrong, None]
        false_p = (doubt + itself)[wrong] / np.maximum(size[person[wrong]] - 1, 1)
        # Missed ends: between two persons, all at once.
        across = np.flatnonzero(~inside & (n[e.left] > 0) & (n[e.right] > 0))
        low, high = np.minimum(left, right)[across], np.maximum(left, right)[across]
        keys, event = np.unique(low * len(clusters) + high, return_inverse=True)
        p = e.probability[across]
        missed = ends(e.left[across], event, p * n[e.right[across]], len(keys))
        missed += ends(e.right[across], event, p * n[e.left[across]], len(keys))
        mass = np.bincount(event, p * n[e.left[across]] * n[e.right[across]], len(keys))
        missed_of = np.stack([keys // len(clusters), keys % len(clusters)], axis=1)
        missed_p = mass / np.maximum(size[missed_of[:, 0]] * size[missed_of[:, 1]], 1e-9)
        # Mentions of a name and nothing else, left apart.
        lone = np.flatnonzero(found.alone & (spellings.mentions > 1))
        unit = found.unit[lone]
        sure = found.sure[lone]
        missed = np.concatenate([missed, records[unit] * ((n[unit] - 1) * sure)[:, None]])
        missed_of = np.concatenate([missed_of, np.stack([person[unit], person[unit]], axis=1)])
        return cls(
            said=said,
            false=false,
            false_p=np.clip(false_p, 0.0, 1.0),
            false_of=person[wrong],
            missed=missed,
            missed_p=np.clip(np.r_[missed_p, sure], 0.0, 1.0),
            missed_of=missed_of,
            captured=_captured(found, spellings, records),
        )

    def unseen(self) -> Floats:
        """Expected true ends, by group, of pairs that were never scored: Chao's lower bound for three occasions, less
        what other ways found."""
        none, one, two = self.captured
        bound = np.where(two > 0, one**2 / np.maximum(3 * two, 1e-9), 0.0)
        left: Floats = np.maximum(bound - none, 0.0)
        return left

    @staticmethod
    def shares(said: Floats, false: Floats, missed: Floats, unseen: Floats) -> Floats:
        """float64[2, groups]: precision and recall; NaN where there is no pair."""
        true = np.maximum(said - false, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.stack([true / said, true / (true + missed + unseen)])

    def draws(self, rng: np.random.Generator) -> Floats:
        """float64[DRAWS, 2, groups]: shares drawn from what the evidence leaves open."""
        found = []
        unseen = self.unseen()
        for _ in range(0, DRAWS, _CHUNK):
            weight = rng.standard_exponential((_CHUNK, len(self.said))) if len(self.said) else np.ones((_CHUNK, 0))
            said = weight @ self.said
            wrong = self._drawn(rng, weight[:, self.false_of], self.false, self.false_p)
            pair = (weight[:, self.missed_of[:, 0]] + weight[:, self.missed_of[:, 1]]) / 2
            missed = self._drawn(rng, pair, self.missed, self.missed_p)
            lost = unseen * rng.gamma(2.0, 0.5, (_CHUNK, 1))
            found.append(np.stack([self.shares(*one) for one in zip(said, wrong, missed, lost, strict=True)]))
        return np.concatenate(found)

    @staticmethod
    def _drawn(rng: np.random.Generator, weight: Floats, mass: Floats, p: Floats) -> Floats:
        """Ends by group where each event happened with the probability ``p`` shifted by a common error; an event that
        happens brings all of its ends."""
        if not len(p):
            return np.zeros((len(weight), mass.shape[1]))
        safe = np.clip(p, 1e-12, 1 - 1e-12)
        odds = np.log2(safe / (1 - safe)) + _SHIFT_BITS * rng.standard_normal((len(weight), 1))
        happened = rng.random((len(weight), len(p))) < 1 / (1 + np.exp2(-odds))
        drawn: Floats = (weight * happened) @ (mass / safe[:, None])
        return drawn


def _captured(found: Found, spellings: Spellings, records: Floats) -> Floats:
    """float64[3, groups]: expected true ends of pairs found in none, in one and in two of three ways."""
    table, pairs = spellings.table, found.pairs
    n = spellings.mentions.astype(np.float64)
    keep = (found.unit[pairs.left] != found.unit[pairs.right]) & (n[pairs.left] > 0) & (n[pairs.right] > 0)
    left, right, p = pairs.left[keep], pairs.right[keep], pairs.probability[keep]

    def same(*columns: str | pa.Array) -> Bools:
        values = [table[c].combine_chunks() if isinstance(c, str) else c for c in columns]
        code = _codes(pc.binary_join_element_wise(*(pc.cast(v, pa.string()) for v in values), "|"))
        return np.asarray((code[left] == code[right]) & (code[left] >= 0))

    first, last = table["first_name"].combine_chunks(), table["last_name"].combine_chunks()
    initial = pc.utf8_slice_codeunits(first, 0, 1)
    ordered = pc.less(first, last)
    month, day = table["birth_month"].combine_chunks(), table["birth_day"].combine_chunks()
    ways = (
        same("last_name", initial)
        | same("last_sound", initial)
        | same("first_name", pc.utf8_slice_codeunits(last, 0, 2))
        | same("first_name", pc.utf8_slice_codeunits(last, -2))
        | same(pc.if_else(ordered, first, last), pc.if_else(ordered, last, first)),
        same("birth_year", pc.min_element_wise(month, day, skip_nulls=False),
             pc.max_element_wise(month, day, skip_nulls=False)),
        same("address") | same("phone") | same("ssn4") | same("number"),
    )  # fmt: skip
    times = np.sum(ways, axis=0)
    per = records / np.maximum(np.bincount(found.unit, n, len(records)), 1)[:, None]
    mass = p * n[left] * n[right]
    total = np.zeros((3, records.shape[1]))
    for k in range(3):
        chosen = times == k
        for side in (left, right):
            total[k] += np.bincount(found.unit[side[chosen]], mass[chosen], len(records)) @ per
    return total


def _groups(mentions: pa.Table, spellings: Spellings, named: Ints) -> Iterator[tuple[str, tuple[str, ...], Ints]]:
    """``(by, names, code int64[named])``: the ways in which records are grouped, everybody first."""
    yield EVERYBODY, ("all",), np.zeros(len(named), np.int64)
    if not len(named):
        return
    node = pa.array(spellings.of_mention[named])
    table = {name: spellings.table[name].combine_chunks().take(node) for name in (*_FIELDS, "birth")}
    known = {name: np.asarray(pc.is_valid(values)) for name, values in table.items()}
    yield "sex", *_named_codes(pa.array([_SEXES.get(x or "", "unknown") for x in table["sex"].to_pylist()]))
    if "start" in mentions.column_names:
        at = pc.year(mentions["start"].combine_chunks().take(pa.array(named)))
        age = np.asarray(pc.fill_null(pc.subtract(pc.cast(at, pa.int64()), table["birth_year"]), -1).to_numpy())
        code = np.where(age < 0, len(_AGE_NAMES), np.searchsorted(_AGES, age, side="right"))
        yield "age", (*_AGE_NAMES, "unknown"), code.astype(np.int64)
    birth = np.where(known["birth"], 0, np.where(known["birth_year"], 1, 2))
    yield "birth date", ("full", "in part", "missing"), birth.astype(np.int64)
    both, middle = known["last_name"] & known["first_name"], known["middle_name"]
    names = ("last, first and middle", "last and first", "one part or a number")
    yield "name", names, np.where(both & middle, 0, np.where(both, 1, 2)).astype(np.int64)
    count = np.sum([known[name] for name in _FIELDS], axis=0)
    yield "known fields", ("up to 3", "4 or 5", "6 or more"), np.digitize(count, [4, 6]).astype(np.int64)
    if "race" in mentions.column_names and mentions["race"].null_count < mentions.num_rows:
        race = mentions["race"].combine_chunks().take(pa.array(named))
        yield "race", *_named_codes(pc.fill_null(race, "unknown"))


def _named_codes(values: pa.Array) -> tuple[tuple[str, ...], Ints]:
    names, code = np.unique(np.asarray(values.to_pylist(), dtype=object).astype(str), return_inverse=True)
    return tuple(names.tolist()), code.astype(np.int64)


def _codes(values: pa.Array) -> Ints:
    """A number for each distinct value, -1 for null."""
    indices = pc.dictionary_encode(values).indices
    return np.asarray(pc.fill_null(indices, -1).to_numpy(zero_copy_only=False), np.int64)
