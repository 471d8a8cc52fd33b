"""The effect of one juncture: is the next crisis sooner after a missed opening than after a met one?

By landmark (Anderson, Cain & Gelber 1983, Journal of Clinical Oncology 1:710-719): time runs from the end of the
response's window, when it is settled whether the opening was met. The primary contrast is a Cox model stratified by
person, ties after Efron (1977), so that each person is compared with nobody but themselves; its variance is summed by
person with the correction of Mancl & DeRouen (2001) and its quantile is t with informative persons - 1. It removes
what is constant about a person, not bad spells; the placebo contrast calls the same function on crises *before* the
opening.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import codes, flags, numbers, t_interval, t_p_value
from juncture.analyst.statistics.cox import ConvergenceFailure, CoxFit, cox_regression
from juncture.analyst.statistics.incidence import CumulativeIncidence, cumulative_incidence, log_risk_ratio
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
    until = numbers("time", time)
    who, labels = codes("person", person, until.size)
    absent = flags("missed", missed, until.size)
    crisis = flags("event", event, until.size)
    if (until < 0).any() or not horizon > 0:
        raise UsageError("time must not be negative, and horizon must be above 0.")
    crisis = crisis & (until <= horizon)
    until = np.minimum(until, horizon)
    # Everybody is at risk from the landmark on; a crisis at its very moment counts, hence the entry before 0.
    entry = np.full(until.size, -1.0)
    exposure = absent.astype(np.float64)
    within = cox_regression(entry, until, crisis, exposure, person=who, strata=who)
    crude = cox_regression(entry, until, crisis, exposure, person=who)
    risks: list[CumulativeIncidence] = [
        cumulative_incidence(until[side], crisis[side], cause=1, times=[horizon], person=who[side])
        for side in (absent, ~absent)
    ]
    return LandmarkEffect(
        within=_contrast_of_fit(within, confidence),
        crude=_contrast_of_fit(crude, confidence),
        marginal=_contrast(
            *log_risk_ratio(risks[0], risks[1], np.unique(who[absent]), np.unique(who[~absent])),
            labels.size,
            None,
            confidence,
        ),
        risk_missed=float(risks[0].incidence[0]) if absent.any() else float("nan"),
        risk_met=float(risks[1].incidence[0]) if not absent.all() else float("nan"),
        openings=until.size,
        openings_missed=int(absent.sum()),
        crises=int(crisis.sum()),
        persons=labels.size,
        persons_missed=int(np.unique(who[absent]).size),
        persons_met=int(np.unique(who[~absent]).size),
    )


def _contrast_of_fit(fit: CoxFit, confidence: float) -> Contrast:
    return _contrast(
        float(fit.coefficients[0]),
        float(fit.standard_errors[0]),
        fit.informative_persons,
        fit.failure,
        confidence,
    )


def _contrast(
    log_ratio: float,
    standard_error: float,
    informative: int,
    failure: ConvergenceFailure | None,
    confidence: float,
) -> Contrast:
    error = standard_error if informative >= SMALLEST_INFORMATIVE else float("nan")
    degrees = max(informative - 1, 0)
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
