"""Envelopes, blind requests and grants. Evaluations are checked against the PyPI package ``voprf`` 0.2.0 (Rust)."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voprf import ristretto as other

from juncture.base.errors import LimitReached, PackageRefused, UsageError
from juncture.exchange import voprf
from juncture.exchange.unlock import (
    FEWEST_PEOPLE,
    LENGTH_BYTES,
    SEAL_BYTES,
    BlindRequest,
    BlindState,
    Grant,
    UnlockKey,
    answer,
    blind_tokens,
    choose_sizes,
    envelope_key,
    envelope_secret,
    finalize,
    new_unlock_key,
    open_envelope,
    pad,
    request_hash,
    seal_envelope,
    size_for,
    unpad,
)

SIZE = 6
KEY = new_unlock_key()
WHERE = {"agreement_id": "sha384:ab", "round": 1, "agency": "police", "package_id": "pkg-1", "envelope_id": b"e" * 16}


def tokens(count: int) -> list[bytes]:
    return [os.urandom(32) for _ in range(count)]


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


# The unlock key --------------------------------------------------------------------------------------------------


def test_an_unlock_key_hides_its_secret_and_is_its_secret_only() -> None:
    assert KEY.private.hex() not in repr(KEY)
    assert repr(KEY.private) not in repr(KEY)
    assert UnlockKey(KEY.private).public == KEY.public
    assert new_unlock_key().private != KEY.private
    with pytest.raises(PackageRefused):
        UnlockKey(bytes(32))


def test_the_envelope_secret_against_the_voprf_package() -> None:
    seed, info, token = b"\x07" * 32, b"release 1", b"t" * 32
    key = UnlockKey(voprf.derive_key_pair(seed, info)[0])
    assert envelope_secret(key, token) == other.Evaluator.from_seed(seed, info).evaluate_known_input(token)


# Envelopes -------------------------------------------------------------------------------------------------------


def hkdf_sha384(material: bytes, info: bytes) -> bytes:
    """RFC 5869 written out, for the first 32 bytes."""
    extracted = hmac.new(bytes(48), material, hashlib.sha384).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha384).digest()[:32]


def test_the_envelope_key_is_hkdf_sha384_over_output_and_token() -> None:
    output, token = bytes(range(64)), b"t" * 32
    parts = [b"juncture-envelope-1\n", b"sha384:ab", b"1", b"police", b"pkg-1", b"e" * 16]
    info = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    assert envelope_key(output, token, **WHERE) == hkdf_sha384(output + token, info)


def test_the_envelope_key_changes_with_everything_it_is_bound_to() -> None:
    output, token = bytes(range(64)), b"t" * 32
    places = [
        WHERE,
        WHERE | {"agreement_id": "sha384:a", "agency": "bpolice"},  # the same letters, divided elsewhere
        WHERE | {"agreement_id": "sha384:ac"},
        WHERE | {"round": 2},
        WHERE | {"agency": "clinic"},
        WHERE | {"package_id": "pkg-2"},
        WHERE | {"envelope_id": b"f" * 16},
    ]
    keys = {envelope_key(output, token, **place) for place in places}
    keys.add(envelope_key(flipped(output, 0), token, **WHERE))
    keys.add(envelope_key(output, flipped(token, 0), **WHERE))
    assert len(keys) == len(places) + 2


@settings(max_examples=60, deadline=None)
@given(plaintext=st.binary(max_size=200), size=st.integers(LENGTH_BYTES, 300), place=st.integers(0, 10_000))
def test_envelopes_open_only_whole_and_with_their_own_key(plaintext: bytes, size: int, place: int) -> None:
    if len(plaintext) + LENGTH_BYTES > size:
        with pytest.raises(UsageError):
            pad(plaintext, size)
        return
    key, envelope_id = os.urandom(32), os.urandom(16)
    sealed = seal_envelope(pad(plaintext, size), key, envelope_id)
    assert len(sealed) == size + SEAL_BYTES
    assert unpad(open_envelope(sealed, key, envelope_id)) == plaintext
    spoiled = [
        (flipped(sealed, place % len(sealed)), key, envelope_id),
        (sealed[:-1], key, envelope_id),
        (sealed[:20], key, envelope_id),
        (sealed, flipped(key, place % 32), envelope_id),
        (sealed, key, flipped(envelope_id, place % 16)),
    ]
    for data, wrong_key, wrong_id in spoiled:
        with pytest.raises(PackageRefused):
            open_envelope(data, wrong_key, wrong_id)


def test_a_wrong_token_or_a_wrong_unlock_key_does_not_open_an_envelope() -> None:
    token, stranger, envelope_id = b"t" * 32, new_unlock_key(), b"e" * 16
    sealed = seal_envelope(pad(b"life", 64), envelope_key(envelope_secret(KEY, token), token, **WHERE), envelope_id)
    wrong = b"u" * 32
    attempts = [
        envelope_key(envelope_secret(KEY, wrong), wrong, **WHERE),
        envelope_key(envelope_secret(KEY, token), wrong, **WHERE),  # the evaluation alone
        envelope_key(envelope_secret(KEY, wrong), token, **WHERE),  # the token alone
        envelope_key(envelope_secret(stranger, token), token, **WHERE),
    ]
    for key in attempts:
        with pytest.raises(PackageRefused):
            open_envelope(sealed, key, envelope_id)


@pytest.mark.parametrize("padded", [b"", b"\0\0\0", b"\0\0\0\x05abcd", b"\0\0\0\x01a\0b\0", b"\xff\xff\xff\xff"])
def test_padding_is_read_strictly(padded: bytes) -> None:
    with pytest.raises(PackageRefused):
        unpad(padded)


# Envelope sizes --------------------------------------------------------------------------------------------------


def cost(lengths: Sequence[int], sizes: Sequence[int]) -> int:
    return sum(size_for(length, sizes) for length in lengths)


def people(lengths: Sequence[int], sizes: Sequence[int]) -> list[int]:
    taken = [size_for(length, sizes) for length in lengths]
    return [taken.count(size) for size in sizes]


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(0, 5_000), min_size=1, max_size=60), fewest=st.integers(1, 20))
def test_sizes_hold_everybody_and_enough_people_at_the_least_cost(lengths: list[int], fewest: int) -> None:
    sizes = choose_sizes(lengths, fewest=fewest)
    assert 1 <= len(sizes) <= 3
    assert sizes == tuple(sorted(set(sizes)))
    assert len(sizes) == 1 or min(people(lengths, sizes)) >= fewest
    # The slow reference: every choice among the sizes that some single person would get.
    steps = sorted({choose_sizes([length])[0] for length in lengths})
    allowed = [
        (*lower, steps[-1])
        for count in range(3)
        for lower in itertools.combinations(steps[:-1], count)
        if count == 0 or min(people(lengths, (*lower, steps[-1]))) >= fewest
    ]
    assert cost(lengths, sizes) == min(cost(lengths, choice) for choice in allowed)


def test_sizes_at_the_threshold_of_a_thousand_people() -> None:
    short, long = [100] * FEWEST_PEOPLE, [3_000] * FEWEST_PEOPLE
    assert choose_sizes(short + long) == (256, 3_072)
    assert choose_sizes(short[1:] + long) == (3_072,)
    assert choose_sizes(short + long[1:]) == (3_072,)
    assert len(choose_sizes([100] * 1_000 + [1_000] * 1_000 + [3_000] * 1_000 + [9_000] * 1_000)) == 3


def test_the_largest_size_does_not_tell_the_longest_record() -> None:
    assert choose_sizes([3_001]) == choose_sizes([3_068]) == (3_072,)
    assert choose_sizes([3_069]) == (3_328,)
    with pytest.raises(UsageError):
        size_for(3_069, (3_072,))
    with pytest.raises(UsageError):
        choose_sizes([])


# Request and grant -----------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(count=st.integers(0, SIZE))
def test_any_number_of_tokens_gives_the_same_sizes_and_only_the_wanted_outputs(count: int) -> None:
    wanted = tokens(count)
    request, state = blind_tokens(wanted, SIZE)
    data = request.to_bytes()
    assert len(data) == 19 + 2 + 32 * SIZE
    assert len(state.to_bytes()) == len(blind_tokens([], SIZE)[1].to_bytes())
    grant = answer(BlindRequest.parse(data, SIZE), KEY).to_bytes()
    assert len(grant) == 17 + 2 + 48 + 32 * SIZE + 64
    kept = BlindState.parse(state.to_bytes())
    assert kept == state
    outputs = finalize(kept, Grant.parse(grant), KEY.public)
    assert outputs == {token: envelope_secret(KEY, token) for token in wanted}


def test_the_place_of_a_token_in_the_request_is_random() -> None:
    # In 60 requests the wanted token misses two of the six places with a chance of 15 * (4/6)**60 = 4e-10.
    places = {blind_tokens([b"t" * 32], SIZE)[1].wanted.index(True) for _ in range(60)}
    assert len(places) >= SIZE - 1


def test_two_requests_for_the_same_tokens_share_nothing() -> None:
    wanted = tokens(SIZE)
    first, second = blind_tokens(wanted, SIZE)[0], blind_tokens(wanted, SIZE)[0]
    assert not set(first.elements) & set(second.elements)


def test_more_tokens_than_places_or_a_token_twice() -> None:
    with pytest.raises(LimitReached, match="at most 6"):
        blind_tokens(tokens(SIZE + 1), SIZE)
    with pytest.raises(UsageError):
        blind_tokens([b"t" * 32] * 2, SIZE)
    with pytest.raises(UsageError):
        blind_tokens([b"short"], SIZE)
    with pytest.raises(UsageError):
        blind_tokens([], 0)


def test_a_request_is_read_strictly() -> None:
    data = blind_tokens([], SIZE)[0].to_bytes()
    start = len(data) - 32 * SIZE
    spoiled = [
        b"",
        data[:-1],
        data + b"\0",
        data[:-32],
        data + data[start : start + 32],
        b"J" + data[1:],
        data[:-32] + bytes(32),  # the identity
        data[:-32] + b"\xff" * 32,
        data[:-32] + data[start : start + 32],  # an element twice
    ]
    for other_data in spoiled:
        with pytest.raises(PackageRefused):
            BlindRequest.parse(other_data, SIZE)
    for size in (SIZE - 1, SIZE + 1):
        with pytest.raises(PackageRefused):
            BlindRequest.parse(data, size)
    assert BlindRequest.parse(data, SIZE).to_bytes() == data


def test_a_grant_is_read_strictly_and_holds_for_its_request_and_key_only() -> None:
    request, state = blind_tokens(tokens(2), SIZE)
    grant = answer(request, KEY)
    data = grant.to_bytes()
    for spoiled in (b"", data[:-1], data + b"\0", b"J" + data[1:], data[:67] + bytes(32) + data[99:]):
        with pytest.raises(PackageRefused):
            Grant.parse(spoiled)
    swapped = (grant.evaluated[1], grant.evaluated[0], *grant.evaluated[2:])
    wrong = [
        replace(grant, evaluated=swapped),
        replace(grant, evaluated=grant.evaluated[:-1]),
        replace(grant, proof=flipped(grant.proof, 3)),
        answer(request, new_unlock_key()),
        answer(blind_tokens([], SIZE)[0], KEY),
        replace(answer(blind_tokens([], SIZE)[0], KEY), request_hash=grant.request_hash),
    ]
    for forged in wrong:
        with pytest.raises(PackageRefused):
            finalize(state, forged, KEY.public)
    with pytest.raises(PackageRefused):
        finalize(state, grant, new_unlock_key().public)
    assert len(finalize(state, Grant.parse(data), KEY.public)) == 2


@settings(max_examples=80, deadline=None)
@given(place=st.integers(0, 17 + 2 + 48 + 32 * SIZE + 64 - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_in_a_grant_is_noticed(place: int, bit: int) -> None:
    spoiled = bytearray(FLIP_GRANT)
    spoiled[place] ^= 1 << bit
    with pytest.raises(PackageRefused):
        finalize(FLIP_STATE, Grant.parse(bytes(spoiled)), KEY.public)


FLIP_REQUEST, FLIP_STATE = blind_tokens([b"t" * 32], SIZE)
FLIP_GRANT = answer(FLIP_REQUEST, KEY).to_bytes()


def test_the_request_hash_is_sha384() -> None:
    # FIPS 180-4, the example "abc".
    assert request_hash(b"abc").hex() == (
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
    )


# The kept state --------------------------------------------------------------------------------------------------


def test_the_kept_state_shows_nothing_when_printed() -> None:
    wanted = tokens(1)
    _, state = blind_tokens(wanted, SIZE)
    assert not any(secret.hex() in repr(state) or repr(secret) in repr(state) for secret in (*wanted, *state.blinds))


def test_a_state_in_clear_is_read_strictly() -> None:
    data = blind_tokens(tokens(1), SIZE)[1].to_bytes()
    head = len(b"juncture-blind-state-1\n") + 2
    spoiled = [
        data[:-1],
        data + b"\0",
        data[: head + 32] + bytes(32) + data[head + 64 :],  # a blind of zero
        data[: head + 64] + b"\x02" + data[head + 65 :],  # neither wanted nor not
    ]
    for other_data in spoiled:
        with pytest.raises(PackageRefused):
            BlindState.parse(other_data)
