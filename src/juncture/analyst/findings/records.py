"""Findings as records by column name: the one place that ties a name in a file or table to a figure."""

from __future__ import annotations

from juncture.analyst.findings.model import (
    CohortRow,
    CurvePoint,
    GenderFinding,
    JunctureFinding,
    LinkageFinding,
)

Value = str | int | float | None
Record = dict[str, Value]


def cohort_record(row: CohortRow) -> Record:
    """Columns of ``cohort.csv``."""
    return {
        "study_id": row.study_id,
        "sex": row.sex,
        "age_band": row.age_band,
        "contacts": sum(row.contacts.values()),
        **{f"contacts_{agency}": number for agency, number in row.contacts.items()},
        "link_probability": row.link_probability,
    }


def juncture_record(f: JunctureFinding) -> Record:
    """Columns of ``junctures.csv``."""
    return {
        "juncture": f.juncture,
        "stratum": f.stratum.value,
        "openings": f.counts.openings,
        "not_evaluable": f.counts.not_evaluable,
        "people": f.counts.people,
        "people_informative": f.counts.people_informative,
        "missed": f.counts.openings_missed,
        "missed_share": f.missed_share.value,
        "missed_low": f.missed_share.low,
        "missed_high": f.missed_share.high,
        "response_within_days": f.response_within_days,
        "outcome": f.outcome,
        "horizon_days": f.horizon_days,
        "hazard_ratio": f.ratio.value,
        "hazard_low": f.ratio.low,
        "hazard_high": f.ratio.high,
        "placebo_ratio": f.placebo.value,
        "placebo_low": f.placebo.low,
        "placebo_high": f.placebo.high,
        "p_value": f.ratio.p_value,
        "q_value": f.q_value,
        "avoidable": f.avoidable.value,
        "avoidable_low": f.avoidable.low,
        "avoidable_high": f.avoidable.high,
        "rank": f.rank,
        "prob_top3": f.prob_top3,
        "verdict": f.verdict.value,
    }


def detail_record(f: JunctureFinding) -> Record:
    """Columns of ``juncture_details.csv``: what stands beside the primary figures."""
    return {
        "juncture": f.juncture,
        "stratum": f.stratum.value,
        "openings_with_crisis": f.counts.crises,
        "people_any_opening": f.counts.people_any,
        "people_missed": f.counts.people_missed,
        "people_met": f.counts.people_met,
        "preempted_share": f.preempted_share,
        "not_evaluable_crisis": f.counts.crisis_first,
        "not_evaluable_institution": f.counts.institution_first,
        "not_evaluable_end": f.counts.end_first,
        "crude_ratio": f.crude_ratio,
        "risk_ratio": f.risk_ratio,
        "ceiling": f.ceiling,
        "linkage_share": f.linkage_share,
    }


def sensitivity_record(f: JunctureFinding) -> Record:
    """Columns of ``linkage_sensitivity.csv``: figures as they were seen, and what linkage error makes of them."""
    links = f.links
    return {
        "juncture": f.juncture,
        "stratum": f.stratum.value,
        "q": links.q,
        "q_low": links.q_low,
        "q_high": links.q_high,
        "link_right": links.right,
        "met_by_chance": links.by_chance,
        "missed_seen": links.seen.value,
        "missed_seen_low": links.seen.low,
        "missed_seen_high": links.seen.high,
        "missed_share": f.missed_share.value,
        "missed_low": f.missed_share.low,
        "missed_high": f.missed_share.high,
        "hazard_seen": f.ratio.value,
        "hazard_ratio": links.ratio,
        "hazard_link_low": links.ratio_low,
        "hazard_link_high": links.ratio_high,
        "note": links.note,
    }


def gender_record(g: GenderFinding) -> Record:
    """Columns of ``gender.csv``."""
    return {
        "measure": g.measure,
        "women": g.women,
        "men": g.men,
        "ratio": g.ratio.value,
        "low": g.ratio.low,
        "high": g.ratio.high,
        "p_value": g.ratio.p_value,
        "q_value": g.q_value,
        "link_low": g.link_low,
        "link_high": g.link_high,
    }


def linkage_record(row: LinkageFinding) -> Record:
    """Columns of ``linkage.csv``."""
    return {"measure": row.measure, "estimate": row.value.value, "low": row.value.low, "high": row.value.high}


def curve_record(point: CurvePoint) -> Record:
    """Columns of ``mcf.csv``: the mean number of crises a person by the end of ``day`` and people then at risk."""
    return {
        "stratum": point.group.value,
        "day": point.day,
        "crises_per_person": point.mean.value,
        "low": point.mean.low,
        "high": point.mean.high,
        "at_risk": point.at_risk,
    }
