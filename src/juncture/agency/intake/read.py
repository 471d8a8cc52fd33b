"""From an agency's export to mentions: a row for each person named in a contact.

Nothing is repaired in silence: every row is kept, or dropped under a reason that is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.intake.checks import check_source
from juncture.agency.intake.source import Source
from juncture.agency.intake.table import TableReader
from juncture.agreement.model import Agreement
from juncture.base.errors import InputError
from juncture.base.report import Progress, silent


@dataclass(frozen=True)
class FileRead:
    """One file of the export: its rows, the SHA-384 of its bytes in hex, and the columns that were passed over."""

    path: Path
    rows: int
    sha384: str
    not_read: tuple[str, ...]


@dataclass(frozen=True)
class Intake:
    """An agency's export as mentions (identified; it never leaves the agency), and what became of its rows.

    ``mentions`` has the columns of :data:`juncture.agency.intake.table.SCHEMA`, in the order of the files;
    ``record_id`` is the contact's number, followed by ``#1``, ``#2``, ... where a contact names several people.
    ``rows_read`` = ``rows_kept`` + the sum of ``dropped`` (a count a reason). ``person_number_is_fact``: whether the
    agency's person number decides who is who.
    """

    mentions: pa.Table
    rows_read: int
    rows_kept: int
    nameless: int
    dropped: Mapping[str, int]
    warnings: tuple[str, ...]
    files: tuple[FileRead, ...]
    person_number_is_fact: bool


def read_mentions(source: Source, agreement: Agreement, agency: str, progress: Progress = silent) -> Intake:
    """Read the export that ``source`` describes, as ``agreement`` allows it to ``agency``.

    Raises ``AgreementForbids`` (exit 4) for a field without a class in the agreement, and ``InputError`` (exit 3) for
    a file that is not what the source file says, for codes without a meaning, and for starts of which more than 2 %
    cannot be read. No message holds a cell value, but for codes that are short and common.
    """
    check_source(source, agreement, agency)
    parts = [TableReader(table, agreement, agency, progress) for table in source.table]
    unmapped = [sentence for part in parts for sentence in part.unmapped_sentences()]
    if unmapped:
        raise InputError(
            "codes without a meaning in the source file:\n" + "\n".join(f"  - {sentence}" for sentence in unmapped),
            remedy="Give each code a word in `map`, or one word for all the others in `other`.",
        )
    for part in parts:
        part.refuse_wrong_format()
    mentions = _with_record_ids(pa.concat_tables([part.mentions() for part in parts]).combine_chunks())
    dropped: dict[str, int] = {}
    for part in parts:
        for reason, count in part.dropped().items():
            dropped[reason] = dropped.get(reason, 0) + count
    return Intake(
        mentions=mentions,
        rows_read=sum(len(part.read.row) for part in parts),
        rows_kept=mentions.num_rows,
        nameless=int(pc.sum(mentions["nameless"]).as_py() or 0),
        dropped={reason: count for reason, count in dropped.items() if count},
        warnings=tuple(warning for part in parts for warning in part.warnings()),
        files=tuple(
            FileRead(
                path=part.table.path, rows=len(part.read.row), sha384=part.read.sha384, not_read=part.read.not_read
            )
            for part in parts
        ),
        person_number_is_fact=source.person_number_is_fact,
    )


def _with_record_ids(mentions: pa.Table) -> pa.Table:
    """``mentions`` with ``#1``, ``#2``, ... after the number of each contact that occurs more than once."""
    if not mentions.num_rows:
        return mentions
    codes = pc.dictionary_encode(mentions["contact_id"].combine_chunks()).indices.to_numpy().astype(np.int64)
    order = np.argsort(codes, kind="stable")
    count = np.bincount(codes)
    first = np.cumsum(count) - count
    rank = np.empty(len(codes), dtype=np.int64)
    rank[order] = np.arange(len(codes)) - first[codes[order]] + 1
    ending = pa.array(np.char.add("#", rank.astype(str)), type=pa.string())
    numbered = pc.binary_join_element_wise(mentions["contact_id"].combine_chunks(), ending, "")
    ids = pc.if_else(pa.array(count[codes] > 1), numbered, mentions["contact_id"].combine_chunks())
    if pc.count_distinct(ids).as_py() != len(ids):
        raise InputError(
            "a contact number ends in # and a number, and so cannot be told from the people of another contact.",
            remedy="Use another column as contact_id.",
        )
    return mentions.set_column(0, "record_id", ids)
