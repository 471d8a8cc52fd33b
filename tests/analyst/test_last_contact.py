"""The last contact before a crisis: who it was, how long before, beside referents; and what of it may be told."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.analyst.findings import Findings, compute_findings, write_results
from juncture.analyst.findings.last_contact import LastContacts, last_contact_findings
from juncture.analyst.findings.last_contact_pooled import pooled_last_contacts
from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import LastContactFinding, LastContactMeasure, Stratum
from juncture.analyst.proposal import proposal
from juncture.analyst.proposal.last_contact import last_contact_table
from juncture.analyst.study.model import Study
from juncture.checker.disclosure import control
from tests.analyst.study_world import FOLLOW_UP, At, File, Member, agreement, life, one_file_each, simulated, world

CALL, CO, FOLLOWED, STAY = "police.crisis_call", "police.co_response", "clinic.follow_up", "clinic.inpatient_stay"
KIND, DAYS, ALL = LastContactMeasure.KIND, LastContactMeasure.DAYS, Stratum.ALL
#: A crisis with three referents, none of which anything is near to.
AT = 100 * 24 + 12


def contacts_of(study: Study) -> LastContacts:
    return LastContacts(study, Matchings.of(study))


def found(study: Study) -> dict[tuple[str, Stratum], LastContactFinding]:
    return {(f.value, f.stratum): f for f in last_contact_findings(contacts_of(study)) if f.measure is KIND}


def before(*told: At) -> tuple[set[str], set[int]]:
    """Kinds that stand last before the one crisis, and the days since."""
    told = (*told, At(AT, CALL))
    table = contacts_of(world([one_file_each(sorted(told, key=lambda c: c.h))]).study()).table
    assert table.is_case.sum() == 1
    kinds = table.values[KIND]
    return {kinds[k] for k in np.flatnonzero(table.has[KIND][table.is_case][0])}, set(table.days[table.is_case])


@pytest.mark.parametrize(
    ("told", "kinds", "days"),
    [
        ([], {"none"}, {-1}),
        ([At(AT - 48, FOLLOWED)], {FOLLOWED}, {2}),
        # In the same six hours nobody can say what came first; six hours earlier it was the same day.
        ([At(AT, "clinic.ed_visit", AT + 6)], {"none"}, {-1}),
        ([At(AT - 6, "police.incident")], {"police.incident"}, {0}),
        # The later of two; both of two in the same hours.
        ([At(AT - 72, FOLLOWED), At(AT - 48, "police.arrest")], {"police.arrest"}, {2}),
        ([At(AT - 48, FOLLOWED), At(AT - 48, "police.arrest")], {FOLLOWED, "police.arrest"}, {2}),
        # A stay is met until its end, whatever came within it.
        ([At(AT - 480, STAY, AT - 96), At(AT - 240, "clinic.phone_contact")], {STAY}, {4}),
        # Calling about somebody else is no contact of one's own; being a victim is.
        ([At(AT - 48, "police.incident", role="caller"), At(AT - 96, FOLLOWED)], {FOLLOWED}, {4}),
        ([At(AT - 48, "police.victimisation", role="victim")], {"police.victimisation"}, {2}),
        # 28 days before, by the day; not 29.
        ([At(AT - 28 * 24 - 12, FOLLOWED)], {FOLLOWED}, {28}),
        ([At(AT - 29 * 24 + 6, FOLLOWED)], {"none"}, {-1}),
    ],
)
def test_who_met_the_person_last(told: list[At], kinds: set[str], days: set[int]) -> None:
    assert before(*told) == (kinds, days)


def test_what_belongs_to_the_crisis_is_not_before_it() -> None:
    told = [At(AT, CALL), At(AT + 6, "clinic.co_response"), At(AT + 18, "clinic.crisis_evaluation")]
    table = contacts_of(world([one_file_each(told)]).study()).table
    assert table.is_case.sum() == 1
    assert set(table.days[table.is_case]) == {-1}


def sizes(*crises: int, told: tuple[At, ...] = (), observed: tuple[int, int] = (-700, 699)) -> list[int]:
    """How many times each case has, itself included."""
    every = sorted((*told, *(At(h, CALL) for h in crises)), key=lambda c: c.h)
    return np.bincount(contacts_of(world([one_file_each(every, observed=observed)]).study()).table.case).tolist()


def test_cases_and_referents_lie_where_28_days_of_the_follow_up_were_seen() -> None:
    day = 24
    assert sizes(27 * day + 18) == []
    assert sizes(34 * day + 18) == []
    assert sizes(35 * day) == [2]
    assert sizes(42 * day) == [3]
    assert sizes(49 * day) == [4]
    # Where observation began late, all of it begins late.
    assert sizes(49 * day, observed=(7, 699)) == [3]
    assert sizes(49 * day, observed=(20, 699)) == []
    # What happened in the selection window is neither case nor referent.
    assert sizes(-100 * day, 100 * day) == [4]


def test_a_referent_is_at_risk() -> None:
    week, case = 168, 700 * 24 // 2
    case -= case % 168
    # In a stay, or while another crisis is going on, nobody was at risk of a new one; at its very start somebody was.
    assert sizes(case, told=(At(case - week - 48, STAY, case - week + 48),)) == [3]
    assert sizes(case - week - 6, case) == [4, 3]
    assert sizes(case - week, case) == [4, 4]
    assert sizes(case - week - 24, case) == [4, 4]
    # A crisis in a stay is none.
    assert sizes(case, told=(At(case - 48, STAY, case + 48),)) == []


def study_of(*told: tuple[str, list[At]]) -> Study:
    return world([one_file_each(contacts, sex) for sex, contacts in told]).study()


def test_counts_shares_and_days_by_hand() -> None:
    """Two women and a man with one crisis each: a follow-up 2 days before; 4 days before; none, but before a week."""
    rows = found(
        study_of(
            ("female", [At(AT - 48, FOLLOWED), At(AT, CALL)]),
            ("female", [At(AT - 96, FOLLOWED), At(AT, CALL)]),
            ("male", [At(AT - 168 - 24 - 672, FOLLOWED), At(AT, CALL)]),
        )
    )
    everybody, women, men = (rows[FOLLOWED, stratum] for stratum in Stratum)
    assert (everybody.crises, everybody.people, everybody.people_behind) == (2, 2, (1, 1, 3))
    assert (women.crises, women.people, men.crises, men.people) == (2, 2, 0, 0)
    assert (everybody.share, women.share, men.share) == (pytest.approx(2 / 3), 1.0, 0.0)
    # The man's referents three and two weeks before have it within 28 days; each crisis counts once.
    assert everybody.referent_share == pytest.approx((2 / 3) / 3)
    assert (men.referent_share, women.referent_share) == (pytest.approx(2 / 3), 0.0)
    assert (everybody.median_days, women.median_days) == (3.0, 3.0)
    assert math.isnan(men.median_days) and math.isnan(men.largest_share)
    assert everybody.largest_share == 0.5
    none = rows["none", ALL]
    assert (none.crises, none.people, none.people_behind) == (1, 1, (2, 3, 1))


def test_an_unsure_file_counts_as_often_as_it_is_drawn() -> None:
    """In three of four matchings the clinic's file, with the follow-up, is the person's; in one it is another file."""
    police = File("police", [At(AT, CALL)], sex="female")
    files = [
        police,
        File("clinic", [At(AT - 48, FOLLOWED)], draws=(0, 1, 2), sex="female"),
        File("clinic", [], draws=(3,), best=False, sex="female"),
    ]
    row = found(world([Member(files)]).study())[FOLLOWED, ALL]
    assert row.share == pytest.approx(0.75)
    assert (row.crises, row.people, row.median_days) == (1, 1, 2.0)


def test_no_interval_below_20_informative_people() -> None:
    few = found(simulated(18, 1.0, 3).study())[FOLLOWED, ALL]
    assert 0 < few.people_informative < 20
    assert math.isfinite(few.odds.value) and math.isnan(few.odds.low) and math.isnan(few.odds.p_value)
    many = found(simulated(90, 1.0, 3).study())[FOLLOWED, ALL]
    assert many.people_informative >= 20
    assert many.odds.low < many.odds.value < many.odds.high
    # By sex shares are told, no odds.
    assert math.isnan(found(simulated(90, 1.0, 3).study())[FOLLOWED, Stratum.WOMEN].odds.value)


def test_where_nothing_matters_intervals_hold_1() -> None:
    """Oracle: in lives with ratio 1 a crisis comes at the person's own rate whatever stood last. Of 8 studies at 95 %,
    5 or fewer hold 1 once in 2,700 runs."""
    rows = [found(simulated(100, 1.0, seed).study())[value, ALL] for seed in range(8) for value in (FOLLOWED,)]
    assert sum(row.odds.low <= 1 <= row.odds.high for row in rows) >= 6


def test_bands_of_days_hold_every_crisis_once() -> None:
    study = simulated(60, 1.3, 5).study()
    rows = [f for f in last_contact_findings(contacts_of(study)) if f.measure is DAYS and f.stratum is ALL]
    assert [f.value for f in rows] == ["0", "1-3", "4-7", "8-14", "15-28", "none"]
    assert sum(f.share for f in rows) == pytest.approx(1)
    assert sum(f.referent_share for f in rows) == pytest.approx(1)


def test_by_the_week_no_contact_is_the_last() -> None:
    """A contact "7 days before" may be 1 to 13 days before, and one of the crisis's own week is never seen."""
    together = FOLLOW_UP.replace('"missed_follow_up"', '"missed_co_response"').replace(
        "within_days = 7", "within_days = 0, same_episode = true"
    )
    for grain, told in (("day", True), ("week", False)):
        study = world(
            [one_file_each(told, "female") for told in _lives(40, 1)], agreement(together, grain=grain)
        ).study()
        findings = compute_findings(study, seed=1, resamples=2, permutations=19)
        assert (bool(findings.last_contact), bool(findings.last_contact_pooled)) == (told, told)


def test_the_file_has_a_row_a_value_and_group(tmp_path: Path) -> None:
    study = simulated(30, 1.3, 5).study()
    findings = compute_findings(study, seed=1)
    write_results(findings, tmp_path)
    with (tmp_path / "last_contact.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == [
        *("measure", "last_contact", "stratum", "crises", "people", "share", "referent_share"),
        *("odds_ratio", "low", "high", "p_value", "median_days"),
    ]
    assert len(rows) == len(findings.last_contact) > 0
    assert {row["stratum"] for row in rows} == {"all", "women", "men"}


# What may be told --------------------------------------------------------------------------------------------------

sexes = st.sampled_from(["female", "female", "male", "male", "other"])
lives = st.lists(
    st.tuples(
        st.integers(130, 600),
        st.sampled_from([CALL, CO, FOLLOWED, "police.arrest", "police.incident", "clinic.phone_contact"]),
    ),
    max_size=14,
)


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """Up to 70 people, of a few life stories each moved by some days, so that groups are of all sizes."""
    stories = draw(st.lists(st.tuples(sexes, lives, st.integers(1, 25)), min_size=1, max_size=6))
    people = []
    for sex, story, copies in stories:
        for k in range(copies):
            told = sorted((At((day + 3 * k % 20) * 24, kind) for day, kind in story), key=lambda c: c.h)
            people.append(one_file_each(told, sex))
    return world(people[:70], draws=2).study()


@settings(deadline=None, max_examples=40)
@given(studies(), st.integers(2, 12))
def test_no_row_is_hidden_and_none_can_be_worked_out(study: Study, threshold: int) -> None:
    """Oracle: numbers of people by plain counting. Kinds told, and the rest of them; bands told; women, men, and who is
    neither: each number is 0 or at least the threshold."""
    contacts = contacts_of(study)
    rows = pooled_last_contacts(contacts, threshold)
    table = contacts.table
    group = np.array([{"female": 0, "male": 1}.get(p.sex or "", 2) for p in study.people])
    by_value: dict[tuple[LastContactMeasure, str], list[LastContactFinding]] = defaultdict(list)
    for row in rows:
        by_value[row.measure, row.value].append(row)
    for measure in LastContactMeasure:
        told = [value for kind, value in by_value if kind is measure]
        if not told:
            continue
        names, has = table.values[measure], table.has[measure]
        for value in told:
            if value == "other":
                columns = [k for k, name in enumerate(names) if name not in told]
            elif measure is DAYS:
                columns = [k for k, name in enumerate(names) if within(name, value)]
            else:
                columns = [names.index(value)]
            mine = has[:, columns].any(axis=1)
            strata = {row.stratum for row in by_value[measure, value]}
            groups = [{0, 1, 2}, *([{0}] if Stratum.WOMEN in strata else []), *([{1}] if Stratum.MEN in strata else [])]
            left = {0, 1, 2}.difference(*groups[1:])
            for who in (*groups, left):
                part = np.isin(group[table.person], list(who))
                for counted in (mine & table.is_case, ~mine & table.is_case, mine & ~table.is_case):
                    people = np.unique(table.person[counted & part]).size
                    assert not 0 < people < threshold
    findings = findings_with(rows)
    released = control(last_contact_table(findings, study.agreement), threshold=threshold, round_to=5)
    assert not any(released.hidden)


def within(name: str, value: str) -> bool:
    """Whether a band lies in a band that is told."""
    if "none" in (name, value):
        return name == value or value.endswith("+")
    low, high = (int(n) for n in (name.split("-")[0], name.split("-")[-1]))
    if value.endswith("+"):
        return low >= int(value[:-1])
    return int(value.split("-")[0]) <= low and high <= int(value.split("-")[-1])


def findings_with(rows: tuple[LastContactFinding, ...]) -> Findings:
    empty = compute_findings(world([one_file_each([])]).study(), seed=1, resamples=1)
    return replace(empty, last_contact_pooled=rows)


def test_the_table_has_the_columns_that_pages_draw_and_says_what_it_does_not() -> None:
    # Others whose last contact was one of two more kinds, so that follow-ups are not the rarest kind.
    calls = [[At(AT - 48 + 24 * k, "clinic.phone_contact"), At(AT + 24 * k, CALL)] for k in range(12)]
    study = world([one_file_each(told, "female") for told in (*_lives(100, 2), *calls)]).study()
    findings = compute_findings(study, seed=1)
    (table,) = (t for t in proposal(findings, study, 1).tables if t.name == "last_contact")
    assert [(c.name, c.kind.value) for c in table.columns] == [
        ("measure", "label"), ("value", "label"), ("title", "label"), ("stratum", "label"), ("people", "people"),
        ("crises", "events"), ("share", "estimate"), ("referent_share", "estimate"), ("odds_ratio", "estimate"),
        ("low", "estimate"), ("high", "estimate"),
    ]  # fmt: skip
    assert "an opportunity, not a cause" in table.note
    released = control(table, threshold=11, round_to=5).records()
    titles = {str(row["value"]): row["title"] for row in released}
    assert titles[FOLLOWED] == "Follow-up (Crisis team)"
    assert titles["none"] == "None in the 28 days before"
    assert all((row["odds_ratio"] is None) == (row["stratum"] != "all") for row in released if row["value"] == FOLLOWED)
    assert {row["measure"] for row in released} == {"kind", "days"}


def test_where_few_are_neither_female_nor_male_one_sex_has_no_rows() -> None:
    study = simulated(100, 1.4, 2).study()
    moved = world(
        [
            *(one_file_each(told, "female") for told in _lives(50, 1)),
            *(one_file_each(told, "male") for told in _lives(30, 2)),
            *(one_file_each(told, "other") for told in _lives(3, 3)),
        ]
    ).study()
    assert {f.stratum for f in pooled_last_contacts(contacts_of(study), 11)} == set(Stratum)
    assert {f.stratum for f in pooled_last_contacts(contacts_of(moved), 11)} == {ALL, Stratum.WOMEN}


def _lives(people: int, seed: int) -> list[list[At]]:
    rng = np.random.default_rng(seed)
    return [life(rng, 1.0) for _ in range(people)]


def crowd(*groups: tuple[int, str, str]) -> Study:
    """People of a sex with one crisis, two days after a contact of a kind."""
    people = [
        one_file_each([At(AT - 48 + 24 * (k % 3), kind), At(AT + 24 * (k % 3), CALL)], sex)
        for number, sex, kind in groups
        for k in range(number)
    ]
    return world(people, draws=2).study()


def told_values(study: Study, measure: LastContactMeasure, threshold: int = 11) -> dict[str, set[str]]:
    """Groups that have a row, by value."""
    values: dict[str, set[str]] = defaultdict(set)
    for row in pooled_last_contacts(contacts_of(study), threshold):
        if row.measure is measure:
            values[row.value].add(row.stratum.value)
    return dict(values)


def test_a_kind_that_few_met_takes_the_rarest_other_with_it() -> None:
    arrest, incident, phone = "police.arrest", "police.incident", "clinic.phone_contact"
    # Five people would be all that is left over, so whoever knew the rest would know of them. The same where it is
    # nobody or one: an agency that makes up the only such contact would see whether its person was chosen.
    for number in (5, 1, 0):
        groups = (30, "female", FOLLOWED), (20, "female", arrest), (12, "female", incident), (number, "female", phone)
        assert set(told_values(crowd(*groups), KIND)) == {FOLLOWED, arrest, "other"}


def days_before(*groups: tuple[int, str, int]) -> Study:
    """Women with one crisis, so many days after a contact of a kind."""
    people = [
        one_file_each([At(AT - 24 * days + 24 * (k % 3), kind), At(AT + 24 * (k % 3), CALL)], "female")
        for number, kind, days in groups
        for k in range(number)
    ]
    return world(people, draws=2).study()


def test_no_contact_is_told_alone_by_kind_and_by_days_or_by_neither() -> None:
    """Oracle: subtraction. Days "15+", which holds none, less "none" of the kinds would be the five people whose last
    contact was 20 days before; "other", which holds none, less "none" of the days the five with a phone contact."""
    common = ((30, FOLLOWED, 2), (15, "clinic.phone_contact", 2), (12, "police.incident", 2), (40, FOLLOWED, 40))
    few_days = days_before(*common, (5, FOLLOWED, 20))
    assert set(told_values(few_days, DAYS)) == {"0-3", "4+"} and "none" not in told_values(few_days, KIND)
    few_kinds = days_before((30, FOLLOWED, 2), (15, FOLLOWED, 20), (12, FOLLOWED, 40), (5, "clinic.phone_contact", 2))
    assert "none" not in told_values(few_kinds, DAYS) and "none" not in told_values(few_kinds, KIND)
    many = days_before(*common, (15, FOLLOWED, 20))
    assert "none" in told_values(many, KIND) and "none" in told_values(many, DAYS)


def test_women_have_no_rows_where_few_others_are_left() -> None:
    arrest = "police.arrest"
    assert told_values(crowd((40, "female", FOLLOWED), (40, "female", arrest), (5, "male", arrest)), KIND) == {
        arrest: {"all"},
        "other": {"all"},
    }
    both = crowd((40, "female", FOLLOWED), (40, "female", arrest), (15, "male", arrest), (15, "male", FOLLOWED))
    assert told_values(both, KIND) == {value: {"all", "women", "men"} for value in (FOLLOWED, "other")}
