"""Draw batches while earlier ones are learned from: the same batches in the same order, whatever the number of threads.

In: a function from a step to its batch, which draws from a generator of that step alone. Out: the batches in turn.
NumPy and torch let go of the interpreter while they compute, so threads are enough, and no process is started.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")


def drawn_ahead(draw: Callable[[int], Batch], steps: range, *, threads: int) -> Iterator[Batch]:
    """The batch of each step, up to one a thread being drawn beforehand; 0 threads draw each when it is wanted.

    Raises:
        Exception: what `draw` raised, when the turn of that step has come.
    """
    if not threads:
        yield from map(draw, steps)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="draw")
    try:
        waiting: deque[Future[Batch]] = deque(pool.submit(draw, step) for step in steps[:threads])
        for following in range(threads, threads + len(steps)):
            batch = waiting.popleft().result()
            waiting.extend(pool.submit(draw, step) for step in steps[following : following + 1])
            yield batch
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
