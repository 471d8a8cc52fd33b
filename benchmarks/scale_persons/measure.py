"""What is measured of a run: seconds by phase, peak memory, and how right the people are."""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
from numpy.typing import NDArray


class Phases:
    """Seconds spent since the last mark, by name, until stopped."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()
        self._stopped = False

    def done(self, name: str) -> None:
        """What went on since the last mark was ``name``."""
        now = time.perf_counter()
        if not self._stopped:
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now

    def stop(self) -> None:
        """What follows is not counted."""
        self._stopped = True


def peak_gib() -> float:
    """The most memory that this process has held so far, in GiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most / 2**30 if sys.platform == "darwin" else most / 2**20)


def pair_scores(person: NDArray[np.int64], truth: NDArray[np.int64]) -> dict[str, float]:
    """Precision, recall and F1 over pairs of mentions; who is nobody (-1) in ``person`` or ``truth`` is in no pair."""
    lone = -1 - np.arange(len(person))
    said, true = (np.where(x >= 0, x, lone).astype(np.int64) for x in (person, truth))
    said, true = (np.unique(x, return_inverse=True)[1].astype(np.int64) for x in (said, true))
    right = _pairs(said * (int(true.max(initial=0)) + 1) + true)
    found, there = _pairs(said), _pairs(true)
    precision, recall = right / found if found else 1.0, right / there if there else 1.0
    total = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / total if total else 0.0}


def _pairs(label: NDArray[np.int64]) -> float:
    size = np.unique(label, return_counts=True)[1].astype(np.float64)
    return float((size * (size - 1) / 2).sum())
