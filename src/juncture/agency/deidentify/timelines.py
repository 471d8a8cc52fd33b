"""One person's contacts as they leave: coded, on the person's own shifted clock, as coarse as the agreement says.

Everything that leaves is a number or a word of a closed vocabulary; nothing else has a way into a timeline.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from juncture.agency.deidentify.arrays import codes, days, hours, times
from juncture.agency.deidentify.attributes import Attributes, age_band
from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import ContactRole, Grain, kinds_of
from juncture.formats.clock import day_number, shifted
from juncture.formats.timeline import ReleasedContact, Timeline

#: 1970-01-01 was a Thursday: three days after a Monday.
_MONDAY = 3


@dataclass(frozen=True)
class _Contacts:
    """Mentions in order of person: true days, hours, words; ``end_day`` is None where there is no end."""

    begin: NDArray[np.int64]
    contact: list[int]
    day: list[int]
    hour: list[int]
    end: list[tuple[int, int] | None]
    kind: list[str]
    role: list[str]


def release_timelines(
    mentions: pa.Table,
    person: NDArray[np.int32],
    people: Sequence[int] | NDArray[Any],
    offsets: Sequence[int] | NDArray[Any],
    agreement: Agreement,
    agency: str,
    attributes: Sequence[Attributes],
) -> list[Timeline]:
    """A timeline for each of ``people`` (references), in that order, on the clock that its entry of ``offsets`` shifts.

    ``person``: int32 a mention; ``attributes``: one a reference. Contacts are told that begin between the first day of
    selection and the last of follow-up, less a random 0 to ``trim_weeks`` weeks at either end, drawn for each person
    from the system's randomness and told to nobody. A stay is told with its true end: cut at the trim, it would mark
    it. At the grain of a week, the span is cut to whole weeks and a day is the Monday of its week. Contacts stand in
    the order of what is told of them, so that their order tells nothing more.

    Raises ``ValueError`` for a kind or role outside the vocabulary: such a word may be anything.
    """
    table = _contacts(mentions, person, agreement, agency, len(attributes))
    return [
        _timeline(table, int(one), int(offset), agreement, attributes[int(one)])
        for one, offset in zip(people, offsets, strict=True)
    ]


def _contacts(
    mentions: pa.Table, person: NDArray[np.int32], agreement: Agreement, agency: str, people: int
) -> _Contacts:
    start, end = times(mentions, "start"), times(mentions, "end")
    day = days(start)
    first, last = day_number(agreement.windows.selection[0]), day_number(agreement.windows.follow_up[1])
    rows = np.flatnonzero((person >= 0) & (day >= first) & (day <= last))
    rows = rows[np.argsort(person[rows], kind="stable")]
    family = agreement.party[agency].family
    allowed = {f"{agency}.{word}" for word in kinds_of(family)} if family is not None else set()
    ended = ~np.isnat(end[rows])
    end_day, end_hour = days(end[rows]), np.zeros(len(rows), dtype=np.int64)
    end_hour[ended] = hours(end[rows][ended])
    contact, _ = codes(mentions, "contact_id")
    return _Contacts(
        begin=np.searchsorted(person[rows], np.arange(people + 1)),
        contact=contact[rows].tolist(),
        day=day[rows].tolist(),
        hour=hours(start[rows]).tolist(),
        end=[
            (d, h) if known else None
            for d, h, known in zip(end_day.tolist(), end_hour.tolist(), ended.tolist(), strict=True)
        ],
        kind=_words(mentions, "kind", rows, allowed),
        role=_words(mentions, "role", rows, {str(role) for role in ContactRole}),
    )


def _words(mentions: pa.Table, name: str, rows: NDArray[np.int64], allowed: set[str]) -> list[str]:
    index, words = codes(mentions, name)
    used = index[rows]
    if any(code < 0 or words[code] not in allowed for code in np.unique(used).tolist()):
        raise ValueError(f"a {name} outside the vocabulary cannot be released")
    return [words[code] for code in used.tolist()]


def _timeline(table: _Contacts, one: int, offset: int, agreement: Agreement, known: Attributes) -> Timeline:
    release = agreement.release
    first, last = _observed(agreement)
    told = {
        (table.contact[i], *_told(table, i, release.start.grain, release.role is not None))
        for i in range(int(table.begin[one]), int(table.begin[one + 1]))
        if first <= table.day[i] <= last
    }
    ordered = sorted((t[1:] for t in told), key=lambda t: tuple((part is not None, part) for part in t))
    banding = release.birth_date
    return Timeline(
        sex=known.sex if release.sex is not None else None,
        age_band=None if banding is None else age_band(known.birth, agreement.windows.follow_up[0], banding),
        race=known.race if release.race is not None else None,
        ethnicity=known.ethnicity if release.ethnicity is not None else None,
        contacts=tuple(
            ReleasedContact(
                day=shifted(day, offset),
                band=band,
                kind=kind,
                role=role,
                end_day=None if end_day is None else shifted(end_day, offset),
                end_band=end_band,
            )
            for day, band, kind, role, end_day, end_band in ordered
        ),
    )


def _observed(agreement: Agreement) -> tuple[int, int]:
    """First and last true day on which contacts of one person are told, each end trimmed at random.

    Windows shorter than the trim leave one day.
    """
    days_off = 7 * agreement.release.trim_weeks + 1
    first = day_number(agreement.windows.selection[0]) + secrets.randbelow(days_off)
    last = day_number(agreement.windows.follow_up[1]) - secrets.randbelow(days_off)
    if agreement.release.start.grain is Grain.WEEK:
        first = _monday(first + 6)
        last = _monday(last + 1) - 1
    return first, max(first, last)


def _told(
    table: _Contacts, i: int, grain: Grain, with_role: bool
) -> tuple[int, int | None, str, str | None, int | None, int | None]:
    """What is told of a mention, still on the true clock: day, band, kind, role, end day, end band."""
    end = table.end[i]
    day, band = _coarse(table.day[i], table.hour[i], grain)
    end_day, end_band = (None, None) if end is None else _coarse(*end, grain)
    return day, band, table.kind[i], table.role[i] if with_role else None, end_day, end_band


def _coarse(day: int, hour: int, grain: Grain) -> tuple[int, int | None]:
    match grain:
        case Grain.SIX_HOURS:
            return day, hour // 6
        case Grain.DAY:
            return day, None
        case Grain.WEEK:
            return _monday(day), None


def _monday(day: int) -> int:
    """The Monday of the week of ``day`` (days since 1970-01-01)."""
    return day - (day + _MONDAY) % 7
