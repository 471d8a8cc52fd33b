"""``rehearse`` and ``demo``: what they refuse, and that an interruption leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from juncture.rehearsal.city import City

from .running import Cli


def sources(city: City) -> tuple[Path, Path]:
    return city.police_source, city.clinic_source


def test_a_folder_that_is_not_empty_is_refused_and_not_touched(city: City, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine", encoding="utf-8")
    for words in (
        ["rehearse", *sources(city), "--agreement", city.agreement, "--out", tmp_path],
        ["demo", "--out", tmp_path],
    ):
        ended = cli(*words)
        assert (ended.code, ended.out) == (2, "")
        assert "is not empty" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_only_an_agreement_marked_rehearsal_is_audited(
    city: City, real_agreement: Path, cli: Cli, tmp_path: Path
) -> None:
    ended = cli("rehearse", *sources(city), "--agreement", real_agreement, "--out", tmp_path / "out", "--audit")
    assert (ended.code, ended.out) == (4, "")
    assert "rehearsal = true" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_bad_agreement_is_told_of_all_its_faults(city: City, cli: Cli, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    text = city.agreement.read_text(encoding="utf-8").replace("threshold = 11", "threshold = 1")
    bad.write_text(text.replace('time_zone = "America/New_York"', 'time_zone = "Nowhere"'), encoding="utf-8")
    ended = cli("rehearse", *sources(city), "--agreement", bad, "--out", tmp_path / "out")
    assert (ended.code, ended.out) == (3, "")
    assert "2 things to correct" in ended.err
    assert "disclosure.threshold" in ended.err
    assert "time_zone" in ended.err


def test_a_missing_source_is_usage(city: City, cli: Cli, tmp_path: Path) -> None:
    ended = cli("rehearse", city.police_source, "--agreement", city.agreement, "--out", tmp_path / "out")
    assert (ended.code, ended.out) == (2, "")
    assert "no source file of clinic" in ended.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind there")
def test_an_interrupted_rehearsal_ends_with_130_and_leaves_nothing(city: City, tmp_path: Path) -> None:
    words = ["rehearse", *sources(city), "--agreement", city.agreement, "--out", tmp_path / "out"]
    running = subprocess.Popen(
        [sys.executable, "-m", "juncture", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    assert "Committed to a share" in running.stderr.readline()
    time.sleep(0.5)
    os.kill(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert "Interrupted." in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
