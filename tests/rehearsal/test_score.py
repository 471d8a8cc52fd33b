"""Scores of an audit. Oracles: every pair of records, one by one, and the scoring script kept beside the project."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from itertools import combinations, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juncture.base.errors import InputError
from juncture.rehearsal.score import PairScore, score_audit

Rows = list[tuple[str, ...]]


def write(path: Path, columns: tuple[str, ...], rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([columns, *rows])
    return path


def made_up(folder: Path, seed: int) -> tuple[Path, Path, Rows, Rows]:
    """A truth and an audit with every fault: splits, lumps, records that are nameless or missing."""
    draw = random.Random(seed)
    truth: Rows = []
    audit: Rows = []
    for number in range(60):
        agency, person = draw.choice(("clinic", "police")), draw.randrange(12)
        nameless = "1" if draw.random() < 0.1 else "0"
        truth.append((agency, f"r{number}", f"p{person}", ("female", "male")[person % 2], nameless))
        found = person if draw.random() < 0.8 else draw.randrange(12)
        if draw.random() < 0.95:
            blank = draw.random() < 0.05
            audit.append((agency, f"r{number}", "" if blank else f"{agency}-{found}", "", "" if blank else f"g{found}"))
    return (
        write(folder / "truth.csv", ("agency", "record_id", "true_person", "sex", "nameless"), truth),
        write(folder / "audit.csv", ("agency", "record_id", "person_ref", "study_id", "link_group"), audit),
        truth,
        audit,
    )


def slow_score(truth: Rows, audit: Rows, left: str, right: str, column: int) -> PairScore:
    """Look at every pair."""
    label = {(row[0], row[1]): row[column] or row[4] for row in audit}
    of = {agency: [row for row in truth if row[0] == agency and row[4] == "0"] for agency in (left, right)}
    pairs = combinations(of[left], 2) if left == right else product(of[left], of[right])
    true = found = both = 0
    for a, b in pairs:
        same = a[2] == b[2]
        groups = label.get((a[0], a[1])), label.get((b[0], b[1]))
        together = bool(groups[0]) and groups[0] == groups[1]
        true, found, both = true + same, found + together, both + (same and together)
    return PairScore(both / found if found else 1.0, both / true) if true else PairScore(None, None)


@given(seed=st.integers(0, 10_000))
def test_scores_equal_those_of_looking_at_every_pair(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    truth_file, audit_file, truth, audit = made_up(tmp_path_factory.mktemp("score"), seed)
    score = score_audit(truth_file, audit_file)
    assert score.within["police"] == slow_score(truth, audit, "police", "police", 2)
    assert score.within["clinic"] == slow_score(truth, audit, "clinic", "clinic", 2)
    assert score.across == slow_score(truth, audit, "clinic", "police", 4)
    women = [row for row in truth if row[3] == "female"]
    assert score.across_by_sex["female"] == slow_score(women, audit, "clinic", "police", 4)


def test_a_perfect_audit_scores_one(tmp_path: Path) -> None:
    truth: Rows = [("clinic", "1", "p", "female", "0"), ("police", "2", "p", "female", "0")]
    audit: Rows = [("clinic", "1", "c", "", "g"), ("police", "2", "q", "", "g")]
    score = score_audit(
        write(tmp_path / "t.csv", ("agency", "record_id", "true_person", "sex", "nameless"), truth),
        write(tmp_path / "a.csv", ("agency", "record_id", "person_ref", "study_id", "link_group"), audit),
    )
    assert score.across == PairScore(1.0, 1.0)
    assert score.across.f1 == 1.0
    assert score.within["clinic"].f1 is None


def test_a_truth_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ("agency",), [])
    with pytest.raises(InputError, match="record_id, true_person"):
        score_audit(path, path)


@pytest.mark.shared
def test_the_scoring_script_kept_beside_the_project_says_the_same(shared: Path, tmp_path: Path) -> None:
    truth_file, audit_file, _, _ = made_up(tmp_path, 5)
    script = shared / "tools" / "score_audit.py"
    said = subprocess.run([sys.executable, script, truth_file, audit_file], capture_output=True, text=True, check=True)
    theirs, ours = json.loads(said.stdout), score_audit(truth_file, audit_file)
    assert ours.across is not None
    for name, score in {**ours.within, "across": ours.across, "across_male": ours.across_by_sex["male"]}.items():
        assert theirs[name]["precision"] == pytest.approx(score.precision, abs=5e-5)
        assert theirs[name]["recall"] == pytest.approx(score.recall, abs=5e-5)
        assert theirs[name]["f1"] == pytest.approx(score.f1, abs=5e-5)
