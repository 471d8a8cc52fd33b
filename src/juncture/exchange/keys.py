"""A party's keys: two for signing, two for sealing; a classical one and a post-quantum one of each.

| use | classical | post-quantum | both needed |
|---|---|---|---|
| signing | ECDSA P-384, SHA-384 | ML-DSA-87 (FIPS 204) | both signatures must verify |
| sealing | ECDH P-384 | ML-KEM-1024 (FIPS 203) | combined as HPKE's KEM MLKEM1024-P384 |

Sealing keys live for one agreement; signing keys may outlive it (:func:`renew_sealing_keys`). A party is known by the
**fingerprint** of its public-key file: ``sha384:`` and the SHA-384 of the file's bytes, which canonical JSON makes
unique. Files of private keys are in :mod:`juncture.exchange.keyfiles`, spoken fingerprints in
:mod:`juncture.exchange.words`, signatures in :mod:`juncture.exchange.signing`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey, MLDSA87PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey, MLKEM1024PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM1024P384PrivateKey, MLKEM1024P384PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from juncture.base.errors import KeyTrouble, PackageRefused
from juncture.base.files import read_limited, write_bytes
from juncture.exchange.canonical import canonical_bytes, read_form, read_hex, sha384_hex
from juncture.exchange.names import is_name

PUBLIC_FORMAT = "juncture-public-keys"
PUBLIC_VERSION = 1
#: A public-key file has about 9 kB.
MAX_PUBLIC_FILE = 16 * 1024

POINT_BYTES = 97
SCALAR_BYTES = 48
MLDSA_PUBLIC_BYTES, MLDSA_SEED_BYTES = 2592, 32
MLKEM_PUBLIC_BYTES, MLKEM_SEED_BYTES = 1568, 64


@dataclass(frozen=True)
class PublicKeys:
    """The public keys of ``party``, as they stand in its public-key file.

    ``sign_p384`` and ``seal_p384`` are uncompressed SEC 1 points (97 bytes), ``sign_mldsa87`` (2,592 bytes) and
    ``seal_mlkem1024`` (1,568 bytes) the raw keys of FIPS 204 and 203. Raises ``KeyTrouble`` for a part that is no key.
    """

    party: str
    sign_p384: bytes
    sign_mldsa87: bytes
    seal_p384: bytes
    seal_mlkem1024: bytes

    def __post_init__(self) -> None:
        if not is_name(self.party):
            raise KeyTrouble("A party's name is 1-40 of a-z, 0-9, _ and -, as it stands in the agreement.")
        try:
            self.verifying_keys()
            self.sealing_key()
        except ValueError as error:
            raise KeyTrouble(f"The public keys of {self.party} hold a part that is no key of its kind.") from error

    def __repr__(self) -> str:
        return f"PublicKeys(party={self.party!r}, fingerprint={self.fingerprint!r})"

    @cached_property
    def file_bytes(self) -> bytes:
        """The bytes of the public-key file: canonical JSON with ``format``, ``version``, ``party`` and four keys."""
        return canonical_bytes(
            {
                "format": PUBLIC_FORMAT,
                "version": PUBLIC_VERSION,
                "party": self.party,
                "sign_p384": self.sign_p384.hex(),
                "sign_mldsa87": self.sign_mldsa87.hex(),
                "seal_p384": self.seal_p384.hex(),
                "seal_mlkem1024": self.seal_mlkem1024.hex(),
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """``sha384:`` and 96 hex digits: the SHA-384 of the public-key file."""
        return f"sha384:{sha384_hex(self.file_bytes)}"

    def shares_a_key_with(self, other: PublicKeys) -> bool:
        """Whether one of the keys is the same: then one holder plays both parties, whatever they are named."""
        mine = {self.sign_p384, self.sign_mldsa87, self.seal_p384, self.seal_mlkem1024}
        return not mine.isdisjoint({other.sign_p384, other.sign_mldsa87, other.seal_p384, other.seal_mlkem1024})

    def verifying_keys(self) -> tuple[ec.EllipticCurvePublicKey, MLDSA87PublicKey]:
        """The two keys that verify this party's signatures."""
        return _point(self.sign_p384), MLDSA87PublicKey.from_public_bytes(self.sign_mldsa87)

    def sealing_key(self) -> MLKEM1024P384PublicKey:
        """The composite key to which others seal for this party."""
        mlkem = MLKEM1024PublicKey.from_public_bytes(self.seal_mlkem1024)
        return MLKEM1024P384PublicKey(mlkem, _point(self.seal_p384))


@dataclass(frozen=True, repr=False)
class PrivateKeys:
    """The private keys of ``party``: P-384 scalars of 48 bytes, the ML-DSA seed of 32 and the ML-KEM seed of 64 bytes.

    Shows nothing of them when printed. Raises ``KeyTrouble`` for a part that is no key.
    """

    party: str
    sign_p384: bytes
    sign_mldsa87: bytes
    seal_p384: bytes
    seal_mlkem1024: bytes

    def __post_init__(self) -> None:
        try:
            _ = self.public
        except ValueError as error:
            raise KeyTrouble("The private keys hold a part that is no key of its kind.") from error

    def __repr__(self) -> str:
        return f"PrivateKeys(party={self.party!r}, hidden)"

    @cached_property
    def public(self) -> PublicKeys:
        """The public keys that belong to these."""
        ecdsa, mldsa = self.signing_keys()
        return PublicKeys(
            party=self.party,
            sign_p384=_point_bytes(ecdsa),
            sign_mldsa87=mldsa.public_key().public_bytes_raw(),
            seal_p384=_point_bytes(_scalar(self.seal_p384)),
            seal_mlkem1024=MLKEM1024PrivateKey.from_seed_bytes(self.seal_mlkem1024).public_key().public_bytes_raw(),
        )

    def signing_keys(self) -> tuple[ec.EllipticCurvePrivateKey, MLDSA87PrivateKey]:
        """The two keys that sign for this party."""
        return _scalar(self.sign_p384), MLDSA87PrivateKey.from_seed_bytes(self.sign_mldsa87)

    def unsealing_key(self) -> MLKEM1024P384PrivateKey:
        """The composite key that opens what was sealed to this party."""
        return MLKEM1024P384PrivateKey(
            MLKEM1024PrivateKey.from_seed_bytes(self.seal_mlkem1024), _scalar(self.seal_p384)
        )


def make_keys(party: str) -> PrivateKeys:
    """New keys for ``party``, from the operating system's randomness."""
    return PrivateKeys(
        party=party,
        sign_p384=_new_scalar(),
        sign_mldsa87=MLDSA87PrivateKey.generate().private_bytes_raw(),
        seal_p384=_new_scalar(),
        seal_mlkem1024=MLKEM1024PrivateKey.generate().private_bytes_raw(),
    )


def renew_sealing_keys(private: PrivateKeys) -> PrivateKeys:
    """The same signing keys with new sealing keys, for the next agreement; the fingerprint changes."""
    fresh = make_keys(private.party)
    return replace(private, seal_p384=fresh.seal_p384, seal_mlkem1024=fresh.seal_mlkem1024)


def save_public(public: PublicKeys, path: Path) -> Path:
    """Write the public-key file of ``public`` to ``path``, whole or not at all; returns ``path``."""
    return write_bytes(path, public.file_bytes, private=False)


def read_public(path: Path) -> PublicKeys:
    """The public keys in the file ``path``.

    Raises ``KeyTrouble`` unless the file is, byte for byte, the canonical form of keys that exist.
    """
    form = {
        "format": str,
        "version": int,
        "party": str,
        "sign_p384": str,
        "sign_mldsa87": str,
        "seal_p384": str,
        "seal_mlkem1024": str,
    }
    remedy = "Ask the party for its public-key file again, and compare the fingerprint by telephone."
    try:
        value = read_form(read_limited(path, MAX_PUBLIC_FILE), form)
        if value["format"] != PUBLIC_FORMAT or value["version"] != PUBLIC_VERSION:
            raise ValueError("its format or version is not known here")
        return PublicKeys(
            party=str(value["party"]),
            sign_p384=read_hex(value["sign_p384"], POINT_BYTES),
            sign_mldsa87=read_hex(value["sign_mldsa87"], MLDSA_PUBLIC_BYTES),
            seal_p384=read_hex(value["seal_p384"], POINT_BYTES),
            seal_mlkem1024=read_hex(value["seal_mlkem1024"], MLKEM_PUBLIC_BYTES),
        )
    except (ValueError, PackageRefused, KeyTrouble) as error:
        raise KeyTrouble(f"{path.name} is not a public-key file: {str(error).rstrip('.')}.", remedy=remedy) from error


def _point(data: bytes) -> ec.EllipticCurvePublicKey:
    if len(data) != POINT_BYTES:
        raise ValueError("a P-384 point has 97 bytes")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), data)


def _point_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _scalar(data: bytes) -> ec.EllipticCurvePrivateKey:
    if len(data) != SCALAR_BYTES:
        raise ValueError("a P-384 scalar has 48 bytes")
    return ec.derive_private_key(int.from_bytes(data, "big"), ec.SECP384R1())


def _new_scalar() -> bytes:
    return ec.generate_private_key(ec.SECP384R1()).private_numbers().private_value.to_bytes(SCALAR_BYTES, "big")
