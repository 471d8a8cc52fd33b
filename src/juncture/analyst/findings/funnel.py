"""From every opening of a juncture to the crises after missed ones: nested stages, and why an opening fell out."""

from __future__ import annotations

import numpy as np

from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import FunnelStage, FunnelStep
from juncture.analyst.findings.openings import Fate
from juncture.analyst.findings.table import FATES, OpeningTable
from juncture.analyst.statistics.arrays import Booleans

#: The stages in order; each holds part of the openings of the one before.
NESTED = (FunnelStage.OPENED, FunnelStage.EVALUABLE, FunnelStage.MISSED, FunnelStage.CRISIS)
REASONS = {
    FunnelStage.CRISIS_FIRST: Fate.CRISIS,
    FunnelStage.INSTITUTION_FIRST: Fate.INSTITUTION,
    FunnelStage.END_FIRST: Fate.END,
}
_PLACES = {stage: place for place, stage in enumerate(FunnelStage)}


def funnel_of(juncture: str, table: OpeningTable, matchings: Matchings) -> tuple[FunnelStep, ...]:
    """The stages of one juncture in the order of :class:`FunnelStage`: means over the draws, rounded by sex and then
    added up, as in the counts of the juncture."""
    stages, pairs = tuple(FunnelStage), _pairs()
    openings = np.zeros((len(matchings.distinct), len(stages), 3))
    people, lost = openings.copy(), np.zeros((len(matchings.distinct), len(pairs), 3))
    parts: dict[FunnelStage, list[Booleans]] = {stage: [] for stage in stages}
    for u, matching in enumerate(matchings.distinct):
        inside = _stages(table, table.under(matching))
        for stage, rows in inside.items():
            place = _PLACES[stage]
            openings[u, place], people[u, place] = table.by_sex(rows, matchings)
            parts[stage].append(rows)
        for k, (earlier, later) in enumerate(pairs):
            lost[u, k] = table.by_sex(inside[earlier] & ~inside[later], matchings)[1]
    events, persons, left = (matchings.rounded(counts).sum(axis=1).tolist() for counts in (openings, people, lost))
    # Every opening ends in exactly one way, also once these are rounded.
    ends = [_PLACES[stage] for stage in (FunnelStage.EVALUABLE, *REASONS)]
    events[_PLACES[FunnelStage.OPENED]] = sum(events[place] for place in ends)
    return tuple(
        FunnelStep(
            juncture=juncture,
            stage=stage,
            openings=events[_PLACES[stage]],
            people=persons[_PLACES[stage]],
            people_left={earlier: left[k] for k, (earlier, later) in enumerate(pairs) if later is stage},
            largest_share=table.largest_share(parts[stage], matchings),
        )
        for stage in stages
    )


def _pairs() -> list[tuple[FunnelStage, FunnelStage]]:
    return [(earlier, later) for j, later in enumerate(NESTED) for earlier in NESTED[:j]]


def _stages(table: OpeningTable, mask: Booleans) -> dict[FunnelStage, Booleans]:
    """Which openings are at each stage, of those that exist (``mask``)."""
    evaluable = mask & (table.fate == FATES.index(Fate.EVALUABLE))
    return {
        FunnelStage.OPENED: mask,
        **{stage: mask & (table.fate == FATES.index(fate)) for stage, fate in REASONS.items()},
        FunnelStage.EVALUABLE: evaluable,
        FunnelStage.MISSED: evaluable & table.missed,
        FunnelStage.CRISIS: evaluable & table.missed & table.crisis,
    }
