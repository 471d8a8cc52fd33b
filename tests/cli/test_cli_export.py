"""``juncture analyst export``: what it writes, what it says, what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from juncture.analyst.export.specs import TABLES
from juncture.analyst.study import write_study
from juncture.base.folder import PartyFolder
from juncture.exchange.ledger import Act, verify
from tests.analyst.unsure_world import unsure

from .running import Cli


@pytest.fixture
def folder(tmp_path: Path) -> PartyFolder:
    """The analyst's working folder with a study of 12 people."""
    folder = PartyFolder.create(tmp_path / "analyst", "analyst")
    write_study(unsure(12, 3, draws=3), folder.root / "study.duckdb")
    return folder


def draws(out: Path) -> list[str]:
    with (out / "people.csv").open(encoding="utf-8", newline="") as handle:
        return sorted({row["draw"] for row in csv.DictReader(handle)})


@pytest.mark.parametrize(
    ("wanted", "expected"), [([], ["-1"]), (["--draw", "2"], ["2"]), (["--draw", "all"], ["0", "1", "2"])]
)
def test_the_draws_asked_for_are_written(
    folder: PartyFolder, tmp_path: Path, cli: Cli, wanted: list[str], expected: list[str]
) -> None:
    out = tmp_path / "out"
    done = cli("-C", folder.root, "analyst", "export", out, *wanted)
    assert done.code == 0, done.err
    names = [*(f"{spec.name}.csv" for spec in TABLES), "datapackage.json", "codebook.md"]
    assert done.out.splitlines() == [str(out / name) for name in names]
    assert "Warning: Internal, unsuppressed" in done.err and "rows of contacts" in done.err
    assert draws(out) == expected
    assert [entry.act for entry in verify(folder.ledger).entries] == [Act.EXPORTED]


def test_parquet_may_be_asked_for(folder: PartyFolder, tmp_path: Path, cli: Cli) -> None:
    assert cli("-C", folder.root, "analyst", "export", tmp_path / "out", "--format", "parquet").code == 0
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()).count(".parquet") == len(TABLES)


@pytest.mark.parametrize("draw", ["3", "-1", "first", "1.5", "²"])
def test_a_draw_that_there_is_not_is_a_mistake_of_use(folder: PartyFolder, tmp_path: Path, cli: Cli, draw: str) -> None:
    done = cli("-C", folder.root, "analyst", "export", tmp_path / "out", f"--draw={draw}")
    assert (done.code, done.out) == (2, "")
    assert "0 to 2" in done.err and not (tmp_path / "out").exists()
    assert not folder.ledger.exists()


def test_a_folder_that_is_not_empty_is_refused(folder: PartyFolder, tmp_path: Path, cli: Cli) -> None:
    done = cli("-C", folder.root, "analyst", "export", folder.root)
    assert (done.code, done.out) == (2, "") and "is not empty" in done.err
    done = cli("-C", folder.root, "analyst", "export", folder.root / "study.duckdb")
    assert (done.code, done.out) == (2, "") and "study.duckdb is a file" in done.err


def test_where_there_is_no_study_the_input_is_missing(tmp_path: Path, cli: Cli) -> None:
    PartyFolder.create(tmp_path / "analyst", "analyst")
    done = cli("-C", tmp_path / "analyst", "analyst", "export", tmp_path / "out")
    assert done.code == 3 and "juncture analyst unlock" in done.err
    assert cli("-C", tmp_path, "analyst", "export", tmp_path / "out").code == 2
