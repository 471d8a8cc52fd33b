"""The default library of junctures: whole, valid, put into the names of any agreement's agencies."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from juncture.agreement.library import FAMILIES, form_text, juncture_toml, library, library_toml, with_library
from juncture.agreement.model import Juncture, Party
from juncture.agreement.read import parse_agreement, read_parties
from juncture.agreement.vocabulary import AgencyFamily, ContactRole, JunctureFamily, PartyRole, kinds_of
from juncture.base.errors import InputError
from tests.analyst.study_world import AGREEMENT, FOLLOW_UP

#: ANALYSIS, "Default library": which family each is of, its window in days, and what is special about it.
DECIDED = {
    "co_response_without_follow_up_7d": (JunctureFamily.MISSED_FOLLOW_UP, 7),
    "crisis_call_without_clinician": (JunctureFamily.MISSED_CO_RESPONSE, None),
    "section12_without_follow_up_7d": (JunctureFamily.MISSED_FOLLOW_UP, 7),
    "inpatient_discharge_without_follow_up_7d": (JunctureFamily.MISSED_FOLLOW_UP, 7),
    "ed_discharge_without_follow_up_7d": (JunctureFamily.MISSED_FOLLOW_UP, 7),
    "three_police_contacts_no_crisis_team_7d": (JunctureFamily.ESCALATION, 7),
    "arrest_without_crisis_team_14d": (JunctureFamily.MISSED_FOLLOW_UP, 14),
    "victimisation_without_outreach_14d": (JunctureFamily.MISSED_FOLLOW_UP, 14),
    "silence_60d_in_regular_care": (JunctureFamily.SILENCE, 60),
}
DRAFT = AGREEMENT.replace("GRAIN", "six_hours")


def agencies(**families: AgencyFamily) -> dict[str, Party]:
    return {name: Party(role=PartyRole.AGENCY, family=f, title=name.upper()) for name, f in families.items()}


def test_the_library_holds_what_was_decided() -> None:
    found = {
        entry.name: (
            entry.juncture.family,
            None if entry.juncture.response.same_episode else entry.juncture.response.within_days,
        )
        for entry in library()
    }
    assert found == DECIDED
    assert {entry.juncture.family for entry in library()} == set(JunctureFamily)
    # The same day counts after the emergency department alone.
    same_day = [entry.name for entry in library() if entry.juncture.response.same_day]
    assert same_day == ["ed_discharge_without_follow_up_7d"]


def test_every_kind_is_one_that_the_family_has_and_every_entry_says_why() -> None:
    for entry in library():
        assert entry.why.endswith(".") and entry.source
        for kind in (*entry.juncture.index.kinds, *entry.juncture.response.kinds):
            family, word = kind.split(".")
            assert word in kinds_of(AgencyFamily(family)), kind


def test_trademarks_of_others_are_not_used() -> None:
    text = files("juncture.agreement").joinpath("junctures.toml").read_text(encoding="utf-8")
    assert "hedis" not in text.lower()
    assert "FUM-style" in text and "FUH-style" in text


def test_families_become_the_agencies_of_an_agreement() -> None:
    party = agencies(best=AgencyFamily.CRISIS_TEAM, transit=AgencyFamily.POLICE, city=AgencyFamily.POLICE)
    first = library()[0].of(party)
    assert first is not None
    assert first.index.kinds == ("city.co_response", "transit.co_response", "best.co_response")
    assert first.response.kinds == ("best.follow_up", "best.outpatient")


def test_what_no_agency_can_tell_of_is_left_out() -> None:
    def left(**families: AgencyFamily) -> list[str]:
        return [entry.name for entry in library() if entry.of(agencies(**families)) is not None]

    assert left(a=AgencyFamily.POLICE, b=AgencyFamily.POLICE) == ["crisis_call_without_clinician"]
    assert left(a=AgencyFamily.CRISIS_TEAM, b=AgencyFamily.CRISIS_TEAM) == [
        "co_response_without_follow_up_7d",
        "section12_without_follow_up_7d",
        "inpatient_discharge_without_follow_up_7d",
        "ed_discharge_without_follow_up_7d",
        "silence_60d_in_regular_care",
    ]
    assert left() == []


@pytest.mark.parametrize("name", list(DECIDED))
def test_the_lines_to_paste_read_back_as_the_juncture(name: str) -> None:
    party = agencies(best=AgencyFamily.CRISIS_TEAM, bpd=AgencyFamily.POLICE)
    juncture = next(entry.of(party) for entry in library() if entry.name == name)
    assert juncture is not None
    read = tomllib.loads(juncture_toml(name, juncture))["juncture"]
    assert list(read) == [name]
    back = Juncture.model_validate(read[name])
    # The window means nothing where the response must come in the same episode, and is not written then.
    assert back == juncture


def test_a_title_and_a_role_are_written_as_they_are() -> None:
    changed = library()[0].juncture.model_copy(
        update={
            "title": 'Quote " and back\\slash, über',
            "response": library()[0].juncture.response.model_copy(update={"role": ContactRole.VICTIM}),
            "outcome": library()[0].juncture.outcome.model_copy(update={"kinds": ("police.arrest",)}),
        }
    )
    read = tomllib.loads(juncture_toml("own", changed))["juncture"]["own"]
    assert Juncture.model_validate(read) == Juncture.model_validate(changed.model_dump())


def test_the_whole_library_is_part_of_a_valid_agreement() -> None:
    party = {name: p for name, p in parse_agreement(DRAFT + FOLLOW_UP).party.items() if p.family is not None}
    assert set(parse_agreement(DRAFT + library_toml(party)).juncture) == set(DECIDED)
    assert list(tomllib.loads(library_toml())["juncture"]) == list(DECIDED)
    assert {kind.split(".")[0] for e in library() for kind in e.juncture.index.kinds} <= set(FAMILIES)


def test_a_draft_without_junctures_gets_the_library_and_another_is_left_alone() -> None:
    assert set(parse_agreement(with_library(DRAFT)).juncture) == set(DECIDED)
    assert with_library(DRAFT + FOLLOW_UP) == DRAFT + FOLLOW_UP
    for broken in ("this is = = not TOML", "project = 1", "party = 3", "[party.police]\nrole = 'nobody'"):
        assert with_library(broken) == broken


def test_the_form_declares_the_library() -> None:
    assert set(parse_agreement(form_text()).juncture) == set(DECIDED)
    assert all(len(line) <= 140 for line in form_text().splitlines())


def test_parties_are_read_from_a_draft_that_lacks_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "agreement.toml"
    path.write_text(DRAFT, encoding="utf-8")
    assert list(read_parties(path)) == ["police", "clinic", "linker", "analyst", "checker"]
    path.write_text("[party.police]\nrole = 'agency'\n", encoding="utf-8")
    with pytest.raises(InputError, match="an agency needs a family and a title"):
        read_parties(path)
    path.write_text("format = 1\n", encoding="utf-8")
    with pytest.raises(InputError, match="party: is missing"):
        read_parties(path)
