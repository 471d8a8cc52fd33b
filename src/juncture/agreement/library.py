"""The default library of junctures, by family of agency, and as the agencies of an agreement have them.

The library is a data file, ``junctures.toml``. In it ``police.arrest`` is that kind of contact at every police agency;
an agreement names its agencies, so each such kind becomes one kind an agency of the family. A juncture whose situation
or response no agency of the agreement can tell of is left out.
"""

from __future__ import annotations

import json
import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from juncture.agreement.model import Juncture, Party
from juncture.agreement.vocabulary import AgencyFamily, PartyRole, kinds_of

_INTRO = """\
# The default library of junctures. Take out those that nobody here could have answered: each that is declared enters
# the correction for many findings. `juncture agree junctures` lists them all."""
#: Letters a line, of comments and of lists of kinds.
_WIDTH, _LIST_WIDTH = 116, 84


@dataclass(frozen=True)
class LibraryJuncture:
    """A juncture of the library; the kinds of ``juncture`` are written ``family.word``. ``why``: what makes it a point
    at which help could come; ``source``: where it comes from."""

    name: str
    why: str
    source: str
    juncture: Juncture

    def of(self, party: Mapping[str, Party]) -> Juncture | None:
        """The juncture with kinds of the agencies in ``party``; None where none can tell of its situation or of its
        response."""
        index, response = (_at(part.kinds, party) for part in (self.juncture.index, self.juncture.response))
        if not index or not response:
            return None
        fields = self.juncture.model_dump()
        fields["index"]["kinds"], fields["response"]["kinds"] = index, response
        return Juncture.model_validate(fields)


@cache
def library() -> tuple[LibraryJuncture, ...]:
    """The junctures of the library, in order."""
    text = files("juncture.agreement").joinpath("junctures.toml").read_text(encoding="utf-8")
    return tuple(
        LibraryJuncture(name, facts.pop("why"), facts.pop("source"), Juncture.model_validate(facts))
        for name, facts in tomllib.loads(text)["juncture"].items()
    )


#: One made-up agency a family, named like it: in their names the library stands as it is written.
FAMILIES: Mapping[str, Party] = {
    family.value: Party(role=PartyRole.AGENCY, family=family, title=family.value.replace("_", " ").capitalize())
    for family in AgencyFamily
}


def library_toml(party: Mapping[str, Party] = FAMILIES) -> str:
    """The library for the agencies in ``party`` as parts of an agreement, with what each means and where it comes from
    as comments."""
    parts = []
    for entry in library():
        juncture = entry.of(party)
        if juncture is not None:
            told = [*meaning(juncture, party), f"Why: {entry.why}", f"Source: {entry.source}."]
            comments = ["# " + "\n#   ".join(_lines(text, _WIDTH)) for text in told]
            parts.append("\n".join([*comments, juncture_toml(entry.name, juncture)]))
    return "\n\n".join(parts) + "\n"


def juncture_toml(name: str, juncture: Juncture) -> str:
    """One juncture as a part of an agreement, every window written out."""
    index: dict[str, object] = {"kinds": juncture.index.kinds}
    response: dict[str, object] = {"kinds": juncture.response.kinds}
    if juncture.index.count > 1:
        index |= {"count": juncture.index.count, "within_days": juncture.index.within_days}
    if juncture.response.same_episode:
        response |= {"same_episode": True}
    else:
        response |= {"within_days": juncture.response.within_days, "same_day": juncture.response.same_day}
    if juncture.response.role is not None:
        response |= {"role": juncture.response.role.value}
    parts = {
        "title": juncture.title,
        "family": juncture.family.value,
        "index": index,
        "response": response,
        "outcome": {"kinds": juncture.outcome.kinds, "horizon_days": juncture.outcome.horizon_days},
        "intercept": juncture.intercept,
    }
    return "\n".join([f"[juncture.{name}]", *(f"{key:<9} = {_value(value)}" for key, value in parts.items())])


def meaning(juncture: Juncture, party: Mapping[str, Party]) -> tuple[str, ...]:
    """What opens a juncture, what meets it and until when, and what counts after that, in words."""
    index, response, outcome = juncture.index, juncture.response, juncture.outcome
    times = f"{index.count} contacts within {index.within_days} days, of: " if index.count > 1 else ""
    if response.same_episode:
        until = "in the same episode"
    else:
        until = f"within {response.within_days} days, " + (
            "the same day included" if response.same_day else "from the next day on"
        )
    what = "crises" if outcome.kinds == "crisis" else _titles(outcome.kinds, party)
    counted = f"Counted: {what} in the {outcome.horizon_days} days after that."
    return (
        f"{juncture.title} (family {juncture.family.value}).",
        f"Opened by {times}{_titles(index.kinds, party)}.",
        f"Met by {_titles(response.kinds, party)}, {until}. {counted}",
    )


def with_library(text: str) -> str:
    """``text`` (TOML of an agreement) with the library for its agencies, where it declares no juncture; else, and where
    it is not TOML or names no parties, as it is."""
    try:
        document = tomllib.loads(text)
        party = {name: Party.model_validate(facts) for name, facts in document["party"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text  # the reader of agreements says what is wrong
    if "juncture" in document:
        return text
    return f"{text.rstrip()}\n\n{_INTRO}\n\n{library_toml(party)}"


@cache
def form_text() -> str:
    """The form of an agreement, with the library for its two agencies."""
    return with_library(files("juncture.agreement").joinpath("form.toml").read_text(encoding="utf-8"))


def _at(kinds: Iterable[str], party: Mapping[str, Party]) -> list[str]:
    """Kinds written ``family.word`` at every agency of the family, agency by agency in order of name."""
    split = [kind.split(".", 1) for kind in kinds]
    return [
        f"{name}.{word}"
        for family, word in split
        for name, one in sorted(party.items())
        if one.family is not None and one.family.value == family
    ]


def _titles(kinds: Iterable[str], party: Mapping[str, Party]) -> str:
    told: dict[str, list[str]] = {}
    for kind in kinds:
        name, word = kind.split(".", 1)
        family = party[name].family
        title = kinds_of(family)[word].title if family is not None else word
        told.setdefault(name, []).append(title[0].lower() + title[1:])
    return "; ".join(f"{', '.join(titles)} ({party[name].title})" for name, titles in told.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, tuple):
        # Inside a list TOML lets a line end, elsewhere in an inline table not.
        return "[" + "\n  ".join(_lines(", ".join(_value(item) for item in value), _LIST_WIDTH)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    # A TOML basic string is written like a JSON one.
    return json.dumps(value, ensure_ascii=False)


def _lines(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
