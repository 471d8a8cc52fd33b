"""Women beside men."""

from __future__ import annotations

import math

from juncture.agreement.model import Agreement
from juncture.analyst.findings import records
from juncture.analyst.findings.gender_shares import PREFIX
from juncture.analyst.findings.model import Findings
from juncture.analyst.proposal.cells import ESTIMATE, LABEL, PEOPLE, cells_of, columns_of, share_or_none
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
    rows = []
    for finding in findings.gender:
        behind = (finding.people_women, finding.people_men)
        record = records.gender_record(finding)
        if finding.measure.startswith("hazard_ratio") and not math.isfinite(finding.ratio.low):
            # Too few to compare: no estimate without interval.
            record |= dict.fromkeys(("women", "men", "ratio", "link_low", "link_high"))
        record |= {
            "title": _measure_title(finding.measure, agreement),
            "people_women": behind[0],
            "people_men": behind[1],
        }
        rows.append(
            ProposedRow(
                cells_of(record, columns),
                (*behind, *finding.people_with),
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
