"""Falls after people were chosen, each beside the fall to be expected by itself."""

from __future__ import annotations

from juncture.agreement.model import Agreement
from juncture.analyst.findings import records
from juncture.analyst.findings.expected_fall import CRISES
from juncture.analyst.findings.model import Findings, Stratum
from juncture.analyst.proposal.cells import ESTIMATE, LABEL, PEOPLE, cells_of, columns_of, nobody_as_few, share_or_none
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.formats.tables import ProposedRow, ProposedTable


def expected_fall_table(findings: Findings, agreement: Agreement) -> ProposedTable:
    """A row an agency and stratum, and of crises."""
    columns = columns_of(
        ("agency", "Agency", LABEL),
        ("title", "What is counted", LABEL),
        ("stratum", "Group", LABEL),
        ("people", "People", PEOPLE),
        ("before", "A person-year before they were chosen", ESTIMATE),
        ("after", "A person-year after", ESTIMATE),
        ("observed_fall", "Fall", ESTIMATE),
        ("observed_low", "from", ESTIMATE),
        ("observed_high", "to", ESTIMATE),
        ("expected_fall", "Fall to be expected by itself", ESTIMATE),
        ("expected_low", "from", ESTIMATE),
        ("expected_high", "to", ESTIMATE),
        ("lagged_fall", "The same, the second way", ESTIMATE),
        ("lagged_low", "from", ESTIMATE),
        ("lagged_high", "to", ESTIMATE),
        ("note", "Mind", ESTIMATE),
    )
    people: dict[str, dict[Stratum, int]] = {}
    for finding in findings.expected_falls:
        people.setdefault(finding.agency, {})[finding.stratum] = finding.people
    rows = []
    for finding in findings.expected_falls:
        record = records.expected_fall_record(finding)
        own = people[finding.agency]
        others = own[Stratum.ALL] - own[Stratum.WOMEN] - own[Stratum.MEN]
        if finding.stratum is Stratum.ALL and 0 < others < agreement.disclosure.threshold:
            # Rates of women and of men stand in another table, and beside these everybody's would tell the others'.
            record |= dict.fromkeys(("before", "after"))
        if finding.agency == CRISES:
            title = "Crisis episodes"
        else:
            title = f"Contacts with {agreement.party[finding.agency].title}"
        # Only where the second way was gone are its people behind the row.
        second = finding.people_lagged >= SMALLEST_INFORMATIVE
        rows.append(
            ProposedRow(
                cells=cells_of(record | {"title": title}, columns),
                people=nobody_as_few((finding.people, *((finding.people_lagged,) if second else ()))),
                part_of=finding.agency,
                is_total=finding.stratum is Stratum.ALL,
                largest_share=share_or_none(finding.largest_share),
            )
        )
    return ProposedTable(
        name="expected_fall",
        title="Falls after people were chosen",
        note="People chosen for many contacts have fewer later, with no help at all, since part of the many was "
        "chance. A fall says something only by how far it differs from the one to be expected. The first expectation "
        "is what everybody with as many contacts at this agency did; the second is how often those who met the rule "
        "early were met in the year that nobody was chosen for. Falls are shares of the rate before.",
        columns=columns,
        rows=tuple(rows),
    )
