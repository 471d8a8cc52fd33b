"""Manners of the terminal: data and paths to stdout, talk to stderr; colour only where a person looks at it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from juncture.base.report import Progress, StepReport
    from juncture.rehearsal.rehearse import Told

#: What a console of an old code page shows instead.
_PLAIN = str.maketrans({"–": "-", "—": "-", "…": "...", "×": "x", "≥": ">=", "≤": "<=", "•": "-", "’": "'"})


#: Commands that take ``--round``.
_OF_A_ROUND = ("status", "agency", "attack", "linker", "analyst", "checker")


@dataclass
class Here:
    """Which working folder and round the commands use; ``given``: the folder was named by ``-C``.

    ``shown`` collects the reports for the log.
    """

    folder: Path = Path()
    given: bool = False
    round: int = 1
    shown: list[StepReport] = field(default_factory=list)

    def command(self, text: str) -> str:
        """``text`` ("juncture ...") as it must be typed to use the same folder and round."""
        program, _, words = text.partition(" ")
        if program != "juncture":
            return text
        if self.given:
            path = str(self.folder)
            program += f" -C {subprocess.list2cmdline([path]) if os.name == 'nt' else shlex.quote(path)}"
        later = f" --round {self.round}" if self.round > 1 and words.partition(" ")[0] in _OF_A_ROUND else ""
        return f"{program} {words}{later}"


def coloured(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal whose owner wants colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def fitting(text: str, stream: TextIO) -> str:
    """``text`` in letters that ``stream`` can show; never an error."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def talk(text: str = "", **style: Any) -> None:
    """A line to the person, on stderr."""
    shown = fitting(text, sys.stderr)
    click.echo(click.style(shown, **style) if style else shown, err=True, color=coloured(sys.stderr))


def data(text: str) -> None:
    """A line for whoever reads stdout, person or program."""
    click.echo(fitting(text, sys.stdout), color=False)


def show(report: StepReport, here: Here, *, paths: bool = True) -> None:
    """Render ``report``: talk on stderr, and the paths written, one a line, on stdout where ``paths``."""
    here.shown.append(report)
    talk(report.title, bold=True)
    width = max((len(phrase) for phrase in report.counts), default=0)
    for phrase, count in report.counts.items():
        talk(f"  {phrase:<{width}}  {_number(count)}")
    for note in report.notes:
        talk(note)
    for warning in report.warnings:
        talk(f"Warning: {warning}", fg="yellow")
    for file in report.files:
        hashed = f"  sha384 {file.sha384[:12]}" if file.sha384 else ""
        talk(f"Wrote {file.path.name} ({_size(file.path)}){hashed}")
    if paths:
        for file in report.files:
            data(str(file.path))
    if report.next_command:
        talk(f"Next: {here.command(report.next_command)}", fg="cyan")


def ask_new_passphrase(what: str, descriptor: int | None) -> bytes:
    """A new passphrase, asked twice without echo, or one line of a file descriptor."""
    return _passphrase(f"New passphrase for {what}", descriptor, confirm=True)


def ask_passphrase(what: str, descriptor: int | None) -> bytes:
    """A passphrase, asked without echo, or the next line of a file descriptor."""
    return _passphrase(f"Passphrase for {what}", descriptor, confirm=False)


@contextmanager
def progress_shown() -> Iterator[tuple[Told, Progress]]:
    """``told`` and ``progress`` for a long run: a live bar on a terminal, otherwise one plain line a step."""
    if not sys.stderr.isatty():
        yield (lambda party, report: talk("\n".join(_told(party, report)))), (lambda label, done, total: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, no_color=not coloured(sys.stderr), highlight=False)
    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Beginning", total=None)

        def moved(label: str, done: int, total: int) -> None:
            bar.update(task, description=fitting(label, sys.stderr), completed=done, total=total or None)

        def told(party: str, report: StepReport) -> None:
            for line in _told(party, report):
                console.print(fitting(line, sys.stderr), markup=False)

        yield told, moved


def _told(party: str, report: StepReport) -> list[str]:
    return [f"{party}: {report.title}", *(f"{party}: Warning: {warning}" for warning in report.warnings)]


def _passphrase(prompt: str, descriptor: int | None, *, confirm: bool) -> bytes:
    from juncture.base.errors import KeyTrouble, UsageError

    if descriptor is not None:
        phrase = _line_of(descriptor)
    elif sys.stdin.isatty():
        phrase = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True).encode()
    else:
        raise UsageError(
            "There is no terminal to ask for the passphrase.", remedy="Pass it on a descriptor: --passphrase-fd N."
        )
    if not phrase:
        raise KeyTrouble("The passphrase is empty.", remedy="Give it on one line.")
    return bytes(phrase)


def _line_of(descriptor: int) -> bytes:
    """The next line of ``descriptor``, read byte by byte so that a second passphrase may follow it."""
    from juncture.base.errors import UsageError

    line = bytearray()
    try:
        while (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
            line += byte
    except OSError as error:
        raise UsageError(f"The file descriptor {descriptor} is not open for reading.") from error
    return bytes(line).removesuffix(b"\r")


def _number(count: int | float | str) -> str:
    if isinstance(count, float):
        return f"{count:,.4g}"
    return f"{count:,}" if isinstance(count, int) else count


def _size(path: Path) -> str:
    try:
        size = float(path.stat().st_size)
    except OSError:
        return "gone"
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
