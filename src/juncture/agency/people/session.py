"""One sitting of clerical review: which pair to show, what is on it, and every answer on disk before the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.people.decisions import Decisions, Line, Say, add_answer, add_undo
from juncture.agency.people.normalise import BIRTH_FIELDS, NoHome, column, normalise
from juncture.agency.people.questions import Question
from juncture.agency.people.review import Doubts, Review
from juncture.base.errors import UsageError
from juncture.exchange.keys import PrivateKeys

#: What is shown of a record and compared, with its label.
_COMPARED = {
    "last_name": "Last name", "first_name": "First name", "middle_name": "Middle name", "suffix": "Suffix",
    "alias": "Also known as", "birth": "Birth date", "sex": "Sex", "address": "Address", "zip": "ZIP",
    "phone": "Phone", "ssn4": "SSN, last 4", "person_number": "Own number",
}  # fmt: skip
#: What is shown and not compared: two contacts always differ in it.
_CONTEXT = {"contact_id": "Contact", "start": "Began", "kind": "Kind", "role": "Role"}


class Mark(StrEnum):
    """How two values of a field stand to each other."""

    SAME = "same"
    ALIKE = "alike"
    DIFFERS = "differs"
    MISSING = "one missing"
    CONTEXT = ""


@dataclass(frozen=True)
class Field:
    """One field of two records, as typed; empty where nothing was."""

    label: str
    left: str
    right: str
    mark: Mark


@dataclass(frozen=True)
class Pair:
    """Two records to be judged. ``records`` are the numbers of records typed like each; ``pairs`` hang on the answer.

    ``joined``: the program takes them for one person now. ``note`` says why a pair is asked again.
    """

    fields: tuple[Field, ...]
    records: tuple[int, int]
    probability: float
    pairs: int
    joined: bool
    note: str = ""


@dataclass(frozen=True)
class _Asked:
    keys: tuple[str, str]
    units: tuple[int, int]
    question: Question | None
    note: str
    probability: float
    pairs: float
    joined: bool


@dataclass(frozen=True)
class _Answered:
    number: int
    asked: _Asked
    say: Say
    changed: float


class ReviewSession:
    """A sitting. ``answered`` and ``undone`` count what was done in it."""

    def __init__(
        self,
        *,
        private: PrivateKeys,
        folder: Path,
        seen: pa.Table,
        keys: pa.Array,
        exported: int,
        doubts: Doubts,
        questions: Review,
        decisions: Decisions,
        renamed: Mapping[str, str],
        contradicted: Sequence[Line],
        enough: float,
        no_home: NoHome,
    ) -> None:
        self._private, self._folder = private, folder
        self._seen, self._keys, self._doubts = seen, keys, doubts
        self._review, self.decisions = questions, decisions
        self._place = positions(keys, renamed)
        self._shown_by = _representatives(doubts, keys, exported)
        self._again = [self._of_line(line, _CONTRADICTED) for line in contradicted if self._is_here(line)]
        self._done: list[_Answered] = []
        self._goal = (1 - enough) * questions.expected_wrong()
        self._no_home = no_home
        self._undone = 0
        self._asked: _Asked | None = None

    @property
    def answered(self) -> int:
        """Answers of this sitting that stand."""
        return len(self._done)

    @property
    def undone(self) -> int:
        """Answers that were taken back in this sitting, also such as were given before it."""
        return self._undone

    def about(self) -> int:
        """About how many answers this sitting can take before the rest is small: those given and those left."""
        return self.answered + len(self._again) + self.worth_asking()

    def worth_asking(self) -> int:
        """How many pairs are left until what remains is small; all that are left once it is."""
        return self._review.until(self._goal) or len(self._review)

    def is_enough(self) -> bool:
        """Whether what is left is small against what the sitting began with."""
        return not self._again and len(self._review) > 0 and not self._review.until(self._goal)

    def expected_wrong(self) -> float:
        """Expected pairs of records decided wrongly, over the pairs that are left."""
        return self._review.expected_wrong()

    def changes(self) -> int:
        """Answers of this sitting that change who is who."""
        return sum(one.changed > 0 for one in self._done)

    def put_right(self) -> float:
        """Pairs of records that are decided differently for this sitting's answers: put right, if these are."""
        return self._review.changed()

    def tally(self) -> Mapping[Say, int]:
        """This sitting's answers by what was said."""
        return {say: sum(one.say is say for one in self._done) for say in Say}

    def pair(self) -> Pair | None:
        """The pair to be judged next, or None where none is left."""
        self._asked = self._again[0] if self._again else self._of_question(self._review.best())
        if self._asked is None:
            return None
        one = self._asked
        return Pair(
            fields=self._fields(*(self._place[key] for key in one.keys)),
            records=(int(self._doubts.records[one.units[0]]), int(self._doubts.records[one.units[1]])),
            probability=one.probability,
            pairs=round(one.pairs),
            joined=one.joined,
            note=one.note,
        )

    def answer(self, say: Say) -> None:
        """Keep the answer about the pair shown last, on disk first.

        Raises ``UsageError`` where it contradicts what was answered before or the agency's number, a fact, and
        ``MachineError`` where the disk stands in the way; nothing has changed then, and the pair is still the next.
        """
        one = self._asked
        if one is None:
            raise UsageError("No pair is shown that could be answered.")
        self._refuse_contradiction(one, say)
        self.decisions = add_answer(
            self._private, self._folder, one.keys, say,
            probability=one.probability, pairs=one.pairs, joined=one.joined,
        )  # fmt: skip
        same = None if say is Say.CANNOT_TELL else say is Say.SAME
        changed = 0.0
        if one.units[0] != one.units[1]:
            changed = self._review.answer(one.units[0], one.units[1], same)
        self._done.append(_Answered(self.decisions.lines[-1].number, one, say, changed))
        if one.question is None:
            self._again.pop(0)
        self._asked = None

    def undo(self) -> bool:
        """Take back the last answer that stands, also one of an earlier sitting; its pair comes next.

        False where there is none.
        """
        if self._done:
            last = self._done[-1]
            self.decisions = add_undo(self._private, self._folder, last.number)
            self._done.pop()
            if last.asked.units[0] != last.asked.units[1]:
                self._review.take_back()
            self._again.insert(0, _again(last.asked, _TAKEN_BACK))
        else:
            line = self.decisions.last()
            if line is None:
                return False
            self.decisions = add_undo(self._private, self._folder, line.number)
            if self._is_here(line):
                self._again.insert(0, self._of_line(line, _TAKEN_BACK_BEFORE))
        self._undone += 1
        self._asked = None
        return True

    def _refuse_contradiction(self, one: _Asked, say: Say) -> None:
        if one.note == _TAKEN_BACK_BEFORE:
            # Who is who was found with the answer in force; only the lines themselves can tell now.
            return
        decided = self._review.is_decided(*one.units)
        if say is Say.DIFFERENT and decided is True:
            raise UsageError(
                "The agency's number, a fact by the source file, or other answers make these two one person. "
                "This answer was not kept.",
                remedy="Answer that you cannot tell (c), and correct the number in your records system.",
            )
        if say is Say.SAME and decided is False and one.note != _CONTRADICTED:
            raise UsageError(
                "By earlier answers these two are different people. This answer was not kept.",
                remedy="Take the wrong one back (u), or answer that you cannot tell (c).",
            )

    def _is_here(self, line: Line) -> bool:
        return all(record in self._place and self._doubts.unit[self._place[record]] >= 0 for record in line.records)

    def _of_line(self, line: Line, note: str) -> _Asked:
        a, b = (int(self._doubts.unit[self._place[record]]) for record in line.records)
        return _Asked(line.records, (a, b), None, note, line.probability, line.pairs, line.joined)

    def _of_question(self, question: Question | None) -> _Asked | None:
        if question is None:
            return None
        units = (question.left, question.right)
        a, b = (self._keys[int(self._shown_by[unit])].as_py() for unit in units)
        return _Asked((a, b), units, question, "", question.probability, question.pairs, question.joined)

    def _fields(self, left: int, right: int) -> tuple[Field, ...]:
        two = self._seen.take(pa.array([left, right]))
        plain = normalise(two, self._no_home)
        found = []
        for name, label in (_COMPARED | _CONTEXT).items():
            a, b = _typed(two, name)
            if not a and not b:
                continue
            mark = Mark.CONTEXT if name in _CONTEXT else _mark(a, b, *_compared(two, plain, name))
            found.append(Field(label, a, b, mark))
        return tuple(found)


_CONTRADICTED = "You said `different`; the agency's number, a fact by the source file, says one person. Answer anew."
_TAKEN_BACK = "Taken back; this pair again."
_TAKEN_BACK_BEFORE = "Taken back, from an earlier sitting; this pair again."


def positions(keys: pa.Array, renamed: Mapping[str, str]) -> dict[str, int]:
    """The row of each record key, and of each earlier key of a record that was corrected since."""
    place = {key: i for i, key in enumerate(keys.to_pylist())}
    return {old: place[now] for old, now in renamed.items() if now in place} | place


def _again(asked: _Asked, note: str) -> _Asked:
    return _Asked(asked.keys, asked.units, None, note, asked.probability, asked.pairs, asked.joined)


def _representatives(doubts: Doubts, keys: pa.Array, exported: int) -> dict[int, int]:
    """The mention that stands for each unit: one of the export before one of earlier runs, then the least key."""
    rank = np.empty(len(keys), np.int64)
    rank[np.asarray(pc.sort_indices(keys), np.int64)] = np.arange(len(keys))
    order = np.lexsort((rank, np.arange(len(keys)) >= exported))
    order = order[doubts.unit[order] >= 0]
    units, first = np.unique(doubts.unit[order], return_index=True)
    return dict(zip(units.tolist(), order[first].tolist(), strict=True))


def _typed(two: pa.Table, name: str) -> tuple[str, str]:
    if name == "birth":
        one, other = (tuple(two[part][i].as_py() for part in BIRTH_FIELDS) for i in (0, 1))
        return _birth(*one), _birth(*other)
    values = column(two, name).to_pylist()
    a, b = ("" if v is None else ", ".join(v) if isinstance(v, list) else str(v) for v in values)
    return a, b


def _birth(year: int | None, month: int | None, day: int | None) -> str:
    if year is None and month is None and day is None:
        return ""
    return f"{year or '????':0>4}-{month or '??':0>2}-{day or '??':0>2}"


def _compared(two: pa.Table, plain: pa.Table, name: str) -> tuple[Any, Any]:
    if name == "birth":
        one, other = (tuple(plain[part][i].as_py() for part in BIRTH_FIELDS) for i in (0, 1))
        return one, other
    table = plain if name in plain.column_names else two
    return table[name][0].as_py(), table[name][1].as_py()


def _mark(a: str, b: str, plain_a: Any, plain_b: Any) -> Mark:
    if not a or not b:
        return Mark.MISSING
    if a == b:
        return Mark.SAME
    return Mark.ALIKE if plain_a == plain_b and plain_a is not None else Mark.DIFFERS
