"""All findings of a study, from one seed."""

from __future__ import annotations

import numpy as np

from juncture.agreement.vocabulary import Grain
from juncture.analyst.findings.attribution import attributed
from juncture.analyst.findings.avoidable import Chances
from juncture.analyst.findings.by_sex import PERMUTATIONS
from juncture.analyst.findings.cohort import cohort_rows, linkage_findings
from juncture.analyst.findings.curves import crisis_curves
from juncture.analyst.findings.effects import study_juncture
from juncture.analyst.findings.everyone import everyone_rows
from juncture.analyst.findings.expected_fall import expected_falls
from juncture.analyst.findings.funnel import funnel_of
from juncture.analyst.findings.gender import compare_women_and_men
from juncture.analyst.findings.last_contact import LastContacts, last_contact_findings
from juncture.analyst.findings.last_contact_pooled import pooled_last_contacts
from juncture.analyst.findings.linkage import Completeness, Linkage, Links
from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import Findings, FunnelStep, SensitivityFinding, Stratum
from juncture.analyst.findings.rulegrid import rule_grid
from juncture.analyst.findings.sensitivity import other_gaps, sensitivities_of
from juncture.analyst.findings.table import OpeningTable, all_openings
from juncture.analyst.findings.verdicts import judge
from juncture.analyst.statistics.stratified import person_resamples
from juncture.analyst.study.model import HOURS_A_YEAR, Study
from juncture.base.report import Progress, silent

#: Resamples of persons, shared by all junctures and dealt out over the matchings in turn.
RESAMPLES = 400


def compute_findings(
    study: Study,
    *,
    seed: int,
    completeness: Completeness | None = None,
    progress: Progress = silent,
    resamples: int = RESAMPLES,
    permutations: int = PERMUTATIONS,
    sensitivities: bool = True,
    descriptions: bool = True,
) -> Findings:
    """Everything the study says. The same study and ``seed`` give the same findings.

    ``completeness``: by agency and stratum, the chance that a record of a person is in a joined file if another of
    theirs is, where an agency or an audit (:func:`misclassification.audited`) knows it; else it is bounded.
    ``resamples``: for the intervals of avoidable crises and for ranks; at least one a matching is drawn.
    ``permutations``: of persons, for the p of each rate and share of women beside men. ``sensitivities``: compute each
    ratio in other ways, too, and count people under other rules. ``descriptions``: curves and last contacts.
    """
    rng = np.random.default_rng(seed)
    matchings, linkage = Matchings.of(study), Linkage.of(study, completeness or {})
    spans = [t.follow_up_h for t in study.timelines]
    years = np.array([(stop - start) / HOURS_A_YEAR for start, stop in spans], dtype=np.float64)
    people = len(study.people)
    draws = max(resamples, study.draws)
    multiplicity = person_resamples(people, draws, rng) if people else np.zeros((draws, 0))
    declared = study.agreement.juncture
    results = []
    funnel: list[FunnelStep] = []
    variants: list[SensitivityFinding] = []
    gaps = other_gaps(study) if sensitivities else ()
    for number, (name, juncture) in enumerate(declared.items()):
        progress("Junctures", number, len(declared))
        openings = all_openings(juncture, study)
        table, links = OpeningTable.of(openings), Links.of(juncture, openings, study, linkage)
        chances = Chances.of(juncture, openings)
        results.append(study_juncture(name, juncture, table, chances, links, linkage, matchings, years, multiplicity))
        funnel += funnel_of(name, table, matchings)
        if sensitivities:
            whole = results[-1].findings[Stratum.ALL]
            variants += sensitivities_of(name, juncture, openings, whole, study, gaps, linkage, matchings)
    progress("Junctures", len(declared), len(declared))
    progress("Women and men", 0, 1)
    gender = compare_women_and_men(study, matchings, results, linkage, rng, permutations)
    progress("Women and men", 1, 1)
    progress("Curves", 0, 1)
    curves = crisis_curves(study, matchings) if descriptions else ()
    progress("Curves", 1, 1)
    progress("Last contacts", 0, 1)
    # Told by the week, nobody knows which of a week's contacts was the last, or how many days before it was.
    by_week = study.agreement.release.start.grain is Grain.WEEK
    contacts = LastContacts(study, matchings) if descriptions and not by_week else None
    last_contact = last_contact_findings(contacts) if contacts else ()
    pooled = pooled_last_contacts(contacts, study.agreement.disclosure.threshold) if contacts else ()
    progress("Last contacts", 1, 1)
    studied = matchings.distinct >= 0
    return Findings(
        agencies=study.agreement.agencies,
        cohort=cohort_rows(study),
        junctures=attributed(judge(results), results, declared, matchings),
        gender=gender,
        linkage=linkage_findings(study),
        curves=curves,
        people_studied=int(matchings.weights @ studied.sum(axis=1) + 0.5) if studied.size else 0,
        audited=frozenset(completeness or ()),
        funnel=tuple(funnel),
        last_contact=last_contact,
        last_contact_pooled=pooled,
        sensitivities=tuple(variants),
        rule_grid=rule_grid(study, matchings) if sensitivities else (),
        expected_falls=expected_falls(study, matchings),
        everyone=everyone_rows(study),
    )
