"""The benchmarks' made-up worlds: the same by seed, with the errors that the rates say, and a truth that is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import worlds
from juncture.agency.people.spellings import SPELLING_FIELDS

PEOPLE = worlds.population(8_000, 11)


def values(table: pa.Table, name: str) -> np.ndarray:
    return np.array(table[name].to_pylist(), dtype=object)


def changed(field: str) -> Callable[[pa.Table], np.ndarray]:
    return lambda record: values(record, field) != values(PEOPLE, field)


def gone(field: str) -> Callable[[pa.Table], np.ndarray]:
    return lambda record: np.array([one is None for one in values(record, field)])


def within_binomial(found: int, of: int, rate: float) -> bool:
    """Five standard deviations: a false alarm in two million runs."""
    return abs(found - of * rate) <= 5 * np.sqrt(of * rate * (1 - rate))


def test_the_same_seed_gives_the_same_world_and_another_one_does_not() -> None:
    assert worlds.population(500, 3).equals(worlds.population(500, 3))
    assert not worlds.population(500, 3).equals(worlds.population(500, 4))
    one, two = (worlds.two_files(200, 300, 90, 5) for _ in range(2))
    assert one[0].equals(two[0]) and one[1].equals(two[1]) and (one[2] == two[2]).all()
    people = worlds.population(100, 3)
    (table, who), (again, also) = (worlds.mentions(400, people, 6) for _ in range(2))
    assert table.equals(again) and (who == also).all()


#: rate, the rate tried, what shows it in a record, and whom it can befall.
SLIPS: list[tuple[str, Callable[[pa.Table], np.ndarray], Callable[[], Any]]] = [
    ("typo_last", changed("last_name"), lambda: True),
    ("no_first", gone("first_name"), lambda: True),
    ("maiden", changed("last_name"), lambda: [one is not None for one in values(PEOPLE, "maiden_name")]),
    ("initial", changed("middle_name"), lambda: [one is not None for one in values(PEOPLE, "middle_name")]),
    ("swapped", changed("last_name"), lambda: values(PEOPLE, "last_name") != values(PEOPLE, "first_name")),
    ("nickname", changed("first_name"), lambda: [one in worlds.nicknames() for one in values(PEOPLE, "first_name")]),
    ("no_birth", gone("birth_year"), lambda: True),
    ("wrong_year", changed("birth_year"), lambda: True),
    ("wrong_day", changed("birth_day"), lambda: True),
    (
        "day_month",
        changed("birth_day"),
        lambda: (values(PEOPLE, "birth_day") <= 12) & (values(PEOPLE, "birth_day") != values(PEOPLE, "birth_month")),
    ),
    ("wrong_sex", changed("sex"), lambda: True),
    ("no_address", gone("address"), lambda: True),
    ("no_home", lambda record: np.isin(values(record, "address"), worlds.NO_HOME), lambda: True),
    ("moved", changed("address"), lambda: True),
    ("no_phone", gone("phone"), lambda: [one is not None for one in values(PEOPLE, "phone")]),
    ("no_ssn4", gone("ssn4"), lambda: True),
    ("wrong_ssn4", changed("ssn4"), lambda: True),
]


@pytest.mark.parametrize(("rate", "shows", "can"), SLIPS, ids=[slip[0] for slip in SLIPS])
def test_an_error_comes_as_often_as_its_rate_says(
    rate: str, shows: Callable[[pa.Table], np.ndarray], can: Callable[[], Any]
) -> None:
    record = worlds.written(PEOPLE, np.random.default_rng(1), replace(worlds.FAULTLESS, **{rate: 0.2}))
    able = np.broadcast_to(np.asarray(can(), dtype=bool), PEOPLE.num_rows)
    assert able.sum() > 150
    hit = np.asarray(shows(record), dtype=bool)
    # A new address may by chance be the old one, a misspelling leaves a name without letters as it is: once in 1,000.
    assert within_binomial(int((hit & able).sum()), int(able.sum()), 0.2)
    assert not hit[~able].any() if rate != "no_phone" else True


def test_without_errors_a_record_is_the_person() -> None:
    record = worlds.written(PEOPLE, np.random.default_rng(1), worlds.FAULTLESS)
    assert record.column_names == ["person", *SPELLING_FIELDS]
    assert all(record[name].to_pylist() == PEOPLE[name].to_pylist() for name in SPELLING_FIELDS)


def test_the_truth_names_the_same_people_in_both_files() -> None:
    a, b, truth = worlds.two_files_of_people(900, 700, 400, 8, worlds.CHANGED_SURNAMES)
    assert truth.shape == (400, 2)
    left, right = values(a, "person"), values(b, "person")
    assert (left[truth[:, 0]] == right[truth[:, 1]]).all()
    assert len(set(left) & set(right)) == 400
    spelled = worlds.two_files(900, 700, 400, 8, worlds.FAULTLESS)
    for table, people in zip(spelled, worlds.two_files_of_people(900, 700, 400, 8, worlds.FAULTLESS), strict=True):
        if isinstance(table, pa.Table):
            assert table["person"].to_pylist() == list(range(people.num_rows))
            born = zip(table["birth_year"].to_pylist(), people["birth_year"].to_pylist(), strict=True)
            assert all(one == two for one, two in born)


def test_women_change_their_surname_between_the_files_and_men_do_not() -> None:
    a, b, truth = worlds.two_files_of_people(6_000, 6_000, 6_000, 9, worlds.CHANGED_SURNAMES)
    other = values(a, "last_name")[truth[:, 0]] != values(b, "last_name")[truth[:, 1]]
    woman = values(a, "sex")[truth[:, 0]] == "female"
    assert not other[~woman].any()
    assert within_binomial(int(other[woman].sum()), int(woman.sum()), worlds.CHANGED_SURNAMES.changed_surname)


def test_relatives_twins_and_namesakes_are_there() -> None:
    people = PEOPLE.to_pylist()
    homes: dict[int, list[dict[str, Any]]] = {}
    for person in people:
        homes.setdefault(person["household"], []).append(person)
    twins = namesakes = 0
    for home in homes.values():
        births = [(p["last_name"], p["birth_year"], p["birth_month"], p["birth_day"]) for p in home]
        twins += len(births) - len(set(births))
        men = [(p["last_name"], p["first_name"]) for p in home if p["sex"] == "male"]
        namesakes += len(men) - len(set(men))
        assert len({p["address"] for p in home}) == 1
    assert twins > 10 and namesakes > 10


def test_contacts_belong_to_people_and_few_have_many() -> None:
    people = PEOPLE.slice(0, 2_000)
    table, who = worlds.mentions(9_000, people, 4)
    assert table.num_rows == len(who) == 9_000 and who.max() < 2_000
    named = who >= 0
    assert within_binomial(int((~named).sum()), 9_000, 0.01)
    assert (np.asarray(table["nameless"]) == ~named).all()
    # Alike more often than by chance: a year in common is the rule for one's own contacts, not for another's.
    year = table["birth_year"].to_numpy(zero_copy_only=False)
    true = people["birth_year"].to_numpy()[np.maximum(who, 0)]
    assert (year[named] == true[named]).mean() > 0.9
    count = np.bincount(who[named], minlength=2_000)
    assert (count > 0).mean() > 0.97 and np.median(count) <= 3 and count.max() > 30


def test_rates_outside_zero_and_one_are_refused() -> None:
    with pytest.raises(ValueError, match="typo_last"):
        worlds.Rates(typo_last=1.5)
