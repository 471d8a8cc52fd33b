"""People with a known truth, several at once, in steps of six hours; see ``links.py``.

A person's crises (co-responses) come with hazard ``own x missed``: ``own`` carries the frailty, ``missed`` is the
planted ratio from 7 to 37 days after a crisis to which no follow-up came within those 7 days. A follow-up is planned
for noon of one of the six next days, unless a new crisis comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAYS, STEPS_A_DAY = 700, 4
STEPS, WINDOW, HORIZON = DAYS * STEPS_A_DAY, 7 * STEPS_A_DAY, 30 * STEPS_A_DAY
APART = 1 * STEPS_A_DAY
#: Crises of a person of mean hazard in all days without effect, shape of the frailty, and the planted ratio.
MEAN, SHAPE, RATIO = 8.0, 2.0, 1.7


@dataclass(frozen=True)
class Lives:
    """Steps of crises and follow-ups by person, and the truth: ``missed``, ``settled`` count openings to which no
    follow-up came before a crisis, and all openings whose window was observed to its end or to the first of the two."""

    crises: list[list[int]]
    follow_ups: list[list[int]]
    missed: int
    settled: int


def live(people: int, rng: np.random.Generator) -> Lives:
    """Draw ``people`` lives."""
    own = rng.gamma(SHAPE, 1 / SHAPE, people) * MEAN / STEPS
    chance = rng.beta(3, 3, people)
    luck = rng.random((STEPS, people))
    comes = rng.random((STEPS, people))
    days_on = rng.integers(1, 7, (STEPS, people))
    crises, follow_ups = _run(own, chance, luck, comes, days_on)
    lost = settled = 0
    for p in range(people):
        for s in crises[p]:
            later = next((c for c in crises[p] if c > s), STEPS)
            answer = next((f for f in follow_ups[p] if f // STEPS_A_DAY > s // STEPS_A_DAY), STEPS)
            if min(later, s + WINDOW, answer) >= STEPS:
                continue
            settled += 1
            lost += min(answer, s + WINDOW + 1) >= min(later, s + WINDOW + 1)
    return Lives(crises, follow_ups, lost, settled)


def _run(
    own: NDArray[np.float64],
    chance: NDArray[np.float64],
    luck: NDArray[np.float64],
    comes: NDArray[np.float64],
    days_on: NDArray[np.int64],
) -> tuple[list[list[int]], list[list[int]]]:
    people = own.size
    crises: list[list[int]] = [[] for _ in range(people)]
    plans: list[list[int]] = [[] for _ in range(people)]
    last = np.full(people, -STEPS)
    absent = np.zeros(people, dtype=bool)
    for step in range(STEPS):
        since = step - last
        raised = absent & (since > WINDOW) & (since <= WINDOW + HORIZON)
        hazard = own * np.where(raised, RATIO, 1.0)
        for p in np.flatnonzero((luck[step] < 1 - np.exp(-hazard)) & (since >= APART)).tolist():
            plans[p] = [f for f in plans[p] if f < step]
            day = step // STEPS_A_DAY
            if comes[step, p] < chance[p]:
                plans[p] = sorted([*plans[p], (day + int(days_on[step, p])) * STEPS_A_DAY + 2])
            absent[p] = not any(f // STEPS_A_DAY > day for f in plans[p])
            crises[p].append(step)
            last[p] = step
    return crises, [[f for f in own_plans if f < STEPS] for own_plans in plans]
