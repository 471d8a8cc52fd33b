"""Mean cumulative functions against R (survival, reda) and against loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from juncture.analyst.statistics.counting import counting_rows
from juncture.analyst.statistics.mcf import PseudoScoreWeight, difference_of_means, mean_cumulative_functions
from juncture.base.errors import UsageError
from tests.analyst.statistics import slow_references as slow

# Valve seats of 41 diesel engines (Nelson & Doganaksoy 1989): replacements, then the end of observation, in days.
VALVE_SEATS = [
    [761], [759], [98, 667], [326, 653, 653, 667], [665], [84, 667], [87, 663], [646, 653], [92, 653], [651],
    [258, 328, 377, 621, 650], [61, 539, 648], [254, 276, 298, 640, 644], [76, 538, 642], [635, 641],
    [349, 404, 561, 649], [631], [596], [120, 479, 614], [323, 449, 582], [139, 139, 589], [593], [573, 589],
    [165, 408, 604, 606], [249, 594], [344, 497, 613], [265, 586, 595], [166, 206, 348, 389], [601],
    [410, 581, 601], [611], [608], [587], [367, 603], [202, 563, 570, 585], [587], [578], [578], [586], [585], [582],
]  # fmt: skip


def test_valve_seats_against_R_reda():
    """mcf(Recur(Days, ID, No.) ~ 1, valveSeats, variance = "LawlessNadeau"), reda 0.5.6."""
    count = range(len(VALVE_SEATS))
    rows = counting_rows(
        list(count),
        [0] * len(VALVE_SEATS),
        [engine[-1] for engine in VALVE_SEATS],
        [number for number in count for _ in VALVE_SEATS[number][:-1]],
        [day for engine in VALVE_SEATS for day in engine[:-1]],
    )
    assert rows.events.sum() == 48 and rows.outside == 0
    (curve,) = mean_cumulative_functions(
        rows.person, rows.start, rows.stop, rows.events, np.zeros(rows.person.size),
        times=[61, 76, 84, 87, 92, 326, 410, 761],
    )  # fmt: skip
    expected = [
        0.0243902439, 0.0487804878, 0.0731707317, 0.0975609756, 0.1219512195, 0.5121951220, 0.7335365854, 1.5426875136,
    ]  # fmt: skip
    errors = [
        0.0240909658, 0.0336412029, 0.0406702311, 0.0463398979, 0.0511046558, 0.1097395718, 0.1391420054, 0.3116560748,
    ]  # fmt: skip
    np.testing.assert_allclose(curve.mean, expected, atol=1e-9)
    np.testing.assert_allclose(curve.standard_error, errors, atol=1e-9)
    assert curve.at_risk.tolist() == [41, 41, 41, 41, 41, 41, 40, 1]


@pytest.mark.shared
def test_bladder2_against_R_survival(shared):
    """summary(survfit(Surv(start, stop, event) ~ rx, id = id, bladder2), times = ...): cumhaz, std.chaz."""
    d = slow.read_columns(shared / "reference" / "survival_bladder2.csv")
    one, two = mean_cumulative_functions(d["id"], d["start"], d["stop"], d["event"], d["rx"], times=[12, 24, 36, 48])
    np.testing.assert_allclose(one.mean, [0.71682839, 1.44677419, 1.93321579, 2.09988246], atol=1e-6)
    np.testing.assert_allclose(one.standard_error, [0.14058437, 0.24382084, 0.30371425, 0.34846685], atol=1e-6)
    np.testing.assert_allclose(two.mean, [0.44737364, 0.88983650, 1.34810087, 1.65286277], atol=1e-6)
    np.testing.assert_allclose(two.standard_error, [0.13477370, 0.21405146, 0.32464417, 0.40753754], atol=1e-6)


def test_late_entry_gaps_and_ties_against_R_survival():
    """summary(survfit(Surv(start, stop, event) ~ sex, id = id, synth_recurrent), times = c(180, 365, 540))."""
    d = slow.read_columns(slow.TEST_DATA / "synth_recurrent.csv")
    zero, one = mean_cumulative_functions(d["id"], d["start"], d["stop"], d["event"], d["sex"], times=[180, 365, 540])
    assert zero.at_risk.tolist() == [21, 18, 11] and one.at_risk.tolist() == [34, 28, 18]
    np.testing.assert_allclose(zero.mean, [2.514266143, 5.653880330, 8.999771939], atol=1e-6)
    np.testing.assert_allclose(zero.standard_error, [0.6696316275, 1.0956699222, 1.5323501905], atol=1e-6)
    np.testing.assert_allclose(one.mean, [1.610543778, 3.150105062, 4.723934163], atol=1e-6)
    np.testing.assert_allclose(one.standard_error, [0.4256149977, 0.6320001376, 0.9063072630], atol=1e-6)
    assert (one.low < one.mean).all() and (one.mean < one.high).all() and (one.low > 0).all()


def test_intervals_are_those_of_the_logarithm():
    """survfit(..., conf.type = "log") by its formula: mean x exp(-+ 1.96 error / mean)."""
    d = slow.read_columns(slow.TEST_DATA / "synth_recurrent.csv")
    for curve in mean_cumulative_functions(d["id"], d["start"], d["stop"], d["event"], d["sex"], times=[180, 540]):
        reach = np.exp(1.959963984540054 * curve.standard_error / curve.mean)
        np.testing.assert_allclose(curve.low, curve.mean / reach, rtol=1e-12)
        np.testing.assert_allclose(curve.high, curve.mean * reach, rtol=1e-12)


@st.composite
def histories(draw, persons=(2, 7)):
    """Persons' intervals at risk with late entry and gaps, and events in them, several on a day."""
    person, start, stop, events = [], [], [], []
    for who in range(draw(st.integers(*persons))):
        moment = draw(st.integers(0, 4))
        for _ in range(draw(st.integers(1, 4))):
            begin = moment + draw(st.integers(0, 2))
            moment = begin + draw(st.integers(1, 4))
            person.append(who)
            start.append(float(begin))
            stop.append(float(moment))
            events.append(draw(st.integers(0, 2)))
    return person, start, stop, events


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(0, 20))
def test_curve_against_loops(data, upto):
    """Oracle: loops; the error by moving each person's weight (infinitesimal jackknife = Lawless-Nadeau)."""
    person, start, stop, events = data
    (curve,) = mean_cumulative_functions(person, start, stop, events, [0] * len(person), times=[float(upto)])
    if upto > max(stop):
        assert np.isnan(curve.mean[0])
        return

    def estimate(weight):
        return slow.weighted_mean_cumulative(person, start, stop, events, upto, weight)

    everyone = sorted(set(person))
    assert curve.mean[0] == pytest.approx(estimate(dict.fromkeys(everyone, 1.0)), abs=1e-12)
    influence = slow.influence_by_weights(estimate, everyone)
    assert curve.standard_error[0] == pytest.approx(np.sqrt((influence**2).sum()), abs=1e-6)
    assert curve.at_risk[0] == sum(a < upto <= b for a, b in zip(start, stop, strict=True))


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(1, 20), st.sets(st.integers(0, 6)))
def test_mean_with_deaths_against_loops(data, upto, mortal):
    """Oracle: Ghosh & Lin's estimate in loops, its error by moving each person's weight."""
    person, start, stop, events = data
    last = {who: row for row, who in enumerate(person)}
    died = [int(last[who] == row and who in mortal) for row, who in enumerate(person)]
    # Weighting moves nothing where everybody at risk dies at once: the derivative does not exist there.
    for t in {t for t, d in zip(stop, died, strict=True) if d}:
        at_risk = [i for i in range(len(stop)) if start[i] < t <= stop[i]]
        assume(any(not (died[i] and stop[i] == t) for i in at_risk))
    (curve,) = mean_cumulative_functions(person, start, stop, events, [0] * len(person), times=[float(upto)], died=died)
    assume(upto <= max(stop))

    def estimate(weight):
        return slow.weighted_mean_with_deaths(person, start, stop, events, died, upto, weight)

    everyone = sorted(set(person))
    assert curve.mean[0] == pytest.approx(estimate(dict.fromkeys(everyone, 1.0)), abs=1e-12)
    influence = slow.influence_by_weights(estimate, everyone)
    assert curve.standard_error[0] == pytest.approx(np.sqrt((influence**2).sum()), abs=1e-6)


def test_the_dead_have_no_more_events():
    """By hand: four persons, two die at 5 after one event each; the others have one at 8. Mean 2/4 + 1/2 x 2/2."""
    (curve,) = mean_cumulative_functions(
        [1, 2, 3, 4], [0] * 4, [5, 5, 8, 8], [1, 1, 1, 1], [0] * 4, times=[5, 8], died=[1, 1, 0, 0]
    )
    assert curve.mean.tolist() == [0.5, 1.0]


@settings(max_examples=60, deadline=None)
@given(histories(), st.sampled_from(PseudoScoreWeight), st.integers(1, 6))
def test_pseudo_score_against_loops(data, weight, cut):
    """Oracle: loops over event times and persons after Cook, Lawless & Nadeau (1996)."""
    person, start, stop, events = (np.array(column) for column in data)
    first = (person < cut).astype(int)
    assume(0 < first.mean() < 1)
    result = difference_of_means(
        person, start, stop, events, first, times=[5.0], rng=np.random.default_rng(1), draws=3, weight=weight
    )
    last = stop.max()
    falling = (lambda t: (last - t) / last) if weight is PseudoScoreWeight.LINEAR else (lambda t: 1.0)
    score, variance = slow.pseudo_score(person.tolist(), start, stop, events, first, falling)
    assert result.pseudo_score.statistic == pytest.approx(score, abs=1e-9)
    assert result.pseudo_score.variance == pytest.approx(variance, abs=1e-9)


def test_permutation_p_against_all_arrangements():
    """Oracle: every choice of 4 out of 8 persons, its statistic from loops; the drawn p lies within 4 errors."""
    rng = np.random.default_rng(20)
    person = np.repeat(np.arange(8), 3)
    start = np.tile([0.0, 4, 9], 8)
    stop = np.tile([3.0, 9, 12], 8)
    events = rng.poisson(np.repeat(np.where(np.arange(8) < 4, 1.4, 0.5), 3))
    observed, extreme, total = None, 0, 0
    for chosen in itertools.combinations(range(8), 4):
        score, variance = slow.pseudo_score(
            person.tolist(), start, stop, events, np.isin(person, chosen).astype(int), lambda _: 1.0
        )
        value = abs(score) / np.sqrt(variance)
        observed = value if observed is None else observed
        extreme, total = extreme + (value >= observed - 1e-9), total + 1
    exact = extreme / total
    result = difference_of_means(
        person, start, stop, events, person < 4, times=[12.0], rng=np.random.default_rng(3), draws=3999
    )
    assert result.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 3999) + 1 / 4000)


def test_difference_is_that_of_the_curves():
    d = slow.read_columns(slow.TEST_DATA / "synth_recurrent.csv")
    rows = d["id"], d["start"], d["stop"], d["event"]
    zero, one = mean_cumulative_functions(*rows, d["sex"], times=[365.0])
    result = difference_of_means(*rows, d["sex"] == 1, times=[365.0], rng=np.random.default_rng(4), draws=199)
    assert result.difference[0] == pytest.approx(one.mean[0] - zero.mean[0], abs=1e-12)
    assert result.standard_error[0] == pytest.approx(np.hypot(one.standard_error[0], zero.standard_error[0]))
    assert 0.005 <= result.p_value <= 0.1


def test_no_event_gives_no_p_value():
    result = difference_of_means(
        [1, 2, 3, 4], [0] * 4, [9] * 4, [0] * 4, [1, 1, 0, 0], times=[5.0], rng=np.random.default_rng(5)
    )
    assert result.difference[0] == 0 and np.isnan(result.p_value) and np.isnan(result.pseudo_score.chi_square)


def test_bad_groups_and_overlaps_are_refused():
    rng = np.random.default_rng(6)
    with pytest.raises(UsageError, match="overlap"):
        mean_cumulative_functions([1, 1], [0, 4], [5, 9], [0, 0], [0, 0], times=[1.0])
    with pytest.raises(UsageError, match="one group"):
        difference_of_means([1, 1, 2], [0, 5, 0], [5, 9, 9], [0, 1, 1], [0, 1, 1], times=[1.0], rng=rng)
    with pytest.raises(UsageError, match="nobody"):
        difference_of_means([1, 2], [0, 0], [5, 9], [0, 1], [1, 1], times=[1.0], rng=rng)


def test_nobody_at_all():
    assert mean_cumulative_functions([], [], [], [], [], times=[1.0]) == ()
