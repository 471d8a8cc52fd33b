"""How whole the joined files of a cohort truly are, from an audited rehearsal of a made-up city.

    juncture demo --out DIR
    python studies/missed_links/whole.py DIR/city/truth.csv DIR/rehearsal/audit/records.csv

Prints, by agency and sex, the share of the records of the cohort's people that stand in a file joined to their study
id. A study id stands for whoever has most records under it. Records without a name count as lost.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter, defaultdict
from pathlib import Path


def whole(truth: Path, audit: Path) -> dict[tuple[str, str], tuple[int, int]]:
    """By agency and sex: records in a joined file, and all records, of people of the cohort."""
    people = {(row["agency"], row["record_id"]): (row["true_person"], row["sex"]) for row in _rows(truth)}
    under: dict[str, Counter[str]] = defaultdict(Counter)
    records: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    sexes: dict[str, str] = {}
    for row in _rows(audit):
        person, sex = people[row["agency"], row["record_id"]]
        sexes[person] = sex
        records[person, row["agency"]][row["study_id"]] += 1
        if row["study_id"]:
            under[row["study_id"]][person] += 1
    mine = {person: study_id for study_id, who in under.items() for person in [who.most_common(1)[0][0]]}
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for (person, agency), by_id in records.items():
        if person in mine:
            for key in ((agency, "all"), (agency, sexes[person])):
                joined, every = found.get(key, (0, 0))
                found[key] = joined + by_id[mine[person]], every + by_id.total()
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    for (agency, sex), (joined, every) in sorted(whole(Path(sys.argv[1]), Path(sys.argv[2])).items()):
        print(f"{agency} {sex}: {joined / every:.3f} of {every} records")
