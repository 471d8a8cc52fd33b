"""The self-controlled case series of one juncture under each matching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from juncture.agreement.model import Agreement, Juncture
from juncture.analyst.findings.timed import TimedOpenings
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.statistics.landmark import Contrast
from juncture.analyst.statistics.sccs import openings_case_series
from juncture.analyst.study.atrisk import rows_at_risk
from juncture.analyst.study.episodes import merge_episodes
from juncture.analyst.study.model import HOURS_A_DAY, JoinedTimeline, Study

#: Half-years of the follow-up are held equal: people chosen at a high fall back whatever is done.
BAND_DAYS = 182


@dataclass(frozen=True, eq=False)
class CaseSeries:
    """What the case series needs of each timeline: ``spans`` at risk (from, until) and ``crises``, in days."""

    openings: TimedOpenings
    spans: Sequence[Vector]
    crises: Sequence[Vector]
    bands: Vector
    horizon: float

    @classmethod
    def of(cls, study: Study, juncture: Juncture, openings: TimedOpenings) -> CaseSeries:
        longest = max((t.exit_h for t in study.timelines), default=0) / HOURS_A_DAY
        return cls(
            openings=openings,
            spans=[rows_at_risk(t) for t in study.timelines],
            crises=[_crises(t, juncture, study.agreement) for t in study.timelines],
            bands=np.arange(BAND_DAYS, longest, BAND_DAYS, dtype=np.float64),
            horizon=float(juncture.outcome.horizon_days),
        )

    def ratio(self, matching: Integers, rows: Booleans) -> Contrast:
        """Of the openings ``rows``, those that exist where each person has the timeline that ``matching`` says."""
        present = np.flatnonzero(matching >= 0)
        spans = [self.spans[t] for t in matching[present]]
        crises = [self.crises[t] for t in matching[present]]
        ends = np.concatenate(spans) if spans else np.zeros((0, 2))
        openings, table = self.openings, self.openings.table
        return openings_case_series(
            np.repeat(present, [len(s) for s in spans]),
            ends[:, 0],
            ends[:, 1],
            np.repeat(present, [len(c) for c in crises]),
            np.concatenate(crises) if crises else np.zeros(0),
            table.person[rows],
            openings.start[rows],
            openings.at[rows],
            table.missed[rows],
            (table.fate == 0)[rows],
            window=openings.landmark,
            horizon=self.horizon,
            bands=self.bands,
        ).ratio


def _crises(timeline: JoinedTimeline, juncture: Juncture, agreement: Agreement) -> Vector:
    kinds = juncture.outcome.kinds
    gap = agreement.study.episode_gap_hours
    found = timeline.crises if kinds == "crisis" else merge_episodes(timeline.contacts, kinds, gap)
    return np.array([e.start_h for e in found], dtype=np.float64) / HOURS_A_DAY
