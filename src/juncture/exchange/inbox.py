"""What a courier brings: recognise each file, put it where it belongs, refuse what is foreign.

Nothing is trusted for lying in the inbox: signatures of packages are checked by the step that takes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from juncture.agreement.model import Agreement
from juncture.agreement.read import MAX_BYTES, agreement_id, parse_agreement, read_agreement
from juncture.base.errors import InputError, KeyTrouble, PackageRefused, UsageError
from juncture.base.files import atomic_writer, read_limited, write_bytes
from juncture.base.folder import PartyFolder
from juncture.exchange.joining import agreement_here
from juncture.exchange.keyfiles import PRIVATE_FORMAT
from juncture.exchange.keys import PUBLIC_FORMAT, read_public
from juncture.exchange.package import MAGIC, read_header
from juncture.exchange.signed_agreement import FORMAT as SIGNATURE_FORMAT
from juncture.exchange.signed_agreement import check_signature
from juncture.exchange.words import fingerprint_words

_COPY = 1 << 20
_ENOUGH = 64 * 1024


class Arrival(IntEnum):
    """What a file is, in the order in which files are taken: a signature needs the agreement that it signs."""

    AGREEMENT = 1
    PUBLIC_KEYS = 2
    SIGNATURE = 3
    PACKAGE = 4


@dataclass(frozen=True)
class Taken:
    """A file that was put in its place: what it is, where it lies, whether it lay there before, what to do now."""

    what: str
    path: Path
    there_before: bool
    note: str = ""


def recognise(path: Path) -> Arrival:
    """What the file ``path`` is; raises ``InputError`` for anything that no party sends another.

    A private-key file raises ``KeyTrouble``: it must never travel.
    """
    if not path.is_file():
        raise InputError("there is no such file", file=path)
    with path.open("rb") as file:
        front = file.read(_ENOUGH)
    if front.startswith(MAGIC):
        return Arrival.PACKAGE
    form = _json_format(front)
    if form == PRIVATE_FORMAT:
        raise KeyTrouble(
            f"{path.name} is a private-key file. Private keys never travel.",
            remedy="If somebody sent it, its keys are no longer private: that party makes new ones.",
        )
    if form == PUBLIC_FORMAT:
        return Arrival.PUBLIC_KEYS
    if form == SIGNATURE_FORMAT:
        return Arrival.SIGNATURE
    if path.suffix.lower() == ".toml":
        return Arrival.AGREEMENT
    raise InputError(
        "this is no package, agreement, signature or public-key file of juncture",
        file=path,
        remedy="An export stays where it is: its source file names it to `juncture agency share`.",
    )


def take_in(folder: PartyFolder, path: Path, *, replace: bool = False) -> Taken:
    """Put the file ``path`` where it belongs in ``folder``; the file itself stays where it is.

    ``replace`` lets a new agreement or public-key file take the place of a different one. Raises ``PackageRefused``
    for a file that is for somebody else or of another agreement, ``UsageError`` where a different file would be lost.
    """
    match recognise(path):
        case Arrival.AGREEMENT:
            return _take_agreement(folder, path, replace=replace)
        case Arrival.PUBLIC_KEYS:
            return _take_public(folder, path, replace=replace)
        case Arrival.SIGNATURE:
            return _take_signature(folder, path)
        case Arrival.PACKAGE:
            return _take_package(folder, path)


def _take_agreement(folder: PartyFolder, path: Path, *, replace: bool) -> Taken:
    data = read_limited(path, MAX_BYTES)
    try:
        agreement = parse_agreement(data.decode("utf-8-sig"), file=path)
    except UnicodeDecodeError as error:
        raise InputError("this is not UTF-8 text", file=path, remedy="Save the file as UTF-8.") from error
    if folder.party not in agreement.party:
        raise PackageRefused(
            f"{path.name} is an agreement between others: {folder.party} is not a party of it.",
            remedy=f"Its parties are {', '.join(agreement.party)}. `juncture init` gave this folder its name.",
        )
    different = folder.agreement.exists() and folder.agreement.read_bytes() != data
    if different and folder.signature(folder.party).exists():
        raise UsageError(
            f"{folder.party} has signed the agreement that lies here; it is not replaced.",
            remedy="For another agreement make another folder with `juncture init`.",
        )
    what = f"the agreement of {agreement.project}" + (", a draft" if agreement.is_draft else "")
    note = "Read it before you sign: `juncture agree show`."
    return _put(what, folder.agreement, data, replace=replace, note=note)


def _take_public(folder: PartyFolder, path: Path, *, replace: bool) -> Taken:
    public = read_public(path)
    agreement = _agreement_or_none(folder)
    if agreement is not None and public.party not in agreement.party:
        raise PackageRefused(f"{path.name} holds the keys of {public.party}, who is no party of the agreement.")
    target = folder.public_keys(public.party)
    if public.party == folder.party and target.exists() and target.read_bytes() != public.file_bytes:
        raise PackageRefused(
            f"{path.name} says that it holds the keys of {public.party}, but they are not those of this folder.",
            remedy="Somebody else made keys under this name: ask who, before anything is signed.",
        )
    words = fingerprint_words(public.fingerprint).replace("\n", " / ")
    note = f"Compare by telephone before you sign: {words}"
    return _put(f"the public keys of {public.party}", target, public.file_bytes, replace=replace, note=note)


def _take_signature(folder: PartyFolder, path: Path) -> Taken:
    agreement = _agreement_or_none(folder)
    if agreement is None:
        raise UsageError(
            f"{path.name} signs an agreement, and there is none here yet.", remedy="Take in agreement.toml first."
        )
    data = read_limited(path, _ENOUGH)
    party = str(json.loads(data).get("party", ""))
    if party not in agreement.party:
        raise PackageRefused(f"{path.name} is signed by somebody who is no party of the agreement.")
    if not folder.public_keys(party).exists():
        raise UsageError(
            f"{path.name} cannot be checked: the public keys of {party} are not here yet.",
            remedy=f"Take in {folder.public_keys(party).name} first; {party} sends it.",
        )
    check_signature(path, read_public(folder.public_keys(party)), agreement)
    # A signature made anew over the same agreement differs in its bytes and says the same.
    return _put(f"the signature of {party} under the agreement", folder.signature(party), data, replace=True)


def _take_package(folder: PartyFolder, path: Path) -> Taken:
    header = read_header(path)
    if header.recipient != folder.party:
        raise PackageRefused(
            f"{path.name} is for {header.recipient}; this is the folder of {folder.party}.",
            remedy=f"Pass it on to {header.recipient} and keep no copy.",
        )
    agreement = agreement_here(folder)
    if header.agreement_id != agreement_id(agreement):
        raise PackageRefused(
            f"{path.name} belongs to another agreement than the one here.",
            remedy=f"Ask {header.sender} which agreement it was made under: `juncture agree show` tells its id.",
        )
    if header.sender not in agreement.party:
        raise PackageRefused(f"{path.name} is from somebody who is no party of the agreement.")
    target = folder.inbox / header.file_name
    what = f"the {header.kind.description}, from {header.sender} (round {header.round})"
    if target.exists():
        if not _same_bytes(path, target):
            raise PackageRefused(
                f"Another file already lies in the inbox as {target.name}; it is not replaced.",
                remedy=f"Ask {header.sender} which one is right.",
            )
        return Taken(what, target, there_before=True)
    with path.open("rb") as source, atomic_writer(target) as out:
        while piece := source.read(_COPY):
            out.write(piece)
    return Taken(what, target, there_before=False, note="Nothing in it is used before its step has checked it.")


def _put(what: str, target: Path, data: bytes, *, replace: bool, note: str = "") -> Taken:
    if target.exists():
        if target.read_bytes() == data:
            return Taken(what, target, there_before=True, note=note)
        if not replace:
            raise UsageError(
                f"A different {target.name} lies here already; it is not replaced.",
                remedy="Compare the two; `juncture inbox --replace FILE` takes the new one.",
            )
    write_bytes(target, data, private=False)
    return Taken(what, target, there_before=False, note=note)


def _same_bytes(left: Path, right: Path) -> bool:
    if left.stat().st_size != right.stat().st_size:
        return False
    with left.open("rb") as a, right.open("rb") as b:
        while piece := a.read(_COPY):
            if piece != b.read(_COPY):
                return False
    return True


def _agreement_or_none(folder: PartyFolder) -> Agreement | None:
    return read_agreement(folder.agreement) if folder.agreement.exists() else None


def _json_format(front: bytes) -> str:
    try:
        value = json.loads(front)
    except (ValueError, RecursionError):
        return ""
    return str(value.get("format", "")) if isinstance(value, dict) else ""
