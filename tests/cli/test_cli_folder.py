"""Folders, keys, passphrases, the agreement and the inbox: each behaviour as a person meets it."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from juncture.base.errors import AgreementForbids
from juncture.base.folder import PartyFolder
from juncture.cli.main import run
from juncture.exchange.joining import own_desk
from juncture.exchange.ledger import verify
from juncture.exchange.status import WORKFLOW, PartyRole, Stage, status, steps_of
from juncture.rehearsal.city import City

from .running import Cli, passed_on, process

PHRASE = "several words of a phrase"


@pytest.fixture(scope="module")
def with_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the police with keys, made once, since a passphrase costs a third of a second."""
    folder = tmp_path_factory.mktemp("made") / "police"
    assert run(["-C", str(folder), "init", "police"]) == 0
    with passed_on(PHRASE) as descriptor:
        assert run(["-C", str(folder), "keys", "new", "--passphrase-fd", str(descriptor)]) == 0
    return folder


@pytest.fixture
def police(with_keys: Path, tmp_path: Path) -> Path:
    """A folder of the police with keys."""
    return Path(shutil.copytree(with_keys, tmp_path / "police"))


def new_party(root: Path, party: str, cli: Cli) -> Path:
    assert cli("-C", root / party, "init", party).code == 0
    assert cli("-C", root / party, "keys", "new", phrases=(PHRASE,)).code == 0
    return root / party


# --- init, keys ---------------------------------------------------------------------------------------------------


def test_init_twice_is_refused(police: Path, cli: Cli) -> None:
    ended = cli("-C", police, "init", "police")
    assert (ended.code, ended.out) == (2, "")
    assert "already is a working folder" in ended.err


@pytest.mark.parametrize("name", ["../police", "Police", "a b", ""])
def test_a_name_that_cannot_be_a_file_name_is_refused(name: str, tmp_path: Path, cli: Cli) -> None:
    assert cli("-C", tmp_path / "x", "init", name).code == 2
    assert not (tmp_path / "x").exists()


def test_keys_are_never_made_over(police: Path, cli: Cli) -> None:
    before = (police / "keys" / "police.private.json").read_bytes()
    ended = cli("-C", police, "keys", "new", phrases=("another phrase",))
    assert (ended.code, ended.out) == (2, "")
    assert "never made over" in ended.err
    assert (police / "keys" / "police.private.json").read_bytes() == before


def test_an_empty_passphrase_is_refused(tmp_path: Path, cli: Cli) -> None:
    cli("-C", tmp_path / "police", "init", "police")
    ended = cli("-C", tmp_path / "police", "keys", "new", phrases=("",))
    assert (ended.code, ended.out) == (7, "")
    assert "passphrase is empty" in ended.err
    assert not (tmp_path / "police" / "keys" / "police.private.json").exists()


def test_without_a_terminal_the_passphrase_needs_a_descriptor(tmp_path: Path) -> None:
    process("-C", tmp_path / "police", "init", "police")
    ended = process("-C", tmp_path / "police", "keys", "new")
    assert (ended.code, ended.out) == (2, "")
    assert "--passphrase-fd" in ended.err


def test_a_closed_descriptor_is_usage(police: Path, cli: Cli) -> None:
    (police / "keys" / "police.private.json").unlink()
    ended = cli("-C", police, "keys", "new", "--passphrase-fd", 987)
    assert (ended.code, ended.out) == (2, "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_passphrase_is_asked_twice_and_never_echoed(tmp_path: Path) -> None:
    import pty
    import select

    process("-C", tmp_path / "police", "init", "police")
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "juncture", "-C", str(tmp_path / "police"), "keys", "new"])
    said, answered = b"", 0
    while select.select([terminal], [], [], 20)[0]:
        try:
            piece = os.read(terminal, 1024)
        except OSError:
            break
        said += piece
        if not piece:
            break
        if said.count(b": ") > answered and said.rstrip().endswith(b":"):
            answered = said.count(b": ")
            os.write(terminal, PHRASE.encode() + b"\n")
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == 0, said
    assert b"Repeat for confirmation" in said
    assert PHRASE.encode() not in said


def test_keys_show_prints_the_fingerprint_and_sixteen_words(police: Path, cli: Cli) -> None:
    ended = cli("-C", police, "keys", "show")
    name, fingerprint = ended.out.splitlines()[0].split()
    assert (ended.code, name, len(fingerprint)) == (0, "police", len("sha384:") + 96)
    assert len(" ".join(ended.out.splitlines()[1:]).split()) == 16


# --- agreement ----------------------------------------------------------------------------------------------------


def test_the_empty_form_is_a_draft_with_the_own_keys_filled_in(police: Path, cli: Cli) -> None:
    ended = cli("-C", police, "agree", "new")
    assert ended.code == 0
    assert "Keys still to come from: analyst, checker, clinic, linker." in ended.err
    fingerprint = cli("-C", police, "keys", "show").out.split()[1]
    assert fingerprint in (police / "agreement.toml").read_text(encoding="utf-8")
    assert "# closed list" in (police / "agreement.toml").read_text(encoding="utf-8"), "comments stay"


def test_new_again_keeps_the_draft_and_another_form_never_replaces_it(
    police: Path, real_agreement: Path, cli: Cli
) -> None:
    assert cli("-C", police, "agree", "new").code == 0
    before = (police / "agreement.toml").read_bytes()
    assert cli("-C", police, "agree", "new").code == 0
    assert cli("-C", police, "agree", "new", real_agreement).code == 2
    assert (police / "agreement.toml").read_bytes() == before


def test_a_bad_agreement_is_told_of_all_its_faults(tmp_path: Path, real_agreement: Path, cli: Cli) -> None:
    bad = tmp_path / "bad.toml"
    text = real_agreement.read_text(encoding="utf-8")
    text = text.replace("quota = 40", 'quota = 0\nscore = "yes"').replace('"service_improvement_research"', '"housing"')
    bad.write_text(text, encoding="utf-8")
    ended = cli("agree", "check", bad)
    assert (ended.code, ended.out) == (3, "")
    for words in ("3 things to correct", "purpose: must be one of", "cohort.quota: must be at least 1", "cohort.score"):
        assert words in ended.err
    assert "housing" not in ended.err


def test_check_says_what_is_missing_before_the_agreement_binds(police: Path, real_agreement: Path, cli: Cli) -> None:
    cli("-C", police, "agree", "new", real_agreement)
    ended = cli("-C", police, "agree", "check")
    assert (ended.code, ended.out) == (4, "")
    assert "clinic: the agreement does not name its keys yet" in ended.err


def test_a_draft_is_not_signed(police: Path, real_agreement: Path, cli: Cli) -> None:
    cli("-C", police, "agree", "new", real_agreement)
    ended = cli("-C", police, "agree", "sign", phrases=(PHRASE,))
    assert (ended.code, ended.out) == (4, "")
    assert "still is a draft" in ended.err


def test_a_wrong_passphrase_signs_nothing(police: Path, real_agreement: Path, cli: Cli) -> None:
    cli("-C", police, "agree", "new", real_agreement)
    ended = cli("-C", police, "agree", "sign", phrases=("wrong",))
    assert (ended.code, ended.out) == (7, "")
    assert "The passphrase does not open police.private.json" in ended.err
    assert not (police / "agreement.police.sig").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["agree", "sign"], ["keys", "exchange"], ["agency", "approve"], ["agency", "grant"], ["linker", "link"],
        ["linker", "ticket"], ["analyst", "request"], ["analyst", "unlock"], ["analyst", "findings"],
        ["analyst", "propose"], ["checker", "review"], ["checker", "approve"], ["checker", "release", "public"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_real_command_works_under_an_agreement_of_a_rehearsal(
    words: list[str], police: Path, city: City, cli: Cli
) -> None:
    """Refused before a passphrase is asked for."""
    (police / "agreement.toml").write_bytes(city.agreement.read_bytes())
    ended = cli("-C", police, *words)
    assert (ended.code, ended.out) == (4, "")
    assert "rehearsal = true" in ended.err


def test_the_desk_refuses_an_agreement_of_a_rehearsal_whoever_asks(police: Path, city: City) -> None:
    (police / "agreement.toml").write_bytes(city.agreement.read_bytes())
    with pytest.raises(AgreementForbids):
        own_desk(PartyFolder.open(police), PHRASE.encode(), PartyRole.AGENCY)


@pytest.mark.parametrize("words", [["linker", "link"], ["analyst", "unlock"], ["checker", "approve"]], ids=" ".join)
def test_a_step_of_another_role_is_refused(words: list[str], police: Path, real_agreement: Path, cli: Cli) -> None:
    cli("-C", police, "inbox", real_agreement)
    ended = cli("-C", police, *words)
    assert (ended.code, ended.out) == (2, "")
    assert f"a step of the {words[0]}; under this agreement police is agency" in ended.err


@pytest.mark.parametrize("words", [["agree", "check"], ["agree", "show"], ["agree", "sign"], ["keys", "exchange"]])
def test_without_an_agreement_the_way_to_one_is_told(words: list[str], police: Path, cli: Cli) -> None:
    ended = cli("-C", police, *words)
    assert (ended.code, ended.out) == (2, "")
    assert "`juncture agree new` writes one" in ended.err


# --- inbox --------------------------------------------------------------------------------------------------------


def test_public_keys_go_to_the_keys_folder_and_are_compared_by_telephone(
    police: Path, tmp_path: Path, cli: Cli
) -> None:
    clinic = new_party(tmp_path, "clinic", cli)
    sent = clinic / "keys" / "clinic.public.json"
    ended = cli("-C", police, "inbox", sent)
    assert (ended.code, ended.out.strip()) == (0, str(police / "keys" / "clinic.public.json"))
    assert "clinic.public.json is the public keys of clinic." in ended.err
    assert "Compare by telephone" in ended.err
    assert "lay here already" in cli("-C", police, "inbox", sent).err


def test_other_keys_of_a_known_party_are_not_taken_silently(police: Path, tmp_path: Path, cli: Cli) -> None:
    first = new_party(tmp_path / "a", "clinic", cli) / "keys" / "clinic.public.json"
    second = new_party(tmp_path / "b", "clinic", cli) / "keys" / "clinic.public.json"
    cli("-C", police, "inbox", first)
    ended = cli("-C", police, "inbox", second)
    assert (ended.code, ended.out) == (2, "")
    assert (police / "keys" / "clinic.public.json").read_bytes() == first.read_bytes()
    assert cli("-C", police, "inbox", "--replace", second).code == 0
    assert (police / "keys" / "clinic.public.json").read_bytes() == second.read_bytes()


def test_keys_that_take_the_own_name_are_refused_even_to_replace(police: Path, tmp_path: Path, cli: Cli) -> None:
    impostor = new_party(tmp_path / "other", "police", cli) / "keys" / "police.public.json"
    ended = cli("-C", police, "inbox", "--replace", impostor)
    assert (ended.code, ended.out) == (5, "")
    assert "ask who" in ended.err


def test_a_private_key_file_is_refused(police: Path, tmp_path: Path, cli: Cli) -> None:
    clinic = new_party(tmp_path, "clinic", cli)
    ended = cli("-C", police, "inbox", clinic / "keys" / "clinic.private.json")
    assert (ended.code, ended.out) == (7, "")
    assert "Private keys never travel" in ended.err


def test_an_export_is_no_arrival_and_the_rest_is_taken_all_the_same(
    police: Path, city: City, real_agreement: Path, cli: Cli
) -> None:
    ended = cli("-C", police, "inbox", city.police_export, real_agreement)
    assert (ended.code, ended.out.strip()) == (3, str(police / "agreement.toml"))
    assert "no package, agreement, signature or public-key file" in ended.err


def test_every_file_that_is_refused_is_told(police: Path, city: City, tmp_path: Path, cli: Cli) -> None:
    ended = cli("-C", police, "inbox", city.police_export, tmp_path / "missing.sig", tmp_path / "gone.juncture")
    assert ended.code == 3
    assert all(name in ended.err for name in (city.police_export.name, "missing.sig", "gone.juncture"))


def test_an_agreement_between_others_is_refused(tmp_path: Path, real_agreement: Path, cli: Cli) -> None:
    stranger = new_party(tmp_path, "shelter", cli)
    ended = cli("-C", stranger, "inbox", real_agreement)
    assert (ended.code, ended.out) == (5, "")
    assert not (stranger / "agreement.toml").exists()


def test_a_signature_needs_its_agreement(police: Path, tmp_path: Path, cli: Cli) -> None:
    signature = tmp_path / "agreement.clinic.sig"
    signature.write_text('{"format":"juncture-agreement-signature","party":"clinic"}', encoding="utf-8")
    ended = cli("-C", police, "inbox", signature)
    assert (ended.code, ended.out) == (2, "")
    assert "Take in agreement.toml first" in ended.err


# --- status, ledger -----------------------------------------------------------------------------------------------


def test_status_of_a_new_folder_names_the_first_step(tmp_path: Path, cli: Cli) -> None:
    cli("-C", tmp_path / "police", "init", "police")
    ended = cli("-C", tmp_path / "police", "status")
    assert ended.code == 0
    assert ended.out.splitlines()[-1] == f"Next: juncture -C {tmp_path / 'police'} keys new"


def test_status_says_what_is_waited_for_and_from_whom(police: Path, real_agreement: Path, cli: Cli) -> None:
    cli("-C", police, "inbox", real_agreement)
    out = cli("-C", police, "status").out
    assert "police (agency), round 1" in out
    for party in ("analyst", "checker", "clinic", "linker"):
        assert f"  waiting   from {party}: its public-key file" in out


def test_what_has_been_waited_for_two_weeks_is_overdue_and_so_is_the_end(
    police: Path, real_agreement: Path, cli: Cli
) -> None:
    text = real_agreement.read_text(encoding="utf-8").replace("expires   = 2099-12-31", "expires   = 2026-12-31")
    (police / "agreement.toml").write_text(text, encoding="utf-8")
    folder = PartyFolder.open(police)
    last = date.fromisoformat(verify(folder.ledger).entries[-1].time[:10])
    assert status(folder, today=min(last, date(2026, 6, 1))).overdue == ()
    assert any("Nothing has happened" in s for s in status(folder, today=last + timedelta(days=14)).overdue)
    assert "The agreement expires on 2026-12-31." in status(folder, today=date(2026, 12, 15)).overdue
    assert any("expired on 2026-12-31" in s for s in status(folder, today=date(2027, 1, 1)).overdue)


def test_the_workflow_names_every_stage_once_and_every_command_exists(cli: Cli) -> None:
    assert [step.stage for step in WORKFLOW] == list(Stage)
    for step in WORKFLOW:
        words = [word for word in step.command.split()[1:] if word.islower()]
        if words:
            assert cli(*words, "--help").code == 0, step.command
    for role in PartyRole:
        assert steps_of(role)[:5] == steps_of(None)


def test_the_ledger_shows_acts_and_refuses_a_head_that_it_never_had(police: Path, cli: Cli) -> None:
    assert "keys_made" in cli("-C", police, "ledger", "show").out
    head = cli("-C", police, "ledger", "verify").out.strip()
    assert cli("-C", police, "ledger", "verify", "--head", head).code == 0
    ended = cli("-C", police, "ledger", "verify", "--head", "ab" * 48)
    assert (ended.code, ended.out) == (5, "")
    assert cli("-C", police, "ledger", "verify", "--head", "abc").code == 2
