"""Draw shapes on a pixel grid: which material, how high, whose, in which shade and direction.

In: `Shapes` and a grid of any whole-metre pixel. Out: `Ground`. The same shapes on a coarser grid are the same city
seen coarser. Knows neither light nor colour.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Corners
from lczmap.synthetic.shapes import Discs, Quads, Shapes
from lczmap.words.grid import PixelGrid

_PIXELS_AT_ONCE = 1 << 21


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What lies on each pixel, seen from above, row 0 in the north; all `(rows, columns)`."""

    grid: PixelGrid
    """Where."""
    material: NDArray[np.uint8]
    """`Material`."""
    height: NDArray[np.float32]
    """Metres above the ground, roof forms and crown domes included."""
    tone: NDArray[np.uint8]
    """The shape's draw, 0..255: which shade of its material it has."""
    grain: NDArray[np.uint8]
    """Direction of its length, 0..255 for 0..pi counter-clockwise from east: furrows, ridges, lanes."""
    instance: NDArray[np.uint32]
    """Identity of the shape, 0 where nothing was drawn; equal for all pixels of a shape in every window."""


def blank_ground(grid: PixelGrid, material: Material) -> Ground:
    """Bare ground of one material."""
    shape = (grid.height, grid.width)
    return Ground(
        grid=grid,
        material=np.full(shape, material, dtype=np.uint8),
        height=np.zeros(shape, dtype=np.float32),
        tone=np.full(shape, 128, dtype=np.uint8),
        grain=np.zeros(shape, dtype=np.uint8),
        instance=np.zeros(shape, dtype=np.uint32),
    )


def paint_flat(ground: Ground, surfaces: Quads) -> None:
    """Draw quads, higher layers over lower ones; within a layer in no order that matters."""
    for chosen, rows, columns, _ in _covered(ground.grid, surfaces.corners, surfaces.layer):
        _set(ground, surfaces, chosen, rows, columns)
        ground.height[rows, columns] = surfaces.height[chosen]


def paint_roofs(ground: Ground, roofs: Quads) -> None:
    """Draw buildings, the taller over the lower."""
    heights = roofs.height + _own_height(roofs.keys)
    for chosen, rows, columns, nearness in _covered(ground.grid, roofs.corners):
        rise = roofs.rise[chosen]
        along, around = nearness
        top = heights[chosen] + np.where(rise >= 0, rise * along, -rise * around)
        free = _raise_to(ground.height, rows, columns, top)
        _set(ground, roofs, chosen[free], rows[free], columns[free])


def paint_discs(ground: Ground, discs: Discs) -> None:
    """Draw crowns and tanks, the taller over the lower, and never over what is taller already."""
    heights = discs.height + _own_height(discs.keys)
    tones, identities = (discs.tone * 256.0).astype(np.uint8), _identity(discs.keys)
    for disc, row, column, share in _within(ground.grid, discs.centre, discs.radius):
        top = heights[disc] - discs.dome[disc] * (1.0 - np.sqrt(np.maximum(1.0 - share, 0.0)))
        free = _raise_to(ground.height, row, column, top)
        chosen, rows, columns = disc[free], row[free], column[free]
        ground.material[rows, columns] = discs.material[chosen]
        ground.tone[rows, columns] = tones[chosen]
        ground.instance[rows, columns] = identities[chosen]


def paint(ground: Ground, shapes: Shapes, *, details: bool) -> None:
    """Draw everything in its order; `details` are the things under 3 m across."""
    paint_flat(ground, shapes.ground)
    if details:
        paint_flat(ground, shapes.details)
    paint_roofs(ground, shapes.roofs)
    paint_discs(ground, shapes.discs)


def _identity(keys: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """The upper half of a key, never 0; two shapes of a window share it once in billions."""
    upper: NDArray[np.uint32] = np.maximum(keys >> np.uint64(32), np.uint64(1)).astype(np.uint32)
    return upper


def _own_height(keys: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Up to six centimetres of a shape's own: of two that meet at one height, the same one wins in every window."""
    return (keys & np.uint64(0xFFF)).astype(np.float32) * np.float32(2.0**-16)


def _raise_to(
    height: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64], top: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Lift pixels to the tallest of what stands on them; which of the candidates these are.

    The order of the candidates, and how they were split into lots, makes no difference.
    """
    surface, places = height.reshape(-1), rows * height.shape[1] + columns
    able = np.flatnonzero(surface[places] < top)
    places, top = places[able], top[able]
    pending = np.arange(len(able))
    while len(pending):
        # of several on one pixel the last is stored, so those that are taller still have another turn
        surface[places[pending]] = top[pending]
        pending = pending[surface[places[pending]] < top[pending]]
    tallest: NDArray[np.int64] = able[surface[places] == top]
    return tallest


def _set(
    ground: Ground, quads: Quads, chosen: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> None:
    along = quads.corners[:, 1] - quads.corners[:, 0]
    angle = np.mod(np.arctan2(along[:, 1], along[:, 0]), np.pi) / np.pi * 256.0
    ground.material[rows, columns] = quads.material[chosen]
    ground.tone[rows, columns] = (quads.tone * 256.0).astype(np.uint8)[chosen]
    ground.grain[rows, columns] = angle.astype(np.uint8)[chosen]
    ground.instance[rows, columns] = _identity(quads.keys)[chosen]


Nearness = tuple[NDArray[np.float32], NDArray[np.float32]]


def _covered(
    grid: PixelGrid, corners: Corners, layer: NDArray[np.uint8] | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Nearness]]:
    """Lots of covered pixels, in painting order.

    Yields:
        Index of the quad, row and column of the pixel (each `(k,)`), and how near the pixel is to the middle line
        along the length, and to the innermost point: 0 at the edge, 1 there (each `(k,)`).
    """
    pixels = _in_pixels(grid, corners)
    for lot, first, side in _lots(grid, pixels.min(axis=1), pixels.max(axis=1), layer):
        # from the shape's own first pixel: rounded alike in every window
        here = (pixels[lot] - first[:, None]).astype(np.float32)
        x = y = np.arange(side, dtype=np.float32)[None] + np.float32(0.5)
        far = []
        for k in range(4):
            start = here[:, k]
            edge = here[:, (k + 1) % 4] - start
            scale = 1.0 / np.maximum(np.hypot(edge[:, 0], edge[:, 1]), 1e-6)
            # rows run south, so a counter-clockwise ring runs clockwise in pixels
            nx, ny = edge[:, 1] * scale, -edge[:, 0] * scale
            over_x = nx[:, None] * (x - start[:, 0, None])
            over_y = ny[:, None] * (y - start[:, 1, None])
            far.append(over_y[:, :, None] + over_x[:, None, :])
        inside = (far[0] >= 0) & (far[1] >= 0) & (far[2] >= 0) & (far[3] >= 0)
        rows, columns = first[:, 1, None] + np.arange(side), first[:, 0, None] + np.arange(side)
        inside &= ((rows >= 0) & (rows < grid.height))[:, :, None]
        inside &= ((columns >= 0) & (columns < grid.width))[:, None, :]
        quad, row, column = np.nonzero(inside)
        d0, d1, d2, d3 = (each[inside] for each in far)
        depth = np.maximum(d0 + d2, 1e-6)
        along = 2.0 * np.minimum(d0, d2) / depth
        around = 2.0 * np.minimum(np.minimum(d0, d2), np.minimum(d1, d3)) / np.minimum(depth, d1 + d3 + 1e-6)
        yield lot[quad], first[quad, 1] + row, first[quad, 0] + column, (along, np.minimum(around, 1.0))


def _within(
    grid: PixelGrid, centre: NDArray[np.float64], radius: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """Lots of pixels inside discs, in painting order: disc, row, column, squared share of the radius."""
    middle = _in_pixels(grid, centre)
    reach = radius.astype(np.float64)[:, None] / grid.metres
    for lot, first, side in _lots(grid, middle - reach, middle + reach):
        span = np.arange(side) + 0.5
        x = first[:, 0, None] + span - middle[lot, 0, None]
        y = first[:, 1, None] + span - middle[lot, 1, None]
        inverse = 1.0 / np.maximum(reach[lot, 0], 0.3) ** 2
        share = ((y**2 * inverse[:, None])[:, :, None] + (x**2 * inverse[:, None])[:, None, :]).astype(np.float32)
        rows, columns = first[:, 1, None] + np.arange(side), first[:, 0, None] + np.arange(side)
        inside = share <= 1.0
        inside &= ((rows >= 0) & (rows < grid.height))[:, :, None]
        inside &= ((columns >= 0) & (columns < grid.width))[:, None, :]
        disc, row, column = np.nonzero(inside)
        yield lot[disc], first[disc, 1] + row, first[disc, 0] + column, share[inside]


def _in_pixels(grid: PixelGrid, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns and rows, fractions kept, of metres east and north."""
    return np.stack([(points[..., 0] - grid.west), (grid.north - points[..., 1])], axis=-1) / grid.metres


def _lots(
    grid: PixelGrid, low: NDArray[np.float64], high: NDArray[np.float64], layer: NDArray[np.uint8] | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], int]]:
    """Shapes of one layer and about one size: indices, first pixels `(k, 2)` (column, row), side of their square.

    Layers come in order, sizes within a layer likewise; equal ones keep their order, so what is later lies on top.
    """
    first, last = np.floor(low).astype(np.int64), np.ceil(high).astype(np.int64)
    seen = np.flatnonzero(
        (last[:, 0] > 0) & (last[:, 1] > 0) & (first[:, 0] < grid.width) & (first[:, 1] < grid.height)
    )
    sides = (last - first).max(axis=1)[seen]
    # one square for all sizes would make every car as large as a field
    power = np.ceil(np.log2(np.maximum(sides, 1)) * 2.0).astype(np.int64)
    rank = power if layer is None else power + 64 * layer[seen].astype(np.int64)
    order = np.argsort(rank, kind="stable")
    for run in np.split(order, np.flatnonzero(np.diff(rank[order])) + 1):
        if not len(run):
            continue
        side = int(sides[run].max())
        step = max(1, _PIXELS_AT_ONCE // (side * side))
        for start in range(0, len(run), step):
            lot = seen[run[start : start + step]]
            yield lot, first[lot], side
