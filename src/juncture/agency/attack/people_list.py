"""The list of people that an attacker holds: a file that the agency supplies, or a stand-in made of its own export."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from juncture.agency.attack.seen import Index
from juncture.agency.people.normalise import BIRTH_FIELDS, load_no_home, normalise
from juncture.agency.people.spellings import SPELLING_FIELDS
from juncture.base.errors import InputError, MachineError

#: Columns that a list may have; the names are needed.
COLUMNS = ("last_name", "first_name", "middle_name", "birth_date", "sex", "address", "zip")
NEEDED = ("last_name", "first_name")
MAX_ROWS = 2_000_000
MAX_BYTES = 1 << 30

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_SEXES = {"f": "female", "m": "male", "female": "female", "male": "male", "x": "other", "other": "other"}


def one_row_each(spellings: pa.Table, people: Index | None = None) -> pa.Table:
    """A stand-in for a public list: of each person the spelling met most often, its blanks filled from the others.

    ``spellings`` as :func:`juncture.agency.people.spellings.spellings` gives it; ``people``: only these, in this order.
    """
    person = np.asarray(spellings["person"].combine_chunks(), np.int64)
    count = int(person.max(initial=-1)) + 1
    chosen = np.arange(count) if people is None else people
    columns = {}
    for name in SPELLING_FIELDS:
        values = spellings[name].combine_chunks()
        row = np.full(count, -1, np.int64)
        known = np.flatnonzero(np.asarray(pc.is_valid(values)))[::-1]
        row[person[known]] = known
        columns[name] = values.take(pa.array(row[chosen], mask=row[chosen] < 0))
    return numbered(pa.table(columns))


def numbered(table: pa.Table) -> pa.Table:
    """``table`` with its rows as people 0, 1, 2, ..."""
    person = pa.array(np.arange(table.num_rows, dtype=np.int32))
    return pa.table({"person": person, **{name: table[name].combine_chunks() for name in SPELLING_FIELDS}})


def read_list(path: Path) -> pa.Table:
    """The people of a CSV file with ``COLUMNS`` (``NEEDED`` at least), a row each, normalised; doubles only once.

    Dates as 1987-04-19 or 04/19/1987; sex as f, m, female, male, x or other. Other columns are not read. Raises
    ``InputError`` where the file is no such list, ``MachineError`` where it cannot be read; no message holds a cell.
    """
    table = _read(path)
    if not table.num_rows:
        raise InputError("the list holds nobody.", file=path)
    if table.num_rows > MAX_ROWS:
        raise InputError(
            f"the list has {table.num_rows:,} rows; at most {MAX_ROWS:,} are read.",
            file=path,
            remedy="Give a part of it: one town, or the districts that the agency serves.",
        )
    birth = table["birth_date"].to_pylist() if "birth_date" in table.column_names else [None] * table.num_rows
    parts = [_date(text) for text in birth]
    written = sum(bool(text and text.strip()) for text in birth)
    if written and sum(part is not None for part in parts) < written / 2:
        raise InputError(
            "most dates cannot be read.", file=path, column="birth_date", remedy="Write 1987-04-19 or 04/19/1987."
        )
    columns = {name: table[name] for name in table.column_names if name != "birth_date"}
    for place, (name, kind) in enumerate(zip(BIRTH_FIELDS, (pa.int16(), pa.int8(), pa.int8()), strict=True)):
        columns[name] = pa.array([part[place] if part else None for part in parts], kind)
    if "sex" in columns:
        columns["sex"] = pa.array([_SEXES.get((text or "").strip().casefold()) for text in columns["sex"].to_pylist()])
    plain = normalise(pa.table(columns), load_no_home())
    named = np.asarray(pc.and_(pc.is_valid(plain["last_name"]), pc.is_valid(plain["first_name"])))
    if not named.any():
        raise InputError("no row has both a last and a first name.", file=path)
    plain = pa.table({name: plain[name] for name in SPELLING_FIELDS}).filter(pa.array(named))
    return numbered(plain.group_by(list(SPELLING_FIELDS), use_threads=False).aggregate([]))


def rows_of_people(listed: pa.Table, spellings: pa.Table, people: int) -> Index:
    """The row of ``listed`` that each person is, int64 [people], -1 for who is not in the list.

    A row is a person's where last name, first name and whole birth date are those of one of the spellings, or, where
    one side has no birth date, last name, first name and address.
    """
    owner: dict[tuple[str, ...], int] = {}
    whole, home = _labels(spellings)
    for person, *labels in zip(spellings["person"].to_pylist(), whole, home, strict=True):
        for label in labels:
            if label is not None:
                owner.setdefault(label, person)
    found = np.full(people, -1, dtype=np.int64)
    sure = np.zeros(people, dtype=np.bool_)
    for row, (dated, placed) in enumerate(zip(*_labels(listed), strict=True)):
        for label, certain in ((dated, True), (None if dated else placed, False)):
            person = owner.get(label, -1) if label is not None else -1
            if person >= 0 and (found[person] < 0 or (certain and not sure[person])):
                found[person], sure[person] = row, certain
    return found


def _labels(table: pa.Table) -> tuple[list[tuple[str, ...] | None], list[tuple[str, ...] | None]]:
    names = list(zip(table["last_name"].to_pylist(), table["first_name"].to_pylist(), strict=True))
    dates: Sequence[tuple[object, ...]] = list(zip(*(table[part].to_pylist() for part in BIRTH_FIELDS), strict=True))
    whole: list[tuple[str, ...] | None] = [
        (str(name[0]), str(name[1]), *map(str, day)) if None not in name and None not in day else None
        for name, day in zip(names, dates, strict=True)
    ]
    home: list[tuple[str, ...] | None] = [
        (str(name[0]), str(name[1]), str(address)) if None not in name and address is not None else None
        for name, address in zip(names, table["address"].to_pylist(), strict=True)
    ]
    return whole, home


def _read(path: Path) -> pa.Table:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError("the list is larger than 1 GiB.", file=path, remedy="Give a part of it.")
        with path.open(encoding="utf-8-sig") as handle:
            head = [cell.strip().strip('"') for cell in handle.readline().rstrip("\r\n").split(",")]
    except UnicodeDecodeError as error:
        raise InputError("the list is not text in UTF-8.", file=path) from error
    except OSError as error:
        raise MachineError(f"{path} could not be read: {error.strerror or type(error).__name__}.") from error
    missing = [name for name in NEEDED if name not in head]
    if missing:
        raise InputError(
            f"the first row must name the columns; there is no {' and no '.join(missing)}.",
            file=path,
            remedy=f"Name the columns of the list {', '.join(COLUMNS)}, as far as it has them.",
        )
    kept = [name for name in COLUMNS if name in head]
    options = pacsv.ConvertOptions(
        column_types=dict.fromkeys(head, pa.string()), include_columns=kept, strings_can_be_null=True, null_values=[""]
    )
    try:
        return pacsv.read_csv(
            path,
            read_options=pacsv.ReadOptions(column_names=head, skip_rows=1),
            convert_options=options,
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError):
        raise InputError(
            "the list is no CSV file with as many cells in each row as it has columns, each named once.", file=path
        ) from None


def _date(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    for pattern, order in ((_ISO, (0, 1, 2)), (_US, (2, 0, 1))):
        match = pattern.fullmatch(text.strip())
        if match:
            year, month, day = (int(match.group(place + 1)) for place in order)
            return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 and year >= 1850 else None
    return None
