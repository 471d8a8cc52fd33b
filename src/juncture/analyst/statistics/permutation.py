"""Permutation of persons: who belongs to which group is shuffled, what a person lived through stays whole.

With a studentised statistic the test is exact where the groups are alike in distribution and asymptotically valid
where they differ in spread only (Janssen 1997, Statistics & Probability Letters 36:9-21).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from juncture.analyst.statistics.arrays import Booleans, Vector


@dataclass(frozen=True)
class PermutationTest:
    """``statistic`` as observed; ``p_value`` two-sided, (1 + as extreme) / (1 + draws); NaN where it has no meaning."""

    statistic: float
    p_value: float
    draws: int


def permute_persons(
    first_group: Booleans,
    statistic: Callable[[Booleans], Vector],
    draws: int,
    rng: np.random.Generator,
    batch: int = 256,
) -> PermutationTest:
    """Compare ``statistic`` with its distribution under shuffled membership.

    ``first_group`` (n): whether each person is in the first group. ``statistic`` takes memberships (b, n) and returns
    b numbers, NaN where the statistic cannot be had; such a draw counts as extreme, which can only raise p.
    """
    observed = float(statistic(first_group[None, :])[0])
    if not np.isfinite(observed) or draws < 1:
        return PermutationTest(observed, float("nan"), 0)
    # Equal values may differ in their last bits from one arrangement to another: those are ties, not less extreme.
    bar = abs(observed) * (1 - 1e-9) - 1e-12
    extreme = 0
    for begin in range(0, draws, batch):
        size = min(batch, draws - begin)
        shuffled = rng.permuted(np.broadcast_to(first_group, (size, first_group.size)), axis=1)
        extreme += int((~(np.abs(statistic(shuffled)) < bar)).sum())
    return PermutationTest(observed, (1 + extreme) / (1 + draws), draws)
