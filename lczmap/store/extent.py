"""The extent of a product: which posts of its tiles its files hold, and where a tile falls among them."""

from dataclasses import dataclass

import numpy as np
from pyproj import Transformer

from lczmap.words.errors import AreaError
from lczmap.words.grid import PixelGrid, Tile, mosaic_grid
from lczmap.words.place import Place
from lczmap.words.plan import Plan

Window = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Posts that a product holds."""

    mosaic: PixelGrid
    """The whole tiles."""
    grid: PixelGrid
    """The product: the same posts, perhaps cropped."""

    @property
    def window(self) -> Window:
        """Rows and columns of the product within the whole tiles."""
        top = (self.mosaic.north - self.grid.north) // self.grid.metres
        left = (self.grid.west - self.mosaic.west) // self.grid.metres
        return slice(top, top + self.grid.height), slice(left, left + self.grid.width)

    def place_of(self, tile: Tile) -> Window:
        """Rows and columns of a tile within the whole tiles."""
        posts = tile.bounds
        side = (posts[2] - posts[0]) // self.mosaic.metres
        top = (self.mosaic.north - posts[3]) // self.mosaic.metres
        left = (posts[0] - self.mosaic.west) // self.mosaic.metres
        return slice(top, top + side), slice(left, left + side)

    def cut(self, tile: Tile) -> tuple[Window, Window] | None:
        """What the product holds of a tile.

        Returns:
            Rows and columns within the tile and within the product; None where the crop leaves nothing of the tile.
        """
        inner: list[slice] = []
        outer: list[slice] = []
        for at, crop in zip(self.place_of(tile), self.window, strict=True):
            start, stop = max(at.start, crop.start), min(at.stop, crop.stop)
            if start >= stop:
                return None
            inner.append(slice(start - at.start, stop - at.start))
            outer.append(slice(start - crop.start, stop - crop.start))
        return (inner[0], inner[1]), (outer[0], outer[1])


def extent_of(plan: Plan, *, clip: bool) -> Extent:
    """The extent of a plan's product.

    An AOI is cropped to the box around its wanted posts. A city keeps whole tiles, or with `clip` the posts whose
    centre lies in its built-up box and margin.

    Args:
        plan: the plan.
        clip: whether a city is cropped.

    Raises:
        AreaError: where a crop holds no post.
    """
    mosaic = mosaic_grid(tuple(entry.tile for entry in plan.tiles), plan.spec.posting)
    whole = Extent(mosaic=mosaic, grid=mosaic)
    if plan.place.kind == "aoi":
        return _cropped(mosaic, _around_wanted(plan, whole))
    return _cropped(mosaic, _around_box(plan.place, mosaic)) if clip else whole


def _around_wanted(plan: Plan, whole: Extent) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of the wanted posts, in posts of the whole tiles; bottom and right excluded."""
    tops, lefts, bottoms, rights = [], [], [], []
    for entry in plan.tiles:
        rows, columns = whole.place_of(entry.tile)
        inside_rows, inside_columns = np.nonzero(entry.area.wanted)
        if len(inside_rows):
            tops.append(rows.start + int(inside_rows.min()))
            bottoms.append(rows.start + int(inside_rows.max()) + 1)
            lefts.append(columns.start + int(inside_columns.min()))
            rights.append(columns.start + int(inside_columns.max()) + 1)
    return min(tops), min(lefts), max(bottoms), max(rights)


def _around_box(place: Place, mosaic: PixelGrid) -> tuple[int, int, int, int]:
    to_zone = Transformer.from_crs(4326, place.epsg, always_xy=True)
    west, south, east, north = to_zone.transform_bounds(*place.geometry.bounds, densify_pts=101)
    margin, side = place.margin_metres, mosaic.metres
    top = round((mosaic.north - (north + margin)) / side)
    bottom = round((mosaic.north - (south - margin)) / side)
    left = round((west - margin - mosaic.west) / side)
    right = round((east + margin - mosaic.west) / side)
    return max(top, 0), max(left, 0), min(bottom, mosaic.height), min(right, mosaic.width)


def _cropped(mosaic: PixelGrid, box: tuple[int, int, int, int]) -> Extent:
    top, left, bottom, right = box
    if top >= bottom or left >= right:
        raise AreaError(f"Cropped to its box the place holds no cell of {mosaic.metres} m; leave --clip out.")
    grid = PixelGrid(
        epsg=mosaic.epsg,
        west=mosaic.west + left * mosaic.metres,
        north=mosaic.north - top * mosaic.metres,
        metres=mosaic.metres,
        width=right - left,
        height=bottom - top,
    )
    return Extent(mosaic=mosaic, grid=grid)
