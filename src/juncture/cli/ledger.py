"""``juncture ledger``: what this party did, and whether the record of it is whole."""

from __future__ import annotations

import click

from juncture.cli.folder import party_folder
from juncture.cli.terminal import Here, data, talk


@click.group()
def ledger() -> None:
    """Show and verify the party's ledger."""


@ledger.command()
@click.pass_obj
def show(here: Here) -> None:
    """Print the acts, one a line: number, UTC time, who, act, counts."""
    from juncture.exchange.ledger import verify as check

    for entry in check(party_folder(here).ledger).entries:
        counts = " ".join(f"{word}={count}" for word, count in entry.counts.items())
        data(f"{entry.number:>4}  {entry.time}  {entry.who}  {entry.act.value}  {counts}".rstrip())


@ledger.command()
@click.option("--head", "heads", multiple=True, metavar="HEX", help="A head that another party holds; may be repeated.")
@click.pass_obj
def verify(here: Here, heads: tuple[str, ...]) -> None:
    """Check every line, and that each HEAD was once the ledger's head; prints the head of now."""
    from juncture.base.errors import UsageError
    from juncture.exchange.ledger import verify as check
    from juncture.exchange.names import is_sha384

    if not all(is_sha384(head) for head in heads):
        raise UsageError("A head is 96 hex digits.", remedy="It stands in the header of every package as ledger_head.")
    found = check(party_folder(here).ledger, heads_elsewhere=heads)
    talk(f"The ledger is whole: {len(found.entries)} lines.")
    if found.torn_bytes:
        talk("Its last line was cut off by a kill; the next act mends it.", fg="yellow")
    data(found.head)
