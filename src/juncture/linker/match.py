"""Link the files of two or more agencies: probabilities, the best matching, draws, and how good all that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from juncture.base.errors import UsageError
from juncture.base.report import Progress, silent
from juncture.kernels.assign import add_seconds, best_matching, draw_matchings
from juncture.kernels.em import Floats
from juncture.kernels.marginals import edge_prior
from juncture.linker.candidates import find_candidates
from juncture.linker.compare import Index, LinkInput, compare_fields, first_weights
from juncture.linker.weigh import Weighed, weigh

Mask = NDArray[np.bool_]

#: A pair so improbable by the first weights is not weighed.
CANDIDATE_FLOOR = 1e-5
#: Pairs less probable than this in the end are left out of what is handed on.
KEPT_FLOOR = 1e-4
#: Draws behind the intervals, whatever number the analyst is to receive.
_QUALITY_DRAWS = 100


@dataclass(frozen=True)
class Quality:
    """One figure of linkage quality with its 95 % interval.

    ``measure``: links, expected_precision or expected_recall; ``sex_class``: "" for everyone, else the hex of the keyed
    tag of the sex, which says nothing to the linker. NaN where nothing was linked; links are counted, without interval.
    """

    measure: str
    sex_class: str
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class PairLinkage:
    """Two agencies linked: candidate pairs of people ``i`` (of ``a``) and ``j`` (of ``b``), int64 [pairs].

    ``weight``: natural log likelihood ratio; ``probability``: calibrated, given that a person has one true partner or
    none; ``best`` bool [pairs]: the best matching; ``draws`` bool [M, pairs]: matchings drawn from the posterior.
    ``notes``: counts of the comparison, blocks split among them. ``rates``: by field, m and u of each level.
    """

    a: str
    b: str
    i: Index
    j: Index
    weight: Floats
    probability: Floats
    best: Mask
    draws: Mask
    quality: tuple[Quality, ...]
    notes: Mapping[str, int]
    rates: Mapping[str, tuple[Floats, Floats]]

    def links(self, mask: Mask) -> list[tuple[int, int]]:
        """The pairs of people of a matching."""
        return list(zip(self.i[mask].tolist(), self.j[mask].tolist(), strict=True))


@dataclass(frozen=True)
class Linkage:
    """All agencies linked, pair by pair."""

    people: Mapping[str, int]
    pairs: tuple[PairLinkage, ...]

    def best_groups(self) -> tuple[tuple[tuple[str, int], ...], ...]:
        """Groups of (agency, person) that the best matchings make one person; only people with a partner."""
        return group([(pair, pair.best) for pair in self.pairs])


def link(
    files: Mapping[str, LinkInput],
    *,
    draws: int,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> Linkage:
    """Link every two of ``files`` (by agency). The same files and ``rng`` state give the same result.

    Raises ``UsageError`` for fewer than two agencies, an agency without people or fewer than one draw,
    ``PackageRefused`` where two files cannot be compared.
    """
    if len(files) < 2 or draws < 1 or any(file.people == 0 for file in files.values()):
        raise UsageError("Linking needs two agencies or more, each with people, and one draw or more.")
    pairs = tuple(_link_two(a, b, files[a], files[b], draws, rng, progress) for a, b in combinations(files, 2))
    return Linkage({agency: file.people for agency, file in files.items()}, pairs)


def _link_two(
    name_a: str, name_b: str, a: LinkInput, b: LinkInput, draws: int, rng: np.random.Generator, progress: Progress
) -> PairLinkage:
    fields = compare_fields(a, b, rng)
    weights = first_weights(fields, a, b, rng)
    most = min(a.people, b.people)
    floor = float(np.log(CANDIDATE_FLOOR)) - edge_prior(0.3 * most, a.people, b.people)
    candidates = find_candidates(fields, a, b, weights, floor, progress=progress)
    progress("weighing pairs", 0, 0)
    weighed = weigh(fields, a, b, candidates, weights, draws=max(draws, 20), rng=rng)
    keep = weighed.probability >= KEPT_FLOOR
    i, j, probability = weighed.i[keep], weighed.j[keep], weighed.probability[keep]
    best = add_seconds(i, j, best_matching(i, j, probability - 0.5), probability)
    progress("drawing matchings", 0, 0)
    many = weighed.log_odds[:, keep]
    rows = np.resize(np.arange(len(many)), max(draws, _QUALITY_DRAWS))
    drawn = draw_matchings(i, j, many[rows], probability, rng=rng)
    quality = _quality(probability, best, drawn, _sex_classes(a)[i])
    return PairLinkage(
        a=name_a,
        b=name_b,
        i=i,
        j=j,
        weight=weighed.weight[keep],
        probability=probability,
        best=best,
        draws=drawn[:draws],
        quality=quality,
        notes=candidates.notes,
        rates=weighed.rates,
    )


def _sex_classes(side: LinkInput) -> NDArray[np.str_]:
    """The commonest tag of each person's sex as hex, "none" where there is none."""
    out = np.full(side.people, "none", dtype="<U64")
    field = side.fields.get("sex")
    if field is None or not field.bits.shape[1]:
        return out
    rows = np.flatnonzero(field.present)
    tags, code = np.unique(field.bits[rows], axis=0, return_inverse=True)
    votes = np.zeros((side.people, len(tags)), dtype=np.int64)
    np.add.at(votes, (side.person[rows], code.reshape(-1)), 1)
    voted = votes.any(axis=1)
    names = np.array([tag.tobytes().hex() for tag in tags] or ["none"])
    if len(tags):
        out[voted] = names[votes[voted].argmax(axis=1)]
    return out


def _quality(probability: Floats, best: Mask, drawn: Mask, classes: NDArray[np.str_]) -> tuple[Quality, ...]:
    out: list[Quality] = []
    for name in ["", *sorted(set(classes.tolist()) - {"none"})]:
        here = np.ones(best.size, dtype=np.bool_) if not name else classes == name
        chosen = best & here
        right = (drawn & chosen).sum(axis=1).astype(np.float64)
        true = (drawn & here).sum(axis=1).astype(np.float64)
        links, expected = float(chosen.sum()), float(probability[chosen].sum())
        # What was linked is counted, not estimated; how many should have been, precision and recall tell.
        out.append(Quality("links", name, links, float("nan"), float("nan")))
        out.append(
            _interval("expected_precision", name, _share(expected, links), right / links if links else right * np.nan)
        )
        recall = np.divide(right, true, out=np.full(right.size, np.nan), where=true > 0)
        out.append(_interval("expected_recall", name, _share(expected, float(probability[here].sum())), recall))
    return tuple(out)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _interval(measure: str, sex_class: str, estimate: float, values: Floats) -> Quality:
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, (0.025, 0.975)) if known.size else (np.nan, np.nan)
    return Quality(measure, sex_class, estimate, float(low), float(high))


def group(
    matchings: Sequence[tuple[PairLinkage, Mask]], *, most_refs: int = 2
) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Join pairwise matchings into groups of (agency, person), most probable links first.

    A link that would give a group more than ``most_refs`` people of one agency is left out: a chain of links between
    several agencies does not make one person of many.
    """
    links = [
        (float(pair.probability[edge]), (pair.a, int(pair.i[edge])), (pair.b, int(pair.j[edge])))
        for pair, mask in matchings
        for edge in np.flatnonzero(mask)
    ]
    home: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for _, one, other in sorted(links, key=lambda link: (-link[0], link[1], link[2])):
        left, right = home.setdefault(one, [one]), home.setdefault(other, [other])
        if left is right:
            continue
        agencies = [agency for agency, _ in (*left, *right)]
        if max(agencies.count(agency) for agency in set(agencies)) > most_refs:
            continue
        left += right
        for ref in right:
            home[ref] = left
    whole = {id(members): tuple(sorted(members)) for members in home.values() if len(members) > 1}
    return tuple(sorted(whole.values()))


__all__ = ["LinkInput", "Linkage", "PairLinkage", "Quality", "Weighed", "group", "link"]
