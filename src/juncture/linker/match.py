"""Link the files of two or more agencies: probabilities, the best matching, draws, and how good all that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from juncture.linker.quality import Quality, by_completeness, by_joint_contacts, completeness, expected
from juncture.linker.several import Links, agree
from juncture.linker.weigh import Weighed, weigh

Mask = NDArray[np.bool_]

#: A pair so improbable by the first weights is not weighed.
CANDIDATE_FLOOR = 1e-5
#: Pairs less probable than this in the end are left out of what is handed on.
KEPT_FLOOR = 1e-4
#: Draws behind the intervals, whatever number the analyst is to receive.
_QUALITY_DRAWS = 100


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
    names = list(files)
    found = [_link_two(a, b, files[a], files[b], draws, rng, progress) for a, b in combinations(names, 2)]
    if len(names) > 2:
        progress("agreeing between agencies", 0, 0)
        found = _agreed(found, [files[name].people for name in names], rng)
    pairs = []
    for (a, b), one in zip(combinations(names, 2), found, strict=True):
        i, j, drawn = one.i, one.j, one.drawn
        rows = [
            *expected(one.probability, one.best, drawn, _sex_classes(files[a])[i]),
            *by_completeness(one.probability, one.best, drawn, completeness(files[a], files[b], i, j)),
            *one.joint,
        ]
        pairs.append(
            PairLinkage(
                a, b, i, j, one.weight, one.probability, one.best, drawn[:draws], tuple(rows), one.notes, one.rates
            )
        )
    return Linkage({agency: file.people for agency, file in files.items()}, tuple(pairs))


@dataclass(frozen=True)
class _Two:
    """Two agencies linked by themselves; ``drawn`` has ``_QUALITY_DRAWS`` matchings or as many as are asked for."""

    i: Index
    j: Index
    weight: Floats
    probability: Floats
    best: Mask
    drawn: Mask
    joint: Sequence[Quality]
    notes: Mapping[str, int]
    rates: Mapping[str, tuple[Floats, Floats]]


def _link_two(
    name_a: str, name_b: str, a: LinkInput, b: LinkInput, draws: int, rng: np.random.Generator, progress: Progress
) -> _Two:
    fields = compare_fields(a, b, rng)
    weights = first_weights(fields, a, b, rng)
    most = min(a.people, b.people)
    floor = float(np.log(CANDIDATE_FLOOR)) - edge_prior(0.3 * most, a.people, b.people)
    candidates = find_candidates(fields, a, b, weights, floor, progress=progress)
    progress(f"weighing pairs of {name_a} and {name_b}", 0, 0)
    weighed = weigh(fields, a, b, candidates, weights, draws=max(draws, 20), rng=rng)
    joint: list[Quality] = []
    if weighed.token.any():
        joint = by_joint_contacts(weighed.i, weighed.j, weighed.alone, weighed.token, (a.people, b.people), rng)
    keep = weighed.probability >= KEPT_FLOOR
    i, j, probability = weighed.i[keep], weighed.j[keep], weighed.probability[keep]
    best = add_seconds(i, j, best_matching(i, j, probability - 0.5), probability)
    progress("drawing matchings", 0, 0)
    many = weighed.log_odds[:, keep]
    rows = np.resize(np.arange(len(many)), max(draws, _QUALITY_DRAWS))
    drawn = draw_matchings(i, j, many[rows], probability, rng=rng)
    return _Two(i, j, weighed.weight[keep], probability, best, drawn, joint, candidates.notes, weighed.rates)


def _agreed(found: Sequence[_Two], people: Sequence[int], rng: np.random.Generator) -> list[_Two]:
    """The links of every two of several agencies with draws, probabilities and best matchings that agree."""
    agencies = list(combinations(range(len(people)), 2))

    def links(one: _Two, a: int, b: int, drawn: Mask) -> Links:
        chance = np.clip(one.probability, 1e-9, 1 - 1e-9)
        return Links(a, b, one.i, one.j, one.weight, np.log(chance) - np.log1p(-chance), drawn)

    draws = agree([links(one, *ab, one.drawn) for one, ab in zip(found, agencies, strict=True)], people, rng)
    best = agree([links(one, *ab, one.best[None, :]) for one, ab in zip(found, agencies, strict=True)], people, None)
    out = []
    for one, (_, b), drawn, chosen in zip(found, agencies, draws, best, strict=True):
        own = one.i * people[b] + one.j
        code = np.union1d(own, np.array([*drawn, *chosen], dtype=np.int64))
        place = np.searchsorted(code, own)
        now = np.zeros((len(one.drawn), code.size), dtype=np.bool_)
        top = np.zeros(code.size, dtype=np.bool_)
        for number, column in drawn.items():
            now[:, np.searchsorted(code, number)] = column
        for number, column in chosen.items():
            top[np.searchsorted(code, number)] = column[0]
        before = np.zeros(code.size)
        before[place] = one.drawn.mean(axis=0)
        weight, probability = np.full(code.size, -np.inf), np.zeros(code.size)
        weight[place], probability[place] = one.weight, one.probability
        # Drawn matchings tell what the other agencies change; the rest stays as it was reckoned.
        probability = np.clip(probability + now.mean(axis=0) - before, 0.0, 1.0)
        out.append(
            replace(
                one,
                i=code // people[b],
                j=code % people[b],
                weight=weight,
                probability=probability,
                best=top,
                drawn=now,
            )
        )
    return out


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
