"""Registration: how far a VHR image lies from the Sentinel-2 composite of the same ground, by phase correlation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LARGEST_METRES = 10.0
"""Images shifted by more than this against Sentinel-2 are flagged; its own geolocation is good to about as much."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Where an image lies against Sentinel-2."""

    east: float
    """Metres by which it lies too far east."""
    north: float
    """Metres by which it lies too far north."""
    peak: float
    """How well the two agree once shifted, 0..1."""
    share: float
    """Share of the tile's pixels that both show, 0..1."""

    @property
    def misregistered(self) -> bool:
        """Whether the shift is too large for windows to show the same square."""
        return self.east**2 + self.north**2 > LARGEST_METRES**2


def register(red: NDArray[np.int16], picture: NDArray[np.uint8]) -> Registration | None:
    """Where a picture lies against the red band of a composite on the same 10 m grid.

    Args:
        red: (rows, columns) reflectance x 10,000, -32768 where there is no data.
        picture: (rows, columns, 3), black where there is no data.

    Returns:
        None where there is too little common ground, or no clear peak.
    """
    raise NotImplementedError
