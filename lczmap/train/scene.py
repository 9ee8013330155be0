"""A whole Sentinel-2 scene as patches, for judging a model on a city that no training saw.

In: a folder with one file a band, `B02.tif` to `B12.tif`, reflectance x 10000. Out: patches side by side.
20 m bands are interpolated bilinearly, as the composite of a run has them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling

from lczmap.words.bands import BAND_NAMES

SIDE = 32


def scene_patches(folder: Path) -> NDArray[np.float32]:
    """Every whole window of a scene, `(n, 32, 32, 10)` surface reflectance, row by row from its upper left corner."""
    with rasterio.open(folder / f"{BAND_NAMES[0]}.tif") as finest:
        height, width = finest.shape
    image = np.empty((height, width, len(BAND_NAMES)), dtype=np.float32)
    for index, name in enumerate(BAND_NAMES):
        with rasterio.open(folder / f"{name}.tif") as dataset:
            image[..., index] = dataset.read(1, out_shape=(height, width), resampling=Resampling.bilinear)
    rows, columns = height // SIDE, width // SIDE
    cut = image[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE, -1).swapaxes(1, 2)
    patches: NDArray[np.float32] = cut.reshape(rows * columns, SIDE, SIDE, -1) * np.float32(1e-4)
    return patches
