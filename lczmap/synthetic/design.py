"""What is simulated, where, and on which days it is seen: the demo's Lattice Bay, or a city of any region and size."""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from pyproj import Transformer

from lczmap.synthetic.exposures import Overpass
from lczmap.synthetic.region import DENSE_ASIAN, Region, RegionName, region_of
from lczmap.synthetic.scene import zones_of
from lczmap.synthetic.sky import Sun, sun_at
from lczmap.synthetic.townplan import TownPlan
from lczmap.words.errors import SpecError
from lczmap.words.grid import PIXEL_METRES, TILE_METRES, WINDOW_METRES, PixelGrid
from lczmap.words.place import LonLatBox

MARGIN_METRES = 2 * WINDOW_METRES
"""Ground simulated around the area to map."""
LARGEST_KILOMETRES = 200.0
"""Side of the largest city on offer."""

_ZONES: dict[RegionName, int] = {
    "dense_asian": 32650,
    "european": 32633,
    "north_american": 32616,
    "informal": 32737,
    "desert": 32640,
}
_COLUMN = 39
"""Column of the tile whose lower left corner is a city's: the zone's middle."""
_LOCAL_TIME = 10.53
"""Solar hour of an overpass."""
_FEWEST_CELLS = 5
"""Lattice Bay has at least as many cells of each class."""
_TRIES = 400


@dataclass(frozen=True, kw_only=True)
class Design:
    """One simulated city: the same design gives the same bytes."""

    slug: str
    """Its name in files, ASCII."""
    name: str
    """Its name for people."""
    seed: int
    """Makes another city, other weather and other noise."""
    plan: TownPlan
    """Where what is."""
    grid: PixelGrid
    """The region at 10 m, its edges on multiples of 320 m."""
    overpasses: tuple[Overpass, ...]
    """Acquisitions in time order."""
    period: str
    """Label of the period that holds every scene."""
    flown: datetime
    """When it is photographed from above, UTC."""

    @property
    def box(self) -> LonLatBox:
        """The area to map: the largest box of degrees inside the region less its margin, cut to six digits."""
        left, bottom, right, top = self.grid.bounds
        eastings = np.array([left + MARGIN_METRES, right - MARGIN_METRES]).repeat(2)
        northings = np.tile([bottom + MARGIN_METRES, top - MARGIN_METRES], 2)
        lons, lats = _to_degrees(self.grid).transform(eastings, northings)
        (_, west, east, _), (_, south, north, _) = np.sort(lons).round(6).tolist(), np.sort(lats).round(6).tolist()
        return LonLatBox(west=west, south=south, east=east, north=north)

    def sun(self, taken: datetime) -> Sun:
        """Where the sun stands over it."""
        box = self.box
        return sun_at(taken, lon=(box.west + box.east) / 2, lat=(box.south + box.north) / 2)


def lattice_bay(seed: int = 0) -> Design:
    """The city of the demo: a dense Asian city by the sea with every class in it, 32 x 22 cells and seven days.

    It lies where the MGRS tiles 50RPU and 50RQU overlap and straddles the border of two lattice tiles.
    """
    # the border of the lattice tiles 50N_54_259 and 50N_55_259 (704,000 m) runs through the centre
    grid = PixelGrid(epsg=32650, west=698_880, north=3_325_120, metres=PIXEL_METRES, width=1024, height=704)
    plan = TownPlan(
        seed=0, region=_every_class(DENSE_ASIAN), middle=(703_600, 3_321_800), radius=4_200.0, coast=3_300.0, river=60.0
    )
    first, second = (0,), (1,)
    days = (
        _overpass("2023-01-17", "S2A", grid, cover=0.02, harmonised=False, granules=first),
        _overpass("2023-02-21", "S2B", grid, cover=0.14, baseline="03.01", harmonised=False, granules=first, wet=0.7),
        _overpass("2023-03-18", "S2A", grid, cover=0.28, granules=second),
        _overpass("2023-04-22", "S2B", grid, cover=0.0, swath_edge=True, wet=0.2),
        _overpass("2023-05-17", "S2A", grid, cover=0.10, harmonised=False, wet=0.5),
        _overpass("2023-06-11", "S2B", grid, cover=0.05, superseded=True),
        _overpass("2023-06-26", "S2A", grid, cover=0.70, granules=first, wet=0.8),
    )
    return Design(
        slug="lattice-bay",
        name="Lattice Bay",
        seed=seed,
        plan=_with_every_class(plan, grid, seed),
        grid=grid,
        overpasses=days,
        period="2023-H1",
        flown=_morning("2023-05-04", grid),
    )


def city_of(region: str, *, seed: int = 0, kilometres: float = 12.8) -> Design:
    """A city of a region, seen on seven days of 2023.

    Args:
        region: name of the region.
        seed: not negative.
        kilometres: side of the square to map, rounded up to whole cells of 320 m; 12.8 is one tile.

    Raises:
        SpecError: there is no such region, or the size is not on offer.
    """
    kind = region_of(region)
    if not WINDOW_METRES / 1000.0 <= kilometres <= LARGEST_KILOMETRES:
        raise SpecError(f"A simulated city is 0.32 to {LARGEST_KILOMETRES:g} km wide, got {kilometres:g} km.")
    side = math.ceil(round(kilometres * 1000.0 / WINDOW_METRES, 6)) * WINDOW_METRES
    epsg = _ZONES[kind.name]
    northing = 10_000_000 if epsg >= 32700 else 0
    row = int((northing + kind.latitude * 110_600.0) // TILE_METRES)
    west, south = _COLUMN * TILE_METRES, row * TILE_METRES
    pixels = (side + 2 * MARGIN_METRES) // PIXEL_METRES
    grid = PixelGrid(
        epsg=epsg,
        west=west - MARGIN_METRES,
        north=south + side + MARGIN_METRES,
        metres=PIXEL_METRES,
        width=pixels,
        height=pixels,
    )
    plan = TownPlan(
        seed=seed,
        region=kind,
        middle=(west + 0.5 * side, south + 0.5 * side),
        radius=max(0.45 * side, 1_500.0),
        river=min(70.0, 0.006 * side),
    )
    days = (
        _overpass("2023-01-17", "S2A", grid, cover=0.02, wet=0.6, harmonised=False),
        _overpass("2023-03-18", "S2B", grid, cover=0.14, baseline="03.01", harmonised=False),
        _overpass("2023-05-17", "S2A", grid, cover=0.28, wet=0.3),
        _overpass("2023-06-11", "S2B", grid, cover=0.0, swath_edge=True),
        _overpass("2023-08-05", "S2A", grid, cover=0.10, harmonised=False),
        _overpass("2023-09-19", "S2B", grid, cover=0.05, wet=0.4, superseded=True),
        _overpass("2023-10-24", "S2A", grid, cover=0.60, wet=0.8),
    )
    name = kind.name.replace("_", "-")
    return Design(
        slug=f"{name}-{kilometres:g}km",
        name=f"Simulated {name} city {seed}",
        seed=seed,
        plan=plan,
        grid=grid,
        overpasses=days,
        period="2023",
        flown=_morning("2023-07-12", grid),
    )


def _overpass(day: str, platform: str, grid: PixelGrid, **more: object) -> Overpass:
    """An overpass in the middle of the morning there."""
    return replace(Overpass(taken=_morning(day, grid), platform=platform, cover=0.0), **more)  # type: ignore[arg-type]


def _morning(day: str, grid: PixelGrid) -> datetime:
    """The hour of the overpasses on a day, UTC."""
    left, bottom, right, top = grid.bounds
    lon, _ = _to_degrees(grid).transform((left + right) / 2, (bottom + top) / 2)
    return datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(seconds=round(3600 * (_LOCAL_TIME - lon / 15)))


def _every_class(region: Region) -> Region:
    """The region with some of each class near its centre, and its countryside close by."""
    centre = ((1, 0.30), (2, 0.26), (3, 0.16), (4, 0.16), (5, 0.12))
    middle = ((4, 0.2), (5, 0.16), (3, 0.14), (8, 0.14), (6, 0.12), (7, 0.08), (12, 0.08), (15, 0.08))
    edge = ((10, 0.16), (8, 0.1), (9, 0.16), (7, 0.1), (6, 0.12), (13, 0.12), (15, 0.08), (16, 0.08), (12, 0.08))
    country = ((14, 0.34), (11, 0.28), (13, 0.12), (16, 0.1), (9, 0.16))
    return replace(region, rings=((0.4, centre), (0.8, middle), (1.1, edge), (9.99, country)))


def _with_every_class(plan: TownPlan, grid: PixelGrid, seed: int) -> TownPlan:
    """The first plan of a seed that has a few cells of each class in the area to map."""
    inner = replace(
        grid,
        west=grid.west + MARGIN_METRES,
        north=grid.north - MARGIN_METRES,
        metres=80,
        width=(grid.width * grid.metres - 2 * MARGIN_METRES) // 80,
        height=(grid.height * grid.metres - 2 * MARGIN_METRES) // 80,
    )
    per_cell = (WINDOW_METRES // inner.metres) ** 2
    for attempt in range(_TRIES):
        tried = replace(plan, seed=seed * _TRIES + attempt)
        if (np.bincount(zones_of(tried, inner).ravel(), minlength=18)[1:] >= _FEWEST_CELLS * per_cell).all():
            return tried
    raise SpecError(f"No plan of seed {seed} holds every class; choose another seed.")


def _to_degrees(grid: PixelGrid) -> Transformer:
    return Transformer.from_crs(grid.epsg, 4326, always_xy=True)
