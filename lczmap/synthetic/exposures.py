"""Expose every overpass over a region, window by window, into files: the ground is painted once for all dates.

In: a plan, a region and its overpasses. Out: one `Exposure` an overpass, its pixels on disk. Memory is that of a
window, whatever the region's size, and the pixels do not depend on the windows.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.classification import classify_scene
from lczmap.synthetic.msi import FINE_METRES, MARGIN, Scenery, at_metres, grown_grid, reflected, scenery, sensed
from lczmap.synthetic.noise import generator
from lczmap.synthetic.reflectance import Season, rain_of, reflectances
from lczmap.synthetic.scene import ground_of
from lczmap.synthetic.sky import SKY_MARGIN, Clouds, Sun, draw_clouds, sky_over, veil
from lczmap.synthetic.townplan import TownPlan
from lczmap.words.bands import BANDS, REFLECTANCE_SCALE
from lczmap.words.grid import PIXEL_METRES, PixelGrid

WINDOW_METRES = 5_120
"""Side of the ground painted at once."""
_SCL_METRES = 20
_WAVELENGTHS = np.array([0.490, 0.560, 0.665, 0.705, 0.740, 0.783, 0.842, 0.865, 1.610, 2.190])


@dataclass(frozen=True, kw_only=True)
class Overpass:
    """One acquisition and how it was processed."""

    taken: datetime
    """Sensing time, UTC."""
    platform: str
    """`S2A` or `S2B`."""
    cover: float
    """Share of clouds, 0..1."""
    wet: float = 0.0
    """Soils: 0 after dry weeks to 1 after rain."""
    baseline: str = "05.09"
    """Processing baseline."""
    harmonised: bool = True
    """`earthsearch:boa_offset_applied`, stated truly: False leaves +1000 DN in the pixels from 04.00 on."""
    granules: tuple[int, ...] = ()
    """Which of the region's MGRS tiles were delivered, counted from 0; all where empty."""
    swath_edge: bool = False
    """Whether the swath ends in the east of the region."""
    superseded: bool = False
    """Whether an older processing of the first tile is still listed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Exposure:
    """What one overpass saw of the whole region; on disk, read it in parts."""

    bands: Mapping[str, NDArray[np.uint16]]
    """Reflectance x 10000 by ESA name (rows, columns) at the band's own resolution, no offset, at least 1."""
    scl: NDArray[np.uint8]
    """Scene classification (rows, columns) at 20 m."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Date:
    """What is worked out once for an overpass."""

    name: str
    sun: Sun
    table: NDArray[np.float32]
    clouds: Clouds
    aerosol: float
    gain: float
    haze: NDArray[np.float32]
    """What the correction for the atmosphere left, `(10,)`."""
    seed: int


def expose(  # noqa: PLR0913 - where, what, when, and how much at once
    folder: Path,
    plan: TownPlan,
    region: PixelGrid,
    overpasses: Sequence[tuple[Overpass, Sun]],
    *,
    seed: int,
    window: int = WINDOW_METRES,
    workers: int = 2,
) -> list[Exposure]:
    """Render a region as all its overpasses saw it.

    Args:
        folder: where the pixels go, about 12 bytes a 10 m pixel and overpass; delete it when done.
        plan: the city.
        region: at 10 m, edges on multiples of 20 m.
        overpasses: when, and where the sun stood.
        seed: of clouds, haze and noise.
        window: metres of ground painted at once, a multiple of 20; changes memory and time only.
        workers: windows worked on at once.
    """
    dates = [_date(plan, region, overpass, sun, seed) for overpass, sun in overpasses]
    exposures = [_blank(folder / date.name, region) for date in dates]

    def work(grid: PixelGrid) -> None:
        outer = grown_grid(grid, MARGIN)
        seen = scenery(ground_of(plan, at_metres(outer, FINE_METRES), details=False), plan.key)
        for date, exposure in zip(dates, exposures, strict=True):
            _fill(exposure, date, seen, region=region, window=grid)

    with ThreadPoolExecutor(max_workers=workers) as pool:
        for _ in pool.map(work, windows_of(region, window)):
            pass
    return exposures


def windows_of(region: PixelGrid, metres: int) -> list[PixelGrid]:
    """A region cut into windows, row by row from the north-west."""
    side = metres // region.metres
    return [
        replace(
            region,
            west=region.west + column * region.metres,
            north=region.north - row * region.metres,
            width=min(side, region.width - column),
            height=min(side, region.height - row),
        )
        for row in range(0, region.height, side)
        for column in range(0, region.width, side)
    ]


def _date(plan: TownPlan, region: PixelGrid, overpass: Overpass, sun: Sun, seed: int) -> _Date:
    name = f"{overpass.taken:%Y%m%dT%H%M%S}"
    rng = generator(seed, f"overpass {name}")
    season = Season(
        day=overpass.taken.timetuple().tm_yday,
        latitude=plan.region.latitude,
        wet=overpass.wet,
        lush=rain_of(plan.region),
    )
    haze = rng.uniform(-0.003, 0.006) * (_WAVELENGTHS / 0.49) ** -2.0
    return _Date(
        name=name,
        sun=sun,
        table=reflectances(season, stock=plan.seed, variety=0.6),
        clouds=draw_clouds(seed, name, region, cover=overpass.cover, sun=sun),
        aerosol=float(rng.uniform(0.05, 0.25)),
        gain=float(rng.uniform(0.98, 1.02)),
        haze=haze.astype(np.float32),
        seed=int(rng.integers(2**31)),
    )


def _blank(folder: Path, region: PixelGrid) -> Exposure:
    """Files of the right size, still without pixels."""
    folder.mkdir(parents=True)
    bands = {
        band.name: np.lib.format.open_memmap(
            folder / f"{band.name}.npy", mode="w+", dtype=np.uint16, shape=_shape(region, band.metres)
        )
        for band in BANDS
    }
    scl = np.lib.format.open_memmap(folder / "SCL.npy", mode="w+", dtype=np.uint8, shape=_shape(region, _SCL_METRES))
    return Exposure(bands=bands, scl=scl)


def _shape(region: PixelGrid, metres: int) -> tuple[int, int]:
    own = at_metres(region, metres)
    return own.height, own.width


def _fill(exposure: Exposure, date: _Date, seen: Scenery, *, region: PixelGrid, window: PixelGrid) -> None:
    """Write one window of one overpass."""
    cut = (MARGIN - SKY_MARGIN) // PIXEL_METRES
    inner = np.s_[:, cut:-cut, cut:-cut]
    surface = reflected(seen, date.table, date.sun, aerosol=date.aerosol)[inner]
    grid = grown_grid(window, SKY_MARGIN)
    sky = sky_over(date.clouds, grid)
    scl = classify_scene(surface, sky, grid, seed=date.seed, purpose=date.name)
    through = veil(surface, sky, date.clouds) * np.float32(date.gain) + date.haze[:, None, None]
    for name, reflectance in sensed(through, grid, seed=date.seed, purpose=date.name).items():
        metres = grid.width * grid.metres // reflectance.shape[1]
        numbers = np.clip(np.rint(reflectance / np.float32(REFLECTANCE_SCALE)), 1, 60_000)
        _place(exposure.bands[name], numbers.astype(np.uint16), metres=metres, region=region, window=window)
    _place(exposure.scl, scl, metres=_SCL_METRES, region=region, window=window)


def _place(
    whole: NDArray[np.uint16] | NDArray[np.uint8],
    part: NDArray[np.uint16] | NDArray[np.uint8],
    *,
    metres: int,
    region: PixelGrid,
    window: PixelGrid,
) -> None:
    """Put a window's pixels, less their margin, where they belong."""
    own = at_metres(window, metres)
    row, column = (region.north - window.north) // metres, (window.west - region.west) // metres
    cut = SKY_MARGIN // metres
    whole[row : row + own.height, column : column + own.width] = part[cut : cut + own.height, cut : cut + own.width]
