"""Falls beside the falls to be expected, from timelines and counts of everyone whose answers are known by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from juncture.agreement.vocabulary import BAND_LABELS
from juncture.analyst.findings import expected_fall as falls
from juncture.analyst.findings.compute import compute_findings
from juncture.analyst.findings.everyone import everyone_rows
from juncture.analyst.findings.expected_fall import expected_falls
from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import ExpectedFallFinding, Stratum
from juncture.analyst.proposal import proposal
from juncture.analyst.study import Study
from juncture.analyst.study.duckdb_file import open_study, write_study
from juncture.analyst.study.model import Everyone
from juncture.checker.disclosure import control
from juncture.formats.release import BandTotals, HistogramRow
from tests.analyst.study_world import At, one_file_each, world

DAY = 24
#: Days of the follow-up clock: before the washout year, in it, in the follow-up.
EARLY, WASHOUT, LATER = (-600, -590, -580, -570), (-200, -190), (100, 110)
#: Observed are days -700 to 699; the last four weeks before 0 may be follow-up already.
YEARS_BEFORE, YEARS_WASHOUT, YEARS_AFTER = 672 / 365.25, 1.0 * 365 / 365.25, 700 / 365.25


def member(i: int, sex: str = "female", early: int = 4, washout: int = 2, later: int = 2) -> object:
    """Somebody with so many police contacts in each part; two clinic contacts early, so that the rule is met early."""
    days = [*EARLY[:early], *WASHOUT[:washout], *LATER[:later]]
    seen = [At((d + i % 5) * DAY, "police.incident") for d in days]
    return one_file_each([*seen, At(-500 * DAY, "clinic.outpatient"), At(-499 * DAY, "clinic.outpatient")], sex)


def told(sex: str = "female", *, people: int = 400, top: int | None = 3000) -> Everyone:
    """An agency whose people with 1 and 5-9 contacts (on average 6) later had .5 and 3 on average."""
    rows = {
        "1": (people, people, people // 2, people),
        "5-9": (people, 6 * people, 3 * people, 15 * people),
        "10+": (None, None, None, None) if top is None else (200, top, top // 2, top * 10),
    }
    histogram = tuple(HistogramRow(sex, a, b, 20 if a == "1" else None) for a in BAND_LABELS for b in BAND_LABELS)
    return Everyone(histogram, tuple(BandTotals(sex, band, *row) for band, row in rows.items()))


def study_of(members: list[object], everyone: dict[str, Everyone] | None = None, eligible: int = 0) -> Study:
    made = world(members).study()  # type: ignore[arg-type]
    report = replace(made.report, eligible=eligible or len(members))
    return replace(made, report=report, everyone={"police": told()} if everyone is None else everyone)


def found(study: Study, agency: str = "police", stratum: Stratum = Stratum.ALL) -> ExpectedFallFinding:
    rows = expected_falls(study, Matchings.of(study))
    return next(r for r in rows if r.agency == agency and r.stratum is stratum)


def test_observed_expected_and_lagged_by_hand() -> None:
    row = found(study_of([member(i) for i in range(30)]))
    assert row.people == row.people_lagged == 30
    assert falls.BOTH in row.notes  # the rule asks for clinic contacts, too
    assert row.before == pytest.approx(6 / YEARS_BEFORE) and row.after == pytest.approx(2 / YEARS_AFTER)
    assert row.observed.value == pytest.approx(1 - (2 / YEARS_AFTER) / (6 / YEARS_BEFORE))
    # Six contacts in 672 of 731 days are 6.5 in the whole window; the line goes from (6, 3) to (15, 7.5).
    whole = 6 * 731 / 672
    later = 3 + 4.5 * (whole - 6) / 9
    assert row.expected.value == pytest.approx(1 - (later / 730) / (whole / 731))
    assert row.lagged.value == pytest.approx(1 - (2 / YEARS_WASHOUT) / (6 / YEARS_BEFORE))
    assert row.since_washout.value == pytest.approx(1 - (2 / YEARS_AFTER) / (2 / YEARS_WASHOUT))
    # People are all alike, so only the counts of everyone are uncertain.
    assert row.expected.low < row.expected.value < row.expected.high
    assert row.observed.high - row.observed.low == pytest.approx(0, abs=1e-9)


def test_the_two_ways_are_held_against_each_other() -> None:
    alike = found(study_of([member(i, early=4, washout=2) for i in range(30)]))
    assert abs(alike.expected.value - alike.lagged.value) > 0.1 and falls.DISAGREE in alike.notes
    # Expected .5; with 3 early and 1.5 in the washout year, 1.5 a year of 2.45 before: .39 is not .5, 1.25 is.
    members = [member(i, early=4, washout=1 + i % 2) for i in range(40)]
    near = found(study_of(members))
    assert abs(near.expected.value - near.lagged.value) <= 0.1 and falls.DISAGREE not in near.notes
    assert near.lagged.low < near.lagged.value < near.lagged.high


def test_a_fall_is_refused_without_one_to_expect() -> None:
    members = [member(i) for i in range(30)]
    assert expected_falls(study_of(members, {}), Matchings.of(study_of(members, {}))) == ()
    # The clinic tells nothing; nobody met the rule early at the police but in the year before the follow-up.
    late = [one_file_each([*(At(d * DAY, "police.incident") for d in (-90, -85, -80, -75, -70, 50)),
                           At(-60 * DAY, "clinic.outpatient"), At(-59 * DAY, "clinic.outpatient"),
                           At(60 * DAY, "clinic.outpatient")]) for _ in range(30)]  # fmt: skip
    row = found(study_of(late), "clinic")
    assert math.isnan(row.observed.value) and math.isnan(row.before) and math.isnan(row.lagged.value)
    assert {falls.NOT_TOLD, falls.NO_SECOND} <= set(row.notes)
    assert found(study_of(late)).observed.value > 0  # the police tell


def test_hidden_bands_and_few_people_refuse() -> None:
    many = [member(i, early=4, washout=2) for i in range(30)]
    hidden = replace(told(), totals=tuple(t for t in told().totals if t.selection != "5-9"))
    row = found(study_of(many, {"police": hidden}))
    assert math.isnan(row.expected.value) and falls.NOT_TOLD in row.notes
    assert np.isfinite(row.observed.value)  # the second way stands beside it
    few = found(study_of([member(i) for i in range(19)]))
    assert few.notes == (falls.TOO_FEW,) and math.isnan(few.observed.value) and few.people == 19


def test_women_and_men_have_their_own_counts() -> None:
    members = [member(i, "female" if i < 25 else "male") for i in range(50)]
    both = Everyone(told().histogram, (*told().totals, *told("male", people=40, top=None).totals))
    study = study_of(members, {"police": both})
    women, men, everybody = (found(study, stratum=s) for s in (Stratum.WOMEN, Stratum.MEN, Stratum.ALL))
    assert (women.people, men.people, everybody.people) == (25, 25, 50)
    assert women.expected.high - women.expected.low < men.expected.high - men.expected.low
    # Everybody's band of 5-9: (400 x 6 + 40 x 6) / 440, and the same later, so the same line up to there.
    assert everybody.expected.value == pytest.approx(women.expected.value)
    assert falls.THEMSELVES in men.notes and falls.THEMSELVES not in women.notes


def test_means_of_rounded_sums_stay_in_their_bands() -> None:
    """12 people with 47 contacts and 13 with 66 are told as 10 with 45 and 15 with 65: means of 4.5 and of 4.33, which
    would fall from band to band. Oracle: by hand, the bands' edges."""
    rows = {"1": (400, 395, 200, 400), "3-4": (10, 45, 20, 60), "5-9": (15, 65, 30, 90)}
    few = Everyone(told().histogram, tuple(BandTotals("female", band, *row) for band, row in rows.items()))
    told_of = falls.told_bands(few, Stratum.WOMEN, 5)
    assert told_of is not None
    assert told_of[0] == (1, 3, 4) and told_of[1].before.tolist() == [1.0, 4.0, 5.0]
    found(study_of([member(i) for i in range(30)], {"police": few}))


def test_the_quota_is_told_of() -> None:
    assert falls.QUOTA in found(study_of([member(i) for i in range(30)], eligible=45)).notes
    assert falls.QUOTA not in found(study_of([member(i) for i in range(30)])).notes


def test_crises_have_the_second_way_alone() -> None:
    def calls(i: int) -> object:
        hours = [(d + i % 3) * DAY for d in (*EARLY, *WASHOUT, *LATER)]
        return one_file_each([*(At(h, "police.crisis_call") for h in hours), At(-500 * DAY, "clinic.outpatient"),
                              At(-499 * DAY, "clinic.outpatient")])  # fmt: skip

    row = found(study_of([calls(i) for i in range(25)]), falls.CRISES)
    assert math.isnan(row.expected.value) and falls.NO_CRISES in row.notes
    assert row.lagged.value == pytest.approx(1 - (2 / YEARS_WASHOUT) / (6 / YEARS_BEFORE))
    assert row.observed.value == pytest.approx(1 - (2 / YEARS_AFTER) / (6 / YEARS_BEFORE))


def test_everybody_by_sex_and_band() -> None:
    rows = {r.band: r for r in everyone_rows(study_of([member(0)]))}
    assert (rows["1"].people, rows["1"].before, rows["1"].after) == (400, 1, 0.5)
    assert rows["1"].none_after == pytest.approx(20 / 400) and math.isnan(rows["5-9"].none_after)
    assert rows["5-9"].at_least == pytest.approx(600 / 1000) and rows["10+"].after == 7.5


def test_a_study_keeps_the_counts_of_everyone(tmp_path: Path) -> None:
    study = study_of([member(i) for i in range(3)])
    path = write_study(study, tmp_path / "study.duckdb")
    assert open_study(path).everyone == study.everyone


def test_what_is_proposed() -> None:
    members = [member(i, "female" if i < 25 else "male", later=1 + i % 2) for i in range(50)]
    both = Everyone(
        told().histogram, (*told().totals, *told("male", top=None).totals, BandTotals("other", "1", *[None] * 4))
    )
    study = study_of(members, {"police": both})
    sent = {t.name: t for t in proposal(compute_findings(study, seed=1, resamples=4), study, 1).tables}
    columns = [c.name for c in sent["expected_fall"].columns]
    assert columns == ["agency", "title", "stratum", "people", "before", "after", "observed_fall", "observed_low",
                       "observed_high", "expected_fall", "expected_low", "expected_high", "lagged_fall", "lagged_low",
                       "lagged_high", "note"]  # fmt: skip
    released = control(sent["expected_fall"], threshold=11, round_to=5)
    rows = {(r["agency"], r["stratum"]): r for r in released.records()}
    assert rows["police", "all"]["people"] == 50 and rows["police", "all"]["title"] == "Contacts with Police"
    assert rows["police", "women"]["observed_fall"] is not None
    everybody = control(sent["everyone"], threshold=11, round_to=5).records()
    assert list(everybody[0]) == ["agency", "title", "sex", "band", "people"]
    assert {(r["sex"], r["band"]): r["people"] for r in everybody} == {
        ("women", "1"): 400, ("women", "5-9"): 400, ("women", "10+"): 200,
        ("men", "1"): 400, ("men", "5-9"): 400, ("men", "10+"): None,
    }  # fmt: skip


def test_everybodys_rates_are_not_told_beside_women_and_men_where_few_are_neither() -> None:
    """Oracle: (rate of all x people - women's - men's) is the few others'; women's and men's stand with the genders."""
    for others in (0, 3, 12):
        sexes = ["female"] * 25 + ["male"] * 25 + ["other"] * others
        study = study_of([member(i, sex, later=1 + i % 2) for i, sex in enumerate(sexes)])
        findings = compute_findings(study, seed=1, resamples=4, permutations=19)
        sent = {t.name: t for t in proposal(findings, study, 1).tables}["expected_fall"]
        names = [c.name for c in sent.columns]
        rows = [dict(zip(names, row.cells, strict=True)) for row in sent.rows]
        everybody = next(r for r in rows if (r["agency"], r["stratum"]) == ("police", "all"))
        assert everybody["observed_fall"] is not None
        assert (everybody["after"] is None, everybody["before"] is None) == (others == 3, others == 3)
