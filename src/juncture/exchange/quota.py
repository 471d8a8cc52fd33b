"""The agency's keeper of the quota: which blind requests were granted, and how much of the quota they spent.

An agreement allows an agency at most ``quota`` evaluations, over all of its unlock keys and release packages. A spend
is on disk, and witnessed by the party's ledger, before an evaluation leaves; a run that is killed in between finds
its spend again and answers without a second one, since an evaluation depends on the request and the key only. The
same request always gets the same stored grant.

The store is a private folder: ``spends.jsonl``, one hash-chained canonical JSON line a granted request, and
``grants/``. Deleting it or putting back an older copy is detected, since the ledger then knows of more evaluations
than the store. Putting back store and ledger together is not: no file on one machine can prevent that.

A request needs the linker's **ticket**, which names agreement, round, agency, package and the request's hash, so that
an analyst alone cannot choose whom to unlock.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from juncture.base.errors import AgreementForbids, LimitReached, PackageRefused, UsageError
from juncture.base.files import private_dir, read_limited, write_bytes
from juncture.exchange.canonical import canonical_bytes, length_prefixed, read_form, read_hex, sha384_hex
from juncture.exchange.lines import append_line, whole_lines
from juncture.exchange.locks import locked
from juncture.exchange.unlock import (
    HASH_BYTES,
    BlindRequest,
    Grant,
    UnlockKey,
    answer,
    request_hash,
)
from juncture.exchange.voprf import ELEMENT_BYTES

TICKET_FORMAT = "juncture-ticket"
TICKET_VERSION = 1
SPEND_VERSION = 1
#: The domain label under which the linker signs a ticket.
TICKET_LABEL = "ticket"

_MAX_TICKET = 4096
_MAX_GRANT = 4 * 2**20
_TICKET_FORM = {
    "format": str,
    "version": int,
    "agreement_id": str,
    "round": int,
    "agency": str,
    "package_id": str,
    "request": str,
}
_SPEND_FORM = {
    "version": int,
    "round": int,
    "package_id": str,
    "unlock_key": str,
    "request": str,
    "count": int,
    "total": int,
    "previous": str,
}

#: ``verify(message, signature)`` returns if the linker signed ``message`` as a ticket and raises otherwise.
VerifyTicket = Callable[[bytes, bytes], None]
#: ``record(total)`` writes to the party's ledger, durably, that ``total`` evaluations are spent under the agreement.
RecordSpent = Callable[[int], None]


@dataclass(frozen=True)
class Ticket:
    """The linker's consent to one blind request: ``request_hash`` (48 bytes) is SHA-384 of the request as sent."""

    agreement_id: str
    round: int
    agency: str
    package_id: str
    request_hash: bytes

    def to_bytes(self) -> bytes:
        """The one canonical message that the linker signs."""
        return canonical_bytes(
            {
                "format": TICKET_FORMAT,
                "version": TICKET_VERSION,
                "agreement_id": self.agreement_id,
                "round": self.round,
                "agency": self.agency,
                "package_id": self.package_id,
                "request": self.request_hash.hex(),
            }
        )

    @classmethod
    def parse(cls, message: bytes) -> Ticket:
        """Read a ticket in its canonical spelling, else ``PackageRefused``; who signed it is not looked at."""
        try:
            if len(message) > _MAX_TICKET:
                raise ValueError("it is too long")
            form = read_form(message, _TICKET_FORM)
            if (form["format"], form["version"]) != (TICKET_FORMAT, TICKET_VERSION):
                raise ValueError("its format or version is not known here")
            return cls(
                agreement_id=str(form["agreement_id"]),
                round=_whole(form["round"]),
                agency=str(form["agency"]),
                package_id=str(form["package_id"]),
                request_hash=read_hex(form["request"], HASH_BYTES),
            )
        except ValueError as error:
            raise PackageRefused(f"The linker's ticket cannot be read: {error}.") from error


@dataclass(frozen=True)
class Spend:
    """One line of the store: a granted request, its package and key, and how much it spent; ``total`` includes it."""

    round: int
    package_id: str
    unlock_key: bytes
    request_hash: bytes
    count: int
    total: int

    def to_line(self, previous: str) -> bytes:
        """The canonical line; ``previous`` is the SHA-384 of the line before."""
        return canonical_bytes(
            {
                "version": SPEND_VERSION,
                "round": self.round,
                "package_id": self.package_id,
                "unlock_key": self.unlock_key.hex(),
                "request": self.request_hash.hex(),
                "count": self.count,
                "total": self.total,
                "previous": previous,
            }
        )


@dataclass(frozen=True)
class GrantStore:
    """The durable store of one agency under one agreement, in ``folder`` inside the agency's private folder.

    ``request_size`` is the number of elements that every request must have (the agreement's quota where there is one
    round). Several processes may use one store; they take turns.
    """

    folder: Path
    agreement_id: str
    agency: str
    quota: int
    request_size: int

    def __post_init__(self) -> None:
        if not 1 <= self.request_size <= self.quota:
            raise UsageError("A blind request has at least one element and at most the agreement's quota.")

    def spends(self) -> tuple[Spend, ...]:
        """What was granted, in order. Raises ``PackageRefused`` where a line was changed, lost or reordered."""
        return self._read()[0]

    def spent(self) -> int:
        """How many evaluations are spent under this agreement, over all keys and packages."""
        return _total(self.spends())

    def grant(
        self,
        request: bytes,
        ticket: bytes,
        signature: bytes,
        key: UnlockKey,
        *,
        round: int,
        package_id: str,
        verify: VerifyTicket,
        witnessed_spent: int,
        record: RecordSpent,
    ) -> bytes:
        """The grant that answers ``request``: stored if it was answered before, else spent, witnessed and evaluated.

        ``key`` is the unlock key of ``package_id``; ``round`` and ``package_id`` come from the signed header that
        brought the request. ``witnessed_spent`` is the number that the ledger says is spent; ``record`` is called
        with the new total whenever the ledger lags behind, always before an evaluation is made.

        Raises ``PackageRefused`` for a request without a ticket of its own, in a wrong form, already answered under
        another package, or where the store is older than the ledger; ``AgreementForbids`` for a ticket of another
        agreement; ``LimitReached`` where the quota would be passed.
        """
        verify(ticket, signature)
        self._check_ticket(Ticket.parse(ticket), request, round, package_id)
        blinded = BlindRequest.parse(request, self.request_size)
        digest = request_hash(request)
        for place in (self.folder, self._grants):
            if not place.is_dir():
                private_dir(place)
        with locked(self._spends):
            self._remove_leftovers()
            spends, head = self._read()
            total = _total(spends)
            if total < witnessed_spent:
                raise PackageRefused(
                    f"The store of granted requests in {self.folder} knows of {total} evaluations, the ledger of "
                    f"{witnessed_spent}: the store was deleted, or an older copy was put back.",
                    remedy="Put the newest copy of that folder back; nothing is granted until then.",
                )
            spend = next((known for known in spends if known.request_hash == digest), None)
            if spend is None:
                spend = Spend(
                    round=round,
                    package_id=package_id,
                    unlock_key=key.public,
                    request_hash=digest,
                    count=len(blinded.elements),
                    total=total + len(blinded.elements),
                )
                if spend.total > self.quota:
                    raise LimitReached(
                        f"{total} of the agreement's {self.quota} evaluations are spent; this request asks for "
                        f"{spend.count} more.",
                        remedy="A larger quota needs a new agreement, signed by every party.",
                    )
                append_line(self._spends, spend.to_line(head))
                total = spend.total
            elif (spend.package_id, spend.unlock_key) != (package_id, key.public):
                raise PackageRefused("This request was granted before under another release package or unlock key.")
            if total > witnessed_spent:
                record(total)
            return self._stored_grant(blinded, digest, key) or self._evaluate(blinded, digest, key)

    @property
    def _spends(self) -> Path:
        return self.folder / "spends.jsonl"

    @property
    def _grants(self) -> Path:
        return self.folder / "grants"

    def _grant_file(self, digest: bytes) -> Path:
        return self._grants / f"{digest.hex()[:40]}.grant"

    def _check_ticket(self, ticket: Ticket, request: bytes, round: int, package_id: str) -> None:
        if ticket.agreement_id != self.agreement_id:
            raise AgreementForbids("The linker's ticket belongs to another agreement.")
        if (ticket.agency, ticket.round, ticket.package_id) != (self.agency, round, package_id):
            raise PackageRefused("The linker's ticket is for another agency, round or release package.")
        if not hmac.compare_digest(ticket.request_hash, request_hash(request)):
            raise PackageRefused("The linker's ticket is for another request.")

    def _evaluate(self, blinded: BlindRequest, digest: bytes, key: UnlockKey) -> bytes:
        granted = answer(blinded, key).to_bytes()
        write_bytes(self._grant_file(digest), granted)
        return granted

    def _stored_grant(self, blinded: BlindRequest, digest: bytes, key: UnlockKey) -> bytes | None:
        """The grant made before, if it is there and whole; a damaged one is made anew, at no cost to the quota."""
        path = self._grant_file(digest)
        if not path.exists():
            return None
        granted = read_limited(path, _MAX_GRANT)
        try:
            Grant.parse(granted).check(blinded, key.public)
        except PackageRefused:
            return None
        return granted

    def _remove_leftovers(self) -> None:
        for path in self._grants.glob(".*.part"):
            with contextlib.suppress(OSError):
                path.unlink()

    def _read(self) -> tuple[tuple[Spend, ...], str]:
        """The spends and the hash that the next line must carry. A torn tail was never answered and counts nothing."""
        lines, _ = whole_lines(self._spends)
        head = sha384_hex(length_prefixed(b"juncture-spends-1", self.agreement_id.encode(), self.agency.encode()))
        spends: list[Spend] = []
        for number, line in enumerate(lines, 1):
            try:
                spend = _read_spend(line, head)
                if spend.total != _total(spends) + spend.count or spend.count < 1:
                    raise ValueError("its sum is wrong")
            except ValueError as error:
                raise PackageRefused(
                    f"{self._spends}, line {number}: the record of granted requests was changed: {error}.",
                    remedy="Put the newest copy of that folder back; nothing is granted until then.",
                ) from error
            spends.append(spend)
            head = sha384_hex(line)
        return tuple(spends), head


def _read_spend(line: bytes, previous: str) -> Spend:
    form = read_form(line, _SPEND_FORM)
    if form["version"] != SPEND_VERSION:
        raise ValueError("its version is not known here")
    if form["previous"] != previous:
        raise ValueError("it does not follow the line before it")
    return Spend(
        round=_whole(form["round"]),
        package_id=str(form["package_id"]),
        unlock_key=read_hex(form["unlock_key"], ELEMENT_BYTES),
        request_hash=read_hex(form["request"], HASH_BYTES),
        count=_whole(form["count"]),
        total=_whole(form["total"]),
    )


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError("a number is missing")
    return value


def _total(spends: tuple[Spend, ...] | list[Spend]) -> int:
    return spends[-1].total if spends else 0
