"""The source file: where an agency's export lies, which of its columns are read, and what their codes mean.

A column that the file does not name is never kept. Every fault of the file is told at once and in plain words.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from juncture.agreement.read import sentences
from juncture.base.errors import InputError, MachineError
from juncture.base.files import read_limited

MAX_BYTES = 1 << 20
#: Formats of a time that is given by its column's name alone: ISO 8601 without a zone.
ISO_TIMES = (
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%d",
)
ISO_DATES = ("%Y-%m-%d",)
CLOCK_TIMES = ("%H:%M", "%H:%M:%S")
#: Keys and endings of sources other than CSV, with the name they are refused under.
_OTHER_KEYS = {
    "reader": "a reader of its own",
    "sheet": "a sheet of a workbook",
    "join": "a join of two files",
    "url": "a database",
    "query": "a database",
}
_OTHER_ENDINGS = {
    ".xlsx": "an Excel workbook",
    ".xls": "an Excel workbook",
    ".parquet": "a Parquet file",
    ".ndjson": "an NDJSON file",
    ".json": "a JSON file",
}
_ONLY_CSV = "is not read by this version; export the table as CSV and name that file"
_A_MOMENT = datetime(2012, 2, 29, 13, 45, 7, tzinfo=UTC)


class Part(BaseModel):
    """Base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


def _one_column(value: Any) -> Any:
    if isinstance(value, str):
        return {"column": value}
    if not isinstance(value, Mapping | BaseModel):
        raise ValueError('must be a column name in quotes, or a table such as { column = "NAME" }')
    return value


def _written_as(formats: tuple[str, ...]) -> Callable[[Any], Any]:
    """A column of times that is written in ``formats`` where the source file does not say how."""

    def with_formats(value: Any) -> Any:
        value = _one_column(value)
        return {"format": formats, **value} if isinstance(value, Mapping) else value

    return with_formats


def _not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    # Not min_length: pydantic would also call a list empty whose members are faulty.
    if not value:
        raise ValueError("must not be empty")
    return value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _time_format(value: str) -> str:
    try:
        back = datetime.strptime(_A_MOMENT.strftime(value), value)
    except ValueError as error:
        raise ValueError("is no format of a date or time, such as %m/%d/%Y %H:%M") from error
    if "%" not in value or back == datetime(1900, 1, 1):
        raise ValueError("names no part of a date or time, such as %m/%d/%Y %H:%M")
    return value


def _encoding(value: str) -> str:
    try:
        info = codecs.lookup(value)
        if not isinstance("".encode(value), bytes):
            raise LookupError
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError("is not the name of a text encoding, such as utf-8, cp1252 or utf-16") from error
    # A byte-order mark is no part of the first column's name.
    return "utf-8-sig" if info.name == "utf-8" else info.name


def _delimiter(value: str) -> str:
    value = "\t" if value in ("tab", "\\t") else value
    if len(value) != 1 or value in '"\r\n' or value.isalnum():
        raise ValueError('must be one character, such as "," or ";", or "tab"')
    return value


ColumnName = Annotated[str, Field(min_length=1, max_length=200)]
TimeFormat = Annotated[str, AfterValidator(_time_format)]
Formats = Annotated[tuple[TimeFormat, ...], BeforeValidator(_listed), AfterValidator(_not_empty)]


class Text(Part):
    """A column that is read as it is typed."""

    column: ColumnName


class PersonNumber(Part):
    """The agency's own number of a person: a fact that decides who is who, or a hint that may be wrong."""

    column: ColumnName
    trust: Literal["fact", "hint"] = "hint"


class WholeName(Part):
    """A column that holds a whole name, and the order of its parts."""

    column: ColumnName
    format: Literal["last, first middle", "first middle last"]


class Moment(Part):
    """A column of dates or times and the formats they are written in, tried in order."""

    column: ColumnName
    format: Formats


class Coded(Part):
    """A column of codes and what they mean.

    ``map`` takes codes as they stand in the file, without regard to case, to words of the vocabulary; without a map
    the cells hold those words themselves. ``default`` stands for a blank cell, ``other`` for a code that the map does
    not name. The words ``""`` and ``"unknown"`` mean that nothing is known.
    """

    column: ColumnName | None = None
    map: Mapping[str, str] = Field(default_factory=dict)
    default: str | None = None
    other: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Coded:
        if self.column is None and (self.default is None or self.map or self.other is not None):
            raise ValueError("must name a column, or give nothing but a default")
        seen: dict[str, str] = {}
        for code, word in self.map.items():
            if seen.setdefault(code_key(code), word) != word:
                raise ValueError("map names one code twice, in capitals and in small letters, with different words")
        return self


def code_key(code: str) -> str:
    """The form in which codes are compared: without regard to case and to the amount of space."""
    return " ".join(code.split()).casefold()


TextColumn = Annotated[Text, BeforeValidator(_one_column)]
NumberColumn = Annotated[PersonNumber, BeforeValidator(_one_column)]
NameColumn = Annotated[WholeName, BeforeValidator(_one_column)]
MomentColumn = Annotated[Moment, BeforeValidator(_written_as(ISO_TIMES))]
DayColumn = Annotated[Moment, BeforeValidator(_written_as(ISO_DATES))]
ClockColumn = Annotated[Moment, BeforeValidator(_written_as(CLOCK_TIMES))]
CodedColumn = Annotated[Coded, BeforeValidator(_one_column)]
Aliases = Annotated[tuple[ColumnName, ...], BeforeValidator(_listed)]


class Person(Part):
    """The columns that say who a contact was with."""

    id: NumberColumn | None = None
    name: NameColumn | None = None
    last_name: TextColumn | None = None
    first_name: TextColumn | None = None
    middle_name: TextColumn | None = None
    suffix: TextColumn | None = None
    alias: Aliases = ()
    birth_date: DayColumn | None = None
    sex: CodedColumn | None = None
    address: TextColumn | None = None
    zip: TextColumn | None = None
    phone: TextColumn | None = None
    ssn4: TextColumn | None = None
    race: CodedColumn | None = None
    ethnicity: CodedColumn | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Person:
        parts = (self.last_name, self.first_name, self.middle_name)
        if self.name is not None and any(part is not None for part in parts):
            raise ValueError("give name, or last_name, first_name and middle_name, but not both")
        if self.name is None and self.last_name is None and self.first_name is None and self.id is None:
            raise ValueError("nothing says who the person is; give last_name and first_name, name, or id")
        return self


class Contact(Part):
    """The columns that say what happened and when."""

    start: MomentColumn | None = None
    date: DayColumn | None = None
    time: ClockColumn | None = None
    end: MomentColumn | None = None
    role: CodedColumn = Coded(default="subject")
    kind: CodedColumn
    joint_id: TextColumn | None = None
    disposition: TextColumn | None = None
    place: TextColumn | None = None
    area: TextColumn | None = None
    offence: TextColumn | None = None
    initiator: TextColumn | None = None
    narrative: TextColumn | None = None

    @model_validator(mode="after")
    def _one_start(self) -> Contact:
        if self.start is not None and (self.date is not None or self.time is not None):
            raise ValueError("give start, or date and time, but not both")
        if self.start is None and (self.date is None or self.time is None):
            raise ValueError("nothing says when the contact began; give start, or date and time")
        return self


class Table(Part):
    """One CSV file."""

    path: Path
    contact_id: ColumnName
    delimiter: Annotated[str, AfterValidator(_delimiter)] = ","
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8-sig"
    skip_rows: int = Field(default=0, ge=0, le=1000)
    person: Person
    contact: Contact

    def fields(self) -> Iterator[tuple[str, str]]:
        """Every field that this table names, with the column it is read from."""
        yield "contact_id", self.contact_id
        for section in (self.person, self.contact):
            for name in type(section).model_fields:
                value = getattr(section, name)
                if name == "alias":
                    yield from (("alias", column) for column in value)
                elif value is not None and value.column is not None:
                    yield name, value.column


class Source(Part):
    """An agency's source file; paths in it are already seen from the working directory.

    ``no_home``: the agency's own list of addresses that are no home, in the form of ``people/places_no_home.toml``.
    """

    agency: str
    no_home: Path | None = None
    table: Annotated[tuple[Table, ...], AfterValidator(_not_empty)]

    @model_validator(mode="after")
    def _one_trust(self) -> Source:
        if len({t.person.id.trust for t in self.table if t.person.id is not None}) > 1:
            raise ValueError("the person number must have the same trust in every table")
        return self

    @property
    def person_number_is_fact(self) -> bool:
        """Whether the agency's own person number decides who is who."""
        return any(t.person.id is not None and t.person.id.trust == "fact" for t in self.table)


def parse_source(text: str, *, folder: Path, file: Path | None = None) -> Source:
    """The source file in ``text`` (TOML), its paths relative to ``folder``.

    Raises ``InputError`` (exit 3) that lists every fault.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"this is not TOML: {error}", file=file) from error
    found: list[str] = []
    tables = data.get("table")
    if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
        data["table"] = [_only_csv(number, table, folder, found) for number, table in enumerate(tables, 1)]
    if isinstance(data.get("no_home"), str):
        data["no_home"] = folder / data["no_home"]
    try:
        source = Source.model_validate(data)
    except ValidationError as error:
        known = set(found)
        found += [s for s in map(_numbered, sentences("", error, document="a source file")) if s not in known]
    if found:
        listed = "\n".join(f"  - {sentence}" for sentence in found)
        raise InputError(
            f"{len(found)} thing{'s' if len(found) > 1 else ''} to correct in the source file:\n{listed}",
            file=file,
            remedy="docs/how-to/write-a-source-file.md shows the whole form.",
        )
    return source


def read_source(path: Path) -> Source:
    """The source file ``path`` (TOML, UTF-8); raises ``InputError`` (exit 3) that lists every fault."""
    if not path.is_file():
        raise InputError("there is no such file.", file=path, remedy="Correct the path of the source file.")
    try:
        text = read_limited(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("this is not UTF-8 text.", file=path, remedy="Save the file as UTF-8.") from error
    except MachineError as error:
        raise InputError("this file could not be read.", file=path) from error
    return parse_source(text, folder=path.parent, file=path)


def _only_csv(number: int, table: dict[str, Any], folder: Path, found: list[str]) -> dict[str, Any]:
    """``table`` with its path below ``folder`` and without the keys of other kinds of source, told in ``found``."""
    kept = {key: value for key, value in table.items() if key not in _OTHER_KEYS}
    found += [f"table {number}, {key}: {_OTHER_KEYS[key]} {_ONLY_CSV}" for key in table if key in _OTHER_KEYS]
    path = kept.get("path")
    if isinstance(path, str):
        ending = Path(path).suffix.casefold()
        if ending in _OTHER_ENDINGS:
            found.append(f"table {number}, path: {_OTHER_ENDINGS[ending]} {_ONLY_CSV}")
        kept["path"] = folder / path
    elif "path" not in kept and any(key in table for key in ("url", "query", "reader")):
        kept["path"] = folder
    return kept


def _numbered(sentence: str) -> str:
    """Tables are counted from 1, as people count them."""
    return re.sub(r"^table\.(\d+)\.?", lambda m: f"table {int(m[1]) + 1}, ", sentence).removeprefix(": ")
