"""``juncture agency``: on the machine of a police department or a crisis team, where the names are."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from juncture.cli.folder import desk_for_real
from juncture.cli.options import passphrase_fd, round_number
from juncture.cli.terminal import Here, ask_passphrase, progress_shown, show


@click.group()
def agency() -> None:
    """Find people, share them under the agreement, and answer the analyst's blind request."""


@agency.command()
@click.argument("source", metavar="SOURCE.toml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--forget-absent", is_flag=True,
    help="Forget the names and ids of records of earlier exports that this export does not hold.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Do all the work and keep nothing.")
@passphrase_fd
@click.pass_obj
def people(here: Here, source: Path, forget_absent: bool, dry_run: bool, passphrase_fd: int | None) -> None:
    """Find out who is who in the export that SOURCE.toml describes, and how sure that is.

    People keep their ids of earlier runs; what humans decided holds.
    """
    from juncture.agency.who import people as find

    desk = desk_for_real(here, passphrase_fd, "agency")
    with progress_shown() as (_, progress):
        report = find(desk, source, forget_absent=forget_absent, keep=not dry_run, progress=progress)
    show(report, here)


@agency.command()
@click.argument("source", metavar="SOURCE.toml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(1), default=None, metavar="N", help="Stop after N answers.")
@passphrase_fd
@click.pass_obj
def review(here: Here, source: Path, limit: int | None, passphrase_fd: int | None) -> None:
    """Look at doubtful pairs of records, those first whose answer puts most right; this shows names.

    Each answer is a letter and Enter, and is kept at once: s same, d different, c cannot tell, u undo, q quit.
    """
    from juncture.agency.who import open_review, review_report
    from juncture.cli.review import sit

    desk = desk_for_real(here, passphrase_fd, "agency")
    with ExitStack() as open_:
        with progress_shown() as (_, progress):
            session = open_.enter_context(open_review(desk, source, progress=progress))
        sit(session, limit)
    show(review_report(desk, source, session), here)


@agency.command()
@click.argument("source", metavar="SOURCE.toml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@round_number
@click.option("--dry-run", is_flag=True, help="Do all the work and keep nothing.")
@passphrase_fd
@click.pass_obj
def share(here: Here, source: Path, round_number: int, dry_run: bool, passphrase_fd: int | None) -> None:
    """Read the export that SOURCE.toml describes and stage what would leave; nothing leaves yet."""
    from juncture.agency.share import share as stage

    desk = desk_for_real(here, passphrase_fd, "agency")
    with progress_shown() as (_, progress):
        report = stage(desk, source, round_number=round_number, dry_run=dry_run, progress=progress)
    show(report, here)


@agency.command()
@round_number
@click.option(
    "--approver-keys", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
    help="The approver's private-key file, where it is not kept in keys/.",
)  # fmt: skip
@click.option(
    "--approver-passphrase-fd", type=click.IntRange(min=0), default=None, metavar="N",
    help="Read the approver's passphrase from file descriptor N; N may be the same, then it is the next line.",
)  # fmt: skip
@passphrase_fd
@click.pass_obj
def approve(
    here: Here,
    round_number: int,
    approver_keys: Path | None,
    approver_passphrase_fd: int | None,
    passphrase_fd: int | None,
) -> None:
    """Have a second person approve what is staged, and seal it to linker and analyst."""
    from juncture.agency.share import approve as seal
    from juncture.exchange.joining import second_person

    desk = desk_for_real(here, passphrase_fd, "agency")
    phrase = ask_passphrase("the approver", approver_passphrase_fd)
    show(seal(desk, second_person(desk.folder, phrase, approver_keys), round_number=round_number), here)


@agency.command()
@round_number
@passphrase_fd
@click.pass_obj
def grant(here: Here, round_number: int, passphrase_fd: int | None) -> None:
    """Answer the analyst's ticketed request, within the quota."""
    from juncture.agency.grant import grant as answer

    show(answer(desk_for_real(here, passphrase_fd, "agency"), round_number=round_number), here)
