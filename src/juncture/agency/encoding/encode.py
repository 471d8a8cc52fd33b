"""Encode the spellings of an agency's people under the joint linkage secret.

Three profiles (LINKAGE in the docs):

- ``tags``: the tags of match keys and nothing else. Two people of one agency have hardly ever a tag in common, so
  there is no likeness from which to learn what a tag stands for; what is missing is not shown either, since an absent
  key is a random tag. The only profile that withstands ``juncture attack`` (decision 0015).
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

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from juncture.agency.encoding.bulk import taken
from juncture.agency.encoding.hashing import BLOCK, Positions, bit_rows, cmac_blocks, derive_key, tags
from juncture.agency.encoding.keys import FIELD_KEYS, RECIPES, RECORD_KEYS, TAG_KEYS, KeyRecipe, Part
from juncture.agency.encoding.tokens import TOKENS
from juncture.agreement.vocabulary import LinkageField
from juncture.base.errors import UsageError
from juncture.formats.link import DATE_PARTS, EncodedField

Profile = Literal["tags", "field", "record"]

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
    secret, project or agreement nothing can be compared. Only the tags of absent keys
    under ``tags`` are random. Raises ``UsageError`` for an unknown field or profile, a secret of another length, or
    rows that are not grouped.
    """
    unknown = sorted(set(fields) - set(LINKABLE))
    if unknown or not fields:
        raise UsageError(f"Fields that cannot be used for linkage: {', '.join(unknown) or 'none named'}.")
    if profile not in get_args(Profile):
        raise UsageError(f"The linkage profile is none of {', '.join(get_args(Profile))}.")
    if len(secret) != SECRET_BYTES:
        raise UsageError(f"The joint linkage secret must have {SECRET_BYTES} bytes.")
    columns = {field: _column(spellings, field) for field in LINKABLE if field in fields}

    def key(label: str) -> bytes:
        return derive_key(secret, project, agreement_id, label)

    if profile == "tags":
        chosen = {name: RECIPES[name] for name in TAG_KEYS if RECIPES[name].fields <= set(fields)}
        tagged = _match_keys(chosen, columns, key)
        return Encoding(_starts(spellings), {}, {name: _never_absent(part) for name, part in tagged.items()})
    make = _field_profile if profile == "field" else _record_profile
    encoded = make(columns, key)
    if "birth_date" in fields:
        for part in DATE_PARTS:
            encoded[part] = _mask(~np.asarray(pc.is_null(spellings.column(part))))
    names = RECORD_KEYS if profile == "record" else FIELD_KEYS
    recipes = {name: RECIPES[name] for name in names if RECIPES[name].fields <= set(fields)}
    return Encoding(_starts(spellings), encoded, _match_keys(recipes, columns, key))


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
    # The first bit of a row is the highest of its first byte.
    before, after = np.roll(rows, 1, axis=1), np.roll(rows, -1, axis=1)
    return np.asarray((rows >> 1 | before << 7) ^ (rows << 1 | after >> 7), dtype=np.uint8)


#: What a part takes of each row: hashes of distinct texts uint8 [texts, 16], and which one, 0 for nothing.
_Hashed = tuple[NDArray[np.uint8], NDArray[np.int64]]


def _match_keys(
    recipes: Mapping[str, KeyRecipe], columns: Mapping[str, _Column], key: Callable[[str], bytes]
) -> dict[str, EncodedField]:
    """Tags of the joined parts of each recipe; each distinct text of a part is hashed once, for all recipes."""
    parts = {part for recipe in recipes.values() for part in recipe.parts}
    labels = {part: f"part {'any' if part.any_field else part.field} {part.name}" for part in parts}
    hashed = {part: _hashed(columns[part.field], part, key(label)) for part, label in labels.items()}
    return {
        name: _match_key([hashed[part] for part in recipe.parts], key(f"key {name}"))
        for name, recipe in recipes.items()
    }


def _hashed(column: _Column, part: Part, key: bytes) -> _Hashed:
    index = {"": 0}
    code = [index.setdefault(text, len(index)) for text in taken(column.values, part.take)]
    return tags(list(index), key, BLOCK), np.array([*code, 0], dtype=np.int64)[column.code]


def _match_key(parts: Sequence[_Hashed], key: bytes) -> EncodedField:
    """A row's tag: CMAC of the exclusive or of its parts' hashes; absent where a part is, or where two parts that may
    stand for each other are equal and so cancel."""
    joint = np.zeros((parts[0][1].size, BLOCK), dtype=np.uint8)
    present = np.ones(len(joint), dtype=np.bool_)
    for digests, code in parts:
        present &= code > 0
        joint ^= digests[code]
    present &= joint.any(axis=1)
    out = np.zeros_like(joint)
    out[present] = cmac_blocks(key, joint[present])
    return EncodedField(out, present)


def _never_absent(part: EncodedField) -> EncodedField:
    """Random tags where there was none: they equal no other, and nobody sees what is missing."""
    noise = np.frombuffer(secrets.token_bytes(part.bits.size), dtype=np.uint8).reshape(part.bits.shape)
    return EncodedField(np.where(part.present[:, None], part.bits, noise), np.ones_like(part.present))


def _starts(spellings: pa.Table) -> NDArray[np.int32]:
    person = np.asarray(spellings.column("person"), dtype=np.int64)
    if person.size and (person[0] != 0 or not np.isin(np.diff(person), (0, 1)).all()):
        raise UsageError("Spelling rows must be grouped by person, numbered 0, 1, 2 and so on without a gap.")
    return np.searchsorted(person, np.arange(person[-1] + 2 if person.size else 1)).astype(np.int32)
