"""Other designs for a juncture's effect, beside loops over risk sets, the landmark itself, and a planted truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from juncture.analyst.statistics.alternatives import recurrent_effect, time_dependent_effect
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE, landmark_effect
from juncture.base.errors import UsageError
from tests.analyst.statistics.slow_references import cox_log_likelihood, cox_residuals, mancl_derouen


def openings(seed: int, people: int = 40, each: int = 6) -> tuple[np.ndarray, ...]:
    """Person, when answered, time to the end, whether a crisis ends it; in quarters of a day, so there are ties."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    answered = np.where(rng.random(person.size) < 0.5, rng.integers(0, 60, person.size) / 4, np.inf)
    time = rng.integers(1, 80, person.size) / 4
    return person, answered, time, rng.random(person.size) < 0.7


def slow_rows(person, answered, time, event):
    """Rows (person, start, stop, event, unanswered) written one opening at a time."""
    rows = []
    for who, answer, end, crisis in zip(person, answered, time, event, strict=True):
        if answer > 0:
            rows.append((who, 0.0, min(answer, end), bool(crisis and end <= answer), 1.0))
        if answer < end:
            rows.append((who, answer, end, bool(crisis), 0.0))
    return [np.array(column) for column in zip(*rows, strict=True)]


def slow_fit(person, start, stop, event, exposure) -> tuple[float, float]:
    """Log ratio by a search along the likelihood, and its corrected error by person."""
    x = exposure.astype(float)[:, None]
    found = minimize_scalar(
        lambda b: -cox_log_likelihood(np.array([b]), start, stop, event, x, person, True), bounds=(-6, 6),
        method="bounded", options={"xatol": 1e-10},
    )  # fmt: skip
    beta = np.array([found.x])
    score, share = cox_residuals(beta, start, stop, event, x, person, True)
    return float(found.x), float(np.sqrt(mancl_derouen(person, score, share)[1][0, 0]))


def test_an_opening_is_unanswered_until_its_response() -> None:
    """Oracle: rows written by hand, their likelihood searched; 1e-5 is what the search along a flat top can see."""
    told = openings(1)
    found = time_dependent_effect(*told)
    estimate, error = slow_fit(*slow_rows(*told))
    assert found.log_ratio == pytest.approx(estimate, abs=1e-5)
    assert found.standard_error == pytest.approx(error, rel=1e-5)
    assert found.informative_persons >= SMALLEST_INFORMATIVE


def test_every_crisis_counts_until_the_end() -> None:
    """Oracle: as above, with rows cut at each crisis."""
    rng = np.random.default_rng(2)
    person = np.repeat(np.arange(30), 5)
    missed = rng.random(person.size) < 0.5
    time = rng.integers(1, 120, person.size) / 4
    crises = [sorted(set(rng.integers(1, 160, 3) / 4)) for _ in person]
    of = np.array([i for i, moments in enumerate(crises) for _ in moments])
    at = np.array([moment for moments in crises for moment in moments])
    rows = []
    for i, who in enumerate(person):
        last = 0.0
        for moment in [m for m in crises[i] if m <= time[i]]:
            rows.append((who, last, moment, True, missed[i]))
            last = moment
        if last < time[i]:
            rows.append((who, last, time[i], False, missed[i]))
    found = recurrent_effect(person, missed, time, of, at)
    estimate, error = slow_fit(*[np.array(column) for column in zip(*rows, strict=True)])
    assert found.log_ratio == pytest.approx(estimate, abs=1e-5)
    assert found.standard_error == pytest.approx(error, rel=1e-5)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_where_nothing_differs_from_the_landmark_they_are_the_landmark(seed: int) -> None:
    """Oracle: ``landmark_effect``, where responses come at once or never and nobody has a second crisis."""
    person, _, time, event = openings(seed, people=25)
    missed = np.random.default_rng(seed).random(person.size) < 0.5
    primary = landmark_effect(person, missed, time, event, horizon=1e6).within
    waiting = time_dependent_effect(person, np.where(missed, np.inf, 0.0), time, event)
    recurrent = recurrent_effect(person, missed, time, np.flatnonzero(event), time[event])
    for other in (waiting, recurrent):
        assert other.informative_persons == primary.informative_persons
        assert other.failure == primary.failure
        for name in ("log_ratio", "standard_error", "low", "high", "p_value"):
            np.testing.assert_allclose(getattr(other, name), getattr(primary, name), atol=1e-8)


@pytest.mark.parametrize("truth", [1.0, 1.8])
def test_a_planted_effect_of_waiting_is_covered(truth: float) -> None:
    """Truth: the hazard is ``truth`` times as high until the answer; people differ in their own by a gamma frailty."""
    rng = np.random.default_rng(5)
    person = np.repeat(np.arange(300), 6)
    own = rng.gamma(2, 0.5, 300)[person] / 20
    answered = np.where(rng.random(person.size) < 0.6, rng.exponential(8, person.size), np.inf)
    left = rng.exponential(size=person.size)
    until = left / (own * truth)
    late = until > answered
    until[late] = answered[late] + (left[late] - own[late] * truth * answered[late]) / own[late]
    found = time_dependent_effect(person, answered, np.minimum(until, 40.0), until <= 40.0)
    assert found.low < truth < found.high
    assert found.high / found.low < 1.6


def test_below_twenty_informative_people_there_is_a_ratio_and_nothing_else() -> None:
    found = time_dependent_effect(*openings(3, people=12))
    assert np.isfinite(found.log_ratio) and np.isnan([found.standard_error, found.low, found.p_value]).all()


def test_times_must_fit() -> None:
    with pytest.raises(UsageError):
        time_dependent_effect([1, 1], [-1.0, np.inf], [2.0, 3.0], [1, 0])
    with pytest.raises(UsageError):
        recurrent_effect([1, 1], [1, 0], [0.0, 3.0], [0], [1.0])
