"""Mean cumulative function of recurrent events by group, and the comparison of two of them.

The estimate and its robust variance are those of Lawless & Nadeau (1995, Technometrics 37:158-168); the variance is
the sum of squared influences of persons, which needs no Poisson process. At risk are intervals ``(start, stop]``, so
late entry and gaps (jail, inpatient) leave the denominator. Where people die the mean is that of Ghosh & Lin (2000,
Biometrics 56:554-562): nobody has events after death, and the dead are not censored. The two-sample pseudo-score
statistic is that of Cook, Lawless & Nadeau (1996, Biometrics 52:557-571); its primary p comes from permuting persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats

from juncture.analyst.statistics.arrays import (
    Booleans,
    Integers,
    Vector,
    codes,
    divide,
    flags,
    intervals,
    normal_quantile,
    numbers,
    person_codes,
)
from juncture.analyst.statistics.permutation import PermutationTest, permute_persons
from juncture.analyst.statistics.risksets import risk_sets
from juncture.base.errors import UsageError

CELLS_A_BATCH = 2_000_000


class PseudoScoreWeight(StrEnum):
    """What the pseudo-score gives weight to."""

    CONSTANT = "constant"  # all differences alike
    LINEAR = "linear"  # early differences more: falls from 1 at time 0 to 0 at the last moment observed


@dataclass(frozen=True, eq=False)
class MeanCumulativeFunction:
    """Mean number of events a person by each of ``times`` (j), in one group.

    ``at_risk`` (j): rows with ``start < time <= stop``; ``standard_error`` (j): Lawless-Nadeau; ``low``, ``high`` (j):
    on the log scale, so never below 0. NaN after the last moment anybody was observed.
    """

    group: Any
    persons: int
    events: int
    times: Vector
    at_risk: Integers
    mean: Vector
    standard_error: Vector
    low: Vector
    high: Vector


@dataclass(frozen=True, eq=False)
class PseudoScore:
    """``statistic`` U, its robust ``variance``, U^2 / variance against chi-square(1), and the test by permutation."""

    statistic: float
    variance: float
    chi_square: float
    p_value_chi_square: float
    permutation: PermutationTest


@dataclass(frozen=True, eq=False)
class MeanCumulativeDifference:
    """First group minus second by each of ``times`` (j); ``p_value`` is that of the permutation of persons."""

    times: Vector
    difference: Vector
    standard_error: Vector
    low: Vector
    high: Vector
    pseudo_score: PseudoScore
    p_value: float


def mean_cumulative_functions(
    person: npt.ArrayLike,
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    events: npt.ArrayLike,
    group: npt.ArrayLike,
    *,
    times: npt.ArrayLike,
    died: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> tuple[MeanCumulativeFunction, ...]:
    """A curve for each group, in ascending order of its label.

    Rows (n): ``person``; interval at risk ``(start, stop]``; ``events``, how many happened at ``stop`` (0 or more);
    ``group`` of the person; ``died``: 1 where the person died at ``stop`` (events of that moment count). ``times``
    (j): where the curve is read. Raises ``UsageError`` on overlapping intervals.
    """
    begin, end = intervals(start, stop, np.asarray(person).size)
    who, _ = person_codes(person, begin, end)
    counts = _counts(events, begin.size)
    dead = np.zeros(begin.size, dtype=np.bool_) if died is None else flags("died", died, begin.size)
    belongs, labels = codes("group", group, begin.size)
    grid = numbers("times", times)
    return tuple(
        _curve(label, who[mine], begin[mine], end[mine], counts[mine], dead[mine], grid, confidence)
        for label, mine in ((label, belongs == number) for number, label in enumerate(labels.tolist()))
    )


def difference_of_means(
    person: npt.ArrayLike,
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    events: npt.ArrayLike,
    first_group: npt.ArrayLike,
    *,
    times: npt.ArrayLike,
    rng: np.random.Generator,
    died: npt.ArrayLike | None = None,
    draws: int = 1999,
    weight: PseudoScoreWeight = PseudoScoreWeight.CONSTANT,
    confidence: float = 0.95,
) -> MeanCumulativeDifference:
    """Compare the means of two groups of persons; rows and ``died`` as in :func:`mean_cumulative_functions`.

    ``first_group`` (n): 1 in every row of a person of the first group, else 0. Raises ``UsageError`` where a person
    is in both groups, or a group is empty. The pseudo-score compares event rates of those alive and observed.
    """
    begin, end = intervals(start, stop, np.asarray(person).size)
    who, persons = person_codes(person, begin, end)
    counts = _counts(events, begin.size)
    dead = np.zeros(begin.size, dtype=np.bool_) if died is None else flags("died", died, begin.size)
    first = flags("first_group", first_group, begin.size)
    members = np.zeros(persons, dtype=np.bool_)
    members[who[first]] = True
    if (members[who] != first).any():
        raise UsageError("first_group differs between rows of one person; a person belongs to one group.")
    if members.all() or not members.any():
        raise UsageError("One of the two groups has nobody in it; there is nothing to compare.")
    grid = numbers("times", times)
    curve, other = (
        _curve(side, who[rows], begin[rows], end[rows], counts[rows], dead[rows], grid, confidence)
        for side, rows in (("first", first), ("second", ~first))
    )
    difference = curve.mean - other.mean
    error = np.hypot(curve.standard_error, other.standard_error)
    reach = normal_quantile(confidence) * error
    kernel = _PseudoScoreKernel(who, persons, begin, end, counts, weight)
    statistic, variance = (float(part[0]) for part in kernel.score(members[None, :]))
    chi_square = statistic**2 / variance if variance > 0 else float("nan")
    test = permute_persons(members, kernel.studentised, draws, rng, kernel.batch)
    return MeanCumulativeDifference(
        times=grid,
        difference=difference,
        standard_error=error,
        low=difference - reach,
        high=difference + reach,
        pseudo_score=PseudoScore(statistic, variance, chi_square, float(stats.chi2.sf(chi_square, 1)), test),
        p_value=test.p_value,
    )


def _counts(events: npt.ArrayLike, length: int) -> Vector:
    counts = numbers("events", events, length)
    if (counts < 0).any():
        raise UsageError("events must not be negative.")
    return counts


def _curve(
    label: Any,
    person: Integers,
    start: Vector,
    stop: Vector,
    counts: Vector,
    died: Booleans,
    times: Vector,
    confidence: float,
) -> MeanCumulativeFunction:
    mean, error, survivors = _ghosh_lin(person, start, stop, counts, died, times)
    unseen = (times > stop.max()) & (survivors > 0)
    mean[unseen], error[unseen] = np.nan, np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.exp(normal_quantile(confidence) * error / mean)
        low = np.where(mean > 0, mean / factor, np.nan)
        high = np.where(mean > 0, mean * factor, np.nan)
    present = np.searchsorted(np.sort(start), times, side="left") - np.searchsorted(np.sort(stop), times, side="left")
    return MeanCumulativeFunction(
        group=label,
        persons=int(np.unique(person).size),
        events=int(counts.sum()),
        times=times,
        at_risk=present.astype(np.int64),
        mean=mean,
        standard_error=error,
        low=low,
        high=high,
    )


def _ghosh_lin(
    person: Integers, start: Vector, stop: Vector, counts: Vector, died: Booleans, times: Vector
) -> tuple[Vector, Vector, float]:
    """Mean and error at ``times``, and the share alive in the end; Lawless & Nadeau's where nobody died.

    The error is the root of the sum over persons of their squared influence (Ghosh & Lin 2000, section 2.2): the
    integral of (dN_i - Y_i dR) S / at risk, less what their own death takes away from all that is still to come.
    """
    sets = risk_sets(start, stop, (counts > 0) | died)
    rows, at = sets.event_rows, sets.event_at
    at_risk = sets.over_risk_set(np.ones(start.size))
    rate = sets.over_events(counts[rows]) / at_risk
    hazard = sets.over_events(died[rows].astype(np.float64)) / at_risk
    alive = np.concatenate(([1.0], np.cumprod(1 - hazard)))
    per_event = alive[:-1] / at_risk
    curve = np.concatenate(([0.0], np.cumsum(alive[:-1] * rate)))
    _, dense = np.unique(person, return_inverse=True)
    dense = dense.reshape(-1)
    upto = np.searchsorted(sets.times, times, side="right")
    error = np.empty(times.size)
    for number, stop_at in enumerate(upto):
        per_death = divide(curve[stop_at] - curve[1:], (1 - hazard) * at_risk)
        compensator = np.where(np.arange(sets.size) < stop_at, per_death * hazard - per_event * rate, 0.0)
        row = sets.over_exposure(compensator)
        row[rows] += np.where(at < stop_at, per_event[at] * counts[rows] - per_death[at] * died[rows], 0.0)
        influence = np.bincount(dense, row)
        error[number] = np.sqrt(influence @ influence)
    return curve[upto], error, float(alive[-1])


class _PseudoScoreKernel:
    """Pseudo-scores of many divisions of the same persons at once.

    A person's risk set is a sparse row of +1 on entry and -1 on leaving, so that a division costs as much as there are
    entries, not persons times event times.
    """

    def __init__(
        self,
        person: Integers,
        persons: int,
        start: Vector,
        stop: Vector,
        counts: Vector,
        weight: PseudoScoreWeight,
    ) -> None:
        sets = risk_sets(start, stop, counts > 0)
        shape = (persons, sets.size + 1)
        ones = np.ones(start.size)
        steps = sparse.coo_array(
            (np.concatenate((ones, -ones)), (np.tile(person, 2), np.concatenate((sets.first, sets.last)))), shape
        ).tocsr()
        steps.eliminate_zeros()
        rows = sets.event_rows
        self._steps = steps
        self._events = sparse.coo_array((counts[rows], (person[rows], sets.event_at)), shape).tocsr()
        self._at_risk = np.append(sets.over_risk_set(ones), 0.0)
        self._happened = np.append(sets.over_events(counts[rows]), 0.0)
        last = stop.max()
        falling = (last - sets.times) / last if weight is PseudoScoreWeight.LINEAR else np.ones(sets.size)
        self._weight = np.append(falling, 0.0)
        self.batch = max(1, min(256, CELLS_A_BATCH // (sets.size + persons + 1)))

    def score(self, memberships: Booleans) -> tuple[Vector, Vector]:
        """U and its robust variance for memberships (b, persons)."""
        first = memberships.astype(np.float64)
        risk_first = np.cumsum((self._steps.T @ first.T).T, axis=1).round()
        events_first = (self._events.T @ first.T).T
        risk_second, events_second = self._at_risk - risk_first, self._happened - events_first
        scale = divide(self._weight, self._at_risk)
        score = (scale * (risk_second * events_first - risk_first * events_second)).sum(axis=1)
        influence = np.where(
            first.T > 0,
            self._influence(scale * risk_second, divide(events_first, risk_first)),
            self._influence(scale * risk_first, divide(events_second, risk_second)),
        )
        return score, np.asarray((influence**2).sum(axis=0), dtype=np.float64)

    def studentised(self, memberships: Booleans) -> Vector:
        """U over the root of its variance; NaN where the variance is 0."""
        score, variance = self.score(memberships)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(variance > 0, score / np.sqrt(variance), np.nan)

    def _influence(self, factor: Vector, increments: Vector) -> Vector:
        """Integral of factor x (dN_i - Y_i increments) for each person and division (persons, b)."""
        compensator = np.zeros_like(factor)
        np.cumsum((factor * increments)[:, :-1], axis=1, out=compensator[:, 1:])
        # Sum over a run first..last-1 is C[last] - C[first]: the steps with their sign turned.
        return np.asarray(self._events @ factor.T + self._steps @ compensator.T, dtype=np.float64)
