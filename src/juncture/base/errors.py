"""One root for every error that a user can meet; the class decides the exit code.

A message says what is wrong, where, and what to do next. It never holds a value from a record: a cell may be a
name. Only errors that are not ours are shown with a traceback.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """How a command ended, for scripts and for the people who help over the telephone."""

    DONE = 0
    MACHINE = 1
    USAGE = 2
    INPUT = 3
    AGREEMENT = 4
    REFUSED = 5
    LIMIT = 6
    KEY = 7
    BUG = 70
    INTERRUPTED = 130


class JunctureError(Exception):
    """Root of all errors shown to a user as a plain sentence."""

    exit_code = ExitCode.BUG

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class MachineError(JunctureError):
    """The machine stands in the way: disk, permission, a missing extra."""

    exit_code = ExitCode.MACHINE


class UsageError(JunctureError):
    """The command or call was used in a way that has no meaning."""

    exit_code = ExitCode.USAGE


class InputError(JunctureError):
    """A file that a user supplied cannot be used as it is."""

    exit_code = ExitCode.INPUT

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        row: int | None = None,
        column: str | None = None,
        remedy: str = "",
    ) -> None:
        where = [
            f"file {file}" if file is not None else "",
            f"row {row}" if row is not None else "",
            f"column {column}" if column is not None else "",
        ]
        place = ", ".join(part for part in where if part)
        super().__init__(f"{place}: {message}" if place else message, remedy=remedy)
        self.file, self.row, self.column = file, row, column


class AgreementForbids(JunctureError):
    """The signed agreement does not allow this."""

    exit_code = ExitCode.AGREEMENT


class PackageRefused(JunctureError):
    """A package or a ledger does not prove what it must prove; nothing of it was used."""

    exit_code = ExitCode.REFUSED


class LimitReached(JunctureError):
    """The quota or a disclosure limit would be passed."""

    exit_code = ExitCode.LIMIT


class KeyTrouble(JunctureError):
    """A key is missing, or the passphrase does not open it."""

    exit_code = ExitCode.KEY
