"""``juncture analyst``: on the machine of the university team, which sees unlocked timelines only."""

from __future__ import annotations

import click

from juncture.cli.export import export
from juncture.cli.folder import desk_for_real
from juncture.cli.options import passphrase_fd, round_number
from juncture.cli.power import power
from juncture.cli.terminal import Here, progress_shown, show


@click.group()
def analyst() -> None:
    """Ask for the cohort's envelopes, study them, propose tables for release."""


@analyst.command()
@round_number
@passphrase_fd
@click.pass_obj
def request(here: Here, round_number: int, passphrase_fd: int | None) -> None:
    """Blind the requests and ask the linker for tickets; once they are here, send each agency its request."""
    from juncture.analyst.request import ask

    show(ask(desk_for_real(here, passphrase_fd, "analyst"), round_number=round_number), here)


@analyst.command()
@round_number
@passphrase_fd
@click.pass_obj
def unlock(here: Here, round_number: int, passphrase_fd: int | None) -> None:
    """Open the cohort's envelopes with the agencies' grants, and build study.duckdb."""
    from juncture.analyst.steps import unlock as open_envelopes

    desk = desk_for_real(here, passphrase_fd, "analyst")
    with progress_shown() as (_, progress):
        report = open_envelopes(desk, round_number=round_number, progress=progress)
    show(report, here)


@analyst.command()
@round_number
@passphrase_fd
@click.pass_obj
def findings(here: Here, round_number: int, passphrase_fd: int | None) -> None:
    """Compute every finding: internal tables in results/, and a proposal for the checker."""
    from juncture.analyst.steps import findings as compute

    desk = desk_for_real(here, passphrase_fd, "analyst")
    with progress_shown() as (_, progress):
        report = compute(desk, round_number=round_number, progress=progress)
    show(report, here)


@analyst.command()
@round_number
@passphrase_fd
@click.pass_obj
def propose(here: Here, round_number: int, passphrase_fd: int | None) -> None:
    """Send the proposed tables to the checker."""
    from juncture.analyst.steps import propose as send

    show(send(desk_for_real(here, passphrase_fd, "analyst"), round_number=round_number), here)


analyst.add_command(export)
analyst.add_command(power)
