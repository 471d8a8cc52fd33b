"""Parties for tests of the exchange: folders, keys and a signed agreement, without a rehearsal around them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from juncture.agreement.model import Agreement
from juncture.agreement.read import agreement_toml, parse_agreement
from juncture.base.files import write_text
from juncture.base.folder import PartyFolder
from juncture.exchange.desk import Desk, sit_down
from juncture.exchange.keyfiles import REHEARSAL_WORK, save_keys
from juncture.exchange.keys import PrivateKeys, make_keys, save_public
from juncture.exchange.signed_agreement import sign_agreement
from tests.agreement.test_agreement import FORM

PASSPHRASE = b"four words of a test"
TODAY = date(2026, 11, 24)


def make_parties(
    root: Path, *, one_holder: tuple[str, str] | None = None
) -> tuple[dict[str, PartyFolder], dict[str, PrivateKeys], Agreement]:
    """Folders with keys, and an agreement that names them, not yet signed by anybody.

    ``one_holder``: two parties that are played with the same keys.
    """
    draft = parse_agreement(FORM)
    keys = {name: make_keys(name) for name in draft.party}
    if one_holder is not None:
        keys[one_holder[1]] = replace(keys[one_holder[0]], party=one_holder[1])
    agreement = draft.with_keys({name: own.public.fingerprint for name, own in keys.items()})
    folders = {}
    for name in draft.party:
        folder = folders[name] = PartyFolder.create(root / name, name)
        save_keys(keys[name], folder.own_keys, PASSPHRASE, work=REHEARSAL_WORK)
        write_text(folder.agreement, agreement_toml(agreement))
        for other, own in keys.items():
            save_public(own.public, folder.public_keys(other))
    return folders, keys, agreement


def make_desks(root: Path, *, one_holder: tuple[str, str] | None = None) -> dict[str, Desk]:
    """Every party at its desk, under an agreement that all signed."""
    folders, keys, _ = make_parties(root, one_holder=one_holder)
    for name, folder in folders.items():
        signature = sign_agreement(folder, keys[name]).read_bytes()
        for other in folders.values():
            other.signature(name).write_bytes(signature)
    return {name: sit_down(folder, PASSPHRASE, today=TODAY) for name, folder in folders.items()}
