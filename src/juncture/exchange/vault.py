"""What a party must keep between steps and nobody else may read: the joint secret, unlock keys, blinds, tokens.

Each file is AES-256-GCM under a key that HKDF-SHA384 derives from the party's private keys and the file's purpose, so
it opens with the same passphrase and dies with the same keys.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from juncture.base.errors import KeyTrouble, UsageError
from juncture.base.files import write_bytes
from juncture.exchange.canonical import length_prefixed
from juncture.exchange.keys import PrivateKeys

_LABEL = b"juncture vault 1"
_NONCE_BYTES = 12


def keep(private: PrivateKeys, path: Path, purpose: str, secret: bytes) -> Path:
    """Write ``secret`` to ``path``, encrypted for ``purpose`` (a fixed text of ours); returns ``path``."""
    nonce = os.urandom(_NONCE_BYTES)
    return write_bytes(path, nonce + _cipher(private, purpose).encrypt(nonce, secret, _LABEL))


def recall(private: PrivateKeys, path: Path, purpose: str) -> bytes:
    """What :func:`keep` wrote; ``UsageError`` where there is nothing, ``KeyTrouble`` where it does not open."""
    if not path.is_file():
        raise UsageError(f"There is no {path.name} here yet.", remedy="`juncture status` says which step comes first.")
    data = path.read_bytes()
    try:
        return _cipher(private, purpose).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _LABEL)
    except (InvalidTag, ValueError):
        raise KeyTrouble(
            f"{path.name} does not open with the keys that are open now.",
            remedy="It was kept with other keys of this party, or it is damaged; restore both from one backup.",
        ) from None


def _cipher(private: PrivateKeys, purpose: str) -> AESGCM:
    seeds = length_prefixed(private.seal_p384, private.seal_mlkem1024)
    info = length_prefixed(_LABEL, private.party.encode(), purpose.encode())
    return AESGCM(HKDF(algorithm=SHA384(), length=32, salt=None, info=info).derive(seeds))
