"""A made-up release: findings with plausible numbers, proposed as the analyst does and controlled as the checker does.

The numbers are invented. One juncture is about so few people that it is hidden, one is too small to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np

from juncture.agreement.model import Agreement
from juncture.agreement.read import parse_agreement
from juncture.analyst.findings.model import (
    Counts,
    CurvePoint,
    Estimate,
    Findings,
    FunnelStep,
    GenderFinding,
    JunctureFinding,
    LinkageFinding,
    Stratum,
    Verdict,
)
from juncture.analyst.proposal import proposal
from juncture.analyst.study.model import Person, Study
from juncture.checker.disclosure import control
from juncture.formats.cohort import LinkReport
from juncture.formats.tables import ReleasedTable
from juncture.pages.report import report_html
from tests.pages import made_up_tables as more

RELEASED_ON = date(2026, 11, 24)
AGREEMENT_ID = "sha384:" + "0123456789abcdef" * 6

AGREEMENT = """
format = 1
project = "river-town"
purpose = "service_improvement_research"
rehearsal = true
time_zone = "America/New_York"
expires = 2027-12-31
party.police = { role = "agency", family = "police", title = "River Town Police Department" }
party.clinic = { role = "agency", family = "crisis_team", title = "River Town Crisis Team" }
party.linker = { role = "linker" }
party.analyst = { role = "analyst" }
party.checker = { role = "checker" }
release.start = { transform = "shift", grain = "six_hours" }
release.kind = { transform = "keep" }
release.role = { transform = "keep" }
release.sex = { transform = "keep" }
release.birth_date = { transform = "band" }
windows = { selection = [2022-01-01, 2023-12-31], follow_up = [2024-01-01, 2025-12-31] }
[cohort]
quota = 100
families = { police_any = ["police.*"], clinic_any = ["clinic.*"] }
share_from = { police_any = 2, clinic_any = 1 }
rule = { police_any = 3, clinic_any = 2 }
[study]
crisis = ["police.co_response", "police.crisis_call", "clinic.co_response", "clinic.crisis_evaluation",
          "clinic.mobile_crisis"]
[juncture.co_response_without_follow_up]
title = "Co-response with no follow-up within 7 days"
family = "missed_follow_up"
index = { kinds = ["police.co_response", "clinic.co_response"] }
response = { kinds = ["clinic.follow_up", "clinic.outpatient"], within_days = 7 }
intercept = 1
[juncture.crisis_call_without_clinician]
title = "Police crisis call without a clinician"
family = "missed_co_response"
index = { kinds = ["police.crisis_call"] }
response = { kinds = ["police.co_response", "clinic.co_response"], same_episode = true }
intercept = 1
[juncture.three_contacts_without_crisis_team]
title = "Three police contacts in 14 days with no crisis-team contact within 7 days"
family = "escalation"
index = { kinds = ["police.incident", "police.field_contact"], count = 3, within_days = 14 }
response = { kinds = ["clinic.mobile_crisis", "clinic.follow_up"], within_days = 7 }
intercept = 1
[juncture.ed_discharge_without_follow_up]
title = "Emergency department discharge with no follow-up within 7 days"
family = "missed_follow_up"
index = { kinds = ["clinic.ed_discharge"] }
response = { kinds = ["clinic.follow_up"], within_days = 7, same_day = true }
intercept = 0
[juncture.arrest_without_contact]
title = "Arrest with no crisis-team contact within 14 days"
family = "missed_follow_up"
index = { kinds = ["police.arrest"] }
response = { kinds = ["clinic.crisis_evaluation", "clinic.follow_up"], within_days = 14, same_day = true }
intercept = 1
[juncture.section12_without_follow_up]
title = "Section 12 hold with no follow-up within 7 days"
family = "missed_follow_up"
index = { kinds = ["clinic.section12"] }
response = { kinds = ["clinic.follow_up", "clinic.outpatient"], within_days = 7 }
intercept = 0
[juncture.victimisation_without_outreach]
title = "Victim of a crime with no outreach within 14 days"
family = "missed_follow_up"
index = { kinds = ["police.victimisation"] }
response = { kinds = ["clinic.follow_up", "clinic.phone_contact"], within_days = 14, same_day = true }
intercept = 1
[juncture.inpatient_without_follow_up]
title = "Inpatient discharge with no follow-up within 7 days"
family = "missed_follow_up"
index = { kinds = ["clinic.inpatient_stay"] }
response = { kinds = ["clinic.follow_up", "clinic.outpatient"], within_days = 7 }
intercept = 0
[juncture.silence_in_care]
title = "No contact for 60 days in regular care"
family = "silence"
index = { kinds = ["clinic.outpatient"] }
response = { kinds = ["clinic.outpatient"], within_days = 60 }
intercept = 0
"""

NAN = math.nan
S, H, U, T = Verdict.SUPPORTED, Verdict.HARMFUL, Verdict.UNCERTAIN, Verdict.TOO_SMALL
#: Name, verdict, share missed, ratio with interval, q, placebo, people (women, men), people who inform, rank with the
#: chance of the first three, avoidable crises a year.
JUNCTURES = (
    (
        "co_response_without_follow_up",
        S,
        0.55,
        (1.68, 1.31, 2.15),
        0.004,
        (1.04, 0.81, 1.33),
        (41, 29),
        58,
        (1, 0.94),
        21,
    ),
    (
        "crisis_call_without_clinician",
        U,
        0.72,
        (1.22, 0.88, 1.69),
        0.31,
        (1.10, 0.79, 1.54),
        (44, 31),
        49,
        (2, 0.71),
        12,
    ),
    ("three_contacts_without_crisis_team", T, 0.61, (NAN,) * 3, NAN, (NAN,) * 3, (7, 4), 9, (None, NAN), NAN),
    (
        "ed_discharge_without_follow_up",
        H,
        0.38,
        (0.57, 0.41, 0.79),
        0.012,
        (0.91, 0.66, 1.25),
        (37, 22),
        44,
        (6, 0.0),
        -9,
    ),
    ("arrest_without_contact", U, 0.83, (1.41, 0.95, 2.09), 0.14, (1.52, 1.08, 2.14), (15, 26), 27, (3, 0.62), 9),
    ("section12_without_follow_up", T, 0.47, (NAN,) * 3, NAN, (NAN,) * 3, (20, 15), 13, (None, NAN), NAN),
    (
        "victimisation_without_outreach",
        U,
        0.88,
        (1.18, 0.79, 1.76),
        0.45,
        (0.97, 0.7, 1.34),
        (30, 18),
        33,
        (4, 0.48),
        5,
    ),
    ("inpatient_without_follow_up", U, 0.44, (1.08, 0.74, 1.58), 0.71, (1.12, 0.8, 1.57), (34, 25), 38, (5, 0.25), 2),
    ("silence_in_care", U, 0.29, (NAN,) * 3, NAN, (NAN,) * 3, (33, 21), 40, (None, NAN), NAN),
)


def agreement(text: str = AGREEMENT) -> Agreement:
    """The agreement of the made-up release."""
    return parse_agreement(text)


def tables(made: Agreement | None = None) -> dict[str, ReleasedTable]:
    """The released tables by name."""
    made = made or agreement()
    named = {t.name: t for t in proposal(_findings(), _study(made), 1).tables}
    told = [(name, made.juncture[name].title, ratio, people) for name, _, _, ratio, _, _, _, people, _, _ in JUNCTURES]
    for table in (more.last_contact(), more.expected_fall(), more.everyone(), more.sensitivity(told)):
        named[table.name] = table
    rule = made.disclosure
    return {name: control(t, threshold=rule.threshold, round_to=rule.round_to) for name, t in named.items()}


def facts(made: Agreement | None = None) -> Mapping[str, str]:
    """The analyst's statements."""
    return proposal(_findings(), _study(made or agreement()), 1).facts


def report(made: Agreement | None = None) -> str:
    """The report of the made-up release."""
    made = made or agreement()
    return report_html(made, AGREEMENT_ID, tables(made), facts(made), RELEASED_ON, version="0.1.0")


def _study(made: Agreement) -> Study:
    sexes = ["female"] * 46 + ["male"] * 34
    bands = ["20-29", "30-39", "40-49", "50-59"] * 19 + ["80-89"] * 4
    people = tuple(Person(f"{i:032x}", s, b, -1) for i, (s, b) in enumerate(zip(sexes, bands, strict=True)))
    return Study(
        agreement=made,
        round=1,
        people=people,
        refs=(),
        draw_refs=np.zeros((20, 0), dtype=np.bool_),
        chosen=np.ones((20, 80), dtype=np.bool_),
        report=LinkReport({"police": 1480, "clinic": 905}, (), (), (), 105, ()),
        timelines=(),
        in_draw=np.zeros((20, 80), dtype=np.int64),
        in_best=np.zeros(80, dtype=np.int64),
        counts={},
    )


def _findings() -> Findings:
    return Findings(
        agencies=("clinic", "police"),
        cohort=(),
        junctures=tuple(finding for facts in JUNCTURES for finding in _juncture(*facts)),
        gender=_gender(),
        linkage=_linkage(),
        curves=_curves(),
        people_studied=80,
        funnel=tuple(step for name, _, share, _, _, _, people, *_ in JUNCTURES for step in _steps(name, people, share)),
    )


def _steps(name: str, people: tuple[int, int], share: float) -> tuple[FunnelStep, ...]:
    return more.funnel_steps(name, sum(people), share)


def _juncture(
    name: str,
    verdict: Verdict,
    share: float,
    ratio: tuple[float, float, float],
    q: float,
    placebo: tuple[float, float, float],
    people: tuple[int, int],
    informative: int,
    ranked: tuple[int | None, float],
    avoidable: float,
) -> list[JunctureFinding]:
    found = []
    groups = ((Stratum.ALL, sum(people), 1.0), (Stratum.WOMEN, people[0], 1.06), (Stratum.MEN, people[1], 0.94))
    for stratum, number, tilt in groups:
        whole = stratum is Stratum.ALL
        part = number / sum(people)
        few = round(informative * part) < 20
        value, low, high = (r * tilt for r in ratio)
        spread = 1.0 if whole else 1.2
        found.append(
            JunctureFinding(
                juncture=name,
                stratum=stratum,
                counts=Counts(
                    openings=6 * number,
                    openings_missed=round(6 * number * share),
                    crises=2 * number,
                    people=number,
                    people_informative=round(informative * part),
                    people_missed=round(0.9 * number),
                    people_met=round(0.8 * number),
                    people_any=number,
                    crisis_first=number // 3,
                    institution_first=number // 9,
                    end_first=number // 8,
                    people_left=round(0.6 * number),
                    people_crisis=round(0.7 * number),
                ),
                response_within_days=7,
                outcome="crisis",
                horizon_days=30,
                missed_share=Estimate(share, share - 0.08 * spread, share + 0.08 * spread),
                ratio=Estimate(value, NAN, NAN) if few else Estimate(value, low / spread, high * spread, q / 3),
                placebo=Estimate(*placebo),
                crude_ratio=value * 1.2,
                risk_ratio=value * 0.9,
                avoidable=Estimate(avoidable * part, (avoidable - 11) * part, (avoidable + 13) * part),
                ceiling=NAN if math.isnan(avoidable) else 60.0 * part,
                bound_low=-2 * avoidable - 120 * part,
                bound_high=85 * part + 0 * avoidable,
                attributed=Estimate(0.8 * avoidable * part, (0.8 * avoidable - 9) * part, (0.8 * avoidable + 9) * part),
                lead=Estimate(*((NAN,) * 3 if math.isnan(avoidable) else (17.0, 14.0, 22.0))),
                linkage_share=0.06,
                largest_share=0.04,
                q_value=q if whole else NAN,
                rank=ranked[0] if whole else None,
                prob_top3=ranked[1] if whole else NAN,
                verdict=verdict if whole else T if few else U,
            )
        )
    return found


def _gender() -> tuple[GenderFinding, ...]:
    rates = (
        ("clinic_contacts", 21.4, 14.9, 1.44, 1.08, 1.91, 0.03),
        ("police_contacts", 6.1, 9.8, 0.62, 0.47, 0.83, 0.01),
        ("crises", 4.4, 3.9, 1.13, 0.84, 1.51, 0.52),
        ("co_responses", 1.2, 1.0, 1.20, 0.79, 1.82, 0.52),
        ("arrests", 0.3, 0.9, 0.33, 0.16, 0.69, 0.02),
        ("follow_ups", 5.2, 3.1, 1.68, 1.17, 2.41, 0.02),
        ("institution_stays", 0.8, 0.9, 0.89, 0.52, 1.51, 0.71),
    )
    shares = (
        ("share:role_victim", 0.14, 0.06, 2.33, 1.5, 3.6, 0.01),
        ("share:role_suspect", 0.11, 0.21, 0.52, 0.36, 0.75, 0.01),
        ("share:first_police", 0.42, 0.58, 0.72, 0.59, 0.89, 0.01),
        ("share:crisis_to_hospital", 0.19, 0.17, 1.12, 0.78, 1.6, 0.61),
        ("share:night", 0.24, 0.29, 0.83, 0.66, 1.04, 0.21),
    )
    found = [
        GenderFinding(
            measure=name,
            women=women,
            men=men,
            ratio=Estimate(ratio, low, high, q / 2),
            people_women=46,
            people_men=34,
            people_with=(38, 29),
            largest_share=0.62 if name == "institution_stays" else 0.06,
            q_value=q,
            link_low=low * 0.9,
            link_high=high * 1.12,
            people_rest=(40, 31) if name.startswith("share:role_") else (),
        )
        for name, women, men, ratio, low, high, q in (*rates, *shares)
    ]
    for name, _, share, ratio, _, _, people, *_ in JUNCTURES:
        for measure, value in (("missed_share", share), ("hazard_ratio", ratio[0])):
            found.append(
                GenderFinding(
                    measure=f"{measure}:{name}",
                    women=value * 1.06,
                    men=value * 0.94,
                    ratio=Estimate(1.13, 0.74, 1.72, 0.6) if min(people) > 20 else Estimate(1.13),
                    people_women=people[0],
                    people_men=people[1],
                    people_with=(),
                    largest_share=0.05,
                    q_value=0.8 if min(people) > 20 else NAN,
                )
            )
    return tuple(found)


def _linkage() -> tuple[LinkageFinding, ...]:
    told = (
        ("links", 312.0, 301.0, 324.0),
        ("expected_precision", 0.96, 0.94, 0.98),
        ("expected_recall", 0.89, 0.85, 0.92),
        ("links_women", 171.0, 163.0, 180.0),
        ("expected_precision_women", 0.95, 0.92, 0.97),
        ("expected_recall_women", 0.86, 0.81, 0.90),
        ("links_men", 141.0, 135.0, 147.0),
        ("expected_precision_men", 0.97, 0.94, 0.99),
        ("expected_recall_men", 0.92, 0.88, 0.95),
    )
    return tuple(LinkageFinding(name, Estimate(*values)) for name, *values in told)


def _curves() -> tuple[CurvePoint, ...]:
    points = []
    for stratum, people, rate in ((Stratum.ALL, 80, 4.2), (Stratum.WOMEN, 46, 4.6), (Stratum.MEN, 34, 3.5)):
        for day in range(30, 731, 30):
            years = day / 365
            mean = rate * years**0.9
            left = round(people * (1 - 0.42 * years**1.2))
            half = 1.96 * mean * 0.11 * math.sqrt(80 / people)
            had = round(people * (1 - math.exp(-mean)))
            points.append(CurvePoint(stratum, day, Estimate(mean, mean - half, mean + half), left, had, 0.06))
    return tuple(points)
