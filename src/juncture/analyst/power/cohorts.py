"""Made-up cohorts of a planned study, thousands at once.

A person's crises come at a rate ``own x spell x missed``: ``own`` differs between people by a gamma, ``spell`` is above
1 in bad spells that nobody sees, and ``missed`` is the ratio to be found, in the horizon after the window of an opening
that got no response. Whether an opening gets one is a matter of the person's own chance, which differs by a beta and
does not depend on the rate. Where the rate is constant the wait for the next crisis is an exponential; the pieces are
put together by running the clock of the spells, so that no step in time is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from juncture.analyst.power.design import DAYS_A_YEAR, Design
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector

#: A crisis less than a day after another is the same episode.
APART_DAYS = 1.0
SPELL_DAYS, BETWEEN_DAYS = 20.0, 120.0


@dataclass(frozen=True, eq=False)
class Openings:
    """Openings of all persons of many cohorts (n), in order of person and time.

    ``person``: cohort x people + place in the cohort, women first. ``at``: days since the person's start.
    ``answered_after``: days from the opening to its response, infinite where it gets none; ``next_after``: days to the
    next crisis, infinite where none came before the end.
    """

    person: Integers
    at: Vector
    answered_after: Vector
    next_after: Vector

    def evaluable(self, design: Design) -> tuple[Integers, Booleans, Vector, Booleans]:
        """Person, missed, days from the landmark and crisis of the openings that can be evaluated."""
        w = design.window
        left = design.days - self.at - w
        good = np.flatnonzero((left > 0) & (self.next_after > w))
        until = np.minimum(left[good], design.horizon)
        ahead = self.next_after[good] - w
        return self.person[good], ~np.isfinite(self.answered_after[good]), np.minimum(ahead, until), ahead <= until

    def settled(self, design: Design, seen: Booleans) -> tuple[Vector, Integers]:
        """Days to the first of response, crisis and end within the window, and which it was (1, 2, 0).

        ``seen`` (n): whether the opening's response, if there is one, was linked.
        """
        answer = np.where(seen, self.answered_after, np.inf)
        end = np.minimum(design.days - self.at, design.window)
        first = np.minimum(np.minimum(answer, self.next_after), end)
        crisis = (self.next_after <= first) & (self.next_after < answer)
        return first, np.where(crisis, 2, (answer <= first).astype(np.int64))


@dataclass(frozen=True, eq=False)
class _Spells:
    """The clock that runs ``burst`` times as fast in bad spells: by person, its corners in days and in its own time."""

    days: Vector
    clock: Vector

    @classmethod
    def draw(cls, persons: int, design: Design, rng: np.random.Generator) -> _Spells:
        most = design.days + 1.0
        bad = rng.random(persons) < SPELL_DAYS / (SPELL_DAYS + BETWEEN_DAYS)
        corners, clocks = [np.zeros(persons)], [np.zeros(persons)]
        while corners[-1].min() < most:
            length = rng.exponential(np.where(bad, SPELL_DAYS, BETWEEN_DAYS))
            corners.append(corners[-1] + length)
            clocks.append(clocks[-1] + length * np.where(bad, design.burst, 1.0))
            bad = ~bad
        return cls(np.column_stack(corners), np.column_stack(clocks))

    def read(self, person: Integers, days: Vector) -> Vector:
        return _along(self.days[person], self.clock[person], days)

    def back(self, person: Integers, clock: Vector) -> Vector:
        return _along(self.clock[person], self.days[person], clock)


def _along(x: Vector, y: Vector, at: Vector) -> Vector:
    """Piecewise linear y at ``at`` (n), through corners x, y (n, k); beyond the last corner along the last piece."""
    piece = np.clip((x <= at[:, None]).sum(axis=1) - 1, 0, x.shape[1] - 2)
    row = np.arange(at.size)
    x0, y0 = x[row, piece], y[row, piece]
    return np.asarray(y0 + (at - x0) * (y[row, piece + 1] - y0) / (x[row, piece + 1] - x0), dtype=np.float64)


def draw_openings(design: Design, cohorts: int, ratio: float, rng: np.random.Generator) -> Openings:
    """Openings of ``cohorts`` cohorts whose crises are ``ratio`` times as frequent after missed openings."""
    persons = cohorts * design.people
    own, spells = _rates(design, persons, rng)
    chance = rng.beta(design.evenness * (1 - design.missed), design.evenness * design.missed, persons)
    active = np.arange(persons)
    now = spells.back(active, rng.exponential(1 / own))
    found_person, found_at, found_answer, found_next = [], [], [], []
    alive = now < design.days
    active, now = active[alive], now[alive]
    w, h = float(design.window), float(design.horizon)
    while active.size:
        met = rng.random(active.size) < chance[active]
        answer = np.where(met, w * rng.random(active.size), np.inf)
        need = rng.exponential(1 / own[active])
        corners = [spells.read(active, now + gap) for gap in (min(APART_DAYS, w), w, w + h)]
        raised = np.where(met, 1.0, ratio)
        waiting, risk = corners[1] - corners[0], (corners[2] - corners[1]) * raised
        clock = np.where(
            need < waiting,
            corners[0] + need,
            np.where(need < waiting + risk, corners[1] + (need - waiting) / raised, corners[2] + need - waiting - risk),
        )
        following = spells.back(active, clock)
        alive = following < design.days
        found_person.append(active)
        found_at.append(now)
        found_answer.append(answer)
        found_next.append(np.where(alive, following - now, np.inf))
        active, now = active[alive], following[alive]
    if not found_person:
        nothing = np.zeros(0)
        return Openings(np.zeros(0, dtype=np.int64), nothing, nothing, nothing)
    person, at = np.concatenate(found_person), np.concatenate(found_at)
    order = np.lexsort((at, person))
    return Openings(person[order], at[order], np.concatenate(found_answer)[order], np.concatenate(found_next)[order])


def draw_counts(design: Design, cohorts: int, women_over_men: float, rng: np.random.Generator) -> Vector:
    """Contacts of each person (cohorts, people), women's rate being ``women_over_men`` times the design's."""
    persons = cohorts * design.people
    own, spells = _rates(design, persons, rng)
    own = own * np.where(np.arange(persons) % design.people < design.women, women_over_men, 1.0)
    everyone = np.arange(persons)
    expected = own * spells.read(everyone, np.full(persons, float(design.days)))
    return rng.poisson(expected).reshape(cohorts, design.people).astype(np.float64)


def _rates(design: Design, persons: int, rng: np.random.Generator) -> tuple[Vector, _Spells]:
    """Each person's rate a day outside of bad spells, so that the mean over time and people is the design's."""
    calm = (SPELL_DAYS + BETWEEN_DAYS) / (SPELL_DAYS * design.burst + BETWEEN_DAYS)
    mean = design.crises_per_year / DAYS_A_YEAR * calm
    own = rng.gamma(design.frailty, 1 / design.frailty, persons) * mean
    return np.maximum(own, 1e-9), _Spells.draw(persons, design, rng)
