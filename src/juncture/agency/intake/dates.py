"""Times and birth dates as exports write them. Each distinct text is read once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from juncture.base.report import Progress

#: Earliest year of birth that is believed; earlier ones are slips of the keyboard.
FIRST_BIRTH_YEAR = 1900
#: What databases write for "no date". Real people born on that day are fewer than records without a birth date.
NO_DATE = (1900, 1, 1)
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: What a part of a date may look like in a text that is not a date as a whole (a month 13, an O for a zero).
_LOOSE = {
    "Y": "([^ /.,-]+)", "y": "([^ /.,-]+)", "m": "([^ /.,-]+)", "d": "([^ /.,-]+)", "b": "([^ /.,-]+)",
    "B": "([^ /.,-]+)", "H": r"\d+", "M": r"\d+", "S": r"\d+", "f": r"\d+", "I": r"\d+", "p": r"\w+",
}  # fmt: skip
_FIXED_WIDTH = {"Y": r"(\d{4})", "y": r"(\d{2})", "m": r"(\d{2})", "d": r"(\d{2})"}

BirthParts = tuple[int | None, int | None, int | None]


@dataclass(frozen=True)
class Moments:
    """``values``: datetime64[s], NaT where blank or not readable; ``failed``: bool, not blank and not readable."""

    values: NDArray[np.datetime64]
    failed: NDArray[np.bool_]


def read_moments(texts: pa.Array, formats: Sequence[str], zone: str, progress: Progress) -> Moments:
    """Wall-clock times of ``zone`` in a column of texts (null = blank), tried in the order of ``formats``.

    A format with ``%z`` is brought to the wall clock of ``zone``; all others are taken as they stand, also in the
    hour that the clock skips or repeats.
    """
    coded = pc.dictionary_encode(texts)
    home = ZoneInfo(zone)
    read: list[datetime | None] = []
    for done, text in enumerate(coded.dictionary.to_pylist()):
        if done % 100_000 == 0:
            progress("reading times", done, len(coded.dictionary))
        read.append(_moment(text, formats, home))
    distinct = np.array([np.datetime64("NaT") if m is None else m for m in read], dtype="datetime64[s]")
    blank = np.asarray(pc.is_null(texts).to_numpy(zero_copy_only=False), dtype=bool)
    values = np.full(len(blank), np.datetime64("NaT"), dtype="datetime64[s]")
    values[~blank] = distinct[pc.drop_null(coded.indices).to_numpy().astype(np.int64)]
    return Moments(values=values, failed=~blank & np.isnat(values))


def _moment(text: str, formats: Sequence[str], home: ZoneInfo) -> datetime | None:
    for form in formats:
        # A time of day written as a number loses its leading zeros: 134 is 01:34.
        padded = text.zfill(4) if form == "%H%M" else text
        try:
            moment = datetime.strptime(padded, form)
        except ValueError:
            continue
        if moment.tzinfo is not None:
            moment = moment.astimezone(home).replace(tzinfo=None)
        return moment.replace(microsecond=0)
    return None


def read_births(texts: pa.Array, formats: Sequence[str], last_year: int) -> dict[str, pa.Array]:
    """Columns ``birth_year`` int16, ``birth_month`` int8, ``birth_day`` int8 of a column of texts; see
    :func:`birth_parts`. Null where the text is blank or the part is not readable or not possible."""
    coded = pc.dictionary_encode(texts)
    parts = [birth_parts(text, formats, last_year) for text in coded.dictionary.to_pylist()]
    columns = {}
    for position, (name, kind) in enumerate((("year", pa.int16()), ("month", pa.int8()), ("day", pa.int8()))):
        columns[f"birth_{name}"] = pa.array([p[position] for p in parts], type=kind).take(coded.indices)
    return columns


def birth_parts(text: str, formats: Sequence[str], last_year: int) -> BirthParts:
    """(year, month, day) of a birth date, a part None where it is not possible, from 1900 to ``last_year``.

    The format that explains most parts wins, the first of equals. Month and day are swapped where the month is 13 to
    31 and the day 1 to 12. A day that its month does not have is None. 1900-01-01 stands for no date.
    """
    best = _best_reading(text, formats, last_year)[1]
    return (None, None, None) if best == NO_DATE else best


def turned_births(texts: pa.Array, formats: Sequence[str], last_year: int) -> tuple[int, int]:
    """How many birth dates make sense only with day and month swapped, and how many tell a day and a month at all."""
    coded = pc.dictionary_encode(texts)
    readings = [_best_reading(text, formats, last_year)[0] for text in coded.dictionary.to_pylist()]
    codes = pc.drop_null(coded.indices).to_numpy()
    told = np.array([month is not None and day is not None for _, month, day in readings], dtype=bool)
    turned = np.array([_is_turned(month, day) for _, month, day in readings], dtype=bool)
    return int(turned[codes].sum()), int(told[codes].sum())


def _best_reading(text: str, formats: Sequence[str], last_year: int) -> tuple[BirthParts, BirthParts]:
    """As written under the format that explains most parts, the first of equals, and what of it is possible."""
    best: tuple[BirthParts, BirthParts] = ((None, None, None), (None, None, None))
    for form in formats:
        written = _parts(text, form, last_year)
        parts = _possible(written, last_year)
        if sum(p is not None for p in parts) > sum(p is not None for p in best[1]):
            best = written, parts
    return best


def _is_turned(month: int | None, day: int | None) -> bool:
    return month is not None and day is not None and 13 <= month <= 31 and 1 <= day <= 12


def _parts(text: str, form: str, last_year: int) -> BirthParts:
    pattern, letters = _loose_pattern(form)
    found = pattern.fullmatch(text)
    if not found:
        return None, None, None
    year = month = day = None
    for letter, part in zip(letters, found.groups(), strict=True):
        match letter:
            case "Y":
                year = _number(part, 4)
            case "y":
                short = _number(part, 2)
                year = None if short is None else short + (2000 if 2000 + short <= last_year else 1900)
            case "m":
                month = _number(part, 2)
            case "d":
                day = _number(part, 2)
            case _:
                month = _month_name(part)
    return year, month, day


def _possible(parts: BirthParts, last_year: int) -> BirthParts:
    year, month, day = parts
    if year is not None and not FIRST_BIRTH_YEAR <= year <= last_year:
        year = None
    if _is_turned(month, day):
        month, day = day, month
    if month is not None and not 1 <= month <= 12:
        month = None
    if day is not None and not 1 <= day <= (_days(year, month) if month is not None else 31):
        day = None
    return year, month, day


def _days(year: int | None, month: int) -> int:
    if month == 2 and year is not None and (year % 4 or (year % 100 == 0 and year % 400)):
        return 28
    return _DAYS_IN_MONTH[month - 1]


def _number(part: str, width: int) -> int | None:
    return int(part) if len(part) <= width and part.isascii() and part.isdigit() else None


def _month_name(part: str) -> int | None:
    for form in ("%b", "%B"):
        try:
            return datetime.strptime(part, form).month
        except ValueError:
            continue
    return None


@cache
def _loose_pattern(form: str) -> tuple[re.Pattern[str], str]:
    """A pattern that finds the parts of ``form`` in a text although they are no date, and which part each group is.

    Parts that follow each other without a separator keep their usual width.
    """
    pattern, letters = "", ""
    pieces = re.findall(r"%.|[^%]+", form)
    for position, piece in enumerate(pieces):
        if not piece.startswith("%"):
            pattern += re.escape(piece)
            continue
        letter = piece[1]
        beside = pieces[max(position - 1, 0) : position] + pieces[position + 1 : position + 2]
        tight = any(p.startswith("%") for p in beside) and letter in _FIXED_WIDTH
        pattern += _FIXED_WIDTH[letter] if tight else _LOOSE.get(letter, r"\S+")
        letters += letter if letter in "YymdbB" else ""
    return re.compile(pattern), letters


def as_timestamps(values: NDArray[np.datetime64]) -> pa.Array:
    """A ``timestamp[s]`` column; NaT is null."""
    return pa.array(values.astype("datetime64[s]"), type=pa.timestamp("s"), mask=np.isnat(values))


def distinct_map(texts: pa.Array, function: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    """``function`` of each distinct text of a column, as a column of type ``kind``; null stays null."""
    coded = pc.dictionary_encode(texts)
    return pa.array([function(text) for text in coded.dictionary.to_pylist()], type=kind).take(coded.indices)
