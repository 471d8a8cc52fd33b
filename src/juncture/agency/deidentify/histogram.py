"""Suppressed counts of everybody an agency knows, for what regression to the mean alone would do.

A person falls into one cell: sex, band of the number of contacts in the selection window, and the same in the
follow-up window. Totals of a row of cells are told beside it: who is hidden in a row are at least ``threshold`` people,
and never one cell alone. Bands alone do not say how many contacts the most active people had, and so not how far these
fall: hence the sums of contacts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from juncture.agency.deidentify.arrays import codes, days, times
from juncture.agency.deidentify.attributes import Attributes
from juncture.agency.deidentify.selection import banded
from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import BAND_LABELS, Sex
from juncture.formats.clock import day_number
from juncture.formats.release import BandTotals, HistogramRow

#: What stands for sex where it is not known, and where the agreement does not release it.
UNKNOWN, ALL = "unknown", "all"
#: Sums of which one person has a larger share are hidden.
LARGEST_SHARE = 0.5


def suppressed_histogram(
    mentions: pa.Table, person: NDArray[np.int32], agreement: Agreement, attributes: Sequence[Attributes]
) -> tuple[tuple[HistogramRow, ...], tuple[BandTotals, ...]]:
    """A row a sex and pair of bands, and a row of totals a sex and band of the selection window but the lowest.

    Numbers are rounded to ``round_to``, None where hidden. ``person``: int32 a mention, -1 = nobody; ``attributes``:
    one a reference. A contact counts once a person and window, whatever its kind.
    """
    people = len(attributes)
    selection = _contacts(mentions, person, agreement.windows.selection, people)
    follow_up = _contacts(mentions, person, agreement.windows.follow_up, people)
    if agreement.release.sex is None:
        names = [ALL]
        sex = np.zeros(people, dtype=np.int64)
    else:
        names = [*(str(word) for word in Sex), UNKNOWN]
        sex = np.array([names.index(a.sex or UNKNOWN) for a in attributes], dtype=np.int64)
    bands = len(BAND_LABELS)
    cells = np.zeros((len(names), bands, bands), dtype=np.int64)
    band = banded(selection)
    np.add.at(cells, (sex, band, banded(follow_up)), 1)
    threshold, base = agreement.disclosure.threshold, agreement.disclosure.round_to
    rows = tuple(
        HistogramRow(sex=name, selection=BAND_LABELS[i], follow_up=BAND_LABELS[j], people=told)
        for name, table in zip(names, cells, strict=True)
        for i, row in enumerate(table)
        for j, told in enumerate(suppressed(row, threshold, base))
    )
    totals = []
    for code, name in enumerate(names):
        for i, label in enumerate(BAND_LABELS[1:], 1):
            own = (sex == code) & (band == i)
            told = band_totals(selection[own], follow_up[own], threshold, base)
            totals.append(BandTotals(name, label, *told))
    return rows, tuple(totals)


def suppressed(row: NDArray[np.int64], threshold: int, round_to: int) -> list[int | None]:
    """One row of counts as it may be told: 1 to ``threshold`` - 1 hidden, the others rounded to the nearest multiple.

    While exactly one cell is hidden, or fewer than ``threshold`` people are, the smallest of the others is hidden too,
    a cell of people before an empty one.
    """
    hidden = (row > 0) & (row < threshold)
    while hidden.any() and not hidden.all():
        if hidden.sum() > 1 and (row[hidden].sum() >= threshold or not row[~hidden].any()):
            break
        open_cells = np.flatnonzero(~hidden)
        hidden[min(open_cells, key=lambda cell: (row[cell] == 0, row[cell]))] = True
    return [None if is_hidden else _rounded(count, round_to) for count, is_hidden in zip(row, hidden, strict=True)]


def band_totals(
    selection: NDArray[np.int64], follow_up: NDArray[np.int64], threshold: int, round_to: int
) -> tuple[int | None, int | None, int | None, int | None]:
    """People, contacts in both windows, and squares of the later, of the people of one band, as they may be told.

    ``selection``, ``follow_up``: contacts of each (n). None of the four where they are 1 to ``threshold`` - 1 people;
    no sums where one person has more than half of any of them.
    """
    people = len(selection)
    if 0 < people < threshold:
        return None, None, None, None
    parts = (selection, follow_up, follow_up**2)
    if any(part.max(initial=0) > LARGEST_SHARE * part.sum() for part in parts):
        return _rounded(people, round_to), None, None, None
    before, after, squares = (_rounded(part.sum(), round_to) for part in parts)
    return _rounded(people, round_to), before, after, squares


def _rounded(count: int | np.int64, base: int) -> int:
    return int((count + base // 2) // base * base)


def _contacts(
    mentions: pa.Table, person: NDArray[np.int32], window: tuple[date, date], people: int
) -> NDArray[np.int64]:
    """int64 [people]: the number of distinct contacts of each person that begin in ``window``."""
    day = days(times(mentions, "start"))
    first, last = (day_number(edge) for edge in window)
    contact, texts = codes(mentions, "contact_id")
    chosen = (person >= 0) & (day >= first) & (day <= last)
    pairs = np.unique(person[chosen].astype(np.int64) * max(len(texts), 1) + contact[chosen])
    return np.bincount(pairs // max(len(texts), 1), minlength=people).astype(np.int64)
