"""From mentions to what may leave. Fast code is held against slow, obvious code; dates against the calendar."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.agency.deidentify.attributes import Attributes, age_band, age_on, person_attributes
from juncture.agency.deidentify.histogram import band_totals, suppressed, suppressed_histogram
from juncture.agency.deidentify.selection import activity_bands, banded, most_in_window, shared_people
from juncture.agency.deidentify.timelines import release_timelines
from juncture.agency.intake.read import read_mentions
from juncture.agency.intake.source import read_source
from juncture.agency.intake.table import SCHEMA
from juncture.agreement.model import Agreement, Band, Shift
from juncture.agreement.read import parse_agreement
from juncture.agreement.vocabulary import Grain, band_of
from juncture.formats.clock import CIRCLE, WEEKS, day_number, shifted, signed_difference
from juncture.formats.release import BandTotals
from juncture.formats.timeline import Timeline

CITY = Path(__file__).resolve().parents[2] / "examples" / "borrowed_city"
TEXT = (CITY / "agreement.toml").read_text("utf-8")
AGREEMENT = parse_agreement(TEXT)
UNTRIMMED = parse_agreement(TEXT.replace("trim_weeks  = 4", "trim_weeks = 0"))
NOON = datetime(2014, 1, 6, 12)
FOLLOW_UP = date(2014, 1, 1)


def at_grain(grain: str, agreement: str = TEXT) -> Agreement:
    made = parse_agreement(agreement.replace("trim_weeks  = 4", "trim_weeks = 0"))
    start = Shift(transform="shift", grain=Grain(grain))
    # The junctures of this agreement need a finer grain than a week, so it could not be agreed on; a copy is not asked.
    return made.model_copy(update={"release": made.release.model_copy(update={"start": start})})


def mentions(*rows: dict[str, Any]) -> pa.Table:
    """A mention a row; what a row does not say is null, but for its number, kind, role and start."""
    full = [
        {"record_id": str(i), "contact_id": str(i), "kind": "police.arrest", "role": "subject", "start": NOON}
        | {"alias": [], "nameless": False}
        | row
        for i, row in enumerate(rows)
    ]
    return pa.table({f.name: [row.get(f.name) for row in full] for f in SCHEMA}, schema=SCHEMA)


def references(*people: int) -> np.ndarray[Any, Any]:
    return np.array(people, dtype=np.int32)


def released(
    table: pa.Table, agreement: Agreement = UNTRIMMED, offset: int = 0, known: Attributes | None = None
) -> Timeline:
    person = references(*[0] * table.num_rows)
    return release_timelines(table, person, [0], [offset], agreement, "police", [known or Attributes()])[0]


# The clock


@given(st.dates(date(1970, 1, 1), date(2069, 1, 1)), st.integers(0, WEEKS - 1))
def test_a_shift_is_undone_and_keeps_the_weekday(day: date, weeks: int) -> None:
    number = day_number(day)
    told = shifted(number, 7 * weeks)
    assert shifted(told, CIRCLE - 7 * weeks) == number % CIRCLE
    assert (told - number) % 7 == 0


@given(
    st.lists(st.datetimes(datetime(2012, 1, 1), datetime(2015, 12, 31, 23)), min_size=1, max_size=8),
    st.integers(0, WEEKS - 1),
)
@settings(max_examples=60)
def test_gaps_order_and_weekdays_are_exact(starts: list[datetime], weeks: int) -> None:
    told = released(mentions(*({"start": start} for start in starts)), offset=7 * weeks)
    true = sorted((day_number(s.date()), s.hour // 6) for s in starts)
    origin = shifted(true[0][0], 7 * weeks)
    gaps = [(int(signed_difference(c.day, origin)), c.band) for c in told.contacts]
    assert gaps == [(day - true[0][0], band) for day, band in true]
    assert [c.day % 7 for c in told.contacts] == [day % 7 for day, _ in true]


def test_the_hours_that_the_clock_skips_and_repeats_stay_wall_clock() -> None:
    starts = [
        datetime(2014, 3, 9, 2, 30),
        datetime(2014, 3, 9, 5, 59),
        datetime(2014, 3, 9, 6),
        datetime(2014, 11, 2, 1, 30),
    ]
    told = released(mentions(*({"start": start} for start in starts)))
    spring, autumn = day_number(date(2014, 3, 9)), day_number(date(2014, 11, 2))
    assert [(c.day, c.band) for c in told.contacts] == [(spring, 0), (spring, 0), (spring, 1), (autumn, 0)]


# What a timeline holds


def test_grains() -> None:
    # Oracle: the calendar; 2014-01-05 was a Sunday, 2013-12-30 the Monday of its week.
    table = mentions({"start": datetime(2014, 1, 5, 23, 59), "end": datetime(2014, 1, 6, 0, 1)})
    days = [day_number(date(2014, 1, d)) for d in (5, 6)]
    six, day, week = (released(table, at_grain(g)).contacts[0] for g in ("six_hours", "day", "week"))
    assert (six.day, six.band, six.end_day, six.end_band) == (days[0], 3, days[1], 0)
    assert (day.day, day.band, day.end_day, day.end_band) == (days[0], None, days[1], None)
    assert (week.day, week.band, week.end_day) == (day_number(date(2013, 12, 30)), None, days[1])


def test_at_the_grain_of_a_week_only_whole_weeks_are_told() -> None:
    # 2012-01-01 was a Sunday and 2015-12-31 a Thursday: the first and last whole weeks end on the 8th and the 27th.
    starts = [datetime(2012, 1, 1), datetime(2012, 1, 2), datetime(2015, 12, 27), datetime(2015, 12, 28)]
    told = released(mentions(*({"start": start} for start in starts)), at_grain("week"))
    assert [c.day for c in told.contacts] == [day_number(date(2012, 1, 2)), day_number(date(2015, 12, 21))]


def test_only_contacts_inside_the_windows() -> None:
    inside = [datetime(2012, 1, 1, 0, 0), datetime(2015, 12, 31, 23, 59)]
    outside = [datetime(2011, 12, 31, 23, 59), datetime(2016, 1, 1, 0, 0)]
    told = released(mentions(*({"start": start} for start in inside + outside)))
    assert [c.day for c in told.contacts] == [day_number(s.date()) for s in inside]


def test_the_trim_is_random_bounded_and_hides_what_lies_outside() -> None:
    every_day = [datetime(2012, 1, 1) + timedelta(days=d) for d in range(1461)]
    table = mentions(*({"start": start} for start in every_day))
    firsts, lasts = Counter[int](), Counter[int]()
    person = references(*[0] * table.num_rows)
    for told in release_timelines(table, person, [0] * 60, [0] * 60, AGREEMENT, "police", [Attributes()]):
        first, last = told.contacts[0].day, told.contacts[-1].day
        assert [c.day for c in told.contacts] == list(range(first, last + 1))
        firsts[first - day_number(date(2012, 1, 1))] += 1
        lasts[day_number(date(2015, 12, 31)) - last] += 1
    for drawn in (firsts, lasts):
        assert set(drawn) <= set(range(29))
        # 60 draws of 29 values: fewer than 12 different ones has a probability below 1e-9.
        assert len(drawn) >= 12


def test_every_trim_from_none_to_four_weeks_occurs() -> None:
    table = mentions(*({"start": datetime(2012, 1, 1) + timedelta(days=d)} for d in range(29)))
    person = references(*[0] * 29)
    told = release_timelines(table, person, [0] * 3000, [0] * 3000, AGREEMENT, "police", [Attributes()])
    firsts = {t.contacts[0].day - day_number(date(2012, 1, 1)) for t in told}
    # A value missing from 3,000 draws of 29: probability below 29 * exp(-103).
    assert firsts == set(range(29))


def test_a_stay_is_told_with_its_true_end() -> None:
    """Cut where observation ends, it would mark that day, which nobody may know."""
    table = mentions({"start": datetime(2015, 12, 30, 8), "end": datetime(2016, 2, 1, 8)})
    (stay,) = released(table).contacts
    assert (stay.end_day, stay.end_band) == (day_number(date(2016, 2, 1)), 1)


def test_fields_that_the_agreement_does_not_release_stay() -> None:
    known = Attributes(sex="female", birth=(1980, 5, 5), race="white", ethnicity="hispanic_or_latino")
    told = released(mentions({}), known=known)
    assert (told.sex, told.age_band, told.race, told.ethnicity) == ("female", "30-39", None, None)
    less = TEXT
    for line in ("role        = ", "sex         = ", "birth_date  = "):
        less = less.replace(f"\n{line}", f"\n# {line}")
    bare = released(mentions({}), parse_agreement(less), known=known)
    assert (bare.sex, bare.age_band, bare.contacts[0:1] and bare.contacts[0].role) == (None, None, None)
    more = parse_agreement(
        TEXT.replace("trim_weeks  = 4", 'race = { transform = "keep" }\nethnicity = { transform = "keep" }')
    )
    full = released(mentions({}), more, known=known)
    assert (full.race, full.ethnicity) == ("white", "hispanic_or_latino")


def test_a_contact_told_twice_of_one_person_leaves_once() -> None:
    rows: list[dict[str, Any]] = [{"contact_id": "7"}, {"contact_id": "7"}, {"contact_id": "7", "role": "victim"}, {}]
    told = released(mentions(*rows))
    assert sorted(str(c.role) for c in told.contacts) == ["subject", "subject", "victim"]


@given(st.permutations(range(6)), st.permutations(range(6)))
@settings(max_examples=40)
def test_neither_the_order_of_the_file_nor_the_minute_shows(order: list[int], minute: list[int]) -> None:
    kinds = ["arrest", "incident", "arrest", "co_response", "incident", "field_contact"]
    rows = [
        {"contact_id": f"c{i}", "kind": f"police.{kinds[i]}", "start": NOON + timedelta(minutes=minute[i])}
        for i in range(6)
    ]
    told = released(mentions(*(rows[i] for i in order)))
    assert [c.kind for c in told.contacts] == [f"police.{kind}" for kind in sorted(kinds)]


def test_many_people_each_on_their_own_clock() -> None:
    table = mentions({}, {"start": NOON + timedelta(days=1)}, {}, {"start": NOON + timedelta(days=9)})
    told = release_timelines(
        table, references(1, 0, -1, 1), np.array([1, 0]), np.array([700, 7]), UNTRIMMED, "police", [Attributes()] * 2
    )
    day = day_number(NOON.date())
    assert [[c.day for c in t.contacts] for t in told] == [[day + 700, day + 709], [day + 8]]


def test_people_without_contacts_in_the_windows_have_an_empty_timeline() -> None:
    table = mentions({"start": datetime(2010, 1, 1)})
    assert released(table).contacts == ()


# Free text


def test_a_canary_in_every_field_reaches_no_timeline() -> None:
    canary = "Zylbersztajn"
    texts = {f.name: canary for f in SCHEMA if f.type == pa.string() and f.name not in ("kind", "role")}
    table = mentions({**texts, "alias": [canary], "birth_year": 1999})
    agreement = parse_agreement(
        TEXT.replace("trim_weeks  = 4", 'race = { transform = "keep" }\nethnicity = { transform = "keep" }')
    )
    known = person_attributes(table, references(0), FOLLOW_UP)
    (told,) = release_timelines(table, references(0), [0], [0], agreement, "police", known)
    assert canary.encode() not in told.to_bytes()
    assert (told.sex, told.race, told.ethnicity) == (None, None, None)
    rows = suppressed_histogram(table, references(0), agreement, known)
    assert canary not in repr(rows)


@pytest.mark.parametrize("row", [{"kind": "Zylbersztajn"}, {"kind": "clinic.outpatient"}, {"role": "Zylbersztajn"}])
def test_a_word_outside_the_vocabulary_is_refused_unseen(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="outside the vocabulary") as caught:
        released(mentions(row))
    assert "Zylbersztajn" not in str(caught.value)


# Attributes


def test_sex_is_what_most_mentions_say_then_the_latest() -> None:
    words: Sequence[str | None] = ["female", "male", "female", None, "male", "female", "x", None]
    person = references(0, 0, 0, 0, 1, 1, 2, 3)
    table = mentions(*({"sex": word, "start": NOON + timedelta(days=i)} for i, word in enumerate(words)))
    assert [a.sex for a in person_attributes(table, person, FOLLOW_UP)] == ["female", "female", None, None]


def test_the_birth_date_is_the_most_frequent_plausible_one() -> None:
    births = [
        (0, (1987, 9, 16)), (0, (1987, 9, 16)), (0, (1978, 9, 16)),
        (1, (1987, None, None)), (1, (1987, None, None)), (1, (1990, 1, 2)),
        (2, (None, 9, 16)), (3, (2015, 1, 1)), (3, (1980, None, None)),
    ]  # fmt: skip
    table = mentions(*({"birth_year": y, "birth_month": m, "birth_day": d} for _, (y, m, d) in births))
    found = [a.birth for a in person_attributes(table, references(*(p for p, _ in births)), FOLLOW_UP)]
    assert found == [(1987, 9, 16), (1990, 1, 2), None, (1980, None, None)]


@pytest.mark.parametrize(
    ("birth", "on", "age"),
    [
        ((1924, 1, 1), FOLLOW_UP, 90), ((1924, 1, 2), FOLLOW_UP, 89), ((1923, 1, 1), FOLLOW_UP, 91),
        ((1988, 2, 29), date(2014, 2, 28), 25), ((1988, 2, 29), date(2014, 3, 1), 26),
        ((1988, 2, 29), date(2012, 2, 29), 24), ((1900, 6, 1), FOLLOW_UP, 113),
        ((1980, None, None), date(2014, 7, 14), 33), ((1980, None, None), date(2014, 7, 15), 34),
        ((1980, 3, None), date(2014, 3, 15), 34),
    ],
)  # fmt: skip
def test_ages(birth: tuple[int, int | None, int | None], on: date, age: int) -> None:
    assert age_on(birth, on) == age


@pytest.mark.parametrize(
    ("age", "years", "top", "band"),
    [
        (0, 10, 90, "0-9"), (30, 10, 90, "30-39"), (39, 10, 90, "30-39"), (88, 10, 90, "80-89"),
        (89, 10, 90, "80-89"), (90, 10, 90, "90+"), (91, 10, 90, "90+"), (115, 10, 90, "90+"),
        (116, 10, 90, None), (-1, 10, 90, None), (85, 20, 90, "80-89"), (64, 5, 65, "60-64"), (65, 5, 65, "65+"),
    ],
)  # fmt: skip
def test_age_bands(age: int, years: int, top: int, band: str | None) -> None:
    banding = Band.model_validate({"transform": "band", "years": years, "top": top})
    assert age_band((2014 - age, 1, 1), FOLLOW_UP, banding) == band
    assert band is None or band in banding.words


# Selection


def slow_most(contacts: list[tuple[str, int]], width: int) -> int:
    """Distinct contacts, each on its first day, in every window of ``width`` days."""
    first: dict[str, int] = {}
    for number, day in contacts:
        first[number] = min(day, first.get(number, day))
    days = list(first.values())
    return max((sum(begin <= d < begin + width for d in days) for begin in days), default=0)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 40)), max_size=40),
    st.integers(1, 20),
)
def test_most_in_window_against_every_window(rows: list[tuple[int, int, int]], width: int) -> None:
    person, contact, day = (np.array([r[i] for r in rows], dtype=np.int64) for i in range(3))
    fast = most_in_window(person.astype(np.int32), contact, day, width, 4)
    slow = [slow_most([(str(c), d) for p, c, d in rows if p == one], width) for one in range(4)]
    assert fast.tolist() == slow


@given(st.lists(st.integers(0, 500)))
def test_banding_whole_arrays_is_banding_each(counts: list[int]) -> None:
    assert banded(np.array(counts, dtype=np.int64)).tolist() == [band_of(count) for count in counts]


def test_bands_count_own_contacts_of_the_selection_window() -> None:
    start = datetime(2012, 6, 1)
    rows = [
        (0, "police.arrest", start), (0, "police.incident", start + timedelta(days=364)),
        (0, "police.arrest", start + timedelta(days=365)),
        (1, "police.arrest", datetime(2011, 12, 31)), (1, "police.arrest", datetime(2014, 1, 1)),
        (1, "police.arrest", datetime(2013, 12, 31, 23, 59)), (-1, "police.arrest", start),
    ]  # fmt: skip
    table = mentions(*({"kind": kind, "start": when} for _, kind, when in rows))
    bands = activity_bands(table, references(*(p for p, _, _ in rows)), AGREEMENT)
    # Families in sorted order: clinic_any, police_any. The first and the third contact are 365 days apart: too far.
    assert bands.tolist() == [[0, 2], [0, 1]] and bands.dtype == np.uint8


def test_a_family_of_one_kind() -> None:
    text = TEXT.replace('police_any = ["police.*"]', 'police_any = ["police.arrest"]')
    table = mentions({}, {"kind": "police.incident"}, {"start": datetime(2013, 1, 1)})
    assert activity_bands(table, references(0, 0, 0), parse_agreement(text)).tolist() == [[0, 1]]


def test_who_is_shared() -> None:
    bands = np.array([[0, 0], [0, 1], [0, 2], [0, 5], [1, 0]], dtype=np.uint8)
    assert shared_people(bands, AGREEMENT, "police").tolist() == [False, False, True, True, False]
    assert shared_people(bands, AGREEMENT, "clinic").tolist() == [False, False, False, False, True]
    assert shared_people(bands, AGREEMENT, "police", everyone=True).all()


# The histogram


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ([0, 0, 0], [0, 0, 0]), ([11, 12, 13], [10, 10, 15]), ([10, 11, 40], [None, None, 40]),
        ([10, 40, 11], [None, 40, None]), ([3, 4, 40], [None] * 3), ([3, 0, 0], [None, None, 0]),
        ([3, 4, 40, 50], [None, None, None, 50]), ([3, 8, 40], [None, None, 40]),
        ([3, 0, 40], [None, 0, None]), ([1, 2, 3], [None, None, None]), ([7], [None]), ([203], [205]),
    ],
)  # fmt: skip
def test_suppression_at_a_threshold_of_11_rounded_to_5(row: list[int], told: list[int | None]) -> None:
    assert suppressed(np.array(row), 11, 5) == told


@given(st.lists(st.integers(0, 60), min_size=2, max_size=8), st.integers(5, 20), st.integers(1, 10))
def test_no_small_cell_and_no_lonely_gap(row: list[int], threshold: int, base: int) -> None:
    told = suppressed(np.array(row), threshold, base)
    hidden = [cell is None for cell in told]
    assert sum(hidden) != 1
    # The row's total is told beside it: who is hidden are many, or the row is about few.
    behind = sum(count for count, unseen in zip(row, hidden, strict=True) if unseen)
    assert behind == 0 or behind >= threshold or behind == sum(row)
    for count, cell in zip(row, told, strict=True):
        assert not (0 < count < threshold) or cell is None
        assert cell is None or (cell % base == 0 and 2 * abs(cell - count) <= base)


def test_the_histogram_counts_everybody_once() -> None:
    rows: list[dict[str, Any]] = []
    person: list[int] = []
    for one in range(25):
        rows += [{"start": datetime(2013, 1, 1)}, {"start": datetime(2013, 5, 1)}, {"start": NOON}]
        person += [one] * 3
    rows.append({"start": datetime(2010, 1, 1)})
    person.append(25)
    known = [Attributes(sex="female")] * 25 + [Attributes()]
    told, totals = suppressed_histogram(mentions(*rows), references(*person), AGREEMENT, known)
    assert len(told) == 4 * 36 and len(totals) == 4 * 5
    # 25 women with two contacts and one later: sums of 50, 25 and 25 x 1 squared.
    assert [t for t in totals if t.people != 0] == [BandTotals("female", "2", 25, 50, 25, 25)]
    cells = {(r.sex, r.selection, r.follow_up): r.people for r in told if r.people != 0}
    assert cells == {
        ("female", "2", "1"): 25,
        ("unknown", "0", "0"): None,
        ("unknown", "0", "1"): None,
    }


def test_without_sex_the_histogram_has_one_part() -> None:
    text = TEXT.replace("\nsex         = ", "\n# sex = ")
    told, totals = suppressed_histogram(mentions({}), references(0), parse_agreement(text), [Attributes(sex="female")])
    assert {r.sex for r in (*told, *totals)} == {"all"} and len(told) == 36


def test_totals_hide_few_people_and_what_is_mostly_one_persons() -> None:
    alike = np.full(12, 4)
    assert band_totals(alike, alike, 11, 5) == (10, 50, 50, 190)
    assert band_totals(alike[:10], alike[:10], 11, 5) == (None, None, None, None)
    assert band_totals(alike[:0], alike[:0], 11, 5) == (0, 0, 0, 0)
    # One of twelve with 14 contacts has 14 of 58 but 196 of 372 squares.
    assert band_totals(alike, np.where(np.arange(12) == 3, 14, alike), 11, 5) == (10, None, None, None)


@pytest.mark.shared
def test_who_qualifies_in_the_borrowed_city(shared: Path) -> None:
    # Oracle: the data folder's README says that 119 true people qualify under the rule of this agreement.
    folder = shared / "data" / "borrowed_city"
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as handle:
        truth = {(r["agency"], r["record_id"]): r["true_person"] for r in csv.DictReader(handle)}
    qualify: list[set[str]] = []
    for agency, family in (("police", "police_any"), ("clinic", "clinic_any")):
        source = read_source(CITY / f"{agency}.toml")
        table = read_mentions(source, AGREEMENT, agency).mentions
        names, person = np.unique([truth[agency, r] for r in table["record_id"].to_pylist()], return_inverse=True)
        bands = activity_bands(table, person.astype(np.int32), AGREEMENT)
        own = bands[:, sorted(AGREEMENT.cohort.families).index(family)]
        qualify.append(set(names[own >= band_of(AGREEMENT.cohort.rule[family])].tolist()))
    assert len(qualify[0] & qualify[1]) == 119
