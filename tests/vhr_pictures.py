"""Small pictures from above written to disk, and the image that reads them, for tests of the VHR door."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import ColorInterp

from lczmap.words.grid import PixelGrid
from lczmap.words.place import LonLatBox

EPSG = 32633
WEST, NORTH = 500_000, 5_000_000
"""Centre of what the pictures show: 15 E, 45.15 N, whole metres."""


def box(metres: float = 200.0) -> LonLatBox:
    """A box around the centre."""
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(WEST - metres, NORTH - metres, WEST + metres, NORTH + metres)
    return LonLatBox(west=west, south=south, east=east, north=north)


def grid(side: int = 240, metres: int = 1, west: int = 0, north: int = 0) -> PixelGrid:
    """A grid around the centre, moved by whole metres."""
    half = side * metres // 2
    return PixelGrid(
        epsg=EPSG, west=WEST - half + west, north=NORTH + half + north, metres=metres, width=side, height=side
    )


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Where a raster's pixels lie."""

    crs: str = f"EPSG:{EPSG}"
    metres: float = 0.5
    side: int = 640
    turned: float = 0.0
    """Degrees by which its rows are turned against the CRS."""

    @property
    def transform(self) -> Affine:
        x, y = Transformer.from_crs(EPSG, self.crs, always_xy=True).transform(WEST, NORTH)
        across, down = self.steps
        cos, sin, half = np.cos(np.radians(self.turned)), np.sin(np.radians(self.turned)), self.side / 2
        a, b, d, e = cos * across, sin * down, sin * across, -cos * down
        return Affine(a, b, x - half * (a + b), d, e, y - half * (d + e))

    @property
    def steps(self) -> tuple[float, float]:
        """Pixel sides in units of the CRS."""
        to_crs = Transformer.from_crs(EPSG, self.crs, always_xy=True)
        x, y = to_crs.transform([WEST, WEST + 1, WEST], [NORTH, NORTH, NORTH + 1])
        across, down = np.hypot(x[1] - x[0], y[1] - y[0]), np.hypot(x[2] - x[0], y[2] - y[0])
        return float(across * self.metres), float(down * self.metres)

    def ground(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Metres east and north of the centre of every pixel's centre, (side, side)."""
        column, row = np.meshgrid(np.arange(self.side) + 0.5, np.arange(self.side) + 0.5)
        own = self.transform
        x, y = own.a * column + own.b * row + own.c, own.d * column + own.e * row + own.f
        east, north = Transformer.from_crs(self.crs, EPSG, always_xy=True).transform(x, y)
        return np.asarray(east) - WEST, np.asarray(north) - NORTH


def cross_on(
    east: NDArray[np.float64], north: NDArray[np.float64], at: tuple[float, float] = (30.0, -20.0)
) -> NDArray[np.uint8]:
    """A bright soft cross on dark ground, its arms 3 m wide; (3, ...) with colours of their own."""
    arms = np.exp(-0.5 * (np.minimum(abs(east - at[0]), abs(north - at[1])) / 2.0) ** 2)
    return np.stack([40 + 180 * arms, 50 + 150 * arms, 60 + 100 * arms]).astype(np.uint8)


def waves(east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.float64]:
    """Something everywhere, 0..1, (3, ...)."""
    return np.stack(
        [
            0.5 + 0.4 * np.sin(east / 7) * np.cos(north / 11),
            0.5 + 0.4 * np.sin((east + north) / 9),
            0.5 + 0.4 * np.cos(east / 13 - north / 5),
        ]
    )


def write(
    path: Path,
    pixels: NDArray[np.generic],
    sheet: Sheet,
    *,
    colours: tuple[ColorInterp, ...] | None = None,
    nodata: float | None = None,
    mask: NDArray[np.uint8] | None = None,
    overviews: tuple[int, ...] = (),
    tags: dict[str, str] | None = None,
) -> Path:
    """Write bands as a GeoTIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", width=pixels.shape[2], height=pixels.shape[1], count=len(pixels),
            dtype=pixels.dtype, crs=sheet.crs, transform=sheet.transform, nodata=nodata, tiled=True,
            blockxsize=128, blockysize=128,
        ) as raster,
    ):  # fmt: skip
        raster.write(pixels)
        if colours is not None:
            raster.colorinterp = colours
        if mask is not None:
            raster.write_mask(mask)
        if tags:
            raster.update_tags(**tags)
    if overviews:
        with rasterio.open(path, "r+") as raster:
            raster.build_overviews(overviews, rasterio.enums.Resampling.average)
    return path
