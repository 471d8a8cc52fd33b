"""Tickets: the linker signs one unlock request an agency and round, so that the analyst alone unlocks nobody."""

from __future__ import annotations

import json

from juncture.agreement.vocabulary import PartyRole
from juncture.base.errors import PackageRefused
from juncture.base.report import StepReport
from juncture.exchange import vault
from juncture.exchange.desk import Desk, written
from juncture.exchange.header import PackageKind
from juncture.exchange.ledger import Act
from juncture.exchange.locks import locked
from juncture.exchange.quota import TICKET_LABEL, Ticket
from juncture.exchange.signing import sign
from juncture.formats.unlocking import TicketRequest, Tickets

_ISSUED = "tickets issued"


def ticket(desk: Desk, *, round_number: int = 1) -> StepReport:
    """Sign a ticket for each agency's request; a second, different request in a round is refused (exit 5)."""
    # Two runs at once could sign two requests; a round has one an agency.
    with locked(desk.folder.round(round_number) / "tickets-issued"):
        return _ticket(desk, round_number)


def _ticket(desk: Desk, round_number: int) -> StepReport:
    analyst = desk.agreement.sole(PartyRole.ANALYST)
    asked = TicketRequest.from_bytes(desk.take(PackageKind.TICKET_REQUEST, analyst, round_number).payload)
    if tuple(sorted(asked.wanted)) != desk.agreement.agencies:
        raise PackageRefused("The ticket request does not name each agency of the agreement once.")
    path = desk.folder.round(round_number) / "tickets-issued"
    wanted = json.dumps({name: list(pair) for name, pair in sorted(asked.wanted.items())}).encode()
    if path.exists():
        if vault.recall(desk.keys, path, _ISSUED) != wanted:
            raise PackageRefused(
                f"Tickets of round {round_number} were issued for other requests.",
                remedy="A round has one request an agency. Ask the analyst which one was meant.",
            )
    else:
        # Kept before anything is signed, so that a killed run cannot be talked into a second request.
        vault.keep(desk.keys, path, _ISSUED, wanted)
        desk.note(Act.TICKETED, tickets=len(asked.wanted))
    issued = {}
    for name, (package_id, request_hash) in asked.wanted.items():
        try:
            digest = bytes.fromhex(request_hash)
        except ValueError as error:
            raise PackageRefused("The ticket request names a hash that is none.") from error
        message = Ticket(desk.signed.id, round_number, name, package_id, digest).to_bytes()
        issued[name] = (message, sign(desk.keys, TICKET_LABEL, message))
    sent = []
    if not desk.sent(PackageKind.TICKET, analyst, round_number):
        sent.append(desk.send(PackageKind.TICKET, analyst, round_number, Tickets(issued).to_bytes()))
    return StepReport(
        title=f"Ticketed the requests of round {round_number}",
        counts={"tickets": len(issued)},
        files=written(*sent),
        notes=(f"Send it to {analyst}.",),
        next_command="juncture status",
    )
