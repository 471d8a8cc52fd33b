"""The declared junctures, with their verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable

from juncture.agreement.model import Agreement
from juncture.analyst.findings import records
from juncture.analyst.findings.model import Findings, Stratum, Verdict
from juncture.analyst.proposal.cells import ESTIMATE, EVENTS, LABEL, PEOPLE, cells_of, columns_of, share_or_none
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
    untold = _few_left(findings, agreement.disclosure.threshold)
    rows = []
    for finding in findings.junctures:
        counts = finding.counts
        record = records.juncture_record(finding) | records.detail_record(finding)
        record["title"] = agreement.juncture[finding.juncture].title
        if not math.isfinite(finding.lead.low):
            record["lead_days"] = None
        record["bound_low"] = _outwards(finding.bound_low, math.floor)
        record["bound_high"] = _outwards(finding.bound_high, math.ceil)
        behind = [counts.people, counts.people_any, counts.people_missed, counts.people_met]
        if finding.verdict is Verdict.TOO_SMALL:
            # "Too small to say" is the result: no estimate without an interval, and no count of those few.
            record |= dict.fromkeys(EFFECT_COLUMNS)
        elif finding.stratum is Stratum.ALL:
            behind.append(counts.people_informative)
        if (finding.juncture, finding.stratum) in untold:
            record["not_evaluable"] = None
        if finding.stratum is not Stratum.ALL:
            # Told for everybody only: beside the whole, it would tell of the few informative people of the other sex.
            record["people_informative"] = None
        rows.append(
            ProposedRow(
                cells=cells_of(record, columns),
                people=tuple(behind),
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


def _few_left(findings: Findings, threshold: int) -> set[tuple[str, Stratum]]:
    """Rows whose openings that cannot be evaluated are those of too few people, or would give such away."""
    left: dict[str, dict[Stratum, int]] = {}
    for finding in findings.junctures:
        left.setdefault(finding.juncture, {})[finding.stratum] = finding.counts.people_left
    untold = set()
    for juncture, people in left.items():
        parts = {stratum: n for stratum, n in people.items() if stratum is not Stratum.ALL}
        others = people[Stratum.ALL] - sum(parts.values())
        if 0 < people[Stratum.ALL] < threshold:
            untold |= {(juncture, stratum) for stratum in people}
            continue
        few = {stratum for stratum, n in parts.items() if 0 < n < threshold}
        untold |= {(juncture, stratum) for stratum in few}
        if few or 0 < others < threshold:
            # The whole less the other part would tell.
            untold.add((juncture, Stratum.ALL))
    return untold


def _outwards(bound: float, towards: Callable[[float], int]) -> float | None:
    return float(towards(bound / STEP_OF_BOUNDS) * STEP_OF_BOUNDS) if math.isfinite(bound) else None
