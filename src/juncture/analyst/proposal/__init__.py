"""What the analyst asks the checker to release: tables of groups of people, and sentences about how they were made.

Each row carries every number of people that it tells or rests on, so that the checker can hide what is about too few.
Nothing here is about one person, and no fact holds a number of people or a date of anybody. A module is a table.
"""

from __future__ import annotations

from juncture.analyst.findings.model import Findings
from juncture.analyst.proposal.curves import curves_table
from juncture.analyst.proposal.everyone import everyone_table
from juncture.analyst.proposal.expected_fall import expected_fall_table
from juncture.analyst.proposal.facts import facts_of
from juncture.analyst.proposal.funnel import funnel_table
from juncture.analyst.proposal.gender import gender_table
from juncture.analyst.proposal.junctures import junctures_table
from juncture.analyst.proposal.last_contact import last_contact_table
from juncture.analyst.proposal.linkage import linkage_table
from juncture.analyst.proposal.people import cohort_table, flow_table
from juncture.analyst.proposal.sensitivity import sensitivity_table
from juncture.analyst.study.model import Study
from juncture.formats.tables import Proposal

__all__ = ["proposal"]


def proposal(findings: Findings, study: Study, round: int) -> Proposal:
    """The tables and facts that ``round`` proposes to release."""
    return Proposal(
        project=study.agreement.project,
        round=round,
        facts=facts_of(findings, study),
        tables=(
            flow_table(study),
            cohort_table(study),
            funnel_table(findings, study.agreement),
            junctures_table(findings, study.agreement),
            sensitivity_table(findings, study.agreement),
            gender_table(findings, study.agreement),
            everyone_table(findings, study.agreement),
            expected_fall_table(findings, study.agreement),
            linkage_table(findings),
            curves_table(findings, study),
            last_contact_table(findings, study.agreement),
        ),
    )
