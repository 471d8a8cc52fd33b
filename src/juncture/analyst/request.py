"""Asking: blind the cohort's tokens, have the linker ticket the requests, and send each agency its own.

The same steps, packages and sizes whoever was chosen, even if nobody was.
"""

from __future__ import annotations

from pathlib import Path

from juncture.agreement.vocabulary import PartyRole
from juncture.base.errors import PackageRefused
from juncture.base.report import StepReport
from juncture.exchange import unlock, vault
from juncture.exchange.desk import Desk, written
from juncture.exchange.header import PackageKind
from juncture.exchange.ledger import Act
from juncture.exchange.locks import locked
from juncture.formats.cohort import CohortPayload
from juncture.formats.release import ReleasePayload
from juncture.formats.unlocking import RequestPayload, TicketRequest, Tickets

_BLINDS = "blinds of the unlock request"


def take_cohort(desk: Desk, round_number: int) -> CohortPayload:
    """The linker's cohort, checked against the agreement."""
    linker = desk.agreement.sole(PartyRole.LINKER)
    cohort = CohortPayload.from_bytes(desk.take(PackageKind.COHORT, linker, round_number).payload)
    if cohort.round != round_number or cohort.agencies != desk.agreement.agencies:
        raise PackageRefused("The cohort is of another round or of other agencies than the agreement's.")
    if len(cohort.study_id) != desk.agreement.cohort.quota or len(cohort.draws) != desk.agreement.linkage.draws:
        raise PackageRefused("The cohort has not the size that the agreement gives it.")
    return cohort


def take_release(desk: Desk, agency: str, round_number: int) -> ReleasePayload:
    """An agency's envelopes, checked against their header."""
    payload = ReleasePayload.from_bytes(desk.take(PackageKind.RELEASE, agency, round_number).payload)
    if payload.agency != agency or payload.round != round_number:
        raise PackageRefused(f"The envelopes from {agency} say that they are of another agency or round.")
    return payload


def request(desk: Desk, *, round_number: int = 1) -> StepReport:
    """Blind the tokens, keep the blinds, and ask the linker for tickets. Run again, it asks for the same."""
    # Two runs at once would keep the blinds of one and send the request of the other.
    with locked(desk.folder.round(round_number) / "blinds"):
        return _request(desk, round_number)


def _request(desk: Desk, round_number: int) -> StepReport:
    cohort = take_cohort(desk, round_number)
    quota = desk.agreement.cohort.quota
    wanted: dict[str, tuple[str, str]] = {}
    for a, agency in enumerate(desk.agreement.agencies):
        path = _blinds(desk, round_number, agency)
        if path.exists():
            state = unlock.BlindState.parse(vault.recall(desk.keys, path, _BLINDS))
        else:
            tokens = {token.tobytes() for token in cohort.unlock_token[:, a][cohort.in_use[:, a] == 1]}
            _, state = unlock.blind_tokens(sorted(tokens), quota)
            vault.keep(desk.keys, path, _BLINDS, state.to_bytes())
        package_id = take_release(desk, agency, round_number).package_id
        wanted[agency] = (package_id, unlock.request_hash(state.request.to_bytes()).hex())
    linker = desk.agreement.sole(PartyRole.LINKER)
    sent = []
    if not desk.sent(PackageKind.TICKET_REQUEST, linker, round_number):
        desk.note(Act.UNLOCK_REQUESTED, elements=quota)
        sent.append(desk.send(PackageKind.TICKET_REQUEST, linker, round_number, TicketRequest(wanted).to_bytes()))
    return StepReport(
        title=f"Blinded the requests of round {round_number}",
        counts={"elements in each request, whoever was chosen": quota},
        files=written(*sent),
        notes=(f"Send it to {linker}; the requests follow when its tickets are here.",),
        next_command="juncture analyst request",
    )


def ask(desk: Desk, *, round_number: int = 1) -> StepReport:
    """The next step of asking: :func:`send_requests` once the linker's tickets are here, :func:`request` before."""
    linker = desk.agreement.sole(PartyRole.LINKER)
    ticketed = desk.arrived(PackageKind.TICKET, linker, round_number)
    return (send_requests if ticketed else request)(desk, round_number=round_number)


def send_requests(desk: Desk, *, round_number: int = 1) -> StepReport:
    """Send each agency its blinded request with the linker's ticket."""
    linker = desk.agreement.sole(PartyRole.LINKER)
    tickets = Tickets.from_bytes(desk.take(PackageKind.TICKET, linker, round_number).payload).tickets
    sent = []
    for agency in desk.agreement.agencies:
        if agency not in tickets:
            raise PackageRefused(f"There is no ticket for {agency}.", remedy=f"Ask {linker} for new tickets.")
        message, signature = tickets[agency]
        payload = RequestPayload(blind_state(desk, agency, round_number).request.to_bytes(), message, signature)
        if not desk.sent(PackageKind.REQUEST, agency, round_number):
            sent.append(desk.send(PackageKind.REQUEST, agency, round_number, payload.to_bytes()))
    return StepReport(
        title=f"Sent the requests of round {round_number}",
        files=written(*sent),
        next_command="juncture analyst unlock",
    )


def blind_state(desk: Desk, agency: str, round_number: int) -> unlock.BlindState:
    """The kept blinds of the request to ``agency``."""
    return unlock.BlindState.parse(vault.recall(desk.keys, _blinds(desk, round_number, agency), _BLINDS))


def _blinds(desk: Desk, round_number: int, agency: str) -> Path:
    return desk.folder.round(round_number) / f"blinds-{agency}"
