"""Files that are either whole or absent, and readable by their owner only where they are private.

A reader never sees half a file: bytes go to a temporary neighbour with a random name, are flushed to disk, then
renamed over the target. On failure the neighbour is removed.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import getpass
import io
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from juncture.base.errors import MachineError, PackageRefused

PRIVATE_FILE = 0o600
PRIVATE_DIR = 0o700


def restrict_to_owner(path: Path) -> None:
    """Leave ``path`` readable by its owner only (mode bits, or ``icacls`` on Windows).

    Raises ``MachineError`` where the system refuses, since a private key that others can read is no private key.
    """
    if os.name != "nt":
        path.chmod(PRIVATE_DIR if path.is_dir() else PRIVATE_FILE)
        return
    inherit = "(OI)(CI)F" if path.is_dir() else "F"
    done = subprocess.run(
        ["icacls", str(path), "/inheritance:r", "/grant:r", f"{getpass.getuser()}:{inherit}"],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise MachineError(f"{path} could not be made private to its owner.", remedy="Move the folder to a local disk.")


def private_dir(path: Path) -> Path:
    """Create ``path`` (and parents) if needed and make it private to its owner; returns it.

    Raises ``MachineError`` when the disk, a permission or a file of that name stands in the way.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        restrict_to_owner(path)
    except OSError as error:
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        why = "a file is in the way" if in_the_way else error.strerror or type(error).__name__
        raise MachineError(
            f"The folder {path} could not be made: {why}.",
            remedy="Move the file elsewhere, then run the same command again." if in_the_way else way_out(error),
        ) from error
    return path


def way_out(error: OSError) -> str:
    """What a person can do where the system would not write."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "Make room on the disk, then run the same command again."
    if isinstance(error, PermissionError):
        return "Close it where another program has it open, or see that you may write there; then run this again."
    return ""


@contextlib.contextmanager
def atomic_writer(path: Path, *, private: bool = True) -> Iterator[BinaryIO]:
    """Yield a binary file that becomes ``path`` when the block ends without an error; otherwise no trace is left.

    The temporary neighbour is private from its first byte. Raises ``MachineError`` when the disk or a permission
    stands in the way.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
        with os.fdopen(descriptor, "w+b") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        if private:
            restrict_to_owner(temporary)
        else:
            temporary.chmod(0o644)
        temporary.replace(path)
        sync_dir(path.parent)
    except OSError as error:
        raise MachineError(
            f"{path} could not be written: {error.strerror or type(error).__name__}.", remedy=way_out(error)
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_dir(path: Path) -> None:
    """Make a rename in ``path`` survive a power cut, where the system has such a thing."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes, *, private: bool = True) -> Path:
    """Write ``data`` to ``path``, whole or not at all; returns ``path``."""
    with atomic_writer(path, private=private) as handle:
        handle.write(data)
    return path


def write_text(path: Path, text: str, *, private: bool = True) -> Path:
    """Write ``text`` as UTF-8 with ``\\n`` line ends, whole or not at all; returns ``path``."""
    return write_bytes(path, text.encode("utf-8"), private=private)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """CSV with a header and ``\\n`` line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def read_limited(path: Path, limit: int) -> bytes:
    """Bytes of ``path``; raises ``PackageRefused`` if there are more than ``limit``, ``MachineError`` if unreadable."""
    try:
        with path.open("rb") as handle:
            data = handle.read(limit + 1)
    except OSError as error:
        raise MachineError(f"{path} could not be read: {error.strerror or type(error).__name__}.") from error
    if len(data) > limit:
        raise PackageRefused(f"{path.name} is larger than the {limit} bytes a file of its kind may have.")
    return data


def sweep_leftovers(root: Path, *, older_than_seconds: float = 600.0) -> int:
    """Remove the ``.part`` files below ``root`` that a killed run left behind; returns how many.

    They, and what a database put beside them (``.part.wal``, the folder ``.part.tmp``), may hold what was about to be
    written in clear. Younger ones may belong to a step that is running now.
    """
    swept = 0
    for path in (found for ending in ("", ".wal", ".tmp") for found in root.rglob(f".*.part{ending}")):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime <= older_than_seconds:
                continue
            if path.is_file():
                path.unlink()
                swept += 1
            elif path.name.endswith(".part.tmp"):
                shutil.rmtree(path)
                swept += 1
    return swept


def empty_dir(path: Path) -> None:
    """Remove everything inside ``path`` (leftovers of a killed run may hold names), keeping the folder itself."""
    if not path.is_dir():
        return
    for child in path.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                child.unlink()
