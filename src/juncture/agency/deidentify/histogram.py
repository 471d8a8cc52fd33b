"""Suppressed counts of everybody an agency knows, for what regression to the mean alone would do.

A person falls into one cell: sex, band of the number of contacts in the selection window, and the same in the
follow-up window. Totals are not published, but sums may be guessed, so a cell never stands hidden alone in its row.
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
from juncture.formats.release import HistogramRow

#: What stands for sex where it is not known, and where the agreement does not release it.
UNKNOWN, ALL = "unknown", "all"


def suppressed_histogram(
    mentions: pa.Table, person: NDArray[np.int32], agreement: Agreement, attributes: Sequence[Attributes]
) -> tuple[HistogramRow, ...]:
    """A row a sex and pair of bands; ``people`` is rounded to ``round_to``, None where hidden.

    ``person``: int32 a mention, -1 = nobody; ``attributes``: one a reference. A contact counts once a person and
    window, whatever its kind.
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
    np.add.at(cells, (sex, banded(selection), banded(follow_up)), 1)
    threshold, base = agreement.disclosure.threshold, agreement.disclosure.round_to
    return tuple(
        HistogramRow(sex=name, selection=BAND_LABELS[i], follow_up=BAND_LABELS[j], people=told)
        for name, table in zip(names, cells, strict=True)
        for i, row in enumerate(table)
        for j, told in enumerate(suppressed(row, threshold, base))
    )


def suppressed(row: NDArray[np.int64], threshold: int, round_to: int) -> list[int | None]:
    """One row of counts as it may be told: 1 to ``threshold`` - 1 hidden, the others rounded to the nearest multiple.

    Where exactly one cell is hidden, the smallest of the others is hidden too, a cell of people before an empty one.
    """
    hidden = (row > 0) & (row < threshold)
    if hidden.sum() == 1 and len(row) > 1:
        open_cells = np.flatnonzero(~hidden)
        hidden[min(open_cells, key=lambda cell: (row[cell] == 0, row[cell]))] = True
    return [
        None if is_hidden else int((count + round_to // 2) // round_to * round_to)
        for count, is_hidden in zip(row.tolist(), hidden.tolist(), strict=True)
    ]


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
