"""Which two records a human should look at next: those on whose answer most hangs.

After each answer the spellings around it are put together anew, with what the answer implies, and ranked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from juncture.agency.people.cluster import JOIN_ABOVE, Bools, Edges, Floats, Ints, agglomerate, gather
from juncture.agency.people.implied import implied
from juncture.agency.people.questions import WORTH_ASKING, Question, between, within

#: Mentions for which a spelling known only as an alias counts when people are put together.
ALIAS_WEIGHT = 0.25


@dataclass(frozen=True)
class Doubts:
    """What a run leaves open, as units (spellings that are one person from the start) and pairs of them.

    ``records`` float64[units]: mentions of each unit. ``edges``: scored pairs of units. ``cluster`` int64[units]: the
    person, named by its least unit. ``apart`` int64[k, 2]: units that a human keeps apart. ``fixed`` bool[units]: a
    name and nothing else, about which no question helps. ``unit`` int64[mentions]: the unit of a mention, -1 nameless.
    """

    records: Floats
    edges: Edges
    cluster: Ints
    apart: Ints
    fixed: Bools
    unit: Ints


class Review:
    """A review at work: the best question now, and the answers so far. Not safe for several threads."""

    def __init__(self, doubts: Doubts, unsure: Sequence[tuple[int, int]] = ()) -> None:
        """``unsure``: pairs of units about which a human could not tell, asked no more."""
        self._doubts = doubts
        self._unsure = [(a, b) for a, b in unsure if a != b and a >= 0 and b >= 0]
        self._answers: list[tuple[int, int, bool | None]] = []
        self._begin()

    def _begin(self) -> None:
        d = self._doubts
        self._state = _State(d)
        self._settled = {(min(a, b), max(a, b)) for a, b in [*d.apart.tolist(), *self._unsure]}
        self._questions = {_key(q, c): q for q, c in self._state.questions(self._settled)}

    def __len__(self) -> int:
        """How many questions are worth asking now."""
        return len(self._questions)

    def best(self) -> Question | None:
        """The question worth most now, or None where none is left."""
        return max(self._questions.values(), key=lambda q: (q.worth, -q.left, -q.right), default=None)

    def expected_wrong(self) -> float:
        """Expected pairs of records that are decided wrongly now, over the questions that are left."""
        return sum(q.worth for q in self._questions.values())

    def until(self, rest: float) -> int:
        """How many of the best questions are to be answered until those left are worth no more than ``rest``."""
        worth = np.sort([q.worth for q in self._questions.values()])
        return len(worth) - int(np.searchsorted(np.cumsum(worth), rest, side="right"))

    def worth_asking(self, share: float) -> int:
        """How many of the best questions hold ``share`` of what all are worth."""
        return self.until((1 - share) * self.expected_wrong())

    def answer(self, left: int, right: int, same: bool | None) -> float:
        """Take an answer about two units in: one person, two people, or ``None`` for cannot tell.

        Returns how many pairs of records are decided differently for it.
        """
        self._answers.append((left, right, same))
        return self._take(left, right, same)

    def changed(self) -> float:
        """Pairs of records that are decided differently now than before the first answer."""
        return _disagreeing(self._doubts.cluster, self._state.cluster, self._doubts.records)

    def take_back(self) -> None:
        """Undo the last answer."""
        self._answers.pop()
        self._begin()
        for left, right, same in self._answers:
            self._take(left, right, same)

    def is_decided(self, left: int, right: int) -> bool | None:
        """Whether two units are one person (True) or two (False) by answers, or None."""
        return self._state.decided(left, right)

    def _take(self, left: int, right: int, same: bool | None) -> float:
        self._settled.add((min(left, right), max(left, right)))
        touched, changed = {int(self._state.cluster[left]), int(self._state.cluster[right])}, 0.0
        if same is not None:
            touched, changed = self._state.decide(left, right, same)
        kept = {key: q for key, q in self._questions.items() if not touched & set(key[:2])}
        self._questions = kept | {_key(q, c): q for q, c in self._state.questions(self._settled, touched)}
        return changed


def _key(question: Question, clusters: tuple[int, int]) -> tuple[int, int, int, int]:
    inside = (question.left, question.right) if question.joined else (-1, -1)
    return (*clusters, *inside)


class _State:
    """Units, their pairs and who they are put together to, as answers come in."""

    def __init__(self, doubts: Doubts) -> None:
        self.edges = doubts.edges
        self.fixed = doubts.fixed
        self.records = doubts.records
        self.cluster = doubts.cluster.copy()
        self.same: list[tuple[int, int]] = []
        self.different: list[tuple[int, int]] = [(int(a), int(b)) for a, b in doubts.apart]
        self._changed: dict[tuple[int, int], tuple[float, bool]] = {}
        self._around = _adjacency(len(self.cluster), self.edges)

    def decided(self, left: int, right: int) -> bool | None:
        group = self._groups(np.array([left, right]))
        a, b = group[left], group[right]
        if a == b:
            return True
        return False if any({group.get(x, x), group.get(y, y)} == {a, b} for x, y in self.different) else None

    def _groups(self, units: Ints) -> dict[int, int]:
        """The least unit that answers make one with each of ``units`` and of all that were answered about."""
        root = {int(u): int(u) for u in units}
        for pair in self.same:
            for one in pair:
                root.setdefault(one, one)
        for a, b in self.same:
            low, high = sorted((root[a], root[b]))
            root = {u: low if r == high else r for u, r in root.items()}
        return root

    def decide(self, left: int, right: int, same: bool) -> tuple[set[int], float]:
        """Take a decision in and put together anew what it touches.

        Returns the names of the persons touched, and how many pairs of records are decided differently now.
        """
        (self.same if same else self.different).append((left, right))
        region = self._linked({left, right})
        local = np.array(sorted(region), np.int64)
        edges = self._inside(local)
        position = {int(unit): i for i, unit in enumerate(local)}
        pair = np.array([[position[left], position[right]]], np.int64)
        nothing = np.zeros((0, 2), np.int64)
        edges = implied(len(local), edges, pair if same else nothing, nothing if same else pair)
        for i, j, p, against in zip(
            edges.left.tolist(), edges.right.tolist(), edges.probability.tolist(), edges.conflict.tolist(), strict=True
        ):
            self._changed[(int(local[i]), int(local[j]))] = (p, against)
        before = {int(c) for c in self.cluster[local]}
        members = np.flatnonzero(np.isin(self.cluster, list(before)))
        old = self.cluster[members].copy()
        self._put_together(members)
        new = self.cluster[members]
        changed = _disagreeing(old, new, self.records[members])
        return before | {int(c) for c in new}, changed

    def _linked(self, start: set[int]) -> set[int]:
        """The units around ``start`` over links above one half and over persons as they stand."""
        persons = {int(self.cluster[u]) for u in start}
        found = {int(u) for u in np.flatnonzero(np.isin(self.cluster, list(persons)))} | start
        for unit in list(start):
            for other, p, _ in self._pairs_of(unit):
                if p > JOIN_ABOVE:
                    found.add(other)
        return found

    def _put_together(self, members: Ints) -> None:
        edges = self._inside(members)
        root = self._groups(members)
        place = {int(unit): i for i, unit in enumerate(members)}
        one = np.array([place.get(root[int(unit)], i) for i, unit in enumerate(members)], np.int64)
        edges = gather(one[edges.left], one[edges.right], edges.probability, edges.conflict)
        count = np.bincount(one, self.records[members], len(members))
        low, high = [], []
        for a, b in self.different:
            if a in place and b in place and one[place[a]] != one[place[b]]:
                low.append(min(one[place[a]], one[place[b]]))
                high.append(max(one[place[a]], one[place[b]]))
        if low:
            barred = np.array(low) * len(members) + np.array(high)
            rest = edges.take(~np.isin(edges.left * len(members) + edges.right, barred))
            many = len(low)
            edges = gather(
                np.r_[rest.left, low],
                np.r_[rest.right, high],
                np.r_[rest.probability, np.zeros(many)],
                np.r_[rest.conflict, np.ones(many, bool)],
            )
        group, _ = agglomerate(np.maximum(count, ALIAS_WEIGHT), edges)
        self.cluster[members] = members[group[one]]

    def _pairs_of(self, unit: int) -> Iterator[tuple[int, float, bool]]:
        start, other, row = self._around
        for k in range(start[unit], start[unit + 1]):
            pair = (min(unit, int(other[k])), max(unit, int(other[k])))
            if pair not in self._changed:
                yield int(other[k]), float(self.edges.probability[row[k]]), bool(self.edges.conflict[row[k]])
        for (a, b), (p, against) in self._changed.items():
            if unit in (a, b):
                yield (b if a == unit else a), p, against

    def _inside(self, units: Ints) -> Edges:
        """The pairs among ``units``, numbered by their place there."""
        start, other, row = self._around
        place = {int(unit): i for i, unit in enumerate(units)}
        rows = [
            int(row[k])
            for unit in place
            for k in range(start[unit], start[unit + 1])
            if unit < other[k] and int(other[k]) in place and (unit, int(other[k])) not in self._changed
        ]
        new = [(place[a], place[b], p, c) for (a, b), (p, c) in self._changed.items() if a in place and b in place]
        left = [place[int(self.edges.left[r])] for r in rows] + [n[0] for n in new]
        right = [place[int(self.edges.right[r])] for r in rows] + [n[1] for n in new]
        return gather(
            np.array(left, np.int64),
            np.array(right, np.int64),
            np.r_[self.edges.probability[rows], [n[2] for n in new]].astype(np.float64),
            np.r_[self.edges.conflict[rows], [n[3] for n in new]].astype(bool),
        )

    def questions(
        self, settled: set[tuple[int, int]], touched: set[int] | None = None
    ) -> list[tuple[Question, tuple[int, int]]]:
        """Questions worth asking with the two persons they are about, of all or of ``touched`` persons only."""
        edges = self._all(touched)
        pairs = np.array(sorted(settled), np.int64).reshape(-1, 2)
        found = list(between(edges, self.cluster, self.records, self.fixed, pairs))
        found += within(edges, self.cluster, self.records, self.fixed, pairs, touched)
        return [(q, c) for q, c in found if q.doubt >= WORTH_ASKING]

    def _all(self, touched: set[int] | None) -> Edges:
        """Pairs as they are now, of units in ``touched`` persons only where given."""
        edges = self.edges
        if touched is not None:
            inside = np.isin(self.cluster, list(touched))
            units = np.flatnonzero(inside)
            start, _, row = self._around
            rows = np.unique(np.concatenate([row[start[u] : start[u + 1]] for u in units] or [np.zeros(0, np.int64)]))
            edges = edges.take(rows)
        if not self._changed:
            return edges
        count = len(self.cluster)
        keys = np.array([a * count + b for a, b in self._changed], np.int64)
        rest = edges.take(~np.isin(edges.left * count + edges.right, keys))
        new = np.array(list(self._changed), np.int64).reshape(-1, 2)
        values = np.array([p for p, _ in self._changed.values()])
        against = np.array([c for _, c in self._changed.values()], bool)
        if touched is not None:
            near = inside[new[:, 0]] | inside[new[:, 1]]
            new, values, against = new[near], values[near], against[near]
        return gather(
            np.r_[rest.left, new[:, 0]],
            np.r_[rest.right, new[:, 1]],
            np.r_[rest.probability, values],
            np.r_[rest.conflict, against],
        )


def _disagreeing(one: Ints, other: Ints, records: Floats) -> float:
    """Pairs of records that one grouping of units joins and the other does not."""
    _, a = np.unique(one, return_inverse=True)
    _, b = np.unique(other, return_inverse=True)
    _, both = np.unique(a * (len(b) + 1) + b, return_inverse=True)
    square = [float((np.bincount(code, records) ** 2).sum()) / 2 for code in (a, b, both)]
    return square[0] + square[1] - 2 * square[2]


def _adjacency(count: int, edges: Edges) -> tuple[Ints, Ints, Ints]:
    """``(start, other, row)``: the pairs of unit u are ``other[start[u] : start[u + 1]]``, rows of ``edges``."""
    unit = np.r_[edges.left, edges.right]
    order = np.argsort(unit, kind="stable")
    start = np.searchsorted(unit[order], np.arange(count + 1))
    return start, np.r_[edges.right, edges.left][order], np.tile(np.arange(len(edges.left)), 2)[order]
