"""Exports in, mentions out: small files, and what is said of files that cannot be used."""

from __future__ import annotations

import csv
from datetime import date, datetime
from hashlib import sha384
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.agency.intake.csvfile import read_csv
from juncture.agency.intake.dates import birth_parts
from juncture.agency.intake.names import NameParts, is_no_name, split_name
from juncture.agency.intake.read import Intake, read_mentions
from juncture.agency.intake.source import parse_source, read_source
from juncture.agency.intake.table import DUPLICATE, NO_NUMBER, NO_START, SCHEMA
from juncture.agreement.model import Agreement
from juncture.agreement.read import parse_agreement, read_agreement
from juncture.base.errors import AgreementForbids, ExitCode, InputError
from juncture.base.report import silent

CITY = Path(__file__).resolve().parents[2] / "examples" / "borrowed_city"
AGREEMENT = read_agreement(CITY / "agreement.toml")
HEADER = "NO,WHEN,NATURE,LAST,FIRST,DOB,SEX,REMARK\n"
PERSON = """last_name = "LAST"
first_name = "FIRST"
birth_date = { column = "DOB", format = ["%m/%d/%Y", "%Y-%m-%d"] }
sex = { column = "SEX", map = { F = "female", M = "male" } }"""
CONTACT = """start = { column = "WHEN", format = "%m/%d/%Y %H:%M" }
kind = { column = "NATURE", map = { ARREST = "arrest", EDP = "co_response" } }"""
CANARY = "Zylbersztajn"


def row(
    no: str, when: str = "01/02/2014 03:04", nature: str = "ARREST", name: str = "DOE,ANN", rest: str = ",,"
) -> str:
    return f"{no},{when},{nature},{name},{rest}\n"


def toml(file: str, person: str = PERSON, contact: str = CONTACT, more: str = "") -> str:
    return (
        f'agency = "police"\n[[table]]\npath = "{file}"\ncontact_id = "NO"\n{more}\n'
        f"[table.person]\n{person}\n[table.contact]\n{contact}\n"
    )


def read(
    folder: Path,
    text: str | bytes,
    person: str = PERSON,
    contact: str = CONTACT,
    more: str = "",
    agreement: Agreement = AGREEMENT,
) -> Intake:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "e.csv").write_bytes(data)
    intake = read_mentions(parse_source(toml("e.csv", person, contact, more), folder=folder), agreement, "police")
    assert (folder / "e.csv").read_bytes() == data
    assert intake.mentions.schema == SCHEMA
    assert intake.rows_read == intake.rows_kept + sum(intake.dropped.values())
    return intake


def refused(folder: Path, text: str | bytes, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, text, **settings)
    assert caught.value.exit_code is ExitCode.INPUT
    assert CANARY not in str(caught.value)
    return str(caught.value)


def column(intake: Intake, name: str) -> list[Any]:
    return intake.mentions[name].to_pylist()


def test_a_row_becomes_a_mention(tmp_path: Path) -> None:
    intake = read(tmp_path, HEADER + "7, 03/09/2014 02:30 ,arrest,  O'Neil ,Ann,02/29/1988,f,secret remark\n")
    (mention,) = intake.mentions.to_pylist()
    assert {name: value for name, value in mention.items() if value is not None} == {
        "record_id": "7", "contact_id": "7", "last_name": "O'Neil", "first_name": "Ann", "alias": [],
        "birth_year": 1988, "birth_month": 2, "birth_day": 29, "sex": "female", "role": "subject",
        "kind": "police.arrest", "start": datetime(2014, 3, 9, 2, 30), "nameless": False,
    }  # fmt: skip
    assert intake.files[0].not_read == ("REMARK",)
    assert intake.files[0].sha384 == sha384((tmp_path / "e.csv").read_bytes()).hexdigest()


def test_rfc_4180_quotes_line_ends_and_blank_lines(tmp_path: Path) -> None:
    text = HEADER + '1,01/02/2014 03:04,ARREST,"DOE, ""JR""\nTHE 2ND",ANN,,,\n\n,,,,,,,\n' + row("2")
    intake = read(tmp_path, text.replace("\n", "\r\n"))
    assert column(intake, "last_name") == ['DOE, "JR"\r\nTHE 2ND', "DOE"]
    assert intake.rows_read == 2


@given(
    st.lists(st.tuples(*[st.text('ab ,;"\n\rñ', max_size=8)] * 3), min_size=1, max_size=6),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\r\n", "\n"]),
)
@settings(max_examples=60)
def test_what_a_csv_writer_writes_is_read_back(rows: list[tuple[str, ...]], delimiter: str, end: str) -> None:
    # Oracle: the rows themselves, trimmed; rows with nothing in them are passed over.
    with TemporaryDirectory() as folder:
        path = Path(folder) / "e.csv"
        with path.open("w", encoding="utf-8", newline="") as handle:
            # Python 3.11 writes a lone carriage return without quotes unless told to quote everything.
            writer = csv.writer(handle, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
            writer.writerows([("A", "B", "C"), *rows, "xyz"])
        told = read_csv(path, ["C", "A"], delimiter=delimiter, encoding="utf-8-sig", skip_rows=0, progress=silent)
    full = [(number, [cell.strip() or None for cell in r]) for number, r in enumerate([*rows, "xyz"], 2)]
    kept = [(number, r) for number, r in full if any(r)]
    assert told.row.tolist() == [number for number, _ in kept]
    assert told.columns.to_pydict() == {"C": [r[2] for _, r in kept], "A": [r[0] for _, r in kept]}
    assert told.not_read == ("B",)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    intake = read(tmp_path, (HEADER + row("1", name="MUÑOZ,José")).encode(encoding), more=f'encoding = "{encoding}"')
    assert column(intake, "last_name") == ["MUÑOZ"] and column(intake, "first_name") == ["José"]


def test_delimiter_and_skipped_rows(tmp_path: Path) -> None:
    text = "Report of\n\n" + (HEADER + row("1")).replace(",", ";")
    assert column(read(tmp_path, text, more='delimiter = ";"\nskip_rows = 2'), "record_id") == ["1"]
    # Row numbers are those of a spreadsheet: header in row 3, so the second record is row 5.
    assert "row 5" in refused(tmp_path, text + "2;x\n", more='delimiter = ";"\nskip_rows = 2')


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        (HEADER, "no rows of data"),
        ((HEADER + row("1")).replace(",", ";"), 'delimiter = ";"'),
        (b"PK\x03\x04" + b"\0" * 50, "Excel workbook or a ZIP"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 50, "old Excel workbook"),
        ((HEADER + row("1")).encode("utf-16"), 'encoding = "utf-16"'),
        ((HEADER + row("1")).encode("utf-16-le"), "NUL bytes"),
        ((HEADER + row("1", name="MUÑOZ,ANN")).encode("cp1252"), 'encoding = "cp1252"'),
        (HEADER + row("1") + f"2,x,{CANARY}\n", "row 3: this row has 3 cells where the first row has 8"),
        (HEADER + row("1") + row("2", rest=f",,,{CANARY}"), "row 3: this row has 9 cells"),
        (HEADER + row("1") + row("2", name=f'"{CANARY},ANN'), "row 3: a quotation mark is opened here"),
        (HEADER + row("1", name=f'"DOE" {CANARY},ANN'), "row 2: text follows the quotation mark"),
        (HEADER.replace("SEX", "DOB") + row("1"), "names columns that this file does not have: SEX"),
        (HEADER.replace("REMARK", "DOB") + row("1"), "more than once: DOB"),
        (HEADER + row("1", rest=f",,{'y' * 100_001}"), "row 2, column REMARK: a cell is longer than 100000"),
        (HEADER + row("1") + row("2", name=f"DOE,{'y' * 150_000}"), "row 3, column number 5: a cell is longer"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    told = refused(tmp_path, text)
    assert sentence in told and "e.csv" in told


def test_cells_up_to_the_limit_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + row("1", rest=f",,{'y' * 100_000}") + row("2", rest=",,,")).rows_kept == 2


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(HEADER + row("1"))

    def meddle(label: str, done: int, total: int) -> None:
        path.write_text(HEADER + row("2"))

    with pytest.raises(InputError, match="changed while it was read"):
        read_mentions(parse_source(toml("e.csv"), folder=tmp_path), AGREEMENT, "police", meddle)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="could not be read"):
        read_mentions(parse_source(toml("absent.csv"), folder=tmp_path), AGREEMENT, "police")


@pytest.mark.parametrize("field", ["phone", "zip", "race"])
def test_a_field_without_a_class_is_forbidden_before_a_row_is_read(tmp_path: Path, field: str) -> None:
    with pytest.raises(AgreementForbids, match=rf"{field} \(column REMARK\)") as caught:
        read(tmp_path, "", person=f'{PERSON}\n{field} = "REMARK"')
    assert caught.value.exit_code is ExitCode.AGREEMENT


def test_narrative_and_disposition_are_forbidden_together(tmp_path: Path) -> None:
    with pytest.raises(AgreementForbids, match=r"disposition \(column D\), narrative \(column REMARK\)"):
        read(tmp_path, "", contact=f'{CONTACT}\nnarrative = "REMARK"\ndisposition = "D"')


def test_words_outside_the_vocabulary(tmp_path: Path) -> None:
    told = refused(tmp_path, "", contact=CONTACT.replace('"arrest"', '"outpatient"') + '\nrole = { default = "boss" }')
    assert "kind: not in the vocabulary: outpatient" in told and "role: not in the vocabulary: boss" in told


def test_another_agency(tmp_path: Path) -> None:
    source = parse_source(toml("e.csv"), folder=tmp_path)
    with pytest.raises(InputError, match="belongs to police, not to clinic"):
        read_mentions(source, AGREEMENT, "clinic")
    with pytest.raises(InputError, match="linker is not an agency"):
        read_mentions(source, AGREEMENT, "linker")


def test_unmapped_codes_are_told_with_counts_but_names_are_not(tmp_path: Path) -> None:
    many = "".join(row(f"a{i}", nature="WELFARE CHECK") for i in range(5))
    few = "".join(row(f"b{i}", nature=CANARY) for i in range(4))
    named = "".join(row(f"c{i}", nature="DOE") for i in range(6))
    told = refused(tmp_path, HEADER + many + few + named + row("d", nature="y" * 41) * 9 + row("e", nature=""))
    assert "column NATURE (kind): WELFARE CHECK (5 rows), a blank cell (1 rows), another code (19 rows)" in told
    assert "DOE" not in told
    told = refused(tmp_path, HEADER + row("1", rest=f",{CANARY},"))
    assert "column SEX (sex): another code (1 rows)" in told


def test_a_birth_date_in_the_column_of_codes_is_not_shown_as_a_code(tmp_path: Path) -> None:
    born = "".join(row(f"a{i}", nature="07/31/1951", rest="07/31/1951,,") for i in range(6))
    told = refused(tmp_path, HEADER + born)
    assert "another code (6 rows)" in told and "1951" not in told


def test_other_takes_in_codes(tmp_path: Path) -> None:
    text = HEADER + "".join(row(str(i), nature="NOISE") for i in range(5)) + row("5", nature="")
    intake = read(tmp_path, text, contact=CONTACT.replace("} }", '}, other = "other_police" }'))
    assert column(intake, "kind") == ["police.other_police"] * 6


def test_sex_blank_or_said_to_be_unknown_is_null(tmp_path: Path) -> None:
    text = HEADER + row("1") + row("2", rest=",U,") + row("3", rest=",m,")
    person = PERSON.replace('M = "male"', 'M = "male", U = "unknown"')
    assert column(read(tmp_path, text, person=person), "sex") == [None, None, "male"]


def test_race_keeps_to_a_closed_list(tmp_path: Path) -> None:
    text = (CITY / "agreement.toml").read_text(encoding="utf-8")
    agreement = parse_agreement(text.replace("trim_weeks  = 4", 'race = { transform = "keep" }\ntrim_weeks = 4'))
    race = PERSON + '\nrace = { column = "REMARK", map = { W = "white" } }'
    assert column(read(tmp_path, HEADER + row("1", rest=",,W"), person=race, agreement=agreement), "race") == ["white"]
    told = refused(tmp_path, HEADER + row("1", rest=f",,{CANARY}"), person=race, agreement=agreement)
    assert "column REMARK (race): another code (1 rows)" in told


def test_a_contact_with_several_people_and_exact_copies(tmp_path: Path) -> None:
    text = HEADER + row("1", name="A,B") + row("2") + row("1", name="C,D") + row("2", rest=",,charge two") + row("2")
    intake = read(tmp_path, text)
    assert column(intake, "record_id") == ["1#1", "2", "1#2"]
    assert column(intake, "contact_id") == ["1", "2", "1"]
    # The remark is not named, so it is not read, and rows that differ in it alone are copies.
    assert intake.dropped == {DUPLICATE: 2}


def test_a_contact_number_that_looks_like_ours(tmp_path: Path) -> None:
    assert "ends in #" in refused(tmp_path, HEADER + row("1") + row("1", name="A,B") + row("1#1"))


def test_a_few_bad_starts_are_left_out_many_are_an_error(tmp_path: Path) -> None:
    good = "".join(row(str(i)) for i in range(99))
    intake = read(tmp_path, HEADER + good + row("x", when=CANARY) + row("y", when=""))
    assert intake.dropped == {NO_START: 2}
    (warning,) = intake.warnings
    assert "column WHEN: 2 rows" in warning and "101, 102" in warning and CANARY not in warning
    told = refused(tmp_path, HEADER + good + "".join(row(f"x{i}", when=CANARY) for i in range(3)))
    assert "3 of 102 rows" in told and "row 101" in told and "column WHEN" in told
    assert "1 of 1 rows" in refused(tmp_path, HEADER + row("1", when="02/30/2014 10:00"))


def test_a_row_without_a_contact_number(tmp_path: Path) -> None:
    intake = read(tmp_path, HEADER + row("1") + row(""))
    assert intake.dropped == {NO_NUMBER: 1} and "first are 3" in intake.warnings[0]


def test_date_and_time_apart_and_lost_zeros(tmp_path: Path) -> None:
    contact = CONTACT.replace(
        'start = { column = "WHEN", format = "%m/%d/%Y %H:%M" }',
        'date = { column = "WHEN", format = "%m/%d/%Y" }\ntime = { column = "REMARK", format = "%H%M" }',
    )
    text = HEADER + row("1", "12/31/2014", rest=",,134") + row("2", "12/31/2014", rest=",,2359")
    intake = read(tmp_path, text, contact=contact)
    assert column(intake, "start") == [datetime(2014, 12, 31, 1, 34), datetime(2014, 12, 31, 23, 59)]


def test_several_formats_and_zones(tmp_path: Path) -> None:
    contact = CONTACT.replace('"%m/%d/%Y %H:%M"', '["%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M:%S %z"]')
    # Oracle: US clocks go from 01:59 EST to 03:00 EDT on 2014-03-09 and repeat 01:00-01:59 on 2014-11-02.
    text = (
        HEADER
        + row("1", "2014-03-09 06:59:00 +0000")
        + row("2", "2014-03-09 07:00:00 +0000")
        + row("3", "2014-11-02 05:30:00 +0000")
        + row("4", "2014-11-02 06:30:00 +0000")
        + row("5", "03/09/2014 02:30")
    )
    assert column(read(tmp_path, text, contact=contact), "start") == [
        datetime(2014, 3, 9, 1, 59),
        datetime(2014, 3, 9, 3, 0),
        datetime(2014, 11, 2, 1, 30),
        datetime(2014, 11, 2, 1, 30),
        datetime(2014, 3, 9, 2, 30),
    ]


def test_no_time_of_day_is_told(tmp_path: Path) -> None:
    intake = read(tmp_path, HEADER + row("1", "2014-03-09"), contact='start = "WHEN"\nkind = { default = "incident" }')
    assert "no row has a time of day" in intake.warnings[0]


def test_stays(tmp_path: Path) -> None:
    contact = CONTACT + '\nend = { column = "REMARK", format = "%Y-%m-%d %H:%M" }'
    ends = ["2014-01-05 10:00", "", "never", "2013-12-31 10:00"]
    intake = read(
        tmp_path, HEADER + "".join(row(str(i), rest=f",,{end}") for i, end in enumerate(ends)), contact=contact
    )
    assert column(intake, "end") == [datetime(2014, 1, 5, 10), None, None, None]
    assert "2 rows have an end that cannot be read or lies before the start" in intake.warnings[0]


def test_aliases_numbers_and_joint_contacts(tmp_path: Path) -> None:
    header = "NO,WHEN,NATURE,LAST,FIRST,DOB,SEX,A1,A2,PID,JOINT\n"
    person = PERSON + '\nalias = ["A1", "A2"]\nid = { column = "PID", trust = "fact" }'
    rest = [",,Red Ann,Ann Roe,11,J1", ",,NONE,Rose,0,N/A", ",,,,,"]
    intake = read(
        tmp_path,
        header + "".join(row(str(i), rest=r) for i, r in enumerate(rest)),
        person=person,
        contact=CONTACT + '\njoint_id = "JOINT"',
    )
    assert column(intake, "alias") == [["Red Ann", "Ann Roe"], ["Rose"], []]
    assert column(intake, "person_number") == ["11", None, None]
    assert column(intake, "joint_id") == ["J1", None, None]
    assert intake.person_number_is_fact


@pytest.mark.parametrize(("trust", "expected"), [("fact", [False, True]), ("hint", [True, True])])
def test_nameless_unless_the_number_is_a_fact(tmp_path: Path, trust: str, expected: list[bool]) -> None:
    text = HEADER + row("1", name="UNKNOWN,UNK", rest=",,55") + row("2", name=",")
    intake = read(tmp_path, text, person=PERSON + f'\nid = {{ column = "REMARK", trust = "{trust}" }}')
    assert column(intake, "nameless") == expected and intake.nameless == sum(expected)


@pytest.mark.parametrize(
    ("last", "first", "none"),
    [
        (None, None, True), ("UNKNOWN", None, True), ("Doe", "John", True), ("DOE", "JANE", True), ("DOE", None, True),
        ("NLN", "NFN", True), ("UNK", "N/A", True), ("?", "-", True), ("Doe", "Marisela", False),
        ("UNKNOWN", "JOHN", False), ("Unger", None, False), ("Null", "Ann", False), ("X", "XX", True),
    ],
)  # fmt: skip
def test_names_that_are_none(last: str | None, first: str | None, none: bool) -> None:
    assert is_no_name(last, first) is none


@pytest.mark.parametrize(
    ("text", "order", "parts"),
    [
        ("SMITH, JOHN ALAN", "last, first middle", NameParts("SMITH", "JOHN", "ALAN")),
        ("SMITH JR, JOHN", "last, first middle", NameParts("SMITH", "JOHN", None, "JR")),
        ("SMITH, JOHN A III", "last, first middle", NameParts("SMITH", "JOHN", "A", "III")),
        ("DE LA CRUZ, ANA", "last, first middle", NameParts("DE LA CRUZ", "ANA")),
        ("SMITH", "last, first middle", NameParts("SMITH")),
        ("John Alan Smith", "first middle last", NameParts("Smith", "John", "Alan")),
        ("Ana de la Cruz", "first middle last", NameParts("de la Cruz", "Ana")),
        ("Ana Maria van der Berg", "first middle last", NameParts("van der Berg", "Ana", "Maria")),
        ("John Smith, Jr.", "first middle last", NameParts("Smith", "John", None, "Jr.")),
        ("Cher", "first middle last", NameParts(None, "Cher")),
        (" , ", "last, first middle", NameParts()),
    ],
)
def test_whole_names(text: str, order: str, parts: NameParts) -> None:
    assert split_name(text, order) == parts


def test_whole_name_columns(tmp_path: Path) -> None:
    person = 'name = { column = "LAST", format = "last, first middle" }'
    intake = read(tmp_path, HEADER + row("1", name='"SMITH JR, JOHN A",'), person=person)
    names = [column(intake, n) for n in ("last_name", "first_name", "middle_name", "suffix")]
    assert names == [["SMITH"], ["JOHN"], ["A"], ["JR"]]


FORMATS = ["%m/%d/%Y", "%Y-%m-%d"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("09/16/1987", (1987, 9, 16)), ("1987-09-16", (1987, 9, 16)), ("9/6/1987", (1987, 9, 6)),
        ("09/16/1187", (None, 9, 16)), ("13/31/1939", (1939, None, 31)), ("19/04/1983", (1983, 4, 19)),
        ("O9/|6/1987", (1987, None, None)), ("09/166/1987", (1987, 9, None)), ("02/29/1988", (1988, 2, 29)),
        ("02/29/1987", (1987, 2, None)), ("02/29/1900", (1900, 2, None)), ("02/30/1988", (1988, 2, None)),
        ("02/29/1187", (None, 2, 29)), ("06/15/1900", (1900, 6, 15)), ("01/01/1900", (None, None, None)),
        ("12/31/1899", (None, 12, 31)), ("01/01/2016", (None, 1, 1)), ("00/00/0000", (None, None, None)),
        ("unknown", (None, None, None)), ("04/31/1980", (1980, 4, None)),
    ],
)  # fmt: skip
def test_birth_dates_part_by_part(text: str, parts: tuple[int | None, ...]) -> None:
    assert birth_parts(text, FORMATS, 2015) == parts


def test_other_ways_to_write_a_birth_date() -> None:
    assert birth_parts("19870916", ["%Y%m%d"], 2015) == (1987, 9, 16)
    assert birth_parts("16-Sep-87", ["%d-%b-%y"], 2015) == (1987, 9, 16)
    assert birth_parts("16-Sep-15", ["%d-%b-%y"], 2015) == (2015, 9, 16)
    assert birth_parts("1987-09-16 00:00:00", ["%Y-%m-%d %H:%M:%S"], 2015) == (1987, 9, 16)


@given(st.dates(date(1900, 1, 2), date(2015, 12, 31)), st.sampled_from([*FORMATS, "%d.%m.%Y", "%Y%m%d", "%d %B %Y"]))
def test_every_real_birth_date_is_read_as_it_is(day: date, form: str) -> None:
    parts = birth_parts(day.strftime(form).zfill(8), [form], 2015)
    assert parts == (day.year, day.month, day.day)


@given(st.text(max_size=12))
def test_no_text_gives_an_impossible_birth_date(text: str) -> None:
    year, month, day = birth_parts(text, FORMATS, 2015)
    assert year is None or 1900 <= year <= 2015
    assert month is None or 1 <= month <= 12
    if day is not None:
        date(year or 1988, month or 1, day)


def test_a_birth_after_the_contact_is_no_year(tmp_path: Path) -> None:
    intake = read(tmp_path, HEADER + row("1", rest="05/05/2015,,") + row("2", rest="05/05/2014,,"))
    assert column(intake, "birth_year") == [None, 2014]


def test_several_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER + row("1"))
    (tmp_path / "b.csv").write_text(HEADER.replace("NATURE", "X") + row("1", name="A,B") + row("2"))
    second = toml("b.csv", contact=CONTACT.split("\n")[0] + '\nkind = { default = "custody_release" }')
    source = parse_source(toml("a.csv") + second.removeprefix('agency = "police"\n'), folder=tmp_path)
    intake = read_mentions(source, AGREEMENT, "police")
    assert column(intake, "record_id") == ["1#1", "1#2", "2"]
    assert column(intake, "kind") == ["police.arrest", "police.custody_release", "police.custody_release"]
    assert [(f.path.name, f.rows) for f in intake.files] == [("a.csv", 1), ("b.csv", 2)]


@pytest.mark.shared
def test_the_borrowed_city(shared: Path) -> None:
    # Oracle: the row counts of the data folder's README, and sex, kind and birth dates counted with the csv module.
    folder = shared / "data" / "borrowed_city"
    police, clinic = (
        read_mentions(
            parse_source(
                (CITY / f"{name}.toml").read_text(encoding="utf-8").replace("../../../shared/data/borrowed_city/", ""),
                folder=folder,
            ),
            AGREEMENT,
            name,
        )
        for name in ("police", "clinic")
    )
    assert (police.rows_read, police.rows_kept, police.dropped, police.warnings) == (11_723, 11_723, {}, ())
    assert (clinic.rows_read, clinic.rows_kept, clinic.dropped, clinic.warnings) == (2_796, 2_796, {}, ())
    assert police.files[0].not_read == ("OFFENSE",)
    assert police.mentions["sex"].null_count == 123 and clinic.mentions["sex"].null_count == 34
    assert column(police, "kind").count("police.co_response") == 504
    assert column(clinic, "kind").count("clinic.co_response") == 504
    assert police.mentions["kind"].null_count == police.mentions["start"].null_count == 0
    assert min(column(police, "start")) >= datetime(2012, 1, 1) and max(column(police, "start")) < datetime(2016, 1, 1)


@pytest.mark.shared
def test_the_examples_reach_their_data(shared: Path) -> None:
    for name in ("police", "clinic"):
        assert all(table.path.resolve().is_file() for table in read_source(CITY / f"{name}.toml").table)


@pytest.mark.parametrize(
    ("turned", "warned", "stopped"), [(0, False, False), (9, False, False), (12, True, False), (60, True, True)]
)
def test_birth_dates_with_day_and_month_swapped_are_noticed(
    tmp_path: Path, turned: int, warned: bool, stopped: bool
) -> None:
    """Oracle: the calendar: 19/04 is no month and day, 04/19 is; of 100 dates ``turned`` are written so."""
    births = ["19/04/1965"] * turned + ["04/19/1965"] * (100 - turned)
    text = HEADER + "".join(row(str(i), rest=f"{birth},F,") for i, birth in enumerate(births))
    if stopped:
        assert "60 of 100 birth dates make sense only with day and month swapped" in refused(tmp_path, text)
        return
    intake = read(tmp_path, text)
    assert any("day and month swapped" in warning for warning in intake.warnings) == warned
    assert set(column(intake, "birth_month")) == {4} and set(column(intake, "birth_day")) == {19}
