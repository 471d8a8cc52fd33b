"""People keep their ids over yearly runs, and what earlier exports held is seen along."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.agency.people.decisions import Say, add_answer
from juncture.agency.people.register import (
    Change,
    Register,
    contact_of,
    earlier_mentions,
    keep_register,
    meet,
    no_register,
    read_register,
    record_keys,
    updated,
)
from juncture.agency.who import find_people, own_source, people, people_folder
from juncture.agreement.read import read_agreement
from juncture.base.errors import InputError, KeyTrouble, UsageError
from juncture.exchange.desk import Desk
from juncture.exchange.keys import make_keys
from juncture.exchange.ledger import verify
from juncture.rehearsal.city import City, build_city
from juncture.rehearsal.parties import set_the_stage

from .test_people import person, table

KEYS = make_keys("police")
TODAY = date(2026, 11, 24)


def export(*rows: dict[str, Any]) -> pa.Table:
    """Mentions of contacts; a row may give its ``contact``."""
    mentions = table(rows)
    contacts = pa.array([row.get("contact") or f"C{i}" for i, row in enumerate(rows)], pa.string())
    return mentions.append_column("contact_id", contacts)


REED = person("Reed", "Carol", "1980-5-17", "5 Main St")
STONE = person("Stone", "Karl", "1951-2-3", "9 Far Rd")


# --- keys


def test_the_people_of_a_contact_keep_their_keys_when_the_export_is_sorted_anew() -> None:
    rows = [{**REED, "contact": "7"}, {**STONE, "contact": "7"}, {**REED, "contact": "8"}]
    keys = record_keys(export(*rows)).to_pylist()
    assert len(set(keys)) == 3
    assert [contact_of(key) for key in keys] == ["7", "7", "8"]
    assert record_keys(export(*rows[::-1])).to_pylist() == keys[::-1]
    assert not any("reed" in key.lower() or "stone" in key.lower() for key in keys)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)))
def test_namesakes_in_one_contact_are_told_apart_by_what_else_is_written(order: list[int]) -> None:
    rows = [{**REED, "contact": "7", "address": f"{i} Main St"} for i in range(4)]
    rows += [{**REED, "contact": "8", "sex": sex} for sex in ("female", "male")]
    keys = record_keys(export(*rows)).to_pylist()
    assert len(set(keys)) == 6
    assert record_keys(export(*[rows[i] for i in order])).to_pylist() == [keys[i] for i in order]


# --- ids


def run(register: Register, mentions: pa.Table, who: list[int]) -> tuple[Register, dict[str, int], Change]:
    """A run that found ``who`` in an export: the register after it, the id of each contact, and what changed."""
    keys = record_keys(mentions)
    meeting = meet(register, mentions, keys)
    absent = np.flatnonzero(meeting.row < 0)
    old = np.full(mentions.num_rows, -1, np.int64)
    old[meeting.row[meeting.row >= 0]] = np.flatnonzero(meeting.row >= 0)
    earlier, earlier_keys = earlier_mentions(register, absent, mentions)
    seen = pa.concat_tables([mentions, earlier])
    # Those of earlier runs stay as they were, each id a person of its own.
    before = np.unique(register.person[absent], return_inverse=True)[1] + max([*who, -1]) + 1
    person_ = np.r_[np.array(who, np.int32), before.astype(np.int32)]
    after, ids, change = updated(
        register, np.r_[old, absent], seen, pa.concat_arrays([keys, earlier_keys]), person_, meeting
    )
    named = {contact_of(key): int(i) for key, i in zip(after.key.to_pylist(), after.person.tolist(), strict=True)}
    assert set(ids.tolist()) == set(named.values())
    return after, named, change


FIVE = [{**REED, "contact": c} for c in "abcde"]


def test_the_same_export_twice_gives_the_same_ids_in_any_order() -> None:
    first, ids, change = run(no_register(), export(*FIVE), [0, 0, 1, 1, 2])
    assert change == Change(kept=0, new=3, merged=0, split=0)
    _, again, change = run(first, export(*FIVE[::-1]), [0, 1, 1, 2, 2])
    assert again == ids and change == Change(kept=3, new=0, merged=0, split=0)


def test_a_merged_person_keeps_the_id_of_the_larger_part_and_the_other_is_remembered() -> None:
    first, ids, _ = run(no_register(), export(*FIVE), [0, 0, 0, 1, 1])
    merged, now, change = run(first, export(*FIVE), [0, 0, 0, 0, 0])
    assert set(now.values()) == {ids["a"]}
    assert change == Change(kept=1, new=0, merged=1, split=0)
    assert dict(merged.former) == {ids["d"]: ids["a"]}
    back, now, change = run(merged, export(*FIVE), [0, 0, 0, 1, 1])
    assert now == ids, "what was one person again by mistake has its old id back"
    assert change == Change(kept=1, new=0, merged=0, split=1)
    assert not back.former


def test_former_ids_lead_to_the_id_of_now_over_several_merges() -> None:
    first, ids, _ = run(no_register(), export(*FIVE), [0, 1, 1, 2, 2])
    second, _, _ = run(first, export(*FIVE), [0, 0, 0, 1, 1])
    larger, _, _ = run(second, export(*FIVE, {**REED, "contact": "f"}), [0, 0, 0, 0, 0, 0])
    assert {larger.former[ids["a"]], larger.former[ids["d"]]} == {ids["b"]}


def test_the_part_of_a_split_person_with_most_records_keeps_the_id() -> None:
    first, ids, _ = run(no_register(), export(*FIVE), [0, 0, 0, 0, 0])
    _, now, change = run(first, export(*FIVE), [0, 0, 1, 1, 1])
    assert now["c"] == ids["a"] and now["a"] not in (ids["a"], 0)
    assert change == Change(kept=1, new=0, merged=0, split=1)


def test_a_corrected_record_is_the_same_and_a_number_used_twice_is_not() -> None:
    first, ids, _ = run(no_register(), export({**REED, "contact": "a"}, {**STONE, "contact": "b"}), [0, 1])
    corrected, other = {**REED, "last_name": "Reid", "contact": "a"}, {**REED, "contact": "b"}
    second, now, change = run(first, export(corrected, other), [0, 0])
    assert now["a"] == ids["a"]
    assert len(second) == 3, "the contact b of earlier is kept beside the new one of that number"
    assert list(second.renamed) == [first.key[0].as_py()]
    assert change == Change(kept=2, new=0, merged=0, split=0)


def test_nameless_mentions_have_no_id() -> None:
    register, ids, _ = run(no_register(), export({**REED, "contact": "a"}, person(None, None, contact="b")), [0, -1])
    assert set(ids) == {"a"} and len(register) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=5, max_size=5), min_size=2, max_size=5), st.permutations(range(5)))
def test_ids_are_one_a_person_and_do_not_depend_on_the_order_of_rows(runs: list[list[int]], order: list[int]) -> None:
    register = no_register()
    for who in runs:
        dense = np.unique(who, return_inverse=True)[1].tolist()
        turned = np.unique([dense[i] for i in order], return_inverse=True)[1].tolist()
        _, other, _ = run(register, export(*[FIVE[i] for i in order]), turned)
        before, (register, ids, change) = register, run(register, export(*FIVE), dense)
        assert len(set(ids.values())) == len(set(dense))
        assert change.new == (0 if len(before) else len(set(dense)))
        assert not set(register.former) & set(ids.values())
        assert set(register.former.values()) <= set(ids.values())
        # From one register, two orders of rows differ in fresh random ids only.
        old = set(before.person.tolist()) | set(before.first.tolist())
        assert {c: i for c, i in ids.items() if i in old} == {c: i for c, i in other.items() if i in old}


# --- at rest


def test_the_register_is_encrypted_and_opens_with_its_keys_only(tmp_path: Path) -> None:
    row = {**person("Núñez", "يوسف", "1980-5-17", "5 Main St", alias=["Pepe", "Ko, X"]), "contact": "a"}
    register, _, _ = run(no_register(), export(row, {**row, "contact": "b"}), [0, 0])
    path = keep_register(KEYS, tmp_path, register)
    data = path.read_bytes()
    assert not any(word.encode() in data for word in ("Núñez", "يوسف", "Pepe", "Main"))
    back = read_register(KEYS, tmp_path)
    assert back.key.equals(register.key) and back.spellings.equals(register.spellings)
    assert np.array_equal(back.person, register.person) and len(back.spellings) == 1
    assert earlier_mentions(back, np.array([1]), export(row))[0]["alias"].to_pylist() == [["Pepe", "Ko, X"]]
    with pytest.raises(KeyTrouble):
        read_register(make_keys("police"), tmp_path)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(KeyTrouble):
        read_register(KEYS, tmp_path)


# --- a city


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[City, Callable[[], Desk]]:
    """A made-up city, and a fresh desk of its police for each use."""
    root = tmp_path_factory.mktemp("register")
    city = build_city(root / "city", seed=31, people=200)

    def desk() -> Desk:
        place = tmp_path_factory.mktemp("stage")
        return set_the_stage(place / "parties", read_agreement(city.agreement), today=TODAY).desks["police"]

    return city, desk


def cut(city: City, out: Path, keep: Callable[[dict[str, str]], bool]) -> Path:
    """The source file of the rows of the police export that ``keep`` says."""
    out.mkdir(parents=True)
    with city.police_export.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    with (out / city.police_export.name).open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(row for row in rows if keep(row))
    (out / "police.toml").write_bytes(city.police_source.read_bytes())
    return out / "police.toml"


def year(row: dict[str, str]) -> int:
    return int(row["REPORTED"].split("/")[2][:4])


def true_people(city: City) -> dict[str, str]:
    """True person of each contact of the police that names one person."""
    with city.truth_file.open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["agency"] == "police" and row["nameless"] != "1"]
    return {row["record_id"]: row["true_person"] for row in rows if "#" not in row["record_id"]}


def f1(found: dict[str, int], true: dict[str, str]) -> float:
    """F1 over pairs of records, by counting them one by one."""
    records = [r for r in found if r in true]
    one = np.array([found[r] % 2**62 for r in records])
    two = np.unique([true[r] for r in records], return_inverse=True)[1]
    said, right = (np.triu(x[:, None] == x[None, :], 1) for x in (one, two))
    return float(2 * (said & right).sum() / (said.sum() + right.sum()))


def test_a_city_in_three_yearly_extracts_is_as_one_export(
    world: tuple[City, Callable[[], Desk]], tmp_path: Path
) -> None:
    city, new_desk = world
    desk, true = new_desk(), true_people(city)
    lasting: dict[str, int] = {}
    for number, years in enumerate(((2022,), (2023,), (2024, 2025))):
        source = cut(city, tmp_path / str(number), lambda row, years=years: year(row) in years)
        report = people(desk, source)
        kept = read_register(desk.keys, people_folder(desk))
        now = {contact_of(k): int(i) for k, i in zip(kept.key.to_pylist(), kept.person.tolist(), strict=True)}
        stayed = [now[record] == before for record, before in lasting.items()]
        assert set(lasting) <= set(now)
        # Measured: 99.8 %; a record changes its id only where new evidence puts it to somebody else.
        assert not stayed or np.mean(stayed) > 0.97
        assert (
            report.counts["new people"] == len(set(now.values())) - report.counts["people who kept their id"]
            or (report.counts["people who were split"])
        )
        lasting = now
    whole_desk = new_desk()
    people(whole_desk, city.police_source)
    register = read_register(whole_desk.keys, people_folder(whole_desk))
    whole = {contact_of(k): int(i) for k, i in zip(register.key.to_pylist(), register.person.tolist(), strict=True)}
    in_years, at_once = f1(lasting, true), f1(whole, true)
    assert set(lasting) == set(whole)
    assert at_once > 0.97
    # The third run sees the records of all years, spelled as they were: it decides as one run over all does.
    assert in_years == pytest.approx(at_once, abs=0.002)
    acts = [entry.act.value for entry in verify(desk.folder.ledger).entries]
    assert acts.count("people_found") == 3

    # Years later, with the same desk: what the export lacks can be forgotten, and a decision on it rests then.
    source = cut(city, tmp_path / "last", lambda row: year(row) == 2025)
    gone = next(k for k in register.key.to_pylist() if contact_of(k) not in _contacts(source))
    here = next(k for k in register.key.to_pylist() if contact_of(k) in _contacts(source))
    add_answer(desk.keys, people_folder(desk), (gone, here), Say.DIFFERENT, probability=0.5, pairs=1, joined=False)
    report = people(desk, source, forget_absent=True)
    assert report.counts["records of earlier runs forgotten"] == sum(
        contact_of(k) not in _contacts(source) for k in kept.key.to_pylist()
    )
    after = read_register(desk.keys, people_folder(desk))
    assert {contact_of(k) for k in after.key.to_pylist()} <= _contacts(source)
    assert any("1 decisions are about records that neither" in note for note in report.notes)
    same = [lasting[contact_of(k)] == int(i) for k, i in zip(after.key.to_pylist(), after.person.tolist(), strict=True)]
    assert np.mean(same) > 0.95, "who is remembered keeps their id, but where a forgotten record held it"


def _contacts(source: Path) -> set[str]:
    with next(source.parent.glob("*.csv")).open(encoding="utf-8", newline="") as handle:
        return {row["INCIDENT_NO"] for row in csv.DictReader(handle)}


def test_an_empty_export_and_one_of_another_agency(world: tuple[City, Callable[[], Desk]], tmp_path: Path) -> None:
    city, new_desk = world
    desk = new_desk()
    with pytest.raises(InputError, match="no rows of data"):
        people(desk, cut(city, tmp_path / "empty", lambda row: False))
    unnumbered = cut(city, tmp_path / "unnumbered", lambda row: row["INCIDENT_NO"].endswith("1"))
    export_ = next(unnumbered.parent.glob("*.csv"))
    lines = export_.read_text(encoding="utf-8").splitlines()
    export_.write_text("\n".join([lines[0], *(line[line.index(",") :] for line in lines[1:])]), encoding="utf-8")
    report = people(desk, unnumbered)
    assert report.counts["people"] == 0 and report.next_command.startswith("juncture agency share")
    with pytest.raises(UsageError, match="everybody would be forgotten"):
        people(desk, unnumbered, forget_absent=True)
    with pytest.raises(UsageError, match="is of clinic; this is the folder of police"):
        people(desk, city.clinic_source)


def test_a_decision_against_the_agencys_number_is_told_before_anything_is_found(
    world: tuple[City, Callable[[], Desk]], tmp_path: Path
) -> None:
    city, new_desk = world
    desk = new_desk()
    source = own_source(desk, city.police_source)
    numbered = replace_number(source)
    rows = [{**REED, "contact": "a", "person_number": "P1"}, {**STONE, "contact": "b", "person_number": "P1"}]
    mentions = export(*rows)
    a, b = record_keys(mentions).to_pylist()
    add_answer(desk.keys, people_folder(desk), (a, b), Say.DIFFERENT, probability=0.9, pairs=1, joined=True)
    with pytest.raises(InputError, match="1 decisions say `different` of two records that bear the same person number"):
        find_people(desk, numbered, mentions)
    found = find_people(desk, numbered, mentions, set_aside=True, keep=False)
    assert found.person.tolist() == [0, 0] and len(found.contradicted) == 1


def replace_number(source: Any) -> Any:
    """The source with a person number that is a fact."""
    first = source.table[0]
    number = {"column": "PERSON_ID", "trust": "fact"}
    person_ = type(first.person).model_validate(first.person.model_dump() | {"id": number})
    return source.model_copy(update={"table": (first.model_copy(update={"person": person_}),)})


def test_a_meeting_with_nobody() -> None:
    nobody = export(REED).slice(0, 0)
    assert not len(meet(no_register(), nobody, record_keys(nobody)).row)
    register, _, change = run(no_register(), nobody, [])
    assert not len(register) and change == Change(0, 0, 0, 0)
