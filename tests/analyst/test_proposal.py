"""The proposal: groups of people with the numbers behind each row, and sentences that tell of nobody."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from juncture.analyst.findings import Findings, compute_findings
from juncture.analyst.findings.model import Counts, Estimate, FunnelStage, GenderFinding, Stratum, Verdict
from juncture.analyst.findings.openings import Fate, openings_of
from juncture.analyst.proposal import proposal
from juncture.analyst.proposal.gender import gender_table
from juncture.analyst.proposal.junctures import EFFECT_COLUMNS, junctures_table
from juncture.analyst.study import Study
from juncture.checker.disclosure import control
from juncture.formats.cohort import QualityRow
from juncture.formats.tables import ColumnKind, Proposal, ProposedTable
from tests.analyst.study_world import FOLLOW_UP, At, agreement, one_file_each, simulated, world

QUALITY = (
    QualityRow("links", "all", 520.0, 500.0, 540.0),
    QualityRow("links", "0", 210.0, None, None),
    QualityRow("expected_precision", "all", 0.97, 0.96, 0.98),
    QualityRow("expected_recall", "0", 0.91, 0.88, 0.94),
    QualityRow("recall_part_birth_date", "all", 0.8, 0.7, 0.9),
    QualityRow("joint_contact_pairs", "all", 37.0, None, None),
    QualityRow("recall_by_joint_contacts", "all", 0.95, 0.9, 0.99),
)


def proposed(people: int = 60, junctures: str = FOLLOW_UP) -> tuple[Study, Findings, Proposal]:
    built = simulated(people, 1.6, 9, agreement(junctures))
    men = [0 if i % 3 == 0 else 1 for i in range(people)] + [-1, -1]
    report = replace(built.cohort.report, quality=QUALITY)
    cohort = replace(built.cohort, report=report, sex_class=built.cohort.sex_class * 0 + men)
    study = replace(built, cohort=cohort).study()
    findings = compute_findings(study, seed=1, resamples=20)
    return study, findings, proposal(findings, study, 1)


@pytest.fixture(scope="module")
def made() -> tuple[Study, Findings, Proposal]:
    return proposed()


def table(made: tuple[Study, Findings, Proposal], name: str) -> ProposedTable:
    return next(t for t in made[2].tables if t.name == name)


def records(one: ProposedTable) -> list[dict[str, object]]:
    return [dict(zip([c.name for c in one.columns], row.cells, strict=True)) for row in one.rows]


def test_it_passes_the_format_there_and_back(made: tuple[Study, Findings, Proposal]) -> None:
    assert Proposal.from_bytes(made[2].to_bytes()) == made[2]
    assert [t.name for t in made[2].tables] == [
        "flow", "cohort", "funnel", "junctures", "sensitivity", "gender", "everyone", "expected_fall",
        "linkage", "mcf", "last_contact"]  # fmt: skip


def test_nobody_is_in_it(made: tuple[Study, Findings, Proposal]) -> None:
    study, _, sent = made
    text = sent.to_bytes().decode()
    assert not any(person.study_id in text for person in study.people)
    assert not any(c.name in ("study_id", "link_probability") for t in sent.tables for c in t.columns)


def test_every_number_of_people_stands_behind_its_row(made: tuple[Study, Findings, Proposal]) -> None:
    for one in made[2].tables:
        counted = [i for i, column in enumerate(one.columns) if column.kind is ColumnKind.PEOPLE]
        for row in one.rows:
            # Nobody stands behind a row as one person does.
            assert all(row.cells[i] is None or (row.cells[i] or 1) in row.people for i in counted), one.name
        events = any(column.kind is ColumnKind.EVENTS for column in one.columns)
        assert not events or all(row.largest_share is not None for row in one.rows), one.name


def test_rows_that_add_up_say_so_and_do(made: tuple[Study, Findings, Proposal]) -> None:
    rows = table(made, "junctures").rows
    assert [(r.part_of, r.is_total) for r in rows] == [("follow_up_7d", s is Stratum.ALL) for s in Stratum]
    for part in range(4):
        assert rows[0].people[part] == rows[1].people[part] + rows[2].people[part]


def test_curves_are_of_women_and_men_or_of_all_on_a_grid_of_30_days() -> None:
    for people, groups in ((60, {"women", "men"}), (14, {"all"})):
        rows = records(table(proposed(people), "mcf"))
        assert {row["stratum"] for row in rows} == groups
        assert {int(str(row["day"])) % 30 for row in rows} == {0}


def test_a_rate_or_curve_rests_on_the_people_to_whom_it_happened(made: tuple[Study, Findings, Proposal]) -> None:
    """Oracle: a loop over the best-known timelines; every draw of this world gives everybody the same one."""
    study, findings, _ = made
    for sex, place in (("female", 0), ("male", 1)):
        with_crisis = sum(
            any(e.start_h >= 0 for e in timeline.crises)
            for person, timeline in study.best_timelines()
            if study.people[person].sex == sex
        )
        crises = next(f for f in findings.gender if f.measure == "crises")
        assert crises.people_with[place] == with_crisis
        group = Stratum.WOMEN if sex == "female" else Stratum.MEN
        assert max(p.people_with for p in findings.curves if p.group is group) == with_crisis
    for row in table(made, "mcf").rows:
        assert len(row.people) == 2


def test_a_juncture_rests_on_its_informative_missed_and_met_people(made: tuple[Study, Findings, Proposal]) -> None:
    _, findings, _ = made
    for finding, row in zip(findings.junctures, table(made, "junctures").rows, strict=True):
        counts = finding.counts
        assert {counts.people_missed, counts.people_met, counts.people} <= set(row.people)
        # Beside the whole, women's would tell men's: informative people are told of everybody only.
        assert (counts.people_informative in row.people) == (finding.stratum is Stratum.ALL)
        assert row.largest_share is not None and 0 < row.largest_share < 0.5


def test_too_small_to_say_is_said_without_an_estimate() -> None:
    """Oracle: under 20 informative persons there is no interval (ANALYSIS 4), so no estimate is told either."""
    made = proposed(14)
    findings = made[1]
    small = [f for f in findings.junctures if f.verdict is Verdict.TOO_SMALL]
    assert small
    for record in records(table(made, "junctures")):
        if record["verdict"] == "too_small":
            assert all(record[name] is None for name in EFFECT_COLUMNS)


def test_the_flow_counts_also_what_a_reader_could_subtract(made: tuple[Study, Findings, Proposal]) -> None:
    flow = {str(row.cells[0]): row.people for row in table(made, "flow").rows}
    assert flow["Shared by Police"] == (2400,) and flow["Shared by Crisis team"] == (1200,)
    assert flow["Chosen for the study"] == (60, 59)
    assert len(flow) == 4


@pytest.mark.parametrize("age", ["90+", None])
def test_neither_a_spoiled_envelope_nor_a_planted_age_shows_in_what_is_told_of_the_cohort(age: str | None) -> None:
    """Oracle: the two worlds differ in one chosen person only; what is hidden, and every label, are the same."""

    def told(planted: dict[str, str | None], *, spoiled: bool) -> list[tuple[list[object], tuple[str, ...]]]:
        built = simulated(64, 1.6, 9, agreement())
        timelines = dict(built.timelines)
        for a in range(2):
            envelope = built.cohort.envelope_id[0, a, 0].tobytes()
            timelines[envelope] = replace(timelines[envelope], **planted)
        if spoiled:
            del timelines[envelope]
        study = replace(built, timelines=timelines).study()
        sent = proposal(compute_findings(study, seed=1, resamples=20), study, 1)
        released = [control(t, threshold=11, round_to=5) for t in sent.tables if t.name in ("flow", "cohort")]
        return [([row[:-1] for row in t.rows], t.hidden) for t in released]

    usual = told({}, spoiled=False)
    assert told({}, spoiled=True) == usual
    assert told({"age_band": age}, spoiled=False) == usual
    assert [labels for labels, _ in usual][1] == [("Sex", "women"), ("Sex", "men"), ("Age", "30-39")]


def test_links_are_people_and_other_measures_are_about_them(made: tuple[Study, Findings, Proposal]) -> None:
    rows = {str(row.cells[0]): row for row in table(made, "linkage").rows}
    assert rows["links"].cells[1:] == (520, None, None, None) and rows["links"].is_total
    assert rows["links_men"].people == (210,)
    assert rows["expected_recall_men"].cells[1:] == (None, 0.91, 0.88, 0.94)
    assert rows["expected_recall_men"].people == (210,) and rows["expected_precision"].people == (520,)
    assert rows["joint_contact_pairs"].cells[1:] == (37, None, None, None)
    assert rows["recall_by_joint_contacts"].people == (37,)
    # Nobody tells of how many people a measure by completeness is, so it does not leave.
    assert "recall_part_birth_date" not in rows


def test_facts_are_sentences_that_hold_no_number_of_people_and_no_date(
    made: tuple[Study, Findings, Proposal],
) -> None:
    facts, others = dict(made[2].facts), dict(proposed(45)[2].facts)
    # The share of variance due to linkage is 0 in both: these worlds are surely linked.
    assert facts == others
    assert all(text.endswith(".") for text in facts.values())
    assert not any(re.search(r"\b(19|20)\d\d\b|\d\d-\d\d", text) for text in facts.values())
    assert "corrected by the chance that a response is seen" in facts["missed_share"]
    assert "within 7 days, counted from the next day on" in facts["juncture_follow_up_7d"]
    assert "24 months" in facts["windows"] and "six hours" in facts["grain"] and "2 drawn" in facts["linkage"]


def test_titles_are_plain_words(made: tuple[Study, Findings, Proposal]) -> None:
    for one in made[2].tables:
        assert one.title and all("_" not in text for text in (one.title, *(c.title for c in one.columns)))
    assert {r["title"] for r in records(table(made, "gender"))} >= {
        "Contacts with Police a year",
        "Share missed: Co-response with no follow-up within 7 days",
    }


def test_facts_say_whose_files_were_audited(made: tuple[Study, Findings, Proposal]) -> None:
    study, findings, sent = made
    assert "told to nobody" in sent.facts["missed_share"] and "audited" not in sent.facts["missed_share"]
    one = proposal(replace(findings, audited=frozenset({"clinic"})), study, 1).facts["missed_share"]
    assert "audited at Crisis team." in one and "nobody else tells" in one
    both = proposal(replace(findings, audited=frozenset({"clinic", "police"})), study, 1).facts["missed_share"]
    assert "audited at Crisis team and Police." in both and "second person" not in both


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ({"all": 40, "women": 20, "men": 20}, {"all", "women", "men"}),
        ({"all": 10, "women": 10, "men": 0}, set()),
        # The funnel tells everybody's, and these less women's would be ten men's.
        ({"all": 30, "women": 20, "men": 10}, {"all"}),
        ({"all": 31, "women": 11, "men": 20}, {"all", "women", "men"}),
        ({"all": 32, "women": 11, "men": 20}, {"all"}),  # one of another sex
        ({"all": 0, "women": 0, "men": 0}, set()),
    ],
)
def test_openings_of_few_people_that_cannot_be_evaluated_are_not_told(
    made: tuple[Study, Findings, Proposal], left: dict[str, int], told: set[str]
) -> None:
    study, findings, _ = made
    junctures = tuple(
        replace(f, counts=replace(f.counts, people_left=left[f.stratum.value])) for f in findings.junctures
    )
    sent = proposal(replace(findings, junctures=junctures), study, 1)
    rows = records(next(t for t in sent.tables if t.name == "junctures"))
    assert {row["stratum"] for row in rows if row["not_evaluable"] is not None} == told


def test_crises_after_missed_openings_of_few_people_are_not_told_by_the_year() -> None:
    """Oracle: a loop over openings; the ceiling times the years is the number of crises after missed openings, which
    the funnel hides where few people had one, and everybody's less women's would be the men's."""
    study, findings, _ = proposed(60)
    told = {f.stratum: f for f in findings.junctures}
    juncture = study.agreement.juncture["follow_up_7d"]
    followed = {
        person
        for person, timeline in study.best_timelines()
        for o in openings_of(juncture, timeline, study.agreement)
        if o.fate is Fate.EVALUABLE and not o.met and o.crisis
    }
    assert told[Stratum.ALL].counts.people_crisis == len(followed)
    assert told[Stratum.ALL].verdict is not Verdict.TOO_SMALL and math.isfinite(told[Stratum.ALL].ceiling)
    for women, men, hidden in ((30, 20, set()), (30, 8, {"women", "men"}), (6, 2, {"all", "women", "men"})):
        numbers = {Stratum.ALL: women + men, Stratum.WOMEN: women, Stratum.MEN: men}
        changed = tuple(
            replace(f, verdict=Verdict.UNCERTAIN, counts=replace(f.counts, people_crisis=numbers[f.stratum]))
            for f in findings.junctures
        )
        rows = records(junctures_table(replace(findings, junctures=changed), study.agreement))
        for name in ("ceiling", "bound_low", "bound_high"):
            assert {row["stratum"] for row in rows if row[name] is None} == hidden
    # So are those of which one person has most, which the funnel hides.
    steps = tuple(replace(s, largest_share=0.6 if s.stage is FunnelStage.CRISIS else 0.1) for s in findings.funnel)
    rows = records(junctures_table(replace(findings, funnel=steps), study.agreement))
    assert all(row["ceiling"] is None for row in rows)


def test_one_person_with_most_of_the_missed_openings_hides_the_row() -> None:
    """Oracle: by hand. Of 62 openings one person has 30 and no more than half, but of the 50 missed 30."""
    once = [At(24 * 20, "police.co_response")]
    met = [*once, At(24 * 22, "clinic.follow_up")]
    often = [At(24 * (20 + 10 * k), "police.co_response") for k in range(30)]
    people = [one_file_each(c, "female") for c in (often, *[once] * 20, *[met] * 12)]
    study = world(people, draws=2).study()
    findings = compute_findings(study, seed=1, resamples=4, permutations=19)
    whole = next(f for f in findings.junctures if f.stratum is Stratum.ALL)
    assert (whole.counts.openings, whole.counts.openings_missed) == (62, 50)
    assert whole.largest_share == pytest.approx(30 / 50)


def of_role(measure: str, women: int, *, rest: int) -> GenderFinding:
    return GenderFinding(
        f"share:role_{measure}", 0.1, 0.1, Estimate(1.0), 60, 60, (women, 40), 0.1, people_rest=(rest, 20)
    )


@pytest.mark.parametrize(
    ("people", "rest", "hidden"),
    [
        ((30, 20, 55), 20, set()),
        ((30, 20, 55), 4, {"suspect"}),  # 1 less all three would be four women's
        ((30, 6, 55), 20, {"suspect", "victim"}),
        ((30, 6, 55), 0, {"suspect", "victim"}),
        ((30, 20, 55), 0, {"suspect"}),
    ],
)
def test_shares_of_roles_do_not_tell_of_few_by_what_they_leave_of_1(
    made: tuple[Study, Findings, Proposal], people: tuple[int, int, int], rest: int, hidden: set[str]
) -> None:
    study, findings, _ = made
    names = ("victim", "suspect", "subject")
    gender = tuple(of_role(name, n, rest=rest) for name, n in zip(names, people, strict=True))
    sent = gender_table(replace(findings, gender=gender), study.agreement)
    released = control(sent, threshold=11, round_to=5)
    assert {n for n, why in zip(names, released.hidden, strict=True) if why} == hidden


def test_people_in_no_told_role_are_counted() -> None:
    """Oracle: five women and three men only called; nobody else did."""
    told = [At(24 * d, "police.co_response") for d in (10, 60, 200)]
    calls = [At(24 * 300, "police.incident", role="caller")]
    people = [one_file_each([*told, *(calls if k < 8 else [])], "female" if k % 8 < 5 else "male") for k in range(48)]
    findings = compute_findings(world(people, draws=2).study(), seed=1, resamples=4, permutations=19)
    roles = [f for f in findings.gender if f.measure.startswith("share:role_")]
    assert len(roles) == 3 and {f.people_rest for f in roles} == {(5, 3)}
    assert not any(f.people_rest for f in findings.gender if f not in roles)


def test_numbers_of_people_that_differ_by_few_are_not_both_told(made: tuple[Study, Findings, Proposal]) -> None:
    """Oracle: of 60 women 53 have a crisis, so seven have none; of 60 men 45."""
    study, findings, _ = made
    rate = GenderFinding("crises", 1.0, 1.0, Estimate(1.0), 60, 60, (53, 45), 0.1)
    night = GenderFinding("share:night", 0.1, 0.1, Estimate(1.0), 53, 45, (30, 30, 50, 40), 0.1)
    rows = records(gender_table(replace(findings, gender=(rate, night)), study.agreement))
    assert [(row["people_women"], row["people_men"]) for row in rows] == [(60, 60), (None, 45)]


def test_rates_do_not_tell_the_share_of_crises_that_is_hidden(made: tuple[Study, Findings, Proposal]) -> None:
    """Oracle: division. Crises with a co-response over all crises a year is the share with one."""
    study, findings, _ = made
    crises = GenderFinding("crises", 2.0, 2.0, Estimate(1.0), 60, 60, (50, 50), 0.1)
    with_one = GenderFinding("co_responses", 1.9, 1.5, Estimate(1.2), 60, 60, (50, 45), 0.1)
    share = GenderFinding("share:co_response", 0.95, 0.75, Estimate(1.2), 50, 50, (50, 45, 4, 30), 0.1)
    sent = gender_table(replace(findings, gender=(crises, with_one, share)), study.agreement)
    released = control(sent, threshold=11, round_to=5)
    assert [bool(why) for why in released.hidden] == [False, True, True]


@pytest.mark.parametrize("people_with", [(0, 40, 60, 40), (1, 40, 60, 40)])
def test_the_only_person_to_whom_something_happened_is_hidden_like_nobody(
    made: tuple[Study, Findings, Proposal], people_with: tuple[int, ...]
) -> None:
    """An agency that makes up the only arrest, or keeps back all others, would see whether its person was chosen."""
    study, findings, _ = made
    share = GenderFinding("share:crisis_to_arrest", 0.0, 0.1, Estimate(), 60, 60, people_with, 0.1)
    sent = gender_table(replace(findings, gender=(share,)), study.agreement)
    assert control(sent, threshold=11, round_to=5).hidden == ("fewer than 11 people",)


def test_a_juncture_that_one_person_opened_is_hidden_like_one_that_nobody_did(
    made: tuple[Study, Findings, Proposal],
) -> None:
    study, findings, _ = made
    tables = []
    for number in (0, 1):
        counts = Counts(*[number if s == "n" else 0 for s in "nn0nnn0n0000"])
        changed = tuple(replace(f, counts=counts, verdict=Verdict.TOO_SMALL) for f in findings.junctures)
        sent = junctures_table(replace(findings, junctures=changed), study.agreement)
        tables.append(control(sent, threshold=11, round_to=5))
    assert all(tables[0].hidden) and tables[0] == tables[1]


def test_a_share_missed_is_told_where_no_effect_is_estimated_and_few_are_informative(
    made: tuple[Study, Findings, Proposal],
) -> None:
    """A window of 60 days is a measure of process: of whom a comparison would learn says nothing of it."""
    study, findings, _ = made
    changed = tuple(
        replace(f, response_within_days=60, counts=replace(f.counts, people_informative=4), verdict=Verdict.UNCERTAIN)
        for f in findings.junctures
    )
    sent = junctures_table(replace(findings, junctures=changed), study.agreement)
    released = control(sent, threshold=11, round_to=5)
    assert not any(released.hidden)
    for row in released.records():
        assert row["missed_share"] is not None and row["people_informative"] is None


def test_a_placebo_without_an_interval_is_not_told(made: tuple[Study, Findings, Proposal]) -> None:
    """It rests on openings that are not a person's first, so on fewer people than its row: below 20, maybe on two."""
    study, findings, _ = made
    changed = tuple(
        replace(
            f, verdict=Verdict.UNCERTAIN, placebo=Estimate(3.2) if f.stratum is Stratum.WOMEN else Estimate(1, 0, 2)
        )
        for f in findings.junctures
    )
    rows = records(junctures_table(replace(findings, junctures=changed), study.agreement))
    assert {str(row["stratum"]) for row in rows if row["placebo_ratio"] is None} == {"women"}


@pytest.mark.parametrize(("women", "told"), [(30, True), (34, False), (40, False)])
def test_the_ratio_of_one_sex_is_not_told_where_the_rest_of_the_whole_is_learnt_from_few(
    made: tuple[Study, Findings, Proposal], women: int, told: bool
) -> None:
    """Oracle: (log ratio of all x its weight - women's x theirs) over the difference of weights is the others' ratio;
    they are 11 informative people, 6 or none."""
    study, findings, _ = made
    informative = {Stratum.ALL: 41 if told else 40, Stratum.WOMEN: women, Stratum.MEN: 6}
    changed = tuple(
        replace(
            f,
            counts=replace(f.counts, people_informative=informative[f.stratum]),
            verdict=Verdict.TOO_SMALL if f.stratum is Stratum.MEN else Verdict.UNCERTAIN,
        )
        for f in findings.junctures
    )
    rows = {r["stratum"]: r for r in records(junctures_table(replace(findings, junctures=changed), study.agreement))}
    assert rows["all"]["hazard_ratio"] is not None
    assert (rows["women"]["hazard_ratio"] is not None) == told
