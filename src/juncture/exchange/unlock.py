"""Unlocking: sealed envelopes, the blind request for some of them, and the grant that answers it.

An agency makes an unlock key for each release package and seals every person's envelope under a key that takes two
things to compute: the person's unlock token (it goes to the linker) and the agency's evaluation of that token. Later
the analyst blinds the tokens of the cohort, fills up with random ones and sends a request; the agency evaluates it
without learning a token and proves that it used the key it published. This module has the pure parts; what may be
granted, and how often, is in :mod:`juncture.exchange.quota`.

Request and grant, version 1 (big-endian; sizes depend on the number of elements only)::

    request  "juncture-request-1\\n"  count u16  element[count] of 32 bytes
    grant    "juncture-grant-1\\n"    count u16  SHA-384 of the request  evaluation[count] of 32 bytes  proof of 64
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import secrets
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from juncture.base.errors import LimitReached, PackageRefused, UsageError
from juncture.exchange import voprf
from juncture.exchange.canonical import length_prefixed
from juncture.exchange.voprf import ELEMENT_BYTES, MAX_BATCH, PROOF_BYTES, SCALAR_BYTES

TOKEN_BYTES = 32
ENVELOPE_ID_BYTES = 16
HASH_BYTES = 48
#: Bytes that :func:`seal_envelope` adds: nonce 12 and tag 16.
SEAL_BYTES = 28
#: Bytes of the length in front of a padded plaintext.
LENGTH_BYTES = 4
#: Padded sizes a release package may have, and the fewest people of each.
MOST_SIZES = 3
FEWEST_PEOPLE = 1_000

_REQUEST_LABEL = b"juncture-request-1\n"
_GRANT_LABEL = b"juncture-grant-1\n"
_STATE_LABEL = b"juncture-blind-state-1\n"
_ENVELOPE_LABEL = b"juncture-envelope-1\n"
_NONCE_BYTES = 12
_COUNT_BYTES = 2
_SMALLEST_SIZE = 256


# The agency's key, and envelopes ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class UnlockKey:
    """The key of one release package: a secret scalar and the public element that its signed header publishes.

    Only ``private`` needs to be kept. Raises ``PackageRefused`` for bytes that are no scalar of the group.
    """

    private: bytes = field(repr=False)
    public: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "public", voprf.public_key(self.private))


def new_unlock_key() -> UnlockKey:
    """A fresh unlock key; each release package has its own."""
    return UnlockKey(voprf.random_scalar())


def envelope_secret(key: UnlockKey, unlock_token: bytes) -> bytes:
    """The agency's own evaluation (64 bytes) of a token that it drew: what the analyst can get only by a request."""
    return voprf.evaluate(key.private, _token(unlock_token))


def envelope_key(
    voprf_output: bytes,
    unlock_token: bytes,
    *,
    agreement_id: str,
    round: int,
    agency: str,
    package_id: str,
    envelope_id: bytes,
) -> bytes:
    """The AES-256 key of one envelope: HKDF-SHA384(output || token), bound to where the envelope belongs.

    The token is part of the key material, so that without it not even a broken curve opens an envelope.
    """
    if len(voprf_output) != voprf.OUTPUT_BYTES:
        raise UsageError("An evaluation of the unlock key has 64 bytes.")
    info = length_prefixed(
        _ENVELOPE_LABEL,
        agreement_id.encode(),
        str(round).encode(),
        agency.encode(),
        package_id.encode(),
        _envelope_id(envelope_id),
    )
    derive = HKDF(algorithm=SHA384(), length=32, salt=None, info=info)
    return derive.derive(voprf_output + _token(unlock_token))


def seal_envelope(padded: bytes, key: bytes, envelope_id: bytes) -> bytes:
    """AES-256-GCM over a padded plaintext: nonce || ciphertext || tag, ``SEAL_BYTES`` longer than ``padded``.

    The key belongs to this envelope alone; the nonce is random all the same, so that an agency that stages a
    package twice under one key still never repeats one.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, padded, _ENVELOPE_LABEL + _envelope_id(envelope_id))


def open_envelope(sealed: bytes, key: bytes, envelope_id: bytes) -> bytes:
    """The padded plaintext of an envelope; ``PackageRefused`` if it was not sealed with this key for this id.

    Which envelopes fail must never reach an agency, except inside released counts: a spoiled envelope would
    otherwise ask whether its person is in the cohort.
    """
    if len(sealed) < SEAL_BYTES:
        raise PackageRefused("An envelope is too short to be one.")
    nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, body, _ENVELOPE_LABEL + _envelope_id(envelope_id))
    except InvalidTag:
        raise PackageRefused("An envelope does not open with its key.") from None


def pad(plaintext: bytes, size: int) -> bytes:
    """``plaintext`` behind its length (4 bytes), filled with zeros to ``size``; ``UsageError`` if it does not fit."""
    if len(plaintext) + LENGTH_BYTES > size:
        raise UsageError("A padded size is too small for its content; nothing is ever cut.")
    return (len(plaintext).to_bytes(LENGTH_BYTES, "big") + plaintext).ljust(size, b"\0")


def unpad(padded: bytes) -> bytes:
    """The plaintext of :func:`pad`; ``PackageRefused`` unless length and filling are exactly as written there."""
    end = LENGTH_BYTES + int.from_bytes(padded[:LENGTH_BYTES], "big")
    if len(padded) < LENGTH_BYTES or end > len(padded) or any(padded[end:]):
        raise PackageRefused("An envelope is not filled up as the format says.")
    return padded[LENGTH_BYTES:end]


def choose_sizes(lengths: Sequence[int], *, most: int = MOST_SIZES, fewest: int = FEWEST_PEOPLE) -> tuple[int, ...]:
    """Padded sizes, ascending, for plaintexts of these lengths: the split into 1 to ``most`` sizes that costs least.

    Each person takes the smallest size that holds them (:func:`size_for`); each size is taken by at least ``fewest``
    people, so fewer than twice as many give one size. A size has four significant bits, so that the largest
    does not tell the length of the longest record.
    """
    if not lengths:
        raise UsageError("There is nobody to choose an envelope size for.")
    needed = sorted(_round_size(length + LENGTH_BYTES) for length in lengths)
    steps = sorted(set(needed))
    people_up_to = {step: bisect_right(needed, step) for step in steps}
    best: tuple[int, tuple[int, ...]] | None = None
    for count in range(1, most + 1):
        for lower in itertools.combinations(steps[:-1], count - 1):
            sizes = (*lower, steps[-1])
            below = [0, *(people_up_to[size] for size in sizes)]
            people = [after - before for before, after in itertools.pairwise(below)]
            if count > 1 and min(people) < fewest:
                continue
            cost = sum(size * number for size, number in zip(sizes, people, strict=True))
            if best is None or cost < best[0]:
                best = cost, sizes
    if best is None:
        raise UsageError("At least one envelope size must be allowed.")
    return best[1]


def size_for(length: int, sizes: Sequence[int]) -> int:
    """The smallest of the ascending ``sizes`` that holds a plaintext of ``length``; ``UsageError`` if none does."""
    for size in sizes:
        if length + LENGTH_BYTES <= size:
            return size
    raise UsageError("No padded size holds this content; nothing is ever cut.")


def _round_size(size: int) -> int:
    step = 1 << max(max(size, _SMALLEST_SIZE).bit_length() - 4, 0)
    return max(-(-size // step) * step, _SMALLEST_SIZE)


def _token(unlock_token: bytes) -> bytes:
    if len(unlock_token) != TOKEN_BYTES:
        raise UsageError("An unlock token has 32 bytes.")
    return unlock_token


def _envelope_id(envelope_id: bytes) -> bytes:
    if len(envelope_id) != ENVELOPE_ID_BYTES:
        raise UsageError("An envelope id has 16 bytes.")
    return envelope_id


# Request and grant -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BlindRequest:
    """Blinded elements as they travel to an agency: distinct, each a point of the group.

    Raises ``PackageRefused`` for anything else.
    """

    elements: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.elements) <= MAX_BATCH:
            raise PackageRefused("A blind request holds between 1 and 65,535 elements.")
        for element in self.elements:
            voprf.check_element(element, "An element of the request")
        if len(set(self.elements)) != len(self.elements):
            raise PackageRefused("A blind request holds the same element twice.")

    def to_bytes(self) -> bytes:
        """The request as it is sent, ticketed and hashed; its size depends on the number of elements only."""
        return _REQUEST_LABEL + len(self.elements).to_bytes(_COUNT_BYTES, "big") + b"".join(self.elements)

    @classmethod
    def parse(cls, data: bytes, size: int) -> BlindRequest:
        """Read a request of exactly ``size`` elements; raises ``PackageRefused`` for any other."""
        count, body = _counted(data, _REQUEST_LABEL, "blind request")
        if count != size or len(body) != count * ELEMENT_BYTES:
            raise PackageRefused(f"A blind request under this agreement holds exactly {size} elements.")
        return cls(_split(body))


@dataclass(frozen=True)
class Grant:
    """An agency's answer: one evaluation an element, in the order of the request, and one proof for all of them."""

    request_hash: bytes
    evaluated: tuple[bytes, ...]
    proof: bytes

    def to_bytes(self) -> bytes:
        """The grant as it is stored and sent; its size depends on the number of elements only."""
        count = len(self.evaluated).to_bytes(_COUNT_BYTES, "big")
        return _GRANT_LABEL + count + self.request_hash + b"".join(self.evaluated) + self.proof

    @classmethod
    def parse(cls, data: bytes) -> Grant:
        """Read a grant; raises ``PackageRefused`` where its form is wrong. The proof is checked by :meth:`check`."""
        count, body = _counted(data, _GRANT_LABEL, "grant")
        if len(body) != HASH_BYTES + count * ELEMENT_BYTES + PROOF_BYTES:
            raise PackageRefused("A grant is longer or shorter than its form says.")
        evaluated = _split(body[HASH_BYTES:-PROOF_BYTES])
        for element in evaluated:
            voprf.check_element(element, "An element of the grant")
        return cls(body[:HASH_BYTES], evaluated, body[-PROOF_BYTES:])

    def check(self, request: BlindRequest, public: bytes) -> None:
        """Return if this answers ``request`` under the key published as ``public``; else ``PackageRefused``."""
        if not hmac.compare_digest(self.request_hash, request_hash(request.to_bytes())):
            raise PackageRefused(
                "The grant answers another request.", remedy="Ask the agency for the one to this request."
            )
        voprf.verify_proof(public, request.elements, self.evaluated, self.proof)


@dataclass(frozen=True)
class BlindState:
    """What the analyst must keep, secret, until the grant comes; parallel tuples in the order of the request.

    ``wanted`` is false for the random tokens that fill the request up. Its bytes have a size that depends on the
    number of elements only; they rest encrypted (:mod:`juncture.exchange.vault`).
    """

    tokens: tuple[bytes, ...] = field(repr=False)
    blinds: tuple[bytes, ...] = field(repr=False)
    wanted: tuple[bool, ...] = field(repr=False)
    request: BlindRequest

    def __post_init__(self) -> None:
        if not len(self.tokens) == len(self.blinds) == len(self.wanted) == len(self.request.elements):
            raise PackageRefused("The kept state of a blind request is damaged.")

    def to_bytes(self) -> bytes:
        """The state in clear."""
        rows = zip(self.tokens, self.blinds, self.wanted, strict=True)
        body = b"".join(token + blind + bytes([wanted]) for token, blind, wanted in rows)
        return _STATE_LABEL + len(self.tokens).to_bytes(_COUNT_BYTES, "big") + body + b"".join(self.request.elements)

    @classmethod
    def parse(cls, data: bytes) -> BlindState:
        """Read a state; raises ``PackageRefused`` where its form is wrong."""
        count, body = _counted(data, _STATE_LABEL, "state of a blind request")
        row = TOKEN_BYTES + SCALAR_BYTES + 1
        if len(body) != count * (row + ELEMENT_BYTES):
            raise PackageRefused("The kept state of a blind request is damaged.")
        rows = [body[start : start + row] for start in range(0, count * row, row)]
        if any(entry[-1] > 1 for entry in rows):
            raise PackageRefused("The kept state of a blind request is damaged.")
        return cls(
            tokens=tuple(entry[:TOKEN_BYTES] for entry in rows),
            blinds=tuple(voprf.check_scalar(entry[TOKEN_BYTES:-1], "A kept blind") for entry in rows),
            wanted=tuple(entry[-1] == 1 for entry in rows),
            request=BlindRequest(_split(body[count * row :])),
        )


def request_hash(request: bytes) -> bytes:
    """SHA-384 (48 bytes) of a request as it is sent: what the linker's ticket names."""
    return hashlib.sha384(request).digest()


def blind_tokens(tokens: Sequence[bytes], size: int) -> tuple[BlindRequest, BlindState]:
    """Blind ``tokens`` and as many random ones as make ``size`` elements, in random order.

    The request looks the same for any number of tokens from 0 to ``size``. Raises ``LimitReached`` for more tokens
    than ``size`` and ``UsageError`` for doubled or malformed ones.
    """
    if not 1 <= size <= MAX_BATCH:
        raise UsageError("A blind request holds between 1 and 65,535 elements.")
    if len(tokens) > size:
        raise LimitReached(f"{len(tokens)} envelopes are wanted, but a request unlocks at most {size}.")
    rows = [(_token(token), True) for token in tokens]
    rows += [(os.urandom(TOKEN_BYTES), False) for _ in range(size - len(tokens))]
    if len({token for token, _ in rows}) != size:
        raise UsageError("A token is asked for twice.")
    secrets.SystemRandom().shuffle(rows)
    blinded = [voprf.blind(token) for token, _ in rows]
    request = BlindRequest(tuple(element for _, element in blinded))
    state = BlindState(
        tokens=tuple(token for token, _ in rows),
        blinds=tuple(secret for secret, _ in blinded),
        wanted=tuple(wanted for _, wanted in rows),
        request=request,
    )
    return request, state


def answer(request: BlindRequest, key: UnlockKey) -> Grant:
    """Evaluate every element of ``request`` and prove it; only the quota's keeper may let the result out."""
    evaluated, proof = voprf.blind_evaluate(key.private, request.elements)
    return Grant(request_hash(request.to_bytes()), tuple(evaluated), proof)


def finalize(state: BlindState, grant: Grant, public: bytes) -> dict[bytes, bytes]:
    """Check the proof against the key published as ``public``, then unblind: wanted token -> evaluation (64 bytes).

    Raises ``PackageRefused`` if the grant answers another request or was made with another key; nothing of it is
    used then.
    """
    grant.check(state.request, public)
    rows = zip(state.tokens, state.blinds, state.wanted, grant.evaluated, strict=True)
    return {token: voprf.unblind(token, secret, value) for token, secret, wanted, value in rows if wanted}


def _counted(data: bytes, label: bytes, what: str) -> tuple[int, bytes]:
    start = len(label) + _COUNT_BYTES
    if len(data) < start or not data.startswith(label):
        raise PackageRefused(f"This is no {what} of a version known here.")
    return int.from_bytes(data[len(label) : start], "big"), data[start:]


def _split(body: bytes) -> tuple[bytes, ...]:
    return tuple(body[start : start + ELEMENT_BYTES] for start in range(0, len(body), ELEMENT_BYTES))
