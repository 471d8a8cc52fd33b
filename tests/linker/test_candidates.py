"""Which pairs are weighed: against comparing everybody with everybody, one pair of rows at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from juncture.kernels.em import Floats
from juncture.linker import candidates as blocking
from juncture.linker.candidates import find_candidates
from juncture.linker.compare import FieldPair, LinkInput, compare_fields, first_weights, shared_tokens
from tests.linker.test_match import made_up

FLOOR = 2.0


def prepared(people: int, seed: int) -> tuple[LinkInput, LinkInput, tuple[FieldPair, ...], list[Floats]]:
    a, b, _ = made_up(people, people // 2, seed)
    rng = np.random.default_rng(seed)
    fields = compare_fields(a, b, rng)
    return a, b, fields, first_weights(fields, a, b, rng)


def one_by_one(
    fields: Sequence[FieldPair], weights: Sequence[Floats], row_a: np.ndarray, row_b: np.ndarray
) -> np.ndarray:
    total = np.zeros(row_a.size, dtype=np.float32)
    for field, weight in zip(fields, weights, strict=True):
        total += weight.astype(np.float32)[field.levels(row_a, row_b)]
    return total


def found(pairs: blocking.Candidates) -> set[tuple[int, int]]:
    return set(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True))


def people_of(side: LinkInput) -> list[int]:
    return side.person.tolist()


@pytest.mark.parametrize("cells", [80_000_000, 0])
def test_all_pairs_against_one_pair_of_rows_at_a_time(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With tables of all distinct values, and with none: a tile at a time."""
    monkeypatch.setattr("juncture.linker.compare._TABLE_CELLS", cells)
    a, b, fields, weights = prepared(60, 3)
    got = find_candidates(fields, a, b, weights, FLOOR)
    expected = set()
    for row_a, i in enumerate(people_of(a)):
        for row_b, j in enumerate(people_of(b)):
            if one_by_one(fields, weights, np.array([row_a]), np.array([row_b]))[0] >= FLOOR:
                expected.add((i, j))
    assert found(got) == expected and expected
    assert got.notes == {"row pairs compared": a.person.size * b.person.size}


def test_a_table_a_row_of_it_and_single_pairs_are_graded_alike() -> None:
    _, _, fields, _ = prepared(80, 4)
    for field in fields:
        assert field.table is not None
        bare = FieldPair(field.name, field.a, field.b, field.cuts, field.scheme, field.kind, None)
        codes = np.array([0, len(field.a.rows), len(field.a.rows) - 1, 0])
        assert (bare.level_rows(codes) == field.table[codes]).all()
        rows_a, rows_b = (np.arange(side.code.size) for side in (field.a, field.b))
        left, right = np.repeat(rows_a, rows_b.size), np.tile(rows_b, rows_a.size)
        assert (bare.levels(left, right) == field.levels(left, right)).all()


def sharing_a_key(a: LinkInput, b: LinkInput) -> tuple[Counter[tuple[int, int]], Counter[tuple[str, bytes]]]:
    """Pairs of people with an equal key, and row pairs a block."""
    pairs: Counter[tuple[int, int]] = Counter()
    blocks: Counter[tuple[str, bytes]] = Counter()
    for name in set(a.keys) & set(b.keys):
        for row_a, i in enumerate(people_of(a)):
            for row_b, j in enumerate(people_of(b)):
                one, other = a.keys[name], b.keys[name]
                if one.present[row_a] and other.present[row_b] and (one.bits[row_a] == other.bits[row_b]).all():
                    pairs[i, j] += 1
                    blocks[name, one.bits[row_a].tobytes()] += 1
    return pairs, blocks


def test_blocks_against_looking_for_equal_keys() -> None:
    a, b, fields, weights = prepared(80, 5)
    got = find_candidates(fields, a, b, weights, -np.inf, all_row_pairs=0)
    pairs, blocks = sharing_a_key(a, b)
    assert found(got) == set(pairs)
    assert got.notes["row pairs compared"] == sum(blocks.values())
    assert got.notes["blocks split"] == got.notes["row pairs left out of split blocks"] == 0


def test_what_a_large_block_loses_is_counted() -> None:
    a, b, fields, weights = prepared(80, 6)
    whole = find_candidates(fields, a, b, weights, -np.inf, all_row_pairs=0)
    split = find_candidates(fields, a, b, weights, -np.inf, all_row_pairs=0, block_cap=2)
    _, blocks = sharing_a_key(a, b)
    large = [size for size in blocks.values() if size > 2]
    assert split.notes["blocks split"] == len(large) > 0
    assert split.notes["row pairs compared"] == sum(blocks.values()) - sum(large)
    assert found(split) <= found(whole)
    # Every pair of a split block that agrees in a further field of few bearers stays.
    assert 0 <= split.notes["row pairs left out of split blocks"] < sum(large)


def test_joint_tokens_against_counting_their_bearers() -> None:
    rng = np.random.default_rng(8)
    a, b, _ = made_up(40, 10, 7)
    few = rng.integers(0, 256, (30, 16), dtype=np.uint8)
    for side in (a, b):
        place = rng.random((side.people, 4)) < 0.15
        side.joint_tokens[place] = few[rng.integers(0, 30, int(place.sum()))]
    owners: list[dict[bytes, set[int]]] = []
    for side in (a, b):
        owner: dict[bytes, set[int]] = {}
        for person, tokens in enumerate(side.joint_tokens):
            for token in tokens:
                owner.setdefault(token.tobytes(), set()).add(person)
        owners.append(owner)
    expected = {
        (min(owners[0][token]), min(owners[1][token]))
        for token in set(owners[0]) & set(owners[1])
        if len(owners[0][token]) == len(owners[1][token]) == 1
    }
    got = shared_tokens(a, b)
    assert list(zip(*(side.tolist() for side in got), strict=True)) == sorted(expected)
    assert expected
