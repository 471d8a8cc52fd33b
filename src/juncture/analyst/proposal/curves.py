"""Crises a person over the follow-up."""

from __future__ import annotations

from juncture.analyst.findings import records
from juncture.analyst.findings.model import Findings, Stratum
from juncture.analyst.proposal.cells import ESTIMATE, LABEL, PEOPLE, cells_of, columns_of, share_or_none
from juncture.analyst.study.model import Study
from juncture.formats.tables import ProposedRow, ProposedTable


def curves_table(findings: Findings, study: Study) -> ProposedTable:
    """Women beside men where there are enough of both, else everybody: never all three, from which others follow."""
    columns = columns_of(
        ("stratum", "Group", LABEL),
        ("day", "Day of follow-up", LABEL),
        ("crises_per_person", "Crises a person by then", ESTIMATE),
        ("low", "from", ESTIMATE),
        ("high", "to", ESTIMATE),
        ("at_risk", "People at risk", PEOPLE),
    )
    threshold = study.agreement.disclosure.threshold
    first: dict[Stratum, int] = {}
    for point in findings.curves:
        first.setdefault(point.group, point.at_risk)
    sexes = (Stratum.WOMEN, Stratum.MEN)
    shown = sexes if all(first.get(sex, 0) >= threshold for sex in sexes) else (Stratum.ALL,)
    rows = []
    for point in findings.curves:
        if point.group in shown:
            record = records.curve_record(point)
            share = share_or_none(point.largest_share)
            people = (point.at_risk, point.people_with)
            rows.append(ProposedRow(cells_of(record, columns), people, largest_share=share))
    return ProposedTable(
        name="mcf",
        title="Crises a person over the follow-up",
        note="The mean cumulative number of crisis episodes, in steps of 30 days.",
        columns=columns,
        rows=tuple(rows),
    )
