"""Draw shapes on a pixel grid: which material, how high, whose, in which shade and direction.

In: `Shapes` and a grid of any whole-metre pixel. Out: `Ground`. The same shapes on a coarser grid are the same city
seen coarser. Knows neither light nor colour.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.materials import Material
from lczmap.synthetic.scan import QuadRuns, disc_runs, quad_runs
from lczmap.synthetic.shapes import Discs, Quads, Shapes
from lczmap.words.grid import PixelGrid


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
    size = np.ceil(2.0 * np.log2(np.maximum(np.ptp(surfaces.corners, axis=1).max(axis=1, initial=0.0), 1.0)))
    # smaller things of a layer over larger ones
    order = np.argsort(surfaces.layer * 64.0 - size, kind="stable")
    planes = _planes(ground, surfaces)
    for runs in quad_runs(ground.grid, surfaces.corners, order):
        places = runs.places()
        for plane, values in planes:
            plane[places] = runs.spread(values)
        ground.height.reshape(-1)[places] = runs.spread(surfaces.height)


def paint_roofs(ground: Ground, roofs: Quads) -> None:
    """Draw buildings, the taller over the lower."""
    heights = roofs.height + _own_height(roofs.keys)
    planes, surface = _planes(ground, roofs), ground.height.reshape(-1)
    for pitched in (False, True):
        for runs in quad_runs(ground.grid, roofs.corners, np.flatnonzero((roofs.rise != 0) == pitched)):
            top = runs.spread(heights)
            if pitched:
                top += _pitch(runs, runs.spread(roofs.rise))
            places = runs.places()
            free = _raise_to(surface, places, top)
            whose = runs.spread(np.arange(len(roofs)))[free]
            for plane, values in planes:
                plane[places[free]] = values[whose]


def paint_discs(ground: Ground, discs: Discs) -> None:
    """Draw crowns and tanks, the taller over the lower, and never over what is taller already."""
    heights = discs.height + _own_height(discs.keys)
    tones, identities = (discs.tone * 256.0).astype(np.uint8), _identity(discs.keys)
    surface = ground.height.reshape(-1)
    for runs in disc_runs(ground.grid, discs.centre, discs.radius):
        top = runs.spread(heights) - runs.spread(discs.dome) * (1.0 - np.sqrt(np.maximum(1.0 - runs.share(), 0.0)))
        places = runs.places()
        free = _raise_to(surface, places, top)
        whose, where = runs.spread(np.arange(len(discs)))[free], places[free]
        ground.material.reshape(-1)[where] = discs.material[whose]
        ground.tone.reshape(-1)[where] = tones[whose]
        ground.instance.reshape(-1)[where] = identities[whose]


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


def _raise_to(surface: NDArray[np.float32], places: NDArray[np.int64], top: NDArray[np.float32]) -> NDArray[np.int64]:
    """Lift places of a flattened surface to the tallest of what stands on them; which of the candidates these are.

    The order of the candidates, and how they were split into lots, makes no difference.
    """
    able = np.flatnonzero(surface[places] < top)
    places, top = places[able], top[able]
    pending = np.arange(len(able))
    while len(pending):
        # of several on one pixel the last is stored, so those that are taller still have another turn
        surface[places[pending]] = top[pending]
        pending = pending[surface[places[pending]] < top[pending]]
    tallest: NDArray[np.int64] = able[surface[places] == top]
    return tallest


def _planes(ground: Ground, quads: Quads) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Flattened planes of the ground, and what each quad paints there."""
    along = quads.corners[:, 1] - quads.corners[:, 0]
    angle = np.mod(np.arctan2(along[:, 1], along[:, 0]), np.pi) / np.pi * 256.0
    return [
        (ground.material.reshape(-1), quads.material),
        (ground.tone.reshape(-1), (quads.tone * 256.0).astype(np.uint8)),
        (ground.grain.reshape(-1), angle.astype(np.uint8)),
        (ground.instance.reshape(-1), _identity(quads.keys)),
    ]


def _pitch(runs: QuadRuns, rise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Height above the eaves on every pixel: a gable along edge 0 where `rise` is positive, a hip where negative."""
    d0, d1, d2, d3 = runs.inside()
    depth, length = d0 + d2, d1 + d3
    nearest = np.minimum(d0, d2, out=d0)
    along = 2.0 * nearest / np.maximum(depth, 1e-6)
    around = 2.0 * np.minimum(nearest, np.minimum(d1, d3)) / np.maximum(np.minimum(depth, length), 1e-6)
    return np.asarray(np.where(rise >= 0, rise * along, -rise * np.minimum(around, 1.0)), dtype=np.float32)
