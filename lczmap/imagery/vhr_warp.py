"""Read one very-high-resolution raster on a grid: coarse copies where they suffice, then GDAL's warper, smoothly.

In: an open raster at each of its levels, and a grid of whole metres. Out: mean colours and where they are data. All
is computed in blocks of the zone's own lattice and not of the grid, so that grids which overlap agree exactly.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from rasterio.windows import Window

from lczmap.imagery.vhr_pixels import HOLE_ROOM, Colours, Levels, weighted, without_holes
from lczmap.imagery.vhr_raster import located
from lczmap.words.grid import PixelGrid

BLOCK = 320
"""Side of a block, pixels; blocks start 160 pixels off the multiples, as windows with their context do."""
_PHASE = 160
_MOST_SHRINK = 2
"""Source pixels to a grid pixel from which means are taken before the warper, so that its kernel stays small."""
_ROOM = 3
"""Source pixels read around a block, in units of the kernel's radius."""
_EDGE = 17
"""Points along an edge of a block by which its place in a raster is found."""


def lattice_blocks(grid: PixelGrid) -> Iterator[PixelGrid]:
    """The blocks of the zone's lattice that meet a grid, from the north-west."""
    side, shift = BLOCK * grid.metres, _PHASE * grid.metres
    left, bottom, right, top = grid.bounds
    for row in range(-((shift - top) // side), (bottom - shift) // side, -1):
        for column in range((left - shift) // side, -((shift - right) // side)):
            yield replace(grid, west=column * side + shift, north=row * side + shift, width=BLOCK, height=BLOCK)


def overlap(block: PixelGrid, grid: PixelGrid) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns that a block and a grid share, in the grid and in the block."""
    across, down = (block.west - grid.west) // grid.metres, (grid.north - block.north) // grid.metres
    first, last = max(down, 0), min(down + block.height, grid.height)
    left, right = max(across, 0), min(across + block.width, grid.width)
    return (
        (slice(first, last), slice(left, right)),
        (slice(first - down, last - down), slice(left - across, right - across)),
    )


def read_block(levels: Levels, block: PixelGrid) -> tuple[Colours, NDArray[np.bool_]] | None:
    """Colours of a block and where at least half of what lies under a pixel's kernel is data; None for nothing.

    Args:
        levels: the raster.
        block: a block of the lattice.
    """
    raster = levels.full
    to_raster = levels.to_raster(block.epsg)
    ratio = _ratio(raster, block, to_raster)
    fitting = [number for number, factor in enumerate(levels.factors) if factor <= min(ratio) * 1.001]
    if fitting:
        raster = levels.at(fitting[-1])
        ratio = _ratio(raster, block, to_raster)
    shrink = max(int(min(ratio) / _MOST_SHRINK), 1)
    window = _window_under(raster, block, to_raster)
    holes = HOLE_ROOM / block.metres if levels.fills_holes else 0.0
    source = None if window is None else _with_room(raster, window, shrink, (ratio, holes))
    if source is None:
        return None
    values, transform = weighted(raster, levels, source, shrink)
    if holes:
        without_holes(values, shrink * block.metres / min(ratio))
    if not values[3].any():
        return None
    out = _same_pixels(values, transform, raster.crs, block)
    if out is None:
        whole = bool(values[3].all())  # then no weights are needed
        out = np.ones((4, block.height, block.width), np.float32)
        out[: 3 if whole else 4] = 0
        with levels.warping:
            reproject(
                values[: 3 if whole else 4],
                out[: 3 if whole else 4],
                src_transform=transform,
                src_crs=raster.crs,
                dst_transform=Affine(*block.transform),
                dst_crs=CRS.from_epsg(block.epsg),
                resampling=Resampling.bilinear,
                # the kernel's width: else guessed anew for each block, and those at the raster's edge would be blurred
                XSCALE=str(min(shrink / ratio[0], 1.0)),
                YSCALE=str(min(shrink / ratio[1], 1.0)),
            )
    weight = out[3]
    seen = weight >= 0.5
    np.divide(out[:3], weight, out=out[:3], where=seen & (weight != 1))
    return out[:3], seen


def _same_pixels(
    values: NDArray[np.float32], transform: Affine, crs: CRS, block: PixelGrid
) -> NDArray[np.float32] | None:
    """A block of pixels that coincide with the grid's; None where they do not."""
    left, top = (block.west - transform.c) / block.metres, (transform.f - block.north) / block.metres
    shape: tuple[float, ...] = (transform.a, transform.b, transform.d, transform.e)
    wanted: tuple[float, ...] = (block.metres, 0, 0, -block.metres)
    if shape != wanted or left % 1 or top % 1 or crs != CRS.from_epsg(block.epsg):
        return None
    return values[:, int(top) : int(top) + block.height, int(left) : int(left) + block.width]


def _ratio(raster: DatasetReader, block: PixelGrid, to_raster: Transformer) -> tuple[float, float]:
    """Source columns and rows to a grid pixel at a block's centre."""
    half = block.width * block.metres / 2
    x, y, step = block.west + half, block.north - half, float(block.metres)
    points = np.array([(x, y), (x + step, y), (x, y + step)])
    columns, rows = _pixels(raster, to_raster, points)
    return (
        max(math.hypot(columns[1] - columns[0], columns[2] - columns[0]), 1e-9),
        max(math.hypot(rows[1] - rows[0], rows[2] - rows[0]), 1e-9),
    )


def _pixels(
    raster: DatasetReader, to_raster: Transformer, points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Fractional columns and rows of points of a zone."""
    x, y = to_raster.transform(points[:, 0], points[:, 1])
    return located(~raster.transform, np.asarray(x), np.asarray(y))


def _window_under(
    raster: DatasetReader, block: PixelGrid, to_raster: Transformer
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Least and greatest column and row of a raster under a block; None where they do not meet."""
    left, bottom, right, top = block.bounds
    steps = np.linspace(0, 1, _EDGE)
    across, down = left + steps * (right - left), bottom + steps * (top - bottom)
    edge = [np.column_stack([across, np.full(_EDGE, y)]) for y in (bottom, top)]
    edge += [np.column_stack([np.full(_EDGE, x), down]) for x in (left, right)]
    places = np.stack(_pixels(raster, to_raster, np.concatenate(edge)))
    if not np.isfinite(places).all():
        return None
    return places.min(axis=1), places.max(axis=1)


def _with_room(
    raster: DatasetReader,
    reach: tuple[NDArray[np.float64], NDArray[np.float64]],
    shrink: int,
    around: tuple[tuple[float, float], float],
) -> Window | None:
    """The part of a raster that a block needs, its edges on multiples of `shrink`; may reach outside the raster.

    It depends on the block alone. None where they do not meet.

    Args:
        raster: the raster.
        reach: least and greatest column and row under the block.
        shrink: pixels of which means are taken, along each side.
        around: source columns and rows to a grid pixel, and how many grid pixels are wanted around.
    """
    ratio, margin = around
    room = [_ROOM * max(each, float(shrink)) + margin * each for each in ratio]
    first = [math.floor((each - more) / shrink) * shrink for each, more in zip(reach[0], room, strict=True)]
    last = [math.ceil((each + more) / shrink) * shrink for each, more in zip(reach[1], room, strict=True)]
    if last[0] <= 0 or last[1] <= 0 or first[0] >= raster.width or first[1] >= raster.height:
        return None
    return Window(first[0], first[1], last[0] - first[0], last[1] - first[1])
