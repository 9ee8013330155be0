"""The true map of a simulated city: at each post the class with the largest share of its 320 m square, and that share.

In: a plan and a region. Out: arrays, or one GeoTIFF of classes and one of shares for each posting.
"""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from lczmap.synthetic.scene import zones_of
from lczmap.synthetic.townplan import TownPlan
from lczmap.words.grid import PIXEL_METRES, POSTINGS, WINDOW_METRES, PixelGrid, Posting
from lczmap.words.lcz import LCZ, NODATA

_STRIP_METRES = 3_200
"""Northing of posts worked out together: a multiple of every posting."""
_HALF = WINDOW_METRES // 2


def classes_of(zones: NDArray[np.uint8], *, side: int, step: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The commonest class of squares of pixels, the lower code where two are equal, and its share.

    Args:
        zones: LCZ code of each pixel `(rows, columns)`.
        side: of a square, pixels.
        step: from one square to the next, pixels; the first starts at the first pixel.

    Returns:
        Codes and shares 0..1, each `((rows - side) // step + 1, (columns - side) // step + 1)`.
    """
    rows, columns = ((length - side) // step + 1 for length in zones.shape)
    best, most = np.zeros((rows, columns), np.uint8), np.zeros((rows, columns), np.int32)
    low_y, low_x = np.arange(rows)[:, None] * step, np.arange(columns) * step
    for zone in LCZ:
        sums = np.zeros((zones.shape[0] + 1, zones.shape[1] + 1), np.int32)
        np.cumsum(np.cumsum(zones == zone.code, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
        high_y, high_x = low_y + side, low_x + side
        count = sums[high_y, high_x] - sums[low_y, high_x] - sums[high_y, low_x] + sums[low_y, low_x]
        more = count > most
        best[more], most[more] = zone.code, count[more]
    return best, (most / np.float32(side * side)).astype(np.float32)


def posts_of(region: PixelGrid, posting: Posting) -> PixelGrid:
    """The grid whose pixels are the posts inside a region, on multiples of the posting."""
    left, bottom, right, top = region.bounds
    west, east = -(-left // posting), right // posting
    south, north = -(-bottom // posting), top // posting
    return PixelGrid(
        epsg=region.epsg,
        west=west * posting,
        north=north * posting,
        metres=posting,
        width=east - west,
        height=north - south,
    )


def truth_of(plan: TownPlan, posts: PixelGrid) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Class and share at every post of a grid, each `(rows, columns)`.

    Args:
        plan: the city.
        posts: its pixels are the posts; a post's square is the 320 m around its centre.
    """
    first = posts.west + posts.metres // 2 - _HALF
    across = (posts.width - 1) * posts.metres + WINDOW_METRES
    high = posts.north - posts.metres // 2 + _HALF
    down = (posts.height - 1) * posts.metres + WINDOW_METRES
    fine = PixelGrid(
        epsg=posts.epsg,
        west=first,
        north=high,
        metres=PIXEL_METRES,
        width=across // PIXEL_METRES,
        height=down // PIXEL_METRES,
    )
    return classes_of(zones_of(plan, fine), side=WINDOW_METRES // PIXEL_METRES, step=posts.metres // PIXEL_METRES)


def write_truth(folder: Path, plan: TownPlan, region: PixelGrid) -> None:
    """Write `truth_<posting>.tif` (class) and `share_<posting>.tif` (percent, rounded) for every posting."""
    for posting in POSTINGS:
        posts = posts_of(region, posting)
        tags = {"posting_metres": posting, "window_metres": WINDOW_METRES}
        with (
            rasterio.open(folder / f"truth_{posting}.tif", "w", **_profile(posts, NODATA)) as classes,
            rasterio.open(folder / f"share_{posting}.tif", "w", **_profile(posts, None)) as shares,
        ):
            classes.update_tags(**tags, quantity="class with the largest share of the square around each post")
            shares.update_tags(**tags, quantity="share of that class in percent")
            classes.write_colormap(1, {zone.code: (*zone.rgb, 255) for zone in LCZ})
            step = _STRIP_METRES // posting
            for row in range(0, posts.height, step):
                strip = _rows(posts, row, min(step, posts.height - row))
                code, share = truth_of(plan, strip)
                window = Window(0, row, posts.width, strip.height)
                classes.write(code, 1, window=window)
                shares.write(np.rint(100.0 * share).astype(np.uint8), 1, window=window)


def _rows(posts: PixelGrid, row: int, count: int) -> PixelGrid:
    """Some rows of a grid."""
    return PixelGrid(
        epsg=posts.epsg,
        west=posts.west,
        north=posts.north - row * posts.metres,
        metres=posts.metres,
        width=posts.width,
        height=count,
    )


def _profile(posts: PixelGrid, nodata: int | None) -> dict[str, object]:
    return {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "width": posts.width,
        "height": posts.height,
        "crs": CRS.from_epsg(posts.epsg),
        "transform": Affine(*posts.transform),
        "nodata": nodata,
        "compress": "DEFLATE",
    }
