"""How many by when: Kaplan-Meier, Aalen-Johansen with competing events, and the share of openings missed.

Variances by person are sums of squared influences (infinitesimal jackknife), since openings of one person are not
independent of each other; with one row a person the influence variance of Kaplan-Meier is Greenwood's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Integers, Vector, codes, flags, normal_quantile, numbers, t_interval
from juncture.analyst.statistics.risksets import risk_sets
from juncture.base.errors import UsageError

CENSORED, RESPONSE, CRISIS = 0, 1, 2


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    """Kaplan & Meier (1958) at each distinct event time (k), Greenwood errors, log-log interval.

    ``survival`` after the events of ``times``; ``at_risk`` just before; NaN in ``low``, ``high`` where survival is 0.
    """

    times: Vector
    at_risk: Integers
    survival: Vector
    standard_error: Vector
    low: Vector
    high: Vector


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """Aalen & Johansen (1978): share with the event of ``cause`` by each of ``times`` (j), others competing.

    ``influence`` (persons, j): each person's influence, which adds up over contrasts; ``standard_error`` (j) is the
    root of persons / (persons - 1) times its squared sum. NaN after the last moment anybody was observed.
    """

    cause: int
    times: Vector
    incidence: Vector
    standard_error: Vector
    influence: Vector


@dataclass(frozen=True)
class Share:
    """A share of openings with an interval by person (logit scale, t with persons - 1; NaN at 0 and 1)."""

    share: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class MissedShare:
    """What became of all openings within the window.

    ``missed``: no response came (1 less the cumulative incidence of the response, a crisis competing). It has two
    parts: ``preempted``, a crisis came first; ``unanswered``, neither came. ``met`` is the rest.
    """

    openings: int
    persons: int
    met: Share
    missed: Share
    preempted: Share
    unanswered: Share


def kaplan_meier(time: npt.ArrayLike, event: npt.ArrayLike, *, confidence: float = 0.95) -> SurvivalCurve:
    """Survival from independent times (n, 0 or more) and whether each ended in an event (n) or was censored."""
    end = _times(time)
    happened = flags("event", event, end.size)
    sets = risk_sets(np.full(end.size, -1.0), end, happened)
    at_risk = sets.over_risk_set(np.ones(end.size)).round()
    died = sets.over_events(np.ones(sets.event_rows.size))
    survival = np.asarray(np.cumprod(1 - died / at_risk), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(died / (at_risk * (at_risk - died)))
        error = np.where(survival > 0, survival * np.sqrt(greenwood), 0.0)
        reach = np.exp(normal_quantile(confidence) * np.sqrt(greenwood) / np.log(survival))
        low = np.where(survival > 0, survival ** (1 / reach), np.nan)
        high = np.where(survival > 0, survival**reach, np.nan)
    return SurvivalCurve(sets.times, at_risk.astype(np.int64), survival, error, low, high)


def cumulative_incidence(
    time: npt.ArrayLike,
    outcome: npt.ArrayLike,
    *,
    cause: int,
    times: npt.ArrayLike,
    person: npt.ArrayLike | None = None,
) -> CumulativeIncidence:
    """Cumulative incidence of ``cause`` from times (n) and whole-numbered outcomes (n; 0 censored, others events).

    ``person`` (n): labels of who the rows belong to; without it each row stands for itself. ``times`` (j): where the
    curve is read.
    """
    end = _times(time)
    kind = numbers("outcome", outcome, end.size).astype(np.int64)
    owner, labels = codes("person", np.arange(end.size) if person is None else person, end.size)
    grid = numbers("times", times)
    sets = risk_sets(np.full(end.size, -1.0), end, kind != CENSORED)
    rows, at = sets.event_rows, sets.event_at
    mine = kind[rows] == cause
    at_risk = sets.over_risk_set(np.ones(end.size)).round()
    hazard = sets.over_events(np.ones(rows.size)) / at_risk
    cause_hazard = sets.over_events(mine.astype(np.float64)) / at_risk
    before = np.concatenate(([1.0], np.cumprod(1 - hazard)))[: sets.size]
    curve = np.concatenate(([0.0], np.cumsum(before * cause_hazard)))
    upto = np.searchsorted(sets.times, grid, side="right")
    influence = np.empty((labels.size, grid.size))
    for number, stop in enumerate(upto):
        direct = before / at_risk
        # What is still to come after an event time shrinks with the survival that this time takes away.
        ahead = np.divide(curve[stop] - curve[1:], 1 - hazard, out=np.zeros(sets.size), where=hazard < 1) / np.maximum(
            at_risk, 1
        )
        per_exposure = np.where(np.arange(sets.size) < stop, ahead * hazard - direct * cause_hazard, 0.0)
        row = sets.over_exposure(per_exposure)
        row[rows] += np.where(at < stop, direct[at] * mine - ahead[at], 0.0)
        influence[:, number] = np.bincount(owner, row, labels.size)
    spread = labels.size / (labels.size - 1) if labels.size > 1 else np.nan
    error = np.sqrt(spread * (influence**2).sum(axis=0))
    incidence = curve[upto]
    # After the last moment observed the curve is known only if nobody was left to have an event.
    survivors = float(before[-1] * (1 - hazard[-1])) if sets.size else 1.0
    unseen = (grid > (end.max() if end.size else -np.inf)) & (survivors > 0)
    incidence[unseen], error[unseen] = np.nan, np.nan
    influence[:, unseen] = np.nan
    return CumulativeIncidence(cause, grid, incidence, error, influence)


def missed_share(
    person: npt.ArrayLike,
    time: npt.ArrayLike,
    outcome: npt.ArrayLike,
    *,
    window: float,
    confidence: float = 0.95,
) -> MissedShare:
    """Shares of openings met and missed within ``window`` after the opening.

    One entry an opening (n), all openings, evaluable or not: ``person``; ``time`` to the first of response, crisis and
    end of observation, in the unit of ``window``; ``outcome``: 1 response, 2 crisis, 0 neither seen. What comes after
    the window does not count; observation that ends before it is censored.
    """
    until = _times(time)
    kind = numbers("outcome", outcome, until.size).astype(np.int64)
    if not np.isin(kind, (CENSORED, RESPONSE, CRISIS)).all():
        raise UsageError("outcome must be 0 (neither), 1 (response) or 2 (crisis).")
    kind = np.where(until > window, CENSORED, kind)
    until = np.minimum(until, window)
    if until.size == 0:
        nothing = Share(float("nan"), float("nan"), float("nan"), float("nan"))
        return MissedShare(0, 0, nothing, nothing, nothing, nothing)
    met, preempted = (
        cumulative_incidence(until, kind, cause=cause, times=[window], person=person) for cause in (RESPONSE, CRISIS)
    )
    answer, crisis = float(met.incidence[0]), float(preempted.incidence[0])
    on_met, on_crisis = met.influence[:, 0], preempted.influence[:, 0]
    return MissedShare(
        openings=until.size,
        persons=on_met.size,
        met=_share(answer, on_met, confidence),
        missed=_share(1 - answer, on_met, confidence),
        preempted=_share(crisis, on_crisis, confidence),
        unanswered=_share(1 - answer - crisis, on_met + on_crisis, confidence),
    )


def log_risk_ratio(
    first: CumulativeIncidence, second: CumulativeIncidence, first_persons: Integers, second_persons: Integers
) -> tuple[float, float]:
    """Log ratio of two incidences at their last time, and its error by person where persons may be in both.

    ``first_persons``, ``second_persons``: whole numbers of the persons in the order of the rows of ``influence``.
    NaN where either incidence is 0.
    """
    one, two = float(first.incidence[-1]), float(second.incidence[-1])
    if not (one > 0 and two > 0):
        return float("nan"), float("nan")
    everyone = np.union1d(first_persons, second_persons)
    influence = np.zeros(everyone.size)
    influence[np.searchsorted(everyone, first_persons)] += first.influence[:, -1] / one
    influence[np.searchsorted(everyone, second_persons)] -= second.influence[:, -1] / two
    spread = everyone.size / (everyone.size - 1) if everyone.size > 1 else np.nan
    return float(np.log(one / two)), float(np.sqrt(spread * (influence @ influence)))


def _times(time: npt.ArrayLike) -> Vector:
    end = numbers("time", time)
    if (end < 0).any():
        raise UsageError("time must not be negative: it is counted from the opening or the landmark.")
    return end


def _share(share: float, influence: Vector, confidence: float) -> Share:
    share = min(max(share, 0.0), 1.0) if np.isfinite(share) else float("nan")
    persons = influence.size
    if persons < 2:
        return Share(share, float("nan"), float("nan"), float("nan"))
    error = float(np.sqrt(persons / (persons - 1) * (influence @ influence)))
    if not 1e-12 < share < 1 - 1e-12:
        return Share(share, error, float("nan"), float("nan"))
    logit = float(np.log(share / (1 - share)))
    low, high = t_interval(logit, error / (share * (1 - share)), persons - 1, confidence)
    return Share(share, error, *(float(1 / (1 + np.exp(-bound))) for bound in (low, high)))
