"""Tokens of many values at once, by array operations; what they are, :mod:`juncture.agency.encoding.tokens` says.

A value's tokens come as numbers into a list of distinct tokens, so each is hashed once. Names, addresses and digits,
of which a file holds about as many values as people, have a fast way here; tests hold it to the functions it stands
for. Of other fields a file holds few distinct values, and those functions themselves are called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from juncture.agency.encoding.tokens import (
    STREET_LETTERS,
    STREET_WORDS,
    Token,
    address_tokens,
    digit_tokens,
    house_number,
    last_ten,
    name_letters,
    name_tokens,
    street_prefix,
)

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

_WORD_OR_END = re.compile(r"[a-z0-9]+|\n")
#: Two ASCII characters, as the bits of a gram.
_GRAM_BITS = 14


@dataclass(frozen=True)
class TokenTable:
    """Tokens of a list of values.

    ``tokens``: the distinct ones. ``number`` int64 [tokens of all values]: which, one value after another; a value's
    own order and repetitions say nothing. ``count`` int64 [values]: how many each value has.
    """

    tokens: list[Token]
    number: Index
    count: Index


def token_table(values: Sequence[str], tokens: Callable[[str], list[Token]]) -> TokenTable:
    """What ``tokens`` gives for each of ``values``."""
    fast = _FAST.get(tokens)
    return fast(values) if fast else one_by_one(values, tokens)


def one_by_one(values: Sequence[str], tokens: Callable[[str], list[Token]]) -> TokenTable:
    """The slow and obvious way."""
    numbers: dict[Token, int] = {}
    number: list[int] = []
    count = []
    for value in values:
        mine = tokens(value)
        number += [numbers.setdefault(token, len(numbers)) for token in mine]
        count.append(len(mine))
    return TokenTable(list(numbers), np.array(number, dtype=np.int64), np.array(count, dtype=np.int64))


def _names(values: Sequence[str]) -> TokenTable:
    row, gram = _grams([name_letters(value) for value in values])
    return _numbered(row, gram, len(values), 1 << _GRAM_BITS, lambda code, times: (_text(code) + _times(times), 1))


def _grams(texts: Sequence[str]) -> tuple[Index, Index]:
    """Row and code of each padded bigram of each word; texts are ASCII with single spaces between words."""
    stream = "_" + "_\n_".join(texts).replace(" ", "_ _") + "_"
    letters = np.frombuffer(stream.encode("ascii"), dtype=np.uint8)
    row = np.cumsum(letters == ord("\n"))
    inside = letters > ord(" ")
    here = np.flatnonzero(inside[:-1] & inside[1:])
    # An empty text leaves its two pads side by side.
    here = here[(letters[here] != ord("_")) | (letters[here + 1] != ord("_"))]
    return row[here], letters[here].astype(np.int64) << 7 | letters[here + 1]


def _text(gram: int) -> str:
    return chr(gram >> 7) + chr(gram & 127)


def _times(times: int) -> str:
    return "" if times == 1 else str(times)


def _numbered(row: Index, code: Index, rows: int, counted: int, token: Callable[[int, int], Token]) -> TokenTable:
    """A table of tokens ``token(code, times)``; codes below ``counted`` are numbered as they come again in a row."""
    width = int(code.max(initial=0)).bit_length()
    key = np.sort(row << width | code)
    row, code = key >> width, key & ((1 << width) - 1)
    place = np.arange(key.size)
    first = np.maximum.accumulate(np.where(np.diff(key, prepend=-1) != 0, place, 0))
    times = np.where(code < counted, place - first, 0)
    # Nearly all tokens come once, and their codes are few: a table numbers them. The rest is sorted.
    once = np.bincount(code)
    used = np.flatnonzero(once)
    once[used] = np.arange(used.size)
    number = once[code]
    again = np.flatnonzero(times)
    more, number[again] = np.unique(times[again] << width | code[again], return_inverse=True)
    number[again] += used.size
    every = [*used.tolist(), *more.tolist()]
    tokens = [token(one & ((1 << width) - 1), (one >> width) + 1) for one in every]
    return TokenTable(tokens, number, np.bincount(row, minlength=rows))


def _digit_strings(values: Sequence[str]) -> TokenTable:
    texts = [last_ten(value) for value in values]
    row, gram = _grams(texts)
    letters = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8).astype(np.int64)
    size = np.array([len(text) for text in texts], dtype=np.int64)
    owner = np.repeat(np.arange(len(texts)), size)
    place = np.repeat(np.cumsum(size), size) - np.arange(letters.size) - 1
    grams = 1 << _GRAM_BITS

    def token(code: int, times: int) -> Token:
        if code < grams:
            return _text(code) + _times(times), 1
        return f"{(code - grams) >> 7}:{chr(code & 127)}", 1

    placed = grams + (place << 7 | letters)
    return _numbered(np.concatenate([row, owner]), np.concatenate([gram, placed]), len(values), grams, token)


@dataclass(frozen=True)
class _Words:
    """The words of addresses, one address after another: ``row`` and distinct ``word`` of each, and of the distinct
    ones whether they are numbers and whether they are street types or directions."""

    row: Index
    word: Index
    texts: list[str]
    is_number: Flags
    is_type: Flags

    def numbers(self) -> Index:
        """Places of the numbers."""
        return np.flatnonzero(self.is_number[self.word])

    def street(self, rows: int) -> Index:
        """Places of the words of the street: types and directions only in a row that has no other."""
        name = ~self.is_number[self.word]
        telling = name & ~self.is_type[self.word]
        only_types = np.bincount(self.row[telling], minlength=rows) == 0
        return np.flatnonzero(telling | (name & only_types[self.row]))

    def first(self, places: Index, rows: int, letters: int | None = None) -> list[str]:
        """The (first letters of the) first of the words at ``places`` in each row, "" where it has none."""
        texts = [*(text[:letters] for text in self.texts), ""]
        word = np.full(rows, len(self.texts))
        word[self.row[places[::-1]]] = self.word[places[::-1]]
        return [texts[one] for one in word.tolist()]


def _words(values: Sequence[str]) -> _Words:
    found = _WORD_OR_END.findall("\n".join(value.replace("\n", " ") for value in values))
    coded = pc.dictionary_encode(pa.array(found, type=pa.string()))
    texts = [str(text) for text in coded.dictionary.to_pylist()]
    word = np.asarray(coded.indices, dtype=np.int64)
    ends: Flags = np.array([text == "\n" for text in texts], dtype=np.bool_)[word]
    row = np.cumsum(ends, dtype=np.int64)
    is_number = np.array([text[0].isdigit() for text in texts], dtype=np.bool_)
    is_type = np.array([text in STREET_WORDS for text in texts], dtype=np.bool_)
    return _Words(row[~ends], word[~ends], [text.strip() for text in texts], is_number, is_type)


def _addresses(values: Sequence[str]) -> TokenTable:
    words = _words(values)
    numbers, street = words.numbers(), words.street(len(values))
    first = np.diff(words.row[numbers], prepend=-1) != 0
    owner, gram = _grams(words.texts)
    size = np.bincount(owner, minlength=len(words.texts))
    begin = np.cumsum(size) - size
    grams, span = 1 << _GRAM_BITS, len(words.texts)
    row, code = [words.row[numbers]], [2 * grams + np.where(first, 0, span) + words.word[numbers]]
    for shift, places in ((0, street), (grams, numbers[first])):
        word = words.word[places]
        many = size[word]
        offset = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
        row.append(np.repeat(words.row[places], many))
        code.append(shift + gram[np.repeat(begin[word], many) + offset])

    def token(code: int, times: int) -> Token:
        if code < 2 * grams:
            return ("n" if code >= grams else "") + _text(code % grams) + _times(times), 1
        place, which = divmod(code - 2 * grams, span)
        return f"#{words.texts[which]}", 1 if place else 4

    return _numbered(np.concatenate(row), np.concatenate(code), len(values), 2 * grams, token)


def taken(values: Sequence[str], take: Callable[[str], str]) -> list[str]:
    """``take`` of each value."""
    if take is house_number:
        words = _words(values)
        return words.first(words.numbers(), len(values))
    if take is street_prefix:
        words = _words(values)
        return words.first(words.street(len(values)), len(values), STREET_LETTERS)
    return [take(value) for value in values]


_FAST: dict[Callable[[str], list[Token]], Callable[[Sequence[str]], TokenTable]] = {
    name_tokens: _names,
    address_tokens: _addresses,
    digit_tokens: _digit_strings,
}
