"""Who is at risk at each moment of an event: the index that curves and regressions share.

A row is an interval ``(start, stop]`` of one person, with an event at ``stop`` or none. Late entry, gaps and strata
need nothing special: a row is at risk at an event time of its stratum exactly if ``start < time <= stop``. Event times
are numbered through all strata, so a row is at risk at a run ``first..last-1`` of them, and every sum over a risk set
is a difference of cumulative sums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Booleans, Integers, Vector


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Event times of n rows in their strata.

    ``times`` (k): the distinct event times, ascending within ascending stratum. ``first``, ``last`` (n): the run of
    event times at which each row is at risk. ``event_rows`` (m): rows that end with an event, in the order
    of their time; ``event_at`` (m): the number of that time.
    """

    times: Vector
    first: Integers
    last: Integers
    event_rows: Integers
    event_at: Integers

    @property
    def size(self) -> int:
        """Number of distinct event times."""
        return int(self.times.size)

    def of_rows(self, kept: Integers) -> RiskSets:
        """The same for ``kept`` rows (ascending), which must hold every row that ends with an event."""
        return replace(
            self,
            first=self.first[kept],
            last=self.last[kept],
            event_rows=np.searchsorted(kept, self.event_rows),
        )

    def over_risk_set(self, values: Vector) -> Vector:
        """Sum of ``values`` (n) over the rows at risk at each event time (k)."""
        entering = np.bincount(self.first, values, self.size + 1)
        leaving = np.bincount(self.last, values, self.size + 1)
        return np.asarray(np.cumsum(entering - leaving)[: self.size], dtype=np.float64)

    def over_events(self, values: Vector) -> Vector:
        """Sum of ``values`` (m, in the order of ``event_rows``) over the events of each event time (k)."""
        return np.asarray(np.bincount(self.event_at, values, self.size), dtype=np.float64)

    def over_exposure(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Sum of ``values`` (k, ...) over the event times at which each row is at risk (n, ...)."""
        total = np.zeros((self.size + 1, *values.shape[1:]))
        np.cumsum(values, axis=0, out=total[1:])
        return np.asarray(total[self.last] - total[self.first])


def risk_sets(start: Vector, stop: Vector, event: Booleans, stratum: Integers | None = None) -> RiskSets:
    """Index the event times of rows ``(start, stop]`` (n), in strata 0..s-1 where given."""
    moments, rank = np.unique(np.concatenate((start, stop)), return_inverse=True)
    place = rank.reshape(-1).astype(np.int64)
    if stratum is not None:
        place += np.tile(stratum, 2) * np.int64(moments.size)
    entry, end = place[: start.size], place[start.size :]
    happened = np.flatnonzero(event)
    event_rows = happened[np.argsort(end[happened], kind="stable")]
    keys, event_at = np.unique(end[event_rows], return_inverse=True)
    return RiskSets(
        times=moments[keys % moments.size] if keys.size else np.zeros(0),
        first=np.searchsorted(keys, entry, side="right"),
        last=np.searchsorted(keys, end, side="right"),
        event_rows=event_rows,
        event_at=event_at.reshape(-1).astype(np.int64),
    )
