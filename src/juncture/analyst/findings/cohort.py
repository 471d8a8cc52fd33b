"""Who was studied, person by person (internal), and how good the linkage was."""

from __future__ import annotations

from collections import Counter

from juncture.agreement.vocabulary import Sex
from juncture.analyst.findings.model import NAN, CohortRow, Estimate, LinkageFinding
from juncture.analyst.study.model import Study

PLURAL = {Sex.FEMALE.value: "women", Sex.MALE.value: "men"}


def cohort_rows(study: Study) -> tuple[CohortRow, ...]:
    """A row a member of the cohort, sorted by study id (which is random)."""
    own: list[list[int]] = [[] for _ in study.people]
    for r, ref in enumerate(study.refs):
        if ref.best:
            own[ref.person].append(r)
    rows = []
    for person, refs in zip(study.people, own, strict=True):
        files = [study.refs[r] for r in refs]
        contacts = {a: sum(len(f.contacts) for f in files if f.agency == a) for a in study.agreement.agencies}
        across = len({f.agency for f in files}) > 1
        probability = min(f.probability for f in files) if across else NAN
        rows.append(CohortRow(person.study_id, person.sex, person.age_band, contacts, probability))
    return tuple(sorted(rows, key=lambda row: row.study_id))


def linkage_findings(study: Study) -> tuple[LinkageFinding, ...]:
    """The linker's measures; its two opaque classes of sex named by what most opened files of each say.

    A class whose files do not say, or both classes where they say the same, stay unnamed and are left out.
    """
    named = sex_classes(study)
    found = []
    for row in study.report.quality:
        value = Estimate(*(NAN if part is None else part for part in (row.estimate, row.low, row.high)))
        if row.sex_class == "all":
            found.append(LinkageFinding(row.measure, value))
        elif row.sex_class in named:
            found.append(LinkageFinding(f"{row.measure}_{named[row.sex_class]}", value))
    return tuple(found)


def sex_classes(study: Study) -> dict[str, str]:
    said: dict[int, Counter[str]] = {0: Counter(), 1: Counter()}
    for ref in study.refs:
        sex_class = study.people[ref.person].sex_class
        if sex_class in said and ref.sex in PLURAL:
            said[sex_class][PLURAL[ref.sex]] += 1
    named = {}
    for sex_class, words in said.items():
        women, men = words["women"], words["men"]
        if women != men:
            named[str(sex_class)] = "women" if women > men else "men"
    return named if len(set(named.values())) == len(named) else {}
