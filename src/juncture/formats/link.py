"""Link payload, agency to linker: encodings of people, no event and no date.

``n`` people in random order, ``r`` spelling rows grouped by person.

=================  =================  ==========================================================================
array              dtype, shape       meaning
=================  =================  ==========================================================================
envelope_id        u1 [n, 16]         128 random bits, new each round
unlock_token       u1 [n, 32]         256 random bits, needed to open the envelope
clock_offset       i4 [n]             days, a multiple of 7 in 0 .. 36,393
bands              u1 [n, families]   activity band a family: index into 0, 1, 2, 3-4, 5-9, 10+
spelling_start     i4 [n + 1]         rows of person i are spelling_start[i] .. spelling_start[i + 1]
joint_tokens       u1 [n, 4, 16]      keyed tokens of joint co-responses, padded with random ones
bits:<field>       u1 [r, B]          keyed encoding of the field; zero where missing
present:<field>    u1 [r]             1 where the field is known
key:<name>         u1 [r, 16]         keyed match key; zero where missing
has_key:<name>     u1 [r]             1 where every part of the key is known
=================  =================  ==========================================================================

facts: ``agency``, ``round``, ``families`` (names in the order of ``bands``), ``profile``, ``confirmation`` (hex of
HMAC(secret, "confirm"), for the linker to compare between agencies).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from juncture.agreement.vocabulary import BAND_EDGES
from juncture.formats.arrays import Array, need, pack, unpack
from juncture.formats.clock import CIRCLE

PAYLOAD = "link"
VERSION = 1
JOINT_TOKENS = 4
#: The most spelling rows a person may have: with more, somebody would be compared more often than others.
MAX_SPELLINGS = 12
KEY_BYTES = 16
#: Fields without bits beside ``birth_date``: which parts of it are known.
DATE_PARTS = ("birth_year", "birth_month", "birth_day")

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class EncodedField:
    """Encodings of one field: ``bits`` u8 [r, B], ``present`` bool [r]."""

    bits: Bytes
    present: NDArray[np.bool_]


@dataclass(frozen=True, repr=False)
class LinkPayload:
    """See the module's table for shapes and units."""

    agency: str
    round: int
    families: tuple[str, ...]
    profile: str
    confirmation: str
    envelope_id: Bytes
    unlock_token: Bytes
    clock_offset: NDArray[np.int32]
    bands: Bytes
    spelling_start: NDArray[np.int32]
    joint_tokens: Bytes
    fields: Mapping[str, EncodedField]
    keys: Mapping[str, EncodedField]

    def __post_init__(self) -> None:
        n, r = len(self.envelope_id), int(self.spelling_start[-1]) if len(self.spelling_start) else -1
        start = self.spelling_start
        need(self.envelope_id.shape == (n, 16), PAYLOAD, "envelope_id has 16 bytes a person")
        need(len({row.tobytes() for row in self.envelope_id}) == n, PAYLOAD, "every envelope_id is different")
        need(self.unlock_token.shape == (n, 32), PAYLOAD, "unlock_token has 32 bytes a person")
        need(len({row.tobytes() for row in self.unlock_token}) == n, PAYLOAD, "every unlock_token is different")
        offset = self.clock_offset
        need(
            offset.shape == (n,) and bool(((offset >= 0) & (offset < CIRCLE) & (offset % 7 == 0)).all()),
            PAYLOAD,
            "clock_offset is a multiple of 7 days on the circle",
        )
        need(
            self.bands.shape == (n, len(self.families)) and bool((self.bands < len(BAND_EDGES)).all()),
            PAYLOAD,
            "bands has one known band a family",
        )
        need(
            start.shape == (n + 1,) and (n == 0 or int(start[0]) == 0) and bool((np.diff(start) >= 0).all()),
            PAYLOAD,
            "spelling_start rises from 0",
        )
        need(bool((np.diff(start) <= MAX_SPELLINGS).all()), PAYLOAD, f"a person has at most {MAX_SPELLINGS} spellings")
        need(self.joint_tokens.shape == (n, JOINT_TOKENS, KEY_BYTES), PAYLOAD, "four joint tokens a person")
        for name, part in {**self.fields, **self.keys}.items():
            need(
                part.bits.ndim == 2 and len(part.bits) == r and part.present.shape == (r,),
                PAYLOAD,
                f"{name} has one row a spelling",
            )
        need(
            all(part.bits.shape[1] == KEY_BYTES for part in self.keys.values()),
            PAYLOAD,
            "match keys have 16 bytes",
        )

    @property
    def people(self) -> int:
        """Number of people."""
        return len(self.envelope_id)

    def to_bytes(self) -> bytes:
        """The payload as bytes."""
        arrays: dict[str, Array] = {
            "envelope_id": self.envelope_id,
            "unlock_token": self.unlock_token,
            "clock_offset": self.clock_offset,
            "bands": self.bands,
            "spelling_start": self.spelling_start,
            "joint_tokens": self.joint_tokens,
        }
        for prefix, flag, parts in (("bits", "present", self.fields), ("key", "has_key", self.keys)):
            for name, part in parts.items():
                arrays[f"{prefix}:{name}"] = part.bits
                arrays[f"{flag}:{name}"] = part.present.astype(np.uint8)
        facts = {
            "agency": self.agency,
            "round": self.round,
            "families": list(self.families),
            "profile": self.profile,
            "confirmation": self.confirmation,
        }
        return pack(PAYLOAD, VERSION, facts, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> LinkPayload:
        """Read a payload; raises ``PackageRefused`` where it breaks its format."""
        read = unpack(data, PAYLOAD, VERSION)
        arrays = dict(read.arrays)
        parts: dict[str, dict[str, EncodedField]] = {"bits": {}, "key": {}}
        for prefix, flag in (("bits", "present"), ("key", "has_key")):
            for full in [name for name in arrays if name.startswith(f"{prefix}:")]:
                name = full.split(":", 1)[1]
                present = arrays.pop(f"{flag}:{name}", None)
                need(
                    present is not None and present.dtype == np.uint8 and bool((present <= 1).all()),
                    PAYLOAD,
                    f"{flag}:{name} is 0 or 1 a row",
                )
                bits = arrays.pop(full)
                need(bits.dtype == np.uint8, PAYLOAD, f"{full} is bytes")
                parts[prefix][name] = EncodedField(bits=bits, present=np.asarray(present, dtype=bool))
        facts = dict(read.facts)
        expected = {
            "envelope_id": np.uint8,
            "unlock_token": np.uint8,
            "clock_offset": np.int32,
            "bands": np.uint8,
            "spelling_start": np.int32,
            "joint_tokens": np.uint8,
        }
        need(
            {k: v.dtype for k, v in arrays.items()} == {k: np.dtype(v) for k, v in expected.items()},
            PAYLOAD,
            "its arrays are those of version 1",
        )
        need(
            set(facts) == {"agency", "round", "families", "profile", "confirmation"},
            PAYLOAD,
            "its facts are those of version 1",
        )
        need(
            all(isinstance(facts[k], str) for k in ("agency", "profile", "confirmation"))
            and isinstance(facts["round"], int)
            and isinstance(facts["families"], list)
            and all(isinstance(f, str) for f in facts["families"]),
            PAYLOAD,
            "its facts have the types of version 1",
        )
        need(
            arrays["spelling_start"].ndim == 1 and arrays["spelling_start"].size > 0,
            PAYLOAD,
            "spelling_start is there",
        )
        need(
            arrays["envelope_id"].ndim == 2 and arrays["unlock_token"].ndim == 2,
            PAYLOAD,
            "ids are rows of bytes",
        )
        return cls(
            agency=facts["agency"],
            round=facts["round"],
            families=tuple(facts["families"]),
            profile=facts["profile"],
            confirmation=facts["confirmation"],
            envelope_id=arrays["envelope_id"],
            unlock_token=arrays["unlock_token"],
            clock_offset=arrays["clock_offset"],
            bands=arrays["bands"],
            spelling_start=arrays["spelling_start"],
            joint_tokens=arrays["joint_tokens"],
            fields=parts["bits"],
            keys=parts["key"],
        )
