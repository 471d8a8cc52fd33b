"""A party at work: its folder, its open keys and the agreement that everybody signed.

Every room sends and takes packages only here, so every package is sealed to the right keys, bound to the agreement,
and in the ledger, before a step goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from juncture.agreement.model import Agreement
from juncture.base.errors import MachineError, PackageRefused, UsageError
from juncture.base.files import empty_dir, sweep_leftovers
from juncture.base.folder import PartyFolder
from juncture.base.report import WrittenFile
from juncture.exchange import ledger
from juncture.exchange.header import PackageHeader, PackageKind, read_header_bytes
from juncture.exchange.keyfiles import open_keys
from juncture.exchange.keys import PrivateKeys
from juncture.exchange.ledger import Act
from juncture.exchange.lines import append_line, whole_lines
from juncture.exchange.locks import locked
from juncture.exchange.package import Expected, OpenedPackage, SealedPackage, open_package, read_header, seal_package
from juncture.exchange.seen import SeenSet
from juncture.exchange.signed_agreement import SignedAgreement, read_signed_agreement

#: In private/: the header of each package that was sealed here, a line each.
SENT_FILE = "sent.jsonl"

#: The most content a package of a kind may have; a larger one is refused before anything is read.
MAX_BYTES = {
    PackageKind.LINK: 16 << 30,
    PackageKind.RELEASE: 16 << 30,
    PackageKind.COHORT: 1 << 30,
    PackageKind.PROPOSAL: 64 << 20,
    PackageKind.DECISION: 64 << 20,
}
MAX_SMALL = 8 << 20


@dataclass(frozen=True, repr=False)
class Desk:
    """One party, ready to act. ``today`` is the UTC date that packages are dated and judged by."""

    folder: PartyFolder
    keys: PrivateKeys
    signed: SignedAgreement
    today: date

    def __repr__(self) -> str:
        return f"Desk({self.party!r})"

    @property
    def party(self) -> str:
        return self.keys.party

    @property
    def agreement(self) -> Agreement:
        return self.signed.agreement

    def note(self, act: Act, *, file_sha384: str = "", **counts: int) -> None:
        """Write an act into the ledger; ``counts`` are whole numbers only."""
        ledger.append(
            self.folder.ledger,
            act,
            who=self.party,
            agreement_id=self.signed.id,
            file_sha384=file_sha384,
            counts=counts,
        )

    def sent(self, kind: PackageKind, recipient: str, round_number: int) -> list[PackageHeader]:
        """Headers of what was sealed for ``recipient``, of ``kind`` and round, in order.

        A package counts although somebody moved it out of the outbox: what was sent once is never made anew.
        """
        lines, _ = whole_lines(self._sent_file)
        headers = [read_header_bytes(line) for line in lines] + [h for _, h in packages_in(self.folder.outbox)]
        found = {
            header.package_id: header
            for header in headers
            if (header.kind, header.sender, header.recipient, header.round)
            == (kind, self.party, recipient, round_number)
            and header.agreement_id == self.signed.id
        }
        return sorted(found.values(), key=lambda header: header.sequence)

    @property
    def _sent_file(self) -> Path:
        return self.folder.private / SENT_FILE

    def send(
        self,
        kind: PackageKind,
        recipient: str,
        round_number: int,
        payload: bytes,
        *,
        facts: Mapping[str, str] | None = None,
    ) -> SealedPackage:
        """Seal ``payload`` to ``recipient`` into the outbox; numbered after what was sent before."""
        with locked(self._sent_file):
            package = seal_package(
                payload,
                kind=kind,
                project=self.agreement.project,
                agreement_id=self.signed.id,
                sender_keys=self.keys,
                recipient_public=self.signed.public[recipient],
                round=round_number,
                sequence=max((h.sequence for h in self.sent(kind, recipient, round_number)), default=0) + 1,
                created=self.today,
                expires=self.agreement.expires,
                ledger_head=ledger.head(self.folder.ledger),
                out_dir=self.folder.outbox,
                facts=facts,
            )
            append_line(self._sent_file, package.header.to_bytes())
        self.note(Act.PACKAGE_SEALED, file_sha384=package.sha384)
        return package

    def arrived(self, kind: PackageKind, sender: str, round_number: int) -> list[tuple[Path, PackageHeader]]:
        """Packages in the inbox that say they are of ``kind``, from ``sender``, of this round; nothing is verified."""
        found = [
            (path, header)
            for path, header in packages_in(self.folder.inbox)
            if (header.kind, header.sender, header.round) == (kind, sender, round_number)
            and header.agreement_id == self.signed.id
        ]
        return sorted(found, key=lambda item: item[1].sequence)

    def take(self, kind: PackageKind, sender: str, round_number: int) -> OpenedPackage:
        """The newest package of ``kind`` from ``sender``, after every check.

        Raises ``UsageError`` where none has arrived and ``PackageRefused`` where one does not prove what it must.
        """
        arrived = self.arrived(kind, sender, round_number)
        if not arrived:
            raise UsageError(
                f"What is needed from {sender} has not arrived: the {kind.description} (round {round_number}).",
                remedy=f"Ask {sender} for the file, take it in with `juncture inbox FILE`, and run this again.",
            )
        expected = Expected(
            sender=self.signed.public[sender],
            recipient=self.keys,
            agreement_id=self.signed.id,
            kind=kind,
            today=self.today,
            seen=SeenSet(self.folder.private / "seen.jsonl"),
            max_bytes=MAX_BYTES.get(kind, MAX_SMALL),
        )
        try:
            opened = open_package(arrived[-1][0], expected)
        except PackageRefused:
            self.note(Act.PACKAGE_REFUSED)
            raise
        if not opened.opened_before:
            self.note(Act.PACKAGE_OPENED, file_sha384=opened.header.sha384)
        return opened


def sit_down(folder: PartyFolder, passphrase: bytes, *, today: date | None = None) -> Desk:
    """Open the party's keys and the signed agreement; raises as the parts do, before anything else happens."""
    day = today or datetime.now(UTC).date()
    sweep_leftovers(folder.root)
    # Nobody is at work there if the lock can be had.
    with suppress(MachineError), locked(folder.spill_place, patience=0):
        empty_dir(folder.spill_place)
    keys = open_keys(folder.own_keys, passphrase)
    if keys.party != folder.party:
        raise UsageError(f"The keys in {folder.root} belong to {keys.party}, the folder to {folder.party}.")
    signed = read_signed_agreement(folder, today=day)
    return Desk(folder=folder, keys=keys, signed=signed, today=day)


def written(*packages: SealedPackage) -> tuple[WrittenFile, ...]:
    """Packages as files of a report."""
    return tuple(WrittenFile(package.path, package.sha384) for package in packages)


def packages_in(folder: Path) -> list[tuple[Path, PackageHeader]]:
    """The packages in ``folder`` with what their headers say, by file name; nothing is verified."""
    found = []
    for path in sorted(folder.glob("*.juncture")):
        if not path.is_file():
            continue
        try:
            found.append((path, read_header(path)))
        except PackageRefused:
            # What is no package is the business of `inbox`; a step looks only at what it waits for.
            continue
    return found
