"""Crises that meeting every opening would have avoided: a ceiling, bounds without a model, and a model.

The model is the sum over evaluable missed openings of F(h | missed) - F(h | met), with the survival of each person
S_met = S_missed^(1 / ratio) and the ratio from the comparison within persons. A person has few openings, so their own
baseline is shrunk to the pooled one: a gamma frailty (Clayton 1978, Biometrika 65:141-151; Nielsen, Gill, Andersen &
Sørensen 1992, Scandinavian Journal of Statistics 19:25-43) with variance v fitted by maximum likelihood with the ratio
held. A person with d crises where the pooled baseline expects e gets the frailty (1/v + d) / (1/v + e), which is d/e
with the credibility weight e / (e + 1/v) and 1 with the rest; F is averaged over the frailty's posterior. It is never
(1 - 1/ratio) times the crises, which counts crises that were only put off within the horizon.

The interval resamples persons and refits ratio and baseline each time; the ratio is not drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from juncture.analyst.statistics.arrays import Booleans, Integers, Vector, flags, numbers
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.analyst.statistics.risksets import risk_sets
from juncture.analyst.statistics.stratified import StratifiedTerms, stratified_terms
from juncture.base.errors import UsageError

#: Frailty variances tried: from people all but alike to a twentyfold spread between the quartiles.
FRAILTY_VARIANCES = np.geomspace(0.02, 8.0, 16)
FRAILTY_STEPS = 40
CELLS_A_BATCH = 2_000_000
#: An interval needs this share of resamples to have a finite ratio.
SMALLEST_SHARE_OF_DRAWS = 0.9


@dataclass(frozen=True)
class AvoidableCrises:
    """Three rows on one juncture's evaluable missed openings, in first crises within the horizon.

    ``ceiling``: crises seen after missed openings, as if meeting them prevented every one. ``bounds_low``,
    ``bounds_high``: whatever the effect is (Manski 1990, American Economic Review 80:319-323), openings with unseen
    outcomes taken at their worst. ``model`` with ``low``, ``high``: net avoided crises, negative where missing an
    opening went with fewer; no interval below 20 informative persons. ``ratio`` and ``frailty_variance`` are those of
    the whole sample; ``draws`` is the number of resamples used, ``failed_draws`` those without a finite ratio.
    """

    missed_openings: int
    ceiling: int
    bounds_low: int
    bounds_high: int
    model: float
    low: float
    high: float
    ratio: float
    frailty_variance: float
    draws: int
    failed_draws: int


@dataclass(frozen=True, eq=False)
class AvoidableModel:
    """Openings of one juncture, ready to be refitted for any weighting of persons.

    ``persons`` (n): the caller's numbers of the persons with an opening. ``exposed_met``, ``exposed_missed`` (n, k):
    openings of each person at risk at each distinct crisis time; ``crises`` (n, k): those that happened then.
    """

    persons: Integers
    terms: StratifiedTerms
    exposed_met: Vector
    exposed_missed: Vector
    crises: Vector
    missed_openings: Vector

    def refit(self, multiplicity: npt.NDArray[np.float64]) -> tuple[Vector, Vector, Vector]:
        """Avoidable crises, log ratio and frailty variance for weights (b, n) of ``persons``."""
        log_ratio = self.terms.log_ratios(multiplicity)
        avoided, variance = np.full(len(log_ratio), np.nan), np.full(len(log_ratio), np.nan)
        usable = np.flatnonzero(np.isfinite(log_ratio))
        size = max(1, CELLS_A_BATCH // max(1, self.persons.size * FRAILTY_VARIANCES.size))
        for begin in range(0, usable.size, size):
            batch = usable[begin : begin + size]
            ratio = np.exp(log_ratio[batch])[:, None]
            avoided[batch], variance[batch] = self._avoided(multiplicity[batch], ratio)
        return avoided, log_ratio, variance

    def draws(self, cohort_multiplicity: npt.NDArray[np.float64]) -> Vector:
        """Avoidable crises in resamples of a whole cohort (b, cohort), so that junctures can share them."""
        return self.refit(np.asarray(cohort_multiplicity, dtype=np.float64)[:, self.persons])[0]

    def _avoided(self, weight: Vector, ratio: Vector) -> tuple[Vector, Vector]:
        """Expected difference for weights (b, n) and ratios (b, 1): alternate baseline, frailty and its variance."""
        happened = self.crises.sum(axis=1)
        per_time = weight @ self.crises
        frailty = np.ones_like(weight)
        variance = np.full(len(weight), 1.0)
        hazard = np.zeros_like(per_time)
        for _ in range(FRAILTY_STEPS):
            carried = weight * frailty
            at_risk = carried @ self.exposed_met + ratio * (carried @ self.exposed_missed)
            hazard = np.divide(per_time, at_risk, out=np.zeros_like(per_time), where=at_risk > 0)
            expected = hazard @ self.exposed_met.T + ratio * (hazard @ self.exposed_missed.T)
            variance = _frailty_variance(weight, happened, expected)
            precision = 1 / variance[:, None]
            moved = (precision + happened) / (precision + expected)
            change = np.abs(moved - frailty).max()
            frailty = moved
            if change < 1e-5:
                break
        baseline = hazard.sum(axis=1)[:, None]
        shape, rate = precision + happened, precision + expected
        survive_met = np.exp(-shape * np.log1p(baseline / rate))
        survive_missed = np.exp(-shape * np.log1p(ratio * baseline / rate))
        return (weight * self.missed_openings * (survive_met - survive_missed)).sum(axis=1), variance


def avoidable_model(
    person: npt.ArrayLike, missed: npt.ArrayLike, time: npt.ArrayLike, event: npt.ArrayLike, *, horizon: float
) -> AvoidableModel:
    """Prepare evaluable openings (n), arrays as in :func:`landmark.landmark_effect`; ``person`` whole numbers >= 0."""
    who, absent, until, crisis = _openings(person, missed, time, event, horizon)
    persons, code = np.unique(who, return_inverse=True)
    code = code.reshape(-1).astype(np.int64)
    sets = risk_sets(np.full(until.size, -1.0), until, crisis)
    shape = (persons.size, sets.size + 1)
    still = []
    for side in (~absent, absent):
        leaving = np.zeros(shape)
        np.add.at(leaving, (code[side], sets.last[side]), 1.0)
        # At risk until leaving: all openings that leave later than the event time.
        still.append(leaving[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:])
    crises = np.zeros((persons.size, sets.size))
    np.add.at(crises, (code[sets.event_rows], sets.event_at), 1.0)
    return AvoidableModel(
        persons=persons,
        terms=stratified_terms(code, persons.size, absent, until, crisis),
        exposed_met=still[0],
        exposed_missed=still[1],
        crises=crises,
        missed_openings=np.bincount(code, absent, persons.size).astype(np.float64),
    )


def avoidable_crises(
    person: npt.ArrayLike,
    missed: npt.ArrayLike,
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    *,
    horizon: float,
    multiplicity: npt.NDArray[np.float64],
    informative_persons: int,
    confidence: float = 0.95,
) -> AvoidableCrises:
    """Avoidable crises of one juncture.

    Openings (n) as in :func:`landmark.landmark_effect`, with ``person`` a whole number that is a column of
    ``multiplicity`` (b, cohort), from :func:`stratified.person_resamples`; sharing it between junctures makes their
    draws comparable. ``informative_persons``: those of the juncture's effect.
    """
    _, absent, until, crisis = _openings(person, missed, time, event, horizon)
    model = avoidable_model(person, missed, time, event, horizon=horizon)
    value, log_ratio, variance = model.refit(np.ones((1, model.persons.size)))
    drawn = model.draws(multiplicity)
    usable = drawn[np.isfinite(drawn)]
    low = high = float("nan")
    enough = usable.size >= max(SMALLEST_SHARE_OF_DRAWS * drawn.size, 1)
    if informative_persons >= SMALLEST_INFORMATIVE and np.isfinite(value[0]) and enough:
        low, high = (float(bound) for bound in np.quantile(usable, [0.5 - confidence / 2, 0.5 + confidence / 2]))
    seen = int((crisis & absent).sum())
    unseen = int((absent & ~crisis & (until < horizon)).sum())
    openings = int(absent.sum())
    return AvoidableCrises(
        missed_openings=openings,
        ceiling=seen,
        bounds_low=-(openings - seen),
        bounds_high=seen + unseen,
        model=float(value[0]),
        low=low,
        high=high,
        ratio=float(np.exp(log_ratio[0])),
        frailty_variance=float(variance[0]),
        draws=int(usable.size),
        failed_draws=int(drawn.size - usable.size),
    )


def _openings(
    person: npt.ArrayLike, missed: npt.ArrayLike, time: npt.ArrayLike, event: npt.ArrayLike, horizon: float
) -> tuple[Integers, Booleans, Vector, Booleans]:
    until = numbers("time", time)
    who = numbers("person", person, until.size).astype(np.int64)
    absent, crisis = flags("missed", missed, until.size), flags("event", event, until.size)
    if (until < 0).any() or (who < 0).any() or not horizon > 0:
        raise UsageError("person and time must not be negative, and horizon must be above 0.")
    return who, absent, np.minimum(until, horizon), crisis & (until <= horizon)


def _frailty_variance(weight: Vector, happened: Vector, expected: Vector) -> Vector:
    """The most likely gamma variance for each weighting (b), crises (n) and expected crises (b, n) given.

    Marginal likelihood of a person with precision k = 1/v: k^k Gamma(k + d) / (Gamma(k) (k + e)^(k + d)). The best of
    the grid is refined by the parabola through its neighbours on the log scale.
    """
    values = np.empty((FRAILTY_VARIANCES.size, len(weight)))
    for number, k in enumerate(1 / FRAILTY_VARIANCES):
        # Written with log1p(e / k), since k log k and k log(k + e) lose each other's digits where k is large.
        constant = special.gammaln(k + happened) - special.gammaln(k) - happened * np.log(k)
        values[number] = (weight * (constant - (k + happened) * np.log1p(expected / k))).sum(axis=1)
    draw = np.arange(len(weight))
    best = np.clip(values.argmax(axis=0), 1, FRAILTY_VARIANCES.size - 2)
    below, peak, above = (values[best + shift, draw] for shift in (-1, 0, 1))
    bend = np.maximum(2 * peak - below - above, np.finfo(float).tiny)
    shift = np.clip((above - below) / (2 * bend), -1, 1)
    return np.asarray(FRAILTY_VARIANCES[best] * (FRAILTY_VARIANCES[1] / FRAILTY_VARIANCES[0]) ** shift)
