"""Which packages a party has opened, so that none is taken twice and none older than one already taken.

A package is known by (agreement, sender, recipient, kind, round, sequence), never by a hash of its file: ECDSA
signatures are malleable. With it goes the hash of its header, which stands for its content: the very same package may
be opened again, since a killed step must be able to run again; another package in its place is a replay and refused,
and so is one not opened before that is older than one opened already (a lower round, or a lower sequence in the round).

The set is a file of canonical JSON lines in the party's private folder, flushed to disk before any content is handed
out, and safe for several processes at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from juncture.base.errors import PackageRefused
from juncture.exchange.canonical import canonical_bytes, read_form
from juncture.exchange.header import PackageHeader
from juncture.exchange.lines import append_line, whole_lines
from juncture.exchange.locks import locked

_FORM = {
    "agreement_id": str,
    "sender": str,
    "recipient": str,
    "kind": str,
    "round": int,
    "sequence": int,
    "header_sha384": str,
}


@dataclass(frozen=True)
class SeenSet:
    """The packages that a party has opened, kept in the file ``path`` (absent as long as there are none)."""

    path: Path

    def check(self, header: PackageHeader) -> bool:
        """Whether this very package was opened before; raises ``PackageRefused`` for a replay or an older package."""
        with locked(self.path):
            return self._check(header)

    def record(self, header: PackageHeader) -> bool:
        """Check as :meth:`check` does and record the package, in one step; returns whether it was there before."""
        with locked(self.path):
            known = self._check(header)
            if not known:
                append_line(self.path, canonical_bytes(_line(header)))
        return known

    def _check(self, header: PackageHeader) -> bool:
        new = _line(header)
        lines, _ = whole_lines(self.path)
        newest = (0, 0)
        for number, text in enumerate(lines, start=1):
            old = self._read(text, number)
            if any(old[name] != new[name] for name in ("agreement_id", "sender", "recipient", "kind")):
                continue
            turn = _turn(old)
            if turn != _turn(new):
                newest = max(newest, turn)
            elif old["header_sha384"] == new["header_sha384"]:
                return True
            else:
                raise PackageRefused(
                    f"Another {header.kind} package with number {header.sequence} of round {header.round} "
                    f"from {header.sender} was opened before.",
                    remedy="Ask the sender for a package with the next number.",
                )
        if newest > _turn(new):
            raise PackageRefused(
                f"This {header.kind} package from {header.sender} (round {header.round}, number {header.sequence}) "
                f"is older than one opened before (round {newest[0]}, number {newest[1]}).",
                remedy="Ask the sender for a package with the next number.",
            )
        return False

    def _read(self, text: bytes, number: int) -> dict[str, object]:
        try:
            return dict(read_form(text, _FORM))
        except ValueError as error:
            raise PackageRefused(
                f"Line {number} of {self.path.name} is damaged; without it a replay could not be told.",
                remedy="Restore the party's whole folder from its latest backup, and tell the other parties.",
            ) from error


def _line(header: PackageHeader) -> dict[str, object]:
    return {
        "agreement_id": header.agreement_id,
        "sender": header.sender,
        "recipient": header.recipient,
        "kind": header.kind.value,
        "round": header.round,
        "sequence": header.sequence,
        "header_sha384": header.sha384,
    }


def _turn(line: dict[str, object]) -> tuple[int, int]:
    return int(str(line["round"])), int(str(line["sequence"]))
