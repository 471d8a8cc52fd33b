"""``juncture agree junctures``: the default library on paper, and in a new agreement."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from juncture.agreement.library import library
from juncture.agreement.read import read_agreement

from .running import Cli

NAMES = [entry.name for entry in library()]
PARTIES = """
[party.bpd]
role = "agency"
family = "police"
title = "Police Department"
[party.best]
role = "agency"
family = "{family}"
title = "Second Agency"
[party.linker]
role = "linker"
[party.analyst]
role = "analyst"
[party.checker]
role = "checker"
"""


def test_the_list_is_toml_with_everything_said_in_comments(cli: Cli) -> None:
    ended = cli("agree", "junctures")
    assert ended.code == 0
    told = tomllib.loads(ended.out)["juncture"]
    assert list(told) == NAMES
    assert told["arrest_without_crisis_team_14d"]["index"] == {"kinds": ["police.arrest"]}
    for words in ("# Opened by ", "# Met by ", "Counted: crises", "# Why: ", "# Source: ", "(family silence)"):
        assert words in ended.out
    assert "`--for AGREEMENT.toml` puts in their names" in ended.err


def test_for_a_draft_the_agencies_have_their_own_names(cli: Cli, tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    draft.write_text(PARTIES.format(family="crisis_team"), encoding="utf-8")
    ended = cli("agree", "junctures", "--for", draft)
    assert ended.code == 0 and ended.err == ""
    told = tomllib.loads(ended.out)["juncture"]
    assert list(told) == NAMES
    assert told["co_response_without_follow_up_7d"]["index"]["kinds"] == ["bpd.co_response", "best.co_response"]
    assert "arrest (Police Department)" in ended.out


def test_what_no_agency_can_tell_of_is_named(cli: Cli, tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    draft.write_text(PARTIES.format(family="police"), encoding="utf-8")
    ended = cli("agree", "junctures", "--for", draft)
    assert list(tomllib.loads(ended.out)["juncture"]) == ["crisis_call_without_clinician"]
    assert "Left out, since no agency here can tell of them: co_response_without_follow_up_7d, " in ended.err


def test_a_draft_whose_parties_are_wrong_is_told_why(cli: Cli, tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    draft.write_text("[party.bpd]\nrole = 'agency'\n", encoding="utf-8")
    ended = cli("agree", "junctures", "--for", draft)
    assert (ended.code, ended.out) == (3, "")
    assert "an agency needs a family and a title" in ended.err


@pytest.mark.parametrize("given", [False, True])
def test_a_new_agreement_has_the_library_ready(cli: Cli, tmp_path: Path, given: bool) -> None:
    folder = tmp_path / "police"
    assert cli("-C", folder, "init", "police").code == 0
    assert cli("-C", folder, "agree", "new").code == 0
    agreement = folder / "agreement.toml"
    if given:
        # The same draft, with its junctures taken out and its crisis team renamed, comes back with all of them.
        text = agreement.read_text(encoding="utf-8")
        bare = tmp_path / "bare.toml"
        bare.write_text(text[: text.index("# The default library")].replace("clinic", "best"), encoding="utf-8")
        agreement.unlink()
        assert cli("-C", folder, "agree", "new", bare).code == 0
        assert read_agreement(agreement).juncture["silence_60d_in_regular_care"].index.kinds[0] == "best.follow_up"
    assert list(read_agreement(agreement).juncture) == NAMES
