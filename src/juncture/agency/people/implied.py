"""What a human's decision about two records says about the records that are like them.

Who decides that a and b are one person has decided about more than two records: what is surely a and what is surely b
are one as well. Average linkage does not see that by itself, since it weighs every pair on its own.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from juncture.agency.people.cluster import JOIN_ABOVE, Edges, Ints, connected, gather

#: Above this, a thing is surely on one side of two records that are different people.
_SURELY = 0.9
#: A larger group of records joined by decisions is taken pair by pair as decided, not all with all.
_ALL_WITH_ALL = 12
#: A neighbour less probable than this changes no side.
_NEAR = 0.02
_Side = dict[int, float]


def implied(count: int, edges: Edges, same: Ints, different: Ints) -> Edges:
    """``edges`` of ``count`` things, with what decisions about pairs of them (int64[k, 2] each) imply.

    For a = b, any i like a and j like b are one person with at least probability p(i, a) * p(b, j), whatever conflict
    they show, since the human saw it. For a != b, an i that is surely a and a j that is surely b are one with at most
    what is left, and in conflict. The decided pairs themselves are 1 and 0.
    """
    if not len(same) and not len(different):
        return edges
    near = _Near(edges, np.unique(np.r_[same.ravel(), different.ravel()]))
    at_least: dict[tuple[int, int], float] = {}
    at_most: dict[tuple[int, int], float] = {}
    for a, b in _joined_pairs(count, same):
        for i, p in near.around(a).items():
            for j, q in near.around(b).items():
                if i != j and p * q > JOIN_ABOVE:
                    pair = (min(i, j), max(i, j))
                    at_least[pair] = max(at_least.get(pair, 0.0), p * q)
    for a, b in different.tolist():
        of_a, of_b = near.sides(a, b)
        for i, p in of_a.items():
            for j, q in of_b.items():
                if i != j:
                    pair = (min(i, j), max(i, j))
                    at_most[pair] = min(at_most.get(pair, 1.0), 1.0 - p * q)
    for a, b in same.tolist():
        at_most.pop((min(a, b), max(a, b)), None)
    for a, b in different.tolist():
        at_least.pop((min(a, b), max(a, b)), None)
    return _with(count, edges, at_least, at_most)


class _Near:
    """Neighbours of the decided things above one half."""

    def __init__(self, edges: Edges, decided: Ints) -> None:
        there = np.isin(edges.left, decided) | np.isin(edges.right, decided)
        there &= edges.probability > _NEAR
        self._of: dict[int, _Side] = {int(one): {} for one in decided}
        self._free: dict[int, _Side] = {int(one): {} for one in decided}
        rows = np.flatnonzero(there)
        for i, j, p, against in zip(
            edges.left[rows].tolist(),
            edges.right[rows].tolist(),
            edges.probability[rows].tolist(),
            edges.conflict[rows].tolist(),
            strict=True,
        ):
            for one, other in ((i, j), (j, i)):
                if one in self._of:
                    self._of[one][other] = p
                    if not against and p > JOIN_ABOVE:
                        self._free[one][other] = p

    def around(self, one: int) -> _Side:
        """What is probably one with a thing, itself included."""
        return {**self._free[one], one: 1.0}

    def sides(self, a: int, b: int) -> tuple[_Side, _Side]:
        """What is surely one of two different people, with the probability of that."""
        of_a, of_b = self._of[a], self._of[b]
        mine: _Side = {a: 1.0}
        other: _Side = {b: 1.0}
        for i in (of_a.keys() | of_b.keys()) - {a, b}:
            p, q = of_a.get(i, 0.0), of_b.get(i, 0.0)
            only_a, only_b, neither = p * (1 - q), q * (1 - p), (1 - p) * (1 - q)
            total = only_a + only_b + neither
            # Typed exactly alike with both, it is on neither side.
            if total > 0 and only_a / total > _SURELY:
                mine[i] = only_a / total
            elif total > 0 and only_b / total > _SURELY:
                other[i] = only_b / total
        return mine, other


def _joined_pairs(count: int, same: Ints) -> list[tuple[int, int]]:
    """The decided pairs, and those that follow from them, A = B and B = C making A = C."""
    if not len(same):
        return []
    group = connected(count, same[:, 0], same[:, 1])
    members: dict[int, set[int]] = {}
    for one in np.unique(same).tolist():
        members.setdefault(int(group[one]), set()).add(one)
    pairs = {(min(a, b), max(a, b)) for a, b in same.tolist() if a != b}
    for group_members in members.values():
        if len(group_members) <= _ALL_WITH_ALL:
            pairs |= set(combinations(sorted(group_members), 2))
    return sorted(pairs)


def _with(
    count: int, edges: Edges, at_least: dict[tuple[int, int], float], at_most: dict[tuple[int, int], float]
) -> Edges:
    probability, conflict = edges.probability.copy(), edges.conflict.copy()
    key = edges.left * count + edges.right
    low, place, known = _places(at_least, key, count)
    here = place[known]
    probability[here] = np.maximum(probability[here], low[known])
    conflict[here] = False
    high, at, there = _places(at_most, key, count)
    here = at[there]
    probability[here] = np.minimum(probability[here], high[there])
    conflict[here] = True
    new = np.array(list(at_least), np.int64).reshape(-1, 2)[~known]
    return gather(
        np.r_[edges.left, new[:, 0]],
        np.r_[edges.right, new[:, 1]],
        np.r_[probability, low[~known]],
        np.r_[conflict, np.zeros(len(new), bool)],
    )


def _places(
    found: dict[tuple[int, int], float], key: Ints, count: int
) -> tuple[npt.NDArray[np.float64], Ints, npt.NDArray[np.bool_]]:
    """``(values, place, known)`` of pairs in the sorted ``key``."""
    pairs = np.array(list(found), np.int64).reshape(-1, 2)
    values = np.array(list(found.values()), np.float64)
    wanted = pairs[:, 0] * count + pairs[:, 1]
    place = np.searchsorted(key, wanted)
    known = np.zeros(len(wanted), bool)
    inside = place < len(key)
    known[inside] = key[place[inside]] == wanted[inside]
    return values, place, known
