"""Keys, their files, their fingerprints, and signatures by both of them."""

from __future__ import annotations

import hashlib
import json
import os
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from juncture.base.errors import ExitCode, KeyTrouble, PackageRefused, UsageError
from juncture.exchange.keyfiles import REHEARSAL_WORK, open_keys, save_keys
from juncture.exchange.keys import PrivateKeys, make_keys, read_public, renew_sealing_keys, save_public
from juncture.exchange.signing import ECDSA_BYTES, SIGNATURE_BYTES, sign, verify
from juncture.exchange.words import fingerprint_words, word_list

PASSPHRASE = b"a rehearsal only"
KEYS = make_keys("police")
OTHER = make_keys("clinic")
SIGNED = sign(KEYS, "package link", b"message")


def test_public_file_round_trip_and_fingerprint_against_hashlib(tmp_path: Path) -> None:
    path = save_public(KEYS.public, tmp_path / "police.keys")
    assert read_public(path) == KEYS.public
    assert KEYS.public.fingerprint == "sha384:" + hashlib.sha384(path.read_bytes()).hexdigest()
    assert set(json.loads(path.read_bytes())) == {
        "format", "version", "party", "sign_p384", "sign_mldsa87", "seal_p384", "seal_mlkem1024",
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\n",
        lambda data: data.replace(b'"version":1', b'"version":2'),
        lambda data: data.replace(b'"version":1', b'"version":1.0'),
        lambda data: data.replace(b'"version":1', b'"version":true'),
        lambda data: data.replace(b'"version":1', b'"version":1,"version":1'),
        lambda data: data.replace(b'"party":"police"', b'"party":"Police Dept"'),
        lambda data: data.replace(b'"party":"police",', b""),
        lambda data: data.replace(b'"party"', b'"extra":1,"party"'),
        lambda data: data.replace(b'"seal_p384":"04', b'"seal_p384":"05'),
        lambda data: data.replace(b'"seal_p384":"04', b'"seal_p384":"00'),
        lambda data: data.upper(),
        lambda data: b"[" * 10_000,
        lambda data: data * 3,
        lambda data: b"\xff" + data,
        lambda data: b"",
    ],
)
def test_public_file_is_read_strictly(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "police.keys"
    path.write_bytes(change(KEYS.public.file_bytes))
    with pytest.raises(KeyTrouble, match=r"police\.keys"):
        read_public(path)


def test_private_file_round_trip_and_wrong_passphrase(tmp_path: Path) -> None:
    path = save_keys(KEYS, tmp_path / "keys.json", PASSPHRASE, work=REHEARSAL_WORK)
    assert open_keys(path, PASSPHRASE) == KEYS
    if os.name != "nt":
        assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(KeyTrouble, match="passphrase does not open") as caught:
        open_keys(path, b"wrong")
    assert caught.value.exit_code == ExitCode.KEY == 7
    shown = "".join(traceback.format_exception(caught.value)).encode() + path.read_bytes()
    for secret in _secrets(KEYS):
        assert secret.hex().encode() not in shown
    with pytest.raises(KeyTrouble):
        open_keys(tmp_path / "absent.json", PASSPHRASE)
    with pytest.raises(KeyTrouble):
        save_keys(KEYS, tmp_path / "none.json", b"")


@pytest.mark.parametrize("work", [2**9, 2**21, 2**12 + 1, 0, -1024])
def test_scrypt_work_is_bounded_when_written_and_when_read(tmp_path: Path, work: int) -> None:
    with pytest.raises(KeyTrouble, match="power of two"):
        save_keys(KEYS, tmp_path / "keys.json", PASSPHRASE, work=work)
    path = save_keys(KEYS, tmp_path / "keys.json", PASSPHRASE, work=REHEARSAL_WORK)
    path.write_bytes(path.read_bytes().replace(b'"work":1024', b'"work":%d' % work))
    with pytest.raises(KeyTrouble, match="power of two"):
        open_keys(path, PASSPHRASE)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_changed_byte_of_a_private_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    whole = bytearray(save_keys(KEYS, path, PASSPHRASE, work=REHEARSAL_WORK).read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    with pytest.raises(KeyTrouble):
        open_keys(path, PASSPHRASE)


def test_printing_shows_no_secret() -> None:
    shown = f"{KEYS!r} {KEYS} {[KEYS]} {KEYS.public!r}"
    assert "police" in shown
    for secret in _secrets(KEYS):
        assert secret.hex() not in shown
        assert repr(secret) not in shown


def test_parts_that_are_no_keys_are_refused() -> None:
    for name in ("sign_p384", "sign_mldsa87", "seal_p384", "seal_mlkem1024"):
        with pytest.raises(KeyTrouble):
            replace(KEYS, **{name: b"short"})
        with pytest.raises(KeyTrouble):
            replace(KEYS.public, **{name: b"short"})
    with pytest.raises(KeyTrouble):
        replace(KEYS, sign_p384=bytes(48))
    with pytest.raises(KeyTrouble):
        replace(KEYS.public, party="../police")


def test_renewed_sealing_keys_keep_the_signing_keys() -> None:
    renewed = renew_sealing_keys(KEYS)
    assert (renewed.sign_p384, renewed.sign_mldsa87) == (KEYS.sign_p384, KEYS.sign_mldsa87)
    assert renewed.seal_p384 != KEYS.seal_p384
    assert renewed.seal_mlkem1024 != KEYS.seal_mlkem1024
    assert renewed.public.fingerprint != KEYS.public.fingerprint
    verify(renewed.public, "package link", b"message", SIGNED)


def test_signature_holds_for_its_party_label_and_message_only() -> None:
    assert len(SIGNED) == SIGNATURE_BYTES == 4723
    verify(KEYS.public, "package link", b"message", SIGNED)
    for public, label, message in (
        (OTHER.public, "package link", b"message"),
        (KEYS.public, "package release", b"message"),
        (KEYS.public, "package link", b"message2"),
    ):
        with pytest.raises(PackageRefused):
            verify(public, label, message, SIGNED)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        SIGNED[:-1],
        SIGNED + b"\x00",
        os.urandom(ECDSA_BYTES) + SIGNED[ECDSA_BYTES:],
        bytes(ECDSA_BYTES) + SIGNED[ECDSA_BYTES:],
        b"\xff" * ECDSA_BYTES + SIGNED[ECDSA_BYTES:],
        SIGNED[:ECDSA_BYTES] + os.urandom(SIGNATURE_BYTES - ECDSA_BYTES),
        sign(KEYS, "package release", b"message")[:ECDSA_BYTES] + SIGNED[ECDSA_BYTES:],
        SIGNED[:ECDSA_BYTES] + sign(KEYS, "package release", b"message")[ECDSA_BYTES:],
        sign(OTHER, "package link", b"message")[:ECDSA_BYTES] + SIGNED[ECDSA_BYTES:],
        SIGNED[:ECDSA_BYTES] + sign(OTHER, "package link", b"message")[ECDSA_BYTES:],
    ],
)
def test_both_signatures_must_verify(block: bytes) -> None:
    with pytest.raises(PackageRefused):
        verify(KEYS.public, "package link", b"message", block)


def test_signature_block_by_hand() -> None:
    """Oracle: both signatures verified by the library alone, over bytes spelled out here."""
    signed = b"juncture signature 1\x00" + b"\x00\x00\x00\x0cpackage link" + b"\x00\x00\x00\x07message"
    r, s = int.from_bytes(SIGNED[:48], "big"), int.from_bytes(SIGNED[48:96], "big")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), KEYS.public.sign_p384)
    point.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
    mldsa = MLDSA87PublicKey.from_public_bytes(KEYS.public.sign_mldsa87)
    mldsa.verify(SIGNED[96:], signed, context=b"package link")


def test_ecdsa_is_malleable_so_a_signature_identifies_nothing() -> None:
    """Oracle: SEC 1 -- (r, n - s) verifies wherever (r, s) does. It is why replay never rests on a hash of the file."""
    order = int("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16)
    other_s = order - int.from_bytes(SIGNED[48:96], "big")
    verify(KEYS.public, "package link", b"message", SIGNED[:48] + other_s.to_bytes(48, "big") + SIGNED[96:])


def test_words_are_far_apart_and_spell_the_first_16_bytes() -> None:
    words = word_list()
    assert len(words) == 256
    assert len({word[:3] for word in words}) == 256
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
    digits = bytes(range(240, 256)).hex() + "00" * 32
    spoken = fingerprint_words(f"sha384:{digits}")
    assert spoken.split() == list(words[240:])
    assert [len(line.split()) for line in spoken.splitlines()] == [4, 4, 4, 4]
    for wrong in ("", digits, f"sha256:{digits}", f"sha384:{digits[:-2]}", f"sha384:{digits.upper()}x"):
        with pytest.raises(UsageError):
            fingerprint_words(wrong)


def test_keys_are_never_equal_between_makings() -> None:
    assert make_keys("police") != KEYS


def _secrets(private: PrivateKeys) -> list[bytes]:
    return [private.sign_p384, private.sign_mldsa87, private.seal_p384, private.seal_mlkem1024]
