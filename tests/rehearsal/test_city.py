"""The made-up city: the same bytes for the same seed, exports that read, and a planted effect that can be found again.

Oracles: the planted values themselves, and slow plain code in this file that reads contacts only.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from juncture.agreement.read import read_agreement
from juncture.base.errors import UsageError
from juncture.rehearsal.city import City, build_city, noise
from juncture.rehearsal.city.build import DAYS, SELECTION, SELECTION_DAYS
from juncture.rehearsal.city.exports import police_records
from juncture.rehearsal.city.life import CLINIC, POLICE, Contact, Planted
from juncture.rehearsal.city.names import COMMUNITIES, nicknames, pools
from juncture.rehearsal.city.noise import Address, Habit, Identity, Rates, Slip
from juncture.rehearsal.city.people import TruePerson, draw_people
from juncture.rehearsal.city.society import Group, Society, draw_society, most_within, qualifying

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_city(tmp_path_factory.mktemp("city"), seed=7)


@pytest.fixture(scope="module")
def often_met() -> Society:
    """Many people met often, so that chance is small."""
    return draw_society(np.random.default_rng(20), {Group.FREQUENT: 1600}, DAYS)


# --- the folder -------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    def contents(name: str, seed: int) -> dict[str, bytes]:
        folder = build_city(tmp_path / name, seed=seed, people=300).folder
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    first, again, other = contents("a", 1), contents("b", 1), contents("c", 2)
    assert first == again
    assert sorted(first) == [
        "agreement.toml",
        "clinic/clinic.toml",
        "clinic/clinic_encounters.csv",
        "police/police.toml",
        "police/police_rms_export.csv",
        "truth.csv",
        "truth_effects.json",
    ]
    assert first["police/police_rms_export.csv"] != other["police/police_rms_export.csv"]


def test_the_default_city_has_the_size_of_a_demonstration(city: City) -> None:
    truth = city.truth
    assert (truth.police_people, truth.clinic_people, truth.people_in_both) == (2500, 1300, 600)
    assert 10_500 <= truth.police_records <= 14_500
    assert 3_500 <= truth.clinic_records <= 7_000
    assert 85 <= len(truth.cohort) <= 135
    assert truth.cohort_women > truth.cohort_men > truth.cohort_other >= 1


def test_everyone_counted_has_a_record_and_every_record_a_truth(city: City) -> None:
    truth = read_rows(city.truth_file)
    people = {a: {r["true_person"] for r in truth if r["agency"] == a} for a in (POLICE, CLINIC)}
    assert len(people[POLICE]) == city.truth.police_people
    assert len(people[CLINIC]) == city.truth.clinic_people
    assert len(people[POLICE] & people[CLINIC]) == city.truth.people_in_both
    assert len({(r["agency"], r["record_id"]) for r in truth}) == len(truth)
    for agency, path, column in (
        (POLICE, city.police_export, "INCIDENT_NO"),
        (CLINIC, city.clinic_export, "encounter_id"),
    ):
        ids = [r["record_id"].partition("#")[0] for r in truth if r["agency"] == agency]
        assert ids == [row[column] for row in read_rows(path)]
    assert any("#2" in r["record_id"] for r in truth)
    assert sum(r["nameless"] == "1" for r in truth) == city.truth.nameless_records > 0


def test_nameless_records_are_those_with_a_blank_name(city: City) -> None:
    truth = read_rows(city.truth_file)
    rows = [*read_rows(city.police_export), *read_rows(city.clinic_export)]
    for record, row in zip(truth, rows, strict=True):
        last = row.get("LAST_NAME", row.get("patient_last"))
        first = row.get("FIRST_NAME", row.get("patient_first"))
        assert (record["nameless"] == "1") == (not last and not first)
        assert bool(last) == bool(first)


def test_the_exports_keep_their_agencies_style(city: City) -> None:
    for row in read_rows(city.police_export):
        datetime.strptime(row["REPORTED"], "%m/%d/%Y %H:%M")
        named = row["LAST_NAME"] + row["FIRST_NAME"] + row["ADDR"] + row["AKA1"]
        assert named == named.upper() and named.isascii()
        assert row["SEX"] in ("F", "M", "X", "")
    accents = 0
    for row in read_rows(city.clinic_export):
        start = datetime.fromisoformat(row["start"])
        assert not row["end"] or datetime.fromisoformat(row["end"]) > start
        assert (row["encounter_type"] in ("ED VISIT", "SECTION 12", "INPATIENT")) == bool(row["end"])
        accents += not row["patient_last"].isascii()
    assert accents > 20


def test_the_source_files_name_columns_and_codes_that_exist(city: City) -> None:
    for source, export in ((city.police_source, city.police_export), (city.clinic_source, city.clinic_export)):
        table = tomllib.loads(source.read_text(encoding="utf-8"))["table"][0]
        assert table["path"] == export.name
        rows = read_rows(export)
        columns = [table["contact_id"]]
        for field in (*table["person"].values(), *table["contact"].values()):
            columns += field if isinstance(field, list) else [field["column"] if isinstance(field, dict) else field]
        assert set(columns) <= set(rows[0])
        kind = table["contact"]["kind"]
        unmapped = {row[kind["column"]] for row in rows} - set(kind["map"])
        assert not unmapped or kind["other"] == "other_police"
        sex = table["person"]["sex"]
        assert {row[sex["column"]] for row in rows} - {""} <= set(sex["map"])


def test_the_agreement_is_a_valid_draft_for_a_rehearsal(city: City) -> None:
    draft = read_agreement(city.agreement)
    assert draft.rehearsal and draft.is_draft
    assert draft.windows.selection == SELECTION
    assert set(draft.juncture) == {city.truth.juncture, *city.truth.null_junctures, *city.truth.other_junctures}
    assert draft.cohort.quota >= len(city.truth.cohort)


def test_the_effects_file_says_what_was_planted(city: City) -> None:
    told = json.loads(city.effects_file.read_text(encoding="utf-8"))
    assert told["hazard_ratio"] == 1.7
    assert told["cohort"] == list(city.truth.cohort)
    assert told["openings_evaluable"] <= told["openings"]
    assert 0.35 < told["missed_share"] < 0.7


@pytest.mark.parametrize("sizes", [{"people": 100}, {"frequent": 700}, {"in_both": 0.6, "clinic_only": 0.5}])
def test_sizes_that_do_not_fit_are_refused_before_anything_is_written(sizes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        build_city(tmp_path / "city", seed=1, **sizes)
    assert not (tmp_path / "city").exists()


# --- what happens -----------------------------------------------------------------------------------------------


def test_a_joint_contact_is_in_both_files_within_minutes(city: City) -> None:
    truth = read_rows(city.truth_file)
    rows = [*read_rows(city.police_export), *read_rows(city.clinic_export)]
    police: list[tuple[datetime, str]] = []
    clinic: dict[str, list[datetime]] = defaultdict(list)
    for record, row in zip(truth, rows, strict=True):
        if row.get("NATURE") == "EDP - CO RESPONSE":
            police.append((datetime.strptime(row["REPORTED"], "%m/%d/%Y %H:%M"), record["true_person"]))
        elif row.get("encounter_type") == "CO-RESPONSE":
            clinic[record["true_person"]].append(datetime.fromisoformat(row["start"]))
    assert len(police) == sum(map(len, clinic.values())) == city.truth.joint_contacts
    for at, person in police:
        assert sum(abs(other - at) <= timedelta(minutes=15) for other in clinic[person]) == 1


def test_the_cohort_is_who_meets_the_rule_by_named_records(city: City) -> None:
    # A window by window count over the files, the slow way.
    days: dict[tuple[str, str], list[date]] = defaultdict(list)
    rows = [*read_rows(city.police_export), *read_rows(city.clinic_export)]
    for record, row in zip(read_rows(city.truth_file), rows, strict=True):
        at = (
            datetime.strptime(row["REPORTED"], "%m/%d/%Y %H:%M")
            if "REPORTED" in row
            else datetime.fromisoformat(row["start"])
        ).date()
        if record["nameless"] == "0" and at <= SELECTION[1]:
            days[record["true_person"], record["agency"]].append(at)

    def most(person: str, agency: str) -> int:
        mine = days[person, agency]
        return max((sum(0 <= (b - a).days < 365 for b in mine) for a in mine), default=0)

    people = sorted({person for person, _ in days})
    expected = [p for p in people if most(p, POLICE) >= 3 and most(p, CLINIC) >= 2]
    assert list(city.truth.cohort) == expected


@given(st.lists(st.integers(0, 100), max_size=30), st.integers(1, 50))
def test_most_within_counts_like_a_plain_loop(days: list[int], within: int) -> None:
    days.sort()
    plain = max((sum(a <= b < a + within for b in days) for a in days), default=0)
    assert most_within([float(d) for d in days], float(within)) == plain


def test_the_cohort_has_enough_openings_in_the_follow_up_window() -> None:
    rng = np.random.default_rng(3)
    counts = {Group.POLICE_ONLY: 1900, Group.CLINIC_ONLY: 700, Group.BOTH: 504, Group.FREQUENT: 96}
    society = draw_society(rng, counts, DAYS)
    cohort = qualifying(society.contacts, SELECTION_DAYS, {POLICE: 3, CLINIC: 2}, 365.0)
    openings = [o for o in society.openings if o.end >= SELECTION_DAYS]
    per_person = [sum(o.person == p for o in openings) for p in cohort]
    assert np.median(per_person) >= 4
    chosen = set(cohort)
    _, _, informative = stratified_cox(landmark_rows(society.contacts, chosen, SELECTION_DAYS, DAYS))
    assert informative >= 30


def landmark_rows(
    contacts: Iterable[Contact], people: set[int], first: float, last: float
) -> list[tuple[int, float, bool, bool]]:
    """(person, days from the landmark, crisis seen, missed) for evaluable co-responses, from contacts alone."""
    crises = {
        (POLICE, "co_response"),
        (POLICE, "crisis_call"),
        (CLINIC, "co_response"),
        (CLINIC, "crisis_evaluation"),
        (CLINIC, "mobile_crisis"),
    }
    mine: dict[int, list[Contact]] = defaultdict(list)
    for contact in contacts:
        mine[contact.person].append(contact)
    rows = []
    for person in sorted(people & set(mine)):
        episodes: list[list[Contact]] = []
        for contact in (c for c in mine[person] if (c.agency, c.kind) in crises):
            if episodes and contact.start - episodes[-1][-1].start < 1.0:
                episodes[-1].append(contact)
            else:
                episodes.append([contact])
        answers = [c.start for c in mine[person] if c.kind in ("follow_up", "outpatient")]
        stays = [c.start for c in mine[person] if c.kind == "inpatient_stay"]
        starts = [e[0].start for e in episodes]
        for at, episode in enumerate(episodes):
            end = episode[-1].start
            landmark = end + 7
            following = starts[at + 1] if at + 1 < len(starts) else np.inf
            if not any(c.kind == "co_response" for c in episode) or end < first or landmark >= last:
                continue
            if following <= landmark or any(end <= s <= landmark for s in stays):
                continue
            met = any(end < a <= landmark and int(a) > int(end) for a in answers)
            stop = min(following, landmark + 30, last)
            rows.append((person, stop - landmark, bool(following <= stop), not met))
    return rows


def stratified_cox(rows: Sequence[tuple[int, float, bool, bool]]) -> tuple[float, float, int]:
    """Log ratio, its standard error and the informative people of a Cox model stratified by person (no ties)."""
    strata: dict[int, list[tuple[float, bool, bool]]] = defaultdict(list)
    for person, time, event, missed in rows:
        strata[person].append((time, event, missed))
    sets: list[tuple[bool, int, int, int]] = []  # missed of the failing, missed at risk, met at risk, person
    for person, mine in strata.items():
        mine.sort()
        for at, (_, event, missed) in enumerate(mine):
            if event:
                at_risk = [m for _, _, m in mine[at:]]
                sets.append((missed, sum(at_risk), len(at_risk) - sum(at_risk), person))
    beta, information = 0.0, 1.0
    for _ in range(30):
        share = [m * np.exp(beta) / (m * np.exp(beta) + n) for _, m, n, _ in sets]
        score = sum(float(x) - p for (x, _, _, _), p in zip(sets, share, strict=True))
        information = sum(p * (1 - p) for p in share)
        beta += score / information
    return beta, information**-0.5, len({p for _, m, n, p in sets if m and n})


def test_the_planted_ratio_is_found_again_within_persons(often_met: Society) -> None:
    # Hidden spells pull the ratio a few hundredths towards 1; four standard errors are about .12 on the log scale.
    rows = landmark_rows(often_met.contacts, set(range(1600)), 0.0, DAYS)
    beta, error, _ = stratified_cox(rows)
    assert error < 0.04
    assert abs(beta - np.log(1.7)) < 4 * error


def test_openings_of_the_truth_are_those_that_contacts_show(often_met: Society) -> None:
    rows = landmark_rows(often_met.contacts, set(range(1600)), 0.0, DAYS)
    evaluable = [o for o in often_met.openings if o.evaluable]
    assert len(rows) == pytest.approx(len(evaluable), rel=0.005)
    assert np.mean([missed for *_, missed in rows]) == pytest.approx(np.mean([not o.met for o in evaluable]), abs=0.005)


def test_no_effect_is_found_where_none_was_planted() -> None:
    society = draw_society(np.random.default_rng(21), {Group.FREQUENT: 900}, DAYS, planted=Planted(ratio=1.0))
    beta, error, _ = stratified_cox(landmark_rows(society.contacts, set(range(900)), 0.0, DAYS))
    assert abs(beta) < 4 * error < 0.25


def test_chosen_people_fall_back_with_nobody_doing_anything() -> None:
    society = draw_society(
        np.random.default_rng(4), {Group.BOTH: 4000, Group.FREQUENT: 40}, DAYS, planted=Planted(ratio=1.0)
    )
    chosen = set(qualifying(society.contacts, SELECTION_DAYS, {POLICE: 3, CLINIC: 2}, 365.0))
    seldom = {p for p in chosen if society.group[p] is Group.BOTH}
    before = sum(c.person in seldom and c.start < SELECTION_DAYS for c in society.contacts)
    after = sum(c.person in seldom and c.start >= SELECTION_DAYS for c in society.contacts)
    assert after < 0.8 * before


def test_women_met_often_are_victims_more_and_arrested_less(often_met: Society) -> None:
    def yearly(kind: str, sex: str) -> float:
        people = often_met.sex.count(sex)
        return sum(c.kind == kind and often_met.sex[c.person] == sex for c in often_met.contacts) / people

    # 2.4 and 0.55 were planted.
    assert yearly("victimisation", "female") / yearly("victimisation", "male") == pytest.approx(2.4, rel=0.15)
    assert yearly("arrest", "female") / yearly("arrest", "male") == pytest.approx(0.55, rel=0.15)


def test_nothing_but_the_stay_itself_happens_in_hospital(often_met: Society) -> None:
    stays = defaultdict(list)
    for contact in often_met.contacts:
        if contact.kind == "inpatient_stay" and contact.end is not None:
            stays[contact.person].append((contact.start, contact.end))
    inside = [
        c
        for c in often_met.contacts
        if any(a < c.start < b for a, b in stays[c.person]) and c.kind != "custody_release"
    ]
    assert inside == []


# --- who the people are -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def residents() -> tuple[TruePerson, ...]:
    groups = [Group.POLICE_ONLY] * 1500 + [Group.FREQUENT] * 1500
    sexes = ["female", "male", "female", "male", "other"] * 600
    return draw_people(np.random.default_rng(9), groups, sexes, SELECTION[0], DAYS)


def test_names_come_from_every_community_and_sum_to_one() -> None:
    assert sum(COMMUNITIES.values()) == pytest.approx(1.0)
    for community in COMMUNITIES:
        for key in (("first", community, "female"), ("first", community, "male"), ("last", community, "")):
            pool = pools()[key]
            assert len(pool.names) >= 25 and len(set(pool.names)) == len(pool.names)
            assert pool.upto[-1] == 1.0 and all(a < b for a, b in zip(pool.upto, pool.upto[1:], strict=False))
    known = {name for (part, _, _), pool in pools().items() if part == "first" for name in pool.names}
    assert set(nicknames()) <= known


def test_there_are_twins_and_fathers_and_sons_of_one_name(residents: tuple[TruePerson, ...]) -> None:
    by_birth = defaultdict(list)
    by_name = defaultdict(list)
    for person in residents:
        by_birth[person.last, person.birth, person.homes].append(person)
        by_name[person.last, person.first, person.homes].append(person)
    twins = [pair for pair in by_birth.values() if len(pair) == 2]
    namesakes = [pair for pair in by_name.values() if len(pair) == 2]
    assert len(twins) == 12 and all(a.first != b.first for a, b in twins)
    assert len(namesakes) == 12
    for one, other in namesakes:
        assert 20 <= abs(one.birth - other.birth).days / 365.25 <= 28.1


def test_some_women_change_their_surname_on_a_day(residents: tuple[TruePerson, ...]) -> None:
    changed = [p for p in residents if p.new_last is not None]
    women = sum(p.sex == "female" for p in residents)
    assert all(p.sex == "female" for p in changed)
    assert 0.07 * women < len(changed) < 0.14 * women
    for person in changed:
        assert person.new_last is not None
        day, name = person.new_last
        assert name != person.last
        assert person.on(day - 1).last == person.last
        assert person.on(day + 1).last == name
        assert person.on(day + 1, name_lag=30).last == person.last


# --- how they are spelled ---------------------------------------------------------------------------------------


def test_slips_come_at_their_rates(residents: tuple[TruePerson, ...]) -> None:
    rng = np.random.default_rng(11)
    no_habit, rates = Habit(), Rates()
    written = [noise.spell(rng, p.on(0.0), no_habit, rates, nicknames()) for p in residents for _ in range(10)]
    named = [w for w in written if Slip.NAMELESS not in w.slips]
    expected = {
        Slip.MISSPELT_LAST: rates.misspelt_last,
        Slip.MISSPELT_FIRST: rates.misspelt_first,
        Slip.SWAPPED: rates.swapped,
        Slip.NO_BIRTH: rates.no_birth,
        Slip.JANUARY_FIRST: rates.january_first,
        Slip.DAY_MONTH: rates.day_month,
        Slip.IMPOSSIBLE_YEAR: rates.impossible_year,
        Slip.WRONG_DIGIT: rates.wrong_digit,
        Slip.NO_ADDRESS: rates.no_address,
        Slip.NO_SEX: rates.no_sex,
    }
    assert len(written) - len(named) == pytest.approx(rates.nameless * len(written), rel=0.2)
    for slip, rate in expected.items():
        sd = (rate * (1 - rate) / len(named)) ** 0.5
        assert abs(np.mean([slip in w.slips for w in named]) - rate) < 5 * sd, slip
    assert any(Slip.ALIAS in w.slips for w in named) and any(w.alias for w in named)
    assert all(w.birth is None for w in named if Slip.NO_BIRTH in w.slips)
    assert all(w.birth and not 1900 < w.birth[0] < 2100 for w in named if Slip.IMPOSSIBLE_YEAR in w.slips)


def test_an_agency_keeps_its_habits() -> None:
    who = Identity("Sullivan", "Margaret", "Ann", date(1980, 4, 19), "female", Address(1, "Quarry Street"))
    quiet = Rates(**dict.fromkeys(Rates.__dataclass_fields__, 0.0))
    habit = Habit(last="Sulivan", birth=(1980, 19, 4))
    rng = np.random.default_rng(0)
    written = {noise.spell(rng, who, habit, quiet, nicknames()).last for _ in range(50)}
    assert written == {"Sulivan"}
    assert noise.spell(rng, who, habit, quiet, nicknames()).birth == (1980, 19, 4)
    assert noise.spell(rng, who, Habit(), quiet, nicknames()).birth == (1980, 4, 19)


seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
texts = st.text(st.characters(categories=("L", "Nd", "Pd", "Zs"), include_characters="'"), max_size=20)


@given(seeds, texts)
def test_a_misspelling_is_never_blank_where_the_name_is_not(rng: np.random.Generator, text: str) -> None:
    for slip in (noise.slip_of_finger, noise.transpose, noise.drop_or_double, noise.misread, noise.mishear):
        assert bool(slip(rng, text)) == bool(text)
    spelled = noise.misspell(rng, text)
    assert bool(spelled.strip()) == bool(text.strip())
    assert abs(len(spelled) - len(text)) <= 1


@given(seeds, st.from_regex(r"[A-Z][a-z]{3,12}", fullmatch=True))
def test_one_slip_is_a_small_change(rng: np.random.Generator, name: str) -> None:
    spelled = noise.misspell(rng, name)
    same_start = next((i for i, (a, b) in enumerate(zip(name, spelled, strict=False)) if a != b), len(spelled))
    same_end = next(
        (i for i, (a, b) in enumerate(zip(name[::-1], spelled[::-1], strict=False)) if a != b), len(spelled)
    )
    assert same_start + same_end >= len(name) - 2
    assert spelled[0].isupper()


@given(seeds, st.sampled_from(sorted(nicknames())), st.sampled_from(["O'Brien", "De La Cruz", "Jean-Baptiste", "Ng"]))
def test_a_record_with_a_name_has_both_names(rng: np.random.Generator, first: str, last: str) -> None:
    who = Identity(
        last, first, "Lee", date(1990, 2, 28), "other", Address(3, "Gull Street", "2"), "Ortiz", ("Doe", "J")
    )
    habit = noise.draw_habit(rng, who, nicknames(), swap_chance=0.2)
    written = noise.spell(rng, who, habit, noise.POLICE_RATES, nicknames())
    nameless = Slip.NAMELESS in written.slips
    assert bool(written.last.strip()) == bool(written.first.strip()) == (not nameless)
    assert nameless <= (written.birth is None and written.alias is None and written.address == "")
    assert written.birth is None or all(part > 0 for part in written.birth)


@given(seeds, st.dates(date(1930, 1, 1), date(2010, 12, 31)))
def test_a_wrong_digit_is_another_day_of_the_calendar(rng: np.random.Generator, birth: date) -> None:
    true = (birth.year, birth.month, birth.day)
    wrong = noise.wrong_digit(rng, true)
    assert wrong != true
    assert date(*wrong)


def test_rates_outside_zero_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match="nickname"):
        Rates(nickname=1.5)


def test_an_incident_may_name_several_people_under_one_number() -> None:
    groups = [Group.POLICE_ONLY] * 3
    people = draw_people(np.random.default_rng(1), groups, ["male"] * 3, SELECTION[0], DAYS)
    contacts = [
        contact
        for day in range(40)
        for contact in (
            Contact(0, POLICE, "incident", day + 0.5),
            Contact(1, POLICE, "incident", day + 0.6, role="witness"),
        )
    ]
    first_day = datetime.combine(SELECTION[0], datetime.min.time())
    records = police_records(np.random.default_rng(2), contacts, people, first_day)
    shared = [r for r in records if sum(o.contact_id == r.contact_id for o in records) == 2]
    assert 0 < len(shared) < len(records)
    for number in {r.contact_id for r in shared}:
        assert len({r.cells[1] for r in shared if r.contact_id == number}) == 1
