"""The way of the openings: how many came up, could be judged, were missed, and were followed by a crisis."""

from __future__ import annotations

from collections.abc import Mapping

from juncture.agreement.model import Agreement, Juncture
from juncture.analyst.findings import records
from juncture.analyst.findings.funnel import REASONS
from juncture.analyst.findings.model import Findings, FunnelStage, FunnelStep
from juncture.analyst.proposal.cells import (
    EVENTS,
    LABEL,
    PEOPLE,
    cells_of,
    columns_of,
    count,
    nobody_as_few,
    share_or_none,
)
from juncture.formats.tables import ProposedRow, ProposedTable

Steps = Mapping[FunnelStage, FunnelStep]


def funnel_table(findings: Findings, agreement: Agreement) -> ProposedTable:
    """A row a juncture and stage, of everybody.

    A reader can subtract one stage from the one before: the openings that fell out belong to people who count behind
    the row, and people are told where as many as the threshold, or none, fell out altogether. Nobody is few: stages of
    which one person makes the difference would tell whoever knows that person.
    """
    columns = columns_of(
        ("juncture", "Juncture", LABEL),
        ("title", "What was missed", LABEL),
        ("stage", "Stage", LABEL),
        ("what", "Which openings", LABEL),
        ("openings", "Openings", EVENTS),
        ("people", "People who had one", PEOPLE),
    )
    by_juncture: dict[str, dict[FunnelStage, FunnelStep]] = {}
    for step in findings.funnel:
        by_juncture.setdefault(step.juncture, {})[step.stage] = step
    threshold = agreement.disclosure.threshold
    rows = []
    for name, steps in by_juncture.items():
        juncture = agreement.juncture[name]
        behind = _nested(steps, threshold) | _reasons(steps, threshold)
        for stage, step in steps.items():
            people, tells_people = behind[stage]
            record = records.funnel_record(step)
            record |= {"title": juncture.title, "what": _what(stage, juncture)}
            if not tells_people:
                record["people"] = None
            # Where there are no openings nobody has most of them.
            share = share_or_none(step.largest_share) or 0.0
            rows.append(ProposedRow(cells_of(record, columns), nobody_as_few(people), largest_share=share))
    return ProposedTable(
        name="funnel",
        title="From every opening to the crises after missed ones",
        note="Each stage holds part of the openings of the one before. A crisis after a missed opening need not come "
        "from the miss: crises come after met openings as well. Where only a few people fell out between two stages, "
        "the number of people is not told.",
        columns=columns,
        rows=tuple(rows),
    )


Behind = dict[FunnelStage, tuple[tuple[int, ...], bool]]


def _nested(steps: Steps, threshold: int) -> Behind:
    """People behind each stage that holds part of the one before, and whether the row tells how many have one.

    Those that could be judged come first: other tables tell of them as well. All openings are told where those that
    could not be judged are of as many people as the threshold.
    """
    found: Behind = {}
    shown: FunnelStage | None = None
    told: int | None = None
    for stage in (FunnelStage.EVALUABLE, FunnelStage.OPENED, FunnelStage.MISSED, FunnelStage.CRISIS):
        step, is_above = steps[stage], stage is FunnelStage.OPENED
        behind = [step.people]
        if shown is not None:
            behind.append(steps[shown].people_left[stage] if is_above else step.people_left[shown])
        fell_out = 0 if told is None else abs(told - step.people)
        tells_people = not 1 <= fell_out < threshold
        found[stage] = (tuple(behind), tells_people)
        if any(people < threshold for people in behind) or (is_above and shown is not None):
            continue
        shown, told = stage, step.people if tells_people else told
    return found


def _reasons(steps: Steps, threshold: int) -> Behind:
    """People behind each reason why openings could not be judged. Where one reason is about too few or nobody, the next
    larger is hidden too: all of them together can be worked out from the stages."""
    order = sorted(REASONS, key=lambda stage: steps[stage].people)
    few = [steps[stage].people for stage in order if steps[stage].people < threshold]
    found: Behind = {stage: ((steps[stage].people,), True) for stage in order}
    companion = next((stage for stage in order if steps[stage].people >= threshold), None)
    if few and companion is not None:
        found[companion] = ((steps[companion].people, *few), True)
    return found


def _what(stage: FunnelStage, juncture: Juncture) -> str:
    response = juncture.response
    within = "in the same episode" if response.same_episode else f"within {count(response.within_days, 'day')}"
    outcome = "A crisis" if juncture.outcome.kinds == "crisis" else "The outcome"
    return {
        FunnelStage.OPENED: "Every time that it came up",
        FunnelStage.CRISIS_FIRST: "Could not be judged: a crisis came first",
        FunnelStage.INSTITUTION_FIRST: "Could not be judged: a stay in an institution came first",
        FunnelStage.END_FIRST: "Could not be judged: the records ended first",
        FunnelStage.EVALUABLE: "Could be judged",
        FunnelStage.MISSED: f"The response did not come {within}",
        FunnelStage.CRISIS: f"{outcome} came in the {count(juncture.outcome.horizon_days, 'day')} after that",
    }[stage]
