"""Rows of bits compared by how many they share.

Rows are packed uint8 [rows, bytes]. Two unlike values share bits by chance, ``a * b / length`` of them, so both
coefficients are taken over what chance gives: 0 for unrelated rows on average (slightly negative ones included),
1 for equal ones. The uncorrected Dice coefficient is ``2 * shared / (a + b)``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

#: Pairs counted at a time: a tile of 16-bit counts stays in the processor's cache.
_TILE = 1 << 18


def words(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Rows as 64-bit words [rows, words], the last one padded with zero bits."""
    short = -rows.shape[1] % 8
    padded = np.pad(rows, ((0, 0), (0, short))) if short else rows
    return np.ascontiguousarray(padded).view(np.uint64)


def popcount(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Set bits of each row, int64 [rows]."""
    return np.asarray(np.bitwise_count(rows).sum(axis=1, dtype=np.int64))


def shared_tiles(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Iterator[tuple[slice, NDArray[np.uint16]]]:
    """Shared bits of all pairs, as (slice of rows of ``a``, uint16 [rows, len(b)]) one tile after another."""
    left, right = words(a), np.ascontiguousarray(words(b).T)
    step = max(1, _TILE // max(1, b.shape[0]))
    for start in range(0, a.shape[0], step):
        part = slice(start, min(start + step, a.shape[0]))
        shared = np.zeros((part.stop - start, b.shape[0]), dtype=np.uint16)
        for word in range(right.shape[0]):
            shared += np.bitwise_count(left[part, word, None] & right[word])
        yield part, shared


def shared_pairs(
    a: NDArray[np.uint8], b: NDArray[np.uint8], i: NDArray[np.int64], j: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Shared bits of the pairs ``a[i], b[j]``, int64 [pairs]."""
    left, right = words(a), words(b)
    out = np.empty(i.size, dtype=np.int64)
    step = max(1, (1 << 20) // max(1, left.shape[1]))
    for start in range(0, i.size, step):
        part = slice(start, start + step)
        out[part] = np.bitwise_count(left[i[part]] & right[j[part]]).sum(axis=1, dtype=np.int64)
    return out


def over_chance(
    shared: NDArray[np.integer], a: NDArray[np.integer], b: NDArray[np.integer], length: int, *, overlap: bool = False
) -> NDArray[np.float32]:
    """Dice coefficient over chance, float32, of pairs that share ``shared`` of ``a`` and ``b`` set bits.

    With ``overlap`` the coefficient of Szymkiewicz and Simpson, over the smaller set instead of the mean of both:
    1 where one row holds all of the other.
    """
    left, right = np.asarray(a, dtype=np.float32), np.asarray(b, dtype=np.float32)
    chance = left * right / np.float32(max(1, length))
    whole = np.minimum(left, right) if overlap else (left + right) * np.float32(0.5)
    over = np.asarray(shared, dtype=np.float32) - chance
    return np.asarray(over / np.maximum(whole - chance, np.float32(1e-6)), dtype=np.float32)


def dice(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Uncorrected Dice coefficient of all pairs of rows, float32 [len(a), len(b)]; 0 where both rows are empty."""
    whole = (popcount(a)[:, None] + popcount(b)[None, :]).astype(np.float32)
    out = np.zeros(whole.shape, dtype=np.float32)
    for part, shared in shared_tiles(a, b):
        out[part] = 2 * shared / np.maximum(whole[part], 1)
    return out
