"""Release payload, agency to analyst: one sealed envelope a person, and suppressed counts of everyone.

arrays: ``envelope_id`` u1 [n, 16]; for each size k of at most three: ``index:k`` i4 [n_k] (rows of ``envelope_id``)
and ``sealed:k`` u1 [n_k, size_k]. facts: ``agency``, ``round``, ``unlock_key`` (hex of the public point),
``package_id`` (hex, the id that the envelopes' keys are bound to), ``histogram`` (rows, see :class:`HistogramRow`),
``totals`` (rows, see :class:`BandTotals`). Version 2; version 1 had no totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from juncture.formats.arrays import broken, need, pack, unpack

PAYLOAD = "release"
VERSION = 2
MAX_SIZES = 3


@dataclass(frozen=True)
class HistogramRow:
    """How many of an agency's people had this many contacts in each window; ``people`` is None where hidden."""

    sex: str
    selection: str
    follow_up: str
    people: int | None

    def __post_init__(self) -> None:
        words = (self.sex, self.selection, self.follow_up)
        need(all(isinstance(w, str) for w in words), PAYLOAD, "a histogram row has words")
        need(
            self.people is None or (type(self.people) is int and self.people >= 0),
            PAYLOAD,
            "people is a count",
        )


@dataclass(frozen=True)
class BandTotals:
    """Everybody of one sex and band of contacts in the selection window: how many, and sums over them.

    ``contacts`` in the selection window, ``later`` those in the follow-up window, ``later_squares`` the sum of each
    person's ``later`` squared. None where hidden.
    """

    sex: str
    selection: str
    people: int | None
    contacts: int | None
    later: int | None
    later_squares: int | None

    def __post_init__(self) -> None:
        words = (self.sex, self.selection)
        counts = (self.people, self.contacts, self.later, self.later_squares)
        need(all(isinstance(w, str) for w in words), PAYLOAD, "a row of totals has words")
        need(all(n is None or (type(n) is int and n >= 0) for n in counts), PAYLOAD, "totals are counts")


@dataclass(frozen=True)
class ReleasePayload:
    """See the module's text. ``sealed`` maps envelope id (16 bytes) to ciphertext."""

    agency: str
    round: int
    unlock_key: str
    package_id: str
    sealed: Mapping[bytes, bytes]
    histogram: tuple[HistogramRow, ...]
    totals: tuple[BandTotals, ...]

    def to_bytes(self) -> bytes:
        """The payload as bytes."""
        ids = list(self.sealed)
        sizes = sorted({len(blob) for blob in self.sealed.values()})
        need(len(sizes) <= MAX_SIZES, PAYLOAD, "there are at most three sizes of envelope")
        arrays: dict[str, NDArray[np.uint8] | NDArray[np.int32]] = {"envelope_id": _rows(ids, 16)}
        for k, size in enumerate(sizes):
            rows = [i for i, one in enumerate(ids) if len(self.sealed[one]) == size]
            arrays[f"index:{k}"] = np.array(rows, dtype=np.int32)
            arrays[f"sealed:{k}"] = _rows([self.sealed[ids[i]] for i in rows], size)
        facts = {
            "agency": self.agency,
            "round": self.round,
            "unlock_key": self.unlock_key,
            "package_id": self.package_id,
            "histogram": [asdict(row) for row in self.histogram],
            "totals": [asdict(row) for row in self.totals],
        }
        return pack(PAYLOAD, VERSION, facts, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> ReleasePayload:
        """Read a payload; raises ``PackageRefused`` where it breaks its format."""
        read = unpack(data, PAYLOAD, VERSION)
        facts, arrays = read.facts, dict(read.arrays)
        need(
            set(facts) == {"agency", "round", "unlock_key", "package_id", "histogram", "totals"},
            PAYLOAD,
            "its facts are those of version 2",
        )
        need(
            all(isinstance(facts[k], str) for k in ("agency", "unlock_key", "package_id"))
            and isinstance(facts["round"], int),
            PAYLOAD,
            "its facts have the types of version 2",
        )
        ids = arrays.pop("envelope_id", None)
        if ids is None or ids.dtype != np.uint8 or ids.ndim != 2 or ids.shape[1] != 16:
            raise broken(PAYLOAD, "envelope_id is there")
        by_row: dict[int, bytes] = {}
        for k in range(MAX_SIZES):
            index, sealed = arrays.pop(f"index:{k}", None), arrays.pop(f"sealed:{k}", None)
            if index is None or sealed is None:
                need(index is None and sealed is None, PAYLOAD, "index and sealed come in pairs")
                continue
            need(
                index.dtype == np.int32
                and index.ndim == 1
                and sealed.dtype == np.uint8
                and sealed.ndim == 2
                and len(index) == len(sealed),
                PAYLOAD,
                "each size has its rows",
            )
            by_row.update({int(i): blob.tobytes() for i, blob in zip(index, sealed, strict=True)})
        need(not arrays and sorted(by_row) == list(range(len(ids))), PAYLOAD, "every person has one envelope")
        names = [row.tobytes() for row in ids]
        need(len(set(names)) == len(names), PAYLOAD, "every envelope_id is different")
        for name, row_type in (("histogram", HistogramRow), ("totals", BandTotals)):
            columns = {field.name for field in fields(row_type)}
            need(
                isinstance(facts[name], list) and all(isinstance(r, dict) and set(r) == columns for r in facts[name]),
                PAYLOAD,
                f"the {name} has its columns",
            )
        return cls(
            agency=facts["agency"],
            round=facts["round"],
            unlock_key=facts["unlock_key"],
            package_id=facts["package_id"],
            sealed={name: by_row[i] for i, name in enumerate(names)},
            histogram=tuple(HistogramRow(**row) for row in facts["histogram"]),
            totals=tuple(BandTotals(**row) for row in facts["totals"]),
        )


def _rows(blobs: list[bytes], size: int) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(blobs), dtype=np.uint8).reshape(len(blobs), size)
