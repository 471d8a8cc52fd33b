"""Avoidable crises of several junctures one after the other, so that no crisis is avoided twice.

Junctures come in a declared order. Each says of the crises after its missed openings how many of its avoidable ones
fall to each, and with what chance the crisis is avoided if its opening is met. A crisis that the junctures before
have avoided is not there any more: to a later one is attributed what it would avoid, times the chance that the crisis
is still to come,

    left = product over the junctures before of (1 - chance)

as if different responses worked one beside the other on the hazard (each takes the ratio off what the others left).
This is the average sequential order of attributable fractions with the order given (Eide & Gefeller 1995, Journal of
Clinical Epidemiology 48:233-236). Where one response could have met both openings there is only one chance, and it is
the first one's: meeting that met the other. What a juncture would bring about rather than avoid takes nothing from the
others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from juncture.analyst.statistics.arrays import Booleans, Integers, Vector


@dataclass(frozen=True, eq=False)
class CrisesAvoided:
    """The crises (c) after one juncture's missed openings, in b draws.

    ``crisis`` (c): labels, each once, that all junctures share. ``avoided`` (b, c): the avoidable crises that fall to
    each; ``chance`` (b, c): that it is avoided, NaN where a draw has no estimate. ``first``, ``last`` (c): the earliest
    and latest time of a response that would have met the opening.
    """

    crisis: Integers
    avoided: npt.NDArray[np.float64]
    chance: npt.NDArray[np.float64]
    first: Vector
    last: Vector


def attribute_in_order(junctures: Sequence[CrisesAvoided], alike: npt.NDArray[np.bool_]) -> list[Vector]:
    """What is attributed to each juncture in each draw (b), in the order given.

    ``alike`` (j, j): whether the responses of two junctures may be one and the same. All have the same b. Each gets at
    most the chances of its crises where ``avoided`` is no more than ``chance``, and all together then no more than
    there are crises.
    """
    labels = np.unique(np.concatenate([j.crisis for j in junctures])) if junctures else np.zeros(0, dtype=np.int64)
    left = np.ones((len(junctures[0].avoided) if junctures else 0, labels.size))
    found = []
    for number, juncture in enumerate(junctures):
        place = np.searchsorted(labels, juncture.crisis)
        fresh = np.ones(place.size, dtype=np.bool_)
        for earlier, likeness in zip(junctures[:number], alike[number], strict=False):
            if likeness:
                fresh &= ~_met_already(juncture, earlier)
        found.append((juncture.avoided * left[:, place] * fresh).sum(axis=1))
        left[:, place] *= 1 - np.clip(np.nan_to_num(juncture.chance), 0, 1) * fresh
    return found


def _met_already(juncture: CrisesAvoided, earlier: CrisesAvoided) -> Booleans:
    """Whether one response would have met the openings of both before each crisis of ``juncture`` (c)."""
    if not earlier.crisis.size:
        return np.zeros(juncture.crisis.size, dtype=np.bool_)
    order = np.argsort(earlier.crisis)
    at = order[np.minimum(np.searchsorted(earlier.crisis, juncture.crisis, sorter=order), order.size - 1)]
    same = earlier.crisis[at] == juncture.crisis
    together = np.maximum(juncture.first, earlier.first[at]) <= np.minimum(juncture.last, earlier.last[at])
    return np.asarray(same & together, dtype=np.bool_)
