"""Read one very-high-resolution raster on a grid: coarse copies where they suffice, then GDAL's warper, smoothly.

In: an open raster at each of its levels, and a grid of whole metres. Out: mean colours and where they are data. All
is computed in blocks of the zone's own lattice and not of the grid, so that grids which overlap agree exactly.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from rasterio.windows import Window

from lczmap.imagery.vhr_raster import Bands, says_nodata, valid_of
from lczmap.words.grid import PixelGrid

Colours = NDArray[np.float32]
"""(3, rows, columns) values of red, green and blue as the raster holds them."""

BLOCK = 320
"""Side of a block, pixels; blocks start 160 pixels off the multiples, as windows with their context do."""
_PHASE = 160
_MOST_SHRINK = 2
"""Source pixels to a grid pixel from which means are taken before the warper, so that its kernel stays small."""
_ROOM = 3
"""Source pixels read around a block, in units of the kernel's radius."""
_EDGE = 17
"""Points along an edge of a block by which its place in a raster is found."""
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
    source = None if window is None else _with_room(raster, window, shrink, ratio)
    if source is None:
        return None
    values, transform = _weighted(raster, levels, source, shrink)
    if not values[3].any():
        return None
    out = _same_pixels(values, transform, raster.crs, block)
    if out is None:
        out = np.zeros((4, block.height, block.width), np.float32)
        reproject(
            values,
            out,
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
    columns, rows = ~raster.transform * (np.asarray(x), np.asarray(y))
    return columns, rows


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
    ratio: tuple[float, float],
) -> Window | None:
    """The part of a raster that a block needs, its edges on multiples of `shrink`; may reach outside the raster.

    It depends on the block alone. None where they do not meet.
    """
    room = [_ROOM * max(each, float(shrink)) for each in ratio]
    first = [math.floor((each - more) / shrink) * shrink for each, more in zip(reach[0], room, strict=True)]
    last = [math.ceil((each + more) / shrink) * shrink for each, more in zip(reach[1], room, strict=True)]
    if last[0] <= 0 or last[1] <= 0 or first[0] >= raster.width or first[1] >= raster.height:
        return None
    return Window(first[0], first[1], last[0] - first[0], last[1] - first[1])


def _weighted(raster: DatasetReader, levels: Levels, source: Window, shrink: int) -> tuple[NDArray[np.float32], Affine]:
    """Means of colours times data and of data, (4, rows, columns), and their geotransform; 0 outside the raster."""
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
        pixels, masks = _read(raster, levels, inner)
        valid = valid_of(levels.full, levels.bands, pixels, masks)
        place[3] = valid
        np.copyto(place[:3], pixels, where=valid, casting="unsafe")
        if shrink == 1:
            out[:, start:stop] = fine
        else:
            out[:, start:stop] = fine.reshape(4, stop - start, shrink, width, shrink).mean(axis=(2, 4))
    corner = raster.transform * Affine.translation(source.col_off, source.row_off) * Affine.scale(shrink)
    return out, corner


def _read(raster: DatasetReader, levels: Levels, window: Window) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Values and masks of the colours; a service's overviews forget what their alpha band is."""
    pixels = raster.read(levels.bands, window=window)
    alpha = alpha_of(levels.full)
    if alpha is not None:
        masks = np.broadcast_to(raster.read(alpha, window=window), pixels.shape)
    elif says_nodata(levels.full, levels.bands):
        masks = raster.read_masks(levels.bands, window=window)
    else:
        masks = np.broadcast_to(np.uint8(255), pixels.shape)
    return pixels, masks


def alpha_of(raster: DatasetReader) -> int | None:
    """Number of the alpha band; None where there is none."""
    return next((index + 1 for index, each in enumerate(raster.colorinterp) if each is ColorInterp.alpha), None)


def _inside(raster: DatasetReader, window: Window) -> Window | None:
    left, top = max(int(window.col_off), 0), max(int(window.row_off), 0)
    right = min(int(window.col_off + window.width), raster.width)
    bottom = min(int(window.row_off + window.height), raster.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None
