"""What one envelope holds: one person's de-identified contacts at one agency, on a shifted clock. Format 1.

Canonical JSON, so that a researcher can read it with any tool once it is open. Days are shifted days (see
:mod:`juncture.formats.clock`); ``band`` is the six-hour band 0-3 of the wall clock, or null where the agreement's
grain is coarser.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from juncture.base.canonical import canonical_json
from juncture.formats.arrays import need
from juncture.formats.clock import CIRCLE

PAYLOAD = "timeline"
VERSION = 1


@dataclass(frozen=True)
class ReleasedContact:
    """One contact as it leaves: day and band of its start, the same of its end for a stay, kind and role."""

    day: int
    band: int | None
    kind: str
    role: str | None
    end_day: int | None = None
    end_band: int | None = None

    def __post_init__(self) -> None:
        for day in (self.day, self.end_day):
            need(day is None or (type(day) is int and 0 <= day < CIRCLE), PAYLOAD, "days lie on the circle")
        for band in (self.band, self.end_band):
            need(band is None or (type(band) is int and 0 <= band <= 3), PAYLOAD, "bands are 0 to 3")
        need(isinstance(self.kind, str) and "." in self.kind, PAYLOAD, "a kind is party.kind")
        need(self.role is None or isinstance(self.role, str), PAYLOAD, "a role is a word")


@dataclass(frozen=True)
class Timeline:
    """One person at one agency. Where observation begins and ends is not told: against the agreement's windows it
    would give the clock away. What the analyst may count on follows from the agreement (windows, trim, washout)."""

    sex: str | None
    age_band: str | None
    race: str | None
    ethnicity: str | None
    contacts: tuple[ReleasedContact, ...]

    def __post_init__(self) -> None:
        for word in (self.sex, self.age_band, self.race, self.ethnicity):
            need(word is None or isinstance(word, str), PAYLOAD, "attributes are words")

    def to_bytes(self) -> bytes:
        """Canonical JSON of the timeline."""
        return canonical_json(
            {
                "version": VERSION,
                "sex": self.sex,
                "age_band": self.age_band,
                "race": self.race,
                "ethnicity": self.ethnicity,
                "contacts": [[c.day, c.band, c.kind, c.role, c.end_day, c.end_band] for c in self.contacts],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Timeline:
        """Read a timeline; raises ``PackageRefused`` where it breaks its format."""
        keys = {"version", "sex", "age_band", "race", "ethnicity", "contacts"}
        try:
            read = json.loads(data)
        except (ValueError, RecursionError):
            read = None
        need(
            isinstance(read, dict) and set(read) == keys and read["version"] == VERSION,
            PAYLOAD,
            "it is JSON of version 1",
        )
        need(
            isinstance(read["contacts"], list),
            PAYLOAD,
            "lists are lists",
        )
        need(
            all(isinstance(c, list) and len(c) == 6 for c in read["contacts"]),
            PAYLOAD,
            "a contact has six parts",
        )
        return cls(
            sex=read["sex"],
            age_band=read["age_band"],
            race=read["race"],
            ethnicity=read["ethnicity"],
            contacts=tuple(ReleasedContact(*c) for c in read["contacts"]),
        )
