"""Keyed random hashing: from a token to bit positions that nobody without the joint secret can tell.

Every field has its own key, HKDF-SHA256 of the joint linkage secret, salted with project and agreement id. The
positions of a token are drawn from an HMAC-SHA256 stream under that key (random hashing: Schnell and Borgs 2016),
not by double hashing, whose two hash values betray themselves in the bit pattern (Kroll and Steinmetzer 2015).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from juncture.agency.encoding.tokens import Token

_VERSION = "juncture encoding 1"
_ROWS_AT_ONCE = 4_096


def derive_key(secret: bytes, project: str, agreement_id: str, label: str) -> bytes:
    """The 32-byte key of one field or match key; other project, agreement or label, other key."""
    salt = hashlib.sha256(b"".join(_framed(text) for text in (project, agreement_id))).digest()
    info = b"".join(_framed(text) for text in (_VERSION, label))
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def _framed(text: str) -> bytes:
    data = text.encode("utf-8")
    return len(data).to_bytes(4, "big") + data


class Positions:
    """Bit positions of the tokens of one field, each computed once.

    ``length`` is the number of bits, a power of two (so that a masked word is unbiased); ``bits`` the positions that
    a token of weight one draws, with replacement.
    """

    def __init__(self, key: bytes, length: int, bits: int) -> None:
        self._key, self.length, self._bits = key, length, bits
        self._number: dict[Token, int] = {}
        self._drawn: list[NDArray[np.int64]] = []

    def number(self, token: Token) -> int:
        """A small number for ``token``, the same at every call."""
        known = self._number.get(token)
        if known is None:
            known = self._number[token] = len(self._drawn)
            self._drawn.append(self._draw(*token))
        return known

    def of(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions of all the numbered tokens, one after another, and how many each has."""
        sizes = np.array([drawn.size for drawn in self._drawn], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        counts = sizes[numbers]
        ends = np.cumsum(counts)
        offset = np.arange(counts.sum()) - np.repeat(ends - counts, counts)
        drawn = np.concatenate([*self._drawn, np.zeros(0, dtype=np.int64)])
        return drawn[np.repeat(starts[numbers], counts) + offset], counts

    def _draw(self, text: str, weight: int) -> NDArray[np.int64]:
        wanted = weight * self._bits
        data, stream, block = text.encode("utf-8"), b"", 0
        while len(stream) < 2 * wanted:
            stream += hmac.digest(self._key, block.to_bytes(2, "big") + data, "sha256")
            block += 1
        return np.frombuffer(stream, dtype=">u2", count=wanted).astype(np.int64) & (self.length - 1)


def bit_rows(
    values: Sequence[str], tokens: Callable[[str], list[Token]], positions: Positions
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Packed bits uint8 [values, length / 8] and, for each value, whether it had any token at all (bool [values])."""
    packed = np.zeros((len(values), positions.length // 8), dtype=np.uint8)
    present = np.zeros(len(values), dtype=np.bool_)
    for start in range(0, len(values), _ROWS_AT_ONCE):
        numbers: list[int] = []
        ends = []
        for value in values[start : start + _ROWS_AT_ONCE]:
            numbers += [positions.number(token) for token in tokens(value)]
            ends.append(len(numbers))
        where, counts = positions.of(np.asarray(numbers, dtype=np.int64))
        tokens_of = np.diff(ends, prepend=0)
        row = np.repeat(np.repeat(np.arange(tokens_of.size), tokens_of), counts)
        bits = np.zeros(tokens_of.size * positions.length, dtype=np.bool_)
        bits[row * positions.length + where] = True
        packed[start : start + tokens_of.size] = np.packbits(bits.reshape(-1, positions.length), axis=1)
        present[start : start + tokens_of.size] = tokens_of > 0
    return packed, present


def tags(texts: Sequence[str], key: bytes, size: int) -> NDArray[np.uint8]:
    """Keyed tag of each text, uint8 [texts, size], ``size`` at most 32."""
    joined = b"".join([hmac.digest(key, text.encode("utf-8"), "sha256")[:size] for text in texts])
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(texts), size)
