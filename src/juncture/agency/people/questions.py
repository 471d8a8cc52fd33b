"""The questions that a clerical review can ask, and what each is worth.

A question is about two groups of spellings, each probably one person: two persons that were kept apart, or the two
halves of one that could fall apart. If the present decision is wrong, every pair of records between the groups is
wrong; so a question is worth ``chance that it is wrong`` times ``pairs of records between the groups``, the expected
number of pairs of records that a true answer puts right (the value of perfect information; Howard 1966).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from juncture.agency.people.cluster import Bools, Edges, Floats, Ints, connected

#: Questions whose present answer is wrong less probably than this are not asked.
WORTH_ASKING = 0.02
#: A person with more spellings is only tried at so many of the weakest links.
_MOST_CUTS = 40


@dataclass(frozen=True)
class Question:
    """Whether two groups are one person, shown as the two units (``left``, ``right``) on which most records hang.

    ``probability`` that the two groups are one person: the mean over the pairs between them, squared where some pair
    holds evidence of two people (``guarded``), since the model overrates such pairs (on made-up cities, 60 % of those
    that it gave .8 were one person). ``pair_probability`` of the two shown alone; ``pairs`` of records between the
    groups; ``joined``: how they stand now.
    """

    left: int
    right: int
    probability: float
    pair_probability: float
    pairs: float
    joined: bool
    guarded: bool

    @property
    def doubt(self) -> float:
        """How probable it is that the present decision is wrong."""
        return 1.0 - self.probability if self.joined else self.probability

    @property
    def worth(self) -> float:
        """Expected pairs of records that a true answer puts right."""
        return self.doubt * self.pairs


def between(
    edges: Edges, cluster: Ints, records: Floats, fixed: Bools, settled: Ints
) -> Iterator[tuple[Question, tuple[int, int]]]:
    """Questions about two persons that are kept apart."""
    across = np.flatnonzero(cluster[edges.left] != cluster[edges.right])
    if not len(across):
        return
    e = edges.take(across)
    a, b = cluster[e.left], cluster[e.right]
    count = len(cluster)
    key = np.minimum(a, b) * count + np.maximum(a, b)
    size = np.bincount(cluster, records, count)
    pairs_of_edge = records[e.left] * records[e.right]
    hidden = fixed[e.left] | fixed[e.right]
    order = np.lexsort((-e.probability, -pairs_of_edge, hidden, key))
    start = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0])
    names = key[order][start]
    mass = np.add.reduceat((pairs_of_edge * e.probability)[order], start)
    guarded = np.logical_or.reduceat(e.conflict[order], start)
    pairs = size[names // count] * size[names % count]
    mean = np.divide(mass, pairs, out=np.zeros(len(mass)), where=pairs > 0)
    mean = np.where(guarded, mean**2, mean)
    done = np.minimum(cluster[settled[:, 0]], cluster[settled[:, 1]]) * count + np.maximum(
        cluster[settled[:, 0]], cluster[settled[:, 1]]
    )
    asked = np.flatnonzero((mean >= WORTH_ASKING) & ~np.isin(names, done) & ~hidden[order[start]])
    for k in asked.tolist():
        shown = order[start[k]]
        yield (
            Question(
                int(e.left[shown]), int(e.right[shown]), float(mean[k]), float(e.probability[shown]),
                float(pairs[k]), False, bool(guarded[k]),
            ),
            (int(names[k] // count), int(names[k] % count)),
        )  # fmt: skip


def within(
    edges: Edges, cluster: Ints, records: Floats, fixed: Bools, settled: Ints, touched: set[int] | None
) -> list[tuple[Question, tuple[int, int]]]:
    """Questions about the halves of one person, cut at the links that hold it together."""
    inside = np.flatnonzero(cluster[edges.left] == cluster[edges.right])
    e = edges.take(inside)
    owner = cluster[e.left]
    order = np.argsort(owner, kind="stable")
    e, owner = e.take(order), owner[order]
    names, first, many = np.unique(owner, return_index=True, return_counts=True)
    size = np.bincount(cluster, minlength=len(cluster))
    lowest = np.minimum.reduceat(e.probability, first) if len(first) else np.zeros(0)
    # Complete and sure at every pair: no cut is in doubt.
    unsure = (lowest < 1 - WORTH_ASKING) | (many < size[names] * (size[names] - 1) // 2)
    settled_in = settled[cluster[settled[:, 0]] == cluster[settled[:, 1]]]
    of_settled: dict[int, list[tuple[int, int]]] = {}
    for a, b in settled_in.tolist():
        of_settled.setdefault(int(cluster[a]), []).append((a, b))
    found: list[tuple[Question, tuple[int, int]]] = []
    for k in np.flatnonzero(unsure).tolist():
        name = int(names[k])
        if touched is None or name in touched:
            part = e.take(np.arange(first[k], first[k] + many[k]))
            for question in _cuts(part, records, fixed, of_settled.get(name, [])):
                found.append((question, (name, name)))
    return found


def _cuts(edges: Edges, records: Floats, fixed: Bools, settled: Sequence[tuple[int, int]]) -> Iterator[Question]:
    units, code = np.unique(np.r_[edges.left, edges.right], return_inverse=True)
    many = len(units)
    left, right = code[: len(edges.left)], code[len(edges.left) :]
    weight = records[units]
    mass = np.zeros((many, many))
    mass[left, right] = mass[right, left] = edges.probability * weight[left] * weight[right]
    position = {int(unit): i for i, unit in enumerate(units)}
    done = [(position[a], position[b]) for a, b in settled if a in position and b in position]
    tree = _tree(many, left, right, edges.probability)
    for row in tree[:_MOST_CUTS]:
        rest = tree[tree != row]
        side = connected(many, left[rest], right[rest]) == connected(many, left[rest], right[rest])[left[row]]
        if any(side[a] != side[b] for a, b in done):
            continue
        pairs = float(weight[side].sum() * weight[~side].sum())
        if pairs <= 0:
            continue
        mean = float(mass[np.ix_(side, ~side)].sum() / pairs)
        if 1 - mean < WORTH_ASKING:
            continue
        across = np.flatnonzero((side[left] != side[right]) & ~fixed[edges.left] & ~fixed[edges.right])
        if not len(across):
            continue
        hang = weight[left[across]] * weight[right[across]]
        best = across[np.lexsort((np.abs(edges.probability[across] - mean), -hang))[0]]
        guarded = bool(edges.conflict[across].any())
        yield Question(
            int(edges.left[best]), int(edges.right[best]), min(mean, 1.0), float(edges.probability[best]),
            pairs, True, guarded,
        )  # fmt: skip


def _tree(count: int, left: Ints, right: Ints, probability: Floats) -> Ints:
    """The pairs that hold ``count`` units together most surely (a maximum spanning tree; Kruskal 1956), the weakest
    first."""
    root = list(range(count))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    kept = []
    for row in np.lexsort((right, left, -probability)).tolist():
        a, b = find(int(left[row])), find(int(right[row]))
        if a != b:
            root[a] = b
            kept.append(row)
    return np.array(kept[::-1], np.int64)
