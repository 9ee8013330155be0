"""Where land meets water: how deep pixels lie, what keeps its feet dry, beaches, quays, reeds and wet sand.

In: a `TownPlan`, places, painted ground. Out: depths, and the ground with water let in. Depths come from a lattice
that all windows share.
"""

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import value_noise
from lczmap.synthetic.materials import Material
from lczmap.synthetic.paint import Ground
from lczmap.synthetic.townplan import TownPlan, water_at
from lczmap.words.grid import PixelGrid

_GRAIN = 20
"""Spacing at which the shores are asked for, metres; between them depth is linear."""
_WIDEST = 40.0
"""No bank reaches further from the water, metres."""
_QUAY = 7.0
"""Width of a quay, metres."""
_TOWN = np.array([1, 2, 3, 4, 5, 8, 10], dtype=np.uint8)
"""Classes that meet the water with a wall."""


def depth_on(plan: TownPlan, grid: PixelGrid) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Depth into the water in metres, negative on land, and its material, on every pixel."""
    left, bottom, right, top = grid.bounds
    x, y, depth, kind = _lattice(plan, (left, bottom), (right, top))
    rows = (top - (np.arange(grid.height) + 0.5) * grid.metres - y) / _GRAIN
    columns = (left + (np.arange(grid.width) + 0.5) * grid.metres - x) / _GRAIN
    row, column = np.floor(rows).astype(int), np.floor(columns).astype(int)
    up, along = (rows - row)[:, None], (columns - column).astype(np.float32)
    by_row = (depth[row] * (1.0 - up) + depth[row + 1] * up).astype(np.float32)
    mixed: NDArray[np.float32] = by_row[:, column] * (1.0 - along) + by_row[:, column + 1] * along
    return mixed, kind[np.rint(rows).astype(int)[:, None], np.rint(columns).astype(int)]


def on_land(plan: TownPlan, points: NDArray[np.float64], margin: float) -> NDArray[np.bool_]:
    """Whether all points `(n, k, 2)` of each shape keep a distance from the water, metres, about."""
    if not points.size:
        return np.ones(len(points), dtype=np.bool_)
    flat = points.reshape(-1, 2)
    x, y, depth, _ = _lattice(plan, tuple(flat.min(axis=0)), tuple(flat.max(axis=0)))
    if depth.max() < -margin:
        return np.ones(len(points), dtype=np.bool_)
    place = (flat - [x, y]) / _GRAIN
    column, row = np.floor(place).astype(int).T
    along, up = (place - np.floor(place)).T
    low = depth[row, column] * (1.0 - along) + depth[row, column + 1] * along
    high = depth[row + 1, column] * (1.0 - along) + depth[row + 1, column + 1] * along
    dry = low * (1.0 - up) + high * up < -margin
    return np.asarray(dry.reshape(points.shape[:2]).all(axis=1))


def let_in(plan: TownPlan, ground: Ground, zone: NDArray[np.uint8]) -> None:
    """Cover ground with water and its banks.

    Args:
        plan: the city.
        ground: changed in place.
        zone: LCZ code of the land on each pixel `(rows, columns)`: towns have quays, open country has beaches.
    """
    depth, kind = depth_on(plan, ground.grid)
    near = np.flatnonzero((depth > -_WIDEST) & (depth < _WIDEST))
    row, column = np.divmod(near, ground.grid.width)
    x = ground.grid.west + (column + 0.5) * ground.grid.metres
    y = ground.grid.north - (row + 0.5) * ground.grid.metres
    town = np.isin(zone.ravel()[near], _TOWN)
    # towns straighten their shores
    ripple = 2.6 * value_noise(plan.key, x, y, metres=13.0, purpose="shore ripple")
    ripple += 4.0 * value_noise(plan.key, x, y, metres=47.0, purpose="shore curl")
    offshore = depth.ravel()[near] + np.where(town, 0.0, ripple)
    seaside = kind.ravel()[near] == Material.SEA
    slow = value_noise(plan.key, x, y, metres=260.0, purpose="shore")
    patchy = value_noise(plan.key, x, y, metres=19.0, purpose="reeds")
    bank = np.full(len(near), _NOTHING, dtype=np.uint8)
    tone = np.full(len(near), 128, dtype=np.uint8)
    wide = np.where(seaside, 16.0 + 13.0 * slow, 5.0 + 3.5 * slow)
    natural = ~town & (offshore > -wide)
    bank[natural] = _inland(plan)
    bank[natural & ~seaside & (offshore + 4.0 * patchy > -2.5)] = Material.SCRUB
    bank[natural & seaside] = Material.SAND
    rim = ~town & seaside & (offshore > -wide - 5.0) & (offshore + 6.0 * patchy <= -wide)
    bank[rim] = Material.DRY_GRASS
    tone[natural & seaside & (offshore > -3.5)] = 250
    bank[town & (depth.ravel()[near] > -_QUAY)] = Material.PAVING
    bank[offshore > 0.0] = kind.ravel()[near][offshore > 0.0]
    water = (depth > 0.0).ravel()
    water[near] = offshore > 0.0
    banked = bank != _NOTHING
    for plane, value in ((ground.height, 0.0), (ground.grain, 0), (ground.instance, 0), (ground.tone, 128)):
        flat = plane.reshape(-1)
        flat[near[banked]] = value
        flat[water] = value
    ground.material.reshape(-1)[near[banked]] = bank[banked]
    ground.tone.reshape(-1)[near[banked]] = tone[banked]
    ground.material.reshape(-1)[water] = kind.reshape(-1)[water]
    # one body of water is one instance: all of a kind, for they meet beyond the window
    ground.instance.reshape(-1)[water] = kind.reshape(-1)[water]


_NOTHING = 255


def _inland(plan: TownPlan) -> Material:
    """What grows on the banks of rivers and ponds."""
    return Material.GRASS if plan.region.green > 0.3 else Material.DRY_GRASS


def _lattice(
    plan: TownPlan, low: tuple[float, ...], high: tuple[float, ...]
) -> tuple[float, float, NDArray[np.float64], NDArray[np.uint8]]:
    """Easting and northing of the first node, depths and materials on nodes around a box, from south to north."""
    first, last = (np.floor(np.array(corner) / _GRAIN).astype(int) for corner in (low, high))
    x, y = np.meshgrid(*(np.arange(first[axis], last[axis] + 2) * float(_GRAIN) for axis in (0, 1)))
    depth, kind = water_at(plan, x, y)
    return float(x[0, 0]), float(y[0, 0]), depth, kind
