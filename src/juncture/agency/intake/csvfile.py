"""The named columns of a CSV file, checked as they are read. The file itself is never changed.

Rows are numbered as a spreadsheet shows them: a record that spans several lines is one row, and a first row without
``skip_rows`` is row 1. Grammar: RFC 4180, any delimiter, line ends of any system.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha384
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from juncture.base.errors import InputError
from juncture.base.report import Progress

MAX_CELL = 100_000
#: The most characters a line may have: room for every column of a wide export at its longest cell.
MAX_LINE = 16_000_000
CHUNK_ROWS = 50_000
_MARKS = {
    b"PK\x03\x04": "this is an Excel workbook or a ZIP file, not CSV.",
    b"\xd0\xcf\x11\xe0": "this is an old Excel workbook, not CSV.",
    b"PAR1": "this is a Parquet file, not CSV.",
    b"%PDF": "this is a PDF, not CSV.",
}
_SAVE_AS_CSV = "Open it in the program it came from and save the table as CSV (UTF-8)."


@dataclass(frozen=True)
class ReadTable:
    """What was read of a CSV file.

    ``columns``: a string column a name, trimmed, blank cells null. ``row``: int64, each row's number in the file.
    ``not_read``: names of the columns that were passed over. ``sha384``: of the file, in hex.
    """

    columns: pa.Table
    row: NDArray[np.int64]
    not_read: tuple[str, ...]
    sha384: str


@dataclass(frozen=True)
class _State:
    """By what a file is known not to have changed."""

    size: int
    modified: int
    sha384: str


def read_csv(
    path: Path, names: Sequence[str], *, delimiter: str, encoding: str, skip_rows: int, progress: Progress
) -> ReadTable:
    """The columns ``names`` (each once) of the CSV file ``path``.

    Raises ``InputError`` (exit 3) where the file is missing, empty, not CSV, lacks a column, has a row of another
    width, a NUL, a cell of more than 100,000 characters, or changes while it is read.
    """
    before = _state(path)
    _refuse_other_kinds(path, encoding)
    chunks: list[pa.Table] = []
    numbers: list[int] = []
    done = 0
    # csv's own limit on a cell stands above ours, so that a quote that is never closed cannot swallow the file.
    try:
        with path.open("r", encoding=encoding, newline="") as handle:
            lines = _Lines(handle, path)
            records = _records(lines, delimiter, path, skip_rows)
            header = _header(next(records, (0, []))[1], names, delimiter, path)
            pick = [header.index(name) for name in names]
            take = itemgetter(*pick) if len(pick) > 1 else lambda record: (record[pick[0]],)
            rows: list[Any] = []
            for number, record in records:
                if len(record) != len(header):
                    _fit(record, header, number, path)
                if lines.length > MAX_CELL:
                    _refuse_long_cell(record, header, number, path)
                if any(map(str.strip, record)):
                    rows.append(take(record))
                    numbers.append(number)
                if len(rows) == CHUNK_ROWS:
                    chunks.append(_chunk(rows, names))
                    done += len(rows)
                    rows = []
                    progress("reading rows", done, 0)
            chunks.append(_chunk(rows, names))
            progress("reading rows", done + len(rows), done + len(rows))
    except UnicodeError as error:
        raise InputError(
            f"this file is not text in the encoding {encoding}; reading stopped after about {len(numbers)} rows.",
            file=path,
            remedy='Name the encoding in the source file, often encoding = "cp1252" or "utf-16".',
        ) from error
    except OSError as error:
        raise InputError(f"this file could not be read: {error.strerror}.", file=path) from error
    if not numbers:
        raise InputError("this file has a first row but no rows of data.", file=path, remedy="Export it again.")
    if _state(path) != before:
        raise InputError("this file changed while it was read.", file=path, remedy="Wait for the export to end.")
    return ReadTable(
        columns=pa.concat_tables(chunks).combine_chunks(),
        row=np.array(numbers, dtype=np.int64),
        not_read=tuple(name for name in header if name not in set(names)),
        sha384=before.sha384,
    )


class _Lines(Iterator[str]):
    """Lines of a text file with their ends kept.

    ``length`` counts the characters given since it was last set to 0; ``held`` holds those
    lines.
    """

    def __init__(self, handle: TextIO, path: Path) -> None:
        self._handle, self._path = handle, path
        self.length = 0
        self.held: list[str] = []

    def __next__(self) -> str:
        line = self._handle.readline(MAX_LINE)
        if not line:
            raise StopIteration
        if "\0" in line:
            raise InputError(
                "this file has NUL bytes, so it is not text or not in this encoding.",
                file=self._path,
                remedy='If it opens well elsewhere, try encoding = "utf-16" in the source file.',
            )
        if len(line) == MAX_LINE:
            raise InputError(f"this file has a line of more than {MAX_LINE} characters.", file=self._path)
        if not self.length:
            self.held.clear()
        self.length += len(line)
        self.held.append(line)
        return line


def _records(lines: _Lines, delimiter: str, path: Path, skip_rows: int) -> Iterator[tuple[int, list[str]]]:
    number = skip_rows
    for _ in range(skip_rows):
        next(lines, "")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number += 1
        lines.length = 0
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _not_rfc4180(str(error), lines.held, delimiter, number, path) from None
        yield number, record


def _not_rfc4180(fault: str, held: Sequence[str], delimiter: str, number: int, path: Path) -> InputError:
    if "limit" in fault:
        return InputError(
            f"a cell is longer than {MAX_CELL} characters.",
            file=path,
            row=number,
            column=f"number {_overlong_column(held, delimiter)}",
            remedy="Most often a quotation mark is opened and never closed in this row or the one before.",
        )
    if "end of data" in fault:
        sentence = "a quotation mark is opened here and never closed, so the rest of the file is one cell."
    else:
        sentence = "text follows the quotation mark that closes a cell."
    return InputError(
        sentence, file=path, row=number, remedy="A quotation mark inside a cell is written twice. Export it again."
    )


def _overlong_column(held: Sequence[str], delimiter: str) -> int:
    """Number, from 1, of the first cell of the record in the lines ``held`` that is longer than a cell may be."""
    column, length, quoted = 1, 0, False
    for character in "".join(held):
        if character == '"':
            quoted = not quoted
        elif character == delimiter and not quoted:
            column, length = column + 1, 0
            continue
        length += 1
        if length > MAX_CELL:
            break
    return column


def _header(record: list[str], names: Sequence[str], delimiter: str, path: Path) -> list[str]:
    header = [cell.strip() for cell in record]
    if not any(header):
        raise InputError("this file is empty.", file=path, remedy="Export it again, or correct skip_rows.")
    if len(header) == 1 and len(names) > 1:
        others = [mark for mark in (",", ";", "\t", "|") if mark != delimiter and mark in header[0]]
        shown = "tab" if others[:1] == ["\t"] else "".join(others[:1])
        raise InputError(
            "only one column was found, so the delimiter is another one.",
            file=path,
            row=1,
            remedy=f'Set delimiter = "{shown}" in the source file.' if shown else "Set delimiter in the source file.",
        )
    missing = [name for name in names if name not in header]
    if missing:
        raise InputError(
            f"the source file names columns that this file does not have: {', '.join(missing)}.",
            file=path,
            remedy="Correct their spelling in the source file, or skip_rows if the names stand in a later row.",
        )
    twice = [name for name in names if header.count(name) > 1]
    if twice:
        raise InputError(f"these columns are there more than once: {', '.join(twice)}.", file=path)
    return header


def _fit(record: list[str], header: list[str], number: int, path: Path) -> None:
    """A blank line, and empty cells after the last column, do no harm; any other width does."""
    if record and (len(record) < len(header) or any(cell.strip() for cell in record[len(header) :])):
        raise InputError(
            f"this row has {len(record)} cells where the first row has {len(header)}.",
            file=path,
            row=number,
            remedy="The file may be cut off, or a delimiter inside a cell is not in quotation marks. Export it again.",
        )


def _refuse_long_cell(record: list[str], header: list[str], number: int, path: Path) -> None:
    for name, cell in zip(header, record, strict=False):
        if len(cell) > MAX_CELL:
            raise InputError(
                f"a cell is longer than {MAX_CELL} characters.",
                file=path,
                row=number,
                column=name,
                remedy="Leave this column out of the export, or look for a quotation mark that is never closed.",
            )


def _chunk(rows: list[Any], names: Sequence[str]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    trimmed = [pc.utf8_trim_whitespace(pa.array(column, type=pa.large_string())) for column in columns]
    blank = pa.scalar(None, pa.large_string())
    return pa.table([pc.if_else(pc.equal(array, ""), blank, array) for array in trimmed], names=list(names))


def _refuse_other_kinds(path: Path, encoding: str) -> None:
    with path.open("rb") as handle:
        start = handle.read(4)
    for mark, sentence in _MARKS.items():
        if start.startswith(mark):
            raise InputError(sentence, file=path, remedy=_SAVE_AS_CSV)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") and not encoding.startswith("utf-16"):
        raise InputError("this file is UTF-16 text.", file=path, remedy='Set encoding = "utf-16" in the source file.')


def _state(path: Path) -> _State:
    try:
        facts = path.stat()
        with path.open("rb") as handle:
            digest = sha384()
            while block := handle.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputError(
            f"this file could not be read: {error.strerror}.", file=path, remedy="Correct path in the source file."
        ) from error
    if facts.st_size == 0:
        raise InputError("this file is empty.", file=path, remedy="Export it again.")
    return _State(size=facts.st_size, modified=facts.st_mtime_ns, sha384=digest.hexdigest())
