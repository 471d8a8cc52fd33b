"""Which juncture avoids most: ranks, and how sure they are, from draws that all junctures share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Integers, Vector
from juncture.base.errors import UsageError

#: Fewer junctures than this make "in the first three" a statement about nothing.
SMALLEST_FIELD = 6


@dataclass(frozen=True, eq=False)
class Ranking:
    """``rank`` (j): 1 is the most avoidable, 0 where there is no estimate; ``top`` (j): share of draws in the first
    ``places``, NaN without an estimate or with fewer than six junctures to rank."""

    rank: Integers
    top: Vector
    places: int


def rank_junctures(estimates: npt.ArrayLike, draws: npt.ArrayLike, *, places: int = 3) -> Ranking:
    """Rank junctures by their estimates (j) and by each shared draw (b, j).

    A juncture without an estimate (NaN) is not ranked. Draws in which any ranked juncture failed (NaN) place that
    juncture last.
    """
    value = np.asarray(estimates, dtype=np.float64).reshape(-1)
    drawn = np.asarray(draws, dtype=np.float64)
    if drawn.ndim != 2 or drawn.shape[1] != value.size:
        raise UsageError("draws must have a column for each juncture.")
    field = np.flatnonzero(np.isfinite(value))
    rank = np.zeros(value.size, dtype=np.int64)
    rank[field[np.argsort(-value[field], kind="stable")]] = np.arange(1, field.size + 1)
    top = np.full(value.size, np.nan)
    if field.size >= SMALLEST_FIELD and len(drawn):
        below = np.where(np.isnan(drawn[:, field]), -np.inf, drawn[:, field])
        place = np.argsort(np.argsort(-below, axis=1, kind="stable"), axis=1, kind="stable")
        top[field] = (place < places).mean(axis=0)
    return Ranking(rank, top, places)
