"""A party's working folder: everything a party knows lies in it, and nothing else does.

``juncture.toml`` says who the party is; ``agreement.toml`` and its signatures lie beside it; ``keys/`` holds its own
keys and the others' public ones; packages arrive in ``inbox/`` and leave from ``outbox/``; ``private/`` holds what
must never leave; ``ledger.jsonl`` holds what was done.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from juncture.base.errors import UsageError
from juncture.base.files import empty_dir, private_dir, read_limited, write_text

SETTINGS = "juncture.toml"
#: Names that synchronised folders carry on laptops; a private folder inside one is copied to somebody's server.
SYNCHRONISED = ("dropbox", "onedrive", "google drive", "googledrive", "icloud", "box sync", "nextcloud")


@dataclass(frozen=True)
class PartyFolder:
    """The folder ``root`` of the party named ``party``."""

    root: Path
    party: str

    @classmethod
    def create(cls, root: Path, party: str) -> PartyFolder:
        """Make a new working folder; raises ``UsageError`` where ``root`` already is one."""
        if (root / SETTINGS).exists():
            raise UsageError(
                f"{root} already is a working folder.", remedy="Use it as it is, or choose another folder."
            )
        private_dir(root)
        folder = cls(root=root, party=party)
        for path in (folder.keys, folder.inbox, folder.outbox, folder.private):
            private_dir(path)
        write_text(root / SETTINGS, tomlkit.dumps({"format": 1, "party": party}))
        return folder

    @classmethod
    def open(cls, root: Path) -> PartyFolder:
        """The working folder at ``root``; raises ``UsageError`` where there is none."""
        path = root / SETTINGS
        if not path.is_file():
            raise UsageError(
                f"{root.resolve()} is not a working folder.",
                remedy="Name the party's folder with -C FOLDER; `juncture init PARTY` makes one.",
            )
        try:
            settings = tomllib.loads(read_limited(path, 1 << 16).decode("utf-8"))
            party = settings["party"]
        except (ValueError, KeyError) as error:
            raise UsageError(
                f"{path} cannot be read.", remedy='It must hold: format = 1 and party = "NAME".'
            ) from error
        return cls(root=root, party=str(party))

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def private(self) -> Path:
        return self.root / "private"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.jsonl"

    @property
    def agreement(self) -> Path:
        return self.root / "agreement.toml"

    @property
    def own_keys(self) -> Path:
        return self.keys / f"{self.party}.private.json"

    def public_keys(self, party: str) -> Path:
        """Where the public keys of ``party`` lie."""
        return self.keys / f"{party}.public.json"

    def signature(self, party: str) -> Path:
        """Where the signature of ``party`` under the agreement lies."""
        return self.root / f"agreement.{party}.sig"

    def round(self, number: int) -> Path:
        """The private folder of round ``number``, made if needed."""
        return private_dir(self.private / f"round-{number}")

    @property
    def spill_place(self) -> Path:
        """Where an engine's spill files lie while it works; they hold names in clear."""
        return self.private / "spill"

    def spill(self) -> Path:
        """An empty private folder for an engine's spill files; leftovers of a killed run are removed first."""
        path = private_dir(self.spill_place)
        empty_dir(path)
        return path

    def synchronised_with(self) -> str | None:
        """Name of the service that copies this folder elsewhere, as far as its path tells."""
        parts = [part.lower() for part in self.root.resolve().parts]
        return next((name for name in SYNCHRONISED for part in parts if name in part), None)
