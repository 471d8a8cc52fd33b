"""``study.duckdb``: the study as tables that any DuckDB can read, and the way back.

=========  =========================================================================================================
table      columns
=========  =========================================================================================================
facts      key, value: ``agreement`` and ``link_report`` (JSON), ``round``, ``draws``; counts of what was unusable
persons    person, study_id, sex, age_band, sex_class, weekday of day 0 (Monday is 0)
refs       ref, person, agency, candidate, probability, best, observed_first, observed_last (days; null: not opened),
           sex, age_band
contacts   ref, place, start_h, end_h, kind, role (hours from the start of follow-up)
draws      draw, ref
chosen     draw, person
episodes   person, start_h, end_h, contacts: crisis episodes under the best matching
at_risk    person, start_h, stop_h: observed and in no institution, under the best matching, during follow-up
everyone   agency, sex, selection, follow_up, people: everybody by contacts in both windows (null: hidden)
totals     agency, sex, selection, people, contacts, later, later_squares: sums of these by contacts in selection
=========  =========================================================================================================
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from dataclasses import astuple
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from juncture.agreement.model import Agreement
from juncture.agreement.read import canonical_form
from juncture.analyst.study.atrisk import at_risk_spans
from juncture.analyst.study.build import assemble
from juncture.analyst.study.model import Contact, Everyone, Person, Ref, Study
from juncture.base.errors import InputError, JunctureError, MachineError
from juncture.base.files import private_dir, restrict_to_owner, sync_dir
from juncture.formats.cohort import LinkReport
from juncture.formats.release import BandTotals, HistogramRow

Rows = list[tuple[Any, ...]]
#: What DuckDB says where another process has the file open, on POSIX and on Windows.
OPEN_ELSEWHERE = ("Could not set lock", "another process")
IN_USE = "Close it where it is open, or see that you may read it; then run this again."
SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "1GB",
    "threads": "2",
}
SCHEMAS = {
    "facts": pa.schema([("key", pa.string()), ("value", pa.string())]),
    "persons": pa.schema(
        [
            ("person", pa.int32()),
            ("study_id", pa.string()),
            ("sex", pa.string()),
            ("age_band", pa.string()),
            ("sex_class", pa.int8()),
            ("weekday", pa.int8()),
        ]
    ),
    "refs": pa.schema(
        [
            ("ref", pa.int32()),
            ("person", pa.int32()),
            ("agency", pa.string()),
            ("candidate", pa.int32()),
            ("probability", pa.float64()),
            ("best", pa.bool_()),
            ("observed_first", pa.int32()),
            ("observed_last", pa.int32()),
            ("sex", pa.string()),
            ("age_band", pa.string()),
        ]
    ),
    "contacts": pa.schema(
        [
            ("ref", pa.int32()),
            ("place", pa.int32()),
            ("start_h", pa.int32()),
            ("end_h", pa.int32()),
            ("kind", pa.string()),
            ("role", pa.string()),
        ]
    ),
    "draws": pa.schema([("draw", pa.int32()), ("ref", pa.int32())]),
    "chosen": pa.schema([("draw", pa.int32()), ("person", pa.int32())]),
    "episodes": pa.schema(
        [("person", pa.int32()), ("start_h", pa.int32()), ("end_h", pa.int32()), ("contacts", pa.int32())]
    ),
    "at_risk": pa.schema([("person", pa.int32()), ("start_h", pa.int32()), ("stop_h", pa.int32())]),
    "everyone": pa.schema(
        [
            ("agency", pa.string()),
            ("sex", pa.string()),
            ("selection", pa.string()),
            ("follow_up", pa.string()),
            ("people", pa.int64()),
        ]
    ),
    "totals": pa.schema(
        [
            ("agency", pa.string()),
            ("sex", pa.string()),
            ("selection", pa.string()),
            *((name, pa.int64()) for name in ("people", "contacts", "later", "later_squares")),
        ]
    ),
}


def write_study(study: Study, path: Path) -> Path:
    """Write ``study`` to ``path``, whole or not at all, readable by its owner only; returns ``path``.

    Raises ``MachineError`` where the disk or a permission stands in the way.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        private_dir(path.parent)
        with contextlib.closing(_connect(temporary, read_only=False)) as con:
            for name, rows in _tables(study).items():
                schema = SCHEMAS[name]
                columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
                arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
                con.register("rows", pa.Table.from_arrays(arrays, schema=schema))
                con.execute(f'CREATE TABLE "{name}" AS SELECT * FROM rows')
                con.unregister("rows")
        restrict_to_owner(temporary)
        temporary.replace(path)
        sync_dir(path.parent)
    except (OSError, duckdb.Error) as error:
        raise MachineError(f"{path} could not be written.", remedy="Is there room on the disk?") from error
    finally:
        shutil.rmtree(_spill(temporary), ignore_errors=True)
        for leftover in (temporary, temporary.with_name(temporary.name + ".wal")):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)
    return path


def open_study(path: Path) -> Study:
    """Read what :func:`write_study` wrote.

    Raises ``InputError`` where ``path`` is no study, ``MachineError`` where another program or a permission stands in
    the way.
    """
    if not path.is_file():
        raise InputError("there is no study here", file=path, remedy="`juncture analyst unlock` makes one.")
    try:
        path.open("rb").close()
        with contextlib.closing(_connect(path, read_only=True)) as con:
            read = {name: _read(con, name) for name in SCHEMAS}
        return _study(read)
    except OSError as error:
        raise MachineError(f"{path} could not be read: {error.strerror}.", remedy=IN_USE) from error
    except (duckdb.Error, JunctureError, ValueError, KeyError, IndexError, TypeError) as error:
        if isinstance(error, duckdb.IOException) and any(words in str(error) for words in OPEN_ELSEWHERE):
            raise MachineError(f"{path} is open in another program.", remedy=IN_USE) from error
        raise InputError(
            "this is not a study of this version", file=path, remedy="`juncture analyst unlock` makes it anew."
        ) from error


def _connect(path: Path, *, read_only: bool) -> Any:
    # Spilled rows are person-level data: they may lie nowhere but beside the study itself.
    return duckdb.connect(str(path), read_only=read_only, config={**SETTINGS, "temp_directory": str(_spill(path))})


def _spill(path: Path) -> Path:
    return path.with_name(path.name + ".tmp")


def _read(con: Any, name: str) -> Rows:
    columns = ", ".join(f'"{column}"' for column in SCHEMAS[name].names)
    return list(con.execute(f'SELECT {columns} FROM "{name}"').fetchall())


def _tables(study: Study) -> dict[str, Rows]:
    best = list(study.best_timelines())
    return {
        "facts": [
            ("agreement", canonical_form(study.agreement).decode()),
            ("link_report", study.report.to_json().decode()),
            ("round", str(study.round)),
            ("draws", str(study.draws)),
            *((reason, str(number)) for reason, number in study.counts.items()),
        ],
        "persons": [(i, p.study_id, p.sex, p.age_band, p.sex_class, p.weekday) for i, p in enumerate(study.people)],
        "refs": [
            (
                i,
                r.person,
                r.agency,
                r.candidate,
                r.probability,
                r.best,
                *(r.observed or (None, None)),
                r.sex,
                r.age_band,
            )
            for i, r in enumerate(study.refs)
        ],
        "contacts": [
            (i, place, c.start_h, c.end_h, c.kind, c.role)
            for i, r in enumerate(study.refs)
            for place, c in enumerate(r.contacts)
        ],
        "draws": [tuple(pair) for pair in np.argwhere(study.draw_refs).tolist()],
        "chosen": [tuple(pair) for pair in np.argwhere(study.chosen).tolist()],
        "episodes": [(i, e.start_h, e.end_h, len(e.members)) for i, t in best for e in t.crises],
        "at_risk": [(i, *span) for i, t in best for span in at_risk_spans(*t.follow_up_h, t.stays)],
        "everyone": [(agency, *astuple(row)) for agency, told in study.everyone.items() for row in told.histogram],
        "totals": [(agency, *astuple(row)) for agency, told in study.everyone.items() for row in told.totals],
    }


def _study(read: dict[str, Rows]) -> Study:
    facts: dict[str, str] = dict(read["facts"])
    draws = int(facts["draws"])
    contacts: dict[int, list[Contact]] = {}
    for ref, _, start, end, kind, role in sorted(read["contacts"], key=lambda row: row[:2]):
        contacts.setdefault(ref, []).append(Contact(start, end, kind, role))
    refs = tuple(
        Ref(
            person=person,
            agency=agency,
            candidate=candidate,
            probability=probability,
            best=best,
            observed=None if first is None else (first, last),
            sex=sex,
            age_band=age,
            contacts=tuple(contacts.get(i, ())),
        )
        for i, person, agency, candidate, probability, best, first, last, sex, age in sorted(
            read["refs"], key=lambda row: row[0]
        )
    )
    people = tuple(Person(*row[1:]) for row in sorted(read["persons"], key=lambda row: row[0]))
    draw_refs = np.zeros((draws, len(refs)), dtype=bool)
    chosen = np.zeros((draws, len(people)), dtype=bool)
    for target, name in ((draw_refs, "draws"), (chosen, "chosen")):
        for m, column in read[name]:
            target[m, column] = True
    agreement = Agreement.model_validate(json.loads(facts["agreement"]))
    report = LinkReport.from_json(facts["link_report"].encode())
    told = {row[0] for name in ("everyone", "totals") for row in read[name]}
    everyone = {
        agency: Everyone(
            tuple(HistogramRow(*row[1:]) for row in read["everyone"] if row[0] == agency),
            tuple(BandTotals(*row[1:]) for row in read["totals"] if row[0] == agency),
        )
        for agency in agreement.agencies
        if agency in told
    }
    return assemble(agreement, int(facts["round"]), people, refs, draw_refs, chosen, report, everyone)
