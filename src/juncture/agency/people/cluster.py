"""From probable pairs to people: average linkage at one half, never across evidence that two people are two.

Joining two groups adds all pairs between them to the answer, so it pays where their mean probability is above one half;
that is also the cut at which expected F1 is greatest when most pairs are clear (the best cut is half the F1 reached;
Lipton, Elkan, Naryanaswamy 2014). A chain of links cannot join groups between which some pair is in conflict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

JOIN_ABOVE = 0.5
#: Means are joined class by class, the surest first.
_MOST_SWEEPS = 10
_CLASSES = np.array([JOIN_ABOVE, 0.75, 0.9, 0.97])


@dataclass(frozen=True)
class Edges:
    """Pairs of units, ``left < right``, unique, sorted by (left, right): probability of one person, and conflict."""

    left: Ints
    right: Ints
    probability: Floats
    conflict: Bools

    def take(self, keep: Ints | Bools) -> Edges:
        """Some of the pairs."""
        return Edges(self.left[keep], self.right[keep], self.probability[keep], self.conflict[keep])


def gather(left: Ints, right: Ints, probability: Floats, conflict: Bools) -> Edges:
    """Pairs in any order and direction, the same pair perhaps more than once, as ``Edges``: two units are as likely
    one person as the best pair of their spellings says, and in conflict only if every pair of theirs is."""
    low, high = np.minimum(left, right), np.maximum(left, right)
    keep = low != high
    low, high, probability, conflict = low[keep], high[keep], probability[keep], conflict[keep]
    order = np.lexsort((-probability, high, low))
    low, high, probability, conflict = low[order], high[order], probability[order], conflict[order]
    if not len(low):
        return Edges(low, high, probability, conflict)
    start = np.flatnonzero(np.r_[True, (low[1:] != low[:-1]) | (high[1:] != high[:-1])])
    return Edges(low[start], high[start], probability[start], np.logical_and.reduceat(conflict, start))


def connected(count: int, left: Ints, right: Ints) -> Ints:
    """The connected component of each of ``count`` things, numbered by their least member (int64[count]).

    Label propagation with pointer jumping (Shiloach and Vishkin 1982).
    """
    root = np.arange(count)
    while len(left):
        low = np.minimum(root[left], root[right])
        high = np.maximum(root[left], root[right])
        if np.array_equal(low, high):
            break
        np.minimum.at(root, high, low)
        while not np.array_equal(root, root[root]):
            root = root[root]
        alive = root[left] != root[right]
        left, right = left[alive], right[alive]
    return root


def doubtful(count: int, edges: Edges) -> tuple[Ints, Bools]:
    """``(component, unclear)`` of each of ``count`` units: components over links above one half, and whether it is
    not simply one person (some pair in it was not scored, is below one half or in conflict)."""
    link = edges.probability > JOIN_ABOVE
    component = connected(count, edges.left[link], edges.right[link])
    good = link & ~edges.conflict
    size = np.bincount(component, minlength=count)
    agreeing = np.bincount(component[edges.left[good]], minlength=count)
    return component, (agreeing < size * (size - 1) // 2)[component]


def agglomerate(weight: Floats, edges: Edges) -> tuple[Ints, int]:
    """``(cluster, refused)``: the cluster of each unit, numbered by its least member, and how many joins above one half
    were refused because of a conflict.

    ``weight`` float64[n], above zero, is the number of mentions of a unit. Pairs that are not among ``edges`` have
    probability 0.
    """
    # A merge needs a pair above one half, so components over such links can be worked through one by one.
    component, unclear = doubtful(len(weight), edges)
    cluster = np.where(unclear, np.arange(len(weight)), component)
    refused = 0
    for members, inside in _by_component(component, unclear, edges):
        position = np.searchsorted(members, np.r_[inside.left, inside.right]).reshape(2, -1)
        groups, refusals = _average_linkage(weight[members], position[0], position[1], inside)
        groups = _settle(weight[members], position[0], position[1], inside, groups)
        cluster[members] = members[groups]
        refused += refusals
    return cluster, refused


def _by_component(component: Ints, wanted: Bools, edges: Edges) -> Iterator[tuple[Ints, Edges]]:
    units = np.flatnonzero(wanted)
    units = units[np.argsort(component[units], kind="stable")]
    inside = np.flatnonzero((component[edges.left] == component[edges.right]) & wanted[edges.left])
    inside = inside[np.argsort(component[edges.left[inside]], kind="stable")]
    names, first = np.unique(component[units], return_index=True)
    ends = np.r_[first[1:], len(units)]
    owner = component[edges.left[inside]]
    low, high = np.searchsorted(owner, names, "left"), np.searchsorted(owner, names, "right")
    for i in range(len(names)):
        if ends[i] - first[i] > 1:
            yield units[first[i] : ends[i]], edges.take(inside[low[i] : high[i]])


def _average_linkage(weight: Floats, left: Ints, right: Ints, edges: Edges) -> tuple[Ints, int]:
    """Greedy average linkage with cannot-links of one component; groups named by their least member, and joins refused.

    Lance and Williams' update for the group average (1967) on sums of weight times probability, kept dense.
    """
    count = len(weight)
    mass = np.zeros((count, count))
    against = np.zeros((count, count), bool)
    pair_weight = weight[left] * weight[right]
    mass[left, right] = mass[right, left] = edges.probability * pair_weight
    against[left, right] = against[right, left] = edges.conflict
    size, group, alive = weight.copy(), np.arange(count), np.ones(count, bool)

    def absorb(i: int, j: int) -> None:
        mass[i] += mass[j]
        mass[:, i] = mass[i]
        against[i] |= against[j]
        against[:, i] = against[i]
        size[i] += size[j]
        group[group == j] = i
        alive[j] = False

    open_ = ~np.eye(count, dtype=bool)
    rank = _rank(mass, np.outer(size, size), against, open_)
    refused = int(np.count_nonzero(np.triu(against & open_ & (mass > JOIN_ABOVE * np.outer(size, size)), 1)))
    best, value = rank.argmax(1), rank.max(1)
    while True:
        i = int(value.argmax())
        j = int(best[i])
        if value[i] <= 0:
            return group, refused
        i, j = min(i, j), max(i, j)
        newly = against[i] ^ against[j]
        absorb(i, j)
        reach = size[i] * size
        others = alive.copy()
        others[i] = False
        refused += int(np.count_nonzero(newly & others & (mass[i] > JOIN_ABOVE * reach)))
        fresh = _rank(mass[i], reach, against[i], others)
        rank[i] = rank[:, i] = fresh
        rank[j] = rank[:, j] = 0.0
        better = fresh > value
        stale = ((best == i) | (best == j)) & ~better
        best[better], value[better] = i, fresh[better]
        stale[[i, j]] = True
        best[stale], value[stale] = rank[stale].argmax(1), rank[stale].max(1)


def _settle(weight: Floats, left: Ints, right: Ints, edges: Edges, group: Ints) -> Ints:
    """Groups after each unit has moved to where it adds most expected right pairs, without conflict, until none gains.

    What was joined early may fit another group better once that has grown (local moves of correlation clustering;
    Keuper et al. 2015).
    """
    count = len(weight)
    worth = np.full((count, count), -JOIN_ABOVE) * np.outer(weight, weight)
    against = np.zeros((count, count), bool)
    worth[left, right] = worth[right, left] = (edges.probability - JOIN_ABOVE) * weight[left] * weight[right]
    against[left, right] = against[right, left] = edges.conflict
    np.fill_diagonal(worth, 0.0)
    for _ in range(_MOST_SWEEPS):
        moved = False
        for unit in range(count):
            gain = np.bincount(group, worth[unit], count)
            barred = np.bincount(group, against[unit], count) > 0
            gain[barred] = -np.inf
            best = int(np.round(gain, 9).argmax())
            if gain[best] > gain[group[unit]] + 1e-9:
                group[unit] = best
                moved = True
        if not moved:
            break
    _, first, code = np.unique(group, return_index=True, return_inverse=True)
    return first[code]


def _rank(mass: Floats, pairs: Floats, against: Bools, allowed: Bools) -> Floats:
    """How early to join: by the class of the mean probability, in it by the expected gain in right pairs; 0 = never.

    The gain lets a spelling that fits two people equally well go to the one with more mentions. Rounded, so that sums
    in another order stay equal and the first of equals is taken.
    """
    mean = np.round(mass / pairs, 9)
    gain = np.maximum(mass - JOIN_ABOVE * pairs, 0.0)
    rank = np.round(np.searchsorted(_CLASSES, mean, side="left") + gain / (1 + gain), 9)
    return np.where(allowed & ~against & (mean > JOIN_ABOVE), rank, 0.0)
