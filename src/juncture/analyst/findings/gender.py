"""Women beside men: contact rates, response received, and whether missing a juncture matters as much to both.

``<agency>_contacts``: contacts of any role a person-year; ``crises``: crisis episodes; ``co_responses``: of them those
with a co-response; ``arrests``, ``follow_ups``: contacts of that kind at any agency; ``institution_stays``: stays that
began. A person-year is one at risk: observed and in no institution, and only what happened at risk is counted.
``share:<name>``: roles, pathways and timing (:mod:`findings.gender_shares`). ``missed_share:<juncture>``: the share of
openings missed; ``hazard_ratio:<juncture>``: missed over met, whose ratio women over men is the interaction.

``link_low``, ``link_high``: the ends that the interval of a ratio reaches over the range, by sex, of the chance that
contacts, or an opening's response, are seen. Where they hold 1 the difference may be the linkage's. The range of the
ratio alone would leave out chance, and false differences with it. Whom a false link gives a stranger's contacts has
neither fewer nor more of them than others.

Rates and ``share:`` have their p from permuting persons on their means over the matchings; missed shares and
interactions have it from t. q-values: rates and all shares are one family, interactions another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from juncture.analyst.findings.by_sex import PERMUTATIONS, compare_sums
from juncture.analyst.findings.effects import JunctureResult
from juncture.analyst.findings.gender_shares import compare_shares
from juncture.analyst.findings.linkage import Linkage
from juncture.analyst.findings.matchings import Combined, Matchings
from juncture.analyst.findings.model import NAN, Estimate, GenderFinding, Stratum
from juncture.analyst.statistics.arrays import Vector, of_difference, over, t_interval, t_p_value
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.analyst.statistics.misclassification import pooled
from juncture.analyst.statistics.multiplicity import benjamini_hochberg
from juncture.analyst.study.atrisk import at_risk_spans, during_risk, institution_kinds
from juncture.analyst.study.model import HOURS_A_YEAR, Contact, JoinedTimeline, Study

SHARE, HAZARD = "missed_share", "hazard_ratio"


def years_at_risk(timelines: Sequence[JoinedTimeline]) -> Vector:
    """Years of follow-up at risk of each timeline."""
    return np.array(
        [sum(b - a for a, b in at_risk_spans(*t.follow_up_h, t.stays)) / HOURS_A_YEAR for t in timelines],
        dtype=np.float64,
    )


def compare_women_and_men(
    study: Study,
    matchings: Matchings,
    results: Sequence[JunctureResult],
    linkage: Linkage,
    rng: np.random.Generator,
    permutations: int = PERMUTATIONS,
) -> tuple[GenderFinding, ...]:
    """All measures with their q-values; ``permutations`` of persons a measure."""
    years = years_at_risk(study.timelines)
    rates = [
        _rate(name, _by_agency(study, told_by), years, matchings, linkage, rng, permutations)
        for name, told_by in _measures(study).items()
    ]
    shares = compare_shares(study, matchings, linkage, rng, permutations)
    missed = [_share(result) for result in results]
    interactions = [_interaction(result) for result in results]
    return (*_with_q([*rates, *shares, *missed]), *_with_q(interactions))


def _measures(study: Study) -> dict[str, Callable[[JoinedTimeline], list[str]]]:
    """By measure, how to find the agencies that told of each event of a timeline (of an episode, the first)."""
    institution = institution_kinds(study.agreement)

    def contacts(wanted: Callable[[Contact], bool]) -> Callable[[JoinedTimeline], list[str]]:
        return lambda t: [c.agency for c in during_risk(t, t.contacts) if wanted(c)]

    def episodes(wanted: Callable[[Contact], bool]) -> Callable[[JoinedTimeline], list[str]]:
        return lambda t: [
            t.contacts[e.members[0]].agency
            for e in during_risk(t, t.crises)
            if any(wanted(t.contacts[m]) for m in e.members)
        ]

    def at(agency: str) -> Callable[[JoinedTimeline], list[str]]:
        return contacts(lambda c: c.agency == agency)

    found = {f"{agency}_contacts": at(agency) for agency in study.agreement.agencies}
    found["crises"] = episodes(lambda c: True)
    found["co_responses"] = episodes(lambda c: c.word == "co_response")
    found["arrests"] = contacts(lambda c: c.word == "arrest")
    found["follow_ups"] = contacts(lambda c: c.word == "follow_up")
    found["institution_stays"] = contacts(lambda c: c.kind in institution)
    return found


def _by_agency(study: Study, told_by: Callable[[JoinedTimeline], list[str]]) -> Vector:
    """Events of each timeline (t, agencies)."""
    counted = [Counter(told_by(t)) for t in study.timelines]
    agencies = study.agreement.agencies
    return np.array([[c[a] for a in agencies] for c in counted], dtype=np.float64).reshape(-1, len(agencies))


def _rate(
    name: str,
    by_agency: Vector,
    years: Vector,
    matchings: Matchings,
    linkage: Linkage,
    rng: np.random.Generator,
    permutations: int,
) -> GenderFinding:
    """Rates of one measure, counted in each timeline."""
    found = compare_sums(name, by_agency.sum(axis=1), years, matchings, rng, permutations=permutations)
    link_low, link_high = _rate_range(found.ratio, by_agency, matchings, linkage)
    return replace(found, link_low=link_low, link_high=link_high)


def _rate_range(ratio: Estimate, by_agency: Vector, matchings: Matchings, linkage: Linkage) -> tuple[float, float]:
    """Where the interval of two rates' ratio reaches over the chances, by sex, that the events are seen."""
    chances = []
    for stratum in (Stratum.WOMEN, Stratum.MEN):
        events = matchings.total(by_agency, stratum)
        if not events.any():
            return NAN, NAN
        seen = {agency: number for agency, number in zip(linkage.agencies, events.tolist(), strict=True) if number}
        chances.append(pooled(list(seen.values()), [linkage.seen(agency, stratum) for agency in seen]))
    women, men = chances
    return ratio.low * men.low / women.high, ratio.high * men.high / women.low


def _share(result: JunctureResult) -> GenderFinding:
    women, men = result.findings[Stratum.WOMEN], result.findings[Stratum.MEN]
    logs, least = result.log_shares, result.least_log_shares
    return GenderFinding(
        measure=f"{SHARE}:{women.juncture}",
        women=women.missed_share.value,
        men=men.missed_share.value,
        ratio=_difference(logs[Stratum.WOMEN], logs[Stratum.MEN]),
        people_women=women.counts.people_any,
        people_men=men.counts.people_any,
        people_with=(
            *(women.counts.people_missed, women.counts.people_met),
            *(men.counts.people_missed, men.counts.people_met),
        ),
        largest_share=result.findings[Stratum.ALL].largest_share,
        link_low=_difference(least[Stratum.WOMEN], logs[Stratum.MEN]).low,
        link_high=_difference(logs[Stratum.WOMEN], least[Stratum.MEN]).high,
    )


def _interaction(result: JunctureResult) -> GenderFinding:
    women, men = result.findings[Stratum.WOMEN], result.findings[Stratum.MEN]
    both = women.counts.people_informative, men.counts.people_informative
    ratio = _difference(result.log_ratios[Stratum.WOMEN], result.log_ratios[Stratum.MEN])
    ratio = ratio if min(both) >= SMALLEST_INFORMATIVE else Estimate(ratio.value)
    # The interval is moved as far as linkage error may have moved the two ratios.
    down = over(women.links.ratio_low, women.ratio.value) / over(men.links.ratio_high, men.ratio.value)
    up = over(women.links.ratio_high, women.ratio.value) / over(men.links.ratio_low, men.ratio.value)
    return GenderFinding(
        measure=f"{HAZARD}:{women.juncture}",
        women=women.ratio.value,
        men=men.ratio.value,
        ratio=ratio,
        people_women=both[0],
        people_men=both[1],
        people_with=(),
        largest_share=result.findings[Stratum.ALL].largest_share,
        link_low=ratio.low * down,
        link_high=ratio.high * up,
    )


def _difference(women: Combined, men: Combined) -> Estimate:
    """Ratio of two figures of different people, from their logarithms.

    The degrees of freedom of each hold what linkage takes from them, so the number of people would be too many.
    """
    difference = women.value - men.value
    error, degrees = of_difference(
        (women.standard_error, men.standard_error), (women.degrees_of_freedom, men.degrees_of_freedom)
    )
    low, high = t_interval(difference, error, degrees)
    value, low, high = np.exp([difference, low, high]).tolist()
    return Estimate(value, low, high, t_p_value(difference, error, degrees))


def _with_q(findings: Sequence[GenderFinding]) -> list[GenderFinding]:
    q_values = benjamini_hochberg([f.ratio.p_value for f in findings]).q_values.tolist()
    return [replace(f, q_value=q) for f, q in zip(findings, q_values, strict=True)]
