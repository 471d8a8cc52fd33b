"""``juncture agree``: write, read, check and sign the agreement."""

from __future__ import annotations

from pathlib import Path

import click

from juncture.cli.folder import party_folder
from juncture.cli.options import passphrase_fd
from juncture.cli.terminal import Here, ask_passphrase, data, show, talk


@click.group()
def agree() -> None:
    """Write, read, check and sign the agreement."""


@agree.command()
@click.argument("form", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def new(here: Here, form: Path | None) -> None:
    """Write agreement.toml from FORM (by default the empty form), and fill in the keys that have arrived.

    Where FORM declares no juncture, the default library for its agencies is written in (`juncture agree junctures`).

    Run again, it keeps the draft as it is and fills in keys that have come since.
    """
    from juncture.exchange.joining import new_agreement

    show(new_agreement(party_folder(here), form), here)


@agree.command()
@click.option(
    "--for", "agreement", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An agreement, or a draft without junctures: its agencies take the place of their families.",
)  # fmt: skip
def junctures(agreement: Path | None) -> None:
    """List the default library of junctures: what opens and meets each, why, and its lines for an agreement."""
    from juncture.agreement.library import FAMILIES, library, library_toml
    from juncture.agreement.read import read_parties

    party = FAMILIES if agreement is None else read_parties(agreement)
    data(library_toml(party).rstrip())
    left_out = [entry.name for entry in library() if entry.of(party) is None]
    if left_out:
        talk(f"Left out, since no agency here can tell of them: {', '.join(left_out)}")
    if agreement is None:
        talk("police and crisis_team stand for the agencies; `--for AGREEMENT.toml` puts in their names.")


@agree.command("show")
@click.pass_obj
def show_agreement(here: Here) -> None:
    """Print the agreement with every default written out; its id goes to stderr."""
    from juncture.agreement.read import agreement_id, agreement_toml
    from juncture.exchange.joining import agreement_here

    agreement = agreement_here(party_folder(here))
    data(agreement_toml(agreement).rstrip())
    talk(f"Agreement id {agreement_id(agreement)}" + (" (a draft)" if agreement.is_draft else ""))


@agree.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def check(here: Here, file: Path | None) -> None:
    """Tell everything that is wrong with the agreement, or what is missing before it binds.

    With FILE, only whether that file is a well-formed agreement; no working folder is needed then.
    """
    from juncture.agreement.read import read_agreement
    from juncture.exchange.joining import check_agreement

    if file is not None:
        agreement = read_agreement(file)
        talk(f"{file.name} is a well-formed agreement of {', '.join(agreement.party)}.")
        return
    show(check_agreement(party_folder(here)), here)


@agree.command()
@passphrase_fd
@click.pass_obj
def sign(here: Here, passphrase_fd: int | None) -> None:
    """Sign the agreement with the party's keys."""
    from juncture.exchange.joining import agree as sign_it
    from juncture.exchange.joining import agreement_here, for_real

    folder = party_folder(here)
    for_real(agreement_here(folder))
    show(sign_it(folder, ask_passphrase(f"the keys of {folder.party}", passphrase_fd)), here)
