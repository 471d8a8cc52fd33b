"""Self-controlled case series: against R on the textbook's data, against Poisson regression, and day by day."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from juncture.analyst.power.cohorts import draw_openings
from juncture.analyst.power.design import Design
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.analyst.statistics.maximise import ConvergenceFailure
from juncture.analyst.statistics.sccs import case_series, openings_case_series
from juncture.base.errors import UsageError
from tests.analyst.statistics import slow_references as slow

# Ten children in Oxford: age in days at aseptic meningitis and at vaccination against measles, mumps and rubella, seen
# from the 366th to the 730th day (Whitaker, Farrington, Spiessens & Musonda 2006, section 3.1).
MENINGITIS = [398, 413, 449, 455, 472, 474, 485, 524, 700, 399]
VACCINATION = [458, 392, 429, 433, 432, 395, 470, 496, 428, 716]


def oxford() -> tuple[np.ndarray, ...]:
    """Person, length, events and covariates: days 15-35 after the vaccination, and the second half-year."""
    rows = []
    for child, (event, dose) in enumerate(zip(MENINGITIS, VACCINATION, strict=True)):
        cuts = sorted({c for c in (365, 547, 730, dose + 14, dose + 35) if 365 <= c <= 730})
        for a, b in pairwise(cuts):
            rows.append((child, b - a, a < event <= b, dose + 14 <= a < dose + 35, a >= 547))
    table = np.array(rows, dtype=float)
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3:]


def test_oxford_against_R_and_Stata():
    """R 4.2.2, gnm 1.1-2: gnm(event ~ risk + age + offset(log(interval)), family = poisson, eliminate = indiv).

    Stata's sccsdta prints the log likelihood and the age effect of the same data.
    """
    fit = case_series(*oxford())
    assert fit.rows == 38 and fit.events == fit.persons == fit.informative_persons == 10 and fit.failure is None
    reach = stats.norm.ppf(0.975) * fit.standard_errors_model[0]
    told = np.exp([fit.coefficients[0], fit.coefficients[0] - reach, fit.coefficients[0] + reach])
    # R prints five decimals, Stata six and three.
    np.testing.assert_allclose(told, [12.03687, 3.00226, 48.25915], atol=6e-6)
    assert fit.log_likelihood == pytest.approx(-10.088277, abs=6e-7)
    assert np.exp(fit.coefficients[1]) == pytest.approx(0.225, abs=6e-4)


def test_newton_alone_leaves_the_textbook_data():
    """From 0 its first step for the risk window is 8.8, its second -250: what the halving is there for."""
    person, length, events, x = oxford()
    beta = np.zeros(2)
    for _ in range(2):
        _, score, share = slow.case_series_parts(person, length, events, x, beta)
        beta = beta + np.linalg.solve(share.sum(axis=0), score.sum(axis=0))
    assert beta[0] < -200


@st.composite
def pieces(draw, columns=2):
    """Pieces of a few persons' time."""
    person, cells = [], []
    for who in range(draw(st.integers(2, 6))):
        for _ in range(draw(st.integers(1, 4))):
            person.append(who)
            cells.append(
                (
                    draw(st.integers(1, 30)),
                    draw(st.integers(0, 3)),
                    *(draw(st.integers(0, 1)) for _ in range(columns)),
                )
            )
    table = np.array(cells, dtype=float)
    return np.array(person), table[:, 0], table[:, 1], table[:, 2:]


@settings(max_examples=50, deadline=None)
@given(pieces())
def test_against_poisson_regression_with_an_intercept_for_each_person(data):
    """Oracle: scipy's maximum of the unconditional Poisson likelihood, whose estimate is the same; errors by loops."""
    person, length, events, x = data
    fit = case_series(person, length, events, x)
    assume(fit.failure is None and np.abs(fit.coefficients).max() < 6)
    having = [who for who in sorted(set(person)) if events[person == who].sum() > 0]
    place = {who: number for number, who in enumerate(having)}
    rows = np.flatnonzero(np.isin(person, having))
    owner = [place[who] for who in person[rows]]

    def loss(parameters):
        levels = parameters[2:]
        return -slow.poisson_with_intercepts(owner, length[rows], events[rows], x[rows], parameters[:2], levels)

    start = np.concatenate(
        (np.zeros(2), [np.log(events[person == w].sum() / length[person == w].sum()) for w in having])
    )
    best = optimize.minimize(loss, start, method="BFGS", options={"gtol": 1e-7})
    # BFGS takes its derivatives by differences.
    np.testing.assert_allclose(fit.coefficients, best.x[:2], atol=1e-3)
    value, score, share = slow.case_series_parts(person, length, events, x, fit.coefficients)
    assert fit.log_likelihood == pytest.approx(value, abs=1e-8)
    np.testing.assert_allclose(score.sum(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(fit.covariance_model, np.linalg.inv(share.sum(axis=0)), rtol=1e-6, atol=1e-9)
    assume(np.isfinite(fit.covariance).all())
    plain, corrected = slow.mancl_derouen(person, score, share)
    np.testing.assert_allclose(fit.covariance_robust, plain, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(fit.covariance, corrected, rtol=1e-5, atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(pieces(), st.randoms(use_true_random=False), st.floats(0.1, 10))
def test_order_of_pieces_and_unit_of_time_do_not_matter(data, random, unit):
    person, length, events, x = data
    fit = case_series(person, length, events, x)
    order = list(range(person.size))
    random.shuffle(order)
    again = case_series(person[order], length[order] * unit, events[order], 2 * x[order] + 3)
    assert again.failure == fit.failure
    np.testing.assert_allclose(2 * again.coefficients, fit.coefficients, atol=1e-6)


def test_what_has_no_estimate_says_why():
    assert case_series([1, 1], [5, 5], [0, 0], [0, 1]).failure is ConvergenceFailure.NO_EVENTS
    assert case_series([1, 2], [5, 5], [1, 1], [0, 1]).failure is ConvergenceFailure.NO_INFORMATION
    assert case_series([1, 1, 2, 2], [5, 5, 5, 5], [1, 0, 2, 0], [1, 0, 1, 0]).failure is ConvergenceFailure.SEPARATION


def test_pieces_that_mean_nothing_are_refused():
    for bad in (([1], [0], [1], [0]), ([1], [5], [-1], [0]), ([1, 1], [5, 5], [1, 0], [[0]])):
        with pytest.raises(UsageError):
            case_series(*bad)


# ---------------------------------------------------------------------------------------------------------------------
# Openings


@st.composite
def lives(draw, persons=4, last=60):
    """Persons seen with a gap or none, with crises that may open something, and openings that may begin with none."""
    spans, crises, openings = [], [], []
    for who in range(persons):
        gap = draw(st.integers(0, 20))
        spans += [(who, 0, 20), (who, 20 + gap, last)] if gap else [(who, 0, last)]
        when = draw(st.lists(st.integers(1, last), min_size=1, max_size=7, unique=True))
        crises += [(who, day) for day in when]
        begin = {*draw(st.sets(st.sampled_from(when))), *draw(st.sets(st.integers(1, last), max_size=2))}
        for day in begin:
            openings.append((who, day, day + draw(st.integers(0, 3)), draw(st.sampled_from((0, 1, 2)))))
    return spans, crises, openings


@settings(max_examples=60, deadline=None)
@given(lives(), st.integers(0, 5), st.integers(1, 12), st.integers(0, 8), st.sampled_from(((), (30,))))
def test_openings_against_every_single_day(data, window, horizon, before, bands):
    """Oracle: each day and each crisis put in its window by the words of the docstring, and the series of the days."""
    spans, crises, openings = data
    result = openings_case_series(
        *np.array(spans).T, *np.array(crises).T,
        *(np.array(openings).reshape(-1, 4).T[i] for i in range(3)),
        np.array([o[3] == 0 for o in openings], dtype=int), np.array([o[3] != 2 for o in openings], dtype=int),
        window=window, horizon=horizon, before=before, bands=np.array(bands, dtype=float),
    )  # fmt: skip
    days, events = np.zeros((4, 6, 2)), np.zeros((4, 6, 2))
    for who in range(4):
        own_openings = [(a, b, state) for p, a, b, state in openings if p == who]
        inside = [day for p, a, b in spans if p == who for day in range(a + 1, b + 1)]
        for day in inside:
            band = int(bool(bands) and day > bands[0])
            days[who, slow.window_of_day(day, own_openings, (), window, horizon, before), band] += 1
            if (who, day) in crises:
                own = [number for number, (a, b, _) in enumerate(own_openings) if a <= day <= b]
                events[who, slow.window_of_day(day, own_openings, own, window, horizon, before), band] += 1
    events[days == 0] = 0
    used = [k for k in (1, 2, 3) if events[:, k].sum() > 0] + [4, 5]
    days[:, [k for k in (1, 2, 3) if k not in used]] = 0
    days[:, :, events.sum(axis=(0, 1)) == 0] = 0
    who, kind, band = np.nonzero(days)
    columns = [kind == k for k in used]
    if (events.sum(axis=(0, 1)) > 0).all():
        columns.append(band == 1)
    fit = case_series(who, days[who, kind, band], events[who, kind, band], np.column_stack(columns).astype(float))
    assert result.missed.failure == fit.failure
    after = fit.coefficients[[used.index(4), used.index(5)]]
    np.testing.assert_allclose([result.missed.log_ratio, result.met.log_ratio], after, atol=1e-6)
    np.testing.assert_allclose(result.ratio.log_ratio, after[0] - after[1], atol=1e-6)
    assert np.isnan(result.ratio.low)


def test_planted_ratio_is_covered_though_crises_open_junctures():
    """Planted 1.7 in 60 cohorts of 60 with bad spells: coverage of 95 % is 87 % or more (three errors), bias within
    four errors; against other time both sides are too low, which is why they are not read."""
    rng = np.random.default_rng(11)
    design = Design(people=60, women=30, burst=1.0)
    covered, bias, met = [], [], []
    for _ in range(60):
        drawn = draw_openings(design, 1, 1.7, rng)
        everyone = np.arange(60)
        result = openings_case_series(
            everyone, np.zeros(60), np.full(60, 700.0), drawn.person, drawn.at, drawn.person, drawn.at, drawn.at,
            ~np.isfinite(drawn.answered_after), (drawn.next_after > 7) & (drawn.at + 7 < 700), window=7, horizon=30,
        )  # fmt: skip
        covered.append(result.ratio.low <= 1.7 <= result.ratio.high)
        bias.append(result.ratio.log_ratio - np.log(1.7))
        met.append(result.met.log_ratio)
    assert np.mean(covered) >= 0.87
    assert abs(np.mean(bias)) < 4 * np.std(bias) / np.sqrt(60) < 0.1
    assert np.mean(met) < -4 * np.std(met) / np.sqrt(60)


def test_informative_persons_are_counted_on_either_side():
    """Thirty people with missed openings, twenty of them with met ones as well; one more has no crisis."""
    person = np.repeat(np.arange(31), 2)
    opening = np.tile([100.0, 300.0], 31)
    missed = np.tile([1, 0], 31)
    missed[1:20:2] = 1
    crisis_person = np.concatenate((np.repeat(np.arange(30), 2), [0, 5, 12, 25]))
    crisis_time = np.concatenate((np.tile([50.0, 500.0], 30), [120.0, 320.0, 115.0, 325.0]))
    result = openings_case_series(
        np.arange(31), np.zeros(31), np.full(31, 700.0), crisis_person, crisis_time, person, opening, opening, missed,
        np.ones(62), window=7, horizon=30,
    )  # fmt: skip
    assert (result.missed.informative_persons, result.met.informative_persons) == (30, 20)
    assert result.ratio.informative_persons == SMALLEST_INFORMATIVE and np.isfinite(result.ratio.low)
    assert result.ratio.degrees_of_freedom == 19


def test_nobody_and_nonsense():
    nothing = openings_case_series([], [], [], [], [], [], [], [], [], [], window=7, horizon=30)
    assert nothing.ratio.failure is ConvergenceFailure.NO_EVENTS and np.isnan(nothing.ratio.ratio)
    rows = [1], [0.0], [50.0], [1], [3.0], [1]
    with pytest.raises(UsageError, match="ends before"):
        openings_case_series(*rows, [9.0], [8.0], [1], [1], window=7, horizon=30)
    with pytest.raises(UsageError, match="must not be negative"):
        openings_case_series(*rows, [8.0], [9.0], [1], [1], window=-1, horizon=30)
