"""One file of an export as mentions: its columns read, its rows kept or left out under a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from juncture.agency.intake.checks import MAY_BE_UNKNOWN, coded_fields, vocabulary
from juncture.agency.intake.codes import CodesRead, read_codes
from juncture.agency.intake.csvfile import ReadTable, read_csv
from juncture.agency.intake.dates import as_timestamps, distinct_map, read_births, read_moments, turned_births
from juncture.agency.intake.names import NameParts, is_blank_number, is_no_name, split_name
from juncture.agency.intake.source import Table, code_key
from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import Grain
from juncture.base.errors import InputError
from juncture.base.report import Progress

#: A larger share of rows without a readable start is a wrong format, not a few slips.
MAX_UNREADABLE = 0.02
#: Share of birth dates that make sense only with day and month swapped: typists swap some; a wrong format turns three
#: in five, and silently misreads the others. Below ten such dates a share says nothing.
SOME_TURNED, MAX_TURNED, FEWEST_TURNED = 0.02, 0.2, 10
DUPLICATE = "exact copy of another row"
NO_NUMBER = "no contact number"
NO_START = "start not readable"
_FIRST_ROWS = 5

_TEXT = pa.string()
SCHEMA = pa.schema(
    [
        ("record_id", _TEXT),
        ("contact_id", _TEXT),
        ("person_number", _TEXT),
        ("last_name", _TEXT),
        ("first_name", _TEXT),
        ("middle_name", _TEXT),
        ("suffix", _TEXT),
        ("alias", pa.list_(_TEXT)),
        ("birth_year", pa.int16()),
        ("birth_month", pa.int8()),
        ("birth_day", pa.int8()),
        ("sex", _TEXT),
        ("address", _TEXT),
        ("zip", _TEXT),
        ("phone", _TEXT),
        ("ssn4", _TEXT),
        ("race", _TEXT),
        ("ethnicity", _TEXT),
        ("role", _TEXT),
        ("kind", _TEXT),
        ("start", pa.timestamp("s")),
        ("end", pa.timestamp("s")),
        ("joint_id", _TEXT),
        ("nameless", pa.bool_()),
    ]
)


class TableReader:
    """One file: its columns as read, and which of its rows stay."""

    def __init__(self, table: Table, agreement: Agreement, agency: str, progress: Progress) -> None:
        self.table, self.agreement, self.agency = table, agreement, agency
        self.read: ReadTable = read_csv(
            table.path,
            list(dict.fromkeys(column for _, column in table.fields())),
            delimiter=table.delimiter,
            encoding=table.encoding,
            skip_rows=table.skip_rows,
            progress=progress,
        )
        self.rows = len(self.read.row)
        self.codes: Mapping[str, CodesRead] = {}
        self._read_codes()
        self._read_times(progress)
        number = pc.is_null(self.cells(table.contact_id)).to_numpy(zero_copy_only=False)
        copy = _copies(self.read.columns, table.contact_id)
        self.reason = np.select([copy, number, np.isnat(self.start)], [1, 2, 3], 0)

    def cells(self, column: str) -> pa.Array:
        return self.read.columns[column].combine_chunks()

    def text(self, field: str) -> pa.Array:
        named = getattr(self.table.person, field, None)
        return pa.nulls(self.rows, _TEXT) if named is None else pc.cast(self.cells(named.column), _TEXT)

    def _read_codes(self) -> None:
        person = self.table.person
        # A column of codes may be the wrong one, and hold what any of these hold; an initial is no secret.
        fields = (
            "last_name",
            "first_name",
            "middle_name",
            "name",
            "birth_date",
            "address",
            "zip",
            "phone",
            "ssn4",
            "id",
        )
        named = [getattr(person, field) for field in fields]
        names = {
            code_key(text)
            for column in dict.fromkeys((*(n.column for n in named if n is not None), *person.alias))
            for text in pc.unique(self.cells(column)).drop_null().to_pylist()
            if len(text) > 1
        }
        self.codes = {
            field: read_codes(
                None if coded.column is None else self.cells(coded.column),
                self.rows,
                coded,
                vocabulary(field, self.agreement, self.agency),
                may_be_unknown=field in MAY_BE_UNKNOWN,
                never_shown=names,
            )
            for field, coded in coded_fields(self.table).items()
        }

    def _read_times(self, progress: Progress) -> None:
        contact, zone = self.table.contact, self.agreement.time_zone
        if contact.start is not None:
            self.start_columns: tuple[str, ...] = (contact.start.column,)
            self.start = read_moments(self.cells(contact.start.column), contact.start.format, zone, progress).values
        else:
            assert contact.date is not None and contact.time is not None
            self.start_columns = (contact.date.column, contact.time.column)
            day = read_moments(self.cells(contact.date.column), contact.date.format, zone, progress).values
            time = read_moments(self.cells(contact.time.column), contact.time.format, zone, progress).values
            self.start = day.astype("datetime64[D]").astype("datetime64[s]") + (time - time.astype("datetime64[D]"))
        self.end = np.full(self.rows, np.datetime64("NaT"), dtype="datetime64[s]")
        self.bad_end = np.zeros(self.rows, dtype=bool)
        if contact.end is not None:
            end = read_moments(self.cells(contact.end.column), contact.end.format, zone, progress)
            self.bad_end = end.failed | (end.values < self.start)
            self.end = np.where(self.bad_end, np.datetime64("NaT"), end.values)

    def unmapped_sentences(self) -> list[str]:
        """A sentence for each column that has codes without a meaning, with counts a code."""
        found = []
        for field, codes in self.codes.items():
            if codes.unmapped:
                listed = ", ".join(f"{code} ({count} rows)" for code, count in codes.unmapped.items())
                column = coded_fields(self.table)[field].column
                found.append(f"{self.table.path.name}, column {column} ({field}): {listed}")
        return found

    def refuse_wrong_format(self) -> None:
        """Raise where so many starts cannot be read, or birth dates read as written, that the format must be wrong."""
        rows = self.read.row[self.reason == 3]
        if len(rows) > MAX_UNREADABLE * self.rows:
            raise InputError(
                f"{len(rows)} of {self.rows} rows have a start that cannot be read; the first are {_some(rows)}.",
                file=self.table.path,
                row=int(rows[0]),
                column=", ".join(self.start_columns),
                remedy="Correct its format in the source file; several may be given as a list.",
            )
        named = self.table.person.birth_date
        turned, told = self._turned_births()
        if named is not None and turned >= FEWEST_TURNED and turned > MAX_TURNED * told:
            raise InputError(
                f"{turned} of {told} birth dates make sense only with day and month swapped: the others are misread.",
                file=self.table.path,
                column=named.column,
                remedy="Write its format in the source file the other way round: %d before %m, or %m before %d.",
            )

    def _turned_births(self) -> tuple[int, int]:
        named = self.table.person.birth_date
        if named is None:
            return 0, 0
        return turned_births(self.cells(named.column), named.format, self.agreement.windows.follow_up[1].year)

    def dropped(self) -> dict[str, int]:
        """Rows left out, by reason."""
        counts = np.bincount(self.reason, minlength=4)
        return {DUPLICATE: int(counts[1]), NO_NUMBER: int(counts[2]), NO_START: int(counts[3])}

    def warnings(self) -> list[str]:
        """Plain sentences about rows that deserve attention."""
        found = []
        file, column = self.table.path.name, ", ".join(self.start_columns)
        late = self.read.row[self.reason == 3]
        if len(late):
            found.append(
                f"{file}, column {column}: {len(late)} rows have a start that cannot be read and were left out; "
                f"the first are {_some(late)}."
            )
        without = self.read.row[self.reason == 2]
        if len(without):
            found.append(
                f"{file}, column {self.table.contact_id}: {len(without)} rows have no contact number and were left "
                f"out; the first are {_some(without)}."
            )
        kept = self.reason == 0
        ends = self.read.row[kept & self.bad_end]
        if len(ends) and self.table.contact.end is not None:
            found.append(
                f"{file}, column {self.table.contact.end.column}: {len(ends)} rows have an end that cannot be read or "
                f"lies before the start; they were kept without it; the first are {_some(ends)}."
            )
        named = self.table.person.birth_date
        if named is not None:
            turned, told = self._turned_births()
            if turned >= FEWEST_TURNED and turned > SOME_TURNED * told:
                found.append(
                    f"{file}, column {named.column}: {turned} of {told} birth dates make sense only with day and month "
                    "swapped, and were read so; look whether the source file has them the right way round."
                )
        whole_days = self.start[kept] == self.start[kept].astype("datetime64[D]")
        if kept.any() and whole_days.all() and self.agreement.release.start.grain is Grain.SIX_HOURS:
            found.append(
                f"{file}, column {column}: no row has a time of day, so all will be told as between midnight and six."
            )
        return found

    def mentions(self) -> pa.Table:
        """The kept rows in the columns of :data:`SCHEMA`; ``record_id`` is still the contact's number."""
        person, contact = self.table.person, self.table.contact
        number = pc.cast(self.cells(self.table.contact_id), _TEXT)
        columns: dict[str, pa.Array] = {"record_id": number, "contact_id": number}
        for field in ("last_name", "first_name", "middle_name", "suffix", "address", "zip", "phone", "ssn4"):
            columns[field] = self.text(field)
        columns["person_number"] = _numbers(self.text("id"))
        if person.name is not None:
            columns |= _split(self.text("name"), person.name.format, columns["suffix"])
        columns["alias"] = _aliases([pc.cast(self.cells(column), _TEXT) for column in person.alias], self.rows)
        columns |= self._births()
        for field in ("sex", "race", "ethnicity", "role"):
            columns[field] = self.codes[field].words if field in self.codes else pa.nulls(self.rows, _TEXT)
        columns["kind"] = distinct_map(self.codes["kind"].words, lambda word: f"{self.agency}.{word}", _TEXT)
        columns["start"], columns["end"] = as_timestamps(self.start), as_timestamps(self.end)
        joint = None if contact.joint_id is None else pc.cast(self.cells(contact.joint_id.column), _TEXT)
        columns["joint_id"] = pa.nulls(self.rows, _TEXT) if joint is None else _numbers(joint)
        fact = person.id is not None and person.id.trust == "fact"
        columns["nameless"] = _nameless(columns, columns["person_number"] if fact else None)
        table = pa.table({field.name: columns[field.name] for field in SCHEMA}, schema=SCHEMA)
        return table.filter(pa.array(self.reason == 0))

    def _births(self) -> dict[str, pa.Array]:
        """Birth date parts; a year after the contact's own is no year of birth."""
        named = self.table.person.birth_date
        if named is None:
            return {f.name: pa.nulls(self.rows, f.type) for f in SCHEMA if f.name.startswith("birth_")}
        last_year = self.agreement.windows.follow_up[1].year
        columns = read_births(self.cells(named.column), named.format, last_year)
        year = pc.fill_null(columns["birth_year"], 0).to_numpy().astype(np.int64)
        started = np.where(np.isnat(self.start), last_year, self.start.astype("datetime64[Y]").astype(np.int64) + 1970)
        columns["birth_year"] = pc.if_else(pa.array(year > started), pa.scalar(None, pa.int16()), columns["birth_year"])
        return columns


def _some(rows: NDArray[np.int64]) -> str:
    more = ", ..." if len(rows) > _FIRST_ROWS else ""
    return ", ".join(str(row) for row in rows[:_FIRST_ROWS]) + more


def _copies(columns: pa.Table, contact_id: str) -> NDArray[np.bool_]:
    """bool a row: whether an earlier row has the same text in every column that is read."""
    copy = np.zeros(columns.num_rows, dtype=bool)
    codes = pc.dictionary_encode(columns[contact_id].combine_chunks(), null_encoding="encode").indices.to_numpy()
    often = np.flatnonzero(np.bincount(codes)[codes] > 1)
    if not len(often):
        return copy
    chosen = columns.take(pa.array(often))
    seen: set[tuple[str | None, ...]] = set()
    for position, row in zip(often, zip(*(column.to_pylist() for column in chosen.columns), strict=True), strict=True):
        copy[position] = row in seen
        seen.add(row)
    return copy


def _numbers(texts: pa.Array) -> pa.Array:
    """Numbers as typed; what stands for "none" is null."""
    return distinct_map(texts, lambda text: None if is_blank_number(text) else text, _TEXT)


def _split(names: pa.Array, order: str, suffix: pa.Array) -> dict[str, pa.Array]:
    """Last, first, middle name and suffix of whole names; a suffix column goes before a suffix in the name."""
    coded = pc.dictionary_encode(names)
    parts: Sequence[NameParts] = [split_name(text, order) for text in coded.dictionary.to_pylist()]
    columns = {
        f"{field}_name" if field != "suffix" else field: pa.array([getattr(p, field) for p in parts], type=_TEXT).take(
            coded.indices
        )
        for field in ("last", "first", "middle", "suffix")
    }
    return {**columns, "suffix": pc.coalesce(suffix, columns["suffix"])}


def _aliases(columns: Sequence[pa.Array], rows: int) -> pa.Array:
    """list<string> a row: the aliases that name somebody, in the order of the columns."""
    if not columns:
        return pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, dtype=np.int32)), pa.array([], type=_TEXT))
    named = [distinct_map(c, lambda text: None if is_no_name(text, None) else text, _TEXT) for c in columns]
    there = np.stack([pc.is_valid(column).to_numpy(zero_copy_only=False) for column in named], axis=1)
    row, column = np.nonzero(there)
    offsets = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.concat_arrays(named).take(pa.array(column * rows + row)))


def _nameless(columns: Mapping[str, pa.Array], fact: pa.Array | None) -> pa.Array:
    """bool a row: no name, no alias and no person number that is a fact."""
    both = pc.binary_join_element_wise(
        pc.fill_null(columns["last_name"], ""), pc.fill_null(columns["first_name"], ""), "\x1f"
    )
    no_name = distinct_map(both, lambda pair: is_no_name(*pair.split("\x1f", 1)), pa.bool_())
    no_alias = pc.equal(pc.list_value_length(columns["alias"]), 0)
    unnamed = pc.and_(no_name, no_alias)
    return unnamed if fact is None else pc.and_(unnamed, pc.is_null(fact))
