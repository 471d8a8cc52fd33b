"""Whole matchings: the best one, and draws from the posterior.

Both split the candidate graph into connected components, most of which are one or two edges. A component of at most
``EXACT_EDGES`` edges is enumerated, so its draws are exact and independent. From a larger one the least probable edges
are set aside until it falls apart; what still hangs together is sampled by Gibbs, two people at a time; then an edge
set aside is drawn by itself, where both of its ends are free.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from juncture.kernels.marginals import SECOND

Floats = NDArray[np.float64]
Index = NDArray[np.integer]
Mask = NDArray[np.bool_]

EXACT_EDGES = 12
#: Edges of a component too large to enumerate that are less probable than these are set aside, in this order.
SET_ASIDE = (1e-3, 3e-3, 1e-2, 3e-2, 6e-2)
_SWEEPS_FIRST, _SWEEPS_BETWEEN = 20, 2


def edge_components(i: Index, j: Index) -> NDArray[np.int64]:
    """Number of the connected component of each edge, int64 [edges], dense from 0."""
    if i.size == 0:
        return np.zeros(0, dtype=np.int64)
    first, second = np.asarray(i, dtype=np.int64), np.asarray(j, dtype=np.int64)
    shift = int(first.max()) + 1
    size = shift + int(second.max()) + 1
    graph = coo_array((np.ones(i.size, dtype=np.int8), (first, second + shift)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    return np.asarray(np.unique(label[first], return_inverse=True)[1], dtype=np.int64)


def _members(component: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Edge numbers of each component of two edges or more."""
    order = np.argsort(component, kind="stable")
    ends = np.cumsum(np.bincount(component)) if component.size else np.zeros(0, dtype=np.int64)
    for start, end in zip(np.concatenate([[0], ends[:-1]]).tolist(), ends.tolist(), strict=False):
        if end - start > 1:
            yield order[start:end]


def best_matching(i: Index, j: Index, value: Floats) -> Mask:
    """The one-to-one matching with the largest sum of ``value``, as a mask of edges; only positive values are used.

    Exact: the assignment problem of each component (Jonker and Volgenant's algorithm, in scipy).
    """
    chosen = np.zeros(value.size, dtype=np.bool_)
    useful = np.flatnonzero(value > 0)
    component = edge_components(i[useful], j[useful])
    size = np.bincount(component)
    chosen[useful[size[component] == 1]] = True
    for members in _members(component):
        edges = useful[members]
        rows, a = np.unique(i[edges], return_inverse=True)
        columns, b = np.unique(j[edges], return_inverse=True)
        grid, number = np.zeros((rows.size, columns.size)), np.full((rows.size, columns.size), -1)
        order = np.argsort(value[edges], kind="stable")
        grid[a[order], b[order]], number[a[order], b[order]] = value[edges][order], edges[order]
        picked = number[linear_sum_assignment(grid, maximize=True)]
        chosen[picked[picked >= 0]] = True
    return chosen


def add_seconds(i: Index, j: Index, chosen: Mask, probability: Floats, *, floor: float = 0.5) -> Mask:
    """``chosen`` with the edges above ``floor`` whose ends are each used at most once so far, most probable first."""
    out = chosen.copy()
    used_a, used_b = np.bincount(i[chosen], minlength=_top(i)), np.bincount(j[chosen], minlength=_top(j))
    rest = np.flatnonzero(~chosen & (probability > floor))
    for edge in rest[np.argsort(-probability[rest], kind="stable")]:
        if used_a[i[edge]] < 2 and used_b[j[edge]] < 2:
            out[edge] = True
            used_a[i[edge]] += 1
            used_b[j[edge]] += 1
    return out


def _top(index: Index) -> int:
    return int(index.max()) + 1 if index.size else 0


def draw_matchings(
    i: Index,
    j: Index,
    log_odds: Floats,
    probability: Floats,
    *,
    rng: np.random.Generator,
    second: float = SECOND,
) -> Mask:
    """One matching a row of ``log_odds`` (float64 [draws, edges]), drawn from its posterior: bool [draws, edges].

    ``probability`` [edges] serves to break up components too large to enumerate. The same ``rng`` state gives the
    same draws.
    """
    draws, edges = log_odds.shape
    drawn = np.zeros((draws, edges), dtype=np.bool_)
    alive = np.ones(edges, dtype=np.bool_)
    for floor in (*SET_ASIDE, None):
        numbers = np.flatnonzero(alive)
        component = edge_components(i[numbers], j[numbers])
        size = np.bincount(component)
        large = np.flatnonzero(size > EXACT_EDGES)
        if floor is None or not large.size:
            break
        alive[numbers[np.isin(component, large) & (probability[numbers] < floor)]] = False
    single = numbers[size[component] == 1]
    drawn[:, single] = rng.random((draws, single.size)) < 1 / (1 + np.exp(-np.clip(log_odds[:, single], -40, 40)))
    for members in _members(component):
        part = numbers[members]
        sample = _enumerate if part.size <= EXACT_EDGES else _gibbs
        drawn[:, part] = sample(i[part], j[part], log_odds[:, part], second, rng)
    _draw_weak(i, j, probability, alive, drawn, rng)
    return drawn


def _draw_weak(i: Index, j: Index, probability: Floats, alive: Mask, drawn: Mask, rng: np.random.Generator) -> None:
    """Add edges that were set aside, each as often as makes up its probability, given how often its ends are free."""
    weak = np.flatnonzero(~alive)
    if not weak.size:
        return
    taken_a = np.bincount(i[alive], weights=probability[alive], minlength=_top(i))
    taken_b = np.bincount(j[alive], weights=probability[alive], minlength=_top(j))
    free = np.maximum(1 - taken_a[i[weak]], 0.0) * np.maximum(1 - taken_b[j[weak]], 0.0)
    chance = np.minimum(probability[weak] / np.maximum(free, 1e-12), 1.0)
    for row in drawn:
        used_a, used_b = set(i[row].tolist()), set(j[row].tolist())
        for edge in weak[rng.random(weak.size) < chance].tolist():
            if i[edge] not in used_a and j[edge] not in used_b:
                row[edge] = True
                used_a.add(i[edge])
                used_b.add(j[edge])


def subsets(i: Index, j: Index) -> tuple[Mask, NDArray[np.int64]]:
    """All sets of edges that use no end three times, bool [sets, edges], and how many ends each uses twice."""
    edges = i.size
    sets = (np.arange(1 << edges)[:, None] >> np.arange(edges)) & 1
    ends = [np.unique(side, return_inverse=True)[1] for side in (i, j)]
    degrees = np.hstack([sets @ np.eye(end.max() + 1, dtype=np.int64)[end] for end in ends])
    allowed = (degrees <= 2).all(axis=1)
    return sets[allowed].astype(np.bool_), (degrees[allowed] == 2).sum(axis=1)


def _enumerate(i: Index, j: Index, log_odds: Floats, second: float, rng: np.random.Generator) -> Mask:
    sets, doubled = subsets(i, j)
    weight = log_odds @ sets.T.astype(np.float64) + doubled * np.log(max(second, 1e-300))
    return sets[_pick(weight, rng)]


def _pick(log_weight: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """One column a row, with probability proportional to the exponential (Gumbel's trick)."""
    return np.asarray(np.argmax(log_weight + rng.gumbel(size=log_weight.shape), axis=1))


def _gibbs(i: Index, j: Index, log_odds: Floats, second: float, rng: np.random.Generator) -> Mask:
    """Draws of one large component: a chain that redraws all edges of two people with a common candidate."""
    a, b = np.unique(i, return_inverse=True)[1], np.unique(j, return_inverse=True)[1]
    edges_of = [np.flatnonzero(a == row) for row in range(int(a.max()) + 1)]
    choices = [_choices(edges) for edges in edges_of]
    touching = [np.unique(a[np.isin(b, b[edges])]) for edges in edges_of]
    log_second = np.log(max(second, 1e-300))
    on = best_matching(a, b, log_odds.mean(axis=0))
    out = np.zeros(log_odds.shape, dtype=np.bool_)
    for draw in range(log_odds.shape[0]):
        for _ in range(_SWEEPS_BETWEEN if draw else _SWEEPS_FIRST):
            for row in range(len(edges_of)):
                other = int(rng.choice(touching[row]))
                mine = edges_of[row] if other == row else np.concatenate([edges_of[row], edges_of[other]])
                sets = choices[row] if other == row else _product(choices[row], choices[other])
                on[mine] = False
                used = np.bincount(b[on], minlength=int(b.max()) + 1)
                columns, place = np.unique(b[mine], return_inverse=True)
                degree = used[columns] + sets @ np.eye(columns.size, dtype=np.int64)[place]
                rows_doubled = (sets @ (a[mine][:, None] == np.unique(a[mine])) == 2).sum(axis=1)
                doubled = (degree == 2).sum(axis=1) + rows_doubled
                weight = sets @ log_odds[draw, mine] + doubled * log_second
                weight[(degree > 2).any(axis=1)] = -np.inf
                on[mine] = sets[_pick(weight[None, :], rng)[0]] > 0
        out[draw] = on
    return out


def _choices(edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of a person's edges may be on together: none, one or two; int64 [choices, edges]."""
    eye = np.eye(edges.size, dtype=np.int64)
    first, other = np.triu_indices(edges.size, 1)
    return np.vstack([np.zeros((1, edges.size), dtype=np.int64), eye, eye[first] + eye[other]])


def _product(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = np.repeat(np.arange(left.shape[0]), right.shape[0])
    return np.hstack([left[rows], np.tile(right, (left.shape[0], 1))])
