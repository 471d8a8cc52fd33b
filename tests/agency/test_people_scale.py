"""Persons at scale: each short cut against the long way, and nothing hangs on threads or on the order of rows."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import worlds
from juncture.agency.people.bags import digit_bags, letter_bags
from juncture.agency.people.comparisons import BLOCKS, COMPARISONS, REFINEMENTS
from juncture.agency.people.nodes import spelling_nodes
from juncture.agency.people.normalise import load_no_home
from juncture.agency.people.resolve import resolve
from juncture.agency.people.splink_adapter import _affordable, open_scorer
from juncture.base.report import silent

PEOPLE = worlds.population(400, 21)
MENTIONS, TRUTH = worlds.mentions(1_200, PEOPLE, 22)
#: What a short cut adds to a condition; the long way is without it.
SHORT_CUT = re.compile(r"coalesce\(bit_count\(xor\([^)]*\)\) <= .*?, true\) AND ")


def slow_bag(text: str, each: int, symbols: str) -> Counter[str]:
    return Counter(
        {c: min(n, each if c.isalpha() or each == 6 else 1) for c, n in Counter(text).items() if c in symbols}
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abcdeé 0123", max_size=12), min_size=2, max_size=12))
def test_bags_differ_by_the_letters_that_differ(texts: list[str]) -> None:
    bags = letter_bags(pa.array(texts)).to_pylist()
    counts = [slow_bag(text, 2, "abcdefghijklmnopqrstuvwxyz0123456789") for text in texts]
    for text, bag, count in zip(texts, bags, counts, strict=True):
        assert (bag is None) == (not text.isascii())
        for other, second in zip(bags, counts, strict=True):
            if bag is not None and other is not None:
                assert (bag ^ other).bit_count() == ((count - second) + (second - count)).total()


def test_bags_of_numbers_and_of_nothing() -> None:
    one, two, none = digit_bags(pa.array(["19800101", "19810101", None])).to_pylist()
    assert (one ^ two).bit_count() == 2  # a 0 less, a 1 more
    assert none is None
    assert len(letter_bags(pa.array([], pa.string()))) == 0


def test_a_short_cut_decides_as_the_long_way() -> None:
    """Each comparison, on pairs of like and unlike spellings, with and without the bags."""
    table = spelling_nodes(MENTIONS, load_no_home(), "none").table
    con = duckdb.connect()
    con.register("s", table)
    names = [name for name in table.column_names if name != "id"]
    sides = [
        f"(SELECT id AS i_{z}, " + ", ".join(f"{n} AS {n}_{z}" for n in names) + f" FROM s) {z}" for z in ("l", "r")
    ]
    cut = 0
    for comparison in COMPARISONS:
        fast = comparison.value_sql()
        slow = SHORT_CUT.sub("", fast)
        cut += fast != slow
        found = con.execute(
            f"SELECT count(*), count(*) FILTER (a IS DISTINCT FROM b) FROM (SELECT {fast} AS a, {slow} AS b FROM "
            f"{sides[0]}, {sides[1]} WHERE i_l < i_r AND (i_l * 31 + i_r) % 3 = 0)"
        ).fetchall()[0]
        assert found[0] > 100_000
        assert found[1] == 0, comparison.name
    assert cut >= 4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 3_000), max_size=40), st.integers(1, 2_000_000))
def test_affordable_against_adding_up(sizes: list[int], count: int) -> None:
    con = duckdb.connect()
    con.register("given_sizes", pa.table({"n": pa.array(sizes, pa.int64())}))
    most = _affordable(con, "given_sizes", count)
    budget = max(2_000_000, 3 * count)
    total = sum(n * (n - 1) // 2 for n in sizes if n <= most)
    assert total <= budget
    larger = [n for n in sizes if n > most]
    if larger:
        assert total + sum(n * (n - 1) // 2 for n in sizes if n == min(larger)) > budget


def test_every_rule_says_how_a_large_block_is_split() -> None:
    assert {block.name for block in BLOCKS} == set(REFINEMENTS)


def test_a_block_that_is_split_for_its_pairs_alone_loses_no_part(tmp_path: Path) -> None:
    """Two thousand and fifty namesakes of one birth year are two million pairs: split by the year, and all kept."""
    count = 2_050
    rows = pa.table(
        {
            "last_name": ["reed"] * count,
            "first_name": ["carol"] * count,
            "birth_year": pa.array([1900 + i % 100 for i in range(count)], pa.int16()),
            "phone": [f"555{i:07d}" for i in range(count)],
        }
    )
    table = spelling_nodes(rows, load_no_home(), "none").table
    how = {"memory_limit": "1GB", "threads": 1, "progress": silent}
    with open_scorer(table, spill_dir=tmp_path / "spill", cap=5_000, **how) as scorer:
        names = next(over for over in scorer.over_cap if over.rule == "names")
    assert (names.split, names.dropped, names.spellings) == (1, 0, 0)


@pytest.mark.parametrize("threads", [2])
def test_people_are_the_same_whatever_the_threads_and_the_order(threads: int, tmp_path: Path) -> None:
    def parts(person: np.ndarray) -> set[frozenset[int]]:
        return {frozenset(np.flatnonzero(person == p).tolist()) for p in np.unique(person[person >= 0])}

    one = resolve(MENTIONS, number_trust="none", spill_dir=tmp_path / "a", threads=1)
    order = np.random.default_rng(3).permutation(MENTIONS.num_rows)
    two = resolve(MENTIONS.take(pa.array(order)), number_trust="none", spill_dir=tmp_path / "b", threads=threads)
    back = np.empty_like(two.person)
    back[order] = two.person
    assert parts(one.person) == parts(back)
    assert one.people == two.people and one.pairs_compared == two.pairs_compared
    assert not list((tmp_path / "a").iterdir())
