"""The package: the one kind of file that passes between parties, ``project-kind-from-to-0001.juncture``.

Version 1, every byte (integers are big-endian, unsigned):

| bytes | holds |
|---|---|
| 8 | ``JUNCTURE`` in ASCII |
| 2 | version: 1 |
| 4 | length of the header, at most 32 KiB |
| header | canonical JSON (:mod:`juncture.exchange.header`) |
| 1,713 | the content key, sealed by HPKE; ``info`` is the header without ``ciphertext_sha384`` |
| content + 16 a chunk | the content in chunks of 64 KiB (:mod:`juncture.exchange.sealing`) |
| 4,723 | signature block (:mod:`juncture.exchange.signing`), label ``package <kind>``, over all before the sealed key |

``ciphertext_sha384`` in the header is the SHA-384 of sealed content key and chunks, so the signatures cover every byte
of the file but themselves. The length of the file follows from its header; any other length is refused.

A reader checks in this order and stops at the first failure: magic, version, lengths, header, recipient, sender,
agreement, kind, expiry, size, hash of the ciphertext, both signatures, replay; only then is the content key opened and
the chunks, while the ciphertext is hashed a second time lest the file was exchanged in between.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import BinaryIO

from juncture.base.errors import MachineError, PackageRefused, UsageError
from juncture.base.files import atomic_writer
from juncture.exchange.header import (
    ASK_AGAIN,
    BANNER,
    MAX_HEADER,
    PackageHeader,
    PackageKind,
    new_package_id,
    read_header_bytes,
)
from juncture.exchange.keys import PrivateKeys, PublicKeys
from juncture.exchange.sealing import (
    CHUNK_BYTES,
    CONTENT_KEY_BYTES,
    SEALED_KEY_BYTES,
    TAG_BYTES,
    chunk_count,
    open_chunk,
    open_content_key,
    seal_chunks,
    seal_content_key,
    sealed_length,
)
from juncture.exchange.seen import SeenSet
from juncture.exchange.signing import SIGNATURE_BYTES, sign, verify

MAGIC = b"JUNCTURE"
VERSION = 1
_FRONT_BYTES = len(MAGIC) + 2 + 4
_NO_HASH = "0" * 96


@dataclass(frozen=True)
class SealedPackage:
    """A package that was written: where, with which header, and the SHA-384 of the file in hex."""

    path: Path
    header: PackageHeader
    sha384: str


@dataclass(frozen=True, repr=False)
class OpenedPackage:
    """A package that passed every check, with its content; ``opened_before``: the very same was opened once already."""

    header: PackageHeader
    payload: bytes
    opened_before: bool

    def __repr__(self) -> str:
        return f"OpenedPackage({self.header.file_name}, {self.header.content_bytes} bytes)"


@dataclass(frozen=True)
class Expected:
    """What a reader demands of a package before it looks inside.

    ``sender`` and ``recipient`` are the keys that the agreement names, ``today`` is a UTC date, ``max_bytes`` the most
    content that this kind may have, ``seen`` the reader's set of opened packages.
    """

    sender: PublicKeys
    recipient: PrivateKeys
    agreement_id: str
    kind: PackageKind
    today: date
    seen: SeenSet
    max_bytes: int

    def check(self, header: PackageHeader) -> None:
        """Raise ``PackageRefused`` with the first reason why ``header`` is not what is expected."""
        name = header.file_name
        reasons = {
            f"{name} is for {header.recipient}, not for {self.recipient.party}.": header.recipient
            != self.recipient.party,
            f"{name} is from {header.sender}, not from {self.sender.party}.": header.sender != self.sender.party,
            f"{name} belongs to another agreement, or to another version of this one.": header.agreement_id
            != self.agreement_id,
            f"{name} is a {header.kind} package; a {self.kind} package is needed here.": header.kind != self.kind,
            f"{name} expired on {header.expires}.": self.today > header.expires,
            f"{name} announces {header.content_bytes} bytes of content; at most {self.max_bytes} are allowed.": (
                header.content_bytes > self.max_bytes
            ),
        }
        for reason, holds in reasons.items():
            if holds:
                raise PackageRefused(reason, remedy="Compare it with the agreement, and ask the sender.")


def seal_package(
    payload: bytes | Path,
    *,
    kind: PackageKind,
    project: str,
    agreement_id: str,
    sender_keys: PrivateKeys,
    recipient_public: PublicKeys,
    round: int,
    sequence: int,
    created: date,
    expires: date,
    ledger_head: str,
    out_dir: Path,
    facts: Mapping[str, str] | None = None,
    package_id: str | None = None,
    banner: str = BANNER,
) -> SealedPackage:
    """Seal ``payload`` (bytes, or a file's bytes) to the recipient, sign it, and write it whole into ``out_dir``.

    ``created`` is a UTC date. Raises ``UsageError`` if a package of this name is there already, since what was sent
    once never changes; ``PackageRefused`` for a header that the format does not allow; ``MachineError`` for the disk.
    """
    draft = PackageHeader(
        kind=kind,
        project=project,
        agreement_id=agreement_id,
        sender=sender_keys.party,
        recipient=recipient_public.party,
        round=round,
        sequence=sequence,
        package_id=package_id or new_package_id(),
        created=created,
        expires=expires,
        ledger_head=ledger_head,
        content_bytes=payload.stat().st_size if isinstance(payload, Path) else len(payload),
        facts=facts or {},
        ciphertext_sha384=_NO_HASH,
        banner=banner,
    )
    path = out_dir / draft.file_name
    if path.exists():
        raise UsageError(f"{path.name} is written already.", remedy="Send that file, or take the next number.")
    content_key = os.urandom(CONTENT_KEY_BYTES)
    with atomic_writer(path) as file:
        hashed = hashlib.sha384()
        file.write(_front(draft))
        for part in _sealed_parts(payload, draft, content_key, recipient_public):
            hashed.update(part)
            file.write(part)
        header = replace(draft, ciphertext_sha384=hashed.hexdigest())
        signed = _front(header)
        file.write(sign(sender_keys, kind.label, signed))
        file.seek(0)
        file.write(signed)
        whole = _hash_from(file, 0)
    return SealedPackage(path, header, whole)


def read_header(path: Path) -> PackageHeader:
    """The header of the package ``path``, for a list of what has come in. **Nothing of it is verified.**

    Raises ``PackageRefused`` for a file that is no package of a known version, or has not the length it announces.
    """
    with _reading(path) as file:
        return _read_front(file, path.name)[0]


def open_package(path: Path, expected: Expected) -> OpenedPackage:
    """The content of the package ``path``, after every check; nothing is written but the entry in the seen-set.

    Raises ``PackageRefused`` with the reason, ``MachineError`` if the file cannot be read.
    """
    with _reading(path) as file:
        header = _check_all(file, path.name, expected)
        payload = b"".join(_contents(file, header, expected.recipient))
        return OpenedPackage(header, payload, expected.seen.record(header))


def _front(header: PackageHeader) -> bytes:
    data = header.to_bytes()
    if len(data) > MAX_HEADER:
        raise PackageRefused("The header is longer than 32 KiB.")
    return MAGIC + VERSION.to_bytes(2, "big") + len(data).to_bytes(4, "big") + data


def _sealed_parts(payload: bytes | Path, header: PackageHeader, key: bytes, public: PublicKeys) -> Iterator[bytes]:
    yield seal_content_key(key, public, header.info)
    try:
        yield from seal_chunks(_pieces(payload), header.content_bytes, key)
    except ValueError as error:
        raise MachineError("The content changed while it was sealed.", remedy="Run the step again.") from error


def _pieces(payload: bytes | Path) -> Iterator[bytes]:
    if isinstance(payload, bytes):
        yield payload
        return
    with payload.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise MachineError(f"{path} could not be read: {error.strerror or type(error).__name__}.") from error


def _read_front(file: BinaryIO, name: str) -> tuple[PackageHeader, bytes]:
    """The header and all bytes before the sealed key, once the length of the file is right."""
    front = file.read(_FRONT_BYTES)
    if len(front) < _FRONT_BYTES or not front.startswith(MAGIC):
        raise PackageRefused(f"{name} is not a package of juncture.", remedy=ASK_AGAIN)
    version = int.from_bytes(front[8:10], "big")
    if version != VERSION:
        raise PackageRefused(
            f"{name} is in version {version} of the format; only version {VERSION} is known here.",
            remedy="All parties use the same version of juncture: compare juncture --version.",
        )
    length = int.from_bytes(front[10:14], "big")
    if length > MAX_HEADER:
        raise PackageRefused(f"{name} announces a header longer than 32 KiB.", remedy=ASK_AGAIN)
    data = file.read(length)
    header = read_header_bytes(data)
    announced = _FRONT_BYTES + length + _ciphertext_bytes(header) + SIGNATURE_BYTES
    if os.fstat(file.fileno()).st_size != announced:
        raise PackageRefused(f"{name} was cut off or added to: its length is not {announced}.", remedy=ASK_AGAIN)
    return header, front + data


def _check_all(file: BinaryIO, name: str, expected: Expected) -> PackageHeader:
    """The header, once everything but the content is proven; the file then stands at the sealed key."""
    header, signed = _read_front(file, name)
    expected.check(header)
    if _hash_from(file, len(signed), _ciphertext_bytes(header)) != header.ciphertext_sha384:
        raise PackageRefused(f"{name} was altered: its content has not the hash in its header.", remedy=ASK_AGAIN)
    verify(expected.sender, header.kind.label, signed, _read_exactly(file, SIGNATURE_BYTES))
    expected.seen.check(header)
    file.seek(len(signed))
    return header


def _contents(file: BinaryIO, header: PackageHeader, private: PrivateKeys) -> Iterator[bytes]:
    """The content, chunk by chunk; whoever takes them uses none before the last has come without an error."""
    hashed = hashlib.sha384()
    sealed_key = _read_exactly(file, SEALED_KEY_BYTES)
    hashed.update(sealed_key)
    key = open_content_key(sealed_key, private, header.info)
    left = sealed_length(header.content_bytes)
    for number in range(chunk_count(header.content_bytes)):
        sealed = _read_exactly(file, min(left, CHUNK_BYTES + TAG_BYTES))
        left -= len(sealed)
        hashed.update(sealed)
        yield open_chunk(sealed, number, header.content_bytes, key)
    if hashed.hexdigest() != header.ciphertext_sha384:
        raise PackageRefused("The file was exchanged while it was being read.", remedy="Run the step again.")


def _ciphertext_bytes(header: PackageHeader) -> int:
    return SEALED_KEY_BYTES + sealed_length(header.content_bytes)


def _hash_from(file: BinaryIO, start: int, length: int = -1) -> str:
    """SHA-384 in hex of ``length`` bytes of ``file`` from ``start``, by default of all that follow."""
    file.seek(start)
    hashed, left = hashlib.sha384(), length
    while left and (piece := file.read(CHUNK_BYTES if left < 0 else min(left, CHUNK_BYTES))):
        hashed.update(piece)
        left -= len(piece) if left > 0 else 0
    return hashed.hexdigest()


def _read_exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise PackageRefused("The file was cut off while it was being read.", remedy=ASK_AGAIN)
    return data
