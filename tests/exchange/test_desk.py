"""The desk, the vault and the signed agreement: nobody acts before everybody signed, and nothing lies in clear."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from juncture.agency import secret as agency_secret
from juncture.agreement.read import agreement_toml
from juncture.agreement.vocabulary import PartyRole
from juncture.base.errors import AgreementForbids, ExitCode, KeyTrouble, PackageRefused, UsageError
from juncture.base.files import write_text
from juncture.base.folder import PartyFolder
from juncture.exchange import ledger, vault
from juncture.exchange.desk import Desk, sit_down
from juncture.exchange.header import PackageKind
from juncture.exchange.joining import new_keys
from juncture.exchange.joint_secret import new_share
from juncture.exchange.keys import make_keys, save_public
from juncture.exchange.ledger import Act
from juncture.exchange.locks import locked
from juncture.exchange.signed_agreement import read_signed_agreement, sign_agreement, signature_faults
from tests.exchange.parties import PASSPHRASE, TODAY, make_desks, make_parties


def carry(desks: dict[str, Desk]) -> None:
    for desk in desks.values():
        for path in desk.folder.outbox.glob("*.juncture"):
            recipient = path.name.split("-")[-2]
            shutil.copyfile(path, desks[recipient].folder.inbox / path.name)


# The agreement -----------------------------------------------------------------------------------------------------


def test_it_binds_once_everybody_signed_in_any_order(tmp_path: Path) -> None:
    folders, keys, agreement = make_parties(tmp_path)
    police = folders["police"]
    for number, name in enumerate(sorted(folders, reverse=True)):
        assert len(signature_faults(police, agreement)) == len(folders) - number
        with pytest.raises(AgreementForbids, match="does not bind yet"):
            read_signed_agreement(police, today=TODAY)
        signature = sign_agreement(folders[name], keys[name])
        if name != "police":
            shutil.copyfile(signature, police.signature(name))
    assert signature_faults(police, agreement) == []
    assert set(read_signed_agreement(police, today=TODAY).public) == set(folders)


def test_a_signature_under_another_text_does_not_count(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    folder, agreement = desks["clinic"].folder, desks["clinic"].agreement
    changed = agreement.model_copy(update={"expires": date(2030, 1, 1)})
    write_text(folder.agreement, agreement_toml(changed))
    faults = signature_faults(folder, changed)
    assert len(faults) == len(agreement.party)
    assert all("signs another agreement" in fault for fault in faults)


def test_a_signature_of_somebody_else_does_not_count(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    folder = desks["clinic"].folder
    text = desks["police"].folder.signature("police").read_text().replace('"party":"police"', '"party":"linker"')
    folder.signature("linker").write_text(text)
    assert any(fault.startswith("linker") for fault in signature_faults(folder, desks["clinic"].agreement))


def test_exchanged_public_keys_are_found(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    folder = desks["clinic"].folder
    save_public(make_keys("linker").public, folder.public_keys("linker"))
    (fault,) = signature_faults(folder, desks["clinic"].agreement)
    assert "not those that the agreement names" in fault


def test_a_draft_cannot_be_signed_and_an_expired_agreement_does_not_bind(tmp_path: Path) -> None:
    folders, keys, agreement = make_parties(tmp_path / "draft")
    draft = agreement.with_keys({"clinic": "sha384:..."})
    write_text(folders["police"].agreement, agreement_toml(draft))
    with pytest.raises(AgreementForbids, match="still is a draft"):
        sign_agreement(folders["police"], keys["police"])
    desks = make_desks(tmp_path / "signed")
    with pytest.raises(AgreementForbids, match="expired"):
        read_signed_agreement(desks["police"].folder, today=date(2028, 1, 1))


def test_keys_that_the_agreement_does_not_name_cannot_sign_it(tmp_path: Path) -> None:
    folders, _, _ = make_parties(tmp_path)
    with pytest.raises(KeyTrouble, match="does not name the keys"):
        sign_agreement(folders["police"], make_keys("police"))


def test_a_wrong_passphrase_opens_nothing(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    with pytest.raises(KeyTrouble) as caught:
        sit_down(desks["police"].folder, b"another phrase", today=TODAY)
    assert caught.value.exit_code is ExitCode.KEY


def test_one_holder_of_two_parties_keys_is_seen_under_any_name(tmp_path: Path) -> None:
    apart, same = make_desks(tmp_path / "apart"), make_desks(tmp_path / "same", one_holder=("linker", "analyst"))
    assert not apart["checker"].signed.one_holder(PartyRole.LINKER, PartyRole.ANALYST)
    assert same["checker"].signed.one_holder(PartyRole.LINKER, PartyRole.ANALYST)
    assert not same["checker"].signed.one_holder(PartyRole.ANALYST, PartyRole.CHECKER)


# Sending and taking ------------------------------------------------------------------------------------------------


def test_what_is_sent_arrives_once_and_is_in_both_ledgers(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    desks["linker"].send(PackageKind.COHORT, "analyst", 1, b"who was chosen")
    carry(desks)
    opened = desks["analyst"].take(PackageKind.COHORT, "linker", 1)
    assert opened.payload == b"who was chosen"
    assert desks["analyst"].take(PackageKind.COHORT, "linker", 1).opened_before
    acts = {name: [e.act for e in ledger.verify(d.folder.ledger).entries] for name, d in desks.items()}
    assert acts["linker"] == [Act.PACKAGE_SEALED]
    assert acts["analyst"] == [Act.PACKAGE_OPENED]


def test_what_was_moved_out_of_the_outbox_still_was_sent(tmp_path: Path) -> None:
    desk = make_desks(tmp_path)["linker"]
    first = desk.send(PackageKind.COHORT, "analyst", 1, b"one")
    first.path.rename(tmp_path / "on a stick.juncture")
    assert [header.package_id for header in desk.sent(PackageKind.COHORT, "analyst", 1)] == [first.header.package_id]
    assert desk.send(PackageKind.COHORT, "analyst", 1, b"two").header.sequence == 2


def test_a_folder_named_like_a_package_stops_nobody(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    (desks["analyst"].folder.inbox / "x.juncture").mkdir()
    desks["linker"].send(PackageKind.COHORT, "analyst", 1, b"who was chosen")
    carry(desks)
    assert desks["analyst"].take(PackageKind.COHORT, "linker", 1).payload == b"who was chosen"


def test_what_has_not_arrived_is_named_with_its_sender(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    with pytest.raises(UsageError, match="from linker has not arrived"):
        desks["analyst"].take(PackageKind.COHORT, "linker", 1)


def test_a_package_of_another_agreement_is_not_taken_for_ours(tmp_path: Path) -> None:
    first, second = make_desks(tmp_path / "first"), make_desks(tmp_path / "second")
    sealed = second["linker"].send(PackageKind.COHORT, "analyst", 1, b"x")
    shutil.copyfile(sealed.path, first["analyst"].folder.inbox / sealed.path.name)
    with pytest.raises(UsageError, match="has not arrived"):
        first["analyst"].take(PackageKind.COHORT, "linker", 1)


def test_leftovers_of_a_killed_run_are_swept_and_young_ones_are_not(tmp_path: Path) -> None:
    import os

    desks = make_desks(tmp_path)
    folder = desks["analyst"].folder
    old, young = folder.private / ".aa.part", folder.private / ".bb.part"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    sit_down(folder, PASSPHRASE, today=TODAY)
    assert not old.exists()
    assert young.exists()


def test_names_that_a_killed_run_spilled_are_gone_when_somebody_sits_down(tmp_path: Path) -> None:
    folder = make_desks(tmp_path)["police"].folder
    left = folder.spill() / "duckdb_temp_storage.tmp"
    left.write_bytes(b"a name")
    with locked(folder.spill_place):
        sit_down(folder, PASSPHRASE, today=TODAY)
        assert left.exists(), "another run is at work"
    sit_down(folder, PASSPHRASE, today=TODAY)
    assert not left.exists()


def test_what_a_killed_database_left_is_swept(tmp_path: Path) -> None:
    import os

    folder = make_desks(tmp_path)["analyst"].folder
    spill, log = folder.root / ".aa.part.tmp", folder.root / ".aa.part.wal"
    spill.mkdir()
    (spill / "rows").write_bytes(b"rows")
    log.write_bytes(b"rows")
    for path in (spill, log):
        os.utime(path, (0, 0))
    sit_down(folder, PASSPHRASE, today=TODAY)
    assert not spill.exists() and not log.exists()


# The vault ---------------------------------------------------------------------------------------------------------


def test_the_vault_keeps_nothing_in_clear_and_opens_for_its_owner_and_purpose(tmp_path: Path) -> None:
    keys = make_keys("police")
    path = vault.keep(keys, tmp_path / "kept", "unlock key", b"a secret of ours")
    assert b"secret" not in path.read_bytes()
    assert vault.recall(keys, path, "unlock key") == b"a secret of ours"
    for other, purpose in ((make_keys("police"), "unlock key"), (keys, "blinds")):
        with pytest.raises(KeyTrouble):
            vault.recall(other, path, purpose)
    with pytest.raises(UsageError):
        vault.recall(keys, tmp_path / "nothing", "unlock key")


# The joint secret --------------------------------------------------------------------------------------------------


def agree_on_a_secret(desks: dict[str, Desk]) -> None:
    agencies = [desks["police"], desks["clinic"]]
    for step in (agency_secret.commit, agency_secret.reveal, agency_secret.confirm, agency_secret.compare):
        for desk in agencies:
            step(desk)
        carry(desks)


def test_the_agencies_come_to_hold_one_secret(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    agree_on_a_secret(desks)
    secrets = {agency_secret.linkage_secret(desks[name]) for name in ("police", "clinic")}
    assert len(secrets) == 1 and len(secrets.pop()) == 32


def test_run_twice_the_steps_send_nothing_new(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    agree_on_a_secret(desks)
    before = {path.name: path.read_bytes() for path in desks["police"].folder.outbox.iterdir()}
    agree_on_a_secret(desks)
    assert {path.name: path.read_bytes() for path in desks["police"].folder.outbox.iterdir()} == before


def test_no_share_is_sent_before_all_have_committed(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    agency_secret.commit(desks["police"])
    with pytest.raises(UsageError, match="has not arrived"):
        agency_secret.reveal(desks["police"])


def test_unequal_secrets_stop_the_round(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    agree_on_a_secret(desks)
    police = desks["police"]
    vault.keep(police.keys, police.folder.private / "linkage-secret", "linkage secret", bytes(32))
    with pytest.raises(PackageRefused, match="do not hold the same joint linkage secret"):
        agency_secret.compare(police)


def test_the_secret_is_not_used_before_it_is_confirmed(tmp_path: Path) -> None:
    desks = make_desks(tmp_path)
    with pytest.raises(UsageError, match="have not confirmed"):
        agency_secret.linkage_secret(desks["police"])


def test_who_has_seen_a_share_cannot_commit_anew(tmp_path: Path) -> None:
    """A rushing agency waits for the other's share, then sends another commitment, to a share of its choice."""
    desks = make_desks(tmp_path)
    police, clinic = desks["police"], desks["clinic"]
    for desk in (police, clinic):
        agency_secret.commit(desk)
    carry(desks)
    agency_secret.reveal(police)
    carry(desks)
    chosen = new_share("clinic", clinic.signed.id)
    clinic.send(PackageKind.COMMITMENT, "police", 1, chosen.commitment.to_payload())
    clinic.send(PackageKind.SHARE, "police", 1, chosen.to_payload())
    carry(desks)
    with pytest.raises(PackageRefused, match="changed its commitment"):
        agency_secret.confirm(police)
    assert not (police.folder.private / "linkage-secret").exists()


# Passphrases -------------------------------------------------------------------------------------------------------


def test_a_short_passphrase_guards_no_key(tmp_path: Path) -> None:
    folder = PartyFolder.create(tmp_path / "police", "police")
    with pytest.raises(KeyTrouble, match="fewer than 12 characters"):
        new_keys(folder, b"elevenchars")
    assert not folder.own_keys.exists()
    new_keys(folder, b"twelve chars")
    assert folder.own_keys.exists()
