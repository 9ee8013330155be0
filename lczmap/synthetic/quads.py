"""Arithmetic of many convex quadrilaterals at once: what streets cut a city into.

A quad is four corners, counter-clockwise, metres east and north; arrays are `(n, 4, 2)` float64. Edge k runs from
corner k to corner k + 1. "Length" is along edges 0 and 2, "depth" along edges 1 and 3. Splitting a convex quad by a
line through two opposite edges gives two convex quads, so blocks, lots, halves and roofs are all quads.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lczmap.synthetic.chance import Keys, between, child_keys

Corners = NDArray[np.float64]
"""`(n, 4, 2)`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Parcels:
    """Pieces of ground and who they are."""

    corners: Corners
    """`(n, 4, 2)` metres, counter-clockwise."""
    keys: Keys
    """`(n,)` uint64."""
    parent: NDArray[np.int64]
    """`(n,)` index of the piece each was cut from, in whatever it was cut from."""

    def __len__(self) -> int:
        """Number of pieces."""
        return len(self.keys)

    def where(self, keep: NDArray[np.bool_]) -> "Parcels":
        """Those where `keep (n,)` is true."""
        return Parcels(corners=self.corners[keep], keys=self.keys[keep], parent=self.parent[keep])


def parcels_of(corners: Corners, keys: Keys) -> Parcels:
    """Quads that are their own parents."""
    return Parcels(corners=corners, keys=keys, parent=np.arange(len(keys)))


def area(corners: Corners) -> NDArray[np.float64]:
    """Square metres `(n,)`; negative where the corners run clockwise."""
    x, y = corners[..., 0], corners[..., 1]
    doubled = (x * np.roll(y, -1, axis=-1) - np.roll(x, -1, axis=-1) * y).sum(axis=-1)
    return np.asarray(doubled / 2.0)


def edge_lengths(corners: Corners) -> NDArray[np.float64]:
    """Metres `(n, 4)`."""
    return np.asarray(np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2))


def size(corners: Corners) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean length (edges 0 and 2) and mean depth (edges 1 and 3), metres, each `(n,)`."""
    sides = edge_lengths(corners)
    return (sides[:, 0] + sides[:, 2]) / 2.0, (sides[:, 1] + sides[:, 3]) / 2.0


def centre(corners: Corners) -> NDArray[np.float64]:
    """Mean of the corners `(n, 2)`."""
    return np.asarray(corners.mean(axis=1))


def direction(corners: Corners) -> NDArray[np.float64]:
    """Unit vector of the length `(n, 2)`."""
    along = (corners[:, 1] - corners[:, 0]) + (corners[:, 2] - corners[:, 3])
    return np.asarray(along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9))


def turned(corners: Corners, quarters: ArrayLike) -> Corners:
    """The same quads with their corners counted from another one, `quarters (n,)` or scalar."""
    index = (np.arange(4) + np.broadcast_to(np.asarray(quarters), len(corners))[:, None]) % 4
    return np.take_along_axis(corners, index[..., None], axis=1)


def long_first(corners: Corners) -> Corners:
    """The same quads with length at least depth."""
    length, depth = size(corners)
    return turned(corners, (length < depth).astype(np.int64))


def at(corners: Corners, u: ArrayLike, v: ArrayLike) -> NDArray[np.float64]:
    """Points `(n, 2)` at shares u of the length and v of the depth (bilinear); 0,0 is corner 0, 1,0 corner 1."""
    u_, v_ = (np.broadcast_to(np.asarray(t, dtype=np.float64), len(corners))[:, None] for t in (u, v))
    bottom = corners[:, 0] * (1.0 - u_) + corners[:, 1] * u_
    top = corners[:, 3] * (1.0 - u_) + corners[:, 2] * u_
    return np.asarray(bottom * (1.0 - v_) + top * v_)


def part(corners: Corners, u: tuple[ArrayLike, ArrayLike], v: tuple[ArrayLike, ArrayLike]) -> Corners:
    """The sub-quads between shares of length and of depth."""
    return np.stack(
        [at(corners, u[0], v[0]), at(corners, u[1], v[0]), at(corners, u[1], v[1]), at(corners, u[0], v[1])], axis=1
    )


def inset(corners: Corners, metres: ArrayLike) -> tuple[Corners, NDArray[np.bool_]]:
    """Move every edge inwards.

    Args:
        corners: quads `(n, 4, 2)`.
        metres: how far: one number, `(n,)`, or `(n, 4)` for each edge.

    Returns:
        The smaller quads `(n, 4, 2)`, and where something convex of at least a square metre is left `(n,)`.
    """
    far = np.asarray(metres, dtype=np.float64)
    moves = np.broadcast_to(far[:, None] if far.ndim == 1 else far, (len(corners), 4))
    along = np.roll(corners, -1, axis=1) - corners
    along = along / np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9)
    inward = np.stack([-along[..., 1], along[..., 0]], axis=2)
    base = corners + inward * moves[..., None]
    # corner k is where moved edges k - 1 and k meet
    before, before_along = np.roll(base, 1, axis=1), np.roll(along, 1, axis=1)
    cross = before_along[..., 0] * along[..., 1] - before_along[..., 1] * along[..., 0]
    gap = base - before
    reach = (gap[..., 0] * along[..., 1] - gap[..., 1] * along[..., 0]) / np.where(np.abs(cross) < 1e-9, 1e-9, cross)
    smaller = before + before_along * reach[..., None]
    kept_way = ((np.roll(smaller, -1, axis=1) - smaller) * along).sum(axis=2) > 0.2
    return smaller, kept_way.all(axis=1) & (area(smaller) > 1.0)


def rectangles(middle: NDArray[np.float64], along: NDArray[np.float64], length: ArrayLike, depth: ArrayLike) -> Corners:
    """Rectangles `(n, 4, 2)` by middle `(n, 2)`, unit direction of the length `(n, 2)`, length and depth in metres."""
    half_length = np.broadcast_to(np.asarray(length, dtype=np.float64), len(middle))[:, None] / 2.0 * along
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half_depth = np.broadcast_to(np.asarray(depth, dtype=np.float64), len(middle))[:, None] / 2.0 * across
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return np.stack([middle + a * half_length + b * half_depth for a, b in signs], axis=1)


def split_down(ground: Parcels, target: ArrayLike, *, irregular: float, purpose: str = "split") -> Parcels:
    """Halve quads across their longer side until no side is longer than its target.

    Args:
        ground: what to split; `parent` of the result indexes it.
        target: longest side left, metres: one number or `(n,)`.
        irregular: 0 halves in the middle, 1 anywhere between a quarter and three quarters.
        purpose: name of the draw.
    """
    limit = np.broadcast_to(np.asarray(target, dtype=np.float64), len(ground)).copy()
    corners, keys, parent = ground.corners, ground.keys, np.arange(len(ground))
    done: list[tuple[Corners, Keys, NDArray[np.int64]]] = []
    for _ in range(16):
        corners = long_first(corners)
        length, _depth = size(corners)
        # a piece up to 30 % too long stays: halving it would leave slivers
        small = length <= limit[parent] * 1.3
        done.append((corners[small], keys[small], parent[small]))
        corners, keys, parent = corners[~small], keys[~small], parent[~small]
        if not len(keys):
            break
        where = 0.5 + between(keys, purpose, -0.25, 0.25) * irregular
        skew = between(keys, purpose + " skew", -0.06, 0.06) * irregular
        low, high = np.clip(where - skew, 0.2, 0.8), np.clip(where + skew, 0.2, 0.8)
        cut_bottom, cut_top = at(corners, low, 0.0), at(corners, high, 1.0)
        left = np.stack([corners[:, 0], cut_bottom, cut_top, corners[:, 3]], axis=1)
        right = np.stack([cut_bottom, corners[:, 1], corners[:, 2], cut_top], axis=1)
        corners = np.concatenate([left, right])
        keys, parent = np.concatenate([child_keys(keys, 0), child_keys(keys, 1)]), np.concatenate([parent, parent])
    return Parcels(
        corners=np.concatenate([d[0] for d in done]),
        keys=np.concatenate([d[1] for d in done]),
        parent=np.concatenate([d[2] for d in done]),
    )


def sliced(ground: Parcels, width: ArrayLike, *, irregular: float = 0.0, purpose: str = "slice") -> Parcels:
    """Cut quads across their length into slices about as wide as wished, at least one each.

    Args:
        ground: what to slice; `parent` of the result indexes it.
        width: wished width of a slice, metres: one number or `(n,)`.
        irregular: how much inner cuts stray, as a share of a slice (0 to about 0.6).
        purpose: name of the draw.
    """
    length, _ = size(ground.corners)
    counts = np.maximum(np.rint(length / np.asarray(width, dtype=np.float64)), 1).astype(np.int64)
    parent = np.repeat(np.arange(len(ground)), counts)
    index = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    total = counts[parent]
    mothers = ground.keys[parent]

    def cut(number: NDArray[np.int64]) -> NDArray[np.float64]:
        stray = between(child_keys(mothers, number), purpose, -0.5, 0.5) * irregular
        inner = (number > 0) & (number < total)
        return (number + np.where(inner, stray, 0.0)) / total

    pieces = part(ground.corners[parent], (cut(index), cut(index + 1)), (0.0, 1.0))
    return Parcels(corners=pieces, keys=child_keys(mothers, index), parent=parent)
