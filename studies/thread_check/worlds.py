"""People with a known truth, several at once, in steps of six hours; see ``simulate.py`` and ``links.py``.

A person's crises (co-responses) come with hazard ``own x spell x missed``: ``own`` carries the frailty, ``spell`` is
3 in hidden bad spells of 20 days on average and 1 outside, ``missed`` is the planted ratio from 7 to 37 days after a
crisis to which no follow-up came within those 7 days. A follow-up is planned for noon of one of the six next days.
Each step has one random number a person, which the paired run without the effect uses again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAYS, STEPS_A_DAY = 700, 4
STEPS, WINDOW, HORIZON = DAYS * STEPS_A_DAY, 7 * STEPS_A_DAY, 30 * STEPS_A_DAY
APART = 1 * STEPS_A_DAY
SPELL, SPELL_DAYS, BETWEEN_DAYS = 3.0, 20.0, 120.0


@dataclass(frozen=True)
class Rules:
    """What holds in a world; ``mean`` is the number of crises a person would have in 700 days without effect.

    ``shape``: of the gamma frailty, infinite where people are alike. ``easier``: the chance of a follow-up falls with
    the person's hazard. ``kept``: a new crisis does not cancel the follow-ups that are planned, so that one may serve
    two openings. ``in_spell``: log odds of a follow-up in a bad spell less those outside.
    """

    ratio: float = 1.0
    mean: float = 8.0
    shape: float = 2.0
    easier: bool = False
    kept: bool = False
    spells: bool = False
    in_spell: float = 0.0


@dataclass(frozen=True)
class Lives:
    """Steps of crises and follow-ups by person, and the truth.

    ``missed``, ``settled`` count openings to which no follow-up came before a crisis, and all openings whose window
    was observed to its end or to the first of the two; ``avoidable`` (people): expected first crises within the
    horizon that would not have happened; ``averted`` (people): crises fewer in the paired run.
    """

    crises: list[list[int]]
    follow_ups: list[list[int]]
    missed: int
    settled: int
    avoidable: NDArray[np.float64]
    averted: NDArray[np.float64]


def live(people: int, rules: Rules, rng: np.random.Generator) -> Lives:
    """Draw ``people`` lives."""
    frailty = rng.gamma(rules.shape, 1 / rules.shape, people) if np.isfinite(rules.shape) else np.ones(people)
    own = frailty * rules.mean / STEPS
    chance = rng.beta(3, 3, people)
    if rules.easier:
        rank = np.argsort(np.argsort(-frailty + 0.3 * rng.standard_normal(people)))
        chance = np.sort(chance)[rank]
    spell = _spells(people, rng) if rules.spells else np.ones((people, STEPS))
    luck = rng.random((STEPS, people))
    comes = rng.random((STEPS, people))
    days_on = rng.integers(1, 7, (STEPS, people))
    crises, follow_ups, missed = _run(rules, rules.ratio, own, chance, spell, luck, comes, days_on)
    without, _, _ = _run(rules, 1.0, own, chance, spell, luck, comes, days_on)
    avoidable = np.zeros(people)
    lost = settled = 0
    for p in range(people):
        for s, absent in zip(crises[p], missed[p], strict=True):
            later = next((c for c in crises[p] if c > s), STEPS)
            answer = next((f for f in follow_ups[p] if f // STEPS_A_DAY > s // STEPS_A_DAY), STEPS)
            if min(later, s + WINDOW, answer) >= STEPS:
                continue
            settled += 1
            lost += min(answer, s + WINDOW + 1) >= min(later, s + WINDOW + 1)
            if absent and later > s + WINDOW and s + WINDOW < STEPS:
                ahead = own[p] * spell[p, s + WINDOW + 1 : s + WINDOW + 1 + HORIZON].sum()
                avoidable[p] += np.exp(-ahead) - np.exp(-rules.ratio * ahead)
    averted = np.array([len(a) - len(b) for a, b in zip(crises, without, strict=True)], dtype=np.float64)
    return Lives(crises, follow_ups, lost, settled, avoidable, averted)


def _spells(people: int, rng: np.random.Generator) -> NDArray[np.float64]:
    spell = np.ones((people, STEPS))
    for row in spell:
        at = rng.exponential(BETWEEN_DAYS)
        while at < DAYS:
            long = rng.exponential(SPELL_DAYS)
            row[int(at * STEPS_A_DAY) : int((at + long) * STEPS_A_DAY)] = SPELL
            at += long + rng.exponential(BETWEEN_DAYS)
    return spell


def _run(
    rules: Rules,
    ratio: float,
    own: NDArray[np.float64],
    chance: NDArray[np.float64],
    spell: NDArray[np.float64],
    luck: NDArray[np.float64],
    comes: NDArray[np.float64],
    days_on: NDArray[np.int64],
) -> tuple[list[list[int]], list[list[int]], list[list[bool]]]:
    people = own.size
    crises: list[list[int]] = [[] for _ in range(people)]
    plans: list[list[int]] = [[] for _ in range(people)]
    missed: list[list[bool]] = [[] for _ in range(people)]
    last = np.full(people, -STEPS)
    absent = np.zeros(people, dtype=bool)
    for step in range(STEPS):
        since = step - last
        raised = absent & (since > WINDOW) & (since <= WINDOW + HORIZON)
        hazard = own * spell[:, step] * np.where(raised, ratio, 1.0)
        for p in np.flatnonzero((luck[step] < 1 - np.exp(-hazard)) & (since >= APART)).tolist():
            if not rules.kept:
                plans[p] = [f for f in plans[p] if f < step]
            odds = np.log(chance[p] / (1 - chance[p])) + rules.in_spell * (spell[p, step] > 1)
            day = step // STEPS_A_DAY
            if comes[step, p] < 1 / (1 + np.exp(-odds)):
                plans[p] = sorted([*plans[p], (day + int(days_on[step, p])) * STEPS_A_DAY + 2])
            absent[p] = not any(f // STEPS_A_DAY > day for f in plans[p])
            crises[p].append(step)
            missed[p].append(bool(absent[p]))
            last[p] = step
    return crises, [[f for f in own_plans if f < STEPS] for own_plans in plans], missed
