"""Columns of codes: from the words of an export to the words of the vocabulary."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from juncture.agency.intake.source import Coded, code_key

#: A code is shown only if it is short and common; a rare or long one may be a name or a remark.
SHOWN_LENGTH = 40
SHOWN_FROM = 5
SHOWN_CODES = 40
ANOTHER = "another code"
BLANK = "a blank cell"
#: Words of a map that stand for "nothing is known".
NOTHING = frozenset({"", "unknown"})


@dataclass(frozen=True)
class CodesRead:
    """``words``: a string column, null where nothing is known. ``unmapped``: rows of each code without a meaning, as
    it may be shown; ``failed``: bool, those rows."""

    words: pa.Array
    unmapped: Mapping[str, int]
    failed: NDArray[np.bool_]


def unknown_words(coded: Coded, allowed: Collection[str], *, may_be_unknown: bool) -> list[str]:
    """Words of a source file's map, default and other that the vocabulary ``allowed`` does not hold, sorted."""
    used = {*coded.map.values(), *(word for word in (coded.default, coded.other) if word is not None)}
    return sorted(used - set(allowed) - (NOTHING if may_be_unknown else frozenset()))


def read_codes(
    cells: pa.Array | None,
    rows: int,
    coded: Coded,
    allowed: Collection[str],
    *,
    may_be_unknown: bool,
    never_shown: Collection[str] = frozenset(),
) -> CodesRead:
    """The words of a column of codes (``cells``, null = blank; None where the source file gives only a default).

    A blank cell is ``default``; without one it is null where nothing may be known, ``other``, or unmapped.
    ``never_shown``: texts (from columns that identify people) that no message may hold, in the form of ``code_key``.
    """
    if cells is None:
        return CodesRead(pa.array([coded.default] * rows, type=pa.string()), {}, np.zeros(rows, dtype=bool))
    table = {code_key(code): word for code, word in coded.map.items()} or {word: word for word in allowed}
    codes = pc.dictionary_encode(cells)
    texts = [*codes.dictionary.to_pylist(), None]
    index = pc.fill_null(codes.indices, len(texts) - 1).to_numpy().astype(np.int64)
    counts = np.bincount(index, minlength=len(texts))
    words: list[str | None] = []
    unmapped: dict[str, int] = {}
    failed = np.zeros(len(texts), dtype=bool)
    for position, text in enumerate(texts):
        count = int(counts[position])
        word = coded.default if text is None else table.get(code_key(text))
        if word is None and not (text is None and may_be_unknown):
            word = coded.other
            if word is None:
                failed[position] = True
                shown = _shown(text, count, never_shown)
                unmapped[shown] = unmapped.get(shown, 0) + count
        words.append(None if word is None or (may_be_unknown and word in NOTHING) else word)
    return CodesRead(
        words=pa.array(words, type=pa.string()).take(pa.array(index)),
        unmapped=_common_first({code: count for code, count in unmapped.items() if count}),
        failed=failed[index],
    )


def _shown(text: str | None, count: int, never_shown: Collection[str]) -> str:
    if text is None:
        return BLANK
    if len(text) > SHOWN_LENGTH or count < SHOWN_FROM or code_key(text) in never_shown:
        return ANOTHER
    return text


def _common_first(counts: Mapping[str, int]) -> dict[str, int]:
    """At most ``SHOWN_CODES`` codes, the most common first; the rest together as another code."""
    ranked = sorted((c for c in counts if c != ANOTHER), key=lambda code: (-counts[code], code))
    shown = {code: counts[code] for code in ranked[:SHOWN_CODES]}
    rest = counts.get(ANOTHER, 0) + sum(counts[code] for code in ranked[SHOWN_CODES:])
    return {**shown, **({ANOTHER: rest} if rest else {})}
