"""Sealing bytes to one party, whatever their length.

**The content key** (32 random bytes, used once) is sealed by HPKE (RFC 9180) in base mode with the suite
``SUITE_NAME``; ``info`` binds it to its context. Base mode proves no sender: whoever opens must have verified a
signature before.

**The content** is cut into chunks of 64 KiB, the last one shorter (empty content is one empty chunk), each sealed by
AES-256-GCM under the content key. The nonce of a chunk is its number from 0 as eleven big-endian bytes and one byte
that is 1 for the last chunk and 0 for all others. So no chunk can be moved, left out, repeated or added, and no end
cut off (the STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizar, *Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance*, CRYPTO 2015).

The suite's KEM is the one of draft-ietf-hpke-pq (KEM 0x0051): shared secret = SHA3-256(ss_MLKEM || ss_ECDH ||
ct_P384 || ek_P384 || "MLKEM1024-P384"). The tests hold an independent opener written from that text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from juncture.base.errors import PackageRefused
from juncture.exchange.keys import PrivateKeys, PublicKeys

#: Draft, KEM, KDF and AEAD with their registered numbers, as written in every header.
SUITE_NAME = "draft-ietf-hpke-pq-04 MLKEM1024-P384(0x0051) HKDF-SHA384(0x0002) AES-256-GCM(0x0002)"
CONTENT_KEY_BYTES = 32
TAG_BYTES = 16
#: Encapsulation (ML-KEM 1,568 + P-384 point 97), then the key and its tag.
SEALED_KEY_BYTES = 1568 + 97 + CONTENT_KEY_BYTES + TAG_BYTES
CHUNK_BYTES = 64 * 1024


def seal_content_key(content_key: bytes, public: PublicKeys, info: bytes) -> bytes:
    """The content key (32 bytes) sealed to ``public`` and bound to ``info``: 1,713 bytes."""
    return _suite().encrypt(content_key, public.sealing_key(), info=info)


def open_content_key(sealed: bytes, private: PrivateKeys, info: bytes) -> bytes:
    """The content key in ``sealed``; raises ``PackageRefused`` if it is not sealed to ``private`` under ``info``."""
    try:
        return _suite().decrypt(sealed, private.unsealing_key(), info=info)
    except InvalidTag:
        raise PackageRefused(
            f"This is not sealed to the keys of {private.party} that are open now.",
            remedy="Ask the sender which public-key file of yours was used.",
        ) from None


def sealed_length(content_bytes: int) -> int:
    """Bytes of all sealed chunks of ``content_bytes`` bytes of content."""
    return content_bytes + TAG_BYTES * chunk_count(content_bytes)


def chunk_count(content_bytes: int) -> int:
    """How many chunks ``content_bytes`` bytes make; at least one."""
    return max(1, -(-content_bytes // CHUNK_BYTES))


def seal_chunks(pieces: Iterable[bytes], content_bytes: int, content_key: bytes) -> Iterator[bytes]:
    """The sealed chunks of ``pieces``, byte strings of any lengths that add up to ``content_bytes``.

    Raises ``ValueError`` if they do not.
    """
    cipher, last = AESGCM(content_key), chunk_count(content_bytes) - 1
    waiting, number, total = bytearray(), 0, 0
    for piece in pieces:
        total += len(piece)
        if total > content_bytes:
            raise ValueError("there is more content than was announced")
        for start in range(0, len(piece), CHUNK_BYTES):
            waiting += piece[start : start + CHUNK_BYTES]
            if len(waiting) >= CHUNK_BYTES and number < last:
                yield cipher.encrypt(_nonce(number, last), bytes(waiting[:CHUNK_BYTES]), None)
                del waiting[:CHUNK_BYTES]
                number += 1
    if total != content_bytes:
        raise ValueError("there is less content than was announced")
    yield cipher.encrypt(_nonce(last, last), bytes(waiting), None)


def open_chunk(sealed: bytes, number: int, content_bytes: int, content_key: bytes) -> bytes:
    """The content of chunk ``number`` (from 0); raises ``PackageRefused`` if it is not that chunk, unaltered."""
    last = chunk_count(content_bytes) - 1
    try:
        return AESGCM(content_key).decrypt(_nonce(number, last), sealed, None)
    except InvalidTag:
        raise PackageRefused("Its content was altered, cut or reordered.", remedy="Ask for the file again.") from None


def _suite() -> Suite:
    return Suite(KEM.MLKEM1024_P384, KDF.HKDF_SHA384, AEAD.AES_256_GCM)


def _nonce(number: int, last: int) -> bytes:
    return number.to_bytes(11, "big") + bytes([number == last])
