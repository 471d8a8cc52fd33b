"""Closed sets of words that agreements and records use, each with a description a person can read."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType


class Purpose(StrEnum):
    """What joined data may be used for. Closed: there is no word for a purpose that is forbidden."""

    SERVICE_IMPROVEMENT_RESEARCH = "service_improvement_research"
    PROGRAM_EVALUATION = "program_evaluation"
    PUBLIC_HEALTH_RESEARCH = "public_health_research"


class PartyRole(StrEnum):
    """What a party does in the protocol."""

    AGENCY = "agency"
    LINKER = "linker"
    ANALYST = "analyst"
    CHECKER = "checker"


class AgencyFamily(StrEnum):
    """The kind of agency; it decides which kinds of contact the agency may report."""

    POLICE = "police"
    CRISIS_TEAM = "crisis_team"


class LinkageProfile(StrEnum):
    """How a person's identifiers are encoded for the linker."""

    TAGS = "tags"
    FIELD = "field"
    RECORD = "record"


class LinkageField(StrEnum):
    """Identifiers that may be encoded for the linker. None of them may be released as it is."""

    LAST_NAME = "last_name"
    FIRST_NAME = "first_name"
    MIDDLE_NAME = "middle_name"
    BIRTH_DATE = "birth_date"
    SEX = "sex"
    ADDRESS = "address"
    ZIP = "zip"
    PHONE = "phone"
    SSN4 = "ssn4"


class ReleaseProfile(StrEnum):
    """Which rule the released fields must meet."""

    LIMITED_DATA_SET = "limited_data_set"
    SAFE_HARBOR = "safe_harbor"
    EXPERT = "expert"


class Grain(StrEnum):
    """How finely a time is told to the analyst."""

    SIX_HOURS = "six_hours"
    DAY = "day"
    WEEK = "week"


class JunctureFamily(StrEnum):
    """The four kinds of juncture."""

    MISSED_FOLLOW_UP = "missed_follow_up"
    MISSED_CO_RESPONSE = "missed_co_response"
    ESCALATION = "escalation"
    SILENCE = "silence"


class ContactRole(StrEnum):
    """The person's part in a contact."""

    SUBJECT = "subject"
    VICTIM = "victim"
    CALLER = "caller"
    WITNESS = "witness"
    SUSPECT = "suspect"
    OTHER = "other"


class Sex(StrEnum):
    """Sex as recorded by the agency; missing stays missing."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


# Race and ethnicity have closed words, so that neither can carry free text out of an agency. The categories are those
# of the Office of Management and Budget's Statistical Policy Directive 15 (2024), with "other" and "two_or_more" for
# records that say so. Codes of older exports keep ethnicity apart from race.


class Race(StrEnum):
    """Race as recorded by the agency."""

    AMERICAN_INDIAN = "american_indian_or_alaska_native"
    ASIAN = "asian"
    BLACK = "black_or_african_american"
    HISPANIC = "hispanic_or_latino"
    MIDDLE_EASTERN = "middle_eastern_or_north_african"
    PACIFIC_ISLANDER = "native_hawaiian_or_pacific_islander"
    WHITE = "white"
    TWO_OR_MORE = "two_or_more"
    OTHER = "other"


class Ethnicity(StrEnum):
    """Ethnicity as recorded by the agency, where it is kept apart from race."""

    HISPANIC = "hispanic_or_latino"
    NOT_HISPANIC = "not_hispanic_or_latino"


#: Names that stand for a role, a folder or a file and so cannot name an agency.
RESERVED_NAMES = frozenset({"linker", "analyst", "checker", "public", "audit"})


#: Lower edges of the activity bands 0, 1, 2, 3-4, 5-9, 10+ that the linker sees.
BAND_EDGES = (0, 1, 2, 3, 5, 10)
BAND_LABELS = ("0", "1", "2", "3-4", "5-9", "10+")


@dataclass(frozen=True)
class Kind:
    """One kind of contact: ``party.word`` in an agreement, ``word`` in the vocabulary of the party's family."""

    word: str
    title: str
    intercept: int
    institution: bool = False


@cache
def kinds_of(family: AgencyFamily) -> Mapping[str, Kind]:
    """The kinds of contact that an agency of ``family`` may report, by word."""
    table = tomllib.loads(files("juncture.agreement").joinpath("kinds.toml").read_text(encoding="utf-8"))
    return MappingProxyType({word: Kind(word=word, **facts) for word, facts in table[family.value].items()})


def kind_fits(kind: str, patterns: Iterable[str]) -> bool:
    """Whether ``kind`` (``party.word``) is one of ``patterns``, of which ``party.*`` is any kind of that party."""
    return any(kind == pattern or (pattern.endswith(".*") and kind.startswith(pattern[:-1])) for pattern in patterns)


def band_of(count: int) -> int:
    """Index into :data:`BAND_EDGES` of the band that holds ``count`` contacts."""
    return max(i for i, edge in enumerate(BAND_EDGES) if count >= edge)
