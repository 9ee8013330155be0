"""The surface of a simulated city on any window: quarters woven, wet ones cleared, painted, water let in.

In: a `TownPlan` and a grid. Out: `Ground` (what is seen from above) or the class of every pixel. Windows agree where
they overlap, whatever their size.
"""

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.bend import BEND_REACH, bent, bent_quads, moved
from lczmap.synthetic.chance import ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.paint import Ground, blank_ground, paint_discs, paint_flat, paint_roofs
from lczmap.synthetic.quads import Corners, rectangles
from lczmap.synthetic.shapes import Layer, Quads, Shapes, choose_discs, choose_quads, quads
from lczmap.synthetic.townplan import Quarters, TownPlan, quarters_in, water_at
from lczmap.synthetic.weave.lanes import edge_keys, through_roads
from lczmap.synthetic.weave.loom import weave
from lczmap.words.grid import PixelGrid

_WATER_GRAIN = 20
"""Spacing at which the shores are asked for, metres; between them depth is linear."""
_BANK = 14.0
"""Width of the bank, metres; nothing is built on it."""
_SPAN = 8.0
"""Length of the pieces that bridges are made of, metres."""
_BRIDGE = 5.0
"""Half the width of a bridge, metres."""
_WATER = 17


def ground_of(plan: TownPlan, grid: PixelGrid, *, details: bool) -> Ground:
    """What lies on a window of a city.

    Args:
        plan: the city.
        grid: where, in pixels of whole metres.
        details: whether cars and the like are drawn; for pixels of 1 m.
    """
    quarters = quarters_in(plan, _widened(grid, 20.0 + BEND_REACH))
    dry = _dry(plan, bent(weave(quarters, plan.region), plan.key))
    ground = blank_ground(grid, Material.GRASS)
    paint_flat(ground, dry.ground)
    _let_in(plan, ground)
    paint_flat(ground, _bridges(plan, quarters))
    if details:
        paint_flat(ground, dry.details)
    paint_roofs(ground, dry.roofs)
    paint_discs(ground, dry.discs)
    return ground


def zones_of(plan: TownPlan, grid: PixelGrid) -> NDArray[np.uint8]:
    """LCZ code of every pixel, `(rows, columns)`: its quarter's, or 17 in the water."""
    quarters = quarters_in(plan, _widened(grid, BEND_REACH))
    painted = blank_ground(grid, Material.GRASS)
    paint_flat(painted, bent_quads(_by_zone(quarters), plan.key))
    return np.where(_depth(plan, grid)[0] > 0.0, np.uint8(_WATER), painted.material)


def _by_zone(quarters: Quarters) -> Quads:
    """Quarters whose material is their LCZ code."""
    return quads(
        quarters.corners,
        material=quarters.zone,
        tone=np.zeros(len(quarters.keys)),
        keys=quarters.keys,
        layer=Layer.QUARTER,
    )


def _widened(grid: PixelGrid, metres: float) -> tuple[float, float, float, float]:
    left, bottom, right, top = grid.bounds
    return left - metres, bottom - metres, right + metres, top + metres


def _dry(plan: TownPlan, shapes: Shapes) -> Shapes:
    """The shapes without what would stand in water."""
    return Shapes(
        ground=shapes.ground,
        details=choose_quads(shapes.details, _on_land(plan, shapes.details.corners, 0.0)),
        roofs=choose_quads(shapes.roofs, _on_land(plan, shapes.roofs.corners, _BANK)),
        discs=choose_discs(shapes.discs, _on_land(plan, shapes.discs.centre[:, None], 2.0)),
    )


def _on_land(plan: TownPlan, corners: Corners, margin: float) -> NDArray[np.bool_]:
    """Whether every corner `(n, k, 2)` keeps its distance from the water."""
    depth, _ = water_at(plan, corners[..., 0], corners[..., 1])
    return np.asarray((depth < -margin).all(axis=1))


def _depth(plan: TownPlan, grid: PixelGrid) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Depth into the water, and its material, on every pixel; from nodes that all windows share."""
    left, bottom, right, top = grid.bounds
    first, last = left // _WATER_GRAIN, -(-right // _WATER_GRAIN)
    low, high = bottom // _WATER_GRAIN, -(-top // _WATER_GRAIN)
    x, y = np.meshgrid(
        np.arange(first, last + 1) * float(_WATER_GRAIN), np.arange(high, low - 1, -1) * float(_WATER_GRAIN)
    )
    depth, kind = water_at(plan, x, y)
    rows = (high * _WATER_GRAIN - (top - (np.arange(grid.height) + 0.5) * grid.metres)) / _WATER_GRAIN
    columns = (left + (np.arange(grid.width) + 0.5) * grid.metres - first * _WATER_GRAIN) / _WATER_GRAIN
    return _bilinear(depth, rows, columns), kind[np.rint(rows).astype(int)[:, None], np.rint(columns).astype(int)]


def _bilinear(
    nodes: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Values at every crossing of fractional rows and columns."""
    row, column = np.floor(rows).astype(int), np.floor(columns).astype(int)
    row, column = np.minimum(row, nodes.shape[0] - 2), np.minimum(column, nodes.shape[1] - 2)
    down, right = (rows - row)[:, None], (columns - column).astype(np.float32)
    by_row = (nodes[row] * (1.0 - down) + nodes[row + 1] * down).astype(np.float32)
    mixed: NDArray[np.float32] = by_row[:, column] * (1.0 - right) + by_row[:, column + 1] * right
    return mixed


def _let_in(plan: TownPlan, ground: Ground) -> None:
    """Cover the ground with water and its bank."""
    depth, kind = _depth(plan, ground.grid)
    bank, wet = (depth > -_BANK * 0.6) & (depth <= 0.0), depth > 0.0
    sandy = kind == Material.SEA
    ground.material[bank] = np.where(sandy[bank], np.uint8(Material.SAND), np.uint8(Material.GRASS))
    ground.material[wet] = kind[wet]
    for plane, value in ((ground.height, 0.0), (ground.tone, 128), (ground.grain, 0)):
        plane[bank | wet] = value
    # one body of water is one instance: all of a kind, for they meet beyond the window
    ground.instance[wet] = kind[wet]
    ground.instance[bank] = 0


def _bridges(plan: TownPlan, quarters: Quarters) -> Quads:
    """Roads that go on over rivers and ponds: the piece of a border between two banks."""
    start, end = quarters.corners[:, 0], quarters.corners[:, 1]
    border = edge_keys(quarters.corners)[:, 0]
    chosen = through_roads(border)
    along, low, border = (end - start)[chosen], start[chosen], border[chosen]
    length = np.linalg.norm(along, axis=1)
    counts = np.ceil(length / _SPAN).astype(np.int64)
    road = np.repeat(np.arange(len(counts)), counts)
    index = np.arange(len(road)) - np.repeat(np.cumsum(counts) - counts, counts)
    middle = low[road] + along[road] * ((index + 0.5) / counts[road])[:, None]
    middle = moved(middle, plan.key)
    depth, kind = water_at(plan, middle[:, 0], middle[:, 1])
    spans = (depth > -_BANK - _SPAN) & (kind != Material.SEA)
    road, middle = road[spans], middle[spans]
    way = along[road] / length[road, None]
    return quads(
        rectangles(middle, way, 1.1 * _SPAN, 2.0 * _BRIDGE),
        material=Material.ASPHALT,
        tone=ticket(border, "tone")[road],
        keys=border[road],
        layer=Layer.LINE,
    )
