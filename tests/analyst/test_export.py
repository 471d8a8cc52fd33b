"""Exports: what is written is what the study holds, and a finding can be computed from the files alone."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from scipy import stats

from juncture.agreement.read import agreement_id
from juncture.analyst.export import export_study
from juncture.analyst.export.fields import FieldType
from juncture.analyst.export.results import RESULTS
from juncture.analyst.export.specs import BEST, TABLES
from juncture.analyst.export.write import FileFormat
from juncture.analyst.findings import Findings, compute_findings
from juncture.analyst.findings.files import result_tables
from juncture.analyst.findings.model import Stratum
from juncture.analyst.findings.openings import Fate, openings_of
from juncture.analyst.statistics import landmark_effect
from juncture.analyst.study import Study
from juncture.base.errors import AgreementForbids, UsageError
from juncture.base.folder import PartyFolder
from juncture.exchange.ledger import Act, verify
from juncture.exchange.locks import lock_file, locked
from tests.analyst.study_world import At, File, Member, agreement, one_file_each, world
from tests.analyst.unsure_world import JUNCTURE, unsure

TODAY = date(2026, 11, 24)
#: Names that Stata keeps for itself (User's Guide 11.3); those that begin with _ are not of our form.
STATA_WORDS = frozenset(("byte", "double", "float", "if", "in", "int", "long", "strl", "using", "with"))


@pytest.fixture(scope="module")
def study() -> Study:
    return unsure(60, 5)


@pytest.fixture(scope="module")
def findings(study: Study) -> Findings:
    return compute_findings(study, seed=1, resamples=20)


@pytest.fixture(scope="module")
def exported(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All draws as csv."""
    out = tmp_path_factory.mktemp("export") / "for-R"
    export_study(study, out, draws=range(study.draws), today=TODAY)
    return out


def varied() -> Study:
    """A few people with everything that a table can tell: stays, roles, an unopened envelope, somebody of other sex."""
    told = [
        At(-240, "police.crisis_call"),
        At(0, "police.co_response", role="suspect"),
        At(6, "clinic.co_response"),
        At(72, "clinic.follow_up"),
        At(480, "police.crisis_call"),
        At(486, "clinic.inpatient_stay", 720),
        At(600, "police.crisis_call"),
        At(1200, "police.co_response", role=None),
    ]
    people = [one_file_each(told, sex) for sex in ("female", "male", "other", None)]
    people += [Member([File("police", told[1:2]), File("clinic", [], opened=False)]), one_file_each([])]
    return world(people, agreement()).study()


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8", newline="")))


# What the tables say ------------------------------------------------------------------------------------------------


def test_times_are_days_and_crises_are_numbered(tmp_path: Path) -> None:
    """By hand, from the first person's contacts in hours."""
    export_study(varied(), tmp_path / "out", today=TODAY)
    mine = [r for r in rows(tmp_path / "out" / "contacts.csv") if r["person"] == "0"]
    assert [(r["start_day"], r["end_day"], r["kind"], r["role"], r["crisis"]) for r in mine] == [
        ("-10", "", "police.crisis_call", "subject", "0"),
        ("0", "", "police.co_response", "suspect", "1"),
        ("0.25", "", "clinic.co_response", "subject", "1"),
        ("3", "", "clinic.follow_up", "subject", ""),
        ("20", "", "police.crisis_call", "subject", "2"),
        ("20.25", "30", "clinic.inpatient_stay", "subject", ""),
        ("25", "", "police.crisis_call", "subject", "3"),
        ("50", "", "police.co_response", "", "4"),
    ]
    crises = [r for r in rows(tmp_path / "out" / "crises.csv") if r["person"] == "0"]
    # The first lies in the selection window, the fourth in the stay.
    assert [(r["start_day"], r["end_day"], r["contacts"], r["at_risk"]) for r in crises] == [
        ("-10", "-10", "1", "0"),
        ("0", "0.25", "2", "1"),
        ("20", "20", "1", "1"),
        ("25", "25", "1", "0"),
        ("50", "50", "1", "1"),
    ]
    at_risk = [r for r in rows(tmp_path / "out" / "at_risk.csv") if r["person"] == "0"]
    assert [(r["start_day"], r["stop_day"]) for r in at_risk] == [("0", "20.25"), ("30", "700")]
    (person,) = [r for r in rows(tmp_path / "out" / "people.csv") if r["person"] == "0"]
    assert (person["sex"], person["contacts"], person["crises"]) == ("female", "8", "3")
    assert float(person["at_risk_days"]) == 700 - 9.75
    opened, later = [r for r in rows(tmp_path / "out" / "openings.csv") if r["person"] == "0"]
    # Met on day 3; the landmark is day 7.25, the next crisis on day 20.
    assert (opened["at_day"], opened["fate"], opened["missed"]) == ("0.25", "evaluable", "0")
    assert (opened["days"], opened["crisis"], opened["settled_days"]) == ("12.75", "1", "2.75")
    assert (opened["settled_by"], opened["told_by"], opened["answered_by"]) == ("response", "clinic police", "clinic")
    assert (later["at_day"], later["missed"], later["days"], later["crisis"]) == ("50", "1", "30", "0")


def test_whose_envelope_did_not_open_is_among_the_links_only(tmp_path: Path) -> None:
    export_study(varied(), tmp_path / "out", today=TODAY)
    links = [r for r in rows(tmp_path / "out" / "links.csv") if r["person"] == "4"]
    assert {(r["agency"], r["opened"]) for r in links} == {("police", "1"), ("clinic", "0")}
    assert "4" not in {r["person"] for r in rows(tmp_path / "out" / "people.csv")}


def test_openings_are_those_of_the_findings(study: Study, exported: Path) -> None:
    """Every opening of every draw, beside :func:`openings_of` on the timeline that the draw gives to the person."""
    juncture = study.agreement.juncture[JUNCTURE]
    expected = []
    for draw, matching in enumerate(study.in_draw.tolist()):
        for person, number in enumerate(matching):
            found = openings_of(juncture, study.timelines[number], study.agreement) if number >= 0 else ()
            for place, o in enumerate(found):
                good = o.fate is Fate.EVALUABLE
                expected.append((draw, person, place, o.at_h / 24, o.fate.name.lower(), not o.met,
                                 o.days if good else None, o.crisis if good else None))  # fmt: skip
    told = [
        (int(r["draw"]), int(r["person"]), int(r["opening"]), float(r["at_day"]), r["fate"], r["missed"] == "1",
         float(r["days"]) if r["days"] else None, r["crisis"] == "1" if r["crisis"] else None)
        for r in rows(exported / "openings.csv")
    ]  # fmt: skip
    assert len(expected) > 1500 and told == expected


def test_draws_differ_where_links_do(study: Study, exported: Path) -> None:
    by_draw = [
        {(r["person"], r["file"]) for r in rows(exported / "links.csv") if r["draw"] == str(m)} for m in range(4)
    ]
    assert all(len(files) == 120 for files in by_draw)
    assert len({frozenset(files) for files in by_draw}) == 4
    numbers = {r["draw"] for r in rows(exported / "people.csv")}
    assert numbers == {"0", "1", "2", "3"}


# A finding from the files alone -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", list(FileFormat))
def test_the_ratio_of_each_draw_comes_out_of_the_files_again(study: Study, form: FileFormat, tmp_path: Path) -> None:
    """Read by pyarrow or the csv module; the oracle is the same contrast on the study's own openings, to 1e-9."""
    export_study(study, tmp_path / "out", form=form, draws=range(study.draws), today=TODAY)
    if form is FileFormat.PARQUET:
        read: list[dict[str, Any]] = pyarrow.parquet.read_table(tmp_path / "out" / "openings.parquet").to_pylist()
    else:
        read = [
            {**r, "draw": int(r["draw"]), "missed": int(r["missed"]), "days": r["days"] and float(r["days"])}
            | {"crisis": r["crisis"] and int(r["crisis"])}
            for r in rows(tmp_path / "out" / "openings.csv")
        ]
    juncture = study.agreement.juncture[JUNCTURE]
    for draw, matching in enumerate(study.in_draw.tolist()):
        good = [r for r in read if r["draw"] == draw and r["fate"] == "evaluable"]
        told = landmark_effect(*([r[c] for r in good] for c in ("person", "missed", "days", "crisis")), horizon=30)
        timelines = [study.timelines[number] for number in matching if number >= 0]
        own = [(t.person, o) for t in timelines for o in openings_of(juncture, t, study.agreement)]
        own = [(p, o) for p, o in own if o.fate is Fate.EVALUABLE]
        expected = landmark_effect(
            *([p for p, _ in own], [not o.met for _, o in own], [o.days for _, o in own], [o.crisis for _, o in own]),
            horizon=30,
        )
        assert told.within.ratio == pytest.approx(expected.within.ratio, rel=1e-9)
        assert told.within.standard_error == pytest.approx(expected.within.standard_error, rel=1e-9)
        assert told.within.informative_persons == expected.within.informative_persons >= 20


def person_terms(p: list[dict[str, str]], b: float) -> tuple[float, float]:
    """Score and information of one person's openings at the log ratio ``b``, ties after Efron, term by term."""
    days = np.array([float(r["days"]) for r in p])
    crisis = np.array([r["crisis"] == "1" for r in p])
    missed = np.array([float(r["missed"]) for r in p])
    weight = np.exp(b * missed)
    score = information = 0.0
    for t in sorted(set(days[crisis])):
        at_risk, ending = days >= t, (days == t) & crisis
        score += missed[ending].sum()
        for k in range(int(ending.sum())):
            faded = at_risk - k / ending.sum() * ending
            mean = (faded * weight * missed).sum() / (faded * weight).sum()
            score -= mean
            information += mean * (1 - mean)
    return score, information


def by_hand(path: Path) -> tuple[float, float, float, float, float]:
    """Ratio, interval, p and share of the linkage, by the steps of the vignette and nothing of Juncture."""
    chosen = [r for r in rows(path) if r["juncture"] == JUNCTURE and r["fate"] == "evaluable"]
    values, errors, informative = [], [], []
    for draw in sorted({r["draw"] for r in chosen}):
        people: dict[str, list[dict[str, str]]] = {}
        for r in chosen:
            if r["draw"] == draw:
                people.setdefault(r["person"], []).append(r)
        b = 0.0
        for _ in range(50):
            terms = np.array([person_terms(p, b) for p in people.values()])
            b += terms[:, 0].sum() / terms[:, 1].sum()
        terms = np.array([person_terms(p, b) for p in people.values()])
        total = terms[:, 1].sum()
        corrected = terms[:, 0] / (1 - terms[:, 1] / total)
        values.append(b)
        errors.append(math.sqrt((corrected**2).sum()) / total)
        informative.append(int((terms[:, 1] > 1e-10).sum()))
    m, df = len(values), np.mean(informative) - 1
    between = (1 + 1 / m) * np.var(values, ddof=1)
    total = np.mean(np.square(errors)) + between
    share = between / total
    df = 1 / (share**2 / (m - 1) + 1 / ((df + 1) / (df + 3) * df * (1 - share)))
    mean, reach = np.mean(values), stats.t.ppf(0.975, df) * math.sqrt(total)
    p = 2 * stats.t.sf(abs(mean) / math.sqrt(total), df)
    return math.exp(mean), math.exp(mean - reach), math.exp(mean + reach), float(p), float(share)


def test_the_finding_comes_out_of_the_files_by_hand(findings: Findings, exported: Path) -> None:
    (found,) = [f for f in findings.junctures if f.stratum is Stratum.ALL]
    told = (found.ratio.value, found.ratio.low, found.ratio.high, found.ratio.p_value, found.linkage_share)
    assert told == pytest.approx(by_hand(exported / "openings.csv"), rel=1e-6)
    assert found.linkage_share > 0.05  # the draws do differ


def test_the_finding_is_the_one_that_R_computes_from_the_files(findings: Findings) -> None:
    """The blocks of ``docs/how-to/reproduce-a-finding-in-R.md``, run by R 4.2.2 with survival 3.5-3 on this export; the
    last one printed ratio, low, high, p and linkage_share."""
    (found,) = [f for f in findings.junctures if f.stratum is Stratum.ALL]
    told = (found.ratio.value, found.ratio.low, found.ratio.high, found.ratio.p_value, found.linkage_share)
    by_r = (2.0807406650981, 1.3969477316239, 3.0992438853526, 0.0007642350178, 0.0990090816162)
    assert told == pytest.approx(by_r, rel=1e-6)


# The files and their codebook ---------------------------------------------------------------------------------------


def resources(out: Path) -> Iterator[tuple[dict[str, Any], list[dict[str, str]]]]:
    for resource in json.loads((out / "datapackage.json").read_text(encoding="utf-8"))["resources"]:
        yield resource, rows(out / resource["path"])


@pytest.mark.parametrize("which", ["all draws", "varied"])
def test_the_tables_are_what_the_data_package_says(which: str, exported: Path, tmp_path: Path) -> None:
    """Types, closed words, ends, missing values, keys and hashes, checked cell by cell by the rules of the Table
    Schema."""
    out = exported
    if which == "varied":
        out = tmp_path / "out"
        export_study(varied(), out, today=TODAY)
    keys: dict[str, set[tuple[str, ...]]] = {}
    for resource, table in resources(out):
        content = (out / resource["path"]).read_bytes()
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert resource["bytes"] == len(content)
        schema = resource["schema"]
        assert list(table[0]) == [field["name"] for field in schema["fields"]]
        for field in schema["fields"]:
            limits = field.get("constraints", {})
            for row in table:
                cell = row[field["name"]]
                if cell == "":
                    assert not limits.get("required"), field["name"]
                    continue
                match field["type"]:
                    case "integer":
                        assert re.fullmatch(r"-?\d+", cell)
                    case "boolean":
                        assert cell in (*field["trueValues"], *field["falseValues"])
                    case "number":
                        assert math.isfinite(float(cell))
                assert cell in limits.get("enum", [cell]), field["name"]
                assert float(limits.get("minimum", "-inf")) <= (float(cell) if "minimum" in limits else 0)
                assert (float(cell) if "maximum" in limits else 0) <= float(limits.get("maximum", "inf"))
        told = [tuple(row[column] for column in schema["primaryKey"]) for row in table]
        assert len(set(told)) == len(told), resource["name"]
        keys[resource["name"]] = set(told)
        for other in schema.get("foreignKeys", ()):
            pointing = {tuple(row[column] for column in other["fields"]) for row in table}
            key = other["reference"]["resource"]
            assert key not in keys or pointing <= keys[key], (resource["name"], key)


def test_the_codebook_names_every_column(exported: Path) -> None:
    text = (exported / "codebook.md").read_text(encoding="utf-8")
    for spec in TABLES:
        part = text.split(f"## {spec.name}.csv\n")[1].split("\n## ")[0]
        assert all(f"| `{field.name}` | {field.type.value} |" in part for field in spec.fields)
    assert "unsuppressed" in text and "Rubin" in text


def test_names_fit_stata() -> None:
    for spec in TABLES:
        names = [field.name for field in spec.fields]
        assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name) and name not in STATA_WORDS for name in names)
        assert len(set(names)) == len(names)


def test_parquet_has_the_types_of_the_codebook(study: Study, tmp_path: Path) -> None:
    report = export_study(study, tmp_path / "out", form=FileFormat.PARQUET, today=TODAY)
    words = {"int32": FieldType.INTEGER, "double": FieldType.NUMBER, "bool": FieldType.BOOLEAN}
    for spec in TABLES:
        schema = pyarrow.parquet.read_schema(tmp_path / "out" / f"{spec.name}.parquet")
        assert [words.get(str(f.type), FieldType.STRING) for f in schema] == [f.type for f in spec.fields]
    described = json.loads((tmp_path / "out" / "datapackage.json").read_text(encoding="utf-8"))
    assert described["profile"] == "data-package"
    assert [file.path.name for file in report.files] == [
        *(f"{spec.name}.parquet" for spec in TABLES), "datapackage.json", "codebook.md",
    ]  # fmt: skip


def test_every_column_of_the_results_is_explained(findings: Findings) -> None:
    """Whoever adds a column says in ``analyst/export/results.py`` what it means; what is gone is gone there, too."""
    tables = result_tables(findings)
    assert set(tables) == set(RESULTS)
    for name, (header, _) in tables.items():
        fields = [RESULTS[name].field_of(column) for column in header]
        order = list(dict.fromkeys(field.name if field else "" for field in fields))
        assert order == [field.name for field in RESULTS[name].fields], name


def test_the_cells_of_the_results_are_as_explained(findings: Findings) -> None:
    kinds: dict[FieldType, tuple[type, ...]] = {FieldType.INTEGER: (int,), FieldType.NUMBER: (float, int)}
    for name, (header, table) in result_tables(findings).items():
        spec = RESULTS[name]
        assert len({tuple(row[column] for column in spec.key) for row in table}) == len(table), name
        for column in header:
            field = spec.field_of(column)
            assert field is not None
            for row in table:
                value = row[column]
                if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
                    assert field.missing, f"{name}.{column}"
                    continue
                assert isinstance(value, kinds.get(field.type, (str,))), f"{name}.{column}"
                if isinstance(value, int | float):
                    least, most = field.low, field.high
                    assert (-math.inf if least is None else least) <= value <= (math.inf if most is None else most)
                else:
                    assert value in (field.words or (value,)), f"{name}.{column}"


# A new folder, whole or not at all ----------------------------------------------------------------------------------


def test_a_folder_that_is_not_empty_is_refused(study: Study, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        export_study(study, tmp_path / "out", today=TODAY)
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "mine.txt"]


def test_what_fails_leaves_no_trace_and_an_empty_folder_is_taken(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no draw 9"):
        export_study(study, tmp_path / "out", draws=[9], today=TODAY)
    folder = PartyFolder.create(tmp_path / "analyst", "analyst")
    folder.ledger.mkdir()  # so that the ledger cannot be written
    with pytest.raises(Exception, match="ledger"):
        export_study(study, tmp_path / "out", folder=folder, today=TODAY)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["analyst"]
    (tmp_path / "out").mkdir()
    export_study(study, tmp_path / "out", today=TODAY)
    assert (tmp_path / "out" / "people.csv").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["analyst", "out"]


def test_what_a_killed_export_left_is_removed_and_a_running_one_is_left(study: Study, tmp_path: Path) -> None:
    killed, running = tmp_path / ".out-00.part", tmp_path / ".out-11.part"
    for left in (killed, running):
        left.mkdir()
        (left / "people.csv").write_text("draw,person\n")
    with locked(running):
        export_study(study, tmp_path / "out", today=TODAY)
    assert not killed.exists() and not lock_file(killed).exists()
    assert (running / "people.csv").is_file()


@pytest.mark.skipif(os.name == "nt", reason="mode bits are POSIX")
def test_files_are_for_their_owner_only(exported: Path) -> None:
    assert exported.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in exported.iterdir())


def test_the_ledger_tells_of_the_export(study: Study, tmp_path: Path) -> None:
    folder = PartyFolder.create(tmp_path / "analyst", "analyst")
    export_study(study, tmp_path / "out", folder=folder, draws=(BEST, 0), today=TODAY)
    (entry,) = verify(folder.ledger).entries
    descriptor = (tmp_path / "out" / "datapackage.json").read_bytes()
    assert (entry.act, entry.who, entry.agreement_id) == (Act.EXPORTED, "analyst", agreement_id(study.agreement))
    assert entry.file_sha384 == hashlib.sha384(descriptor).hexdigest()
    assert entry.counts["people"] == 120 == len(rows(tmp_path / "out" / "people.csv"))


def test_nothing_is_exported_after_the_agreement_expired(study: Study, tmp_path: Path) -> None:
    with pytest.raises(AgreementForbids, match="expired on 2027-12-31"):
        export_study(study, tmp_path / "out", today=date(2028, 1, 1))
    assert not (tmp_path / "out").exists()
    export_study(study, tmp_path / "out", today=date(2027, 12, 31))


def test_a_folder_that_is_copied_elsewhere_is_warned_of(study: Study, tmp_path: Path) -> None:
    report = export_study(study, tmp_path / "Dropbox" / "out", today=TODAY)
    assert any("dropbox" in warning for warning in report.warnings)
    assert not any("dropbox" in w for w in export_study(study, tmp_path / "out", today=TODAY).warnings)
