"""Canonical JSON: one value has exactly one spelling, so a hash or signature over it means one thing.

The spelling: ASCII only (other characters as ``\\uXXXX``), object keys sorted by code point, no white space, integers
only (no fractions, no NaN), at most ``MAX_DEPTH`` levels. A reader spells what it read again and refuses any
difference, which also refuses doubled keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import NoReturn, TypeAlias

MAX_DEPTH = 8
MAX_INTEGER = 2**53

#: What canonical JSON can hold.
Json: TypeAlias = bool | int | str | list["Json"] | dict[str, "Json"] | None


def canonical_bytes(value: Mapping[str, object]) -> bytes:
    """The canonical spelling of ``value``; raises ``ValueError`` for a value that has none (a fraction, say)."""
    _check(value, MAX_DEPTH)
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def read_canonical(data: bytes) -> dict[str, Json]:
    """The object spelled by ``data``; raises ``ValueError`` unless ``data`` is its one canonical spelling.

    The caller limits the length of ``data`` before.
    """
    try:
        value = json.loads(data.decode("ascii"), parse_float=_no_fraction, parse_constant=_no_fraction)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not ASCII") from error
    except json.JSONDecodeError as error:
        raise ValueError("it is not JSON") from error
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    if canonical_bytes(value) != data:
        raise ValueError("it is not in canonical form")
    return value


def read_form(data: bytes, form: Mapping[str, type]) -> dict[str, Json]:
    """The canonical object in ``data`` with exactly the keys of ``form``, each value of exactly the type given there.

    Raises ``ValueError`` naming the key that is missing, unknown or of the wrong type.
    """
    value = read_canonical(data)
    for key in form:
        if key not in value:
            raise ValueError(f"the field {key} is missing")
    if len(value) != len(form):
        raise ValueError("it has a field that this version does not know")
    for key, kind in form.items():
        if type(value[key]) is not kind:
            raise ValueError(f"the field {key} is not of type {kind.__name__}")
    return value


def read_hex(text: object, length: int) -> bytes:
    """The ``length`` bytes that ``text`` spells in lower-case hex; raises ``ValueError`` for anything else."""
    if not isinstance(text, str) or len(text) != 2 * length or set(text) - set("0123456789abcdef"):
        raise ValueError(f"it is not {length} bytes in lower-case hex")
    return bytes.fromhex(text)


def sha384_hex(data: bytes) -> str:
    """SHA-384 of ``data`` as 96 hex digits."""
    return hashlib.sha384(data).hexdigest()


def length_prefixed(*parts: bytes) -> bytes:
    """Join ``parts``, each behind its length as four big-endian bytes, so that no two lists of parts read the same."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _check(value: object, depth: int) -> None:
    if depth < 0:
        raise ValueError("it is nested too deep")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError("an object's key is not text")
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError("an integer is too large")
    elif value is not None and not isinstance(value, str):
        raise ValueError("it holds something other than text, integers, lists and objects")


def _no_fraction(text: str) -> NoReturn:
    raise ValueError("it holds a number that is no integer")
