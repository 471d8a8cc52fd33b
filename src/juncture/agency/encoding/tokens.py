"""What of a value is hashed: the tokens of each field and how many bits each of them sets.

A token is a text with a weight; the hashing sets ``weight x bits`` positions for it. Tokens are chosen so that the
Dice coefficient of two encodings grades what goes wrong in that kind of field:

- names: padded bigrams, so a typing error costs two or three of about eight tokens;
- birth date: each part, the digits of the year, its neighbours, and the day and month as a bare pair of values, so
  that a wrong part, a wrong digit, a year off by one and a transposed day and month each leave their own
  similarity (``tests/agency/test_encoding.py`` lists them); a missing part adds no token;
- address: the house number as one heavy token, the street as bigrams, street types and directions left out
  (Street, St and Avenue say little and are written in many ways);
- telephone, ZIP and the last four digits: digits with their place, counted from the right, and bigrams.

Texts arrive casefolded and without accents.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from juncture.agency.people.normalise import nickname_roots

#: a token and its weight
Token = tuple[str, int]

_WORD = re.compile(r"[a-z0-9]+")
_NOT_NAME = re.compile(r"[^a-z ]+")

#: Words of an address that are written in many ways and tell nobody apart.
STREET_WORDS = frozenset(
    [
        "st",
        "street",
        "str",
        "ave",
        "av",
        "avenue",
        "rd",
        "road",
        "dr",
        "drive",
        "ln",
        "lane",
        "ct",
        "court",
        "pl",
        "place",
        "blvd",
        "boulevard",
        "hwy",
        "highway",
        "way",
        "ter",
        "terr",
        "terrace",
        "cir",
        "circle",
        "pkwy",
        "parkway",
        "sq",
        "square",
        "trl",
        "trail",
        "cv",
        "cove",
        "cres",
        "crescent",
        "apt",
        "apartment",
        "unit",
        "ste",
        "suite",
        "no",
        "fl",
        "floor",
        "n",
        "s",
        "e",
        "w",
        "ne",
        "nw",
        "se",
        "sw",
        "north",
        "south",
        "east",
        "west",
    ]
)

#: How much of a street's name tells it apart well enough for a match key.
STREET_LETTERS = 4


def name_letters(text: str) -> str:
    """The letters of a name: hyphen and apostrophe closed up, single spaces between words."""
    if text.isascii() and text.isalpha() and text.islower():
        return text
    return " ".join(_NOT_NAME.sub("", text.replace("-", " ")).split())


def _bigrams(text: str) -> list[str]:
    padded = f"_{text}_"
    return [padded[i : i + 2] for i in range(len(padded) - 1)]


def _numbered(grams: list[str]) -> list[str]:
    """A gram that comes again is another token, so that "anna" and "ana" differ."""
    seen: dict[str, int] = {}
    out = []
    for gram in grams:
        seen[gram] = seen.get(gram, 0) + 1
        out.append(gram if seen[gram] == 1 else f"{gram}{seen[gram]}")
    return out


def name_tokens(text: str) -> list[Token]:
    """Padded bigrams of each word of the name."""
    return [(gram, 1) for gram in _numbered([g for word in name_letters(text).split() for g in _bigrams(word)])]


def middle_tokens(text: str) -> list[Token]:
    """The initial, heavy, since often nothing else was written down, and the bigrams of what follows it."""
    letters = name_letters(text)
    if not letters:
        return []
    return [(f"^{letters[0]}", 4), *(name_tokens(letters) if len(letters) > 1 else [])]


@lru_cache(maxsize=65_536)
def formal_names(first: str) -> tuple[str, ...]:
    """The names that ``first`` may stand for: itself and every formal name it is a short form of, sorted.

    Both agencies must hold the same version of the list, as :func:`nickname_roots` has it.
    """
    return tuple(nickname_roots(name_letters(first) or None))


def form_tokens(text: str) -> list[Token]:
    """One token for each formal name."""
    return [(f"={name}", 1) for name in formal_names(text)]


#: A date arrives as "year-month-day" with nothing where a part is missing.
def date_tokens(text: str) -> list[Token]:
    """Tokens of a full or partial birth date written ``1987-4-19``, ``1987--`` or ``-4-19``."""
    year, month, day = text.split("-")
    out: list[Token] = []
    if year:
        number = int(year)
        out += [(f"y{number}", 3), (f"c{number // 10 % 10}", 1), (f"u{number % 10}", 1)]
        out += [(f"~{near}", 1) for near in (number - 1, number, number + 1)]
    if month:
        out += [(f"m{month}", 3)]
    if day:
        out += [(f"d{day}", 3)]
    values = [part for part in (month, day) if part]
    if len(values) == 2:
        values = _numbered(values)
        out += [("*" + "/".join(sorted(values)), 1)]
    return out + [(f"v{value}", 1) for value in values]


def address_words(text: str) -> tuple[list[str], list[str]]:
    """The numbers and the words of an address; street types stay only where there is no other word."""
    words = _WORD.findall(text)
    numbers = [word for word in words if word[0].isdigit()]
    streets = [word for word in words if not word[0].isdigit()]
    return numbers, [word for word in streets if word not in STREET_WORDS] or streets


def house_number(text: str) -> str:
    """The first number of an address, "" without one."""
    numbers, _ = address_words(text)
    return numbers[0] if numbers else ""


def street_prefix(text: str) -> str:
    """The first letters of the first word of an address's street, "" without one."""
    _, streets = address_words(text)
    return streets[0][:STREET_LETTERS] if streets else ""


def address_tokens(text: str) -> list[Token]:
    """The first number heavy, later ones (a flat) light, bigrams of the street's words."""
    numbers, streets = address_words(text)
    out: list[Token] = [(f"#{number}", 4 if place == 0 else 1) for place, number in enumerate(numbers)]
    out += [(f"n{gram}", 1) for gram in _numbered(_bigrams(numbers[0]))] if numbers else []
    return out + [(gram, 1) for gram in _numbered([g for word in streets for g in _bigrams(word)])]


def last_ten(text: str) -> str:
    """The last ten letters or digits."""
    return text[-10:] if text.isascii() and text.isdigit() else "".join(_WORD.findall(text))[-10:]


def digit_tokens(text: str) -> list[Token]:
    """Each of the last ten letters or digits with its place from the right, and the bigrams."""
    letters = last_ten(text)
    if not letters:
        return []
    placed = [(f"{place}:{letter}", 1) for place, letter in enumerate(reversed(letters))]
    return placed + [(gram, 1) for gram in _numbered(_bigrams(letters))]


def exact_tokens(text: str) -> list[Token]:
    """The value itself."""
    return [(text, 1)] if text.strip() else []


TOKENS: dict[str, Callable[[str], list[Token]]] = {
    "last_name": name_tokens,
    "first_name": name_tokens,
    "first_forms": form_tokens,
    "middle_name": middle_tokens,
    "birth_date": date_tokens,
    "sex": exact_tokens,
    "address": address_tokens,
    "zip": digit_tokens,
    "phone": digit_tokens,
    "ssn4": digit_tokens,
}
