"""Pixels of one very-high-resolution raster: colours weighted by where they are data, shrunk where that suffices.

In: a raster at one of its levels and a window that may reach outside. Out: means of colours and of data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader
from rasterio.windows import Window
from scipy.ndimage import grey_opening, maximum_filter

from lczmap.imagery.vhr_raster import Bands, located, says_nodata, valid_of

Colours = NDArray[np.float32]
"""(3, rows, columns) values of red, green and blue as the raster holds them."""

HOLE_METRES = 24
"""Pure white as wide as this both ways is a hole that was filled, where a raster does not say what its holes are."""
HOLE_ROOM = 2 * HOLE_METRES
"""Margin that finding holes needs, metres."""
_WHITE, _BRIGHT = 252.5, 240.0
_STRIP_PIXELS = 1 << 22
"""Pixels read at a time where means are taken."""


@dataclass(frozen=True, kw_only=True)
class Levels:
    """A raster and its overviews, opened when asked for."""

    full: DatasetReader
    """The raster itself."""
    factors: tuple[int, ...]
    """By how much its overviews are coarser, finest first."""
    at: Callable[[int], DatasetReader]
    """Opens the overview of that number."""
    bands: Bands
    """Its colours."""
    to_raster: Callable[[int], Transformer]
    """From a zone to its CRS, kept: each takes milliseconds to make."""
    warping: Lock
    """Held while GDAL warps arrays: rasterio silences a warning meanwhile, which threads cannot do side by side."""

    @property
    def fills_holes(self) -> bool:
        """Whether holes may be filled with white: it is of 8 bits and says of no pixel that it is no data."""
        return self.full.dtypes[self.bands[0] - 1] == "uint8" and not says_nodata(self.full, self.bands)


def weighted(raster: DatasetReader, levels: Levels, source: Window, shrink: int) -> tuple[NDArray[np.float32], Affine]:
    """Means of colours times data and of data, (4, rows, columns), and their geotransform; 0 outside the raster.

    Args:
        raster: one of the levels.
        levels: all of them.
        source: window of the raster, may reach outside; its sides are multiples of `shrink`.
        shrink: pixels of which means are taken, along each side.
    """
    width, height = int(source.width) // shrink, int(source.height) // shrink
    out = np.zeros((4, height, width), np.float32)
    rows = max(_STRIP_PIXELS // int(source.width) // shrink, 1) if shrink > 1 else height
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        strip = Window(source.col_off, source.row_off + start * shrink, source.width, (stop - start) * shrink)
        inner = _inside(raster, strip)
        if inner is None:
            continue
        fine = np.zeros((4, int(strip.height), int(strip.width)), np.float32)
        top, left = int(inner.row_off - strip.row_off), int(inner.col_off - strip.col_off)
        place = fine[:, top : top + int(inner.height), left : left + int(inner.width)]
        pixels, masks = colours_and_masks(raster, levels.full, levels.bands, window=inner)
        valid = valid_of(levels.full, levels.bands, pixels, masks)
        place[3] = valid
        np.copyto(place[:3], pixels, where=valid, casting="unsafe")
        if shrink == 1:
            out[:, start:stop] = fine
        else:
            out[:, start:stop] = fine.reshape(4, stop - start, shrink, width, shrink).mean(axis=(2, 4))
    own = raster.transform
    x, y = located(own, np.array(float(source.col_off)), np.array(float(source.row_off)))
    return out, Affine(own.a * shrink, own.b * shrink, float(x), own.d * shrink, own.e * shrink, float(y))


def colours_and_masks(
    raster: DatasetReader, full: DatasetReader, bands: Bands, **where: object
) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Values of the colours and their masks, 0 for no data, both (3, rows, columns).

    Args:
        raster: one of the levels.
        full: the raster itself: a service's overviews forget what their alpha band is.
        bands: the colours.
        where: `window`, or `out_shape` as (rows, columns).

    Raises:
        ValueError: it has fewer bands.
    """
    if max(bands) > raster.count:
        raise ValueError(f"it has {raster.count} bands where those numbered {bands} are expected")
    of_three = {key: (3, *value) if isinstance(value, tuple) else value for key, value in where.items()}
    pixels = raster.read(bands, **of_three)
    alpha = alpha_of(full)
    if alpha is not None:
        opaque = raster.read(alpha, **where)
        seen = opaque >= 128 if opaque.dtype == np.uint8 else opaque > 0
        return pixels, np.broadcast_to(np.where(seen, 255, 0).astype(np.uint8), pixels.shape)
    if says_nodata(full, bands):
        return pixels, raster.read_masks(bands, **of_three)
    return pixels, np.broadcast_to(np.uint8(255), pixels.shape)


def alpha_of(raster: DatasetReader) -> int | None:
    """Number of the alpha band; None where there is none."""
    return next((index + 1 for index, each in enumerate(raster.colorinterp) if each is ColorInterp.alpha), None)


def _inside(raster: DatasetReader, window: Window) -> Window | None:
    left, top = max(int(window.col_off), 0), max(int(window.row_off), 0)
    right = min(int(window.col_off + window.width), raster.width)
    bottom = min(int(window.row_off + window.height), raster.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def without_holes(values: NDArray[np.float32], metres: float) -> None:
    """Take away, in place, what is pure white over a square of `HOLE_METRES`, and the bright rim around it.

    Args:
        values: (4, rows, columns) as `weighted` gives them, with a margin of `HOLE_ROOM` around what counts.
        metres: pixel side.
    """
    side = max(round(HOLE_METRES / metres), 3)
    share, outside = np.maximum(values[3], 0.5), values[3] == 0
    white = (values[:3] >= _WHITE * share).all(axis=0) | outside
    if not (white & ~outside).any():
        return
    # a square does not fill corners: what is bright and touches a hole belongs to it
    hole = grey_opening(white.astype(np.uint8), size=(side, side), mode="nearest")
    near = maximum_filter(hole, size=2 * (side // 2) + 1, mode="nearest") > 0
    values[:, near & ((values[:3] >= _BRIGHT * share).all(axis=0) | outside)] = 0
