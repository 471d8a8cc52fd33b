"""A juncture's ratio computed in other ways, and people under other rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.agreement.read import parse_agreement
from juncture.agreement.vocabulary import BAND_LABELS, band_of
from juncture.analyst.findings import Findings, compute_findings
from juncture.analyst.findings.covariates import history, varying
from juncture.analyst.findings.model import GridRow, Stratum, Variant
from juncture.analyst.findings.openings import openings_of
from juncture.analyst.findings.rulegrid import GRID_COHORT, GRID_LINKED, OWN_RULE, most_within
from juncture.analyst.findings.sensitivity import TOO_FEW
from juncture.analyst.findings.table import all_openings
from juncture.analyst.proposal import proposal
from juncture.analyst.statistics.alternatives import recurrent_effect, time_dependent_effect
from juncture.analyst.statistics.landmark import adjusted_effect
from juncture.analyst.study import Study
from juncture.formats.cohort import JointHistogramRow
from tests.analyst.study_world import (
    AGREEMENT,
    FOLLOW_UP,
    At,
    agreement,
    life,
    one_file_each,
    simulated,
    world,
)

CALL, CO, FOLLOWED, ARREST = "police.crisis_call", "police.co_response", "clinic.follow_up", "police.arrest"
SECTION = "clinic.section12"
CO_RESPONSE = """
[juncture.no_clinician]
title = "Crisis call without a clinician"
family = "missed_co_response"
index = { kinds = ["police.crisis_call"] }
response = { kinds = ["police.co_response", "clinic.co_response"], same_episode = true }
intercept = 1
"""


def with_gap(hours: int) -> str:
    return AGREEMENT.replace("GRAIN", "six_hours").replace("[study]", f"[study]\nepisode_gap_hours = {hours}")


@pytest.fixture(scope="module")
def study() -> Study:
    return simulated(70, 1.7, 4, agreement(FOLLOW_UP + CO_RESPONSE)).study()


@pytest.fixture(scope="module")
def found(study: Study) -> Findings:
    return compute_findings(study, seed=1, resamples=2)


def ratios(found: Findings, juncture: str = "follow_up_7d") -> dict[Variant, tuple[float, float, float]]:
    return {
        f.variant: (f.ratio.value, f.ratio.low, f.ratio.high) for f in found.sensitivities if f.juncture == juncture
    }


def test_every_variant_has_a_row_and_the_first_is_the_finding(found: Findings) -> None:
    told = [(f.juncture, f.variant) for f in found.sensitivities]
    every = [v for v in Variant if v is not Variant.GAP_24H]
    # A response in the episode itself leaves nothing to wait for.
    assert told == [("follow_up_7d", v) for v in every] + [
        ("no_clinician", v) for v in every if v is not Variant.TIME_DEPENDENT
    ]
    primary = next(f for f in found.sensitivities if f.variant is Variant.PRIMARY)
    finding = next(f for f in found.junctures if f.stratum is Stratum.ALL)
    assert (primary.ratio, primary.openings, primary.people_informative, primary.missed_share) == (
        finding.ratio,
        finding.counts.openings,
        finding.counts.people_informative,
        finding.missed_share.value,
    )


def test_the_rest_of_the_findings_knows_nothing_of_it(study: Study, found: Findings) -> None:
    without = compute_findings(study, seed=1, resamples=2, sensitivities=False)
    assert without.sensitivities == ()
    assert repr(without.junctures) == repr(found.junctures) and repr(without.gender) == repr(found.gender)


def test_another_gap_is_the_same_study_under_another_agreement() -> None:
    """Oracle: the findings of the same packages where the agreement itself has the other gap."""
    rng = np.random.default_rng(4)
    busy = [one_file_each(life(rng, 1.7, mean=30.0)) for _ in range(50)]
    packages = world(busy, parse_agreement(with_gap(24) + FOLLOW_UP), draws=2)
    found = compute_findings(packages.study(), seed=1, resamples=2)
    for hours, variant in ((6, Variant.GAP_6H), (72, Variant.GAP_72H)):
        other = replace(packages, terms=parse_agreement(with_gap(hours) + FOLLOW_UP)).study()
        truth = compute_findings(other, seed=1, resamples=2)
        mine = next(f for f in found.sensitivities if f.variant is variant)
        theirs = next(f for f in truth.junctures if f.stratum is Stratum.ALL)
        assert (mine.ratio, mine.missed_share, mine.openings) == (
            theirs.ratio,
            theirs.missed_share.value,
            theirs.counts.openings,
        )
        # And there the agreement's own 24 hours are another gap.
        back = next(f for f in truth.sensitivities if f.variant is Variant.GAP_24H)
        assert back.ratio == next(f for f in found.sensitivities if f.variant is Variant.PRIMARY).ratio
    # A crisis within three days ends its opening as not evaluable, or is part of it: the ratio may be the same.
    assert len({round(f.missed_share, 6) for f in found.sensitivities if "gap" in f.variant}) == 2


def test_what_came_before_an_opening() -> None:
    """Oracle: hours written down."""
    told = [
        At(-40 * 24, CALL),
        At(-29 * 24, CALL),
        At(-7 * 24, CALL),
        At(-7 * 24 - 6, FOLLOWED),
        At(-31 * 24, SECTION),
        At(-12, CALL),
        At(0, CO),
        At(20 * 24, CO),
    ]
    one = world([one_file_each(told)]).study()
    rows = all_openings(one.agreement.juncture["follow_up_7d"], one)
    # The call of the same morning is the opening's own episode, which began 12 hours before.
    assert [o.start_h for _, _, o in rows] == [-12, 20 * 24]
    np.testing.assert_array_equal(history(rows, one), [[1, 2, 1, 0], [0, 2, 1, 0]])


@given(st.lists(st.tuples(st.integers(-200, 400), st.sampled_from([CO, CALL, FOLLOWED, SECTION])), max_size=25))
@settings(max_examples=40, deadline=None)
def test_the_history_agrees_with_a_loop(told: list[tuple[int, str]]) -> None:
    one = world([one_file_each([At(6 * quarter, kind) for quarter, kind in told])]).study()
    rows = all_openings(one.agreement.juncture["follow_up_7d"], one)
    (timeline,) = one.timelines
    for row, (_, _, opening) in zip(history(rows, one), rows, strict=True):
        ago = [(opening.start_h - e.start_h) / 24 for e in timeline.crises]
        before = [
            (opening.start_h - c.start_h, c.word) for c in timeline.contacts if 0 < opening.start_h - c.start_h <= 720
        ]
        assert row.tolist() == [
            sum(0 < days <= 7 for days in ago),
            sum(0 < days <= 30 for days in ago),
            any(word == "follow_up" for _, word in before),
            any(word == "section12" for _, word in before),
        ]


def test_what_is_the_same_at_all_openings_of_everybody_is_not_held_equal() -> None:
    person = np.array([0, 0, 1, 1, 2])
    table = np.array([[1, 0, 5], [1, 1, 5], [2, 0, 6], [2, 0, 6], [0, 9, 9.0]])
    np.testing.assert_array_equal(varying(table, person, np.ones(5, dtype=bool)), table[:, 1:2])
    assert varying(table, person, np.zeros(5, dtype=bool)).shape == (0, 0)


def test_the_variants_are_those_of_the_openings(study: Study, found: Findings) -> None:
    """Oracle: arrays collected one opening at a time, given to the pure functions; both matchings are alike here."""
    juncture = study.agreement.juncture["follow_up_7d"]
    person, missed, days, crisis, covariates = [], [], [], [], []
    every, answered, until, ended = [], [], [], []
    landmarks, stops, crises_of, crises_at = [], [], [], []
    for number, timeline in study.best_timelines():
        for opening in openings_of(juncture, timeline, study.agreement):
            starts = [e.start_h for e in timeline.crises]
            first = min((h for h in starts if h > opening.at_h), default=10**9)
            stop = min(timeline.exit_h, opening.at_h + 37 * 24)
            later = [c.start_h for c in timeline.contacts if c.kind == FOLLOWED]
            response = min((h for h in later if h >= (opening.at_h // 24 + 1) * 24), default=10**9)
            every.append(number)
            answered.append((response - opening.at_h) / 24 if response <= stop else np.inf)
            until.append((min(first, stop) - opening.at_h) / 24)
            ended.append(first <= stop)
            if opening.fate.name != "EVALUABLE":
                continue
            person.append(number)
            missed.append(not opening.met)
            days.append(opening.days)
            crisis.append(opening.crisis)
            ago = [(opening.start_h - h) / 24 for h in starts]
            covariates.append([sum(0 < d <= 7 for d in ago), sum(0 < d <= 30 for d in ago)])
            for hour in [h for h in starts if opening.at_h < h <= stop]:
                crises_of.append(len(landmarks))
                crises_at.append((hour - opening.at_h) / 24 - 7)
            landmarks.append(opening.at_h + 7 * 24)
            stops.append((stop - opening.at_h) / 24 - 7)
    adjusted = adjusted_effect(person, missed, days, crisis, covariates, horizon=30)
    waiting = time_dependent_effect(every, answered, until, ended)
    recurrent = recurrent_effect(person, missed, stops, crises_of, crises_at)
    told = ratios(found)
    for variant, truth in (
        (Variant.CRISES, adjusted),
        (Variant.TIME_DEPENDENT, waiting),
        (Variant.ALL_CRISES, recurrent),
    ):
        assert told[variant][0] == pytest.approx(truth.ratio, rel=1e-9)
    # The interval is wider by what Barnard and Rubin's degrees of freedom take from so few matchings.
    for variant, truth in ((Variant.CRISES, adjusted), (Variant.ALL_CRISES, recurrent)):
        assert told[variant][1] == pytest.approx(truth.low, rel=0.01)
    assert {f.openings for f in found.sensitivities if f.variant is Variant.TIME_DEPENDENT} == {len(every)}


def test_a_planted_ratio_shows_in_every_variant() -> None:
    """Truth: 1.7 (``study_world.life``), which waiting from the opening and a longer gap only water down."""
    found = compute_findings(simulated(150, 1.7, 11).study(), seed=1, resamples=2)
    for variant, (value, low, high) in ratios(found).items():
        assert value > 1.2 and low < 1.7 < high, variant


def test_too_few_to_say_is_said_for_every_variant() -> None:
    small = simulated(14, 1.7, 4).study()
    found = compute_findings(small, seed=1, resamples=2)
    told = [f for f in found.sensitivities if f.variant is not Variant.SCCS]
    assert all(np.isnan([f.ratio.low, f.ratio.high, f.ratio.p_value]).all() and f.note for f in told)
    assert TOO_FEW in {f.note for f in told}
    tables = {t.name: t for t in proposal(found, small, 1).tables}
    assert tables["sensitivity"].rows == ()


def test_released_are_junctures_that_are_not_too_small_with_the_people_behind_them(
    study: Study, found: Findings
) -> None:
    table = next(t for t in proposal(found, study, 1).tables if t.name == "sensitivity")
    names = [c.name for c in table.columns]
    assert names == ["juncture", "title", "variant", "what", "hazard_ratio", "low", "high", "people_informative"]
    assert {row.cells[0] for row in table.rows} == {"follow_up_7d"}
    for row, finding in zip(table.rows, [f for f in found.sensitivities if f.juncture == "follow_up_7d"], strict=True):
        assert row.cells[2] == finding.variant.value and row.cells[4] == finding.ratio.value
        assert row.people == (
            finding.people,
            finding.people_missed,
            finding.people_met,
            finding.people_informative,
        )
        assert row.largest_share is not None and 0 < row.largest_share < 0.5


# Rules


@given(st.lists(st.integers(-400, 0), max_size=30), st.integers(1, 60))
def test_the_most_contacts_in_so_many_days(days: list[int], width: int) -> None:
    """Oracle: every window that begins on a day with a contact."""
    days.sort()
    slow = max((sum(first <= day < first + width for day in days) for first in days), default=0)
    assert most_within(days, width) == slow


def grid(found: Findings, among: str) -> list[GridRow]:
    return [row for row in found.rule_grid if row.among == among]


@given(st.dictionaries(st.tuples(*[st.integers(0, 5)] * 2), st.integers(1, 60), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_the_true_number_lies_between_the_bounds(cells: dict[tuple[int, int], int]) -> None:
    """Oracle: counts of which the small are hidden, the smallest other beside a lone one, and the rest rounded, as the
    linker does it."""
    hidden = {bands for bands, people in cells.items() if people < 11}
    if len(hidden) == 1 and len(cells) > 1:
        hidden.add(min(cells.keys() - hidden, key=lambda bands: (cells[bands], bands)))
    rows = tuple(
        JointHistogramRow(tuple(BAND_LABELS[b] for b in bands), None if bands in hidden else round(people / 5) * 5)
        for bands, people in sorted(cells.items())
    )
    base = world([one_file_each([At(0, CO)])]).study()
    told = grid(compute_findings(replace(base, report=replace(base.report, histogram=rows)), seed=1), GRID_LINKED)
    assert len(told) == 4 * 4
    for row in told:
        clinic, police = (int(part.split("+")[0]) for part in row.rule.split(" and "))
        truth = sum(n for (c, p), n in cells.items() if c >= band_of(clinic) and p >= band_of(police))
        assert row.people_low <= truth
        # Below share_from (two of the police, one of the clinic) nobody can say how many more there are.
        assert truth <= row.people_high or np.isnan(row.people_high)
    assert Counter(row.note for row in told)[OWN_RULE] == 1


def test_stricter_rules_choose_from_the_people_studied() -> None:
    """Oracle: people written down. The rule is 3 of the police and 2 of the clinic in 365 days."""

    def member(police: int, clinic: int, sex: str, crises: int = 0, apart: int = 100):
        before = [At(-24 * (10 + apart * i), ARREST) for i in range(police)]
        before += [At(-24 * (12 + apart * i), FOLLOWED) for i in range(clinic)]
        return one_file_each([*before, *(At(24 * 30 * (i + 1), CALL) for i in range(crises))], sex)

    people = [
        member(6, 3, "female", crises=4, apart=20),
        member(3, 2, "male", crises=2),
        member(3, 2, None, apart=300),
        member(3, 2, "male", apart=4),
    ]
    rows = grid(compute_findings(world(people).study(), seed=1), GRID_COHORT)
    told = {row.rule: row for row in rows}
    everybody = told["everybody studied"]
    assert (everybody.people, everybody.women) == (4, 0.25)
    assert everybody.crises == pytest.approx(6 / (4 * 700 / 365.25))
    own = next(row for row in rows if row.note == OWN_RULE)
    # Three police contacts 300 days apart are two in 365.
    assert (own.people, own.people_low, own.people_high) == (3, 3, 3)
    strict = told["3+ clinic_any and 5+ police_any in 365 days"]
    assert (strict.people, strict.women) == (1, 1) and strict.crises == pytest.approx(4 / (700 / 365.25))
    assert told["2+ clinic_any and 10+ police_any in 365 days"].people == 0
    # 20 days apart are, of police and clinic together, four in 30; 100 days apart two.
    assert told["3+ contacts in 30 days"].people == 2
    assert told["the 25% with most contacts"].people == 1
    assert told["the 50% with most contacts"].people == 4


def test_without_a_selection_window_in_sight_nobody_is_counted_again() -> None:
    found = compute_findings(world([one_file_each([At(0, CO)], observed=(0, 699))]).study(), seed=1)
    assert found.rule_grid == ()
