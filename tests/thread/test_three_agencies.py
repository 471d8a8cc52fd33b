"""Three agencies as well as two: a hospital's own export beside the crisis team's, from the exports to the release."""

from __future__ import annotations

import csv
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from juncture.rehearsal.city import City, build_city
from juncture.rehearsal.rehearse import rehearse

AGENCIES = ("clinic", "hospital", "police")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A made-up city; every third encounter of its crisis team is in the export of a hospital instead."""
    made = build_city(tmp_path_factory.mktemp("city"), seed=7, people=600)
    clinic, hospital = made.folder / "clinic", made.folder / "hospital"
    hospital.mkdir()
    visits = clinic / "clinic_encounters.csv"
    with visits.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    moved = {row["encounter_id"] for row in rows[::3]}
    _write(hospital / "visits.csv", rows[::3])
    _write(visits, [row for row in rows if row["encounter_id"] not in moved])
    source = (clinic / "clinic.toml").read_text(encoding="utf-8").replace(visits.name, "visits.csv")
    source = re.sub(r'agency\s*= "clinic"', 'agency = "hospital"', source)
    (hospital / "hospital.toml").write_text(source, encoding="utf-8")
    _write(made.folder / "truth.csv", [
        {**row, "agency": "hospital" if row["record_id"] in moved else row["agency"]}
        for row in _rows(made.folder / "truth.csv")
    ])  # fmt: skip
    agreement = made.folder / "agreement.toml"
    text = agreement.read_text(encoding="utf-8")
    text = text.replace('"clinic.*"]', '"clinic.*", "hospital.*"]').replace(
        "[party.linker]",
        '[party.hospital]\nrole = "agency"\nfamily = "crisis_team"\ntitle = "Hospital"\nkeys = "sha384:..."\n'
        "[party.linker]",
    )
    # A bound of .95 is asked of the profile that links best.
    agreement.write_text(text.replace('profile = "tags"', 'profile = "field"'), encoding="utf-8")
    return made


def test_three_agencies_run_the_whole_way_and_every_two_are_linked(city: City, tmp_path: Path) -> None:
    out = tmp_path / "rehearsal"
    sources = [city.folder / name / f"{name}.toml" for name in AGENCIES]
    rehearse(sources, city.folder / "agreement.toml", out, audit=True)
    assert (out / "public" / "report.html").exists()
    with (out / "analyst" / "results" / "cohort.csv").open(encoding="utf-8", newline="") as handle:
        people = list(csv.DictReader(handle))
    assert people
    assert {f"contacts_{name}" for name in AGENCIES} <= set(people[0])
    assert all(any(int(row[f"contacts_{name}"] or 0) for row in people) for name in AGENCIES)

    # Oracle: the city's truth, on pairs of records.
    true = {
        (r["agency"], r["record_id"]): r["true_person"]
        for r in _rows(city.folder / "truth.csv")
        if r["nameless"] != "1"
    }
    found = {(r["agency"], r["record_id"]): r["link_group"] for r in _rows(out / "audit" / "records.csv")}
    for one, other in combinations(AGENCIES, 2):
        together = _pairs({r: (true[r], found[r] or str(r)) for r in true}, one, other)
        precision = together / _pairs({r: found[r] or str(r) for r in true}, one, other)
        recall = together / _pairs(true, one, other)
        assert precision > 0.95, (one, other)
        assert recall > 0.95, (one, other)


def _pairs(label: dict[tuple[str, str], object] | dict[tuple[str, str], str], one: str, other: str) -> int:
    counts = {name: Counter(label[r] for r in label if r[0] == name) for name in (one, other)}
    return sum(n * counts[other][value] for value, n in counts[one].items())


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
