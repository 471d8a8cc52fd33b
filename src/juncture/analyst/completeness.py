"""``completeness.toml`` in the analyst's folder: what an audit found of how whole the agencies' files are.

An agency takes contacts that it knows to be of a person of whom it has others, and counts those that its linked file
holds. It tells the two numbers, of no person::

    [clinic.all]
    found   = 36
    checked = 40

Instead of ``all``, or beside it, there may be ``women`` and ``men``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, model_validator

from juncture.agreement.read import sentences, text_of
from juncture.analyst.findings.linkage import Completeness
from juncture.analyst.findings.model import Stratum
from juncture.analyst.statistics.misclassification import audited
from juncture.base.errors import InputError

FILE = "completeness.toml"
REMEDY = "docs/how-to/audit-the-links.md shows the whole form."


class Count(BaseModel):
    """Of ``checked`` records that had to be in a joined file, ``found`` were."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    found: int = Field(ge=0)
    checked: int = Field(ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _found_are_checked(self) -> Count:
        if self.found > self.checked:
            raise ValueError("more were found than checked")
        return self


class _Counts(RootModel[Mapping[str, Mapping[Stratum, Count]]]):
    """By agency and group."""


def read_completeness(path: Path, agencies: tuple[str, ...]) -> Completeness:
    """The chances that ``path`` tells, as posteriors of its counts; nothing where there is no such file.

    Raises ``InputError`` (exit 3) that lists every fault.
    """
    if not path.is_file():
        return {}
    try:
        data = tomllib.loads(text_of(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"this is not TOML: {error}.", file=path, remedy=REMEDY) from error
    except (ValueError, RecursionError) as error:
        raise InputError("this is not TOML that anybody can read.", file=path, remedy=REMEDY) from error
    found = [f"{name}: is no agency of the agreement ({', '.join(agencies)})" for name in data if name not in agencies]
    try:
        counts = _Counts.model_validate(data).root
    except ValidationError as error:
        found += sentences("", error, document=f"a part of {FILE}")
    if found:
        listed = "\n".join(f"  - {sentence}" for sentence in found)
        raise InputError(f"{len(found)} thing(s) to correct:\n{listed}", file=path, remedy=REMEDY)
    return {
        agency: {stratum: audited(count.found, count.checked) for stratum, count in groups.items()}
        for agency, groups in counts.items()
    }
