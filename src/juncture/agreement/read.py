"""Reading an agreement from TOML, with every fault of the file told at once and in plain words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from hashlib import sha384
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import TypeAdapter, ValidationError

from juncture.agreement.checks import problems
from juncture.agreement.model import Agreement, Party
from juncture.base.canonical import canonical_json
from juncture.base.errors import InputError
from juncture.base.files import read_limited

MAX_BYTES = 1 << 20

_PLAIN = {
    "missing": "is missing",
    "extra_forbidden": "is not a key of {document}; remove it or correct its spelling",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
    "string_pattern_mismatch": "must be written party.kind, such as police.arrest",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "date_type": "must be a date, such as 2026-01-31",
    "date_parsing": "must be a date, such as 2026-01-31",
    "date_from_datetime_parsing": "must be a date, such as 2026-01-31",
    "tuple_type": "must be a list in [ ]",
    "dict_type": "must have keys of its own, below it or in {{ }}",
    "model_type": "must have keys of its own, below it or in {{ }}",
    "string_type": "must be text in quotes",
}
#: Parts of a fault's place that are not keys of the file: that a key itself is meant, and which of several forms.
_NO_KEY = re.compile(r"\[key\]|(literal|tuple)\[.*\]").fullmatch


def sentences(where: str, error: ValidationError, *, document: str = "an agreement") -> list[str]:
    """The faults of ``error`` as plain sentences, each begun by the dotted path of its key below ``where``.

    ``document`` says what was read ("an agreement"). No sentence holds the faulty value.
    """
    found = []
    for fault in error.errors():
        path = ".".join([where, *(str(part) for part in fault["loc"] if not _NO_KEY(str(part)))]).strip(".")
        context = {"document": document, **{key: str(value) for key, value in fault.get("ctx", {}).items()}}
        if fault["type"] == "value_error":
            text = context["error"]
        elif fault["type"] in _PLAIN:
            text = _PLAIN[fault["type"]].format(**context)
        else:
            text = fault["msg"][0].lower() + fault["msg"][1:]
        found.append(f"{path}: {text}")
    return found


def agreement_faults(data: Mapping[str, Any]) -> list[str]:
    """Every fault of ``data`` (a parsed TOML document) as a plain sentence; empty where it is a valid agreement."""
    found: list[str] = []
    valid: dict[str, Any] = {}
    for name in data:
        if name not in Agreement.model_fields:
            found.append(f"{name}: is not a key of an agreement; remove it or correct its spelling")
    for name, field in Agreement.model_fields.items():
        if name not in data:
            if field.is_required():
                found.append(f"{name}: is missing")
            else:
                valid[name] = field.get_default()
            continue
        try:
            valid[name] = TypeAdapter(field.rebuild_annotation()).validate_python(data[name])
        except ValidationError as error:
            found += sentences(name, error)
    return found + problems(valid)


def parse_agreement(text: str, *, file: Path | None = None) -> Agreement:
    """The agreement in ``text`` (TOML); raises ``InputError`` (exit 3) that lists every fault."""
    data = _toml(text, file)
    _refuse(agreement_faults(data), file)
    return Agreement.model_validate(data)


def read_agreement(path: Path) -> Agreement:
    """The agreement in the TOML file ``path``; raises ``InputError`` (exit 3) that lists every fault."""
    return parse_agreement(text_of(path), file=path)


def read_parties(path: Path) -> Mapping[str, Party]:
    """The parties in the TOML file ``path``, a draft that may lack anything else; raises ``InputError`` (exit 3) that
    lists what is wrong with them."""
    data = _toml(text_of(path), path)
    _refuse([sentence for sentence in agreement_faults(data) if sentence.startswith("party")], path)
    return {name: Party.model_validate(facts) for name, facts in data["party"].items()}


def text_of(path: Path) -> str:
    """The text of a file that people write; raises ``InputError`` (exit 3) where it is not UTF-8, as
    :func:`read_limited` where it is too large."""
    try:
        return read_limited(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("this is not UTF-8 text", file=path, remedy="Save the file as UTF-8.") from error


def _toml(text: str, file: Path | None) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"this is not TOML: {error}", file=file) from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or lists in lists in lists.
        raise InputError("this is TOML that nobody would write.", file=file) from error


def _refuse(faults: Sequence[str], file: Path | None) -> None:
    """Raise where there are ``faults``, and list them."""
    if faults:
        listed = "\n".join(f"  - {sentence}" for sentence in faults)
        raise InputError(
            f"{len(faults)} thing{'s' if len(faults) > 1 else ''} to correct in the agreement:\n{listed}",
            file=file,
            remedy="docs/reference/agreement.md shows the whole form.",
        )


def canonical_form(agreement: Agreement) -> bytes:
    """The one byte string that stands for ``agreement``: canonical JSON with defaults written out."""
    return canonical_json(agreement.model_dump(mode="json"))


def agreement_id(agreement: Agreement) -> str:
    """SHA-384 of the canonical form, in hex. Every file of the exchange carries it."""
    return sha384(canonical_form(agreement)).hexdigest()


def agreement_toml(agreement: Agreement) -> str:
    """``agreement`` as TOML that reads back to an equal agreement."""

    def plain(value: Any) -> Any:
        # Enums and tuples become what TOML knows; dates stay dates.
        if isinstance(value, Mapping):
            return {str(key): plain(item) for key, item in value.items() if item is not None}
        if isinstance(value, tuple | list):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, str) else value

    return tomlkit.dumps(plain(agreement.model_dump()))
