"""Links against the truth: precision, recall, the best threshold, and whether probabilities mean what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from benchmarks.linkage.datasets import Dataset
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: Edges of the bins of the calibration table.
BINS = (0.0, 0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Score:
    """Shares; NaN where there was nothing to find. ``links`` is the number of pairs of people linked."""

    precision: float
    recall: float
    recall_women: float = float("nan")
    recall_men: float = float("nan")
    links: int = 0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.precision > 0 else 0.0


@dataclass(frozen=True)
class Bin:
    """Pairs given a probability in [low, high): how many, how many of them true, and the sum of the probabilities."""

    low: float
    high: float
    pairs: int
    true: int
    expected: float


@dataclass
class Truth:
    """What links of a data set are worth: in pairs of people, or, where people were first put together from records
    (so that they may be wrong), in pairs of records across the two agencies."""

    data: Dataset
    by_people: bool = False
    total: int = 0
    by_sex: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        n_b = self.data.people[1]
        self.codes = np.unique(self.data.truth[:, 0] * n_b + self.data.truth[:, 1])
        if self.data.records is None or self.by_people:
            self.total = len(self.codes)
            self.by_sex = Counter(self.data.sex[self.codes // max(1, n_b)].tolist())
            return
        counts: list[Counter[str]] = []
        for side, loose in zip(self.data.records.members, self.data.records.loose, strict=True):
            counts.append(Counter(who for person in side for who in person) + Counter(loose))
        for who in counts[0]:
            if who:
                pairs = counts[0][who] * counts[1][who]
                self.total += pairs
                self.by_sex[self.data.records.sex.get(who, "")] += pairs

    def is_match(self, i: Ints, j: Ints) -> Mask:
        """Whether pairs of people are the same person."""
        return np.isin(i * self.data.people[1] + j, self.codes)

    def worth(self, i: Ints, j: Ints) -> tuple[Floats, Floats, dict[str, Floats]]:
        """For each pair of people: pairs that it gets right, pairs that it claims, and the right ones by sex."""
        sexes = ("female", "male")
        if self.data.records is None or self.by_people:
            right = self.is_match(i, j).astype(np.float64)
            sex = self.data.sex[i] if len(i) else np.zeros(0, dtype=object)
            return right, np.ones(len(i)), {one: right * (sex == one) for one in sexes}
        right, claimed = np.zeros(len(i)), np.zeros(len(i))
        by_sex = {one: np.zeros(len(i)) for one in sexes}
        counted = [[Counter(person) for person in side] for side in self.data.records.members]
        for k, (p, q) in enumerate(zip(i.tolist(), j.tolist(), strict=True)):
            one, other = counted[0][p], counted[1][q]
            claimed[k] = one.total() * other.total()
            for who in one.keys() & other.keys():
                if who:
                    pairs = one[who] * other[who]
                    right[k] += pairs
                    sex_of = self.data.records.sex.get(who, "")
                    if sex_of in by_sex:
                        by_sex[sex_of][k] += pairs
        return right, claimed, by_sex

    def score(self, i: Ints, j: Ints) -> Score:
        """Of the links ``i - j``, each given once."""
        right, claimed, by_sex = self.worth(i, j)
        recall = {one: _share(float(values.sum()), self.by_sex[one]) for one, values in by_sex.items()}
        precision = _share(float(right.sum()), float(claimed.sum()))
        return Score(precision, _share(float(right.sum()), self.total), recall["female"], recall["male"], len(i))

    def best_threshold(self, i: Ints, j: Ints, weight: Floats) -> tuple[Score, float]:
        """The score at the threshold that is best by the truth, and the threshold."""
        order = np.argsort(-weight, kind="stable")
        i, j, weight = i[order], j[order], weight[order]
        right, claimed, _ = self.worth(i, j)
        f1 = 2 * np.cumsum(right) / np.maximum(np.cumsum(claimed) + self.total, 1)
        # A threshold keeps all pairs of equal weight or none.
        ends = np.flatnonzero(np.r_[weight[1:] < weight[:-1], True]) if len(weight) else np.zeros(0, np.int64)
        if not len(ends):
            return self.score(i, j), float("nan")
        end = int(ends[np.argmax(f1[ends])])
        return self.score(i[: end + 1], j[: end + 1]), float(weight[end])


def one_to_one(i: Ints, j: Ints, weight: Floats) -> Ints:
    """Places of the pairs that stay when each person keeps the best link, greedily, best first."""
    used_i: set[int] = set()
    used_j: set[int] = set()
    kept = []
    for k in np.argsort(-weight, kind="stable").tolist():
        p, q = int(i[k]), int(j[k])
        if p not in used_i and q not in used_j:
            used_i.add(p)
            used_j.add(q)
            kept.append(k)
    return np.array(kept, np.int64)


def best_by_people(i: Ints, j: Ints, weight: Floats) -> tuple[Ints, Ints, Floats]:
    """Pairs of rows as pairs of people: each once, with its greatest weight."""
    order = np.lexsort((-weight, j, i))
    i, j, weight = i[order], j[order], weight[order]
    first = np.r_[True, (i[1:] != i[:-1]) | (j[1:] != j[:-1])] if len(i) else np.zeros(0, bool)
    return i[first], j[first], weight[first]


def calibration(probability: Floats, true: Mask) -> tuple[Bin, ...]:
    """The table of ``BINS``."""
    return tuple(_bins(probability, true))


def added(tables: list[tuple[Bin, ...]]) -> tuple[Bin, ...]:
    """Tables of several data sets as one."""
    return tuple(
        Bin(bins[0].low, bins[0].high, sum(b.pairs for b in bins), sum(b.true for b in bins),
            sum(b.expected for b in bins))
        for bins in zip(*tables, strict=True)
    )  # fmt: skip


def _bins(probability: Floats, true: Mask) -> Iterator[Bin]:
    for low, high in pairwise(BINS):
        here = (probability >= low) & ((probability < high) | (high == BINS[-1]))
        yield Bin(low, high, int(here.sum()), int(true[here].sum()), float(probability[here].sum()))


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
