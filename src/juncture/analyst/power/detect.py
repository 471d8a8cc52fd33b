"""From how often made-up studies found what was planted to the size that is found in 80 of 100."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from juncture.analyst.statistics.arrays import Vector

POWER = 0.8


@dataclass(frozen=True)
class Size:
    """A ratio, and the Monte Carlo error of it; NaN where no ratio is found as often as asked."""

    ratio: float
    error: float


NONE = Size(float("nan"), float("nan"))


def size_found(log_ratios: Vector, found: Vector, studies: Vector, *, power: float = POWER) -> Size:
    """The ratio found with this power, from ``found`` of ``studies`` at each planted log ratio (k).

    A probit line in the log ratio (Finney 1947, Probit Analysis), fitted by scoring; the error by the delta method.
    NaN where found does not rise with what is planted, or the power lies outside of what was found.
    """
    share = found / studies
    if not (share.max() >= power >= share.min()):
        return NONE
    design = np.column_stack((np.ones(log_ratios.size), log_ratios))
    beta = np.linalg.lstsq(design, stats.norm.ppf(np.clip(share, 0.02, 0.98)), rcond=None)[0]
    information = np.eye(2)
    for _ in range(100):
        line = design @ beta
        chance = np.clip(stats.norm.cdf(line), 1e-9, 1 - 1e-9)
        slope = stats.norm.pdf(line)
        weight = studies * slope**2 / (chance * (1 - chance))
        information = design.T @ (weight[:, None] * design)
        if not np.linalg.cond(information) < 1e12:
            return NONE
        step = np.linalg.solve(information, design.T @ (studies * slope * (share - chance) / (chance * (1 - chance))))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    if not beta[1] > 0:
        return NONE
    place = float((stats.norm.ppf(power) - beta[0]) / beta[1])
    gradient = -np.array([1.0, place]) / beta[1]
    error = float(np.sqrt(gradient @ np.linalg.solve(information, gradient)))
    return Size(float(np.exp(place)), float(np.exp(place)) * error)
