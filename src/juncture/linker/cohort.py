"""Choosing the cohort by the signed rule, with the uncertainty of the links carried along.

A cohort person is **anchored** at one agency: the one with the fewest people among those of which the rule asks
something by themselves. Refs of the anchor that the best matching gives to one partner are one person (an agency may
have split somebody in two); everybody else's refs vary from draw to draw. In a draw the person's band of a family is
the highest of the refs that the draw gives; the person is *chosen in* the draw when the rule holds there.

Higher bands come first, at random within a band, where a person's band is the expected one over the draws (nothing
in a draw in which the rule does not hold), rounded; people are added while the union of their envelopes over all draws
fits the quota at every agency, and the first who does not fit ends it: letting smaller ones slip past would prefer
people with few candidate records.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import band_of
from juncture.base.errors import AgreementForbids
from juncture.formats.clock import CIRCLE, day_number, random_offset, shifted
from juncture.formats.cohort import CANDIDATES, CohortPayload, LinkReport
from juncture.formats.link import LinkPayload

Ref = tuple[str, int]
Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class AgencyLinks:
    """Links between the people of the anchor (first index) and those of one other agency (second index).

    ``best`` is the best matching, ``draws`` the M matchings drawn; ``probability`` gives that of a pair.
    """

    best: Pairs
    draws: Sequence[Pairs]
    probability: Mapping[tuple[int, int], float]


@dataclass(frozen=True)
class _Person:
    """Somebody who meets the rule in at least one draw; refs by draw, and where the best matching puts them."""

    refs: Mapping[Ref, float]
    by_draw: Sequence[frozenset[Ref]]
    best: frozenset[Ref]
    rank: int


def choose_anchor(agreement: Agreement, people: Mapping[str, int]) -> str:
    """The agency at which every cohort person must have a ref; of several the one with the fewest people."""
    alone = set()
    for family in agreement.cohort.rule:
        owners = {pattern.split(".", 1)[0] for pattern in agreement.cohort.families[family]}
        if len(owners) == 1:
            alone |= owners
    if not alone:
        raise AgreementForbids(
            "cohort.rule asks nothing of one agency alone, so nobody can be found by it.",
            remedy="Let cohort.rule name a family whose kinds all belong to one agency.",
        )
    return min(sorted(alone), key=lambda name: people[name])


def choose_cohort(
    agreement: Agreement,
    round_number: int,
    payloads: Mapping[str, LinkPayload],
    anchor: str,
    links: Mapping[str, AgencyLinks],
    report: LinkReport,
    *,
    draws: int,
) -> tuple[CohortPayload, int, int]:
    """The cohort payload, how many people meet the rule in some draw, and how many of them are chosen.

    ``links`` maps each agency but the anchor to its links with the anchor.
    """
    eligible = _eligible(agreement, payloads, anchor, links, draws)
    chosen = _fit_quota(eligible, agreement.cohort.quota)
    secrets.SystemRandom().shuffle(chosen)
    payload = _payload(agreement, round_number, payloads, chosen, report, draws)
    return payload, len(eligible), len(chosen)


def _eligible(
    agreement: Agreement,
    payloads: Mapping[str, LinkPayload],
    anchor: str,
    links: Mapping[str, AgencyLinks],
    draws: int,
) -> list[_Person]:
    needed = {family: band_of(least) for family, least in agreement.cohort.rule.items()}
    column = {name: payload.families.index for name, payload in payloads.items()}
    best = {name: _by_first(link.best) for name, link in links.items()}
    drawn = {name: [_by_first(pairs) for pairs in link.draws] for name, link in links.items()}

    def bands(refs: frozenset[Ref]) -> dict[str, int]:
        return {
            family: max(int(payloads[name].bands[i, column[name](family)]) for name, i in refs) for family in needed
        }

    def meets(refs: frozenset[Ref]) -> bool:
        found = bands(refs)
        return all(found[family] >= band for family, band in needed.items())

    people = []
    for group in _anchor_groups(payloads[anchor].people, best):
        own = frozenset((anchor, i) for i in group)
        in_best = own | {(name, j) for name in links for i in group for j in best[name].get(i, ())}
        by_draw = []
        for m in range(draws):
            refs = own | {(name, j) for name in links for i in group for j in drawn[name][m].get(i, ())}
            by_draw.append(refs if meets(refs) else frozenset())
        if not any(by_draw):
            continue
        kept = _capped(frozenset().union(*by_draw), group, anchor, links)
        # A ref beyond the cap takes its draws with it where the rule does not hold without it.
        by_draw = [refs & set(kept) for refs in by_draw]
        by_draw = [refs if refs and meets(refs) else frozenset() for refs in by_draw]
        if any(by_draw):
            # Expected over the draws, so that one improbable link to somebody very active does not come first.
            rank = round(sum(sum(bands(refs).values()) for refs in by_draw if refs) / draws)
            people.append(_Person(refs=kept, by_draw=by_draw, best=in_best & set(kept), rank=rank))
    return people


def _anchor_groups(people: int, best: Mapping[str, Mapping[int, Sequence[int]]]) -> list[tuple[int, ...]]:
    # Refs of the anchor with a common partner in the best matching are one person.
    parent = list(range(people))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for matched in best.values():
        holder: dict[int, int] = {}
        for i, partners in matched.items():
            for j in partners:
                parent[root(i)] = root(holder.setdefault(j, i))
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(people):
        groups[root(i)].append(i)
    return [tuple(group[:CANDIDATES]) for group in groups.values()]


def _capped(
    refs: frozenset[Ref], group: tuple[int, ...], anchor: str, links: Mapping[str, AgencyLinks]
) -> dict[Ref, float]:
    def probability(ref: Ref) -> float:
        name, j = ref
        if name == anchor:
            return 1.0
        return max(links[name].probability.get((i, j), 0.0) for i in group)

    by_agency: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for ref in refs:
        by_agency[ref[0]].append((probability(ref), ref[1]))
    kept: dict[Ref, float] = {}
    for name, found in by_agency.items():
        for p, j in sorted(found, key=lambda entry: (-entry[0], entry[1]))[:CANDIDATES]:
            kept[name, j] = min(max(p, 0.0), 1.0)
    return kept


def _fit_quota(eligible: list[_Person], quota: int) -> list[_Person]:
    order = list(eligible)
    secrets.SystemRandom().shuffle(order)
    order.sort(key=lambda person: -person.rank)
    used: dict[str, set[int]] = defaultdict(set)
    chosen: list[_Person] = []
    for person in order:
        wanted: dict[str, set[int]] = defaultdict(set)
        for name, i in person.refs:
            wanted[name].add(i)
        if len(chosen) >= quota or any(len(used[name] | refs) > quota for name, refs in wanted.items()):
            break
        for name, refs in wanted.items():
            used[name] |= refs
        chosen.append(person)
    return chosen


def _payload(
    agreement: Agreement,
    round_number: int,
    payloads: Mapping[str, LinkPayload],
    chosen: Sequence[_Person],
    report: LinkReport,
    draws: int,
) -> CohortPayload:
    agencies = agreement.agencies
    q, a, c, m = agreement.cohort.quota, len(agencies), CANDIDATES, draws
    follow_up = day_number(agreement.windows.follow_up[0])
    envelope_id, unlock_token = _random(q, a, c, 16), _random(q, a, c, 32)
    in_use, best = np.zeros((q, a, c), dtype=np.uint8), np.zeros((q, a, c), dtype=np.uint8)
    probability = np.zeros((q, a, c), dtype=np.float64)
    correction, start = np.zeros((q, a, c), dtype=np.int32), np.zeros(q, dtype=np.int32)
    drawn, chosen_in = np.zeros((m, q, a, c), dtype=np.uint8), np.zeros((m, q), dtype=np.uint8)
    sex_class = np.full(q, -1, dtype=np.int8)
    sexes = sex_classes(payloads).of_person
    for row, person in enumerate(chosen):
        clock = random_offset()
        moved = follow_up + secrets.randbelow(7 * agreement.windows.washout_weeks + 1)
        start[row] = shifted(moved, clock)
        place: dict[Ref, tuple[int, int]] = {}
        filled: dict[str, int] = defaultdict(int)
        votes = []
        for (name, i), p in person.refs.items():
            at = (agencies.index(name), filled[name])
            filled[name] += 1
            place[name, i] = at
            payload = payloads[name]
            envelope_id[row, *at], unlock_token[row, *at] = payload.envelope_id[i], payload.unlock_token[i]
            in_use[row, *at], probability[row, *at] = 1, p
            correction[row, *at] = (clock - int(payload.clock_offset[i])) % CIRCLE
            votes.append(int(sexes[name][i]))
        for ref in person.best:
            best[row, *place[ref]] = 1
        for draw, refs in enumerate(person.by_draw):
            chosen_in[draw, row] = bool(refs)
            for ref in refs:
                drawn[draw, row, *place[ref]] = 1
        known = [vote for vote in votes if vote >= 0]
        if known:
            sex_class[row] = max(sorted(set(known)), key=known.count)
    return CohortPayload(
        round=round_number,
        agencies=agencies,
        people=len(chosen),
        study_id=_random(q, 16),
        envelope_id=envelope_id,
        unlock_token=unlock_token,
        in_use=in_use,
        probability=probability,
        clock_correction=correction,
        follow_up_start=start,
        best=best,
        draws=drawn,
        chosen_in=chosen_in,
        sex_class=sex_class,
        report=report,
    )


@dataclass(frozen=True)
class SexClasses:
    """The two commonest keyed values of sex over all files, and each person's class: their index, -1 for none.

    Which of the two is female the linker does not know; the analyst sees it once envelopes are open. The order of
    ``values`` does not tell which is commoner.
    """

    values: tuple[bytes, ...]
    of_person: Mapping[str, NDArray[np.int8]]


def sex_classes(payloads: Mapping[str, LinkPayload]) -> SexClasses:
    """Class everybody by the keyed value of sex that most of their spellings carry."""
    counts: dict[bytes, int] = defaultdict(int)
    of_person: dict[str, list[bytes | None]] = {}
    for name, payload in payloads.items():
        part = payload.fields.get("sex")
        values: list[bytes | None] = []
        for i in range(payload.people):
            rows = range(payload.spelling_start[i], payload.spelling_start[i + 1])
            seen = [part.bits[r].tobytes() for r in rows if part is not None and part.present[r]]
            values.append(max(sorted(set(seen)), key=seen.count) if seen else None)
        of_person[name] = values
        for value in values:
            if value:
                counts[value] += 1
    common = tuple(sorted(sorted(counts, key=lambda value: (-counts[value], value))[:2]))
    return SexClasses(
        values=common,
        of_person={
            name: np.array([common.index(v) if v in common else -1 for v in values], dtype=np.int8)
            for name, values in of_person.items()
        },
    )


def _by_first(pairs: Pairs) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for i, j in pairs:
        found[int(i)].append(int(j))
    return dict(found)


def _random(*shape: int) -> NDArray[np.uint8]:
    return np.frombuffer(secrets.token_bytes(int(np.prod(shape))), dtype=np.uint8).reshape(shape).copy()
