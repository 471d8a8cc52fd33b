"""The header of a package: who sends what to whom under which agreement; readable by a courier, binding for a reader.

In the file it is canonical JSON (:mod:`juncture.exchange.canonical`) with exactly these fields:

| field | holds |
|---|---|
| ``format`` | ``juncture-package`` |
| ``kind`` | one word of :class:`PackageKind` |
| ``project`` | the agreement's project |
| ``agreement_id`` | SHA-384 of the agreement, 96 hex digits |
| ``sender``, ``recipient`` | two parties of the agreement |
| ``round`` | 1, 2, ...: the round of the exchange |
| ``sequence`` | 1, 2, ...: number among the packages of this sender, recipient, kind and round |
| ``package_id`` | 16 random bytes, 32 hex digits |
| ``created``, ``expires`` | UTC dates, YYYY-MM-DD; no time of day, which could tell of the work done |
| ``ledger_head`` | head of the sender's ledger, 96 hex digits |
| ``sealed_with`` | the HPKE suite, :data:`juncture.exchange.sealing.SUITE_NAME` |
| ``content_bytes`` | length of the content |
| ``banner`` | text for whoever finds the file |
| ``facts`` | at most 16 short public statements of the kind, such as the public key of an unlock key |
| ``ciphertext_sha384`` | SHA-384 of all bytes between header and signature block, 96 hex digits |
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from juncture.base.errors import PackageRefused
from juncture.exchange.canonical import canonical_bytes, read_form, sha384_hex
from juncture.exchange.names import is_name, is_sha384, read_date
from juncture.exchange.sealing import SUITE_NAME

HEADER_FORMAT = "juncture-package"
MAX_HEADER = 32 * 1024
MAX_FACTS, MAX_FACT = 16, 1024
MAX_NUMBER = 9999
MAX_CONTENT = 2**40
ASK_AGAIN = "Ask the sender for the file again."

BANNER = "Research or statistical information; confidential under 34 U.S.C. 10231 and 28 CFR Part 22 where it applies."

_PACKAGE_ID = re.compile(r"[0-9a-f]{32}")
_FACT_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class PackageKind(StrEnum):
    """What a package carries; each kind has its own signature label."""

    COMMITMENT = "commitment"
    SHARE = "share"
    CONFIRMATION = "confirmation"
    LINK = "link"
    RELEASE = "release"
    COHORT = "cohort"
    TICKET_REQUEST = "ticket_request"
    TICKET = "ticket"
    REQUEST = "request"
    GRANT = "grant"
    PROPOSAL = "proposal"
    DECISION = "decision"
    WITHDRAWAL = "withdrawal"

    @property
    def description(self) -> str:
        """The kind in plain words that follow "the"."""
        return _DESCRIPTIONS[self]

    @property
    def label(self) -> str:
        """The label under which packages of this kind are signed."""
        return f"package {self.value}"


_DESCRIPTIONS = {
    PackageKind.COMMITMENT: "commitment to a share of the joint linkage secret",
    PackageKind.SHARE: "share of the joint linkage secret",
    PackageKind.CONFIRMATION: "proof that two agencies hold the same joint linkage secret",
    PackageKind.LINK: "encodings of an agency's people, for the linker",
    PackageKind.RELEASE: "locked envelopes of an agency's people, for the analyst",
    PackageKind.COHORT: "chosen cohort and its links, for the analyst",
    PackageKind.TICKET_REQUEST: "hash of a blinded unlock request, to be ticketed by the linker",
    PackageKind.TICKET: "linker's signature under one unlock request",
    PackageKind.REQUEST: "blinded unlock request, for an agency",
    PackageKind.GRANT: "agency's answer to an unlock request",
    PackageKind.PROPOSAL: "results proposed for release, for the checker",
    PackageKind.DECISION: "checker's decision on proposed results",
    PackageKind.WITHDRAWAL: "people who withdrew, for linker and analyst",
}


@dataclass(frozen=True)
class PackageHeader:
    """A header that is in itself consistent; raises ``PackageRefused`` naming the field that is not.

    Fields as in the table of this module; ``round``, ``sequence`` and ``content_bytes`` are counted from 1, 1 and 0.
    """

    kind: PackageKind
    project: str
    agreement_id: str
    sender: str
    recipient: str
    round: int
    sequence: int
    package_id: str
    created: date
    expires: date
    ledger_head: str
    content_bytes: int
    facts: Mapping[str, str] = field(hash=False)
    ciphertext_sha384: str
    banner: str = BANNER
    sealed_with: str = SUITE_NAME
    format: str = HEADER_FORMAT

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))
        good = {
            "format": self.format == HEADER_FORMAT,
            "kind": isinstance(self.kind, PackageKind),
            "project": is_name(self.project),
            "agreement_id": is_sha384(self.agreement_id),
            "sender": is_name(self.sender),
            "recipient": is_name(self.recipient) and self.recipient != self.sender,
            "round": 1 <= self.round <= MAX_NUMBER,
            "sequence": 1 <= self.sequence <= MAX_NUMBER,
            "package_id": _PACKAGE_ID.fullmatch(self.package_id) is not None,
            "expires": self.created <= self.expires,
            "ledger_head": is_sha384(self.ledger_head),
            "sealed_with": self.sealed_with == SUITE_NAME,
            "content_bytes": 0 <= self.content_bytes <= MAX_CONTENT,
            "banner": _is_line(self.banner),
            "facts": len(self.facts) <= MAX_FACTS
            and all(_FACT_NAME.fullmatch(name) and _is_line(fact) for name, fact in self.facts.items()),
            "ciphertext_sha384": is_sha384(self.ciphertext_sha384),
        }
        for name, holds in good.items():
            if not holds:
                raise PackageRefused(
                    f"The header's field {name} is not what version 1 of the format allows.", remedy=ASK_AGAIN
                )

    def to_bytes(self) -> bytes:
        """The canonical JSON that stands in the file."""
        return canonical_bytes(self._values())

    @property
    def info(self) -> bytes:
        """The header without the ciphertext's hash: what the sealed content key is bound to."""
        values = self._values()
        del values["ciphertext_sha384"]
        return canonical_bytes(values)

    @property
    def sha384(self) -> str:
        """SHA-384 of the header in hex; it stands for the whole package, but for its malleable signatures."""
        return sha384_hex(self.to_bytes())

    @property
    def file_name(self) -> str:
        """``project-kind-from-to-0001.juncture``: the number is the sequence; from round 2 on, ``-r2`` follows it."""
        later = f"-r{self.round}" if self.round > 1 else ""
        stem = f"{self.project}-{self.kind}-{self.sender}-{self.recipient}-{self.sequence:04d}{later}"
        return f"{stem}.juncture"

    def _values(self) -> dict[str, object]:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            **values,
            "kind": self.kind.value,
            "created": self.created.isoformat(),
            "expires": self.expires.isoformat(),
            "facts": dict(self.facts),
        }


def read_header_bytes(data: bytes) -> PackageHeader:
    """The header spelled by ``data``; raises ``PackageRefused`` for anything but the canonical form of version 1."""
    numbers = dict.fromkeys(("round", "sequence", "content_bytes"), int)
    form: dict[str, type] = {item.name: str for item in fields(PackageHeader)} | numbers | {"facts": dict}
    try:
        value: dict[str, Any] = dict(read_form(data, form))
        if not all(isinstance(fact, str) for fact in value["facts"].values()):
            raise ValueError("its facts are not texts")
        if value["kind"] not in tuple(PackageKind):
            raise ValueError("its kind is not known here")
        value["kind"] = PackageKind(value["kind"])
        value["created"], value["expires"] = read_date(value["created"]), read_date(value["expires"])
    except ValueError as error:
        raise PackageRefused(f"The header is not in the form of version 1: {error}.", remedy=ASK_AGAIN) from error
    return PackageHeader(**value)


def new_package_id() -> str:
    """16 random bytes as 32 hex digits."""
    return secrets.token_hex(16)


def _is_line(text: str) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable() and len(text) <= MAX_FACT
