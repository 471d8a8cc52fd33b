"""What the agencies' files and the links tell of lives, as the study that the analyst builds from packages.

Packages themselves are skipped here: the tests of the product hold the way from packages to ``assemble``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from lives import CLINICIAN, DAYS, FEMALE, MALE, REAL, SELECTION_DAYS, STEPS_A_DAY, STREAMS, Lives, Points
from worlds import WOMEN, Loss, World

from juncture.agency.deidentify.histogram import band_totals, suppressed
from juncture.agency.deidentify.selection import banded
from juncture.agreement.model import Agreement
from juncture.agreement.read import parse_agreement
from juncture.agreement.vocabulary import BAND_LABELS
from juncture.analyst.findings.linkage import Completeness
from juncture.analyst.findings.model import Stratum
from juncture.analyst.statistics.misclassification import Chance
from juncture.analyst.study.build import assemble
from juncture.analyst.study.model import HOURS_A_BAND, Contact, Everyone, Person, Ref, Study
from juncture.formats.cohort import LinkReport, QualityRow
from juncture.formats.release import BandTotals, HistogramRow

RIGHT = 0.7
SEXES = {FEMALE: "female", MALE: "male"}

AGREEMENT = """
format = 1
project = "calibration"
purpose = "service_improvement_research"
rehearsal = true
time_zone = "America/New_York"
expires = 2027-12-31
party.police = { role = "agency", family = "police", title = "Police" }
party.clinic = { role = "agency", family = "crisis_team", title = "Crisis team" }
party.linker = { role = "linker" }
party.analyst = { role = "analyst" }
party.checker = { role = "checker" }
linkage = { draws = DRAWS }
release.start = { transform = "shift", grain = "six_hours" }
release.kind = { transform = "keep" }
release.role = { transform = "keep" }
release.sex = { transform = "keep" }
release.birth_date = { transform = "band" }
windows = { selection = [2012-01-01, 2013-12-31], follow_up = [2014-01-01, 2015-12-31] }
[cohort]
quota = 150
families = { police_any = ["police.*"], clinic_any = ["clinic.*"] }
share_from = { police_any = 2, clinic_any = 1 }
rule = RULE
[study]
crisis = ["police.co_response", "police.crisis_call", "clinic.mobile_crisis"]
"""


def agreement(world: World) -> Agreement:
    """The agreement of a world."""
    rule = "{ police_any = 3, clinic_any = 2 }" if world.loss.asks else "{ police_any = 3 }"
    parts = [AGREEMENT.replace("DRAWS", str(max(world.loss.draws, 2))).replace("RULE", rule)]

    def declare(name: str, family: str, index: str, response: str, more: str) -> None:
        parts.append(
            f'[juncture.{name}]\ntitle = "{name}"\nfamily = "{family}"\nindex = {{ kinds = ["{index}"] }}\n'
            f'response = {{ kinds = ["{response}"], {more} }}\nintercept = 1\n'
        )

    declare(REAL, "missed_follow_up", "police.co_response", "clinic.follow_up", "within_days = 7")
    if world.rules.eight:
        declare(CLINICIAN, "missed_co_response", "police.crisis_call", "clinic.mobile_crisis", "same_episode = true")
        for name, stream in STREAMS.items():
            within = f"within_days = {stream.within_days}"
            declare(name, "missed_follow_up", stream.index, stream.response, within)
    return parse_agreement("\n".join(parts))


@dataclass(frozen=True, eq=False)
class _Files:
    """Steps of contacts of one life at each agency, by kind, from the start of the follow-up."""

    police: list[tuple[int, str]]
    clinic: list[tuple[int, str]]


def _files(lives: Lives, life: int) -> _Files:
    agencies: dict[str, list[tuple[int, str]]] = {"police": [], "clinic": []}
    run = lives.run
    own = run.of(life)
    kinds = np.where(run.opens[own], "police.co_response", "police.crisis_call").tolist()
    told = list(zip(kinds, run.at[own].tolist(), strict=True))
    sources = [("clinic.follow_up", lives.follow_ups), ("clinic.mobile_crisis", lives.clinicians)]
    for name, happening in lives.streams.items():
        sources += [(STREAMS[name].index, happening.situations), (STREAMS[name].response, happening.responses)]
    for kind, points in sources:
        told += [(kind, at) for at in points.at[points.of(life)].tolist()]
    for kind, at in told:
        if at < lives.end:
            agencies[kind.split(".", 1)[0]].append((at - lives.zero, kind))
    return _Files(**agencies)


def cohort(lives: Lives, number: int, world: World, terms: Agreement, rng: np.random.Generator) -> Study:
    """The study of replicate ``number`` under the world's losses; whom a draw links to nobody is not chosen in it."""
    loss = world.loss
    own = lives.people[number].tolist()
    files = [_files(lives, life) for life in own]
    first = -lives.zero // STEPS_A_DAY
    people: list[Person] = []
    refs: list[Ref] = []
    joined: list[np.ndarray] = []
    for place, life in enumerate(own):
        sex = SEXES.get(int(lives.sex[life]))
        woman = sex == "female"
        clinic, drawn, probability = files[place].clinic, np.ones(loss.draws, dtype=bool), 1.0
        linked = rng.random() >= loss.people
        if rng.random() < loss.unsure:
            probability = RIGHT
            clinic = clinic if rng.random() < RIGHT else files[place - 1].clinic
            drawn = rng.random(loss.draws) < RIGHT
        if rng.random() < loss.files + loss.files_women * woman:
            clinic = [(at, kind) for at, kind in clinic if at < DAYS * STEPS_A_DAY / 2]
        clinic = _kept(clinic, loss.records, rng)
        police = _kept(files[place].police, loss.police_records, rng)
        if not linked and loss.asks:
            continue
        person = len(people)
        people.append(Person(f"{person:032x}", sex, None, {"female": 1, "male": 0}.get(sex or "", -1)))
        told = [("police", police, 1.0)] + ([("clinic", clinic, probability)] if linked else [])
        for agency, contacts, right in told:
            refs.append(
                Ref(
                    person=person,
                    agency=agency,
                    candidate=0,
                    probability=right,
                    best=True,
                    observed=(first, DAYS - 1),
                    sex=sex,
                    age_band=None,
                    contacts=tuple(Contact(at * HOURS_A_BAND, None, kind, "subject") for at, kind in contacts),
                )
            )
            joined.append(drawn)
    chosen = np.zeros((loss.draws, len(people)), dtype=bool)
    for ref, drawn in zip(refs, joined, strict=True):
        chosen[:, ref.person] = drawn
    shared = {"clinic": 1200, "police": 2400}
    report = LinkReport(shared, _quality(loss), ("clinic_any", "police_any"), (), len(own), ())
    draw_refs = np.stack(joined, axis=1)
    told = everyone(lives, number, terms) if world.rules.pool > 1 else {}
    return assemble(terms, 1, tuple(people), tuple(refs), draw_refs, chosen, report, told)


def everyone(lives: Lives, number: int, terms: Agreement) -> dict[str, Everyone]:
    """What the agencies tell of everybody in a replicate, whoever was chosen: counts and sums by band of contacts."""
    own = lives.everybody[number]
    threshold, base = terms.disclosure.threshold, terms.disclosure.round_to

    def contacts(points: Points, begin: int, stop: int) -> np.ndarray:
        inside = (points.at >= begin) & (points.at < stop)
        return np.bincount(points.life[inside], minlength=lives.sex.size)[own]

    told = {}
    for agency, points in (("clinic", lives.follow_ups), ("police", lives.run)):
        before = contacts(points, 0, lives.zero)
        later = contacts(points, lives.zero, lives.zero + SELECTION_DAYS * STEPS_A_DAY)
        rows, totals = [], []
        for code, sex in SEXES.items():
            mine = lives.sex[own] == code
            for band, label in enumerate(BAND_LABELS):
                these = mine & (banded(before) == band)
                cells = np.bincount(banded(later[these]), minlength=len(BAND_LABELS))
                for after, people in zip(BAND_LABELS, suppressed(cells, threshold, base), strict=True):
                    rows.append(HistogramRow(sex, label, after, people))
                if band:
                    sums = band_totals(before[these], later[these], threshold, base)
                    totals.append(BandTotals(sex, label, *sums))
        told[agency] = Everyone(tuple(rows), tuple(totals))
    return told


def _kept(contacts: list[tuple[int, str]], lost: float, rng: np.random.Generator) -> list[tuple[int, str]]:
    """What is left when each contact is lost by itself."""
    return [c for c in contacts if rng.random() >= lost] if lost else contacts


def _quality(loss: Loss) -> tuple[QualityRow, ...]:
    if loss.recall is None:
        return ()
    women, men = loss.recall
    told = (("all", WOMEN * women + (1 - WOMEN) * men), ("1", women), ("0", men))
    return tuple(QualityRow("expected_recall", name, r, r - 0.005, min(r + 0.005, 1.0)) for name, r in told)


def completeness(loss: Loss, rng: np.random.Generator) -> Completeness:
    """What the agencies say of their files: the truth with an error."""
    if not loss.told:
        return {}

    def said(true: float, luck: float) -> Chance:
        return Chance(1.0) if true == 1 else Chance(min(true * math.exp(luck), 1.0), loss.error)

    told: dict[str, dict[Stratum, Chance]] = {}
    for agency in ("clinic", "police"):
        luck = rng.normal(0, loss.error)
        told[agency] = {stratum: said(true, luck) for stratum, true in loss.whole(agency).items()}
    return told
