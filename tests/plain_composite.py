"""The composite as plainly as it can be written: whole rasters, float64, one pixel's neighbours at a time.

Shares nothing with the code it judges but the words (scenes, grids, methods).
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.vrt import WarpedVRT

from lczmap.words.bands import BAND_NAMES
from lczmap.words.grid import PixelGrid
from lczmap.words.scene import Scene
from lczmap.words.spec import CompositeMethod

Band = NDArray[np.float64]
Reading = Callable[[str, PixelGrid, bool], Band]
"""Address, grid and whether to interpolate, to values; NaN for no data."""


def plain_composite(
    grid: PixelGrid, scenes: Sequence[Scene], items: Sequence[str], method: CompositeMethod, read: Reading
) -> tuple[Band, NDArray[np.int64]]:
    """Reflectance x 10,000 (10, rows, columns) with NaN gaps, and looks."""
    days: dict[date, list[tuple[Scene, str]]] = defaultdict(list)
    for scene, item in zip(scenes, items, strict=True):
        days[scene.solar_day].append((scene, item))
    looks = []
    for members in days.values():
        newest_first = sorted(members, key=lambda one: one[0].id)
        newest_first.sort(key=lambda one: (one[0].baseline, one[0].updated), reverse=True)
        newest_first.sort(key=lambda one: one[0].epsg != grid.epsg)
        look = np.full((10, grid.height, grid.width), np.nan)
        owned = np.zeros((grid.height, grid.width), bool)
        for scene, item in newest_first:
            values, imaged = seen(grid, scene, item, method, read)
            mine = imaged & ~owned
            look[:, mine] = values[:, mine]
            owned |= imaged
        looks.append(look)
    stack = np.stack(looks)
    count = (~np.isnan(stack[:, 0])).sum(axis=0)
    median = np.full(stack.shape[1:], np.nan)
    if count.any():
        median[:, count > 0] = np.nanmedian(stack[:, :, count > 0], axis=0)
    return median, count


def seen(
    grid: PixelGrid, scene: Scene, item: str, method: CompositeMethod, read: Reading
) -> tuple[Band, NDArray[np.bool_]]:
    """Reflectance x 10,000 (10, rows, columns) with NaN where it is not clear, and where the scene has pixels."""
    assets = json.loads(item)["assets"]
    values = np.stack([read(assets[band]["href"], grid, True) for band in BAND_NAMES])
    fine = [BAND_NAMES.index(band) for band in ("B02", "B03", "B04", "B08")]
    coarse = [index for index in range(10) if index not in fine]
    bad = np.isnan(values[fine]).all(axis=0) | np.isnan(values[coarse]).all(axis=0)
    if scene.offset_dn:
        bad = np.isnan(values).any(axis=0)
    imaged = ~bad
    values = np.nan_to_num(values) + scene.offset_dn
    if scene.has_scl:
        reach = method.dilation_metres // grid.metres
        wide = PixelGrid(
            epsg=grid.epsg,
            west=grid.west - method.dilation_metres,
            north=grid.north + method.dilation_metres,
            metres=grid.metres,
            width=grid.width + 2 * reach,
            height=grid.height + 2 * reach,
        )
        scl = np.nan_to_num(read(assets["SCL"]["href"], wide, False))
        bad |= (scl == 0)[reach : reach + grid.height, reach : reach + grid.width]
        veiled = np.isin(scl, [code for code in method.scl_dropped if code])
        for down in range(2 * reach + 1):
            for across in range(2 * reach + 1):
                bad |= veiled[down : down + grid.height, across : across + grid.width]
    values[:, bad] = np.nan
    return values, imaged


def by_hand(href: str, grid: PixelGrid, smooth: bool) -> Band:
    """From whole rasters of the grid's own zone: the pixel itself, or the weighted mean of the four around."""
    with rasterio.open(href) as raster:
        data = raster.read(1).astype(np.float64)
        own, side = raster.transform, raster.res[0]
        assert raster.crs.to_epsg() == grid.epsg
    x = grid.west + (np.arange(grid.width) + 0.5) * grid.metres
    y = grid.north - (np.arange(grid.height) + 0.5) * grid.metres
    column, row = np.meshgrid((x - own.c) / side, (own.f - y) / side)
    mine = taken_at(data, row, column)
    if not smooth or side == grid.metres:
        return np.where(mine > 0, mine, np.nan)
    total, weights = np.zeros(row.shape), np.zeros(row.shape)
    first_row, first_column = np.floor(row - 0.5), np.floor(column - 0.5)
    for down in (0, 1):
        for across in (0, 1):
            value = taken_at(data, first_row + down, first_column + across)
            share_down = 1 - abs(row - 0.5 - first_row - down)
            share_across = 1 - abs(column - 0.5 - first_column - across)
            weight = share_down * share_across * (value > 0)
            total += weight * value
            weights += weight
    mean = np.floor(total / np.maximum(weights, 1e-9) + 0.5)
    return np.where(mine > 0, mean, np.nan)


def taken_at(data: Band, row: Band, column: Band) -> Band:
    down, across = np.floor(row).astype(int), np.floor(column).astype(int)
    inside = (down >= 0) & (down < data.shape[0]) & (across >= 0) & (across < data.shape[1])
    return np.where(inside, data[np.where(inside, down, 0), np.where(inside, across, 0)], 0.0)


def by_warping(href: str, grid: PixelGrid, smooth: bool) -> Band:
    """By GDAL's warper, its approximation as good as switched off, and nothing but neighbours weighed."""
    with (
        rasterio.open(href) as raster,
        WarpedVRT(
            raster,
            crs=f"EPSG:{grid.epsg}",
            transform=Affine(*grid.transform),
            width=grid.width,
            height=grid.height,
            resampling=rasterio.enums.Resampling.bilinear if smooth else rasterio.enums.Resampling.nearest,
            src_nodata=0,
            nodata=0,
            tolerance=1e-9,  # 0 makes rasterio fail
            XSCALE="1",  # else the warper blurs where a scene does not fill the grid
            YSCALE="1",
        ) as warped,
    ):
        data = warped.read(1).astype(np.float64)
    return np.where(data > 0, data, np.nan)
