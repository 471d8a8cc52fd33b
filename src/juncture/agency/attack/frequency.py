"""Frequency alignment: how many people have equal encodings, against how many of a list have equal values.

Common encodings are common names; which values come together (surname with first name, first name with birth date)
settles what their number alone leaves open. Uses equality only, no bit of an encoding (Christen, Ranbaduge, Vatsalan
and Schnell, "Precise and fast cryptanalysis for Bloom filter based PPRL", TKDE 2018, align frequent values so; the step
over co-occurrence is :mod:`juncture.agency.attack.decipher`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from juncture.agency.attack.decipher import components, decipher
from juncture.agency.attack.features import how_common, lengths_and_masks
from juncture.agency.attack.seen import Floats, Part, Seen
from juncture.base.report import Progress, silent

_COMPONENTS = 120


def frequency_alignment(
    package: Seen, own: Sequence[Seen], rng: np.random.Generator, *, progress: Progress = silent
) -> Floats:
    """Scores of pairs, float32 [people, listed]."""
    # Without lengths: only which fields are there.
    bare = [_masks(side) for side in (package, *own)]
    guess = how_common(package, own[0]) + lengths_and_masks(bare[0], bare[1:])
    here, there = (components(equalities(side), _COMPONENTS, rng) for side in (package, own[0]))
    return decipher(here, there, guess, progress=progress)


def equalities(side: Seen) -> Floats:
    """A column a value that at least two people have, float32 [people, values]; each scaled to the same sum."""
    columns = []
    for part in (*side.fields.values(), *side.keys.values()):
        kinds = part.kinds
        counts = np.bincount(kinds + 1, minlength=1)
        shared = np.flatnonzero(counts[1:] > 1)
        place = np.full(counts.size, -1, dtype=np.int64)
        place[shared + 1] = np.arange(shared.size)
        rows = np.flatnonzero(place[kinds + 1] >= 0)
        one = np.zeros((side.people, shared.size), dtype=np.float32)
        one[rows, place[kinds[rows] + 1]] = 1
        columns.append(one)
    return np.hstack(columns) if columns else np.zeros((side.people, 0), dtype=np.float32)


def _masks(side: Seen) -> Seen:
    nothing = {name: Part(np.zeros((side.people, 0), np.uint8), part.there) for name, part in side.fields.items()}
    return Seen(side.people, nothing, {})
