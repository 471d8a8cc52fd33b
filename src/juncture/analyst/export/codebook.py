"""What lies in an export, for programs (``datapackage.json``) and for people (``codebook.md``).

``datapackage.json`` follows the Data Package and Table Schema specifications of Frictionless, version 1; ``unit`` of a
field is our own word, which they allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from juncture.agreement.model import Agreement
from juncture.analyst.export.fields import Field, FieldType, TableSpec

WARNING = "Internal, unsuppressed, about single persons: nothing of it leaves but through the checker."
MEDIA = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True)
class ExportedFile:
    """A table as it was written: ``name`` of the file, its size, and the SHA-256 of its bytes in hex."""

    spec: TableSpec
    name: str
    rows: int
    size: int
    sha256: str

    @property
    def form(self) -> str:
        """How it is written: csv or parquet."""
        return self.name.rpartition(".")[2]


def data_package(agreement: Agreement, matchings: str, files: Sequence[ExportedFile]) -> dict[str, Any]:
    """The descriptor of ``files``; ``matchings`` says under which matchings they were made."""
    tabular = all(file.form == "csv" for file in files)
    return {
        "profile": "tabular-data-package" if tabular else "data-package",
        "name": agreement.project,
        "title": f"Study of {agreement.project}",
        "description": f"{WARNING} {matchings}",
        "resources": [_resource(file) for file in files],
    }


def codebook(agreement: Agreement, matchings: str, files: Sequence[ExportedFile]) -> str:
    """The same in words, as Markdown."""
    parts = [f"# Study of {agreement.project}", "", f"**{WARNING}**", "", matchings, ""]
    for file in files:
        parts += [f"## {file.name}", "", f"{file.rows:,} rows. {file.spec.description}", ""]
        if file.spec.key:
            parts += [f"Rows differ in: {', '.join(file.spec.key)}.", ""]
        parts += [*field_lines(file.spec.fields), ""]
    return "\n".join(parts)


def field_lines(fields: Iterable[Field]) -> list[str]:
    """A Markdown table of ``fields``."""
    lines = ["| column | type | unit | values | empty where | meaning |", "|---|---|---|---|---|---|"]
    for one in fields:
        cells = (f"`{one.name}`", one.type.value, one.unit, one.limits, one.missing, one.description)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _resource(file: ExportedFile) -> dict[str, Any]:
    spec = file.spec
    schema: dict[str, Any] = {"fields": [_field(field, file.form) for field in spec.fields], "missingValues": [""]}
    if spec.key:
        schema["primaryKey"] = list(spec.key)
    if spec.points_to:
        schema["foreignKeys"] = [_foreign_key(columns, table) for table, columns in spec.points_to.items()]
    csv = {"profile": "tabular-data-resource", "dialect": {"delimiter": ",", "lineTerminator": "\n"}}
    return {
        "name": spec.name,
        "path": file.name,
        **(csv if file.form == "csv" else {"profile": "data-resource"}),
        "title": spec.title,
        "description": spec.description,
        "format": file.form,
        "mediatype": MEDIA[file.form],
        "encoding": "utf-8",
        "bytes": file.size,
        "hash": f"sha256:{file.sha256}",
        "schema": schema,
    }


def _field(field: Field, form: str) -> dict[str, Any]:
    described: dict[str, Any] = {"name": field.name, "type": field.type.value, "description": field.description}
    if field.unit:
        described["unit"] = field.unit
    if field.missing:
        described["description"] += f" Empty where: {field.missing}."
    if field.type is FieldType.BOOLEAN and form == "csv":
        described |= {"trueValues": ["1"], "falseValues": ["0"]}
    limits: dict[str, Any] = {} if field.missing else {"required": True}
    ends: Mapping[str, float | None] = {"minimum": field.low, "maximum": field.high}
    limits |= {word: end for word, end in ends.items() if end is not None}
    if field.words:
        limits["enum"] = list(field.words)
    return described | ({"constraints": limits} if limits else {})


def _foreign_key(columns: Sequence[str], table: str) -> dict[str, Any]:
    return {"fields": list(columns), "reference": {"resource": table, "fields": list(columns)}}
