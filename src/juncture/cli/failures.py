"""From what went wrong to a sentence and an exit code: the only place that does.

Errors of ours are a sentence and a remedy. Anything else is our bug: the type and the frames are shown, never the
text of the error or a local value, since either may hold what stands in a record.
"""

from __future__ import annotations

import errno
import sys
import traceback
from itertools import pairwise
from pathlib import Path

from juncture.base.errors import ExitCode, JunctureError, MachineError
from juncture.cli.terminal import talk

#: The rooms that have an extra of their own.
ROOMS = ("agency", "linker", "analyst", "checker")
#: Modules that come with extras, not with the base.
OPTIONAL = frozenset(("altair", "duckdb", "jinja2", "nicknames", "numpy", "pyarrow", "scipy", "splink", "vl_convert"))


def explain(error: BaseException) -> ExitCode:
    """Tell the person on stderr what went wrong; returns the exit code."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in OPTIONAL:
        error = missing_extra(error)
    if isinstance(error, JunctureError) and error.exit_code is not ExitCode.BUG:
        talk(f"Error: {error.message}", fg="red")
        if error.remedy:
            talk(error.remedy)
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        return ExitCode.MACHINE
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _OF_THE_MACHINE):
        talk(f"Error: {_machine(error)}", fg="red")
        return ExitCode.MACHINE
    talk("Error: this is a bug of Juncture. Nothing that was sealed before is lost.", fg="red")
    for line in bare_traceback(error):
        talk(line)
    talk("Send these lines, which hold nothing of a record, with the output of `juncture doctor` to the maintainers.")
    return ExitCode.BUG


def missing_extra(error: ModuleNotFoundError) -> MachineError:
    """What to install: the extra of the one room that wanted the module, else all."""
    frames = traceback.extract_tb(error.__traceback__)
    folders = {Path(frame.filename).parts for frame in frames}
    wanting = {room for room in ROOMS for parts in folders if ("juncture", room) in pairwise(parts)}
    extra = wanting.pop() if len(wanting) == 1 else "all"
    return MachineError(
        f"This command needs {(error.name or '').partition('.')[0]}, which is not installed.",
        remedy=install_command(extra),
    )


def install_command(extra: str) -> str:
    """The command that installs ``extra``, ready to paste."""
    return f'"{sys.executable}" -m pip install "juncture[{extra}]"'


def bare_traceback(error: BaseException) -> list[str]:
    """Types and frames of ``error`` and of what caused it: no message, no value, no line of a source."""
    lines, seen = [], set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines.append(f"{type(current).__module__}.{type(current).__qualname__}")
        lines += [f"  {f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(current.__traceback__)]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
        if current is not None:
            lines.append("caused by")
    return lines


_OF_THE_MACHINE = frozenset(
    getattr(errno, name, errno.ENOSPC)
    for name in ("EACCES", "EDQUOT", "EFBIG", "EIO", "EMFILE", "ENAMETOOLONG", "ENOSPC", "EPERM", "EROFS")
)


def _machine(error: BaseException) -> str:
    if isinstance(error, OSError):
        name = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return f"{name}{(error.strerror or type(error).__name__).lower()}."
    return "there is too little memory."
