"""Match keys: keyed tags of combinations of fields, by which the linker finds pairs worth comparing.

A key that needs a missing part is absent. Every key joins at least two fields, so none is a tag of one value alone
(but the telephone number, which is as good as a name), and one error in any one field leaves several keys intact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from juncture.agency.encoding.tokens import formal_names, house_number, name_letters, street_prefix

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


def _prefix(size: int) -> Callable[[str], str]:
    def take(text: str) -> str:
        return name_letters(text).replace(" ", "")[:size]

    return take


def _full_date(text: str) -> str:
    return text if all(text.split("-")) else ""


def _year(text: str) -> str:
    return text.split("-")[0]


def _day_month(text: str) -> str:
    """Day and month in either order, both needed."""
    _, month, day = text.split("-")
    return "/".join(sorted((month, day))) if month and day else ""


def _digits(text: str) -> str:
    letters = text if text.isalnum() else "".join(letter for letter in text if letter.isalnum())
    return letters[-10:] if len(letters) >= 4 else ""


@dataclass(frozen=True)
class Part:
    """What a match key takes of a field: ``take`` gives a text, "" for nothing. ``name`` keys its hash, together with
    the field's or, where ``any_field``, without: then equal texts of two fields have one hash, and a key does not tell
    which is whose."""

    field: str
    name: str
    take: Callable[[str], str]
    any_field: bool = False


@dataclass(frozen=True)
class KeyRecipe:
    """The parts of a match key, each at most once."""

    parts: tuple[Part, ...]

    @property
    def fields(self) -> frozenset[str]:
        """Fields that the agreement must allow for the key to be made."""
        return frozenset(part.field for part in self.parts)


LAST = Part("last_name", "letters", name_letters)
LAST_SOUND = Part("last_name", "soundex", soundex)
LAST_1 = Part("last_name", "first letter", _prefix(1))
LAST_3 = Part("last_name", "first three letters", _prefix(3))
FIRST_FORM = Part("first_name", "formal name", _form)
FIRST_SOUND = Part("first_name", "soundex", soundex)
FIRST_1 = Part("first_name", "first letter", _prefix(1))
FIRST_3 = Part("first_name", "first three letters", _prefix(3))
DATE = Part("birth_date", "full date", _full_date)
YEAR = Part("birth_date", "year", _year)
DAY_MONTH = Part("birth_date", "day and month", _day_month)
LAST_EITHER = Part("last_name", "formal name", _form, any_field=True)
FIRST_EITHER = Part("first_name", "formal name", _form, any_field=True)
HOUSE = Part("address", "house number", house_number)
STREET = Part("address", "street", street_prefix)
ZIP = Part("zip", "digits", _digits)
PHONE = Part("phone", "digits", _digits)
SSN4 = Part("ssn4", "digits", _digits)
SEX = Part("sex", "value", str.strip)


def _recipe(*parts: Part) -> KeyRecipe:
    return KeyRecipe(parts)


#: Every match key by name; a block over its cap is split by the linker and reported.
RECIPES: Mapping[str, KeyRecipe] = {
    "last_date": _recipe(LAST, DATE),
    "first_date": _recipe(FIRST_FORM, DATE),
    "initials_date": _recipe(FIRST_1, LAST_1, DATE),
    "sound_year": _recipe(LAST_SOUND, FIRST_SOUND, YEAR),
    "prefix_day": _recipe(LAST_3, FIRST_3, DAY_MONTH),
    "first_day_year": _recipe(FIRST_SOUND, DAY_MONTH, YEAR),
    "names": _recipe(LAST, FIRST_FORM),
    # First and last name exchanged give the same key.
    "either_order": _recipe(LAST_EITHER, FIRST_EITHER),
    "last_day_year": _recipe(LAST_SOUND, DAY_MONTH, YEAR),
    "sounds": _recipe(LAST_SOUND, FIRST_SOUND),
    "sounds_sex": _recipe(LAST_SOUND, FIRST_SOUND, SEX),
    "first_house": _recipe(FIRST_SOUND, HOUSE, STREET),
    "year_house": _recipe(YEAR, HOUSE, STREET),
    "last_zip": _recipe(LAST_SOUND, ZIP, YEAR),
    "phone": _recipe(PHONE),
    "ssn4_year": _recipe(SSN4, YEAR),
    "ssn4_last": _recipe(SSN4, LAST_SOUND),
}

#: The keys of the field profile: all but one that another of them holds.
FIELD_KEYS = tuple(name for name in RECIPES if name != "sounds_sex")
#: The keys of the record profile: three parts at least, since there a key shows more than the record's own bits. Among
#: them are one without any name and one without the birth date, for those who have another name or a wrong date.
RECORD_KEYS = (
    "initials_date",
    "sound_year",
    "prefix_day",
    "first_day_year",
    "last_day_year",
    "last_zip",
    "first_house",
    "year_house",
    "sounds_sex",
)

#: The keys of the profile that has nothing else: all but those of two names, which many people have in common, and so
#: show who bears a common name (``benchmarks/attacks``).
TAG_KEYS = tuple(name for name in RECIPES if name not in ("names", "either_order", "sounds", "sounds_sex"))
