"""``juncture keys``: a party's keys, and the agencies' joint linkage secret."""

from __future__ import annotations

import click

from juncture.cli.folder import desk_for_real, party_folder
from juncture.cli.options import passphrase_fd
from juncture.cli.terminal import Here, ask_new_passphrase, data, show, talk


@click.group()
def keys() -> None:
    """Make and show keys; agree on the joint linkage secret."""


@keys.command()
@click.option("--approver", is_flag=True, help="The keys of the second person, who approves what an agency shares.")
@passphrase_fd
@click.pass_obj
def new(here: Here, approver: bool, passphrase_fd: int | None) -> None:
    """Make the party's keys; the passphrase is asked twice and kept nowhere."""
    from juncture.base.errors import UsageError
    from juncture.exchange.joining import approver_file, new_keys

    folder = party_folder(here)
    if (path := approver_file(folder) if approver else folder.own_keys).exists():
        raise UsageError(
            f"{path.name} exists already; keys are never made over.", remedy="`juncture keys show` prints their words."
        )
    phrase = ask_new_passphrase("the approver" if approver else f"the keys of {folder.party}", passphrase_fd)
    show(new_keys(folder, phrase, approver=approver), here)


@keys.command("show")
@click.pass_obj
def show_keys(here: Here) -> None:
    """Print each known party's fingerprint, and its words to compare by telephone."""
    from juncture.base.errors import KeyTrouble
    from juncture.exchange.joining import known_keys
    from juncture.exchange.words import fingerprint_words

    folder = party_folder(here)
    known = known_keys(folder)
    if not known:
        raise KeyTrouble("There are no public keys here yet.", remedy=here.command("juncture keys new"))
    for name, public in sorted(known.items(), key=lambda item: item[0] != folder.party):
        data(f"{name}  {public.fingerprint}")
        for line in fingerprint_words(public.fingerprint).splitlines():
            data(f"    {line}")
    talk("Two people compare the words by telephone, each reading from their own screen.")


@keys.command()
@passphrase_fd
@click.pass_obj
def exchange(here: Here, passphrase_fd: int | None) -> None:
    """Do the next steps of the joint linkage secret, as far as what has arrived allows (agencies only)."""
    from juncture.agency.secret import exchange as next_steps

    for report in next_steps(desk_for_real(here, passphrase_fd, "agency")):
        show(report, here)
