"""The true people behind the records: names, birth dates, where they live and when that changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from juncture.rehearsal.city.names import draw_community, draw_first, draw_last
from juncture.rehearsal.city.noise import Address, Identity, pick
from juncture.rehearsal.city.society import Group

SHELTER = "Lantern House Shelter, 40 Tidewater Street"
NOWHERE = ("NFA", "Homeless", "No Fixed Address", SHELTER, SHELTER, SHELTER)
STREETS = tuple(
    f"{name} {kind}"
    for kind, names in {
        "Street": "Quarry Larkspur Tannery Gull Saltmarsh Foundry Beacon-Hollow Ropewalk Juniper Winterberry "
        "Cooper-Yard Mill-Race Harrow Chandler Periwinkle Eastwind Cobbler Hollis-Green Barberry Plover Lockwater "
        "Almshouse Old-Ferry",
        "Avenue": "Alder Brightwater Corncrake Dunmore-Park Elderflower Fairmeadow Graniteview Heron Ironwood Jackdaw",
        "Road": "Kestrel Long-Orchard Mossbank Northgate Oxbow Pilgrim-Spring Quince Redstart Stonebridge Thornapple",
        "Court": "Upper-Wharf Violet Weaver Yarrow Zinnia Amberly Birchmoor",
        "Place": "Clover Damson Eaglet Fiddlers Gorse",
        "Terrace": "Hawthorn-Rise Inkberry Juneberry Kelp Linden-Knoll",
    }.items()
    for name in (word.replace("-", " ") for word in names.split())
)
#: A share of women under 60 take another surname within the city's years.
SURNAME_CHANGES = 0.12
#: Fathers of a son of their name are at least this old on the first day.
FATHER_AGE = 45
_ALIASES = {Group.FREQUENT: 0.22, Group.BOTH: 0.12, Group.POLICE_ONLY: 0.08, Group.CLINIC_ONLY: 0.03}
_HOMELESS = {Group.FREQUENT: 0.3, Group.BOTH: 0.1, Group.POLICE_ONLY: 0.06, Group.CLINIC_ONLY: 0.03}


@dataclass(frozen=True)
class TruePerson:
    """A person of the city. ``new_last`` is a day (since the first) and the surname borne from then on.

    ``homes`` are (first day, address), in order, the first from day minus infinity on.
    """

    number: int
    sex: str
    community: str
    first: str
    middle: str
    last: str
    second_last: str
    birth: date
    homes: tuple[tuple[float, Address], ...]
    new_last: tuple[float, str] | None = None
    alias: tuple[str, str] | None = None

    @property
    def label(self) -> str:
        """The person's name in the truth files."""
        return f"T{self.number:06d}"

    def on(self, day: float, *, name_lag: float = 0.0) -> Identity:
        """Who the person is on ``day``, at an agency that hears of a new surname ``name_lag`` days late."""
        last, second = self.last, self.second_last
        if self.new_last is not None and day >= self.new_last[0] + name_lag:
            last, second = self.new_last[1], ""
        home = next(address for since, address in reversed(self.homes) if day >= since)
        return Identity(last, self.first, self.middle, self.birth, self.sex, home, second, self.alias)


def draw_people(
    rng: np.random.Generator, groups: Sequence[Group], sexes: Sequence[str], first_day: date, days: float
) -> tuple[TruePerson, ...]:
    """One true person for each entry of ``groups``; among them twins, and fathers and sons of one name."""
    drawn = enumerate(zip(groups, sexes, strict=True))
    people = [_person(rng, number, group, sex, first_day, days) for number, (group, sex) in drawn]
    pairs = max(2, round(0.004 * len(people)))
    order = rng.permutation(len(people)).tolist()
    for _ in range(min(pairs, len(order) // 8)):
        one, two = order.pop(), order.pop()
        people[two] = _twin(rng, people[one], people[two])
    men = [n for n in order if people[n].sex == "male"]
    fathers = [n for n in men if people[n].birth < first_day - timedelta(days=round(FATHER_AGE * 365.25))]
    sons = [n for n in men if n not in set(fathers)]
    for father, son in zip(fathers[:pairs], sons, strict=False):
        people[son] = _son(rng, people[father], people[son])
    return tuple(people)


def _person(rng: np.random.Generator, number: int, group: Group, sex: str, first_day: date, days: float) -> TruePerson:
    community = draw_community(rng)
    first, last = draw_first(rng, community, sex), draw_last(rng, community)
    second = draw_last(rng, community) if community == "hispanic" and rng.random() < 0.45 else ""
    age = 16 + 66 * float(rng.beta(1.6, 2.8))
    birth = first_day - timedelta(days=round(age * 365.25))
    new_last = None
    if sex == "female" and age < 60 and rng.random() < SURNAME_CHANGES:
        other = community if rng.random() < 0.7 else draw_community(rng)
        new_last = (float(rng.random() * days), _other_than(last, lambda: draw_last(rng, other)))
    alias = None
    if rng.random() < _ALIASES[group]:
        die = rng.random()
        strange_last = draw_last(rng, draw_community(rng)) if die < 0.75 else last
        strange_first = draw_first(rng, community, sex) if die > 0.5 or strange_last == last else first
        alias = (strange_last, strange_first) if (strange_last, strange_first) != (last, first) else None
    return TruePerson(
        number, sex, community, first, draw_first(rng, community, sex), last, second, birth,
        _homes(rng, group, days), new_last, alias,
    )  # fmt: skip


def _other_than(taken: str, draw: Callable[[], str]) -> str:
    for _ in range(50):
        name = draw()
        if name != taken:
            return name
    return f"{taken}-Alden"


def _homes(rng: np.random.Generator, group: Group, days: float) -> tuple[tuple[float, Address], ...]:
    moves = int(rng.poisson(1.6 if group is Group.FREQUENT else 0.5))
    since = [-np.inf, *sorted((rng.random(moves) * days).tolist())]
    return tuple((start, _address(rng, _HOMELESS[group])) for start in since)


def _address(rng: np.random.Generator, homeless: float) -> Address:
    if rng.random() < homeless:
        return Address(fixed=pick(rng, NOWHERE))
    unit = f"{1 + int(rng.random() * 12)}{pick(rng, ('', '', 'A', 'B'))}" if rng.random() < 0.5 else ""
    return Address(1 + int(400 * float(rng.random()) ** 1.5), pick(rng, STREETS), unit)


def _twin(rng: np.random.Generator, one: TruePerson, two: TruePerson) -> TruePerson:
    first = _other_than(one.first, lambda: draw_first(rng, one.community, two.sex))
    return replace(
        two, community=one.community, last=one.last, second_last=one.second_last, birth=one.birth, homes=one.homes,
        first=first, new_last=None, alias=None,
    )  # fmt: skip


def _son(rng: np.random.Generator, father: TruePerson, son: TruePerson) -> TruePerson:
    """The son bears the father's name and lives with him; he is 20 to 28 years younger."""
    later = father.birth + timedelta(days=round(365.25 * (20 + 8 * float(rng.random()))))
    return replace(
        son, community=father.community, last=father.last, second_last=father.second_last, first=father.first,
        homes=father.homes, birth=later, alias=None,
    )  # fmt: skip
