"""One overpass as the ground segment lists it: cut to MGRS tiles and swath, processed, described.

An exposure of the whole region comes in; scenes ready for `stac.write_scene` go out, their bands cut as they are read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from lczmap.synthetic.classification import cloud_percent
from lczmap.synthetic.exposures import Exposure, Overpass
from lczmap.synthetic.sky import Sun
from lczmap.synthetic.stac import SceneMetadata
from lczmap.words.bands import REFLECTANCE_SCALE
from lczmap.words.grid import PixelGrid

_SWATH_SHARE = 0.76
"""Where a swath ends at the region's lower edge, as a share of its width."""
_SWATH_LEAN = 0.23
"""Metres east per metre north: the orbit's tilt."""
_SQUARE = 100_000
_SIDE = 109_800
"""Side of a Sentinel-2 tile: they overlap by about 10 km."""
_COARSEST = 60
_COLUMN_LETTERS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
_ROW_LETTERS = "ABCDEFGHJKLMNPQRSTUV"
_BAND_LETTERS = "CDEFGHJKLMNPQRSTUVWX"


@dataclass(frozen=True, kw_only=True)
class Granule:
    """One MGRS tile."""

    mgrs: str
    """Name of the tile."""
    bounds: tuple[int, int, int, int]
    """Left, bottom, right, top in metres, on multiples of 20."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Delivery:
    """One scene, ready to be written."""

    scene: SceneMetadata
    """What its item says."""
    reflectance: Mapping[str, NDArray[np.float32]]
    """By ESA name (rows, columns) at the band's own resolution, NaN for no data; read from disk when asked for."""
    scl: NDArray[np.uint8]
    """Scene classification (rows, columns) at 20 m, 0 for no data."""


def granules_over(region: PixelGrid, *, latitude: float) -> tuple[Granule, ...]:
    """The Sentinel-2 tiles that meet a region, from north to south and west to east.

    Args:
        region: in one zone.
        latitude: of its middle, degrees, for the letter of the MGRS band.
    """
    left, bottom, right, top = region.bounds
    zone = region.epsg % 100
    band = _BAND_LETTERS[int(np.clip((latitude + 80.0) // 8.0, 0, len(_BAND_LETTERS) - 1))]
    found = []
    for row in range((top + _SQUARE) // _SQUARE, (bottom - _SIDE) // _SQUARE - 1, -1):
        for column in range((left - _SIDE) // _SQUARE, (right + _SQUARE) // _SQUARE + 1):
            # corners lie on the lattice of the 60 m bands
            west = column * _SQUARE // _COARSEST * _COARSEST
            north = -(-(row + 1) * _SQUARE // _COARSEST) * _COARSEST
            meets = west < right and west + _SIDE > left and north > bottom and north - _SIDE < top
            if not meets or not 1 <= column <= 8:
                continue
            letter = _ROW_LETTERS[(row + (5 if zone % 2 == 0 else 0)) % len(_ROW_LETTERS)]
            name = f"{zone:02d}{band}{_COLUMN_LETTERS[(zone - 1) % 3][column - 1]}{letter}"
            found.append(Granule(mgrs=name, bounds=(west, north - _SIDE, west + _SIDE, north)))
    return tuple(found)


def deliver(
    overpass: Overpass, seen: Exposure, *, region: PixelGrid, granules: tuple[Granule, ...], sun: Sun
) -> Iterator[Delivery]:
    """Every scene of an overpass, an older processing after the newer one.

    Args:
        overpass: what was taken.
        seen: its pixels over the region.
        region: the region at 10 m.
        granules: MGRS tiles over the region.
        sun: where it stood.
    """
    chosen = overpass.granules or tuple(range(len(granules)))
    for index in chosen:
        granule = granules[index]
        grid = _share(region, granule)
        limit = region if overpass.swath_edge else None
        scl = _cut(seen.scl, region, grid, limit)
        scene = replace(
            _metadata(overpass, granule, grid, sun),
            taken=overpass.taken + timedelta(seconds=4 * index),
            footprint=_outline(grid, limit),
            cloud_percent=cloud_percent(scl),
        )
        newer = Delivery(scene=scene, reflectance=_Bands(seen, region, grid, limit), scl=scl)
        yield newer
        if overpass.superseded and index == chosen[0]:
            yield _older(newer, _Bands(seen, region, grid, limit, older=True))


class _Bands(Mapping[str, NDArray[np.float32]]):
    """Bands of a scene, cut from the region's when they are asked for: one at a time is in memory."""

    def __init__(
        self, seen: Exposure, region: PixelGrid, grid: PixelGrid, limit: PixelGrid | None, *, older: bool = False
    ) -> None:
        self._seen, self._region, self._grid, self._limit, self._older = seen, region, grid, limit, older

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """Reflectance (rows, columns), NaN for no data."""
        numbers = _cut(self._seen.bands[name], self._region, self._grid, self._limit)
        reflectance = numbers * np.float32(REFLECTANCE_SCALE)
        if self._older:
            # the processor before corrected the atmosphere a little differently
            reflectance = np.float32(0.985) * reflectance + np.float32(0.003)
        reflectance[numbers == 0] = np.nan
        return reflectance

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen.bands)

    def __len__(self) -> int:
        return len(self._seen.bands)


def _older(newer: Delivery, bands: Mapping[str, NDArray[np.float32]]) -> Delivery:
    """The same acquisition by an older processor."""
    scene = replace(newer.scene, sequence=0, baseline="04.00", updated=newer.scene.taken + timedelta(hours=9))
    return Delivery(scene=scene, reflectance=bands, scl=newer.scl)


def _metadata(overpass: Overpass, granule: Granule, grid: PixelGrid, sun: Sun) -> SceneMetadata:
    raised = overpass.baseline >= "04.00" and not overpass.harmonised
    # catalogues in the wild name the projection in one of two ways
    code = overpass.taken.month % 2 == 0
    return SceneMetadata(
        grid=grid,
        taken=overpass.taken,
        mgrs=granule.mgrs,
        platform=overpass.platform,
        baseline=overpass.baseline,
        sequence=int(overpass.superseded),
        updated=overpass.taken + timedelta(days=40 if overpass.superseded else 1),
        sun_elevation=sun.elevation,
        sun_azimuth=sun.azimuth,
        offset_dn=1000 if raised else 0,
        boa_offset_applied=overpass.harmonised,
        names_epsg=not code,
        names_code=code,
    )


def _share(region: PixelGrid, granule: Granule) -> PixelGrid:
    """The part of the region that a granule covers."""
    left, bottom, right, top = region.bounds
    west, south, east, north = granule.bounds
    west, south, east, north = max(left, west), max(bottom, south), min(right, east), min(top, north)
    width, height = (east - west) // region.metres, (north - south) // region.metres
    return replace(region, west=west, north=north, width=width, height=height)


def _swath_end(region: PixelGrid, northings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Easting of the swath's last pixel at each northing, metres."""
    left, bottom, right, _ = region.bounds
    return left + _SWATH_SHARE * (right - left) + _SWATH_LEAN * (northings - bottom)


def _outline(grid: PixelGrid, limit: PixelGrid | None) -> tuple[tuple[float, float], ...]:
    """Corners of a scene's data, metres, not closed."""
    outline: BaseGeometry = box(*grid.bounds)
    if limit is not None:
        left, bottom, _, top = limit.bounds
        foot, head = _swath_end(limit, np.array([bottom, top], dtype=np.float64))
        swath = Polygon([(left, bottom), (foot, bottom), (head, top), (left, top)])
        outline = outline.intersection(swath)
    return tuple((float(x), float(y)) for x, y in shapely.get_coordinates(outline)[:-1])


_Pixels = TypeVar("_Pixels", np.uint8, np.uint16)


def _cut(pixels: NDArray[_Pixels], region: PixelGrid, grid: PixelGrid, limit: PixelGrid | None) -> NDArray[_Pixels]:
    """Crop an array of the region, at any resolution, to a scene; 0 beyond the swath."""
    metres = region.width * region.metres // pixels.shape[1]
    column, row = (grid.west - region.west) // metres, (region.north - grid.north) // metres
    height, width = grid.height * grid.metres // metres, grid.width * grid.metres // metres
    cut = np.array(pixels[row : row + height, column : column + width])
    if limit is not None:
        rows, columns = (np.arange(count) + 0.5 for count in cut.shape)
        end = _swath_end(limit, grid.north - rows * metres)
        cut[grid.west + columns[None, :] * metres > end[:, None]] = 0
    return cut
