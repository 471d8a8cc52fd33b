"""Bit rows: the tiled kernels against sets in plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from juncture.kernels import bits


def as_set(row: np.ndarray) -> set[int]:
    return set(np.flatnonzero(np.unpackbits(row)).tolist())


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 21), st.integers(0, 2**32 - 1))
def test_dice_against_sets(n: int, m: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, (n, width), dtype=np.uint8) & rng.integers(0, 256, (n, width), dtype=np.uint8)
    b = rng.integers(0, 256, (m, width), dtype=np.uint8)
    dice = bits.dice(a, b)
    for i in range(n):
        for j in range(m):
            left, right = as_set(a[i]), as_set(b[j])
            whole = len(left) + len(right)
            assert abs(dice[i, j] - (2 * len(left & right) / whole if whole else 0)) < 1e-6


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_pairs_and_tiles_agree(n: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 256, (2, n, width), dtype=np.uint8)
    whole = np.vstack([tile for _, tile in bits.shared_tiles(a, b)])
    i, j = np.divmod(np.arange(n * n), n)
    assert (bits.shared_pairs(a, b, i, j).reshape(n, n) == whole).all()
    assert (np.diag(np.vstack([tile for _, tile in bits.shared_tiles(a, a)])) == bits.popcount(a)).all()


def test_over_chance_is_one_for_equal_rows_and_nothing_for_unrelated_ones() -> None:
    rng = np.random.default_rng(1)
    rows = (rng.random((2_000, 512)) < 0.2).astype(np.uint8)
    packed = np.packbits(rows, axis=1)
    count = bits.popcount(packed)
    assert (np.abs(bits.over_chance(count, count, count, 512) - 1) < 1e-6).all()
    shared = bits.shared_pairs(packed, packed, np.arange(1_000), np.arange(1_000, 2_000))
    unrelated = bits.over_chance(shared, count[:1_000], count[1_000:], 512)
    # Mean of 1,000 values with standard deviation about 0.04.
    assert abs(float(unrelated.mean())) < 0.006


def test_overlap_is_one_where_a_row_holds_the_other() -> None:
    whole = np.array([[0b11111000, 0]], dtype=np.uint8)
    part = np.array([[0b11000000, 0]], dtype=np.uint8)
    shared = bits.shared_pairs(whole, part, np.array([0]), np.array([0]))
    counts = bits.popcount(whole), bits.popcount(part)
    assert bits.over_chance(shared, *counts, 16, overlap=True)[0] == 1
    assert bits.over_chance(shared, *counts, 16)[0] < 1
