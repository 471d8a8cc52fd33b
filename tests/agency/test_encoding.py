"""Encodings: what they keep apart, what they grade, and what they never hold."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from juncture.agency.encoding import LINKABLE, Encoding, encode
from juncture.agency.encoding.bulk import one_by_one, taken, token_table
from juncture.agency.encoding.encode import rule_90
from juncture.agency.encoding.hashing import Positions, bit_rows, cmac_blocks, derive_key
from juncture.agency.encoding.keys import FIELD_KEYS, RECIPES, RECORD_KEYS, soundex
from juncture.agency.encoding.tokens import TOKENS, Token, house_number, street_prefix
from juncture.base.errors import UsageError
from juncture.kernels import bits

SECRET = bytes(range(32))
TEXTS = ("last_name", "first_name", "middle_name", "sex", "address", "zip", "phone", "ssn4")
ANNA: dict[str, Any] = {
    "last_name": "smith",
    "first_name": "robert",
    "middle_name": "j",
    "birth_year": 1987,
    "birth_month": 4,
    "birth_day": 19,
    "sex": "male",
    "address": "12 oak street",
    "zip": "02139",
    "phone": "6175551234",
    "ssn4": "1234",
}


def spellings(*rows: dict[str, Any]) -> pa.Table:
    columns: dict[str, pa.Array] = {"person": pa.array([r.get("person", k) for k, r in enumerate(rows)], pa.int32())}
    for name in TEXTS:
        columns[name] = pa.array([row.get(name) for row in rows], pa.string())
    columns["birth_year"] = pa.array([row.get("birth_year") for row in rows], pa.int16())
    for name in ("birth_month", "birth_day"):
        columns[name] = pa.array([row.get(name) for row in rows], pa.int8())
    return pa.table(columns)


def encoded(*rows: dict[str, Any], **changes: Any) -> Encoding:
    arguments: dict[str, Any] = {
        "secret": SECRET,
        "project": "p",
        "agreement_id": "a",
        "profile": "field",
        "fields": LINKABLE,
    }
    return encode(spellings(*rows), **{**arguments, **changes})


def similar(field: str, one: str, other: str, *, overlap: bool = False) -> float:
    positions = Positions(SECRET, 1_024, 14)
    rows, _ = bit_rows([one, other], TOKENS[field], positions)
    count = bits.popcount(rows)
    shared = bits.shared_pairs(rows, rows, np.array([0]), np.array([1]))
    return float(bits.over_chance(shared, count[:1], count[1:], 1_024, overlap=overlap)[0])


@pytest.mark.parametrize("profile", ["field", "record"])
def test_equal_arguments_give_equal_encodings_whatever_else_is_in_the_file(profile: str) -> None:
    one = encoded(ANNA, {"last_name": "ng"}, profile=profile)
    other = encoded({"last_name": "jones", "first_name": "al"}, ANNA, profile=profile)
    for name, field in one.fields.items():
        assert (field.bits[0] == other.fields[name].bits[1]).all()
        assert field.present[0] == other.fields[name].present[1]
    for name, key in one.keys.items():
        assert key.present[0] and (key.bits[0] == other.keys[name].bits[1]).all()


@pytest.mark.parametrize("change", [{"secret": bytes(32)}, {"project": "q"}, {"agreement_id": "b"}])
def test_another_secret_project_or_agreement_cannot_be_compared(change: dict[str, Any]) -> None:
    one, other = encoded(ANNA), encoded(ANNA, **change)
    for name, field in one.fields.items():
        if field.bits.shape[1]:
            count = bits.popcount(field.bits), bits.popcount(other.fields[name].bits)
            shared = bits.shared_pairs(field.bits, other.fields[name].bits, np.array([0]), np.array([0]))
            # A single pair of unrelated rows: chance alone, a few standard deviations wide.
            assert name == "sex" or bits.over_chance(shared, *count, field.bits.shape[1] * 8)[0] < 0.35
            assert (field.bits != other.fields[name].bits).any()
    for name, key in one.keys.items():
        assert (key.bits != other.keys[name].bits).any()


@pytest.mark.parametrize("profile", ["field", "record"])
def test_a_blank_is_never_encoded(profile: str) -> None:
    blank = encoded({}, dict.fromkeys(TEXTS, " "), {"last_name": "-"}, profile=profile)
    for field in (*blank.fields.values(), *blank.keys.values()):
        assert not field.present.any() and not field.bits.any()


def test_a_key_that_needs_a_missing_part_is_absent() -> None:
    keys = encoded({**ANNA, "birth_day": None, "address": "the shelter"}).keys
    there = {name for name, key in keys.items() if key.present[0]}
    assert there == {"sound_year", "names", "either_order", "sounds", "last_zip", "phone", "ssn4_year", "ssn4_last"}
    assert all(not key.bits[0].any() for name, key in keys.items() if name not in there)


def test_only_agreed_fields_are_encoded() -> None:
    some = encoded(ANNA, fields=("last_name", "birth_date"))
    assert set(some.fields) == {"last_name", "birth_date", "birth_year", "birth_month", "birth_day"}
    assert set(some.keys) == {"last_date", "last_day_year"}


def test_a_record_holds_one_encoding_and_otherwise_masks() -> None:
    record = encoded(ANNA, {"last_name": "ng"}, profile="record")
    assert [name for name, field in record.fields.items() if field.bits.shape[1]] == ["record"]
    assert record.fields["first_name"].present.tolist() == [True, False]


def test_the_grades_of_a_birth_date() -> None:
    """Equal, a day wrong, day and month transposed, a digit and the month wrong, nothing in common."""
    base = "1987-4-19"
    grades = [
        similar("birth_date", base, other) for other in (base, "1987-4-18", "1987-19-4", "1957-8-19", "1962-8-23")
    ]
    assert grades[0] == 1
    assert all(high > low + 0.01 for high, low in pairwise(grades))
    assert similar("birth_date", base, "1988-4-19") > similar("birth_date", base, "1962-4-19") + 0.1


def test_a_partial_date_lies_inside_the_full_one() -> None:
    # Not exactly 1: tokens of either date may share positions, which chance already counts.
    assert similar("birth_date", "1987-4-19", "1987--", overlap=True) > 0.99
    assert similar("birth_date", "1987-4-19", "-4-19", overlap=True) < 1.01
    assert similar("birth_date", "1987-4-19", "1986--", overlap=True) < 0.85
    masks = encoded({**ANNA, "birth_day": None}).fields
    assert masks["birth_date"].present[0] and masks["birth_year"].present[0] and not masks["birth_day"].present[0]


def test_short_forms_share_a_formal_name() -> None:
    forms = encoded(ANNA, {"first_name": "bob"}, {"first_name": "maria"}).fields["first_forms"].bits
    bob, maria = (int(np.bitwise_count(forms[0] & forms[k]).sum()) for k in (1, 2))
    assert bob >= 14 > maria


def test_street_types_say_nothing() -> None:
    assert similar("address", "12 oak street", "12 oak st") == 1
    assert similar("address", "12 oak street", "12 elm street") < 0.8
    assert similar("address", "12 oak street", "91 elm street") < 0.3


@pytest.mark.parametrize(
    ("name", "code"),
    # Oracle: examples of the National Archives' Soundex page.
    [("washington", "w252"), ("lee", "l000"), ("gutierrez", "g362"), ("pfister", "p236"), ("jackson", "j250"),
     ("tymczak", "t522"), ("ashcraft", "a261")],
)  # fmt: skip
def test_soundex(name: str, code: str) -> None:
    assert soundex(name) == code


@pytest.mark.parametrize(
    "change", [{"fields": ("eye_colour",)}, {"fields": ()}, {"secret": b"short"}, {"profile": "cloth"}]
)
def test_what_has_no_meaning_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        encoded(ANNA, **change)


def test_rows_must_be_grouped_by_person() -> None:
    assert encoded({**ANNA, "person": 0}, {**ANNA, "person": 0}, {"person": 1}).spelling_start.tolist() == [0, 2, 3]
    with pytest.raises(UsageError, match="grouped"):
        encoded({**ANNA, "person": 0}, {"person": 2})


#: Texts as they may come: clean ones, and what somebody typed into the wrong field.
PIECES = st.sampled_from(
    ["12", "7", "12b", "oak", "street", "st", "ave", "n", "anna", "o'neil", "x-y", "é", "00", "#", "_"]
)
VALUES = st.lists(
    st.one_of(
        st.lists(PIECES, max_size=6).map(" ".join),
        st.text("ab-_ '\n\t19.é", max_size=12),
        st.text(max_size=6),
    ),
    max_size=8,
)


@pytest.mark.parametrize("field", sorted(TOKENS))
@given(values=VALUES)
def test_tokens_in_bulk_are_those_of_each_value(field: str, values: list[str]) -> None:
    if field == "birth_date":
        values = ["1987-4-19", "--", "1987--", "-4-4"][: len(values)]
    table = token_table(values, TOKENS[field])
    ends = np.cumsum(table.count)
    for value, count, end in zip(values, table.count.tolist(), ends.tolist(), strict=True):
        expected = TOKENS[field](value)
        got = {table.tokens[number] for number in table.number[end - count : end].tolist()}
        # A light token beside a heavy one of the same text sets no bit of its own.
        assert got == set(expected)
        assert (count > 0) == bool(expected)


@pytest.mark.parametrize("take", [house_number, street_prefix])
@given(values=VALUES)
def test_parts_in_bulk_are_those_of_each_value(take: Callable[[str], str], values: list[str]) -> None:
    assert taken(values, take) == [take(value) for value in values]


def drawn_by_hand(key: bytes, length: int, bits: int, tokens: list[Token]) -> set[int]:
    """The bits of a value by the definition, one token and one position at a time."""
    out = set()
    for text, weight in tokens:
        for place in range(weight * bits):
            block, within = divmod(2 * place, hashlib.sha256().digest_size)
            stream = hmac.new(key, block.to_bytes(2, "big") + text.encode(), "sha256").digest()
            out.add(int.from_bytes(stream[within : within + 2], "big") % length)
    return out


@pytest.mark.parametrize("field", sorted(set(TOKENS) - {"birth_date"}))
@given(values=VALUES)
def test_rows_are_the_positions_of_their_tokens(field: str, values: list[str]) -> None:
    rows, present = bit_rows(values, TOKENS[field], Positions(SECRET, 256, 9))
    for value, row, known in zip(values, rows, present.tolist(), strict=True):
        tokens = TOKENS[field](value)
        assert set(np.flatnonzero(np.unpackbits(row)).tolist()) == drawn_by_hand(SECRET, 256, 9, tokens)
        assert known == bool(tokens)


def test_thousands_of_values_are_what_each_is_alone() -> None:
    rng = np.random.default_rng(1)
    values = ["".join(chr(97 + int(k)) for k in rng.integers(0, 6, rng.integers(0, 40))) for _ in range(9_000)]
    rows, present = bit_rows(values, TOKENS["last_name"], Positions(SECRET, 512, 14))
    table = one_by_one(values, TOKENS["last_name"])
    assert (present == (table.count > 0)).all()
    for k in (0, 1, 4_321, 8_191, 8_192, 8_999):
        alone, _ = bit_rows([values[k]], TOKENS["last_name"], Positions(SECRET, 512, 14))
        assert (rows[k] == alone[0]).all()


def cmac_by_the_library(key: bytes, block: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(block)
    return mac.finalize()


@given(key=st.binary(min_size=32, max_size=32), blocks=st.lists(st.binary(min_size=16, max_size=16), max_size=5))
def test_cmac_of_many_blocks_against_the_library(key: bytes, blocks: list[bytes]) -> None:
    rows = np.frombuffer(b"".join(blocks), dtype=np.uint8).reshape(-1, 16)
    assert [row.tobytes() for row in cmac_blocks(key, rows)] == [cmac_by_the_library(key, block) for block in blocks]


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_match_key_is_what_its_definition_says(name: str) -> None:
    rows = [ANNA, {**ANNA, "last_name": "ng", "first_name": "bob"}, {**ANNA, "birth_day": 4, "phone": "6175550000"}]
    key = encoded(*rows, profile="field" if name in FIELD_KEYS else "record").keys[name]
    for row, tag in zip(rows, key.bits, strict=True):
        texts = {**row, "birth_date": "-".join(str(row[f"birth_{part}"]) for part in ("year", "month", "day"))}
        joint = 0
        for part in RECIPES[name].parts:
            where = "any" if part.any_field else part.field
            part_key = derive_key(SECRET, "p", "a", f"part {where} {part.name}")
            digest = hmac.new(part_key, part.take(texts[part.field]).encode(), "sha256").digest()
            joint ^= int.from_bytes(digest[:16], "big")
        assert tag.tobytes() == cmac_by_the_library(
            derive_key(SECRET, "p", "a", f"key {name}"), joint.to_bytes(16, "big")
        )


def test_the_parts_of_a_match_key_have_names_of_their_own() -> None:
    parts = {part for recipe in RECIPES.values() for part in recipe.parts}
    # Of either field on purpose: the two names in whichever order.
    labels = [(part.field, part.any_field, part.name) for part in parts]
    assert len(set(labels)) == len(labels)
    # A key of the record profile has three parts or more.
    assert all(len(RECIPES[name].parts) >= 3 for name in RECORD_KEYS)
    # A part that came twice would cancel itself out.
    assert all(len(set(recipe.parts)) == len(recipe.parts) for recipe in RECIPES.values())


def test_equal_keys_do_not_tell_which_part_two_rows_share() -> None:
    """Of four rows whose parts cross, plain exclusive or of the parts would give tags that cancel out."""
    rows = [{"last_name": last, "first_name": first} for last in ("smith", "jones") for first in ("ann", "bob")]
    tags = encoded(*rows).keys["names"].bits
    assert np.bitwise_xor.reduce(tags, axis=0).any()


def test_rule_90_against_its_definition() -> None:
    rows = np.random.default_rng(2).integers(0, 256, (50, 32), dtype=np.uint8)
    bits_of = np.unpackbits(rows, axis=1)
    for k, row in enumerate(np.unpackbits(rule_90(rows), axis=1)):
        assert all(row[i] == bits_of[k, i - 1] ^ bits_of[k, (i + 1) % 256] for i in range(256))
