"""Who is shared at all: activity bands of the selection window, and the agency's own side of the rule."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from juncture.agency.deidentify.arrays import codes, days, people_count, times
from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import BAND_EDGES, band_of, kind_fits
from juncture.formats.clock import day_number


def activity_bands(mentions: pa.Table, person: NDArray[np.int32], agreement: Agreement) -> NDArray[np.uint8]:
    """uint8 [people, families]: the band of the most contacts of each family in any ``within_days`` days.

    Families in sorted order of their names; contacts of the selection window only, both ends included. A contact
    counts once a person, on the day of its first mention that fits. ``person``: int32 a mention, -1 = nobody.
    """
    people = people_count(person)
    families = sorted(agreement.cohort.families)
    kind, kinds = codes(mentions, "kind")
    contact, _ = codes(mentions, "contact_id")
    day = days(times(mentions, "start"))
    first, last = (day_number(edge) for edge in agreement.windows.selection)
    in_window = (person >= 0) & (day >= first) & (day <= last)
    bands = np.zeros((people, len(families)), dtype=np.uint8)
    for column, family in enumerate(families):
        fits = np.array([kind_fits(word, agreement.cohort.families[family]) for word in kinds] + [False])
        chosen = in_window & fits[kind]
        most = most_in_window(person[chosen], contact[chosen], day[chosen], agreement.cohort.within_days, people)
        bands[:, column] = banded(most)
    return bands


def banded(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Index of the band of each count; the whole-array form of :func:`juncture.agreement.vocabulary.band_of`."""
    return (np.searchsorted(np.array(BAND_EDGES), counts, side="right") - 1).astype(np.uint8)


def most_in_window(
    person: NDArray[np.int32], contact: NDArray[np.int64], day: NDArray[np.int64], width: int, people: int
) -> NDArray[np.int64]:
    """int64 [people]: the most distinct contacts of each person in any ``width`` days in a row.

    ``person``, ``contact``, ``day``: a mention each, no person -1. A window that holds the most may be taken to end on
    a contact, so it is enough to look back from each one.
    """
    most = np.zeros(people, dtype=np.int64)
    if not len(person):
        return most
    order = np.lexsort((day, contact, person))
    who, what, when = person[order].astype(np.int64), contact[order], day[order]
    once = np.ones(len(who), dtype=bool)
    once[1:] = (who[1:] != who[:-1]) | (what[1:] != what[:-1])
    who, when = who[once], when[once] - int(when.min())
    # People lie further apart on one line than a window is wide, so no window holds two of them.
    span = int(when.max()) + width + 1
    at = np.sort(who * span + when)
    before = np.searchsorted(at, at - (width - 1), side="left")
    np.maximum.at(most, at // span, np.arange(1, len(at) + 1) - before)
    return most


def shared_people(
    bands: NDArray[np.uint8], agreement: Agreement, agency: str, everyone: bool = False
) -> NDArray[np.bool_]:
    """bool [people]: who meets this agency's own side of ``share_from``.

    The own side is every family of ``share_from`` that has a kind of this agency; all of them must be met, counting
    this agency's contacts only. With ``everyone`` (an audited rehearsal) all are shared.
    """
    shared = np.ones(len(bands), dtype=bool)
    if everyone:
        return shared
    for column, family in enumerate(sorted(agreement.cohort.families)):
        own = any(pattern.split(".", 1)[0] == agency for pattern in agreement.cohort.families[family])
        if own and family in agreement.cohort.share_from:
            shared &= bands[:, column] >= band_of(agreement.cohort.share_from[family])
    return shared
