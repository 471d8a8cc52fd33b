"""What an agency knows of a person, from all mentions of the person together. Identified: birth dates are among it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from juncture.agency.deidentify.arrays import codes, people_count, times
from juncture.agreement.model import Band
from juncture.agreement.vocabulary import Ethnicity, Race, Sex

#: Nobody is believed to be older at the day on which ages are told.
MAX_AGE = 115

BirthParts = tuple[int, int | None, int | None]


@dataclass(frozen=True)
class Attributes:
    """One person. Words are of closed vocabularies, None where nothing is known; ``birth`` is (year, month, day)."""

    sex: str | None = None
    birth: BirthParts | None = None
    race: str | None = None
    ethnicity: str | None = None


def person_attributes(mentions: pa.Table, person: NDArray[np.int32], on: date) -> tuple[Attributes, ...]:
    """The attributes of each person, in the order of the references.

    Sex, race and ethnicity: the word of most mentions, of equals the one mentioned last. Birth date: the most frequent
    of those with most parts that give an age of 0 to 115 on the day ``on``. A word outside the vocabulary is nothing.
    """
    people = people_count(person)
    start = times(mentions, "start")
    sex = _majority(mentions, "sex", {str(word) for word in Sex}, person, start, people)
    race = _majority(mentions, "race", {str(word) for word in Race}, person, start, people)
    ethnicity = _majority(mentions, "ethnicity", {str(word) for word in Ethnicity}, person, start, people)
    birth = _births(mentions, person, start, on, people)
    return tuple(Attributes(*facts) for facts in zip(sex, birth, race, ethnicity, strict=True))


def age_on(birth: BirthParts, on: date) -> int:
    """Age in whole years; a missing month counts as July and a missing day as the 15th. Who was born on 29 February
    is a year older on 1 March where the year has no such day."""
    year, month, day = birth
    reached = (on.month, on.day) >= (7 if month is None else month, 15 if day is None else day)
    return on.year - year - (0 if reached else 1)


def age_band(birth: BirthParts | None, on: date, banding: Band) -> str | None:
    """The age as one of the bands of ``banding``; None where it is not known or not believed."""
    if birth is None or not 0 <= (age := age_on(birth, on)) <= MAX_AGE:
        return None
    return banding.word(age)


def _majority(
    mentions: pa.Table,
    name: str,
    allowed: set[str],
    person: NDArray[np.int32],
    start: NDArray[np.datetime64],
    people: int,
) -> list[str | None]:
    index, words = codes(mentions, name)
    known = np.array([word in allowed for word in words] + [False])
    chosen = (person >= 0) & known[index]
    best = _most_common(person[chosen], index[chosen], start[chosen], np.zeros(len(words), dtype=np.int64), people)
    return [None if code < 0 else words[code] for code in best]


def _births(
    mentions: pa.Table, person: NDArray[np.int32], start: NDArray[np.datetime64], on: date, people: int
) -> list[BirthParts | None]:
    year, month, day = (
        pc.fill_null(mentions[f"birth_{part}"].combine_chunks(), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        for part in ("year", "month", "day")
    )
    packed, index = np.unique((year * 16 + month) * 32 + day, return_inverse=True)
    births = [(int(p) // 512, int(p) // 32 % 16 or None, int(p) % 32 or None) for p in packed]
    plausible = np.array([bool(b[0]) and 0 <= age_on(b, on) <= MAX_AGE for b in births], dtype=bool)
    parts = np.array([sum(part is not None for part in b) for b in births], dtype=np.int64)
    chosen = person >= 0
    if len(plausible):
        chosen &= plausible[index]
    best = _most_common(person[chosen], index[chosen], start[chosen], parts, people)
    return [None if code < 0 else births[code] for code in best]


def _most_common(
    person: NDArray[np.int32],
    code: NDArray[np.int64],
    start: NDArray[np.datetime64],
    weight: NDArray[np.int64],
    people: int,
) -> NDArray[np.int64]:
    """int64 [people]: each person's code of greatest weight, then most mentions, then the latest; -1 for none."""
    best = np.full(people, -1, dtype=np.int64)
    if not len(person):
        return best
    width = int(code.max()) + 1
    pairs, inverse, count = np.unique(person.astype(np.int64) * width + code, return_inverse=True, return_counts=True)
    latest = np.full(len(pairs), np.iinfo(np.int64).min)
    np.maximum.at(latest, inverse, start.astype(np.int64))
    order = np.lexsort((pairs % width, latest, count, weight[pairs % width], pairs // width))
    # The last of each person is the greatest, and the last one written stays.
    best[pairs[order] // width] = pairs[order] % width
    return best
