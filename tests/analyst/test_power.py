"""Power before data: made-up cohorts against the analysis of real ones, and the sizes against planted ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from juncture.analyst.power import Design, plan_study
from juncture.analyst.power.cohorts import Openings, draw_counts, draw_openings
from juncture.analyst.power.design import days_seen
from juncture.analyst.power.detect import size_found
from juncture.analyst.power.estimates import cohort_ratios
from juncture.analyst.power.words import csv_rows, report
from juncture.analyst.statistics.incidence import missed_share
from juncture.analyst.statistics.landmark import compare_effects, landmark_effect
from juncture.analyst.study.build import observed_days
from juncture.base.errors import UsageError
from tests.analyst.study_world import agreement


@pytest.mark.parametrize("people", [20, 75])
def test_many_cohorts_at_once_are_what_one_at_a_time_is(people):
    """Oracle: landmark_effect and compare_effects on each cohort alone."""
    design = Design(people=people, women=people // 2, crises_per_year=9.0)
    openings = draw_openings(design, 6, 1.5, np.random.default_rng(1))
    fast = cohort_ratios(openings, design, 6)
    both = fast["women"].over(fast["men"])
    person, missed, time, crisis = openings.evaluable(design)
    for cohort in range(6):
        place = person - cohort * people
        groups = {
            "all": (place >= 0) & (place < people),
            "women": (place >= 0) & (place < design.women),
            "men": (place >= design.women) & (place < people),
        }
        slow = {
            name: landmark_effect(person[g], missed[g], time[g], crisis[g], horizon=30).within
            for name, g in groups.items()
        }
        for name, effect in slow.items():
            assert fast[name].informative[cohort] == effect.informative_persons
            assert fast[name].told[cohort] == np.isfinite(effect.standard_error)
            assert fast[name].log_ratio[cohort] == pytest.approx(effect.log_ratio, abs=1e-8)
            if fast[name].told[cohort]:
                assert fast[name].standard_error[cohort] == pytest.approx(effect.standard_error, abs=1e-8)
                assert fast[name].low()[cohort] == pytest.approx(np.log(effect.low), abs=1e-8)
        compared = compare_effects(slow["women"], slow["men"])
        if both.told[cohort]:
            assert both.low()[cohort] == pytest.approx(np.log(compared.low), abs=1e-8)
            assert both.degrees[cohort] == compared.degrees_of_freedom


def test_cohorts_are_what_was_assumed():
    """Rates, their spread between people, missed openings and the hazard after them, each within four errors."""
    design = Design(people=100, women=50, crises_per_year=4.0, missed=0.6, burst=1.0)
    counts = draw_counts(design, 40, 1.5, np.random.default_rng(2))
    mean = 4.0 * 700 / 365.25
    men, women = counts[:, 50:].ravel(), counts[:, :50].ravel()
    # A Poisson count whose mean is gamma of shape 2.
    spread = math.sqrt((mean + mean**2 / 2) / men.size)
    assert men.mean() == pytest.approx(mean, abs=4 * spread)
    assert women.mean() == pytest.approx(1.5 * mean, abs=4 * 1.5 * spread)
    assert men.var() == pytest.approx(mean + mean**2 / 2, rel=0.15)
    openings = draw_openings(design, 40, 2.0, np.random.default_rng(3))
    assert np.mean(~np.isfinite(openings.answered_after)) == pytest.approx(0.6, abs=0.02)
    assert (np.diff(openings.person) >= 0).all() and (openings.at < design.days).all()
    same = np.diff(openings.person) == 0
    np.testing.assert_allclose(np.diff(openings.at)[same], openings.next_after[:-1][same])
    assert np.isinf(openings.next_after[:-1][~same]).all()
    effect = cohort_ratios(openings, design, 40)["all"]
    assert np.mean(effect.log_ratio) == pytest.approx(np.log(2), abs=4 * np.std(effect.log_ratio) / np.sqrt(40))


def test_bursts_keep_the_mean_and_bring_crises_together():
    rng = np.random.default_rng(4)
    calm, bursts = (draw_openings(Design(crises_per_year=5, burst=b), 60, 1.0, rng) for b in (1.0, 6.0))
    assert bursts.at.size / calm.at.size == pytest.approx(1, abs=0.06)
    assert np.mean(bursts.next_after <= 7) > 1.5 * np.mean(calm.next_after <= 7)


def test_what_settles_an_opening_by_hand():
    """Window 7: answered on day 3; a crisis on day 2 before the answer; neither; the end on day 4; not linked."""
    design = Design(people=2, women=1, days=100)
    openings = Openings(
        np.zeros(5, dtype=np.int64), np.array([0.0, 20, 40, 96, 60]), np.array([3.0, 5, np.inf, np.inf, 4]),
        np.array([20.0, 2, 20, np.inf, 36]),
    )  # fmt: skip
    time, outcome = openings.settled(design, np.array([True, True, True, True, False]))
    assert time.tolist() == [3, 2, 7, 4, 7] and outcome.tolist() == [1, 2, 0, 0, 0]
    person, missed, days, crisis = openings.evaluable(design)
    assert missed.tolist() == [False, True, False] and days.tolist() == [13, 13, 29] and crisis.tolist() == [True] * 3
    assert missed_share(np.zeros(5), time, outcome, window=7).openings == 5 and person.tolist() == [0, 0, 0]


def test_size_found_against_its_own_line():
    """Oracle: shares that lie on a probit line give its 80 % point; the error by simulation of the shares."""
    planted = np.array([0.1, 0.25, 0.4, 0.55])
    line = stats.norm.cdf(-1.5 + 6 * planted)
    exact = size_found(planted, 1000 * line, np.full(4, 1000))
    place = (stats.norm.ppf(0.8) + 1.5) / 6
    assert exact.ratio == pytest.approx(np.exp(place), rel=1e-6)
    half = size_found(planted, 1000 * line, np.full(4, 1000), power=0.5)
    assert half.ratio == pytest.approx(np.exp(1.5 / 6), rel=1e-6)
    rng = np.random.default_rng(5)
    drawn = [size_found(planted, rng.binomial(400, line), np.full(4, 400)) for _ in range(300)]
    assert np.std([d.ratio for d in drawn]) == pytest.approx(np.mean([d.error for d in drawn]), rel=0.15)
    assert math.isnan(size_found(planted, np.array([1, 2, 3, 4]), np.full(4, 400)).ratio)
    assert math.isnan(size_found(planted, np.array([400, 390, 340, 300]), np.full(4, 400)).ratio)


@pytest.fixture(scope="module")
def plan():
    return plan_study(Design(people=60, women=40, crises_per_year=8.0), cohorts=100, audits=(40, 400), seed=3)


def test_the_ratio_found_is_found_in_80_of_100(plan):
    """Oracle: new cohorts at that ratio, analysed alone; the share is within four errors of 80 %, of 400 cohorts and
    of the plan's own error."""
    seen = plan.effects[0].seen
    openings = draw_openings(plan.design, 400, seen.ratio, np.random.default_rng(99))
    ratios = cohort_ratios(openings, plan.design, 400)["all"]
    found = np.mean(ratios.low() > 0)
    slope = stats.norm.pdf(stats.norm.ppf(0.8)) / np.mean(ratios.standard_error) / seen.ratio
    assert found == pytest.approx(0.8, abs=4 * math.hypot(math.sqrt(0.16 / 400), slope * seen.error))


def test_a_plan_hangs_together(plan):
    everybody, women, men, both = plan.effects
    assert everybody.half.ratio < everybody.seen.ratio < everybody.supported.ratio
    assert everybody.seen.ratio < women.seen.ratio < women.supported.ratio
    assert (everybody.people, women.people, men.people) == (60, 40, 20)
    assert men.told < 0.5 and math.isnan(men.seen.ratio) and men.if_told.ratio > women.seen.ratio
    assert both.told <= men.told + 0.1 and math.isnan(both.seen.ratio)
    assert both.if_told.ratio > men.if_told.ratio
    blind, small, large = plan.audits
    assert (blind.checked, small.checked, large.checked) == (0, 40, 400)
    # Told as missed is what was missed and a tenth of what was met.
    true = plan.shares[0].true
    assert blind.estimate == pytest.approx(1 - 0.9 * (1 - true), abs=0.02)
    assert small.estimate == pytest.approx(true, abs=0.03) and large.estimate == pytest.approx(true, abs=0.02)
    assert large.width < small.width and large.width > plan.shares[0].width
    assert plan.shares[2].width > plan.shares[1].width > plan.shares[0].width


def test_a_plan_is_the_same_with_the_same_seed():
    design = Design(people=12, women=6)
    one, two, other = (plan_study(design, cohorts=50, audits=(40,), seed=seed) for seed in (7, 7, 8))
    assert list(csv_rows(one)) == list(csv_rows(two)) != list(csv_rows(other))


def test_more_people_see_less():
    """Twice the people see a log ratio smaller by a factor of about root 2; three errors of either."""
    few, many = (
        plan_study(Design(people=n, women=n, crises_per_year=8.0, burst=1.0), cohorts=60, audits=(40,))
        for n in (40, 80)
    )
    ratio = math.log(few.effects[0].seen.ratio) / math.log(many.effects[0].seen.ratio)
    error = math.hypot(few.effects[0].seen.error, many.effects[0].seen.error) / math.log(many.effects[0].seen.ratio)
    assert ratio == pytest.approx(math.sqrt(2), abs=3 * error + 0.08)
    assert len(few.effects) == 2 and math.isnan(few.rate.ratio)


def test_words_fit_the_screen_and_say_what_cannot_be_told(plan):
    lines = report(plan)
    text = " ".join(" ".join(lines).split())
    assert max(map(len, lines)) < 80
    assert f"With 60 people you will most likely see a ratio of {plan.effects[0].seen.ratio:.2f} or more" in text
    assert "Of the 20 men," in text and "Below 20 no interval is told" in text and "It takes about" in text
    assert "no ratio" in text and "An audit of 40 links takes the bias out" in text and "seed 3" in text


def test_a_process_measure_has_no_ratio():
    found = plan_study(Design(people=30, women=20, window=30), cohorts=50, audits=(40,))
    assert found.effects == () and "no ratio is planned for it" in " ".join(" ".join(report(found)).split())
    co_response = plan_study(Design(people=40, women=40, crises_per_year=8.0, window=0), cohorts=50, audits=(40,))
    assert math.isfinite(co_response.effects[0].seen.ratio) and math.isfinite(co_response.audits[0].width)
    assert "part of the crisis itself" in " ".join(" ".join(report(co_response)).split())


def test_a_study_too_small_for_anything_says_so():
    found = plan_study(Design(people=4, women=2, crises_per_year=0.5), cohorts=50, audits=(40,))
    assert all(math.isnan(effect.seen.ratio) for effect in found.effects)
    text = " ".join(" ".join(report(found)).split())
    assert "Of the 4 people, 1 will be informative" in text and "in 100 of 100 such studies" in text


def test_impossible_studies_are_refused():
    for wrong in (
        {"people": 1}, {"women": 76}, {"missed": 0.0}, {"missed": math.nan}, {"recall": 0.0}, {"recall": 1.1},
        {"days": 8}, {"crises_per_year": 0.0}, {"crises_per_year": math.nan}, {"people": 1000, "crises_per_year": 90.0},
        {"horizon": 0}, {"frailty": 0.0}, {"burst": 0.5}, {"days": 5000}, {"evenness": 0.0},
    ):  # fmt: skip
        with pytest.raises(UsageError):
            Design(**wrong)
    with pytest.raises(UsageError, match="50"):
        plan_study(Design(), cohorts=49)
    with pytest.raises(UsageError, match="audit"):
        plan_study(Design(), audits=(0,))


def test_days_seen_are_those_that_trim_and_washout_leave():
    """By hand from the agreement's windows: the study's own first and last day."""
    terms = agreement()
    first, last = observed_days(terms)
    assert first < 0 and days_seen(terms) == last + 1
