"""Write the generated pages of ``docs/reference`` from the code: ``python tools/docs_reference.py``.

A test holds the committed pages to what this writes, so that they cannot rot.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from juncture.agreement import library, model, vocabulary
from juncture.analyst.export.codebook import field_lines
from juncture.analyst.export.fields import TableSpec
from juncture.analyst.export.results import RESULTS
from juncture.analyst.export.specs import TABLES
from juncture.base import errors
from juncture.cli.app import EPILOG, juncture

HERE = Path(__file__).resolve().parents[1]
REFERENCE = HERE / "docs" / "reference"
SOURCE = HERE / "src" / "juncture"
NOTE = "<!-- Written by tools/docs_reference.py from the code; change it there. -->\n\n"
#: Modules of the exchange that specify bytes, from the outside in, and the payloads.
FORMATS = (
    "exchange/package.py", "exchange/header.py", "exchange/canonical.py", "exchange/sealing.py", "exchange/signing.py",
    "exchange/keys.py", "exchange/signed_agreement.py", "exchange/ledger.py", "exchange/joint_secret.py",
    "formats/arrays.py", "formats/clock.py", "formats/link.py", "formats/release.py", "formats/timeline.py",
    "formats/cohort.py", "formats/unlocking.py", "formats/tables.py",
)  # fmt: skip


def pages() -> dict[str, str]:
    """The generated pages, by file name."""
    return {
        "agreement.md": NOTE + agreement_page(),
        "command-line.md": NOTE + command_line_page(),
        "exit-codes.md": NOTE + exit_codes_page(),
        "package-format.md": NOTE + package_format_page(),
        "results.md": NOTE + results_page(),
    }


def command_line_page() -> str:
    """Every command with its usage, help, arguments and options."""
    parts = ["# The command line", "", _plain(juncture.help), "", _table(_options(juncture)), "", EPILOG, ""]
    for path, command in _commands(juncture, ()):
        parts += [f"## `juncture {' '.join(path)}`", "", _plain(command.help), ""]
        context = click.Context(command, info_name=f"juncture {' '.join(path)}", terminal_width=110)
        parts += ["```text", command.get_usage(context).removeprefix("Usage: "), "```", ""]
        if options := _options(command):
            parts += [_table(options), ""]
    return "\n".join(parts).rstrip() + "\n"


def exit_codes_page() -> str:
    """Exit codes with the errors that lead to them."""
    told = {
        code: [kind for kind in vars(errors).values() if inspect.isclass(kind) and vars(kind).get("exit_code") is code]
        for code in errors.ExitCode
    }
    others = {
        errors.ExitCode.DONE: "Done.",
        errors.ExitCode.BUG: "A bug of Juncture: types and frames are shown, never a value of a record.",
        errors.ExitCode.INTERRUPTED: "Interrupted by the person at the keyboard; running the command again is safe.",
    }
    rows = [
        (str(int(code)), code.name.lower(), others.get(code) or " ".join(_plain(kind.__doc__) for kind in told[code]))
        for code in errors.ExitCode
    ]
    return f"# Exit codes\n\n{_plain(errors.ExitCode.__doc__)}\n\n{_table([('code', 'name', 'when'), *rows])}\n"


def package_format_page() -> str:
    """What passes between parties, byte by byte, from the docstrings of the modules that read and write it."""
    parts = ["# Files that pass between parties", ""]
    for name in FORMATS:
        text = ast.get_docstring(ast.parse((SOURCE / name).read_text(encoding="utf-8"))) or ""
        parts += [f"## `{name}`", "", _markdown(text), ""]
    return "\n".join(parts).rstrip() + "\n"


def agreement_page() -> str:
    """The form of an agreement, then every section and key, then the closed sets of words."""
    form = library.form_text().rstrip()
    parts = ["# The agreement", "", _plain(model.Agreement.__doc__), "", "## The form", "", f"```toml\n{form}\n```", ""]
    for section in _sections(model.Agreement):
        parts += [f"## {_title(section)}", "", _plain(section.__doc__), "", _table(_keys(section)), ""]
    parts += ["## Closed sets of words", ""]
    for words in vars(vocabulary).values():
        if inspect.isclass(words) and issubclass(words, Enum) and words.__module__ == vocabulary.__name__:
            parts += [
                f"**{words.__name__}**: {', '.join(f'`{word.value}`' for word in words)}. {_plain(words.__doc__)}",
                "",
            ]
    parts += ["## Kinds of contact", ""]
    for family in vocabulary.AgencyFamily:
        rows = [(f"`{kind.word}`", kind.title, str(kind.intercept)) for kind in vocabulary.kinds_of(family).values()]
        parts += [f"A {family.value} agency has:", "", _table([("word", "title", "intercept"), *rows]), ""]
    return "\n".join(parts).rstrip() + "\n"


def results_page() -> str:
    """Every table of results and of an export, with its columns."""
    results = (
        "`juncture analyst findings` writes these as `results/<name>.csv`: UTF-8, empty where there is no estimate, "
        "intervals of 95 %."
    )
    export = (
        "`juncture analyst export` writes these as csv or parquet. `datapackage.json` beside them tells the same to "
        "programs, as a Frictionless data package; in csv, booleans are 0 and 1."
    )
    parts = ["# Tables of the analyst", "", "Internal and unsuppressed: they stay with the analyst.", ""]
    parts += ["## Results", "", results, "", *_tables(RESULTS.values())]
    parts += ["## Export", "", export, "", *_tables(TABLES)]
    return "\n".join(parts).rstrip() + "\n"


def _tables(specs: Iterable[TableSpec]) -> list[str]:
    lines: list[str] = []
    for spec in specs:
        differ = [f"Rows differ in: {', '.join(f'`{column}`' for column in spec.key)}.", ""]
        lines += [f"### `{spec.name}`", "", f"{spec.title}. {spec.description}", "", *differ]
        lines += [*field_lines(spec.fields), ""]
    return lines


def _commands(node: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if path:
        yield path, node
    if isinstance(node, click.Group):
        for name, child in node.commands.items():
            yield from _commands(child, (*path, name))


def _options(command: click.Command) -> list[tuple[str, ...]]:
    rows = []
    for parameter in command.params:
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(click.Context(command))):
            rows.append((f"`{record[0]}`", record[1]))
    return [("option", "meaning"), *rows] if rows else []


def _sections(section: type[BaseModel]) -> list[type[BaseModel]]:
    found = [section]
    for field in section.model_fields.values():
        for inner in _models(field.annotation):
            found += [one for one in _sections(inner) if one not in found]
    return found


def _models(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for argument in get_args(annotation) for one in _models(argument)]


def _title(section: type[BaseModel]) -> str:
    return "Agreement: the top" if section is model.Agreement else section.__name__


def _keys(section: type[BaseModel]) -> list[tuple[str, ...]]:
    rows = [
        (f"`{name}`", _type(field.annotation), _limits(field), _default(field))
        for name, field in section.model_fields.items()
    ]
    return [("key", "is", "limits", "if absent"), *rows]


_WORDS = (
    (model.Slug, "name"),
    (model.BandEdge, "lower edge of a band"),
    (model.KindName, "`party.kind`"),
    (model.KindPattern, "`party.kind` or `party.*`"),
)


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return next((word for kind, word in _WORDS if kind == annotation), None) or _type(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_type(one) for one in arguments if one is not NoneType)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"list of {_type(arguments[0])}"
        return f"list of {len(arguments)}: {', '.join(_type(one) for one in arguments)}"
    if origin is not None and arguments:
        return f"table: {_type(arguments[0])} = {_type(arguments[-1])}"
    plain = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return plain.get(annotation) or str(getattr(annotation, "__name__", annotation))


def _limits(field: FieldInfo) -> str:
    words = {"ge": "at least", "le": "at most", "min_length": "at least", "max_length": "at most", "pattern": "form"}
    return ", ".join(
        f"{word} {getattr(limit, name)}" + (" long" if "length" in name else "")
        for limit in field.metadata
        for name, word in words.items()
        if getattr(limit, name, None) is not None
    )


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "an error"
    value = field.default
    if value is None or value == "":
        return "nothing"
    if isinstance(value, BaseModel):
        return "its own defaults"
    if isinstance(value, tuple):
        return ", ".join(f"`{getattr(one, 'value', one)}`" for one in value)
    return f"`{getattr(value, 'value', str(value).lower() if isinstance(value, bool) else value)}`"


def _table(rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _plain(text: str | None) -> str:
    return _markdown(inspect.cleandoc(text or ""))


def _markdown(text: str) -> str:
    """A docstring as Markdown: code marks and roles turned, tables of ``===`` rules fenced."""
    lines, fenced, rules = [], False, 0
    for line in re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`").splitlines():
        if re.fullmatch(r"=+( +=+)+", line):
            rules += 1
            if not fenced:
                lines.append("```text")
                fenced = True
            lines.append(line)
            if rules % 3 == 0:
                lines.append("```")
                fenced = False
            continue
        lines.append(line)
    return "\n".join(lines).strip()


def main() -> int:
    """Write every page; returns the exit code."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{REFERENCE / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
