"""Independent array work on several threads: numpy lets go of the interpreter's lock in sorts and long loops."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: More threads than this wait for memory, not for each other.
_MOST = 4


def each(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """``work`` of every item, in the order of the items; the first error is raised."""
    todo = list(items)
    threads = min(os.cpu_count() or 1, _MOST, len(todo))
    if threads < 2:
        return [work(item) for item in todo]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, todo))
