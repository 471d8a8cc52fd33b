"""Openings of a juncture in one joined timeline, and what became of each.

An opening at ``t`` is *met* if a response falls in (t, t + w], *missed* if none does. Times are told at a grain, so
the ties have rules: a crisis in the same grain as a response comes first; a crisis, a response or an end exactly at
t + w still belongs to the window. With ``same_day`` a response on the day of ``t``, not before it, counts; without
it a response counts from the next day on. Where the response must fall in the opening's own episode the window is
empty and the landmark is the episode's end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from juncture.agreement.model import Agreement, Juncture
from juncture.agreement.vocabulary import JunctureFamily
from juncture.analyst.statistics.incidence import CENSORED, CRISIS, RESPONSE
from juncture.analyst.study.atrisk import institution_kinds
from juncture.analyst.study.episodes import merge_episodes
from juncture.analyst.study.model import HOURS_A_DAY, Contact, Episode, JoinedTimeline

PLACEBO_DAYS = 30
NEVER = 10**9


class Fate(StrEnum):
    """Whether an opening can be evaluated, and if not, what came before its landmark."""

    EVALUABLE = "evaluable"
    CRISIS = "a crisis came before the response's window was over"
    INSTITUTION = "the person was in an institution before the response's window was over"
    END = "observation ended before the response's window was over"


@dataclass(frozen=True)
class Opening:
    """One opening; hours on the person's clock, durations in days.

    ``start_h``: where the situation that opened it began; ``at_h``: t. ``settled_days``, ``settled``: time from t to
    the first of response, crisis and end of observation within the window, and which it was. ``days``, ``crisis``:
    from the landmark to the first crisis or to where that could no longer be seen; meaningless unless evaluable.
    ``before_days``, ``before_crisis``: the same backwards from ``start_h``, over 30 days. ``told_by``: agencies whose
    contacts open it; ``answered_by``: the agency of the response that settled it, None where none did. A response from
    ``answer_first_h`` to ``answer_last_h`` would have settled it; none can where the first is later than the last.
    ``response_h``: the first response that may count, in the window or after it, ``NEVER`` where there is none;
    ``stop_h``: where a crisis could no longer be seen, the horizon's end at the latest; ``crises_h``: crises after t
    until then.
    """

    start_h: int
    at_h: int
    fate: Fate
    met: bool
    settled_days: float
    settled: int
    days: float
    crisis: bool
    before_days: float
    before_crisis: bool
    told_by: frozenset[str]
    answered_by: str | None
    answer_first_h: int
    answer_last_h: int
    response_h: int
    stop_h: int
    crises_h: tuple[int, ...]


@dataclass(frozen=True)
class _Situation:
    """What opens a juncture: its first and last hour and the contacts it consists of."""

    start_h: int
    end_h: int
    members: frozenset[int]


def openings_of(juncture: Juncture, timeline: JoinedTimeline, agreement: Agreement) -> tuple[Opening, ...]:
    """Openings whose t falls in the observed follow-up, in order of t; those at the same hour are one."""
    gap = agreement.study.episode_gap_hours
    if juncture.outcome.kinds == "crisis":
        outcomes: Sequence[Episode] = timeline.crises
    else:
        outcomes = merge_episodes(timeline.contacts, juncture.outcome.kinds, gap)
    begin, stop = timeline.follow_up_h
    found: dict[int, _Situation] = {}
    for situation in _situations(juncture, timeline, agreement):
        if begin <= situation.end_h < stop:
            found.setdefault(situation.end_h, situation)
    return tuple(_judge(juncture, found[at], timeline, outcomes) for at in sorted(found))


def _situations(juncture: Juncture, timeline: JoinedTimeline, agreement: Agreement) -> list[_Situation]:
    contacts, index = timeline.contacts, juncture.index
    if juncture.family is JunctureFamily.MISSED_CO_RESPONSE:
        kinds = {*agreement.study.crisis, *index.kinds, *juncture.response.kinds}
        episodes = merge_episodes(contacts, kinds, agreement.study.episode_gap_hours)
        return [
            _Situation(e.start_h, e.end_h, frozenset(e.members))
            for e in episodes
            if any(contacts[m].kind in index.kinds for m in e.members)
        ]
    institution = institution_kinds(agreement)
    episode_of = {m: e for e in timeline.crises for m in e.members}
    single: dict[tuple[int, int], _Situation] = {}
    for place, contact in enumerate(contacts):
        # A stay opens at its discharge; where nobody recorded one, there is none to follow up.
        discharged = contact.end_h is not None or contact.kind not in institution
        if contact.kind in index.kinds and contact.concerns_person and discharged:
            e = episode_of.get(place)
            start, end = (e.start_h, e.end_h) if e else (contact.start_h, contact.last_h)
            members = frozenset(e.members) if e else frozenset({place})
            if index.count > 1:
                # Counted are contacts, not episodes; at this grain one hour holds one contact, recorded once or twice.
                key = (contact.start_h, contact.start_h)
            else:
                key = (start, end)
            seen = single.get(key)
            merged = members | (seen.members if seen else frozenset())
            single[key] = _Situation(start, max(end, seen.end_h if seen else end), merged)
    if index.count == 1:
        return [single[key] for key in sorted(single)]
    return _repeated(
        [(hour, single[(hour, hour)]) for hour, _ in sorted(single)],
        index.count,
        index.within_days * HOURS_A_DAY,
        renew=juncture.family is not JunctureFamily.SILENCE,
    )


def _repeated(counted: Sequence[tuple[int, _Situation]], count: int, within_h: int, *, renew: bool) -> list[_Situation]:
    """Situations made of ``count`` contacts within ``within_h``; with ``renew`` no contact counts for two of them."""
    found = []
    recent: deque[tuple[int, _Situation]] = deque()
    for hour, situation in counted:
        recent.append((hour, situation))
        while hour - recent[0][0] > within_h:
            recent.popleft()
        if len(recent) >= count:
            last = list(recent)[-count:]
            members = frozenset().union(*(s.members for _, s in last))
            found.append(_Situation(min(s.start_h for _, s in last), situation.end_h, members))
            if renew:
                recent.clear()
    return found


def _judge(juncture: Juncture, situation: _Situation, timeline: JoinedTimeline, outcomes: Sequence[Episode]) -> Opening:
    at = situation.end_h
    in_episode = juncture.response.same_episode
    window = 0 if in_episode else juncture.response.within_days * HOURS_A_DAY
    landmark = at + window
    response, agency = _first_response(juncture, situation, timeline.contacts)
    stay = next((max(begin, at) for begin, end in timeline.stays if end > at), NEVER)
    stop = min(stay, timeline.exit_h)
    last = min(stop, landmark + juncture.outcome.horizon_days * HOURS_A_DAY)
    crises = _crises_between(at, last, outcomes, situation)
    crisis = crises[0] if crises else NEVER
    if crisis <= min(landmark, stop):
        fate = Fate.CRISIS
    elif stop <= landmark:
        fate = Fate.INSTITUTION if stay <= timeline.exit_h else Fate.END
    else:
        fate = Fate.EVALUABLE
    met = response <= landmark
    if in_episode:
        settled_h, settled = at, RESPONSE if met else CENSORED
    else:
        settled_h = min(response, crisis, stop, landmark)
        if crisis == settled_h:
            settled = CRISIS
        else:
            settled = RESPONSE if response == settled_h else CENSORED
    until = min(crisis, last)
    before_h, before_crisis = _backwards(situation, timeline, outcomes)
    return Opening(
        start_h=situation.start_h,
        at_h=at,
        fate=fate,
        met=met,
        settled_days=(settled_h - at) / HOURS_A_DAY,
        settled=settled,
        days=max(until - landmark, 0) / HOURS_A_DAY,
        crisis=crisis == until,
        before_days=before_h / HOURS_A_DAY,
        before_crisis=before_crisis,
        told_by=_told_by(juncture, situation, timeline.contacts),
        answered_by=agency if settled == RESPONSE else None,
        answer_first_h=_earliest(juncture, at),
        # A crisis in the same hour comes first.
        answer_last_h=-NEVER if in_episode else min(landmark, stop, crisis - 1),
        response_h=response,
        stop_h=last,
        crises_h=crises,
    )


def _crises_between(after: int, last: int, outcomes: Sequence[Episode], situation: _Situation) -> tuple[int, ...]:
    """When crises other than the situation's own began, in (after, last]."""
    begin, end = (bisect_right(outcomes, hour, key=lambda e: e.start_h) for hour in (after, last))
    return tuple(e.start_h for e in outcomes[begin:end] if not situation.members & set(e.members))


def _told_by(juncture: Juncture, situation: _Situation, contacts: Sequence[Contact]) -> frozenset[str]:
    return frozenset(contacts[m].agency for m in situation.members if contacts[m].kind in juncture.index.kinds)


def _earliest(juncture: Juncture, at: int) -> int:
    """The first hour at which a response to an opening at ``at`` may count."""
    return at if juncture.response.same_day else (at // HOURS_A_DAY + 1) * HOURS_A_DAY


def _first_response(juncture: Juncture, situation: _Situation, contacts: Sequence[Contact]) -> tuple[int, str | None]:
    """Hour and agency of the first response that may count; ``NEVER`` where there is none. Its window is not looked
    at."""
    response, at = juncture.response, situation.end_h

    def counts(place: int) -> bool:
        contact = contacts[place]
        if contact.kind not in response.kinds:
            return False
        # Where the agreement does not release roles, a role that it asks for cannot be held against a contact.
        wanted = response.role is None or contact.role in (None, response.role.value)
        return wanted and (response.role is not None or contact.concerns_person)

    if response.same_episode:
        agencies = {contacts[place].agency for place in situation.members if counts(place)}
        # Where several tell of the response, the one that also tells of the opening needs no link to do so.
        told_by = _told_by(juncture, situation, contacts)
        return (at, min(agencies, key=lambda a: (a not in told_by, a))) if agencies else (NEVER, None)
    for place in range(bisect_left(contacts, _earliest(juncture, at), key=lambda c: c.start_h), len(contacts)):
        if place not in situation.members and counts(place):
            return contacts[place].start_h, contacts[place].agency
    return NEVER, None


def _backwards(situation: _Situation, timeline: JoinedTimeline, outcomes: Sequence[Episode]) -> tuple[int, bool]:
    """Hours from the situation's start back to the last crisis before it, or to where none could be seen."""
    start = situation.start_h
    place = bisect_right([e.start_h for e in outcomes], start) - 1
    while place >= 0 and (outcomes[place].start_h == start or situation.members & set(outcomes[place].members)):
        place -= 1
    crisis = start - outcomes[place].start_h if place >= 0 else NEVER
    out = max((min(end, start) for begin, end in timeline.stays if begin < start), default=timeline.entry_h)
    seen = min(start - max(out, timeline.entry_h), PLACEBO_DAYS * HOURS_A_DAY)
    return min(crisis, seen), crisis <= seen
