"""The last contact before a crisis: with whom it was, how long before, and how usual that is for the same people."""

from __future__ import annotations

import math
from collections.abc import Collection

from juncture.agreement.model import Agreement
from juncture.analyst.findings import records
from juncture.analyst.findings.last_contact import LOOK_BACK_DAYS, NONE
from juncture.analyst.findings.last_contact_pooled import OTHER
from juncture.analyst.findings.model import Findings, LastContactFinding, LastContactMeasure, Stratum
from juncture.analyst.proposal.cells import (
    ESTIMATE,
    EVENTS,
    LABEL,
    PEOPLE,
    cells_of,
    columns_of,
    count,
    share_or_none,
    title_of,
)
from juncture.formats.tables import ProposedRow, ProposedTable

ODDS = ("odds_ratio", "low", "high")


def last_contact_table(findings: Findings, agreement: Agreement) -> ProposedTable:
    """A row a value and group, of values put together until none is about too few.

    Where women and men are both told they add up to everybody; where one sex is, the people whom a reader can work
    out by subtraction count behind its row.
    """
    columns = columns_of(
        ("measure", "What is told", LABEL),
        ("value", "Last contact", LABEL),
        ("title", "Which last contact", LABEL),
        ("stratum", "Group", LABEL),
        ("people", "People with such a crisis", PEOPLE),
        ("crises", "Crises", EVENTS),
        ("share", "Share of crises", ESTIMATE),
        ("referent_share", "Share of other times of the same people", ESTIMATE),
        ("odds_ratio", "Odds before crises over odds at other times", ESTIMATE),
        ("low", "from", ESTIMATE),
        ("high", "to", ESTIMATE),
    )
    by_value: dict[tuple[LastContactMeasure, str], list[LastContactFinding]] = {}
    for finding in findings.last_contact_pooled:
        by_value.setdefault((finding.measure, finding.value), []).append(finding)
    rows = []
    for (measure, value), group in by_value.items():
        values = [other for kind, other in by_value if kind is measure]
        title = _kind_title(value, values, agreement) if measure is LastContactMeasure.KIND else _days_title(value)
        both = len(group) == len(Stratum)
        whole = next(f for f in group if f.stratum is Stratum.ALL)
        for finding in group:
            record = records.last_contact_record(finding) | {"value": value, "title": title}
            behind = (finding.people, *finding.people_behind)
            if finding.stratum is not Stratum.ALL and not both:
                everybody = (whole.people, *whole.people_behind)
                behind += tuple(all_ - own for all_, own in zip(everybody, behind, strict=True))
            if math.isfinite(finding.odds.low):
                behind += (finding.people_informative,)
            else:
                # No estimate without its interval.
                record |= dict.fromkeys(ODDS)
            rows.append(
                ProposedRow(
                    cells_of(record, columns),
                    behind,
                    part_of=f"{measure.value} {value}" if both else "",
                    is_total=both and finding.stratum is Stratum.ALL,
                    largest_share=share_or_none(finding.largest_share),
                )
            )
    return ProposedTable(
        name="last_contact",
        title="The last contact before a crisis",
        note="Each crisis is set beside the same hours of the same weekday one, two and three weeks before, of the "
        "same person. A ratio above 1 means that this was more often the last contact before a crisis than at those "
        "other times. A last contact is an opportunity, not a cause: crises and contacts come together in bad times, "
        "and of so many rows a few intervals leave out 1 by chance. Contacts in which the person only called or looked "
        "on do not count; several in the same hours are each told, so kinds may add up to more than all. Kinds and "
        "days about too few people are told together with others.",
        columns=columns,
        rows=tuple(rows),
    )


def _kind_title(value: str, values: Collection[str], agreement: Agreement) -> str:
    none = f"none in the {count(LOOK_BACK_DAYS, 'day')} before"
    if value == NONE:
        return none.capitalize()
    if value == OTHER:
        return "Any other kind" if NONE in values else f"Any other kind, or {none}"
    return title_of(agreement, value)


def _days_title(value: str) -> str:
    if value == NONE:
        return f"None in the {count(LOOK_BACK_DAYS, 'day')} before"
    if value == "0":
        return "On the same day"
    if value.endswith("+"):
        return f"{count(int(value[:-1]), 'day')} or more before, or none in {count(LOOK_BACK_DAYS, 'day')}"
    first, last = value.split("-")
    return f"{first} to {last} days before"
