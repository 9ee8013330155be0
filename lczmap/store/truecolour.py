"""The true-colour picture beside a map: red, green and blue of the composites it was made from, made small."""

import logging

import numpy as np
from numpy.typing import NDArray

from lczmap.store.product import ProductRequest
from lczmap.things.observation import Observation, observation_of
from lczmap.words.bands import BAND_NAMES, COMPOSITE_NODATA, REFLECTANCE_SCALE
from lczmap.words.errors import BrokenRecordError
from lczmap.words.grid import HALO_METRES, PIXEL_METRES, TILE_METRES, PixelGrid
from lczmap.words.plan import observation_key

log = logging.getLogger(__name__)

LONGEST = 900
"""Pixels along the longer side of the picture, at most."""
_RGB = tuple(BAND_NAMES.index(name) for name in ("B04", "B03", "B02"))


def truecolour(request: ProductRequest, grid: PixelGrid) -> NDArray[np.float32] | None:
    """Reflectance of the composites that are at hand, averaged over squares of pixels; one tile at a time.

    Args:
        request: names the tiles and the store.
        grid: area to show.

    Returns:
        (3, rows, columns), 0..1, NaN where nodata; None where no composite of the tiles is kept.
    """
    factor = _factor(max(grid.width, grid.height) * grid.metres // PIXEL_METRES)
    side = factor * PIXEL_METRES
    shape = (-(-grid.height * grid.metres // side), -(-grid.width * grid.metres // side))
    canvas = np.full((3, *shape), np.nan, np.float32)
    seen = False
    for entry in request.plan.tiles:
        key = observation_key(request.plan, entry)
        if request.store.has("observation", key):
            try:
                observation = observation_of(request.store.read("observation", key))
            except BrokenRecordError as error:
                log.warning("%s The picture goes without it.", error)
                continue
            _paint(canvas, averaged(observation, factor), _corner(observation, grid, side))
            seen = True
    return canvas if seen else None


def averaged(observation: Observation, factor: int) -> NDArray[np.float32]:
    """Mean reflectance of red, green and blue over squares of a tile's clear pixels.

    Args:
        observation: the tile.
        factor: pixels along a square's side, a divisor of 1280.

    Returns:
        (3, 1280 / factor, 1280 / factor), without the halo; NaN where no pixel is clear.
    """
    halo, side = HALO_METRES // PIXEL_METRES, TILE_METRES // PIXEL_METRES // factor
    inner = slice(halo, halo + side * factor)
    values = observation.composite.reflectance[list(_RGB), inner, inner]
    squares = values.reshape(3, side, factor, side, factor)
    clear = squares != COMPOSITE_NODATA
    count = clear.sum(axis=(2, 4))
    total = np.where(clear, squares, 0).sum(axis=(2, 4), dtype=np.int64)
    mean = np.full(count.shape, np.nan, np.float32)
    np.divide(total * REFLECTANCE_SCALE, count, out=mean, where=count > 0, casting="unsafe")
    return mean


def _factor(pixels: int) -> int:
    """Smallest divisor of a tile's 1280 pixels that makes the picture small enough."""
    whole = TILE_METRES // PIXEL_METRES
    return next((step for step in range(1, whole) if whole % step == 0 and pixels <= LONGEST * step), whole)


def _corner(observation: Observation, grid: PixelGrid, side: int) -> tuple[int, int]:
    """Row and column of the picture where a tile begins; negative where it begins outside."""
    west, _, _, north = observation.tile.bounds
    return round((grid.north - north) / side), round((west - grid.west) / side)


def _paint(canvas: NDArray[np.float32], part: NDArray[np.float32], corner: tuple[int, int]) -> None:
    (top, left), (high, wide) = corner, part.shape[1:]
    rows = slice(max(top, 0), max(min(top + high, canvas.shape[1]), 0))
    columns = slice(max(left, 0), max(min(left + wide, canvas.shape[2]), 0))
    if rows.start < rows.stop and columns.start < columns.stop:
        canvas[:, rows, columns] = part[
            :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
