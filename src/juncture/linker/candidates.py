"""Which pairs of people are worth weighing.

Small files are compared in full. Larger ones by shared match keys; a block of more row pairs than a cap is split by
further fields, and what no split brings under the cap is counted and reported, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from juncture.base.report import Progress, silent
from juncture.kernels.bits import words
from juncture.kernels.em import Floats
from juncture.kernels.parallel import each
from juncture.kernels.rows import among, ascending, numbered
from juncture.linker.compare import ALL_ROW_PAIRS, FieldPair, Index, LinkInput, shared_tokens
from juncture.linker.score import score_pairs

#: A block with more row pairs is split.
BLOCK_CAP = 20_000
#: Pairs kept for weighing, a person of either agency.
KEEP_PER_PERSON = 30

_TILE = 1_500_000
_PEOPLE_AT_ONCE = 16
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Candidates:
    """Pairs of people ``i`` (of a), ``j`` (of b), each once, sorted; and what was counted on the way.

    ``token`` bool [pairs]: which share a joint token. ``notes``: row pairs compared, blocks split, row pairs of blocks
    left out, pairs dropped by the limit.
    """

    i: Index
    j: Index
    token: NDArray[np.bool_]
    notes: Mapping[str, int]


def find_candidates(
    pairs: Sequence[FieldPair],
    a: LinkInput,
    b: LinkInput,
    weights: Sequence[Floats],
    floor: float,
    *,
    progress: Progress = silent,
    all_row_pairs: int = ALL_ROW_PAIRS,
    block_cap: int = BLOCK_CAP,
) -> Candidates:
    """Pairs of people whose best pair of rows weighs at least ``floor``, and all that share a joint token."""
    row_pairs = a.person.size * b.person.size
    if row_pairs <= all_row_pairs:
        code, weight = _all_pairs(pairs, a, b, weights, floor, progress)
        notes = {"row pairs compared": row_pairs}
    else:
        code, notes = _blocked(pairs, a, b, block_cap)
        code, weight = _worth(pairs, a, b, weights, code, floor, progress)
    limit = KEEP_PER_PERSON * (a.people + b.people)
    if code.size > limit:
        notes["pairs beyond the limit"] = code.size - limit
        code = code[np.argpartition(-weight, limit)[:limit]]
    token_i, token_j = shared_tokens(a, b)
    token = token_i * b.people + token_j
    code = ascending(np.concatenate([code, token]))
    return Candidates(code // max(1, b.people), code % max(1, b.people), among(code, token), notes)


def _all_pairs(
    pairs: Sequence[FieldPair],
    a: LinkInput,
    b: LinkInput,
    weights: Sequence[Floats],
    floor: float,
    progress: Progress,
) -> tuple[Index, Floats]:
    start_a, start_b = a.spelling_start.astype(np.int64), b.spelling_start.astype(np.int64)
    weigh = [np.asarray(weight, dtype=np.float32) for weight in weights]
    # Rows of b that a row of a meets again and again: their codes once, in the order of the file.
    codes_b = [pair.b.code for pair in pairs]
    found: list[Index] = []
    found_weight: list[Floats] = []
    people_at_once = max(_PEOPLE_AT_ONCE, int(_TILE / max(1, b.person.size) * a.people / max(1, a.person.size)))
    for first in range(0, a.people, people_at_once):
        last = min(first + people_at_once, a.people)
        rows = slice(int(start_a[first]), int(start_a[last]))
        total = np.zeros((rows.stop - rows.start, b.person.size), dtype=np.float32)
        for pair, weight, code_b in zip(pairs, weigh, codes_b, strict=True):
            codes, row = np.unique(pair.a.code[rows], return_inverse=True)
            total += weight[pair.level_rows(codes)][row].take(code_b, axis=1)
        if a.person.size > a.people:
            total = np.maximum.reduceat(total, start_a[first:last] - rows.start, axis=0)
        if b.person.size > b.people:
            total = np.maximum.reduceat(total, start_b[:-1], axis=1)
        i, j = np.nonzero(total >= floor)
        found.append((i + first) * b.people + j)
        found_weight.append(total[i, j].astype(np.float64))
        progress("comparing people", last, a.people)
    return np.concatenate(found or [np.zeros(0, np.int64)]), np.concatenate(found_weight or [np.zeros(0)])


def _worth(
    pairs: Sequence[FieldPair],
    a: LinkInput,
    b: LinkInput,
    weights: Sequence[Floats],
    code: Index,
    floor: float,
    progress: Progress,
) -> tuple[Index, Floats]:
    kept, kept_weight = [np.zeros(0, np.int64)], [np.zeros(0)]
    for start in range(0, code.size, _CHUNK):
        part = code[start : start + _CHUNK]
        weight = score_pairs(pairs, a, b, part // b.people, part % b.people, weights).weight
        kept.append(part[weight >= floor])
        kept_weight.append(weight[weight >= floor])
        progress("comparing people", min(start + _CHUNK, code.size), code.size)
    return np.concatenate(kept), np.concatenate(kept_weight)


def _blocked(pairs: Sequence[FieldPair], a: LinkInput, b: LinkInput, cap: int) -> tuple[Index, dict[str, int]]:
    """Pairs of people (as i * people of b + j) that share a match key."""
    names = sorted(set(a.keys) & set(b.keys))
    found = each(lambda name: _of_key(name, pairs, a, b, cap), names)
    notes = {"row pairs compared": 0, "blocks split": 0, "row pairs left out of split blocks": 0}
    for _, counted in found:
        for what, count in zip(notes, counted, strict=True):
            notes[what] += count
    return ascending(np.concatenate([np.zeros(0, np.int64), *(code for code, _ in found)])), notes


def _of_key(
    name: str, pairs: Sequence[FieldPair], a: LinkInput, b: LinkInput, cap: int
) -> tuple[Index, tuple[int, int, int]]:
    """Pairs of people that share one match key; row pairs compared, blocks split, row pairs left out of these."""
    key_a, key_b = a.keys[name], b.keys[name]
    head_a, head_b = (words(key.bits[:, :8])[:, 0] for key in (key_a, key_b))
    # Nearly all keys are of one agency alone: the first bytes tell which may be of both.
    rows_a = np.flatnonzero(key_a.present)
    rows_b = np.flatnonzero(key_b.present)
    rows_b = rows_b[among(head_b[rows_b], head_a[rows_a])]
    rows_a = rows_a[among(head_a[rows_a], head_b[rows_b])]
    block = numbered(np.concatenate([key_a.bits[rows_a], key_b.bits[rows_b]]))[1]
    block_a, block_b = block[: rows_a.size], block[rows_a.size :]
    size = _block_sizes(block_a, block_b)
    large = size > cap
    row_a, row_b = _join(rows_a, block_a, rows_b, block_b, ~large)
    found = _people(a, b, row_a, row_b)
    compared = int(size[~large].sum())
    if not large.any():
        return found, (compared, 0, 0)
    split, covered = _split(pairs, a, b, (rows_a, block_a, rows_b, block_b), large, cap)
    left_out = max(0, int(size[large].sum()) - covered)
    return ascending(np.concatenate([found, split])), (compared, int(large.sum()), left_out)


def _block_sizes(block_a: Index, block_b: Index) -> Index:
    blocks = int(max(block_a.max(initial=-1), block_b.max(initial=-1))) + 1
    return np.bincount(block_a, minlength=blocks) * np.bincount(block_b, minlength=blocks)


def _split(
    pairs: Sequence[FieldPair],
    a: LinkInput,
    b: LinkInput,
    blocks: tuple[Index, Index, Index, Index],
    large: NDArray[np.bool_],
    cap: int,
) -> tuple[Index, int]:
    """Pairs of people in large blocks that also have an equal encoding of a field, where that is a block under the cap;
    and how many distinct row pairs of the large blocks that covers."""
    row_a, block_a, row_b, block_b = blocks
    keep_a, keep_b = np.flatnonzero(large[block_a]), np.flatnonzero(large[block_b])
    found = [np.zeros(0, np.int64)]
    covered = [np.zeros(0, np.int64)]
    for pair in pairs:
        value_a, value_b = _equal_codes(pair, row_a[keep_a], row_b[keep_b])
        known_a, known_b = keep_a[value_a >= 0], keep_b[value_b >= 0]
        joint = np.concatenate(
            [
                np.stack([block_a[known_a], value_a[value_a >= 0]]),
                np.stack([block_b[known_b], value_b[value_b >= 0]]),
            ],
            axis=1,
        )
        sub = numbered(np.ascontiguousarray(joint.T).view(np.uint8))[1]
        sub_a, sub_b = sub[: known_a.size], sub[known_a.size :]
        small = _block_sizes(sub_a, sub_b) <= cap
        left, right = _join(row_a[known_a], sub_a, row_b[known_b], sub_b, small)
        covered.append(left * b.person.size + right)
        found.append(_people(a, b, left, right))
    return ascending(np.concatenate(found)), int(ascending(np.concatenate(covered)).size)


def _equal_codes(pair: FieldPair, row_a: Index, row_b: Index) -> tuple[Index, Index]:
    """The same number for equal encodings at both agencies, -1 for missing."""
    sides = (pair.a, pair.b)
    every = np.concatenate([np.hstack([side.rows, side.extra]) for side in sides])
    number = np.append(numbered(every)[1], -1)
    left = np.where(pair.a.code[row_a] < len(pair.a.rows), pair.a.code[row_a], -1)
    right = np.where(pair.b.code[row_b] < len(pair.b.rows), pair.b.code[row_b] + len(pair.a.rows), -1)
    return number[left], number[right]


def _join(row_a: Index, block_a: Index, row_b: Index, block_b: Index, wanted: NDArray[np.bool_]) -> tuple[Index, Index]:
    """All pairs of rows in the same wanted block."""
    order = np.argsort(block_b, kind="stable")
    count = np.bincount(block_b, minlength=wanted.size)
    start = np.cumsum(count) - count
    many = np.where(wanted[block_a], count[block_a], 0)
    offset = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    return np.repeat(row_a, many), row_b[order[np.repeat(start[block_a], many) + offset]]


def _people(a: LinkInput, b: LinkInput, row_a: Index, row_b: Index) -> Index:
    return ascending(a.person[row_a] * b.people + b.person[row_b])
