"""``log.txt`` of a working folder: one line a command, counts only, so that it may be sent to whoever helps.

A line holds the UTC time, the version, the command without its arguments, exit code, seconds, the class of an error,
and the whole numbers of the reports; those of linker and analyst are left out, since how many were chosen must not
reach an agency. It is rotated: the file and two older ones, 256 kB each.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from juncture.base.report import StepReport

MAX_BYTES = 256 * 1024
OLDER = 2


def log_line(
    command: str, code: int, seconds: float, *, error: BaseException | None, reports: tuple[StepReport, ...]
) -> str:
    """One line, without its end."""
    from juncture import __version__

    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    parts = [time, __version__, command, f"exit={code}", f"seconds={seconds:.1f}"]
    if error is not None:
        parts.append(f"error={type(error).__name__}")
    closed = command.partition(" ")[0] in ("linker", "analyst")
    for report in () if closed else reports:
        parts += [
            f"{re.sub('[^a-z]+', '_', phrase.lower()).strip('_')[:60]}={count}"
            for phrase, count in report.counts.items()
            if isinstance(count, int) and not phrase.startswith("rows dropped: ")
        ]
    return " ".join(parts)


def write_log(folder: Path, line: str) -> None:
    """Add ``line`` to the log of the working folder ``folder``; a folder that is none, or a full disk, is no error."""
    if not (folder / "juncture.toml").is_file():
        return
    path = folder / "log.txt"
    with suppress(OSError):
        if path.exists() and path.stat().st_size > MAX_BYTES:
            for number in range(OLDER, 0, -1):
                older = path if number == 1 else path.with_name(f"log.{number - 1}.txt")
                if older.exists():
                    older.replace(path.with_name(f"log.{number}.txt"))
        with path.open("a", encoding="utf-8", newline="\n") as handle:
            handle.write(line + "\n")
