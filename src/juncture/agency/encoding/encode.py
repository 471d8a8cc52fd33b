"""Encode the spellings of an agency's people under the joint linkage secret.

Two profiles (LINKAGE in the docs):

- ``field``: an encoding a field, so that the linker can weigh fields and treat a missing one as such. First names
  bring a second field, ``first_forms``: the formal names a short form may stand for (bob: robert).
- ``record``: one encoding of all fields, hardened by Rule 90 of the elementary cellular automata (each bit becomes
  the exclusive or of its neighbours: Schnell and Borgs 2018), which unties a bit from a single token; of each field
  only whether it is there.

Hardening of the ``field`` profile is keyed random hashing, a key a field, and repeated bigrams as tokens of their own;
noise or Rule 90 would cost short names more than it hides: equal names keep equal rows under any encoding that can
be compared, so a frequency attack is bounded by the agreement's ceiling, not by hardening.

A blank is never encoded: its row is all zero and its ``present`` is false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from juncture.agency.encoding.hashing import Positions, bit_rows, derive_key, tags
from juncture.agency.encoding.keys import RECIPES, RECORD_KEYS, KeyRecipe
from juncture.agency.encoding.tokens import TOKENS
from juncture.agreement.vocabulary import LinkageField
from juncture.base.errors import UsageError
from juncture.formats.link import DATE_PARTS, KEY_BYTES, EncodedField

Profile = Literal["field", "record"]

SECRET_BYTES = 32
#: Length of a keyed exact tag of the sex.
TAG_BYTES = 8
RECORD_BITS = 2_048

#: Fields an agreement may name for linkage.
LINKABLE = tuple(field.value for field in LinkageField)

#: Bits of a field, and bits a token of weight one sets; a usual value fills about a fifth.
_FIELD_SHAPE = {
    "last_name": (512, 14),
    "first_name": (512, 14),
    "first_forms": (1_024, 16),
    "middle_name": (256, 10),
    "birth_date": (1_024, 14),
    "address": (1_024, 10),
    "zip": (256, 8),
    "phone": (512, 6),
    "ssn4": (256, 8),
}
#: Bits a token sets in the record encoding; together they fill about a quarter before hardening.
_RECORD_SHARE = {
    "last_name": 14,
    "first_name": 14,
    "middle_name": 5,
    "birth_date": 9,
    "sex": 14,
    "address": 6,
    "zip": 5,
    "phone": 5,
    "ssn4": 8,
}


@dataclass(frozen=True)
class Encoding:
    """Encodings of n people in r spelling rows.

    ``spelling_start`` int32 [n + 1]: the rows of person p are ``spelling_start[p]`` up to ``spelling_start[p + 1]``.
    ``fields``: by name, bits uint8 [r, bytes] and present bool [r]; a field of no bytes is a missing-mask alone
    (the parts of the birth date; under the record profile, every field). ``keys``: by name, tags uint8 [r, 16] and
    present bool [r].
    """

    spelling_start: NDArray[np.int32]
    fields: Mapping[str, EncodedField]
    keys: Mapping[str, EncodedField]

    @property
    def people(self) -> int:
        """Number of people."""
        return int(self.spelling_start.size - 1)


def encode(
    spellings: pa.Table,
    *,
    secret: bytes,
    project: str,
    agreement_id: str,
    profile: Profile,
    fields: tuple[str, ...],
) -> Encoding:
    """Encode ``spellings`` (a row a spelling, grouped by ``person`` 0..n-1; texts casefolded, without accents).

    ``secret`` is the joint linkage secret, 32 bytes; ``fields`` those the agreement allows for linkage. The result
    is a function of the arguments alone: two agencies with one secret encode equal values equally; under another
    secret, project or agreement nothing can be compared. Raises ``UsageError`` for an unknown field or profile, a
    secret of another length, or rows that are not grouped.
    """
    unknown = sorted(set(fields) - set(LINKABLE))
    if unknown or not fields:
        raise UsageError(f"Fields that cannot be used for linkage: {', '.join(unknown) or 'none named'}.")
    if profile not in ("field", "record"):
        raise UsageError("The linkage profile is neither 'field' nor 'record'.")
    if len(secret) != SECRET_BYTES:
        raise UsageError(f"The joint linkage secret must have {SECRET_BYTES} bytes.")
    columns = {field: _column(spellings, field) for field in LINKABLE if field in fields}

    def key(label: str) -> bytes:
        return derive_key(secret, project, agreement_id, label)

    make = _field_profile if profile == "field" else _record_profile
    encoded = make(columns, key)
    if "birth_date" in fields:
        for part in DATE_PARTS:
            encoded[part] = _mask(~np.asarray(pc.is_null(spellings.column(part))))
    names = RECORD_KEYS if profile == "record" else tuple(RECIPES)
    recipes = {name: RECIPES[name] for name in names if RECIPES[name].fields <= set(fields)}
    parts: _Parts = {}
    keys = {name: _match_key(recipe, columns, key(f"key {name}"), parts) for name, recipe in recipes.items()}
    return Encoding(_starts(spellings), encoded, keys)


@dataclass(frozen=True)
class _Column:
    """A column as distinct texts and, for each row, which one (-1 for a blank)."""

    values: list[str]
    code: NDArray[np.int64]


def _column(spellings: pa.Table, field: str) -> _Column:
    if field == "birth_date":
        parts = [pc.fill_null(pc.cast(spellings.column(part), pa.string()), "") for part in DATE_PARTS]
        column = pc.binary_join_element_wise(*parts, "-")
        column = pc.if_else(pc.equal(column, "--"), pa.scalar(None, pa.string()), column)
    else:
        column = spellings.column(field)
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = pc.dictionary_encode(column)
    values = [str(value) for value in coded.dictionary.to_pylist()]
    code = np.asarray(pc.fill_null(coded.indices, -1), dtype=np.int64)
    blank = np.array([not value.strip() for value in values] + [True])
    return _Column(values, np.where(blank[code], -1, code))


def _spread(column: _Column, rows: NDArray[np.uint8], has: NDArray[np.bool_]) -> EncodedField:
    """Encoded distinct values back to the rows; blanks become zero rows that are not present."""
    padded = np.vstack([rows, np.zeros((1, rows.shape[1]), dtype=np.uint8)])
    present = np.append(has, False)[column.code]
    return EncodedField(padded[np.where(present, column.code, len(column.values))], present)


def _mask(present: NDArray[np.bool_]) -> EncodedField:
    return EncodedField(np.zeros((present.size, 0), dtype=np.uint8), present)


def _field_profile(columns: Mapping[str, _Column], key: Callable[[str], bytes]) -> dict[str, EncodedField]:
    out: dict[str, EncodedField] = {}
    for field, column in columns.items():
        if field == "sex":
            rows = tags(column.values, key("field sex"), TAG_BYTES)
            out[field] = _spread(column, rows, np.ones(len(column.values), dtype=np.bool_))
            continue
        for name in (field, "first_forms") if field == "first_name" else (field,):
            length, bits = _FIELD_SHAPE[name]
            rows, has = bit_rows(column.values, TOKENS[name], Positions(key(f"field {name}"), length, bits))
            out[name] = _spread(column, rows, has)
    return out


def _record_profile(columns: Mapping[str, _Column], key: Callable[[str], bytes]) -> dict[str, EncodedField]:
    size = next(iter(columns.values())).code.size
    record = np.zeros((size, RECORD_BITS // 8), dtype=np.uint8)
    out: dict[str, EncodedField] = {}
    for field, column in columns.items():
        positions = Positions(key(f"record {field}"), RECORD_BITS, _RECORD_SHARE[field])
        rows, has = bit_rows(column.values, TOKENS[field], positions)
        part = _spread(column, rows, has)
        record |= part.bits
        out[field] = _mask(part.present)
    present = np.logical_or.reduce([field.present for field in out.values()])
    hardened = rule_90(record)
    hardened[~present] = 0
    return {"record": EncodedField(hardened, present), **out}


def rule_90(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each bit replaced by the exclusive or of its two neighbours on the circle; packed rows in, packed rows out."""
    out = np.empty_like(rows)
    for start in range(0, rows.shape[0], 4_096):
        bits = np.unpackbits(rows[start : start + 4_096], axis=1)
        out[start : start + 4_096] = np.packbits(np.roll(bits, 1, axis=1) ^ np.roll(bits, -1, axis=1), axis=1)
    return out


#: What each part takes of each row of a field: distinct texts and, for each row, which one.
_Parts = dict[tuple[str, Callable[[str], str]], tuple[list[str], NDArray[np.int64]]]


def _part(column: _Column, take: Callable[[str], str]) -> tuple[list[str], NDArray[np.int64]]:
    index = {"": 0}
    code = [index.setdefault(take(value), len(index)) for value in column.values]
    return list(index), np.array([*code, 0], dtype=np.int64)[column.code]


def _match_key(recipe: KeyRecipe, columns: Mapping[str, _Column], key: bytes, parts: _Parts) -> EncodedField:
    """Tags of the joined parts; each distinct combination of distinct parts is hashed once."""
    size = next(iter(columns.values())).code.size
    combined = np.zeros(size, dtype=np.int64)
    present = np.ones(size, dtype=np.bool_)
    texts = [""]
    for field, take in recipe.parts:
        if (field, take) not in parts:
            parts[field, take] = _part(columns[field], take)
        values, code = parts[field, take]
        present &= code > 0
        joint, combined = np.unique(combined * len(values) + code, return_inverse=True)
        left, right = np.divmod(joint, len(values))
        texts = [f"{texts[a]}\x1f{values[b]}" for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    hashed = tags(texts, key, KEY_BYTES)[combined]
    hashed[~present] = 0
    return EncodedField(hashed, present)


def _starts(spellings: pa.Table) -> NDArray[np.int32]:
    person = np.asarray(spellings.column("person"), dtype=np.int64)
    if person.size and (person[0] != 0 or not np.isin(np.diff(person), (0, 1)).all()):
        raise UsageError("Spelling rows must be grouped by person, numbered 0, 1, 2 and so on without a gap.")
    return np.searchsorted(person, np.arange(person[-1] + 2 if person.size else 1)).astype(np.int32)
