"""The effect of one juncture: is the next crisis sooner after a missed opening than after a met one?

By landmark (Anderson, Cain & Gelber 1983, Journal of Clinical Oncology 1:710-719): time runs from the end of the
response's window, when it is settled whether the opening was met. The primary contrast is a Cox model stratified by
person, ties after Efron (1977), so that each person is compared with nobody but themselves; its variance is summed by
person with the correction of Mancl & DeRouen (2001) and its quantile is t with informative persons - 1. It removes
what is constant about a person, not bad spells; the placebo contrast makes the same comparison of crises *before*
the opening.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import (
    Booleans,
    Integers,
    Vector,
    codes,
    flags,
    numbers,
    of_difference,
    t_interval,
    t_p_value,
)
from juncture.analyst.statistics.cox import cox_regression
from juncture.analyst.statistics.incidence import CumulativeIncidence, cumulative_incidence, log_risk_ratio
from juncture.analyst.statistics.maximise import ConvergenceFailure, Fit
from juncture.base.errors import UsageError

#: Below this many informative persons there is a ratio, but neither error, interval nor p.
SMALLEST_INFORMATIVE = 20


@dataclass(frozen=True)
class Contrast:
    """Missed over met: ``log_ratio``, its corrected ``standard_error`` by person, t interval of the ratio and p.

    All but ``log_ratio`` and ``ratio`` are NaN below 20 informative persons; all are NaN where ``failure`` says why
    there is no estimate (always None for a ratio of risks, whose estimate is NaN where a risk is 0).
    """

    log_ratio: float
    standard_error: float
    degrees_of_freedom: int
    ratio: float
    low: float
    high: float
    p_value: float
    informative_persons: int
    failure: ConvergenceFailure | None


@dataclass(frozen=True)
class LandmarkEffect:
    """The effect of one juncture.

    ``within``: hazard ratio within persons, the primary result; ``crude``: the same without strata, all openings
    alike; ``marginal``: ratio of the risks of a crisis by the horizon, ``risk_missed`` over ``risk_met``
    (Kaplan-Meier). Counts of openings and persons are those of evaluable openings; a person may have missed and met.
    """

    within: Contrast
    crude: Contrast
    marginal: Contrast
    risk_missed: float
    risk_met: float
    openings: int
    openings_missed: int
    crises: int
    persons: int
    persons_missed: int
    persons_met: int


def landmark_effect(
    person: npt.ArrayLike,
    missed: npt.ArrayLike,
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    *,
    horizon: float,
    confidence: float = 0.95,
) -> LandmarkEffect:
    """Contrast missed with met openings; one entry an evaluable opening (n).

    ``person``: labels; ``missed``: 1 missed, 0 met; ``time`` from the landmark to the first crisis or the end of
    observation (days, 0 or more); ``event``: 1 where ``time`` ends in a crisis. What comes after ``horizon`` (days) is
    censored there. Raises ``UsageError`` on negative times.
    """
    who, labels, absent, until, crisis = _openings(person, missed, time, event, horizon)
    exposure = absent.astype(np.float64)
    within = _fit(who, exposure, until, crisis, stratified=True)
    crude = _fit(who, exposure, until, crisis, stratified=False)
    risks: list[CumulativeIncidence] = [
        cumulative_incidence(until[side], crisis[side], cause=1, times=[horizon], person=who[side])
        for side in (absent, ~absent)
    ]
    return LandmarkEffect(
        within=contrast_of_fit(within, confidence),
        crude=contrast_of_fit(crude, confidence),
        marginal=contrast(
            *log_risk_ratio(risks[0], risks[1], np.unique(who[absent]), np.unique(who[~absent])),
            labels,
            labels - 1,
            None,
            confidence,
        ),
        risk_missed=float(risks[0].incidence[0]) if absent.any() else float("nan"),
        risk_met=float(risks[1].incidence[0]) if not absent.all() else float("nan"),
        openings=until.size,
        openings_missed=int(absent.sum()),
        crises=int(crisis.sum()),
        persons=labels,
        persons_missed=int(np.unique(who[absent]).size),
        persons_met=int(np.unique(who[~absent]).size),
    )


def adjusted_effect(
    person: npt.ArrayLike,
    missed: npt.ArrayLike,
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    covariates: npt.ArrayLike,
    *,
    horizon: float,
    confidence: float = 0.95,
) -> Contrast:
    """The contrast within persons with other things about the opening held equal, for sensitivity.

    ``covariates`` (n, c): such as crises in the 7 and 30 days before the opening; the rest as in
    :func:`landmark_effect`. Informative persons are those of the unadjusted contrast; each covariate costs a degree.
    """
    who, _, absent, until, crisis = _openings(person, missed, time, event, horizon)
    exposure = absent.astype(np.float64)
    others = np.asarray(covariates, dtype=np.float64)
    design = np.column_stack((exposure, others))
    plain = _fit(who, exposure, until, crisis, stratified=True)
    fit = _fit(who, design, until, crisis, stratified=True)
    informative = plain.informative_persons
    estimate, error = float(fit.coefficients[0]), float(fit.standard_errors[0])
    return contrast(estimate, error, informative, informative - design.shape[1], fit.failure, confidence)


def compare_effects(first: Contrast, second: Contrast, *, confidence: float = 0.95) -> Contrast:
    """Ratio of two effects on different persons (women over men): the interaction.

    With strata by person the two are independent (:func:`arrays.of_difference`). NaN where either has no error, so
    below 20 informative persons in either; ``failure`` is the first there is.
    """
    error, degrees = of_difference(
        (first.standard_error, second.standard_error), (first.degrees_of_freedom, second.degrees_of_freedom)
    )
    informative = first.informative_persons + second.informative_persons
    failure = first.failure or second.failure
    return contrast(first.log_ratio - second.log_ratio, error, informative, int(degrees), failure, confidence)


def _openings(
    person: npt.ArrayLike, missed: npt.ArrayLike, time: npt.ArrayLike, event: npt.ArrayLike, horizon: float
) -> tuple[Integers, int, Booleans, Vector, Booleans]:
    """Codes of the persons, their number, missed, time censored at the horizon, and crises within it."""
    until = numbers("time", time)
    who, labels = codes("person", person, until.size)
    absent = flags("missed", missed, until.size)
    crisis = flags("event", event, until.size)
    if (until < 0).any() or not horizon > 0:
        raise UsageError("time must not be negative, and horizon must be above 0.")
    return who, labels.size, absent, np.minimum(until, horizon), crisis & (until <= horizon)


def _fit(who: Integers, design: Vector, until: Vector, crisis: Booleans, *, stratified: bool) -> Fit:
    # Everybody is at risk from the landmark on; a crisis at its very moment counts, hence the entry before 0.
    entry = np.full(until.size, -1.0)
    return cox_regression(entry, until, crisis, design, person=who, strata=who if stratified else None)


def contrast_of_fit(fit: Fit, confidence: float = 0.95) -> Contrast:
    """What the first coefficient of a regression says."""
    return contrast(
        float(fit.coefficients[0]),
        float(fit.standard_errors[0]),
        fit.informative_persons,
        fit.degrees_of_freedom,
        fit.failure,
        confidence,
    )


def contrast(
    log_ratio: float,
    standard_error: float,
    informative: int,
    degrees: int,
    failure: ConvergenceFailure | None,
    confidence: float,
) -> Contrast:
    """A log ratio with what may be said of it: no error, interval or p below 20 ``informative`` persons."""
    error = standard_error if informative >= SMALLEST_INFORMATIVE else float("nan")
    degrees = max(degrees, 0)
    low, high = np.exp(t_interval(log_ratio, error, degrees, confidence))
    return Contrast(
        log_ratio=log_ratio,
        standard_error=error,
        degrees_of_freedom=degrees,
        ratio=float(np.exp(log_ratio)),
        low=float(low),
        high=float(high),
        p_value=t_p_value(log_ratio, error, degrees),
        informative_persons=informative,
        failure=failure,
    )
