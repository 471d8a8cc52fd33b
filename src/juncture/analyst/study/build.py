"""From a cohort package and opened envelopes to a study: every file of a person on that person's one clock.

What did not open is counted, never guessed: a person whose matching names an envelope that did not open is left out of
that matching, since what is unobserved is not zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import Grain
from juncture.analyst.study.atrisk import institution_kinds, institution_stays
from juncture.analyst.study.episodes import merge_episodes
from juncture.analyst.study.model import (
    HOURS_A_BAND,
    HOURS_A_DAY,
    Contact,
    Everyone,
    JoinedTimeline,
    Person,
    Ref,
    Study,
)
from juncture.formats.clock import CIRCLE, signed_difference, weekday
from juncture.formats.cohort import CohortPayload, LinkReport
from juncture.formats.timeline import ReleasedContact, Timeline

NOT_OPENED = "envelopes that did not open"
OPENED = "envelopes that opened"
LEFT_OUT = "people left out of a matching because an envelope of theirs did not open, summed over matchings"
NO_FOLLOW_UP = "people left out of a matching because no follow-up of theirs was observed, summed over matchings"
OUTSIDE = "contacts outside the time in which all agencies saw the person (each distinct joined timeline)"
OPEN_STAYS = "stays in an institution whose end is not recorded"


def build_study(
    agreement: Agreement,
    cohort: CohortPayload,
    timelines: Mapping[bytes, Timeline],
    everyone: Mapping[str, Everyone] | None = None,
) -> Study:
    """The study of ``cohort``; ``timelines`` holds the opened envelopes by envelope id (16 bytes), ``everyone`` what
    each agency tells of everybody."""
    used = (cohort.draws.any(axis=0) | cohort.best.astype(bool)) & cohort.in_use.astype(bool)
    span = observed_days(agreement)
    refs: list[Ref] = []
    columns: list[tuple[int, int, int]] = []
    for q, a, c in np.argwhere(used[: cohort.people]).tolist():
        timeline = timelines.get(cohort.envelope_id[q, a, c].tobytes())
        correction, origin = int(cohort.clock_correction[q, a, c]), int(cohort.follow_up_start[q])
        columns.append((q, a, c))
        refs.append(
            Ref(
                person=q,
                agency=cohort.agencies[a],
                candidate=c,
                probability=float(cohort.probability[q, a, c]),
                best=bool(cohort.best[q, a, c]),
                observed=None if timeline is None else span,
                sex=None if timeline is None else timeline.sex,
                age_band=None if timeline is None else timeline.age_band,
                contacts=() if timeline is None else _contacts(timeline.contacts, correction, origin),
            )
        )
    if columns:
        draw_refs = np.stack([cohort.draws[:, q, a, c].astype(bool) for q, a, c in columns], axis=1)
    else:
        draw_refs = np.zeros((len(cohort.draws), 0), dtype=bool)
    weights = draw_refs.mean(axis=0) if len(draw_refs) else np.ones(len(refs))
    people = tuple(
        Person(
            study_id=cohort.study_id[q].tobytes().hex(),
            sex=_most((refs[r].sex, weights[r]) for r in range(len(refs)) if refs[r].person == q),
            age_band=_most((refs[r].age_band, weights[r]) for r in range(len(refs)) if refs[r].person == q),
            sex_class=int(cohort.sex_class[q]),
            weekday=weekday(int(cohort.follow_up_start[q])),
        )
        for q in range(cohort.people)
    )
    chosen = cohort.chosen_in[:, : cohort.people].astype(bool)
    return assemble(agreement, cohort.round, people, tuple(refs), draw_refs, chosen, cohort.report, everyone)


def assemble(
    agreement: Agreement,
    number: int,
    people: tuple[Person, ...],
    refs: tuple[Ref, ...],
    draw_refs: NDArray[np.bool_],
    chosen: NDArray[np.bool_],
    report: LinkReport,
    everyone: Mapping[str, Everyone] | None = None,
) -> Study:
    """Join the refs of each matching; a person whom several matchings give the same refs has one timeline."""
    institution = institution_kinds(agreement)
    counts = Counter(
        {
            OPENED: sum(ref.observed is not None for ref in refs),
            NOT_OPENED: sum(ref.observed is None for ref in refs),
            LEFT_OUT: 0,
            NO_FOLLOW_UP: 0,
            OUTSIDE: 0,
            OPEN_STAYS: sum(c.kind in institution and c.end_h is None for ref in refs for c in ref.contacts),
        }
    )
    timelines: list[JoinedTimeline] = []
    number_of: dict[tuple[int, ...], int] = {}

    def joined(choice: tuple[int, ...]) -> int:
        """Place of the timeline of these refs of one person; -1 where it cannot be had."""
        if choice not in number_of:
            timeline = _join(agreement, choice, refs, institution)
            if timeline is None:
                number_of[choice] = -1
            else:
                number_of[choice] = len(timelines)
                timelines.append(timeline)
                counts[OUTSIDE] += sum(len(refs[r].contacts) for r in choice) - len(timeline.contacts)
        return number_of[choice]

    own = [[r for r, ref in enumerate(refs) if ref.person == person] for person in range(len(people))]
    in_draw = np.full((len(draw_refs), len(people)), -1, dtype=np.int64)
    for m, person in np.argwhere(chosen).tolist():
        choice = tuple(r for r in own[person] if draw_refs[m, r])
        if any(refs[r].observed is None for r in choice):
            counts[LEFT_OUT] += 1
        elif choice:
            in_draw[m, person] = joined(choice)
            counts[NO_FOLLOW_UP] += int(in_draw[m, person] < 0)
    in_best = np.full(len(people), -1, dtype=np.int64)
    for person in range(len(people)):
        choice = tuple(r for r in own[person] if refs[r].best)
        if choice and all(refs[r].observed is not None for r in choice):
            in_best[person] = joined(choice)
    return Study(
        agreement=agreement,
        round=number,
        people=people,
        refs=refs,
        draw_refs=draw_refs,
        chosen=chosen,
        report=report,
        timelines=tuple(timelines),
        in_draw=in_draw,
        in_best=in_best,
        counts=dict(counts),
        everyone=dict(everyone or {}),
    )


def _join(
    agreement: Agreement, choice: tuple[int, ...], refs: Sequence[Ref], institution: frozenset[str]
) -> JoinedTimeline | None:
    """One person's joined timeline; None where nothing of the follow-up was observed at all agencies at once."""
    observed = [span for r in choice if (span := refs[r].observed) is not None]
    entry = max(first for first, _ in observed) * HOURS_A_DAY
    leave = (min(last for _, last in observed) + 1) * HOURS_A_DAY
    if leave <= max(entry, 0):
        return None
    everything = sorted(
        (contact for r in choice for contact in refs[r].contacts), key=lambda c: (c.start_h, c.last_h, c.kind)
    )
    seen = tuple(contact for contact in everything if entry <= contact.start_h < leave)
    return JoinedTimeline(
        person=refs[choice[0]].person,
        refs=choice,
        entry_h=entry,
        exit_h=leave,
        contacts=seen,
        stays=institution_stays(everything, institution),
        crises=merge_episodes(seen, agreement.study.crisis, agreement.study.episode_gap_hours),
    )


def observed_days(agreement: Agreement) -> tuple[int, int]:
    """First and last day, from the start of follow-up, on which every agency surely told a person's contacts.

    Each agency trims both ends by as much as ``trim_weeks`` and the linker moves the start by as much as
    ``washout_weeks``; by how much, nobody tells, since the ends would give the clock away. So everybody is followed
    for the time that is left when both are at their most. At the grain of a week the cut to whole weeks takes another.
    """
    windows, trim = agreement.windows, 7 * agreement.release.trim_weeks
    trim += 7 * (agreement.release.start.grain is Grain.WEEK)
    first = (windows.selection[0] - windows.follow_up[0]).days + trim
    last = (windows.follow_up[1] - windows.follow_up[0]).days - trim - 7 * windows.washout_weeks
    return first, last


def _contacts(contacts: Sequence[ReleasedContact], correction: int, origin: int) -> tuple[Contact, ...]:
    def hour(day: int, band: int | None) -> int:
        return int(signed_difference((day + correction) % CIRCLE, origin)) * HOURS_A_DAY + (band or 0) * HOURS_A_BAND

    return tuple(
        Contact(
            start_h=hour(c.day, c.band),
            end_h=None if c.end_day is None else hour(c.end_day, c.end_band),
            kind=c.kind,
            role=c.role,
        )
        for c in contacts
    )


def _most(words: Iterable[tuple[str | None, float]]) -> str | None:
    """The word with the most weight; None where two have the same or there is none."""
    weight: dict[str, float] = {}
    for word, share in words:
        if word is not None:
            weight[word] = weight.get(word, 0.0) + share
    ranked = sorted(weight.items(), key=lambda item: -item[1])
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]
