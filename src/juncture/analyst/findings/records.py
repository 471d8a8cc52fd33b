"""Findings as records by column name: the one place that ties a name in a file or table to a figure."""

from __future__ import annotations

from juncture.analyst.findings.model import (
    CohortRow,
    CurvePoint,
    EveryoneRow,
    ExpectedFallFinding,
    FunnelStep,
    GenderFinding,
    GridRow,
    JunctureFinding,
    LastContactFinding,
    LinkageFinding,
    SensitivityFinding,
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
        "bound_low": f.bound_low,
        "bound_high": f.bound_high,
        "attributed": f.attributed.value,
        "attributed_low": f.attributed.low,
        "attributed_high": f.attributed.high,
        "avoidable_link_low": f.avoidable_link_low,
        "avoidable_link_high": f.avoidable_link_high,
        "lead_days": f.lead.value,
        "lead_low": f.lead.low,
        "lead_high": f.lead.high,
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


def variant_record(f: SensitivityFinding) -> Record:
    """Columns of ``juncture_sensitivity.csv``: a juncture's ratio computed in other ways."""
    return {
        "juncture": f.juncture,
        "variant": f.variant.value,
        "hazard_ratio": f.ratio.value,
        "low": f.ratio.low,
        "high": f.ratio.high,
        "p_value": f.ratio.p_value,
        "openings": f.openings,
        "people_informative": f.people_informative,
        "missed_share": f.missed_share,
        "note": f.note,
    }


def grid_record(row: GridRow) -> Record:
    """Columns of ``rule_grid.csv``: people under other rules."""
    return {
        "among": row.among,
        "rule": row.rule,
        "people": row.people,
        "people_low": row.people_low,
        "people_high": row.people_high,
        "women_share": row.women,
        "crises_per_year": row.crises,
        "note": row.note,
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


def funnel_record(step: FunnelStep) -> Record:
    """Columns of ``funnel.csv``: openings at a stage, and people who have one."""
    return {
        "juncture": step.juncture,
        "stage": step.stage.value,
        "openings": step.openings,
        "people": step.people,
    }


def last_contact_record(row: LastContactFinding) -> Record:
    """Columns of ``last_contact.csv``: crises whose last contact was of one kind, or so many days before."""
    return {
        "measure": row.measure.value,
        "last_contact": row.value,
        "stratum": row.stratum.value,
        "crises": row.crises,
        "people": row.people,
        "share": row.share,
        "referent_share": row.referent_share,
        "odds_ratio": row.odds.value,
        "low": row.odds.low,
        "high": row.odds.high,
        "p_value": row.odds.p_value,
        "median_days": row.median_days,
    }


def expected_fall_record(f: ExpectedFallFinding) -> Record:
    """Columns of ``expected_fall.csv``: falls as shares of the rate before."""
    return {
        "agency": f.agency,
        "stratum": f.stratum.value,
        "people": f.people,
        "before": f.before,
        "after": f.after,
        "observed_fall": f.observed.value,
        "observed_low": f.observed.low,
        "observed_high": f.observed.high,
        "expected_fall": f.expected.value,
        "expected_low": f.expected.low,
        "expected_high": f.expected.high,
        "lagged_fall": f.lagged.value,
        "lagged_low": f.lagged.low,
        "lagged_high": f.lagged.high,
        "people_lagged": f.people_lagged,
        "since_washout": f.since_washout.value,
        "since_washout_low": f.since_washout.low,
        "since_washout_high": f.since_washout.high,
        "note": "; ".join(f.notes),
    }


def everyone_record(row: EveryoneRow) -> Record:
    """Columns of ``everyone.csv``: whom an agency knows, as suppressed by the agency."""
    return {
        "agency": row.agency,
        "sex": row.sex,
        "band": row.band,
        "people": row.people,
        "before": row.before,
        "after": row.after,
        "none_after": row.none_after,
        "at_least": row.at_least,
    }
