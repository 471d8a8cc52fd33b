"""Match keys: keyed tags of combinations of fields, by which the linker finds pairs worth comparing.

A key that needs a missing part is absent. Every key joins at least two fields, so none is a tag of one value alone
(but the telephone number, which is as good as a name), and one error in any one field leaves several keys intact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from juncture.agency.encoding.tokens import address_words, formal_names, name_letters

_SOUNDEX = {
    letter: str(code)
    for code, letters in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), start=1)
    for letter in letters
}


def soundex(text: str) -> str:
    """American Soundex of the first word of a name (National Archives rules), "" without a letter."""
    words = name_letters(text).split()
    if not words:
        return ""
    word = words[0]
    code, last = word[0], _SOUNDEX.get(word[0], "")
    for letter in word[1:]:
        digit = _SOUNDEX.get(letter, "")
        if digit and digit != last:
            code += digit
        if letter not in "hw":
            last = digit
    return code[:4].ljust(4, "0")


def _form(text: str) -> str:
    """One name to stand for a first name and its short forms: the longest of its formal names."""
    return max(formal_names(text), key=len, default="")


@lru_cache(maxsize=8)
def _prefix(size: int) -> Callable[[str], str]:
    def take(text: str) -> str:
        return name_letters(text).replace(" ", "")[:size]

    return take


def _house(text: str) -> str:
    """The first number and the first word of the street, both needed."""
    numbers, streets = address_words(text)
    return f"{numbers[0]} {streets[0][:4]}" if numbers and streets else ""


def _full_date(text: str) -> str:
    return text if all(text.split("-")) else ""


def _year(text: str) -> str:
    return text.split("-")[0]


def _day_month(text: str) -> str:
    """Day and month in either order, both needed."""
    _, month, day = text.split("-")
    return "/".join(sorted((month, day))) if month and day else ""


def _digits(text: str) -> str:
    letters = "".join(letter for letter in text if letter.isalnum())
    return letters[-10:] if len(letters) >= 4 else ""


@dataclass(frozen=True)
class KeyRecipe:
    """The parts of a match key: pairs of a field and what is taken of it (a function giving "" for nothing)."""

    parts: tuple[tuple[str, Callable[[str], str]], ...]

    @property
    def fields(self) -> frozenset[str]:
        """Fields that the agreement must allow for the key to be made."""
        return frozenset(field for field, _ in self.parts)


def _recipe(*parts: tuple[str, Callable[[str], str]]) -> KeyRecipe:
    return KeyRecipe(parts)


#: Every match key by name; a block over its cap is split by the linker and reported.
RECIPES: Mapping[str, KeyRecipe] = {
    "last_date": _recipe(("last_name", name_letters), ("birth_date", _full_date)),
    "first_date": _recipe(("first_name", _form), ("birth_date", _full_date)),
    "initials_date": _recipe(("first_name", _prefix(1)), ("last_name", _prefix(1)), ("birth_date", _full_date)),
    "sound_year": _recipe(("last_name", soundex), ("first_name", soundex), ("birth_date", _year)),
    "prefix_day": _recipe(("last_name", _prefix(3)), ("first_name", _prefix(3)), ("birth_date", _day_month)),
    "first_day_year": _recipe(("first_name", soundex), ("birth_date", _day_month), ("birth_date", _year)),
    "names": _recipe(("last_name", name_letters), ("first_name", _form)),
    "last_day_year": _recipe(("last_name", soundex), ("birth_date", _day_month), ("birth_date", _year)),
    "sounds": _recipe(("last_name", soundex), ("first_name", soundex)),
    "first_house": _recipe(("first_name", soundex), ("address", _house)),
    "year_house": _recipe(("birth_date", _year), ("address", _house)),
    "last_zip": _recipe(("last_name", soundex), ("zip", _digits), ("birth_date", _year)),
    "phone": _recipe(("phone", _digits)),
    "ssn4_year": _recipe(("ssn4", _digits), ("birth_date", _year)),
    "ssn4_last": _recipe(("ssn4", _digits), ("last_name", soundex)),
}

#: The keys of the record profile: three parts at least, since there a key shows more than the record's own bits.
RECORD_KEYS = ("initials_date", "sound_year", "prefix_day", "first_day_year", "last_zip")
