"""Who is who inside one agency: mentions in, a person for each of them out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from juncture.agency.people.cluster import JOIN_ABOVE, Edges, agglomerate, connected, doubtful, gather
from juncture.agency.people.nodes import NumberTrust, Spellings, spelling_nodes
from juncture.agency.people.normalise import NoHome, load_no_home
from juncture.agency.people.splink_adapter import OverCap, PairScorer, ScoredPairs, open_scorer
from juncture.base.errors import InputError
from juncture.base.report import Progress, silent

BLOCK_CAP = 2_000
#: A component with more spellings is not filled up with the pairs that blocking left out.
_FILL_UP_TO = 1_500
#: Mentions for which a spelling known only as an alias counts.
_ALIAS_WEIGHT = 0.25
#: From this probability on, a first name and birthday seen once may be a slip of a person seen otherwise.
_SLIP_ABOVE = 0.9

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Resolution:
    """Who is who: ``person`` int32[mentions], 0..people-1 dense, -1 for a nameless mention.

    ``expected_precision`` and ``expected_recall`` are over pairs of mentions, from the model's own probabilities;
    recall does not see pairs that no blocking rule brought together. ``guarded`` counts joins that links would have
    made but that evidence of two people refused. ``notes`` are plain sentences without a value from a record.
    """

    person: npt.NDArray[np.int32]
    people: int
    nameless: int
    spellings: int
    pairs_compared: int
    over_cap: tuple[OverCap, ...]
    guarded: int
    expected_precision: float
    expected_recall: float
    notes: tuple[str, ...]


def resolve(
    mentions: pa.Table,
    *,
    number_trust: NumberTrust,
    spill_dir: Path,
    no_home: NoHome | None = None,
    joined: Sequence[tuple[str, str]] = (),
    apart: Sequence[tuple[str, str]] = (),
    block_cap: int = BLOCK_CAP,
    memory_limit: str = "2GB",
    threads: int | None = None,
    progress: Progress = silent,
) -> Resolution:
    """Find out which mentions are one person.

    ``number_trust``: whether the agency's own person number is a ``fact`` (equal numbers are one person), a ``hint``
    (evidence among the rest) or not used. ``joined`` and ``apart`` are pairs of record ids that a human has decided;
    they hold whatever the evidence says. The order of ``mentions`` has no influence but on the numbering, which
    follows the first mention of each person. ``spill_dir`` is emptied before and after.

    Raises ``InputError`` where a decision names a record that is not there, or decisions contradict each other.
    """
    decided = _Decisions.read(mentions, joined, apart)
    spellings = spelling_nodes(mentions, no_home or load_no_home(), number_trust, decided.mentions)
    twice = np.flatnonzero(spellings.thin & (spellings.mentions > 1))
    table = pa.concat_tables([spellings.table, spellings.table.take(pa.array(twice))]).combine_chunks()
    table = table.set_column(table.column_names.index("id"), "id", pa.array(np.arange(table.num_rows, dtype=np.int32)))
    unit, split = decided.units(spellings)
    with open_scorer(
        table,
        spill_dir=spill_dir,
        cap=block_cap,
        memory_limit=memory_limit,
        threads=threads or min(os.cpu_count() or 1, 4),
        progress=progress,
    ) as scorer:
        pairs, itself = _apart_from_copies(scorer.score(), len(spellings), twice)
        pairs = _filled(pairs, unit, scorer)
        compared, over_cap = scorer.pairs_compared, scorer.over_cap
    progress("putting people together", 0, 1)
    pairs = _without_slips(pairs, spellings)
    edges = _unit_edges(pairs, unit, split)
    count = np.bincount(unit, spellings.mentions, len(spellings)).astype(np.float64)
    cluster, guarded = agglomerate(np.maximum(count, _ALIAS_WEIGHT), edges)
    alone = np.zeros(len(spellings), bool)
    alone[twice[itself <= JOIN_ABOVE]] = True
    alone &= np.bincount(cluster[unit], minlength=len(spellings))[cluster[unit]] == 1
    precision, recall = _expected(edges, cluster, count, _self_pairs(spellings, unit, alone, twice, itself))
    person = _numbered(spellings.of_mention, cluster[unit], alone)
    progress("putting people together", 1, 1)
    return Resolution(
        person=person,
        people=int(person.max(initial=-1)) + 1,
        nameless=int(np.count_nonzero(person < 0)),
        spellings=len(spellings),
        pairs_compared=compared,
        over_cap=over_cap,
        guarded=guarded,
        expected_precision=precision,
        expected_recall=recall,
        notes=_notes(over_cap, guarded),
    )


@dataclass(frozen=True)
class _Decisions:
    """What humans decided, as positions of mentions (int64[k, 2] each)."""

    joined: Ints
    apart: Ints

    @classmethod
    def read(
        cls, mentions: pa.Table, joined: Sequence[tuple[str, str]], apart: Sequence[tuple[str, str]]
    ) -> _Decisions:
        if not joined and not apart:
            return cls(np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64))
        position = {record: i for i, record in enumerate(mentions["record_id"].to_pylist())}
        if any(record not in position for pair in (*joined, *apart) for record in pair):
            raise InputError(
                "a decision on two records names a record that the export does not hold.",
                remedy="Review the decisions, or read the export that they were made on.",
            )
        found = [
            np.array([[position[a], position[b]] for a, b in pairs], np.int64).reshape(-1, 2)
            for pairs in (joined, apart)
        ]
        return cls(*found)

    @property
    def mentions(self) -> Ints:
        """Positions of all mentions that some decision is about."""
        return np.unique(np.concatenate([self.joined.ravel(), self.apart.ravel()]))

    def units(self, spellings: Spellings) -> tuple[Ints, Ints]:
        """``(unit, split)``: the unit of each spelling, and the pairs of units (int64[k, 2]) that must stay apart.

        A unit is what is one person from the start: a spelling and its aliases, the bearers of an agency number that is
        a fact, and what a human has joined.
        """
        of = spellings.of_mention
        joined, apart = (pairs[(of[pairs] >= 0).all(1)] for pairs in (self.joined, self.apart))
        numbered = np.flatnonzero(spellings.fact >= 0)
        _, first, code = np.unique(spellings.fact[numbered], return_index=True, return_inverse=True)
        links = np.concatenate([spellings.aliases, of[joined], np.stack([numbered, numbered[first[code]]], axis=1)])
        unit = connected(len(spellings), links[:, 0], links[:, 1])
        split = unit[of[apart]]
        if np.any(split[:, 0] == split[:, 1]):
            raise InputError(
                "two records were decided to be different people and, by other decisions or the agency's number, one.",
                remedy="Review the decisions; undo one of them.",
            )
        return unit, split


def _apart_from_copies(pairs: ScoredPairs, count: int, twice: Ints) -> tuple[ScoredPairs, npt.NDArray[np.float64]]:
    """Pairs of true spellings, and for each spelling of ``twice`` how likely two mentions typed so are one person,
    read from its pair with the copy of itself (ids from ``count`` on)."""
    itself = np.zeros(len(twice))
    copy = np.flatnonzero(pairs.right >= count)
    number = pairs.right[copy] - count
    own = pairs.left[copy] == twice[number] if len(copy) else np.zeros(0, bool)
    itself[number[own]] = pairs.probability[copy[own]]
    keep = pairs.right < count
    return pairs.take(keep), itself


def _filled(pairs: ScoredPairs, unit: Ints, scorer: PairScorer) -> ScoredPairs:
    """The pairs with those added that no blocking rule brought together, though links put them in one component."""
    edges = _unit_edges(pairs, unit, np.zeros((0, 2), np.int64))
    component, unclear = doubtful(len(unit), edges)
    of_node = component[unit]
    size = np.bincount(of_node, minlength=len(unit))
    nodes = np.flatnonzero(unclear[unit] & (size[of_node] <= _FILL_UP_TO) & (size[of_node] > 1))
    nodes = nodes[np.argsort(of_node[nodes], kind="stable")]
    ends = np.cumsum(np.unique(of_node[nodes], return_counts=True)[1])
    blocks = [
        members[np.array(np.triu_indices(len(members), 1))] for members in np.split(nodes, ends[:-1]) if len(members)
    ]
    if not blocks:
        return pairs
    left, right = np.concatenate(blocks, axis=1)
    known = pairs.left.astype(np.int64) * len(unit) + pairs.right
    fresh = ~np.isin(left * len(unit) + right, known, assume_unique=True)
    return pairs.plus(scorer.score_these(left[fresh].astype(np.int32), right[fresh].astype(np.int32)))


def _without_slips(pairs: ScoredPairs, spellings: Spellings) -> ScoredPairs:
    """The pairs, where a conflict is taken back if one side was seen once only and either the pair is probably one
    person all the same, or both are slips of one and the same third birthday.

    A father has a son, and both have records; a slip of the pen is made once.
    """
    table = spellings.table
    known = pc.binary_join_element_wise(table["first_name"], table["birth"], " ").combine_chunks()
    code = _codes(known)
    seen = spellings.mentions.astype(np.float64)
    likely = pairs.probability > _SLIP_ABOVE
    alike = (code[pairs.left] == code[pairs.right]) & (code[pairs.left] >= 0) & likely
    left, right = pairs.left[alike], pairs.right[alike]
    support = seen + np.bincount(left, seen[right], len(seen)) + np.bincount(right, seen[left], len(seen))
    once = pairs.conflict & (np.minimum(support[pairs.left], support[pairs.right]) < 2)
    dated = _codes(table["birth"].combine_chunks()) >= 0
    strong = np.flatnonzero(likely & (~pairs.conflict | once) & dated[pairs.left] & dated[pairs.right])
    doubted = np.flatnonzero(once & ~likely)
    involved = np.zeros(len(seen), bool)
    involved[pairs.left[doubted]] = involved[pairs.right[doubted]] = True
    near: dict[int, set[int]] = {}
    for i, j in zip(pairs.left[strong].tolist(), pairs.right[strong].tolist(), strict=True):
        if involved[i]:
            near.setdefault(i, set()).add(j)
        if involved[j]:
            near.setdefault(j, set()).add(i)
    nothing: set[int] = set()
    slip = once & likely
    for k in doubted.tolist():
        i, j = int(pairs.left[k]), int(pairs.right[k])
        slip[k] = not near.get(i, nothing).isdisjoint(near.get(j, nothing))
    return ScoredPairs(pairs.left, pairs.right, pairs.probability, pairs.conflict & ~slip)


def _codes(values: pa.Array) -> Ints:
    """A number for each distinct value, -1 for null."""
    indices = pc.dictionary_encode(values).indices
    return np.asarray(pc.fill_null(indices, -1).to_numpy(zero_copy_only=False), np.int64)


def _unit_edges(pairs: ScoredPairs, unit: Ints, split: Ints) -> Edges:
    edges = gather(unit[pairs.left], unit[pairs.right], pairs.probability, pairs.conflict)
    if not len(split):
        return edges
    low, high = split.min(1), split.max(1)
    decided = np.isin(edges.left * len(unit) + edges.right, low * len(unit) + high)
    rest = edges.take(~decided)
    return gather(
        np.r_[rest.left, low],
        np.r_[rest.right, high],
        np.r_[rest.probability, np.zeros(len(low))],
        np.r_[rest.conflict, np.ones(len(low), bool)],
    )


def _self_pairs(
    spellings: Spellings, unit: Ints, alone: npt.NDArray[np.bool_], twice: Ints, itself: npt.NDArray[np.float64]
) -> tuple[float, float, float]:
    """Pairs of mentions inside one unit: ``(said to be one person, of these expected true, expected but not said)``.

    Mentions typed alike count as one person, but for thin spellings, where the model says how likely that is.
    """
    n = spellings.mentions.astype(np.float64)
    of_unit = np.bincount(unit, weights=n, minlength=len(n))
    pairs = n * (n - 1) / 2
    sure = np.ones(len(n))
    sure[twice] = itself
    across = float((of_unit * (of_unit - 1) / 2).sum() - pairs.sum())
    said = float(pairs[~alone].sum()) + across
    return said, float((pairs * sure)[~alone].sum()) + across, float((pairs * sure)[alone].sum())


def _expected(
    edges: Edges, cluster: Ints, count: npt.NDArray[np.float64], inside: tuple[float, float, float]
) -> tuple[float, float]:
    """Expected precision and recall over pairs of mentions."""
    said, true, missed = inside
    size = np.bincount(cluster, weights=count, minlength=len(count))
    said += float((size * (size - 1) / 2).sum() - (count * (count - 1) / 2).sum())
    together = cluster[edges.left] == cluster[edges.right]
    matches = count[edges.left] * count[edges.right] * edges.probability
    true += float(matches[together].sum())
    missed += float(matches[~together].sum())
    return (min(true / said, 1.0) if said else 1.0), (true / (true + missed) if true + missed else 1.0)


def _numbered(of_mention: Ints, label: Ints, alone: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Persons 0, 1, ... in the order of their first mention; each mention of a spelling ``alone`` is its own person."""
    person = np.full(len(of_mention), -1, np.int32)
    named = np.flatnonzero(of_mention >= 0)
    spelling = of_mention[named]
    key = np.where(alone[spelling], len(label) + named, label[spelling])
    _, first, code = np.unique(key, return_index=True, return_inverse=True)
    person[named] = np.argsort(np.argsort(first))[code]
    return person


def _notes(over_cap: Sequence[OverCap], guarded: int) -> tuple[str, ...]:
    notes = [
        f"{block.split} groups of spellings alike by the rule '{block.rule}' were too large and were divided; "
        f"{block.dropped} of the parts ({block.spellings} spellings) still were, and were compared by other rules only."
        for block in over_cap
    ]
    if guarded:
        notes.append(f"{guarded} joins were refused, since evidence in them says two people.")
    return tuple(notes)
