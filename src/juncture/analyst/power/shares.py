"""How wide the interval of a missed share will be, and what an audit of links does to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from juncture.analyst.power.cohorts import Openings
from juncture.analyst.power.design import Design
from juncture.analyst.statistics.arrays import Booleans, Vector, t_interval
from juncture.analyst.statistics.incidence import missed_share
from juncture.analyst.statistics.misclassification import audited, corrected_share


@dataclass(frozen=True)
class ShareWidth:
    """The missed share of a group, every response being linked: ``true`` share, mean number of ``openings``, mean
    ``width`` of the 95 % interval (all shares of 1), and the Monte Carlo error of the width."""

    stratum: str
    openings: float
    true: float
    width: float
    error: float


@dataclass(frozen=True)
class AuditWorth:
    """The missed share where the linkage finds a share of the responses only.

    ``checked``: responses known to be there that an audit looked for; 0 for none, and then only a recall is told that
    nothing may lie below. Means over the cohorts: ``estimate`` and the 95 % interval from ``low`` to ``high``;
    ``error``: Monte Carlo error of the interval's width.
    """

    checked: int
    estimate: float
    low: float
    high: float
    error: float

    @property
    def width(self) -> float:
        """Mean width of the interval."""
        return self.high - self.low


def share_widths(openings: Openings, design: Design, cohorts: int) -> tuple[ShareWidth, ...]:
    """Widths for ``all``, ``women`` and ``men``, groups without anybody left out."""
    everything = np.ones(openings.person.size, dtype=np.bool_)
    place = openings.person % design.people
    groups = {"all": everything, "women": place < design.women, "men": place >= design.women}
    sizes = {"all": design.people, "women": design.women, "men": design.men}
    found = []
    for name, mine in groups.items():
        if not sizes[name]:
            continue
        told = _told(openings, design, cohorts, everything, mine)
        widths = told[:, 2] - told[:, 1]
        known = np.isfinite(widths)
        found.append(
            ShareWidth(name, float(mine.sum()) / cohorts, float(np.nanmean(told[:, 0])), *_mean(widths[known]))
            if known.any()
            else ShareWidth(name, float(mine.sum()) / cohorts, float("nan"), float("nan"), float("nan"))
        )
    return tuple(found)


def audit_worth(
    openings: Openings, design: Design, cohorts: int, audits: Sequence[int], rng: np.random.Generator
) -> tuple[AuditWorth, ...]:
    """Without an audit and with each of ``audits``, whose outcome is drawn."""
    seen = rng.random(openings.person.size) < design.recall
    everybody = np.ones(openings.person.size, dtype=np.bool_)
    told = _told(openings, design, cohorts, seen, everybody)
    rows = []
    for checked in (0, *audits):
        intervals = []
        for share, _, _, error, degrees in told:
            if checked:
                chance = audited(int(rng.binomial(checked, design.recall)), checked)
                intervals.append(
                    _interval(*corrected_share(share, error, chance.value, log_error=chance.log_error), degrees)
                )
            else:
                # Nobody says more than that q is not below the recall: the share seen, and the lower end at that q.
                estimate, _, high = _interval(share, error, degrees)
                _, low, _ = _interval(*corrected_share(share, error, design.recall), degrees)
                intervals.append((estimate, low, high))
        known = np.array(intervals)
        known = known[np.isfinite(known).all(axis=1)]
        if not len(known):
            rows.append(AuditWorth(checked, *(float("nan"),) * 4))
            continue
        estimate, low, high = known.mean(axis=0).tolist()
        rows.append(AuditWorth(checked, estimate, low, high, _mean(known[:, 2] - known[:, 1])[1]))
    return tuple(rows)


def _told(openings: Openings, design: Design, cohorts: int, seen: Booleans, mine: Booleans) -> Vector:
    """Share, low, high, standard error and degrees of freedom of each cohort (cohorts, 5)."""
    time, outcome = openings.settled(design, seen)
    rows = np.flatnonzero(mine)
    ends = np.searchsorted(openings.person[rows] // design.people, np.arange(cohorts + 1))
    told = np.full((cohorts, 5), np.nan)
    for number, (first, last) in enumerate(pairwise(ends.tolist())):
        own = rows[first:last]
        if own.size:
            done = missed_share(openings.person[own], time[own], outcome[own], window=design.window)
            missed = done.missed
            told[number] = missed.share, missed.low, missed.high, missed.standard_error, done.persons - 1
    return told


def _interval(share: float, error: float, degrees: float) -> tuple[float, float, float]:
    """The share and its interval on the logit scale."""
    if not 0 < share < 1:
        return share, float("nan"), float("nan")
    logit = float(np.log(share / (1 - share)))
    low, high = t_interval(logit, error / (share * (1 - share)), degrees)
    return share, float(1 / (1 + np.exp(-low))), float(1 / (1 + np.exp(-high)))


def _mean(values: Vector) -> tuple[float, float]:
    """Mean and its Monte Carlo error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")
