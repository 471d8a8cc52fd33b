"""A text as the bag of its letters in 64 bits, so that most unlike texts are told apart without reading them.

Each letter has two bits (the first and the second time it occurs), each digit one; in a text of digits only, each digit
has six. One edit takes a letter out of the bag, puts one in, or both, and a transposition leaves it as it is: texts
that are ``k`` edits apart differ in at most ``2k`` bits (bag distance; Bartolini, Ciaccia, Patella 2002).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_CHUNK = 50_000
_LETTERS, _DIGITS = 26, 10
#: Bits of each symbol: letters, then digits; and of each digit where there are digits only.
_TEXT = (2,) * _LETTERS + (1,) * _DIGITS
_NUMBER = (6,) * _DIGITS


def letter_bags(texts: pa.Array) -> pa.Array:
    """The bag of each text in small letters (uint64), whatever is neither a letter nor a digit left out; null for a
    null and for a text with letters beyond a to z, which the bag could not tell apart."""
    return _by_value(texts, _TEXT, _symbols(b"abcdefghijklmnopqrstuvwxyz0123456789"))


def digit_bags(texts: pa.Array) -> pa.Array:
    """As :func:`letter_bags`, for texts of digits."""
    return _by_value(texts, _NUMBER, _symbols(b"0123456789"))


def _symbols(letters: bytes) -> npt.NDArray[np.int64]:
    """The number of each byte among ``letters``, -1 for others (int64[256])."""
    number = np.full(256, -1, np.int64)
    number[np.frombuffer(letters, np.uint8)] = np.arange(len(letters))
    return number


def _by_value(texts: pa.Array, bits: tuple[int, ...], number: npt.NDArray[np.int64]) -> pa.Array:
    coded = pc.dictionary_encode(pc.cast(texts, pa.large_string()))
    words = coded.dictionary
    parts = [_bags(words.slice(start, _CHUNK), bits, number) for start in range(0, len(words), _CHUNK)]
    bags = np.concatenate([np.zeros(0, np.uint64), *parts])
    plain = pc.string_is_ascii(words).to_numpy(zero_copy_only=False).astype(bool)
    return pa.array(bags, pa.uint64(), mask=~plain).take(coded.indices)


def _bags(words: pa.Array, bits: tuple[int, ...], number: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    symbol = number[np.frombuffer("".join(words.to_pylist()).encode(), np.uint8)]
    row = np.repeat(np.arange(len(words)), pc.binary_length(words).to_numpy(zero_copy_only=False))
    kept = symbol >= 0
    count = np.bincount(row[kept] * len(bits) + symbol[kept], minlength=len(words) * len(bits))
    count = np.minimum(count.reshape(len(words), len(bits)), bits)
    start = np.concatenate([[0], np.cumsum(bits)[:-1]]).astype(np.uint64)
    full = (np.uint64(1) << count.astype(np.uint64)) - np.uint64(1)
    return np.asarray(np.bitwise_or.reduce(full << start, axis=1), np.uint64)
