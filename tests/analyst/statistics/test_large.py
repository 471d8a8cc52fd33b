"""A large cohort on one core."""

from __future__ import annotations

import numpy as np
import pytest

from juncture.analyst.statistics.cox import andersen_gill


def test_hundred_thousand_persons_with_five_events():
    """Andersen-Gill with frailty and a planted ratio of 1.5 (the oracle), dates in whole days."""
    rng = np.random.default_rng(1)
    persons = 100_000
    x = rng.integers(0, 2, persons)
    gaps = rng.exponential(1 / (rng.gamma(2, 0.5, persons) * np.where(x == 1, 1.5, 1.0) / 120)[:, None], (persons, 5))
    days = np.ceil(np.cumsum(gaps + 1, axis=1))
    start = np.concatenate((np.zeros((persons, 1)), days), axis=1).ravel()
    stop = np.concatenate((days, days[:, -1:] + 1), axis=1).ravel()
    event = np.tile([1, 1, 1, 1, 1, 0], persons)
    fit = andersen_gill(start, stop, event, np.repeat(x, 6), person=np.repeat(np.arange(persons), 6))
    assert fit.failure is None and fit.events == 500_000 and fit.persons == persons
    assert 0 < fit.coefficients[0] == pytest.approx(np.log(1.5), abs=0.2)
