"""The declared junctures, with their verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable

from juncture.agreement.model import Agreement
from juncture.analyst.findings import records
from juncture.analyst.findings.effects import LONGEST_EFFECT_WINDOW
from juncture.analyst.findings.last_contact_pooled import DOMINANT_SHARE
from juncture.analyst.findings.model import Counts, Findings, FunnelStage, Stratum, Verdict
from juncture.analyst.proposal.cells import (
    ESTIMATE,
    EVENTS,
    LABEL,
    PEOPLE,
    cells_of,
    columns_of,
    nobody_as_few,
    share_or_none,
)
from juncture.formats.tables import ProposedRow, ProposedTable

#: What a juncture's row says of an effect; all of it is left out where there are too few people to say.
EFFECT_COLUMNS = (
    *(
        "people_informative",
        "hazard_ratio",
        "hazard_low",
        "hazard_high",
        "placebo_ratio",
        "placebo_low",
        "placebo_high",
    ),
    *("crude_ratio", "risk_ratio", "p_value", "q_value", "avoidable", "avoidable_low", "avoidable_high", "ceiling"),
    *("bound_low", "bound_high", "attributed", "attributed_low", "attributed_high", "lead_days", "rank", "prob_top3"),
)
#: Bounds are told in steps of so many crises a year, further apart where they lie between: they stay bounds, and their
#: distance from the ceiling does not count the few openings that lost sight of a person.
STEP_OF_BOUNDS = 5


def junctures_table(findings: Findings, agreement: Agreement) -> ProposedTable:
    """A row a juncture and group."""
    columns = columns_of(
        ("juncture", "Juncture", LABEL),
        ("title", "What was missed", LABEL),
        ("stratum", "Group", LABEL),
        ("response_within_days", "Days for the response", LABEL),
        ("outcome", "Outcome", LABEL),
        ("horizon_days", "Days over which crises count", LABEL),
        ("people", "People with an opening that can be evaluated", PEOPLE),
        ("people_informative", "People whom the comparison within persons learns from", PEOPLE),
        ("openings", "Openings that can be evaluated", EVENTS),
        ("not_evaluable", "Openings that cannot", EVENTS),
        ("missed", "Of those that can, missed", EVENTS),
        ("missed_share", "Share of all openings missed", ESTIMATE),
        ("missed_low", "from", ESTIMATE),
        ("missed_high", "to", ESTIMATE),
        ("hazard_ratio", "Crises after missed over met (ratio of hazards)", ESTIMATE),
        ("hazard_low", "from", ESTIMATE),
        ("hazard_high", "to", ESTIMATE),
        ("placebo_ratio", "The same ratio of crises before the opening", ESTIMATE),
        ("placebo_low", "from", ESTIMATE),
        ("placebo_high", "to", ESTIMATE),
        ("crude_ratio", "Ratio without comparing within persons", ESTIMATE),
        ("risk_ratio", "Ratio of the risks of a crisis", ESTIMATE),
        ("p_value", "p", ESTIMATE),
        ("q_value", "q", ESTIMATE),
        ("avoidable", "Avoidable crises a year", ESTIMATE),
        ("avoidable_low", "from", ESTIMATE),
        ("avoidable_high", "to", ESTIMATE),
        ("ceiling", "At most, if a response prevented every one", ESTIMATE),
        ("bound_low", "Whatever the effect is, from", ESTIMATE),
        ("bound_high", "to", ESTIMATE),
        ("attributed", "Of the avoidable, what junctures with more leave", ESTIMATE),
        ("attributed_low", "from", ESTIMATE),
        ("attributed_high", "to", ESTIMATE),
        ("lead_days", "Days from the opening to the crisis, half the time", ESTIMATE),
        ("rank", "Rank", ESTIMATE),
        ("prob_top3", "Chance of being among the first three", ESTIMATE),
        ("verdict", "Verdict", ESTIMATE),
    )
    threshold = agreement.disclosure.threshold
    informative = {f.juncture: f.counts.people_informative for f in findings.junctures if f.stratum is Stratum.ALL}
    untold = _few(findings, lambda counts: counts.people_left, threshold)
    few_crises = _few(findings, lambda counts: counts.people_crisis, threshold) | {
        (step.juncture, stratum)
        for step in findings.funnel
        if step.stage is FunnelStage.CRISIS and step.largest_share > DOMINANT_SHARE
        for stratum in Stratum
    }
    rows = []
    for finding in findings.junctures:
        counts = finding.counts
        record = records.juncture_record(finding) | records.detail_record(finding)
        record["title"] = agreement.juncture[finding.juncture].title
        if not math.isfinite(finding.lead.low):
            record["lead_days"] = None
        if not math.isfinite(finding.placebo.low):
            # It learns from fewer people than the ratio does, maybe from very few.
            record["placebo_ratio"] = None
        record["bound_low"] = _outwards(finding.bound_low, math.floor)
        record["bound_high"] = _outwards(finding.bound_high, math.ceil)
        behind = [counts.people, counts.people_any, counts.people_missed, counts.people_met]
        if finding.verdict is Verdict.TOO_SMALL or finding.response_within_days > LONGEST_EFFECT_WINDOW:
            # "Too small to say" is the result: no estimate without an interval, and no count of those few. Nor where
            # only the share missed is measured, which needs no comparison within persons.
            record |= dict.fromkeys(EFFECT_COLUMNS)
        elif finding.stratum is Stratum.ALL:
            behind.append(counts.people_informative)
        elif informative[finding.juncture] - counts.people_informative < threshold:
            # Everybody's ratio less this one, each with its weight, is that of the few from whom the others' is learnt.
            record |= dict.fromkeys(EFFECT_COLUMNS)
        if (finding.juncture, finding.stratum) in untold:
            record["not_evaluable"] = None
        if (finding.juncture, finding.stratum) in few_crises:
            # The crises after missed openings themselves, by the year.
            record |= dict.fromkeys(("ceiling", "bound_low", "bound_high"))
        if finding.stratum is not Stratum.ALL:
            # Told for everybody only: beside the whole, it would tell of the few informative people of the other sex.
            record["people_informative"] = None
        rows.append(
            ProposedRow(
                cells=cells_of(record, columns),
                people=nobody_as_few(behind),
                part_of=finding.juncture,
                is_total=finding.stratum is Stratum.ALL,
                largest_share=share_or_none(finding.largest_share),
            )
        )
    return ProposedTable(
        name="junctures",
        title="Where help could have come earlier",
        note="A ratio above 1 means that missing the response went with more crises. Avoidable crises of different "
        "junctures must not be added up: one crisis may be counted under several. What is attributed may be: there a "
        "crisis counts under the first of the junctures, in the order of their avoidable crises, that would avoid it.",
        columns=columns,
        rows=tuple(rows),
    )


def _few(findings: Findings, people: Callable[[Counts], int], threshold: int) -> set[tuple[str, Stratum]]:
    """Rows of which what ``people`` stand behind is about too few or nobody, or would give such away."""
    counted: dict[str, dict[Stratum, int]] = {}
    for finding in findings.junctures:
        counted.setdefault(finding.juncture, {})[finding.stratum] = people(finding.counts)
    untold = set()
    for juncture, numbers in counted.items():
        whole = numbers[Stratum.ALL]
        parts = [n for stratum, n in numbers.items() if stratum is not Stratum.ALL]
        if any(n < threshold for n in (whole, *parts)) or 0 < whole - sum(parts) < threshold:
            # The whole less one part tells of the other, and the funnel tells the whole where it is of enough people.
            untold |= {(juncture, s) for s in numbers if s is not Stratum.ALL or whole < threshold}
    return untold


def _outwards(bound: float, towards: Callable[[float], int]) -> float | None:
    return float(towards(bound / STEP_OF_BOUNDS) * STEP_OF_BOUNDS) if math.isfinite(bound) else None
