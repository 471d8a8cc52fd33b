"""Equal rows numbered: against sorting the rows themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from juncture.kernels import rows as kernel
from juncture.kernels.rows import as_items, distinct, distinct_pairs

FEW_VALUES = st.tuples(st.integers(1, 40), st.integers(1, 20)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 2))
)


def sorted_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, first, number = np.unique(as_items(rows), return_index=True, return_inverse=True)
    return first, number


@given(rows=FEW_VALUES)
def test_distinct_rows_against_sorting_them(rows: np.ndarray) -> None:
    for got, expected in zip(distinct(rows), sorted_rows(rows), strict=True):
        assert got.tolist() == expected.tolist()


@given(rows=FEW_VALUES)
def test_rows_with_one_number_are_told_apart(rows: np.ndarray) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "_mixed", lambda rows: np.zeros(len(rows), dtype=np.uint64))
        got = distinct(rows)
    assert [part.tolist() for part in got] == [part.tolist() for part in sorted_rows(rows)]


def test_no_rows_and_rows_without_bytes() -> None:
    assert [part.tolist() for part in distinct(np.zeros((0, 8), dtype=np.uint8))] == [[], []]
    assert [part.tolist() for part in distinct(np.zeros((3, 0), dtype=np.uint8))] == [[0], [0, 0, 0]]


@given(pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_distinct_pairs_against_a_set(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    got = distinct_pairs(one, other)
    assert list(zip(got[0].tolist(), got[1].tolist(), strict=True)) == sorted(set(pairs))
