"""Signing the agreement, and the one way to an agreement that everybody signed.

A signature lies beside the agreement as ``agreement.<party>.sig``: canonical JSON with ``format``
(``juncture-agreement-signature``), ``version`` 1, ``party``, ``agreement_id`` and ``signature`` (hex). What is signed
is the agreement's canonical form, so layout and comments do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from juncture.agreement.model import Agreement
from juncture.agreement.read import agreement_id, canonical_form, read_agreement
from juncture.agreement.vocabulary import PartyRole
from juncture.base.errors import AgreementForbids, JunctureError, KeyTrouble, PackageRefused
from juncture.base.files import read_limited, write_bytes
from juncture.base.folder import PartyFolder
from juncture.exchange.canonical import canonical_bytes, read_form, read_hex
from juncture.exchange.keys import PrivateKeys, PublicKeys, read_public
from juncture.exchange.signing import SIGNATURE_BYTES, sign, verify

FORMAT = "juncture-agreement-signature"
VERSION = 1
LABEL = "juncture agreement 1"
MAX_BYTES = 16 * 1024


@dataclass(frozen=True)
class SignedAgreement:
    """An agreement under which every party's signature was checked with the keys that it names.

    ``public`` holds the public keys of every party, by name.
    """

    agreement: Agreement
    id: str
    public: Mapping[str, PublicKeys]

    def one_holder(self, one: PartyRole, other: PartyRole) -> bool:
        """Whether the two parties with these roles share a key. Two keys in one hand cannot be seen."""
        first, second = (self.public[self.agreement.sole(role)] for role in (one, other))
        return first.shares_a_key_with(second)


def sign_agreement(folder: PartyFolder, private: PrivateKeys) -> Path:
    """Sign the agreement in ``folder``; returns the signature file, to be passed to all other parties.

    Raises ``AgreementForbids`` for a draft and ``KeyTrouble`` where the agreement names other keys for this party.
    """
    agreement = read_agreement(folder.agreement)
    if agreement.is_draft:
        raise AgreementForbids(
            "The agreement still is a draft: it does not name the keys of every party.",
            remedy='Fill in each party\'s fingerprint (keys = "sha384:...") as `juncture keys show` prints it.',
        )
    party = agreement.party.get(private.party)
    if party is None or party.keys != private.public.fingerprint:
        raise KeyTrouble(
            f"The agreement does not name the keys of {private.party} that are open now.",
            remedy="Compare `juncture keys show` with the agreement; the keys may have been renewed since.",
        )
    block = sign(private, LABEL, canonical_form(agreement))
    content = {
        "format": FORMAT,
        "version": VERSION,
        "party": private.party,
        "agreement_id": agreement_id(agreement),
        "signature": block.hex(),
    }
    return write_bytes(folder.signature(private.party), canonical_bytes(content), private=False)


def signature_faults(folder: PartyFolder, agreement: Agreement) -> list[str]:
    """What is missing before ``agreement`` binds: a plain sentence a party and fault; empty where everybody signed."""
    faults = []
    for name, party in sorted(agreement.party.items()):
        try:
            public = read_public(folder.public_keys(name))
        except JunctureError:
            faults.append(f"{name}: the public keys are not in keys/{folder.public_keys(name).name}")
            continue
        if public.party != name or public.fingerprint != party.keys:
            faults.append(f"{name}: the public keys here are not those that the agreement names")
            continue
        try:
            check_signature(folder.signature(name), public, agreement)
        except PackageRefused as error:
            faults.append(f"{name}: {error.message}")
    return faults


def read_signed_agreement(folder: PartyFolder, *, today: date) -> SignedAgreement:
    """The agreement in ``folder``, signed by every party and not expired; else ``AgreementForbids`` (exit 4)."""
    agreement = read_agreement(folder.agreement)
    faults = ["the agreement still is a draft"] if agreement.is_draft else signature_faults(folder, agreement)
    if faults:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise AgreementForbids(
            f"The agreement does not bind yet:\n{listed}", remedy="`juncture agree check` tells when it does."
        )
    if today > agreement.expires:
        raise AgreementForbids(
            f"The agreement expired on {agreement.expires}.",
            remedy="Destroy the keys and what was kept under it, or agree anew.",
        )
    public = {name: read_public(folder.public_keys(name)) for name in agreement.party}
    return SignedAgreement(agreement=agreement, id=agreement_id(agreement), public=public)


def check_signature(path: Path, public: PublicKeys, agreement: Agreement) -> None:
    """Raise ``PackageRefused`` unless the file ``path`` is the signature of ``public`` under ``agreement``."""
    if not path.is_file():
        raise PackageRefused(f"the signature {path.name} has not arrived")
    form = {"format": str, "version": int, "party": str, "agreement_id": str, "signature": str}
    try:
        read = read_form(read_limited(path, MAX_BYTES), form)
        if (read["format"], read["version"], read["party"]) != (FORMAT, VERSION, public.party):
            raise ValueError("its format, version or party is another one")
        block = read_hex(read["signature"], SIGNATURE_BYTES)
    except ValueError as error:
        raise PackageRefused(f"{path.name} is not a signature of this party: {error}") from error
    if read["agreement_id"] != agreement_id(agreement):
        raise PackageRefused(f"{path.name} signs another agreement than the one here")
    verify(public, LABEL, canonical_form(agreement), block)
