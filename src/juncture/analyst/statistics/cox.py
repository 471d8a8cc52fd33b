"""Cox regression of recurrent events: Andersen-Gill and Prentice-Williams-Peterson, total and gap time.

Rows are intervals ``(start, stop]`` (Andersen & Gill 1982, Annals of Statistics 10:1100-1120), so late entry, gaps in
the risk and time-dependent covariates are rows like any other. Strata by event number give the models of Prentice,
Williams & Peterson (1981, Biometrika 68:373-379). Ties after Efron (1977, JASA 72:557-565) or Breslow. The robust
variance is Lin & Wei's (1989, JASA 84:1074-1078), summed by person, with the correction of Mancl & DeRouen (2001).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import (
    Integers,
    Vector,
    codes,
    flags,
    intervals,
    numbers,
    scaled,
)
from juncture.analyst.statistics.likelihood import PartialLikelihood, Ties
from juncture.analyst.statistics.maximise import Fit, maximise


def cox_regression(
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    event: npt.ArrayLike,
    covariates: npt.ArrayLike,
    *,
    person: npt.ArrayLike,
    strata: npt.ArrayLike | None = None,
    ties: Ties = Ties.EFRON,
) -> Fit:
    """Fit a Cox model to rows ``(start, stop]`` (n) with ``event`` 0 or 1 at ``stop`` and ``covariates`` (n, p).

    ``strata`` (n): labels with a baseline each; ``person`` (n): labels of the clusters of the sandwich. Raises
    ``UsageError`` on arrays that do not fit together; a model without an estimate is returned with its ``failure``.
    """
    begin, end = intervals(start, stop, np.asarray(start).size)
    happened = flags("event", event, begin.size)
    design, ranges = scaled(covariates, begin.size)
    cluster, labels = codes("person", person, begin.size)
    stratum = None if strata is None else codes("strata", strata, begin.size)[0]
    likelihood = PartialLikelihood(begin, end, happened, design, stratum, ties)
    return maximise(likelihood, cluster, labels.size).on_scale(ranges)


def andersen_gill(
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    event: npt.ArrayLike,
    covariates: npt.ArrayLike,
    *,
    person: npt.ArrayLike,
    strata: npt.ArrayLike | None = None,
    ties: Ties = Ties.EFRON,
) -> Fit:
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
) -> Fit:
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
) -> Fit:
    """Time since the person's last event (before the first: since entry), a baseline for each event number.

    A gap in the risk does not set the clock back: the row after it enters late on the gap's clock.
    """
    begin, end = intervals(start, stop, np.asarray(start).size)
    origin = _gap_origins(codes("person", person, begin.size)[0], begin, end, flags("event", event, begin.size))
    strata = _event_strata(event_number, last_stratum)
    return cox_regression(begin - origin, end - origin, event, covariates, person=person, strata=strata, ties=ties)


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
