"""Read one raster on a grid: its own numbers where the pixels coincide, halves of 20 m pixels, else warped.

In: an open raster and a grid. Out: (rows, columns) digital numbers, 0 where there is no data. What is computed for
a pixel depends on nothing but the pixel, so that grids which overlap agree there.
"""

from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from lczmap.words.grid import PixelGrid

Numbers = NDArray[np.uint16]
Between = Literal["bilinear", "nearest"]
"""What stands between pixel centres: reflectance is interpolated, classes are not."""

_STRIP = 32
"""Coarse rows doubled together, so that the intermediate sums stay in a core's cache."""
_TOLERANCE = 0.001
"""Error allowed to GDAL's approximate transformation, in pixels; its default of 1/8 would show between tiles."""
_COLUMN = 640
"""Pixels across that are warped together: half a tile, so that a tile with its halo takes four."""


def read_on_grid(raster: DatasetReader, grid: PixelGrid, between: Between) -> Numbers:
    """Digital numbers of a raster's first band on a grid.

    Args:
        raster: an open raster of digital numbers.
        grid: where they are wanted.
        between: how values between pixel centres are made.

    Returns:
        (rows, columns); 0 outside the raster and where it has no data.
    """
    corner = _corner_in_pixels(raster, grid)
    if corner is not None:
        ratio, left, top = corner
        if ratio == 1:
            return _window(raster, left, top, grid.width, grid.height)
        if ratio == 2 and between == "nearest":
            return _repeated(raster, left, top, grid)
        if ratio == 2:
            return _doubled(raster, left, top, grid)
    return _warped(raster, grid, between)


def digital_numbers(values: NDArray[np.generic], nodata: float | None) -> Numbers:
    """Whole numbers from 0 up, 0 for no data.

    Raises:
        ValueError: the raster does not hold digital numbers.
    """
    if values.dtype == np.uint16 and not nodata:
        return values.view(np.uint16)
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"it holds {values.dtype} values where digital numbers (uint16) are expected")
    numbers = np.clip(values.astype(np.int64), 0, 65535).astype(np.uint16)
    if nodata:
        numbers[values == nodata] = 0
    return numbers


def _corner_in_pixels(raster: DatasetReader, grid: PixelGrid) -> tuple[int, int, int] | None:
    """Ratio of pixel sides and the grid's upper left corner in grid pixels from the raster's; None where none fits."""
    own = raster.transform
    side = Fraction(own.a)
    same_lattice = own.b == own.d == 0 and own.a == -own.e and (side / grid.metres).denominator == 1
    if not same_lattice or raster.crs is None or raster.crs != CRS.from_epsg(grid.epsg):
        return None
    left, top = (grid.west - Fraction(own.c)) / grid.metres, (Fraction(own.f) - grid.north) / grid.metres
    if left.denominator != 1 or top.denominator != 1:
        return None
    return int(side / grid.metres), int(left), int(top)


def _window(raster: DatasetReader, left: int, top: int, width: int, height: int) -> Numbers:
    """A window of the raster's own pixels, 0 where it reaches outside."""
    west, east = max(left, 0), min(left + width, raster.width)
    north, south = max(top, 0), min(top + height, raster.height)
    if west >= east or north >= south:
        return np.zeros((height, width), np.uint16)
    inner = digital_numbers(raster.read(1, window=Window(west, north, east - west, south - north)), raster.nodata)
    if inner.shape == (height, width):
        return inner
    whole = np.zeros((height, width), np.uint16)
    whole[north - top : south - top, west - left : east - left] = inner
    return whole


def _halves(raster: DatasetReader, left: int, top: int, grid: PixelGrid) -> tuple[Numbers, int, int]:
    """Coarse pixels under a grid of half their side with one more all round, and where the grid starts in halves."""
    west, north = left // 2 - 1, top // 2 - 1
    east, south = (left + grid.width - 1) // 2 + 2, (top + grid.height - 1) // 2 + 2
    return _window(raster, west, north, east - west, south - north), left % 2, top % 2


def _repeated(raster: DatasetReader, left: int, top: int, grid: PixelGrid) -> Numbers:
    """Each pixel four times."""
    coarse, across, down = _halves(raster, left, top, grid)
    fine = coarse[1:-1, 1:-1].repeat(2, axis=0).repeat(2, axis=1)
    return fine[down : down + grid.height, across : across + grid.width]


def _doubled(raster: DatasetReader, left: int, top: int, grid: PixelGrid) -> Numbers:
    """Bilinear halves of pixels: weights 9, 3, 3, 1 sixteenths, halves rounded up.

    A half belongs to the pixel it lies in: it has data where that pixel has, and neighbours without data leave
    their weight to the others.
    """
    coarse, across, down = _halves(raster, left, top, grid)
    inner_rows = coarse.shape[0] - 2
    fine = np.empty((2 * inner_rows, 2 * (coarse.shape[1] - 2)), np.uint16)
    for start in range(0, inner_rows, _STRIP):
        strip = coarse[start : start + _STRIP + 2]
        out = fine[2 * start : 2 * (start + _STRIP)]
        sums = _sixteenths(strip.astype(np.uint32))
        if strip.all():
            sums += 8
            sums >>= 4
            out[...] = sums
        else:
            weights = _sixteenths((strip > 0).astype(np.uint32))
            has_data = strip[1:-1, 1:-1].repeat(2, axis=0).repeat(2, axis=1) > 0
            # twice the sums: half a divisor stays whole
            out[...] = np.where(has_data, (2 * sums + weights) // np.maximum(2 * weights, 1), 0)
    return fine[down : down + grid.height, across : across + grid.width]


def _sixteenths(coarse: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Sixteen times the bilinear halves of all pixels but the outermost: (2 rows - 4, 2 columns - 4)."""
    middle = coarse[1:-1] * np.uint32(3)
    down = np.empty((2 * len(middle), coarse.shape[1]), np.uint32)
    np.add(middle, coarse[:-2], out=down[::2])
    np.add(middle, coarse[2:], out=down[1::2])
    middle = down[:, 1:-1] * np.uint32(3)
    both = np.empty((len(down), 2 * middle.shape[1]), np.uint32)
    np.add(middle, down[:, :-2], out=both[:, ::2])
    np.add(middle, down[:, 2:], out=both[:, 1::2])
    return both


def _warped(raster: DatasetReader, grid: PixelGrid, between: Between) -> Numbers:
    """Another zone, or pixels that do not fit: GDAL's warper.

    It approximates along each row of what is read at once. So that a pixel does not depend on the grid it is wanted
    for, what is read at once are columns of the zone's own lattice, never the grid.
    """
    side = _COLUMN * grid.metres
    left, _, right, _ = grid.bounds
    first, last = left // side, -(-right // side)
    with WarpedVRT(
        raster,
        crs=CRS.from_epsg(grid.epsg),
        transform=Affine(*replace(grid, west=first * side).transform),
        width=(last - first) * _COLUMN,
        height=grid.height,
        resampling=Resampling[between],
        src_nodata=raster.nodata or 0,
        nodata=0,
        tolerance=_TOLERANCE,
        XSCALE="1",  # else guessed anew for each column: one that reaches outside the raster would be blurred
        YSCALE="1",
    ) as warped:
        columns = [
            warped.read(1, window=Window(start * _COLUMN, 0, _COLUMN, grid.height)) for start in range(last - first)
        ]
    skipped = (left - first * side) // grid.metres
    return digital_numbers(np.hstack(columns)[:, skipped : skipped + grid.width], None)
