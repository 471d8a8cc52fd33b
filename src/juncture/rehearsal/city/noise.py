"""How a true person comes to be spelled in a record.

Each contact is spelled anew, but people and agencies have habits: one desk always writes the nickname, another took
the birth date down wrongly once and copies it ever since. Nothing here turns a name into a blank; a contact without a
name is decided as a whole (``Slip.NAMELESS``), as when the officer never learned it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import Enum
from typing import TypeVar

import numpy as np

T = TypeVar("T")
#: Year, month, day as typed; parts may be impossible.
Birth = tuple[int, int, int]


class Slip(Enum):
    """What went wrong in a record, for the city's own books."""

    NAMELESS = "no name"
    MISSPELT_LAST = "surname misspelt"
    MISSPELT_FIRST = "first name misspelt"
    NICKNAME = "nickname"
    SWAPPED = "first and last name swapped"
    ALIAS = "written under an alias"
    NO_BIRTH = "no birth date"
    JANUARY_FIRST = "1 January as a default"
    DAY_MONTH = "day and month transposed"
    IMPOSSIBLE_YEAR = "impossible year of birth"
    WRONG_DIGIT = "one digit of the birth date wrong"
    NO_ADDRESS = "no address"
    NO_SEX = "no sex"
    WRONG_SEX = "other sex than the person's"


@dataclass(frozen=True)
class Rates:
    """Chances of each slip in one record (habits come on top); ``middle`` is the chance that it is written at all."""

    nameless: float = 0.02
    misspelt_last: float = 0.04
    misspelt_first: float = 0.03
    nickname: float = 0.05
    swapped: float = 0.008
    alias: float = 0.06
    alias_told: float = 0.35
    no_birth: float = 0.05
    january_first: float = 0.01
    day_month: float = 0.012
    impossible_year: float = 0.005
    wrong_digit: float = 0.015
    no_address: float = 0.15
    no_sex: float = 0.01
    wrong_sex: float = 0.004
    middle: float = 0.5

    def __post_init__(self) -> None:
        wrong = [f.name for f in fields(self) if not 0 <= getattr(self, f.name) <= 1]
        if wrong:
            raise ValueError(f"A chance lies between 0 and 1: {', '.join(wrong)}.")


POLICE_RATES = Rates()
CLINIC_RATES = Rates(
    nameless=0.008, misspelt_last=0.025, misspelt_first=0.02, swapped=0.005, alias=0.01, alias_told=0.0,
    no_birth=0.02, january_first=0.006, impossible_year=0.002, wrong_digit=0.01, no_address=0.12,
    no_sex=0.008, middle=0.0,
)  # fmt: skip


@dataclass(frozen=True)
class Address:
    """A made-up address; ``fixed`` is a place that is nobody's home, told as it stands."""

    number: int = 0
    street: str = ""
    unit: str = ""
    fixed: str = ""


@dataclass(frozen=True)
class Identity:
    """Who a person truly is on the day of a contact. ``alias`` is another (last, first) the person goes by."""

    last: str
    first: str
    middle: str
    birth: date
    sex: str
    address: Address
    second_last: str = ""
    alias: tuple[str, str] | None = None


@dataclass(frozen=True)
class Habit:
    """What one agency always does with one person; None where it has no habit."""

    last: str | None = None
    first: str | None = None
    swapped: bool = False
    birth: Birth | None = None
    sex: str | None = None


@dataclass(frozen=True)
class Written:
    """A record's identifying fields as typed, before an agency's own style; "" and None are blanks."""

    last: str
    first: str
    middle: str
    birth: Birth | None
    sex: str | None
    address: str
    alias: tuple[str, str] | None
    slips: frozenset[Slip]


_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {
    letter: tuple(row[place] for place in (at - 1, at + 1) if 0 <= place < len(row))
    for row in _ROWS
    for at, letter in enumerate(row)
}
_LOOK_ALIKE = {"m": "rn", "rn": "m", "l": "i", "i": "l", "o": "a", "u": "v", "v": "u", "c": "e", "e": "c", "h": "b",
               "n": "m", "g": "q", "d": "cl", "w": "vv"}  # fmt: skip
_SOUND_ALIKE = (("ph", "f"), ("ck", "k"), ("ie", "y"), ("y", "ie"), ("ee", "ea"), ("sh", "ch"), ("z", "s"), ("s", "z"),
                ("c", "k"), ("k", "c"), ("ll", "l"), ("nn", "n"), ("tt", "t"), ("ei", "ie"), ("b", "v"))  # fmt: skip


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of ``choices``, evenly; several times faster than ``Generator.choice`` for a single draw."""
    return choices[int(rng.random() * len(choices))]


def fold_accents(text: str) -> str:
    """``text`` without accents, as systems that know ASCII only keep it."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def misspell(rng: np.random.Generator, text: str) -> str:
    """``text`` with one slip of finger, eye or ear; unchanged where it holds no letter to slip on, never blank."""
    slip = pick(rng, (slip_of_finger, transpose, drop_or_double, misread, mishear))
    return slip(rng, text)


def slip_of_finger(rng: np.random.Generator, text: str) -> str:
    """One letter replaced by its neighbour on the keyboard."""
    places = [at for at, c in enumerate(text) if c.lower() in _NEIGHBOURS]
    if not places:
        return text
    at = pick(rng, places)
    return _replace(text, at, 1, pick(rng, _NEIGHBOURS[text[at].lower()]))


def transpose(rng: np.random.Generator, text: str) -> str:
    """Two different letters beside each other in the wrong order."""
    places = [
        at
        for at in range(len(text) - 1)
        if text[at].isalpha() and text[at + 1].isalpha() and text[at].lower() != text[at + 1].lower()
    ]
    if not places:
        return text
    at = pick(rng, places)
    return _replace(text, at, 2, text[at + 1].lower() + text[at].lower())


def drop_or_double(rng: np.random.Generator, text: str) -> str:
    """One letter after the first left out or typed twice; short names are only lengthened."""
    places = [at for at, c in enumerate(text) if at and c.isalpha()]
    if not places:
        return text
    at = pick(rng, places)
    if len(places) >= 3 and rng.random() < 0.6:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at] + text[at:]


def misread(rng: np.random.Generator, text: str) -> str:
    """Letters taken for others that look like them, as on a scanned form."""
    return _substitute(rng, text, tuple(_LOOK_ALIKE.items()))


def mishear(rng: np.random.Generator, text: str) -> str:
    """Letters written for others that sound like them, as over the radio."""
    return _substitute(rng, text, _SOUND_ALIKE)


def _substitute(rng: np.random.Generator, text: str, table: Sequence[tuple[str, str]]) -> str:
    folded = text.lower()
    if len(folded) != len(text):
        return text
    found = [(old, new) for old, new in table if old in folded]
    if not found:
        return slip_of_finger(rng, text)
    old, new = pick(rng, found)
    return _replace(text, folded.index(old), len(old), new)


def _replace(text: str, at: int, length: int, new: str) -> str:
    """``text`` with ``length`` letters at ``at`` replaced, a capital staying a capital."""
    old = text[at : at + length]
    if old.isupper() and (len(old) > 1 or text.isupper()):
        new = new.upper()
    elif old[:1].isupper():
        new = new[:1].upper() + new[1:]
    return text[:at] + new + text[at + length :]


def spell_surname(rng: np.random.Generator, last: str, second: str) -> str:
    """One way to write a surname: particles run together or apart, the second surname with it or not."""
    if any(mark in last for mark in "'- ") and rng.random() < 0.35:
        last = "".join(c if c.isalpha() else pick(rng, ("", " ")) for c in last)
    if not second:
        return last
    die = rng.random()
    return f"{last} {second}" if die < 0.4 else f"{last}-{second}" if die < 0.5 else second if die < 0.53 else last


def spell_address(rng: np.random.Generator, address: Address) -> str:
    """One way to write an address; a place that is nobody's home stays as it is."""
    if address.fixed:
        return address.fixed
    street, _, kind = address.street.rpartition(" ")
    if rng.random() < 0.04:
        street = misspell(rng, street)
    short = {"Street": "St", "Avenue": "Ave", "Road": "Rd", "Court": "Ct", "Place": "Pl", "Terrace": "Ter"}
    kind = short.get(kind, kind) if rng.random() < 0.6 else kind
    text = f"{address.number} {street} {kind}"
    if address.unit and rng.random() < 0.75:
        text += pick(rng, (" Apt ", " #", " Unit ")) + address.unit
    return text


def wrong_digit(rng: np.random.Generator, birth: Birth) -> Birth:
    """``birth`` with its day or the last digits of its year off by a little, still a date in the calendar."""
    year, month, day = birth
    if rng.random() < 0.5:
        return year + pick(rng, (-10, -1, 1, 10)), month, min(day, 28)
    return year, month, pick(rng, [near for near in (day - 1, day + 1) if 1 <= near <= 28] or [28])


def draw_habit(
    rng: np.random.Generator, who: Identity, short: Mapping[str, Sequence[str]], *, swap_chance: float
) -> Habit:
    """What an agency took down once about a person and keeps; most people have no such luck or mischief."""
    die = rng.random(5).tolist()
    birth: Birth | None = None
    true = (who.birth.year, who.birth.month, who.birth.day)
    if die[2] < 0.015:
        birth = (true[0], 1, 1)
    elif die[2] < 0.025:
        birth = (true[0], true[2], true[1])
    elif die[2] < 0.045:
        birth = wrong_digit(rng, true)
    sex = None
    if who.sex == "other" and die[4] < 0.35:
        sex = pick(rng, ("female", "male"))
    return Habit(
        last=misspell(rng, who.last) if die[0] < 0.05 else None,
        first=pick(rng, short[who.first]) if die[1] < 0.1 and who.first in short else None,
        swapped=die[3] < swap_chance,
        birth=birth,
        sex=sex,
    )


def spell(
    rng: np.random.Generator, who: Identity, habit: Habit, rates: Rates, short: Mapping[str, Sequence[str]]
) -> Written:
    """The identifying fields of one record about ``who``; ``short`` maps first names to nicknames.

    Except where the record is nameless, ``last`` and ``first`` are never blank.
    """
    die = rng.random(12).tolist()
    slips: set[Slip] = set()
    sex = _spell_sex(rng, who, habit, rates, die[0], slips)
    if die[1] < rates.nameless:
        return Written("", "", "", None, sex, "", None, frozenset({*slips, Slip.NAMELESS}))
    last, first, alias = _spell_name(rng, who, habit, rates, short, die[2:7], slips)
    address = spell_address(rng, who.address)
    if die[7] < rates.no_address:
        slips.add(Slip.NO_ADDRESS)
        address = ""
    middle = who.middle[:1] if die[8] < rates.middle else ""
    return Written(
        last, first, middle, _spell_birth(rng, who, habit, rates, die[9], slips), sex, address, alias, frozenset(slips)
    )


def _spell_sex(
    rng: np.random.Generator, who: Identity, habit: Habit, rates: Rates, die: float, slips: set[Slip]
) -> str | None:
    if die < rates.no_sex:
        slips.add(Slip.NO_SEX)
        return None
    if die < rates.no_sex + rates.wrong_sex:
        slips.add(Slip.WRONG_SEX)
        return {"female": "male", "male": "female"}.get(who.sex, pick(rng, ("female", "male")))
    return habit.sex or who.sex


def _spell_name(
    rng: np.random.Generator,
    who: Identity,
    habit: Habit,
    rates: Rates,
    short: Mapping[str, Sequence[str]],
    die: Sequence[float],
    slips: set[Slip],
) -> tuple[str, str, tuple[str, str] | None]:
    last, first, alias = who.last, who.first, who.alias
    told = alias is not None and die[0] < rates.alias_told
    if alias is not None and die[1] < rates.alias:
        slips.add(Slip.ALIAS)
        (last, first), alias = alias, (last, first)
    else:
        last = habit.last or spell_surname(rng, last, who.second_last)
        if habit.first is not None and die[2] < 0.8:
            slips.add(Slip.NICKNAME)
            first = habit.first
        elif first in short and die[2] > 1 - rates.nickname:
            slips.add(Slip.NICKNAME)
            first = pick(rng, short[first])
    if die[3] < rates.misspelt_last:
        slips.add(Slip.MISSPELT_LAST)
        last = misspell(rng, last)
    elif die[3] > 1 - rates.misspelt_first:
        slips.add(Slip.MISSPELT_FIRST)
        first = misspell(rng, first)
    if (habit.swapped and die[4] < 0.8) or die[4] > 1 - rates.swapped:
        slips.add(Slip.SWAPPED)
        last, first = first, last
    return last, first, alias if told else None


def _spell_birth(
    rng: np.random.Generator, who: Identity, habit: Habit, rates: Rates, die: float, slips: set[Slip]
) -> Birth | None:
    true = (who.birth.year, who.birth.month, who.birth.day)
    steps = (
        (Slip.NO_BIRTH, rates.no_birth),
        (Slip.JANUARY_FIRST, rates.january_first),
        (Slip.DAY_MONTH, rates.day_month),
        (Slip.IMPOSSIBLE_YEAR, rates.impossible_year),
        (Slip.WRONG_DIGIT, rates.wrong_digit),
    )
    for slip, chance in steps:
        if die < chance:
            slips.add(slip)
            year, month, day = true
            if slip is Slip.NO_BIRTH:
                return None
            if slip is Slip.JANUARY_FIRST:
                return year, 1, 1
            if slip is Slip.DAY_MONTH:
                return year, day, month
            if slip is Slip.IMPOSSIBLE_YEAR:
                return year - 800 if year < 2000 else year + 1000, month, day
            return wrong_digit(rng, true)
        die -= chance
    return habit.birth or true
