"""A regression on persons fitted by Newton's method, with the sandwich by person and its small-sample correction.

The robust variance is Lin & Wei's (1989, JASA 84:1074-1078), summed by person. It is too small where persons are few;
the correction of Mancl & DeRouen (2001, Biometrics 57:126-134) inflates each person's score U_i to
(I - I_i V)^-1 U_i, with I_i the person's share of the information and V its inverse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import numpy as np

from juncture.analyst.statistics.arrays import Integers, Vector, t_interval, t_p_value

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
class Fit:
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

    def on_scale(self, ranges: Vector) -> Fit:
        """The same fit for covariates that were divided by ``ranges`` (p) before."""
        square = np.outer(ranges, ranges)
        return replace(
            self,
            coefficients=self.coefficients / ranges,
            covariance_model=self.covariance_model / square,
            covariance_robust=self.covariance_robust / square,
            covariance=self.covariance / square,
        )


class Likelihood(Protocol):
    """A log likelihood of ``size`` coefficients whose covariates have a range of about 1."""

    rows: int
    events: int
    size: int

    def evaluate(self, beta: Vector) -> tuple[float, Vector, Vector]:
        """Log likelihood, score (p) and information (p, p) at ``beta``."""

    def cluster_scores(self, beta: Vector, cluster: Integers, clusters: int) -> Vector:
        """The score by cluster (clusters, p)."""

    def cluster_information(self, beta: Vector, cluster: Integers, clusters: int) -> Vector:
        """The information by cluster (clusters, p, p)."""

    def cluster_traces(self, beta: Vector, cluster: Integers, clusters: int) -> Vector:
        """The trace of the information by cluster (clusters)."""


def maximise(likelihood: Likelihood, cluster: Integers, persons: int) -> Fit:
    """Newton's method with step-halving from 0, then the three covariances; ``cluster`` (rows): codes of persons.

    Without the halving Newton overshoots where events are few (the ten cases of Whitaker et al. 2006 do it).
    """
    size = likelihood.size
    beta = np.zeros(size)
    if likelihood.events == 0:
        return _failed(likelihood, persons, 0, 0, float("nan"), ConvergenceFailure.NO_EVENTS)
    value, score, information = likelihood.evaluate(beta)
    null_value = value
    informative = _informative(likelihood.cluster_traces(beta, cluster, persons))
    if not _invertible(information, likelihood.events):
        return _failed(likelihood, persons, informative, 0, null_value, ConvergenceFailure.NO_INFORMATION)
    for iteration in range(1, MAX_ITERATIONS + 1):
        step = np.linalg.solve(information, score)
        step /= max(1.0, float(np.abs(step).max()) / LONGEST_STEP)
        trial, halvings = likelihood.evaluate(beta + step), 0
        while not trial[0] >= value - 1e-10 * (1 + abs(value)) and halvings < 30:
            step, halvings = step / 2, halvings + 1
            trial = likelihood.evaluate(beta + step)
        beta, (value, score, information) = beta + step, trial
        if np.abs(beta).max() > SEPARATED_SPREAD or not _invertible(information, likelihood.events):
            return _failed(likelihood, persons, informative, iteration, null_value, ConvergenceFailure.SEPARATION)
        if halvings == 0 and np.abs(step).max() < SMALLEST_STEP:
            return _fitted(likelihood, beta, value, null_value, information, cluster, persons, informative, iteration)
    reason = ConvergenceFailure.NOT_CONVERGED
    return _failed(likelihood, persons, informative, MAX_ITERATIONS, null_value, reason)


def _fitted(
    likelihood: Likelihood,
    beta: Vector,
    value: float,
    null_value: float,
    information: Vector,
    cluster: Integers,
    persons: int,
    informative: int,
    iterations: int,
) -> Fit:
    inverse = np.asarray(np.linalg.inv(information), dtype=np.float64)
    scores = likelihood.cluster_scores(beta, cluster, persons)
    shares = likelihood.cluster_information(beta, cluster, persons)
    return Fit(
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


def _informative(traces: Vector) -> int:
    """Persons whose share of the information is more than rounding; covariates have a range of 1."""
    return int((traces > 1e-10).sum())


def _invertible(information: Vector, events: int) -> bool:
    diagonal = np.diag(information)
    # Rounding grows with the events that are summed; information worth having is a fair part of one an event.
    if not np.isfinite(information).all() or not (diagonal > 1e-10 * max(1, events)).all():
        return False
    scale = np.sqrt(diagonal)
    return bool(np.linalg.eigvalsh(information / np.outer(scale, scale))[0] > 1e-10)


def _failed(
    likelihood: Likelihood,
    persons: int,
    informative: int,
    iterations: int,
    null_value: float,
    reason: ConvergenceFailure,
) -> Fit:
    unknown = np.full((likelihood.size, likelihood.size), np.nan)
    return Fit(
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
