"""Who is mistaken for whom: twins, people named alike, exchanged and changed names, many spellings, whole records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from juncture.linker.compare import LinkInput, compare_fields, first_weights
from juncture.linker.score import RowPairs, score_pairs
from tests.linker.test_match import (
    FIELDS,
    Person,
    born,
    city,
    encoded,
    linked,
    quality,
    recorded,
    scores,
    typo,
    word,
)

Drawn = tuple[LinkInput, LinkInput, dict[int, int], list[dict[str, Any]]]


def families(people: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """A city in which one household in 25 has twins and one in 25 a father and a son of one name."""
    out: list[dict[str, Any]] = []
    while len(out) < people:
        home = {"last_name": word(rng, 3, 1.5), "address": f"{rng.integers(1, 900)} {word(rng, 3, 1)} street"}
        members = [{**home, **born(rng)} for _ in range(int(rng.integers(2, 5)))]
        kind = rng.random()
        if kind < 0.04:
            members[1] = {**members[1], **{k: members[0][k] for k in ("birth_year", "birth_month", "birth_day", "sex")}}
        elif kind < 0.08:
            members[1] = {**members[1], "first_name": members[0]["first_name"], "sex": members[0]["sex"]}
        out += members
    return out[:people]


def two_files(
    people: list[dict[str, Any]],
    n: int,
    both: int,
    rng: np.random.Generator,
    change: Any = None,
    errors: float = 0.1,
) -> Drawn:
    """Two files of ``n``, ``both`` in each; ``change(person, rng)`` is who somebody is in the second."""
    order = rng.permutation(len(people))
    a, b = order[:n], rng.permutation(np.concatenate([order[:both], order[n : 2 * n - both]]))

    def file(side: np.ndarray, changed: Any) -> list[Person]:
        return [recorded(changed(people[k], rng) if changed else people[k], rng, errors) for k in side]

    files = encoded(file(a, None), rng), encoded(file(b, change), rng)
    place = {int(k): number for number, k in enumerate(b)}
    truth = {number: place[int(k)] for number, k in enumerate(a) if int(k) in place}
    return *files, truth, [people[k] for k in a]


@pytest.mark.parametrize("both", [80, 200, 360])
def test_twins_and_a_son_of_his_fathers_name_are_not_the_same(both: int) -> None:
    rng = np.random.default_rng(both)
    a, b, truth, _ = two_files(families(800, rng), 400, both, rng)
    pair = linked(a, b).pairs[0]
    precision, recall, _ = scores(pair, truth)
    # With 80 in common there are as many twins and namesakes in the files as matches.
    assert precision > (0.85 if both == 80 else 0.94) and recall > 0.95
    assert abs(quality(pair, "expected_precision") - precision) < (0.15 if both == 80 else 0.04)
    assert abs(quality(pair, "expected_recall") - recall) < 0.06


def test_exchanged_names_are_found_and_only_by_the_key_of_either_order() -> None:
    rng = np.random.default_rng(5)

    def exchange(person: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        if person["exchanged"]:
            return {**person, "last_name": person["first_name"], "first_name": person["last_name"]}
        return person

    people = [{**person, "exchanged": rng.random() < 0.1, "address": "x"} for person in city(900, rng)]
    a, b, truth, in_a = two_files(people, 500, 300, rng, exchange, errors=0.03)
    a, b = (replace(side, fields={k: v for k, v in side.fields.items() if k != "address"}) for side in (a, b))

    def found(a: LinkInput, b: LinkInput) -> float:
        pair = linked(a, b).pairs[0]
        assert scores(pair, truth)[0] > 0.95
        right = {i for i, j in pair.links(pair.best) if truth.get(i) == j}
        those = [i for i in truth if in_a[i]["exchanged"]]
        assert len(those) > 20
        return len(right & set(those)) / len(those)

    without = [replace(side, keys={k: v for k, v in side.keys.items() if k != "either_order"}) for side in (a, b)]
    # A typing error in either name of a one-row person leaves nothing to find.
    assert found(a, b) > 0.8
    assert found(*without) < 0.5


def test_the_order_of_names_against_a_plain_look_at_them() -> None:
    rng = np.random.default_rng(6)
    names = [("ba", "ce"), ("ce", "ba"), ("ba", "di"), ("robert", "ce"), ("ce", "bob"), ("di", "di"), (None, "ba")]
    people = [[{"last_name": last, "first_name": first, "birth_year": 1990}] for last, first in names]
    a, b = encoded(people, rng), encoded(people, rng)
    order = next(field for field in compare_fields(a, b, rng) if field.name == "order")
    grid = np.divmod(np.arange(len(names) ** 2), len(names))
    formal = {"bob": "robert"}
    expected = [
        (
            len({*one, *other}) == 2
            and None not in (*one, *other)
            and one[0] != other[0]
            and (formal.get(one[0], one[0]), formal.get(one[1], one[1]))
            == (formal.get(other[1], other[1]), formal.get(other[0], other[0]))
        )
        or {one, other} == {("robert", "ce"), ("ce", "bob")}
        for one in names
        for other in names
    ]
    assert (order.levels(*grid) == expected).all()
    assert (replace(order, table=None).levels(*grid) == expected).all()


def test_no_exchanged_names_no_comparison() -> None:
    rng = np.random.default_rng(6)
    people = [[{"last_name": "ba", "first_name": "ce"}], [{"last_name": "di", "first_name": "fo"}]]
    assert "order" not in {f.name for f in compare_fields(encoded(people, rng), encoded(people, rng), rng)}


def test_women_who_changed_their_surname_are_found_as_men_are() -> None:
    found = {"female": [0, 0], "male": [0, 0]}
    for seed in range(2):
        rng = np.random.default_rng(100 + seed)

        def change(person: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
            marries = person["sex"] == "female" and rng.random() < 1 / 3
            return {**person, "last_name": word(rng, 3, 1.5)} if marries else person

        a, b, truth, in_a = two_files(city(800, rng), 500, 300, rng, change)
        pair = linked(a, b).pairs[0]
        assert scores(pair, truth)[0] > 0.96
        best = dict(pair.links(pair.best))
        for i, j in truth.items():
            found[in_a[i]["sex"]][0] += best.get(i) == j
            found[in_a[i]["sex"]][1] += 1
    women, men = (found[sex][0] / found[sex][1] for sex in ("female", "male"))
    # About 300 of each: a standard error of a share of .98 is .7 points.
    assert women > 0.95 and abs(women - men) < 0.03


def test_a_row_with_a_blank_does_not_hide_that_the_others_disagree() -> None:
    rng = np.random.default_rng(8)
    father = {"last_name": "salata", "first_name": "nivero", "birth_year": 1950, "birth_month": 2, "birth_day": 3}
    blank = {**father, "birth_year": None, "birth_month": None, "birth_day": None}
    son = {**father, "birth_year": 1981, "birth_month": 7, "birth_day": 9}
    others = [[{**p, "last_name": word(rng, 3, 1)}] for p in city(30, rng)]
    a, b = encoded([[father, blank], *others], rng), encoded([[son], *others], rng)
    fields = compare_fields(a, b, rng)
    weights = first_weights(fields, a, b, rng)
    column = [field.name for field in fields].index("birth_date")
    zero = np.zeros(1, dtype=np.int64)
    scored = score_pairs(fields, a, b, zero, zero, weights)
    level = scored.levels[:, column]
    rows = RowPairs.graded(fields, a, b, zero, zero)
    after, row_a, _ = rows.filled(column, (level, scored.row_a, scored.row_b), weights[column])
    # Oracle: the only comparison of dates there is.
    assert level[0] == 0 and after[0] == fields[column].levels(zero, zero)[0] > 0 and row_a[0] == 0


def test_a_file_without_dates_stays_without() -> None:
    rng = np.random.default_rng(8)
    a, b = (encoded([[{"last_name": "ba", "first_name": "ce"}] * 2, [{"last_name": "di"}]], rng) for _ in range(2))
    fields = compare_fields(a, b, rng)
    zero = np.zeros(1, dtype=np.int64)
    rows = RowPairs.graded(fields, a, b, zero, zero)
    for column, (field, weight) in enumerate(zip(fields, first_weights(fields, a, b, rng), strict=True)):
        if field.name == "birth_date":
            assert rows.filled(column, (np.zeros(1, np.uint8), zero, zero), weight)[0][0] == 0


@pytest.mark.parametrize(("n", "both"), [(100, 40), (300, 100), (500, 50), (500, 400)])
def test_whole_records_are_linked_and_judged_in_small_files(n: int, both: int) -> None:
    rng = np.random.default_rng(n + both)
    people = city(2 * n, rng)
    order = rng.permutation(len(people))
    a, b = order[:n], rng.permutation(np.concatenate([order[:both], order[n : 2 * n - both]]))
    fields = (*FIELDS, "middle_name")
    files = [
        encoded([recorded(people[k], rng, 0.08) for k in side], rng, profile="record", fields=fields) for side in (a, b)
    ]
    place = {int(k): number for number, k in enumerate(b)}
    truth = {number: place[int(k)] for number, k in enumerate(a) if int(k) in place}
    pair = linked(*files).pairs[0]
    precision, recall, _ = scores(pair, truth)
    # At 100 a side all pairs had p < .1 before; two or three links are three points there.
    assert precision > 0.85 and recall > 0.85
    assert abs(quality(pair, "expected_precision") - precision) < 0.1
    assert abs(pair.probability.sum() - both) < 0.15 * both + 3


def test_people_with_many_spellings_are_no_likelier_to_be_anybody() -> None:
    rng = np.random.default_rng(21)
    people = city(500, rng)
    order = rng.permutation(500)
    a, b = order[:300], rng.permutation(np.concatenate([order[:120], order[300:]]))

    def spelled(person: dict[str, Any]) -> Person:
        rows = []
        for _ in range(int(rng.choice([1, 10]))):
            row = dict(person)
            for name in ("last_name", "first_name"):
                if rng.random() < 0.3:
                    row[name] = typo(row[name], rng) if rng.random() < 0.5 else word(rng, 3, 1.5)
            rows.append({**row, "address": None})
        return rows

    files = [encoded([spelled(people[k]) for k in side], rng) for side in (a, b)]
    place = {int(k): number for number, k in enumerate(b)}
    truth = {number: place[int(k)] for number, k in enumerate(a) if int(k) in place}
    pair = linked(*files).pairs[0]
    _, recall, hit = scores(pair, truth)
    rows_a, rows_b = np.diff(files[0].spelling_start)[pair.i], np.diff(files[1].spelling_start)[pair.j]
    assert recall > 0.9
    for many in (rows_a * rows_b > 15, rows_a * rows_b == 1):
        # Expected and true number of matches in the class; four standard errors of what is uncertain, and a little.
        p = pair.probability[many]
        assert abs(p.sum() - hit[many].sum()) < 4 * np.sqrt((p * (1 - p)).sum()) + 2
