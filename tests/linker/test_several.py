"""Three agencies: draws and groups are partitions, and what two links say is carried to the third."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from juncture.linker.match import link
from juncture.linker.several import Links, agree
from tests.linker.test_match import city, encoded, recorded


def chain(third: float | None, *, draws: int = 1) -> list[Links]:
    """One person at each of three agencies, the first two links on in every draw; ``third``: weight of the last."""
    nobody, zero = np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
    on = np.ones((draws, 1), dtype=np.bool_)
    sure = Links(0, 1, zero, zero, np.array([14.0]), np.array([9.0]), on)
    likely = Links(1, 2, zero, zero, np.array([8.0]), np.array([2.0]), on)
    if third is None:
        return [sure, Links(0, 2, nobody, nobody, np.zeros(0), np.zeros(0), np.zeros((draws, 0), np.bool_)), likely]
    last = Links(0, 2, zero, zero, np.array([third]), np.array([third - 7]), ~on)
    return [sure, last, likely]


def test_a_third_link_comes_as_often_as_the_odds_of_all_three_say() -> None:
    found = agree(chain(-1.0, draws=4_000), [1, 1, 1], np.random.default_rng(1))
    # Oracle by hand: given A = B, odds of B = C of exp(2) times what A and C say, exp(-1).
    expected = 1 / (1 + np.exp(-1.0))
    assert abs(found[1][0].mean() - expected) < 0.03
    assert (found[1][0] == found[2][0]).all() and found[0][0].all()


@pytest.mark.parametrize(("third", "kept"), [(3.0, True), (-1.0, True), (-9.0, False)])
def test_the_best_matching_takes_the_better_side(third: float, kept: bool) -> None:
    found = agree(chain(third), [1, 1, 1], None)
    assert found[0][0].all() and bool(found[2].get(0, np.zeros(1))[0]) == kept == bool(found[1].get(0, np.zeros(1))[0])


def test_a_pair_too_improbable_to_be_kept_counts_against() -> None:
    assert not agree(chain(None), [1, 1, 1], None)[2].get(0, np.zeros(1)).any()


def test_two_people_of_one_agency_stay_two_where_a_chain_would_make_them_one() -> None:
    one, two = np.array([0, 0]), np.array([0, 1])
    on = np.ones((1, 1), dtype=np.bool_)
    zero = np.zeros(1, dtype=np.int64)
    links = [
        Links(0, 1, zero, zero, np.array([14.0]), np.array([9.0]), on),
        Links(0, 2, one, two, np.array([9.0, 9.0]), np.array([1.0, 2.0]), np.array([[False, True]])),
        Links(1, 2, zero, zero, np.array([13.0]), np.array([6.0]), on),
    ]
    found = agree(links, [1, 1, 2], None)
    assert found[2][0].all() and found[1][0].all() and not found[1].get(1, np.zeros(1)).any()


def test_draws_and_best_matchings_of_three_agencies_are_partitions_and_evidence_travels() -> None:
    rng = np.random.default_rng(31)
    people = city(150, rng)
    orders = {name: rng.permutation(150)[:120] for name in ("ems", "jail", "police")}
    files = {}
    for name, order in orders.items():
        # The jail knows no address and no first name, the ambulance no birth date: these two alone can hardly tell.
        dates = ("birth_year", "birth_month", "birth_day")
        lost = {"ems": dates, "jail": ("address", "first_name"), "police": ()}[name]
        rows = [[{**row, **dict.fromkeys(lost)} for row in recorded(people[k], rng, 0.05)] for k in order]
        files[name] = encoded(rows, rng)
    linkage = link(files, draws=10, rng=np.random.default_rng(2))
    place = {name: {int(k): n for n, k in enumerate(order)} for name, order in orders.items()}

    for draw in [*range(10), None]:
        near: dict[tuple[str, int], set[tuple[str, int]]] = defaultdict(set)
        for pair in linkage.pairs:
            for i, j in pair.links(pair.best if draw is None else pair.draws[draw]):
                near[pair.a, i].add((pair.b, j))
                near[pair.b, j].add((pair.a, i))
        for node, others in near.items():
            for other in others:
                assert {far for far in near[other] if far[0] != node[0]} <= others, "A = B and B = C, but not A = C"
    pair = next(pair for pair in linkage.pairs if (pair.a, pair.b) == ("ems", "jail"))
    true = {(n, place["jail"][k]) for k, n in place["ems"].items() if k in place["jail"]}
    via = {(n, place["jail"][k]) for k, n in place["ems"].items() if k in place["jail"] and k in place["police"]}
    at = dict(zip(zip(pair.i.tolist(), pair.j.tolist(), strict=True), pair.probability, strict=True))
    by_itself = link({n: files[n] for n in ("ems", "jail")}, draws=10, rng=np.random.default_rng(2)).pairs[0]
    alone = dict(zip(zip(by_itself.i.tolist(), by_itself.j.tolist(), strict=True), by_itself.probability, strict=True))
    together, apart = (np.mean([p.get(one, 0.0) for one in via]) for p in (at, alone))
    assert together > apart + 0.2 and together > 0.8
    found = set(pair.links(pair.best))
    # Relatives are hard to tell from a surname and a sex alone; measured .86.
    assert len(found & true) >= 0.8 * len(found)
    assert len(found & via) > len(set(by_itself.links(by_itself.best)) & via)


def test_two_agencies_are_left_as_they_are() -> None:
    rng = np.random.default_rng(3)
    people = city(60, rng)
    a, b = (encoded([recorded(p, rng, 0.1) for p in people], rng) for _ in range(2))
    pair = link({"a": a, "b": b}, draws=3, rng=np.random.default_rng(1)).pairs[0]
    assert (replace(pair).probability == pair.probability).all() and np.isfinite(pair.weight).all()
