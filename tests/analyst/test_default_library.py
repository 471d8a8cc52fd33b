"""The default library end to end: small lives in which each juncture is met, missed, or cannot be judged.

Oracle: the library's own words (`juncture agree junctures`), worked through by hand.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from juncture.agreement.library import library, library_toml
from juncture.agreement.read import parse_agreement
from juncture.analyst.findings import compute_findings
from juncture.analyst.findings.model import Stratum, Verdict
from juncture.analyst.findings.openings import Fate, Opening, openings_of
from tests.analyst.study_world import AGREEMENT, FOLLOW_UP, At, agreement, life, one_file_each, world

_PARTIES = {name: party for name, party in agreement(FOLLOW_UP).party.items() if party.family is not None}
TERMS = parse_agreement(AGREEMENT.replace("GRAIN", "six_hours") + library_toml(_PARTIES))
NAMES = [entry.name for entry in library()]
CO, CALL, ARREST, VICTIM = "police.co_response", "police.crisis_call", "police.arrest", "police.victimisation"
FOLLOWED, PHONED, VISIT = "clinic.follow_up", "clinic.phone_contact", "clinic.outpatient"
HOLD, STAY, ED = "clinic.section12", "clinic.inpatient_stay", "clinic.ed_visit"
DAY = 24
T = 100 * DAY


def openings(name: str, *told: At) -> list[Opening]:
    timelines = world([one_file_each(sorted(told, key=lambda c: c.h))], TERMS).study().timelines
    return list(openings_of(TERMS.juncture[name], timelines[0], TERMS))


def fates(name: str, *told: At) -> list[str]:
    """``met`` or ``missed`` of what can be judged, else why it cannot be."""
    return [("met" if o.met else "missed") if o.fate is Fate.EVALUABLE else o.fate.name for o in openings(name, *told)]


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        ([], "missed"),
        ([At(T + 7 * DAY, FOLLOWED)], "met"),
        ([At(T + 7 * DAY + 6, FOLLOWED)], "missed"),
        ([At(T + 3 * DAY, VISIT)], "met"),
        # A call on the day of the co-response belongs to it; a telephone call is no follow-up here.
        ([At(T + 6, FOLLOWED)], "missed"),
        ([At(T + 3 * DAY, PHONED)], "missed"),
        ([At(T + 3 * DAY, CALL)], "CRISIS"),
        ([At(T + 3 * DAY, STAY, T + 20 * DAY)], "INSTITUTION"),
    ],
)
def test_a_co_response_is_followed_up_within_a_week(told: list[At], fate: str) -> None:
    assert fates("co_response_without_follow_up_7d", At(T, CO), *told)[0] == fate


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        ([], "missed"),
        ([At(T, CO)], "met"),
        ([At(T + 6, "clinic.mobile_crisis")], "met"),
        ([At(T + 12, "clinic.co_response")], "met"),
        # A clinician before police called, in the same episode; one on the next day but one came to another crisis.
        ([At(T - 6, "clinic.mobile_crisis")], "met"),
        ([At(T + 2 * DAY, "clinic.mobile_crisis")], "missed"),
        ([At(T + 6, FOLLOWED)], "missed"),
    ],
)
def test_a_clinician_comes_in_the_same_episode(told: list[At], fate: str) -> None:
    assert fates("crisis_call_without_clinician", At(T, CALL), *told) == [fate]


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        ([At(T, HOLD, T + 2 * DAY)], "missed"),
        # Seven days are counted from the end of the hold, from the next day on.
        ([At(T, HOLD, T + 2 * DAY), At(T + 9 * DAY, FOLLOWED)], "met"),
        ([At(T, HOLD, T + 2 * DAY), At(T + 2 * DAY + 6, FOLLOWED)], "missed"),
        ([At(T, HOLD, T + 2 * DAY), At(T + 10 * DAY, FOLLOWED)], "missed"),
        # Where it leads to a stay there is nobody to follow up.
        ([At(T, HOLD, T + 2 * DAY), At(T + 2 * DAY, STAY, T + 9 * DAY)], "INSTITUTION"),
        # Police who brought the person there open nothing of their own.
        ([At(T - 6, "police.section12_transport"), At(T, HOLD, T + DAY), At(T + 3 * DAY, VISIT)], "met"),
    ],
)
def test_a_section_12_hold_is_followed_up(told: list[At], fate: str) -> None:
    assert fates("section12_without_follow_up_7d", *told) == [fate]


@pytest.mark.parametrize(
    ("after", "inpatient", "emergency"),
    [
        # The same day counts after the emergency department, not after an inpatient stay.
        (6, "missed", "met"),
        (DAY, "met", "met"),
        (7 * DAY, "met", "met"),
        (8 * DAY, "missed", "missed"),
    ],
)
def test_discharges_are_followed_up_by_their_own_rule_of_the_day(after: int, inpatient: str, emergency: str) -> None:
    end = T + 5 * DAY
    for name, kind, fate in (
        ("inpatient_discharge_without_follow_up_7d", STAY, inpatient),
        ("ed_discharge_without_follow_up_7d", ED, emergency),
    ):
        assert fates(name, At(T, kind, end), At(end + after, FOLLOWED)) == [fate]
        (opening,) = openings(name, At(T, kind, end), At(end + after, FOLLOWED))
        assert opening.at_h == end


def test_a_discharge_that_is_recorded_twice_opens_once_and_a_new_stay_ends_it() -> None:
    assert fates("ed_discharge_without_follow_up_7d", At(T, ED, T + 12), At(T + 12, "clinic.ed_discharge")) == [
        "missed"
    ]
    # From the emergency department to the ward.
    assert fates("ed_discharge_without_follow_up_7d", At(T, ED, T + 12), At(T + 12, STAY, T + 9 * DAY)) == [
        "INSTITUTION"
    ]
    back = (At(T, STAY, T + DAY), At(T + 3 * DAY, STAY, T + 9 * DAY))
    assert fates("inpatient_discharge_without_follow_up_7d", *back) == ["INSTITUTION", "missed"]


@pytest.mark.parametrize(
    ("days", "after", "fate"),
    [
        ((0, 6, 14), (), ["missed"]),
        ((0, 6, 15), (), []),
        ((0, 14), (), []),
        ((0, 6, 14), (At(T + 21 * DAY, PHONED),), ["met"]),
        ((0, 6, 14), (At(T + 22 * DAY, PHONED),), ["missed"]),
        # What came between the first and the last of the three came too early.
        ((0, 6, 14), (At(T + 10 * DAY, FOLLOWED),), ["missed"]),
        ((0, 6, 14), (At(T + 16 * DAY, CALL),), ["CRISIS"]),
    ],
)
def test_three_police_contacts_in_14_days(days: tuple[int, ...], after: tuple[At, ...], fate: list[str]) -> None:
    kinds = ("police.incident", ARREST, "police.field_contact")
    told = [At(T + day * DAY, kind) for day, kind in zip(days, kinds, strict=False)]
    assert fates("three_police_contacts_no_crisis_team_7d", *told, *after) == fate


def test_releases_transports_and_calls_about_others_are_no_police_contacts_of_the_three() -> None:
    told = [At(T, ARREST), At(T + DAY, "police.custody_release"), At(T + 2 * DAY, "police.section12_transport")]
    told += [At(T + 3 * DAY, "police.incident", role="caller"), At(T + 4 * DAY, "police.incident", role="suspect")]
    assert fates("three_police_contacts_no_crisis_team_7d", *told) == []
    assert len(fates("three_police_contacts_no_crisis_team_7d", *told, At(T + 5 * DAY, VICTIM, role="victim"))) == 1


@pytest.mark.parametrize(
    ("name", "kind", "role"),
    [("arrest_without_crisis_team_14d", ARREST, "suspect"), ("victimisation_without_outreach_14d", VICTIM, "victim")],
)
def test_the_crisis_team_has_14_days(name: str, kind: str, role: str) -> None:
    at = At(T, kind, role=role)
    assert fates(name, at) == ["missed"]
    for answer in (FOLLOWED, PHONED, VISIT):
        assert fates(name, at, At(T + 14 * DAY, answer)) == ["met"]
    assert fates(name, at, At(T + 14 * DAY + 6, PHONED)) == ["missed"]
    assert fates(name, at, At(T + 6, PHONED)) == ["missed"]
    assert fates(name, at, At(T + 9 * DAY, CALL), At(T + 10 * DAY, PHONED)) == ["CRISIS"]


@pytest.mark.parametrize(
    ("days", "fate"),
    [
        # Three visits in 90 days are regular care, and the third opens; then nothing for 60 days.
        ((0, 40, 90), ["missed"]),
        ((0, 40, 91), []),
        ((0, 40), []),
        # Each further visit in regular care opens anew, and answers the one before within 60 days.
        ((0, 40, 90, 150), ["met"]),
        ((0, 40, 80, 120), ["met", "missed"]),
        ((0, 40, 80, 141), ["missed"]),
    ],
)
def test_60_days_of_silence_in_regular_care(days: tuple[int, ...], fate: list[str]) -> None:
    assert fates("silence_60d_in_regular_care", *(At(T + day * DAY, VISIT) for day in days)) == fate


def test_a_telephone_call_breaks_the_silence_and_a_crisis_ends_the_wait() -> None:
    care = [At(T + day * DAY, FOLLOWED) for day in (0, 20, 40)]
    assert fates("silence_60d_in_regular_care", *care, At(T + 100 * DAY, PHONED)) == ["met"]
    assert fates("silence_60d_in_regular_care", *care, At(T + 90 * DAY, CALL)) == ["CRISIS"]


def a_full_life(rng: np.random.Generator) -> list[At]:
    """A life with co-responses and follow-ups, and everything else of the library strewn in."""
    told = life(rng, 1.3, mean=14)
    for kind, number, length in ((ARREST, 8, 0), (VICTIM, 8, 0), (CALL, 4, 0), (HOLD, 6, 1), (ED, 7, 0), (STAY, 2, 5)):
        for hour in rng.integers(0, 680 * 4, number) * 6:
            told.append(At(int(hour), kind, int(hour) + length * DAY if length else None, role=None))
    told += [At(int(day) * DAY + 12, PHONED) for day in rng.integers(0, 690, 8)]
    start = int(rng.integers(0, 500))
    told += [At((start + 25 * k) * DAY + 12, VISIT) for k in range(int(rng.integers(3, 7)))]
    return sorted(told, key=lambda c: c.h)


def test_the_whole_library_goes_through_to_findings() -> None:
    rng = np.random.default_rng(5)
    people = [one_file_each(a_full_life(rng), "male" if k % 3 == 0 else "female") for k in range(90)]
    findings = compute_findings(world(people, TERMS, draws=2).study(), seed=1, resamples=40)
    rows = {f.juncture: f for f in findings.junctures if f.stratum is Stratum.ALL}
    assert list(rows) == NAMES
    for name, row in rows.items():
        assert row.counts.openings > 0, name
        assert 0 < row.missed_share.value < 1, name
    silence = rows.pop("silence_60d_in_regular_care")
    # Sixty days are a process that is measured: a share with its interval, no ratio, no rank, nothing avoidable.
    assert silence.missed_share.low < silence.missed_share.value < silence.missed_share.high
    assert silence.verdict is Verdict.UNCERTAIN and silence.rank is None
    assert all(math.isnan(e.value) for e in (silence.ratio, silence.placebo, silence.avoidable))
    judged = [row for row in rows.values() if row.verdict is not Verdict.TOO_SMALL]
    assert all(math.isfinite(row.ratio.low) and math.isfinite(row.q_value) for row in judged)
    # Ranks are given from six on, to those that are big enough, without a gap.
    assert len(judged) >= 6
    assert sorted(row.rank for row in judged if row.rank is not None) == list(range(1, len(judged) + 1))
