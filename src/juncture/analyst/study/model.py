"""What the analyst studies, as frozen types. All times are hours from the start of the person's follow-up.

A contact told at six-hour grain stands at the start of its band, one told by the day or week at the start of its day;
a time is ``day * 24 + band * 6``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import ContactRole
from juncture.formats.cohort import LinkReport
from juncture.formats.release import BandTotals, HistogramRow

HOURS_A_DAY = 24
HOURS_A_YEAR = HOURS_A_DAY * 365.25
HOURS_A_BAND = 6
#: Who called or looked on met the agency, but the crisis was somebody else's.
BYSTANDERS = frozenset({ContactRole.CALLER.value, ContactRole.WITNESS.value})


@dataclass(frozen=True)
class Contact:
    """One contact: start and end in hours, ``party.word`` kind, the person's role where it was released."""

    start_h: int
    end_h: int | None
    kind: str
    role: str | None

    @property
    def agency(self) -> str:
        """Name of the agency that had the contact."""
        return self.kind.split(".", 1)[0]

    @property
    def word(self) -> str:
        """The kind without its agency."""
        return self.kind.split(".", 1)[1]

    @property
    def last_h(self) -> int:
        """End where there is one, else start."""
        return self.start_h if self.end_h is None else max(self.start_h, self.end_h)

    @property
    def concerns_person(self) -> bool:
        """False where the person only called or looked on."""
        return self.role not in BYSTANDERS


@dataclass(frozen=True)
class Ref:
    """One envelope that some matching gives to a person.

    ``observed``: first and last day on which contacts surely were told, both included; None (with no contacts) where
    the envelope did not open.
    """

    person: int
    agency: str
    candidate: int
    probability: float
    best: bool
    observed: tuple[int, int] | None
    sex: str | None
    age_band: str | None
    contacts: tuple[Contact, ...]


@dataclass(frozen=True)
class Person:
    """One member of the cohort: random id in hex, sex and age band as most of their files say (None where files
    disagree evenly or say nothing), the linker's opaque class of sex, and the weekday of their day 0 (Monday is 0),
    which shifts by whole weeks keep; None where it was not told."""

    study_id: str
    sex: str | None
    age_band: str | None
    sex_class: int
    weekday: int | None = None


@dataclass(frozen=True)
class Episode:
    """Crisis contacts of one person that belong together; ``members`` are places in the timeline's contacts."""

    start_h: int
    end_h: int
    members: tuple[int, ...]


@dataclass(frozen=True)
class JoinedTimeline:
    """One person's contacts at all agencies under one choice of refs, sorted by start.

    ``entry_h`` to ``exit_h``: observed at every agency (entry may lie before 0, in the selection window); ``stays``:
    in an institution from, until (sorted, disjoint, of the whole clock); ``crises``: episodes of the agreement's
    crisis kinds.
    """

    person: int
    refs: tuple[int, ...]
    entry_h: int
    exit_h: int
    contacts: tuple[Contact, ...]
    stays: tuple[tuple[int, int], ...]
    crises: tuple[Episode, ...]

    @property
    def follow_up_h(self) -> tuple[int, int]:
        """First and last hour of the follow-up that was observed; the first is the last where there is none."""
        start = max(self.entry_h, 0)
        return start, max(start, self.exit_h)


@dataclass(frozen=True)
class Everyone:
    """What one agency tells of everybody it knows: counts of people by contacts in both windows, and sums of contacts
    by band of the selection window, suppressed by the agency."""

    histogram: tuple[HistogramRow, ...]
    totals: tuple[BandTotals, ...]


@dataclass(frozen=True, eq=False)
class Study:
    """The cohort of one round under its M matchings.

    ``draw_refs`` bool (M, refs): which refs a matching gives to their person; ``chosen`` bool (M, people): who meets
    the rule in it. ``timelines``: every distinct joined timeline; ``in_draw`` int (M, people) and ``in_best`` int
    (people): which of them stands for a person, -1 for none. ``counts``: what could not be used, by reason.
    ``everyone``: by agency, what it tells of everybody; empty where nobody told.
    """

    agreement: Agreement
    round: int
    people: tuple[Person, ...]
    refs: tuple[Ref, ...]
    draw_refs: NDArray[np.bool_]
    chosen: NDArray[np.bool_]
    report: LinkReport
    timelines: tuple[JoinedTimeline, ...]
    in_draw: NDArray[np.int64]
    in_best: NDArray[np.int64]
    counts: Mapping[str, int]
    everyone: Mapping[str, Everyone] = field(default_factory=dict)

    @property
    def draws(self) -> int:
        """Number of matchings M."""
        return len(self.draw_refs)

    def best_timelines(self) -> Iterator[tuple[int, JoinedTimeline]]:
        """Person and timeline of everybody whom the best matching gives one."""
        for person, number in enumerate(self.in_best.tolist()):
            if number >= 0:
                yield person, self.timelines[number]
