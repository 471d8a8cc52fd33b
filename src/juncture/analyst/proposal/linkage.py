"""How good the linkage was."""

from __future__ import annotations

import math

from juncture.analyst.findings.model import Findings, LinkageFinding
from juncture.analyst.proposal.cells import ESTIMATE, LABEL, PEOPLE, columns_of, plain
from juncture.analyst.proposal.people import SEXES
from juncture.formats.tables import Cell, ProposedRow, ProposedTable

LINKS, EXPECTED, JOINT_PAIRS, BY_JOINT = "links", "expected_", "joint_contact_pairs", "recall_by_joint_contacts"


def linkage_table(findings: Findings) -> ProposedTable:
    """Links and pairs with a joint contact are people; what is expected of links is about those of its group, and what
    joint contacts tell about these. Measures by completeness stay inside: nobody tells how many people they are of."""
    counts = {row.measure: row.value.value for row in findings.linkage if row.measure.startswith((LINKS, JOINT_PAIRS))}

    def behind(row: LinkageFinding) -> tuple[int, ...]:
        if row.measure.startswith(BY_JOINT):
            number = counts.get(JOINT_PAIRS + row.measure.removeprefix(BY_JOINT), math.nan)
        else:
            group = next((f"_{word}" for word in SEXES.values() if row.measure.endswith(f"_{word}")), "")
            number = counts.get(row.measure, counts.get(LINKS + group, math.nan))
        return (int(number),) if math.isfinite(number) else ()

    rows = []
    for row in findings.linkage:
        if not row.measure.startswith((LINKS, EXPECTED, JOINT_PAIRS, BY_JOINT)):
            continue
        people = behind(row)
        told = (row.value.value, row.value.low, row.value.high)
        is_count = row.measure in counts
        cells: tuple[Cell, ...] = (
            row.measure,
            people[0] if is_count and people else None,
            *(None if is_count else plain(value) for value in told),
        )
        part = LINKS if row.measure.startswith(LINKS) else ""
        rows.append(ProposedRow(cells, people, part_of=part, is_total=row.measure == LINKS))
    return ProposedTable(
        name="linkage",
        title="How well the agencies' files were linked",
        note="As the linker expects from the links' probabilities; nobody knows the truth.",
        columns=columns_of(
            ("measure", "Measure", LABEL),
            ("people", "People linked", PEOPLE),
            ("estimate", "Estimate", ESTIMATE),
            ("low", "from", ESTIMATE),
            ("high", "to", ESTIMATE),
        ),
        rows=tuple(rows),
    )
