"""Trees and bushes: scattered over ground, in rows along streets, in closed woods."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import between, child_keys, lattice_keys, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Corners, Parcels, area, at, edge_lengths
from lczmap.synthetic.region import Mix
from lczmap.synthetic.shapes import Discs, discs
from lczmap.synthetic.weave.blocks import drawn


@dataclass(frozen=True, kw_only=True)
class Planting:
    """What is planted, metres."""

    radius: tuple[float, float]
    """Narrowest and widest crown."""
    height: tuple[float, float]
    """Lowest and highest top."""
    kinds: Mix
    """Crown materials."""


STREET_TREES = Planting(radius=(1.8, 4.0), height=(5.0, 12.0), kinds=((Material.BROADLEAF, 1),))
GARDEN_TREES = Planting(radius=(1.2, 3.8), height=(3.0, 10.0), kinds=((Material.BROADLEAF, 5), (Material.CONIFER, 1)))


def scattered(ground: Parcels, planting: Planting, *, per_hectare: float, purpose: str) -> Discs:
    """Plants at random places of each parcel (more than one a parcel only where it is large enough).

    Args:
        ground: where.
        planting: what.
        per_hectare: how many, on average.
        purpose: name of the draw; another name is another planting.
    """
    wished = np.abs(area(ground.corners)) / 10_000.0 * per_hectare
    counts = np.floor(wished + ticket(ground.keys, purpose)).astype(np.int64)
    parent = np.repeat(np.arange(len(ground)), counts)
    index = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = child_keys(child_keys(ground.keys[parent], 7_919), index)
    where = at(ground.corners[parent], ticket(keys, purpose + " u"), ticket(keys, purpose + " v"))
    return _plants(where, keys, planting)


def rows_along(ground: Parcels, planting: Planting, *, spacing: float, outward: float, share: float) -> Discs:
    """Plants in rows along the edges of parcels: street trees.

    Args:
        ground: parcels whose edges are lined.
        planting: what.
        spacing: distance between neighbours, metres.
        outward: distance of the row from the edge, metres; negative inside.
        share: of the places that are planted, 0..1.
    """
    starts, ends = ground.corners.reshape(-1, 2), np.roll(ground.corners, -1, axis=1).reshape(-1, 2)
    lengths = edge_lengths(ground.corners).ravel()
    counts = np.floor(lengths / spacing).astype(np.int64)
    edge = np.repeat(np.arange(len(counts)), counts)
    index = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = child_keys(child_keys(ground.keys[edge // 4], 104_729 + edge % 4), index)
    kept = ticket(keys, "row") < share
    edge, index, keys = edge[kept], index[kept], keys[kept]
    along = (ends - starts) / np.maximum(lengths, 1e-9)[:, None]
    out = np.stack([along[:, 1], -along[:, 0]], axis=1)
    share_along = ((index + 0.5 + between(keys, "stray", -0.15, 0.15)) / counts[edge])[:, None]
    where = starts[edge] + (ends - starts)[edge] * share_along + out[edge] * outward
    return _plants(where, keys, planting)


def wood(corners: Corners, root: int, planting: Planting, *, spacing: float, purpose: str) -> Discs:
    """A closed stand over quads `(n, 4, 2)`: one plant a node of a jittered lattice that all windows share.

    Args:
        corners: where; quads should not overlap.
        root: key of the lattice.
        planting: what.
        spacing: of the lattice, metres.
        purpose: name of the draw.
    """
    places, keys = [], []
    for quad in corners:
        low, high = np.floor(quad.min(axis=0) / spacing), np.ceil(quad.max(axis=0) / spacing)
        i, j = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        own = lattice_keys(root, i.ravel().astype(np.int64), j.ravel().astype(np.int64), purpose=purpose)
        stray = np.stack([between(own, "east", -0.38, 0.38), between(own, "north", -0.38, 0.38)], axis=1)
        point = (np.stack([i.ravel(), j.ravel()], axis=1) + stray) * spacing
        edge = np.roll(quad, -1, axis=0) - quad
        inside = (
            edge[:, 0] * (point[:, None, 1] - quad[:, 1]) - edge[:, 1] * (point[:, None, 0] - quad[:, 0]) >= 0
        ).all(axis=1)
        places.append(point[inside])
        keys.append(own[inside])
    if not places:
        return _plants(np.empty((0, 2)), np.empty(0, dtype=np.uint64), planting)
    return _plants(np.concatenate(places), np.concatenate(keys), planting)


def _plants(where: NDArray[np.float64], keys: NDArray[np.uint64], planting: Planting) -> Discs:
    """Plants at places: the wider the crown, the taller."""
    vigour = ticket(keys, "vigour")
    narrow, wide = planting.radius
    low, tall = planting.height
    radius = narrow + (wide - narrow) * vigour
    height = np.clip(low + (tall - low) * (vigour + between(keys, "reach", -0.15, 0.15)), low, tall)
    return discs(
        where,
        radius=radius,
        material=drawn(keys, "kind", planting.kinds),
        height=height,
        dome=np.minimum(0.75 * height, 1.3 * radius),
        tone=ticket(keys, "tone"),
        keys=keys,
    )
