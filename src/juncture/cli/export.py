"""``juncture analyst export``: the study's tables as files for R, Stata and Python."""

from __future__ import annotations

from pathlib import Path

import click

from juncture.cli.folder import party_folder
from juncture.cli.terminal import Here, show


@click.command()
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True,
    help="How the tables are written.",
)  # fmt: skip
@click.option(
    "--draw", default="best", show_default=True, metavar="best|N|all",
    help="The best matching, one drawn matching (numbered from 0), or all drawn ones, one below the other.",
)  # fmt: skip
@click.pass_obj
def export(here: Here, out: Path, form: str, draw: str) -> None:
    """Write the study's tables with a codebook into the new folder DIR, for analyses of your own.

    The files are internal, unsuppressed and about single persons. The ledger tells of the export.
    """
    from juncture.analyst.export.write import FileFormat, export_study
    from juncture.analyst.steps import STUDY
    from juncture.analyst.study.duckdb_file import open_study

    folder = party_folder(here)
    study = open_study(folder.root / STUDY)
    draws = _draws(draw, study.draws)
    show(export_study(study, out, form=FileFormat(form), draws=draws, folder=folder), here)


def _draws(wanted: str, drawn: int) -> tuple[int, ...]:
    from juncture.analyst.export.specs import BEST
    from juncture.base.errors import UsageError

    if wanted == "best":
        return (BEST,)
    if wanted == "all":
        return tuple(range(drawn))
    if not wanted.isdecimal():
        raise UsageError(f"--draw is best, all, or a number from 0 to {drawn - 1}.")
    return (int(wanted),)
