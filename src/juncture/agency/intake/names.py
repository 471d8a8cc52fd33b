"""Whole names taken apart, names that are none, and the one list (``no_name.toml``) of what is no name."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class NameParts:
    """The parts of a whole name as typed; None where there is none."""

    last: str | None = None
    first: str | None = None
    middle: str | None = None
    suffix: str | None = None


@cache
def _list() -> Mapping[str, Any]:
    return tomllib.loads(files("juncture.agency.intake").joinpath("no_name.toml").read_text(encoding="utf-8"))


@cache
def no_name_words(key: str) -> frozenset[str]:
    """The words under ``key`` of ``no_name.toml`` (``word``, ``alone``, ``kind``, ``unnamed``, ``unnamed_first``,
    ``particle`` or ``blank_id``)."""
    return frozenset(_list()[key])


@cache
def suffixes() -> Mapping[str, str]:
    """Generational suffixes and the generation ("1" to "4") that each stands for."""
    return MappingProxyType(_list()["suffix"])


def plain(text: str | None) -> str:
    """``text`` in small letters, without accents and punctuation; "" for None."""
    if text is None:
        return ""
    apart = unicodedata.normalize("NFKD", text.replace("'", "").replace(".", "").casefold())
    return _NOT_WORD.sub(" ", "".join(c for c in apart if not unicodedata.combining(c))).strip()


def is_blank_number(text: str) -> bool:
    """Whether a number's cell says that there is none."""
    return plain(text) in no_name_words("blank_id")


def is_no_name(last: str | None, first: str | None) -> bool:
    """Whether a last and a first name, as typed, name nobody (blank, UNKNOWN, NFN, DOE with JOHN or JANE, ...)."""
    last_plain, first_plain = plain(last), plain(first)
    if last_plain in no_name_words("unnamed") and first_plain in no_name_words("unnamed_first"):
        return True
    return all(_empty(part) for part in (last_plain, first_plain))


def _empty(part: str) -> bool:
    nothing = no_name_words("word") | no_name_words("alone")
    return part in nothing or all(word in nothing or not word.isalpha() for word in part.split())


def split_name(text: str, order: str) -> NameParts:
    """A whole name in the order "last, first middle" or "first middle last".

    A comma always comes after the last name, unless what follows it is a suffix. In "last, first middle" a name
    without a comma is all last name, since nothing says where it ends.
    """
    pieces = [" ".join(piece.split()) for piece in text.split(",")]
    suffix, pieces = _take_suffix([piece for piece in pieces if piece])
    if not pieces:
        return NameParts(suffix=suffix)
    if len(pieces) > 1:
        given = " ".join(pieces[1:]).split(" ")
        return NameParts(last=pieces[0], first=given[0], middle=" ".join(given[1:]) or None, suffix=suffix)
    if order == "last, first middle":
        return NameParts(last=pieces[0], suffix=suffix)
    words = pieces[0].split(" ")
    if len(words) == 1:
        return NameParts(first=words[0], suffix=suffix)
    begin = len(words) - 1
    while begin > 1 and plain(words[begin - 1]) in no_name_words("particle"):
        begin -= 1
    return NameParts(
        last=" ".join(words[begin:]), first=words[0], middle=" ".join(words[1:begin]) or None, suffix=suffix
    )


def _take_suffix(pieces: list[str]) -> tuple[str | None, list[str]]:
    """The generational suffix at the end of a piece, and the pieces without it."""
    suffix = None
    kept = []
    for position, piece in enumerate(pieces):
        words = piece.split(" ")
        alone = len(words) == 1 and position == 0
        if suffix is None and not alone and plain(words[-1]) in suffixes():
            suffix = words.pop()
        if words:
            kept.append(" ".join(words))
    return suffix, kept
