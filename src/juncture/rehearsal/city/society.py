"""Who lives in the made-up city, as far as contacts go: groups, frailty, and everything that is no crisis.

The figures are invented, of the size that published cohorts of people with frequent police and crisis contact show.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import floor

import numpy as np

from juncture.rehearsal.city.life import CLINIC, POLICE, Contact, Opening, Planted, Temper, crisis_course

YEAR = 365.25


class Group(Enum):
    """Which agencies have ever met a person, and how often."""

    POLICE_ONLY = "police only"
    CLINIC_ONLY = "clinic only"
    BOTH = "both, seldom"
    FREQUENT = "both, often"

    @property
    def agencies(self) -> tuple[str, ...]:
        """The agencies that hold records of such a person."""
        return {Group.POLICE_ONLY: (POLICE,), Group.CLINIC_ONLY: (CLINIC,)}.get(self, (POLICE, CLINIC))


#: Share of women, of men; the rest are of other sex. Women are the larger part of those met often.
SEXES: Mapping[Group, tuple[float, float]] = {
    Group.POLICE_ONLY: (0.31, 0.68),
    Group.CLINIC_ONLY: (0.54, 0.445),
    Group.BOTH: (0.5, 0.49),
    Group.FREQUENT: (0.61, 0.37),
}
#: Contacts a year of one person, crises apart, by group in the order of :class:`Group`.
ORDINARY: Mapping[tuple[str, str], tuple[float, float, float, float]] = {
    (POLICE, "incident"): (0.30, 0, 0.24, 0.8),
    (POLICE, "arrest"): (0.14, 0, 0.10, 0.6),
    (POLICE, "victimisation"): (0.10, 0, 0.12, 0.8),
    (POLICE, "field_contact"): (0.07, 0, 0.06, 0.5),
    (POLICE, "welfare_check"): (0.02, 0, 0.04, 0.5),
    (POLICE, "other_police"): (0.08, 0, 0.06, 0.2),
    (CLINIC, "outpatient"): (0, 0.12, 0.08, 0.8),
    (CLINIC, "phone_contact"): (0, 0.04, 0.04, 0.8),
    (CLINIC, "ed_visit"): (0, 0.05, 0.04, 0.1),
}
#: How many times as often women as men, within a group (the middle is 1).
WOMEN_OVER_MEN: Mapping[str, float] = {"victimisation": 2.4, "arrest": 0.55, "field_contact": 0.6}
#: Chance that the crisis team telephones somebody met often in the 13 days after; it changes nothing in what follows.
OUTREACH: Mapping[str, float] = {"arrest": 0.4, "victimisation": 0.4}
#: Gamma shapes of the frailty: the smaller, the more unequal.
FRAILTY = {Group.POLICE_ONLY: 0.9, Group.CLINIC_ONLY: 0.9, Group.BOTH: 0.8, Group.FREQUENT: 5.0}
#: Crises a year before spells and flares, by group in the order of :class:`Group`.
CRISES = (0.04, 0.12, 0.10, 5.8)
#: Mean chance of a planned follow-up within 7 days of a co-response; it varies between people (beta).
FOLLOW_UP = {"female": 0.4, "male": 0.52, "other": 0.45}
FOLLOW_UP_SPREAD = 5.0
_SEEN_BY = {  # co-response, police call alone, mobile crisis, crisis evaluation
    Group.POLICE_ONLY: (0.0, 1.0, 0.0, 0.0),
    Group.CLINIC_ONLY: (0.0, 0.0, 0.55, 0.45),
    Group.BOTH: (0.25, 0.25, 0.25, 0.25),
    Group.FREQUENT: (0.6, 0.2, 0.11, 0.09),
}


@dataclass(frozen=True)
class Society:
    """The people and all that happened; ``group`` and ``sex`` by person number, contacts in order of time."""

    group: tuple[Group, ...]
    sex: tuple[str, ...]
    contacts: tuple[Contact, ...]
    openings: tuple[Opening, ...]


def draw_society(
    rng: np.random.Generator, counts: Mapping[Group, int], days: float, *, planted: Planted | None = None
) -> Society:
    """Draw ``counts`` people of each group and their contacts over ``days``; everyone meets each of its agencies."""
    group = tuple(g for g in Group for _ in range(counts.get(g, 0)))
    sex = tuple(_sexes(rng, counts))
    ordinary = _ordinary(rng, group, sex, days)
    contacts: list[Contact] = []
    openings: list[Opening] = []
    order = list(Group)
    for person, (g, s) in enumerate(zip(group, sex, strict=True)):
        base = CRISES[order.index(g)] / YEAR * float(rng.gamma(FRAILTY[g])) / FRAILTY[g]
        mean = FOLLOW_UP[s]
        chance = float(rng.beta(mean * FOLLOW_UP_SPREAD, (1 - mean) * FOLLOW_UP_SPREAD))
        mine = ordinary[person]
        custody = [(c.start, c.end) for c in mine if c.kind == "arrest" and c.end is not None]
        visits = [c.start for c in mine if c.kind == "outpatient"]
        course = crisis_course(
            rng, person, Temper(base, *_SEEN_BY[g], chance), days, visits=visits, custody=custody, planted=planted
        )
        openings += course.openings
        life = [*course.contacts, *_outside(mine, course.stays, days)]
        life += _first_meetings(rng, person, g, life, days)
        contacts += life
    contacts.sort(key=lambda c: (c.start, c.person, c.agency, c.kind))
    return Society(group, sex, tuple(contacts), tuple(openings))


def most_within(times: Sequence[float], days: float) -> int:
    """The most of the sorted ``times`` that fall in any window of ``days``."""
    array = np.asarray(times, dtype=np.float64)
    if array.size == 0:
        return 0
    return int((np.searchsorted(array, array + days, side="left") - np.arange(array.size)).max())


def qualifying(contacts: Iterable[Contact], last_day: float, rule: Mapping[str, int], within: float) -> list[int]:
    """People with at least ``rule[agency]`` contacts of every agency within ``within`` days before ``last_day``."""
    times: dict[tuple[int, str], list[float]] = defaultdict(list)
    for contact in contacts:
        if contact.start < last_day:
            times[contact.person, contact.agency].append(float(np.floor(contact.start)))
    people = sorted({person for person, _ in times})
    return [p for p in people if all(most_within(times[p, a], within) >= least for a, least in rule.items())]


def _sexes(rng: np.random.Generator, counts: Mapping[Group, int]) -> list[str]:
    """Exact shares within a group, in random order, so that a small city is no accident."""
    drawn: list[str] = []
    for g in Group:
        n = counts.get(g, 0)
        women, men = (round(share * n) for share in SEXES[g])
        men = min(men, n - women)
        labels = ["female"] * women + ["male"] * men + ["other"] * (n - women - men)
        drawn += [labels[i] for i in rng.permutation(n)]
    return drawn


def _ordinary(
    rng: np.random.Generator, group: Sequence[Group], sex: Sequence[str], days: float
) -> dict[int, list[Contact]]:
    """Contacts that are no crisis; an arrest ends with the release from custody (its own contact)."""
    order = list(Group)
    which = np.array([order.index(g) for g in group], dtype=np.int64)
    shapes = np.array([FRAILTY[g] for g in group])
    frailty = {agency: rng.gamma(shapes) / shapes for agency in (POLICE, CLINIC)}
    found: dict[int, list[Contact]] = defaultdict(list)
    for (agency, kind), yearly in ORDINARY.items():
        ratio = WOMEN_OVER_MEN.get(kind, 1.0) ** 0.5
        by_sex = np.array([{"female": ratio, "male": 1 / ratio}.get(s, 1.0) for s in sex])
        rate = np.asarray(yearly)[which] * frailty[agency] * by_sex * days / YEAR
        people = np.repeat(np.arange(len(group)), rng.poisson(rate))
        starts = rng.random(people.size) * days
        lengths = rng.lognormal(-0.4, 1.3, people.size)
        luck = rng.random(people.size)
        drawn = (people.tolist(), starts.tolist(), lengths.tolist(), luck.tolist())
        for person, start, long, die in zip(*drawn, strict=True):
            found[person] += _one(person, agency, kind, start, long, die, days)
            if kind in OUTREACH and group[person] is Group.FREQUENT and rng.random() < OUTREACH[kind]:
                called = floor(start) + 1 + int(13 * rng.random()) + (9 + 8 * rng.random()) / 24
                found[person].append(Contact(person, CLINIC, "phone_contact", float(called)))
    for mine in found.values():
        mine.sort(key=lambda c: c.start)
    return found


def _one(person: int, agency: str, kind: str, start: float, long: float, die: float, days: float) -> list[Contact]:
    """One ordinary contact and what belongs to it; ``long`` is a length in days, ``die`` uniform."""
    if kind == "arrest":
        until = start + min(long, 60.0)
        held = [Contact(person, agency, kind, start, until)]
        released = die < 0.8 and until < days
        return [*held, Contact(person, agency, "custody_release", until)] if released else held
    if kind == "ed_visit":
        return [Contact(person, agency, kind, start, start + (3 + 20 * die) / 24)]
    if kind in ("outpatient", "phone_contact"):
        return [Contact(person, agency, kind, floor(start) + (9 + 8 * die) / 24)]
    role = "subject"
    if kind == "victimisation":
        role = "victim"
    elif kind == "incident":
        role = "subject" if die < 0.6 else "suspect" if die < 0.78 else "caller" if die < 0.92 else "witness"
    return [Contact(person, agency, kind, start, role=role)]


def _outside(mine: Iterable[Contact], stays: Sequence[tuple[float, float]], days: float) -> list[Contact]:
    """Ordinary contacts that do not fall into a stay in hospital or pass the last day; an arrest's end is not told."""
    kept = []
    never_held: set[float] = set()
    for c in mine:
        if c.start >= days or any(a - 0.1 <= c.start <= b for a, b in stays):
            if c.kind == "arrest" and c.end is not None:
                never_held.add(c.end)
            continue
        if c.kind == "custody_release" and c.start in never_held:
            continue
        kept.append(Contact(c.person, c.agency, c.kind, c.start, None, c.role) if c.kind == "arrest" else c)
    return kept


def _first_meetings(
    rng: np.random.Generator, person: int, group: Group, life: Sequence[Contact], days: float
) -> list[Contact]:
    met = {contact.agency for contact in life}
    start = {POLICE: "incident", CLINIC: "outpatient"}
    return [
        Contact(person, agency, start[agency], float(rng.random() * days))
        for agency in group.agencies
        if agency not in met
    ]
