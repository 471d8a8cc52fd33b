"""The command ``juncture`` and its groups."""

from __future__ import annotations

from pathlib import Path

import click

from juncture import __version__
from juncture.cli.agency import agency
from juncture.cli.agree import agree
from juncture.cli.analyst import analyst
from juncture.cli.attack import attack
from juncture.cli.checker import checker
from juncture.cli.doctor import doctor
from juncture.cli.folder import inbox, init, status
from juncture.cli.keys import keys
from juncture.cli.ledger import ledger
from juncture.cli.linker import linker
from juncture.cli.play import demo, rehearse
from juncture.cli.terminal import Here

EPILOG = (
    "Exit codes: 0 done, 1 the machine, 2 usage, 3 the input, 4 the agreement forbids it, 5 a package or ledger was "
    "refused, 6 quota or disclosure limit, 7 key or passphrase, 70 a bug of ours, 130 interrupted."
)


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="juncture", message="%(prog)s %(version)s")
@click.option(
    "-C", "--folder", type=click.Path(file_okay=False, path_type=Path), default=None,
    help="The party's working folder; by default the current one.",
)  # fmt: skip
@click.pass_obj
def juncture(here: Here, folder: Path | None) -> None:
    """Join agencies' records for research, without names passing between them.

    To see it work: `juncture demo`. To begin: `juncture init PARTY`, then `juncture status` says what comes next.
    """
    if folder is not None:
        here.folder, here.given = folder, True


for command in (
    demo, rehearse, doctor, init, status, inbox, keys, agree, agency, attack, linker, analyst, checker, ledger,
):  # fmt: skip
    juncture.add_command(command)
