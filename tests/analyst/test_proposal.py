"""The proposal: groups of people with the numbers behind each row, and sentences that tell of nobody."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from juncture.analyst.findings import Findings, compute_findings
from juncture.analyst.findings.model import Stratum, Verdict
from juncture.analyst.proposal import proposal
from juncture.analyst.proposal.junctures import EFFECT_COLUMNS
from juncture.analyst.study import Study
from juncture.checker.disclosure import control
from juncture.formats.cohort import QualityRow
from juncture.formats.tables import ColumnKind, Proposal, ProposedTable
from tests.analyst.study_world import FOLLOW_UP, agreement, simulated

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
            assert all(row.cells[i] is None or row.cells[i] in row.people for i in counted), one.name
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
        ({"all": 30, "women": 20, "men": 10}, {"women"}),
        ({"all": 31, "women": 11, "men": 20}, {"all", "women", "men"}),
        ({"all": 32, "women": 11, "men": 20}, {"women", "men"}),  # one of another sex
        ({"all": 0, "women": 0, "men": 0}, {"all", "women", "men"}),
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
