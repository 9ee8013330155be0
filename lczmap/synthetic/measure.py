"""What a painted surface measures: the fractions and heights by which Stewart and Oke tell zones apart.

In: `Ground` and a mask of pixels. Out: `Fractions`. Everything is as seen from above: a street under a crown counts
as pervious.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.materials import ROOFS, SEALED
from lczmap.synthetic.paint import Ground


@dataclass(frozen=True, kw_only=True)
class Fractions:
    """A piece of a city in figures."""

    building: float
    """Share of pixels under roofs, 0..1."""
    impervious: float
    """Share of other sealed pixels and rock, 0..1."""
    pervious: float
    """Share of the rest: soil, plants, water, 0..1."""
    height: float
    """Mean height over the roof pixels, metres; nan without any."""
    canopy: float
    """Mean height over the other pixels that rise above the ground, metres; nan without any."""


def measured(ground: Ground, inside: NDArray[np.bool_]) -> Fractions:
    """Fractions and heights of the pixels where `inside (rows, columns)` is true, of which there is at least one."""
    material, height = ground.material[inside], ground.height[inside]
    roof = np.isin(material, sorted(ROOFS))
    sealed = np.isin(material, sorted(SEALED))
    building, impervious = float(roof.mean()), float(sealed.mean())
    plants = ~roof & ~sealed & (height > 0.0)
    return Fractions(
        building=building,
        impervious=impervious,
        pervious=1.0 - building - impervious,
        height=float(height[roof].mean()) if roof.any() else float("nan"),
        canopy=float(height[plants].mean()) if plants.any() else float("nan"),
    )
