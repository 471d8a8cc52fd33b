"""The agencies' joint linkage secret, in three steps: commit, reveal, confirm.

The secret is kept in the vault (``private/linkage-secret``). Neither linker nor analyst ever sees a share.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from juncture.base.errors import PackageRefused, UsageError
from juncture.base.report import StepReport
from juncture.exchange import joint_secret as js
from juncture.exchange import vault
from juncture.exchange.desk import Desk, written
from juncture.exchange.header import PackageKind
from juncture.exchange.ledger import Act
from juncture.exchange.package import SealedPackage

#: The secret is made once under an agreement; its packages carry this round.
ROUND = 1
_SECRET = "linkage secret"
_SHARE = "own share of the linkage secret"
_HELD_TO = "commitments seen before the share was sent"


def exchange(desk: Desk) -> list[StepReport]:
    """Every step of the secret that what has arrived allows; the last report says what is waited for.

    Steps done before are done again, which changes nothing, and are reported only where they wrote something.
    """
    reports = [commit(desk)]
    following = (
        (PackageKind.COMMITMENT, reveal),
        (PackageKind.SHARE, confirm),
        (PackageKind.CONFIRMATION, compare),
    )
    for kind, step in following:
        missing = [other for other in _others(desk) if not desk.arrived(kind, other, ROUND)]
        if missing:
            waiting = f"Waiting for the {kind.description}, from {', '.join(missing)}."
            reports[-1] = replace(reports[-1], notes=(waiting,), next_command="juncture inbox FILE")
            break
        reports.append(step(desk))
    return [report for report in reports if report.files or report is reports[-1]]


def commit(desk: Desk) -> StepReport:
    """Draw this agency's share and send every other agency a commitment to it."""
    path = desk.folder.private / "secret-share"
    if not path.exists():
        vault.keep(desk.keys, path, _SHARE, js.new_share(desk.party, desk.signed.id).to_payload())
        desk.note(Act.SECRET_COMMITTED)
    share = _own_share(desk)
    sent = _send_missing(desk, PackageKind.COMMITMENT, share.commitment.to_payload())
    return StepReport(
        title="Committed to a share of the linkage secret",
        files=written(*sent),
        notes=("The other agencies' commitments must arrive before the share itself is sent.",),
        next_command="juncture keys exchange",
    )


def reveal(desk: Desk) -> StepReport:
    """Send the share to every other agency, once all their commitments are here."""
    said = js.transcript(_commitments(desk), desk.signed.id)
    if not _held_to(desk).exists():
        vault.keep(desk.keys, _held_to(desk), _HELD_TO, said)
    sent = _send_missing(desk, PackageKind.SHARE, _own_share(desk).to_payload())
    return StepReport(title="Sent the share", files=written(*sent), next_command="juncture keys exchange")


def confirm(desk: Desk) -> StepReport:
    """Make the secret of all shares, each checked against its commitment, and tell the others what proves it."""
    commitments, own = _commitments(desk), _own_share(desk)
    shares = {desk.party: own}
    for other in _others(desk):
        payload = desk.take(PackageKind.SHARE, other, ROUND).payload
        shares[other] = js.Share.from_payload(payload, desk.signed.id, other)
    secret = js.agree_secret(shares, commitments, desk.signed.id)
    path = desk.folder.private / "linkage-secret"
    if not path.exists():
        vault.keep(desk.keys, path, _SECRET, secret)
        desk.note(Act.SECRET_AGREED)
    mac = js.agency_confirmation(secret, js.transcript(commitments, desk.signed.id))
    payload = js.Confirmation(desk.signed.id, desk.party, mac).to_payload()
    sent = _send_missing(desk, PackageKind.CONFIRMATION, payload)
    return StepReport(title="Made the linkage secret", files=written(*sent), next_command="juncture keys exchange")


def compare(desk: Desk) -> StepReport:
    """Check that every other agency holds the same secret; raises ``PackageRefused`` where one does not."""
    commitments = _commitments(desk)
    secret = vault.recall(desk.keys, desk.folder.private / "linkage-secret", _SECRET)
    macs = {desk.party: js.agency_confirmation(secret, js.transcript(commitments, desk.signed.id))}
    for other in _others(desk):
        payload = desk.take(PackageKind.CONFIRMATION, other, ROUND).payload
        macs[other] = js.Confirmation.from_payload(payload, desk.signed.id, other).mac
    js.check_confirmations(macs)
    marker = desk.folder.private / "linkage-secret.confirmed"
    if not marker.exists():
        vault.keep(desk.keys, marker, _SECRET, js.transcript(commitments, desk.signed.id))
        desk.note(Act.SECRET_CONFIRMED)
    return StepReport(
        title="All agencies hold the same linkage secret",
        counts={"agencies": len(macs)},
        next_command="juncture agency share SOURCE.toml",
    )


def linkage_secret(desk: Desk) -> bytes:
    """The joint secret (32 bytes), once every agency has confirmed it; ``UsageError`` before."""
    if not (desk.folder.private / "linkage-secret.confirmed").exists():
        raise UsageError(
            "The agencies have not confirmed their linkage secret to each other yet.",
            remedy="`juncture keys exchange` does the next step of it.",
        )
    return vault.recall(desk.keys, desk.folder.private / "linkage-secret", _SECRET)


def _others(desk: Desk) -> list[str]:
    return [name for name in desk.agreement.agencies if name != desk.party]


def _own_share(desk: Desk) -> js.Share:
    payload = vault.recall(desk.keys, desk.folder.private / "secret-share", _SHARE)
    return js.Share.from_payload(payload, desk.signed.id, desk.party)


def _commitments(desk: Desk) -> dict[str, js.Commitment]:
    found = {desk.party: _own_share(desk).commitment}
    for other in _others(desk):
        payload = desk.take(PackageKind.COMMITMENT, other, ROUND).payload
        found[other] = js.Commitment.from_payload(payload, desk.signed.id, other)
    # Who has seen this agency's share could choose another of their own, and so the secret.
    if _held_to(desk).exists() and vault.recall(desk.keys, _held_to(desk), _HELD_TO) != js.transcript(
        found, desk.signed.id
    ):
        raise PackageRefused(
            "An agency changed its commitment after this agency's share was sent.",
            remedy="Stop, and ask the other agencies why; a new secret needs a new agreement.",
        )
    return found


def _held_to(desk: Desk) -> Path:
    return desk.folder.private / "secret-commitments"


def _send_missing(desk: Desk, kind: PackageKind, payload: bytes) -> list[SealedPackage]:
    return [desk.send(kind, other, ROUND, payload) for other in _others(desk) if not desk.sent(kind, other, ROUND)]
