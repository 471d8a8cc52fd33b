"""When a person is at risk of a crisis in the community: observed at every agency, and not in an institution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from juncture.agreement.model import Agreement
from juncture.analyst.study.model import HOURS_A_DAY, Contact, Episode, JoinedTimeline

Span = tuple[int, int]
JUST_BEFORE_HOURS = 1 / 64
Dated = TypeVar("Dated", Contact, Episode)


def institution_kinds(agreement: Agreement) -> frozenset[str]:
    """Kinds, as ``party.word``, of stays in which a person is not at risk."""
    return frozenset(name for name, kind in agreement.kinds.items() if kind.institution)


def institution_stays(contacts: Iterable[Contact], kinds: frozenset[str]) -> tuple[Span, ...]:
    """Stays from, until, in hours, sorted and disjoint. A stay whose end nobody recorded is no stay of known length
    and is left out."""
    spans = sorted((c.start_h, c.end_h) for c in contacts if c.kind in kinds and c.end_h is not None)
    merged: list[Span] = []
    for start, end in spans:
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def at_risk_spans(start_h: int, stop_h: int, stays: Sequence[Span]) -> tuple[Span, ...]:
    """``start_h`` to ``stop_h`` less the ``stays`` (sorted, disjoint)."""
    free: list[Span] = []
    at = start_h
    for begin, end in stays:
        if end <= at or begin >= stop_h:
            continue
        if begin > at:
            free.append((at, begin))
        at = max(at, end)
    if at < stop_h:
        free.append((at, stop_h))
    return tuple(free)


def rows_at_risk(timeline: JoinedTimeline) -> NDArray[np.float64]:
    """The time at risk of the follow-up as rows of a counting process (k, 2): from, until, in days.

    Such a row leaves out its first moment, so the follow-up begins a little early: a crisis in its very first hour
    counts, as in :func:`during_risk`.
    """
    first = timeline.follow_up_h[0]
    spans = at_risk_spans(*timeline.follow_up_h, timeline.stays)
    rows = [(a - (JUST_BEFORE_HOURS if a == first else 0), b) for a, b in spans]
    return np.array(rows, dtype=np.float64).reshape(-1, 2) / HOURS_A_DAY


def during_risk(timeline: JoinedTimeline, happened: Iterable[Dated]) -> list[Dated]:
    """What of ``happened`` began in the time at risk of the follow-up.

    Like rows of a counting process: what leads to a stay at its first hour did, what is told of its last hour did not;
    what began in the very first hour of the follow-up did.
    """
    first = timeline.follow_up_h[0]
    spans = at_risk_spans(*timeline.follow_up_h, timeline.stays)
    return [h for h in happened if any(a < h.start_h <= b or a == h.start_h == first for a, b in spans)]
