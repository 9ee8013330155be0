"""From quarters to blocks between streets, and the draws every built class shares: roofs, yards, floors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lczmap.synthetic.chance import Keys, between, child_keys, pick, ticket
from lczmap.synthetic.materials import SEALED, Material
from lczmap.synthetic.quads import (
    Parcels,
    area,
    at,
    direction,
    edge_lengths,
    inset,
    long_first,
    parcels_of,
    part,
    rectangles,
    size,
    sliced,
    split_down,
    turned,
)
from lczmap.synthetic.region import Mix
from lczmap.synthetic.shapes import Layer, Quads, join_quads, quads
from lczmap.synthetic.townplan import Quarters

FLOOR_METRES = 3.1
"""Height of a storey."""
_PLANT: Mix = ((Material.GREY_ROOF, 3), (Material.METAL_ROOF, 2), (Material.WHITE_ROOF, 2), (Material.DARK_ROOF, 1))


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


def strips_of(quarters: Quarters, grid: Grid, depth: float) -> Parcels:
    """Long blocks of one depth side by side, as suburbs have them: two rows of lots each; `parent` as in blocks_of."""
    inner, whole = inset(quarters.corners, grid.main)
    land = parcels_of(inner, quarters.keys).where(whole)
    across = land.corners
    turn = (ticket(land.keys, "strips") < 0.5).astype(np.int64)
    strips = sliced(Parcels(corners=turned(across, turn), keys=land.keys, parent=land.parent), depth + grid.street)
    pieces = sliced(
        Parcels(corners=turned(strips.corners, 1), keys=strips.keys, parent=strips.parent),
        grid.block,
        irregular=grid.irregular,
    )
    parent = np.flatnonzero(whole)[strips.parent[pieces.parent]]
    return shrunk(Parcels(corners=pieces.corners, keys=pieces.keys, parent=parent), grid.street / 2.0)


def shrunk(ground: Parcels, metres: ArrayLike) -> Parcels:
    """Parcels with every edge moved inwards (one number, `(n,)` or `(n, 4)` metres), those that vanish left out."""
    corners, left = inset(ground.corners, metres)
    return Parcels(corners=corners, keys=ground.keys, parent=ground.parent).where(left)


def surface(ground: Parcels, material: ArrayLike, layer: Layer, *, like: Keys | None = None) -> Quads:
    """Parcels as ground of a material (one, or `(n,)`), each in a shade of its own, or in that of `like (n,)`."""
    # a key of its own: what is built on the parcel may bear the parcel's
    keys = fresh(ground.keys, 300 + layer)
    tone = ticket(keys if like is None else like, "tone")
    return quads(ground.corners, material=material, tone=tone, keys=keys, layer=layer)


def streets(quarters: Quarters, material: ArrayLike = Material.ASPHALT) -> Quads:
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


def piece(
    ground: Parcels, u: tuple[ArrayLike, ArrayLike], v: tuple[ArrayLike, ArrayLike], *, number: int = 0
) -> Parcels:
    """The part of each parcel between shares of its length and depth, under a key of its own.

    Args:
        ground: what to take it from.
        u: from and to along the length, shares (scalars or `(n,)`).
        v: from and to along the depth.
        number: tells the pieces of one parcel apart.
    """
    return Parcels(corners=part(ground.corners, u, v), keys=fresh(ground.keys, number), parent=ground.parent)


def turned_parcels(ground: Parcels, quarters: ArrayLike) -> Parcels:
    """The same parcels, corners counted from another one."""
    return Parcels(corners=turned(ground.corners, quarters), keys=ground.keys, parent=ground.parent)


def grown(ground: Parcels, parent: NDArray[np.int64]) -> Parcels:
    """Parcels whose parents are their parents' parents: `parent` is that of the step before."""
    return Parcels(corners=ground.corners, keys=ground.keys, parent=parent[ground.parent])


def back_to_back(ground: Parcels) -> Parcels:
    """Two rows each, along the length; edge 0 of a row is the outer one. `parent` indexes the ground."""
    along = long_first(ground.corners)
    near, far = part(along, (0.0, 1.0), (0.0, 0.5)), turned(part(along, (0.0, 1.0), (0.5, 1.0)), 2)
    index = np.arange(len(ground))
    return Parcels(
        corners=np.concatenate([near, far]),
        keys=np.concatenate([child_keys(ground.keys, 0), child_keys(ground.keys, 1)]),
        parent=np.concatenate([index, index]),
    )


def ring(ground: Parcels, depth: NDArray[np.float64]) -> tuple[Parcels, Parcels]:
    """Sides along the edges of parcels and the cores that they enclose.

    Sides meet as in a pinwheel, each taking the corner where it begins; edge 0 of a side is the outer one. Parcels too
    narrow for a core of 3 m become two rows back to back.

    Args:
        ground: parcels, near to rectangles.
        depth: of the sides, metres `(n,)`.

    Returns:
        Sides and cores; `parent` of both indexes the ground.
    """
    inner, left = inset(ground.corners, depth)
    left &= (edge_lengths(inner) > 3.0).all(axis=1)
    outer, inner = ground.corners[left], inner[left]
    to_before = np.roll(outer, 1, axis=1) - outer
    to_before /= np.maximum(np.linalg.norm(to_before, axis=2, keepdims=True), 1e-9)
    ahead = np.roll(outer, -1, axis=1) - outer
    ahead /= np.maximum(np.linalg.norm(ahead, axis=2, keepdims=True), 1e-9)
    sine = np.abs(ahead[..., 0] * to_before[..., 1] - ahead[..., 1] * to_before[..., 0])
    # where the inner line of edge k meets edge k - 1
    foot = outer + to_before * (depth[left][:, None] / np.maximum(sine, 0.3))[..., None]
    index, keys = np.flatnonzero(left), ground.keys[left]
    corners = np.stack([outer, np.roll(foot, -1, axis=1), np.roll(inner, -1, axis=1), foot], axis=2)
    rows = back_to_back(ground.where(~left))
    sides = Parcels(
        corners=np.concatenate([corners.reshape(-1, 4, 2), rows.corners]),
        keys=np.concatenate([child_keys(keys[:, None], np.arange(4)).ravel(), rows.keys]),
        parent=np.concatenate([np.repeat(index, 4), np.flatnonzero(~left)[rows.parent]]),
    )
    return sides, Parcels(corners=inner, keys=child_keys(keys, 4), parent=index)


def roofs(
    ground: Parcels, material: ArrayLike, height: ArrayLike, rise: ArrayLike = 0.0, *, like: Keys | None = None
) -> Quads:
    """Parcels as buildings, each in a shade of its own, or in that of `like (n,)`."""
    return quads(
        ground.corners,
        material=material,
        tone=ticket(ground.keys if like is None else like, "tone"),
        keys=ground.keys,
        height=height,
        rise=rise,
    )


def flat_only(mix: Mix) -> Mix:
    """A mix of roofs without tiles, which need a slope."""
    return tuple((material, weight) for material, weight in mix if material != Material.TILE_ROOF)


def unsealed(mix: Mix) -> Mix:
    """A mix of yards without the paved ones."""
    return tuple((material, weight) for material, weight in mix if material not in SEALED)


def rimmed(ground: Parcels, material: ArrayLike, height: NDArray[np.float64], *, like: Keys | None = None) -> Quads:
    """Flat roofs within parapets: a rim of concrete a metre wide, of one identity with its roof.

    Args:
        ground: parcels under roof.
        material: of each `(n,)`, or of all.
        height: of each `(n,)`, metres.
        like: whose shade each has `(n,)`, if not its own.
    """
    inner, left = inset(ground.corners, 1.1)
    left &= np.minimum(*size(inner)) > 5.0
    within = Parcels(corners=inner, keys=ground.keys, parent=ground.parent).where(left)
    stuff = np.broadcast_to(np.asarray(material, dtype=np.uint8), len(ground))
    rim = np.where(left, np.uint8(Material.GREY_ROOF), stuff)
    shade = ground.keys if like is None else like
    over = roofs(within, stuff[left], height[left] + 0.06, like=shade[left])
    return join_quads([roofs(ground, rim, height, like=shade), over])


def roof_boxes(ground: Parcels, height: NDArray[np.float64], *, share: float, number: int = 0) -> Quads:
    """Stair heads, lift houses and plant on flat roofs.

    Args:
        ground: the flat roofs.
        height: their tops, metres `(n,)`.
        share: of the roofs that bear one.
        number: tells several draws for the same roofs apart.
    """
    length, depth = size(ground.corners)
    own = fresh(ground.keys, 90 + number)
    bears = (ticket(own, "box") < share) & (np.minimum(length, depth) > 6.0)
    under, keys = ground.where(bears), own[bears]
    middle = at(under.corners, between(keys, "u", 0.22, 0.78), between(keys, "v", 0.25, 0.75))
    widest = np.minimum(0.4 * np.minimum(length, depth)[bears], 9.0)
    corners = rectangles(
        middle,
        direction(under.corners),
        np.maximum(between(keys, "length", 0.6, 1.0) * widest, 2.4),
        np.maximum(between(keys, "depth", 0.4, 0.9) * widest, 2.2),
    )
    material = drawn(keys, "plant", _PLANT)
    top = height[bears] + between(keys, "top", 1.8, 3.6)
    return quads(corners, material=material, tone=ticket(keys, "tone"), keys=keys, height=top)


def within_budget(
    ground: Parcels, group: NDArray[np.int64], wished: NDArray[np.float64], *, purpose: str, late: ArrayLike = 0.0
) -> NDArray[np.bool_]:
    """Choose parcels at random until those of each group cover what was wished, to about half a parcel.

    Args:
        ground: what to choose from.
        group: which group each belongs to `(n,)`.
        wished: square metres for each group; 0 or less chooses none.
        purpose: name of the draw.
        late: 0 for parcels whose turn is as likely as any, higher for those that come later: one number or `(n,)`.
    """
    order = np.lexsort((ticket(ground.keys, purpose) + np.asarray(late, dtype=np.float64), group))
    sizes, members = np.abs(area(ground.corners))[order], group[order]
    total = np.cumsum(sizes)
    starts = np.flatnonzero(np.diff(members, prepend=-1))
    before = np.repeat(total[starts] - sizes[starts], np.diff(np.append(starts, len(members))))
    chosen = np.zeros(len(ground), dtype=np.bool_)
    chosen[order] = total - before - sizes / 2.0 < wished[members]
    return chosen


def areas_by(ground: Parcels, group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """Square metres of the parcels of each group, `(groups,)`."""
    return np.bincount(group, weights=np.abs(area(ground.corners)), minlength=groups).astype(np.float64)
