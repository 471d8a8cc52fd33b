"""Make the links between three agencies or more agree: who is one person with B at A and at C is one person there.

Every two agencies are linked by themselves first. In a matching where A = B and B = C but not A = C, either the third
link is missing or one of the two is wrong. The groups are built anew from the strongest link down; a link that would
join two groups is kept as often as its own odds, times what the pairs say that it would make one person besides, give.
So two sure links make the third likely, and a third that speaks against them costs the weaker one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from juncture.kernels.em import Floats
from juncture.linker.compare import Index

Mask = NDArray[np.bool_]
Node = tuple[int, int]

#: What a pair says that was too improbable to be kept: as much as no agreement at all in a field or two.
_NOT_KEPT = -4.0
#: Two people of one agency may be one only where both are linked to one person of another.
_MOST_REFS = 2


@dataclass(frozen=True)
class Links:
    """Links between agencies number ``a`` and ``b``: people ``i``, ``j``, log likelihood ratio ``weight``, posterior
    ``log_odds`` [pairs], and matchings ``drawn`` bool [draws, pairs]."""

    a: int
    b: int
    i: Index
    j: Index
    weight: Floats
    log_odds: Floats
    drawn: Mask


def agree(links: Sequence[Links], people: Sequence[int], rng: np.random.Generator | None) -> list[dict[int, Mask]]:
    """For every two agencies, by the code ``i * people[b] + j`` of each pair that is on in any draw, in which draws it
    is: bool [draws]. Every draw is a partition. Without ``rng`` the better choice is taken each time."""
    draws = len(links[0].drawn)
    offset = np.concatenate([[0], np.cumsum(people)]).astype(np.int64)
    known: dict[tuple[Node, Node], tuple[float, float]] = {}
    out: list[dict[int, Mask]] = [defaultdict(lambda: np.zeros(draws, dtype=np.bool_)) for _ in links]
    place = {(link.a, link.b): number for number, link in enumerate(links)}
    looked_up = False
    for draw in range(draws):
        on = [np.flatnonzero(link.drawn[draw]) for link in links]
        left = np.concatenate([offset[link.a] + link.i[e] for link, e in zip(links, on, strict=True)])
        right = np.concatenate([offset[link.b] + link.j[e] for link, e in zip(links, on, strict=True)])
        broken = _broken(left, right, offset)
        start = 0
        for number, (link, edges) in enumerate(zip(links, on, strict=True)):
            fine = edges[~broken[start : start + edges.size]]
            start += edges.size
            for code in (link.i[fine] * people[link.b] + link.j[fine]).tolist():
                out[number][code][draw] = True
        if not broken.any():
            continue
        if not looked_up:
            known, looked_up = _known(links), True
        for members in _rebuilt(links, on, broken, known, rng):
            for (x, i), (y, j) in combinations(sorted(members), 2):
                if x != y:
                    out[place[x, y]][i * people[y] + j][draw] = True
    return out


def _broken(left: Index, right: Index, offset: Index) -> Mask:
    """Which links belong to a group that lacks a link between two of its people at different agencies."""
    if not left.size:
        return np.zeros(0, dtype=np.bool_)
    size = int(offset[-1])
    graph = coo_array((np.ones(left.size, dtype=np.int8), (left, right)), shape=(size, size))
    groups, label = connected_components(graph, directed=False)
    agency = np.searchsorted(offset, np.arange(size), side="right") - 1
    members = np.zeros((groups, offset.size - 1), dtype=np.int64)
    np.add.at(members, (label, agency), 1)
    total = members.sum(axis=1)
    needed = (total * total - (members * members).sum(axis=1)) // 2
    return np.asarray((np.bincount(label[left], minlength=groups) != needed)[label[left]])


def _known(links: Sequence[Links]) -> dict[tuple[Node, Node], tuple[float, float]]:
    out: dict[tuple[Node, Node], tuple[float, float]] = {}
    for link in links:
        for i, j, weight, odds in zip(
            link.i.tolist(), link.j.tolist(), link.weight.tolist(), link.log_odds.tolist(), strict=True
        ):
            out[(link.a, i), (link.b, j)] = (weight, odds)
    return out


def _rebuilt(
    links: Sequence[Links],
    on: Sequence[Index],
    broken: Mask,
    known: Mapping[tuple[Node, Node], tuple[float, float]],
    rng: np.random.Generator | None,
) -> Iterable[set[Node]]:
    """Groups of people of the broken groups' links, from the strongest link down."""
    edges: list[tuple[float, Node, Node]] = []
    near: dict[Node, set[Node]] = defaultdict(set)
    start = 0
    for link, numbers in zip(links, on, strict=True):
        for edge in numbers[broken[start : start + numbers.size]].tolist():
            one, other = (link.a, int(link.i[edge])), (link.b, int(link.j[edge]))
            edges.append((float(link.log_odds[edge]), one, other))
            near[one].add(other)
            near[other].add(one)
        start += numbers.size
    home: dict[Node, set[Node]] = {node: {node} for node in near}
    for odds, one, other in sorted(edges, key=lambda edge: (-edge[0], edge[1], edge[2])):
        left, right = home[one], home[other]
        if left is right or not _may_join(left, right, near):
            continue
        besides = sum(
            known.get((min(x, y), max(x, y)), (_NOT_KEPT, 0.0))[0]
            for x in left
            for y in right
            if x[0] != y[0] and {x, y} != {one, other}
        )
        say = odds + besides
        if say > 0 if rng is None else rng.random() < 1 / (1 + np.exp(-np.clip(say, -40, 40))):
            left |= right
            for node in right:
                home[node] = left
    return {id(group): group for group in home.values() if len(group) > 1}.values()


def _may_join(left: set[Node], right: set[Node], near: Mapping[Node, set[Node]]) -> bool:
    """Whether every agency has one person in both groups together, or two of whom both are linked to a third."""
    both = left | right
    for x in left:
        for y in right:
            if x[0] == y[0] and (sum(node[0] == x[0] for node in both) > _MOST_REFS or not near[x] & near[y]):
                return False
    return True
