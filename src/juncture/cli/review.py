"""The screen of a clerical review: two records side by side, and one line typed for each answer.

Lines are read with Enter, so that a screen reader, a Windows console and a pipe work alike. Names go to the terminal
(stderr) only. How probable the program finds a pair is not shown: it would colour the answer.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from juncture.cli.terminal import talk

if TYPE_CHECKING:
    from juncture.agency.people.session import Field, Pair, ReviewSession

_KEYS = {"s": "same", "d": "different", "c": "cannot_tell", "u": "undo", "q": "quit"}
_PROMPT = "s same, d different, c cannot tell, u undo, q quit: "
_MARK, _LABEL, _NARROWEST, _WIDEST = 12, 15, 56, 110
_CLEAR = "\033[2J\033[3J\033[1;1H"
_HISTORY = "The window may still hold names further up: close it, or clear its history."


def sit(session: ReviewSession, limit: int | None) -> None:
    """Ask until there is no pair, the ``limit`` of answers is reached, or the person quits; then clear the screen.

    Every answer is kept when it is given, so an interruption loses none.
    """
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")
    try:
        _ask_all(session, limit)
    except KeyboardInterrupt:
        _end()
        talk(f"The {session.answered} answers of this sitting are kept.")
        raise
    except Exception:
        _end()
        raise
    _end()


def _ask_all(session: ReviewSession, limit: int | None) -> None:
    told = False
    while limit is None or session.answered < limit:
        pair = session.pair()
        if pair is None:
            talk("No pair is left to look at.")
            return
        if session.is_enough() and not told:
            told = True
            talk("What is left is small against what is done: less than a tenth of it. You may stop here (q).")
        talk()
        talk(f"{session.answered + 1} of about {session.about()}: are these one person?", bold=True)
        if pair.note:
            talk(pair.note)
        for line, strong in lines(pair, _width()):
            talk(line, bold=True) if strong else talk(line)
        if not _take(session):
            return


def _take(session: ReviewSession) -> bool:
    """Read until one answer or undo is kept; False where the person quits."""
    from juncture.agency.people.decisions import Say
    from juncture.base.errors import UsageError

    while True:
        typed = _line()
        if typed is None:
            return False
        word = next((w for k, w in _KEYS.items() if typed.lower() in (k, w, w.replace("_", " "))), "")
        if word == "quit":
            return False
        if not word:
            talk("Type one of s, d, c, u, q, then Enter.")
            continue
        try:
            if word == "undo":
                if session.undo():
                    return True
                talk("There is no answer to take back.")
                continue
            session.answer(Say(word))
            return True
        except UsageError as refused:
            talk(refused.message, fg="yellow")
            talk(refused.remedy)


def _line() -> str | None:
    """What is typed, or None at the end of the input."""
    click.echo(_PROMPT, nl=False, err=True)
    line = sys.stdin.readline()
    if not line:
        talk()
        return None
    if not sys.stdin.isatty():
        talk()
    return line.strip()


def _end() -> None:
    if sys.stderr.isatty():
        if os.environ.get("TERM") != "dumb":
            click.echo(_CLEAR, nl=False, err=True, color=True)
        talk(_HISTORY)


def lines(pair: Pair, width: int) -> Iterator[tuple[str, bool]]:
    """The lines of a pair on a screen of ``width`` columns, each with whether it is to stand out.

    Side by side; below each other where the screen is narrow or a script runs from right to left, since terminals
    differ in how they order such a line.
    """
    heads = (_typed_so(pair.records[0]), _typed_so(pair.records[1]))
    stacked = width < _NARROWEST or any(_right_to_left(f.left + f.right) for f in pair.fields)
    if stacked:
        yield f"A: {heads[0]}. B: {heads[1]}.", False
        for field in pair.fields:
            mark = f" ({field.mark.value})" if field.mark.value else ""
            yield f"{field.label}{mark}", _stands_out(field)
            for name, value in (("A", field.left), ("B", field.right)):
                for line in wrapped(value, width - 5):
                    yield f"  {name}: {line}", False
                    name = " "
        return
    column = (min(width, _WIDEST) - _MARK - _LABEL - 2) // 2
    rows: list[tuple[str, str, str, str, bool]] = [("", "", *heads, False)]
    rows += [(f.mark.value, f.label, f.left, f.right, _stands_out(f)) for f in pair.fields]
    for mark, label, left, right, strong in rows:
        cells = [wrapped(left, column), wrapped(right, column)]
        for i in range(max(len(cells[0]), len(cells[1]))):
            one, other = (cell[i] if i < len(cell) else "" for cell in cells)
            start = f"{mark if i == 0 else '':<{_MARK}}{label if i == 0 else '':<{_LABEL}}"
            yield f"{start}{one}{' ' * (column - columns(one) + 2)}{other}".rstrip(), strong


def wrapped(text: str, width: int) -> list[str]:
    """``text`` without what a terminal would obey, in lines of at most ``width`` columns; one line at least."""
    words = plain(text).split()
    found, line = [], ""
    for word in words:
        if line and columns(line) + 1 + columns(word) > width:
            found.append(line)
            line = ""
        line = f"{line} {word}" if line else word
        while columns(line) > width:
            cut = next(i for i in range(len(line), 0, -1) if columns(line[:i]) <= width or i == 1)
            found.append(line[:cut])
            line = line[cut:]
    return [*found, line] if line or not found else found


def plain(text: str) -> str:
    """``text`` without control characters, marks of direction and other letters that show nothing."""
    kept = (
        "" if unicodedata.category(c) == "Cf" else c if c.isprintable() else " " if c.isspace() else "?" for c in text
    )
    return "".join(kept)


def columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _typed_so(records: int) -> str:
    return f"{records} record{'s' * (records != 1)} typed so"


def _right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)


def _stands_out(field: Field) -> bool:
    return field.mark.value in ("differs", "one missing")


def _width() -> int:
    if os.environ.get("COLUMNS", "").isdecimal():
        return max(20, int(os.environ["COLUMNS"]))
    for stream in (sys.stderr, sys.stdin, sys.stdout):
        try:
            return max(20, os.get_terminal_size(stream.fileno()).columns)
        except (OSError, ValueError, AttributeError):
            continue
    return 80
