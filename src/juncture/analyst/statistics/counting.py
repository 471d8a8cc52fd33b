"""From intervals at risk and dated events to rows ``(start, stop]`` that end where an event happened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Integers, Vector, intervals, numbers, person_codes
from juncture.base.errors import UsageError


@dataclass(frozen=True, eq=False)
class CountingRows:
    """Rows of the counting process, sorted by person and start.

    ``person`` (n): the caller's numbers; ``start``, ``stop`` (n); ``events`` (n): how many events fell on ``stop``;
    ``event_number`` (n): 1 before the first moment of an event, 2 after it, and so on; ``outside``: events of no
    interval at risk, which are left out.
    """

    person: Integers
    start: Vector
    stop: Vector
    events: Integers
    event_number: Integers
    outside: int


def counting_rows(
    person: npt.ArrayLike,
    start: npt.ArrayLike,
    stop: npt.ArrayLike,
    event_person: npt.ArrayLike,
    event_time: npt.ArrayLike,
) -> CountingRows:
    """Cut the intervals at risk ``(start, stop]`` of whole-numbered persons at their events.

    An event at the very start of an interval is outside of it. Raises ``UsageError`` where intervals of one person
    overlap or end before they begin.
    """
    owner = np.asarray(person, dtype=np.int64)
    begin, end = intervals(start, stop, owner.size)
    person_codes(owner, begin, end)
    who = np.asarray(event_person, dtype=np.int64)
    when = numbers("event_time", event_time, who.size)
    order = np.lexsort((begin, owner))
    owner, begin, end = owner[order], begin[order], end[order]

    moments, rank = np.unique(np.concatenate((begin, when)), return_inverse=True)
    width = np.int64(moments.size + 1)
    everyone, number = np.unique(np.concatenate((owner, who)), return_inverse=True)
    del everyone
    entry_key = number[: owner.size] * width + rank[: owner.size]
    event_key = number[owner.size :] * width + rank[owner.size :]
    place = np.searchsorted(entry_key, event_key, side="left") - 1
    held = place >= 0
    candidate = np.maximum(place, 0)
    if owner.size:
        held &= (owner[candidate] == who) & (when <= end[candidate]) & (when > begin[candidate])
    else:
        held &= False

    cut_at = np.concatenate((end, when[held]))
    cut_in = np.concatenate((np.arange(owner.size), candidate[held]))
    is_event = np.concatenate((np.zeros(owner.size, dtype=np.int64), np.ones(int(held.sum()), dtype=np.int64)))
    order = np.lexsort((cut_at, cut_in))
    cut_at, cut_in, is_event = cut_at[order], cut_in[order], is_event[order]
    fresh = np.ones(cut_at.size, dtype=np.bool_)
    fresh[1:] = (cut_in[1:] != cut_in[:-1]) | (cut_at[1:] != cut_at[:-1])
    row = np.cumsum(fresh) - 1
    events = np.bincount(row, is_event, int(fresh.sum())).astype(np.int64)
    source, until = cut_in[fresh], cut_at[fresh]
    since = begin[source].copy()
    inside = np.flatnonzero(source[1:] == source[:-1]) + 1
    since[inside] = until[inside - 1]
    return CountingRows(
        person=owner[source],
        start=since,
        stop=until,
        events=events,
        event_number=event_numbers(owner[source], since, events),
        outside=int((~held).sum()),
    )


def event_numbers(person: npt.ArrayLike, start: npt.ArrayLike, events: npt.ArrayLike) -> Integers:
    """For each row, 1 + the number of earlier rows of its person that end with an event (in the order given)."""
    who = np.asarray(person)
    begin = numbers("start", start, who.size)
    happened = numbers("events", events, who.size) > 0
    if (numbers("events", events, who.size) < 0).any():
        raise UsageError("events must not be negative.")
    order = np.lexsort((begin, who))
    before = np.concatenate(([0], np.cumsum(happened[order])))[: who.size]
    head = np.ones(who.size, dtype=np.bool_)
    head[1:] = who[order][1:] != who[order][:-1]
    base = before[head][np.cumsum(head) - 1] if who.size else before
    result = np.empty(who.size, dtype=np.int64)
    result[order] = before - base + 1
    return result
