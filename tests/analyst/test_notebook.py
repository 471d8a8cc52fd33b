"""A study in a notebook: what is shown, what can be computed from it, and the code of the how-to."""

from __future__ import annotations

import ast
import csv
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import altair
import numpy as np
import pyarrow as pa
import pytest

import juncture
from juncture.analyst import statistics
from juncture.analyst.findings import compute_findings, write_results
from juncture.analyst.notebook import OpenStudy
from juncture.analyst.notebook.charts import CHARTS
from juncture.analyst.notebook.findings import OpenFindings
from juncture.analyst.notebook.table import Table
from juncture.analyst.steps import round_seed
from juncture.analyst.study import Study, write_study
from juncture.base.errors import InputError, MachineError, UsageError
from juncture.base.folder import PartyFolder
from tests.analyst.unsure_world import JUNCTURE, unsure

ROOT = Path(__file__).resolve().parents[2]
HOW_TO = ROOT / "docs" / "how-to" / "study-in-a-notebook.md"


@pytest.fixture(scope="module")
def study() -> Study:
    return unsure(60, 5)


@pytest.fixture(scope="module")
def opened(study: Study, tmp_path_factory: pytest.TempPathFactory) -> OpenStudy:
    return juncture.open_study(write_study(study, tmp_path_factory.mktemp("study") / "study.duckdb"))


@pytest.fixture(scope="module")
def found(opened: OpenStudy) -> OpenFindings:
    told: list[tuple[str, int, int]] = []
    findings = opened.findings(seed=1, progress=lambda *step: told.append(step))
    assert ("Junctures", 1, 1) in told
    return findings


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    return done.stdout.decode().strip()


# Importing and opening ----------------------------------------------------------------------------------------------


def test_importing_the_package_loads_no_engine() -> None:
    engines = {"numpy", "scipy", "duckdb", "pyarrow", "altair", "pydantic", "cryptography", "click", "splink"}
    loaded = fresh("import juncture, sys; print(' '.join(sys.modules))")
    assert not engines & set(loaded.split())


def test_without_the_extra_the_error_says_what_to_install() -> None:
    code = """
import sys
sys.modules["duckdb"] = None
import juncture
from juncture.base.errors import MachineError
try:
    juncture.open_study("study.duckdb")
except MachineError as error:
    print(error)
"""
    # A module that is None in sys.modules is what an import that fails is taken for.
    told = fresh(code)
    assert "duckdb" in told and 'pip install "juncture[analyst]"' in told


def test_where_there_is_no_study_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no study here"):
        juncture.open_study(tmp_path / "study.duckdb")
    with pytest.raises(InputError, match="no study here"):
        juncture.open_study(tmp_path)


def test_a_study_that_another_program_has_open_is_not_called_broken(study: Study, tmp_path: Path) -> None:
    path = write_study(study, tmp_path / "study.duckdb")
    code = f"import duckdb; con = duckdb.connect({str(path)!r}); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None and other.stdout is not None
        other.stdout.readline()
        with pytest.raises(MachineError) as caught:
            juncture.open_study(path)
        other.stdin.close()
    assert "unlock" not in str(caught.value)
    assert juncture.open_study(path).people is not None


def test_a_folder_is_opened_like_its_file(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path / "study.duckdb")
    assert repr(juncture.open_study(tmp_path)) == repr(juncture.open_study(str(tmp_path / "study.duckdb")))


# Tables -------------------------------------------------------------------------------------------------------------


def test_the_study_shows_what_it_holds(opened: OpenStudy) -> None:
    """By hand: 60 lives of 700 days, 40 of them women, 4 draws that all differ, one declared juncture."""
    told = repr(opened)
    assert "made-up-town, round 1 (internal, unsuppressed)" in told
    assert re.search(r"people +60: 40 women, 20 men, 0 neither or not known", told)
    assert re.search(r"follow-up +700 days, the median person", told)
    assert re.search(r"matchings +4 drawn \(M\), 4 of them distinct", told)
    assert re.search(r"not usable +nothing", told)
    contacts = sum(len(t.contacts) for _, t in opened.study.best_timelines())
    assert f"{contacts:,} under the best matching" in told and len(opened.contacts) == contacts


def test_each_draw_has_its_own_tables(opened: OpenStudy) -> None:
    assert [m.draw for m in opened.draws] == [0, 1, 2, 3]
    told = {tuple(m.contacts["start_day"]) for m in opened.draws}
    assert len(told) == 4
    for matching, numbers in zip(opened.draws, opened.study.in_draw, strict=True):
        chosen = [opened.study.timelines[n] for n in numbers if n >= 0]
        assert len(matching.people) == len(chosen) == 60
        assert len(matching.contacts) == sum(len(t.contacts) for t in chosen)
        assert len(matching.crises) == sum(len(t.crises) for t in chosen)
        assert set(matching.links["draw"]) == {matching.draw}
    assert repr(opened.draws[2]) == "Draw 2 of a study: 60 people (internal, unsuppressed)"
    assert set(opened.people["draw"]) == {-1}


def test_an_unknown_juncture_is_refused_with_those_declared(opened: OpenStudy) -> None:
    assert len(opened.openings(JUNCTURE)) == len(opened.openings())
    with pytest.raises(UsageError, match="Declared are: " + JUNCTURE):
        opened.openings("follow_up")


def table(rows: int = 3) -> Table:
    data = {
        "name": ["<b>one</b>", None, "a long word " * 9, *["more"] * (rows - 3)],
        "number": [1.5, float("nan"), 12345.678, *[0.1] * (rows - 3)],
        "count": [1, None, 3, *[4] * (rows - 3)],
        "yes": [True, False, None, *[True] * (rows - 3)],
    }
    return Table(pa.table(data), "A title")


def test_a_table_is_readable_as_text() -> None:
    assert repr(table()).splitlines() == [
        "A title: 3 rows (internal, unsuppressed)",
        "name                                        number  count  yes",
        "<b>one</b>                                     1.5      1  yes",
        "                                                           no",
        "a long word a long word a long word a...  12,345.7      3",
    ]
    assert repr(table(13)).splitlines()[-1] == "... and 3 more"
    assert len(repr(table(13)).splitlines()) == 13
    assert repr(table().select("count").where(count=3)) == "A title: 1 row (internal, unsuppressed)\ncount\n    3"


def test_columns_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    lines = repr(table()).splitlines()
    assert lines[-1] == "and the columns count, yes"
    assert all(len(line) <= 50 for line in lines)


class Tags(HTMLParser):
    """The tags of a page with their attributes; raises where one is not closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_table_is_accessible_as_html(opened: OpenStudy, found: OpenFindings) -> None:
    shown = [table(13)._repr_html_(), opened._repr_html_(), opened.people._repr_html_(), found._repr_html_()]
    shown += [one._repr_html_() for one in found.tables.values()]
    for text in shown:
        tags = Tags(text).seen
        assert [tag for tag, _ in tags if tag in ("table", "caption")] == ["table", "caption"]
        heads = [attributes for tag, attributes in tags if tag == "th"]
        assert heads and all(attributes.get("scope") in ("row", "col") for attributes in heads)
        assert not {"script", "link", "img", "style"} & {tag for tag, _ in tags}
        assert "unsuppressed" in text
    assert "&lt;b&gt;one&lt;/b&gt;" in shown[0] and "<b>" not in shown[0]
    assert "13 rows; the first 10 are shown" in shown[0]


def test_columns_are_arrays_and_rows_are_dicts(opened: OpenStudy) -> None:
    people = opened.people
    assert people["stop_day"].dtype == np.float64 and people["stop_day"].sum() == 700 * 60
    assert len(list(people)) == len(people) == people.to_arrow().num_rows == 60
    assert next(iter(people))["study_id"] == opened.study.people[0].study_id
    openings = opened.openings()
    assert np.isnan(openings["days"]).sum() == (openings["fate"] != "evaluable").sum() > 0
    with pytest.raises(UsageError, match="no column day"):
        openings["day"]
    with pytest.raises(UsageError, match="no column stratum"):
        openings.where(stratum="all")


def test_the_codebook_is_shown_to_its_end(opened: OpenStudy) -> None:
    codebook = opened.openings().codebook
    assert list(codebook["column"]) == list(opened.openings().columns)
    assert all(codebook["meaning"])
    assert "..." not in repr(codebook.select("column", "meaning"))
    assert len(repr(codebook.select("column")).splitlines()) == 2 + len(codebook)


def test_pandas_is_at_the_edge(opened: OpenStudy) -> None:
    if find_spec("pandas") is None:
        with pytest.raises(MachineError, match="pandas, which is not installed"):
            opened.people.to_pandas()
    else:
        assert list(opened.people.to_pandas().columns) == list(opened.people.columns)


# Findings -----------------------------------------------------------------------------------------------------------


def test_findings_are_the_files_of_results(opened: OpenStudy, found: OpenFindings, tmp_path: Path) -> None:
    """Every file there is a table here, cell by cell, whoever adds one."""
    paths = write_results(compute_findings(opened.study, seed=1), tmp_path)
    assert sorted(found.tables) == [path.stem for path in paths]
    for path in paths:
        shown = getattr(found, path.stem)
        lines = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
        assert len(shown) == len(lines) and path.stem in dir(found)
        for row, line in zip(shown, lines, strict=True):
            assert list(row) == list(line)
            for column, cell in line.items():
                if cell == "":
                    assert row[column] in (None, ""), f"{path.stem}.{column}"
                elif isinstance(row[column], str):
                    assert row[column] == cell
                else:
                    assert row[column] == pytest.approx(float(cell), rel=1e-9)


def test_an_attribute_that_is_no_table_names_those_there_are(found: OpenFindings) -> None:
    with pytest.raises(AttributeError, match=r"no table verdicts of results; there are cohort, .*junctures"):
        _ = found.verdicts
    assert "seed 1" in repr(found) and "junctures" in repr(found)


def test_a_lone_file_needs_a_seed_and_the_working_folder_has_one(
    study: Study, found: OpenFindings, tmp_path: Path
) -> None:
    folder = PartyFolder.create(tmp_path / "analyst", "analyst")
    write_study(study, folder.root / "study.duckdb")
    seed = round_seed(folder, study.round)
    # What an audit found lies in the folder, too, and is used as `juncture analyst findings` does.
    (folder.root / "completeness.toml").write_text("[clinic.all]\nfound = 36\nchecked = 40\n")
    in_folder = juncture.open_study(folder.root).findings()
    assert in_folder.seed == seed
    (q,) = in_folder.linkage_sensitivity.where(stratum="all")["q"]
    assert q < found.linkage_sensitivity.where(stratum="all")["q"][0] - 0.05
    write_study(study, tmp_path / "alone.duckdb")
    with pytest.raises(UsageError, match="seed"):
        juncture.open_study(tmp_path / "alone.duckdb").findings()


@pytest.mark.parametrize("name", list(CHARTS))
def test_charts_are_altair_objects_that_say_they_are_internal(found: OpenFindings, name: str) -> None:
    chart = found.chart(name)
    assert isinstance(chart, altair.LayerChart)
    spec = chart.to_dict()
    assert "Internal, unsuppressed" in spec["title"]["subtitle"]
    # What a notebook shows is a picture with the note in it, and no script.
    (shown,) = chart._repr_mimebundle_().items()
    assert shown[0] == "image/svg+xml" and "Internal, unsuppressed" in shown[1]
    assert "<script" not in shown[1] and "https://" not in shown[1].replace("https://www.w3.org", "")
    # Another title or size makes no other kind of chart.
    assert "image/svg+xml" in chart.properties(height=100)._repr_mimebundle_()
    assert not any(person in json.dumps(spec) for person in found.cohort["study_id"])


def test_the_chart_of_ratios_has_the_figures_of_the_table(found: OpenFindings) -> None:
    values = [
        row
        for layer in found.chart("junctures").to_dict()["layer"]
        for row in layer["data"]["values"]
        if row.get("stratum") == "all"
    ]
    (row,) = found.junctures.where(stratum="all")
    told = (row["hazard_ratio"], row["hazard_low"], row["hazard_high"])
    assert values and all((v["ratio"], v["low"], v["high"]) == told for v in values)


def test_a_chart_of_nothing_and_of_what_lies_beyond_its_ends_is_drawn() -> None:
    from juncture.analyst.notebook.charts import draw

    nothing: dict[str, Any] = {"hazard_ratio": None, "hazard_low": None, "hazard_high": None}
    beyond = {"hazard_ratio": 3.0, "hazard_low": 0.001, "hazard_high": 9000.0}
    far = {"hazard_ratio": 1e5, "hazard_low": None, "hazard_high": None}
    for rows in ([], [nothing], [nothing, beyond, far]):
        told = [{"juncture": "one", "stratum": s, **r} for s, r in zip(("all", "women", "men"), rows, strict=False)]
        assert "image/svg+xml" in draw("junctures", told)._repr_mimebundle_()
    for name in CHARTS:
        assert "image/svg+xml" in draw(name, [])._repr_mimebundle_()


def test_an_unknown_chart_is_refused_with_those_there_are(found: OpenFindings) -> None:
    with pytest.raises(UsageError, match="There are: junctures, gender, mcf"):
        found.chart("timeline")


# The namespace of methods, and the how-to ---------------------------------------------------------------------------


def test_every_method_of_the_namespace_is_there_and_documented() -> None:
    assert sorted(statistics.__all__) == list(statistics.__all__)
    for name in statistics.__all__:
        assert getattr(statistics, name).__doc__, name


def test_the_code_of_the_how_to_runs(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block in its order, in one notebook; what stands alone on a line is shown. The combined effect is the
    finding's."""
    monkeypatch.chdir(tmp_path)
    write_study(study, tmp_path / "study.duckdb")
    blocks = re.findall(r"^```python\n(.*?)^```$", HOW_TO.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 6
    names: dict[str, Any] = {}
    for block in blocks:
        for statement in ast.parse(block).body:
            if isinstance(statement, ast.Expr):
                value = eval(compile(ast.Expression(statement.value), str(HOW_TO), "eval"), names)
                assert repr(value)
            else:
                exec(compile(ast.Module([statement], []), str(HOW_TO), "exec"), names)
    (row,) = names["findings"].junctures.where(stratum="all")
    combined = names["combined"]
    told = (row["hazard_ratio"], row["hazard_low"], row["hazard_high"])
    assert told == pytest.approx(tuple(math.exp(v) for v in (combined.estimate, combined.low, combined.high)), rel=1e-9)
    assert (tmp_path / "for-R" / "datapackage.json").is_file()
