"""What somebody who holds a link package sees of each person in it, and what he expects to see of a listed one.

The software is public, so an attacker encodes his own list under keys of his own: lengths, masks and likenesses of his
encodings are distributed as those of the package, whatever the profile and its hardening.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from juncture.agency.encoding.encode import SECRET_BYTES, Encoding
from juncture.formats.link import EncodedField

Floats = NDArray[np.float32]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.uint8]

#: Encodes a table of spellings (``person`` 0..n-1, and the fields) under a secret of 32 bytes.
Encoder = Callable[[pa.Table, bytes], Encoding]


@dataclass(frozen=True)
class Part:
    """One encoded field or match key: ``rows`` uint8 [people, bytes], zero where not ``there`` bool [people]."""

    rows: Rows
    there: Mask

    @property
    def kinds(self) -> Index:
        """Which distinct value each person has, int64 [people]; -1 where missing."""
        code = np.full(self.there.size, -1, dtype=np.int64)
        rows = np.ascontiguousarray(self.rows[self.there])
        if rows.shape[0] and rows.shape[1]:
            items = rows.view(np.dtype((np.void, rows.shape[1]))).reshape(-1)
            code[self.there] = np.unique(items, return_inverse=True)[1]
        return code


@dataclass(frozen=True)
class Seen:
    """People as their encodings show them: of each field and match key the first row in which it is there.

    A person's first row is the spelling that the agency met most often.
    """

    people: int
    fields: Mapping[str, Part]
    keys: Mapping[str, Part]

    def bits(self) -> Floats:
        """All bits of the fields side by side, float32 [people, bits]; the rows of a missing field are zero."""
        parts = [np.unpackbits(part.rows, axis=1) for part in self.fields.values() if part.rows.shape[1]]
        joined = np.hstack(parts) if parts else np.zeros((self.people, 0), dtype=np.uint8)
        return joined.astype(np.float32)


def seen(encoding: Encoding) -> Seen:
    """What ``encoding`` shows of each of its people; the Rule 90 of a record is undone first (:func:`undo_rule_90`)."""
    person = np.repeat(np.arange(encoding.people), np.diff(encoding.spelling_start))
    fields = {name: _first(part, person, encoding.people) for name, part in encoding.fields.items()}
    if "record" in fields:
        fields["record"] = Part(undo_rule_90(fields["record"].rows), fields["record"].there)
    keys = {name: _first(part, person, encoding.people) for name, part in encoding.keys.items()}
    return Seen(encoding.people, fields, keys)


def _first(part: EncodedField, person: Index, people: int) -> Part:
    row = np.full(people, -1, dtype=np.int64)
    known = np.flatnonzero(part.present)[::-1]
    row[person[known]] = known
    rows = np.where((row >= 0)[:, None], part.bits[row], 0).astype(np.uint8)
    return Part(rows, row >= 0)


def undo_rule_90(rows: Rows) -> Rows:
    """The bits before Rule 90, packed as they came.

    Rule 90 is linear: r[p] = b[p - 1] xor b[p + 1]. On a circle of even length the even and the odd bits are a chain
    each, known from r up to the complement, and the sparser of both is the Bloom filter. So the rule hides nothing from
    somebody who knows that it was used.
    """
    hardened = np.unpackbits(rows, axis=1)
    length = hardened.shape[1]
    out = np.zeros_like(hardened)
    for parity in (0, 1):
        place = np.arange(parity, length, 2)
        chain = np.zeros((len(rows), place.size), dtype=np.uint8)
        chain[:, 1:] = np.bitwise_xor.accumulate(hardened[:, place[:-1] + 1], axis=1)
        chain[chain.mean(axis=1) > 0.5] ^= 1
        out[:, place] = chain
    return np.packbits(out, axis=1)


def own_encodings(table: pa.Table, encoder: Encoder, times: int = 2) -> list[Seen]:
    """The attacker's list under ``times`` random secrets of his own."""
    return [seen(encoder(table, secrets.token_bytes(SECRET_BYTES))) for _ in range(times)]
