"""Dictionary attack: encode the list under keys that somebody might have left in place, and look for equal rows.

Niedermeyer, Steinmetzer, Kroll and Schnell (JPC 2014) and the many projects whose "secret" is a default of the software
or the name of the project: against encodings made without a real secret it identifies everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import pyarrow as pa

from juncture.agency.attack.seen import Encoder, Floats, Part, Seen, seen

#: Words that stand where a secret should.
_WORDS = ("", "secret", "password", "juncture", "test", "changeme")


def guessable_secrets(project: str, agreement_id: str) -> tuple[bytes, ...]:
    """Secrets of 32 bytes that take no secret to know: zeros, and hashes of public words."""
    words = (*_WORDS, project, agreement_id)
    padded = (word.encode().ljust(32, b"\0")[:32] for word in words)
    return (*padded, *(sha256(word.encode()).digest() for word in words))


def guessed_keys(package: Seen, listed: pa.Table, encoder: Encoder, guesses: Sequence[bytes]) -> Floats:
    """How equal, or like, a person's encodings are to a listed one's under a guess that fits, float32 [people, listed];
    0 where no guess fits."""
    best = np.zeros((package.people, listed.num_rows), dtype=np.float32)
    for guess in guesses:
        own = seen(encoder(listed, guess))
        equal = _equal(package, own)
        if equal.any():
            # The key is found: whoever has no equal row is told by the likest one.
            np.maximum(best, np.maximum(equal, _dice(package.bits(), own.bits())), out=best)
    return best


def _equal(package: Seen, other: Seen) -> Floats:
    equal = np.zeros((package.people, other.people), dtype=np.float32)
    parts = 0
    for here, there in ((package.fields, other.fields), (package.keys, other.keys)):
        for name, part in here.items():
            if not part.rows.shape[1] or name not in there:
                continue
            parts += 1
            both = Part(np.vstack([part.rows, there[name].rows]), np.concatenate([part.there, there[name].there])).kinds
            a, b = both[: package.people], both[package.people :]
            common = np.intersect1d(a[a >= 0], b[b >= 0])
            if common.size:
                rows = np.flatnonzero(np.isin(a, common))
                equal[rows] += a[rows, None] == b
    return equal / np.float32(max(1, parts))


def _dice(a: Floats, b: Floats) -> Floats:
    whole = a.sum(axis=1)[:, None] + b.sum(axis=1)
    return np.asarray(2 * (a @ b.T) / np.maximum(whole, 1), dtype=np.float32)
