"""Women beside men."""

from __future__ import annotations

import math
from collections.abc import Sequence

from juncture.agreement.model import Agreement
from juncture.analyst.findings import records
from juncture.analyst.findings.gender_shares import PREFIX, ROLE
from juncture.analyst.findings.matchings import GROUPS
from juncture.analyst.findings.model import Findings, GenderFinding
from juncture.analyst.proposal.cells import ESTIMATE, LABEL, PEOPLE, cells_of, columns_of, nobody_as_few, share_or_none
from juncture.formats.tables import ProposedRow, ProposedTable

RATES = {
    "crises": "Crisis episodes a year",
    "co_responses": "Crisis episodes with a co-response a year",
    "arrests": "Arrests a year",
    "follow_ups": "Follow-ups a year",
    "institution_stays": "Stays in an institution a year",
}
SHARES = {
    "role_victim": "Contacts with the police as a victim",
    "role_suspect": "Contacts with the police as a suspect",
    "role_subject": "Contacts with the police as the person whom the call is about",
    "first_police": "Crises that began with the police and no clinician",
    "co_response": "Crises with a co-response",
    "crisis_to_arrest": "Crises with an arrest within 72 hours",
    "crisis_to_hospital": "Crises with a Section 12, an emergency department or an inpatient stay within 72 hours",
    "crisis_to_follow_up": "Crises with a follow-up within 7 days",
    "night": "Crises from midnight to 6",
    "weekend": "Crises on a weekend",
}

CO_RESPONSE = f"{PREFIX}co_response"


def gender_table(findings: Findings, agreement: Agreement) -> ProposedTable:
    """A row a measure."""
    columns = columns_of(
        ("measure", "Measure", LABEL),
        ("title", "What is compared", LABEL),
        ("women", "Women", ESTIMATE),
        ("men", "Men", ESTIMATE),
        ("ratio", "Women over men", ESTIMATE),
        ("low", "from", ESTIMATE),
        ("high", "to", ESTIMATE),
        ("p_value", "p", ESTIMATE),
        ("q_value", "q", ESTIMATE),
        ("link_low", "Allowing for missed links, from", ESTIMATE),
        ("link_high", "to", ESTIMATE),
        ("people_women", "Women behind it", PEOPLE),
        ("people_men", "Men behind it", PEOPLE),
    )
    threshold = agreement.disclosure.threshold
    derived = _derived(findings.gender, threshold)
    untold = _untold(findings, threshold)
    rows = []
    for finding in findings.gender:
        behind = (finding.people_women, finding.people_men)
        record = records.gender_record(finding)
        if finding.measure.startswith("hazard_ratio") and not math.isfinite(finding.ratio.low):
            # Too few to compare: no estimate without interval.
            record |= dict.fromkeys(("women", "men", "ratio", "link_low", "link_high"))
        record |= {
            "title": _measure_title(finding.measure, agreement),
            "people_women": None if (finding.measure, 0) in untold else behind[0],
            "people_men": None if (finding.measure, 1) in untold else behind[1],
        }
        rows.append(
            ProposedRow(
                cells_of(record, columns),
                nobody_as_few((*behind, *finding.people_with, *derived.get(finding.measure, ()))),
                largest_share=share_or_none(finding.largest_share),
            )
        )
    return ProposedTable(
        name="gender",
        title="Women and men",
        note="Rates are a person-year at risk, among people chosen for much contact, so they say nothing of women and "
        "men at large. Shares are of all contacts or crises of a group. People who are neither female nor male, or of "
        "whom that is not known, are in the tables about everybody. That a juncture matters more to one sex is claimed "
        "from the ratio of the two ratios alone. "
        "Links are missed more often where names change; where the interval that allows for it holds 1, there may be "
        "no difference.",
        columns=columns,
        rows=tuple(rows),
    )


def _derived(gender: Sequence[GenderFinding], threshold: int) -> dict[str, tuple[int, ...]]:
    """By measure, further numbers of people that a reader could work out from it and other rows.

    Shares of roles add up to 1 with the roles that are not told: where one is about too few, so is the smallest of the
    others. Crises with a co-response and all crises a year give the share, and so the rest of it.
    """
    found: dict[str, tuple[int, ...]] = {}
    by_measure = {f.measure: f for f in gender}
    roles = [f for f in gender if f.measure.startswith(ROLE)]
    for sex in (0, 1):
        numbers = {f.measure: f.people_with[sex] for f in roles}
        few = [
            n
            for n in (*numbers.values(), *(n for f in roles[:1] for n in f.people_rest[sex : sex + 1]))
            if n < threshold
        ]
        enough = [measure for measure in numbers if numbers[measure] >= threshold]
        if few and enough:
            companion = min(enough, key=lambda measure: numbers[measure])
            found[companion] = (*found.get(companion, ()), *few)
    if CO_RESPONSE in by_measure:
        found["co_responses"] = by_measure[CO_RESPONSE].people_with
    return found


def _untold(findings: Findings, threshold: int) -> set[tuple[str, int]]:
    """Measures and sexes (0 women, 1 men) whose number of people differs by few from another that is told."""
    junctures = {(f.juncture, f.stratum): f.counts.people for f in findings.junctures}
    at_risk, with_crisis = (0, 0), (0, 0)
    untold = set()
    for finding in findings.gender:
        kind, _, name = finding.measure.partition(":")
        numbers = (finding.people_women, finding.people_men)
        if not name:
            at_risk = numbers
            continue
        if finding.measure == CO_RESPONSE:
            with_crisis = numbers
        for sex, stratum in enumerate(GROUPS):
            others = [at_risk[sex]]
            if kind == "share" and name.startswith("crisis_to_"):
                others.append(with_crisis[sex])
            elif kind == "missed_share":
                others.append(junctures[name, stratum])
            if any(0 < abs(other - numbers[sex]) < threshold for other in others):
                untold.add((finding.measure, sex))
    return untold


def _measure_title(measure: str, agreement: Agreement) -> str:
    """A measure in words, with the agency's or juncture's title."""
    kind, _, name = measure.partition(":")
    if not name:
        agency = measure.removesuffix("_contacts")
        return RATES.get(measure) or f"Contacts with {agreement.party[agency].title} a year"
    if f"{kind}:" == PREFIX:
        return SHARES[name]
    start = "Share missed" if kind == "missed_share" else "Crises after missed over met"
    return f"{start}: {agreement.juncture[name].title}"
