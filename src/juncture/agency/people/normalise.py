"""Names, addresses and numbers as they are compared: one form for the scoring of pairs and for the encoding.

A blank stays a null. Nothing here guesses: what cannot be read as what it claims to be becomes null.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.intake.names import no_name_words, suffixes
from juncture.base.errors import InputError, MachineError

_PREFIXES = frozenset({"o", "mc"})
_SEX: Mapping[str, str] = {"female": "f", "male": "m", "other": "o"}
_APOSTROPHES = re.compile(r"['’‘`´.]")
_NOT_WORD = re.compile(r"[^\w]+|_+")
_NOT_DIGIT = re.compile(r"\D+")
_HASH_UNIT = re.compile(r"#\s*[\w-]+")

BIRTH_FIELDS = ("birth_year", "birth_month", "birth_day")


@dataclass(frozen=True)
class NoHome:
    """Addresses that say nothing about where a person lives (see ``places_no_home.toml``), in normalised form."""

    whole: frozenset[str]
    words: tuple[str, ...]
    addresses: frozenset[str]

    def holds(self, address: str) -> bool:
        """Whether a normalised address is a shelter, hospital, station or a way of writing "none"."""
        padded = f" {address} "
        return (
            address in self.whole
            or any(f" {word} " in padded for word in self.words)
            or any(padded.startswith(f" {place} ") for place in self.addresses)
        )


def load_no_home(extra: Path | None = None) -> NoHome:
    """The shipped list of places that are no home, with a site's own file of the same form added to it.

    Raises ``InputError`` where the site's file is not TOML or holds a key or a value of another form, ``MachineError``
    where it cannot be read.
    """
    shipped = tomllib.loads(_data("places_no_home.toml"))
    tables = [shipped] if extra is None else [shipped, _site_file(extra)]
    wholes, words, addresses = (
        [entry for t in tables for entry in t.get(key, [])] for key in ("whole", "word", "address")
    )
    return NoHome(
        whole=frozenset(key for entry in wholes if (key := _street(entry))),
        words=tuple(sorted({key for entry in words if (key := _street(entry))})),
        addresses=frozenset(key for entry in addresses if (key := _street(entry))),
    )


def _site_file(path: Path) -> dict[str, list[str]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MachineError(f"{path} could not be read: {error.strerror or type(error).__name__}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("this is not a TOML file in UTF-8.", file=path) from error
    for key, value in table.items():
        if key not in ("whole", "word", "address"):
            raise InputError(f"the key {key!r} is not known.", file=path, remedy="Use whole, word or address.")
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise InputError(f"{key} must be a list of texts.", file=path)
    return table


def name_key(text: str | None) -> str | None:
    """A name in small letters, without accents, punctuation or generational suffix; parts kept with spaces.

    ``None`` for a blank or a word that only stands for a missing name.
    """
    if text is None:
        return None
    words = _words(text)
    kept = [word for word in words if word not in suffixes()] or words
    name = " ".join(kept)
    return None if name in no_name_words("word") or not any(c.isalpha() for c in name) else name


def last_name_key(text: str | None) -> str | None:
    """As :func:`name_key`, with "O Brien" and "Mc Coy" in one word, as "O'Brien" and "McCoy" are."""
    name = name_key(text)
    return None if name is None else " ".join(_joined(name.split(" ")))


def _joined(words: list[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _PREFIXES:
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def first_name_key(text: str | None) -> str | None:
    """As :func:`name_key`; ``None`` too for words that only say what kind of person it is."""
    name = name_key(text)
    nothing = no_name_words("kind") | no_name_words("word")
    if name is None or all(word in nothing or len(word) == 1 for word in name.split(" ")):
        # A lone letter is an initial, and is kept; "child a" is nobody's name.
        return name if name is not None and len(name.replace(" ", "")) <= 2 else None
    return name


def suffix_key(text: str | None) -> str | None:
    """The generation ("1" senior, "2" junior or II, ...) that a name or a suffix states, or ``None``."""
    if text is None:
        return None
    return next((suffixes()[word] for word in reversed(_words(text)) if word in suffixes()), None)


def address_key(text: str | None, no_home: NoHome) -> str | None:
    """A number and street with short street types and directions, without the unit; ``None`` where that is no home."""
    if text is None:
        return None
    street = _street(text)
    return None if not street or no_home.holds(street) else street


def split_alias(text: str | None) -> tuple[str | None, str | None, str | None]:
    """``(last, first, middle)`` keys of a whole name: "Last, First Middle", "First Middle Last" or one word (a first
    name or street name)."""
    if text is None:
        return None, None, None
    before, comma, after = text.partition(",")
    if comma and name_key(after):
        given = (name_key(after) or "").split(" ")
        return last_name_key(before), given[0] or None, " ".join(given[1:]) or None
    words = _joined((name_key(text) or "").split())
    if len(words) < 2:
        return None, (words[0] if words else None), None
    return words[-1], words[0], " ".join(words[1:-1]) or None


def nickname_roots(first_name: str | None) -> list[str]:
    """The name (or the first of its parts) with every formal name it may be short for, sorted; two names go together
    where these lists meet. Sources: the names.csv of the ``nicknames`` package (C. Gomez and others, Apache-2.0) and
    ``nicknames_more.toml``."""
    if first_name is None:
        return []
    word = first_name.split(" ")[0]
    return sorted({word} | _formal_names().get(word, frozenset()))


def normalise(mentions: pa.Table, no_home: NoHome) -> pa.Table:
    """Mentions (or any table with their columns) in the form in which they are compared.

    Returns as many rows as ``mentions``: texts (``suffix`` is the generation as a digit), ``BIRTH_FIELDS`` (int16,
    int8, int8) and ``default_birthday`` (bool: 1 January, which exports use for "only the year is known"; month and
    day are then null).
    """
    last, first = _mapped(mentions, "last_name", last_name_key), _mapped(mentions, "first_name", first_name_key)
    unnamed = _one_of(last, "unnamed") & (_one_of(first, "unnamed_first") | _missing(first))
    if unnamed.any():
        last, first = (pa.array(_objects(c), mask=unnamed | _missing(c), type=pa.string()) for c in (last, first))
    suffix = pc.coalesce(_mapped(mentions, "suffix", suffix_key), _mapped(mentions, "last_name", _suffix_inside))
    year, month, day = (column(mentions, name) for name in BIRTH_FIELDS)
    default = pc.fill_null(pc.and_(pc.equal(month, 1), pc.equal(day, 1)), False)
    nothing = pa.scalar(None, pa.int8())
    return pa.table(
        {
            "last_name": last,
            "first_name": first,
            "middle_name": _mapped(mentions, "middle_name", name_key),
            "suffix": suffix,
            "sex": _mapped(mentions, "sex", lambda text: _SEX.get(text.casefold().strip())),
            "address": _mapped(mentions, "address", lambda text: address_key(text, no_home)),
            "zip": _mapped(mentions, "zip", lambda text: _digits(text, 5, from_end=False)),
            "phone": _mapped(mentions, "phone", lambda text: _digits(text, 10)),
            "ssn4": _mapped(mentions, "ssn4", lambda text: _digits(text, 4)),
            "birth_year": pc.cast(year, pa.int16()),
            "birth_month": pc.if_else(default, nothing, pc.cast(month, pa.int8())),
            "birth_day": pc.if_else(default, nothing, pc.cast(day, pa.int8())),
            "default_birthday": default,
        }
    )


def column(table: pa.Table, name: str) -> pa.Array:
    """A column as one array; all null where the table has none of that name."""
    if name not in table.column_names:
        return pa.nulls(table.num_rows, pa.int16() if name in BIRTH_FIELDS else pa.string())
    return table[name].combine_chunks()


def _suffix_inside(text: str) -> str | None:
    words = _words(text)
    return suffixes().get(words[-1]) if len(words) > 1 else None


def _digits(text: str, count: int, *, from_end: bool = True) -> str | None:
    digits = _NOT_DIGIT.sub("", text)
    if len(digits) < count:
        return None
    kept = digits[-count:] if from_end else digits[:count]
    return None if len(set(kept)) == 1 else kept


def _words(text: str) -> list[str]:
    return _NOT_WORD.sub(" ", _APOSTROPHES.sub("", _plain(text))).split()


def _plain(text: str) -> str:
    # Decomposed before as well: a letter in the shape of a mathematical sign is a capital only then.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


@lru_cache(maxsize=1 << 16)
def _street(text: str) -> str:
    short, units = _address_words()
    words: list[str] = []
    skip = False
    for word in _words(_HASH_UNIT.sub(" ", text)):
        if skip and (len(word) == 1 or any(c.isdigit() for c in word)):
            skip = False
        elif word in units and words:
            skip = True
        else:
            skip = False
            words.append(short.get(word, word))
    return " ".join(words)


def _mapped(table: pa.Table, name: str, function: Callable[[str], str | None]) -> pa.Array:
    """``function`` applied once to each distinct text of a column."""
    coded = pc.dictionary_encode(pc.cast(column(table, name), pa.string()))
    values = pa.array([function(text) for text in coded.dictionary.to_pylist()], type=pa.string())
    return values.take(coded.indices)


def _one_of(names: pa.Array, key: str) -> np.ndarray[Any, Any]:
    return np.asarray(pc.is_in(names, value_set=pa.array(sorted(no_name_words(key)), pa.string())))


def _objects(array: pa.Array) -> np.ndarray[Any, Any]:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=object)


def _missing(array: pa.Array) -> np.ndarray[Any, Any]:
    return np.asarray(pc.is_null(array).to_numpy(zero_copy_only=False))


def _data(name: str) -> str:
    return files("juncture.agency.people").joinpath(name).read_text(encoding="utf-8")


@cache
def _address_words() -> tuple[dict[str, str], frozenset[str]]:
    table = tomllib.loads(_data("address_words.toml"))
    return {**table["street_types"], **table["directions"]}, frozenset(table["units"]["words"])


@cache
def _formal_names() -> dict[str, frozenset[str]]:
    from nicknames import NickNamer

    formal = {short: set(names) for short, names in NickNamer().canonical_lookup.items()}
    for name, shorts in tomllib.loads(_data("nicknames_more.toml"))["short"].items():
        for short in shorts:
            formal.setdefault(short, set()).add(name)
    return {short: frozenset(names) for short, names in formal.items()}
