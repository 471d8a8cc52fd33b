"""Cox regression of recurrent events: Andersen-Gill and Prentice-Williams-Peterson, total and gap time.

Rows are intervals ``(start, stop]`` (Andersen & Gill 1982, Annals of Statistics 10:1100-1120), so late entry, gaps in
the risk and time-dependent covariates are rows like any other. Strata by event number give the models of Prentice,
Williams & Peterson (1981, Biometrika 68:373-379). Ties after Efron (1977, JASA 72:557-565) or Breslow. The robust
variance is Lin & Wei's (1989, JASA 84:1074-1078), summed by person. It is too small where persons are few; the
correction of Mancl & DeRouen (2001, Biometrics 57:126-134) inflates each person's score U_i to (I - I_i V)^-1 U_i,
with I_i the person's share of the information and V its inverse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import (
    Integers,
    Vector,
    codes,
    flags,
    intervals,
    numbers,
    t_interval,
    t_p_value,
)
from juncture.analyst.statistics.likelihood import PartialLikelihood, Ties
from juncture.base.errors import UsageError

MAX_ITERATIONS = 60
#: A linear predictor that spreads this far is a likelihood without a maximum: e^18 is a ratio of 66 million.
SEPARATED_SPREAD = 18.0
#: No step spreads the linear predictor further: beyond, sums over risk sets lose their digits.
LONGEST_STEP = 4.0
SMALLEST_STEP = 1e-9


class ConvergenceFailure(StrEnum):
    """Why a regression has no estimate."""

    NO_EVENTS = "no events"
    NO_INFORMATION = "the covariates do not vary within any risk set, or repeat each other"
    SEPARATION = "events happened on one side of a covariate only, so that no finite ratio fits"
    NOT_CONVERGED = "the likelihood was not maximised"


@dataclass(frozen=True, eq=False)
class CoxFit:
    """A fitted regression with p coefficients on the log scale; NaN throughout where ``failure`` says why.

    ``covariance_model``: inverse information; ``covariance_robust``: sandwich by person; ``covariance``: the sandwich
    with the small-sample correction, the one to report. ``informative_persons`` contribute to the information;
    ``degrees_of_freedom`` = informative persons - p.
    """

    coefficients: Vector
    covariance_model: Vector
    covariance_robust: Vector
    covariance: Vector
    log_likelihood_null: float
    log_likelihood: float
    iterations: int
    rows: int
    events: int
    persons: int
    informative_persons: int
    failure: ConvergenceFailure | None

    @property
    def degrees_of_freedom(self) -> int:
        """Informative persons less coefficients."""
        return self.informative_persons - self.coefficients.size

    @property
    def standard_errors(self) -> Vector:
        """Small-sample corrected, by person (p)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def standard_errors_robust(self) -> Vector:
        """Lin & Wei by person, uncorrected (p)."""
        return np.sqrt(np.diag(self.covariance_robust))

    @property
    def standard_errors_model(self) -> Vector:
        """From the information, as if rows were independent (p)."""
        return np.sqrt(np.diag(self.covariance_model))

    def interval(self, number: int = 0, confidence: float = 0.95) -> tuple[float, float]:
        """Interval of one log ratio from the corrected error and t."""
        error = float(self.standard_errors[number])
        return t_interval(float(self.coefficients[number]), error, self.degrees_of_freedom, confidence)

    def p_value(self, number: int = 0) -> float:
        """Two-sided p of one log ratio = 0 from the corrected error and t."""
        return t_p_value(float(self.coefficients[number]), float(self.standard_errors[number]), self.degrees_of_freedom)


def cox_regression(
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    event: npt.ArrayLike,
    covariates: npt.ArrayLike,
    *,
    person: npt.ArrayLike,
    strata: npt.ArrayLike | None = None,
    ties: Ties = Ties.EFRON,
) -> CoxFit:
    """Fit a Cox model to rows ``(start, stop]`` (n) with ``event`` 0 or 1 at ``stop`` and ``covariates`` (n, p).

    ``strata`` (n): labels with a baseline each; ``person`` (n): labels of the clusters of the sandwich. Raises
    ``UsageError`` on arrays that do not fit together; a model without an estimate is returned with its ``failure``.
    """
    begin, end = intervals(start, stop, np.asarray(start).size)
    happened = flags("event", event, begin.size)
    design = np.asarray(covariates, dtype=np.float64)
    if design.ndim == 1:
        design = design[:, None]
    if design.ndim != 2 or design.shape[0] != begin.size or design.shape[1] == 0:
        raise UsageError("covariates must have a row for each interval and at least one column.")
    if not np.isfinite(design).all():
        raise UsageError("covariates hold entries that are missing or infinite; drop those rows first.")
    cluster, labels = codes("person", person, begin.size)
    stratum = None if strata is None else codes("strata", strata, begin.size)[0]
    # Each covariate on the scale of its own range, so that limits on steps and information mean the same for all.
    ranges = np.ptp(design, axis=0) if design.size else np.zeros(design.shape[1])
    ranges[ranges == 0] = 1.0
    likelihood = PartialLikelihood(begin, end, happened, design / ranges, stratum, ties)
    return _on_scale(_maximise(likelihood, cluster, labels.size), ranges)


def andersen_gill(
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    event: npt.ArrayLike,
    covariates: npt.ArrayLike,
    *,
    person: npt.ArrayLike,
    strata: npt.ArrayLike | None = None,
    ties: Ties = Ties.EFRON,
) -> CoxFit:
    """All events alike, one baseline: the intensity ratio of an event at any time (Andersen & Gill 1982)."""
    return cox_regression(start, stop, event, covariates, person=person, strata=strata, ties=ties)


def pwp_total_time(
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    event: npt.ArrayLike,
    covariates: npt.ArrayLike,
    *,
    person: npt.ArrayLike,
    event_number: npt.ArrayLike,
    last_stratum: int | None = None,
    ties: Ties = Ties.EFRON,
) -> CoxFit:
    """Time since the beginning, a baseline for each event number (Prentice, Williams & Peterson 1981).

    ``event_number`` (n): 1 before a person's first event, as :func:`counting.event_numbers` gives it; numbers from
    ``last_stratum`` on share a baseline, where given.
    """
    strata = _event_strata(event_number, last_stratum)
    return cox_regression(start, stop, event, covariates, person=person, strata=strata, ties=ties)


def pwp_gap_time(
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    event: npt.ArrayLike,
    covariates: npt.ArrayLike,
    *,
    person: npt.ArrayLike,
    event_number: npt.ArrayLike,
    last_stratum: int | None = None,
    ties: Ties = Ties.EFRON,
) -> CoxFit:
    """Time since the person's last event (before the first: since entry), a baseline for each event number.

    A gap in the risk does not set the clock back: the row after it enters late on the gap's clock.
    """
    begin, end = intervals(start, stop, np.asarray(start).size)
    origin = _gap_origins(codes("person", person, begin.size)[0], begin, end, flags("event", event, begin.size))
    strata = _event_strata(event_number, last_stratum)
    return cox_regression(begin - origin, end - origin, event, covariates, person=person, strata=strata, ties=ties)


def _on_scale(fit: CoxFit, ranges: Vector) -> CoxFit:
    square = np.outer(ranges, ranges)
    return replace(
        fit,
        coefficients=fit.coefficients / ranges,
        covariance_model=fit.covariance_model / square,
        covariance_robust=fit.covariance_robust / square,
        covariance=fit.covariance / square,
    )


def _event_strata(event_number: npt.ArrayLike, last_stratum: int | None) -> Integers:
    strata = numbers("event_number", event_number).astype(np.int64)
    return strata if last_stratum is None else np.minimum(strata, last_stratum)


def _gap_origins(person: Integers, start: Vector, stop: Vector, event: npt.NDArray[np.bool_]) -> Vector:
    """When each row's gap clock began: the stop of the person's last event row before it, else the first start."""
    order = np.lexsort((start, person))
    who, happened = person[order], event[order]
    begins = np.ones(who.size, dtype=np.bool_)
    begins[1:] = (who[1:] != who[:-1]) | happened[:-1]
    value = start[order].copy()
    after_event = np.zeros(who.size, dtype=np.bool_)
    after_event[1:] = (who[1:] == who[:-1]) & happened[:-1]
    value[after_event] = stop[order][np.flatnonzero(after_event) - 1]
    origin = np.empty(who.size)
    origin[order] = value[begins][np.cumsum(begins) - 1] if who.size else value
    return origin


def _maximise(likelihood: PartialLikelihood, cluster: Integers, persons: int) -> CoxFit:
    """Newton's method with step-halving from 0, then the three covariances."""
    size = likelihood.size
    beta = np.zeros(size)
    if likelihood.events == 0:
        return _failed(likelihood, persons, 0, 0, float("nan"), ConvergenceFailure.NO_EVENTS)
    value, score, information = likelihood.evaluate(beta)
    null_value = value
    informative = _informative(likelihood.cluster_information(beta, cluster, persons))
    if not _invertible(information):
        return _failed(likelihood, persons, informative, 0, null_value, ConvergenceFailure.NO_INFORMATION)
    for iteration in range(1, MAX_ITERATIONS + 1):
        step = np.linalg.solve(information, score)
        step /= max(1.0, float(np.abs(step).max()) / LONGEST_STEP)
        trial, halvings = likelihood.evaluate(beta + step), 0
        while not trial[0] >= value - 1e-10 * (1 + abs(value)) and halvings < 30:
            step, halvings = step / 2, halvings + 1
            trial = likelihood.evaluate(beta + step)
        beta, (value, score, information) = beta + step, trial
        if np.abs(beta).max() > SEPARATED_SPREAD or not _invertible(information):
            return _failed(likelihood, persons, informative, iteration, null_value, ConvergenceFailure.SEPARATION)
        if halvings == 0 and np.abs(step).max() < SMALLEST_STEP:
            return _fitted(likelihood, beta, value, null_value, information, cluster, persons, informative, iteration)
    reason = ConvergenceFailure.NOT_CONVERGED
    return _failed(likelihood, persons, informative, MAX_ITERATIONS, null_value, reason)


def _fitted(
    likelihood: PartialLikelihood,
    beta: Vector,
    value: float,
    null_value: float,
    information: Vector,
    cluster: Integers,
    persons: int,
    informative: int,
    iterations: int,
) -> CoxFit:
    inverse = np.asarray(np.linalg.inv(information), dtype=np.float64)
    scores = likelihood.cluster_scores(beta, cluster, persons)
    shares = likelihood.cluster_information(beta, cluster, persons)
    return CoxFit(
        coefficients=beta,
        covariance_model=inverse,
        covariance_robust=inverse @ (scores.T @ scores) @ inverse,
        covariance=_mancl_derouen(scores, shares, inverse),
        log_likelihood_null=null_value,
        log_likelihood=value,
        iterations=iterations,
        rows=likelihood.rows,
        events=likelihood.events,
        persons=persons,
        informative_persons=informative,
        failure=None,
    )


def _mancl_derouen(scores: Vector, shares: Vector, inverse: Vector) -> Vector:
    """Corrected sandwich from scores (persons, p) and shares of information (persons, p, p).

    NaN where one person holds the whole information, since then nothing is known about the spread between persons.
    """
    remaining = np.eye(inverse.shape[0]) - shares @ inverse
    if not (np.abs(np.linalg.det(remaining)) > 1e-10).all():
        return np.full_like(inverse, np.nan)
    corrected = np.linalg.solve(remaining, scores[:, :, None])[:, :, 0]
    return np.asarray(inverse @ (corrected.T @ corrected) @ inverse, dtype=np.float64)


def _informative(shares: Vector) -> int:
    """Persons whose share of the information is more than rounding; covariates have a range of 1."""
    return int((np.trace(shares, axis1=1, axis2=2) > 1e-10).sum())


def _invertible(information: Vector) -> bool:
    diagonal = np.diag(information)
    if not np.isfinite(information).all() or not (diagonal > 1e-10).all():
        return False
    scale = np.sqrt(diagonal)
    return bool(np.linalg.eigvalsh(information / np.outer(scale, scale))[0] > 1e-10)


def _failed(
    likelihood: PartialLikelihood,
    persons: int,
    informative: int,
    iterations: int,
    null_value: float,
    reason: ConvergenceFailure,
) -> CoxFit:
    unknown = np.full((likelihood.size, likelihood.size), np.nan)
    return CoxFit(
        coefficients=np.full(likelihood.size, np.nan),
        covariance_model=unknown,
        covariance_robust=unknown,
        covariance=unknown,
        log_likelihood_null=null_value,
        log_likelihood=float("nan"),
        iterations=iterations,
        rows=likelihood.rows,
        events=likelihood.events,
        persons=persons,
        informative_persons=informative,
        failure=reason,
    )
