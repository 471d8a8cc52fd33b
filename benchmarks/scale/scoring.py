"""What links are worth. Needs numpy alone, since the peers' environment uses it, too."""

import csv
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np


class Clock:
    """Seconds since the last lap, by name."""

    def __init__(self):
        self.seconds = {}
        self._last = time.perf_counter()

    def lap(self, name):
        """What went on since the last lap was ``name``."""
        now = time.perf_counter()
        self.seconds[name] = round(self.seconds.get(name, 0.0) + now - self._last, 3)
        self._last = now


def truth_of(folder):
    """The true pairs of people, int64 [pairs, 2]."""
    with (Path(folder) / "truth.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))[1:]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def scored(i, j, truth):
    """Precision, recall and F1 of links ``i[k], j[k]``, each pair of people once."""
    width = int(max(truth[:, 1].max(initial=0), np.max(j, initial=0))) + 1
    said = np.unique(np.asarray(i, np.int64) * width + np.asarray(j, np.int64))
    true = np.unique(truth[:, 0] * width + truth[:, 1])
    right = int(np.isin(said, true).sum())
    precision, recall = right / max(1, said.size), right / max(1, true.size)
    total = precision + recall
    return {
        "links": int(said.size),
        "precision": round(precision, 5),
        "recall": round(recall, 5),
        "f1": round(2 * precision * recall / total if total else 0.0, 5),
    }


def best_cut(i, j, value, truth):
    """The links with the best F1 of all cuts of ``value``, chosen by the truth: a mask."""
    order = np.argsort(-np.asarray(value), kind="stable")
    width = int(max(truth[:, 1].max(initial=0), np.max(j, initial=0))) + 1
    right = np.isin(np.asarray(i, np.int64)[order] * width + np.asarray(j, np.int64)[order],
                    truth[:, 0] * width + truth[:, 1])  # fmt: skip
    f1 = 2 * np.cumsum(right) / (np.arange(1, order.size + 1) + len(truth))
    mask = np.zeros(order.size, dtype=bool)
    if order.size:
        mask[order[: int(np.argmax(f1)) + 1]] = True
    return mask


def peak_gib():
    """The most memory that this process has held so far, in GiB."""
    try:
        # Linux: what the parent held before this program began does not count.
        told = Path("/proc/self/status").read_text()
        return round(next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM")) / 2**20, 3)
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(most / 2**30 if sys.platform == "darwin" else most / 2**20, 3)


def tell(path, **facts):
    """Write a contender's result."""
    Path(path).write_text(json.dumps({**facts, "peak_gib": peak_gib()}), encoding="utf-8")
