"""Juncture: join agencies' records for research on points of intervention, without names passing between them.

Importing the package loads no engine; each room loads what it needs when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from juncture.analyst.notebook import OpenStudy

__all__ = ["__version__", "open_study"]
__version__ = "0.1.0"


def open_study(path: Path | str) -> OpenStudy:
    """Open the study at ``path`` for a notebook: a ``study.duckdb``, or the analyst's working folder.

    Raises ``InputError`` where there is none, ``MachineError`` where the extra of the analyst is not installed.
    """
    try:
        from juncture.analyst.notebook import open_study as opened
    except ModuleNotFoundError as error:
        from juncture.base.errors import MachineError

        raise MachineError(
            f"A study needs {(error.name or '').partition('.')[0]}, which is not installed.",
            remedy='pip install "juncture[analyst]"',
        ) from error
    return opened(path)
