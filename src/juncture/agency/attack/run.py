"""All attacks on one package, against each list that somebody might hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from juncture.agency.attack.dictionary import guessed_keys
from juncture.agency.attack.frequency import frequency_alignment
from juncture.agency.attack.graph import graph_matching
from juncture.agency.attack.outcome import (
    Findings,
    Membership,
    Outcome,
    guesser_share,
    identified,
    membership,
)
from juncture.agency.attack.patterns import TokensOf, pattern_mining, product_tokens
from juncture.agency.attack.people_list import numbered, one_row_each, rows_of_people
from juncture.agency.attack.seen import Encoder, Floats, Index, Part, Seen, own_encodings, seen
from juncture.agency.encoding.encode import Encoding
from juncture.base.report import Progress, silent

#: More people of the package, or of a list, are not attacked: a random part of them is.
MOST_PEOPLE, MOST_LISTED = 1_500, 4_000
EXPORT, EXACT, SUPPLIED = "everybody in the export", "exactly the people shared", "the list supplied"


@dataclass(frozen=True)
class Listing:
    """A list in the attacker's hand: ``table`` of spellings, a row a person; ``truth`` int64 [people of the package],
    the row of each, -1 for none; ``counts``: whether the ceiling is held against it."""

    name: str
    table: pa.Table
    truth: Index
    counts: bool


def listings(spellings: pa.Table, shared: Index, supplied: pa.Table | None = None) -> tuple[Listing, ...]:
    """The stand-ins made of the agency's own ``spellings`` of everybody, and the list supplied.

    ``shared``: the people of the package in its order.
    """
    everybody = one_row_each(spellings)
    found = [
        Listing(EXPORT, everybody, shared.astype(np.int64), counts=True),
        Listing(
            EXACT, numbered(everybody.take(pa.array(np.sort(shared)))), np.argsort(np.argsort(shared)), counts=False
        ),
    ]
    if supplied is not None:
        row = rows_of_people(supplied, spellings, everybody.num_rows)
        found.append(Listing(SUPPLIED, supplied, row[shared], counts=True))
    return tuple(found)


def attack(
    package: Encoding,
    lists: Sequence[Listing],
    encoder: Encoder,
    *,
    guesses: Sequence[bytes],
    rng: np.random.Generator,
    tokens_of: TokensOf = product_tokens,
    progress: Progress = silent,
) -> Findings:
    """Run every attack against every list; ``guesses`` are secrets of 32 bytes to try."""
    outcomes: list[Outcome] = []
    memberships: list[Membership] = []
    everyone = seen(package)
    taken = _some(everyone.people, MOST_PEOPLE, rng)
    sampled = taken.size < everyone.people
    view = _only(everyone, taken) if sampled else everyone
    for listing in lists:
        table, truth = _shortened(listing, taken, rng)
        sampled |= table.num_rows < listing.table.num_rows
        own = own_encodings(table, encoder)

        def tell(
            name: str, claims: Index, listing: Listing = listing, truth: Index = truth, size: int = table.num_rows
        ) -> None:
            outcomes.append(
                Outcome(
                    attack=name,
                    against=listing.name,
                    people=truth.size,
                    listed=size,
                    identified=identified(claims, truth),
                    guesser=guesser_share(truth, size),
                    counts=listing.counts,
                )
            )

        progress(f"Attacking: guessed keys, {listing.name}", 0, 0)
        tell("guessed keys", _claims(guessed_keys(view, table, encoder, guesses), least=0.4))
        progress(f"Attacking: frequencies, {listing.name}", 0, 0)
        tell("frequency alignment", _claims(frequency_alignment(view, own, rng)))
        progress(f"Attacking: bit patterns, {listing.name}", 0, 0)
        tell("bit patterns", _claims(pattern_mining(view, table, tokens_of)))
        progress(f"Attacking: likenesses, {listing.name}", 0, 0)
        score = graph_matching(view, own, rng)
        tell("graph matching", _claims(score))
        inside = np.zeros(table.num_rows, dtype=np.bool_)
        inside[truth[truth >= 0]] = True
        told = membership(_wanted(score), inside, listing.name)
        if told is not None:
            memberships.append(told)
    return Findings(tuple(outcomes), tuple(memberships), sampled)


def _claims(score: Floats, least: float = -np.inf) -> Index:
    """For each person the listed one of the highest score, -1 where nothing tells one from another."""
    if not score.size:
        return np.full(len(score), -1, dtype=np.int64)
    best = score.argmax(axis=1)
    top = score.max(axis=1)
    return np.where((top > score.min(axis=1)) & (top >= least), best, -1)


def _wanted(score: Floats) -> Floats:
    """How much each listed person looks like somebody in the package: the best of the scores, each row's centred."""
    centred = score - np.median(score, axis=1, keepdims=True)
    centred /= centred.max(axis=1, keepdims=True) + 1e-9
    return np.asarray(centred.max(axis=0), dtype=np.float32)


def _some(number: int, most: int, rng: np.random.Generator) -> Index:
    return np.arange(number) if number <= most else np.sort(rng.choice(number, most, replace=False))


def _only(side: Seen, people: Index) -> Seen:
    fields, keys = (
        {name: Part(part.rows[people], part.there[people]) for name, part in parts.items()}
        for parts in (side.fields, side.keys)
    )
    return Seen(people.size, fields, keys)


def _shortened(listing: Listing, taken: Index, rng: np.random.Generator) -> tuple[pa.Table, Index]:
    """A long list cut to those who are in the package (which helps the attacker) and a random part of the others."""
    truth = listing.truth[taken]
    size = listing.table.num_rows
    if size <= MOST_LISTED:
        return listing.table, truth
    inside = np.unique(truth[truth >= 0])
    outside = np.setdiff1d(np.arange(size), inside, assume_unique=True)
    kept = np.sort(np.concatenate([inside, rng.choice(outside, MOST_LISTED - inside.size, replace=False)]))
    row = np.full(size + 1, -1, dtype=np.int64)
    row[kept] = np.arange(kept.size)
    return numbered(listing.table.take(pa.array(kept))), row[truth]
