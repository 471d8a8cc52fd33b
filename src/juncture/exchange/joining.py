"""Joining a project: own keys, the agreement with everybody's keys, the signature, and the way to one's desk.

A rehearsal's agreement is signed with keys that nobody keeps; :func:`for_real` is the one rule that keeps it out of
real work.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import tomlkit

from juncture.agreement.library import form_text, with_library
from juncture.agreement.model import UNKNOWN_KEYS, Agreement
from juncture.agreement.read import agreement_id, parse_agreement, read_agreement, text_of
from juncture.agreement.vocabulary import PartyRole
from juncture.base.errors import AgreementForbids, JunctureError, KeyTrouble, UsageError
from juncture.base.files import write_text
from juncture.base.folder import PartyFolder
from juncture.base.report import StepReport, WrittenFile
from juncture.exchange import ledger
from juncture.exchange.desk import Desk, sit_down
from juncture.exchange.keyfiles import open_keys, save_keys
from juncture.exchange.keys import PrivateKeys, PublicKeys, make_keys, read_public, save_public
from juncture.exchange.ledger import Act
from juncture.exchange.signed_agreement import sign_agreement, signature_faults

#: Whose keys those of the second person at an agency are.
APPROVER = "approver"

#: Bytes of a new passphrase; scrypt makes each guess cost a third of a second, no more.
SHORTEST_PASSPHRASE = 12


def for_real(agreement: Agreement) -> Agreement:
    """``agreement``, unless it is marked for a rehearsal; then ``AgreementForbids`` (exit 4)."""
    if agreement.rehearsal:
        raise AgreementForbids(
            "This agreement is marked `rehearsal = true`: it is for made-up people and keys that nobody keeps.",
            remedy="`juncture rehearse` plays it. Real work needs an agreement with `rehearsal = false`, signed anew.",
        )
    return agreement


def agreement_here(folder: PartyFolder) -> Agreement:
    """The agreement in ``folder``; ``UsageError`` where there is none yet."""
    if not folder.agreement.exists():
        raise UsageError(
            "There is no agreement in this folder yet.",
            remedy="`juncture inbox FILE` takes the one that another party wrote; `juncture agree new` writes one.",
        )
    return read_agreement(folder.agreement)


def may_act_as(folder: PartyFolder, role: PartyRole) -> None:
    """Raise unless the party of ``folder`` has ``role`` under an agreement for real work."""
    agreement = for_real(agreement_here(folder))
    own = agreement.party.get(folder.party)
    if own is None or own.role is not role:
        raise UsageError(
            f"This is a step of the {role.value}; under this agreement {folder.party} is "
            f"{own.role.value if own else 'no party'}.",
            remedy="`juncture status` says what this party does next.",
        )


def own_desk(folder: PartyFolder, passphrase: bytes, role: PartyRole) -> Desk:
    """The party's desk for real work in ``role``; raises as :func:`may_act_as` and ``sit_down`` do."""
    may_act_as(folder, role)
    return sit_down(folder, passphrase)


def approver_file(folder: PartyFolder) -> Path:
    """Where the keys of the second person lie, unless that person keeps them elsewhere."""
    return folder.keys / f"{APPROVER}.private.json"


def new_keys(folder: PartyFolder, passphrase: bytes, *, approver: bool = False) -> StepReport:
    """Make the party's keys, or those of the second person who approves; never over keys that exist."""
    private = approver_file(folder) if approver else folder.own_keys
    if private.exists():
        raise UsageError(
            f"{private.name} exists already; keys are never made over.",
            remedy="`juncture keys show` shows them. To begin anew, move the old file away first.",
        )
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise KeyTrouble(
            f"The passphrase has fewer than {SHORTEST_PASSPHRASE} characters; whoever copies the file could guess it.",
            remedy="Choose four words or more that do not belong together.",
        )
    keys = make_keys(APPROVER if approver else folder.party)
    save_keys(keys, private, passphrase)
    public = save_public(keys.public, folder.public_keys(keys.party))
    ledger.append(folder.ledger, Act.KEYS_MADE, who=keys.party)
    return StepReport(
        title=f"Made the keys of {keys.party}",
        files=(WrittenFile(private), WrittenFile(public)),
        notes=(
            "The passphrase cannot be recovered; keep it apart from this machine.",
            "The private file never leaves." if approver else f"Send {public.name} to every other party.",
        ),
        next_command="juncture status" if approver else "juncture keys show",
    )


def known_keys(folder: PartyFolder) -> dict[str, PublicKeys]:
    """Public keys that lie in ``keys/``, by party; a file that is none, or of another party, is left out."""
    known = {}
    for path in sorted(folder.keys.glob("*.public.json")):
        try:
            public = read_public(path)
        except JunctureError:
            continue
        if path == folder.public_keys(public.party):
            known[public.party] = public
    return known


def new_agreement(folder: PartyFolder, form: Path | None = None) -> StepReport:
    """Write the agreement's form (or ``form``) into the folder, and fill in the keys that have arrived.

    Where ``form`` declares no juncture, the default library for its agencies stands in it.
    Where a draft lies there already it is kept as it is and only missing keys are filled in. Raises ``UsageError``
    where ``form`` would replace it.
    """
    if form is not None and folder.agreement.exists():
        raise UsageError(f"{folder.agreement.name} exists already.", remedy="Edit it, or move it away first.")
    source = folder.agreement if folder.agreement.exists() else form
    if source is None:
        text = form_text()
    else:
        text = with_library(text_of(source))
    filled = _with_known_keys(text, known_keys(folder))
    agreement = parse_agreement(filled, file=source)
    write_text(folder.agreement, filled, private=False)
    missing = sorted(name for name, party in agreement.party.items() if party.keys == UNKNOWN_KEYS)
    return StepReport(
        title="The agreement is a draft" if missing else "The agreement names the keys of every party",
        notes=(
            f"Keys still to come from: {', '.join(missing)}. `juncture inbox FILE` takes a public-key file."
            if missing
            else "Compare every fingerprint by telephone (`juncture keys show`), then send the file to every party.",
            *(("It is the form: put in the true parties, windows and junctures before anybody signs.",)
              if source is None else ()),
        ),
        files=(WrittenFile(folder.agreement),),
        next_command="juncture agree new" if missing else "juncture agree sign",
    )  # fmt: skip


def check_agreement(folder: PartyFolder) -> StepReport:
    """Say that the agreement binds; raises ``AgreementForbids`` that lists what is missing."""
    agreement = agreement_here(folder)
    unnamed = sorted(name for name, party in agreement.party.items() if party.keys == UNKNOWN_KEYS)
    faults = [f"{name}: the agreement does not name its keys yet" for name in unnamed]
    faults = faults or signature_faults(folder, agreement)
    if faults:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise AgreementForbids(
            f"The agreement is well formed but does not bind yet:\n{listed}",
            remedy="`juncture inbox FILE` takes the others' files; `juncture status` says what comes next.",
        )
    warnings = ["It is marked `rehearsal`: no real command works under it."] if agreement.rehearsal else []
    linker, analyst = (
        read_public(folder.public_keys(agreement.sole(role))) for role in (PartyRole.LINKER, PartyRole.ANALYST)
    )
    if linker.shares_a_key_with(analyst):
        warnings.append("Linker and analyst hold the same keys: the protection that their separation gives is gone.")
    return StepReport(
        title="The agreement is signed by every party and binds",
        counts={"parties": len(agreement.party)},
        notes=(f"Agreement id {agreement_id(agreement)}",),
        warnings=tuple(warnings),
        next_command="juncture status",
    )


def agree(folder: PartyFolder, passphrase: bytes) -> StepReport:
    """Sign the agreement; raises as :func:`for_real` and ``sign_agreement`` do."""
    agreement = for_real(agreement_here(folder))
    keys = open_keys(folder.own_keys, passphrase)
    path = sign_agreement(folder, keys)
    ledger.append(folder.ledger, Act.AGREEMENT_SIGNED, who=folder.party, agreement_id=agreement_id(agreement))
    return StepReport(
        title="Signed the agreement",
        notes=("Send the signature to every other party.",),
        files=(WrittenFile(path),),
        next_command="juncture status",
    )


def second_person(folder: PartyFolder, passphrase: bytes, path: Path | None = None) -> PrivateKeys:
    """The keys of the person who approves, from ``path`` or the folder."""
    return open_keys(path or approver_file(folder), passphrase)


def _with_known_keys(text: str, known: dict[str, PublicKeys]) -> str:
    """``text`` with each unknown fingerprint of a known party filled in; comments and layout stay."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return text  # the reader of agreements says what is wrong
    document = tomlkit.parse(text)
    parties = document.get("party")
    if isinstance(parties, dict):
        for name, public in known.items():
            party = parties.get(name)
            if isinstance(party, dict) and party.get("keys", UNKNOWN_KEYS) == UNKNOWN_KEYS:
                party["keys"] = public.fingerprint
    return tomlkit.dumps(document)
