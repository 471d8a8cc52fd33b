"""Openings of one juncture with everything that came after them, for designs that need more than the landmark's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from juncture.agreement.model import Juncture
from juncture.analyst.findings.table import OpeningTable, Row
from juncture.analyst.statistics.alternatives import recurrent_effect, time_dependent_effect
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.statistics.landmark import Contrast
from juncture.analyst.study.model import HOURS_A_DAY


@dataclass(frozen=True, eq=False)
class TimedOpenings:
    """Openings (n) with what happened after t, in days from it: ``landmark``, ``answered`` (inf for never), ``stop``;
    ``crisis_of`` (c): which opening each crisis after it belongs to, ``crisis_at`` (c)."""

    table: OpeningTable
    start: Vector
    at: Vector
    landmark: float
    answered: Vector
    stop: Vector
    crisis_of: Integers
    crisis_at: Vector

    @classmethod
    def of(cls, rows: Sequence[Row], juncture: Juncture) -> TimedOpenings:
        at = np.array([o.at_h for _, _, o in rows], dtype=np.float64)
        response = np.array([o.response_h for _, _, o in rows], dtype=np.float64)
        stop = np.array([o.stop_h for _, _, o in rows], dtype=np.float64)
        crises = [(i, hour) for i, (_, _, o) in enumerate(rows) for hour in o.crises_h]
        crisis_of = np.array([i for i, _ in crises], dtype=np.int64)
        crisis_h = np.array([hour for _, hour in crises], dtype=np.float64)
        return cls(
            table=OpeningTable.of(rows),
            start=np.array([o.start_h for _, _, o in rows], dtype=np.float64) / HOURS_A_DAY,
            at=at / HOURS_A_DAY,
            landmark=0.0 if juncture.response.same_episode else float(juncture.response.within_days),
            answered=np.where(response <= stop, (response - at) / HOURS_A_DAY, np.inf),
            stop=(stop - at) / HOURS_A_DAY,
            crisis_of=crisis_of,
            crisis_at=(crisis_h - at[crisis_of]) / HOURS_A_DAY,
        )

    def every_crisis(self, good: Booleans) -> Contrast:
        """All crises from the landmark on, of the evaluable openings ``good``."""
        mine = good[self.crisis_of]
        place = (np.cumsum(good) - 1)[self.crisis_of[mine]]
        return recurrent_effect(
            self.table.person[good],
            self.table.missed[good],
            self.stop[good] - self.landmark,
            place,
            self.crisis_at[mine] - self.landmark,
        )

    def until_answered(self, rows: Booleans) -> Contrast:
        """The first crisis from t on, of all openings ``rows``."""
        first = np.full(self.stop.size, np.inf)
        np.minimum.at(first, self.crisis_of, self.crisis_at)
        until = np.minimum(first, self.stop)
        return time_dependent_effect(
            self.table.person[rows], self.answered[rows], until[rows], (first <= self.stop)[rows]
        )
