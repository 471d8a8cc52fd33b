"""``juncture checker``: on the machine of the person who decides what the public sees."""

from __future__ import annotations

from pathlib import Path

import click

from juncture.cli.folder import desk_for_real
from juncture.cli.options import passphrase_fd, round_number
from juncture.cli.terminal import Here, show


@click.group()
def checker() -> None:
    """Review proposed tables, decide, release."""


@checker.command()
@round_number
@passphrase_fd
@click.pass_obj
def review(here: Here, round_number: int, passphrase_fd: int | None) -> None:
    """Write what would be released into review/, to be read before deciding."""
    from juncture.checker.steps import review as look

    show(look(desk_for_real(here, passphrase_fd, "checker"), round_number=round_number), here)


@checker.command()
@round_number
@passphrase_fd
@click.pass_obj
def approve(here: Here, round_number: int, passphrase_fd: int | None) -> None:
    """Decide that the controlled tables may be released."""
    from juncture.checker.steps import approve as decide

    show(decide(desk_for_real(here, passphrase_fd, "checker"), round_number=round_number), here)


@checker.command()
@round_number
@passphrase_fd
@click.pass_obj
def refuse(here: Here, round_number: int, passphrase_fd: int | None) -> None:
    """Send the proposal back: nothing of it may be released."""
    from juncture.checker.steps import refuse as decide

    show(decide(desk_for_real(here, passphrase_fd, "checker"), round_number=round_number), here)


@checker.command()
@click.argument("public", type=click.Path(file_okay=False, path_type=Path))
@round_number
@passphrase_fd
@click.pass_obj
def release(here: Here, public: Path, round_number: int, passphrase_fd: int | None) -> None:
    """Write the approved tables, the report and the register into the folder PUBLIC."""
    from juncture.checker.steps import release as publish

    show(publish(desk_for_real(here, passphrase_fd, "checker"), public, round_number=round_number), here)
