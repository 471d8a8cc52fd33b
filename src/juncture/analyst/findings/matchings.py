"""The matchings of a study, each distinct one once, and figures combined over all M of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from juncture.agreement.vocabulary import Sex
from juncture.analyst.findings.model import Estimate, Stratum
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector
from juncture.analyst.statistics.combine import combine_matchings
from juncture.analyst.statistics.landmark import Contrast
from juncture.analyst.study.model import Person, Study

GROUPS = (Stratum.WOMEN, Stratum.MEN)
#: A figure needs an estimate from this share of the matchings.
LEAST_MATCHINGS = 0.8


@dataclass(frozen=True, eq=False)
class Matchings:
    """``distinct`` (u, people): number of each person's timeline or -1; ``of_draw`` (M): which of them each draw is;
    ``group`` (people): 0 women, 1 men, 2 neither or unknown."""

    distinct: Integers
    of_draw: Integers
    group: Integers

    @classmethod
    def of(cls, study: Study) -> Matchings:
        """The distinct matchings of ``study``."""
        if study.people and study.draws:
            distinct, of_draw = np.unique(study.in_draw, axis=0, return_inverse=True)
        else:
            distinct, of_draw = study.in_draw[:1], np.zeros(study.draws, dtype=np.int64)
        return cls(distinct, of_draw.reshape(-1).astype(np.int64), _groups(study.people))

    @property
    def weights(self) -> Vector:
        """Share of the draws that are each distinct matching (u)."""
        return np.bincount(self.of_draw, minlength=len(self.distinct)) / max(self.of_draw.size, 1)

    def members(self, stratum: Stratum) -> Booleans:
        """Whether each person belongs to ``stratum`` (people)."""
        return in_stratum(self.group, stratum)

    def over_draws(self, values: Sequence[float]) -> Vector:
        """A figure of each distinct matching (u) as a figure of each draw (M)."""
        return np.asarray(values, dtype=np.float64)[self.of_draw]

    def combined(self, contrasts: Sequence[Contrast | None]) -> Combined:
        """The log ratios of the distinct matchings (u) as one; None where a matching has nothing to compare."""
        return combine(
            self.over_draws([c.log_ratio if c else np.nan for c in contrasts]),
            self.over_draws([c.standard_error if c else np.nan for c in contrasts]),
            self.over_draws([float(c.degrees_of_freedom) if c else np.nan for c in contrasts]),
        )

    def rounded(self, counts: Vector) -> Integers:
        """Mean over the draws of counts of each distinct matching (u, ...), each rounded, halves up."""
        mean = np.tensordot(self.weights, counts, axes=1) if len(counts) else np.zeros(counts.shape[1:])
        return np.floor(mean + 0.5).astype(np.int64)

    def by_person(self, values: Vector) -> Vector:
        """A figure of each timeline as one of each person under each distinct matching (u, people); 0 without one."""
        found, has = np.zeros(self.distinct.shape), self.distinct >= 0
        found[has] = values[self.distinct[has]]
        return found

    def total(self, values: Vector, stratum: Stratum) -> Vector:
        """Mean over the draws of what ``stratum`` has together of figures of each timeline (t, ...)."""
        member, found = self.members(stratum), np.zeros(values.shape[1:])
        for weight, matching in zip(self.weights, self.distinct, strict=True):
            found += weight * values[matching[member & (matching >= 0)]].sum(axis=0)
        return found

    def largest_share(self, by_person: Sequence[Vector]) -> float:
        """The largest share that one person has, from events by person in each distinct matching (u, people)."""
        if not len(by_person):
            return float("nan")
        mean = self.weights @ np.stack(by_person)
        return float(mean.max() / mean.sum()) if mean.size and mean.sum() > 0 else float("nan")


def in_stratum(group: Integers, stratum: Stratum) -> Booleans:
    """Whether each entry of ``group`` belongs to ``stratum``."""
    if stratum is Stratum.ALL:
        return np.ones(group.size, dtype=np.bool_)
    return np.asarray(group == GROUPS.index(stratum), dtype=np.bool_)


@dataclass(frozen=True)
class Combined:
    """A figure over the matchings on the scale it was combined in; NaN where not estimable."""

    value: float
    standard_error: float
    degrees_of_freedom: float
    low: float
    high: float
    p_value: float
    linkage_share: float

    def exponential(self) -> Estimate:
        """From the log scale to a ratio."""
        value, low, high = np.exp([self.value, self.low, self.high]).tolist()
        return Estimate(value, low, high, self.p_value)

    def logistic(self) -> Estimate:
        """From the logit scale to a share."""
        value, low, high = (1 / (1 + np.exp(-np.array([self.value, self.low, self.high])))).tolist()
        return Estimate(value, low, high, self.p_value)


def combine(values: NDArray[np.float64], errors: NDArray[np.float64], degrees: NDArray[np.float64]) -> Combined:
    """Rubin's rules over draws (M). Draws without an estimate are left out where at least 80 % have one; the figure
    has no interval where fewer have an error too."""
    nan = float("nan")
    known = np.isfinite(values)
    least = max(LEAST_MATCHINGS * values.size, 1)
    if known.sum() < least:
        return Combined(nan, nan, nan, nan, nan, nan, nan)
    full = known & np.isfinite(errors)
    if full.sum() < least:
        return Combined(float(values[known].mean()), nan, nan, nan, nan, nan, nan)
    done = combine_matchings(values[full], errors[full], float(degrees[full].mean()))
    return Combined(
        value=done.estimate,
        standard_error=done.standard_error,
        degrees_of_freedom=done.degrees_of_freedom,
        low=done.low,
        high=done.high,
        p_value=done.p_value,
        linkage_share=done.linkage_share,
    )


def _groups(people: Sequence[Person]) -> Integers:
    codes = {Sex.FEMALE.value: 0, Sex.MALE.value: 1}
    return np.array([2 if p.sex is None else codes.get(p.sex, 2) for p in people], dtype=np.int64)
