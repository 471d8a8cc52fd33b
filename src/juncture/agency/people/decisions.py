"""What humans decided about pairs of records: lines that are only ever added, encrypted in the agency's own folder.

A decision is about two records, by their keys (``register.record_keys``), so that it holds in every later run, with new
data and new versions. An undo is a line, too; nothing is lost. Every answer is on disk, whole, before it counts.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from juncture.base.errors import UsageError
from juncture.exchange import vault
from juncture.exchange.keys import PrivateKeys
from juncture.exchange.locks import locked

FILE = "decisions"
_PURPOSE = "decisions on people"
_HEAD = {"format": "juncture decisions", "version": 1}
_FEWEST_IN_BIN = 20


class Say(StrEnum):
    """What a human can say of two records."""

    SAME = "same"
    DIFFERENT = "different"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True)
class Line:
    """One line. ``number`` counts from 1; ``time`` is UTC; ``who`` the account of the machine.

    An answer has ``records`` (two keys, the lesser first), what the human ``say``s, and what the program thought then:
    the ``probability`` of one person, the ``pairs`` of records that hung on it, and whether they were ``joined``. An
    undo has ``undoes``, the number of the line that it takes back.
    """

    number: int
    time: str
    who: str
    say: Say | None = None
    records: tuple[str, str] = ("", "")
    probability: float = 0.0
    pairs: float = 0.0
    joined: bool = False
    undoes: int = 0


@dataclass(frozen=True)
class Decisions:
    """All lines, in order."""

    lines: tuple[Line, ...] = ()

    @cached_property
    def standing(self) -> tuple[Line, ...]:
        """The answers that count: not taken back, and the last one about its pair of records."""
        gone = {line.undoes for line in self.lines if line.undoes}
        last = {line.records: line for line in self.lines if line.say is not None and line.number not in gone}
        return tuple(sorted(last.values(), key=lambda line: line.number))

    def last(self) -> Line | None:
        """The answer that an undo would take back."""
        return self.standing[-1] if self.standing else None

    def pairs(self, say: Say) -> list[tuple[str, str]]:
        """The pairs of records of which that was said."""
        return [line.records for line in self.standing if line.say is say]

    def contradiction(self, say: Say, records: tuple[str, str]) -> str:
        """Why an answer cannot stand beside the others, in words; empty where it can."""
        others = [line for line in self.standing if line.records != _ordered(*records)]
        group = _Groups(line.records for line in others if line.say is Say.SAME)
        a, b = (group.of(record) for record in records)
        if say is Say.DIFFERENT and a == b:
            return "By earlier answers these two are one person."
        if say is Say.SAME and any(
            {group.of(x), group.of(y)} == {a, b} for x, y in (o.records for o in others if o.say is Say.DIFFERENT)
        ):
            return "By earlier answers these two are different people."
        return ""


def read_decisions(private: PrivateKeys, folder: Path) -> Decisions:
    """The decisions kept in ``folder``; none where there is no file. Raises ``KeyTrouble`` where it does not open."""
    path = folder / FILE
    if not path.is_file():
        return Decisions()
    head, *lines = vault.recall(private, path, _PURPOSE).decode().splitlines()
    if json.loads(head) != _HEAD:
        raise UsageError(
            f"{FILE} was written by a newer version of Juncture.", remedy="Use that version for this folder."
        )
    return Decisions(tuple(_read(line) for line in lines))


def add_answer(
    private: PrivateKeys,
    folder: Path,
    records: tuple[str, str],
    say: Say,
    *,
    probability: float,
    pairs: float,
    joined: bool,
    now: datetime | None = None,
) -> Decisions:
    """Add an answer about two record keys and return all decisions; safe for several processes at once.

    Raises ``UsageError`` where it contradicts what was answered before (nothing is written then), and ``MachineError``
    where the disk stands in the way (all earlier answers are kept then).
    """

    def line(before: Decisions) -> Line:
        if trouble := before.contradiction(say, records):
            raise UsageError(
                f"{trouble} This answer would contradict them, and was not kept.",
                remedy="Take the wrong one back (u), or answer that you cannot tell (c).",
            )
        return Line(
            number=len(before.lines) + 1,
            time=_time(now),
            who=_account(),
            say=say,
            records=_ordered(*records),
            probability=round(probability, 6),
            pairs=pairs,
            joined=joined,
        )

    return _append(private, folder, line)


def add_undo(private: PrivateKeys, folder: Path, number: int, *, now: datetime | None = None) -> Decisions:
    """Take the answer of line ``number`` back by a new line; returns all decisions.

    Raises ``UsageError`` where no answer of that number stands.
    """

    def line(before: Decisions) -> Line:
        if number not in {standing.number for standing in before.standing}:
            raise UsageError("There is no answer to take back.")
        return Line(number=len(before.lines) + 1, time=_time(now), who=_account(), undoes=number)

    return _append(private, folder, line)


def calibration(decisions: Decisions) -> list[str]:
    """Sentences that compare what the program thought with what humans answered, a tenth of probability each."""
    bins: dict[int, list[bool]] = {}
    for line in decisions.standing:
        if line.say in (Say.SAME, Say.DIFFERENT):
            bins.setdefault(min(int(line.probability * 10), 9), []).append(line.say is Say.SAME)
    told = []
    for tenth, same in sorted(bins.items()):
        what = f"Of pairs thought {tenth * 10} to {tenth * 10 + 10} % probable"
        if len(same) < _FEWEST_IN_BIN:
            told.append(f"{what}, {len(same)} were answered: too few to say.")
        else:
            share = round(100 * sum(same) / len(same))
            told.append(f"{what}, {len(same)} were answered: {sum(same)} one person ({share} %).")
    return told


class _Groups:
    """What answers make one, A = B and B = C making A = C."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._root: dict[str, str] = {}
        for a, b in pairs:
            x, y = self.of(a), self.of(b)
            self._root[max(x, y)] = min(x, y)

    def of(self, record: str) -> str:
        while (above := self._root.get(record, record)) != record:
            record = above
        return record


def _append(private: PrivateKeys, folder: Path, make: Callable[[Decisions], Line]) -> Decisions:
    path = folder / FILE
    with locked(path):
        before = read_decisions(private, folder)
        after = Decisions((*before.lines, make(before)))
        vault.keep(private, path, _PURPOSE, "\n".join(_written(after)).encode())
    return after


def _written(decisions: Decisions) -> Iterator[str]:
    yield json.dumps(_HEAD)
    for line in decisions.lines:
        yield json.dumps({name: value for name, value in asdict(line).items() if value not in (None, 0, 0.0, False)})


def _read(text: str) -> Line:
    value = json.loads(text)
    if "say" in value:
        value["say"] = Say(value["say"])
    value["records"] = tuple(value["records"])
    return Line(**value)


def _ordered(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a <= b else (b, a)


def _time(now: datetime | None) -> str:
    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
