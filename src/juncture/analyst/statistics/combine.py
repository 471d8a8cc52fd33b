"""One figure from M matchings: Rubin's rules, so that not knowing who is who widens the interval.

Rubin (1987, Multiple Imputation for Nonresponse in Surveys, Wiley) with the degrees of freedom of Barnard & Rubin
(1999, Biometrika 86:948-955), which never exceed those of the complete data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import numbers, t_interval, t_p_value
from juncture.base.errors import UsageError


@dataclass(frozen=True)
class Combined:
    """A figure over M matchings, on the scale it was given in.

    ``linkage_share`` of the total variance is due to linkage: (1 + 1/M) x between / total; NaN for a single matching.
    NaN in everything but ``matchings`` where any matching could not be estimated.
    """

    estimate: float
    standard_error: float
    degrees_of_freedom: float
    low: float
    high: float
    p_value: float
    linkage_share: float
    matchings: int


def combine_matchings(
    estimates: npt.ArrayLike, standard_errors: npt.ArrayLike, degrees: float, *, confidence: float = 0.95
) -> Combined:
    """Combine the estimates (M) and standard errors (M) of M matchings.

    ``degrees``: those of one complete data set (informative persons - 1; their mean where matchings differ). Raises
    ``UsageError`` where there is no matching or an error is negative.
    """
    value = np.asarray(estimates, dtype=np.float64).reshape(-1)
    error = np.asarray(standard_errors, dtype=np.float64).reshape(-1)
    if value.size == 0 or value.size != error.size:
        raise UsageError("Rubin's rules need an estimate and a standard error from each of one or more matchings.")
    unknown = float("nan")
    if not np.isfinite(value).all() or not np.isfinite(error).all():
        return Combined(unknown, unknown, unknown, unknown, unknown, unknown, unknown, value.size)
    if (numbers("standard_errors", error) < 0).any():
        raise UsageError("A standard error is negative.")
    estimate, within = float(value.mean()), float((error**2).mean())
    if value.size == 1:
        share, total, freedom = unknown, within, float(degrees)
    else:
        between = (1 + 1 / value.size) * float(value.var(ddof=1))
        total = within + between
        share = between / total if total > 0 else 0.0
        freedom = _barnard_rubin(value.size, share, float(degrees))
    root = float(np.sqrt(total))
    low, high = t_interval(estimate, root, freedom, confidence)
    return Combined(estimate, root, freedom, low, high, t_p_value(estimate, root, freedom), share, value.size)


def _barnard_rubin(matchings: int, share: float, complete: float) -> float:
    """Barnard & Rubin (1999), equation 3: harmonic sum of Rubin's and the observed-data degrees of freedom."""
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    if not observed > 0:
        return 0.0
    # Rubin's own degrees are (M - 1) / share^2, which is infinite where the matchings agree.
    return 1 / (share**2 / (matchings - 1) + 1 / observed)
