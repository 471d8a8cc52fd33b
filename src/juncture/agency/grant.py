"""Granting: answer the analyst's one blind request of a round, without learning whom it asks for."""

from __future__ import annotations

from juncture.agency.share import unlock_record
from juncture.agreement.vocabulary import PartyRole
from juncture.base.report import StepReport
from juncture.exchange import ledger
from juncture.exchange.desk import Desk, written
from juncture.exchange.header import PackageKind
from juncture.exchange.ledger import Act
from juncture.exchange.quota import TICKET_LABEL, GrantStore
from juncture.exchange.signing import verify
from juncture.formats.unlocking import RequestPayload


def grant(desk: Desk, *, round_number: int = 1) -> StepReport:
    """Take the request, check the linker's ticket and the quota, and send the evaluations with their proof.

    Raises ``LimitReached`` (exit 6) beyond the quota, ``PackageRefused`` (exit 5) for a request without its ticket.
    """
    analyst, linker = (desk.agreement.sole(role) for role in (PartyRole.ANALYST, PartyRole.LINKER))
    sent = desk.sent(PackageKind.GRANT, analyst, round_number)
    request = RequestPayload.from_bytes(desk.take(PackageKind.REQUEST, analyst, round_number).payload)
    record = unlock_record(desk, round_number)
    quota = desk.agreement.cohort.quota
    store = GrantStore(
        folder=desk.folder.private / "granted",
        agreement_id=desk.signed.id,
        agency=desk.party,
        quota=quota,
        request_size=quota,
    )
    granted = store.grant(
        request.request,
        request.ticket,
        request.signature,
        record.key,
        round=round_number,
        package_id=record.package_id,
        verify=lambda message, signature: verify(desk.signed.public[linker], TICKET_LABEL, message, signature),
        witnessed_spent=_witnessed(desk),
        record=lambda total: desk.note(Act.UNLOCK_GRANTED, evaluations_spent=total),
    )
    packages = [] if sent else [desk.send(PackageKind.GRANT, analyst, round_number, granted)]
    return StepReport(
        title=f"Answered the request of round {round_number}",
        counts={"evaluations spent under this agreement": store.spent(), "quota": quota},
        files=written(*packages),
        notes=("The request has the same size whoever is asked for; who that is cannot be seen here.",),
        next_command="juncture status",
    )


def _witnessed(desk: Desk) -> int:
    entries = ledger.verify(desk.folder.ledger).entries
    return max((e.counts.get("evaluations_spent", 0) for e in entries if e.agreement_id == desk.signed.id), default=0)
