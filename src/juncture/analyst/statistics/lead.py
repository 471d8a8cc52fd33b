"""How long before a crisis help could have come: the median time to it, of those that come within the horizon.

The cumulative incidence F of Kaplan & Meier (1958, JASA 53:457-481), openings that lost sight of the person censored,
divided by its value at the horizon: the median is the first time at which F is half of that. The median of the times
seen would be too short, since whoever is lost sight of early shows early crises only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Vector

#: F in steps of whole numbers may fall short of its half by rounding alone.
ROUNDING = 1e-12


def median_times(
    exposed: npt.NDArray[np.float64],
    crises: npt.NDArray[np.float64],
    times: npt.NDArray[np.float64],
    multiplicity: npt.NDArray[np.float64],
) -> Vector:
    """Median for each weighting of persons (b, n); NaN where there was no crisis.

    ``exposed``, ``crises`` (n, k): openings of each person at risk, and ending in a crisis, at each of the distinct
    ``times`` (k, ascending, all of them within the horizon).
    """
    if not times.size:
        return np.full(len(multiplicity), np.nan)
    happened, at_risk = multiplicity @ crises, multiplicity @ exposed
    hazard = np.divide(happened, at_risk, out=np.zeros_like(happened), where=at_risk > 0)
    by = 1 - np.cumprod(1 - hazard, axis=1)
    reached = by >= by[:, -1:] / 2 - ROUNDING
    return np.where(by[:, -1] > 0, times[reached.argmax(axis=1)], np.nan)
