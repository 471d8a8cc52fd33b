"""The funnel: openings by stage against a slow count, and what may be told of each stage."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.analyst.findings import compute_findings
from juncture.analyst.findings.funnel import NESTED, REASONS
from juncture.analyst.findings.model import Findings, FunnelStage, FunnelStep, Stratum
from juncture.analyst.findings.openings import Fate, Opening, openings_of
from juncture.analyst.proposal.funnel import funnel_table
from juncture.analyst.study import Study
from juncture.checker.disclosure import control
from juncture.formats.tables import ReleasedTable
from tests.analyst.study_world import At, File, Member, agreement, one_file_each, simulated, world

CO, FOLLOWED, STAY = "police.co_response", "clinic.follow_up", "clinic.inpatient_stay"
S = FunnelStage


def slow_stage(opening: Opening) -> set[FunnelStage]:
    """The stages that an opening is at, one by one."""
    found = {S.OPENED}
    if opening.fate is Fate.EVALUABLE:
        found.add(S.EVALUABLE)
        if not opening.met:
            found.add(S.MISSED)
            if opening.crisis and opening.days <= 30:
                found.add(S.CRISIS)
    else:
        found.add(
            {Fate.CRISIS: S.CRISIS_FIRST, Fate.INSTITUTION: S.INSTITUTION_FIRST, Fate.END: S.END_FIRST}[opening.fate]
        )
    return found


def slow_funnel(study: Study) -> dict[FunnelStage, list[int]]:
    """The person of every opening by stage, where all draws give everybody the same timeline."""
    found: dict[FunnelStage, list[int]] = {stage: [] for stage in FunnelStage}
    for person, timeline in study.best_timelines():
        for opening in openings_of(study.agreement.juncture["follow_up_7d"], timeline, study.agreement):
            for stage in slow_stage(opening):
                found[stage].append(person)
    return found


@pytest.fixture(scope="module")
def made() -> tuple[Study, Findings]:
    study = simulated(60, 1.6, 9).study()
    return study, compute_findings(study, seed=1, resamples=20)


def test_stages_are_those_of_a_slow_count(made: tuple[Study, Findings]) -> None:
    study, findings = made
    slow = slow_funnel(study)
    assert [step.stage for step in findings.funnel] == list(FunnelStage)
    for step in findings.funnel:
        persons = slow[step.stage]
        assert (step.openings, step.people) == (len(persons), len(set(persons)))
        most = max((persons.count(p) for p in set(persons)), default=0)
        assert (
            step.largest_share == pytest.approx(most / len(persons), abs=1e-12)
            if persons
            else math.isnan(step.largest_share)
        )
        for earlier, left in step.people_left.items():
            assert left == sum(slow[earlier].count(p) > persons.count(p) for p in set(slow[earlier]))


def test_the_stages_agree_with_the_counts_of_the_juncture(made: tuple[Study, Findings]) -> None:
    _, findings = made
    counts = next(f for f in findings.junctures if f.stratum is Stratum.ALL).counts
    told = {step.stage: step.openings for step in findings.funnel}
    assert told[S.EVALUABLE] == counts.openings
    assert told[S.MISSED] == counts.openings_missed
    assert sum(told[stage] for stage in REASONS) == counts.not_evaluable
    assert told[S.OPENED] == counts.openings + counts.not_evaluable


def test_uncertain_links_give_means_over_the_draws_that_still_add_up() -> None:
    """A co-response met by a file that 1 of 4 draws gives (3 of 4 missed), 40 times: 40 missed * 3/4 = 30."""
    members = [
        Member(
            [
                File("police", [At(0, CO)], sex="female"),
                File("clinic", [At(72, FOLLOWED)], sex="female", draws=(0,), best=False, probability=0.25),
            ]
        )
        for _ in range(40)
    ]
    findings = compute_findings(world(members).study(), seed=1, resamples=20)
    told = {step.stage: step for step in findings.funnel}
    assert [told[stage].openings for stage in NESTED] == [40, 40, 30, 0]
    assert [told[stage].people for stage in NESTED] == [40, 40, 30, 0]
    # In a quarter of the draws all 40 left; the mean is 10.
    assert told[S.MISSED].people_left == {S.OPENED: 10, S.EVALUABLE: 10}


def test_each_reason_has_its_stage() -> None:
    """
    person   co-responses at   then                      stage
    1        day 0             co-response on day 3      crisis first, then the second is judged
    2        day 0             stay from day 5           institution first
    3        day 698           the records end on 699    end first
    """
    lives = [[At(0, CO), At(72, CO)], [At(0, CO), At(120, STAY, 240)], [At(698 * 24, CO)]]
    findings = compute_findings(world([one_file_each(told) for told in lives]).study(), seed=1, resamples=20)
    told = {step.stage: (step.openings, step.people) for step in findings.funnel}
    assert told == {
        S.OPENED: (4, 3),
        S.CRISIS_FIRST: (1, 1),
        S.INSTITUTION_FIRST: (1, 1),
        S.END_FIRST: (1, 1),
        S.EVALUABLE: (1, 1),
        S.MISSED: (1, 1),
        S.CRISIS: (0, 0),
    }


def released(steps: list[FunnelStep]) -> tuple[ReleasedTable, dict[str, dict[str, object]]]:
    none = Findings((), (), (), (), (), (), 0, funnel=tuple(steps))
    table = control(funnel_table(none, agreement()), threshold=11, round_to=5)
    rows = {str(r["stage"]): {**r, "hidden": bool(why)} for r, why in zip(table.records(), table.hidden, strict=True)}
    return table, rows


def steps_of(people: dict[FunnelStage, int], left: dict[tuple[FunnelStage, FunnelStage], int]) -> list[FunnelStep]:
    return [
        FunnelStep("follow_up_7d", stage, 5 * number, number, {a: n for (a, b), n in left.items() if b is stage}, 0.1)
        for stage, number in people.items()
    ]


def test_few_who_fall_out_altogether_hide_a_number_of_people_and_not_the_stage() -> None:
    """80 people, 76 of them judged (4 fell out): all openings are told, as 40 people have one that could not be judged,
    and of the people those who have one that could."""
    people = {
        S.OPENED: 80,
        S.CRISIS_FIRST: 40,
        S.INSTITUTION_FIRST: 15,
        S.END_FIRST: 20,
        S.EVALUABLE: 76,
        S.MISSED: 60,
        S.CRISIS: 30,
    }
    left = {
        (S.OPENED, S.EVALUABLE): 40,
        (S.OPENED, S.MISSED): 70,
        (S.OPENED, S.CRISIS): 78,
        (S.EVALUABLE, S.MISSED): 50,
        (S.EVALUABLE, S.CRISIS): 70,
        (S.MISSED, S.CRISIS): 45,
    }
    _, rows = released(steps_of(people, left))
    assert not any(row["hidden"] for row in rows.values())
    assert {stage: row["people"] for stage, row in rows.items()} == {
        "opened": None,
        "crisis_first": 40,
        "institution_first": 15,
        "end_first": 20,
        "evaluable": 75,
        "missed": 60,
        "crisis": 30,
    }


def test_where_few_fell_out_at_once_all_openings_are_hidden_and_not_those_that_could_be_judged() -> None:
    people = {
        **dict.fromkeys(FunnelStage, 0),
        S.OPENED: 80,
        S.CRISIS_FIRST: 4,
        S.EVALUABLE: 80,
        S.MISSED: 60,
        S.CRISIS: 30,
    }
    left = {(a, b): 50 for j, b in enumerate(NESTED) for a in NESTED[:j]} | {(S.OPENED, S.EVALUABLE): 4}
    _, rows = released(steps_of(people, left))
    assert [s for s, row in rows.items() if row["hidden"]] == ["opened", *(reason.value for reason in REASONS)]


def test_a_reason_about_few_takes_the_next_larger_with_it() -> None:
    people = {
        S.OPENED: 80,
        S.CRISIS_FIRST: 40,
        S.INSTITUTION_FIRST: 6,
        S.END_FIRST: 20,
        S.EVALUABLE: 80,
        S.MISSED: 60,
        S.CRISIS: 30,
    }
    left = {(a, b): 50 for j, b in enumerate(NESTED) for a in NESTED[:j]}
    _, rows = released(steps_of(people, left))
    assert [s for s, row in rows.items() if row["hidden"]] == ["institution_first", "end_first"]


@st.composite
def way(draw: st.DrawFn) -> list[set[tuple[int, int]]]:
    """Nested sets of openings (person, number): all, judged, missed, with a crisis."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=40))
    openings = [(p, k) for p, size in enumerate(sizes) for k in range(size)]
    depth = [draw(st.sampled_from((0, 1, 1, 2, 2, 3, 3, 3))) for _ in openings]
    return [{o for o, d in zip(openings, depth, strict=True) if d >= j} for j in range(4)]


@settings(max_examples=200, deadline=None)
@given(way())
def test_no_two_told_stages_differ_by_few_people(nested: list[set[tuple[int, int]]]) -> None:
    """Whatever is told: the openings between two told stages belong to nobody or to 11 people, and so do people."""
    persons = [{p for p, _ in stage} for stage in nested]
    left = {(NESTED[i], NESTED[j]): len({p for p, _ in nested[i] - nested[j]}) for j in range(4) for i in range(j)}
    people = dict.fromkeys(FunnelStage, 0) | {stage: len(persons[j]) for j, stage in enumerate(NESTED)}
    _, rows = released(steps_of(people, left))
    told = [j for j, stage in enumerate(NESTED) if not rows[stage.value]["hidden"]]
    counted = [j for j in told if rows[NESTED[j].value]["people"] is not None]
    for group, differ in (
        (told, lambda i, j: {p for p, _ in nested[i] - nested[j]}),
        (counted, lambda i, j: persons[i] - persons[j]),
    ):
        for j in group:
            for i in (i for i in group if i < j):
                assert len(differ(i, j)) == 0 or len(differ(i, j)) >= 11


@pytest.mark.parametrize("reason", list(REASONS))
def test_one_person_who_falls_out_alone_is_hidden_like_nobody(reason: FunnelStage) -> None:
    """An agency that makes up the only stay, or keeps back all others, would see who was chosen. Oracle: the tables
    of the two worlds hide the same."""
    people = {**dict.fromkeys(FunnelStage, 40), S.OPENED: 80, S.EVALUABLE: 80, S.MISSED: 60, S.CRISIS: 30, reason: 0}
    left = {(a, b): 50 for j, b in enumerate(NESTED) for a in NESTED[:j]}
    tables = [released(steps_of(people | {reason: number}, left))[0] for number in (0, 1)]
    assert tables[0] == tables[1]
    nobody = released(steps_of(people, left | {(S.OPENED, S.EVALUABLE): 0}))[0]
    assert nobody == released(steps_of(people, left | {(S.OPENED, S.EVALUABLE): 1}))[0]
