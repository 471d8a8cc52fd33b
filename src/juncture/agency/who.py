"""Who is who: the steps ``people`` and ``review`` of an agency, and what ``share`` begins with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.intake.read import Intake, read_mentions
from juncture.agency.intake.source import Source, read_source
from juncture.agency.people.cluster import Ints, connected
from juncture.agency.people.decisions import Decisions, Line, Say, calibration, read_decisions
from juncture.agency.people.nodes import NumberTrust
from juncture.agency.people.normalise import load_no_home
from juncture.agency.people.quality import EVERYBODY, Quality, QualityRow
from juncture.agency.people.register import (
    Change,
    Meeting,
    Register,
    earlier_mentions,
    keep_register,
    meet,
    read_register,
    record_keys,
    updated,
)
from juncture.agency.people.resolve import Resolution, resolve
from juncture.agency.people.review import Review
from juncture.agency.people.session import ReviewSession, positions
from juncture.base.errors import InputError, UsageError
from juncture.base.files import empty_dir, private_dir
from juncture.base.report import Progress, StepReport, silent
from juncture.exchange.desk import Desk
from juncture.exchange.ledger import Act
from juncture.exchange.locks import locked

#: A review that has put right this share of what it could is told that the rest is small.
ENOUGH = 0.9


@dataclass(frozen=True)
class Found:
    """Who is who in an export. ``person`` int32[mentions of the export], dense from 0, -1 for a nameless mention.

    ``seen`` are the mentions of the export, then those of earlier runs that it lacks (``earlier`` of them), with their
    ``keys``; ``resolution`` is over all of ``seen``. ``forgotten``: how many of earlier runs were forgotten.
    ``resting``: decisions about records that are not seen.
    ``contradicted``: decisions that the agency's number, a fact, speaks against, left out.
    """

    person: npt.NDArray[np.int32]
    people: int
    resolution: Resolution
    seen: pa.Table
    keys: pa.Array
    earlier: int
    forgotten: int
    register: Register
    change: Change
    decisions: Decisions
    resting: int
    contradicted: tuple[Line, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Plain sentences without a value from a record."""
        said = list(self.resolution.notes)
        if self.earlier:
            said.append(
                f"{self.earlier} records of earlier runs that this export lacks were seen along; what is shared comes "
                "from the export only."
            )
        if standing := len(self.decisions.standing):
            said.append(f"{standing} decisions of humans stand.")
        if self.resting:
            said.append(
                f"{self.resting} decisions are about records that neither the export nor the register holds; they are "
                "kept."
            )
        return tuple(said)


def people_folder(desk: Desk) -> Path:
    """Where the agency keeps its decisions and its register of people."""
    return private_dir(desk.folder.private / "people")


def own_source(desk: Desk, source_file: Path) -> Source:
    """The source file, which must be of the desk's own agency (``UsageError`` otherwise)."""
    source = read_source(source_file)
    if source.agency != desk.party:
        raise UsageError(
            f"{source_file.name} is of {source.agency}; this is the folder of {desk.party}.",
            remedy="Name the source file of this agency, or go to the folder of the other one (-C FOLDER).",
        )
    return source


def find_people(
    desk: Desk,
    source: Source,
    mentions: pa.Table,
    *,
    keep: bool = True,
    forget_absent: bool = False,
    set_aside: bool = False,
    progress: Progress = silent,
) -> Found:
    """Find out who is who in an export, with the humans' decisions and what earlier runs remember.

    ``keep`` updates the register and notes the act in the ledger. ``forget_absent``: records that the export lacks are
    neither seen along nor remembered. Decisions that the agency's number contradicts raise ``InputError``, or are left
    out where ``set_aside``. Nothing is written unless all went well.
    """
    place = people_folder(desk)
    # Held while names may lie in the spill folder, so that nobody who cleans up takes it for leftovers of a killed run;
    # and so that no other run changes the register meanwhile.
    with locked(desk.folder.spill_place):
        register = read_register(desk.keys, place)
        keys = record_keys(mentions)
        meeting = meet(register, mentions, keys)
        absent = np.flatnonzero(meeting.row < 0)
        absent, forgotten = (absent[:0], len(absent)) if forget_absent else (absent, 0)
        seen, seen_keys, old_row = _with_earlier(mentions, keys, register, meeting, absent)
        decisions = read_decisions(desk.keys, place)
        joined, apart, resting, against = _in_force(
            decisions, seen, seen_keys, meeting.renamed_since(register), fact=source.person_number_is_fact
        )
        if against and not set_aside:
            raise InputError(
                f"{len(against)} decisions say `different` of two records that bear the same person number, or are one "
                "by other decisions; the source file takes that number as a fact.",
                remedy='Correct the number, write trust = "hint", or answer anew: '
                "`juncture agency review SOURCE.toml` asks about these pairs first.",
            )
        spill = desk.folder.spill()
        try:
            found = resolve(
                seen,
                number_trust=number_trust(source),
                no_home=load_no_home(source.no_home),
                spill_dir=spill,
                joined=joined,
                apart=apart,
                progress=progress,
            )
        finally:
            empty_dir(spill)
        after, _, change = updated(register, old_row, seen, seen_keys, found.person, meeting)
        person, people = _dense(found.person[: mentions.num_rows])
        if keep:
            if len(after) or len(register):
                keep_register(desk.keys, place, after)
            desk.note(Act.PEOPLE_FOUND, people=people, contacts=mentions.num_rows)
    return Found(
        person=person,
        people=people,
        resolution=found,
        seen=seen,
        keys=seen_keys,
        earlier=len(absent),
        forgotten=forgotten,
        register=after,
        change=change,
        decisions=decisions,
        resting=resting,
        contradicted=against,
    )


def people(
    desk: Desk, source_file: Path, *, forget_absent: bool = False, keep: bool = True, progress: Progress = silent
) -> StepReport:
    """Find the people of an export, update the register (where ``keep``), and say how sure that is and what a review
    would bring.

    Raises as the parts do; ``UsageError`` where ``forget_absent`` would forget everybody.
    """
    source = own_source(desk, source_file)
    intake = read_mentions(source, desk.agreement, desk.party, progress=progress)
    if forget_absent and not intake.rows_kept:
        raise UsageError(
            "The export holds no record, so that everybody would be forgotten.",
            remedy=f"Look whether {source_file.name} names the right files.",
        )
    found = find_people(desk, source, intake.mentions, keep=keep, forget_absent=forget_absent, progress=progress)
    review = open_questions(found)
    left = len(review)
    return StepReport(
        title=f"Found the people of {desk.party}" + ("" if keep else "; nothing was kept"),
        counts=_counts(intake, found)
        | ({"records of earlier runs forgotten": found.forgotten} if forget_absent else {})
        | {
            "pairs worth a look by a human": review.worth_asking(ENOUGH),
            "pairs of records that these decide wrongly, as expected": round(review.expected_wrong(), 1),
        }
        | _quality(found.resolution.quality),
        notes=(*found.notes, *calibration(found.decisions)),
        warnings=(*intake.warnings, *found.resolution.quality.warnings),
        next_command=f"juncture agency review {source_file}"
        if left
        else f"juncture agency share {source_file} --dry-run",
    )


@contextmanager
def open_review(desk: Desk, source_file: Path, *, progress: Progress = silent) -> Iterator[ReviewSession]:
    """Open a clerical review of an export; answers are kept one by one, and the ledger notes how many at the end.

    One review at a time: ``MachineError`` where another process holds one open. Else raises as :func:`find_people`.
    """
    source = own_source(desk, source_file)
    place = people_folder(desk)
    with locked(place / "review", patience=0):
        intake = read_mentions(source, desk.agreement, desk.party, progress=progress)
        found = find_people(desk, source, intake.mentions, set_aside=True, progress=progress)
        session = ReviewSession(
            private=desk.keys,
            folder=place,
            seen=found.seen,
            keys=found.keys,
            exported=intake.mentions.num_rows,
            doubts=found.resolution.doubts,
            questions=open_questions(found),
            decisions=found.decisions,
            renamed=found.register.renamed,
            contradicted=found.contradicted,
            enough=ENOUGH,
            no_home=load_no_home(source.no_home),
        )
        try:
            yield session
        finally:
            if session.answered or session.undone:
                desk.note(Act.PEOPLE_REVIEWED, answers=session.answered, undone=session.undone)


def review_report(desk: Desk, source_file: Path, session: ReviewSession) -> StepReport:
    """What a review brought."""
    counts = session.tally()
    return StepReport(
        title=f"Reviewed pairs of {desk.party}: every answer is kept"
        if session.answered or session.undone
        else f"Nothing was answered in this review of {desk.party}",
        counts={
            "answers": session.answered,
            "one person": counts[Say.SAME],
            "different people": counts[Say.DIFFERENT],
            "cannot tell": counts[Say.CANNOT_TELL],
            "taken back": session.undone,
            "answers that change who is who": session.changes(),
            "pairs of records decided otherwise for them": round(session.put_right(), 1),
            "pairs still worth a look": session.worth_asking(),
            "pairs of records that these decide wrongly, as expected": round(session.expected_wrong(), 1),
        },
        notes=tuple(calibration(session.decisions)),
        next_command=f"juncture agency people {source_file}",
    )


def open_questions(found: Found) -> Review:
    """A review of ``found`` that asks nothing a human could not tell before."""
    doubts = found.resolution.doubts
    place = positions(found.keys, found.register.renamed)
    unsure = [
        (int(doubts.unit[place[a]]), int(doubts.unit[place[b]]))
        for a, b in found.decisions.pairs(Say.CANNOT_TELL)
        if a in place and b in place
    ]
    return Review(doubts, unsure)


def number_trust(source: Source) -> NumberTrust:
    """What the source file takes the agency's person number for."""
    if not any(table.person.id for table in source.table):
        return "none"
    return "fact" if source.person_number_is_fact else "hint"


def _with_earlier(
    mentions: pa.Table, keys: pa.Array, register: Register, meeting: Meeting, absent: Ints
) -> tuple[pa.Table, pa.Array, Ints]:
    """``(seen, keys, old_row)``: the export and, after it, the ``absent`` records of the register."""
    old_row = np.full(mentions.num_rows, -1, np.int64)
    there = np.flatnonzero(meeting.row >= 0)
    old_row[meeting.row[there]] = there
    own = mentions.set_column(mentions.column_names.index("record_id"), "record_id", keys)
    if not len(absent):
        return own, keys, old_row
    earlier, earlier_keys = earlier_mentions(register, absent, mentions)
    seen = pa.concat_tables([own, earlier]).combine_chunks()
    return seen, pa.concat_arrays([keys, earlier_keys]), np.r_[old_row, absent]


def _in_force(
    decisions: Decisions, seen: pa.Table, keys: pa.Array, renamed: Mapping[str, str], *, fact: bool
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], int, tuple[Line, ...]]:
    """``(joined, apart, resting, contradicted)``: decisions on records that are seen, as pairs of their keys now."""
    standing = [line for line in decisions.standing if line.say is not Say.CANNOT_TELL]
    if not standing:
        return [], [], 0, ()
    place = positions(keys, renamed)
    here = [line for line in standing if all(record in place for record in line.records)]
    pairs = np.array([[place[a], place[b]] for a, b in (line.records for line in here)], np.int64).reshape(-1, 2)
    same = np.array([line.say is Say.SAME for line in here], bool)
    links = [pairs[same]]
    if fact:
        code = pc.dictionary_encode(seen["person_number"].combine_chunks()).indices
        numbered = np.flatnonzero(np.asarray(pc.is_valid(code)))
        _, first, which = np.unique(
            np.asarray(pc.fill_null(code, -1))[numbered], return_index=True, return_inverse=True
        )
        links.append(np.stack([numbered, numbered[first[which]]], axis=1))
    link = np.concatenate(links)
    group = connected(seen.num_rows, link[:, 0], link[:, 1])
    clash = ~same & (group[pairs[:, 0]] == group[pairs[:, 1]])
    now = [(keys[a].as_py(), keys[b].as_py()) for a, b in pairs.tolist()]
    joined = [pair for pair, yes in zip(now, same, strict=True) if yes and pair[0] != pair[1]]
    apart = [pair for pair, yes, no in zip(now, same, clash, strict=True) if not yes and not no]
    against = tuple(line for line, no in zip(here, clash, strict=True) if no)
    return joined, apart, len(standing) - len(here), against


def _dense(person: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], int]:
    """Persons numbered 0, 1, ... by their first mention, where some of them are in other records only."""
    named = np.flatnonzero(person >= 0)
    _, first, code = np.unique(person[named], return_index=True, return_inverse=True)
    dense = np.full(len(person), -1, np.int32)
    dense[named] = np.argsort(np.argsort(first))[code]
    return dense, len(first)


def _counts(intake: Intake, found: Found) -> dict[str, int | float | str]:
    one, change = found.resolution, found.change
    earlier = (
        {
            "records of earlier runs, not in this export, seen along": found.earlier,
            "people known from these only": one.people - found.people,
        }
        if found.earlier
        else {}
    )
    return {
        "rows read": intake.rows_read,
        "rows kept": intake.rows_kept,
        **{f"rows dropped: {reason}": rows for reason, rows in intake.dropped.items()},
        "people": found.people,
        "contacts that name nobody (kept and counted)": int((found.person < 0).sum()),
        **earlier,
        "distinct spellings": one.spellings,
        "pairs compared": one.pairs_compared,
        "blocks too large: divided": sum(block.split for block in one.over_cap),
        "blocks too large: left out in part": sum(block.dropped for block in one.over_cap),
        "joins refused, since evidence says two people": one.guarded,
        "expected precision over pairs of records": round(one.expected_precision, 4),
        "expected recall over pairs of records": round(one.expected_recall, 4),
        "people who kept their id": change.kept,
        "new people": change.new,
        "people merged into others": change.merged,
        "people who were split": change.split,
    }


def _quality(quality: Quality) -> dict[str, int | float | str]:
    """A line a group of records: expected precision and recall over pairs, with 95 % intervals."""
    groups = [row for row in quality.rows if row.by != EVERYBODY]
    return {
        f"expected precision, recall by {row.by}: {row.group} ({row.people:,} people)": _expected(row) for row in groups
    }


def _expected(row: QualityRow) -> str:
    precision, recall = row.texts()[-2:]
    return precision if row.precision is None and row.recall is None else f"{precision}; {recall}"
