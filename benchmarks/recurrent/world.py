"""Made-up persons with recurrent events, the same for every system."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EVENTS_EACH = 5


def rows(persons: int, covariates: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """Counting-process rows ``(start, stop]`` of persons with gamma frailty and five events each, dates in whole days.

    The first covariate is 0 or 1 with a planted ratio of 1.5, the others are normal with a ratio of exp(0.1); one
    person in five enters late. A person's last row ends without an event.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((persons, covariates))
    x[:, 0] = rng.integers(0, 2, persons)
    effect = np.full(covariates, 0.1)
    effect[0] = np.log(1.5)
    rate = rng.gamma(2, 0.5, persons) * np.exp(x @ effect) / 120
    entry = np.where(rng.random(persons) < 0.2, np.floor(rng.uniform(1, 60, persons)), 0.0)
    gaps = rng.exponential(1 / rate[:, None], (persons, EVENTS_EACH))
    days = entry[:, None] + np.ceil(np.cumsum(gaps + 1, axis=1))
    return {
        "start": np.column_stack((entry, days)).ravel(),
        "stop": np.column_stack((days, days[:, -1] + 30)).ravel(),
        "event": np.tile([1.0] * EVENTS_EACH + [0.0], persons),
        "x": np.repeat(x, EVENTS_EACH + 1, axis=0),
        "person": np.repeat(np.arange(float(persons)), EVENTS_EACH + 1),
    }
