"""Keyed tokens of joint co-responses: evidence for a link that is no name.

A co-response seen by both agencies has nearly the same moment in both files. Its token is an HMAC, under a subkey of
the joint linkage secret, of the two-hour slot in which it began. A person carries at most four, those with the lowest
HMAC, so that both agencies choose the same ones of somebody who has more; the rest are random, so that the linker
does not see how many there are unless the other agency has them too. A token borne by two people of one agency says
nothing of either and is left out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import defaultdict

import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from juncture.exchange.canonical import length_prefixed
from juncture.formats.link import JOINT_TOKENS, KEY_BYTES

SLOT_SECONDS = 7_200
KIND = "co_response"


def joint_tokens(
    mentions: pa.Table, person: NDArray[np.int32], people: NDArray[np.int64], *, secret: bytes, agreement_id: str
) -> NDArray[np.uint8]:
    """Tokens of ``people`` (indices into the agency's persons), uint8 [len(people), 4, 16].

    ``mentions`` and ``person`` are parallel; times are wall clock, equal at both agencies.
    """
    info = length_prefixed(b"juncture joint contacts 1", agreement_id.encode())
    subkey = HKDF(algorithm=SHA384(), length=32, salt=None, info=info).derive(secret)
    kinds = mentions.column("kind").to_pylist()
    seconds = mentions.column("start").cast(pa.int64()).to_numpy()
    slots: dict[int, set[int]] = defaultdict(set)
    bearers: dict[int, set[int]] = defaultdict(set)
    for row, kind in enumerate(kinds):
        if kind.split(".", 1)[1] == KIND and person[row] >= 0:
            slot = int(seconds[row]) // SLOT_SECONDS
            slots[int(person[row])].add(slot)
            bearers[slot].add(int(person[row]))
    random = secrets.token_bytes(len(people) * JOINT_TOKENS * KEY_BYTES)
    tokens = np.frombuffer(random, dtype=np.uint8).reshape(len(people), JOINT_TOKENS, KEY_BYTES).copy()
    for i, who in enumerate(people.tolist()):
        own = sorted(
            hmac.digest(subkey, slot.to_bytes(8, "big"), hashlib.sha256)[:KEY_BYTES]
            for slot in slots.get(who, ())
            if len(bearers[slot]) == 1
        )[:JOINT_TOKENS]
        places = secrets.SystemRandom().sample(range(JOINT_TOKENS), len(own))
        for place, token in zip(places, own, strict=True):
            tokens[i, place] = np.frombuffer(token, dtype=np.uint8)
    return tokens
