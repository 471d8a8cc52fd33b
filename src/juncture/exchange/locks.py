"""One writer at a time, also between processes.

The lock is the operating system's own (``flock``, or ``msvcrt.locking`` on Windows): it ends with the process that
holds it, so a killed run never leaves a lock behind, as a lock file made with ``O_EXCL`` would.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from juncture.base.errors import MachineError
from juncture.base.files import PRIVATE_FILE, way_out


def lock_file(path: Path) -> Path:
    """The empty neighbour that carries the lock of ``path``."""
    return path.with_name(path.name + ".lock")


@contextlib.contextmanager
def locked(path: Path, *, patience: float = 60.0) -> Iterator[None]:
    """Hold the lock of the file ``path`` (kept in an empty neighbour ``<name>.lock``) for the block.

    Waits up to ``patience`` seconds for another process or thread; then, or where the disk stands in the way, raises
    ``MachineError``. Not re-entrant.
    """
    neighbour = lock_file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(neighbour, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    except OSError as error:
        raise MachineError(f"{neighbour} could not be opened: {error.strerror}.", remedy=way_out(error)) from error
    try:
        deadline = time.monotonic() + patience
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise MachineError(
                    f"{path.name} is in use by another process.", remedy="Wait for it to end, then run this again."
                )
            time.sleep(0.005)
        try:
            yield
        finally:
            _unlock(descriptor)
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
