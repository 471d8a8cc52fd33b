"""Setting up the parties of a rehearsal, and the courier between them: nothing passes but files."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from juncture.agreement.model import Agreement
from juncture.agreement.read import agreement_toml
from juncture.agreement.vocabulary import PartyRole
from juncture.base.files import write_text
from juncture.base.folder import PartyFolder
from juncture.exchange import ledger
from juncture.exchange.desk import Desk, sit_down
from juncture.exchange.keyfiles import REHEARSAL_WORK, open_keys, save_keys
from juncture.exchange.keys import PrivateKeys, make_keys, save_public
from juncture.exchange.ledger import Act
from juncture.exchange.package import read_header
from juncture.exchange.signed_agreement import sign_agreement


@dataclass(frozen=True, repr=False)
class Stage:
    """The parties of a rehearsal, each at its own desk, and a second person at each agency who approves."""

    desks: Mapping[str, Desk]
    approvers: Mapping[str, PrivateKeys]
    delivered: set[Path] = field(default_factory=set)

    def desk(self, role: PartyRole) -> Desk:
        """The desk of the one party with ``role``."""
        return next(d for name, d in self.desks.items() if d.agreement.party[name].role is role)

    @property
    def agencies(self) -> list[Desk]:
        """The agencies' desks, by name."""
        return [desk for name, desk in sorted(self.desks.items()) if name in desk.agreement.agencies]

    def carry(self) -> int:
        """Copy every package from outboxes to the inboxes they are addressed to; returns how many were new."""
        carried = 0
        for desk in self.desks.values():
            for path in sorted(desk.folder.outbox.glob("*.juncture")):
                # A package that was taken and destroyed is not delivered twice.
                if path not in self.delivered:
                    shutil.copyfile(path, self.desks[read_header(path).recipient].folder.inbox / path.name)
                    self.delivered.add(path)
                    carried += 1
        return carried


def set_the_stage(root: Path, draft: Agreement, *, today: date) -> Stage:
    """Make a folder and keys for every party below ``root``, fill the keys into ``draft``, and have all sign it.

    The passphrases exist in memory only; nobody opens the keys again once the rehearsal ends.
    """
    folders = {name: PartyFolder.create(root / name, name) for name in draft.party}
    phrases = {name: secrets.token_hex(16).encode() for name in folders}
    for name, folder in folders.items():
        keys = make_keys(name)
        save_keys(keys, folder.own_keys, phrases[name], work=REHEARSAL_WORK)
        save_public(keys.public, folder.public_keys(name))
        ledger.append(folder.ledger, Act.KEYS_MADE, who=name)
    opened = {name: open_keys(folder.own_keys, phrases[name]) for name, folder in folders.items()}
    agreement = draft.with_keys({name: keys.public.fingerprint for name, keys in opened.items()})
    for folder in folders.values():
        write_text(folder.agreement, agreement_toml(agreement))
        for name, keys in opened.items():
            save_public(keys.public, folder.public_keys(name))
    for name, folder in folders.items():
        signature = sign_agreement(folder, opened[name])
        ledger.append(folder.ledger, Act.AGREEMENT_SIGNED, who=name)
        for other in folders.values():
            if other != folder:
                shutil.copyfile(signature, other.signature(name))
    desks = {name: sit_down(folder, phrases[name], today=today) for name, folder in folders.items()}
    approvers = {}
    for name in agreement.agencies:
        keys = make_keys("approver")
        save_keys(
            keys, folders[name].keys / "approver.private.json", secrets.token_hex(16).encode(), work=REHEARSAL_WORK
        )
        save_public(keys.public, folders[name].keys / "approver.public.json")
        approvers[name] = keys
    return Stage(desks=desks, approvers=approvers)
