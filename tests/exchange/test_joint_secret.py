"""The joint linkage secret: the same for all, chosen by none, and a difference never passes silently."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juncture.base.errors import PackageRefused
from juncture.exchange.joint_secret import (
    Commitment,
    Confirmation,
    Share,
    agency_confirmation,
    agree_secret,
    check_confirmations,
    check_share,
    joint_secret,
    linker_confirmation,
    new_share,
    transcript,
)

AGREEMENT, OTHER_AGREEMENT = (hashlib.sha384(text).hexdigest() for text in (b"agreement", b"other"))
PARTIES = ("clinic", "ems", "police")
SHARES = {party: new_share(party, AGREEMENT) for party in PARTIES}
COMMITMENTS = {party: share.commitment for party, share in SHARES.items()}


def prefixed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def test_secret_by_hand() -> None:
    """Oracle: RFC 5869 by two calls of HMAC; one block of SHA-384 is enough for 32 bytes."""
    said = b"".join(prefixed(party.encode(), SHARES[party].share) for party in PARTIES)
    prk = hmac.digest(b"juncture joint secret 1", said, "sha384")
    expected = hmac.digest(prk, AGREEMENT.encode() + b"\x01", "sha384")[:32]
    assert agree_secret(SHARES, COMMITMENTS, AGREEMENT) == expected
    backwards = dict(reversed(SHARES.items()))
    assert agree_secret(backwards, COMMITMENTS, AGREEMENT) == expected


def test_commitment_transcript_and_confirmations_by_hand() -> None:
    """Oracle: hashlib and hmac over the bytes that the docstrings name."""
    share = SHARES["police"]
    said = prefixed(AGREEMENT.encode(), b"police", share.share, share.nonce)
    assert share.commitment.digest == hashlib.sha384(b"juncture commitment 1\x00" + said).digest()
    said = prefixed(AGREEMENT.encode()) + b"".join(prefixed(p.encode(), COMMITMENTS[p].digest) for p in PARTIES)
    talk = transcript(COMMITMENTS, AGREEMENT)
    assert talk == hashlib.sha384(b"juncture transcript 1\x00" + said).digest()
    assert agency_confirmation(b"s" * 32, talk) == hmac.digest(b"s" * 32, b"agencies" + talk, "sha384")
    assert linker_confirmation(b"s" * 32) == hmac.digest(b"s" * 32, b"confirm", "sha384")


@given(
    shares=st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.binary(min_size=32, max_size=32), min_size=2),
    data=st.data(),
)
def test_every_share_party_and_agreement_matters(shares: dict[str, bytes], data: st.DataObject) -> None:
    secret = joint_secret(shares, AGREEMENT)
    assert len(secret) == 32
    assert secret == joint_secret(dict(reversed(shares.items())), AGREEMENT)
    party = data.draw(st.sampled_from(sorted(shares)))
    at, flip = data.draw(st.integers(0, 31)), data.draw(st.integers(1, 255))
    changed = bytearray(shares[party])
    changed[at] ^= flip
    assert joint_secret({**shares, party: bytes(changed)}, AGREEMENT) != secret
    assert joint_secret({**shares, "e": bytes(32)}, AGREEMENT) != secret
    renamed = {("z" if name == party else name): share for name, share in shares.items()}
    assert joint_secret(renamed, AGREEMENT) != secret
    assert joint_secret(shares, OTHER_AGREEMENT) != secret


def test_a_share_that_was_not_committed_to_is_refused() -> None:
    share, commitment = SHARES["police"], COMMITMENTS["police"]
    check_share(share, commitment)
    for wrong in (
        replace(share, share=bytes(32)),
        replace(share, nonce=bytes(32)),
        replace(share, party="ems"),
        replace(share, agreement_id=OTHER_AGREEMENT),
    ):
        with pytest.raises(PackageRefused, match="not the one it committed to"):
            check_share(wrong, commitment)
    with pytest.raises(PackageRefused, match="not the one it committed to"):
        agree_secret({**SHARES, "police": new_share("police", AGREEMENT)}, COMMITMENTS, AGREEMENT)


def test_a_copied_commitment_does_not_hold() -> None:
    """A party that repeats another's commitment and share as its own, to cancel or double it, is refused."""
    copied = {**COMMITMENTS, "ems": Commitment(AGREEMENT, "ems", COMMITMENTS["police"].digest)}
    shares = {**SHARES, "ems": replace(SHARES["police"], party="ems")}
    with pytest.raises(PackageRefused, match="share of ems"):
        agree_secret(shares, copied, AGREEMENT)


def test_missing_strange_or_lonely_parties_are_refused() -> None:
    two = {party: SHARES[party] for party in PARTIES[:2]}
    for shares, agreement_id in (
        (two, AGREEMENT),
        ({**SHARES, "jail": new_share("jail", AGREEMENT)}, AGREEMENT),
        (SHARES, OTHER_AGREEMENT),
        ({**SHARES, "ems": SHARES["police"]}, AGREEMENT),
    ):
        with pytest.raises(PackageRefused):
            agree_secret(shares, COMMITMENTS, agreement_id)
    with pytest.raises(PackageRefused, match="at least two"):
        joint_secret({"police": bytes(32)}, AGREEMENT)
    with pytest.raises(PackageRefused, match="32 bytes"):
        joint_secret({"police": bytes(31), "clinic": bytes(32)}, AGREEMENT)


def test_unequal_secrets_are_told() -> None:
    talk = transcript(COMMITMENTS, AGREEMENT)
    same = {party: agency_confirmation(b"s" * 32, talk) for party in PARTIES}
    check_confirmations(same)
    other_talk = transcript({**COMMITMENTS, "ems": new_share("ems", AGREEMENT).commitment}, AGREEMENT)
    for wrong in (agency_confirmation(b"t" * 32, talk), agency_confirmation(b"s" * 32, other_talk), b""):
        with pytest.raises(PackageRefused, match="clinic, ems, police do not hold the same"):
            check_confirmations({**same, "ems": wrong})


def test_payloads_round_trip_and_are_read_strictly() -> None:
    share = SHARES["police"]
    confirmation = Confirmation(AGREEMENT, "police", linker_confirmation(b"s" * 32))
    for item in (share, share.commitment, confirmation):
        payload = item.to_payload()
        assert type(item).from_payload(payload, AGREEMENT, "police") == item
        for wrong in (
            payload + b"\n",
            payload[:-1],
            b"",
            payload + b" " * 2000,
            payload.replace(b'"version":1', b'"version":2'),
            payload.replace(b'"party":"police"', b'"party":"clinic"'),
            payload.replace(AGREEMENT.encode(), OTHER_AGREEMENT.encode()),
            payload.replace(b'"format":"juncture-', b'"format":"other-'),
            payload.replace(b'"party"', b'"other":"00","party"'),
            re.sub(rb'"(digest|mac|nonce)":"..', rb'"\1":"', payload),
            re.sub(rb'"(digest|mac|nonce)":"..', rb'"\1":"FF', payload),
        ):
            with pytest.raises(PackageRefused):
                type(item).from_payload(wrong, AGREEMENT, "police")
    with pytest.raises(PackageRefused):
        Share.from_payload(share.commitment.to_payload(), AGREEMENT, "police")


def test_a_share_prints_neither_share_nor_nonce() -> None:
    share = SHARES["police"]
    shown = f"{share} {share!r} {SHARES}"
    assert "police" in shown
    for secret in (share.share, share.nonce):
        assert secret.hex() not in shown
        assert repr(secret) not in shown


def test_shares_are_new_each_time() -> None:
    assert len({new_share("police", AGREEMENT).share for _ in range(100)}) == 100
