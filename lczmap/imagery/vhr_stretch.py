"""The one stretch of an image: 8 bit as it is, all else by percentiles of its own coarsest overviews.

Never looks at the area that is mapped: neighbouring areas must be shown alike.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from lczmap.imagery.vhr_pixels import colours_and_masks
from lczmap.imagery.vhr_raster import Bands, valid_of
from lczmap.imagery.vhr_view import Three

PERCENTILES = (2.0, 98.0)
"""Become 1 and 255."""
SAMPLED = 64
"""Rasters of an image that are looked at, evenly among all by their order."""
_LONGEST = 1024
"""Side of what is looked at of a raster, pixels."""


def spread(count: int) -> list[int]:
    """Indices of the rasters to look at, evenly spread."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, SAMPLED))})


def sample_of(raster: DatasetReader, bands: Bands) -> NDArray[np.float64]:
    """Values of a raster's coarsest overview where it shows ground, (3, n)."""
    shrink = max(max(raster.width, raster.height) / _LONGEST, 1.0)
    shape = max(round(raster.height / shrink), 1), max(round(raster.width / shrink), 1)
    pixels, masks = colours_and_masks(raster, raster, bands, out_shape=shape)
    valid = valid_of(raster, bands, pixels, masks)
    return np.asarray(pixels[:, valid], np.float64)


def stretch_of(samples: Sequence[NDArray[np.float64]]) -> tuple[Three, Three]:
    """What becomes 1 and what becomes 255 in each colour; something for images without any contrast too."""
    values = np.concatenate([np.zeros((3, 0)), *samples], axis=1)
    if values.shape[1] == 0:
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    low, high = np.percentile(values, PERCENTILES, axis=1)
    high = np.where(high > low, high, low + 1)
    return _three(low), _three(high)


def _three(values: NDArray[np.float64]) -> Three:
    return float(values[0]), float(values[1]), float(values[2])
