"""A first check of the whole findings step on people with a known truth; not the calibration that is owed.

All files are linked here; ``links.py`` has the worlds with linkage error.

Each replicate draws people (``worlds.py``), tells them as packages tell them (``tests/analyst/study_world.py``), builds
the study and computes all findings. A row of the output is a world at a number of people, over all its replicates:

ratio_mean, ratio_cover    geometric mean of the ratio; share of 95 % intervals that hold the planted one
placebo_mean, _low, _high  geometric mean of the placebo; shares with the whole interval below 1, and above 1
supported, harmful         shares of the verdicts; ``strong``: supported, were it not for the placebo
share_true, _mean, _cover  missed share: the true one of all replicates together, mean estimate, share of intervals
avoid_true, _mean, _cover  avoidable first crises a year: expected, mean estimate, share of intervals
averted                    crises fewer a year in the paired run without the effect, all over the follow-up, those of
                           openings that could not be evaluated and all that follow from them included

    PYTHONPATH=tests/analyst python studies/thread_check/simulate.py PEOPLE REPLICATES OUTPUT.csv [WORLD ...]

Replicate r of a world has the seed (PEOPLE, number of the world, r).
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from study_world import At, File, Member, agreement, world
from worlds import DAYS, Lives, Rules, live

from juncture.analyst.findings import compute_findings
from juncture.analyst.findings.model import Stratum, Verdict
from juncture.analyst.findings.verdicts import BIAS_FACTOR, FALSE_DISCOVERIES, big_enough

WORLDS = {
    "null, people alike": Rules(shape=math.inf),
    "null, people differ": Rules(),
    "null, easier people followed up": Rules(easier=True),
    "null, one follow-up may serve two": Rules(kept=True),
    "null, hidden spells": Rules(spells=True),
    "null, missed more in spells": Rules(spells=True, in_spell=-1.0),
    "1.7, people alike": Rules(ratio=1.7, shape=math.inf),
    "1.7, people differ": Rules(ratio=1.7),
    "1.7, easier people followed up": Rules(ratio=1.7, easier=True),
    "1.7, one follow-up may serve two": Rules(ratio=1.7, kept=True),
    "1.7, hidden spells": Rules(ratio=1.7, spells=True),
    "1.7, met more in spells": Rules(ratio=1.7, spells=True, in_spell=1.0),
}
YEARS = DAYS / 365.25


def members(lives: Lives, rng: np.random.Generator) -> list[Member]:
    """What the agencies' files tell, everybody surely linked; two women to each man."""
    told = []
    for crises, follow_ups in zip(lives.crises, lives.follow_ups, strict=True):
        sex = "male" if rng.random() < 1 / 3 else "female"
        police = [At(6 * s, "police.co_response") for s in crises]
        clinic = [At(6 * s, "clinic.follow_up") for s in follow_ups]
        told.append(Member([File("police", police, sex=sex), File("clinic", clinic, sex=sex)]))
    return told


def replicate(rules: Rules, people: int, seed: tuple[int, int, int]) -> list[float]:
    """Estimates with their intervals of one cohort, what is said of it, and its own truth."""
    rng = np.random.default_rng(seed)
    lives = live(people, rules, rng)
    study = world(members(lives, rng), agreement(), seed=seed[2]).study()
    finding = next(
        f for f in compute_findings(study, seed=seed[2], resamples=200).junctures if f.stratum is Stratum.ALL
    )
    strong = big_enough(finding) and finding.q_value <= FALSE_DISCOVERIES
    estimates = (finding.ratio, finding.placebo, finding.missed_share, finding.avoidable)
    return [
        *(value for e in estimates for value in (e.value, e.low, e.high)),
        finding.verdict is Verdict.SUPPORTED,
        finding.verdict is Verdict.HARMFUL,
        strong and finding.ratio.low > BIAS_FACTOR,
        finding.counts.people_informative,
        lives.missed,
        lives.settled,
        lives.avoidable.sum() / YEARS,
        lives.averted.sum() / YEARS,
    ]


def summarise(name: str, number: int, people: int, replicates: int) -> dict[str, object]:
    """One row of the output."""
    rules = WORLDS[name]
    rows = np.array([replicate(rules, people, (people, number, r)) for r in range(replicates)], dtype=np.float64)
    ratio, placebo, share, avoided = (rows[:, k : k + 3] for k in (0, 3, 6, 9))
    share_true = rows[:, 16].sum() / rows[:, 17].sum()
    avoid_true = rows[:, 18].mean()

    def cover(estimate: np.ndarray, true: float) -> float:
        known = np.isfinite(estimate).all(axis=1)
        return float(((estimate[:, 1] <= true) & (true <= estimate[:, 2]))[known].mean()) if known.any() else math.nan

    return {
        "world": name,
        "people": people,
        "replicates": replicates,
        "informative": rows[:, 15].mean(),
        "without_interval": float((~np.isfinite(ratio).all(axis=1)).mean()),
        "ratio_mean": np.exp(np.nanmean(np.log(ratio[:, 0]))),
        "ratio_cover": cover(ratio, rules.ratio),
        "placebo_mean": np.exp(np.nanmean(np.log(placebo[:, 0]))),
        "placebo_low": (placebo[:, 2] < 1).mean(),
        "placebo_high": (placebo[:, 1] > 1).mean(),
        "supported": rows[:, 12].mean(),
        "harmful": rows[:, 13].mean(),
        "strong": rows[:, 14].mean(),
        "share_true": share_true,
        "share_mean": share[:, 0].mean(),
        "share_cover": cover(share, share_true),
        "avoid_true": avoid_true,
        "avoid_mean": np.nanmean(avoided[:, 0]),
        "avoid_cover": cover(avoided, avoid_true),
        "averted": rows[:, 19].mean(),
    }


def write_rows(
    output: Path, worlds: Iterable[str], wanted: list[str], row_of: Callable[[str, int], dict[str, object]]
) -> None:
    """A row a world, written as it is done: ``row_of(name, number)``."""
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = None
        for number, name in enumerate(worlds):
            if wanted and name not in wanted:
                continue
            row = row_of(name, number)
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow({k: f"{v:.3f}" if isinstance(v, float) else v for k, v in row.items()})
            file.flush()


def main(people: int, replicates: int, output: Path, wanted: list[str]) -> None:
    """Write a row a world as it is done."""
    write_rows(output, WORLDS, wanted, lambda name, number: summarise(name, number, people, replicates))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
