"""Many findings at once: the false discovery rate of Benjamini & Hochberg (1995, JRSS B 57:289-300)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Vector
from juncture.base.errors import UsageError


@dataclass(frozen=True, eq=False)
class FalseDiscovery:
    """``q_values`` in the order of the p-values, NaN where p was; ``family`` is how many were tested."""

    q_values: Vector
    family: int


def benjamini_hochberg(p_values: npt.ArrayLike) -> FalseDiscovery:
    """q-value of each p-value; those that are NaN (not estimable) do not belong to the family.

    Raises ``UsageError`` where one lies outside 0..1.
    """
    p = np.asarray(p_values, dtype=np.float64).reshape(-1)
    tested = np.flatnonzero(np.isfinite(p))
    if ((p[tested] < 0) | (p[tested] > 1)).any() or np.isinf(p).any():
        raise UsageError("p-values must lie between 0 and 1, or be missing.")
    q = np.full(p.size, np.nan)
    order = tested[np.argsort(-p[tested], kind="stable")]
    rank = np.arange(order.size, 0, -1)
    q[order] = np.minimum.accumulate(np.minimum(p[order] * order.size / rank, 1.0))
    return FalseDiscovery(q, int(tested.size))
