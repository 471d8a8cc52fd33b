"""The way that was withdrawn: a bivariate negative binomial fitted to an agency's suppressed cells alone.

Counts in two windows are Poisson given frailties that are a bivariate gamma (Kibble 1941, Sankhya 5:137-150): shape,
two means, correlation. Cells are Poisson with the total free, known to an interval (rounded) or only to be few
(hidden); nobody without a contact is known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from juncture.agreement.vocabulary import BAND_EDGES, BAND_LABELS
from juncture.formats.release import HistogramRow

TOP = BAND_EDGES[-1]


def cell_shares(shape: float, first: float, second: float, correlation: float) -> NDArray[np.float64]:
    """Probability of each pair of bands, from the series of the probability generating function's power -shape."""
    a, b = first / shape, second / shape
    c = (1 - correlation) * a * b
    q0, q1, q2 = 1 + a + b + c, a + c, b + c
    p = np.zeros((TOP, TOP))
    p[0] = q0**-shape * np.cumprod([1, *((j - 1 + shape) / j * q2 / q0 for j in range(1, TOP))])
    for i in range(TOP - 1):
        for j in range(TOP):
            left = (p[i, j - 1], p[i + 1, j - 1]) if j else (0.0, 0.0)
            p[i + 1, j] = ((i + shape) * (q1 * p[i, j] - c * left[0]) / (i + 1) + q2 * left[1]) / q0
    margins = [stats.nbinom.pmf(np.arange(TOP), shape, 1 / (1 + part)) for part in (a, b)]
    full = np.zeros((TOP + 1, TOP + 1))
    full[:TOP, :TOP] = p
    full[:TOP, TOP], full[TOP, :TOP] = margins[0] - p.sum(axis=1), margins[1] - p.sum(axis=0)
    full[TOP, TOP] = 1 - margins[0].sum() - margins[1].sum() + p.sum()
    return np.maximum(np.add.reduceat(np.add.reduceat(full, BAND_EDGES, 0), BAND_EDGES, 1), 1e-300)


def fall_at(histogram: tuple[HistogramRow, ...], count: float, *, threshold: int, round_to: int) -> float:
    """The fall expected of people with ``count`` contacts, from the fit: a straight line in the count."""
    cells = np.full((len(BAND_LABELS),) * 2, -1)
    for row in histogram:
        if row.people is not None:
            cells[BAND_LABELS.index(row.selection), BAND_LABELS.index(row.follow_up)] = row.people

    def deviance(theta: NDArray[np.float64]) -> float:
        shares = cell_shares(*np.exp(theta[:3]), float(special.expit(theta[3])))
        shares[0, 0] = 0
        mean = np.exp(theta[4]) * shares / shares.sum()
        found = 0.0
        for i, j in np.argwhere(np.ones_like(cells)).tolist():
            if (i, j) == (0, 0):
                continue
            told, expected = cells[i, j], mean[i, j]
            if told == 0:
                found -= expected
                continue
            few = told < 0
            ends = (1, threshold - 1) if few else (max(told - round_to // 2, threshold), told + (round_to - 1) // 2)
            chance = stats.poisson.cdf(ends[1], expected) - stats.poisson.cdf(ends[0] - 1, expected)
            if few and (cells[i] < 0).sum() - (i == 0 and cells[0, 0] < 0) <= 2:
                # One of two may be hidden for the other's sake, whatever it holds.
                chance = 1 - chance if chance < 0.5 else chance
            found += np.log(max(chance, 1e-300))
        return -found

    start = np.array([np.log(0.7), np.log(0.8), np.log(0.8), 1.0, np.log(np.maximum(cells, 5).sum())])
    bounds = [(-4, 4)] * 3 + [(-4, 8), (None, None)]
    shape, first, second = np.exp((best := optimize.minimize(deviance, start, method="L-BFGS-B", bounds=bounds).x)[:3])
    correlation = float(special.expit(best[3]))
    after = second * (1 - correlation + correlation * (shape + count) / (shape + first))
    return float(1 - after / count)
