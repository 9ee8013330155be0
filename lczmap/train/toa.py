"""From surface to top-of-atmosphere reflectance, roughly: what a teacher trained above the air has to be shown.

Per band: `top = surface * transmittance ** strength + path * strength`, at strength 1 a clear day.
The student takes surface reflectance (L2A) as it is and never passes through here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PATH_REFLECTANCE = np.array([0.070, 0.042, 0.024, 0.020, 0.017, 0.014, 0.012, 0.010, 0.002, 0.001], dtype=np.float32)
"""Reflectance the air adds at strength 1, bands in input order."""
TRANSMITTANCE = np.array([0.84, 0.87, 0.90, 0.91, 0.93, 0.94, 0.95, 0.96, 0.97, 0.97], dtype=np.float32)
"""Share of the surface's signal the air lets through at strength 1, down and up, bands in input order."""


def top_of_atmosphere(surface: NDArray[np.float32], strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reflectance `(n, y, x, 10)` above the air, from `(n, y, x, 10)` below it and one strength a patch `(n,)`."""
    power = strength.reshape(-1, 1, 1, 1).astype(np.float32)
    lifted: NDArray[np.float32] = surface * TRANSMITTANCE**power + PATH_REFLECTANCE * power
    return lifted
