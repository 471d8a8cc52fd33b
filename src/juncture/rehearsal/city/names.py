"""First names, surnames and nicknames of the made-up city, by community, with weights.

The two data files beside this module were written for it: names common in Boston's communities, their weights a
falling curve by rank that has the shape, not the figures, of published census lists.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

#: Share of the city's people by community.
COMMUNITIES: Mapping[str, float] = {
    "general": 0.3,
    "irish": 0.15,
    "black_american": 0.22,
    "hispanic": 0.17,
    "haitian": 0.06,
    "cape_verdean": 0.05,
    "vietnamese": 0.05,
}
#: These communities take a share of their first names from the general list.
_SHARED_FIRST_NAMES = {"irish": 0.6, "black_american": 0.55, "hispanic": 0.25, "haitian": 0.2, "cape_verdean": 0.15,
                       "vietnamese": 0.2}  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """Names and the running sum of their weights, the last being 1."""

    names: tuple[str, ...]
    upto: tuple[float, ...]

    def draw(self, rng: np.random.Generator) -> str:
        """A name, by weight."""
        return self.names[int(np.searchsorted(self.upto, rng.random(), side="right"))]


def _rows(name: str) -> list[dict[str, str]]:
    text = files("juncture.rehearsal.city").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def pools() -> Mapping[tuple[str, str, str], Pool]:
    """Pools by part (first, last), community and sex (blank for surnames)."""
    weights: dict[tuple[str, str, str], list[tuple[str, float]]] = defaultdict(list)
    for row in _rows("names.csv"):
        weights[row["part"], row["community"], row["sex"]].append((row["name"], float(row["weight"])))
    made = {}
    for key, entries in weights.items():
        running = np.cumsum([weight for _, weight in entries])
        upto = (running / running[-1]).tolist()
        upto[-1] = 1.0
        made[key] = Pool(tuple(name for name, _ in entries), tuple(upto))
    return made


@cache
def nicknames() -> Mapping[str, tuple[str, ...]]:
    """The nicknames of a first name, written as the name is."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in _rows("nicknames.csv"):
        found[row["name"]].append(row["nickname"])
    return {name: tuple(short) for name, short in found.items()}


def draw_community(rng: np.random.Generator) -> str:
    """A community, by its share of the city."""
    upto = np.cumsum(list(COMMUNITIES.values()))
    return list(COMMUNITIES)[int(np.searchsorted(upto, rng.random() * upto[-1], side="right"))]


def draw_first(rng: np.random.Generator, community: str, sex: str) -> str:
    """A first name; a person of other sex bears a name of either list."""
    listed = sex if sex in ("female", "male") else ("female", "male")[int(rng.random() < 0.5)]
    if rng.random() < _SHARED_FIRST_NAMES.get(community, 0.0):
        community = "general"
    return pools()["first", community, listed].draw(rng)


def draw_last(rng: np.random.Generator, community: str) -> str:
    """A surname."""
    return pools()["last", community, ""].draw(rng)
