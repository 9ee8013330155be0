"""What a run says while it works: small facts that a face turns into bars, lines or JSON."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["search", "settle", "observe", "interpret", "publish"]
"""Stages of a run, in order; timings are kept by them."""


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


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where there is not exactly one: `1 tile`, `1,600 cells`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
