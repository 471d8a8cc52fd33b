"""``juncture analyst power``: what a planned study could see, before there is any data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from juncture.cli.terminal import Here, data, progress_shown, talk

if TYPE_CHECKING:
    from juncture.agreement.model import Agreement, Juncture

#: Of people whose women nobody counted.
USUAL_SHARE_OF_WOMEN = 2 / 3


@click.command()
@click.option(
    "--people", type=click.IntRange(2, 1000), help="Size of the cohort.  [default: the agreement's quota, or 75]"
)
@click.option("--women", type=click.IntRange(0), help="How many of them are women.  [default: two in three]")
@click.option("--crises-per-year", type=float, default=5.0, show_default=True, help="Crises a person, on average.")
@click.option("--missed", type=float, default=0.5, show_default=True, help="Share of openings without a response.")
@click.option(
    "--days", type=click.IntRange(2), help="Days each is seen for.  [default: what the agreement leaves, or 700]"
)
@click.option(
    "--window", type=click.IntRange(0), help="Days within which a response counts.  [default: the juncture's, or 7]"
)
@click.option(
    "--horizon",
    type=click.IntRange(1),
    help="Days after it in which a crisis counts.  [default: the juncture's, or 30]",
)
@click.option("--juncture", "name", metavar="NAME", help="Which of the agreement's junctures.  [default: its first]")
@click.option(
    "--agreement",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An agreement or a draft of one.  [default: agreement.toml of the folder, if there]",
)
@click.option("--recall", type=float, default=0.9, show_default=True, help="Share of responses that the linkage finds.")
@click.option(
    "--audited",
    type=click.IntRange(1, 10_000),
    multiple=True,
    help="Links that an audit checks; may be given again.  [default: 20, 40, 80, 200]",
)
@click.option(
    "--frailty", type=float, default=2.0, show_default=True, help="How alike people's rates are: shape of a gamma."
)
@click.option(
    "--burst", type=float, default=3.0, show_default=True, help="How many times as frequent crises are in bad spells."
)
@click.option(
    "--cohorts",
    type=click.IntRange(50, 20_000),
    default=400,
    show_default=True,
    help="Made-up cohorts at each planted ratio.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the random numbers.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write every figure to this CSV file too.")
@click.pass_obj
def power(
    here: Here,
    people: int | None,
    women: int | None,
    crises_per_year: float,
    missed: float,
    days: int | None,
    window: int | None,
    horizon: int | None,
    name: str | None,
    file: Path | None,
    recall: float,
    audited: tuple[int, ...],
    frailty: float,
    burst: float,
    cohorts: int,
    seed: int,
    out: Path | None,
) -> None:
    """Say what a study of a planned size could see: ratios, shares, women against men, and what an audit buys.

    It needs no data and no keys. Made-up cohorts are analysed as real ones are; what is found in 80 of 100 of them is
    called seen. Where there is an agreement, its quota, windows and juncture are the defaults.
    """
    from juncture.analyst.power import Design, plan_study
    from juncture.analyst.power.design import days_seen, response_window
    from juncture.analyst.power.plan import AUDITS
    from juncture.analyst.power.words import CSV_HEADER, csv_rows, report
    from juncture.base.errors import UsageError
    from juncture.base.files import csv_text, write_text

    if out is not None and not out.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent} to write {out.name} in.", remedy="Make it first.")
    agreement, where = _agreement(here, file)
    juncture = _juncture(agreement, name)
    if agreement is not None and juncture is not None:
        people = agreement.cohort.quota if people is None else people
        days = days_seen(agreement) if days is None else days
        window = response_window(juncture) if window is None else window
        horizon = juncture.outcome.horizon_days if horizon is None else horizon
        talk(f"Defaults come from {where}, juncture: {juncture.title}.")
    people = 75 if people is None else people
    women = round(people * USUAL_SHARE_OF_WOMEN) if women is None else women
    design = Design(
        people=people,
        women=women,
        crises_per_year=crises_per_year,
        missed=missed,
        days=700 if days is None else days,
        window=7 if window is None else window,
        horizon=30 if horizon is None else horizon,
        recall=recall,
        frailty=frailty,
        burst=burst,
    )
    with progress_shown() as (_, progress):
        plan = plan_study(design, cohorts=cohorts, audits=audited or AUDITS, seed=seed, progress=progress)
    for line in report(plan):
        data(line)
    if out is not None:
        write_text(out, csv_text(CSV_HEADER, csv_rows(plan)), private=False)
        talk(f"Wrote {out.name}")


def _agreement(here: Here, file: Path | None) -> tuple[Agreement | None, str]:
    """The agreement to take defaults from and what to call it; None where there is none."""
    from juncture.agreement.read import read_agreement

    path = here.folder / "agreement.toml" if file is None else file
    if file is None and not path.is_file():
        return None, ""
    return read_agreement(path), path.name


def _juncture(agreement: Agreement | None, name: str | None) -> Juncture | None:
    from juncture.base.errors import UsageError

    if agreement is None:
        if name is not None:
            raise UsageError(
                "--juncture names one of an agreement's, and there is no agreement here.",
                remedy="Say which agreement: --agreement FILE. Or say --window and --horizon instead.",
            )
        return None
    if name is None:
        return next(iter(agreement.juncture.values()))
    if name not in agreement.juncture:
        known = ", ".join(agreement.juncture)
        raise UsageError(f"The agreement declares no juncture {name}.", remedy=f"It declares {known}.")
    return agreement.juncture[name]
