"""Signatures by two keys, of which neither alone is enough.

What is signed is ``juncture signature 1``, a zero byte, and label and message each behind its length as four big-endian
bytes. The label says what kind of thing is signed, so that a signature under one kind never passes for another. ML-DSA
gets the label as its context, too (FIPS 204, algorithm 2).

A **signature block** has 4,723 bytes: r and s of ECDSA (48 bytes each, big-endian; a fixed length, unlike DER, so that
the size of a package tells nothing), then the 4,627 bytes of ML-DSA-87. ECDSA is malleable: a block identifies nothing.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from juncture.base.errors import PackageRefused
from juncture.exchange.canonical import length_prefixed
from juncture.exchange.keys import SCALAR_BYTES, PrivateKeys, PublicKeys

ECDSA_BYTES = 2 * SCALAR_BYTES
MLDSA_BYTES = 4627
SIGNATURE_BYTES = ECDSA_BYTES + MLDSA_BYTES


def sign(private: PrivateKeys, label: str, message: bytes) -> bytes:
    """A signature block (4,723 bytes) of ``message`` under ``label`` (1-100 ASCII characters)."""
    ecdsa, mldsa = private.signing_keys()
    signed = _signed_bytes(label, message)
    r, s = decode_dss_signature(ecdsa.sign(signed, ec.ECDSA(hashes.SHA384())))
    block = r.to_bytes(SCALAR_BYTES, "big") + s.to_bytes(SCALAR_BYTES, "big")
    return block + mldsa.sign(signed, context=label.encode("ascii"))


def verify(public: PublicKeys, label: str, message: bytes, block: bytes) -> None:
    """Raise ``PackageRefused`` unless both signatures in ``block`` are those of ``public`` over ``message``."""
    remedy = f"Compare the fingerprint of {public.party} by telephone, and ask for the file again."
    if len(block) != SIGNATURE_BYTES:
        raise PackageRefused("A signature block of the wrong length was given.", remedy=remedy)
    ecdsa, mldsa = public.verifying_keys()
    signed = _signed_bytes(label, message)
    r, s = (int.from_bytes(block[at : at + SCALAR_BYTES], "big") for at in (0, SCALAR_BYTES))
    try:
        ecdsa.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
        mldsa.verify(block[ECDSA_BYTES:], signed, context=label.encode("ascii"))
    except InvalidSignature:
        raise PackageRefused(f"The signature of {public.party} does not hold.", remedy=remedy) from None


def _signed_bytes(label: str, message: bytes) -> bytes:
    if not (label.isascii() and label.isprintable() and 1 <= len(label) <= 100):
        raise ValueError("a label is 1-100 printable ASCII characters")
    return b"juncture signature 1\x00" + length_prefixed(label.encode("ascii"), message)
