"""From every opening of a juncture to the crises after missed ones: nested stages, and why an opening fell out."""

from __future__ import annotations

import numpy as np

from juncture.analyst.findings.effects import largest_share
from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import FunnelStage, FunnelStep
from juncture.analyst.findings.openings import Fate
from juncture.analyst.findings.table import FATES, OpeningTable
from juncture.analyst.statistics.arrays import Booleans, Vector

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
    by_person: dict[FunnelStage, list[Vector]] = {stage: [] for stage in stages}
    for u, matching in enumerate(matchings.distinct):
        inside = _stages(table, table.under(matching))
        for stage, rows in inside.items():
            place = _PLACES[stage]
            openings[u, place] = np.bincount(matchings.group[table.person[rows]], minlength=3)
            people[u, place] = _people(table, rows, matchings)
            by_person[stage].append(np.bincount(table.person[rows], minlength=matchings.group.size).astype(np.float64))
        for k, (earlier, later) in enumerate(pairs):
            lost[u, k] = _people(table, inside[earlier] & ~inside[later], matchings)
    events, persons, left = (_rounded(counts, matchings) for counts in (openings, people, lost))
    # Every opening ends in exactly one way, also once these are rounded.
    parts = [_PLACES[stage] for stage in (FunnelStage.EVALUABLE, *REASONS)]
    events[_PLACES[FunnelStage.OPENED]] = sum(events[place] for place in parts)
    return tuple(
        FunnelStep(
            juncture=juncture,
            stage=stage,
            openings=events[_PLACES[stage]],
            people=persons[_PLACES[stage]],
            people_left={earlier: left[k] for k, (earlier, later) in enumerate(pairs) if later is stage},
            largest_share=largest_share(by_person[stage], matchings),
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


def _people(table: OpeningTable, rows: Booleans, matchings: Matchings) -> Vector:
    """Persons with such an opening: women, men, others."""
    return np.bincount(matchings.group[np.unique(table.person[rows])], minlength=3).astype(np.float64)


def _rounded(counts: Vector, matchings: Matchings) -> list[int]:
    mean = np.tensordot(matchings.weights, counts, axes=1) if len(counts) else np.zeros(counts.shape[1:])
    return [int(n) for n in np.floor(mean + 0.5).sum(axis=1)]
