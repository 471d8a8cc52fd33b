"""Compare two people by their best pair of spellings: of all pairs of their rows, the one whose levels weigh most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from juncture.kernels.em import Floats, Levels
from juncture.kernels.parallel import each
from juncture.linker.compare import MISSING, FieldPair, Index, LinkInput

#: Row pairs graded at a time.
_ROW_PAIRS = 4_000_000


@dataclass(frozen=True)
class Scored:
    """Pairs of people with their best pair of rows: its total weight, its rows, and its levels [pairs, fields]."""

    weight: Floats
    row_a: Index
    row_b: Index
    levels: Levels


@dataclass(frozen=True)
class RowPairs:
    """All pairs of rows of some pairs of people, graded once; which of them is best changes with the weights.

    ``many`` int64 [pairs]: pairs of rows of each pair of people, one after another in the others. ``row_a``, ``row_b``
    int32 [row pairs]; ``levels`` uint8 [fields, row pairs].
    """

    many: Index
    row_a: NDArray[np.int32]
    row_b: NDArray[np.int32]
    levels: Levels

    @classmethod
    def graded(cls, fields: Sequence[FieldPair], a: LinkInput, b: LinkInput, i: Index, j: Index) -> RowPairs:
        """Those of the pairs of people ``i`` (of a) and ``j`` (of b)."""
        many, row_a, row_b = _expanded(a, b, i, j)
        levels = np.empty((len(fields), row_a.size), dtype=np.uint8)

        def grade(number: int) -> None:
            for start in range(0, row_a.size, _ROW_PAIRS):
                part = slice(start, start + _ROW_PAIRS)
                levels[number, part] = fields[number].levels(row_a[part], row_b[part])

        each(grade, range(len(fields)))
        return cls(many, row_a, row_b, levels)

    def take(self, keep: NDArray[np.bool_]) -> RowPairs:
        """Some of the pairs of people."""
        rows = np.repeat(keep, self.many)
        return RowPairs(self.many[keep], self.row_a[rows], self.row_b[rows], self.levels[:, rows])

    def best(self, weights: Sequence[Floats]) -> Scored:
        """The best pair of rows of each pair of people by the log-weights of levels, the first of equals."""
        total = np.zeros(self.row_a.size, dtype=np.float32)
        for weight, level in zip(weights, self.levels, strict=True):
            total += np.asarray(weight, dtype=np.float32)[level]
        top, pick = _first_best(total, self.many)
        return Scored(
            top.astype(np.float64),
            self.row_a[pick].astype(np.int64),
            self.row_b[pick].astype(np.int64),
            np.ascontiguousarray(self.levels[:, pick].T),
        )

    def filled(self, column: int, scored: tuple[Levels, Index, Index], weight: Floats) -> tuple[Levels, Index, Index]:
        """Levels of one field with the rows they come from, where the best pair of rows leaves it missing: then the
        best level that any two rows of these people give. A field is missing only where an agency never had it; else a
        row with a blank would hide that all others disagree."""
        level, row_a, row_b = scored[0].copy(), scored[1].copy(), scored[2].copy()
        short = level == MISSING
        if short.any():
            rows = np.flatnonzero(np.repeat(short, self.many))
            found = self.levels[column, rows]
            worth = np.where(np.arange(weight.size) == MISSING, -np.inf, weight)
            _, pick = _first_best(worth[found], self.many[short])
            level[short] = found[pick]
            row_a[short], row_b[short] = self.row_a[rows[pick]], self.row_b[rows[pick]]
        return level, row_a, row_b


def score_pairs(
    fields: Sequence[FieldPair], a: LinkInput, b: LinkInput, i: Index, j: Index, weights: Sequence[Floats]
) -> Scored:
    """Score pairs of people ``i`` (of a) and ``j`` (of b) by the log-weights of levels, one array a field."""
    parts = [RowPairs.graded(fields, a, b, i[part], j[part]).best(weights) for part in _chunks(_many(a, b, i, j))]
    return Scored(
        np.concatenate([np.zeros(0), *(one.weight for one in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(one.row_a for one in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(one.row_b for one in parts)]),
        np.concatenate([np.zeros((0, len(fields)), np.uint8), *(one.levels for one in parts)]),
    )


def _many(a: LinkInput, b: LinkInput, i: Index, j: Index) -> Index:
    """How many pairs of rows each pair of people has, int64 [pairs]."""
    return np.asarray(np.diff(a.spelling_start).astype(np.int64)[i] * np.diff(b.spelling_start)[j])


def _expanded(a: LinkInput, b: LinkInput, i: Index, j: Index) -> tuple[Index, NDArray[np.int32], NDArray[np.int32]]:
    many = _many(a, b, i, j)
    begin = np.cumsum(many) - many
    offset = (np.arange(int(many.sum())) - np.repeat(begin, many)).astype(np.int32)
    across = np.repeat(np.diff(b.spelling_start).astype(np.int32)[j], many)
    row_a = np.repeat(a.spelling_start[i].astype(np.int32), many) + offset // across
    row_b = np.repeat(b.spelling_start[j].astype(np.int32), many) + offset % across
    return many, row_a, row_b


def _first_best(worth: Floats | NDArray[np.float32], many: Index) -> tuple[NDArray[np.floating], Index]:
    """The highest of each run of ``many`` values, and the place of the first that reaches it."""
    begin = np.cumsum(many) - many
    top = np.maximum.reduceat(worth, begin) if begin.size else worth[:0]
    hit = np.flatnonzero(worth == np.repeat(top, many))
    # The runs are unbroken, so the first hit at or after a run's begin is in it.
    return top, hit[np.searchsorted(hit, begin)]


def _chunks(sizes: Index) -> Iterator[slice]:
    """Slices of pairs that each expand to about ``_ROW_PAIRS`` row pairs."""
    ends = np.cumsum(sizes)
    start = 0
    while start < sizes.size:
        reach = int(ends[start] - sizes[start]) + _ROW_PAIRS
        stop = max(start + 1, int(np.searchsorted(ends, reach, side="right")))
        yield slice(start, stop)
        start = stop
