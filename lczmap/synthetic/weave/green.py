"""Trees and bushes: scattered over ground, in rows along streets, in closed woods."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lczmap.synthetic.chance import Keys, between, child_keys, lattice_keys, ticket, value_noise
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Corners, Parcels, area, at
from lczmap.synthetic.region import Mix
from lczmap.synthetic.shapes import Discs, discs
from lczmap.synthetic.weave.blocks import drawn

_NODES_AT_ONCE = 1 << 19


@dataclass(frozen=True, kw_only=True)
class Planting:
    """What is planted, metres."""

    radius: tuple[float, float]
    """Narrowest and widest crown."""
    height: tuple[float, float]
    """Lowest and highest top."""
    kinds: Mix
    """Crown materials."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where plants may stand."""

    where: NDArray[np.float64]
    """`(n, 2)` metres."""
    keys: Keys
    """`(n,)`."""
    parent: NDArray[np.int64]
    """`(n,)` index of the quad each stands in."""

    def __len__(self) -> int:
        """Number of places."""
        return len(self.keys)

    def chosen(self, keep: NDArray[np.bool_]) -> "Places":
        """Those where `keep (n,)` is true."""
        return Places(where=self.where[keep], keys=self.keys[keep], parent=self.parent[keep])


STREET_TREES = Planting(radius=(1.8, 4.0), height=(5.0, 12.0), kinds=((Material.BROADLEAF, 1),))
COURT_TREES = Planting(radius=(2.0, 4.6), height=(5.0, 14.0), kinds=((Material.BROADLEAF, 1),))
OLD_TREES = Planting(radius=(2.8, 6.0), height=(8.0, 18.0), kinds=((Material.BROADLEAF, 5), (Material.CONIFER, 1)))
GARDEN_TREES = Planting(radius=(1.2, 3.8), height=(3.0, 10.0), kinds=((Material.BROADLEAF, 5), (Material.CONIFER, 1)))


def scattered(ground: Parcels, planting: Planting, *, per_hectare: ArrayLike, purpose: str) -> Discs:
    """Plants at random places of each parcel (more than one a parcel only where it is large enough).

    Args:
        ground: where.
        planting: what.
        per_hectare: how many, on average: one number or `(n,)`.
        purpose: name of the draw; another name is another planting.
    """
    wished = np.abs(area(ground.corners)) / 10_000.0 * np.asarray(per_hectare, dtype=np.float64)
    counts = np.floor(wished + ticket(ground.keys, purpose)).astype(np.int64)
    parent = np.repeat(np.arange(len(ground)), counts)
    index = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = child_keys(child_keys(ground.keys[parent], 7_919), index)
    where = at(ground.corners[parent], ticket(keys, purpose + " u"), ticket(keys, purpose + " v"))
    return planted(Places(where=where, keys=keys, parent=parent), planting)


def rows_along(ground: Parcels, planting: Planting, *, spacing: float, outward: float, share: ArrayLike) -> Discs:
    """Plants in rows along the edges of parcels: street trees.

    Args:
        ground: parcels whose edges are lined.
        planting: what.
        spacing: distance between neighbours, metres.
        outward: distance of the row from the edge, metres; negative inside.
        share: of the places that are planted, 0..1: one number, or `(n, 4)` for each edge.
    """
    starts, ends = ground.corners.reshape(-1, 2), np.roll(ground.corners, -1, axis=1).reshape(-1, 2)
    shares = np.broadcast_to(np.asarray(share, dtype=np.float64), (len(ground), 4)).ravel()
    lengths = np.linalg.norm(ends - starts, axis=1)
    counts = np.where(shares > 0.0, np.floor(lengths / spacing), 0.0).astype(np.int64)
    edge = np.repeat(np.arange(len(counts)), counts)
    index = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = child_keys(child_keys(ground.keys[edge // 4], 104_729 + edge % 4), index)
    kept = ticket(keys, "row") < shares[edge]
    edge, index, keys = edge[kept], index[kept], keys[kept]
    along = (ends - starts) / np.maximum(lengths, 1e-9)[:, None]
    out = np.stack([along[:, 1], -along[:, 0]], axis=1)
    share_along = ((index + 0.5 + between(keys, "stray", -0.15, 0.15)) / counts[edge])[:, None]
    far = outward + between(keys, "aside", -0.08, 0.08) * spacing
    where = starts[edge] + (ends - starts)[edge] * share_along + out[edge] * far[:, None]
    return planted(Places(where=where, keys=keys, parent=edge // 4), planting)


def places_in(corners: Corners, roots: ArrayLike, *, spacing: float, purpose: str) -> Places:
    """Nodes of a jittered lattice inside quads: quads of one root share it, whatever the window.

    Args:
        corners: where; quads should not overlap.
        roots: key of the lattice: one, or `(n,)`.
        spacing: of the lattice, metres.
        purpose: name of the draw.
    """
    root = np.broadcast_to(np.asarray(roots, dtype=np.uint64), len(corners))
    found = [_nodes_inside(corners, root, some, spacing, purpose) for some in _lots(corners, spacing)]
    empty = Places(where=np.empty((0, 2)), keys=np.empty(0, np.uint64), parent=np.empty(0, np.int64))
    found = [empty, *found]
    return Places(
        where=np.concatenate([f.where for f in found]),
        keys=np.concatenate([f.keys for f in found]),
        parent=np.concatenate([f.parent for f in found]),
    )


def wood(corners: Corners, roots: ArrayLike, planting: Planting, *, spacing: float, purpose: str) -> Discs:
    """A closed stand over quads `(n, 4, 2)`: one plant a node of `places_in`."""
    return planted(places_in(corners, roots, spacing=spacing, purpose=purpose), planting)


def planted(places: Places, planting: Planting, *, vigour: NDArray[np.float64] | None = None) -> Discs:
    """Plants at places: the wider the crown, the taller.

    Args:
        places: where.
        planting: what.
        vigour: 0 the smallest to 1 the largest `(n,)`; drawn where it is not given.
    """
    keys = places.keys
    strength = ticket(keys, "vigour") if vigour is None else vigour
    narrow, wide = planting.radius
    low, tall = planting.height
    radius = narrow + (wide - narrow) * strength
    height = np.clip(low + (tall - low) * (strength + between(keys, "reach", -0.15, 0.15)), low, tall)
    return discs(
        places.where,
        radius=radius,
        material=drawn(keys, "kind", planting.kinds),
        height=height,
        dome=np.minimum(0.75 * height, 1.3 * radius),
        tone=ticket(keys, "tone"),
        keys=keys,
    )


def drift(where: NDArray[np.float64], district: Keys, *, metres: float, purpose: str) -> NDArray[np.float64]:
    """Slow noise in [-1, 1] at points `(n, 2)`, smooth within a district, features about `metres` wide."""
    # each district looks at another part of one endless field
    x = where[:, 0] + between(district, "drift east", 0.0, 4_000.0)
    y = where[:, 1] + between(district, "drift north", 0.0, 4_000.0)
    return value_noise(0, x, y, metres=metres, purpose=purpose)


def _lots(corners: Corners, spacing: float) -> Iterator[NDArray[np.int64]]:
    """Indices of quads, so many at a time that their lattices fit into memory."""
    across = np.ptp(corners, axis=1) / spacing + 2.0
    filled = np.cumsum(across.prod(axis=1)) // _NODES_AT_ONCE
    for some in np.split(np.arange(len(corners)), np.flatnonzero(np.diff(filled)) + 1):
        if len(some):
            yield some


def _nodes_inside(corners: Corners, root: Keys, some: NDArray[np.int64], spacing: float, purpose: str) -> Places:
    here = corners[some]
    low = np.floor(here.min(axis=1) / spacing).astype(np.int64)
    across = np.ceil(here.max(axis=1) / spacing).astype(np.int64) - low + 1
    counts = across.prod(axis=1)
    parent = np.repeat(np.arange(len(some)), counts)
    index = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    row, column = np.divmod(index, across[parent, 0])
    column, row = column + low[parent, 0], row + low[parent, 1]
    keys = lattice_keys(0, column, row, purpose=purpose) ^ root[some][parent]
    x = (column + between(keys, "east", -0.38, 0.38)) * spacing
    y = (row + between(keys, "north", -0.38, 0.38)) * spacing
    inside = np.ones(len(parent), dtype=bool)
    for k in range(4):
        start = here[:, k]
        edge = here[:, (k + 1) % 4] - start
        inside &= edge[parent, 0] * (y - start[parent, 1]) >= edge[parent, 1] * (x - start[parent, 0])
    return Places(where=np.stack([x[inside], y[inside]], axis=1), keys=keys[inside], parent=some[parent[inside]])
