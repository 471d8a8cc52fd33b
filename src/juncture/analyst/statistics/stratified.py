"""The within-person ratio of missed over met, refitted on thousands of resamples of persons at once.

With strata by person the partial likelihood is a sum over persons, so a resample is a whole-numbered weight on each
person's part. With one covariate of 0 and 1 an event's term (ties after Efron 1977) depends only on the weights
``met`` and ``missed`` of its risk set: equal terms are counted, and a resample costs as much as there are distinct
ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.statistics.risksets import risk_sets

LARGEST_LOG_RATIO = 15.0


@dataclass(frozen=True, eq=False)
class StratifiedTerms:
    """Distinct terms (u) of a person-stratified likelihood and how often each person (n) has them.

    ``odds`` (u): weight of missed over met in the risk set; ``count`` (n, u); ``events_missed`` (n): events of missed
    openings among them.
    """

    odds: Vector
    count: Vector
    events_missed: Vector

    def log_ratios(self, multiplicity: npt.NDArray[np.float64]) -> Vector:
        """Log ratio for each weighting of persons (b, n); NaN where none is finite.

        Newton's method kept inside a bracket: the score falls with the log ratio, so its sign says which side is left.
        """
        terms = multiplicity @ self.count
        happened = multiplicity @ self.events_missed
        low = np.full(len(terms), -LARGEST_LOG_RATIO)
        high = np.full(len(terms), LARGEST_LOG_RATIO)
        beta = np.zeros(len(terms))
        for _ in range(60):
            share = 1 / (1 + np.exp(-beta)[:, None] / self.odds) if self.odds.size else np.zeros_like(terms)
            score = happened - (terms * share).sum(axis=1)
            information = (terms * share * (1 - share)).sum(axis=1)
            low, high = np.where(score > 0, beta, low), np.where(score > 0, high, beta)
            step = np.divide(score, information, out=np.zeros_like(score), where=information > 0)
            proposal = beta + step
            inside = (proposal > low) & (proposal < high) & (information > 0)
            moved = np.where(inside, proposal, (low + high) / 2)
            done = np.abs(moved - beta) < 1e-10
            beta = moved
            if done.all():
                break
        total = terms.sum(axis=1)
        finite = (happened > 0) & (happened < total)
        return np.where(finite, beta, np.nan)


def stratified_terms(
    person: Integers, persons: int, missed: Booleans, time: Vector, event: Booleans
) -> StratifiedTerms:
    """Terms of openings (n): ``person`` codes 0..persons-1, ``time`` from the landmark, ``event`` at its end."""
    sets = risk_sets(np.full(time.size, -1.0), time, event, person)
    rows, at = sets.event_rows, sets.event_at
    tied = np.bincount(at, minlength=sets.size)
    start = np.concatenate(([0], np.cumsum(tied)[:-1])) if tied.size else tied
    faded = (np.arange(at.size) - start[at]) / tied[at]
    weights = []
    for side in (missed, ~missed):
        ending = sets.over_events(side[rows].astype(np.float64))
        weights.append(sets.over_risk_set(side.astype(np.float64)).round()[at] - faded * ending[at])
    absent, present = weights
    informative = (absent > 0) & (present > 0)
    odds, which = np.unique(absent[informative] / present[informative], return_inverse=True)
    owner = person[rows[informative]]
    count = np.zeros((persons, odds.size))
    np.add.at(count, (owner, which.reshape(-1)), 1.0)
    happened = np.bincount(owner, missed[rows[informative]], persons).astype(np.float64)
    return StratifiedTerms(odds, count, happened)


def person_resamples(persons: int, draws: int, rng: np.random.Generator) -> Vector:
    """How often each person is drawn in each resample of all persons with replacement (draws, persons)."""
    return rng.multinomial(persons, np.full(persons, 1 / persons), size=draws).astype(np.float64)
