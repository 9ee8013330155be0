"""From quarters to blocks between streets, and the draws every built class shares: roofs, yards, floors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lczmap.synthetic.chance import Keys, child_keys, pick, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, inset, parcels_of, split_down
from lczmap.synthetic.region import Mix
from lczmap.synthetic.shapes import Layer, Quads, quads
from lczmap.synthetic.townplan import Quarters

FLOOR_METRES = 3.1
"""Height of a storey."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """How quarters are cut into blocks, metres."""

    main: float
    """Half the width of the main roads around a quarter."""
    block: float
    """Longest side of a block."""
    street: float
    """Width of the streets between blocks."""
    irregular: float = 0.5
    """0 for cuts in the middle, 1 for cuts anywhere."""


def blocks_of(quarters: Quarters, grid: Grid) -> Parcels:
    """Blocks, streets already taken off; `parent` indexes the quarters. Slivers are left to the street."""
    inner, whole = inset(quarters.corners, grid.main)
    land = parcels_of(inner, quarters.keys)
    pieces = split_down(land.where(whole), grid.block, irregular=grid.irregular, purpose="block")
    parent = np.flatnonzero(whole)[pieces.parent]
    return shrunk(Parcels(corners=pieces.corners, keys=pieces.keys, parent=parent), grid.street / 2.0)


def shrunk(ground: Parcels, metres: ArrayLike) -> Parcels:
    """Parcels with every edge moved inwards (one number, `(n,)` or `(n, 4)` metres), those that vanish left out."""
    corners, left = inset(ground.corners, metres)
    return Parcels(corners=corners, keys=ground.keys, parent=ground.parent).where(left)


def surface(ground: Parcels, material: ArrayLike, layer: Layer) -> Quads:
    """Parcels as ground of a material (one, or `(n,)`), each in a shade of its own."""
    return quads(ground.corners, material=material, tone=ticket(ground.keys, "tone"), keys=ground.keys, layer=layer)


def streets(quarters: Quarters, material: Material = Material.ASPHALT) -> Quads:
    """The ground of quarters, seen wherever nothing covers it."""
    return quads(
        quarters.corners, material=material, tone=ticket(quarters.keys, "tone"), keys=quarters.keys, layer=Layer.QUARTER
    )


def drawn(keys: Keys, purpose: str, mix: Mix) -> NDArray[np.uint8]:
    """A material a key, by the weights of a mix."""
    materials = np.array([material for material, _ in mix], dtype=np.uint8)
    return materials[pick(keys, purpose, [weight for _, weight in mix])]


def floors(keys: Keys, low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """Heights in metres of whole storeys, uniform between two heights (one number or `(n,)` each)."""
    least = np.asarray(low, dtype=np.float64)
    height = least + (np.asarray(high, dtype=np.float64) - least) * ticket(keys, "floors")
    return np.asarray(np.maximum(np.rint(height / FLOOR_METRES), 1.0) * FLOOR_METRES)


def fresh(keys: Keys, purpose: int) -> Keys:
    """Keys of other things in the same places: what grows on a lot beside what is built there."""
    return child_keys(keys, 1_000_003 + purpose)
