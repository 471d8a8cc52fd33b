"""Who was studied: from the agencies' files to the cohort."""

from __future__ import annotations

from collections import Counter

from juncture.agreement.vocabulary import Sex
from juncture.analyst.proposal.cells import LABEL, PEOPLE, columns_of
from juncture.analyst.study.model import Study
from juncture.formats.tables import ProposedRow, ProposedTable

SEXES = {Sex.FEMALE.value: "women", Sex.MALE.value: "men"}


def flow_table(study: Study) -> ProposedTable:
    """Stages, each with those who drop out at it."""
    report, chosen = study.report, len(study.people)
    rows = [
        ProposedRow((f"Shared by {study.agreement.party[agency].title}", people), (people,))
        for agency, people in sorted(report.people_shared.items())
    ]
    # A reader can subtract one stage from the next, so the differences are numbers of people as well.
    rows += [
        ProposedRow(("Meet the rule of the agreement at all agencies", report.eligible), (report.eligible,)),
        ProposedRow(("Chosen for the study", chosen), (chosen, max(report.eligible - chosen, 0))),
    ]
    # How many timelines opened is told nowhere: hidden or shown, such a row would tell an agency that spoils one
    # envelope whether its person was chosen.
    return ProposedTable(
        name="flow",
        title="From the agencies' files to the people studied",
        note="Agencies share only people who meet their own side of the rule. People are chosen up to a fixed quota, "
        "the most active first and at random among equals.",
        columns=columns_of(("stage", "Stage", LABEL), ("people", "People", PEOPLE)),
        rows=tuple(rows),
    )


def cohort_table(study: Study) -> ProposedTable:
    """Everybody chosen, by sex and age."""
    release, threshold = study.agreement.release, study.agreement.disclosure.threshold
    # Only large groups are named, and nothing that they would have to add up to: whether a rare group is there at all
    # would tell an agency, which may know or plant the one person of that kind, whether that person was chosen.
    groups: list[tuple[str, str, int]] = []
    if release.sex is not None:
        sexes = Counter(p.sex for p in study.people)
        groups += [("Sex", title, sexes[word]) for word, title in SEXES.items()]
    if release.birth_date is not None:
        ages = Counter(p.age_band for p in study.people)
        groups += [("Age", word, ages[word]) for word in release.birth_date.words]
    return ProposedTable(
        name="cohort",
        title="The people studied",
        note="Everybody chosen for the study, by what most of their files say. Groups of fewer than "
        f"{threshold} people are left out, so the groups need not add up to everybody.",
        columns=columns_of(("attribute", "Attribute", LABEL), ("value", "Group", LABEL), ("people", "People", PEOPLE)),
        rows=tuple(ProposedRow(group, (group[-1],)) for group in groups if group[-1] >= threshold),
    )
