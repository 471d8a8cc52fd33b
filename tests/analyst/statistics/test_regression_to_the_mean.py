"""Expected and observed changes against slow ways, known truths and the closed form of the gamma-Poisson model."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from juncture.analyst.statistics.regression_to_the_mean import BandMeans, change, expected_change
from juncture.base.errors import UsageError

EDGES = np.array([0, 1, 2, 3, 5, 10])


def bands_of(before: np.ndarray, after: np.ndarray, *, round_to: int = 1) -> BandMeans:
    """Band means from counts of persons, bands of one contact and more."""
    band = np.searchsorted(EDGES, before, side="right") - 1
    own = [(before[band == b], after[band == b]) for b in range(1, 6) if (band == b).any()]
    return BandMeans.of(
        [len(b) for b, _ in own],
        [b.sum() for b, _ in own],
        [a.sum() for _, a in own],
        [(a**2).sum() for _, a in own],
        round_to=round_to,
    )


def slow_line(bands: BandMeans, count: float) -> float:
    """The line through the two means that lie around ``count``, or through the last two on its side, by hand."""
    points = list(zip(bands.before.tolist(), bands.after.tolist(), strict=True))
    (x0, y0), (x1, y1) = next(
        (pair for pair in itertools.pairwise(points) if count < pair[1][0]), (points[-2], points[-1])
    )
    return y0 + (y1 - y0) * (count - x0) / (x1 - x0)


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), min_size=8, max_size=40).filter(
        lambda rows: len({int(np.searchsorted(EDGES, b, side="right")) for b, _ in rows}) >= 2
    ),
    st.lists(st.floats(0, 40), min_size=1, max_size=10),
)
def test_the_expectation_is_the_line_through_the_bands_means(rows: list[tuple[int, int]], counts: list[float]) -> None:
    before, after = np.array(rows).T
    bands = bands_of(before, after)
    weights = bands.weights(counts)
    assert weights.sum(axis=1) == pytest.approx(np.ones(len(counts)))
    assert weights @ bands.after == pytest.approx([slow_line(bands, c) for c in counts], abs=1e-8)
    # Who is as often met as the mean of a band is expected to do what the band did.
    assert bands.weights(bands.before) @ bands.after == pytest.approx(bands.after, abs=1e-9)


def test_the_variance_of_a_mean_and_what_rounding_adds() -> None:
    # Ten people with later counts 0 and 4: mean 2, variance 4, of the mean .4. Below Poisson it is the mean / people.
    told = [[10, 20], [10, 60], [20, 40], [80, 80]]
    exact = BandMeans.of(*told)
    assert exact.variance == pytest.approx([0.4, 2 / 20])
    # A number rounded to 5 is off by one of -2..2: variance 2, of people and of contacts.
    assert BandMeans.of(*told, round_to=5).variance == pytest.approx([0.4 + 2 * 5 / 100, 0.1 + 2 * 5 / 400])


@pytest.mark.parametrize(("shape", "correlation"), [(0.6, 1.0), (0.4, 0.6)])
def test_a_gamma_frailty_gives_the_credibility_line(shape: float, correlation: float) -> None:
    """Oracle: E[later | x] = m (1 - r + r (a + x) / (a + m)), Bühlmann's line with frailties correlated r (Kibble)."""
    rng = np.random.default_rng(3)
    people, mean = 400_000, 1.2
    first = rng.gamma(shape, 1 / shape, people)
    shared = rng.poisson(first * shape * correlation / (1 - correlation)) if correlation < 1 else 0
    second = rng.gamma(shape + shared, (1 - correlation) / shape) if correlation < 1 else first
    before, after = rng.poisson(mean * first), rng.poisson(mean * second)
    bands = bands_of(before, after)
    line = mean * (1 - correlation + correlation * (shape + bands.before) / (shape + mean))
    # Five standard errors.
    assert (np.abs(bands.after - line) < 5 * np.sqrt(bands.variance)).all()
    chosen = before >= 3
    truth = np.log(after[chosen].mean() / before[chosen].mean())
    expected = expected_change(bands, before[chosen])
    assert expected.log_ratio == pytest.approx(truth, abs=0.01)  # the line is that of these very people


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.floats(0.5, 2), st.floats(0.5, 2)), min_size=2, max_size=12
    )
)
def test_a_change_and_its_jackknife(rows: list[tuple[int, int, float, float]]) -> None:
    before, after, years, later = np.array(rows, dtype=float).T
    found = change(before, after, years, later)

    def slow(keep: list[int]) -> float:
        first = sum(before[i] for i in keep) / sum(years[i] for i in keep)
        return float(np.log(sum(after[i] for i in keep) / sum(later[i] for i in keep) / first))

    everybody = list(range(len(rows)))
    without = [slow([i for i in everybody if i != out]) for out in everybody]
    centre = sum(without) / len(without)
    error = ((len(rows) - 1) / len(rows) * sum((w - centre) ** 2 for w in without)) ** 0.5
    assert found.log_ratio == pytest.approx(slow(everybody))
    assert found.standard_error == pytest.approx(error, abs=1e-9)


def test_windows_of_other_lengths_are_rates() -> None:
    bands = BandMeans.of([10, 10], [10, 50], [10, 30], [40, 200])
    same, longer = expected_change(bands, [1, 5], 2, 2), expected_change(bands, [1, 5], 2, 1)
    assert same.log_ratio == pytest.approx(np.log((1 + 3) / (1 + 5)))
    assert longer.log_ratio == pytest.approx(same.log_ratio + np.log(2))


def test_the_interval_of_an_expected_change_covers() -> None:
    """Chosen people and everybody drawn anew 300 times; the interval of 95 % holds the change of all who are so chosen.

    Lower bound .92: a share of .95 has an error of .0126 in 300; chosen people are among everybody, so it covers more.
    """
    rng = np.random.default_rng(5)

    def town(people: int) -> tuple[np.ndarray, np.ndarray]:
        own = rng.gamma(0.6, 1 / 0.6, people)
        return rng.poisson(1.2 * own), rng.poisson(1.2 * own)

    before, after = town(1_000_000)
    many = before >= 3
    truth = np.log(after[many].mean() / before[many].mean())
    held = 0
    for _ in range(300):
        before, after = town(4_000)
        chosen = rng.choice(np.flatnonzero(before >= 3), 60, replace=False)
        found = expected_change(bands_of(before, after), before[chosen])
        held += abs(found.log_ratio - truth) <= 2.0 * found.standard_error
    assert held >= 0.92 * 300


def test_what_cannot_be_said() -> None:
    bands = BandMeans.of([10, 10], [10, 50], [0, 0], [0, 0])
    assert np.isnan(expected_change(bands, [1, 5]).log_ratio)
    assert np.isnan(change([1, 2], [0, 0], [1, 1], [1, 1]).log_ratio)
    assert np.isnan(change([], [], [], []).log_ratio)
    one = change([2], [1], [1], [1])
    assert one.log_ratio == pytest.approx(np.log(0.5)) and np.isnan(one.standard_error)
    for bad in ([[0, 10], [0, 50], [0, 5], [0, 5]], [[10, 10], [50, 10], [5, 5], [5, 5]]):
        with pytest.raises(UsageError):
            BandMeans.of(*bad)
    with pytest.raises(UsageError, match="two bands"):
        expected_change(BandMeans.of([10], [10], [5], [5]), [1])
    with pytest.raises(UsageError, match="negative"):
        change([1], [-1], [1], [1])
