"""``demo`` and ``rehearse``: every party on one machine."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from juncture.cli.terminal import data, progress_shown, talk

if TYPE_CHECKING:
    from juncture.rehearsal.city import Truth
    from juncture.rehearsal.rehearse import Rehearsal
    from juncture.rehearsal.score import PairScore

STORY = """\
What happened
  police, clinic  made one secret together, found who is who in their own files, and sent encodings without a
                  name to the linker and locked envelopes to the analyst. A second person approved each.
  linker          compared encodings, chose the cohort by the signed rule, and saw no name and no event.
  analyst         asked for that cohort blindly: the agencies answered without learning about whom.
  checker         saw only tables, hid small numbers, and released the rest.
Nobody but this rehearsal, which plays them all, could compare with the truth:"""


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=None,
    help="A new folder; by default juncture-demo, or juncture-demo-2, ... in the current one.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Decides the made-up city.")
@click.option("--people", type=click.IntRange(200), default=3200, show_default=True, help="People of the city.")
def demo(out: Path | None, seed: int, people: int) -> None:
    """Play a made-up city through the whole protocol; the last line is the path of its report."""
    from juncture.base.errors import UsageError
    from juncture.rehearsal.city import build_city
    from juncture.rehearsal.rehearse import rehearse as play

    folder = out or _free_folder(Path("juncture-demo"))
    if not _is_free(folder):
        raise UsageError(f"{folder} is not empty.", remedy="Name a new folder; nothing there was touched.")
    began = time.monotonic()
    with progress_shown() as (told, progress):
        city = build_city(folder / "city", seed=seed, people=people, progress=progress)
        played = play(
            (city.police_source, city.clinic_source),
            city.agreement,
            folder / "rehearsal",
            audit=True,
            told=told,
            progress=progress,
        )
    talk()
    talk(STORY)
    _compare(city.truth, city.truth_file, played)
    talk(f"It took {time.monotonic() - began:.0f} seconds. Open the report in any browser:")
    data(str(played.report.resolve()))


@click.command()
@click.argument(
    "sources", metavar="SOURCE.toml...", nargs=-1, required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option(
    "--agreement", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A draft agreement; keys are made and filled in.",
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new or empty folder.")
@click.option("--audit", is_flag=True, help="Write audit/records.csv; the agreement must be marked `rehearsal`.")
def rehearse(sources: tuple[Path, ...], agreement: Path, out: Path, audit: bool) -> None:
    """Run the whole protocol over a source file an agency, every party on this machine.

    The last line is the path of the report.
    """
    from juncture.rehearsal.rehearse import rehearse as play

    with progress_shown() as (told, progress):
        played = play(sources, agreement, out, audit=audit, told=told, progress=progress)
    if played.audit is not None:
        data(str(played.audit))
    data(str(played.report))


def _free_folder(wanted: Path) -> Path:
    number, folder = 1, wanted
    while not _is_free(folder):
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _compare(truth: Truth, truth_file: Path, played: Rehearsal) -> None:
    from juncture.rehearsal.score import score_audit

    if played.audit is None:
        return
    score = score_audit(truth_file, played.audit)
    data(f"{'pairs of records':<28}{'precision':>10}{'recall':>10}{'F1':>10}")
    for agency, pairs in score.within.items():
        data(_scored(f"within {agency}", pairs))
    if score.across is not None:
        data(_scored("across the agencies", score.across))
    for sex, pairs in score.across_by_sex.items():
        data(_scored(f"  {sex}", pairs))
    data(f"{truth.juncture}: missing it multiplies the hazard of a crisis by {truth.hazard_ratio:g} in truth;")
    data(f"the study says {_estimate(played.folder, truth.juncture)}.")


def _scored(name: str, pairs: PairScore) -> str:
    cells = (pairs.precision, pairs.recall, pairs.f1)
    return f"{name:<28}" + "".join("     never" if cell is None else f"{cell:>10.4f}" for cell in cells)


def _estimate(folder: Path, juncture: str) -> str:
    with (folder / "analyst" / "results" / "junctures.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            cells = [row[f"hazard_{part}"] for part in ("ratio", "low", "high")]
            if (row["juncture"], row["stratum"]) == (juncture, "all") and all(cells):
                ratio, low, high = map(float, cells)
                return f"{ratio:.2f} (95 % interval {low:.2f} to {high:.2f})"
    return "that it cannot be told from so few people"
