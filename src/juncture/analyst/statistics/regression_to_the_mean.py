"""How far people who were chosen for many contacts fall by themselves, and how far they fell.

Who had many contacts in one window has fewer in the next, on average, because part of the many was chance (Galton 1886,
Journal of the Anthropological Institute 15:246-263). What is expected of a person with x contacts is the mean of
everybody who had x: the regression of later on earlier counts. It is taken from bands of earlier counts, as the line
through the bands' means from one to the next, continued beyond the first and the last. No form of the frailty is
assumed. Where it is gamma, constant or drifting, the regression is one straight line (Hauer 1997, *Observational
Before-After Studies in Road Safety*, ch. 11; Bühlmann 1967, ASTIN Bulletin 4:199-207). Where a few people are unlike
the others it is not, and a line, or a negative binomial fitted to bands, is wrong by tens of points
(``studies/regression_to_the_mean``). People without an earlier contact do not enter, so it does not matter that an
agency knows nobody who has none in either window.

Changes are logarithms of the ratio of two rates; their errors are the jackknife over persons (Efron & Stein 1981,
Annals of Statistics 9:586-596), those of an expected change with the error of the bands' means added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Vector, numbers
from juncture.base.errors import UsageError

NAN = float("nan")
#: A line needs two points.
LEAST_BANDS = 2


@dataclass(frozen=True, eq=False)
class BandMeans:
    """Mean counts in two windows of the people of each band of the first count (k), by rising ``before``.

    ``variance``: of the mean ``after``.
    """

    before: Vector
    after: Vector
    variance: Vector

    @classmethod
    def of(
        cls,
        people: npt.ArrayLike,
        before: npt.ArrayLike,
        after: npt.ArrayLike,
        after_squares: npt.ArrayLike,
        *,
        round_to: int = 1,
    ) -> BandMeans:
        """From numbers of people (k), their counts in both windows and the sum of their later counts squared.

        ``round_to``: numbers were rounded to this, which adds to the variance. Where the later counts vary less than
        Poisson counts, as rounding can make it seem, they are taken to vary as these. Raises ``UsageError`` unless
        every band has people and the means of ``before`` rise from band to band.
        """
        size = numbers("people", people)
        first, later = numbers("before", before, size.size), numbers("after", after, size.size)
        squares = numbers("after_squares", after_squares, size.size)
        if (size <= 0).any():
            raise UsageError("Every band needs people: leave out those without.")
        mean, then = first / size, later / size
        if (np.diff(mean) <= 0).any():
            raise UsageError("The mean counts before must rise from band to band.")
        spread = np.maximum(squares / size - then**2, then) / size
        rounding = (round_to**2 - 1) / 12 * (1 + then**2) / size**2
        return cls(mean, then, spread + rounding)

    def weights(self, counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """What each band's mean adds to the expectation of a person with each of ``counts`` (n): (n, k), rows sum to 1.

        Raises ``UsageError`` with fewer than two bands.
        """
        count = numbers("counts", counts)
        if self.before.size < LEAST_BANDS:
            raise UsageError("An expectation needs the means of two bands.")
        left = np.clip(np.searchsorted(self.before, count, side="right") - 1, 0, self.before.size - 2)
        share = (count - self.before[left]) / (self.before[left + 1] - self.before[left])
        found = np.zeros((count.size, self.before.size))
        rows = np.arange(count.size)
        found[rows, left], found[rows, left + 1] = 1 - share, share
        return found


@dataclass(frozen=True)
class Change:
    """Logarithm of a later rate over an earlier one, with its standard error; NaN where not estimable."""

    log_ratio: float = NAN
    standard_error: float = NAN


def change(
    before: npt.ArrayLike, after: npt.ArrayLike, years_before: npt.ArrayLike, years_after: npt.ArrayLike
) -> Change:
    """The change of the rate of the same persons (n): counts, and the years in which they were counted, of each.

    NaN where either window has no contact or no time. Raises ``UsageError`` on negative entries.
    """
    first = numbers("before", before)
    parts = [first, *(numbers("entries", part, first.size) for part in (after, years_before, years_after))]
    if any((part < 0).any() for part in parts):
        raise UsageError("Counts and years must not be negative.")
    return _jackknife(*parts)


def expected_change(
    bands: BandMeans, counts: npt.ArrayLike, years_before: float = 1.0, years_after: float = 1.0
) -> Change:
    """The change to be expected of persons with ``counts`` (n) in the first window, from everybody's ``bands``.

    ``years_before``, ``years_after``: lengths of the two windows. NaN where nothing or less is expected.
    """
    count = numbers("counts", counts)
    weights = bands.weights(count)
    ones = np.ones_like(count)
    by_person = _jackknife(count, weights @ bands.after, years_before * ones, years_after * ones)
    total = float(weights.sum(axis=0) @ bands.after)
    if not np.isfinite(by_person.log_ratio):
        return by_person
    error = float(np.sqrt(weights.sum(axis=0) ** 2 @ bands.variance)) / total
    return Change(by_person.log_ratio, float(np.hypot(by_person.standard_error, error)))


def _jackknife(before: Vector, after: Vector, years_before: Vector, years_after: Vector) -> Change:
    sums = [float(part.sum()) for part in (before, after, years_before, years_after)]
    if min(sums, default=0.0) <= 0:
        return Change()
    value = _log_ratio(*(np.array([total]) for total in sums))[0]
    size = before.size
    left = [total - part for total, part in zip(sums, (before, after, years_before, years_after), strict=True)]
    if size < 2 or any((part <= 0).any() for part in left):
        return Change(float(value))
    without = _log_ratio(*left)
    return Change(float(value), float(np.sqrt((size - 1) / size * ((without - without.mean()) ** 2).sum())))


def _log_ratio(before: Vector, after: Vector, years_before: Vector, years_after: Vector) -> Vector:
    return np.asarray(np.log(after / years_after) - np.log(before / years_before))
