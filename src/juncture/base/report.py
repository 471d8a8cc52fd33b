"""What a step tells its user, as values: the faces render it, the rooms never print.

A :class:`StepReport` says what was read, what was kept and dropped with counts by reason, what was written, and the
next command. It holds counts and file names only, never an identifier or a cell value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: ``progress(label, done, total)``; ``total`` is 0 while unknown. Labels are fixed texts of ours.
Progress = Callable[[str, int, int], None]


def silent(label: str, done: int, total: int) -> None:
    """A progress callback that shows nothing."""


@dataclass(frozen=True)
class WrittenFile:
    """A file that a step wrote, with the SHA-384 of its bytes in hex (empty where a hash says nothing)."""

    path: Path
    sha384: str = ""


@dataclass(frozen=True)
class StepReport:
    """The outcome of one step, ready to be shown.

    ``counts`` maps a plain phrase to a number, in the order shown; ``notes`` are plain sentences; ``warnings`` are
    sentences that deserve attention; ``next_command`` is ready to paste.
    """

    title: str
    counts: Mapping[str, int | float | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    files: tuple[WrittenFile, ...] = ()
    next_command: str = ""
