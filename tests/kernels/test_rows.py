"""Equal rows, distinct values and membership: the fast ways against slow and obvious ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from juncture.kernels import rows as kernel
from juncture.kernels.rows import among, ascending, distinct_pairs, numbered

FEW_VALUES = st.tuples(st.integers(1, 40), st.integers(1, 20)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 2))
)


def assert_numbered(rows: np.ndarray, got: tuple[np.ndarray, np.ndarray]) -> None:
    """Against comparing every row with every other."""
    first, number = got
    texts = [row.tobytes() for row in rows]
    assert len(first) == len(set(texts))
    assert [texts[first[n]] for n in number] == texts
    assert [texts.index(texts[f]) for f in first] == first.tolist()


@given(rows=FEW_VALUES)
def test_equal_rows_have_one_number(rows: np.ndarray) -> None:
    assert_numbered(rows, numbered(rows))


@given(rows=FEW_VALUES)
def test_rows_with_one_mixed_value_are_told_apart(rows: np.ndarray) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "_mixed", lambda rows: np.zeros(len(rows), dtype=np.uint64))
        assert_numbered(rows, numbered(rows))


def test_no_rows_and_rows_without_bytes() -> None:
    assert [part.tolist() for part in numbered(np.zeros((0, 8), dtype=np.uint8))] == [[], []]
    assert [part.tolist() for part in numbered(np.zeros((3, 0), dtype=np.uint8))] == [[0], [0, 0, 0]]


@given(pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_distinct_pairs_against_a_set(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    got = distinct_pairs(one, other)
    assert list(zip(got[0].tolist(), got[1].tolist(), strict=True)) == sorted(set(pairs))


VALUES = st.lists(st.integers(-5, 20), max_size=40)


@given(values=VALUES)
def test_ascending_is_numpys_unique(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    assert ascending(array).tolist() == np.unique(array).tolist()


@given(values=VALUES, pool=VALUES)
def test_among_is_numpys_isin(values: list[int], pool: list[int]) -> None:
    one, other = np.array(values, dtype=np.int64), np.array(pool, dtype=np.int64)
    assert among(one, other).tolist() == np.isin(one, other).tolist()
