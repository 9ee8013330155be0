"""Sentinel-2 patches of simulated ground with their true class, for training: cheap, cloudless, as varied as can be.

In: a region and a seed. Out: patches as a run would cut them from its composite, 20 m bands interpolated. Every
hundred cells have ground, date, sun, soil moisture, air and building stock of their own.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.msi import MARGIN, at_metres, grown_grid, reflected, scenery, sensed
from lczmap.synthetic.noise import generator
from lczmap.synthetic.reflectance import Season, rain_of, reflectances
from lczmap.synthetic.region import REGIONS, Region, RegionName
from lczmap.synthetic.scene import ground_of, zones_of
from lczmap.synthetic.sky import Sun, sun_at
from lczmap.synthetic.townplan import TownPlan
from lczmap.synthetic.truth import classes_of
from lczmap.words.bands import BANDS, REFLECTANCE_SCALE
from lczmap.words.grid import PIXEL_METRES, WINDOW_METRES, WINDOW_PIXELS, PixelGrid

CELLS = 10
"""Cells along a side of one piece of ground."""
_MIDDLE = (500_000, 5_500_000)
"""Where the cities lie that patches are cut from; any place does."""
_LOWEST_SUN = 18.0
_GROWING = 0.65
"""Share of dates from the months in leaf, when most cloudless scenes are taken; the others come from any."""
_PATCHWORK = 0.75
"""Share of pieces cut from ground with all classes alike; the others come from cities."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Patches:
    """Patches in no order that matters; arrays of equal length."""

    x: NDArray[np.uint16]
    """Reflectance x 10000 `(n, 32, 32, 10)`, bands as in `BANDS`, all at 10 m."""
    truth: NDArray[np.uint8]
    """LCZ code with the largest share of the square `(n,)`."""
    share: NDArray[np.float32]
    """That share, 0..1 `(n,)`."""
    sun: NDArray[np.float32]
    """Elevation of the sun, degrees `(n,)`."""
    day: NDArray[np.int16]
    """Day of the year `(n,)`."""


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What one date over one piece of ground is like."""

    season: Season
    """Day, latitude and rain."""
    sun: Sun
    """Where it stands."""
    aerosol: float
    """Optical depth at 0.55 um."""
    haze: tuple[float, ...]
    """What the correction for the atmosphere left, by band, reflectance."""
    gain: tuple[float, ...]
    """Factor on all reflectance, by band."""


def simulated_patches(region: RegionName, *, seed: int, cells: int = 400, sun: float | None = None) -> Patches:
    """Patches of one region.

    Args:
        region: name of the region.
        seed: the same one gives the same patches.
        cells: how many, rounded up to whole hundreds.
        sun: elevation in degrees, instead of dates' own.
    """
    pieces = [patches_on(piece_of(region, seed, index, sun=sun)) for index in range(-(-cells // CELLS**2))]
    return Patches(
        x=np.concatenate([piece.x for piece in pieces]),
        truth=np.concatenate([piece.truth for piece in pieces]),
        share=np.concatenate([piece.share for piece in pieces]),
        sun=np.concatenate([piece.sun for piece in pieces]),
        day=np.concatenate([piece.day for piece in pieces]),
    )


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some neighbouring cells on one date: all that is drawn before anything is rendered."""

    plan: TownPlan
    """The city it lies in."""
    grid: PixelGrid
    """At 10 m, edges on multiples of 20 m as Sentinel-2's pixels are; whole cells of 320 m but for `shift`."""
    shift: int
    """Its cells begin this many pixels east and south of the grid's corner: those of a run start on either half of
    a 20 m pixel."""
    weather: Weather
    """Date, sun and air."""
    stock: int
    """Which roofs, soils and plants it has, as for `reflectances`."""
    noise: int
    """Seed of the instrument's noise."""

    @property
    def cells(self) -> PixelGrid:
        """Its cells' ground, at 10 m."""
        move = self.shift * PIXEL_METRES
        return replace(self.grid, west=self.grid.west + move, north=self.grid.north - move)


def piece_of(region: RegionName, seed: int, index: int = 0, *, sun: float | None = None, across: int = CELLS) -> Piece:
    """Draw a piece of ground.

    Args:
        region: name of the region.
        seed: the same one gives the same pieces.
        index: which of the seed's pieces.
        sun: elevation in degrees, instead of the date's own.
        across: cells along a side.
    """
    typical = REGIONS[region]
    rng = generator(seed, f"patches {region} {index}")
    weather = _weather(rng, typical, sun)
    plan, grid = _place(rng, _varied(rng, typical), across)
    stock, noise = (int(rng.integers(2**31)) for _ in range(2))
    shift = int(rng.integers(2)) if plan.patchwork else 0
    return Piece(plan=plan, grid=grid, shift=shift, weather=weather, stock=stock, noise=noise)


def patches_on(piece: Piece) -> Patches:
    """The patches of a piece's cells, row by row from the north-west."""
    weather = piece.weather
    outer = grown_grid(piece.grid, MARGIN)
    seen = scenery(ground_of(piece.plan, at_metres(outer, 2), details=False), piece.plan.key)
    table = reflectances(weather.season, stock=piece.stock, variety=1.2)
    surface = reflected(seen, table, weather.sun, aerosol=weather.aerosol)
    haze, gain = (np.array(values, dtype=np.float32)[:, None, None] for values in (weather.haze, weather.gain))
    surface *= gain
    surface += haze
    bands = sensed(surface, outer, seed=piece.noise, purpose="patches")
    cut = MARGIN // PIXEL_METRES + piece.shift
    side = piece.grid.width
    stack = np.stack(
        [_on_ten_metres(bands[band.name], band.metres)[cut : cut + side, cut : cut + side] for band in BANDS]
    )
    across = side // WINDOW_PIXELS
    tiles = stack.reshape(len(BANDS), across, WINDOW_PIXELS, across, WINDOW_PIXELS).transpose(1, 3, 2, 4, 0)
    truth, share = classes_of(zones_of(piece.plan, piece.cells), side=WINDOW_PIXELS, step=WINDOW_PIXELS)
    count = across**2
    return Patches(
        x=np.ascontiguousarray(tiles).reshape(count, WINDOW_PIXELS, WINDOW_PIXELS, len(BANDS)),
        truth=truth.ravel(),
        share=share.ravel(),
        sun=np.full(count, weather.sun.elevation, dtype=np.float32),
        day=np.full(count, weather.season.day, dtype=np.int16),
    )


def _weather(rng: np.random.Generator, region: Region, elevation: float | None) -> Weather:
    """A date when the sun is high enough for an acquisition, and its air."""
    latitude = region.latitude + rng.uniform(-9.0, 9.0)
    growing, half_year = rng.random() < _GROWING, 182 if region.latitude < 0 else 0
    while True:
        day = rng.triangular(75.0, 190.0, 305.0) + half_year if growing else rng.integers(365)
        minutes = int(day) % 365 * 24 * 60 + int(rng.integers(-40, 50))
        taken = datetime(2023, 1, 1, 10, 30, tzinfo=UTC) + timedelta(minutes=minutes)
        sun = sun_at(taken, lon=0.0, lat=latitude)
        if sun.elevation >= _LOWEST_SUN:
            break
        latitude *= 0.97
    if elevation is not None:
        sun = replace(sun, elevation=elevation)
    wet = float(rng.uniform(0.0, 0.2) if rng.random() < 0.6 else rng.uniform(0.2, 1.0))
    micrometres = [0.49, 0.56, 0.665, 0.705, 0.74, 0.783, 0.842, 0.865, 1.61, 2.19]
    lush = rain_of(region, float(rng.normal(0.0, 0.15)))
    steep = rng.uniform(1.0, 3.5)
    # at a low sun, the path is long and its correction tends to take too much
    low = 1.0 / np.sin(np.radians(sun.elevation)) - 1.0
    left = (
        np.clip(rng.normal(-0.003 - 0.004 * low, 0.005 + 0.002 * low), -0.024, 0.016)
        * (np.array(micrometres) / 0.49) ** -steep
    )
    left += (rng.random() < 0.25) * rng.uniform(0.0, 0.035) * (np.array(micrometres) / 0.49) ** -1.3
    gain = rng.normal(1.0, 0.03) + rng.normal(0.0, 0.015) * np.linspace(-1.0, 1.0, len(BANDS))
    return Weather(
        season=Season(day=taken.timetuple().tm_yday, latitude=latitude, wet=wet, lush=lush),
        sun=sun,
        aerosol=float(rng.uniform(0.04, 0.35)),
        haze=tuple(left.tolist()),
        gain=tuple(gain.tolist()),
    )


def _varied(rng: np.random.Generator, region: Region) -> Region:
    """A town of the region that is not the typical one."""
    return replace(
        region,
        block=region.block * float(rng.uniform(0.85, 1.2)),
        street=region.street * float(rng.uniform(0.85, 1.2)),
        green=float(np.clip(region.green + rng.normal(0.0, 0.15), 0.03, 1.0)),
        tilted=float(np.clip(region.tilted + rng.normal(0.0, 0.15), 0.0, 1.0)),
        conifers=float(np.clip(region.conifers + rng.normal(0.0, 0.15), 0.0, 1.0)),
    )


def _place(rng: np.random.Generator, region: Region, across: int) -> tuple[TownPlan, PixelGrid]:
    """A city and a piece of it at 10 m."""
    patchwork = bool(rng.random() < _PATCHWORK)
    reach = 12_000 if patchwork else 6_000
    west, south = (int(corner + rng.integers(-reach, reach) // WINDOW_METRES * WINDOW_METRES) for corner in _MIDDLE)
    side = across * WINDOW_METRES
    seaward = ((west + side / 2 - _MIDDLE[0]) - (south + side / 2 - _MIDDLE[1])) / 2**0.5
    plan = TownPlan(
        seed=int(rng.integers(2**31)),
        region=region,
        middle=_MIDDLE,
        radius=7_000.0,
        coast=seaward + float(rng.uniform(-1_500.0, 2_000.0)) if rng.random() < 0.3 else None,
        river=float(rng.uniform(25.0, 160.0)),
        patchwork=patchwork,
    )
    pixels = across * WINDOW_PIXELS
    # on multiples of 20 m, as Sentinel-2's pixels are
    west, north = west // 20 * 20, (south + side) // 20 * 20
    return plan, PixelGrid(epsg=32633, west=west, north=north, metres=PIXEL_METRES, width=pixels, height=pixels)


def _on_ten_metres(reflectance: NDArray[np.float32], metres: int) -> NDArray[np.uint16]:
    """Digital numbers on 10 m pixels, 20 m bands interpolated as in a run; the outermost are worthless."""
    scaled = np.rint(reflectance / np.float32(REFLECTANCE_SCALE))
    numbers: NDArray[np.uint16] = np.clip(scaled, 1, 65_535).astype(np.uint16)
    if metres == PIXEL_METRES:
        return numbers
    # weights 9, 3, 3, 1 sixteenths, halves rounded up
    coarse = np.pad(numbers.astype(np.uint32), 1, mode="edge")
    down = np.stack([3 * coarse[1:-1] + coarse[:-2], 3 * coarse[1:-1] + coarse[2:]], axis=1)
    down = down.reshape(-1, coarse.shape[1])
    both = np.stack([3 * down[:, 1:-1] + down[:, :-2], 3 * down[:, 1:-1] + down[:, 2:]], axis=2)
    halves: NDArray[np.uint16] = ((both.reshape(len(down), -1) + 8) >> 4).astype(np.uint16)
    return halves
