"""A small made-up city with canaries in it, taken through the whole protocol, every desk still open."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from juncture.agreement.read import read_agreement
from juncture.base.report import StepReport
from juncture.exchange.desk import MAX_BYTES, MAX_SMALL, Desk
from juncture.exchange.package import Expected, open_package, read_header
from juncture.exchange.seen import SeenSet
from juncture.linker.link import Groups
from juncture.rehearsal.city import build_city
from juncture.rehearsal.parties import Stage, set_the_stage
from juncture.rehearsal.rehearse import run_protocol

PEOPLE = 600
SEED = 7
TODAY = date(2026, 11, 24)

#: What is written over the fields of some people, by column; each would be found anywhere in any case.
POLICE_CANARIES = {
    "LAST_NAME": "QUOCANARIA",
    "FIRST_NAME": "ZEBULONIX",
    "ADDR": "4711 CANARYWHARF LN",
    "AKA1": "XYLOCANARY, VEX",
    "OFFENSE": "CANARYOFFENCE",
}
CLINIC_CANARIES = {"patient_last": "Quocanaria", "patient_first": "Zebulonix", "street": "4711 Canarywharf Lane"}
WORDS = ("quocanaria", "zebulonix", "canarywharf", "xylocanary", "canaryoffence")
CANARY_BIRTH = ("1951-07-31", "07/31/1951")


@dataclass(frozen=True)
class World:
    """A finished run: its folder, the city's, the open desks, the linker's matching, and what the steps told."""

    root: Path
    city: Path
    stage: Stage
    groups: Groups
    told: tuple[tuple[str, StepReport], ...]
    canary_records: Mapping[str, frozenset[str]]

    @property
    def public(self) -> Path:
        return self.root / "public"

    def desk(self, party: str) -> Desk:
        """The desk of ``party``."""
        return self.stage.desks[party]


def run_world(folder: Path, *, overlap: bool = True) -> World:
    """A city with canaries, in ``folder``, taken through the protocol; without ``overlap`` nobody is in both files."""
    city = folder / "city"
    truth = build_city(city, seed=SEED, people=PEOPLE).truth
    owner = {(r["agency"], r["record_id"]): r["true_person"] for r in _rows(city / "truth.csv")}
    marked = set(truth.cohort[:3])
    police = city / "police" / "police_rms_export.csv"
    clinic = city / "clinic" / "clinic_encounters.csv"
    records = {
        "police": _mark(police, "police", "INCIDENT_NO", owner, marked, {**POLICE_CANARIES, "DOB": CANARY_BIRTH[1]}),
        "clinic": _mark(
            clinic, "clinic", "encounter_id", owner, marked, {**CLINIC_CANARIES, "birth_date": CANARY_BIRTH[0]}
        ),
    }
    if not overlap:
        _rename_everybody(clinic)
    stage = set_the_stage(folder / "run", read_agreement(city / "agreement.toml"), today=TODAY)
    told: list[tuple[str, StepReport]] = []
    with no_network():
        groups = run_protocol(
            stage,
            {"police": city / "police" / "police.toml", "clinic": city / "clinic" / "clinic.toml"},
            folder / "run" / "public",
            audit=True,
            told=lambda party, report: told.append((party, report)),
        )
    assert groups is not None
    return World(folder / "run", city, stage, groups, tuple(told), records)


def packages_for(world: World, party: str, scratch: Path) -> Iterator[tuple[str, bytes]]:
    """Every package ever sent to ``party``, opened with its keys: (kind and sender, payload)."""
    recipient = world.desk(party)
    for sender in world.stage.desks.values():
        for path in sorted(sender.folder.outbox.glob("*.juncture")):
            header = read_header(path)
            if header.recipient != party:
                continue
            expected = Expected(
                sender=sender.keys.public,
                recipient=recipient.keys,
                agreement_id=recipient.signed.id,
                kind=header.kind,
                today=TODAY,
                seen=SeenSet(scratch / f"{party}-{sender.party}-{header.kind}-seen.jsonl"),
                max_bytes=MAX_BYTES.get(header.kind, MAX_SMALL),
            )
            yield f"{header.kind} from {sender.party}", open_package(path, expected).payload


def files_below(folder: Path) -> list[Path]:
    """Every file below ``folder``."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


_BLOCKED = {"on": False, "installed": False}


@contextmanager
def no_network() -> Iterator[None]:
    """Let no Python code of this process resolve a name or connect while the block runs."""
    if not _BLOCKED["installed"]:

        def hook(event: str, arguments: object) -> None:
            if _BLOCKED["on"] and event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
                raise AssertionError(f"the network was used: {event}")

        sys.addaudithook(hook)
        _BLOCKED["installed"] = True
    _BLOCKED["on"] = True
    try:
        yield
    finally:
        _BLOCKED["on"] = False


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")


def _mark(
    path: Path, agency: str, key: str, owner: Mapping[tuple[str, str], str], marked: set[str], canaries: dict[str, str]
) -> frozenset[str]:
    rows = _rows(path)
    hit = set()
    for row in rows:
        if owner.get((agency, row[key])) in marked:
            row.update(canaries)
            hit.add(row[key])
    assert hit, "the canaries are in the export"
    _write(path, rows)
    return frozenset(hit)


def _rename_everybody(path: Path) -> None:
    # Other letters, birthdays and moments: nobody of the clinic's file looks like anybody of the police's.
    rows = _rows(path)
    turn = str.maketrans("abcdefghijklmnopqrstuvwxyz", "qzxjkvwyqzxjkvwyqzxjkvwyqz")
    for row in rows:
        for column in ("patient_last", "patient_first", "street"):
            row[column] = row[column].lower().translate(turn)
        row["start"] = (datetime.fromisoformat(row["start"]) - timedelta(hours=61)).isoformat()
        row["birth_date"] = row["birth_date"] and "19" + row["birth_date"][2:4][::-1] + "-11-" + row["birth_date"][8:10]
    _write(path, rows)
