"""Commands run in tests: how they ended, and passphrases on a file descriptor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


@contextmanager
def passed_on(*phrases: str) -> Iterator[int]:
    """A file descriptor from which ``phrases`` can be read, one a line."""
    reading, writing = os.pipe()
    try:
        os.write(writing, "".join(f"{phrase}\n" for phrase in phrases).encode())
        os.close(writing)
        yield reading
    finally:
        os.close(reading)


def process(*arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command as a process of its own, without a terminal."""
    words = [sys.executable, "-m", "juncture", *(str(argument) for argument in arguments)]
    done = subprocess.run(
        words,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=120,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
