"""``init``, ``status`` and ``inbox``: a party's working folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from juncture.cli.options import round_number
from juncture.cli.terminal import Here, data, show, talk

if TYPE_CHECKING:
    from juncture.base.folder import PartyFolder
    from juncture.exchange.desk import Desk


def party_folder(here: Here) -> PartyFolder:
    """The working folder that the command line names."""
    from juncture.base.folder import PartyFolder

    return PartyFolder.open(here.folder)


def desk_for_real(here: Here, descriptor: int | None, role: str) -> Desk:
    """The party's desk, after its passphrase; what the agreement forbids is refused before that is asked."""
    from juncture.agreement.vocabulary import PartyRole
    from juncture.cli.terminal import ask_passphrase
    from juncture.exchange.joining import may_act_as, own_desk

    folder = party_folder(here)
    may_act_as(folder, PartyRole(role))
    return own_desk(folder, ask_passphrase(f"the keys of {folder.party}", descriptor), PartyRole(role))


@click.command()
@click.argument("party")
@click.pass_obj
def init(here: Here, party: str) -> None:
    """Make a working folder for PARTY, the name that the agreement gives it.

    The folder is the current one, or the one of -C.
    """
    from juncture.base.errors import UsageError
    from juncture.base.folder import PartyFolder
    from juncture.base.report import StepReport
    from juncture.exchange.names import is_name

    if not is_name(party):
        raise UsageError(f"{party!r} cannot name a party.", remedy="Use 1 to 40 of a-z, 0-9, - and _: police, clinic.")
    folder = PartyFolder.create(here.folder, party)
    service = folder.synchronised_with()
    report = StepReport(
        title=f"Made the working folder of {party}",
        warnings=(f"It lies in {service}, which copies it elsewhere. Move it to a local disk.",) if service else (),
        next_command="juncture keys new",
    )
    show(report, here)
    data(str(folder.root.resolve()))


@click.command()
@round_number
@click.pass_obj
def status(here: Here, round_number: int) -> None:
    """What is done, what is waited for and from whom, and the next command."""
    from datetime import UTC, datetime

    from juncture.exchange.status import status as stand

    found = stand(party_folder(here), today=datetime.now(UTC).date(), round_number=round_number)
    data(f"{found.party} ({found.role.value if found.role else 'no role yet'}), round {found.round}")
    for stage, day in found.done:
        data(f"  done      {stage.value}" + (f", {day}" if day else ""))
    if found.next_stage is not None:
        data(f"  to do     {found.next_stage.value}")
    for sentence in found.waiting:
        data(f"  waiting   {sentence}")
    for sentence in found.overdue:
        data(f"  overdue   {sentence}")
    for name, recipient in found.to_send:
        data(f"  outbox    for {recipient}: {name}")
    if found.to_send:
        data("Copy what is in outbox/ to whom it is for, and leave the files where they are.")
    if found.command:
        data(f"Next: {here.command(found.command)}")
    elif found.waiting:
        data(f"When it has come: {here.command('juncture inbox FILE')}")
    else:
        data(f"Nothing is left to do in round {found.round}.")


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Let a new agreement or public-key file take a different one's place.")
@click.pass_obj
def inbox(here: Here, files: tuple[Path, ...], replace: bool) -> int:
    """Take in what a courier brought: packages, agreement.toml, signatures, public keys.

    Each FILE is recognised and copied to where it belongs. What is foreign, wrong, or would replace a different file
    is refused; the others are taken all the same.
    """
    from juncture.base.errors import JunctureError
    from juncture.cli.failures import explain
    from juncture.exchange.inbox import recognise, take_in

    folder = party_folder(here)
    code = 0
    known = []
    for path in files:
        try:
            known.append((recognise(path), path))
        except JunctureError as error:
            told = explain(error)
            code = code or told
    for _, path in sorted(known):
        try:
            taken = take_in(folder, path, replace=replace)
        except JunctureError as error:
            told = explain(error)
            code = code or told
            continue
        talk(f"{path.name} is {taken.what}" + ("; it lay here already." if taken.there_before else "."), bold=True)
        if taken.note:
            talk(taken.note)
        data(str(taken.path))
    if not code:
        talk(f"Next: {here.command('juncture status')}", fg="cyan")
    return code
