"""What the linkage says of its own quality: by completeness, and by joint contacts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from juncture.linker.compare import LinkInput
from juncture.linker.match import link
from juncture.linker.quality import by_joint_contacts, completeness
from tests.linker.test_match import linked, made_up, scores


def with_tokens(
    a: LinkInput, b: LinkInput, pairs: list[tuple[int, int]], rng: np.random.Generator
) -> tuple[LinkInput, LinkInput]:
    tokens = [side.joint_tokens.copy() for side in (a, b)]
    for i, j in pairs:
        tokens[0][i, 0] = tokens[1][j, 1] = rng.integers(0, 256, 16, dtype=np.uint8)
    return replace(a, joint_tokens=tokens[0]), replace(b, joint_tokens=tokens[1])


def test_joint_contacts_estimate_the_recall_of_the_rest_though_some_are_wrong() -> None:
    inside = []
    for seed in range(3):
        a, b, truth = made_up(250, 150, seed, errors=0.45)
        names_alone = scores(linked(a, b).pairs[0], truth)[1]
        rng = np.random.default_rng(seed)
        true = list(truth.items())
        wrong = [(int(i), int(j)) for i, j in zip(rng.permutation(250)[:8], rng.permutation(250)[:8], strict=True)]
        joint = [true[k] for k in rng.permutation(150)[:90]]
        free = [(i, j) for i, j in wrong if all(i != x and j != y for x, y in joint)]
        pair = link(dict(zip("ab", with_tokens(a, b, joint + free, rng), strict=True)), draws=5,
                    rng=np.random.default_rng(1)).pairs[0]  # fmt: skip
        rows = {q.measure: q for q in pair.quality if not q.sex_class}
        assert rows["joint_contact_pairs"].estimate == len(joint) + len(free)
        told = rows["recall_by_joint_contacts"]
        assert told.low <= told.estimate <= told.high
        inside.append(told.low <= names_alone <= told.high)
        assert abs(told.estimate - names_alone) < 0.1
    # Oracle: recall on the same files without tokens. Of 95 % intervals, two of three at least.
    assert sum(inside) >= 2


def test_few_joint_contacts_say_nothing() -> None:
    a, b, truth = made_up(150, 80, 3)
    few = with_tokens(a, b, list(truth.items())[:10], np.random.default_rng(1))
    for files in ((a, b), few):
        assert not {q.measure for q in linked(*files).pairs[0].quality} & {
            "joint_contact_pairs",
            "recall_by_joint_contacts",
        }


def test_wrong_tokens_are_told_from_missed_links_by_contradiction() -> None:
    # 100 people in both, all but 10 surely linked; those 10 share a token, so do 40 linked and 5 wrong pairs.
    i = np.r_[np.arange(90), np.arange(90, 100), np.arange(5)]
    j = np.r_[np.arange(90), np.arange(90, 100), np.arange(10, 15)]
    alone = np.r_[np.full(90, 0.99), np.full(10, 0.2), np.full(5, 0.001)]
    token = np.r_[np.arange(90) < 40, np.ones(15, dtype=np.bool_)]
    rows = {q.measure: q for q in by_joint_contacts(i, j, alone, token, (100, 100), np.random.default_rng(1))}
    # By hand: 5 contradictions at a chance of 1 - .1 * .1 are 5.05 wrong tokens of 55; 40 of 49.95 are found.
    assert abs(rows["recall_by_joint_contacts"].estimate - 40 / (55 - 5 / 0.99)) < 1e-9


def test_quality_by_completeness_against_the_truth() -> None:
    hits: dict[str, list[float]] = {}
    for seed in range(2):
        a, b, truth = made_up(300, 200, 40 + seed, errors=0.3)
        pair = linked(a, b).pairs[0]
        said = {q.measure: q.estimate for q in pair.quality}
        right = np.array([truth.get(i) == j for i, j in pair.links(np.ones(pair.i.size, dtype=np.bool_))])
        for name, here in completeness(a, b, pair.i, pair.j).items():
            chosen = pair.best & here
            if chosen.sum() > 20:
                hits.setdefault(name, []).append(said[f"precision_{name}"] - right[chosen].mean())
    assert {"full_birth_date", "part_birth_date", "most_fields"} <= set(hits)
    assert all(abs(np.mean(gaps)) < 0.05 for gaps in hits.values())


def test_completeness_by_hand() -> None:
    a, b, _ = made_up(40, 20, 1, errors=0.5)
    i, j = np.divmod(np.arange(1_600), 40)
    classes = completeness(a, b, i, j)
    assert (classes["full_birth_date"] ^ classes["part_birth_date"]).all()

    def dated(side: LinkInput, person: int) -> bool:
        rows = slice(side.spelling_start[person], side.spelling_start[person + 1])
        return all(bool(side.fields[part].present[rows].any()) for part in ("birth_year", "birth_month", "birth_day"))

    assert [bool(x) for x in classes["full_birth_date"]] == [
        dated(a, int(x)) and dated(b, int(y)) for x, y in zip(i, j, strict=True)
    ]
