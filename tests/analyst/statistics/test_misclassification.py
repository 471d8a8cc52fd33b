"""Misclassification by missed and false links: closed forms, algebra the other way round, and a slow simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from juncture.analyst.statistics.landmark import landmark_effect
from juncture.analyst.statistics.misclassification import (
    Chance,
    audited,
    corrected_ratio,
    corrected_share,
    pooled,
    strangers_answer,
)
from juncture.base.errors import UsageError

shares = st.floats(0.05, 0.95)
chances = st.floats(0.5, 1.0)


# ---------------------------------------------------------------------------------------------------------------------
# The missed share


def test_a_share_is_corrected_by_what_was_not_seen() -> None:
    # By hand: of 100 openings 45 were met, of which 9 in 10 are seen, so 40.5 look met and 59.5 missed.
    assert corrected_share(0.595, 0.05, 0.9)[0] == pytest.approx(0.55)
    # A tenth of the files is a stranger's, which answers one opening in five: 0.9 x 45 + 0.1 x 20 = 42.5 look met.
    assert corrected_share(0.575, 0.05, 0.9, by_chance=0.02)[0] == pytest.approx(0.55)


def test_nothing_lost_changes_nothing() -> None:
    assert corrected_share(0.4, 0.03, 1.0) == pytest.approx((0.4, 0.03))


def test_the_error_is_that_of_a_quotient_of_independent_figures() -> None:
    """The oracle is the spread of a million simulated quotients."""
    share, error = corrected_share(0.6, 0.03, 0.85, log_error=0.04)
    rng = np.random.default_rng(1)
    met = rng.normal(0.4, 0.03, 1_000_000) / (0.85 * np.exp(rng.normal(0, 0.04, 1_000_000)))
    assert share == pytest.approx(1 - met.mean(), abs=0.001)
    assert error == pytest.approx(met.std(), rel=0.01)


def test_more_met_than_the_linkage_allows_is_refused() -> None:
    assert all(math.isnan(part) for part in corrected_share(0.05, 0.03, 0.9))
    assert corrected_share(0.1, 0.03, 0.9)[0] == pytest.approx(0.0, abs=1e-12)
    # Fewer met than strangers would answer: everything was missed.
    assert corrected_share(0.99, 0.01, 0.9, by_chance=0.02)[0] == 1.0


@given(shares, chances, st.floats(0, 0.1))
def test_correcting_undoes_what_the_linkage_did(missed: float, chance: float, by_chance: float) -> None:
    seen = 1 - (chance * (1 - missed) + by_chance)
    assume(seen > 0)
    assert corrected_share(seen, 0.02, chance, by_chance=by_chance)[0] == pytest.approx(missed)


def test_a_slow_simulation_of_files_links_and_strangers() -> None:
    """Openings one by one: 15 % of persons have a stranger's file, a fifth of whose answers come in time by chance; of
    the others' responses a tenth is in no file. The oracle is the share that was planted."""
    rng = np.random.default_rng(7)
    persons, each, q, answers = 4000, 10, 0.85 * 0.9, 0.2
    missed, seen_missed = 0, 0
    for person in range(persons):
        stranger, followed = person % 20 < 3, rng.beta(3, 3)
        for _ in range(each):
            met = rng.random() < followed
            missed += not met
            seen_missed += not (rng.random() < answers if stranger else met and rng.random() < 0.9)
    total = persons * each
    corrected, _ = corrected_share(seen_missed / total, 0.01, q, by_chance=0.15 * answers)
    assert seen_missed / total > missed / total + 0.05
    assert corrected == pytest.approx(missed / total, abs=0.01)


# ---------------------------------------------------------------------------------------------------------------------
# The ratio


@given(st.floats(0.3, 4), shares, chances, st.floats(0, 0.1))
def test_a_ratio_is_a_mixture_of_the_true_hazards(ratio: float, missed: float, chance: float, f: float) -> None:
    """The oracle counts the four sorts of openings and the hazards in them: met 1, missed the ratio."""
    met = 1 - missed
    seen_met = {True: chance * met + f * met, False: f * missed}
    seen_missed = {True: met - seen_met[True], False: missed - seen_met[False]}
    assume(seen_missed[True] >= 0)
    hazard = {True: 1.0, False: ratio}
    in_missed, in_met = (
        sum(part[is_met] * hazard[is_met] for is_met in part) / sum(part.values()) for part in (seen_missed, seen_met)
    )
    found = corrected_ratio(in_missed / in_met, sum(seen_missed.values()), chance, by_chance=f)
    assert found == pytest.approx(ratio, rel=1e-6)


def test_a_ratio_that_no_truth_could_have_made_is_refused() -> None:
    assert corrected_ratio(1.5, 0.5, 1.0) == pytest.approx(1.5)
    assert math.isnan(corrected_ratio(1.5, 0.1, 0.8))  # 0.9 / 0.8 were met
    # Half of what looks missed was met, so that ratios from 0.5 up only can be seen.
    assert corrected_ratio(0.6, 0.5, 2 / 3) == pytest.approx(0.2)
    assert math.isnan(corrected_ratio(0.45, 0.5, 2 / 3))
    assert math.isnan(corrected_ratio(1.5, 1.0, 0.9)) and math.isnan(corrected_ratio(1.5, 0.0, 1.0))


def test_a_slow_simulation_of_a_ratio_whose_exposure_is_misread() -> None:
    """Crises after openings of 600 people with hazards of their own; a fifth of what was met looks missed, spread
    evenly. The oracle is the planted ratio; horizons are short, so that hardly anybody is used up."""
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(600), 40)
    own = np.repeat(rng.gamma(3, 1 / 3, 600), 40) / 150
    missed = rng.random(person.size) < 0.5
    time = rng.exponential(1 / (own * np.where(missed, 1.8, 1.0)))
    looks_missed = missed | (rng.random(person.size) < 0.2)
    event = time <= 10
    seen = landmark_effect(person, looks_missed, np.minimum(time, 10), event, horizon=10).within
    truth = landmark_effect(person, missed, np.minimum(time, 10), event, horizon=10).within
    assert truth.low < 1.8 < truth.high
    assert corrected_ratio(seen.ratio, looks_missed.mean(), 0.8) == pytest.approx(truth.ratio, rel=0.05)
    assert seen.ratio < truth.ratio * 0.95


# ---------------------------------------------------------------------------------------------------------------------
# The chance


def test_a_chance_has_an_interval_and_a_floor() -> None:
    chance = Chance.known(0.9, 0.8, 0.9**2 / 0.8)
    assert (chance.low, chance.high) == pytest.approx((0.8, 1.0))
    assert Chance.known(0.9, float("nan"), float("nan")).log_error == 0
    both = Chance(0.9, 0.03, 0.8).times(Chance(0.5, 0.04))
    assert (both.value, both.log_error, both.least) == pytest.approx((0.45, 0.05, 0.8))
    assert both.low == pytest.approx(0.45 * 0.8 * math.exp(-1.959964 * 0.05), abs=1e-6)
    assert math.isnan(Chance(1.0, 0.0, float("nan")).low) and Chance(1.0, 0.0, float("nan")).high == 1
    for wrong in ((0.0, 0.0, 1.0), (1.1, 0.0, 1.0), (0.5, -0.1, 1.0), (0.5, 0.0, 0.0), (0.5, 0.0, 1.2)):
        with pytest.raises(UsageError):
            Chance(*wrong)


def test_an_audit_of_forty_links() -> None:
    """The oracle is scipy's beta distribution after Jeffreys; the interval is told on the logarithm."""
    chance = audited(36, 40)
    low, high = stats.beta.ppf([0.025, 0.975], 36.5, 4.5)
    assert chance.value == pytest.approx(36.5 / 41)
    assert 2 * 1.959964 * chance.log_error == pytest.approx(math.log(high / low))
    assert audited(360, 400).log_error < chance.log_error / 2
    for found, checked in ((41, 40), (-1, 40), (0, 0)):
        with pytest.raises(UsageError):
            audited(found, checked)


def test_chances_are_pooled_by_what_was_seen() -> None:
    # By hand: 40 seen where everything is, 30 seen where three in four are: 80 were met, of which 70 seen.
    found = pooled([40, 30], [Chance(1.0), Chance(0.75, 0.1, 0.8)])
    assert found.value == pytest.approx(70 / 80)
    # At the floor 30 are 0.6 of 50, so 90 were met.
    assert found.value * found.least == pytest.approx(70 / 90)
    assert found.log_error == pytest.approx(0.1 * 40 / 80)
    assert math.isnan(pooled([40, 30], [Chance(1.0), Chance(0.9, 0.0, float("nan"))]).least)
    with pytest.raises(UsageError):
        pooled([0, 0], [Chance(1.0), Chance(0.75)])


@given(st.lists(st.tuples(st.floats(0.1, 50), chances), min_size=1, max_size=5))
def test_a_pooled_chance_lies_between_its_parts(parts: list[tuple[float, float]]) -> None:
    value = pooled([w for w, _ in parts], [Chance(c) for _, c in parts]).value
    assert min(c for _, c in parts) - 1e-12 <= value <= max(c for _, c in parts) + 1e-12


# ---------------------------------------------------------------------------------------------------------------------
# Strangers

hours = st.integers(0, 60)


@given(
    st.lists(st.tuples(st.integers(0, 3), hours, hours), max_size=8),
    st.lists(st.tuples(st.integers(0, 3), st.lists(hours, max_size=6)), max_size=5),
)
def test_strangers_answer_as_one_by_one(
    openings: list[tuple[int, int, int]], files: list[tuple[int, list[int]]]
) -> None:
    first, last = [o[1] for o in openings], [o[2] for o in openings]
    fast = strangers_answer(np.array([o[0] for o in openings], dtype=np.int64), first, last, files)
    for (person, begin, end), share in zip(openings, fast, strict=True):
        others = [any(begin <= h <= end for h in times) for owner, times in files if owner != person]
        assert share == pytest.approx(sum(others) / len(others) if others else 0.0)
