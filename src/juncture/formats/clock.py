"""The shifted clock: days counted on a circle of 5,200 weeks.

A day is told as (true day + offset) mod 36,400, the offset a secret multiple of seven days, uniform over the circle.
So every shifted day is equally likely whatever the true day is, and the weekday stays. Differences of shifted days
that are less than half the circle (49 years) apart are exact.
"""

from __future__ import annotations

import secrets
from datetime import date

import numpy as np
from numpy.typing import NDArray

WEEKS = 5_200
CIRCLE = 7 * WEEKS
EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def random_offset() -> int:
    """A secret offset in days: a multiple of seven, uniform over the circle."""
    return 7 * secrets.randbelow(WEEKS)


def shifted(day: int, offset: int) -> int:
    """``day`` (days since 1970-01-01) on the clock that ``offset`` shifts."""
    return (day + offset) % CIRCLE


def weekday(day: int) -> int:
    """The weekday of a day since 1970-01-01, a Thursday; Monday is 0. A shifted day has that of the true one."""
    return (day + 3) % 7


def signed_difference(day: int | NDArray[np.int64], origin: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Days from ``origin`` to ``day`` on one shifted clock, in -18,200 .. 18,199."""
    half = CIRCLE // 2
    return np.asarray((np.asarray(day) - np.asarray(origin) + half) % CIRCLE - half, dtype=np.int64)
