"""A folder that is there whole or not at all: made beside its place and renamed."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from juncture.base.errors import MachineError, UsageError
from juncture.base.files import private_dir
from juncture.exchange.locks import lock_file, locked


def must_be_free(out: Path) -> None:
    """Raise ``UsageError`` unless ``out`` is no folder yet, or an empty one."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        what = "is not empty" if out.is_dir() else "is a file"
        raise UsageError(f"{out} {what}.", remedy="Name a new folder; nothing there was touched.")


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A private folder beside ``out`` that takes its place when the block ends without an error; else no trace.

    What killed runs left beside ``out`` is removed first. Raises as :func:`must_be_free`.
    """
    must_be_free(out)
    _sweep_killed(out)
    work = out.with_name(f".{out.name}-{secrets.token_hex(6)}.part")
    try:
        with locked(work):
            private_dir(work)
            yield work
            if out.exists():
                out.rmdir()
            work.replace(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        lock_file(work).unlink(missing_ok=True)


def _sweep_killed(out: Path) -> None:
    """Remove what killed runs into ``out`` left: whose lock can be had, nobody is working in."""
    for left in out.parent.glob(f".{out.name}-*.part"):
        try:
            with locked(left, patience=0):
                shutil.rmtree(left, ignore_errors=True)
        except MachineError:
            continue
        lock_file(left).unlink(missing_ok=True)
