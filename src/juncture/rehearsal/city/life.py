"""What happens to the people of the made-up city: crises, who sees them, and whether anybody comes back.

A person's crises follow a point process with hazard

    base(person) x spell(t) x flare(time since the last crisis) x missed(t) x hour of day

where ``base`` carries the frailty (gamma), ``spell`` the hidden bad spells, ``flare`` the days right after a crisis,
and ``missed`` the planted effect: from 7 days after a co-response until the next crisis, for at most
``horizon_days``, the hazard is ``ratio`` times as high where no follow-up came within those 7 days. Every factor but
``missed`` is the same whether or not somebody came, so a comparison within persons by landmark finds ``ratio``
(hidden spells pull it a few hundredths towards 1). Drawn by thinning (Lewis and Shedler 1979; Ogata 1981).

Times are days since the first day of the selection window, midnight, as float64.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, floor, inf

import numpy as np

POLICE, CLINIC = "police", "clinic"


@dataclass(frozen=True)
class Planted:
    """The truth put into the city; ``ratio`` is the hazard of the next crisis, follow-up missed over met."""

    ratio: float = 1.7
    within_days: float = 7.0
    horizon_days: float = 30.0

    def __post_init__(self) -> None:
        if not (self.ratio >= 1 and self.within_days > 0 and self.horizon_days > 0):
            raise ValueError("A planted ratio is at least 1, and its windows are longer than nothing.")


@dataclass(frozen=True)
class Contact:
    """One meeting of person number ``person`` with an agency; ``joint`` numbers the co-response both agencies saw."""

    person: int
    agency: str
    kind: str
    start: float
    end: float | None = None
    role: str = "subject"
    joint: int | None = None


@dataclass(frozen=True)
class Opening:
    """A co-response seen from its end: ``met`` if a follow-up or outpatient visit fell in the next ``within_days``.

    ``next_crisis`` is infinite where none came before the city's last day; ``evaluable`` is false where a crisis, an
    admission or the end of the window came before the landmark, ``end + within_days``.
    """

    person: int
    end: float
    met: bool
    next_crisis: float
    evaluable: bool


@dataclass(frozen=True)
class Temper:
    """What drives one person's crises: ``base`` a day, who comes (shares summing to 1), the chance of a follow-up."""

    base: float
    co_response: float
    crisis_call: float
    mobile_crisis: float
    crisis_evaluation: float
    follow_up: float

    def __post_init__(self) -> None:
        shares = (self.co_response, self.crisis_call, self.mobile_crisis, self.crisis_evaluation)
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-9 or not 0 <= self.follow_up <= 1 or self.base < 0:
            raise ValueError("The shares of who comes must sum to 1, and chances lie between 0 and 1.")

    @property
    def known_to_clinic(self) -> bool:
        """False for a person whose crises only the police ever see."""
        return self.crisis_call < 1


@dataclass(frozen=True)
class Course:
    """All that follows from one person's crises."""

    contacts: tuple[Contact, ...]
    openings: tuple[Opening, ...]
    stays: tuple[tuple[float, float], ...]


SPELL_FACTOR = 2.0
SPELL_DAYS = 18.0
DAYS_BETWEEN_SPELLS = 140.0
FLARE = 2.5
FLARE_DAYS = 3.0
#: After an episode nothing new begins for this long, so that a new crisis is a new episode (the gap is 24 h).
QUIET_DAYS = 1.25
_HOURS = tuple(h / 10 for h in (5, 4, 4, 3, 3, 3, 4, 5, 7, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 10, 9, 9, 8, 7))
#: The first crisis leaves room for a call before it.
_EARLIEST = 0.1


def crisis_course(
    rng: np.random.Generator,
    person: int,
    temper: Temper,
    days: float,
    *,
    visits: Sequence[float] = (),
    custody: Sequence[tuple[float, float]] = (),
    planted: Planted | None = None,
) -> Course:
    """Draw a person's crises over ``days`` and what each brings.

    ``visits`` are the person's outpatient visits, sorted; ``custody`` the intervals in which no crisis is seen.
    """
    truth = planted or Planted()
    spells = _spells(rng, days)
    bound = temper.base * SPELL_FACTOR * (1 + FLARE) * truth.ratio
    count = int(rng.poisson(bound * days))
    times = np.sort(rng.random(count) * days).tolist()
    dice = rng.random((count, 12)).tolist()

    contacts: list[Contact] = []
    openings: list[Opening] = []
    stays: list[tuple[float, float]] = []
    answers = sorted(visits)
    quiet_until, last_end = _EARLIEST, -inf
    open_end: float | None = None
    admitted = missed = False
    judged = True

    def close(next_crisis: float) -> None:
        if open_end is None:
            return
        met = _answered(answers, open_end, truth.within_days)
        landmark = open_end + truth.within_days
        openings.append(
            Opening(person, open_end, met, next_crisis, not admitted and next_crisis > landmark and landmark < days)
        )

    for t, die in zip(times, dice, strict=True):
        if t < quiet_until or any(a <= t < b for a, b in custody):
            continue
        factor = _HOURS[int((t % 1.0) * 24)] * (1 + FLARE * exp(-(t - last_end) / FLARE_DAYS))
        if any(a <= t < b for a, b in spells):
            factor *= SPELL_FACTOR
        if open_end is not None and not admitted and t > open_end + truth.within_days:
            if not judged:
                missed, judged = not _answered(answers, open_end, truth.within_days), True
            if missed and t <= open_end + truth.within_days + truth.horizon_days:
                factor *= truth.ratio
        if die[0] * SPELL_FACTOR * (1 + FLARE) * truth.ratio >= factor:
            continue
        seen = _crisis(person, temper, t, die)
        close(min(contact.start for contact in seen))
        last = max(contact.start for contact in seen)
        stay = _hospital(person, seen[0].kind, last, die, rng, days) if temper.known_to_clinic else ()
        came = _follow_up(person, temper, seen, stay[-1].end if stay else None, last, die, days)
        if stay:
            # Visits planned after an earlier crisis do not find a person who is in hospital by then.
            lost = [c for c in contacts if c.kind == "follow_up" and stay[0].start <= c.start <= (stay[-1].end or inf)]
            contacts = [c for c in contacts if c not in lost]
            answers = [a for a in answers if a not in {c.start for c in lost}]
        contacts += (*seen, *stay, *came)
        for visit in came:
            answers.insert(bisect_right(answers, visit.start), visit.start)
        stays += [(s.start, s.end) for s in stay if s.end is not None]
        last_end = last
        quiet_until = max([last + QUIET_DAYS, *(s.end + 0.5 for s in stay if s.end is not None)])
        open_end = last if any(contact.kind == "co_response" for contact in seen) else None
        admitted, judged = any(s.kind == "inpatient_stay" for s in stay), False
    close(inf)
    return Course(tuple(contacts), tuple(openings), tuple(stays))


def _spells(rng: np.random.Generator, days: float) -> list[tuple[float, float]]:
    spells, t = [], float(rng.exponential(DAYS_BETWEEN_SPELLS))
    while t < days:
        length = float(rng.exponential(SPELL_DAYS))
        spells.append((t, t + length))
        t += length + float(rng.exponential(DAYS_BETWEEN_SPELLS))
    return spells


def _answered(answers: Sequence[float], end: float, within: float) -> bool:
    """Whether an answer fell in (end, end + within], not on the day of ``end`` itself."""
    at = bisect_right(answers, floor(end) + 1 - 1e-9)
    return at < len(answers) and answers[at] <= end + within


def _crisis(person: int, temper: Temper, t: float, die: Sequence[float]) -> list[Contact]:
    """The contacts of one episode, within hours of each other, the kind that names it first."""
    u = die[1]
    if u < temper.co_response:
        joint = int(t * 1440)
        lag = (die[3] * 16 - 4) / 1440
        seen = [
            Contact(person, POLICE, "co_response", t, joint=joint),
            Contact(person, CLINIC, "co_response", t + lag, joint=joint),
        ]
        if die[2] < 0.12:
            seen.append(Contact(person, POLICE, "crisis_call", t - (15 + 60 * die[3]) / 1440))
        elif die[2] > 0.9:
            seen.append(Contact(person, CLINIC, "crisis_evaluation", t + (60 + 180 * die[3]) / 1440))
        return seen
    u -= temper.co_response
    if u < temper.crisis_call:
        return [Contact(person, POLICE, "crisis_call", t)]
    u -= temper.crisis_call
    kind = "mobile_crisis" if u < temper.mobile_crisis else "crisis_evaluation"
    return [Contact(person, CLINIC, kind, t)]


def _hospital(
    person: int, first: str, last: float, die: Sequence[float], rng: np.random.Generator, days: float
) -> tuple[Contact, ...]:
    """A Section 12 transport and a hold, or some hours in the emergency department, sometimes a stay; empty for most
    crises."""
    by_police = first in ("co_response", "crisis_call")
    if die[4] >= (0.1 if by_police else 0.06) or last + 40 > days:
        return ()
    came: list[Contact] = []
    arrival = last + (40 + 60 * die[5]) / 1440
    if by_police:
        came.append(Contact(person, POLICE, "section12_transport", last + (10 + 25 * die[5]) / 1440))
    leaves = arrival + (4 + 26 * die[6]) / 24
    came.append(Contact(person, CLINIC, "section12" if by_police else "ed_visit", arrival, leaves))
    if die[7] < 0.5:
        length = min(float(rng.lognormal(1.9, 0.5)), 30.0)
        came.append(Contact(person, CLINIC, "inpatient_stay", leaves + 1 / 24, leaves + 1 / 24 + length))
    return tuple(came)


def _follow_up(
    person: int,
    temper: Temper,
    seen: Sequence[Contact],
    discharged: float | None,
    last: float,
    die: Sequence[float],
    days: float,
) -> tuple[Contact, ...]:
    """The follow-up, in office hours: one to six days on, or late, after the landmark; police calls seldom get one."""
    chance = temper.follow_up * (0.15 if all(c.kind == "crisis_call" for c in seen) else 1.0)
    if not temper.known_to_clinic:
        return ()
    day = floor(last if discharged is None else discharged)
    if die[8] < chance:
        day += 1 + int(6 * die[9] ** 1.4)
    elif die[10] < 0.2:
        day += 10 + int(18 * die[9])
    else:
        return ()
    at = day + (9 + 8 * die[11]) / 24
    return (Contact(person, CLINIC, "follow_up", at),) if at < days else ()
