"""The audit of a rehearsal: where every input record ended up, to be scored against a known truth.

It joins what no party may join (the agencies' records, the linker's matching, the analyst's study ids), so it exists
under agreements marked ``rehearsal`` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from juncture.agency.share import record_people
from juncture.analyst.request import take_cohort
from juncture.base.errors import AgreementForbids
from juncture.base.files import csv_text, write_text
from juncture.exchange.desk import Desk
from juncture.linker.link import Groups

COLUMNS = ("agency", "record_id", "person_ref", "study_id", "link_group")


def write_audit(path: Path, agencies: Sequence[Desk], analyst: Desk, groups: Groups, *, round_number: int) -> Path:
    """Write ``records.csv``: a row an input record, in the order of agencies and record ids; returns ``path``.

    ``person_ref`` is equal where the agency found one person, ``link_group`` where the best matching says one person,
    ``study_id`` is that of the cohort person, all empty for a record that names nobody.
    """
    if not analyst.agreement.rehearsal:
        raise AgreementForbids("Only an agreement marked `rehearsal` may be audited.")
    group_of = {ref: f"group-{number}" for number, members in enumerate(groups) for ref in members}
    cohort = take_cohort(analyst, round_number)
    study_id: dict[tuple[str, bytes], str] = {}
    for q in range(cohort.people):
        for a, agency in enumerate(cohort.agencies):
            for c in range(cohort.best.shape[2]):
                if cohort.best[q, a, c]:
                    study_id[agency, cohort.envelope_id[q, a, c].tobytes()] = cohort.study_id[q].tobytes().hex()
    rows = []
    for desk in agencies:
        records, envelopes = record_people(desk, round_number)
        for record_id, person in sorted(records.items()):
            if person < 0:
                rows.append([desk.party, record_id, "", "", ""])
                continue
            ref = (desk.party, envelopes.get(person, b""))
            own = f"{desk.party}-{person}"
            rows.append([desk.party, record_id, own, study_id.get(ref, ""), group_of.get(ref, own)])
    return write_text(path, csv_text(COLUMNS, rows))
