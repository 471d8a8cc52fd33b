"""A party's ledger: one line for every act, each holding the hash of the one before, so that none can be changed later.

A line is canonical JSON with the fields of :class:`LedgerEntry`, ``version`` 1 and ``\\n`` at its end. ``before`` is
the SHA-384 of the line before (without ``\\n``), 96 zeros in the first. The **head** is the SHA-384 of the last line;
256 random bits in each line keep it from revealing anything that could be guessed.

A ledger alone shows a change inside it, but not that its end was cut off or rewritten: for that, others hold its heads,
which ride in every package (``heads_elsewhere`` of :func:`verify`).

No identifier can enter: acts and what is counted are words of closed form, counts are integers, files are hashes.
A tail without ``\\n``, left by a kill, was never acknowledged; the next append cuts it off and says so in a line of its
own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from juncture.base.errors import PackageRefused, UsageError
from juncture.exchange.canonical import canonical_bytes, read_form, read_hex, sha384_hex
from juncture.exchange.lines import append_line, whole_lines
from juncture.exchange.locks import locked
from juncture.exchange.names import is_name, is_sha384

LEDGER_VERSION = 1
NO_HEAD = "0" * 96
MAX_COUNTS = 40

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_COUNTED = re.compile(r"[a-z]+(_[a-z]+){0,7}")
_FORM: dict[str, type] = {
    "version": int,
    "number": int,
    "before": str,
    "act": str,
    "who": str,
    "agreement_id": str,
    "file_sha384": str,
    "counts": dict,
    "time": str,
    "random": str,
}


class Act(StrEnum):
    """What a party can have done."""

    KEYS_MADE = "keys_made"
    AGREEMENT_SIGNED = "agreement_signed"
    SECRET_COMMITTED = "secret_committed"
    SECRET_AGREED = "secret_agreed"
    SECRET_CONFIRMED = "secret_confirmed"
    PEOPLE_FOUND = "people_found"
    PEOPLE_REVIEWED = "people_reviewed"
    OPTED_OUT = "opted_out"
    SHARE_STAGED = "share_staged"
    SHARE_APPROVED = "share_approved"
    PACKAGE_SEALED = "package_sealed"
    PACKAGE_OPENED = "package_opened"
    PACKAGE_REFUSED = "package_refused"
    LINKED = "linked"
    COHORT_CHOSEN = "cohort_chosen"
    TICKETED = "ticketed"
    UNLOCK_REQUESTED = "unlock_requested"
    UNLOCK_GRANTED = "unlock_granted"
    UNLOCKED = "unlocked"
    STUDIED = "studied"
    ATTACK_MEASURED = "attack_measured"
    PROPOSED = "proposed"
    REVIEWED = "reviewed"
    DECIDED = "decided"
    RELEASED = "released"
    EXPORTED = "exported"
    WITHDRAWN = "withdrawn"
    DISPOSED = "disposed"
    LEDGER_MENDED = "ledger_mended"


@dataclass(frozen=True)
class LedgerEntry:
    """One line. ``number`` counts from 1; ``agreement_id`` and ``file_sha384`` are 96 hex digits or empty.

    ``who`` is a party or a person's role in it; ``counts`` maps words such as ``people_shared`` to integers; ``time``
    is UTC as YYYY-MM-DDTHH:MM:SSZ; ``random`` 64 hex digits. Raises ``UsageError`` naming a field that is not so.
    """

    number: int
    before: str
    act: Act
    who: str
    agreement_id: str
    file_sha384: str
    counts: Mapping[str, int] = field(hash=False)
    time: str
    random: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", MappingProxyType(dict(self.counts)))
        good = {
            "number": self.number >= 1,
            "before": is_sha384(self.before),
            "act": isinstance(self.act, Act),
            "who": is_name(self.who),
            "agreement_id": self.agreement_id == "" or is_sha384(self.agreement_id),
            "file_sha384": self.file_sha384 == "" or is_sha384(self.file_sha384),
            "counts": len(self.counts) <= MAX_COUNTS
            and all(_COUNTED.fullmatch(word) and type(count) is int for word, count in self.counts.items()),
            "time": _is_time(self.time),
            "random": _is_random(self.random),
        }
        for name, holds in good.items():
            if not holds:
                raise UsageError(f"The field {name} of a ledger line is not of its closed form.")

    def to_bytes(self) -> bytes:
        """The line, without its end."""
        return canonical_bytes(
            {
                "version": LEDGER_VERSION,
                "number": self.number,
                "before": self.before,
                "act": self.act.value,
                "who": self.who,
                "agreement_id": self.agreement_id,
                "file_sha384": self.file_sha384,
                "counts": dict(self.counts),
                "time": self.time,
                "random": self.random,
            }
        )


@dataclass(frozen=True)
class LedgerCheck:
    """A ledger whose chain holds: its entries in order, its head, and the bytes of a torn tail (0: none)."""

    entries: tuple[LedgerEntry, ...]
    head: str
    torn_bytes: int


def append(
    path: Path,
    act: Act,
    *,
    who: str,
    agreement_id: str = "",
    file_sha384: str = "",
    counts: Mapping[str, int] | None = None,
    now: datetime | None = None,
) -> str:
    """Add a line to the ledger ``path`` (made if absent), flushed to disk; returns the new head.

    ``now`` is an aware time, by default the machine's. Safe for several processes at once. Raises ``UsageError`` for a
    field not of its closed form, ``PackageRefused`` if the last line is damaged, ``MachineError`` for the disk.
    """
    time = (now or datetime.now(UTC)).astimezone(UTC).strftime(_TIME)
    with locked(path):
        lines, torn = whole_lines(path)
        number, before = len(lines) + 1, NO_HEAD
        if lines:
            if _read_entry(lines[-1], len(lines), path).number != len(lines):
                raise _damaged(path, len(lines), "its number is not its place")
            before = sha384_hex(lines[-1])
        pending: list[tuple[Act, str, str, Mapping[str, int]]] = [(act, agreement_id, file_sha384, counts or {})]
        if torn:
            pending.insert(0, (Act.LEDGER_MENDED, "", "", {"bytes_cut_off": torn}))
        entries = []
        for this_act, agreement, file_hash, counted in pending:
            entry = LedgerEntry(
                number, before, this_act, who, agreement, file_hash, counted, time, secrets.token_hex(32)
            )
            entries.append(entry)
            number, before = number + 1, sha384_hex(entry.to_bytes())
        for entry in entries:
            append_line(path, entry.to_bytes())
    return before


def head(path: Path) -> str:
    """The head of the ledger ``path``; 96 zeros before the first line."""
    with locked(path):
        lines, _ = whole_lines(path)
    return sha384_hex(lines[-1]) if lines else NO_HEAD


def verify(path: Path, *, heads_elsewhere: Iterable[str] = ()) -> LedgerCheck:
    """Check every line of the ledger ``path`` and that each of ``heads_elsewhere``, kept by others, was once its head.

    Raises ``PackageRefused`` with the number of the first bad line, or if a head is not found: then the ledger was cut
    off, rewritten or restored from a backup after that head was sent.
    """
    with locked(path):
        lines, torn = whole_lines(path)
    before, heads, entries = NO_HEAD, {NO_HEAD}, []
    for number, line in enumerate(lines, start=1):
        entry = _read_entry(line, number, path)
        if entry.number != number:
            raise _damaged(path, number, "its number is not its place")
        if entry.before != before:
            raise _damaged(path, number, "it does not hold the hash of the line before")
        before = sha384_hex(line)
        heads.add(before)
        entries.append(entry)
    missing = sum(known not in heads for known in heads_elsewhere)
    if missing:
        raise PackageRefused(
            f"{path.name} lacks {missing} of the heads that others received from it.",
            remedy="It was cut off, rewritten or restored from a backup. Stop, and tell the other parties.",
        )
    return LedgerCheck(tuple(entries), before, torn)


def _read_entry(line: bytes, number: int, path: Path) -> LedgerEntry:
    try:
        value: dict[str, Any] = dict(read_form(line, _FORM))
        if value.pop("version") != LEDGER_VERSION:
            raise ValueError("its version is not known here")
        return LedgerEntry(**{**value, "act": Act(value["act"])})
    except (ValueError, UsageError) as error:
        reason = "its act is not known here" if "is not a valid Act" in str(error) else str(error)
        raise _damaged(path, number, reason) from None


def _damaged(path: Path, number: int, reason: str) -> PackageRefused:
    return PackageRefused(
        f"Line {number} of {path.name} is damaged: {reason.rstrip('.')}.",
        remedy="Keep the file as it is, and tell the other parties.",
    )


def _is_time(text: str) -> bool:
    try:
        return datetime.strptime(text, _TIME).strftime(_TIME) == text
    except ValueError:
        return False


def _is_random(text: str) -> bool:
    try:
        return len(read_hex(text, 32)) == 32
    except ValueError:
        return False
