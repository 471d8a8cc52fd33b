"""Which times to set beside a crisis when what stood last before it is asked: referents before it, or around it?

Made-up people have crises at a rate of their own that nothing changes (or bad spells double, or a recent crisis raises,
or a follow-up that stood last multiplies by 1.7), follow-ups in the week after a crisis at a chance of their own, and
other visits at random. In each cohort the odds ratio of each last contact is had in two ways:

- *before*: the same hour and weekday 1, 2 and 3 weeks before the crisis (what Juncture does);
- *around*: all four such hours of the fixed block of 28 days that holds the crisis (the usual time-stratified design).

    python studies/last_contact/measure.py > studies/last_contact/results.md
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from juncture.analyst.statistics.arrays import t_interval
from juncture.analyst.statistics.cox import cox_regression
from juncture.analyst.statistics.last_contact import last_before, matched_odds, matched_times

REPLICATES, PEOPLE, DAYS = 300, 100, 584
FIRST = 28 * 24
CRISIS, FOLLOW_UP, VISIT, NONE = range(4)
NAMES = {CRISIS: "a crisis", FOLLOW_UP: "a follow-up", VISIT: "another visit", NONE: "none in 28 days"}


@dataclass(frozen=True)
class World:
    """``spells`` double the rate, ``flare`` multiplies it for a week after a crisis, ``after_follow_up`` while a
    follow-up stands last."""

    name: str
    spells: bool = False
    flare: float = 1.0
    after_follow_up: float = 1.0


WORLDS = (
    World("nothing matters"),
    World("bad spells double the rate", spells=True),
    World("a crisis raises the rate by 2.5 for a week", flare=2.5),
    World("a follow-up that stands last raises it by 1.7", after_follow_up=1.7),
)


def life(rng: np.random.Generator, world: World) -> tuple[np.ndarray, np.ndarray]:
    """Hours and codes of one person's contacts; crises by thinning, a day apart at least."""
    own, followed = rng.gamma(2, 0.5) * 6 / 365, rng.beta(3, 3)
    visits = np.floor(rng.uniform(0, DAYS, rng.poisson(rng.gamma(2, 0.5) * 4 / 365 * DAYS)) * 4) * 6
    starts = np.cumsum(rng.exponential(140, 30))
    lengths = rng.exponential(18, 30) * world.spells
    crises: list[float] = []
    follow_ups: list[float] = []
    bound = 2 * world.flare * world.after_follow_up
    for t in np.sort(rng.uniform(0, DAYS, rng.poisson(own * bound * DAYS))).tolist():
        hour = float(int(t * 4) * 6)
        last = crises[-1] if crises else -np.inf
        if hour - last < 24:
            continue
        factor = 2.0 if ((starts <= t) & (t < starts + lengths)).any() else 1.0
        factor *= world.flare if hour - last < 7 * 24 else 1.0
        answered = max((h for h in follow_ups if h < hour), default=-np.inf)
        others = max(last, max(visits[visits < hour], default=-np.inf))
        factor *= world.after_follow_up if answered > others and hour - answered <= FIRST else 1.0
        if rng.random() * bound > factor:
            continue
        crises.append(hour)
        if rng.random() < followed:
            follow_ups.append((int(t) + int(rng.integers(1, 7))) * 24.0 + 12)
    hours = np.concatenate((crises, follow_ups, visits)).astype(np.int64)
    return hours, np.repeat([CRISIS, FOLLOW_UP, VISIT], [len(crises), len(follow_ups), len(visits)])


def what_stood_last(hours: np.ndarray, code: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Which of the four stood last before each time."""
    moment, present = last_before(hours, hours, code, at, size=3)
    seen = (moment >= 0) & (at // 24 - moment // 24 <= 28)
    return np.column_stack((present & seen[:, None], ~seen))


def around(crises: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, their stratum, and whether a crisis began then, in the fixed blocks of 28 days."""
    rows = []
    for key in sorted({(h // FIRST, h % 168) for h in crises.tolist() if h >= FIRST}):
        for hour in range(key[0] * FIRST + key[1], (key[0] + 1) * FIRST, 168):
            begun = hour in crises
            if hour < DAYS * 24 and (begun or not ((crises < hour) & (hour < crises + 24)).any()):
                rows.append((hour, key[0] * 168 + key[1], begun))
    return tuple(np.array(column) for column in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 3


def replicate(world: World, seed: int) -> dict[str, list[tuple[float, float, int]]]:
    """By design, for each last contact: log odds ratio, its error, informative people."""
    rng = np.random.default_rng(seed)
    before: list[list[np.ndarray]] = [[], [], [], []]
    block: list[list[np.ndarray]] = [[], [], [], []]
    sets = 0
    for person in range(PEOPLE):
        hours, code = life(rng, world)
        crises = np.sort(hours[code == CRISIS])
        times = matched_times(crises, [(0, DAYS * 24)], np.column_stack((crises, crises + 24)), first=FIRST)
        at, stratum, begun = around(crises)
        for store, when, which, is_case in (
            (before, times.at, times.case + sets, times.is_case),
            (block, at.astype(np.int64), stratum.astype(np.int64) + person * 10**6, begun.astype(bool)),
        ):
            parts = (np.full(when.size, person), which, is_case, what_stood_last(hours, code, when))
            for column, part in zip(store, parts, strict=True):
                column.append(part)
        sets += 10**4
    found: dict[str, list[tuple[float, float, int]]] = {"before": [], "around": []}
    own, which, is_case, has = (np.concatenate(column) for column in before)
    for k in NAMES:
        odds = matched_odds(own, which, is_case, has[:, k])
        found["before"].append((odds.log_ratio, odds.standard_error, odds.informative_persons))
    own, which, is_case, has = (np.concatenate(column) for column in block)
    zero = np.zeros(own.size)
    for k in NAMES:
        fit = cox_regression(zero, zero + 1, is_case, has[:, k].astype(float), person=own, strata=which)
        found["around"].append((float(fit.coefficients[0]), float(fit.standard_errors[0]), fit.informative_persons))
    return found


def main() -> None:
    """Print the table."""
    out = sys.stdout
    out.write("# Referents before a crisis, or around it\n\n")
    out.write("Made by `python studies/last_contact/measure.py`, 2026-11-24. ")
    out.write(f"{REPLICATES} cohorts of {PEOPLE} people a world, about 6 crises a person and year, {DAYS} days.\n\n")
    out.write("An odds ratio is the geometric mean over the cohorts; an interval holds 1 in so many of them.\n\n")
    out.write("| world | last contact | before: ratio | holds 1 | error, told / true | around: ratio | holds 1 |\n")
    out.write("|---|---|---|---|---|---|---|\n")
    for world in WORLDS:
        done = [replicate(world, seed) for seed in range(REPLICATES)]
        for k, name in NAMES.items():
            cells = []
            for design in ("before", "around"):
                value, error, people = (np.array([d[design][k][j] for d in done]) for j in range(3))
                ends = [t_interval(v, e, n - 1) for v, e, n in zip(value, error, people, strict=True)]
                held = np.mean([low <= 0 <= high for low, high in ends])
                cells += [f"{np.exp(np.nanmean(value)):.2f}", f"{held:.0%}"]
                if design == "before":
                    cells.append(f"{np.nanmean(error):.2f} / {np.nanstd(value):.2f}")
            out.write(f"| {world.name} | {name} | {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
