"""The files that are linked: two agencies' people, their spellings, and who truly is whom.

Everybody compares the same people. A person's spellings are what the product's agency would encode (normalised by the
product); what the clear-text and the Bloom-filter tools get beside that (``extras``: columns the product has no field
for, or the parts that it joins in one) is the source's own.
"""

from __future__ import annotations

import csv
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from benchmarks import worlds
from juncture.agency.people.spellings import SPELLING_FIELDS

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
PROJECT = Path(__file__).resolve().parents[2]
SECRET = b"benchmark secret, no real data.."
Ints = NDArray[np.int64]
Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Records:
    """Records of known people, which ours has put together to persons itself, and so perhaps wrongly.

    ``members``: for each person of (a, b), the true person of every record. ``loose``: the true people of records that
    were attached to nobody. ``sex`` of the true people.
    """

    members: tuple[list[list[str]], list[list[str]]]
    loose: tuple[list[str], list[str]]
    sex: Mapping[str, str]


@dataclass(frozen=True)
class Dataset:
    """Two files of people.

    ``a``, ``b``: a row a spelling, ``person`` 0, 1, ... ascending, ``SPELLING_FIELDS``, and the columns ``extras``.
    ``truth`` int64 [k, 2]: which person of a is which of b; somebody whom an agency holds as two people is in it twice.
    ``sex``: of each person of a ("female", "male" or ""). ``fields``: what an agreement would allow for linkage.
    ``clear``: the columns for tools that read clear text. ``records``: with them, pairs of records are scored.
    ``tokens``: joint tokens of (a, b), uint8 [people, 4, 16], or None.
    """

    name: str
    title: str
    a: pa.Table
    b: pa.Table
    truth: Ints
    sex: Texts
    fields: tuple[str, ...]
    clear: tuple[str, ...]
    records: Records | None = None
    tokens: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None

    @property
    def people(self) -> tuple[int, int]:
        """People of a and of b."""
        return _people(self.a), _people(self.b)

    def cut(self, size: int, seed: int) -> Dataset:
        """At random, ``size`` people a side with the whole's share of common people; scored by people, not records."""
        rng = np.random.default_rng([seed, size])
        n_a, n_b = self.people
        common = round(size * len(self.truth) / min(n_a, n_b))
        pairs = rng.permutation(self.truth)
        chosen: list[list[int]] = []
        seen_a: set[int] = set()
        seen_b: set[int] = set()
        for i, j in pairs.tolist():
            if len(chosen) == common:
                break
            if i not in seen_a and j not in seen_b:
                chosen.append([i, j])
                seen_a.add(i)
                seen_b.add(j)
        both = np.array(chosen, np.int64).reshape(-1, 2)
        rest_a = rng.permutation(np.setdiff1d(np.arange(n_a), _with_partners(self.truth, both, 0)))
        rest_b = rng.permutation(np.setdiff1d(np.arange(n_b), _with_partners(self.truth, both, 1)))
        # Others must not be partners of each other: those of b with a partner among the others of a stay out.
        side_a = np.r_[both[:, 0], rest_a[: size - len(both)]]
        taken = set(self.truth[np.isin(self.truth[:, 0], side_a), 1].tolist())
        side_b = np.r_[both[:, 1], [j for j in rest_b.tolist() if j not in taken][: size - len(both)]].astype(np.int64)
        side_a, side_b = rng.permutation(side_a), rng.permutation(side_b)
        place_a, place_b = _places(side_a, n_a), _places(side_b, n_b)
        return replace(
            self,
            name=f"{self.name}/{size}/{seed}",
            a=_chosen_people(self.a, side_a),
            b=_chosen_people(self.b, side_b),
            truth=np.stack([place_a[both[:, 0]], place_b[both[:, 1]]], axis=1),
            sex=self.sex[side_a],
            records=None,
            tokens=None if self.tokens is None else (self.tokens[0][side_a], self.tokens[1][side_b]),
        )


def most_complete(table: pa.Table, clear: Iterable[str]) -> pa.Table:
    """The row of each person in which most of ``clear`` is filled; of equals the first."""
    filled = sum(np.asarray(pc.is_valid(table[name])).astype(np.int64) for name in clear)
    order = np.lexsort((np.arange(table.num_rows), -np.asarray(filled), table["person"].to_numpy()))
    person = table["person"].to_numpy()[order]
    return table.take(pa.array(order[np.r_[True, person[1:] != person[:-1]]]))


def with_dates(table: pa.Table) -> pa.Table:
    """With a column ``birth_date``: YYYY-MM-DD as an export has it, 1 January where only the year is known."""
    parts = [pc.fill_null(pc.cast(table[name], pa.int64()), 1) for name in ("birth_month", "birth_day")]
    texts = [pc.cast(table["birth_year"], pa.string()), *(pc.cast(part, pa.string()) for part in parts)]
    padded = [pc.utf8_lpad(text, width, "0") for text, width in zip(texts, (4, 2, 2), strict=True)]
    return table.append_column("birth_date", pc.binary_join_element_wise(*padded, "-"))


def _people(table: pa.Table) -> int:
    return int(pc.max(table["person"]).as_py() or -1) + 1 if table.num_rows else 0


def _with_partners(truth: Ints, both: Ints, side: int) -> Ints:
    """The people of a side who are among ``both`` or partners of somebody of the other side who is."""
    return np.union1d(both[:, side], truth[np.isin(truth[:, 1 - side], both[:, 1 - side]), side])


def _places(side: Ints, n: int) -> Ints:
    place = np.full(n, -1, np.int64)
    place[side] = np.arange(len(side))
    return place


def _chosen_people(table: pa.Table, side: Ints) -> pa.Table:
    person = table["person"].to_numpy()
    place = _places(side, int(person[-1]) + 1)
    rows = np.flatnonzero(place[person] >= 0)
    rows = rows[np.argsort(place[person[rows]], kind="stable")]
    taken = table.take(pa.array(rows))
    return taken.set_column(0, "person", pa.array(place[person[rows]].astype(np.int32)))


# What is compared -----------------------------------------------------------------------------------------------------

_WORLD_FIELDS = ("last_name", "first_name", "middle_name", "birth_date", "sex", "address", "zip", "phone", "ssn4")
#: What the example's agreement allows.
_USUAL_FIELDS = ("last_name", "first_name", "middle_name", "birth_date", "sex", "address")
_NAME_AND_BIRTH = ("last_name", "first_name", "birth_date")


def febrl4() -> Dataset:
    """FEBRL 4 as an open world: entities 0-3,332 of file a, 1,134-4,466 of file b; 2,199 are in both.

    Seven fields: given name, surname, street number, street, suburb, postcode, birth date. The product has no field for
    a suburb, so ours links without it.
    """
    folder = SHARED / "linkage" / "febrl"
    a = _febrl(_read(folder / "febrl4a.csv"), range(3_333))
    b = _febrl(_read(folder / "febrl4b.csv"), range(1_134, 4_467))
    return _febrl_pair("febrl4", "FEBRL4, open world, seven fields", a, b)


def febrl4_name_birth() -> Dataset:
    """The same cut of FEBRL 4, by name and birth date only."""
    whole = febrl4()
    return replace(
        whole,
        name="febrl4-name-birth",
        title="FEBRL4, open world, name and birth date only",
        fields=_NAME_AND_BIRTH,
        clear=_NAME_AND_BIRTH,
    )


def febrl3() -> Dataset:
    """FEBRL 3, for development: originals of entities 0-1,332, first duplicates of 666-1,999."""
    rows = _read(SHARED / "linkage" / "febrl" / "febrl3.csv")
    a = _febrl([row for row in rows if row["rec_id"].endswith("-org")], range(1_333))
    b = _febrl([row for row in rows if row["rec_id"].endswith("-dup-0")], range(666, 2_000))
    return _febrl_pair("febrl3", "FEBRL3 (development), seven fields", a, b)


def febrl3_name_birth() -> Dataset:
    """The same, by name and birth date only."""
    return replace(febrl3(), name="febrl3-name-birth", title="FEBRL3 (development), name and birth date only",
                   fields=_NAME_AND_BIRTH, clear=_NAME_AND_BIRTH)  # fmt: skip


def essnet() -> Dataset:
    """ESSnet example1 and example2, as they are: every record of the first has its like in the second.

    The British postcode goes into the address, since an agency's ZIP column keeps digits only.
    """
    sides = []
    for name in ("example1", "example2"):
        rows = _read(SHARED / "linkage" / "essnet" / f"{name}.csv")
        records = [
            {
                "last_name": row["lastname"],
                "first_name": row["firstname"],
                "sex": {"1": "female", "2": "male"}.get(row["sex"]),
                "address": row["postcode"],
                **_birth(row["dobyear"], row["dobmon"], row["dobday"]),
            }
            for row in rows
        ]
        sides.append((_spelled([[one] for one in records]), [row["id"] for row in rows], records))
    (a, ids_a, records_a), (b, ids_b, _) = sides
    fields = ("last_name", "first_name", "birth_date", "sex", "address")
    sex = np.array([record["sex"] or "" for record in records_a], dtype=object)
    return Dataset("essnet", "ESSnet example1/2", a, b, _same(ids_a, ids_b), sex, fields, fields)


def fake_20000() -> Dataset:
    """Splink's fake_20000, dealt to two files."""
    return _fake("fake_20000", "group", "fake_20000 in two files")


def fake_1000() -> Dataset:
    """Splink's fake_1000, for development, dealt in the same way."""
    return _fake("fake_1000", "cluster", "fake_1000 (development) in two files")


def borrowed_city() -> Dataset:
    """Police and crisis team of the borrowed city: each side's people as the product finds them in its export."""
    # Here, since the agencies' part of the product is needed for this one only.
    from juncture.agency.intake.read import read_mentions
    from juncture.agency.intake.source import read_source
    from juncture.agency.joint import joint_tokens
    from juncture.agency.people.resolve import resolve
    from juncture.agency.people.spellings import spellings
    from juncture.agreement.read import read_agreement

    folder = PROJECT / "examples" / "borrowed_city"
    agreement = read_agreement(folder / "agreement.toml")
    truth = {(row["agency"], row["record_id"]): row for row in _read(SHARED / "borrowed_city" / "truth.csv")}
    tables, members, tokens, loose = [], [], [], []
    for agency in ("police", "clinic"):
        intake = read_mentions(read_source(folder / f"{agency}.toml"), agreement, agency)
        with tempfile.TemporaryDirectory() as spill:
            found = resolve(intake.mentions, number_trust="none", spill_dir=Path(spill))
        tables.append(spellings(intake.mentions, found.person))
        true = [truth.get((agency, one), {}).get("true_person", "") for one in intake.mentions["record_id"].to_pylist()]
        here: list[list[str]] = [[] for _ in range(found.people)]
        alone: list[str] = []
        for who, person in zip(true, found.person.tolist(), strict=True):
            (here[person] if person >= 0 else alone).append(who)
        missing = {key[1] for key in truth if key[0] == agency} - set(intake.mentions["record_id"].to_pylist())
        alone += [truth[agency, record]["true_person"] for record in missing]
        members.append(here)
        loose.append(alone)
        everyone = np.arange(found.people, dtype=np.int64)
        tokens.append(joint_tokens(intake.mentions, found.person, everyone, secret=SECRET, agreement_id="benchmark"))
    sexes = {row["true_person"]: row["sex"] for row in truth.values()}
    most = [[_commonest(one) for one in side] for side in members]
    return Dataset(
        name="borrowed_city",
        title="borrowed_city, across agencies",
        a=tables[0],
        b=tables[1],
        truth=_same(*most),
        sex=np.array([sexes.get(who, "") for who in most[0]], dtype=object),
        fields=_USUAL_FIELDS,
        clear=_USUAL_FIELDS,
        records=Records((members[0], members[1]), (loose[0], loose[1]), sexes),
        tokens=(tokens[0], tokens[1]),
    )


def world(
    name: str, title: str, seed: int, rates: worlds.Rates, fields: tuple[str, ...], n: int = 2_000, both: int = 1_000
) -> Dataset:
    """A made-up world of :mod:`worlds`: ``n`` people a side, ``both`` of them the same, one to four spellings each."""
    a, b, truth = worlds.two_files(n, n, both, seed, rates)
    people, _, _ = worlds.two_files_of_people(n, n, both, seed, rates)
    sex = np.array(people["sex"].to_pylist(), dtype=object)
    return Dataset(name, title, a, b, truth, sex, fields, fields)


#: The evaluation: nobody tunes to these.
EVALUATION: Mapping[str, Callable[[], Dataset]] = {
    "febrl4": febrl4,
    "febrl4-name-birth": febrl4_name_birth,
    "borrowed_city": borrowed_city,
    "essnet": essnet,
    "fake_20000": fake_20000,
    "changed-surnames": lambda: world(
        "changed-surnames",
        "Made-up world, 30 % of women under another surname",
        1_001,
        worlds.CHANGED_SURNAMES,
        _USUAL_FIELDS,
    ),
    "plain-world": lambda: world(
        "plain-world", "Made-up world, usual errors", 1_002, worlds.ADMINISTRATIVE, _WORLD_FIELDS
    ),
}
#: For development: look as often as you like.
DEVELOPMENT: Mapping[str, Callable[[], Dataset]] = {
    "febrl3": febrl3,
    "febrl3-name-birth": febrl3_name_birth,
    "fake_1000": fake_1000,
    "changed-surnames-dev": lambda: world(
        "changed-surnames-dev",
        "Made-up world (development), changed surnames",
        1,
        worlds.CHANGED_SURNAMES,
        _USUAL_FIELDS,
    ),
    "plain-world-dev": lambda: world(
        "plain-world-dev", "Made-up world (development), usual errors", 2, worlds.ADMINISTRATIVE, _WORLD_FIELDS
    ),
}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, skipinitialspace=True))


def _birth(year: str, month: str, day: str) -> dict[str, int | None]:
    def number(text: str, low: int, high: int) -> int | None:
        return int(text) if text.strip().isdigit() and low <= int(text) <= high else None

    return {
        "birth_year": number(year, 1850, 2030),
        "birth_month": number(month, 1, 12),
        "birth_day": number(day, 1, 31),
    }


def _spelled(people: Sequence[Sequence[Mapping[str, object]]], extras: Sequence[str] = ()) -> pa.Table:
    """People as lists of records, normalised; with ``extras`` each must have one record, whose own values are kept."""
    rows = [(number, record) for number, person in enumerate(people) for record in person]
    kinds = {"birth_year": pa.int16(), "birth_month": pa.int8(), "birth_day": pa.int8()}
    columns = {"person": pa.array([number for number, _ in rows], pa.int32())} | {
        name: pa.array([record.get(name) or None for _, record in rows], kinds.get(name, pa.string()))
        for name in SPELLING_FIELDS
    }
    table = worlds.as_spellings(pa.table(columns))
    if extras and table.num_rows != len(rows):
        raise ValueError("Columns beside the product's own are kept for people of one record only.")
    for name in extras:
        values = [str(record.get(name) or "").casefold().strip() or None for _, record in rows]
        table = table.append_column(name, pa.array(values, pa.string()))
    return table


def _febrl(rows: Sequence[Mapping[str, str]], entities: range) -> tuple[pa.Table, list[str]]:
    chosen = sorted(
        (int(row["rec_id"].split("-")[1]), row) for row in rows if int(row["rec_id"].split("-")[1]) in entities
    )
    # By entity number every partner would have nearly the same place in both files.
    order = np.random.default_rng(len(chosen) + entities.start).permutation(len(chosen)).tolist()
    chosen = [chosen[k] for k in order]
    records = [
        {
            "last_name": row["surname"],
            "first_name": row["given_name"],
            **_birth(row["date_of_birth"][:4], row["date_of_birth"][4:6], row["date_of_birth"][6:8]),
            "address": f"{row['street_number']} {row['address_1']}".strip(),
            # Four digits, Australian: written with a zero before them they keep to the form of a ZIP code.
            "zip": row["postcode"].zfill(5) if row["postcode"] else None,
            "street_number": row["street_number"],
            "street": row["address_1"],
            "suburb": row["suburb"],
        }
        for _, row in chosen
    ]
    table = _spelled([[one] for one in records], ("street_number", "street", "suburb"))
    return table, [str(number) for number, _ in chosen]


def _febrl_pair(name: str, title: str, a: tuple[pa.Table, list[str]], b: tuple[pa.Table, list[str]]) -> Dataset:
    fields = ("last_name", "first_name", "birth_date", "address", "zip")
    clear = ("last_name", "first_name", "birth_date", "street_number", "street", "suburb", "zip")
    sex = np.full(len(a[1]), "", dtype=object)
    return Dataset(name, title, a[0], b[0], _same(a[1], b[1]), sex, fields, clear)


def _fake(name: str, cluster: str, title: str) -> Dataset:
    """The records of a person are dealt alternately to the two files, of half the people; of a quarter each, all go to
    one file (by the cluster's number modulo four: 0 and 1, 2, 3). Within a file a person's records are put together by
    the truth: this measures linking between agencies. The e-mail address is left out, for everybody: no agency's
    export has one to link by, and here it spells out the name; the city stands where the address would.
    """
    people: list[dict[str, list[dict[str, object]]]] = [defaultdict(list), defaultdict(list)]
    place: dict[str, int] = defaultdict(int)
    for row in _read(SHARED / "linkage" / "splink" / f"{name}.csv"):
        who = row[cluster]
        kind = int(who) % 4
        side = (place[who] + int(who) // 4) % 2 if kind < 2 else kind - 2
        place[who] += 1
        year, month, day = [*row["dob"].split("-"), "", ""][:3]
        record = {"last_name": row["surname"], "first_name": row["first_name"], "address": row["city"]}
        people[side][who].append({**record, **_birth(year, month, day)})
    ids = [sorted(side, key=lambda who: hash_order(who)) for side in people]
    a, b = (_spelled([side[who] for who in order]) for side, order in zip(people, ids, strict=True))
    fields = ("last_name", "first_name", "birth_date", "address")
    return Dataset(name, title, a, b, _same(*ids), np.full(len(ids[0]), "", dtype=object), fields, fields)


def hash_order(text: str) -> int:
    """A number by which to put things in an order that says nothing, the same in every run."""
    return int(np.random.default_rng([ord(letter) for letter in text]).integers(1 << 60))


def _same(ids_a: Sequence[str], ids_b: Sequence[str]) -> Ints:
    places: dict[str, list[int]] = defaultdict(list)
    for j, who in enumerate(ids_b):
        if who:
            places[who].append(j)
    pairs = [(i, j) for i, who in enumerate(ids_a) for j in places.get(who, ())]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _commonest(who: Sequence[str]) -> str:
    return max(sorted(set(who)), key=list(who).count) if who else ""
