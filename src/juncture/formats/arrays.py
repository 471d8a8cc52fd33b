"""A payload of facts and arrays as bytes, format 1, with a reader that a hostile sender cannot surprise.

Layout: ``JNCA`` | length of the head, 4 bytes big-endian | head, canonical JSON | the arrays' bytes, little-endian,
C order, one after another in the order of the head, nothing between and nothing after. The head is
``{"arrays": [[name, dtype, [shape]], ...], "facts": {...}, "payload": name, "version": 1}``.

No compression: a size in the head cannot promise less than it costs to hold.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from juncture.base.canonical import canonical_json
from juncture.base.errors import PackageRefused

MAGIC = b"JNCA"
MAX_HEAD = 4 << 20
MAX_ARRAYS = 256
DTYPES = {"u1": np.uint8, "i1": np.int8, "<i2": np.int16, "<i4": np.int32, "<f8": np.float64}

#: Names of arrays, which messages repeat: nothing that a terminal would take for a command.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}(:[a-z0-9_]{1,40})?")

Array = NDArray[Any]


@dataclass(frozen=True)
class Unpacked:
    """A payload as read: its facts (JSON values) and its arrays by name, each a copy that owns its memory."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, Array]


def pack(payload: str, version: int, facts: Mapping[str, object], arrays: Mapping[str, Array]) -> bytes:
    """Bytes of a payload; dtypes outside :data:`DTYPES` are a ``ValueError`` of the caller."""
    listed = []
    bodies = []
    for name, array in arrays.items():
        code = next((c for c, t in DTYPES.items() if array.dtype == t), None)
        if code is None:
            raise ValueError(f"array {name} has a dtype that no payload carries: {array.dtype}")
        listed.append([name, code, list(array.shape)])
        bodies.append(np.ascontiguousarray(array, dtype=np.dtype(code)).tobytes())
    head = canonical_json({"arrays": listed, "facts": dict(facts), "payload": payload, "version": version})
    return b"".join([MAGIC, len(head).to_bytes(4, "big"), head, *bodies])


def unpack(data: bytes, payload: str, version: int) -> Unpacked:
    """Read what :func:`pack` wrote; raises ``PackageRefused`` on anything else."""
    if len(data) < 8 or data[:4] != MAGIC:
        raise PackageRefused(f"this is not a {payload} payload.")
    size = int.from_bytes(data[4:8], "big")
    if size > MAX_HEAD or 8 + size > len(data):
        raise PackageRefused(f"the head of this {payload} payload is longer than it may be.")
    try:
        head = json.loads(data[8 : 8 + size])
        if canonical_json(head) != data[8 : 8 + size]:
            raise ValueError("not canonical")
        if set(head) != {"arrays", "facts", "payload", "version"} or not isinstance(head["facts"], dict):
            raise ValueError("keys")
    except (ValueError, RecursionError, TypeError) as error:
        raise PackageRefused(f"the head of this {payload} payload is not as its format says.") from error
    if head["payload"] != payload:
        raise PackageRefused(f"this payload says it is another kind than {payload}.")
    if head["version"] != version:
        raise PackageRefused(
            f"this {payload} payload has another version than {version}, which this software reads.",
            remedy="Both parties need the same version of Juncture; ask the sender which one they use.",
        )
    return Unpacked(facts=head["facts"], arrays=_arrays(data, 8 + size, head["arrays"], payload))


def _arrays(data: bytes, start: int, listed: object, payload: str) -> dict[str, Array]:
    if not isinstance(listed, list) or len(listed) > MAX_ARRAYS:
        raise PackageRefused(f"this {payload} payload lists more arrays than it may.")
    arrays: dict[str, Array] = {}
    offset = start
    for entry in listed:
        match entry:
            case [str(name), str(code), list(shape)] if (
                code in DTYPES and name not in arrays and len(shape) <= 4 and _NAME.fullmatch(name)
            ):
                pass
            case _:
                raise PackageRefused(f"this {payload} payload lists an array that its format does not know.")
        if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= len(data) for n in shape):
            raise PackageRefused(f"array {name} of this {payload} payload has an impossible shape.")
        dtype = np.dtype(code)
        size = math.prod(shape) * dtype.itemsize
        if offset + size > len(data):
            raise PackageRefused(f"this {payload} payload ends before its arrays do.")
        body = np.frombuffer(data, dtype=dtype, count=math.prod(shape), offset=offset)
        arrays[name] = body.reshape(shape).astype(DTYPES[code])
        offset += size
    if offset != len(data):
        raise PackageRefused(f"this {payload} payload goes on after its last array.")
    return arrays


def need(condition: bool, payload: str, what: str) -> None:
    """Raise ``PackageRefused`` unless ``condition`` holds; ``what`` says which rule of the format is broken."""
    if not condition:
        raise broken(payload, what)


def broken(payload: str, what: str) -> PackageRefused:
    """The error of a payload that breaks the rule ``what`` of its format."""
    return PackageRefused(f"this {payload} payload breaks its format: {what}.")
