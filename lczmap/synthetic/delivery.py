"""One overpass as the ground segment lists it: cut to MGRS tiles and swath, processed, described.

A look over the whole region comes in; scenes ready for `stac.write_scene` go out.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from lczmap.synthetic.render import Look, rounded
from lczmap.synthetic.sky import Sun, cloud_percent
from lczmap.synthetic.stac import SceneMetadata
from lczmap.words.grid import PixelGrid

_SWATH_SHARE = 0.76
"""Where a swath ends at the region's lower edge, as a share of its width."""
_SWATH_LEAN = 0.23
"""Metres east per metre north: the orbit's tilt."""


@dataclass(frozen=True, kw_only=True)
class Granule:
    """One MGRS tile."""

    mgrs: str
    """Name of the tile."""
    west: int
    """Easting of its left edge, metres, a multiple of 20."""
    east: int
    """Easting of its right edge, metres."""


@dataclass(frozen=True, kw_only=True)
class Overpass:
    """One acquisition and how it was processed."""

    taken: datetime
    """Sensing time, UTC."""
    platform: str
    """`S2A` or `S2B`."""
    cover: float
    """Share of clouds, 0..1."""
    baseline: str = "05.09"
    """Processing baseline."""
    harmonised: bool = True
    """`earthsearch:boa_offset_applied`, stated truly: False leaves +1000 DN in the pixels from 04.00 on."""
    mgrs: tuple[str, ...]
    """MGRS tiles that were delivered."""
    swath_edge: bool = False
    """Whether the swath ends in the east of the region."""
    superseded: bool = False
    """Whether an older processing of the first tile is still listed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Delivery:
    """One scene, ready to be written."""

    scene: SceneMetadata
    """What its item says."""
    reflectance: dict[str, NDArray[np.float32]]
    """By ESA name (rows, columns) at the band's own resolution, NaN for no data."""
    scl: NDArray[np.uint8]
    """Scene classification (rows, columns) at 20 m, 0 for no data."""


def deliver(
    overpass: Overpass, seen: Look, *, region: PixelGrid, granules: tuple[Granule, ...], sun: Sun
) -> list[Delivery]:
    """Every scene of an overpass, an older processing after the newer one.

    Args:
        overpass: what was taken.
        seen: its pixels over the region.
        region: the region at 10 m.
        granules: MGRS tiles over the region.
        sun: where it stood.
    """
    deliveries: list[Delivery] = []
    for index, granule in enumerate(granules):
        if granule.mgrs not in overpass.mgrs:
            continue
        grid = _share(region, granule)
        limit = region if overpass.swath_edge else None
        bands = {name: _cut(pixels, region, grid, limit) for name, pixels in seen.reflectance.items()}
        scl = np.nan_to_num(_cut(seen.scl.astype(np.float32), region, grid, limit)).astype(np.uint8)
        scene = replace(
            _metadata(overpass, granule, grid, sun),
            taken=overpass.taken + timedelta(seconds=4 * index),
            footprint=_outline(grid, limit),
            cloud_percent=cloud_percent(scl),
        )
        deliveries.append(Delivery(scene=scene, reflectance=bands, scl=scl))
        if overpass.superseded and granule.mgrs == overpass.mgrs[0]:
            deliveries.append(_older(deliveries[-1]))
    return deliveries


def _older(newer: Delivery) -> Delivery:
    """The same acquisition by an older processor, which corrected the atmosphere a little differently."""
    scene = replace(newer.scene, sequence=0, baseline="04.00", updated=newer.scene.taken + timedelta(hours=9))
    bands = {name: rounded(0.985 * pixels + 0.003) for name, pixels in newer.reflectance.items()}
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
    """The region's columns that a granule covers."""
    left, _, right, _ = region.bounds
    west, east = max(left, granule.west), min(right, granule.east)
    return replace(region, west=west, width=(east - west) // region.metres)


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


def _cut(
    pixels: NDArray[np.float32], region: PixelGrid, grid: PixelGrid, limit: PixelGrid | None
) -> NDArray[np.float32]:
    """Crop an array of the region, at any resolution, to a scene; NaN beyond the swath."""
    metres = region.width * region.metres // pixels.shape[1]
    first = (grid.west - region.west) // metres
    cut = pixels[:, first : first + grid.width * grid.metres // metres].copy()
    if limit is not None:
        rows, columns = (np.arange(count) + 0.5 for count in cut.shape)
        end = _swath_end(limit, grid.north - rows * metres)
        cut[grid.west + columns[None, :] * metres > end[:, None]] = np.nan
    return cut
