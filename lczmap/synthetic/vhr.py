"""Photograph a simulated city at 1 m, window by window, into cloud-optimised GeoTIFFs of any size.

In: a plan, a grid and a flight. Out: a picture (JPEG inside) and the raster of instances, the same bytes whatever
the windows. Memory is bounded by one window.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.shutil import copy
from rasterio.windows import Window

from lczmap.synthetic.camera import LOOKS, Camera, camera_of, varied
from lczmap.synthetic.paint import Ground
from lczmap.synthetic.rgb import rgb_of
from lczmap.synthetic.scene import ground_of
from lczmap.synthetic.shade import margins
from lczmap.synthetic.sky import Sun
from lczmap.synthetic.townplan import TownPlan
from lczmap.words.errors import SpecError
from lczmap.words.grid import PixelGrid

ATTRIBUTION = "Simulated, of no real place"
"""Said in every file."""
_BLOCK = 512
WINDOW = 5 * _BLOCK
"""Side of a window, pixels: a fifth of a tile."""
_QUALITY = 90
_CACHE_BYTES = 64 << 20
"""GDAL's block cache; by default it takes a twentieth of the machine."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Flight:
    """When a city is photographed, by which camera, in what light."""

    taken: datetime
    """UTC."""
    sun: Sun
    """Where it stands."""
    camera: Camera
    """For the region and the season."""


def flight_over(plan: TownPlan, taken: datetime, sun: Sun, *, latitude: float | None = None) -> Flight:
    """A flight with the camera of a city's region and the season.

    Args:
        plan: the city.
        taken: UTC.
        sun: where it stands then.
        latitude: of the place, for the seasons; the region's where None.
    """
    day = taken.timetuple().tm_yday
    look = varied(LOOKS[plan.region.name], plan.seed)
    camera = camera_of(plan.region.name, day=day, latitude=latitude, stock=plan.seed, look=look)
    return Flight(taken=taken, sun=sun, camera=camera)


def photograph(plan: TownPlan, grid: PixelGrid, flight: Flight) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """One window of a city from above.

    Args:
        plan: the city.
        grid: the window, in pixels of 1 m.
        flight: when and how.

    Returns:
        Red, green and blue `(rows, columns, 3)`, and the identity of what is seen `(rows, columns)`.

    Raises:
        SpecError: for pixels of another side.
    """
    if grid.metres != 1:
        raise SpecError(f"The camera sees pixels of 1 m, got {grid.metres} m.")
    left, bottom, right, top = margins(flight.sun, tallest=plan.region.tallest)
    around = replace(
        grid,
        west=grid.west - left,
        north=grid.north + top,
        width=grid.width + left + right,
        height=grid.height + top + bottom,
    )
    ground: Ground = ground_of(plan, around, details=True)
    inner = slice(top, top + grid.height), slice(left, left + grid.width)
    return rgb_of(ground, flight.sun, flight.camera)[inner], ground.instance[inner]


def write_vhr(  # noqa: PLR0913 - the picture, the city, the place, the flight, and two choices
    path: Path,
    plan: TownPlan,
    grid: PixelGrid,
    *,
    flight: Flight,
    instances: Path | None = None,
    window: int = WINDOW,
) -> None:
    """Write the picture of a region, and the raster of its instances if asked.

    Args:
        path: the picture, a COG of three bands.
        plan: the city.
        grid: the region, in pixels of 1 m.
        flight: when and how.
        instances: the raster of uint32 identities, 0 where nothing stands; left out where None.
        window: side of what is in memory at a time, pixels, a multiple of 512.

    Raises:
        SpecError: for windows that split blocks.
    """
    if window % _BLOCK or window <= 0:
        raise SpecError(f"Windows hold whole blocks of {_BLOCK} pixels, got {window}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    # the COG driver wants the whole picture before it writes; the plain one beside it is never lossy
    bounded = rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES)  # type: ignore[no-untyped-call]
    with bounded, TemporaryDirectory(dir=path.parent) as scratch:
        plain = Path(scratch) / "plain.tif"
        with ExitStack() as stack:
            picture = stack.enter_context(rasterio.open(plain, "w", **_profile(grid, "uint8", 3)))
            picture.update_tags(**_tags(plan, flight))
            identities = None
            if instances is not None:
                profile = _profile(grid, "uint32", 1) | {"compress": "DEFLATE", "zlevel": 3, "nodata": 0}
                identities = stack.enter_context(rasterio.open(instances, "w", **profile))
                identities.update_tags(ATTRIBUTION=ATTRIBUTION, CITY=_city(plan), QUANTITY="identity of what is seen")
            for place, piece in _windows(grid, window):
                _LOG.debug("window at row %d, column %d of %s", place.row_off, place.col_off, path.name)
                seen, whose = photograph(plan, piece, flight)
                picture.write(np.moveaxis(seen, 2, 0), window=place)
                if identities is not None:
                    identities.write(whose, 1, window=place)
        _copy_to_cog(plain, path)


def _windows(grid: PixelGrid, side: int) -> Iterator[tuple[Window, PixelGrid]]:
    """Windows of whole blocks that cover a grid, row by row."""
    for row in range(0, grid.height, side):
        for column in range(0, grid.width, side):
            height, width = min(side, grid.height - row), min(side, grid.width - column)
            piece = replace(grid, west=grid.west + column, north=grid.north - row, width=width, height=height)
            yield Window(column, row, width, height), piece


def _profile(grid: PixelGrid, dtype: str, count: int) -> dict[str, object]:
    return {
        "driver": "GTiff",
        "dtype": dtype,
        "count": count,
        "width": grid.width,
        "height": grid.height,
        "crs": CRS.from_epsg(grid.epsg),
        "transform": Affine(*grid.transform),
        "tiled": True,
        "blockxsize": _BLOCK,
        "blockysize": _BLOCK,
        "interleave": "pixel",
        "bigtiff": "IF_SAFER",
    } | ({"photometric": "RGB"} if count == 3 else {})


def _copy_to_cog(plain: Path, path: Path) -> None:
    """The same picture with JPEG blocks in luminance and colour, and averaged overviews."""
    copy(
        plain,
        path,
        driver="COG",
        compress="JPEG",
        quality=_QUALITY,
        blocksize=_BLOCK,
        overview_resampling=Resampling.average.name,
        overview_quality=_QUALITY,
        bigtiff="IF_SAFER",
    )


def _tags(plan: TownPlan, flight: Flight) -> dict[str, str]:
    return {
        "ATTRIBUTION": ATTRIBUTION,
        "CITY": _city(plan),
        "TIFFTAG_DATETIME": f"{flight.taken:%Y:%m:%d %H:%M:%S}",
        "SUN_ELEVATION": f"{flight.sun.elevation:.2f}",
        "SUN_AZIMUTH": f"{flight.sun.azimuth:.2f}",
    }


def _city(plan: TownPlan) -> str:
    return f"{plan.region.name}, seed {plan.seed}"
