"""Who is who inside one agency: mentions in, a person for each of them out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from juncture.agency.people.cluster import JOIN_ABOVE, Edges, agglomerate, connected, doubtful, gather
from juncture.agency.people.guard import with_conflicts_weighed
from juncture.agency.people.implied import implied
from juncture.agency.people.nodes import NumberTrust, Spellings, spelling_nodes
from juncture.agency.people.normalise import NoHome, load_no_home
from juncture.agency.people.quality import Found, Quality, measure
from juncture.agency.people.review import ALIAS_WEIGHT, Doubts
from juncture.agency.people.splink_adapter import OverCap, PairScorer, ScoredPairs, open_scorer
from juncture.base.errors import InputError
from juncture.base.report import Progress, silent

BLOCK_CAP = 2_000
#: A component with more spellings is not filled up with the pairs that blocking left out.
_FILL_UP_TO = 1_500

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Resolution:
    """Who is who: ``person`` int32[mentions], 0..people-1 dense, -1 for a nameless mention.

    ``quality`` is what precision and recall are to be expected, by group of records. ``guarded`` counts joins that
    links would have made but that evidence of two people refused. ``notes`` are plain sentences without a value from a
    record. ``doubts`` is what a clerical review starts from.
    """

    person: npt.NDArray[np.int32]
    people: int
    nameless: int
    spellings: int
    pairs_compared: int
    over_cap: tuple[OverCap, ...]
    guarded: int
    quality: Quality
    notes: tuple[str, ...]
    doubts: Doubts

    @property
    def expected_precision(self) -> float:
        """Expected precision over pairs of mentions; 1 where no pair was said."""
        return self.quality.precision

    @property
    def expected_recall(self) -> float:
        """Expected recall over pairs of mentions; 1 where no pair is expected."""
        return self.quality.recall


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
    they hold whatever the evidence says, with what they imply for records that are surely the same. The order of
    ``mentions`` has no influence but on the numbering, which follows the first mention of each person. ``spill_dir`` is
    emptied before and after.

    Raises ``InputError`` where a decision names a record that is not there, or decisions contradict each other.
    """
    decided = _Decisions.read(mentions, joined, apart)
    home = no_home or load_no_home()
    spellings = decided.spelled(lambda alone: spelling_nodes(mentions, home, number_trust, alone))
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
    pairs = _with_implied(with_conflicts_weighed(pairs, spellings), decided.nodes(spellings), len(spellings))
    edges = _unit_edges(pairs, unit, split)
    count = np.bincount(unit, spellings.mentions, len(spellings)).astype(np.float64)
    cluster, guarded = agglomerate(np.maximum(count, ALIAS_WEIGHT), edges)
    alone = np.zeros(len(spellings), bool)
    alone[twice[itself <= JOIN_ABOVE]] = True
    alone &= np.bincount(cluster[unit], minlength=len(spellings))[cluster[unit]] == 1
    person = _numbered(spellings.of_mention, cluster[unit], alone)
    sure = np.ones(len(spellings))
    sure[twice] = itself
    found = Found(pairs=pairs, unit=unit, edges=edges, cluster=cluster, sure=sure, alone=alone, person=person)
    quality = measure(mentions, spellings, found)
    progress("putting people together", 1, 1)
    return Resolution(
        person=person,
        people=int(person.max(initial=-1)) + 1,
        nameless=int(np.count_nonzero(person < 0)),
        spellings=len(spellings),
        pairs_compared=compared,
        over_cap=over_cap,
        guarded=guarded,
        quality=quality,
        notes=_notes(over_cap, guarded),
        doubts=Doubts(
            records=count,
            edges=edges,
            cluster=cluster,
            apart=split,
            fixed=np.isin(np.arange(len(spellings)), unit[twice]),
            unit=np.r_[unit, -1][spellings.of_mention],
        ),
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

    def nodes(self, spellings: Spellings) -> tuple[Ints, Ints]:
        """``joined`` and ``apart`` as pairs of spellings, without those of nameless mentions."""
        of = spellings.of_mention
        joined, apart = (of[pairs[(of[pairs] >= 0).all(1)]] for pairs in (self.joined, self.apart))
        return joined, apart

    def spelled(self, nodes: Callable[[Ints | None], Spellings]) -> Spellings:
        """The spellings as ``nodes`` makes them, given the mentions that share theirs with no other.

        What is decided about one record holds for those typed alike, which are one person anyway; but not where a name
        is all that is known, or where decisions about records typed alike differ. So few spellings are split, and what
        is learnt from them hardly changes with each decision.
        """
        plain = nodes(None)
        if not len(self.mentions):
            return plain
        of, decided = plain.of_mention, self.mentions[plain.of_mention[self.mentions] >= 0]
        parted = self.apart[of[self.apart[:, 0]] == of[self.apart[:, 1]]]
        alone = np.unique(np.r_[decided[plain.thin[of[decided]]], parted.ravel()])
        found = nodes(alone) if len(alone) else plain
        return nodes(self.mentions) if self._clash(self._grouped(found)[1]) else found

    def units(self, spellings: Spellings) -> tuple[Ints, Ints]:
        """``(unit, split)``: the unit of each spelling, and the pairs of units (int64[k, 2]) that must stay apart.

        A unit is what is one person from the start: a spelling and its aliases, the bearers of an agency number that is
        a fact, and what a human has joined.
        """
        unit, split = self._grouped(spellings)
        if self._clash(split):
            raise InputError(
                "two records were decided to be different people and, by other decisions or the agency's number, one.",
                remedy="Review the decisions; undo one of them.",
            )
        return unit, split

    def _grouped(self, spellings: Spellings) -> tuple[Ints, Ints]:
        joined, apart = self.nodes(spellings)
        numbered = np.flatnonzero(spellings.fact >= 0)
        _, first, code = np.unique(spellings.fact[numbered], return_index=True, return_inverse=True)
        links = np.concatenate([spellings.aliases, joined, np.stack([numbered, numbered[first[code]]], axis=1)])
        unit = connected(len(spellings), links[:, 0], links[:, 1])
        return unit, unit[apart]

    @staticmethod
    def _clash(split: Ints) -> bool:
        return bool(np.any(split[:, 0] == split[:, 1]))


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


def _with_implied(pairs: ScoredPairs, decided: tuple[Ints, Ints], count: int) -> ScoredPairs:
    """The pairs, with what decisions about two spellings imply for those that are like them."""
    joined, apart = decided
    if not len(joined) and not len(apart):
        return pairs
    edges = gather(pairs.left.astype(np.int64), pairs.right.astype(np.int64), pairs.probability, pairs.conflict)
    found = implied(count, edges, joined, apart)
    return ScoredPairs(found.left.astype(np.int32), found.right.astype(np.int32), found.probability, found.conflict)


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
