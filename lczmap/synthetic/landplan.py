"""The district plan of a simulated city: which class, which district and which water stand where.

Positions are nominal kilometres east and north of the south-west corner of a region of 12.8 x 8.96 km;
another grid stretches the plan to its own size. Buildings and trees are `fabric`'s.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lczmap.synthetic.materials import Material
from lczmap.synthetic.noise import generator, lottery, smooth_field
from lczmap.words.grid import PixelGrid

FINE_METRES = 5
"""Pixel side of the plan, metres; half of Sentinel-2's finest."""
NO_WATER = 255
"""Value of `LandPlan.water` on dry land."""

_EXTENT = (12.8, 8.96)
_CENTRE = (6.6, 4.75)
_SPACING = 0.55
_QUARTERS: tuple[tuple[int, float, float, float], ...] = (
    (1, 6.70, 4.80, 0.72),
    (3, 5.30, 3.45, 0.78), (3, 7.90, 6.10, 0.50),
    (4, 9.60, 5.70, 0.85), (4, 4.10, 6.30, 0.55),
    (7, 4.10, 2.35, 0.60),
    (8, 2.90, 3.90, 0.75), (8, 11.40, 4.95, 0.60),
    (10, 10.70, 3.80, 0.80),
    (12, 5.35, 5.65, 0.48),
    (15, 9.35, 3.45, 0.48), (15, 1.80, 5.00, 0.50),
    (16, 2.50, 2.20, 0.48), (16, 10.40, 7.10, 0.42),
)  # fmt: skip
"""Quarters planned by hand: class, east, north, radius (km)."""
_RINGS: tuple[tuple[float, tuple[tuple[int, float], ...]], ...] = (
    (1.30, ((2, 0.90), (1, 0.10))),
    (2.25, ((5, 0.76), (4, 0.09), (12, 0.08), (2, 0.07))),
    (3.45, ((6, 0.76), (5, 0.08), (12, 0.08), (8, 0.08))),
    (4.20, ((9, 0.60), (14, 0.25), (12, 0.15))),
    (99.0, ((14, 0.74), (9, 0.10), (12, 0.08), (13, 0.05), (16, 0.03))),
)
"""Elsewhere: outer radius about the centre (km), then classes and their shares."""
_HILLS: tuple[tuple[float, float, float], ...] = ((2.3, 8.5, 1.9), (11.6, 8.3, 1.5), (0.7, 1.3, 1.3))
"""East, north, radius (km)."""
_ROADS: tuple[tuple[tuple[float, float], ...], ...] = (
    ((-0.1, 4.3), (3.0, 4.45), (6.6, 4.75), (9.6, 5.25), (12.9, 5.6)),
    ((7.1, 9.0), (6.6, 4.75), (5.2, 2.8), (3.4, -0.1)),
    ((6.6, 4.75), (9.3, 3.75), (12.9, 3.6)),
    tuple(
        (6.6 + 2.25 * float(np.sin(turn)), 4.75 + 2.0 * float(np.cos(turn)))
        for turn in np.linspace(0.0, 2.0 * np.pi, 25)
    ),
)
"""Arterial roads (km); they cross the river on bridges and stop at the sea."""
_ROAD_METRES = 24.0
_LAKE = (8.95, 7.15, 0.55, 0.36)


@dataclass(frozen=True, kw_only=True, eq=False)
class LandPlan:
    """The plan at 5 m, row 0 in the north."""

    zone: NDArray[np.uint8]
    """LCZ code 1..17 (rows, columns)."""
    district: NDArray[np.int32]
    """Index of the district (rows, columns)."""
    angle: NDArray[np.float32]
    """Street direction of each district, radians (districts,)."""
    water: NDArray[np.uint8]
    """`Material` of the water, `NO_WATER` on land (rows, columns)."""
    road: NDArray[np.bool_]
    """Arterial roads (rows, columns)."""
    elevation: NDArray[np.float32]
    """Metres above the sea (rows, columns)."""


def draw_plan(grid: PixelGrid, seed: int) -> LandPlan:
    """Lay out the city on the ground of a grid whose width and height are multiples of 10 m."""
    shape = (
        grid.height * grid.metres // FINE_METRES,
        grid.width * grid.metres // FINE_METRES,
    )
    east, north = _kilometres(shape)
    rise = _rise(east, north, generator(seed, "relief"))
    water = _water(east, north, generator(seed, "shore"))
    seeds = _district_seeds(generator(seed, "districts"))
    district = _nearest(seeds, east, north, generator(seed, "bounds"))
    classes = _classes(seeds, seed)
    zone = classes[district]
    # slopes are not built on: forest above, scrub where it thins out
    zone[rise > 0.36] = 13
    zone[rise > 0.47] = 11
    beach = _beach(east, north) & (zone != 15) & (zone != 10)
    zone[beach] = 16
    zone[water != NO_WATER] = 17
    road = _roads(east, north) & (water != Material.SEA) & (water != Material.POND) & (rise < 0.47)
    tilt = lottery(seed, np.arange(len(seeds)))
    return LandPlan(
        zone=zone,
        district=district,
        angle=(0.2 + 0.5 * (tilt - 0.5) * (1.0 + (classes > 3))).astype(np.float32),
        water=water,
        road=road,
        elevation=(rise * 260.0).astype(np.float32),
    )


def cell_classes(plan: LandPlan, metres: int) -> NDArray[np.uint8]:
    """The class that holds most of each square of a given side, (rows, columns); ties go to the lower code."""
    side = metres // FINE_METRES
    rows, columns = plan.zone.shape[0] // side, plan.zone.shape[1] // side
    blocks = plan.zone[: rows * side, : columns * side].reshape(rows, side, columns, side)
    counts = np.stack([(blocks == code).sum(axis=(1, 3)) for code in range(1, 18)])
    codes: NDArray[np.uint8] = (counts.argmax(axis=0) + 1).astype(np.uint8)
    return codes


def _kilometres(shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Nominal kilometres east and north of each pixel, broadcast from a row and a column."""
    rows, columns = shape
    east = (np.arange(columns, dtype=np.float32) + 0.5) / columns * _EXTENT[0]
    north = (rows - 0.5 - np.arange(rows, dtype=np.float32)) / rows * _EXTENT[1]
    return np.broadcast_to(east, shape), np.broadcast_to(north[:, None], shape)


def _river(east: NDArray[np.float32]) -> NDArray[np.float32]:
    """Northing of the river's middle, km."""
    middle: NDArray[np.float32] = 6.95 - 0.49 * east + 0.36 * np.sin(1.15 * east)
    return middle


def _shore(east: NDArray[np.float32]) -> NDArray[np.float32]:
    """Northing of the coast, km: the bay opens to the south-east."""
    step = np.clip((east - 4.6) / 4.4, 0.0, 1.0)
    line: NDArray[np.float32] = -0.3 + 3.1 * step**2 * (3.0 - 2.0 * step) + 0.12 * np.sin(3.1 * east)
    return line


def _water(east: NDArray[np.float32], north: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    wobble = 0.05 * smooth_field(rng, (1, east.shape[1]), pixels=250, roughness=2.4)
    water = np.full(east.shape, NO_WATER, dtype=np.uint8)
    half = 0.075 + 0.014 * np.clip(east, 0.0, 9.0)
    water[np.abs(north - _river(east) - wobble) < half] = Material.RIVER
    lake = ((east - _LAKE[0]) / _LAKE[2]) ** 2 + ((north - _LAKE[1]) / _LAKE[3]) ** 2
    water[lake + 2.0 * wobble < 1.0] = Material.POND
    # the quay is drawn with a ruler, the beach by the sea
    natural = np.where((east > 8.7) & (east < 12.0), 0.0, wobble)
    water[north < _shore(east) + natural] = Material.SEA
    return water


def _beach(east: NDArray[np.float32], north: NDArray[np.float32]) -> NDArray[np.bool_]:
    reach = 0.42 * np.clip(1.0 - np.abs(east - 6.6) / 1.3, 0.0, 1.0)
    return np.asarray(north < _shore(east) + reach)


def _rise(east: NDArray[np.float32], north: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Relief, about 0 in the plain and 1 on the summits."""
    hills = np.zeros(east.shape, dtype=np.float32)
    for x, y, radius in _HILLS:
        hills += np.exp(-(((east - x) / radius) ** 2 + ((north - y) / radius) ** 2) * np.float32(1.5))
    rough = smooth_field(rng, east.shape, pixels=250, roughness=2.6)
    return np.clip(hills * (1.0 + 0.28 * rough), 0.0, 1.3).astype(np.float32)


def _district_seeds(rng: np.random.Generator) -> NDArray[np.float64]:
    """Points of a jittered grid, (n, 2) km east and north."""
    across, up = (np.arange(-_SPACING, side + _SPACING, _SPACING) for side in _EXTENT)
    nodes = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    return np.asarray(nodes + rng.uniform(-0.36, 0.36, nodes.shape) * _SPACING)


def _nearest(
    seeds: NDArray[np.float64],
    east: NDArray[np.float32],
    north: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """Index of the nearest seed, looked up at 10 m with slightly crooked borders."""
    coarse = east[::2, ::2].shape
    bend = [0.05 * smooth_field(rng, coarse, pixels=60, roughness=2.6) for _ in range(2)]
    points = np.stack([east[::2, ::2] + bend[0], north[::2, ::2] + bend[1]], axis=-1)
    _, index = cKDTree(seeds).query(points.reshape(-1, 2))
    nearest: NDArray[np.int32] = index.astype(np.int32).reshape(coarse)
    return nearest.repeat(2, axis=0).repeat(2, axis=1)


def _classes(seeds: NDArray[np.float64], seed: int) -> NDArray[np.uint8]:
    """Class of each district: a planned quarter where one reaches, else by ring and lot."""
    planned = np.array([(x, y, radius) for _, x, y, radius in _QUARTERS])
    gap = np.hypot(seeds[:, :1] - planned[:, 0], seeds[:, 1:] - planned[:, 1]) / planned[:, 2]
    owner = gap.argmin(axis=1)
    out = np.hypot(seeds[:, 0] - _CENTRE[0], 1.12 * (seeds[:, 1] - _CENTRE[1]))
    ticket = lottery(seed + 1, np.arange(len(seeds)))
    classes = np.zeros(len(seeds), dtype=np.uint8)
    for index, distance in enumerate(out):
        if gap[index, owner[index]] < 1.0:
            classes[index] = _QUARTERS[owner[index]][0]
            continue
        shares = next(shares for radius, shares in _RINGS if distance < radius)
        codes, parts = zip(*shares, strict=True)
        classes[index] = codes[min(int(np.searchsorted(np.cumsum(parts), ticket[index])), len(codes) - 1)]
    return classes


def _roads(east: NDArray[np.float32], north: NDArray[np.float32]) -> NDArray[np.bool_]:
    half = np.float32(_ROAD_METRES / 2000.0)
    road = np.zeros(east.shape, dtype=np.bool_)
    rows, columns = east.shape
    for line in _ROADS:
        for (x0, y0), (x1, y1) in pairwise(line):
            # only the segment's box is touched
            west, right = sorted((x0, x1))
            south, top = sorted((y0, y1))
            left = max(int((west - half) / _EXTENT[0] * columns), 0)
            last = max(int((right + half) / _EXTENT[0] * columns) + 2, 0)
            upper = max(int((1.0 - (top + half) / _EXTENT[1]) * rows) - 1, 0)
            lower = max(int((1.0 - (south - half) / _EXTENT[1]) * rows) + 2, 0)
            box = np.s_[upper:lower, left:last]
            length = float(np.hypot(x1 - x0, y1 - y0))
            dx, dy = (x1 - x0) / length, (y1 - y0) / length
            along = (east[box] - x0) * dx + (north[box] - y0) * dy
            aside = (east[box] - x0) * dy - (north[box] - y0) * dx
            road[box] |= (np.abs(aside) < half) & (along > -half) & (along < length + half)
    return road
