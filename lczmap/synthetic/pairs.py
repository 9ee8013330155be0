"""The same ground twice: Sentinel-2 patches of a piece's cells, and the 1 m picture they lie in.

In: a piece of ground as `patches` draws it. Out: a flight over it some days before or after the acquisition, at an
hour of its own, and the picture with whatever margin is asked for. What is drawn for a flight never moves a patch.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.camera import LOOKS, camera_of, varied
from lczmap.synthetic.msi import at_metres, grown_grid
from lczmap.synthetic.noise import generator
from lczmap.synthetic.patches import Patches, Piece, patches_on
from lczmap.synthetic.sky import sun_at
from lczmap.synthetic.vhr import Flight, photograph

_DAYS_APART = 30
"""A flight is at most this far from the acquisition, days: one season of one year."""
_HOURS = (9.5, 14.5)
"""Solar hours of flights."""
_LOWEST_SUN = 22.0
"""Flights wait for the sun to stand as high, degrees, or for noon."""
_TRIES = 40


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """One piece of ground, seen from space and from the air."""

    patches: Patches
    """Sentinel-2 patches of its cells, row by row from the north-west, with their true classes."""
    picture: NDArray[np.uint8]
    """Red, green and blue at 1 m `(side, side, 3)`: the cells' ground and a margin on every side; never black."""
    margin: int
    """Width of that margin, metres."""
    flight: Flight
    """When the picture was taken."""


def pair_of(piece: Piece, *, margin: int) -> Pair:
    """Render a piece of ground both ways.

    Args:
        piece: the ground, its date and weather.
        margin: metres of picture around the cells.
    """
    flight = flight_of(piece)
    grid = at_metres(grown_grid(piece.cells, margin), 1)
    # black means no data
    picture = np.maximum(photograph(piece.plan, grid, flight)[0], np.uint8(1))
    return Pair(patches=patches_on(piece), picture=picture, margin=margin, flight=flight)


def flight_of(piece: Piece) -> Flight:
    """A flight over a piece of ground in the season and year of its acquisition, with a sun and camera of its own."""
    rng = generator(piece.noise, "flight")
    season, region = piece.weather.season, piece.plan.region.name
    for attempt in range(_TRIES):
        day = (season.day - 1 + int(rng.integers(-_DAYS_APART, _DAYS_APART + 1))) % 365
        hour = float(rng.uniform(*_HOURS)) if attempt < _TRIES - 1 else 12.0
        taken = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(days=day, hours=hour)
        sun = sun_at(taken, lon=0.0, lat=season.latitude)
        if sun.elevation >= _LOWEST_SUN:
            break
    else:
        sun = replace(sun, elevation=max(sun.elevation, _LOWEST_SUN))
    look = varied(LOOKS[region], piece.noise)
    camera = camera_of(region, day=day + 1, latitude=season.latitude, stock=piece.stock, look=look)
    return Flight(taken=taken, sun=sun, camera=camera)
