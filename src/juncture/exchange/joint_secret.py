"""The joint linkage secret: each agency adds 32 random bytes, none chooses the outcome, all can tell if they differ.

1. Each agency draws a :class:`Share` and sends everybody its :class:`Commitment`. When all commitments are there,
2. it sends its share, sealed to each of the others. A share is checked against its commitment.
3. :func:`agree_secret` makes the secret of all shares; :func:`agency_confirmation` binds it to all that was said
   before, and the agencies compare (:func:`check_confirmations`): unequal secrets would silently mean "nobody in
   common".
4. Each link package carries :func:`linker_confirmation`, so that the linker can compare without knowing the secret.

Everything is bound to the agreement id; ``lp(x)`` is ``x`` behind its length as four big-endian bytes. Payloads are
canonical JSON with ``format``, ``version`` 1, ``agreement_id``, ``party`` and what the class holds, in hex.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from juncture.base.errors import PackageRefused
from juncture.exchange.canonical import canonical_bytes, length_prefixed, read_form, read_hex
from juncture.exchange.names import is_name, is_sha384

SHARE_BYTES = NONCE_BYTES = SECRET_BYTES = 32
HASH_BYTES = 48
VERSION = 1
MAX_PAYLOAD = 1024


@dataclass(frozen=True)
class Commitment:
    """What ``party`` says before it may know any other share: ``digest`` (48 bytes) holds it to its own."""

    agreement_id: str
    party: str
    digest: bytes

    def to_payload(self) -> bytes:
        """The content of a commitment package."""
        return _payload("juncture-commitment", self.agreement_id, self.party, digest=self.digest)

    @classmethod
    def from_payload(cls, payload: bytes, agreement_id: str, party: str) -> Commitment:
        """The commitment in ``payload``; raises ``PackageRefused`` unless ``party`` made it under ``agreement_id``."""
        return cls(agreement_id, party, *_read("juncture-commitment", payload, agreement_id, party, digest=HASH_BYTES))


@dataclass(frozen=True, repr=False)
class Share:
    """What ``party`` adds: ``share`` and the ``nonce`` that hid it in the commitment, 32 bytes each. Prints neither."""

    agreement_id: str
    party: str
    share: bytes
    nonce: bytes

    def __post_init__(self) -> None:
        if not (is_sha384(self.agreement_id) and is_name(self.party)):
            raise PackageRefused("A share names an agreement by its hash and a party by its name.")
        if (len(self.share), len(self.nonce)) != (SHARE_BYTES, NONCE_BYTES):
            raise PackageRefused("A share and its nonce have 32 bytes each.")

    def __repr__(self) -> str:
        return f"Share(party={self.party!r}, hidden)"

    @property
    def commitment(self) -> Commitment:
        """SHA-384 of ``juncture commitment 1``, a zero byte, lp(agreement id) lp(party) lp(share) lp(nonce)."""
        said = length_prefixed(self.agreement_id.encode(), self.party.encode(), self.share, self.nonce)
        digest = hashlib.sha384(b"juncture commitment 1\x00" + said).digest()
        return Commitment(self.agreement_id, self.party, digest)

    def to_payload(self) -> bytes:
        """The content of a share package."""
        return _payload("juncture-share", self.agreement_id, self.party, share=self.share, nonce=self.nonce)

    @classmethod
    def from_payload(cls, payload: bytes, agreement_id: str, party: str) -> Share:
        """The share in ``payload``; raises ``PackageRefused`` unless ``party`` made it under ``agreement_id``."""
        parts = _read("juncture-share", payload, agreement_id, party, share=SHARE_BYTES, nonce=NONCE_BYTES)
        return cls(agreement_id, party, *parts)


@dataclass(frozen=True)
class Confirmation:
    """What ``party`` says of the secret it holds: ``mac`` (48 bytes) from :func:`agency_confirmation`."""

    agreement_id: str
    party: str
    mac: bytes

    def to_payload(self) -> bytes:
        """The content of a confirmation package."""
        return _payload("juncture-confirmation", self.agreement_id, self.party, mac=self.mac)

    @classmethod
    def from_payload(cls, payload: bytes, agreement_id: str, party: str) -> Confirmation:
        """The confirmation in ``payload``; raises ``PackageRefused`` unless by ``party`` under ``agreement_id``."""
        return cls(agreement_id, party, *_read("juncture-confirmation", payload, agreement_id, party, mac=HASH_BYTES))


def new_share(party: str, agreement_id: str) -> Share:
    """A share of 32 bytes and its nonce, from the operating system's randomness."""
    return Share(agreement_id, party, secrets.token_bytes(SHARE_BYTES), secrets.token_bytes(NONCE_BYTES))


def check_share(share: Share, commitment: Commitment) -> None:
    """Raise ``PackageRefused`` unless ``share`` is the one its party was held to by ``commitment``."""
    made = share.commitment
    same = (made.party, made.agreement_id) == (commitment.party, commitment.agreement_id)
    if not (same and hmac.compare_digest(made.digest, commitment.digest)):
        raise PackageRefused(
            f"The share of {share.party} is not the one it committed to.",
            remedy="Stop, and have all agencies begin with new commitments.",
        )


def agree_secret(shares: Mapping[str, Share], commitments: Mapping[str, Commitment], agreement_id: str) -> bytes:
    """The joint linkage secret (32 bytes), once every share is checked against its party's commitment.

    Raises ``PackageRefused`` if the parties differ, a share belongs to another party or agreement, or does not hold.
    """
    if shares.keys() != commitments.keys():
        raise PackageRefused("Shares and commitments do not come from the same parties.")
    for party, share in shares.items():
        if (share.party, share.agreement_id) != (party, agreement_id):
            raise PackageRefused(f"The share of {party} belongs to another party or agreement.")
        check_share(share, commitments[party])
    return joint_secret({party: share.share for party, share in shares.items()}, agreement_id)


def joint_secret(shares: Mapping[str, bytes], agreement_id: str) -> bytes:
    """HKDF-SHA384 (RFC 5869), 32 bytes, of all shares in order of party name.

    Input: lp(party) lp(share) for each party; salt ``juncture joint secret 1``; info the agreement id.
    Raises ``PackageRefused`` for fewer than two parties or a share that has not 32 bytes.
    """
    if len(shares) < 2:
        raise PackageRefused("A joint linkage secret takes the shares of at least two agencies.")
    if any(len(share) != SHARE_BYTES for share in shares.values()):
        raise PackageRefused("A share has 32 bytes.")
    ordered = b"".join(length_prefixed(party.encode(), share) for party, share in sorted(shares.items()))
    kdf = HKDF(hashes.SHA384(), SECRET_BYTES, salt=b"juncture joint secret 1", info=agreement_id.encode())
    return kdf.derive(ordered)


def transcript(commitments: Mapping[str, Commitment], agreement_id: str) -> bytes:
    """SHA-384 (48 bytes) of ``juncture transcript 1``, a zero byte, lp(agreement id), lp(party) lp(digest) for each."""
    said = length_prefixed(agreement_id.encode())
    for party, commitment in sorted(commitments.items()):
        said += length_prefixed(party.encode(), commitment.digest)
    return hashlib.sha384(b"juncture transcript 1\x00" + said).digest()


def agency_confirmation(secret: bytes, transcript: bytes) -> bytes:
    """HMAC-SHA384 (48 bytes) under the secret of ``agencies`` and the transcript: equal at all agencies, or stop."""
    return hmac.digest(secret, b"agencies" + transcript, "sha384")


def linker_confirmation(secret: bytes) -> bytes:
    """HMAC-SHA384 (48 bytes) under the secret of ``confirm``: equal in all link packages, or the linker stops."""
    return hmac.digest(secret, b"confirm", "sha384")


def check_confirmations(confirmations: Mapping[str, bytes]) -> None:
    """Raise ``PackageRefused`` naming the parties unless all confirmations are equal."""
    first = next(iter(confirmations.values()), b"")
    if not all(hmac.compare_digest(first, other) for other in confirmations.values()):
        raise PackageRefused(
            f"{', '.join(sorted(confirmations))} do not hold the same joint linkage secret.",
            remedy="With unequal secrets nobody would match. Have all agencies begin with new commitments.",
        )


def _payload(form: str, agreement_id: str, party: str, **parts: bytes) -> bytes:
    spelled = {name: part.hex() for name, part in parts.items()}
    return canonical_bytes(
        {"format": form, "version": VERSION, "agreement_id": agreement_id, "party": party, **spelled}
    )


def _read(form: str, payload: bytes, agreement_id: str, party: str, **sizes: int) -> list[bytes]:
    """The parts of ``payload`` in the order of ``sizes``, which gives the length of each."""
    texts = ("format", "agreement_id", "party", *sizes)
    try:
        if len(payload) > MAX_PAYLOAD:
            raise ValueError("it is too long")
        value = read_form(payload, {**dict.fromkeys(texts, str), "version": int})
        if value["format"] != form or value["version"] != VERSION:
            raise ValueError("its format or version is not known here")
        if value["agreement_id"] != agreement_id or value["party"] != party:
            raise ValueError("it belongs to another party or agreement")
        return [read_hex(value[name], size) for name, size in sizes.items()]
    except ValueError as error:
        raise PackageRefused(f"The content from {party} is not a {form} payload: {error}.") from error
