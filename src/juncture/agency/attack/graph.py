"""Graph matching: who is how like whom among the encodings, against who is how like whom in a list.

Vidanage, Christen, Ranbaduge and Schnell (CIKM 2020); Schaefer, Armknecht and Heng (PoPETs 2022). Strong while the list
holds most of the package's people; ``benchmarks/attacks`` has the curve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from juncture.agency.attack.decipher import components, decipher
from juncture.agency.attack.features import how_common, how_like, lengths_and_masks
from juncture.agency.attack.frequency import equalities
from juncture.agency.attack.seen import Floats, Seen
from juncture.base.report import Progress, silent

_COMPONENTS = 200


def graph_matching(
    package: Seen, own: Sequence[Seen], rng: np.random.Generator, *, progress: Progress = silent
) -> Floats:
    """Scores of pairs, float32 [people, listed]: the higher, the surer."""
    guess = lengths_and_masks(package, own) + how_common(package, own[0]) + how_like(package, own)
    here, there = package.bits(), np.hstack([side.bits() for side in own])
    if not here.shape[1]:
        here, there = equalities(package), equalities(own[0])
    return decipher(components(here, _COMPONENTS, rng), components(there, _COMPONENTS, rng), guess, progress=progress)
