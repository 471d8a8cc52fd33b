"""Encodings to attack: what is shipped, hardenings that were considered, and the CLKs of clkhash.

An encoding of bits alone is named ``record``, so that the linker grades it as such; ``seen`` undoes the Rule 90 of a
record of that name, so those without the rule go to the attacker as ``clk`` (:func:`for_attacker`).
"""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.encoding.encode import Encoding, encode, rule_90
from juncture.agency.encoding.hashing import Positions, bit_rows, derive_key
from juncture.agency.encoding.tokens import TOKENS
from juncture.formats.link import DATE_PARTS, EncodedField

HERE = Path(__file__).resolve().parent
AGREEMENT = "a" * 96
Encode = Callable[[pa.Table, bytes], Encoding]


@dataclass(frozen=True)
class Hardening:
    """``name`` in the table; ``make`` encodes; ``rule_90``: whether ``record`` is under that rule; ``weak``: a secret
    that can be guessed instead of a random one."""

    name: str
    make: Encode
    rule_90: bool = False
    weak: bytes | None = None


def for_attacker(hardening: Hardening) -> Encode:
    """The same encodings, a record without Rule 90 under a name for which no such rule is undone."""

    def make(table: pa.Table, secret: bytes) -> Encoding:
        made = hardening.make(table, secret)
        if hardening.rule_90 or "record" not in made.fields:
            return made
        fields = {("clk" if name == "record" else name): part for name, part in made.fields.items()}
        return replace(made, fields=fields)

    return make


def product(table: pa.Table, secret: bytes, *, profile: str, fields: tuple[str, ...]) -> Encoding:
    return encode(table, secret=secret, project="bench", agreement_id=AGREEMENT, profile=profile, fields=fields)


_SHARE = {"last_name": 14, "first_name": 14, "middle_name": 5, "birth_date": 9, "sex": 14, "address": 6, "zip": 5}
_BITS = 2_048


def record(
    table: pa.Table,
    secret: bytes,
    *,
    fields: tuple[str, ...],
    keys: bool = False,
    times: int = 1,
    length: int = _BITS,
    salted: bool = False,
    harden: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Encoding:
    """The record profile's encoding with another hardening, or none."""
    whole = product(table, secret, profile="record", fields=fields)
    salts = np.asarray(pc.fill_null(table["birth_year"], 0)) if salted else np.zeros(table.num_rows)
    bits = np.zeros((table.num_rows, length // 8), dtype=np.uint8)
    for salt in np.unique(salts):
        rows = np.flatnonzero(salts == salt)
        for field in fields:
            texts = _texts(table.take(pa.array(rows)), field)
            label = f"benchmark {field} {salt if salted else ''}"
            positions = Positions(derive_key(secret, "bench", AGREEMENT, label), length, times * _SHARE[field])
            there = np.array([text is not None for text in texts])
            made, _ = bit_rows([text for text in texts if text is not None], TOKENS[field], positions)
            bits[rows[there]] |= made
    there = bits.any(axis=1)
    bits = harden(bits) if harden else bits
    bits[~there] = 0
    return Encoding(
        whole.spelling_start,
        {**whole.fields, "record": EncodedField(bits, there)},
        whole.keys if keys else {},
    )


def fold(bits: np.ndarray) -> np.ndarray:
    """Both halves under exclusive or (Schnell and Borgs 2016)."""
    half = bits.shape[1] // 2
    return bits[:, :half] ^ bits[:, half:]


def balance(bits: np.ndarray) -> np.ndarray:
    """The bits and their complement: every row has as many set (Schnell and Borgs 2016)."""
    return np.hstack([bits, ~bits])


def flip(bits: np.ndarray, *, share: float) -> np.ndarray:
    """Each bit flipped with a probability (BLIP: Alaggan, Gambs and Kermarrec 2012), anew in each package."""
    noise = np.random.default_rng(secrets.randbits(64)).random((len(bits), bits.shape[1] * 8)) < share
    return bits ^ np.packbits(noise, axis=1)


def field(
    table: pa.Table,
    secret: bytes,
    *,
    fields: tuple[str, ...],
    keys: bool = True,
    ruled: bool = False,
    most: int | None = None,
) -> Encoding:
    """The field profile without its keys, under Rule 90, or with at most so many spellings a person."""
    made = product(table, secret, profile="field", fields=fields)
    parts, tags, start = dict(made.fields), dict(made.keys), made.spelling_start
    if ruled:
        for name, part in parts.items():
            if part.bits.shape[1] > 8:
                bits = rule_90(part.bits)
                bits[~part.present] = 0
                parts[name] = EncodedField(bits, part.present)
    if most is not None:
        size = np.diff(start)
        kept = np.concatenate([np.arange(a, a + min(n, most)) for a, n in zip(start[:-1], size, strict=True)])
        parts, tags = (
            {name: EncodedField(part.bits[kept], part.present[kept]) for name, part in some.items()}
            for some in (parts, tags)
        )
        start = np.concatenate([[0], np.cumsum(np.minimum(size, most))]).astype(np.int32)
    return Encoding(start, parts, tags if keys else {})


def tags(table: pa.Table, secret: bytes, *, fields: tuple[str, ...], without: tuple[str, ...] = ()) -> Encoding:
    """Match keys alone, absent ones as such: no bit of an encoding, each key a field of its own."""
    made = product(table, secret, profile="field", fields=fields)
    keys = {name: part for name, part in made.keys.items() if name not in without}
    return Encoding(made.spelling_start, dict(keys), keys)


def clkhash(table: pa.Table, secret: bytes, *, fields: tuple[str, ...], python: str) -> Encoding:
    """CLKs of clkhash, plain double hashing, bigrams of every field."""
    columns = [[text or "" for text in _texts(table, name)] for name in fields]
    asked = {"secret": secret.hex(), "fields": list(fields), "rows": list(zip(*columns, strict=True))}
    answer = subprocess.run(
        [python, str(HERE / "peers_clk.py")], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    bits = np.array([np.frombuffer(bytes.fromhex(line), np.uint8) for line in answer.stdout.split()])
    masks = product(table, bytes(32), profile="record", fields=fields)
    # The linker looks for a mask beside a record; a CLK has none, so this one says nothing.
    nothing = EncodedField(np.zeros((len(bits), 0), dtype=np.uint8), np.ones(len(bits), dtype=np.bool_))
    return Encoding(masks.spelling_start, {"record": EncodedField(bits, bits.any(axis=1)), "there": nothing}, {})


def _texts(table: pa.Table, name: str) -> list[str | None]:
    if name != "birth_date":
        return [text or None for text in table[name].to_pylist()]
    parts = zip(*(table[part].to_pylist() for part in DATE_PARTS), strict=True)
    dates = ["-".join("" if value is None else str(value) for value in day) for day in parts]
    return [None if date == "--" else date for date in dates]


#: What the attacks that were published were shown on.
NAMES_AND_DATE = ("last_name", "first_name", "birth_date")
#: Keys of two parts, which people of one name or one home have in common.
NAMES_ALONE = ("names", "either_order", "sounds", "sounds_sex")
HOMES = ("first_house", "year_house")


def hardenings(fields: tuple[str, ...], python: str | None) -> list[Hardening]:
    """Every row of the table."""
    plain = partial(record, fields=fields)
    out = []
    if python is not None:
        peer = partial(clkhash, fields=fields, python=python)
        out += [
            Hardening("clkhash, secret left at a default", peer, weak=bytes(32)),
            Hardening("clkhash, double hashing", peer),
            *(
                Hardening(f"clkhash, double hashing, {words}", partial(peer, fields=few))
                for words, few in (("names and birth date", NAMES_AND_DATE), ("names alone", NAMES_AND_DATE[:2]))
            ),
        ]
    return [
        *out,
        Hardening("record: none, no keys", plain),
        Hardening("record: Rule 90, keys (as shipped)", partial(product, profile="record", fields=fields), True),
        Hardening("record: XOR folding, no keys", partial(plain, harden=fold)),
        Hardening("record: balanced, no keys", partial(plain, harden=balance)),
        Hardening("record: twice the bits a token, no keys", partial(plain, times=2)),
        Hardening("record: salted by birth year, no keys", partial(plain, salted=True)),
        Hardening("record: 5 % of bits flipped, no keys", partial(plain, harden=partial(flip, share=0.05))),
        Hardening("record: 20 % of bits flipped, no keys", partial(plain, harden=partial(flip, share=0.2))),
        Hardening("field: keyed random hashing, keys (as shipped)", partial(field, fields=fields)),
        Hardening("field: no keys", partial(field, fields=fields, keys=False)),
        Hardening("field: Rule 90", partial(field, fields=fields, ruled=True)),
        Hardening("field: one spelling a person", partial(field, fields=fields, most=1)),
        Hardening("tags: every match key", partial(tags, fields=fields)),
        Hardening("tags: without those of two names", partial(tags, fields=fields, without=NAMES_ALONE)),
        Hardening("tags: without those of two names, absent ones random (as shipped)",
                  partial(product, profile="tags", fields=fields)),
        Hardening("tags: without those of two names or a home",
                  partial(tags, fields=fields, without=(*NAMES_ALONE, *HOMES))),
        Hardening("tags: three parts at least",
                  partial(tags, fields=fields, without=(*NAMES_ALONE, *HOMES, "last_date", "first_date"))),
    ]  # fmt: skip
