"""People whose contacts come by chance from a frailty that stays or drifts, and what agencies tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from juncture.agency.deidentify.histogram import band_totals, suppressed
from juncture.agency.deidentify.selection import banded, most_in_window
from juncture.agreement.model import Agreement
from juncture.agreement.read import parse_agreement
from juncture.agreement.vocabulary import BAND_LABELS
from juncture.analyst.study.build import assemble, observed_days
from juncture.analyst.study.model import Contact, Everyone, Person, Ref, Study
from juncture.formats.cohort import LinkReport
from juncture.formats.release import BandTotals, HistogramRow

TERMS = parse_agreement(
    (Path(__file__).resolve().parents[2] / "examples" / "borrowed_city" / "agreement.toml").read_text(encoding="utf-8")
)
HALF_YEARS, DAYS = 8, 1461
#: First day of the follow-up window, counted from the first of the selection window.
START = 731
QUOTA = 100


@dataclass(frozen=True)
class World:
    """``frailty``: gamma, lognormal or unlike (one in 33 is met 16 times as often). ``stays``: the correlation of the
    frailty over two years; ``mean``: contacts in two years; ``step``: their rate in the follow-up over that before.
    ``both``: the rule asks something of both agencies, and the clinic's frailty is the police's in the share ``same``
    of the people. ``active_first``: the quota takes the most active, else anybody."""

    name: str
    frailty: str = "gamma"
    shape: float = 0.6
    mean: float = 1.2
    stays: float = 1.0
    step: float = 1.0
    both: bool = False
    same: float = 0.0
    active_first: bool = False


@dataclass(frozen=True)
class Town:
    """Contacts of one agency: person and day of each (n), and counts of each person in both windows."""

    person: NDArray[np.int32]
    day: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]

    @property
    def known(self) -> int:
        """People whom the agency met at all."""
        return int(((self.before + self.after) > 0).sum())


@dataclass(frozen=True)
class Draw:
    """One town: the study of at most ``QUOTA`` people who meet the rule, what the police tell, who was chosen, of whom
    the truth is (all who meet the rule where anybody of them could be chosen), and the police's contacts."""

    study: Study
    told: Everyone
    chosen: NDArray[np.int64]
    alike: NDArray[np.int64]
    police: Town


def frailties(people: int, world: World, rng: np.random.Generator) -> NDArray[np.float64]:
    """(half-years, people), mean 1. Gamma: a square-root diffusion seen every half-year; lognormal: autoregressive."""
    each = world.stays ** (1 / 4)
    if world.frailty == "unlike":
        heavy = rng.random(people) < 0.03
        z = np.where(heavy, rng.gamma(4, 4, people), rng.gamma(0.8, 0.625, people))
        return np.tile(z, (HALF_YEARS, 1))
    if world.frailty == "lognormal":
        z = rng.standard_normal(people)
        rows = [z]
        for _ in range(HALF_YEARS - 1):
            z = each * z + np.sqrt(1 - each**2) * rng.standard_normal(people)
            rows.append(z)
        return np.exp(1.5 * np.array(rows) - 1.5**2 / 2)
    z = rng.gamma(world.shape, 1 / world.shape, people)
    rows = [z]
    for _ in range(HALF_YEARS - 1):
        if each < 1:
            z = rng.gamma(world.shape + rng.poisson(z * world.shape * each / (1 - each)), (1 - each) / world.shape)
        rows.append(z)
    return np.array(rows)


def town(frailty: NDArray[np.float64], world: World, rng: np.random.Generator) -> Town:
    """Draw contacts: a Poisson number each half-year, on days at random."""
    rate = world.mean / 4 * frailty
    rate[HALF_YEARS // 2 :] *= world.step
    counts = rng.poisson(rate)
    half, person = np.nonzero(counts)
    repeats = counts[half, person]
    half, person = np.repeat(half, repeats), np.repeat(person, repeats)
    day = ((half + rng.random(half.size)) * DAYS / HALF_YEARS).astype(np.int64)
    early = day < START
    size = frailty.shape[1]
    before, after = np.bincount(person[early], minlength=size), np.bincount(person[~early], minlength=size)
    return Town(person.astype(np.int32), day, before, after)


def everyone(place: Town, terms: Agreement) -> Everyone:
    """What the agency tells, suppressed by its own code; everybody is of one sex."""
    threshold, base = terms.disclosure.threshold, terms.disclosure.round_to
    met = (place.before + place.after) > 0
    before, after = place.before[met], place.after[met]
    first, later = banded(before), banded(after)
    rows, totals = [], []
    for i, label in enumerate(BAND_LABELS):
        row = np.bincount(later[first == i], minlength=len(BAND_LABELS))
        rows += [
            HistogramRow("female", label, BAND_LABELS[j], n) for j, n in enumerate(suppressed(row, threshold, base))
        ]
        if i:
            totals.append(
                BandTotals("female", label, *band_totals(before[first == i], after[first == i], threshold, base))
            )
    return Everyone(tuple(rows), tuple(totals))


def draw(people: int, world: World, rng: np.random.Generator) -> Draw:
    """Draw one town."""
    z = frailties(people, world, rng)
    police = town(z, world, rng)
    other = frailties(people, world, rng)
    clinic = town(np.where(rng.random(people) < world.same, z, other), world, rng)
    terms = TERMS if world.both else alone()
    early = [(t.person[t.day < START], t.day[t.day < START]) for t in (police, clinic)]
    most = [
        most_in_window(person, np.arange(person.size), day, terms.cohort.within_days, people) for person, day in early
    ]
    eligible = np.flatnonzero((most[0] >= 3) & ((most[1] >= 2) | (not world.both)))
    order = rng.permutation(eligible)
    if world.active_first:
        rank = banded(most[0])[order].astype(int) + banded(most[1])[order]
        order = order[np.argsort(-rank, kind="stable")]
    chosen = order[:QUOTA]
    told = everyone(police, terms)
    made = study(chosen, eligible.size, {"police": police, "clinic": clinic}, {"police": told}, terms, world)
    return Draw(made, told, chosen, chosen if world.active_first else eligible, police)


def alone() -> Agreement:
    """The agreement with a rule of the police alone."""
    return TERMS.model_copy(
        update={"cohort": TERMS.cohort.model_copy(update={"rule": {"police_any": 3}, "share_from": {"police_any": 2}})}
    )


def study(
    chosen: NDArray[np.int64],
    eligible: int,
    towns: dict[str, Town],
    told: dict[str, Everyone],
    terms: Agreement,
    world: World,
) -> Study:
    """The study of the chosen, surely linked, on a clock that starts with the follow-up."""
    first, last = observed_days(terms)
    refs = []
    for number, person in enumerate(chosen.tolist()):
        for name, place in towns.items():
            own = np.sort(place.day[place.person == person] - START)
            contacts = tuple(
                Contact(int(d) * 24, None, f"{name}.{'incident' if name == 'police' else 'phone_contact'}", "subject")
                for d in own
                if first <= d <= last
            )
            refs.append(Ref(number, name, 0, 1.0, True, (first, last), "female", None, contacts))
    draws = np.ones((1, len(refs)), dtype=bool)
    people = tuple(Person(f"{i:032x}", "female", None, 0) for i in range(chosen.size))
    # Whoever is chosen at random was not cut by the quota.
    report = LinkReport({}, (), (), (), eligible if world.active_first else chosen.size, ())
    return assemble(terms, 1, people, tuple(refs), draws, np.ones((1, chosen.size), dtype=bool), report, told)


def sized(world: World, known: int, rng: np.random.Generator) -> int:
    """How many people a town needs for the police to know about ``known``."""
    trial = 20_000
    return round(known * trial / town(frailties(trial, world, rng), world, rng).known)
