"""What Stewart and Oke ask of each class: fractions of the surface and heights.

Source: Stewart and Oke (2012), "Local Climate Zones for urban temperature studies", BAMS 93, Table 3.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Span:
    """From least to most, both allowed."""

    least: float
    """Lower end."""
    most: float
    """Upper end."""

    def holds(self, value: float, tolerance: float = 0.0) -> bool:
        """Whether a value lies inside, or outside by no more than the tolerance."""
        return self.least - tolerance <= value <= self.most + tolerance


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """What a class may measure."""

    building: Span
    """Share of the surface under roofs, 0..1."""
    impervious: Span
    """Share of other sealed surface and rock, 0..1."""
    pervious: Span
    """Share of soil, plants and water, 0..1."""
    height: Span
    """Mean height of buildings or plants, metres."""
    aspect: Span
    """Height against width of canyons, or height against spacing."""


def _ranges(*rows: tuple[tuple[float, float], ...]) -> tuple[Ranges, ...]:
    names = ("building", "impervious", "pervious", "height", "aspect")
    return tuple(
        Ranges(**{name: Span(least=low, most=high) for name, (low, high) in zip(names, row, strict=True)})
        for row in rows
    )


_ANY = math.inf
RANGES: tuple[Ranges, ...] = _ranges(
    ((0.4, 0.6), (0.4, 0.6), (0.0, 0.1), (25.0, _ANY), (2.0, _ANY)),
    ((0.4, 0.7), (0.3, 0.5), (0.0, 0.2), (10.0, 25.0), (0.75, 2.0)),
    ((0.4, 0.7), (0.2, 0.5), (0.0, 0.3), (3.0, 10.0), (0.75, 1.5)),
    ((0.2, 0.4), (0.3, 0.4), (0.3, 0.4), (25.0, _ANY), (0.75, 1.25)),
    ((0.2, 0.4), (0.3, 0.5), (0.2, 0.4), (10.0, 25.0), (0.3, 0.75)),
    ((0.2, 0.4), (0.2, 0.5), (0.3, 0.6), (3.0, 10.0), (0.3, 0.75)),
    ((0.6, 0.9), (0.0, 0.2), (0.0, 0.3), (2.0, 4.0), (1.0, 2.0)),
    ((0.3, 0.5), (0.4, 0.5), (0.0, 0.2), (3.0, 10.0), (0.1, 0.3)),
    ((0.1, 0.2), (0.0, 0.2), (0.6, 0.8), (3.0, 10.0), (0.1, 0.25)),
    ((0.2, 0.3), (0.2, 0.4), (0.4, 0.5), (5.0, 15.0), (0.2, 0.5)),
    ((0.0, 0.1), (0.0, 0.1), (0.9, 1.0), (3.0, 30.0), (1.0, _ANY)),
    ((0.0, 0.1), (0.0, 0.1), (0.9, 1.0), (3.0, 15.0), (0.25, 0.75)),
    ((0.0, 0.1), (0.0, 0.1), (0.9, 1.0), (0.0, 2.0), (0.25, 1.0)),
    ((0.0, 0.1), (0.0, 0.1), (0.9, 1.0), (0.0, 1.0), (0.0, 0.1)),
    ((0.0, 0.1), (0.9, 1.0), (0.0, 0.1), (0.0, 0.25), (0.0, 0.1)),
    ((0.0, 0.1), (0.0, 0.1), (0.9, 1.0), (0.0, 0.25), (0.0, 0.1)),
    ((0.0, 0.1), (0.0, 0.1), (0.9, 1.0), (0.0, _ANY), (0.0, 0.1)),
)
"""By class: `RANGES[code - 1]`."""
