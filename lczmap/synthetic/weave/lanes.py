"""Roads, tracks, hedges and paths of open country: along the borders of quarters and winding through them.

A border knows by its own key whether a road runs along it, so both sides agree without knowing each other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lczmap.synthetic.chance import Keys, between, child_keys, lattice_keys, ticket, value_noise
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Corners, Parcels, at, inset, rectangles, turned
from lczmap.synthetic.region import Mix, Region
from lczmap.synthetic.shapes import Discs, Layer, Quads, join_discs, quads
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.green import Planting, drift, places_in, planted, rows_along

_ROADS = 0.25
"""Share of borders with a road."""
_EMPTY = 0.3
"""Regions less green than this have few roads outside towns."""
_BRIDGES = 0.38
"""Share of borders whose road bridges the water."""
_LANE = 3.0
"""Width of a lane, metres."""
_NONE = 255
_STAIN_SHARES = (0.0, 0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.40, 0.50, 1.0)
_STAIN_LEVELS = (1.2, 0.73, 0.61, 0.50, 0.41, 0.34, 0.22, 0.11, 0.0, -1.2)
"""What the sum of two noises exceeds on such a share of the ground."""
_THICKET = 11.0
"""Greatest depth of what grows along a border, metres."""
_VERGE = 6.0
"""From the border to where fields begin beside a road, metres."""
AVENUE = Planting(radius=(2.0, 4.2), height=(6.0, 13.0), kinds=((Material.BROADLEAF, 1),))
HEDGE = Planting(radius=(1.0, 2.8), height=(1.5, 6.0), kinds=((Material.BROADLEAF, 3), (Material.BUSH, 4)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Country:
    """Quarters of open country, what runs along their borders taken off."""

    land: Parcels
    """Between the borders; one for each quarter, in their order."""
    roads: Quads
    """Halves of country roads."""
    beside: NDArray[np.bool_]
    """`(n, 4)` which edges of each quarter have a road."""
    trees: Discs
    """Beside the roads, and hedges where there is none."""


def country(quarters: Quarters, region: Region, *, hedges: float = 0.4) -> Country:
    """The borders of quarters in open country.

    Args:
        quarters: of natural or thinly built classes.
        region: how green it is, and whether its roads are sealed.
        hedges: share of the borders without a road that carry one.
    """
    border = edge_keys(quarters.corners)
    road = through_roads(border) & (ticket(border, "road") < (1.0 if region.green > _EMPTY else 0.4))
    road |= (ticket(border, "road") < _ROADS) & (region.green > _EMPTY)
    kerb, _ = inset(quarters.corners, np.where(road, _LANE, 0.0))
    inner, _ = inset(quarters.corners, np.where(road, _VERGE, 0.0))
    strip = np.stack([quarters.corners, np.roll(quarters.corners, -1, axis=1), np.roll(kerb, -1, axis=1), kerb], axis=2)
    sealed = 0.35 if region.name == "informal" else 0.85
    lanes = quads(
        strip[road],
        material=np.where(ticket(border[road], "sealed") < sealed, Material.ASPHALT, Material.YARD),
        tone=ticket(border[road], "tone"),
        keys=border[road],
        layer=Layer.LINE,
    )
    mine = Parcels(corners=quarters.corners, keys=quarters.keys, parent=np.arange(len(quarters.keys)))
    lined = road & (ticket(border, "avenue") < 0.5 * region.green)
    hedged = ~road & (ticket(border, "hedge") < hedges * region.green**0.5)
    trees = [
        rows_along(mine, AVENUE, spacing=11.0, outward=-4.8, share=np.where(lined, 0.8, 0.0)),
        rows_along(mine, HEDGE, spacing=3.2, outward=-1.0, share=np.where(hedged, 0.75, 0.0)),
        _thickets(quarters, ~road & (ticket(border, "thicket") < hedges * region.green)),
    ]
    return Country(
        land=Parcels(corners=inner, keys=quarters.keys, parent=mine.parent),
        beside=road,
        roads=lanes,
        trees=join_discs(trees),
    )


def _thickets(quarters: Quarters, lined: NDArray[np.bool_]) -> Discs:
    """Trees and bushes along borders, deep here and thin there, so that no straight line is seen."""
    inner, _ = inset(quarters.corners, _THICKET)
    outer = quarters.corners
    strips = np.stack([outer, np.roll(outer, -1, axis=1), np.roll(inner, -1, axis=1), inner], axis=2)[lined]
    own = np.repeat(quarters.district, lined.sum(axis=1))
    places = places_in(strips, own, spacing=3.8, purpose="thicket")
    far = to_edges(places.where, strips[places.parent])[:, 0]
    deep = 0.3 + drift(places.where, own[places.parent], metres=60.0, purpose="thicket")
    return planted(places.chosen(far < _THICKET * deep), HEDGE)


def to_edges(points: NDArray[np.float64], corners: Corners) -> NDArray[np.float64]:
    """How far points `(n, 2)` lie inside the lines along the four edges of quads `(n, 4, 2)`, metres `(n, 4)`."""
    edge = np.roll(corners, -1, axis=1) - corners
    gap = points[:, None] - corners
    across = edge[..., 0] * gap[..., 1] - edge[..., 1] * gap[..., 0]
    return np.asarray(across / np.maximum(np.linalg.norm(edge, axis=2), 1e-9))


def through_roads(border: Keys) -> NDArray[np.bool_]:
    """Which borders carry a road that goes on over water."""
    return np.asarray(ticket(border, "through") < _BRIDGES)


def edge_keys(corners: Corners) -> Keys:
    """A key for each edge `(n, 4)`, the same from both sides of it."""
    twice = corners + np.roll(corners, -1, axis=1)
    bits = np.ascontiguousarray(twice).view(np.int64)
    return lattice_keys(0, bits[..., 0], bits[..., 1], purpose="edge")


def crossing(ground: Parcels, *, purpose: str, bends: int = 12, stray: float = 0.12) -> NDArray[np.float64]:
    """Winding ways through parcels from one edge to the one across `(n, bends + 1, 2)`, metres.

    Args:
        ground: what they cross.
        purpose: name of the draw: another name is another way.
        bends: number of straight pieces.
        stray: how far they wind, as a share of the parcel.
    """
    corners = turned(ground.corners, (ticket(ground.keys, purpose + " way") < 0.5).astype(np.int64))
    entry, leave = between(ground.keys, purpose + " in", 0.15, 0.85), between(ground.keys, purpose + " out", 0.15, 0.85)
    waves = [
        (
            cycles,
            stray / cycles * between(ground.keys, f"{purpose} {cycles}", -1.0, 1.0),
            ticket(ground.keys, f"{purpose} phase {cycles}"),
        )
        for cycles in (1, 2, 3)
    ]
    points = []
    for step in range(bends + 1):
        u = step / bends
        v = entry + (leave - entry) * u
        for cycles, reach, phase in waves:
            v = v + reach * np.sin(2.0 * np.pi * (cycles * u + phase))
        points.append(at(corners, u, np.clip(v, 0.02, 0.98)))
    return np.stack(points, axis=1)


def ribbons(
    ways: NDArray[np.float64], width: ArrayLike, *, material: ArrayLike, keys: Keys, layer: Layer = Layer.LINE
) -> Quads:
    """Ways `(n, m, 2)` as ground so many metres wide (one number or `(n,)`); each way is one shape of `keys (n,)`."""
    n, m = ways.shape[:2]
    along = np.gradient(ways, axis=1)
    along = along / np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9)
    half = np.broadcast_to(np.asarray(width, dtype=np.float64), n)[:, None, None] / 2.0
    aside = np.stack([-along[..., 1], along[..., 0]], axis=2) * half
    right, left = ways - aside, ways + aside
    pieces = np.stack([right[:, :-1], right[:, 1:], left[:, 1:], left[:, :-1]], axis=2)
    return quads(
        pieces.reshape(-1, 4, 2),
        material=np.repeat(np.broadcast_to(np.asarray(material), n), m - 1),
        tone=np.repeat(ticket(keys, "tone"), m - 1),
        keys=np.repeat(keys, m - 1),
        layer=layer,
    )


def bent(corners: Corners, reach: float, *, metres: float, purpose: str) -> Corners:
    """Quads whose corners follow a slow noise: corners that coincide stay together.

    Args:
        corners: `(n, 4, 2)`, much smaller than the bends.
        reach: furthest a corner moves along each axis, metres.
        metres: size of the bends.
        purpose: name of the draw.
    """
    x, y = corners[..., 0], corners[..., 1]
    moves = [value_noise(0, x, y, metres=metres, purpose=f"{purpose} {axis}") for axis in ("east", "north")]
    return np.asarray(corners + reach * np.stack(moves, axis=-1))


def stains(land: Parcels, district: Keys, mix: Mix, *, metres: float, grain: float = 6.0) -> Quads:
    """Patches of other ground with ragged outlines, the same shade all over a district.

    Args:
        land: where; nothing reaches further than a grain beyond it.
        district: of each parcel `(n,)`: what neighbours share.
        mix: materials and the share of the land that each covers; later ones lie over earlier ones.
        metres: size of the patches.
        grain: size of the pieces they are made of, metres.
    """
    places = places_in(land.corners, district, spacing=grain, purpose="stains")
    own, keys = district[places.parent], places.keys
    material = np.full(len(keys), _NONE, dtype=np.uint8)
    for kind, share in mix:
        wide = drift(places.where, own, metres=metres, purpose=f"stain {kind}")
        fine = drift(places.where, own, metres=0.28 * metres, purpose=f"ragged {kind}")
        there = 0.75 * wide + 0.35 * fine > np.interp(share, _STAIN_SHARES, _STAIN_LEVELS)
        material[there] = kind
    seen = material != _NONE
    material, own, keys = material[seen], own[seen], keys[seen]
    turn = ticket(keys, "turn") * np.pi
    reach = grain * between(keys, "reach", 0.75, 1.0)
    along = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    identity = child_keys(own, material.astype(np.int64))
    return quads(
        rectangles(places.where[seen], along, 1.4 * reach, 1.4 * reach),
        material=material,
        tone=ticket(identity, "tone"),
        keys=identity,
        layer=Layer.PATCH,
    )


def verge(quarters: Quarters, material: ArrayLike, *, tone: ArrayLike | None = None) -> Quads:
    """The ground of quarters of open country, in a shade for each `(n,)`, or one for all of a district."""
    shade = ticket(quarters.district, "tone") if tone is None else np.asarray(tone, dtype=np.float64)
    return quads(
        quarters.corners,
        material=material,
        tone=shade,
        keys=child_keys(quarters.keys, 77),
        layer=Layer.QUARTER,
    )
