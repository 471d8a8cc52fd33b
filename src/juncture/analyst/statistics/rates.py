"""Contact rates of two groups of persons and their ratio; the unit of every interval is the person, not the contact.

The ratio is that of the log-linear model of counts with log person-time as offset; its variance is the sandwich over
persons with HC3 weights (MacKinnon & White 1985, Journal of Econometrics 29:305-325), its quantile t with n - 2. An
interval from the number of contacts alone would be far too narrow, because people differ and contacts come in bursts.
The p-value permutes persons with a studentised difference (Janssen 1997).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Booleans, Vector, numbers, t_interval
from juncture.analyst.statistics.permutation import PermutationTest, permute_persons
from juncture.base.errors import UsageError


@dataclass(frozen=True)
class Rate:
    """Contacts per unit of person-time; ``low``, ``high`` by person, NaN where not estimable (nobody had any)."""

    persons: int
    contacts: float
    person_time: float
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class RateComparison:
    """Rates of two groups and the ratio first over second.

    ``ratio`` is 0 where the first group had no contact, NaN where the second had none; its interval needs contacts in
    both and two persons in each. ``p_value`` is that of ``permutation`` and exists wherever anybody had a contact.
    """

    first: Rate
    second: Rate
    ratio: float
    log_standard_error: float
    degrees_of_freedom: int
    low: float
    high: float
    permutation: PermutationTest
    p_value: float


def compare_rates(
    contacts: npt.ArrayLike,
    person_time: npt.ArrayLike,
    first_group: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    draws: int = 4999,
    confidence: float = 0.95,
) -> RateComparison:
    """Compare contact rates; one entry a person (n).

    ``contacts``: counts, 0 or more; ``person_time``: time at risk, above 0 (a person never at risk has no rate: leave
    out); ``first_group``: 1 for the first group (women), 0 for the second (men). Raises ``UsageError`` on negative
    entries.
    """
    counts = numbers("contacts", contacts)
    time = numbers("person_time", person_time, counts.size)
    first = numbers("first_group", first_group, counts.size) > 0
    if (counts < 0).any() or (time <= 0).any():
        raise UsageError("contacts must not be negative, and person_time must be above 0 for every person.")
    degrees = counts.size - 2
    one, two = (_rate(counts[side], time[side], confidence) for side in (first, ~first))
    error = math.hypot(_log_error(counts[first], time[first]), _log_error(counts[~first], time[~first]))
    ratio = one.rate / two.rate if two.rate > 0 else float("nan")
    log_ratio = float(np.log(ratio)) if ratio > 0 else float("nan")
    low, high = np.exp(t_interval(log_ratio, error, degrees, confidence))

    def statistic(memberships: Booleans) -> Vector:
        return _studentised_difference(counts, time, memberships)

    if first.all() or not first.any():
        test = PermutationTest(float("nan"), float("nan"), 0)
    else:
        test = permute_persons(first, statistic, draws, rng)
    return RateComparison(
        first=one,
        second=two,
        ratio=ratio,
        log_standard_error=error,
        degrees_of_freedom=max(degrees, 0),
        low=float(low),
        high=float(high),
        permutation=test,
        p_value=test.p_value,
    )


def _rate(counts: Vector, time: Vector, confidence: float) -> Rate:
    total, exposure = float(counts.sum()), float(time.sum())
    rate = total / exposure if exposure > 0 else float("nan")
    if not rate > 0:
        low = high = float("nan")
    else:
        bounds = t_interval(float(np.log(rate)), _log_error(counts, time), counts.size - 1, confidence)
        low, high = (float(bound) for bound in np.exp(bounds))
    return Rate(counts.size, total, exposure, rate, low, high)


def _log_error(counts: Vector, time: Vector) -> float:
    """HC3 standard error of a group's log rate; a person's leverage is the share of the group's time."""
    leverage = time / time.sum() if time.size else time
    if time.size < 2 or counts.sum() == 0:
        return float("nan")
    residual = counts - counts.sum() * leverage
    return float(np.sqrt(((residual / (1 - leverage)) ** 2).sum()) / counts.sum())


def _studentised_difference(counts: Vector, time: Vector, memberships: Booleans) -> Vector:
    """Difference of rates over its HC3 error for memberships (b, n).

    A difference, because unlike the ratio it exists where one group had no contact.
    """
    side = memberships.astype(np.float64)
    tiny = np.finfo(float).tiny
    exposure = [np.maximum(part @ time, tiny) for part in (side, 1 - side)]
    rates = [(part @ counts) / own for part, own in zip((side, 1 - side), exposure, strict=True)]
    # Each person is in one of the groups, so one matrix of residuals serves both.
    own_time = np.where(memberships, exposure[0][:, None], exposure[1][:, None])
    own_rate = np.where(memberships, rates[0][:, None], rates[1][:, None])
    # One person alone in a group has leverage 1: the variance is unknown, and the statistic says so.
    with np.errstate(divide="ignore", invalid="ignore"):
        # The residual over (1 - leverage) and over the group's time.
        scaled = (counts - own_rate * time) / (own_time - time)
    variance = (scaled**2).sum(axis=1)
    difference = rates[0] - rates[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, difference / np.sqrt(variance), np.nan)
