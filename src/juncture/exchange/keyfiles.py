"""The private-key file: scrypt over a passphrase, AES-256-GCM over the keys, readable by its owner only.

Version 1 is canonical JSON with the fields

| field | holds |
|---|---|
| ``format``, ``version`` | ``juncture-private-keys``, 1 |
| ``party``, ``fingerprint`` | whose keys, and the fingerprint of their public half |
| ``kdf`` | ``scrypt`` (RFC 7914) |
| ``work``, ``block``, ``parallel``, ``salt`` | its n, r, p, and 32 random bytes in hex |
| ``nonce`` | 12 random bytes in hex |
| ``sealed`` | AES-256-GCM, in hex, of the canonical JSON of the four private parts; associated data: the other fields |

The bounds on ``work`` keep a prepared file from exhausting the reader's memory (n x r x 128 bytes).
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from juncture.base.errors import KeyTrouble, MachineError, PackageRefused
from juncture.base.files import read_limited, write_bytes
from juncture.exchange.canonical import Json, canonical_bytes, read_form, read_hex
from juncture.exchange.keys import MLDSA_SEED_BYTES, MLKEM_SEED_BYTES, SCALAR_BYTES, PrivateKeys

PRIVATE_FORMAT = "juncture-private-keys"
PRIVATE_VERSION = 1
MAX_PRIVATE_FILE = 16 * 1024

#: scrypt's n for a real party: 128 MiB and about a third of a second.
FULL_WORK = 2**17
#: scrypt's n where keys guard made-up people only.
REHEARSAL_WORK = 2**10
_WORK_BOUNDS = (REHEARSAL_WORK, 2**20)
_BLOCK, _PARALLEL = 8, 1

_PARTS = {
    "sign_p384": SCALAR_BYTES,
    "sign_mldsa87": MLDSA_SEED_BYTES,
    "seal_p384": SCALAR_BYTES,
    "seal_mlkem1024": MLKEM_SEED_BYTES,
}


def save_keys(private: PrivateKeys, path: Path, passphrase: bytes, *, work: int = FULL_WORK) -> Path:
    """Write the private-key file of ``private`` to ``path``, whole or not at all, for its owner only; returns ``path``.

    ``work`` is scrypt's n, a power of two; it is recorded in the file. Raises ``KeyTrouble`` for an empty passphrase or
    a ``work`` out of bounds.
    """
    if not passphrase:
        raise KeyTrouble("The passphrase is empty.", remedy="Choose one of several words.")
    _check_work(work)
    open_fields: dict[str, object] = {
        "format": PRIVATE_FORMAT,
        "version": PRIVATE_VERSION,
        "party": private.party,
        "fingerprint": private.public.fingerprint,
        "kdf": "scrypt",
        "work": work,
        "block": _BLOCK,
        "parallel": _PARALLEL,
        "salt": os.urandom(32).hex(),
        "nonce": os.urandom(12).hex(),
    }
    parts = canonical_bytes({name: getattr(private, name).hex() for name in _PARTS})
    cipher, nonce = _cipher(open_fields, passphrase)
    sealed = cipher.encrypt(nonce, parts, canonical_bytes(open_fields))
    return write_bytes(path, canonical_bytes({**open_fields, "sealed": sealed.hex()}), private=True)


def open_keys(path: Path, passphrase: bytes) -> PrivateKeys:
    """The private keys in the file ``path``.

    Raises ``KeyTrouble`` for a missing or damaged file and for a wrong passphrase.
    """
    value = _read_fields(path)
    sealed = bytes.fromhex(str(value.pop("sealed")))
    cipher, nonce = _cipher(value, passphrase)
    try:
        parts = read_form(cipher.decrypt(nonce, sealed, canonical_bytes(value)), dict.fromkeys(_PARTS, str))
        private = PrivateKeys(
            party=str(value["party"]), **{name: read_hex(parts[name], size) for name, size in _PARTS.items()}
        )
    except InvalidTag:
        raise KeyTrouble(
            f"The passphrase does not open {path.name}, or the file is damaged.",
            remedy="Try the passphrase again; if it is lost, make new keys and have the agreement signed with them.",
        ) from None
    except ValueError:
        raise KeyTrouble(f"{path.name} holds no private keys.") from None
    if private.public.fingerprint != value["fingerprint"]:
        raise KeyTrouble(f"{path.name} names a fingerprint that is not the one of its keys.")
    return private


def _read_fields(path: Path) -> dict[str, Json]:
    form = dict.fromkeys(("format", "party", "fingerprint", "kdf", "salt", "nonce", "sealed"), str)
    numbers = dict.fromkeys(("version", "work", "block", "parallel"), int)
    if not path.is_file():
        raise KeyTrouble(f"There is no private-key file {path.name}.", remedy="`juncture keys new` makes keys.")
    try:
        value = read_form(read_limited(path, MAX_PRIVATE_FILE), {**form, **numbers})
        if value["format"] != PRIVATE_FORMAT or value["version"] != PRIVATE_VERSION or value["kdf"] != "scrypt":
            raise ValueError("its format or version is not known here")
        if (value["block"], value["parallel"]) != (_BLOCK, _PARALLEL):
            raise ValueError("its scrypt settings are not known here")
        read_hex(value["salt"], 32)
        read_hex(value["nonce"], 12)
        read_hex(value["sealed"], len(str(value["sealed"])) // 2)
    except (ValueError, PackageRefused) as error:
        raise KeyTrouble(f"{path.name} is not a private-key file: {error}.") from error
    _check_work(value["work"])
    return value


def _check_work(work: object) -> None:
    low, high = _WORK_BOUNDS
    if not isinstance(work, int) or not low <= work <= high or work & (work - 1):
        raise KeyTrouble(f"The scrypt work of a private-key file is a power of two from {low} to {high}.")


def _cipher(fields: dict[str, Json] | dict[str, object], passphrase: bytes) -> tuple[AESGCM, bytes]:
    """The cipher that the fields and the passphrase give, and the nonce to use it with once."""
    kdf = Scrypt(salt=bytes.fromhex(str(fields["salt"])), length=32, n=int(str(fields["work"])), r=_BLOCK, p=_PARALLEL)
    try:
        key = kdf.derive(passphrase)
    except MemoryError as error:
        raise MachineError("There is too little memory to open the private-key file.") from error
    return AESGCM(key), bytes.fromhex(str(fields["nonce"]))
