"""Small worlds for the tests of the study: people with files at two agencies, told as packages tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from juncture.agreement.model import Agreement
from juncture.agreement.read import parse_agreement
from juncture.analyst.study import Study, build_study
from juncture.analyst.study.build import assemble
from juncture.formats.clock import CIRCLE, shifted
from juncture.formats.cohort import CANDIDATES, CohortPayload, LinkReport, QualityRow
from juncture.formats.timeline import ReleasedContact, Timeline

FOLLOW_UP = """
[juncture.follow_up_7d]
title    = "Co-response with no follow-up within 7 days"
family   = "missed_follow_up"
index    = { kinds = ["police.co_response", "clinic.co_response"] }
response = { kinds = ["clinic.follow_up", "clinic.outpatient"], within_days = 7 }
intercept = 1
"""

AGREEMENT = """
format = 1
project = "made-up-town"
purpose = "service_improvement_research"
rehearsal = true
time_zone = "America/New_York"
expires = 2027-12-31
party.police = { role = "agency", family = "police", title = "Police" }
party.clinic = { role = "agency", family = "crisis_team", title = "Crisis team" }
party.linker = { role = "linker" }
party.analyst = { role = "analyst" }
party.checker = { role = "checker" }
linkage = { draws = 4 }
release.start = { transform = "shift", grain = "GRAIN" }
release.kind = { transform = "keep" }
release.role = { transform = "keep" }
release.sex = { transform = "keep" }
release.birth_date = { transform = "band" }
windows = { selection = [2012-01-01, 2013-12-31], follow_up = [2014-01-01, 2015-12-31] }
[cohort]
quota = 150
families = { police_any = ["police.*"], clinic_any = ["clinic.*"] }
share_from = { police_any = 2, clinic_any = 1 }
rule = { police_any = 3, clinic_any = 2 }
[study]
crisis = ["police.co_response", "police.crisis_call", "clinic.co_response", "clinic.crisis_evaluation",
          "clinic.mobile_crisis"]
"""


def agreement(junctures: str = FOLLOW_UP, *, grain: str = "six_hours") -> Agreement:
    """An agreement of two agencies with the given junctures."""
    return parse_agreement(AGREEMENT.replace("GRAIN", grain) + junctures)


@dataclass(frozen=True)
class At:
    """A contact at hour ``h`` of the person's clock, which ends at ``end``, both multiples of six."""

    h: int
    kind: str
    end: int | None = None
    role: str | None = "subject"


@dataclass(frozen=True)
class File:
    """What one agency has of a person: observed days, contacts, and which draws give it to the person."""

    agency: str
    contacts: Sequence[At] = ()
    observed: tuple[int, int] = (-700, 699)
    sex: str | None = None
    draws: Sequence[int] = (0, 1, 2, 3)
    best: bool = True
    probability: float = 1.0
    opened: bool = True
    age_band: str | None = "30-39"


@dataclass(frozen=True)
class Member:
    """A member of the cohort."""

    files: Sequence[File]
    sex_class: int = -1
    chosen: Sequence[int] = (0, 1, 2, 3)
    start: int | None = None


def one_file_each(contacts: Sequence[At], sex: str | None = None, **facts: object) -> Member:
    """A member with one sure file at each agency; contacts go where their kind says."""
    own = {name: [c for c in contacts if c.kind.startswith(name)] for name in ("clinic", "police")}
    return Member([File(name, own[name], sex=sex, **facts) for name in ("clinic", "police")])  # type: ignore[arg-type]


@dataclass(frozen=True)
class World:
    """Packages of a cohort and its opened envelopes, and days observed that may differ between files."""

    cohort: CohortPayload
    timelines: Mapping[bytes, Timeline]
    observed: Mapping[tuple[int, str, int], tuple[int, int]]
    terms: Agreement = field(default_factory=agreement)

    def study(self) -> Study:
        """The study that the analyst builds from it."""
        built = build_study(self.terms, self.cohort, self.timelines)
        refs = tuple(
            replace(r, observed=r.observed and self.observed[r.person, r.agency, r.candidate]) for r in built.refs
        )
        return assemble(
            self.terms, self.cohort.round, built.people, refs, built.draw_refs, built.chosen, self.cohort.report
        )


def world(
    members: Sequence[Member],
    terms: Agreement | None = None,
    *,
    draws: int = 4,
    quality: Sequence[QualityRow] = (),
    seed: int = 0,
) -> World:
    """Tell the members' files as packages tell them: each on a clock of its own, wherever on the circle."""
    rng = np.random.default_rng(seed)
    terms = terms or agreement()
    agencies = terms.agencies
    quota = len(members) + 2
    shape = (quota, len(agencies), CANDIDATES)
    arrays = {
        "study_id": rng.integers(0, 256, (quota, 16), dtype=np.uint8),
        "envelope_id": rng.integers(0, 256, (*shape, 16), dtype=np.uint8),
        "unlock_token": rng.integers(0, 256, (*shape, 32), dtype=np.uint8),
        "in_use": np.zeros(shape, dtype=np.uint8),
        "probability": np.zeros(shape),
        "clock_correction": np.zeros(shape, dtype=np.int32),
        "follow_up_start": np.zeros(quota, dtype=np.int32),
        "best": np.zeros(shape, dtype=np.uint8),
        "draws": np.zeros((draws, *shape), dtype=np.uint8),
        "chosen_in": np.zeros((draws, quota), dtype=np.uint8),
        "sex_class": np.full(quota, -1, dtype=np.int8),
    }
    timelines = {}
    observed = {}
    for q, member in enumerate(members):
        start = int(rng.integers(CIRCLE)) if member.start is None else member.start
        arrays["follow_up_start"][q] = start
        arrays["sex_class"][q] = member.sex_class
        arrays["chosen_in"][[m for m in member.chosen if m < draws], q] = 1
        place = dict.fromkeys(agencies, 0)
        for file in member.files:
            a, c = agencies.index(file.agency), place[file.agency]
            place[file.agency] += 1
            observed[q, file.agency, c] = file.observed
            offset = 7 * int(rng.integers(CIRCLE // 7))
            arrays["in_use"][q, a, c] = 1
            arrays["probability"][q, a, c] = file.probability
            arrays["clock_correction"][q, a, c] = -offset % CIRCLE
            arrays["best"][q, a, c] = file.best
            arrays["draws"][[m for m in file.draws if m < draws], q, a, c] = 1
            if file.opened:
                day = start + offset
                timelines[arrays["envelope_id"][q, a, c].tobytes()] = Timeline(
                    sex=file.sex,
                    age_band=file.age_band,
                    race=None,
                    ethnicity=None,
                    contacts=tuple(_released(contact, day, terms) for contact in file.contacts),
                )
    report = LinkReport({"clinic": 1200, "police": 2400}, tuple(quality), ("clinic_any", "police_any"), (), 119, ())
    cohort = CohortPayload(round=1, agencies=agencies, people=len(members), report=report, **arrays)
    return World(cohort, timelines, observed, terms)


def _released(contact: At, day: int, terms: Agreement) -> ReleasedContact:
    banded = terms.release.start.grain == "six_hours"

    def told(hour: int | None) -> tuple[int | None, int | None]:
        if hour is None:
            return None, None
        return shifted(hour // 24, day), hour % 24 // 6 if banded else None

    at, band = told(contact.h)
    assert at is not None
    return ReleasedContact(at, band, contact.kind, contact.role, *told(contact.end))


def life(rng: np.random.Generator, ratio: float, *, mean: float = 8.0) -> list[At]:
    """A person's co-responses and follow-ups over 700 days, with a known truth.

    After a co-response the hazard of the next is the person's own; from day 7 to 37 it is ``ratio`` times that unless
    a follow-up came in the week (one is cancelled by an earlier crisis). People differ in their hazard (gamma) and in
    how often they are followed up (beta), so nothing is alike but the ratio.
    """
    own, followed = rng.gamma(2, 0.5) * mean / 700, rng.beta(3, 3)
    contacts: list[At] = []
    factor, last = 1.0, -100.0
    while True:
        left, now = float(rng.exponential()), max(last, 0.0)
        for until, times in ((last + 7, 1.0), (last + 37, factor), (np.inf, 1.0)):
            if until <= now:
                continue
            if left <= own * times * (until - now):
                now += left / (own * times)
                break
            left -= own * times * (until - now)
            now = until
        hour = max(int(now * 4) * 6, int(last * 24) + 24 if last > 0 else 0)
        if hour >= 700 * 24:
            return contacts
        if contacts and contacts[-1].h >= hour:
            contacts.pop()
        contacts.append(At(hour, "police.co_response"))
        last, factor = hour / 24, ratio
        if rng.random() < followed:
            contacts.append(At((hour // 24 + int(rng.integers(1, 7))) * 24 + 12, "clinic.follow_up"))
            factor = 1.0


def simulated(people: int, ratio: float, seed: int, terms: Agreement | None = None) -> World:
    """``people`` lives, two women to each man, surely linked."""
    rng = np.random.default_rng(seed)
    members = [one_file_each(life(rng, ratio), "male" if i % 3 == 0 else "female") for i in range(people)]
    return world(members, terms, draws=2, seed=seed)
