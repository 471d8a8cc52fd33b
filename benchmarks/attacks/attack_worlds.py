"""Development worlds of two agencies: people of each that are shared, everybody, and who is who in truth."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from juncture.agency.deidentify.selection import activity_bands, shared_people
from juncture.agency.intake.read import read_mentions
from juncture.agency.intake.source import read_source
from juncture.agency.people.normalise import load_no_home, normalise
from juncture.agency.people.resolve import resolve
from juncture.agency.people.spellings import SPELLING_FIELDS, spellings
from juncture.agreement.read import read_agreement
from juncture.rehearsal.city import build_city

FIELDS = ("last_name", "first_name", "middle_name", "birth_date", "sex", "address")
FEBRL_FIELDS = ("last_name", "first_name", "birth_date", "address", "zip")


@dataclass(frozen=True)
class Agency:
    """``everybody``: spellings of all people; ``shared``: those in the package, in its order; ``true``: who each is."""

    everybody: pa.Table
    shared: np.ndarray
    true: list[str]

    def package(self) -> pa.Table:
        """Spellings of the people shared, numbered in the order of the package."""
        person = self.everybody["person"].to_numpy()
        rows = [np.flatnonzero(person == who) for who in self.shared]
        table = self.everybody.take(pa.array(np.concatenate(rows)))
        number = np.repeat(np.arange(len(rows), dtype=np.int32), [len(one) for one in rows])
        return table.set_column(table.column_names.index("person"), "person", pa.array(number))


@dataclass(frozen=True)
class World:
    name: str
    fields: tuple[str, ...]
    a: Agency
    b: Agency


def city(seed: int, people: int) -> World:
    """The made-up city of the rehearsal; seeds below 1000 are for development."""
    with tempfile.TemporaryDirectory() as folder:
        built = build_city(Path(folder) / "city", seed=seed, people=people)
        agreement = read_agreement(built.agreement)
        with built.truth_file.open(encoding="utf-8", newline="") as handle:
            true = {(row["agency"], row["record_id"]): row["true_person"] for row in csv.DictReader(handle)}
        sides = []
        for file in (built.police_source, built.clinic_source):
            source = read_source(file)
            mentions = read_mentions(source, agreement, source.agency).mentions
            spill = Path(folder) / f"spill-{source.agency}"
            spill.mkdir()
            person = resolve(mentions, number_trust="hint", spill_dir=spill).person
            shared = np.flatnonzero(
                shared_people(activity_bands(mentions, person, agreement), agreement, source.agency)
            )
            votes: dict[int, Counter[str]] = defaultdict(Counter)
            for record, who in zip(mentions["record_id"].to_pylist(), person.tolist(), strict=True):
                if who >= 0:
                    votes[who][true[source.agency, record]] += 1
            shared = np.random.default_rng(seed).permutation(shared)
            sides.append(Agency(spellings(mentions, person), shared, [votes[w].most_common(1)[0][0] for w in shared]))
    return World(f"city {seed}", FIELDS, *sides)


def febrl(path: Path) -> World:
    """FEBRL 1 cut to two agencies: originals 0-349 shared by one (of 500 it holds), duplicates 150-499 by the other."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = [{key: (cell or "").strip() or None for key, cell in row.items()} for row in csv.DictReader(handle)]
    number = [int(row["rec_id"].split("-")[1]) for row in rows]
    original = [row["rec_id"].endswith("org") for row in rows]
    sides = []
    for wanted, chosen in ((True, range(350)), (False, range(150, 500))):
        mine = sorted((n, row) for n, row, org in zip(number, rows, original, strict=True) if org is wanted)
        columns: dict[str, list[object]] = {
            "last_name": [row["surname"] for _, row in mine],
            "first_name": [row["given_name"] for _, row in mine],
            "address": [" ".join(p for p in (row["street_number"], row["address_1"]) if p) or None for _, row in mine],
            "zip": [row["postcode"] and row["postcode"].rjust(5, "0") for _, row in mine],
        }
        for part, (first, last, top) in {
            "birth_year": (0, 4, 2100), "birth_month": (4, 6, 12), "birth_day": (6, 8, 31)
        }.items():  # fmt: skip
            cells = [(row["date_of_birth"] or "")[first:last] for _, row in mine]
            columns[part] = [int(c) if c.isdigit() and 0 < int(c) <= top else None for c in cells]
        kinds = {"birth_year": pa.int16(), "birth_month": pa.int8(), "birth_day": pa.int8()}
        raw = pa.table({name: pa.array(cells, kinds.get(name, pa.string())) for name, cells in columns.items()})
        plain = normalise(raw, load_no_home())
        person = pa.array(np.arange(len(mine), dtype=np.int32))
        table = pa.table({"person": person, **{name: plain[name] for name in SPELLING_FIELDS}})
        place = {n: i for i, (n, _) in enumerate(mine)}
        shared = np.random.default_rng(1).permutation([place[n] for n in chosen])
        sides.append(Agency(table, shared, [str(mine[i][0]) for i in shared]))
    return World("FEBRL 1", FEBRL_FIELDS, *sides)
