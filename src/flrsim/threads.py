"""Two Python threads for kernels that leave the interpreter free; the digits do not depend on how many ran.

Work is divided by place, not by thread: parts write their own slots or are merged in a fixed order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

Answer = TypeVar("Answer")

MOST_THREADS = 2
"""More were never measured; batches run one patient a process and set FLRSIM_THREADS=1."""


def thread_count() -> int:
    """Return how many threads a kernel may use: FLRSIM_THREADS where it is set, else up to two of the usable cores."""
    given = os.environ.get("FLRSIM_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_THREADS, usable)


def parts(n: int, *, least: int = 1, per_thread: int = 1) -> list[tuple[int, int]]:
    """Return (start, stop) of even parts of range(n), `per_thread` for each thread and none smaller than `least`."""
    count = max(min(thread_count() * per_thread, n // max(least, 1)), 1)
    edges = [n * i // count for i in range(count + 1)]
    return list(pairwise(edges))


def at_once(
    work: Callable[[int, int], Answer], pieces: Sequence[tuple[int, int]], *, threads: int | None = None
) -> list[Answer]:
    """Return work(start, stop) of every part, in the order of the parts, some of them at the same time.

    Parameters
    ----------
    threads : None takes `thread_count()`.
    """
    threads = min(thread_count() if threads is None else threads, len(pieces))
    if threads < 2:
        return [work(start, stop) for start, stop in pieces]
    with ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(lambda part: work(*part), pieces))
