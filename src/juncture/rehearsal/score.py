"""How well an audited rehearsal linked the records, scored on pairs against a known truth.

Within an agency ``person_ref`` is scored, across agencies ``link_group``. A pair of records is true where the truth
names one person for both. Records that the truth marks nameless are left out: nobody could know.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from juncture.base.errors import InputError

#: (agency, record id)
Record = tuple[str, str]


@dataclass(frozen=True)
class PairScore:
    """Shares of pairs: ``precision`` of those found, ``recall`` of those true; None where the truth has no pair."""

    precision: float | None
    recall: float | None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        if self.precision is None or self.recall is None:
            return None
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True)
class LinkageScore:
    """Scores within each agency, across the two agencies (None for one or more than two), and by sex across."""

    records: int
    within: Mapping[str, PairScore]
    across: PairScore | None
    across_by_sex: Mapping[str, PairScore]


def score_audit(truth_file: Path, audit_file: Path) -> LinkageScore:
    """Score ``records.csv`` of an audit against a truth with the columns ``agency, record_id, true_person, nameless``.

    ``sex`` in the truth is optional. Raises ``InputError`` for a file without these columns.
    """
    true: dict[Record, str] = {}
    sex: dict[Record, str] = {}
    for row in _rows(truth_file, ("agency", "record_id", "true_person")):
        if row.get("nameless") == "1":
            continue
        record = (row["agency"], row["record_id"])
        true[record], sex[record] = row["true_person"], row.get("sex", "")
    group: dict[Record, str] = {}
    person: dict[Record, str] = {}
    for row in _rows(audit_file, ("agency", "record_id", "person_ref", "link_group")):
        record = (row["agency"], row["record_id"])
        group[record], person[record] = row["link_group"], row["person_ref"] or row["link_group"]
    agencies = sorted({agency for agency, _ in true})
    across, by_sex = None, {}
    if len(agencies) == 2:
        across = _score(true, group, agencies)
        by_sex = {
            word: _score({r: one for r, one in true.items() if sex[r] == word}, group, agencies)
            for word in ("female", "male")
        }
    return LinkageScore(
        records=len(true),
        within={agency: _score(true, person, [agency]) for agency in agencies},
        across=across,
        across_by_sex=by_sex,
    )


def _score(true: Mapping[Record, str], found: Mapping[Record, str], agencies: list[str]) -> PairScore:
    here = [record for record in true if record[0] in agencies]

    def found_as(record: Record) -> object:
        return found.get(record) or record  # a record without a group is paired with none

    in_truth = _pairs(((a, true[a, i]) for a, i in here), agencies)
    in_found = _pairs(((a, found_as((a, i))) for a, i in here), agencies)
    in_both = _pairs(((a, (true[a, i], found_as((a, i)))) for a, i in here), agencies)
    if not in_truth:
        return PairScore(None, None)
    return PairScore(precision=in_both / in_found if in_found else 1.0, recall=in_both / in_truth)


def _pairs(labels: Iterable[tuple[str, object]], agencies: list[str]) -> int:
    """Pairs of records with one label: within the one agency, or between the two."""
    counts: dict[str, Counter[object]] = {agency: Counter() for agency in agencies}
    for agency, label in labels:
        counts[agency][label] += 1
    if len(agencies) == 1:
        return sum(n * (n - 1) // 2 for n in counts[agencies[0]].values())
    left, right = (counts[agency] for agency in agencies)
    return sum(n * right[label] for label, n in left.items())


def _rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"the columns {', '.join(missing)} are missing", file=path)
        return list(reader)
