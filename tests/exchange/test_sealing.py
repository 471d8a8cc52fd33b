"""The HPKE suite against an opener written from the drafts, and the chunks against a slow, obvious sealer."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.base.errors import PackageRefused
from juncture.exchange.keys import PrivateKeys, make_keys
from juncture.exchange.sealing import (
    CHUNK_BYTES,
    SEALED_KEY_BYTES,
    chunk_count,
    open_chunk,
    open_content_key,
    seal_chunks,
    seal_content_key,
    sealed_length,
)

KEYS = make_keys("linker")
CONTENT_KEY = bytes(range(32))


def test_sealed_key_opens_by_rfc_9180_and_draft_ietf_hpke_pq() -> None:
    """Oracle: :func:`reference_open`, from RFC 9180 sections 4, 5.1 and draft-ietf-hpke-pq-04 section 4."""
    for info in (b"", b"info", os.urandom(3000)):
        sealed = seal_content_key(CONTENT_KEY, KEYS.public, info)
        assert len(sealed) == SEALED_KEY_BYTES
        assert reference_open(sealed, KEYS, info) == open_content_key(sealed, KEYS, info) == CONTENT_KEY


def test_sealed_key_opens_for_its_recipient_and_info_only() -> None:
    sealed = seal_content_key(CONTENT_KEY, KEYS.public, b"info")
    for private, info, data in (
        (make_keys("linker"), b"info", sealed),
        (KEYS, b"inf0", sealed),
        (KEYS, b"info", sealed[:-1]),
        (KEYS, b"info", b""),
        (KEYS, b"info", bytes(len(sealed))),
    ):
        with pytest.raises(PackageRefused, match="not sealed to the keys of linker"):
            open_content_key(data, private, info)


@settings(max_examples=40, deadline=None)
@given(
    length=st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]),
    cuts=st.lists(st.integers(0, 3 * CHUNK_BYTES), max_size=4),
)
def test_chunks_against_a_slow_sealer(length: int, cuts: list[int]) -> None:
    """Oracle: one AES-GCM call a slice, nonces spelled out."""
    content = hashlib.shake_128(b"content").digest(length)
    edges = sorted({0, length, *(cut for cut in cuts if cut < length)})
    pieces = [content[a:b] for a, b in itertools.pairwise(edges)]
    slices = [content[at : at + CHUNK_BYTES] for at in range(0, length, CHUNK_BYTES)] or [b""]
    nonces = [
        bytes(7) + n.to_bytes(4, "big") + (b"\x01" if n + 1 == len(slices) else b"\x00") for n in range(len(slices))
    ]
    expected = [AESGCM(CONTENT_KEY).encrypt(nonce, part, None) for nonce, part in zip(nonces, slices, strict=True)]
    sealed = list(seal_chunks(pieces, length, CONTENT_KEY))
    assert sealed == expected
    assert chunk_count(length) == len(sealed)
    assert sealed_length(length) == sum(map(len, sealed))
    assert b"".join(open_chunk(chunk, n, length, CONTENT_KEY) for n, chunk in enumerate(sealed)) == content


def test_a_chunk_out_of_place_is_refused() -> None:
    length = 2 * CHUNK_BYTES + 5
    first, second, last = seal_chunks([bytes(length)], length, CONTENT_KEY)
    for chunk, number, announced in (
        (second, 0, length),
        (first, 1, length),
        (second, 1, 2 * CHUNK_BYTES),  # the end cut off, the second chunk passed off as the last
        (last, 2, length + CHUNK_BYTES),  # something added behind the end
        (last[:-1], 2, length),
        (b"", 2, length),
    ):
        with pytest.raises(PackageRefused, match="altered, cut or reordered"):
            open_chunk(chunk, number, announced, CONTENT_KEY)


@pytest.mark.parametrize("announced", [9, 11])
def test_content_of_another_length_than_announced_is_not_sealed(announced: int) -> None:
    with pytest.raises(ValueError, match="content than was announced"):
        list(seal_chunks([b"12345", b"67890"], announced, CONTENT_KEY))


def reference_open(sealed: bytes, private: PrivateKeys, info: bytes) -> bytes:
    """HPKE base mode, KEM 0x0051, KDF 0x0002, AEAD 0x0002, first message, written without the library's HPKE."""
    ct_mlkem, ct_p384, ciphertext = sealed[:1568], sealed[1568:1665], sealed[1665:]
    mlkem, p384 = _parts(private)
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), ct_p384)
    ss = hashlib.sha3_256(
        mlkem.decapsulate(ct_mlkem)
        + p384.exchange(ec.ECDH(), peer)
        + ct_p384
        + private.public.seal_p384
        + b"MLKEM1024-P384"
    ).digest()
    suite_id = b"HPKE" + bytes([0x00, 0x51, 0x00, 0x02, 0x00, 0x02])

    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt or bytes(48), b"HPKE-v1" + suite_id + label + ikm, "sha384")

    def expand(prk: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + context
        return hmac.digest(prk, labeled + b"\x01", "sha384")[:length]

    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(ss, b"secret", b"")
    key, nonce = expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def _parts(private: PrivateKeys) -> tuple[MLKEM1024PrivateKey, ec.EllipticCurvePrivateKey]:
    p384 = ec.derive_private_key(int.from_bytes(private.seal_p384, "big"), ec.SECP384R1())
    return MLKEM1024PrivateKey.from_seed_bytes(private.seal_mlkem1024), p384
