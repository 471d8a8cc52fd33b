"""The openings of one juncture in all timelines of a study, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from juncture.agreement.model import Juncture
from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.openings import Fate, Opening, openings_of
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.study.model import Study

FATES = (Fate.EVALUABLE, Fate.CRISIS, Fate.INSTITUTION, Fate.END)
#: Place of the timeline, person, and the opening.
Row = tuple[int, int, Opening]


def all_openings(juncture: Juncture, study: Study) -> list[Row]:
    """Find the openings of ``juncture`` in all distinct timelines."""
    return [(i, t.person, o) for i, t in enumerate(study.timelines) for o in openings_of(juncture, t, study.agreement)]


@dataclass(frozen=True, eq=False)
class OpeningTable:
    """Openings of one juncture in all distinct timelines (n entries each; see :class:`openings.Opening`).

    ``earlier_missed``: 1 where the timeline's opening before this one was missed, 0 where it was met, NaN where there
    is none.
    """

    timeline: Integers
    person: Integers
    fate: Integers
    missed: Booleans
    settled_days: Vector
    settled: Integers
    days: Vector
    crisis: Booleans
    before_days: Vector
    before_crisis: Booleans
    earlier_missed: Vector

    @classmethod
    def of(cls, rows: Sequence[Row]) -> OpeningTable:
        """The table of these openings."""
        return cls(
            timeline=np.array([i for i, _, _ in rows], dtype=np.int64),
            person=np.array([p for _, p, _ in rows], dtype=np.int64),
            fate=np.array([FATES.index(o.fate) for _, _, o in rows], dtype=np.int64),
            missed=np.array([not o.met for _, _, o in rows], dtype=np.bool_),
            settled_days=np.array([o.settled_days for _, _, o in rows], dtype=np.float64),
            settled=np.array([o.settled for _, _, o in rows], dtype=np.int64),
            days=np.array([o.days for _, _, o in rows], dtype=np.float64),
            crisis=np.array([o.crisis for _, _, o in rows], dtype=np.bool_),
            before_days=np.array([o.before_days for _, _, o in rows], dtype=np.float64),
            before_crisis=np.array([o.before_crisis for _, _, o in rows], dtype=np.bool_),
            earlier_missed=_earlier_missed(rows),
        )

    def under(self, matching: Integers) -> Booleans:
        """Which openings exist where each person has the timeline that ``matching`` (people) says."""
        return np.asarray(matching[self.person] == self.timeline, dtype=np.bool_)

    def by_sex(self, rows: Booleans, matchings: Matchings) -> tuple[Integers, Integers]:
        """How many openings ``rows`` (n) are, and how many people have one: each of women, men and others."""
        person, group = self.person[rows], matchings.group
        people = np.bincount(group[np.unique(person)], minlength=3)
        return np.bincount(group[person], minlength=3), people

    def largest_share(self, parts: Sequence[Booleans], matchings: Matchings) -> float:
        """Of the openings that each distinct matching has (u), the share of the person with most."""
        people = matchings.group.size
        counted = [np.bincount(self.person[p], minlength=people).astype(np.float64) for p in parts]
        return matchings.largest_share(counted)


def _earlier_missed(rows: Sequence[Row]) -> Vector:
    """Openings of a timeline stand together, in order of time."""
    earlier = np.full(len(rows), np.nan)
    for place in range(1, len(rows)):
        if rows[place - 1][0] == rows[place][0]:
            earlier[place] = not rows[place - 1][2].met
    return earlier
