"""The source file: what it may say, and the sentences about what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from juncture.agency.intake.source import ISO_DATES, ISO_TIMES, Source, parse_source, read_source
from juncture.base.errors import ExitCode, InputError

FULL = """
agency = "police"
[[table]]
path       = "export.csv"
contact_id = "NO"
delimiter  = "tab"
encoding   = "cp1252"
skip_rows  = 2
[table.person]
id          = { column = "PID", trust = "fact" }
last_name   = "LAST"
first_name  = "FIRST"
middle_name = "MI"
alias       = ["AKA1", "AKA2"]
birth_date  = { column = "DOB", format = ["%m/%d/%Y", "%Y-%m-%d"] }
sex         = { column = "SEX", map = { F = "female", M = "male" } }
address     = "ADDR"
[table.contact]
date        = { column = "DAY", format = "%m/%d/%Y" }
time        = { column = "HOUR", format = "%H%M" }
role        = { column = "ROLE", map = { SUBJECT = "subject" }, default = "subject" }
kind        = { column = "NATURE", map = { ARREST = "arrest" }, other = "other_police" }
disposition = "DISPO"
"""
SHORT = """
agency = "clinic"
[[table]]
path = "a.csv"
contact_id = "ID"
person = { name = { column = "NAME", format = "last, first middle" }, birth_date = "BORN" }
contact = { start = "START", kind = { default = "outpatient" } }
"""


def source(text: str) -> Source:
    return parse_source(text, folder=Path("folder"))


def faults(text: str) -> str:
    with pytest.raises(InputError) as caught:
        source(text)
    assert caught.value.exit_code is ExitCode.INPUT
    return str(caught.value)


def test_everything_the_grammar_knows() -> None:
    table = source(FULL).table[0]
    assert (table.delimiter, table.encoding, table.skip_rows) == ("\t", "cp1252", 2)
    assert table.path == Path("folder/export.csv")
    assert dict(table.fields()) == {
        "contact_id": "NO", "id": "PID", "last_name": "LAST", "first_name": "FIRST", "middle_name": "MI",
        "alias": "AKA2", "birth_date": "DOB", "sex": "SEX", "address": "ADDR", "date": "DAY", "time": "HOUR",
        "role": "ROLE", "kind": "NATURE", "disposition": "DISPO",
    }  # fmt: skip
    assert [column for field, column in table.fields() if field == "alias"] == ["AKA1", "AKA2"]
    assert source(FULL).person_number_is_fact


def test_a_column_name_alone_means_iso_dates_and_words_as_they_stand() -> None:
    table = source(SHORT).table[0]
    assert table.person.birth_date is not None and table.person.birth_date.format == ISO_DATES
    assert table.contact.start is not None and table.contact.start.format == ISO_TIMES
    assert table.contact.role.default == "subject" and table.encoding == "utf-8-sig"


def test_paths_are_relative_to_the_source_file(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SHORT, encoding="utf-8-sig")
    assert read_source(tmp_path / "s.toml").table[0].path == tmp_path / "a.csv"


def test_all_faults_are_told_at_once() -> None:
    told = faults(
        SHORT.replace('path = "a.csv"', 'path = "a.csv"\ndelimiter = ";;"\nencoding = "klingon"\ncolour = 1').replace(
            'start = "START"', 'start = { column = "START", format = "MM/DD" }'
        )
    )
    for part in (
        "4 things to correct",
        "table 1, delimiter: must be one character",
        "table 1, encoding: is not the name of a text encoding",
        "table 1, colour: is not a key of a source file",
        "table 1, contact.start.format.0: names no part of a date or time",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('kind = { default = "outpatient" }', 'role = "R"'), "contact.kind: is missing"),
        (('start = "START"', 'date = "D"'), "give start, or date and time"),
        (('start = "START"', 'start = "S", date = "D", time = "T"'), "but not both"),
        (('birth_date = "BORN"', 'last_name = "L"'), "give name, or last_name"),
        (('{ default = "outpatient" }', '{ map = { A = "arrest" } }'), "must name a column"),
        (('{ default = "outpatient" }', '{ column = "K", map = { A = "x", a = "y" } }'), "names one code twice"),
        (('{ default = "outpatient" }', "7"), "must be a column name in quotes"),
        (('"last, first middle"', '"middle first"'), "must be one of 'last, first middle' or 'first middle last'"),
        (('contact_id = "ID"', 'contact_id = ""'), "contact_id"),
        (('agency = "clinic"', ""), "agency: is missing"),
        (("person = {", 'person = { id = { column = "P", trust = "sure" },'), "must be one of 'fact' or 'hint'"),
    ],
)
def test_a_fault_and_its_sentence(change: tuple[str, str], sentence: str) -> None:
    assert sentence in faults(SHORT.replace(*change))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("a.csv", "a.xlsx"), "an Excel workbook"),
        (("a.csv", "a.parquet"), "a Parquet file"),
        (("a.csv", "a.ndjson"), "an NDJSON file"),
        (('contact_id = "ID"', 'contact_id = "ID"\nreader = "fhir_r4"'), "a reader of its own"),
        (('contact_id = "ID"', 'contact_id = "ID"\nsheet = "1"'), "a sheet of a workbook"),
        (('path = "a.csv"', 'url = "mssql://host/db"\nquery = "select 1"'), "a database"),
        (('contact_id = "ID"', 'contact_id = "ID"\njoin = { on = "ID" }'), "a join of two files"),
    ],
)
def test_other_sources_than_csv_are_refused(change: tuple[str, str], what: str) -> None:
    told = faults(SHORT.replace(*change))
    assert f"{what} is not read by this version; export the table as CSV" in told
    assert "secret" not in told and "mssql" not in told


def test_one_trust_for_all_tables() -> None:
    table = (
        '[[table]]\npath = "{0}.csv"\ncontact_id = "C"\n'
        'person = {{ id = {{ column = "P", trust = "{1}" }} }}\ncontact = {{ start = "S", kind = "K" }}\n'
    )
    both = 'agency="police"\n' + table.format("a", "fact") + table.format("b", "hint")
    assert "same trust in every table" in faults(both)


def test_not_toml_not_utf8_not_there(tmp_path: Path) -> None:
    assert "not TOML" in faults("agency = ")
    (tmp_path / "s.toml").write_bytes(b'agency = "\xff"')
    with pytest.raises(InputError, match="not UTF-8"):
        read_source(tmp_path / "s.toml")
    with pytest.raises(InputError, match="no such file"):
        read_source(tmp_path / "absent.toml")


def test_the_examples_are_read() -> None:
    folder = Path(__file__).resolve().parents[2] / "examples" / "borrowed_city"
    assert [read_source(folder / f"{name}.toml").agency for name in ("police", "clinic")] == ["police", "clinic"]
