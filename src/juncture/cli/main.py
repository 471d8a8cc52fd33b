"""Entry of the command line: run one command, map what goes wrong to a sentence and an exit code, write the log."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from juncture.base.errors import ExitCode
from juncture.cli.app import juncture
from juncture.cli.failures import explain
from juncture.cli.log import log_line, write_log
from juncture.cli.terminal import Here, talk

_INTERRUPTED = "Interrupted. Run the same command again; what was sealed before stays as it is."
_interrupted = threading.Event()


def main() -> NoReturn:
    """Run the command of ``sys.argv`` and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A console of an old code page shows a mark instead of a letter it lacks; it never ends the run.
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGINT, _interrupt)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. Everything that goes wrong was told on stderr then."""
    here, began = Here(), time.monotonic()
    code, error = _attempt(arguments, here)
    command = command_words(arguments)
    if command and "--help" not in arguments:
        seconds = time.monotonic() - began
        write_log(here.folder, log_line(command, code, seconds, error=error, reports=tuple(here.shown)))
    return code


def command_words(arguments: Sequence[str]) -> str:
    """The command's words in ``arguments``, such as ``keys new``: no option and no value."""
    node: click.Command = juncture
    words = []
    for before, word in zip(("", *arguments), arguments, strict=False):
        if before not in ("-C", "--folder") and isinstance(node, click.Group) and word in node.commands:
            node = node.commands[word]
            words.append(word)
    return " ".join(words)


def _attempt(arguments: Sequence[str], here: Here) -> tuple[int, BaseException | None]:
    try:
        result = juncture.main(args=list(arguments), prog_name="juncture", standalone_mode=False, obj=here)
        return (result if isinstance(result, int) else ExitCode.DONE), None
    except click.exceptions.Exit as stop:
        return stop.exit_code, None
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE, error
    except (click.Abort, KeyboardInterrupt) as error:
        talk(_INTERRUPTED)
        return ExitCode.INTERRUPTED, error
    except Exception as error:
        if _interrupted.is_set():
            # An engine may turn the interruption of its query into an error of its own.
            talk(_INTERRUPTED)
            return ExitCode.INTERRUPTED, error
        return explain(error), error


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    _interrupted.set()
    raise KeyboardInterrupt
