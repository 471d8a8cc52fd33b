"""A fingerprint in words, to be read out over the telephone.

The first 16 bytes of the fingerprint, each as one of 256 words (``words.txt``, in order: byte 0 is the first). No two
words begin with the same three letters or are fewer than three letters' changes apart. 128 bits are out of reach for
anybody who looks for other keys that sound the same.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from juncture.base.errors import UsageError
from juncture.exchange.names import is_sha384

SPOKEN_BYTES = 16


def fingerprint_words(fingerprint: str) -> str:
    """Sixteen words in four lines of four for ``sha384:<96 hex digits>``; raises ``UsageError`` for another form."""
    scheme, _, digits = fingerprint.partition(":")
    if scheme != "sha384" or not is_sha384(digits):
        raise UsageError("A fingerprint is sha384: and 96 hex digits.", remedy="`juncture keys show` prints it.")
    spoken = [word_list()[byte] for byte in bytes.fromhex(digits)[:SPOKEN_BYTES]]
    return "\n".join(" ".join(spoken[at : at + 4]) for at in range(0, SPOKEN_BYTES, 4))


@cache
def word_list() -> tuple[str, ...]:
    """The 256 words, in the order of the bytes they stand for."""
    return tuple(files("juncture.exchange").joinpath("words.txt").read_text("ascii").split())
