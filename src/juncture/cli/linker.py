"""``juncture linker``: on the machine of the linkage unit, which sees encodings only."""

from __future__ import annotations

import click

from juncture.cli.folder import desk_for_real
from juncture.cli.options import passphrase_fd, round_number
from juncture.cli.terminal import Here, progress_shown, show


@click.group()
def linker() -> None:
    """Link encodings, choose the cohort by the signed rule, ticket requests."""


@linker.command()
@round_number
@passphrase_fd
@click.pass_obj
def link(here: Here, round_number: int, passphrase_fd: int | None) -> None:
    """Link the agencies' people and seal the cohort to the analyst; the link packages are destroyed."""
    from juncture.linker.link import link as join

    desk = desk_for_real(here, passphrase_fd, "linker")
    with progress_shown() as (_, progress):
        linked = join(desk, round_number=round_number, progress=progress)
    show(linked.report, here)


@linker.command()
@round_number
@passphrase_fd
@click.pass_obj
def ticket(here: Here, round_number: int, passphrase_fd: int | None) -> None:
    """Sign one ticket an agency for the analyst's requests."""
    from juncture.linker.ticket import ticket as sign

    show(sign(desk_for_real(here, passphrase_fd, "linker"), round_number=round_number), here)
