"""A study as arrow tables under one matching or several, stacked by ``draw``.

What a person's joined timeline says is worked out once, however many draws give it to the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from juncture.analyst.export import specs
from juncture.analyst.export.fields import Field, FieldType, TableSpec
from juncture.analyst.export.specs import BEST, SETTLED_BY
from juncture.analyst.findings.openings import Fate, Opening
from juncture.analyst.findings.table import all_openings
from juncture.analyst.study.atrisk import at_risk_spans, during_risk
from juncture.analyst.study.model import HOURS_A_DAY, JoinedTimeline, Study
from juncture.base.errors import UsageError

ARROW = {
    FieldType.INTEGER: pa.int32(),
    FieldType.NUMBER: pa.float64(),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.STRING: pa.string(),
}
Row = tuple[object, ...]


class StudyTables:
    """The tables of ``study``; :mod:`juncture.analyst.export.specs` says what their columns are."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._told: dict[str, tuple[NDArray[np.int64], pa.Table]] = {}

    def table(self, spec: TableSpec, draws: Iterable[int]) -> pa.Table:
        """``spec`` under each of ``draws`` (:data:`specs.BEST` or a number from 0), one below the other.

        Raises ``UsageError`` where there is no such draw.
        """
        wanted = [self._checked(draw) for draw in draws]
        if spec is specs.DECLARED:
            return _table(spec.fields, list(_declared(self.study)))
        if spec is specs.LINKS:
            return _table(spec.fields, [row for draw in wanted for row in _links(self.study, draw)])
        owner, told = self._of_timelines(spec)
        parts = [_table(spec.fields, [])]
        for draw in wanted:
            part = told.filter(pa.array(np.isin(owner, self._matching(draw)), pa.bool_()))
            number = pa.array(np.full(len(part), draw), ARROW[FieldType.INTEGER])
            parts.append(part.add_column(0, spec.fields[0].name, number))
        return pa.concat_tables(parts).combine_chunks()

    def _checked(self, draw: int) -> int:
        if not BEST <= draw < self.study.draws:
            raise UsageError(
                f"There is no draw {draw}.",
                remedy=f"Draws are numbered 0 to {self.study.draws - 1}; {BEST} is the best.",
            )
        return draw

    def _matching(self, draw: int) -> NDArray[np.int64]:
        """The timeline of each person under ``draw``; -1 for none."""
        return self.study.in_best if draw == BEST else self.study.in_draw[draw]

    def _of_timelines(self, spec: TableSpec) -> tuple[NDArray[np.int64], pa.Table]:
        """Rows of all distinct timelines, by person, without ``draw``, and the timeline that each belongs to."""
        if spec.name not in self._told:
            rows = list(_ROWS[spec.name](self.study))
            owner = np.array([timeline for timeline, _ in rows], dtype=np.int64)
            self._told[spec.name] = owner, _table(spec.fields[1:], [row for _, row in rows])
        return self._told[spec.name]


def _table(fields: Sequence[Field], rows: Sequence[Row]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    arrays = [pa.array(column, ARROW[field.type]) for column, field in zip(columns, fields, strict=True)]
    return pa.Table.from_arrays(arrays, names=[field.name for field in fields])


def _by_person(study: Study) -> list[tuple[int, JoinedTimeline]]:
    return sorted(enumerate(study.timelines), key=lambda pair: pair[1].person)


def _days(hours: int) -> float:
    return hours / HOURS_A_DAY


def _people(study: Study) -> Iterator[tuple[int, Row]]:
    for number, t in _by_person(study):
        person, (start, stop) = study.people[t.person], t.follow_up_h
        at_risk = sum(b - a for a, b in at_risk_spans(start, stop, t.stays))
        known = (t.person, person.study_id, person.sex, person.age_band)
        spans = (_days(start), _days(stop), _days(at_risk))
        yield number, (*known, *spans, len(t.contacts), len(during_risk(t, t.crises)))


def _contacts(study: Study) -> Iterator[tuple[int, Row]]:
    for number, t in _by_person(study):
        crisis_of = {place: c for c, crisis in enumerate(t.crises) for place in crisis.members}
        for place, contact in enumerate(t.contacts):
            end = None if contact.end_h is None else _days(contact.end_h)
            told = (contact.agency, contact.kind, contact.role)
            yield number, (t.person, place, _days(contact.start_h), end, *told, crisis_of.get(place))


def _crises(study: Study) -> Iterator[tuple[int, Row]]:
    for number, t in _by_person(study):
        counted = set(during_risk(t, t.crises))
        for c, crisis in enumerate(t.crises):
            span = (_days(crisis.start_h), _days(crisis.end_h))
            yield number, (t.person, c, *span, len(crisis.members), crisis in counted)


def _at_risk(study: Study) -> Iterator[tuple[int, Row]]:
    for number, t in _by_person(study):
        for start, stop in at_risk_spans(*t.follow_up_h, t.stays):
            yield number, (t.person, _days(start), _days(stop))


def _openings(study: Study) -> Iterator[tuple[int, Row]]:
    for name, juncture in study.agreement.juncture.items():
        before, place = -1, 0
        for timeline, person, opening in sorted(all_openings(juncture, study), key=lambda row: (row[1], row[0])):
            place = place + 1 if timeline == before else 0
            before = timeline
            yield timeline, (name, person, place, *_opening(opening))


def _opening(o: Opening) -> Row:
    outcome = (o.days, o.crisis) if o.fate is Fate.EVALUABLE else (None, None)
    return (
        *(_days(o.start_h), _days(o.at_h), o.fate.name.lower(), not o.met),
        *outcome,
        *(o.before_days, o.before_crisis, o.settled_days, SETTLED_BY[o.settled]),
        *(" ".join(sorted(o.told_by)), o.answered_by),
    )


_ROWS = {
    specs.PEOPLE.name: _people,
    specs.CONTACTS.name: _contacts,
    specs.CRISES.name: _crises,
    specs.AT_RISK.name: _at_risk,
    specs.OPENINGS.name: _openings,
}


def _links(study: Study, draw: int) -> Iterator[Row]:
    for number, ref in enumerate(study.refs):
        given = ref.best if draw == BEST else study.draw_refs[draw, number] and study.chosen[draw, ref.person]
        if given:
            yield draw, ref.person, number, ref.agency, ref.probability, ref.observed is not None


def _declared(study: Study) -> Iterator[Row]:
    for name, juncture in study.agreement.juncture.items():
        index, response, outcome = juncture.index, juncture.response, juncture.outcome
        yield (
            *(name, juncture.title, juncture.family.value, juncture.intercept),
            *(" ".join(index.kinds), index.count, index.within_days),
            *(" ".join(response.kinds), 0 if response.same_episode else response.within_days, response.same_day),
            *("crisis" if outcome.kinds == "crisis" else " ".join(outcome.kinds), outcome.horizon_days),
        )
