"""Everybody whom an agency knows, by sex and number of contacts, as the agency told it."""

from __future__ import annotations

import math

from juncture.agreement.model import Agreement
from juncture.analyst.findings.model import Findings
from juncture.analyst.proposal.cells import LABEL, PEOPLE, columns_of
from juncture.analyst.proposal.people import SEXES
from juncture.formats.tables import ProposedRow, ProposedTable


def everyone_table(findings: Findings, agreement: Agreement) -> ProposedTable:
    """A row an agency, sex and band; empty where the agency hid it, and no row of a sex that it hid altogether."""
    columns = columns_of(
        ("agency", "Agency", LABEL),
        ("title", "Known to", LABEL),
        ("sex", "Group", LABEL),
        ("band", "Contacts in the selection window", LABEL),
        ("people", "People", PEOPLE),
    )
    told = {(row.agency, row.sex) for row in findings.everyone if row.people > 0}
    rows = []
    for row in findings.everyone:
        if (row.agency, row.sex) in told:
            people = None if math.isnan(row.people) else int(row.people)
            labels = (row.agency, agreement.party[row.agency].title, SEXES.get(row.sex, row.sex), row.band)
            rows.append(ProposedRow((*labels, people), () if people is None else (people,)))
    return ProposedTable(
        name="everyone",
        title="Everybody whom the agencies met",
        note="All people with a contact in the selection window, chosen or not. The people studied were chosen for "
        "much contact, so that women and men among them are alike, or not, says nothing of women and men at large. "
        "Each agency hid small numbers itself and rounded the others.",
        columns=columns,
        rows=tuple(rows),
    )
