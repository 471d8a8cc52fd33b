"""How the linkage benchmark scores, against plain loops over pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from benchmarks.linkage.datasets import Dataset, Records, most_complete
from benchmarks.linkage.scores import Truth, best_by_people, calibration, one_to_one

from benchmarks import worlds


@pytest.fixture(scope="module")
def data() -> Dataset:
    a, b, truth = worlds.two_files(60, 50, 20, 3)
    sex = np.array(["female", "male"] * 30, dtype=object)
    return Dataset("tiny", "tiny", a, b, truth, sex, ("last_name",), ("last_name", "birth_year"))


def test_links_are_scored_as_a_loop_would(data: Dataset) -> None:
    i, j = np.divmod(np.random.default_rng(1).permutation(60 * 50)[:400], 50)
    pairs, true = set(zip(i.tolist(), j.tolist(), strict=True)), set(map(tuple, data.truth.tolist()))
    score = Truth(data).score(i, j)
    assert score.precision == len(pairs & true) / len(pairs) and score.recall == len(pairs & true) / len(true)
    women = {pair for pair in true if pair[0] % 2 == 0}
    assert score.recall_women == len(pairs & women) / len(women)


def test_the_best_threshold_is_the_best_of_all_thresholds(data: Dataset) -> None:
    rng = np.random.default_rng(2)
    i, j = np.divmod(np.arange(60 * 50), 50)
    truth = Truth(data)
    weight = np.round(rng.normal(2.5 * truth.is_match(i, j), 1), 1)
    best, threshold = truth.best_threshold(i, j, weight)
    tried = [truth.score(i[weight >= t], j[weight >= t]).f1 for t in np.unique(weight)]
    assert best.f1 == pytest.approx(max(tried), abs=1e-12)
    assert truth.score(i[weight >= threshold], j[weight >= threshold]).f1 == pytest.approx(best.f1, abs=1e-12)


def test_pairs_of_records_are_scored_as_a_loop_over_records_would(data: Dataset) -> None:
    rng = np.random.default_rng(3)
    members = tuple([[f"t{k}" for k in rng.integers(0, 30, 3)] for _ in range(n)] for n in (60, 50))
    loose = (["t1", "t2", ""], ["t2"])
    sex = {f"t{k}": "female" if k < 10 else "male" for k in range(30)}
    records = replace(data, records=Records((members[0], members[1]), loose, sex))
    i, j = np.divmod(rng.permutation(60 * 50)[:200], 50)
    flat = [
        [(who, p) for p, person in enumerate(side) for who in person] + [(who, -1) for who in rest]
        for side, rest in zip(members, loose, strict=True)
    ]
    linked = set(zip(i.tolist(), j.tolist(), strict=True))
    hits = claimed = total = women = hit_women = 0
    for who, p in flat[0]:
        for other, q in flat[1]:
            true = who == other and who != ""
            total += true
            claimed += (p, q) in linked
            hits += true and (p, q) in linked
            women += true and sex[who] == "female"
            hit_women += true and (p, q) in linked and sex[who] == "female"
    score = Truth(records).score(i, j)
    assert (score.precision, score.recall) == (hits / claimed, hits / total)
    assert score.recall_women == hit_women / women


def test_one_to_one_keeps_the_best_link_of_each_person() -> None:
    i, j, weight = np.array([0, 0, 1, 2]), np.array([0, 1, 0, 1]), np.array([3.0, 2.5, 2.9, 1.0])
    assert one_to_one(i, j, weight).tolist() == [0, 3]
    best = best_by_people(np.array([1, 0, 1]), np.array([2, 5, 2]), np.array([1.0, 2, 4]))
    assert [part.tolist() for part in best] == [[0, 1], [5, 2], [2, 4]]


def test_bins_count_every_pair_once() -> None:
    rng = np.random.default_rng(4)
    probability = np.r_[rng.random(500), 0.0, 0.8, 0.9, 1.0]
    table = calibration(probability, probability > 0.5)
    assert sum(one.pairs for one in table) == 504
    eighty = next(one for one in table if one.low == 0.8)
    assert eighty.pairs == sum(0.8 <= p < 0.9 for p in probability.tolist()) == eighty.true


def test_a_cut_keeps_the_share_of_common_people_and_who_is_who(data: Dataset) -> None:
    cut = data.cut(30, 5)
    assert cut.people == (30, 30) and len(cut.truth) == round(30 * 20 / 50)
    spelled = [
        {(row["person"]): (row["birth_year"], row["ssn4"], row["last_name"]) for row in table.to_pylist()}
        for table in (cut.a, data.a)
    ]
    assert set(spelled[0].values()) <= set(spelled[1].values())
    # The pairs of the cut are pairs of the whole: by the spellings, which hardly anybody shares.
    whole = {
        (tuple(map(str, _rows(data.a, i))), tuple(map(str, _rows(data.b, j)))) for i, j in data.truth.tolist()
    }  # fmt: skip
    assert all(
        (tuple(map(str, _rows(cut.a, i))), tuple(map(str, _rows(cut.b, j)))) in whole for i, j in cut.truth.tolist()
    )


def test_the_most_complete_record_of_each_person_is_taken(data: Dataset) -> None:
    names = ("last_name", "address", "phone")

    def filled(row: dict[str, object]) -> int:
        return sum(row[name] is not None for name in names)

    one = most_complete(data.a, names).to_pylist()
    assert [row["person"] for row in one] == list(range(60))
    every = data.a.to_pylist()
    assert all(filled(row) == max(filled(r) for r in every if r["person"] == row["person"]) for row in one)


def _rows(table: pa.Table, person: int) -> list[dict[str, object]]:
    return [{k: v for k, v in row.items() if k != "person"} for row in table.to_pylist() if row["person"] == person]
