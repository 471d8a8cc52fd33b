"""Cohort payload, linker to analyst: who was chosen, as random study ids, with the uncertainty of their links.

Its size follows from the agreement alone (``quota`` Q, agencies A, ``CANDIDATES`` C, draws M), whoever was chosen:
unused rows hold random bytes where ids stand, zeros elsewhere, and the report is padded.

==================  ===================  ======================================================================
array               dtype, shape         meaning
==================  ===================  ======================================================================
people              i4 [1]               rows in use
study_id            u1 [Q, 16]           128 random bits
envelope_id         u1 [Q, A, C, 16]     candidate refs of the person at each agency (agencies sorted by name)
unlock_token        u1 [Q, A, C, 32]
in_use              u1 [Q, A, C]         1 where there is a candidate
probability         f8 [Q, A, C]         that the ref belongs to the person; 1 for the anchor's own refs
clock_correction    i4 [Q, A, C]         add to the ref's shifted days (mod 36,400) to reach the person's one clock
follow_up_start     i4 [Q]               start of follow-up on that clock, moved by the washout
best                u1 [Q, A, C]         1 where the best matching gives the ref to the person
draws               u1 [M, Q, A, C]      1 where draw m gives the ref to the person
chosen_in           u1 [M, Q]            1 where the person meets the rule in draw m
sex_class           i1 [Q]               0 or 1: which keyed value of sex the person's records carry most; -1 unknown
report              u1 [65536]           JSON (see :class:`LinkReport`), its length in 4 bytes before it, padded
==================  ===================  ======================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from juncture.base.canonical import canonical_json
from juncture.formats.arrays import Array, broken, need, pack, unpack

PAYLOAD = "cohort"
VERSION = 1
CANDIDATES = 3
REPORT_BYTES = 65_536


@dataclass(frozen=True)
class QualityRow:
    """A measure of the linkage with its 95 % interval. ``sex_class`` is "all", "0" or "1" (see the module)."""

    measure: str
    sex_class: str
    estimate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class JointHistogramRow:
    """Rounded number of linked people in a band at each agency; None where hidden."""

    bands: tuple[str, ...]
    people: int | None


@dataclass(frozen=True)
class LinkReport:
    """What the linker tells of the whole linkage: counts and quality, of nobody in particular."""

    people_shared: Mapping[str, int]
    quality: tuple[QualityRow, ...]
    families: tuple[str, ...]
    histogram: tuple[JointHistogramRow, ...]
    eligible: int
    notes: tuple[str, ...]

    def to_json(self) -> bytes:
        """Canonical JSON."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, data: bytes) -> LinkReport:
        """Read a report; raises ``PackageRefused`` where it breaks its format."""
        try:
            read: Any = json.loads(data)
            return cls(
                people_shared={str(k): int(v) for k, v in read["people_shared"].items()},
                quality=tuple(QualityRow(**row) for row in read["quality"]),
                families=tuple(read["families"]),
                histogram=tuple(JointHistogramRow(tuple(r["bands"]), r["people"]) for r in read["histogram"]),
                eligible=int(read["eligible"]),
                notes=tuple(str(n) for n in read["notes"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise broken(PAYLOAD, "its report is as version 1 says") from None


@dataclass(frozen=True, repr=False)
class CohortPayload:
    """See the module's table for shapes and units."""

    round: int
    agencies: tuple[str, ...]
    people: int
    study_id: NDArray[np.uint8]
    envelope_id: NDArray[np.uint8]
    unlock_token: NDArray[np.uint8]
    in_use: NDArray[np.uint8]
    probability: NDArray[np.float64]
    clock_correction: NDArray[np.int32]
    follow_up_start: NDArray[np.int32]
    best: NDArray[np.uint8]
    draws: NDArray[np.uint8]
    chosen_in: NDArray[np.uint8]
    sex_class: NDArray[np.int8]
    report: LinkReport

    def __post_init__(self) -> None:
        q, a, c = len(self.study_id), len(self.agencies), CANDIDATES
        m = len(self.draws)
        shapes = {
            "study_id": (q, 16),
            "envelope_id": (q, a, c, 16),
            "unlock_token": (q, a, c, 32),
            "in_use": (q, a, c),
            "probability": (q, a, c),
            "clock_correction": (q, a, c),
            "follow_up_start": (q,),
            "best": (q, a, c),
            "draws": (m, q, a, c),
            "chosen_in": (m, q),
            "sex_class": (q,),
        }
        for name, shape in shapes.items():
            need(getattr(self, name).shape == shape, PAYLOAD, f"{name} has its shape")
        need(0 <= self.people <= q, PAYLOAD, "people is at most the quota")
        need(not self.in_use[self.people :].any(), PAYLOAD, "unused rows are unused")
        need(
            bool(((self.probability >= 0) & (self.probability <= 1)).all()),
            PAYLOAD,
            "probabilities are probabilities",
        )

    def to_bytes(self) -> bytes:
        """The payload as bytes; the size depends on quota, agencies and draws only."""
        text = self.report.to_json()
        need(len(text) + 4 <= REPORT_BYTES, PAYLOAD, "the report fits its place")
        report = np.zeros(REPORT_BYTES, dtype=np.uint8)
        report[: len(text) + 4] = np.frombuffer(len(text).to_bytes(4, "big") + text, dtype=np.uint8)
        arrays: dict[str, Array] = {
            "people": np.array([self.people], dtype=np.int32),
            "study_id": self.study_id,
            "envelope_id": self.envelope_id,
            "unlock_token": self.unlock_token,
            "in_use": self.in_use,
            "probability": self.probability,
            "clock_correction": self.clock_correction,
            "follow_up_start": self.follow_up_start,
            "best": self.best,
            "draws": self.draws,
            "chosen_in": self.chosen_in,
            "sex_class": self.sex_class,
            "report": report,
        }
        return pack(PAYLOAD, VERSION, {"round": self.round, "agencies": list(self.agencies)}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> CohortPayload:
        """Read a payload; raises ``PackageRefused`` where it breaks its format."""
        read = unpack(data, PAYLOAD, VERSION)
        arrays, facts = dict(read.arrays), read.facts
        dtypes = {
            "people": "i4",
            "study_id": "u1",
            "envelope_id": "u1",
            "unlock_token": "u1",
            "in_use": "u1",
            "probability": "f8",
            "clock_correction": "i4",
            "follow_up_start": "i4",
            "best": "u1",
            "draws": "u1",
            "chosen_in": "u1",
            "sex_class": "i1",
            "report": "u1",
        }
        need(
            {k: v.dtype for k, v in arrays.items()} == {k: np.dtype(v) for k, v in dtypes.items()},
            PAYLOAD,
            "its arrays are those of version 1",
        )
        need(
            set(facts) == {"round", "agencies"}
            and isinstance(facts["round"], int)
            and isinstance(facts["agencies"], list),
            PAYLOAD,
            "its facts are those of version 1",
        )
        people, report = arrays.pop("people"), arrays.pop("report")
        need(
            people.shape == (1,) and report.shape == (REPORT_BYTES,),
            PAYLOAD,
            "people and report have their shapes",
        )
        length = int.from_bytes(report[:4].tobytes(), "big")
        need(length + 4 <= REPORT_BYTES, PAYLOAD, "the report fits its place")
        return cls(
            round=facts["round"],
            agencies=tuple(str(a) for a in facts["agencies"]),
            people=int(people[0]),
            report=LinkReport.from_json(report[4 : 4 + length].tobytes()),
            **arrays,
        )
