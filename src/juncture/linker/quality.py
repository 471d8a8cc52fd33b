"""How good a linkage is: what the draws expect, by sex and by completeness, and what joint contacts say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from juncture.formats.link import DATE_PARTS
from juncture.kernels.assign import best_matching
from juncture.kernels.em import Floats
from juncture.linker.compare import Index, LinkInput

Mask = NDArray[np.bool_]

#: Pairs of people with a joint contact, above which it tells how many links are missed.
ENOUGH_JOINT = 20
#: Chance of a pair's other partner above which the pair's joint token contradicts a link.
_SURE = 0.95
_DRAWS = 2_000


@dataclass(frozen=True)
class Quality:
    """One figure of linkage quality with its 95 % interval.

    ``measure``: ``links``, ``expected_precision``, ``expected_recall``; the last two as ``precision_<class>`` and
    ``recall_<class>`` for pairs by completeness (:func:`completeness`); ``joint_contact_pairs`` and
    ``recall_by_joint_contacts`` (:func:`by_joint_contacts`). ``sex_class``: "" for everyone, else the hex of the keyed
    tag of the sex, which says nothing to the linker. NaN where nothing was linked; counts have no interval.
    """

    measure: str
    sex_class: str
    estimate: float
    low: float
    high: float


def expected(probability: Floats, best: Mask, drawn: Mask, classes: NDArray[np.str_]) -> list[Quality]:
    """Links, expected precision and recall of ``best``, of everyone and by the class of sex of each pair; ``drawn``
    bool [draws, pairs]."""
    out: list[Quality] = []
    for name in ["", *sorted(set(classes.tolist()) - {"none"})]:
        here = np.ones(best.size, dtype=np.bool_) if not name else classes == name
        # What was linked is counted, not estimated; how many should have been, precision and recall tell.
        out.append(Quality("links", name, float((best & here).sum()), float("nan"), float("nan")))
        precision, recall = _precision_recall(probability, best, drawn, here)
        out += [
            Quality("expected_precision", name, *precision),
            Quality("expected_recall", name, *recall),
        ]
    return out


def by_completeness(probability: Floats, best: Mask, drawn: Mask, classes: Mapping[str, Mask]) -> list[Quality]:
    """Expected precision and recall of the pairs of each class that has any links."""
    out: list[Quality] = []
    for name, here in classes.items():
        if (best & here).any():
            precision, recall = _precision_recall(probability, best, drawn, here)
            out += [Quality(f"precision_{name}", "", *precision), Quality(f"recall_{name}", "", *recall)]
    return out


def completeness(a: LinkInput, b: LinkInput, i: Index, j: Index) -> dict[str, Mask]:
    """Pairs of people by what both agencies know of them, each class a bool [pairs].

    ``full_birth_date``, ``part_birth_date``: whether both know day, month and year; ``most_fields``, ``few_fields``:
    whether both know more than two thirds of the fields that are compared at all.
    """
    known = [{name: _knows(side, name) for name in side.fields} for side in (a, b)]
    out: dict[str, Mask] = {}
    if all(part in side for side in known for part in DATE_PARTS):
        full = [np.logical_and.reduce([side[part] for part in DATE_PARTS]) for side in known]
        both = full[0][i] & full[1][j]
        out |= {"full_birth_date": both, "part_birth_date": ~both}
    beside = {*DATE_PARTS, "first_forms", "record"}
    fields = [name for name in known[0] if name in known[1] and name not in beside]
    if len(fields) > 1:
        compared = np.sum([known[0][name][i] & known[1][name][j] for name in fields], axis=0)
        most = compared > 2 * len(fields) / 3
        out |= {"most_fields": most, "few_fields": ~most}
    return out


def _knows(side: LinkInput, name: str) -> Mask:
    out = np.zeros(side.people, dtype=np.bool_)
    out[side.person[side.fields[name].present]] = True
    return out


def _precision_recall(
    probability: Floats, best: Mask, drawn: Mask, here: Mask
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    chosen = best & here
    right = (drawn & chosen).sum(axis=1).astype(np.float64)
    true = (drawn & here).sum(axis=1).astype(np.float64)
    links, expected_right = float(chosen.sum()), float(probability[chosen].sum())
    precision = right / links if links else right * np.nan
    recall = np.divide(right, true, out=np.full(right.size, np.nan), where=true > 0)
    return (
        (_share(expected_right, links), *_interval(precision)),
        (_share(expected_right, float(probability[here].sum())), *_interval(recall)),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _interval(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, (0.025, 0.975)) if known.size else (np.nan, np.nan)
    return float(low), float(high)


def by_joint_contacts(
    i: Index, j: Index, alone: Floats, token: Mask, people: tuple[int, int], rng: np.random.Generator
) -> list[Quality]:
    """Recall of the linkage without joint contacts, as the pairs that share one tell; empty with fewer than
    ``ENOUGH_JOINT`` such pairs that seem right.

    ``alone``: probability of each pair without that evidence; ``token``: which pairs share a token. Two people may
    share one by chance, in one slot of hours. Such a pair contradicts the links as often as either of them is surely
    somebody else's, which is how often anybody is linked; a true pair that was missed hardly ever does. So ``c``
    contradictions stand for ``c / chance`` wrong tokens; of the others, the linkage found so many.
    """
    pairs = int(token.sum())
    sure = [np.zeros(size, dtype=np.bool_) for size in people]
    found = best_matching(i, j, alone - 0.5)
    linked = found & (alone >= _SURE)
    sure[0][i[linked]], sure[1][j[linked]] = True, True
    missed = token & ~found
    contradicted = int((sure[0][i[missed]] | sure[1][j[missed]]).sum())
    chance = 1 - float(np.prod([1 - one.mean() for one in sure]))
    hits = int((token & found).sum())

    def wrong(contradictions: Floats) -> Floats:
        return np.minimum(contradictions / max(chance, 0.02), pairs - hits)

    right = pairs - float(wrong(np.array([float(contradicted)]))[0])
    if right < ENOUGH_JOINT:
        return []
    drawn_right = pairs - wrong(rng.gamma(contradicted + 0.5, size=_DRAWS))
    drawn = rng.beta(hits + 0.5, np.maximum(drawn_right - hits, 0.0) + 0.5)
    low, high = _interval(drawn)
    estimate = hits / right
    return [
        Quality("joint_contact_pairs", "", float(pairs), float("nan"), float("nan")),
        Quality("recall_by_joint_contacts", "", estimate, min(low, estimate), max(high, estimate)),
    ]
