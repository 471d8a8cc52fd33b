"""Recurrent-event regression against R's survival package and against the likelihood written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from juncture.analyst.statistics.counting import event_numbers
from juncture.analyst.statistics.cox import (
    andersen_gill,
    cox_regression,
    pwp_gap_time,
    pwp_total_time,
)
from juncture.analyst.statistics.likelihood import Ties
from juncture.analyst.statistics.maximise import ConvergenceFailure
from juncture.base.errors import UsageError
from tests.analyst.statistics import slow_references as slow

MODELS = {"AG": andersen_gill, "PWP-TT": pwp_total_time, "PWP-GT": pwp_gap_time}

# R 4.2.2, survival 3.5-3: coef, se(coef), robust se of rx, size, number; the two log likelihoods.
BLADDER2 = {
    ("AG", Ties.EFRON): (
        (-0.464686953, -0.043660276, 0.174960381),
        (0.199732189, 0.069050853, 0.047074058),
        (0.265560812, 0.077616113, 0.063040543),
        (-458.73935, -449.98064),
    ),
    ("AG", Ties.BRESLOW): (
        (-0.45979095, -0.04256223, 0.17164406),
        (0.199959619, 0.069032201, 0.047328176),
        (0.258010488, 0.075547553, 0.061314139),
        (-461.62905, -453.24263),
    ),
    ("PWP-TT", Ties.EFRON): (
        (-0.3334887264, -0.0084946661, 0.1196172380),
        (0.216167915, 0.072762258, 0.053337811),
        (0.204786772, 0.061635208, 0.051386750),
        (-319.24564, -315.99082),
    ),
    ("PWP-TT", Ties.BRESLOW): (
        (-0.3342954942, -0.0080508147, 0.1156526406),
        (0.216086644, 0.072725222, 0.053681261),
        (0.197064389, 0.060123869, 0.049912669),
        (-322.9156, -319.85912),
    ),
    ("PWP-GT", Ties.EFRON): (
        (-0.2790045155, 0.0074150875, 0.1580459000),
        (0.207347725, 0.070023053, 0.051942442),
        (0.215623869, 0.064332508, 0.050939767),
        (-363.63504, -358.96849),
    ),
    ("PWP-GT", Ties.BRESLOW): (
        (-0.2695212884, 0.0068402434, 0.1535333564),
        (0.20766224, 0.07001045, 0.05210590),
        (0.208075873, 0.062216998, 0.048890119),
        (-367.53819, -363.16022),
    ),
}


@pytest.mark.shared
@pytest.mark.parametrize(("model", "ties"), BLADDER2)
def test_bladder2_against_R_survival(shared, model, ties):
    """coxph(Surv(start, stop, event) ~ rx + size + number [+ strata(enum)], cluster = id, ties = ..., bladder2);

    gap time: Surv(stop - start, event) ~ ... + strata(enum).
    """
    d = slow.read_columns(shared / "reference" / "survival_bladder2.csv")
    design = np.column_stack((d["rx"], d["size"], d["number"]))
    more = {} if model == "AG" else {"event_number": event_numbers(d["id"], d["start"], d["event"])}
    fit = MODELS[model](d["start"], d["stop"], d["event"], design, person=d["id"], ties=ties, **more)
    coefficients, model_errors, robust_errors, likelihoods = BLADDER2[model, ties]
    np.testing.assert_allclose(fit.coefficients, coefficients, atol=1e-6)
    np.testing.assert_allclose(fit.standard_errors_model, model_errors, atol=1e-6)
    np.testing.assert_allclose(fit.standard_errors_robust, robust_errors, atol=1e-6)
    # The reference prints eight digits: half a unit of the last is 5e-6.
    np.testing.assert_allclose((fit.log_likelihood_null, fit.log_likelihood), likelihoods, atol=1e-5)
    assert fit.failure is None and fit.events == 112 and fit.persons == 85


@pytest.mark.shared
def test_cgd_against_R_survival(shared):
    """coxph(Surv(tstart, tstop, status) ~ treat [+ sex + age + steroids], cluster = id, cgd)."""
    d = slow.read_columns(shared / "reference" / "survival_cgd.csv")
    treated = (d["treat"] == "rIFN-g").astype(float)
    rows = d["tstart"], d["tstop"], d["status"]
    alone = andersen_gill(*rows, treated, person=d["id"])
    np.testing.assert_allclose(alone.coefficients, [-1.0952867], atol=1e-6)
    np.testing.assert_allclose(alone.standard_errors_model, [0.26101432], atol=1e-6)
    np.testing.assert_allclose(alone.standard_errors_robust, [0.31193658], atol=1e-6)
    # Log likelihoods are printed with eight digits: half a unit of the last is 5e-6.
    np.testing.assert_allclose((alone.log_likelihood_null, alone.log_likelihood), (-342.14472, -332.09082), atol=1e-5)
    design = np.column_stack((treated, d["sex"] == "female", d["age"], d["steroids"]))
    full = andersen_gill(*rows, design, person=d["id"])
    np.testing.assert_allclose(full.coefficients, [-1.133815743, -0.242614696, -0.032423524, 1.161460492], atol=1e-6)
    np.testing.assert_allclose(
        full.standard_errors_robust, [0.318724903, 0.353297122, 0.013955495, 0.592533186], atol=1e-6
    )
    np.testing.assert_allclose(
        full.standard_errors_model, [0.262351811, 0.355146661, 0.013563999, 0.555338875], atol=1e-6
    )
    np.testing.assert_allclose((full.log_likelihood_null, full.log_likelihood), (-342.14472, -327.47019), atol=1e-5)


# R 4.2.2, survival 3.5-3 on synth_recurrent.csv: coef, se, robust se, the two log likelihoods.
SYNTHETIC = {
    ("AG", Ties.EFRON): (-0.6646883955, 0.1126005484, 0.2439745047, -1191.56973793, -1174.21006275),
    ("AG", Ties.BRESLOW): (-0.6622187430, 0.1125970954, 0.2415841648, -1193.43401080, -1176.20051464),
    ("PWP-TT", Ties.EFRON): (-0.3129061325, 0.1415954654, 0.1246249467, -460.03733836, -457.60786382),
    ("PWP-TT", Ties.BRESLOW): (-0.3152355496, 0.1415150770, 0.1239602297, -461.78960030, -459.32115302),
    ("rows", Ties.EFRON): (-0.3312511798, 0.1256353707, 0.1505430325, -795.64074179, -792.17173475),
    ("rows", Ties.BRESLOW): (-0.3298596203, 0.1255742933, 0.1481878669, -797.41882567, -793.97527418),
}


@pytest.mark.parametrize(("model", "ties"), SYNTHETIC)
def test_late_entry_gaps_and_ties_against_R_survival(model, ties):
    """coxph(Surv(start, stop, event) ~ sex [+ strata(enum)], cluster = id, synth_recurrent);

    rows: Surv(stop - start, event) ~ sex + strata(enum), each row its own clock.
    """
    d = slow.read_columns(slow.TEST_DATA / "synth_recurrent.csv")
    start, stop, strata = d["start"], d["stop"], None if model == "AG" else d["enum"]
    if model == "rows":
        start, stop = np.zeros_like(start), stop - start
    fit = cox_regression(start, stop, d["event"], d["sex"], person=d["id"], strata=strata, ties=ties)
    coefficient, error, robust, null, value = SYNTHETIC[model, ties]
    assert fit.coefficients[0] == pytest.approx(coefficient, abs=1e-6)
    assert fit.standard_errors_model[0] == pytest.approx(error, abs=1e-6)
    assert fit.standard_errors_robust[0] == pytest.approx(robust, abs=1e-6)
    assert fit.log_likelihood_null == pytest.approx(null, abs=1e-6)
    assert fit.log_likelihood == pytest.approx(value, abs=1e-6)
    assert (event_numbers(d["id"], d["start"], d["event"]) == d["enum"]).all()


@st.composite
def rows(draw, columns=2, strata=2):
    """Rows of a few persons with late entry, gaps, ties and strata."""
    start, stop, event, person = [], [], [], []
    for who in range(draw(st.integers(3, 7))):
        moment = draw(st.integers(0, 3))
        for _ in range(draw(st.integers(1, 4))):
            begin = moment + draw(st.integers(0, 1))
            moment = begin + draw(st.integers(1, 4))
            start.append(float(begin))
            stop.append(float(moment))
            event.append(draw(st.booleans()))
            person.append(who)
    n = len(start)
    cells = draw(st.lists(st.integers(-2, 2), min_size=n * columns, max_size=n * columns))
    groups = draw(st.lists(st.integers(0, strata - 1), min_size=n, max_size=n))
    x = np.array(cells, dtype=float).reshape(n, columns) / 2
    return np.array(start), np.array(stop), np.array(event), np.array(person), x, np.array(groups)


@settings(max_examples=60, deadline=None)
@given(rows(), st.sampled_from(Ties))
def test_against_the_likelihood_written_out(data, ties):
    """Oracle: loops over event times, rows and ties in slow_references; the maximum by its vanishing derivative."""
    start, stop, event, person, x, strata = data
    fit = cox_regression(start, stop, event, x, person=person, strata=strata, ties=ties)
    assume(fit.failure is None and np.abs(fit.coefficients).max() < 6)
    arguments = start, stop, event, x, strata, ties is Ties.EFRON
    assert fit.log_likelihood == pytest.approx(slow.cox_log_likelihood(fit.coefficients, *arguments), abs=1e-8)
    assert fit.log_likelihood_null == pytest.approx(slow.cox_log_likelihood(np.zeros(2), *arguments), abs=1e-8)
    score, share = slow.cox_residuals(fit.coefficients, *arguments)
    np.testing.assert_allclose(score.sum(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(fit.covariance_model, np.linalg.inv(share.sum(axis=0)), rtol=1e-6, atol=1e-9)
    assume(np.isfinite(fit.covariance).all())
    plain, corrected = slow.mancl_derouen(person, score, share)
    np.testing.assert_allclose(fit.covariance_robust, plain, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(fit.covariance, corrected, rtol=1e-5, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(rows(), st.randoms(use_true_random=False))
def test_order_of_rows_and_monotone_clock_do_not_matter(data, random):
    start, stop, event, person, x, strata = data
    fit = cox_regression(start, stop, event, x, person=person, strata=strata)
    order = list(range(len(start)))
    random.shuffle(order)
    again = cox_regression(
        np.exp(start / 5)[order], np.exp(stop / 5)[order], event[order], x[order] + 3.0, person=person[order],
        strata=strata[order],
    )  # fmt: skip
    assert again.failure == fit.failure and again.informative_persons == fit.informative_persons
    np.testing.assert_allclose(again.coefficients, fit.coefficients, atol=1e-6)
    np.testing.assert_allclose(again.covariance, fit.covariance, rtol=1e-5, atol=1e-8)


def test_gap_time_runs_on_through_a_gap_in_the_risk():
    """By hand: person 1's second row enters at 4 on the clock that began at its event at 5."""
    start = np.array([0.0, 9, 0, 0, 5])
    stop = np.array([5.0, 12, 3, 7, 8])
    event = np.array([1, 1, 1, 0, 1])
    person = np.array([1, 1, 2, 3, 2])
    x = np.array([0.0, 0, 1, 1, 1])
    number = event_numbers(person, start, event)
    assert number.tolist() == [1, 2, 1, 1, 2]
    fit = pwp_gap_time(start, stop, event, x, person=person, event_number=number)
    by_hand = cox_regression([0, 4, 0, 0, 2], [5, 7, 3, 7, 5], event, x, person=person, strata=number)
    assert fit.log_likelihood_null == pytest.approx(by_hand.log_likelihood_null, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(rows(columns=1), st.sampled_from(Ties))
def test_event_numbers_and_gap_time_against_loops(data, ties):
    """Oracle: each row's number and clock by looking back over the person's earlier rows."""
    start, stop, event, person, x, _ = data
    number, origin = [], []
    for i in range(len(start)):
        earlier = [j for j in range(len(start)) if person[j] == person[i] and start[j] < start[i]]
        ended = [stop[j] for j in earlier if event[j]]
        number.append(1 + len(ended))
        origin.append(max(ended) if ended else min([start[i], *(start[j] for j in earlier)]))
    assert event_numbers(person, start, event).tolist() == number
    fit = pwp_gap_time(start, stop, event, x, person=person, event_number=number, ties=ties)
    origin = np.array(origin)
    by_hand = cox_regression(start - origin, stop - origin, event, x, person=person, strata=number, ties=ties)
    assert fit.failure == by_hand.failure
    np.testing.assert_allclose(fit.coefficients, by_hand.coefficients, atol=1e-12)
    np.testing.assert_allclose(fit.covariance, by_hand.covariance, atol=1e-12)


def test_later_events_may_share_a_baseline():
    d = slow.read_columns(slow.TEST_DATA / "synth_recurrent.csv")
    rows_ = d["start"], d["stop"], d["event"], d["sex"]
    pooled = pwp_total_time(*rows_, person=d["id"], event_number=d["enum"], last_stratum=1)
    assert pooled.coefficients[0] == pytest.approx(andersen_gill(*rows_, person=d["id"]).coefficients[0], abs=1e-12)


@pytest.mark.parametrize(
    ("event", "x", "failure"),
    [
        ([0, 0, 0, 0], [0, 1, 0, 1], ConvergenceFailure.NO_EVENTS),
        ([1, 1, 1, 1], [1, 1, 1, 1], ConvergenceFailure.NO_INFORMATION),
        ([1, 1, 0, 0], [1, 1, 0, 0], ConvergenceFailure.SEPARATION),
    ],
)
def test_no_estimate_says_why(event, x, failure):
    fit = cox_regression([0] * 4, [1, 2, 3, 4], event, np.array(x), person=[1, 2, 3, 4])
    assert fit.failure is failure and np.isnan(fit.coefficients).all() and np.isnan(fit.covariance).all()
    assert np.isnan(fit.interval()).all() and np.isnan(fit.p_value())


def test_repeated_covariates_have_no_estimate():
    x = np.array([[0.0, 0], [1, 2], [0, 0], [1, 2]])
    fit = cox_regression([0] * 4, [1, 2, 3, 4], [1, 1, 1, 0], x, person=[1, 2, 3, 4])
    assert fit.failure is ConvergenceFailure.NO_INFORMATION


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="end before"):
        cox_regression([1, 2], [1, 3], [1, 0], np.array([0, 1]), person=[1, 2])
    with pytest.raises(UsageError, match="0 and 1"):
        cox_regression([0, 0], [1, 3], [2, 0], np.array([0, 1]), person=[1, 2])
    with pytest.raises(UsageError, match="a row for each interval"):
        cox_regression([0, 0], [1, 3], [1, 0], np.array([0, 1, 1]), person=[1, 2])
    with pytest.raises(UsageError, match="missing"):
        cox_regression([0, 0], [1, np.nan], [1, 0], np.array([0, 1]), person=[1, 2])
