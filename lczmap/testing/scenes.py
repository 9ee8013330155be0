"""Minimal scenes of chosen pixel values on disk: any zone, extent, date, offset and flaw, in a second."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.stac import SCL_METRES, SceneMetadata, at_resolution, write_catalogue, write_scene
from lczmap.words.bands import BANDS, Band
from lczmap.words.grid import PixelGrid

__all__ = ["Pixels", "SceneMetadata", "pixel_centres", "write_catalogue", "write_scene", "write_tiny_scene"]

Field: TypeAlias = NDArray[np.floating]
"""Reflectance (rows, columns), 0..1, NaN for no data."""
Pixels: TypeAlias = float | Mapping[str, float | Field] | Callable[[Band, Field, Field], Field]
"""One reflectance for all; or by ESA name a number or (rows, columns) at the band's own resolution; or a
function of band, easting and northing of the pixel centres, each (rows, columns), metres."""


def write_tiny_scene(
    root: Path,
    scene: SceneMetadata,
    *,
    pixels: Pixels = 0.1,
    scl: int | NDArray[np.uint8] | None = 4,
) -> Path:
    """Write one item whose pixels are stated rather than simulated; follow with `write_catalogue`.

    Args:
        root: folder of the catalogue.
        scene: what the item says; `offset_dn` is added to the pixels, `absent` bands are left out.
        pixels: reflectance.
        scl: one class for all (4 is vegetation), or (rows, columns) at 20 m; None leaves the asset out.

    Returns:
        Path of `item.json`.
    """
    reflectance = {
        band.name: _field(pixels, band, at_resolution(scene.grid, band.metres))
        for band in BANDS
        if band.name not in scene.absent
    }
    coarse = at_resolution(scene.grid, SCL_METRES)
    classes = np.full((coarse.height, coarse.width), scl, dtype=np.uint8) if isinstance(scl, int) else scl
    return write_scene(root, scene, reflectance=reflectance, scl=classes)


def pixel_centres(grid: PixelGrid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Easting and northing of every pixel's centre, each (rows, columns), metres."""
    eastings = grid.west + (np.arange(grid.width) + 0.5) * grid.metres
    northings = grid.north - (np.arange(grid.height) + 0.5) * grid.metres
    across, down = np.meshgrid(eastings, northings)
    return across, down


def _field(pixels: Pixels, band: Band, grid: PixelGrid) -> NDArray[np.float32]:
    value: float | Field
    if callable(pixels):
        value = pixels(band, *pixel_centres(grid))
    elif isinstance(pixels, Mapping):
        value = pixels[band.name]
    else:
        value = pixels
    return np.broadcast_to(np.asarray(value, dtype=np.float32), (grid.height, grid.width))
