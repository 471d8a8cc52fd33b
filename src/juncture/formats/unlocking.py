"""Payloads around the unlock: what linker and agency are asked, and what the linker's tickets carry. Format 1.

Canonical JSON with ``payload``, ``version`` 1 and hex strings. The sizes follow from the agreement alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from juncture.base.canonical import canonical_json
from juncture.formats.arrays import broken, need

VERSION = 1
MAX_BYTES = 4 << 20


@dataclass(frozen=True)
class TicketRequest:
    """For each agency: the id of its release package and the SHA-384 (hex) of the blinded request."""

    wanted: Mapping[str, tuple[str, str]]

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        rows = {name: list(pair) for name, pair in self.wanted.items()}
        return canonical_json({"payload": "ticket_request", "version": VERSION, "wanted": rows})

    @classmethod
    def from_bytes(cls, data: bytes) -> TicketRequest:
        """Read the payload; raises ``PackageRefused`` where it breaks its format."""
        rows = _read(data, "ticket_request", "wanted")
        return cls({name: _pair(row, "ticket_request") for name, row in rows.items()})


@dataclass(frozen=True)
class Tickets:
    """For each agency: the ticket's message and the linker's signature under it."""

    tickets: Mapping[str, tuple[bytes, bytes]]

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        rows = {name: [message.hex(), signature.hex()] for name, (message, signature) in self.tickets.items()}
        return canonical_json({"payload": "tickets", "version": VERSION, "tickets": rows})

    @classmethod
    def from_bytes(cls, data: bytes) -> Tickets:
        """Read the payload; raises ``PackageRefused`` where it breaks its format."""
        rows = {name: _pair(row, "tickets") for name, row in _read(data, "tickets", "tickets").items()}
        return cls({name: (_bytes(a, "tickets"), _bytes(b, "tickets")) for name, (a, b) in rows.items()})


@dataclass(frozen=True)
class RequestPayload:
    """A blinded request with the ticket that lets it be answered."""

    request: bytes
    ticket: bytes
    signature: bytes

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        parts = {"request": self.request.hex(), "ticket": self.ticket.hex(), "signature": self.signature.hex()}
        return canonical_json({"payload": "request", "version": VERSION, "parts": parts})

    @classmethod
    def from_bytes(cls, data: bytes) -> RequestPayload:
        """Read the payload; raises ``PackageRefused`` where it breaks its format."""
        parts = _read(data, "request", "parts")
        need(set(parts) == {"request", "ticket", "signature"}, "request", "its parts are those of version 1")
        return cls(**{name: _bytes(text, "request") for name, text in parts.items()})


def _read(data: bytes, payload: str, key: str) -> dict[str, Any]:
    need(len(data) <= MAX_BYTES, payload, "it has a size that it may have")
    try:
        read: Any = json.loads(data)
    except (ValueError, RecursionError):
        read = None
    need(
        isinstance(read, dict)
        and set(read) == {"payload", "version", key}
        and (read["payload"], read["version"]) == (payload, VERSION)
        and isinstance(read[key], dict),
        payload,
        "it is JSON of version 1",
    )
    inner: dict[str, Any] = read[key]
    return inner


def _pair(row: object, payload: str) -> tuple[str, str]:
    match row:
        case [str(first), str(second)]:
            return first, second
    raise broken(payload, "a row is a pair of texts")


def _bytes(text: object, payload: str) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        raise broken(payload, "bytes are written in hex") from None
