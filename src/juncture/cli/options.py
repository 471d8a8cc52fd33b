"""Options that several commands share."""

from __future__ import annotations

import click

passphrase_fd = click.option(
    "--passphrase-fd",
    type=click.IntRange(min=0),
    default=None,
    metavar="N",
    help="Read the passphrase as one line of file descriptor N instead of asking for it.",
)
round_number = click.option(
    "--round",
    "round_number",
    type=click.IntRange(1, 9999),
    default=1,
    show_default=True,
    help="The round of the exchange.",
)
