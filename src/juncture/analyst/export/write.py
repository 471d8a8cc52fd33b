"""Writing an export: a new folder of one file a table with its codebook, whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from juncture.agreement.read import agreement_id
from juncture.analyst.export.codebook import WARNING, ExportedFile, codebook, data_package
from juncture.analyst.export.fields import TableSpec
from juncture.analyst.export.specs import BEST, TABLES
from juncture.analyst.export.tables import StudyTables
from juncture.analyst.study.model import Study
from juncture.base.errors import AgreementForbids
from juncture.base.files import write_bytes, write_text
from juncture.base.folder import PartyFolder
from juncture.base.report import StepReport, WrittenFile
from juncture.exchange import ledger
from juncture.exchange.ledger import Act
from juncture.exchange.new_folder import new_folder

DESCRIPTOR, CODEBOOK = "datapackage.json", "codebook.md"


class FileFormat(StrEnum):
    """How an exported table is written."""

    CSV = "csv"
    PARQUET = "parquet"


def export_study(
    study: Study,
    out: Path,
    *,
    form: FileFormat = FileFormat.CSV,
    draws: Sequence[int] = (BEST,),
    folder: PartyFolder | None = None,
    today: date | None = None,
) -> StepReport:
    """Write the tables of ``study`` under ``draws`` (:data:`specs.BEST`, or numbers from 0) into the new folder ``out``
    as one file a table, with ``datapackage.json`` and ``codebook.md``.

    ``folder``: the analyst's working folder, whose ledger then tells of the export. Raises ``UsageError`` where ``out``
    is not empty or there is no such draw, ``AgreementForbids`` where the agreement expired before ``today``,
    ``MachineError`` where the disk or a permission stands in the way.
    """
    if (today or datetime.now(UTC).date()) > study.agreement.expires:
        raise AgreementForbids(
            f"The agreement expired on {study.agreement.expires}.",
            remedy="Destroy the study; nothing more is exported.",
        )
    tables = StudyTables(study)
    made = {spec: tables.table(spec, draws) for spec in TABLES}
    matchings = _matchings(study, draws)
    with new_folder(out) as work:
        files = [_write(spec, made[spec], work, form) for spec in TABLES]
        descriptor = json.dumps(data_package(study.agreement, matchings, files), indent=1, ensure_ascii=False).encode()
        write_bytes(work / DESCRIPTOR, descriptor)
        write_text(work / CODEBOOK, codebook(study.agreement, matchings, files))
        if folder is not None:
            ledger.append(
                folder.ledger,
                Act.EXPORTED,
                who=folder.party,
                agreement_id=agreement_id(study.agreement),
                file_sha384=hashlib.sha384(descriptor).hexdigest(),
                counts={spec.name: len(table) for spec, table in made.items()},
            )
    service = PartyFolder(root=out, party="").synchronised_with()
    return StepReport(
        title=f"Exported the study under {matchings[0].lower()}{matchings[1:].rstrip('.')}",
        counts={f"rows of {file.spec.name}": file.rows for file in files},
        warnings=(WARNING, *((f"{out} lies in {service}, which copies it elsewhere. Move it.",) if service else ())),
        files=tuple(WrittenFile(out / name) for name in (*(file.name for file in files), DESCRIPTOR, CODEBOOK)),
    )


def _matchings(study: Study, draws: Sequence[int]) -> str:
    if list(draws) == [BEST]:
        return f"The best matching alone (draw {BEST})."
    if len(draws) == 1:
        return f"Draw {draws[0]} of {study.draws} alone (numbered from 0)."
    return (
        f"{len(draws)} draws of the matching, one below the other: analyse each by itself and combine the results by "
        "Rubin's rules, as with multiple imputations."
    )


def _write(spec: TableSpec, table: pa.Table, work: Path, form: FileFormat) -> ExportedFile:
    path = work / f"{spec.name}.{form.value}"
    buffer = pa.BufferOutputStream()
    if form is FileFormat.CSV:
        # As 0 and 1, every program reads them as numbers that a formula can use.
        flags = [i for i, field in enumerate(table.schema) if pa.types.is_boolean(field.type)]
        for i in flags:
            table = table.set_column(i, table.column_names[i], table.column(i).cast(pa.int8()))
        pyarrow.csv.write_csv(table, buffer)
    else:
        pyarrow.parquet.write_table(table, buffer)
    content = buffer.getvalue().to_pybytes()
    write_bytes(path, content)
    return ExportedFile(spec, path.name, len(table), len(content), hashlib.sha256(content).hexdigest())
