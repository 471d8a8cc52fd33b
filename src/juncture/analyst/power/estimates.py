"""The estimates that a study would report, for many made-up cohorts at once.

The ratio is the one of :func:`juncture.analyst.statistics.landmark.landmark_effect`: Efron's Cox model stratified by
person with the correction of Mancl & DeRouen. With one covariate of 0 and 1 a person's part is a sum of a few terms, so
all cohorts are fitted together; the tests hold the two to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy import stats

from juncture.analyst.power.cohorts import Openings
from juncture.analyst.power.design import Design
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.analyst.statistics.stratified import StratifiedTerms, stratified_terms


@dataclass(frozen=True, eq=False)
class Ratios:
    """Log ratios of many cohorts (c) with their corrected errors and degrees of freedom, NaN where none fits.

    ``told``: whether the rule lets a study tell an interval (20 informative persons, in each side of a comparison).
    """

    log_ratio: Vector
    standard_error: Vector
    degrees: Vector
    told: Booleans
    informative: Vector

    @classmethod
    def joined(cls, parts: Sequence[Ratios]) -> Ratios:
        """The cohorts of several, one after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def over(self, other: Ratios) -> Ratios:
        """This effect over another on different persons; degrees of freedom after Welch."""
        parts = self.standard_error**2, other.standard_error**2
        with np.errstate(invalid="ignore", divide="ignore"):
            degrees = (parts[0] + parts[1]) ** 2 / (parts[0] ** 2 / self.degrees + parts[1] ** 2 / other.degrees)
        return Ratios(
            self.log_ratio - other.log_ratio,
            np.sqrt(parts[0] + parts[1]),
            np.floor(degrees),
            self.told & other.told,
            np.minimum(self.informative, other.informative),
        )

    def low(self) -> Vector:
        """Lower end of the 95 % interval on the log scale; NaN without one."""
        usable = np.isfinite(self.standard_error) & (self.degrees >= 1)
        reach = stats.t.ppf(0.975, np.where(usable, self.degrees, 1)) * self.standard_error
        return np.asarray(np.where(usable, self.log_ratio - reach, np.nan), dtype=np.float64)


def cohort_ratios(openings: Openings, design: Design, cohorts: int) -> dict[str, Ratios]:
    """Ratios of ``all``, ``women`` and ``men`` in each cohort."""
    person, missed, time, crisis = openings.evaluable(design)
    persons = cohorts * design.people
    terms = stratified_terms(person, persons, missed, time, crisis)
    owner, which = np.nonzero(terms.count)
    parts = _Parts(terms.odds[which], terms.count[owner, which], owner, terms.events_missed, design.people, cohorts)
    woman = np.arange(persons) % design.people < design.women
    everyone = np.ones(persons, dtype=np.bool_)
    return {name: parts.ratios(mine) for name, mine in (("all", everyone), ("women", woman), ("men", ~woman))}


@dataclass(frozen=True, eq=False)
class _Parts:
    """Terms (m) of all persons' likelihoods: odds of missed over met in the risk set, how often, and whose."""

    odds: Vector
    times: Vector
    owner: Integers
    happened: Vector
    people: int
    cohorts: int

    def ratios(self, mine: Booleans) -> Ratios:
        """Estimates of each cohort from the persons in ``mine`` (persons)."""
        rows = np.flatnonzero(mine[self.owner])
        odds, times, owner = self.odds[rows], self.times[rows], self.owner[rows]
        cohort = owner // self.people
        of_person = np.arange(mine.size) // self.people
        distinct, which = np.unique(odds, return_inverse=True)
        count = np.zeros((self.cohorts, distinct.size))
        np.add.at(count, (cohort, which.reshape(-1)), times)
        happened = np.where(mine, self.happened, 0.0)
        total = np.asarray(np.bincount(of_person, happened, self.cohorts), dtype=np.float64)
        beta = StratifiedTerms(distinct, count, total).log_ratios(np.eye(self.cohorts))
        share = 1 / (1 + np.exp(-beta[cohort]) / odds)
        score = happened - np.bincount(owner, times * share, mine.size)
        information = np.bincount(owner, times * share * (1 - share), mine.size)
        whole = np.bincount(of_person, information, self.cohorts)
        held = np.bincount(owner, times, mine.size) > 0
        informative = np.asarray(np.bincount(of_person, held, self.cohorts), dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            # Mancl & DeRouen with one coefficient: a person's score is inflated by their share of the information.
            corrected = score / (1 - information / whole[of_person])
            spread = np.bincount(of_person, corrected**2, self.cohorts)
            error = np.asarray(np.sqrt(spread) / whole, dtype=np.float64)
        usable = np.isfinite(beta) & np.isfinite(error) & (informative > 1)
        return Ratios(
            np.where(usable, beta, np.nan),
            np.where(usable, error, np.nan),
            informative - 1.0,
            usable & (informative >= SMALLEST_INFORMATIVE),
            informative,
        )
