"""What a run says while it works: small facts that a face turns into bars, lines or JSON."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

Stage = Literal[
    "search", "settle", "observe", "interpret", "classify", "register", "read", "segment", "graphs", "publish"
]
"""Stages of a run, in order; timings are kept by them. `classify` to `graphs` are parts of `interpret`."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened."""

    stage: Stage
    """Which stage it belongs to."""
    text: str
    """One line for people."""
    done: int = 0
    """Units finished (items or tiles)."""
    total: int = 0
    """Units in all; 0 where there is nothing to count."""
    seconds: float = 0.0
    """Time this unit took."""
    facts: dict[str, str | int | float] = field(default_factory=dict)
    """For machines."""


Listener = Callable[[Event], None]
"""Hears events as they happen."""


def nobody(event: Event) -> None:
    """Hear nothing."""


class Clock:
    """Adds up the time of every stage, from any thread; stages that run side by side may add up to more than the whole.

    It measures a run and changes nothing of it.
    """

    def __init__(self, tell: Listener = nobody) -> None:
        self.tell = tell
        """Hears how far a long stage is, from the inside of it."""
        self._seconds: Counter[Stage] = Counter()
        self._lock = Lock()

    @property
    def seconds(self) -> dict[Stage, float]:
        """Seconds by stage so far."""
        with self._lock:
            return dict(self._seconds)

    @contextmanager
    def timing(self, stage: Stage) -> Iterator[None]:
        """Time what happens inside."""
        began = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[stage] += time.perf_counter() - began  # type: ignore[assignment]


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where there is not exactly one: `1 tile`, `1,600 cells`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
