"""What an opening came after: things about a person's last weeks that may bear on the response and on the next crisis.

They are history at the opening, so holding them equal takes away nothing that the response did.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from juncture.analyst.findings.table import Row
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.study.model import HOURS_A_DAY, JoinedTimeline, Study

#: Crises are counted over these many days before the opening.
CRISIS_DAYS = (7, 30)
RESPONSE_DAYS = 30
FOLLOW_UPS = frozenset({"follow_up"})
SECTION_12 = frozenset({"section12", "section12_transport"})


def history(rows: Sequence[Row], study: Study) -> Vector:
    """Of each opening (n, 4): crises in the 7 and in the 30 days before its situation began; 1 where a follow-up, and
    where a Section 12, came in the 30 days before. What was not observed then is taken not to have been."""
    found = np.zeros((len(rows), 4))
    crises: dict[int, list[int]] = {}
    told: dict[tuple[int, frozenset[str]], list[int]] = {}
    for row, (place, _, opening) in zip(found, rows, strict=True):
        timeline, start = study.timelines[place], opening.start_h
        if place not in crises:
            crises[place] = [e.start_h for e in timeline.crises]
            for words in (FOLLOW_UPS, SECTION_12):
                told[place, words] = _hours_of(timeline, words)
        for column, days in enumerate(CRISIS_DAYS):
            row[column] = _between(crises[place], start - days * HOURS_A_DAY, start)
        for column, words in enumerate((FOLLOW_UPS, SECTION_12), 2):
            row[column] = _between(told[place, words], start - RESPONSE_DAYS * HOURS_A_DAY, start) > 0
    return found


def _hours_of(timeline: JoinedTimeline, words: frozenset[str]) -> list[int]:
    return [c.start_h for c in timeline.contacts if c.word in words and c.concerns_person]


def _between(hours: Sequence[int], first: int, end: int) -> int:
    """How many of ``hours`` (sorted) lie in [first, end)."""
    return bisect_left(hours, end) - bisect_left(hours, first)


def varying(covariates: Vector, person: Integers, rows: Booleans) -> Vector:
    """Those columns of ``covariates`` (n, c) that differ between openings ``rows`` (n) of one person, for these rows:
    of the others a comparison within persons learns nothing."""
    mine, who = covariates[rows], person[rows]
    mean = np.stack([np.bincount(who, column) for column in mine.T], axis=1) if mine.size else np.zeros((0, 4))
    counts = np.bincount(who)[:, None]
    off = mine - (mean / np.maximum(counts, 1))[who] if mine.size else mine
    return mine[:, (np.abs(off) > 1e-9).any(axis=0)]
