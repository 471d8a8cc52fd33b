"""The agreement: one form, one id, every fault told at once."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juncture.agreement.model import UNKNOWN_KEYS, Agreement
from juncture.agreement.read import (
    agreement_faults,
    agreement_id,
    agreement_toml,
    canonical_form,
    parse_agreement,
    read_agreement,
)
from juncture.agreement.vocabulary import BAND_EDGES, Purpose, band_of
from juncture.base.errors import ExitCode, InputError

FORM = """
format = 1
project = "small-town"
purpose = "service_improvement_research"
rehearsal = true
time_zone = "America/New_York"
expires = 2027-12-31

[party.police]
role = "agency"
family = "police"
title = "Police Department"
[party.clinic]
role = "agency"
family = "crisis_team"
title = "Crisis Team"
[party.linker]
role = "linker"
[party.analyst]
role = "analyst"
[party.checker]
role = "checker"

[release]
start = { transform = "shift", grain = "six_hours" }
kind = { transform = "keep" }

[windows]
selection = [2022-01-01, 2023-12-31]
follow_up = [2024-01-01, 2025-12-31]

[cohort]
quota = 50
families = { police_any = ["police.*"], clinic_any = ["clinic.*"] }
share_from = { police_any = 2, clinic_any = 1 }
rule = { police_any = 3, clinic_any = 2 }

[study]
crisis = ["police.co_response", "clinic.mobile_crisis"]

[juncture.follow_up_7d]
title = "Co-response with no follow-up within 7 days"
family = "missed_follow_up"
index = { kinds = ["police.co_response"] }
response = { kinds = ["clinic.follow_up"], within_days = 7 }
intercept = 1
"""


def test_the_reference_form_is_read_and_has_one_id(shared: Path) -> None:
    agreement = read_agreement(shared / "design" / "agreement.example.toml")
    assert agreement.agencies == ("clinic", "police")
    assert agreement.windows.selection == (date(2012, 1, 1), date(2013, 12, 31))
    assert agreement.is_draft
    assert len(agreement_id(agreement)) == 96


def test_written_and_read_again_it_is_the_same_agreement() -> None:
    agreement = parse_agreement(FORM)
    again = parse_agreement(agreement_toml(agreement))
    assert again == agreement
    assert canonical_form(again) == canonical_form(agreement)


def test_layout_and_comments_do_not_change_the_id() -> None:
    moved = "# a comment\n" + FORM.replace("quota = 50", "quota    =   50   # envelopes")
    assert agreement_id(parse_agreement(moved)) == agreement_id(parse_agreement(FORM))


def test_written_out_defaults_do_not_change_the_id() -> None:
    explicit = FORM + "\n[disclosure]\nthreshold = 11\nround_to = 5\n"
    assert agreement_id(parse_agreement(explicit)) == agreement_id(parse_agreement(FORM))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("quota = 50", "quota = 51"),
        ("within_days = 7", "within_days = 8"),
        ('title = "Crisis Team"', 'title = "Crisis Teams"'),
        ("2025-12-31]", "2025-12-30]"),
    ],
)
def test_any_change_changes_the_id(old: str, new: str) -> None:
    assert agreement_id(parse_agreement(FORM.replace(old, new))) != agreement_id(parse_agreement(FORM))


def test_all_faults_are_told_at_once_and_in_plain_words() -> None:
    wrong = (
        FORM.replace('"service_improvement_research"', '"immigration"')
        .replace("quota = 50", "quota = 0")
        .replace("expires = 2027", "expires = 2020")
        .replace("intercept = 1", "intercept = 9")
        .replace("[windows]", "[windows]\ncolour = 1")
    )
    with pytest.raises(InputError) as caught:
        parse_agreement(wrong)
    assert caught.value.exit_code is ExitCode.INPUT
    for place in ("purpose", "cohort.quota", "juncture.follow_up_7d.intercept", "windows.colour"):
        assert place in str(caught.value)
    assert "5 things" not in str(caught.value)  # windows itself is at fault, so nothing is said of expiry against it
    assert "4 things" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"police.*"', '"polize.*"', "polize.* names no agency"),
        ('"clinic.mobile_crisis"', '"clinic.arrest"', "is not a kind of contact that a crisis_team agency has"),
        ("rule = { police_any = 3", "rule = { police_any = 4", "must be the lower edge of a band"),
        (
            "police_any = 2, clinic_any = 1",
            "police_any = 5, clinic_any = 1",
            "people whom the rule chooses are not shared",
        ),
        ("police_any = 2, clinic_any = 1", "police_any = 2", "says nothing of clinic"),
        ("[party.linker]", "[party.public]", "reserved"),
        ("[2024-01-01, 2025-12-31]", "[2023-01-01, 2025-12-31]", "windows must be in order"),
        ("expires = 2027-12-31", "expires = 2025-01-01", "must be after the last day"),
        (
            'kind = { transform = "keep" }',
            'kind = { transform = "keep" }\nlast_name = { transform = "keep" }',
            "not a key",
        ),
        ('"America/New_York"', '"Boston"', "not a time zone"),
        ("format = 1", "format = 2", "must be one of 1"),
        ('grain = "six_hours"', 'grain = "week"', "cannot be seen whether a response came within 7 days"),
        ("[release]", '[release]\nprofile = "safe_harbor"', "no part of a date"),
        ("response = { kinds", "response = { same_episode = true, kinds", "belongs to the family missed_co_response"),
    ],
)
def test_what_cannot_be_agreed(old: str, new: str, says: str) -> None:
    assert old in FORM
    faults = agreement_faults(tomllib.loads(FORM.replace(old, new)))
    assert any(says in fault for fault in faults), faults


def test_no_forbidden_purpose_has_a_word() -> None:
    words = " ".join(Purpose)
    for forbidden in ("immigration", "investigation", "gang", "custody", "housing", "benefit", "employment", "score"):
        assert forbidden not in words


def test_a_wrong_agreement_cannot_be_built() -> None:
    data = parse_agreement(FORM).model_dump()
    data["expires"] = date(2024, 1, 1)
    with pytest.raises(ValueError, match="must be after"):
        Agreement.model_validate(data)


def test_keys_are_filled_in_and_seen() -> None:
    agreement = parse_agreement(FORM)
    names = list(agreement.party)
    filled = agreement.with_keys({name: "sha384:" + f"{i:096x}" for i, name in enumerate(names)})
    assert not filled.is_draft
    assert agreement.party["police"].keys == UNKNOWN_KEYS


@given(st.integers(0, 500))
def test_band_of_a_count(count: int) -> None:
    band = band_of(count)
    assert BAND_EDGES[band] <= count
    assert band + 1 == len(BAND_EDGES) or count < BAND_EDGES[band + 1]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("quota = ", "quota = 1.5 # ", "cohort.quota: must be a whole number"),
        ("selection = [", "selection = 2022-01-01 # [", "windows.selection: must be a list in [ ]"),
        ("expires = 2027-12-31", 'expires = "soon"', "expires: must be a date, such as 2026-01-31"),
        (
            'kind = { transform = "keep" }',
            'kind = "keep"',
            "release.kind: must have keys of its own, below it or in { }",
        ),
        ("intercept = 1", 'intercept = 1\noutcome = { kinds = "crises" }', ".outcome.kinds: must be a list in [ ]"),
    ],
)
def test_a_value_of_a_wrong_form_is_told_in_the_words_of_the_file(old: str, new: str, says: str) -> None:
    assert old in FORM
    faults = agreement_faults(tomllib.loads(FORM.replace(old, new, 1)))
    assert any(fault.endswith(says) for fault in faults), faults
    assert not any("valid" in fault or "tuple" in fault for fault in faults), faults


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 6000])
def test_a_file_made_to_break_the_reader_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="TOML"):
        parse_agreement(text)
