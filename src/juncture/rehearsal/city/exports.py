"""The two agencies' export files, each in its agency's own style, and the truth about every record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from juncture.rehearsal.city.life import CLINIC, POLICE, Contact
from juncture.rehearsal.city.names import nicknames
from juncture.rehearsal.city.noise import (
    CLINIC_RATES,
    POLICE_RATES,
    Birth,
    Habit,
    Rates,
    Slip,
    Written,
    draw_habit,
    fold_accents,
    spell,
)
from juncture.rehearsal.city.people import TruePerson

POLICE_COLUMNS = ("INCIDENT_NO", "REPORTED", "NATURE", "OFFENSE", "ROLE", "LAST_NAME", "FIRST_NAME", "MI", "DOB", "SEX",
                  "ADDR", "AKA1")  # fmt: skip
CLINIC_COLUMNS = ("encounter_id", "patient_last", "patient_first", "birth_date", "gender", "street", "start", "end",
                  "encounter_type")  # fmt: skip
TRUTH_COLUMNS = ("agency", "record_id", "true_person", "sex", "nameless")
#: What the police system calls a kind; any other nature is another police contact.
NATURES: Mapping[str, str] = {
    "crisis_call": "EDP - CALL",
    "co_response": "EDP - CO RESPONSE",
    "welfare_check": "WELFARE CHECK",
    "incident": "INCIDENT REPORT",
    "arrest": "ARREST",
    "custody_release": "CUSTODY RELEASE",
    "section12_transport": "SECTION 12 TRANSPORT",
    "field_contact": "FIELD CONTACT",
    "victimisation": "VICTIM REPORT",
}
OTHER_NATURES = ("TRAFFIC STOP", "NOISE COMPLAINT", "PROPERTY - FOUND", "LANDLORD/TENANT")
#: What the clinic's system calls a kind.
ENCOUNTERS: Mapping[str, str] = {
    "co_response": "CO-RESPONSE",
    "mobile_crisis": "MOBILE CRISIS",
    "crisis_evaluation": "CRISIS EVAL",
    "follow_up": "FOLLOW-UP",
    "outpatient": "OUTPATIENT",
    "phone_contact": "PHONE",
    "section12": "SECTION 12",
    "ed_visit": "ED VISIT",
    "inpatient_stay": "INPATIENT",
}
POLICE_SEX: Mapping[str, str] = {"female": "F", "male": "M", "other": "X"}
CLINIC_SEX: Mapping[str, str] = {"female": "Female", "male": "Male", "other": "Nonbinary"}
_OFFENCES: Mapping[str, tuple[str, ...]] = {
    "incident": ("DISTURBANCE", "TRESPASS", "LARCENY", "VANDALISM", "ARGUMENT - VERBAL"),
    "arrest": ("TRESPASS", "A&B", "LARCENY UNDER", "DISORDERLY", "WARRANT", "POSSESSION CL B"),
    "victimisation": ("A&B DOMESTIC", "A&B", "LARCENY FROM PERSON", "THREATS", "ROBBERY - UNARMED", "209A VIOLATION"),
}
#: An incident shares its number with the one before it in this share of the reports of callers and witnesses.
_SHARED_INCIDENT = 0.4
#: Days until an agency hears of a new surname (mean of an exponential), and how often the old one is still written.
_NAME_LAG = 90.0
_OLD_NAME = 0.08


@dataclass(frozen=True)
class Record:
    """A row of an export with its truth; ``cells`` in the order of the agency's columns."""

    contact_id: str
    contact: Contact
    person: TruePerson
    cells: tuple[str, ...]
    slips: frozenset[Slip]


@dataclass(frozen=True)
class Speller:
    """One agency's way with every person: habits, and how late it hears of a new surname."""

    rates: Rates
    habits: tuple[Habit, ...]
    lags: tuple[float, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, people: Sequence[TruePerson], rates: Rates) -> Speller:
        """Habits for all ``people``; names of Vietnamese order are swapped more often."""
        habits = tuple(
            draw_habit(rng, p.on(0.0), nicknames(), swap_chance=0.12 if p.community == "vietnamese" else 0.004)
            for p in people
        )
        return cls(rates, habits, tuple(rng.exponential(_NAME_LAG, len(people)).tolist()))

    def write(self, rng: np.random.Generator, person: TruePerson, day: float) -> Written:
        """The identifying fields of one contact with ``person`` on ``day``."""
        late = np.inf if rng.random() < _OLD_NAME else self.lags[person.number]
        habit = self.habits[person.number]
        who = person.on(day, name_lag=late)
        if habit.last is not None and who.last != person.last:
            habit = Habit(None, habit.first, habit.swapped, habit.birth, habit.sex)
        return spell(rng, who, habit, self.rates, nicknames())


def police_records(
    rng: np.random.Generator, contacts: Iterable[Contact], people: Sequence[TruePerson], first_day: datetime
) -> list[Record]:
    """The police export: upper case without accents, minutes, one row a person, some incidents naming two."""
    speller = Speller.draw(rng, people, POLICE_RATES)
    rows: list[Record] = []
    before: tuple[str, str, Contact] | None = None
    serial: Counter[int] = Counter()
    for contact in (c for c in contacts if c.agency == POLICE):
        at = first_day + timedelta(minutes=round(contact.start * 1440))
        if before is not None and _joins(contact, before[2]) and rng.random() < _SHARED_INCIDENT:
            number, reported = before[:2]
        else:
            serial[at.year] += 1
            number, reported = f"I{at.year % 100:02d}{serial[at.year]:06d}", at.strftime("%m/%d/%Y %H:%M")
        if contact.kind == "incident" and contact.role == "subject":
            before = (number, reported, contact)
        person = people[contact.person]
        written = speller.write(rng, person, contact.start)
        nature = NATURES.get(contact.kind) or OTHER_NATURES[int(rng.random() * len(OTHER_NATURES))]
        offences = _OFFENCES.get(contact.kind, ("",))
        alias = f"{written.alias[0]}, {written.alias[1]}" if written.alias else ""
        cells = (
            number, reported, nature, offences[int(rng.random() * len(offences))], contact.role.upper(),
            _capitals(written.last), _capitals(written.first), _capitals(written.middle),
            _american(written.birth), POLICE_SEX.get(written.sex or "", ""), _capitals(written.address),
            _capitals(alias),
        )  # fmt: skip
        rows.append(Record(number, contact, person, cells, written.slips))
    return rows


def clinic_records(
    rng: np.random.Generator, contacts: Iterable[Contact], people: Sequence[TruePerson], first_day: datetime
) -> list[Record]:
    """The clinic export: names as typed, ISO times, an end for stays."""
    speller = Speller.draw(rng, people, CLINIC_RATES)
    rows: list[Record] = []
    for number, contact in enumerate((c for c in contacts if c.agency == CLINIC), 1):
        person = people[contact.person]
        written = speller.write(rng, person, contact.start)
        keeps_accents = rng.random() < 0.6
        last, first = (t if keeps_accents else fold_accents(t) for t in (written.last, written.first))
        identifier = f"E{number:06d}"
        cells = (
            identifier, last, first, _iso_date(written.birth), CLINIC_SEX.get(written.sex or "", ""),
            written.address.lower(), _iso(first_day, contact.start),
            "" if contact.end is None else _iso(first_day, contact.end), ENCOUNTERS[contact.kind],
        )  # fmt: skip
        rows.append(Record(identifier, contact, person, cells, written.slips))
    return rows


def _joins(contact: Contact, before: Contact) -> bool:
    """Whether a caller or witness may belong to the incident ``before``, of another person in the same half day."""
    return (
        contact.kind == "incident"
        and contact.role in ("caller", "witness")
        and before.person != contact.person
        and contact.start - before.start < 0.5
    )


def truth_rows(agency: str, records: Sequence[Record]) -> list[tuple[str, str, str, str, str]]:
    """Truth of each record: the contact's id, with ``#n`` from 1 where it names several people, in file order."""
    times = Counter(record.contact_id for record in records)
    seen: Counter[str] = Counter()
    rows = []
    for record in records:
        identifier = record.contact_id
        if times[identifier] > 1:
            seen[identifier] += 1
            identifier = f"{identifier}#{seen[identifier]}"
        nameless = "1" if Slip.NAMELESS in record.slips else "0"
        rows.append((agency, identifier, record.person.label, record.person.sex, nameless))
    return rows


def _capitals(text: str) -> str:
    return fold_accents(text).upper()


def _american(birth: Birth | None) -> str:
    return "" if birth is None else f"{birth[1]:02d}/{birth[2]:02d}/{birth[0]:04d}"


def _iso_date(birth: Birth | None) -> str:
    return "" if birth is None else f"{birth[0]:04d}-{birth[1]:02d}-{birth[2]:02d}"


def _iso(first_day: datetime, day: float) -> str:
    return (first_day + timedelta(minutes=round(day * 1440))).strftime("%Y-%m-%dT%H:%M:%S")
