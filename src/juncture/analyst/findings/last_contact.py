"""The last contact before a crisis: with whom, of what kind, how long before, and how usual that is for the person.

A crisis that began at risk is compared with the same hours of the same weekday one, two and three weeks before (see
:mod:`juncture.analyst.statistics.last_contact`). Last is what ended last of the contacts that began in the 28 days
before, in an earlier hour than the crisis or referent time did: at the grain of six hours nobody can say what came
first within one band. So members of the crisis itself are never before it. Contacts in which the person only called or
looked on do not count; several that ended in the same hour are each told. The first 28 days of the follow-up hold
neither crises nor referents, so that "none in 28 days" was observed.

It describes. A last contact is an opportunity, not a cause: crises and contacts come together in bad times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from juncture.agreement.model import Agreement
from juncture.analyst.findings.matchings import Matchings, combine
from juncture.analyst.findings.model import NAN, Estimate, LastContactFinding, LastContactMeasure, Stratum
from juncture.analyst.statistics.arrays import Booleans, Integers, Vector, divide
from juncture.analyst.statistics.landmark import SMALLEST_INFORMATIVE
from juncture.analyst.statistics.last_contact import last_before, matched_odds, matched_times
from juncture.analyst.study.atrisk import at_risk_spans, during_risk
from juncture.analyst.study.episodes import LONGEST_HOURS
from juncture.analyst.study.model import HOURS_A_DAY, JoinedTimeline, Study

LOOK_BACK_DAYS = 28
NONE = "none"
#: First and last day before the crisis, by the name of the band; day 0 is the crisis's own.
DAY_BANDS = {"0": (0, 0), "1-3": (1, 3), "4-7": (4, 7), "8-14": (8, 14), "15-28": (15, LOOK_BACK_DAYS)}


@dataclass(frozen=True, eq=False)
class TimeTable:
    """Crises and their referents in all distinct timelines (m).

    ``timeline``, ``person``, ``case`` (number of the crisis), ``is_case``; ``weight``: 1 a crisis, and 1 shared by the
    referents of a crisis; ``days`` since the last contact, -1 for none; ``has``: by measure, which values stand for
    each time (m, v), in the order of ``values``.
    """

    timeline: Integers
    person: Integers
    case: Integers
    is_case: Booleans
    weight: Vector
    days: Integers
    values: dict[LastContactMeasure, tuple[str, ...]]
    has: dict[LastContactMeasure, Booleans]

    @classmethod
    def of(cls, study: Study) -> TimeTable:
        """The times of ``study``."""
        kinds = tuple(study.agreement.kinds)
        place = {kind: number for number, kind in enumerate(kinds)}
        parts = [_times(study.agreement, timeline, place) for timeline in study.timelines]
        sizes = [part[0].size for part in parts]
        nothing = np.zeros(0, dtype=np.int64)
        case = np.concatenate([nothing, *(part[0] for part in parts)])
        is_case = np.concatenate([nothing.astype(np.bool_), *(part[1] for part in parts)])
        days = np.concatenate([nothing, *(part[2] for part in parts)])
        present = np.concatenate([np.zeros((0, len(kinds)), dtype=np.bool_), *(part[3] for part in parts)])
        # Each timeline numbers its own crises from 0.
        case += np.repeat(np.cumsum([0, *(_cases(part[0]) for part in parts)])[:-1], sizes)
        none = days < 0
        bands = [(days >= low) & (days <= high) for low, high in DAY_BANDS.values()]
        return cls(
            timeline=np.repeat(np.arange(len(parts)), sizes),
            person=np.repeat(np.array([t.person for t in study.timelines], dtype=np.int64), sizes),
            case=case,
            is_case=is_case,
            weight=np.where(is_case, 1.0, 1 / np.maximum(np.bincount(case) - 1, 1)[case]) if case.size else np.zeros(0),
            days=days,
            values={LastContactMeasure.KIND: (*kinds, NONE), LastContactMeasure.DAYS: (*DAY_BANDS, NONE)},
            has={
                LastContactMeasure.KIND: np.column_stack((present, none)),
                LastContactMeasure.DAYS: np.column_stack((*bands, none)),
            },
        )


def _times(
    agreement: Agreement, timeline: JoinedTimeline, place: dict[str, int]
) -> tuple[Integers, Booleans, Integers, Booleans]:
    """Cases and referents of one timeline: number of the case, whether it is it, days since the last contact, kinds."""
    begin, stop = timeline.follow_up_h
    gap = agreement.study.episode_gap_hours
    times = matched_times(
        [e.start_h for e in during_risk(timeline, timeline.crises)],
        at_risk_spans(begin, stop, timeline.stays),
        # What begins in here joins the crisis, so that no other can begin (see merge_episodes).
        [(e.start_h, min(e.end_h + gap, e.start_h + LONGEST_HOURS + 1)) for e in timeline.crises],
        first=begin + LOOK_BACK_DAYS * HOURS_A_DAY,
    )
    own = [c for c in timeline.contacts if c.concerns_person]
    moment, kinds = last_before(
        [c.start_h for c in own],
        [c.last_h for c in own],
        [place[c.kind] for c in own],
        times.at,
        size=len(place),
    )
    days = times.at // HOURS_A_DAY - moment // HOURS_A_DAY
    within = (moment >= 0) & (days <= LOOK_BACK_DAYS)
    return times.case, times.is_case, np.where(within, days, -1), kinds & within[:, None]


def _cases(case: Integers) -> int:
    return int(case.max()) + 1 if case.size else 0


@dataclass(frozen=True, eq=False)
class Tally:
    """What of one value, or of several together, each person has in each distinct matching (4, u, people): crises after
    it, crises after another, weight of referents with it, weight of referents with another."""

    parts: Vector
    matchings: Matchings

    def people(self, stratum: Stratum) -> tuple[int, ...]:
        """Persons who have each of the four: means over the draws, rounded by sex and then added up."""
        total = np.zeros(len(self.parts), dtype=np.int64)
        for group in np.unique(self.matchings.group[self.matchings.members(stratum)]):
            some = (self.parts[:, :, self.matchings.group == group] > 0).sum(axis=2)
            total += np.floor(some @ self.matchings.weights + 0.5).astype(np.int64)
        return tuple(total.tolist())

    def largest_share(self, stratum: Stratum) -> float:
        """Of the crises after it, the share of the person with most."""
        return self.matchings.largest_share(list(self.parts[0] * self.matchings.members(stratum)))


class LastContacts:
    """The last contacts of a study under its matchings, asked for by value."""

    def __init__(self, study: Study, matchings: Matchings) -> None:
        self.table = TimeTable.of(study)
        self.matchings = matchings
        own = self.table.timeline
        self._rows = [np.flatnonzero(matching[self.table.person] == own) for matching in matchings.distinct]

    def has(self, measure: LastContactMeasure, columns: Sequence[int]) -> Booleans:
        """Which times have one of ``columns`` of a measure."""
        return np.asarray(self.table.has[measure][:, list(columns)].any(axis=1), dtype=np.bool_)

    def finding(
        self, measure: LastContactMeasure, value: str, columns: Sequence[int], stratum: Stratum
    ) -> LastContactFinding:
        """What is said of ``columns`` of a measure together; the odds of everybody alone."""
        tally = self.tally(measure, columns)
        crises, others, referents, other_referents = tally.parts[:, :, self.matchings.members(stratum)].sum(axis=2)
        people = tally.people(stratum)
        odds = self._odds(measure, columns) if stratum is Stratum.ALL else (Estimate(), 0)
        return LastContactFinding(
            measure=measure,
            value=value,
            stratum=stratum,
            crises=int(self.matchings.weights @ crises + 0.5),
            people=people[0],
            people_behind=people[1:],
            people_informative=odds[1],
            share=self._mean(divide(crises, crises + others), crises + others > 0),
            referent_share=self._mean(divide(referents, referents + other_referents), crises + others > 0),
            odds=odds[0],
            median_days=self._median_days(measure, columns, stratum),
            largest_share=tally.largest_share(stratum),
        )

    def tally(self, measure: LastContactMeasure, columns: Sequence[int]) -> Tally:
        """Who has ``columns`` of a measure."""
        table, people = self.table, self.matchings.group.size
        has = self.has(measure, columns)
        parts = np.zeros((4, len(self._rows), people))
        for u, rows in enumerate(self._rows):
            # 0 and 1 of the crises, 2 and 3 of the referents; odd where another was last.
            part = 2 * ~table.is_case[rows] + ~has[rows]
            cells = np.bincount(part * people + table.person[rows], table.weight[rows], minlength=4 * people)
            parts[:, u] = cells.reshape(4, people)
        return Tally(parts, self.matchings)

    def _odds(self, measure: LastContactMeasure, columns: Sequence[int]) -> tuple[Estimate, int]:
        """Odds ratio within persons over the matchings, and the informative persons, a rounded mean."""
        table = self.table
        has = self.has(measure, columns)
        fits = [matched_odds(table.person[r], table.case[r], table.is_case[r], has[r]) for r in self._rows]
        done = combine(
            self.matchings.over_draws([f.log_ratio for f in fits]),
            self.matchings.over_draws(
                [f.standard_error if f.informative_persons >= SMALLEST_INFORMATIVE else NAN for f in fits]
            ),
            self.matchings.over_draws([float(f.degrees_of_freedom) for f in fits]),
        )
        informative = self.matchings.weights @ np.array([f.informative_persons for f in fits], dtype=np.float64)
        return done.exponential(), int(informative + 0.5)

    def _median_days(self, measure: LastContactMeasure, columns: Sequence[int], stratum: Stratum) -> float:
        """Median of the days before the crisis, every matching counting as often as it was drawn."""
        table = self.table
        wanted = self.has(measure, columns) & table.is_case & (table.days >= 0)
        wanted &= self.matchings.members(stratum)[table.person]
        kept = [rows[wanted[rows]] for rows in self._rows]
        days = np.concatenate([np.zeros(0, dtype=np.int64), *(table.days[rows] for rows in kept)])
        weight = np.repeat(self.matchings.weights, [rows.size for rows in kept])
        if not weight.sum() > 0:
            return NAN
        order = np.argsort(days, kind="stable")
        below = np.cumsum(weight[order])
        # The mean of the two middle ones where the half falls between them.
        first, last = np.searchsorted(below, [below[-1] / 2 - 1e-9, below[-1] / 2 + 1e-9])
        return float(days[order][[first, min(last, days.size - 1)]].mean())

    def _mean(self, values: Vector, known: Booleans) -> float:
        weight = self.matchings.weights * known
        return float(values @ weight / weight.sum()) if weight.sum() > 0 else NAN


def last_contact_findings(contacts: LastContacts) -> tuple[LastContactFinding, ...]:
    """Every value that ever stands last before a crisis or a referent, for everybody and by sex."""
    found = []
    for measure, values in contacts.table.values.items():
        for column, value in enumerate(values):
            if contacts.table.has[measure][:, column].any():
                found += [contacts.finding(measure, value, (column,), stratum) for stratum in Stratum]
    return tuple(found)
