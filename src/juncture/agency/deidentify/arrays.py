"""Columns of mentions as arrays, for the parts of de-identification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def people_count(person: NDArray[np.int32]) -> int:
    """Number of people in a dense reference (-1 = nobody)."""
    return int(person.max(initial=-1)) + 1


def codes(table: pa.Table, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """A string column as (index into the distinct texts, -1 where null; the distinct texts)."""
    coded = pc.dictionary_encode(table[name].combine_chunks())
    index = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return index, coded.dictionary.to_pylist()


def times(table: pa.Table, name: str) -> NDArray[np.datetime64]:
    """A timestamp column as datetime64[s], NaT where null."""
    values: NDArray[Any] = table[name].combine_chunks().to_numpy(zero_copy_only=False)
    return values.astype("datetime64[s]")


def days(moments: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Days since 1970-01-01; NaT becomes the least int64."""
    return moments.astype("datetime64[D]").astype(np.int64)


def hours(moments: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Hour of the day, 0 to 23, of moments that are not NaT."""
    since_midnight = moments - moments.astype("datetime64[D]")
    return np.asarray(since_midnight.astype("timedelta64[h]"), dtype=np.int64)
