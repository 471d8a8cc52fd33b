"""Pattern mining: bit positions that are set together again and again are the trace of one frequent token.

Christen, Schnell, Vatsalan and Ranbaduge (PAKDD 2018; TKDE 2018). Sets of positions are grown from single ones (all
that are set wherever the set so far is), their supports and co-supports aligned with those of the list's tokens, and
each listed value is judged by which of the tokens found it should show and does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from juncture.agency.attack.seen import Floats, Index, Mask, Seen
from juncture.agency.encoding.tokens import TOKENS
from juncture.agency.people.normalise import BIRTH_FIELDS

#: For each encoded field, which listed person has which token: bool [people, tokens].
TokensOf = Callable[[pa.Table], Mapping[str, Mask]]

_SEEDS = 400
_PATTERNS = 60
#: A position belongs to a pattern where it is set in this share of the rows that show the pattern so far.
_TOGETHER = 0.985
_FEWEST_POSITIONS = 4
_ERROR = 0.03


@dataclass(frozen=True)
class _Pattern:
    """Bit ``positions`` set together, and the ``rows`` (bool) that show all of them."""

    positions: Index
    rows: Mask


def pattern_mining(package: Seen, listed: pa.Table, tokens_of: TokensOf) -> Floats:
    """Scores of pairs, float32 [people, listed]: log-likelihood of the tokens found, over all fields with bits."""
    plain = tokens_of(listed)
    score = np.zeros((package.people, listed.num_rows), dtype=np.float32)
    for name, part in package.fields.items():
        if name not in plain or not part.rows.shape[1] or part.there.sum() < 20:
            continue
        bits = np.unpackbits(part.rows[part.there], axis=1).astype(np.bool_)
        known = plain[name].any(axis=1)
        aligned = _aligned(_patterns(bits), plain[name][known])
        if not aligned:
            continue
        shown = np.stack([pattern.rows for pattern, _ in aligned], axis=1)
        has = plain[name][:, [token for _, token in aligned]]
        base = shown.mean(axis=0).clip(_ERROR, 1 - _ERROR)
        yes, no = np.log((1 - _ERROR) / base), np.log(_ERROR / (1 - base))
        absent_yes, absent_no = np.log(_ERROR / base), np.log((1 - _ERROR) / (1 - base))
        weight = shown * (yes - absent_yes) + ~shown * (no - absent_no)
        level = (shown * absent_yes + ~shown * absent_no).sum(axis=1)
        found = weight.astype(np.float32) @ has.T.astype(np.float32) + level[:, None].astype(np.float32)
        score[part.there] += found * known
    return score


def product_tokens(listed: pa.Table) -> Mapping[str, Mask]:
    """The tokens of this software: a field each, and all of them for a ``record``."""
    texts = {name: listed[name].to_pylist() for name in TOKENS if name in listed.column_names}
    texts["first_forms"] = texts["first_name"]
    dates = zip(*(listed[part].to_pylist() for part in BIRTH_FIELDS), strict=True)
    texts["birth_date"] = ["-".join("" if value is None else str(value) for value in day) for day in dates]
    out: dict[str, Mask] = {}
    for name, values in texts.items():
        whole = [None if value in (None, "--") else [token for token, _ in TOKENS[name](value)] for value in values]
        out[name] = token_table(whole)
    named = [out[name] for name in texts if name != "first_forms"]
    return {**out, "record": np.hstack(named)}


def token_table(tokens: list[list[str] | None]) -> Mask:
    """Which of the values has which token, bool [values, tokens]; tokens that fewer than three have are left out."""
    number: dict[str, int] = {}
    rows, columns = [], []
    for row, some in enumerate(tokens):
        for token in some or ():
            rows.append(row)
            columns.append(number.setdefault(token, len(number)))
    out = np.zeros((len(tokens), len(number)), dtype=np.bool_)
    out[rows, columns] = True
    return np.asarray(out[:, out.sum(axis=0) >= 3])


def _patterns(bits: Mask) -> list[_Pattern]:
    """Sets of positions that are set together, the most frequent first; no two of nearly the same rows."""
    dense = bits.astype(np.float32)
    support = dense.sum(axis=0)
    usable = np.flatnonzero((support >= 10) & (support <= 0.9 * len(bits)))
    seeds = usable[np.argsort(-support[usable])][:_SEEDS]
    together = dense[:, seeds].T @ dense
    # The partner that is set with the seed most beyond chance begins the pattern.
    excess = together - np.outer(support[seeds], support) / len(bits)
    excess[np.arange(seeds.size), seeds] = -np.inf
    rows = bits[:, seeds] & bits[:, excess.argmax(axis=1)]
    for _ in range(4):
        count = rows.sum(axis=0)
        share = (rows.T.astype(np.float32) @ dense) / np.maximum(count, 1)[:, None]
        member = share >= _TOGETHER
        rows = (dense @ member.T.astype(np.float32)) >= 0.93 * np.maximum(member.sum(axis=1), 1)
    found: list[_Pattern] = []
    count = rows.sum(axis=0)
    for k in np.argsort(-count):
        if member[k].sum() < _FEWEST_POSITIONS or count[k] < 10 or count[k] > 0.9 * len(bits):
            continue
        if any((pattern.rows ^ rows[:, k]).sum() < 0.1 * count[k] for pattern in found):
            continue
        found.append(_Pattern(np.flatnonzero(member[k]), rows[:, k]))
        if len(found) == _PATTERNS:
            break
    return found


def _aligned(patterns: list[_Pattern], plain: Mask) -> list[tuple[_Pattern, int]]:
    """Patterns with the tokens that fit best by frequency and by frequency together with those aligned before."""
    share = plain.mean(axis=0)
    joint = (plain.T.astype(np.float32) @ plain.astype(np.float32)) / max(1, len(plain))
    free = np.ones(share.size, dtype=np.bool_)
    out: list[tuple[_Pattern, int]] = []
    for pattern in patterns:
        n = len(pattern.rows)
        frequency = pattern.rows.mean()
        misfit = (share - frequency) ** 2 / (share * (1 - share) / n + 1e-3)
        for other, token in out:
            both = (pattern.rows & other.rows).mean()
            misfit = misfit + (joint[token] - both) ** 2 / (joint[token] / n + 1e-3)
        misfit[~free] = np.inf
        if not misfit.size or not np.isfinite(misfit.min()):
            break
        token = int(misfit.argmin())
        free[token] = False
        out.append((pattern, token))
    return out
