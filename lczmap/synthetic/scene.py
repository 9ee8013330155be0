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
from lczmap.synthetic.quads import rectangles
from lczmap.synthetic.shapes import Layer, Quads, Shapes, choose_discs, choose_quads, quads
from lczmap.synthetic.shore import depth_on, let_in, on_land
from lczmap.synthetic.townplan import Quarters, TownPlan, quarters_in, water_at
from lczmap.synthetic.weave.lanes import edge_keys, through_roads
from lczmap.synthetic.weave.loom import weave
from lczmap.words.grid import PixelGrid

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
    let_in(plan, ground, _zones(plan, grid, quarters))
    paint_flat(ground, _bridges(plan, quarters))
    if details:
        paint_flat(ground, dry.details)
    paint_roofs(ground, dry.roofs)
    paint_discs(ground, dry.discs)
    return ground


def zones_of(plan: TownPlan, grid: PixelGrid) -> NDArray[np.uint8]:
    """LCZ code of every pixel, `(rows, columns)`: its quarter's, or 17 in the water."""
    quarters = quarters_in(plan, _widened(grid, BEND_REACH))
    return np.where(depth_on(plan, grid)[0] > 0.0, np.uint8(_WATER), _zones(plan, grid, quarters))


def _zones(plan: TownPlan, grid: PixelGrid, quarters: Quarters) -> NDArray[np.uint8]:
    """LCZ code of the quarter on every pixel, water or not."""
    painted = blank_ground(grid, Material.GRASS)
    paint_flat(painted, bent_quads(_by_zone(quarters), plan.key))
    return painted.material


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
        details=choose_quads(shapes.details, on_land(plan, shapes.details.corners, 0.0)),
        roofs=choose_quads(shapes.roofs, on_land(plan, shapes.roofs.corners, _BANK)),
        discs=choose_discs(shapes.discs, on_land(plan, shapes.discs.centre[:, None], 2.0)),
    )


def _bridges(plan: TownPlan, quarters: Quarters) -> Quads:
    """Roads that go on over rivers and ponds, from bank to bank: none that would end in the water."""
    corners = quarters.corners
    start, end = np.concatenate([corners[:, 0], corners[:, 3]]), np.concatenate([corners[:, 1], corners[:, 0]])
    border = edge_keys(corners)
    border = np.concatenate([border[:, 0], border[:, 3]])
    ends = moved(np.stack([start, end], axis=1), plan.key)
    chosen = through_roads(border) & on_land(plan, ends, _BANK)
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
