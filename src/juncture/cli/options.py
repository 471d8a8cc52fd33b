"""Options that several commands share."""

from __future__ import annotations

import click

from juncture.cli.terminal import Here


def _remember(context: click.Context, parameter: click.Parameter, number: int) -> int:
    """Keep the round for the next command that is shown."""
    context.ensure_object(Here).round = number
    return number


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
    callback=_remember,
    help="The round of the exchange.",
)
