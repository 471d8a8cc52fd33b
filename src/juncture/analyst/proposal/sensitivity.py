"""How far each juncture's ratio depends on how it is computed."""

from __future__ import annotations

import math

from juncture.agreement.model import Agreement
from juncture.analyst.findings import records
from juncture.analyst.findings.model import Findings, SensitivityFinding, Stratum, Variant, Verdict
from juncture.analyst.findings.verdicts import LEAST_PEOPLE
from juncture.analyst.proposal.cells import ESTIMATE, LABEL, PEOPLE, cells_of, columns_of, share_or_none
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.formats.tables import ProposedRow, ProposedTable

WHAT = {
    Variant.PRIMARY: "As in the table of junctures",
    Variant.CRISES: "Crises in the 7 and 30 days before the opening held equal",
    Variant.PRIOR: "A follow-up and a Section 12 in the 30 days before the opening held equal",
    Variant.ALL_ADJUSTED: "All of these held equal",
    Variant.TIME_DEPENDENT: "Counted from the opening, unanswered until the response comes",
    Variant.ALL_CRISES: "Every crisis within the horizon, not the first alone",
    Variant.GAP_6H: "Contacts less than 6 hours apart are one episode",
    Variant.GAP_24H: "Contacts less than 24 hours apart are one episode",
    Variant.GAP_72H: "Contacts less than 72 hours apart are one episode",
    Variant.SCCS: "Each person's time after openings against their other time (self-controlled case series)",
}


def sensitivity_table(findings: Findings, agreement: Agreement) -> ProposedTable:
    """A row a juncture and variant, of those that are not too small to say."""
    columns = columns_of(
        ("juncture", "Juncture", LABEL),
        ("title", "What was missed", LABEL),
        ("variant", "Variant", LABEL),
        ("what", "What is done otherwise", LABEL),
        ("hazard_ratio", "Crises after missed over met", ESTIMATE),
        ("low", "from", ESTIMATE),
        ("high", "to", ESTIMATE),
        ("people_informative", "People whom the comparison learns from", PEOPLE),
    )
    told = {f.juncture for f in findings.junctures if f.stratum is Stratum.ALL and f.verdict is not Verdict.TOO_SMALL}
    rows = []
    for finding in findings.sensitivities:
        if finding.juncture not in told or not _big_enough(finding):
            continue
        record = records.variant_record(finding)
        record |= {"title": agreement.juncture[finding.juncture].title, "what": WHAT[finding.variant]}
        people = (finding.people, finding.people_missed, finding.people_met, finding.people_informative)
        rows.append(ProposedRow(cells_of(record, columns), people, largest_share=share_or_none(finding.largest_share)))
    return ProposedTable(
        name="sensitivity",
        title="Other ways to compute the same ratios",
        note="Each row changes one thing. Verdicts rest on the first row of a juncture alone; the others show how far "
        "it depends on choices that somebody else might make otherwise.",
        columns=columns,
        rows=tuple(rows),
    )


def _big_enough(finding: SensitivityFinding) -> bool:
    return (
        math.isfinite(finding.ratio.low)
        and finding.people_informative >= SMALLEST_INFORMATIVE
        and min(finding.people_missed, finding.people_met) >= LEAST_PEOPLE
    )
