"""Files that only grow, a line at a time, and survive a kill in the middle of a line.

A line counts once its ``\\n`` is on disk. A tail without one was never acknowledged to anybody: it is cut off before
the next line is written.
"""

from __future__ import annotations

import os
from pathlib import Path

from juncture.base.errors import MachineError
from juncture.base.files import PRIVATE_FILE, read_limited, sync_dir

MAX_FILE = 256 * 2**20


def whole_lines(path: Path) -> tuple[list[bytes], int]:
    """The complete lines of ``path`` without their ``\\n``, and the number of bytes in a torn tail (0: none).

    A missing file has no lines. Raises ``MachineError`` if unreadable, ``PackageRefused`` beyond ``MAX_FILE`` bytes.
    """
    if not path.exists():
        return [], 0
    *lines, tail = read_limited(path, MAX_FILE).split(b"\n")
    return lines, len(tail)


def append_line(path: Path, line: bytes) -> int:
    """Add ``line`` and its ``\\n``, flushed to disk; returns how many bytes of a torn tail were cut off before.

    The caller holds the file's lock. Raises ``MachineError`` when the disk or a permission stands in the way.
    """
    if b"\n" in line:
        raise ValueError("a line holds no line end")
    try:
        new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
        with os.fdopen(descriptor, "r+b") as handle:
            torn = _cut_torn_tail(descriptor)
            handle.seek(0, os.SEEK_END)
            handle.write(line + b"\n")
            handle.flush()
            os.fsync(descriptor)
        if new:
            sync_dir(path.parent)
    except OSError as error:
        raise MachineError(f"{path} could not be written: {error.strerror or type(error).__name__}.") from error
    return torn


def _cut_torn_tail(descriptor: int) -> int:
    size = position = os.lseek(descriptor, 0, os.SEEK_END)
    while position > 0:
        start = max(0, position - 4096)
        os.lseek(descriptor, start, os.SEEK_SET)
        newline = os.read(descriptor, position - start).rfind(b"\n")
        if newline >= 0:
            position = start + newline + 1
            break
        position = start
    if position < size:
        os.ftruncate(descriptor, position)
    return size - position
