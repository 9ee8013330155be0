"""What stands on the ground of a simulated city: pieces of ground, roofs, cars (quads), crowns and tanks (discs).

Arrays of equal length, one entry a shape; painting order is the order of `Shapes`' fields, and of layers within the
ground. Fabrics (`weave`) make them, `paint` draws them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lczmap.synthetic.chance import Keys
from lczmap.synthetic.quads import Corners


class Layer(IntEnum):
    """Order in which surfaces at height 0 cover each other."""

    QUARTER = 0
    """The ground of a whole quarter: its streets show where nothing covers it."""
    BLOCK = 1
    """Blocks between streets: their pavement shows at the rim."""
    LOT = 2
    """Lots, yards, fields."""
    PATCH = 3
    """Gardens, parking, courts, pools."""
    LINE = 4
    """Paths, drives, lanes, markings."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Quads:
    """Flat or roofed quadrilaterals."""

    corners: Corners
    """`(n, 4, 2)` metres, counter-clockwise; a ridge, furrows and lanes run along edge 0."""
    material: NDArray[np.uint8]
    """`Material` `(n,)`."""
    height: NDArray[np.float32]
    """Eaves or flat top above the ground, metres `(n,)`; 0 for ground."""
    rise: NDArray[np.float32]
    """Ridge above the eaves, metres `(n,)`: 0 flat, positive a gable along edge 0, negative a hip of that rise."""
    tone: NDArray[np.float32]
    """A draw in [0, 1) `(n,)`: which of its material's shades it has."""
    keys: Keys
    """Identity `(n,)`."""
    layer: NDArray[np.uint8]
    """`Layer` `(n,)`: higher ones lie over lower ones; quads of one layer do not overlap. Roofs pay no heed to it."""

    def __len__(self) -> int:
        """Number of quads."""
        return len(self.keys)


@dataclass(frozen=True, kw_only=True, eq=False)
class Discs:
    """Tree crowns and bushes (domes), tanks and silos (flat)."""

    centre: NDArray[np.float64]
    """`(n, 2)` metres."""
    radius: NDArray[np.float32]
    """Metres `(n,)`."""
    material: NDArray[np.uint8]
    """`Material` `(n,)`."""
    height: NDArray[np.float32]
    """Top above the ground, metres `(n,)`."""
    dome: NDArray[np.float32]
    """Height of the domed part, metres `(n,)`; 0 for a flat top."""
    tone: NDArray[np.float32]
    """A draw in [0, 1) `(n,)`: which of its material's shades it has."""
    keys: Keys
    """Identity `(n,)`."""

    def __len__(self) -> int:
        """Number of discs."""
        return len(self.keys)


@dataclass(frozen=True, kw_only=True, eq=False)
class Shapes:
    """Everything on a piece of a city, in painting order."""

    ground: Quads
    """Surfaces at height 0, by layers."""
    details: Quads
    """Cars and other things under 3 m across: drawn at 1 m, left out of the 10 m rendering."""
    roofs: Quads
    """Buildings, the taller over the lower."""
    discs: Discs
    """Crowns, bushes and tanks, the taller over the lower, never over a taller roof."""


def quads(  # noqa: PLR0913 - one argument a field
    corners: Corners,
    *,
    material: ArrayLike,
    tone: NDArray[np.float64],
    keys: Keys,
    height: ArrayLike = 0.0,
    rise: ArrayLike = 0.0,
    layer: Layer = Layer.LOT,
) -> Quads:
    """Quads from their corners; scalars are repeated."""
    n = len(keys)
    return Quads(
        corners=np.asarray(corners, dtype=np.float64).reshape(n, 4, 2),
        material=np.broadcast_to(np.asarray(material, dtype=np.uint8), n),
        height=np.broadcast_to(np.asarray(height, dtype=np.float32), n),
        rise=np.broadcast_to(np.asarray(rise, dtype=np.float32), n),
        tone=np.asarray(tone, dtype=np.float32),
        keys=keys,
        layer=np.full(n, layer, dtype=np.uint8),
    )


def discs(  # noqa: PLR0913 - one argument a field
    centre: NDArray[np.float64],
    *,
    radius: ArrayLike,
    material: ArrayLike,
    height: ArrayLike,
    tone: NDArray[np.float64],
    keys: Keys,
    dome: ArrayLike = 0.0,
) -> Discs:
    """Discs from their centres; scalars are repeated."""
    n = len(keys)
    return Discs(
        centre=np.asarray(centre, dtype=np.float64).reshape(n, 2),
        radius=np.broadcast_to(np.asarray(radius, dtype=np.float32), n),
        material=np.broadcast_to(np.asarray(material, dtype=np.uint8), n),
        height=np.broadcast_to(np.asarray(height, dtype=np.float32), n),
        dome=np.broadcast_to(np.asarray(dome, dtype=np.float32), n),
        tone=np.asarray(tone, dtype=np.float32),
        keys=keys,
    )


def shapes(
    *,
    ground: Sequence[Quads] = (),
    details: Sequence[Quads] = (),
    roofs: Sequence[Quads] = (),
    crowns: Sequence[Discs] = (),
) -> Shapes:
    """Shapes from lists, any of them empty."""
    return Shapes(
        ground=join_quads(ground), details=join_quads(details), roofs=join_quads(roofs), discs=join_discs(crowns)
    )


def join(parts: Sequence[Shapes]) -> Shapes:
    """All shapes of several pieces of a city."""
    return Shapes(
        ground=join_quads([p.ground for p in parts]),
        details=join_quads([p.details for p in parts]),
        roofs=join_quads([p.roofs for p in parts]),
        discs=join_discs([p.discs for p in parts]),
    )


_NO_KEYS: Keys = np.empty(0, dtype=np.uint64)
_NO_TONES: NDArray[np.float64] = np.empty(0, dtype=np.float64)
_NO_QUADS = quads(np.empty((0, 4, 2)), material=0, tone=_NO_TONES, keys=_NO_KEYS)
_NO_DISCS = discs(np.empty((0, 2)), radius=0, material=0, height=0, tone=_NO_TONES, keys=_NO_KEYS)


def join_quads(parts: Sequence[Quads]) -> Quads:
    """One after another."""
    several = [_NO_QUADS, *parts]
    return Quads(**{f.name: np.concatenate([getattr(p, f.name) for p in several]) for f in fields(Quads)})


def join_discs(parts: Sequence[Discs]) -> Discs:
    """One after another."""
    several = [_NO_DISCS, *parts]
    return Discs(**{f.name: np.concatenate([getattr(p, f.name) for p in several]) for f in fields(Discs)})


def choose_quads(these: Quads, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Quads:
    """Those a mask or an index chooses."""
    return Quads(**{f.name: getattr(these, f.name)[keep] for f in fields(Quads)})


def choose_discs(these: Discs, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Discs:
    """Those a mask or an index chooses."""
    return Discs(**{f.name: getattr(these, f.name)[keep] for f in fields(Discs)})
