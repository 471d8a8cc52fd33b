"""Women beside men in shares: what counts, what links can do to it, and nothing false claimed of tiny groups."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.agreement.vocabulary import Grain
from juncture.analyst.findings import compute_findings
from juncture.analyst.findings.by_sex import compare_sums
from juncture.analyst.findings.gender_shares import PREFIX, compare_shares
from juncture.analyst.findings.linkage import Linkage
from juncture.analyst.findings.matchings import Matchings
from juncture.analyst.findings.model import GenderFinding, Stratum
from juncture.analyst.proposal import proposal
from juncture.analyst.proposal.gender import SHARES
from juncture.analyst.statistics.misclassification import Chance
from juncture.analyst.study import Study
from juncture.analyst.study.duckdb_file import open_study, write_study
from juncture.formats.clock import day_number, shifted, weekday
from juncture.formats.cohort import QualityRow
from tests.analyst.study_world import At, Member, agreement, one_file_each, simulated, world

CALL, CO, ARREST, INCIDENT = "police.crisis_call", "police.co_response", "police.arrest", "police.incident"
EVALUATED, SEEN, FOLLOWED = "clinic.crisis_evaluation", "clinic.co_response", "clinic.follow_up"
SECTION, STAY = "clinic.section12", "clinic.inpatient_stay"


def shares(study: Study, completeness: dict[str, dict[Stratum, Chance]] | None = None) -> dict[str, GenderFinding]:
    found = compare_shares(study, Matchings.of(study), Linkage.of(study, completeness or {}), np.random.default_rng(1))
    return {f.measure.removeprefix(PREFIX): f for f in found}


def of_one_woman(told: list[At], name: str, start: int | None = None, grain: str = "six_hours") -> float:
    """The share of a woman beside whom a man has one crisis call."""
    members = [
        Member(one_file_each(told, "female").files, start=start),
        Member(one_file_each([At(0, CALL)], "male").files, start=start),
    ]
    return shares(world(members, agreement(grain=grain)).study())[name].women


def day(number: float) -> int:
    return int(number * 24)


@pytest.mark.parametrize(
    ("name", "told", "share"),
    [
        # Roles are those of contacts with the police; the clinic's do not count.
        (
            "role_victim",
            [
                At(0, INCIDENT, role="victim"),
                At(24, INCIDENT, role="suspect"),
                At(48, CALL),
                At(72, INCIDENT, role="witness"),
                At(96, FOLLOWED),
            ],
            1 / 4,
        ),
        ("role_suspect", [At(0, INCIDENT, role="suspect"), At(24, INCIDENT, role="victim")], 1 / 2),
        ("role_subject", [At(0, CALL), At(24, INCIDENT, role="suspect"), At(48, CALL, role=None)], 1 / 2),
        # Crises begin with the police where no clinician is there from the first.
        ("first_police", [At(0, CALL), At(6, EVALUATED), At(day(9), EVALUATED), At(day(9) + 6, CALL)], 1 / 2),
        ("first_police", [At(0, CO), At(day(9), CALL), At(day(20), CALL), At(day(20), EVALUATED)], 1 / 3),
        ("co_response", [At(0, CALL), At(6, SEEN), At(day(9), CALL)], 1 / 2),
        # 72 hours from the crisis's start, both ends included; not as a victim.
        ("crisis_to_arrest", [At(0, CALL), At(72, ARREST), At(day(9), CALL), At(day(9) + 78, ARREST)], 1 / 2),
        ("crisis_to_arrest", [At(0, CALL), At(0, ARREST), At(day(9), CALL), At(day(10), ARREST, role="victim")], 1 / 2),
        ("crisis_to_arrest", [At(6, CALL), At(0, ARREST)], 0.0),
        ("crisis_to_hospital", [At(0, CALL), At(24, SECTION), At(day(9), CALL), At(day(10), STAY, day(12))], 1.0),
        ("crisis_to_hospital", [At(0, CALL), At(24, FOLLOWED), At(day(20), CALL), At(day(20), SECTION)], 1 / 2),
        # Seven days from the crisis's end: an episode of a day, a follow-up eight days after it began.
        ("crisis_to_follow_up", [At(0, CALL), At(18, CALL), At(day(7) + 18, FOLLOWED)], 1.0),
        ("crisis_to_follow_up", [At(0, CALL), At(18, CALL), At(day(8), FOLLOWED)], 0.0),
        ("crisis_to_follow_up", [At(0, CALL), At(0, FOLLOWED)], 0.0),
        # What could no longer be seen does not count: 700 days are observed.
        ("crisis_to_arrest", [At(0, CALL), At(24, ARREST), At(day(698), CALL)], 1.0),
        ("crisis_to_follow_up", [At(0, CALL), At(24, FOLLOWED), At(day(694), CALL)], 1.0),
        ("night", [At(0, CALL), At(day(9) + 6, CALL), At(day(20) + 18, CALL), At(day(30), CALL)], 1 / 2),
        # Before the follow-up and in an institution nothing counts.
        ("night", [At(-24, CALL), At(6, CALL), At(day(9), STAY, day(20)), At(day(12), CALL)], 0.0),
    ],
)
def test_what_a_share_holds(name: str, told: list[At], share: float) -> None:
    assert of_one_woman(told, name) == pytest.approx(share)


def test_day_0_has_the_weekday_of_the_true_day() -> None:
    """Oracle: the calendar. Shifts are whole weeks, so a day that is told has its true weekday."""
    first = date(2014, 1, 1)
    assert (first.weekday(), weekday(day_number(first))) == (2, 2)
    for offset in (0, 7 * 5199, 7 * 123):
        assert weekday(shifted(day_number(first), offset)) == 2
    # Day 0 is a Wednesday; day 3 is a Saturday, day 5 a Monday.
    start = day_number(first)
    assert of_one_woman([At(day(3), CALL), At(day(5), CALL)], "weekend", start) == 1 / 2
    assert of_one_woman([At(day(3) + 18, CALL), At(day(11), CALL)], "weekend", start) == 1.0
    told = world([Member(one_file_each([], None).files, start=start + 5)]).study()
    assert told.people[0].weekday == 0


def test_the_weekday_is_in_the_study_file(tmp_path) -> None:
    study = simulated(5, 1.0, 1).study()
    assert open_study(write_study(study, tmp_path / "study.duckdb")).people == study.people
    assert len({p.weekday for p in study.people}) > 1


def test_times_are_asked_only_where_they_were_told_so_finely() -> None:
    def named(grain: Grain, roles: bool = True) -> set[str]:
        study = world([one_file_each([At(0, CALL)], "female")]).study()
        release = study.agreement.release
        told = {"start": release.start.model_copy(update={"grain": grain})} | ({} if roles else {"role": None})
        terms = study.agreement.model_copy(update={"release": release.model_copy(update=told)})
        return set(shares(replace(study, agreement=terms)))

    every = named(Grain.SIX_HOURS)
    assert every == set(SHARES)
    assert every - named(Grain.DAY) == {"night"}
    assert named(Grain.WEEK) == {"role_victim", "role_suspect", "role_subject", "first_police", "co_response"}
    assert every - named(Grain.SIX_HOURS, roles=False) == {"role_victim", "role_suspect", "role_subject"}


def test_a_share_is_of_the_group_and_counts_its_people() -> None:
    """Oracle: people written down. Those neither female nor male are in neither group, and change nothing."""

    def caller(nights: int, days: int, sex: str | None):
        crises = [At(day(10 * i), CALL) for i in range(nights)] + [At(day(10 * i) + 2412, CALL) for i in range(days)]
        return one_file_each(crises, sex)

    members = [caller(3, 1, "female"), caller(0, 4, "female"), caller(1, 0, "male"), caller(1, 2, "male")]
    members += [caller(0, 0, "female"), caller(0, 0, "male")]
    found = shares(world(members).study())["night"]
    assert (found.women, found.men, found.ratio.value) == (3 / 8, 2 / 4, pytest.approx(0.75))
    # With a crisis at night, and with one at another time.
    assert (found.people_women, found.people_men, found.people_with) == (2, 2, (1, 2, 2, 1))
    assert found.largest_share == 3 / 5
    other = [caller(2, 2, "other"), caller(2, 2, None)]
    assert repr(shares(world([*members, *other]).study())["night"]) == repr(found)


def test_where_nobody_differs_there_is_no_interval() -> None:
    """Oracle: ten women with all of it are no proof that the eleventh has all of it."""
    members = [one_file_each([At(0, CALL), At(day(9), CALL)], s) for s in ["female"] * 10]
    members += [one_file_each([At(0, CALL), At(day(9) + 12 * (i % 2), CALL)], "male") for i in range(10)]
    found = shares(world(members).study())["night"]
    assert (found.women, found.men) == (1.0, 0.75)
    assert np.isnan([found.ratio.low, found.ratio.high, found.link_low]).all()
    assert found.ratio.p_value < 0.05


def matching_of(groups: list[int]) -> Matchings:
    people = np.arange(len(groups))
    return Matchings(people[None], np.zeros(4, dtype=np.int64), np.array(groups, dtype=np.int64))


@pytest.mark.parametrize(("women", "men"), [(2, 9), (3, 5), (4, 12)])
def test_tiny_groups_that_are_alike_are_not_told_apart(women: int, men: int) -> None:
    """Truth: everybody is alike but for a share of their own (beta 1, 2) and how many crises they have. At most 5 % of
    500 such worlds may have p <= .05: 36 is the 99th percentile of so many at exactly 5 %."""
    rng = np.random.default_rng(3)
    few = matching_of([0] * women + [1] * men)
    claimed = 0
    for _ in range(500):
        crises = rng.geometric(0.25, women + men)
        part = rng.binomial(crises, rng.beta(1, 2, women + men))
        found = compare_sums("night", part.astype(float), crises.astype(float), few, rng)
        claimed += found.ratio.p_value <= 0.05
    assert claimed <= 36


def test_a_difference_of_shares_is_found_and_its_interval_holds_it() -> None:
    """Truth: 60 % of women's crises and 30 % of men's, each person's own share around it (beta of 10)."""
    rng = np.random.default_rng(7)
    groups = [0] * 50 + [1] * 50
    held = claimed = 0
    for _ in range(100):
        crises = rng.geometric(0.2, 100)
        mean = np.where(np.array(groups) == 0, 0.6, 0.3)
        part = rng.binomial(crises, rng.beta(10 * mean, 10 * (1 - mean)))
        found = compare_sums("night", part.astype(float), crises.astype(float), matching_of(groups), rng)
        held += found.ratio.low < 2 < found.ratio.high
        claimed += found.ratio.p_value <= 0.05
    # 89 is the first percentile of 100 draws at 95 %.
    assert held >= 89 and claimed >= 95


def quality(*rows: tuple[str, str, float, float, float]) -> tuple[QualityRow, ...]:
    return tuple(QualityRow(*row) for row in rows)


RECALL = quality(("expected_recall", "0", 0.8, 0.7, 0.9), ("expected_recall", "1", 0.95, 0.9, 1.0))


def two_sexes(told: list[list[At]], rows: tuple[QualityRow, ...] = RECALL) -> Study:
    """Women and men whose lives are ``told`` in turn, women more often lost."""
    members = [replace(one_file_each(t, sex), sex_class=c) for t in told for c, sex in ((0, "female"), (1, "male"))]
    return world(members, quality=rows).study()


def test_links_do_not_move_shares_of_one_agency_s_contacts() -> None:
    lives = [[At(day(20 * i), CALL, role="victim" if i < n else "subject") for i in range(6)] for n in (1, 2, 4, 5)]
    for rows in (RECALL, ()):
        found = shares(two_sexes(lives, rows))["role_victim"]
        assert (found.link_low, found.link_high) == (found.ratio.low, found.ratio.high)
        assert np.isfinite(found.link_low)


def test_what_follows_a_crisis_may_be_missed_with_the_chance_of_its_link() -> None:
    """Oracle: the share that is true is the one seen over q; every q of women and of men in its range is tried."""
    rng = np.random.default_rng(2)
    lives = [
        [At(day(20 * i), CALL) for i in range(8)]
        + [At(day(20 * i + 2), FOLLOWED) for i in range(8) if rng.random() < q]
        for q in (0.2, 0.4, 0.6, 0.8)
    ]
    study = two_sexes(lives)
    found = shares(study)["crisis_to_follow_up"]
    linkage = Linkage.of(study, {})
    women, men = (linkage.seen("clinic", s) for s in (Stratum.WOMEN, Stratum.MEN))
    assert women.low < men.low < 1
    ends = [
        (found.ratio.low * m / w, found.ratio.high * m / w)
        for w in np.linspace(women.low, women.high, 21)
        for m in np.linspace(men.low, men.high, 21)
    ]
    assert found.link_low == pytest.approx(min(low for low, _ in ends))
    assert found.link_high == pytest.approx(max(high for _, high in ends))
    # What the crisis's own agency tells of it needs no link: then only whole files matter.
    own = [[replace(c, kind=ARREST) if c.kind == FOLLOWED else c for c in life] for life in lives]
    sure = {"police": {Stratum.ALL: Chance(1.0)}}
    direct = shares(two_sexes(own), sure)["crisis_to_arrest"]
    assert (direct.link_low, direct.link_high) == (direct.ratio.low, direct.ratio.high)


def test_shares_of_both_agencies_crises_move_as_far_as_one_is_missed_more() -> None:
    """Oracle: chances of both agencies and sexes on a grid."""
    rng = np.random.default_rng(4)
    lives = [
        [At(day(20 * i) + 6 * int(rng.integers(4)), CALL if rng.random() < 0.6 else EVALUATED) for i in range(12)]
        for _ in range(6)
    ]
    study = two_sexes(lives)
    known = {
        "police": {Stratum.WOMEN: Chance(0.9, 0.05), Stratum.MEN: Chance(0.95)},
        "clinic": {Stratum.WOMEN: Chance(0.6, 0.1), Stratum.MEN: Chance(0.8, 0.05)},
    }
    found = shares(study, known)["night"]
    # A package holds plain numbers only, and refuses others.
    proposal(compute_findings(study, seed=1, resamples=2, completeness=known), study, 1)
    linkage = Linkage.of(study, known)
    corrected = {}
    for stratum, sex in ((Stratum.WOMEN, "female"), (Stratum.MEN, "male")):
        part, whole = np.zeros(2), np.zeros(2)
        for person, timeline in study.best_timelines():
            if study.people[person].sex == sex:
                for episode in timeline.crises:
                    a = int(timeline.contacts[episode.members[0]].agency == "police")
                    whole[a] += 1
                    part[a] += episode.start_h % 24 < 6
        grids = [
            np.linspace(c.low, c.high, 41) for c in (linkage.seen(agency, stratum) for agency in ("clinic", "police"))
        ]
        seen = part.sum() / whole.sum()
        tried = [(part / q).sum() / (whole / q).sum() / seen for q in map(np.array, itertools.product(*grids))]
        corrected[stratum] = min(tried), max(tried)
    (low_w, high_w), (low_m, high_m) = corrected[Stratum.WOMEN], corrected[Stratum.MEN]
    assert high_w > 1.001 * low_w and high_m > 1.001 * low_m
    assert found.link_low == pytest.approx(found.ratio.low * low_w / high_m)
    assert found.link_high == pytest.approx(found.ratio.high * high_w / low_m)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_shares_lie_between_none_and_all_and_their_range_holds_the_interval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = [CALL, CO, ARREST, INCIDENT, EVALUATED, SEEN, FOLLOWED, SECTION]
    lives = [
        [
            At(6 * int(rng.integers(-400, 2700)), kinds[int(rng.integers(8))], role=("subject", "victim")[i % 2])
            for i in range(30)
        ]
        for _ in range(4)
    ]
    for found in shares(two_sexes(lives)).values():
        assert all(0 <= share <= 1 or np.isnan(share) for share in (found.women, found.men))
        if np.isfinite(found.link_low):
            assert found.link_low <= found.ratio.low * (1 + 1e-12)
            assert found.link_high >= found.ratio.high * (1 - 1e-12)


def test_they_are_of_the_family_of_rates_and_released_by_title() -> None:
    study = simulated(60, 1.6, 9).study()
    found = compute_findings(study, seed=1, resamples=2)
    measures = [f.measure for f in found.gender]
    told = [m for m in measures if m.startswith(PREFIX)]
    assert [m.removeprefix(PREFIX) for m in told] == list(SHARES)
    tested = [f for f in found.gender if np.isfinite(f.ratio.p_value) and not f.measure.startswith("hazard_ratio:")]
    assert max(f.q_value for f in tested) == pytest.approx(max(f.ratio.p_value for f in tested))
    table = next(t for t in proposal(found, study, 1).tables if t.name == "gender")
    assert [row.cells[0] for row in table.rows] == measures
    titles = {str(row.cells[0]): row.cells[1] for row in table.rows}
    assert titles["share:night"] == "Crises from midnight to 6"
    people = {str(row.cells[0]): row.people for row in table.rows}
    assert len(people["share:night"]) == 6
