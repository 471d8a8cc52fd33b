"""``juncture attack``: what somebody could read out of the encodings before they leave."""

from __future__ import annotations

from pathlib import Path

import click

from juncture.cli.folder import desk_for_real
from juncture.cli.options import passphrase_fd, round_number
from juncture.cli.terminal import Here, data, progress_shown, show


@click.command()
@click.option(
    "--list", "list_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
    metavar="FILE.csv",
    help="A list that somebody might hold: last_name, first_name, and of middle_name, birth_date, sex, address, zip "
    "what it has.",
)  # fmt: skip
@round_number
@passphrase_fd
@click.pass_obj
def attack(here: Here, list_file: Path | None, round_number: int, passphrase_fd: int | None) -> None:
    """Attack the encodings that an agency has staged, as the linker or a thief could.

    Prints how many people each attack identifies, beside what somebody gets who guesses without the package.
    """
    from juncture.agency.attack.command import attack_staged

    desk = desk_for_real(here, passphrase_fd, "agency")
    with progress_shown() as (_, progress):
        attacked = attack_staged(desk, round_number=round_number, list_file=list_file, progress=progress)
    widths = [max(map(len, column)) for column in zip(*attacked.table, strict=True)]
    for row in attacked.table:
        data("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    show(attacked.report, here)
