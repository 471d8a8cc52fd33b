"""The agreement as frozen types. A wrong agreement cannot be built.

Field checks stand with the fields; checks that need several sections stand in :mod:`juncture.agreement.checks`, so
that a reader of a file hears of all errors at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from juncture.agreement.vocabulary import (
    BAND_EDGES,
    AgencyFamily,
    ContactRole,
    Grain,
    JunctureFamily,
    Kind,
    LinkageField,
    LinkageProfile,
    PartyRole,
    Purpose,
    ReleaseProfile,
    kinds_of,
)

#: Stands in a draft until the party's keys exist.
UNKNOWN_KEYS = "sha384:..."
SLUG = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")


def _slug(value: str) -> str:
    if len(value) > 40 or not SLUG.fullmatch(value):
        raise ValueError("must be lower-case letters, digits, '-' and '_', starting with a letter, at most 40 long")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("is not a time zone of the IANA list, such as America/New_York") from error
    return value


def _keys(value: str) -> str:
    if value != UNKNOWN_KEYS and not re.fullmatch(r"sha384:[0-9a-f]{96}", value):
        raise ValueError("must be 'sha384:' and 96 hex digits, or 'sha384:...' in a draft")
    return value


def _band_edge(value: int) -> int:
    if value not in BAND_EDGES[1:]:
        raise ValueError(f"must be the lower edge of a band: one of {', '.join(map(str, BAND_EDGES[1:]))}")
    return value


Slug = Annotated[str, AfterValidator(_slug)]
ZoneName = Annotated[str, AfterValidator(_zone)]
Fingerprint = Annotated[str, AfterValidator(_keys)]
BandEdge = Annotated[int, AfterValidator(_band_edge)]
KindName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*\.[a-z0-9_]+$")]
KindPattern = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*\.(\*|[a-z0-9_]+)$")]


class Part(BaseModel):
    """Base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Party(Part):
    """A party: its role, its keys, and for an agency its family and title."""

    role: PartyRole
    keys: Fingerprint = UNKNOWN_KEYS
    family: AgencyFamily | None = None
    title: str = ""

    @model_validator(mode="after")
    def _agency_facts(self) -> Party:
        if self.role is PartyRole.AGENCY and (self.family is None or not self.title.strip()):
            raise ValueError("an agency needs a family and a title")
        if self.role is not PartyRole.AGENCY and self.family is not None:
            raise ValueError("only an agency has a family")
        return self


class Linkage(Part):
    """How people are encoded and how uncertain links travel on."""

    profile: LinkageProfile = LinkageProfile.TAGS
    fields: tuple[LinkageField, ...] = tuple(LinkageField)[:6]
    draws: int = Field(default=20, ge=2, le=200)
    floor: int = Field(default=100, ge=20)
    attack_ceiling: float = Field(default=0.01, ge=0, le=1)

    @model_validator(mode="after")
    def _each_once(self) -> Linkage:
        if len(set(self.fields)) != len(self.fields):
            raise ValueError("fields must name each field once")
        if not {"last_name", "first_name"} <= set(self.fields):
            raise ValueError("fields must hold last_name and first_name")
        return self


class Shift(Part):
    """Times on a clock shifted by a secret number of weeks a person, told at ``grain``."""

    transform: Literal["shift"]
    grain: Grain = Grain.SIX_HOURS


class Keep(Part):
    """A coded field that leaves as it is."""

    transform: Literal["keep"]


class Band(Part):
    """A birth date told as an age band of ``years``; ages of ``top`` and over are one band."""

    transform: Literal["band"]
    years: Literal[5, 10, 20] = 10
    top: int = Field(default=90, ge=60, le=90)

    def word(self, age: int) -> str:
        """The band of an age in whole years, such as "30-39"; ``top`` and over are one band, such as "90+"."""
        if age >= self.top:
            return f"{self.top}+"
        low = age // self.years * self.years
        return f"{low}-{min(low + self.years, self.top) - 1}"

    @property
    def words(self) -> tuple[str, ...]:
        """Every band, from the youngest on."""
        return tuple(dict.fromkeys(self.word(age) for age in range(self.top + 1)))


class Release(Part):
    """What may reach the analyst. A field that is absent stays at the agency."""

    profile: ReleaseProfile = ReleaseProfile.LIMITED_DATA_SET
    start: Shift
    kind: Keep
    role: Keep | None = None
    sex: Keep | None = None
    birth_date: Band | None = None
    race: Keep | None = None
    ethnicity: Keep | None = None
    trim_weeks: int = Field(default=4, ge=0, le=13)

    def released_fields(self) -> frozenset[str]:
        """Names of the record fields that leave in some form."""
        names = ("start", "kind", "role", "sex", "birth_date", "race", "ethnicity")
        return frozenset(name for name in names if getattr(self, name) is not None)


class Windows(Part):
    """First and last day of the selection and the follow-up window, both included."""

    selection: tuple[date, date]
    follow_up: tuple[date, date]
    washout_weeks: int = Field(default=4, ge=0, le=26)

    @model_validator(mode="after")
    def _in_order(self) -> Windows:
        if not self.selection[0] < self.selection[1] < self.follow_up[0] < self.follow_up[1]:
            raise ValueError(
                "windows must be in order: selection first and last day, then follow_up first and last day"
            )
        return self


class Cohort(Part):
    """Who is shared at all and who is chosen. Bands count the most contacts of a family in any ``within_days``."""

    quota: int = Field(ge=1, le=1000)
    within_days: int = Field(default=365, ge=1, le=1830)
    families: Mapping[Slug, tuple[KindPattern, ...]] = Field(min_length=1, max_length=3)
    share_from: Mapping[Slug, BandEdge]
    rule: Mapping[Slug, BandEdge]

    @model_validator(mode="after")
    def _families_known(self) -> Cohort:
        for name, table in (("share_from", self.share_from), ("rule", self.rule)):
            unknown = sorted(set(table) - set(self.families))
            if unknown:
                raise ValueError(f"{name} names families that are not declared: {', '.join(unknown)}")
        for family, least in self.rule.items():
            if self.share_from.get(family, 0) > least:
                raise ValueError(
                    f"share_from.{family} asks for more than rule.{family}: people whom the rule chooses are not shared"
                )
        return self


class Study(Part):
    """What counts as a crisis and when contacts are one episode."""

    crisis: tuple[KindName, ...] = Field(min_length=1)
    episode_gap_hours: int = Field(default=24, ge=1, le=72)


class Disclosure(Part):
    """Released cells of 1 to ``threshold - 1`` people are hidden; counts are rounded to ``round_to``."""

    threshold: int = Field(default=11, ge=5)
    round_to: int = Field(default=5, ge=1, le=20)


class Index(Part):
    """The situation that opens a juncture: ``count`` contacts of ``kinds`` within ``within_days``."""

    kinds: tuple[KindName, ...] = Field(min_length=1)
    count: int = Field(default=1, ge=1)
    within_days: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _window_for_many(self) -> Index:
        if self.count > 1 and self.within_days < 1:
            raise ValueError("an index of more than one contact needs within_days of at least 1")
        return self


class Response(Part):
    """What somebody could have done, and until when."""

    kinds: tuple[KindName, ...] = Field(min_length=1)
    within_days: int = Field(default=7, ge=0, le=90)
    same_day: bool = False
    same_episode: bool = False
    role: ContactRole | None = None


class Outcome(Part):
    """The crisis that might have been avoided, and how long after the landmark it counts."""

    kinds: Literal["crisis"] | tuple[KindName, ...] = "crisis"
    horizon_days: int = Field(default=30, ge=7, le=365)


class Juncture(Part):
    """A declared point of intervention."""

    title: str = Field(min_length=1, max_length=120)
    family: JunctureFamily
    index: Index
    response: Response
    outcome: Outcome = Outcome()
    intercept: int = Field(ge=0, le=5)

    @model_validator(mode="after")
    def _fits_family(self) -> Juncture:
        if self.family is JunctureFamily.MISSED_CO_RESPONSE and not self.response.same_episode:
            raise ValueError("a missed co-response needs response.same_episode = true")
        if self.family is not JunctureFamily.MISSED_CO_RESPONSE and self.response.same_episode:
            raise ValueError("response.same_episode belongs to the family missed_co_response")
        if not self.response.same_episode and self.response.within_days < 1:
            raise ValueError("response.within_days must be at least 1")
        return self


class Agreement(Part):
    """The whole agreement, format 1."""

    format: Literal[1]
    project: Slug
    purpose: Purpose
    rehearsal: bool = False
    time_zone: ZoneName
    expires: date
    at_expiry: Literal["destroy"] = "destroy"
    party: Mapping[Slug, Party]
    linkage: Linkage = Linkage()
    release: Release
    windows: Windows
    cohort: Cohort
    study: Study
    disclosure: Disclosure = Disclosure()
    juncture: Mapping[Slug, Juncture] = Field(min_length=1)

    @model_validator(mode="after")
    def _sections_fit(self) -> Agreement:
        from juncture.agreement.checks import problems

        found = problems({name: getattr(self, name) for name in type(self).model_fields})
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def agencies(self) -> tuple[str, ...]:
        """Names of the agencies, sorted."""
        return tuple(sorted(name for name, party in self.party.items() if party.role is PartyRole.AGENCY))

    @property
    def kinds(self) -> dict[str, Kind]:
        """Every kind of contact that an agency may report, by ``party.word``, agency by agency."""
        families = [(agency, self.party[agency].family) for agency in self.agencies]
        return {f"{a}.{word}": kind for a, f in families if f is not None for word, kind in kinds_of(f).items()}

    def sole(self, role: PartyRole) -> str:
        """Name of the one party that has ``role`` (linker, analyst or checker)."""
        return next(name for name, party in self.party.items() if party.role is role)

    @property
    def is_draft(self) -> bool:
        """True while a party's keys are not filled in."""
        return any(party.keys == UNKNOWN_KEYS for party in self.party.values())

    def with_keys(self, keys: Mapping[str, str]) -> Agreement:
        """A copy with each named party's fingerprint filled in."""
        data: dict[str, Any] = self.model_dump()
        for name, fingerprint in keys.items():
            data["party"][name]["keys"] = fingerprint
        return Agreement.model_validate(data)
