"""Verifiable oblivious evaluation: VOPRF(ristretto255, SHA-512) of RFC 9497, on libsodium's group.

A client blinds an input, the server multiplies the blinded element by its private key and proves in zero
knowledge (DLEQ) that it used the key it published, the client unblinds. The server learns nothing of the input,
the client nothing of the key. Functions are named after the RFC's; section numbers stand beside them. A blind is
plain bytes, so that it can be kept (encrypted) until an answer comes, a week later if need be.

Sizes in bytes: scalar 32, element 32, proof 64, output 64. Scalars are little endian and reduced; the identity is
no valid element. What comes from outside and breaks one of these rules raises ``PackageRefused``; a call that
could not have meant anything raises ``UsageError``. Multiplications run in constant time in libsodium; Python
cannot wipe the memory of a secret, so a private key is best held by a process that ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import importlib
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from types import ModuleType

from juncture.base.errors import MachineError, PackageRefused, UsageError

SCALAR_BYTES = 32
ELEMENT_BYTES = 32
PROOF_BYTES = 2 * SCALAR_BYTES
OUTPUT_BYTES = 64
MAX_BATCH = 2**16 - 1
MAX_INPUT_BYTES = 2**16 - 1

_IDENTITY = bytes(ELEMENT_BYTES)
_ZERO = bytes(SCALAR_BYTES)
_BLOCK_BYTES = 128  # of SHA-512


def _load_rbcl() -> ModuleType:
    """Import ``rbcl``, which unpacks libsodium (3 MB) into a temporary file at each start and leaves it there.

    The file is removed once it is loaded, but on Windows, which forbids that.
    """
    try:
        loaded = importlib.import_module("rbcl")
    except OSError as error:
        raise MachineError(
            "libsodium could not be loaded from the folder for temporary files.",
            remedy="Set TMPDIR (Windows: TEMP) to a folder that has 3 MB free and from which programs may run.",
        ) from error
    unpacked = getattr(sys.modules["rbcl._sodium"], "lib_path", None)
    if unpacked is not None and sys.platform != "win32":
        with contextlib.suppress(OSError):
            Path(unpacked).unlink()
    return loaded


rbcl = _load_rbcl()


class Mode(IntEnum):
    """The variants of RFC 9497 (section 3.1) that are built here."""

    OPRF = 0
    VOPRF = 1


def _context(mode: Mode) -> bytes:
    """``CreateContextString``, section 3.1."""
    return b"OPRFV1-" + bytes([mode]) + b"-ristretto255-SHA512"


def _prefixed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def _expand_message(message: bytes, tag: bytes) -> bytes:
    """``expand_message_xmd`` with SHA-512 for 64 bytes, which is one block (RFC 9380, section 5.3.1)."""
    tag_prime = tag + bytes([len(tag)])
    first = hashlib.sha512(bytes(_BLOCK_BYTES) + message + b"\x00\x40\x00" + tag_prime).digest()
    return hashlib.sha512(first + b"\x01" + tag_prime).digest()


def hash_to_group(message: bytes, mode: Mode = Mode.VOPRF) -> bytes:
    """``HashToGroup``, section 4.1: the element of an input; nobody knows its discrete logarithm."""
    return bytes(rbcl.crypto_core_ristretto255_from_hash(_expand_message(message, b"HashToGroup-" + _context(mode))))


def hash_to_scalar(message: bytes, mode: Mode = Mode.VOPRF, *, label: bytes = b"HashToScalar-") -> bytes:
    """``HashToScalar``, section 4.1: 64 uniform bytes reduced modulo the group's order."""
    return bytes(rbcl.crypto_core_ristretto255_scalar_reduce(_expand_message(message, label + _context(mode))))


def random_scalar() -> bytes:
    """``RandomScalar``, section 2.1: uniform among the scalars that are not zero."""
    return bytes(rbcl.crypto_core_ristretto255_scalar_random())


def check_scalar(scalar: bytes, what: str) -> bytes:
    """``DeserializeScalar``: ``scalar`` if it is reduced and not zero, otherwise ``PackageRefused``."""
    reduced = len(scalar) == SCALAR_BYTES and hmac.compare_digest(
        rbcl.crypto_core_ristretto255_scalar_reduce(scalar + bytes(32)), scalar
    )
    if not reduced or hmac.compare_digest(scalar, _ZERO):
        raise PackageRefused(f"{what} is not a scalar of the group.")
    return scalar


def check_element(element: bytes, what: str) -> bytes:
    """``DeserializeElement``: ``element`` if it is a point but not the identity, otherwise ``PackageRefused``."""
    # libsodium calls the identity a valid point, so it is named here.
    if (
        len(element) != ELEMENT_BYTES
        or element == _IDENTITY
        or not rbcl.crypto_core_ristretto255_is_valid_point(element)
    ):
        raise PackageRefused(f"{what} is not a point of the group.")
    return element


def _multiply(scalar: bytes, element: bytes) -> bytes:
    try:
        return bytes(rbcl.crypto_scalarmult_ristretto255(scalar, element))
    except RuntimeError:
        raise PackageRefused("A number in a blind request or its answer leads out of the group.") from None


def _multiply_base(scalar: bytes) -> bytes:
    try:
        return bytes(rbcl.crypto_scalarmult_ristretto255_base(scalar))
    except RuntimeError:
        raise PackageRefused("A number in a blind request or its answer leads out of the group.") from None


def _sum(terms: Sequence[bytes]) -> bytes:
    total = terms[0]
    for term in terms[1:]:
        total = rbcl.crypto_core_ristretto255_add(total, term)
    return bytes(total)


def derive_key_pair(seed: bytes, info: bytes, mode: Mode = Mode.VOPRF) -> tuple[bytes, bytes]:
    """``DeriveKeyPair``, section 3.2.1: (private scalar, public element) from a secret seed of 32 bytes."""
    if len(seed) != 32 or len(info) > MAX_INPUT_BYTES:
        raise UsageError("A key is derived from a seed of 32 bytes and an info of at most 65,535 bytes.")
    for counter in range(256):
        message = seed + _prefixed(info) + bytes([counter])
        private = hash_to_scalar(message, mode, label=b"DeriveKeyPair")
        if not hmac.compare_digest(private, _ZERO):
            return private, _multiply_base(private)
    raise UsageError("This seed yields no key; draw another.")


def public_key(private: bytes) -> bytes:
    """The public element of a private scalar."""
    return _multiply_base(check_scalar(private, "The private unlock key"))


def _input_element(message: bytes, mode: Mode) -> bytes:
    if len(message) > MAX_INPUT_BYTES:
        raise UsageError("An input of the blind evaluation has at most 65,535 bytes.")
    element = hash_to_group(message, mode)
    if element == _IDENTITY:
        raise UsageError("This input maps to the identity and has no evaluation; draw another.")
    return element


def blind(message: bytes, *, scalar: bytes | None = None, mode: Mode = Mode.VOPRF) -> tuple[bytes, bytes]:
    """``Blind``, section 3.3.1: (blind, blinded element) of an input.

    The blind is secret and needed again by :func:`finalize`. ``scalar`` fixes it, for test vectors only.
    """
    secret = random_scalar() if scalar is None else check_scalar(scalar, "The blind")
    return secret, _multiply(secret, _input_element(message, mode))


def evaluate_element(private: bytes, element: bytes) -> bytes:
    """``BlindEvaluate`` of the base mode, section 3.3.1: a blinded element times the private key, unproved."""
    return _multiply(
        check_scalar(private, "The private unlock key"), check_element(element, "An element of the request")
    )


def blind_evaluate(
    private: bytes, elements: Sequence[bytes], *, nonce: bytes | None = None
) -> tuple[list[bytes], bytes]:
    """``BlindEvaluate``, section 3.3.2: the evaluations of 1 to 65,535 elements and one proof for all.

    ``nonce`` fixes the randomness of the proof, for test vectors only: used twice, it gives the key away.
    """
    _check_batch(len(elements))
    public = public_key(private)
    evaluated = [evaluate_element(private, element) for element in elements]
    combined, combined_evaluated = _composites(public, elements, evaluated, private)
    secret = random_scalar() if nonce is None else check_scalar(nonce, "The proof's nonce")
    challenge = _challenge(public, combined, combined_evaluated, _multiply_base(secret), _multiply(secret, combined))
    response = rbcl.crypto_core_ristretto255_scalar_sub(
        secret, rbcl.crypto_core_ristretto255_scalar_mul(challenge, private)
    )
    return evaluated, challenge + bytes(response)


def verify_proof(public: bytes, elements: Sequence[bytes], evaluated: Sequence[bytes], proof: bytes) -> None:
    """``VerifyProof``, section 2.2.2: ``PackageRefused`` unless the public key's owner made every evaluation."""
    _check_batch(len(elements))
    if len(evaluated) != len(elements) or len(proof) != PROOF_BYTES:
        raise PackageRefused("The answer does not fit the request.")
    check_element(public, "The public unlock key")
    for before, after in zip(elements, evaluated, strict=True):
        check_element(before, "An element of the request")
        check_element(after, "An element of the answer")
    challenge = check_scalar(proof[:SCALAR_BYTES], "The answer's proof")
    response = check_scalar(proof[SCALAR_BYTES:], "The answer's proof")
    combined, combined_evaluated = _composites(public, elements, evaluated, None)
    base_commitment = _sum([_multiply_base(response), _multiply(challenge, public)])
    commitment = _sum([_multiply(response, combined), _multiply(challenge, combined_evaluated)])
    expected = _challenge(public, combined, combined_evaluated, base_commitment, commitment)
    if not hmac.compare_digest(expected, challenge):
        raise PackageRefused("The answer's proof is wrong: it was not made with the published unlock key.")


def _check_batch(count: int) -> None:
    if not 1 <= count <= MAX_BATCH:
        raise UsageError("A blind request holds between 1 and 65,535 elements.")


def _composites(
    public: bytes, elements: Sequence[bytes], evaluated: Sequence[bytes], private: bytes | None
) -> tuple[bytes, bytes]:
    """``ComputeComposites``, and ``ComputeCompositesFast`` where the private key is known, section 2.2.1."""
    seed = hashlib.sha512(_prefixed(public, b"Seed-" + _context(Mode.VOPRF))).digest()
    weights = [
        hash_to_scalar(_prefixed(seed) + index.to_bytes(2, "big") + _prefixed(before, after) + b"Composite")
        for index, (before, after) in enumerate(zip(elements, evaluated, strict=True))
    ]
    combined = _sum([_multiply(weight, element) for weight, element in zip(weights, elements, strict=True)])
    if private is not None:
        return combined, _multiply(private, combined)
    return combined, _sum([_multiply(weight, element) for weight, element in zip(weights, evaluated, strict=True)])


def _challenge(public: bytes, *points: bytes) -> bytes:
    return hash_to_scalar(_prefixed(public, *points) + b"Challenge")


def unblind(message: bytes, secret: bytes, evaluated: bytes) -> bytes:
    """``Finalize`` of the base mode, section 3.3.1: the 64-byte output, unproved; see :func:`finalize`."""
    inverse = rbcl.crypto_core_ristretto255_scalar_invert(check_scalar(secret, "The blind"))
    return _output(message, _multiply(bytes(inverse), check_element(evaluated, "An element of the answer")))


def finalize(
    messages: Sequence[bytes],
    blinds: Sequence[bytes],
    elements: Sequence[bytes],
    evaluated: Sequence[bytes],
    proof: bytes,
    public: bytes,
) -> list[bytes]:
    """``Finalize``, section 3.3.2: the 64-byte outputs of a batch, in order; ``PackageRefused`` without proof.

    ``elements`` are the blinded elements as they were sent, ``evaluated`` and ``proof`` what came back.
    """
    if not len(messages) == len(blinds) == len(elements):
        raise UsageError("Inputs, blinds and blinded elements must be equally many.")
    verify_proof(public, elements, evaluated, proof)
    return [unblind(*row) for row in zip(messages, blinds, evaluated, strict=True)]


def evaluate(private: bytes, message: bytes, mode: Mode = Mode.VOPRF) -> bytes:
    """``Evaluate``, section 3.3.1: the 64-byte output of an input that the holder of the key knows."""
    return _output(message, _multiply(check_scalar(private, "The private unlock key"), _input_element(message, mode)))


def _output(message: bytes, element: bytes) -> bytes:
    return hashlib.sha512(_prefixed(message, element) + b"Finalize").digest()
