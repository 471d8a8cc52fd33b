"""What happened to each timeline before its follow-up, in the year before it, and in it; and who met the rule early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import kind_fits
from juncture.analyst.findings.rulegrid import most_within
from juncture.analyst.statistics.arrays import Booleans, Vector
from juncture.analyst.study.atrisk import at_risk_spans
from juncture.analyst.study.model import HOURS_A_DAY, HOURS_A_YEAR, JoinedTimeline, Study

BEFORE, WASHOUT, AFTER = 0, 1, 2
WASHOUT_DAYS = 365
#: The rule must have had this share of its own time before the washout year.
LEAST_OF_RULE = 0.5


@dataclass(frozen=True, eq=False)
class Counted:
    """``events`` and ``years`` (t, agencies + 1, 3): of each timeline contacts by agency and crises, before, in the
    washout year and after, and how long these were. ``early`` (t): whether the rule was met before the washout year.
    ``parted``: whether the selection window is long enough to ask."""

    events: Vector
    years: Vector
    early: Booleans
    parted: bool

    @classmethod
    def of(cls, study: Study) -> Counted:
        """Count what each timeline tells."""
        agreement = study.agreement
        agencies = agreement.agencies
        shape = (len(study.timelines), len(agencies) + 1, 3)
        events, years = np.zeros(shape), np.zeros(shape)
        for t, timeline in enumerate(study.timelines):
            for span, (start, stop) in enumerate(_spans(timeline, agreement)):
                for contact in timeline.contacts:
                    if start <= contact.start_h < stop:
                        events[t, agencies.index(contact.agency), span] += 1
                years[t, :-1, span] = max(stop - start, 0) / HOURS_A_YEAR
                free = at_risk_spans(start, stop, timeline.stays)
                years[t, -1, span] = sum(b - a for a, b in free) / HOURS_A_YEAR
                # What led to a stay at its first hour happened at risk; see `during_risk`.
                events[t, -1, span] = sum(
                    any(a < e.start_h <= b or a == e.start_h == start for a, b in free)
                    for e in timeline.crises
                    if start <= e.start_h < stop
                )
        rules = kinds_of_rule(agreement)
        early = np.array([_met_early(t, study, rules) for t in study.timelines], dtype=np.bool_)
        least = LEAST_OF_RULE * agreement.cohort.within_days * HOURS_A_DAY
        parted = all(-WASHOUT_DAYS * HOURS_A_DAY - t.entry_h >= least for t in study.timelines)
        return cls(events, years, early, parted)


def _spans(timeline: JoinedTimeline, agreement: Agreement) -> list[tuple[int, int]]:
    """Hours before, of the washout year, and after.

    The start of follow-up was moved by up to the washout weeks: what is before these is surely in the selection window.
    """
    moved = 7 * agreement.windows.washout_weeks * HOURS_A_DAY
    return [
        (timeline.entry_h, max(timeline.entry_h, -moved)),
        (max(timeline.entry_h, -WASHOUT_DAYS * HOURS_A_DAY), max(timeline.entry_h, 0)),
        timeline.follow_up_h,
    ]


def kinds_of_rule(agreement: Agreement) -> dict[str, frozenset[str]]:
    """Kinds, as ``party.word``, of each family of the rule."""
    families, kinds = agreement.cohort.families, agreement.kinds
    return {rule: frozenset(k for k in kinds if kind_fits(k, families[rule])) for rule in agreement.cohort.rule}


def _met_early(timeline: JoinedTimeline, study: Study, rules: Mapping[str, frozenset[str]]) -> bool:
    """Whether the person met the rule before the washout year, by the agencies' own files, each for itself."""
    cohort, until = study.agreement.cohort, -WASHOUT_DAYS * HOURS_A_DAY
    for rule, kinds in rules.items():
        most = 0
        for r in timeline.refs:
            days = sorted(
                c.start_h // HOURS_A_DAY
                for c in study.refs[r].contacts
                if c.kind in kinds and timeline.entry_h <= c.start_h < until
            )
            most = max(most, most_within(days, cohort.within_days))
        if most < cohort.rule[rule]:
            return False
    return True
