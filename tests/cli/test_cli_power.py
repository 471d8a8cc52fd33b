"""``juncture analyst power``."""

from __future__ import annotations

import csv
from pathlib import Path

from juncture.agreement.read import read_agreement
from juncture.analyst.power.design import days_seen

from .running import Cli

SMALL = ("--cohorts", "50", "--people", "40", "--women", "30", "--crises-per-year", "8")


def test_a_plan_needs_nothing_but_a_size(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "plan.csv"
    done = cli("-C", tmp_path, "analyst", "power", *SMALL, "--audited", "40", "--out", out)
    assert done.code == 0
    assert "A study of 40 people, 30 women and 10 men, each seen for 700 days." in done.out
    assert "With 40 people you will most likely see" in " ".join(done.out.split())
    assert max(map(len, done.out.splitlines())) < 80
    assert "Wrote plan.csv" in done.err
    with out.open(encoding="utf-8", newline="") as handle:
        rows = {(row["figure"], row["group"]): row for row in csv.DictReader(handle)}
    assert f"{float(rows['ratio_seen', 'all']['value']):.2f}" in done.out
    assert rows["ratio_seen", "men"]["value"] == ""
    assert ("audit_of_40_low", "all") in rows
    assert ("audit_of_80_low", "all") not in rows


def test_an_agreement_gives_the_defaults(cli: Cli, tmp_path: Path, real_agreement: Path) -> None:
    (tmp_path / "agreement.toml").write_bytes(real_agreement.read_bytes())
    terms = read_agreement(real_agreement)
    name = list(terms.juncture)[-1]
    arguments = ("analyst", "power", "--cohorts", "50", "--crises-per-year", "8", "--juncture", name)
    here = cli("-C", tmp_path, *arguments)
    elsewhere = cli("-C", tmp_path / "nowhere", *arguments, "--agreement", tmp_path / "agreement.toml")
    assert here.code == elsewhere.code == 0
    assert here.out == elsewhere.out
    assert f"A study of {terms.cohort.quota} people" in here.out
    assert f"each seen for {days_seen(terms)} days" in " ".join(here.out.split())
    assert f"the {terms.juncture[name].outcome.horizon_days} days after that" in " ".join(here.out.split())
    assert terms.juncture[name].title in here.err


def test_what_has_no_meaning_is_refused(cli: Cli, tmp_path: Path, real_agreement: Path) -> None:
    for wrong, sentence in (
        (("--people", "30", "--women", "40"), "more women than people"),
        (("--people", "1"), "1"),
        (("--missed", "1"), "between 0 and 1"),
        (("--crises-per-year", "0"), "0.1 to 100"),
        (("--days", "7"), "longer than the window"),
        (("--cohorts", "10"), "10"),
        (("--audited", "0"), "0"),
        (("--juncture", "nothing"), "there is no agreement here"),
        (("--juncture", "nothing", "--agreement", str(real_agreement)), "declares no juncture nothing"),
        (("--out", str(tmp_path / "no" / "plan.csv")), "no folder"),
    ):
        done = cli("-C", tmp_path, "analyst", "power", *wrong)
        assert done.code == 2, wrong
        assert sentence in " ".join(done.err.split()), wrong
        assert done.out == ""
