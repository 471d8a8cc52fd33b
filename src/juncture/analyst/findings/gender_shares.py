"""Women beside men in shares: the roles in which police meet people, where crises begin and lead, and when they come.

Each is a share of contacts or crisis episodes of the follow-up at risk, summed over a group, with interval and p by
person. ``share:`` and then

``role_victim``, ``role_suspect``, ``role_subject``: of contacts with the police whose role is told, those in that role.
``first_police``: of crises, those that began with the police and no clinician. ``co_response``: those with a
co-response. ``crisis_to_arrest``, ``crisis_to_hospital``: those with an arrest, or with a Section 12, a visit to an
emergency department or an inpatient stay, within 72 hours of their start; ``crisis_to_follow_up``: those with a
follow-up within 7 days of their end. Crises of which that long was not observed do not count. ``night``: of crises,
those that began from midnight to 6, where times are told by six hours; ``weekend``: on a Saturday or Sunday. Where
times are told by the week, neither can be seen, nor what a crisis led to.

``link_low``, ``link_high``: where a crisis is *followed* by something, a missed link hides it as it hides any contact.
Elsewhere part and whole are seen or missed together, so links move a share only as far as one agency's contacts are
missed more than another's; a share of one agency's contacts they do not move.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import AgencyFamily, ContactRole, Grain
from juncture.analyst.findings.by_sex import PERMUTATIONS, compare_sums, people_with
from juncture.analyst.findings.linkage import Linkage
from juncture.analyst.findings.matchings import GROUPS, Matchings
from juncture.analyst.findings.model import NAN, GenderFinding, Stratum
from juncture.analyst.statistics.arrays import Vector
from juncture.analyst.statistics.misclassification import Chance, pooled
from juncture.analyst.study.atrisk import during_risk
from juncture.analyst.study.model import HOURS_A_BAND, HOURS_A_DAY, Contact, Episode, JoinedTimeline, Study

PREFIX = "share:"
ROLE = f"{PREFIX}role_"
ROLES = (ContactRole.VICTIM, ContactRole.SUSPECT, ContactRole.SUBJECT)
HOSPITAL = frozenset({"section12", "section12_transport", "inpatient_stay", "ed_visit", "ed_discharge"})
LEADS_TO_HOURS = 72
FOLLOWED_DAYS = 7
SATURDAY = 5


@dataclass(frozen=True)
class Case:
    """A contact or episode that counts: ``agency`` that told of it first, ``happened``: whether the share holds it;
    ``seen_by``: who told of what it led to, ``linked``: whether seeing this took a link."""

    agency: str
    happened: bool
    seen_by: str | None = None
    linked: bool = False


Cases = Callable[[JoinedTimeline], Iterable[Case]]


def compare_shares(
    study: Study, matchings: Matchings, linkage: Linkage, rng: np.random.Generator, permutations: int = PERMUTATIONS
) -> list[GenderFinding]:
    """Every share that the agreement's fields and grain allow; without q."""
    found = [
        _compared(name, cases, study, matchings, linkage, rng, permutations) for name, cases in _measures(study).items()
    ]
    others = _in_other_roles(study, matchings)
    return [replace(f, people_rest=others) if f.measure.startswith(ROLE) else f for f in found]


def _measures(study: Study) -> dict[str, Cases]:
    agreement = study.agreement
    police = _police(agreement)
    grain = agreement.release.start.grain
    found: dict[str, Cases] = {}
    if agreement.release.role is not None and police:
        for role in ROLES:
            found[f"role_{role.value}"] = _in_role(role, police)
    if police and police != set(agreement.agencies):
        found["first_police"] = _episodes(lambda t, e: _began_with_police(t, e, police))
    found["co_response"] = _episodes(lambda t, e: any(t.contacts[m].word == "co_response" for m in e.members))
    if grain is Grain.WEEK:
        return found
    found["crisis_to_arrest"] = _leads_to(_is_arrest, within_h=LEADS_TO_HOURS)
    found["crisis_to_hospital"] = _leads_to(lambda c: c.word in HOSPITAL, within_h=LEADS_TO_HOURS)
    found["crisis_to_follow_up"] = _leads_to(
        lambda c: c.word == "follow_up", within_h=FOLLOWED_DAYS * HOURS_A_DAY, from_end=True
    )
    if grain is Grain.SIX_HOURS:
        found["night"] = _episodes(lambda t, e: e.start_h % HOURS_A_DAY < HOURS_A_BAND)
    weekdays = [person.weekday for person in study.people]
    if None not in weekdays:
        found["weekend"] = _episodes(
            lambda t, e: (e.start_h // HOURS_A_DAY + (weekdays[t.person] or 0)) % 7 >= SATURDAY
        )
    return found


def _police(agreement: Agreement) -> set[str]:
    return {name for name in agreement.agencies if agreement.party[name].family is AgencyFamily.POLICE}


def _in_role(role: ContactRole, police: set[str]) -> Cases:
    return lambda t: (
        Case(c.agency, c.role == role.value)
        for c in during_risk(t, t.contacts)
        if c.agency in police and c.role is not None
    )


def _episodes(wanted: Callable[[JoinedTimeline, Episode], bool]) -> Cases:
    return lambda t: (Case(t.contacts[e.members[0]].agency, wanted(t, e)) for e in during_risk(t, t.crises))


def _began_with_police(timeline: JoinedTimeline, episode: Episode, police: set[str]) -> bool:
    # At a co-response a clinician is there, whether or not the clinician's own record was linked.
    first = [c for m in episode.members if (c := timeline.contacts[m]).start_h == episode.start_h]
    return all(c.agency in police and c.word != "co_response" for c in first)


def _is_arrest(contact: Contact) -> bool:
    return contact.word == "arrest" and contact.role != ContactRole.VICTIM.value


def _leads_to(wanted: Callable[[Contact], bool], *, within_h: int, from_end: bool = False) -> Cases:
    """Episodes with a contact that is ``wanted`` within ``within_h`` of their start, or after their end and within as
    long of it."""

    def cases(timeline: JoinedTimeline) -> Iterable[Case]:
        told = [c for c in timeline.contacts if c.concerns_person and wanted(c)]
        for episode in during_risk(timeline, timeline.crises):
            first, last = episode.start_h, episode.start_h + within_h
            if from_end:
                first, last = episode.end_h + 1, episode.end_h + within_h
            if last >= timeline.exit_h:
                continue
            agencies = {timeline.contacts[m].agency for m in episode.members}
            after = [c.agency for c in told if first <= c.start_h <= last]
            # Where several tell of it, the one that also told of the crisis needs no link to do so.
            seen_by = min(after, key=lambda a: (a not in agencies, a), default=None)
            agency = timeline.contacts[episode.members[0]].agency
            yield Case(agency, seen_by is not None, seen_by, seen_by is not None and seen_by not in agencies)

    return cases


def _compared(
    name: str,
    cases: Cases,
    study: Study,
    matchings: Matchings,
    linkage: Linkage,
    rng: np.random.Generator,
    permutations: int,
) -> GenderFinding:
    agencies = study.agreement.agencies
    place = {agency: a for a, agency in enumerate(agencies)}
    # Of each timeline and agency: the whole and the part by who told of the case; what followed, by who told of that,
    # without and with a link.
    counted = np.zeros((4, len(study.timelines), len(agencies)))
    for t, timeline in enumerate(study.timelines):
        for case in cases(timeline):
            counted[0, t, place[case.agency]] += 1
            counted[1, t, place[case.agency]] += case.happened
            if case.seen_by is not None:
                counted[3 if case.linked else 2, t, place[case.seen_by]] += 1
    whole, part = counted[0].sum(axis=1), counted[1].sum(axis=1)
    found = compare_sums(PREFIX + name, part, whole, matchings, rng, permutations=permutations)
    factors = []
    for stratum in GROUPS:
        sums = matchings.total(counted.swapaxes(0, 1), stratum)
        if counted[2:].any():
            factors.append(_followed(sums[2], sums[3], stratum, linkage))
        else:
            factors.append(_mixed(sums[1], sums[0], stratum, linkage))
    (least_women, most_women), (least_men, most_men) = factors
    return replace(
        found,
        people_with=(*found.people_with, *_without(whole - part, matchings)),
        link_low=float(found.ratio.low * least_women / most_men),
        link_high=float(found.ratio.high * most_women / least_men),
    )


def _in_other_roles(study: Study, matchings: Matchings) -> tuple[int, int]:
    """Women and men with a contact with the police in a role of which no share is told: what the shares leave of 1."""
    police = _police(study.agreement)
    told = [
        [c.agency in police and c.role is not None and c.role not in ROLES for c in during_risk(t, t.contacts)]
        for t in study.timelines
    ]
    return _without(np.array([sum(others) for others in told], dtype=np.float64), matchings)


def _without(rest: Vector, matchings: Matchings) -> tuple[int, int]:
    """Women and men with a case that the share does not hold."""
    mean = matchings.weights @ matchings.by_person(rest)
    known = matchings.group < 2
    return people_with(mean[known], matchings.group[known] == 0)


def _followed(own: Vector, linked: Vector, stratum: Stratum, linkage: Linkage) -> tuple[float, float]:
    """By how much the share may be more than seen, at least and at most, where missed links hide what followed."""
    weights: list[float] = []
    chances: list[Chance] = []
    for agency, mine, other in zip(linkage.agencies, own.tolist(), linked.tolist(), strict=True):
        weights += [mine, other]
        chances += [linkage.whole(agency, stratum), linkage.seen(agency, stratum)]
    told = [(weight, chance) for weight, chance in zip(weights, chances, strict=True) if weight > 0]
    if not told:
        return NAN, NAN
    chance = pooled([weight for weight, _ in told], [chance for _, chance in told])
    return 1 / chance.high, 1 / chance.low


def _mixed(part: Vector, whole: Vector, stratum: Stratum, linkage: Linkage) -> tuple[float, float]:
    """The same where part and whole are missed together: the extremes over the agencies' chances.

    A share of sums over chances rises or falls with each chance throughout, so its extremes lie at their ends.
    """
    told = np.flatnonzero(whole > 0)
    if not part.sum() > 0:
        return NAN, NAN
    if told.size == 1:
        return 1.0, 1.0
    chances = [linkage.seen(linkage.agencies[a], stratum) for a in told.tolist()]
    seen = float(part.sum() / whole.sum())
    shares = [
        _share_at(part[told], whole[told], ends) for ends in itertools.product(*((c.low, c.high) for c in chances))
    ]
    return min(shares) / seen, max(shares) / seen


def _share_at(part: Vector, whole: Vector, chances: Sequence[float]) -> float:
    return float((part / chances).sum() / (whole / chances).sum())
