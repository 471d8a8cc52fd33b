"""Keyed hashing: from a text to bits that nobody without the joint secret can tell.

Every field has its own key, HKDF-SHA256 of the joint linkage secret, salted with project and agreement id.

- The positions of a token are drawn from an HMAC-SHA256 stream under that key (random hashing: Schnell and Borgs 2016),
  not by double hashing, whose two hash values betray themselves in the bit pattern (Kroll and Steinmetzer 2015).
- The tag of a combination of parts is AES-CMAC, under the key of the combination, of the exclusive or of the parts'
  HMAC-SHA256s, each cut to 128 bits and keyed by its part. The exclusive or of independent keyed hashes is almost
  universal (two combinations collide with probability 2^-128), and a universal hash followed by a pseudorandom
  function is a pseudorandom function (Wegman and Carter 1981): equal combinations have equal tags, and of unequal ones
  not even which parts they share can be told. Every distinct part is hashed once, and the block cipher runs over all
  rows in one call.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from juncture.agency.encoding.bulk import TokenTable, token_table
from juncture.agency.encoding.tokens import Token

_VERSION = "juncture encoding 2"
#: Bytes of an AES block, of a part's hash and of a combination's tag.
BLOCK = 16
_VALUES_AT_ONCE = 65_536
_ROWS_AT_ONCE = 8_192


def derive_key(secret: bytes, project: str, agreement_id: str, label: str) -> bytes:
    """The 32-byte key of one field, part or match key; other project, agreement or label, other key."""
    salt = hashlib.sha256(b"".join(_framed(text) for text in (project, agreement_id))).digest()
    info = b"".join(_framed(text) for text in (_VERSION, label))
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def _framed(text: str) -> bytes:
    data = text.encode("utf-8")
    return len(data).to_bytes(4, "big") + data


class Positions:
    """Bit positions of the tokens of one field, each token's drawn once.

    ``length`` is the number of bits, a power of two from 64 (so that a masked word is unbiased); ``bits`` the positions
    that a token of weight one draws, with replacement.
    """

    def __init__(self, key: bytes, length: int, bits: int) -> None:
        self._key, self.length, self._bits = key, length, bits
        self._number: dict[Token, int] = {}
        self._rows = np.zeros((0, length // 64), dtype=np.uint64)

    def rows(self, tokens: Sequence[Token]) -> NDArray[np.uint64]:
        """The bits of each token, uint64 [tokens, length / 64], the bytes of each word in the order of the bits."""
        fresh = [token for token in dict.fromkeys(tokens) if token not in self._number]
        for start in range(0, len(fresh), _ROWS_AT_ONCE):
            part = fresh[start : start + _ROWS_AT_ONCE]
            drawn = [self._draw(*token) for token in part]
            bits = np.zeros((len(part), self.length), dtype=np.bool_)
            row = np.repeat(np.arange(len(part)), [one.size for one in drawn])
            bits[row, np.concatenate(drawn)] = True
            packed = np.packbits(bits, axis=1).view(np.uint64)
            self._number.update({token: len(self._rows) + place for place, token in enumerate(part)})
            self._rows = np.concatenate([self._rows, packed])
        return self._rows[[self._number[token] for token in tokens]]

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
    packed = np.zeros((len(values), positions.length // 64), dtype=np.uint64)
    present = np.zeros(len(values), dtype=np.bool_)
    for start in range(0, len(values), _VALUES_AT_ONCE):
        part = slice(start, start + _VALUES_AT_ONCE)
        table = token_table(values[part], tokens)
        present[part] = table.count > 0
        packed[part] = _united(table, positions.rows(table.tokens))
    return packed.view(np.uint8), present


def _united(table: TokenTable, rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The bits of each value's tokens together, uint64 [values, words]."""
    out = np.zeros((table.count.size, rows.shape[1]), dtype=np.uint64)
    begin = np.cumsum(table.count) - table.count
    # The values with the most tokens come first, so that the k-th tokens of all that have one are an unbroken range.
    order = np.argsort(-table.count, kind="stable")
    for start in range(0, order.size, _ROWS_AT_ONCE):
        part = order[start : start + _ROWS_AT_ONCE]
        many, first = table.count[part], begin[part]
        tile = np.zeros((part.size, rows.shape[1]), dtype=np.uint64)
        for k in range(int(many.max(initial=0))):
            here = int(np.searchsorted(-many, -k))
            tile[:here] |= rows[table.number[first[:here] + k]]
        out[part] = tile
    return out


def tags(values: Sequence[str], key: bytes, size: int) -> NDArray[np.uint8]:
    """Exact keyed tags, uint8 [values, size] (``size`` at most 32 bytes)."""
    digest = hmac.digest
    joined = b"".join([digest(key, value.encode("utf-8"), "sha256")[:size] for value in values])
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(values), size)


def cmac_blocks(key: bytes, blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """AES-CMAC (NIST SP 800-38B) of messages of one whole block each: uint8 [rows, 16] in, uint8 [rows, 16] out."""
    # The cipher alone, block by block: CMAC of one block is the cipher of the block, whitened with a subkey.
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    doubled = int.from_bytes(encryptor.update(bytes(BLOCK)), "big") << 1
    subkey = (doubled & ((1 << 128) - 1)) ^ (0x87 if doubled >> 128 else 0)
    whitened = blocks ^ np.frombuffer(subkey.to_bytes(BLOCK, "big"), dtype=np.uint8)
    return np.frombuffer(encryptor.update(whitened.tobytes()), dtype=np.uint8).reshape(-1, BLOCK)
