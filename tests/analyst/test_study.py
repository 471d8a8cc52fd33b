"""The study: one clock a person, episodes, risk, matchings, and the file it is kept in."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.analyst.study import build_study, open_study, write_study
from juncture.analyst.study.atrisk import at_risk_spans, institution_stays
from juncture.analyst.study.build import LEFT_OUT, NO_FOLLOW_UP, NOT_OPENED, OPEN_STAYS, OPENED, OUTSIDE, observed_days
from juncture.analyst.study.episodes import LONGEST_HOURS, merge_episodes
from juncture.analyst.study.model import Contact
from juncture.base.errors import InputError
from juncture.formats.clock import CIRCLE
from tests.analyst.study_world import At, File, Member, agreement, one_file_each, world

CRISIS = "police.crisis_call"
FOLLOW_UP = "clinic.follow_up"
CRISES = agreement().study.crisis
hours = st.integers(-400, 2700).map(lambda n: 6 * n)


@settings(max_examples=60, deadline=None)
@given(
    start=st.one_of(st.sampled_from([0, 1, 699, CIRCLE - 1, CIRCLE - 300]), st.integers(0, CIRCLE - 1)),
    told=st.lists(st.tuples(hours, st.sampled_from([CRISIS, FOLLOW_UP])), max_size=12),
    seed=st.integers(0, 99),
)
def test_both_agencies_contacts_stand_on_one_clock_to_the_hour(
    start: int, told: list[tuple[int, str]], seed: int
) -> None:
    member = one_file_each([At(h, kind) for h, kind in told])
    study = world([Member(member.files, start=start)], seed=seed).study()
    (timeline,) = study.timelines
    assert [(c.start_h, c.kind) for c in timeline.contacts] == sorted(told)
    assert (timeline.entry_h, timeline.exit_h) == (-700 * 24, 700 * 24)


def test_a_stay_keeps_its_end_and_a_coarser_grain_tells_days() -> None:
    stay = At(30, "clinic.inpatient_stay", 78)
    (timeline,) = world([one_file_each([stay])]).study().timelines
    assert timeline.stays == ((30, 78),)
    (by_day,) = world([one_file_each([stay])], agreement(grain="day")).study().timelines
    assert by_day.stays == ((24, 72),)


@pytest.mark.parametrize(
    ("told", "episodes"),
    [
        ([(0, CRISIS)], [(0, 0, 1)]),
        # Less than 24 hours apart is one episode, exactly 24 hours is two.
        ([(0, CRISIS), (18, CRISIS)], [(0, 18, 2)]),
        ([(0, CRISIS), (24, CRISIS)], [(0, 0, 1), (24, 24, 1)]),
        # A joint co-response that both agencies recorded is one episode.
        ([(0, "police.co_response"), (0, "clinic.co_response")], [(0, 0, 2)]),
        # A chain ends after 72 hours.
        ([(18 * n, CRISIS) for n in range(6)], [(0, 72, 5), (90, 90, 1)]),
        # Follow-ups neither join an episode nor hold it open.
        ([(0, CRISIS), (18, FOLLOW_UP), (36, CRISIS)], [(0, 0, 1), (36, 36, 1)]),
    ],
)
def test_episodes(told: list[tuple[int, str]], episodes: list[tuple[int, int, int]]) -> None:
    (timeline,) = world([one_file_each([At(h, kind) for h, kind in told])]).study().timelines
    assert [(e.start_h, e.end_h, len(e.members)) for e in timeline.crises] == episodes


def test_somebody_elses_crisis_is_no_episode_of_the_person_who_called() -> None:
    (timeline,) = world([one_file_each([At(0, CRISIS, role="caller"), At(60, CRISIS, role=None)])]).study().timelines
    assert [e.start_h for e in timeline.crises] == [60]


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 20)), max_size=40), st.integers(1, 72))
def test_episodes_are_short_and_apart(told: list[tuple[int, int]], gap: int) -> None:
    contacts = [Contact(6 * h, 6 * (h + length), CRISIS, None) for h, length in sorted(told)]
    episodes = merge_episodes(contacts, CRISES, gap)
    assert sorted(m for e in episodes for m in e.members) == list(range(len(contacts)))
    for e in episodes:
        assert 0 <= e.end_h - e.start_h <= LONGEST_HOURS
    for one, next_one in pairwise(episodes):
        assert next_one.start_h - one.end_h >= gap or next_one.start_h - one.start_h > LONGEST_HOURS


@given(
    st.integers(0, 40),
    st.integers(0, 60),
    st.lists(st.tuples(st.integers(-10, 60), st.integers(0, 15)), max_size=6),
)
def test_at_risk_agrees_with_an_hour_by_hour_count(start: int, length: int, stays: list[tuple[int, int]]) -> None:
    kinds = frozenset({"clinic.inpatient_stay"})
    contacts = [Contact(a, a + n, "clinic.inpatient_stay", None) for a, n in stays]
    spans = at_risk_spans(start, start + length, institution_stays(contacts, kinds))
    free = {h for h in range(start, start + length) if not any(a <= h < a + n for a, n in stays)}
    assert [h for a, b in spans for h in range(a, b)] == sorted(free)
    assert all(a < b for a, b in spans)


def test_a_person_is_observed_where_both_agencies_observe() -> None:
    member = Member(
        [
            File("police", [At(-650 * 24, CRISIS), At(0, CRISIS), At(421 * 24, CRISIS)], observed=(-600, 500)),
            File("clinic", [At(24, FOLLOW_UP)], observed=(-700, 420)),
        ]
    )
    study = world([member]).study()
    (timeline,) = study.timelines
    assert (timeline.entry_h, timeline.exit_h) == (-600 * 24, 421 * 24)
    assert [c.start_h for c in timeline.contacts] == [0, 24]
    assert study.counts[OUTSIDE] == 2


def test_what_did_not_open_is_counted_and_leaves_the_person_out_of_that_matching_only() -> None:
    member = Member(
        [
            File("police", [At(0, CRISIS)]),
            File("clinic", [At(24, FOLLOW_UP)], draws=(0, 1)),
            File("clinic", draws=(2,), best=False, probability=0.2, opened=False),
        ]
    )
    study = world([member, one_file_each([])]).study()
    assert study.in_draw[:, 0].tolist()[2] == -1
    assert study.in_draw[0, 0] == study.in_draw[1, 0] == study.in_best[0] != study.in_draw[3, 0]
    assert len(study.timelines[study.in_draw[3, 0]].contacts) == 1
    assert (study.counts[NOT_OPENED], study.counts[OPENED], study.counts[LEFT_OUT]) == (1, 4, 1)


def test_people_are_studied_in_the_matchings_that_choose_them() -> None:
    member = one_file_each([At(0, CRISIS)])
    study = world([Member(member.files, chosen=(1, 3))]).study()
    assert (study.in_draw[:, 0] >= 0).tolist() == [False, True, False, True]


def test_no_follow_up_and_a_stay_without_an_end_are_counted() -> None:
    member = one_file_each([At(0, "clinic.inpatient_stay")])
    never = one_file_each([At(-2400, CRISIS)], observed=(-700, -1))
    study = world([member, never]).study()
    assert study.counts[OPEN_STAYS] == 1 and study.counts[NO_FOLLOW_UP] == 4
    assert study.timelines[0].stays == ()
    assert study.in_best.tolist() == [0, -1]


def test_sex_is_what_most_files_say_weighted_by_matchings() -> None:
    files = [File("police", sex="female"), File("clinic", sex="male", draws=(0,))]
    even = [File("police", sex="female"), File("clinic", sex="male")]
    study = world([Member(files), Member(even), Member([File("police"), File("clinic", sex="other")])]).study()
    assert [p.sex for p in study.people] == ["female", None, "other"]


def test_the_file_reads_back_to_the_same_study(tmp_path: Path) -> None:
    uncertain = Member(
        [
            File("police", [At(0, CRISIS), At(30, "police.arrest", role=None)], sex="female"),
            File("clinic", [At(48, "clinic.inpatient_stay", 96)], draws=(0, 2), probability=0.6),
            File("clinic", opened=False, draws=(1,), best=False),
        ],
        sex_class=1,
    )
    study = world([uncertain, one_file_each([At(6, CRISIS)], "male")]).study()
    path = write_study(study, tmp_path / "analyst" / "study.duckdb")
    read = open_study(path)
    for name in ("agreement", "round", "people", "refs", "report", "timelines", "counts"):
        assert getattr(read, name) == getattr(study, name), name
    for name in ("draw_refs", "chosen", "in_draw", "in_best"):
        np.testing.assert_array_equal(getattr(read, name), getattr(study, name))
    assert [p.name for p in path.parent.iterdir()] == ["study.duckdb"]
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_tables_are_for_any_reader_of_duckdb(tmp_path: Path) -> None:
    member = one_file_each([At(0, CRISIS), At(18, CRISIS), At(48, "clinic.inpatient_stay", 96)])
    path = write_study(world([member]).study(), tmp_path / "study.duckdb")
    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute("SELECT * FROM episodes").fetchall() == [(0, 0, 18, 2)]
        assert con.execute("SELECT * FROM at_risk ORDER BY start_h").fetchall() == [(0, 0, 48), (0, 96, 16800)]
        assert con.execute("SELECT count(*) FROM draws").fetchall() == [(8,)]


def test_what_is_no_study_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="juncture analyst unlock"):
        open_study(tmp_path / "study.duckdb")
    (tmp_path / "study.duckdb").write_bytes(b"something else")
    with pytest.raises(InputError, match="makes it anew"):
        open_study(tmp_path / "study.duckdb")
    with duckdb.connect(str(tmp_path / "other.duckdb")) as con:
        con.execute("CREATE TABLE facts (key VARCHAR)")
    with pytest.raises(InputError, match="not a study of this version"):
        open_study(tmp_path / "other.duckdb")


def test_everybody_is_followed_for_the_time_that_trim_and_washout_surely_leave() -> None:
    """Oracle: the calendar. Whatever either end was moved by, the span lies inside what every agency told."""
    terms = agreement()
    windows, trim, washout = terms.windows, 7 * terms.release.trim_weeks, 7 * terms.windows.washout_weeks
    first, last = observed_days(terms)
    for moved in (0, washout):
        start = windows.follow_up[0] + timedelta(days=moved)
        assert start + timedelta(days=first) >= windows.selection[0] + timedelta(days=trim)
        assert start + timedelta(days=last) <= windows.follow_up[1] - timedelta(days=trim)
    told = world([one_file_each([At(0, CRISIS)])])
    study = build_study(terms, told.cohort, told.timelines)
    assert {ref.observed for ref in study.refs} == {(first, last)}
