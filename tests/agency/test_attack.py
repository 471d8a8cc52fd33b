"""Attacks on encodings: what is weak falls, what is strong does not."""

from __future__ import annotations

import csv
import hmac
import secrets
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from juncture.agency.attack.decipher import components, soft_matching
from juncture.agency.attack.dictionary import guessable_secrets
from juncture.agency.attack.outcome import Findings, membership, poisson_quantile, wilson
from juncture.agency.attack.people_list import numbered, one_row_each, read_list, rows_of_people
from juncture.agency.attack.run import EXACT, EXPORT, SUPPLIED, attack, listings
from juncture.agency.attack.seen import Encoder, undo_rule_90
from juncture.agency.encoding.encode import Encoding, Profile, encode, rule_90
from juncture.agency.people.spellings import SPELLING_FIELDS
from juncture.base.errors import InputError
from juncture.formats.link import EncodedField

FIELDS = ("last_name", "first_name", "birth_date", "sex", "address")
AGREEMENT = "a" * 96


def double_hashed(tokens: Sequence[str], keys: tuple[bytes, bytes], each: int, length: int) -> NDArray[np.uint8]:
    """A Bloom filter by double hashing (Schnell, Bachteler and Reiher 2009): positions h1 + i h2, packed bits.

    As clkhash 0.18.3 makes it; ``benchmarks/attacks/run.py`` holds this to clkhash itself.
    """
    bits = np.zeros(length, dtype=np.uint8)
    for token in tokens:
        h1 = int.from_bytes(hmac.digest(keys[0], token.encode(), "sha1"), "big") % length
        h2 = int.from_bytes(hmac.digest(keys[1], token.encode(), "md5"), "big") % length
        bits[[(h1 + i * h2) % length for i in range(each)]] = 1
    return np.packbits(bits)


@cache
def town(people: int = 600) -> pa.Table:
    """A row a person: 150 surnames and 80 first names made of syllables, frequent ones the more so."""
    rng = np.random.default_rng(5)
    syllables = [c + v for c in "bdfgklmnprstvw" for v in "aeiou"]
    words = ["".join(rng.choice(syllables, rng.integers(2, 5))) for _ in range(260)]
    last, first, street = words[:150], words[150:230], words[230:]

    def some(names: list[str]) -> list[str]:
        weight = 1 / (np.arange(len(names)) + 3)
        return [names[i] for i in rng.choice(len(names), people, p=weight / weight.sum())]

    columns: dict[str, list[object]] = dict.fromkeys(SPELLING_FIELDS, [None] * people)
    columns |= {"last_name": [*some(last)], "first_name": [*some(first)]}
    columns["birth_year"] = rng.integers(1940, 2005, people).tolist()
    columns["birth_month"] = rng.integers(1, 13, people).tolist()
    columns["birth_day"] = rng.integers(1, 29, people).tolist()
    columns["sex"] = rng.choice(["f", "m"], people).tolist()
    columns["address"] = [f"{rng.integers(1, 400)} {rng.choice(street)} st" for _ in range(people)]
    kinds = {"birth_year": pa.int16(), "birth_month": pa.int8(), "birth_day": pa.int8()}
    return numbered(pa.table({name: pa.array(cells, kinds.get(name, pa.string())) for name, cells in columns.items()}))


def product(profile: Profile) -> Encoder:
    def make(table: pa.Table, secret: bytes) -> Encoding:
        return encode(table, secret=secret, project="town", agreement_id=AGREEMENT, profile=profile, fields=FIELDS)

    return make


def clk(table: pa.Table, secret: bytes) -> Encoding:
    """Plain double-hashed CLKs of names and birth date, a row a person."""
    keys = (hmac.digest(secret, b"one", "sha256"), hmac.digest(secret, b"two", "sha256"))
    names = ("last_name", "first_name", "birth_year", "birth_month", "birth_day")
    rows = []
    for cells in zip(*(table[name].to_pylist() for name in names), strict=True):
        tokens = [
            f"{name[:7]}{a}{b}" for name, cell in zip(names, cells, strict=True) for a, b in pairwise(f" {cell} ")
        ]
        rows.append(double_hashed(tokens, keys, 15, 1024))
    start = np.arange(table.num_rows + 1, dtype=np.int32)
    return Encoding(start, {"clk": EncodedField(np.array(rows), np.ones(len(rows), dtype=np.bool_))}, {})


def attacked(make: Encoder, secret: bytes | None = None) -> Findings:
    """All attacks on 350 of the town's 600 people."""
    people = np.random.default_rng(8).permutation(600)[:350]
    package = make(numbered(town().take(pa.array(people))), secret or secrets.token_bytes(32))
    guesses = guessable_secrets("town", AGREEMENT)
    return attack(package, listings(town(), people), make, guesses=guesses, rng=np.random.default_rng(2))


def share(found: Findings, name: str, against: str = EXPORT) -> float:
    return next(one.share for one in found.outcomes if (one.attack, one.against) == (name, against))


@cache
def of(profile: Profile) -> Findings:
    return attacked(product(profile))


def test_double_hashed_clks_fall_to_graph_matching() -> None:
    found = attacked(clk)
    assert share(found, "graph matching") > 0.7
    assert share(found, "graph matching", EXACT) > 0.7
    assert share(found, "guessed keys") == 0


@pytest.mark.parametrize("make", [clk, product("field"), product("record"), product("tags")])
def test_a_secret_left_at_a_default_gives_everybody_away(make: Encoder) -> None:
    assert share(attacked(make, secret=bytes(32)), "guessed keys") > 0.99


@pytest.mark.parametrize("profile", ["field", "record"])
def test_likeness_gives_the_old_profiles_away(profile: Profile) -> None:
    assert of(profile).worst.attack == "graph matching"
    assert of(profile).worst.beyond > 0.5


def test_frequencies_and_patterns_alone_break_encodings_of_single_fields() -> None:
    assert share(of("field"), "frequency alignment", EXACT) > 0.2
    assert share(of("field"), "bit patterns", EXACT) > 0.1


def test_tags_stay_near_the_guesser() -> None:
    """On the same people and with the same attacks as the profiles above."""
    assert of("tags").worst.beyond <= 0.01
    told = of("tags").memberships[0]
    assert 0.4 < told.auc < 0.6


def test_membership_is_told_from_encodings_that_show_likeness() -> None:
    assert of("field").memberships[0].auc > 0.9


@given(st.integers(0, 2**32 - 1), st.integers(1, 64))
def test_rule_90_is_undone(seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    bits = rng.random((5, 512)) < 0.1 + 0.3 * rng.random()
    rows = np.packbits(bits, axis=1)
    # Each of the two chains must be the sparser of the pair that the rule leaves open.
    sparse = (bits[:, ::2].mean(axis=1) < 0.5) & (bits[:, 1::2].mean(axis=1) < 0.5)
    assert np.array_equal(undo_rule_90(rule_90(rows))[sparse], rows[sparse])


def test_components_keep_distances_against_numpy_svd() -> None:
    rows = (np.random.default_rng(0).random((60, 40)) < 0.3).astype(np.float32)
    mine = components(rows, 40, np.random.default_rng(1)).astype(np.float64)
    centred = (rows - rows.mean(axis=0)).astype(np.float64)
    scale = np.sqrt(len(rows)) / np.linalg.svd(centred, compute_uv=False)[0]
    # float32 inside, so 1e-3 of the largest product.
    assert np.allclose(mine @ mine.T, centred @ centred.T * scale**2, atol=2e-3 * np.abs(mine @ mine.T).max())


def test_soft_matching_is_a_matching() -> None:
    score = np.random.default_rng(3).normal(size=(20, 30)).astype(np.float32)
    soft = soft_matching(score, 0.5)
    assert np.allclose(soft.sum(axis=1), 1, atol=1e-5)
    # Everybody looks most like the first: without the columns' limit he would be matched with all.
    score[:, 0] += 5
    alone = np.exp(score * 2 - (score * 2).max(axis=1, keepdims=True))
    alone /= alone.sum(axis=1, keepdims=True)
    assert alone[:, 0].sum() > 15
    assert soft_matching(score, 0.5)[:, 0].sum() < 2
    entropy = -(soft * np.log(soft + 1e-12)).sum(axis=1).mean()
    assert entropy < 0.8


def test_wilson_against_the_textbook() -> None:
    """Newcombe (1998), table I: 81 of 263, 0.2553 to 0.3662; 0 of 20, 0 to 0.1611."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_poisson_quantile_by_the_sum_of_its_terms() -> None:
    """P(X <= 2) is .9197, P(X <= 3) .9810, P(X <= 4) .9963 at mean 1."""
    assert [poisson_quantile(1.0, p) for p in (0.9, 0.95, 0.99)] == [2, 3, 4]
    assert poisson_quantile(0.0, 0.99) == 0


def test_membership_by_counting_pairs() -> None:
    score, inside = np.array([3, 1, 2, 2, 0], dtype=np.float32), np.array([1, 1, 0, 0, 0], dtype=np.bool_)
    told = membership(score, inside, "a list")
    assert told is not None
    slow = np.mean([float(a > b) + 0.5 * float(a == b) for a in score[inside] for b in score[~inside]])
    assert told.auc == pytest.approx(slow, abs=1e-12)
    assert membership(score, np.ones(5, dtype=np.bool_), "a list") is None


@pytest.fixture
def written(tmp_path: Path) -> Callable[[list[list[str]]], Path]:
    def write(rows: list[list[str]]) -> Path:
        with (tmp_path / "list.csv").open("w", encoding="utf-8", newline="") as handle:
            csv.writer(handle).writerows(rows)
        return tmp_path / "list.csv"

    return write


def test_a_list_is_read_and_its_people_are_found(written: Callable[[list[list[str]]], Path]) -> None:
    rows = [["last_name", "party", "first_name", "birth_date", "sex", "address"]]
    known = town().slice(0, 3).to_pylist()
    for one in known[:2]:
        date = f"{one['birth_year']}-{one['birth_month']:02}-{one['birth_day']:02}"
        rows.append([one["last_name"].upper(), "x", one["first_name"], date, "F", ""])
    rows.append([known[2]["last_name"], "", known[2]["first_name"], "", "", known[2]["address"].upper()])
    rows += [["Nobody", "", "Elsewhere", "01/31/1950", "m", "1 Other St"]] * 2
    listed = read_list(written(rows))
    assert listed.num_rows == 4
    found = rows_of_people(listed, town(), 600)
    assert [listed["last_name"][int(found[i])].as_py() for i in range(3)] == [one["last_name"] for one in known]
    assert (found[3:] >= 0).sum() == 0


def test_a_supplied_list_counts_like_the_stand_in() -> None:
    people = np.arange(100)
    found = listings(town(), people, numbered(town().slice(50, 100)))
    assert [(one.name, one.counts) for one in found] == [(EXPORT, True), (EXACT, False), (SUPPLIED, True)]
    assert (found[2].truth >= 0).sum() == 50


def test_one_row_each_fills_blanks_from_other_spellings() -> None:
    rows = town().slice(0, 2).to_pylist()
    first = dict(rows[0], person=0, address=None)
    table = pa.Table.from_pylist([first, dict(rows[0], person=0, first_name="zz"), dict(rows[1])], schema=town().schema)
    one = one_row_each(table).to_pylist()
    assert (one[0]["first_name"], one[0]["address"]) == (rows[0]["first_name"], rows[0]["address"])
    assert one[1] == dict(rows[1], person=1)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["name", "birth_date"], ["Secretname", "x"]], "no last_name and no first_name"),
        ([["last_name", "first_name"]], "holds nobody"),
        ([["last_name", "first_name"], ["Secretname"]], "as many cells"),
        ([["last_name", "first_name"], ["", "Secretname"]], "both a last and a first name"),
        ([["last_name", "first_name", "birth_date"], ["Secretname", "b", "19 May"]], "dates cannot be read"),
        ([], "must name the columns"),
    ],
)
def test_what_is_no_list_is_refused_without_a_cell(
    written: Callable[[list[list[str]]], Path], rows: list[list[str]], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_list(written(rows))
    assert said in str(caught.value)
    assert "Secretname" not in str(caught.value)
    assert "19 May" not in str(caught.value)


def test_a_list_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"last_name,first_name\n\xff\xfe\x00,b\n")
    with pytest.raises(InputError):
        read_list(tmp_path / "list.csv")


def test_a_long_list_is_cut_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("juncture.agency.attack.run.MOST_LISTED", 120)
    monkeypatch.setattr("juncture.agency.attack.run.MOST_PEOPLE", 80)
    people, make = np.arange(100), product("tags")
    package = make(numbered(town().slice(0, 100)), secrets.token_bytes(32))
    found = attack(package, listings(town(), people)[:1], make, guesses=(), rng=np.random.default_rng(2))
    assert found.sampled
    assert {(one.people, one.listed) for one in found.outcomes} == {(80, 120)}
