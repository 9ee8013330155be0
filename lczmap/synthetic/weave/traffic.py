"""Cars along kerbs, on main roads and in car parks, and the dashes between lanes: the details of built classes.

In: blocks, quarters and parking ground. Out: quads 4.4 x 1.8 m and thinner, for pixels of 1 m.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import Keys, between, child_keys, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Corners, Parcels, at, direction, edge_lengths, inset, rectangles, size
from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Discs, Layer, Quads, join_discs, join_quads, quads
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import drawn, fresh
from lczmap.synthetic.weave.green import STREET_TREES, rows_along
from lczmap.synthetic.weave.lanes import AVENUE, edge_keys

_CAR = (4.4, 1.8)
_BAY = 2.7
"""Width of a parking bay, metres."""
_ROW = 8.2
"""Depth of a row of bays with its share of the aisle, metres."""
_LANE = 3.4
"""Width of a lane of a main road, metres."""
_CROSSING = 12.0
"""Length of an edge that crossings take, metres: half at either end for cars, all of it for verges."""
_VERGE = 2.0
"""Width of half a verge, metres."""
_KERB = 8.0
"""From the middle of a boulevard to its outer row of trees, metres."""
_AVENUES = 0.3
"""Share of main roads with a verge."""


def parked(blocks: Parcels, *, outward: float, share: float) -> Quads:
    """Cars along the kerbs around blocks.

    Args:
        blocks: whose edges are the kerbs.
        outward: distance of the row from the edge, metres.
        share: of the places that are taken, on average over streets.
    """
    row = _along_edges(blocks.corners, blocks.keys, spacing=6.0, outward=outward)
    row = row.where(ticket(row.keys, "parked") < share)
    return _cars(row.middle, row.along, row.keys)


def driving(quarters: Quarters, *, lanes: int = 2) -> tuple[Quads, Quads]:
    """Cars on the main roads around quarters and the dashes between their lanes, on the quarter's own half.

    Args:
        quarters: between the roads.
        lanes: of the half, 1 or 2.
    """
    keys, tended = fresh(quarters.keys, 70), _avenue(quarters).ravel()
    moving = []
    for lane in range(lanes):
        row = _along_edges(quarters.corners, fresh(keys, lane), spacing=14.0, outward=-_LANE * (lane + 0.5))
        # the inner lane of an avenue is its verge
        moving.append(row.where((ticket(row.keys, "driving") < 0.2) & ~(tended[row.edge] & (lane == 0))))
    cars = [_cars(row.middle, row.along, row.keys) for row in moving]
    lines = _along_edges(quarters.corners, fresh(keys, 2), spacing=11.0, outward=-_LANE)
    lines = lines.where(~tended[lines.edge] & (lanes > 1))
    dashes = _marking(rectangles(lines.middle, lines.along, 3.0, 0.55), lines.keys)
    return join_quads(cars), join_quads([dashes, _zebras(quarters)]) if lanes > 1 else dashes


def _zebras(quarters: Quarters) -> Quads:
    """Crossings for walkers at the ends of main roads: stripes on the quarter's own half."""
    keys = child_keys(fresh(quarters.keys, 73)[:, None], np.arange(4)).ravel()
    starts, ends = quarters.corners.reshape(-1, 2), np.roll(quarters.corners, -1, axis=1).reshape(-1, 2)
    along = (ends - starts) / np.maximum(np.linalg.norm(ends - starts, axis=1), 1.0)[:, None]
    inward = np.stack([-along[:, 1], along[:, 0]], axis=1)
    painted = ticket(keys, "zebra") < 0.5
    stripes = []
    for end, (corner, sign) in enumerate(((starts, 1.0), (ends, -1.0))):
        for number in range(4):
            middle = corner + along * (sign * (_CROSSING + 1.0)) + inward * (1.1 + 1.9 * number)
            stripe = rectangles(middle, along, 3.0, 0.9)[painted]
            stripes.append(_marking(stripe, child_keys(keys[painted], 8 * end + number)))
    return join_quads(stripes)


def _marking(corners: Corners, keys: Keys) -> Quads:
    return quads(corners, material=Material.MARKING, tone=ticket(keys, "tone"), keys=keys, layer=Layer.LINE)


def avenues(quarters: Quarters, region: Region) -> tuple[Quads, Discs]:
    """Verges with trees in the middle of some main roads, and boulevards: each quarter has its own half of them."""
    tended = _avenue(quarters).ravel()
    keys = child_keys(fresh(quarters.keys, 72)[:, None], np.arange(4)).ravel()[tended]
    starts, ends = quarters.corners.reshape(-1, 2), np.roll(quarters.corners, -1, axis=1).reshape(-1, 2)
    starts, gap = starts[tended], (ends - starts)[tended]
    long = np.linalg.norm(gap, axis=1)
    along = gap / np.maximum(long, 1.0)[:, None]
    inward = np.stack([-along[:, 1], along[:, 0]], axis=1)
    verge = rectangles(
        starts + gap / 2.0 + inward * (_VERGE / 2.0), along, np.maximum(long - 2.0 * _CROSSING, 1.0), _VERGE
    )
    strips = Parcels(corners=verge, keys=keys, parent=np.arange(len(keys)))
    # one row a half along the middle of the road, and on boulevards another one along the kerb
    share = np.outer(ticket(keys, "lined") < 0.3 + region.green, [0.8, 0.0, 0.0, 0.0])
    kerb = np.outer(ticket(keys, "boulevard") < 1.1 * region.green, [0.9, 0.0, 0.0, 0.0])
    beside = Parcels(corners=verge, keys=child_keys(keys, 1), parent=strips.parent)
    trees = [
        rows_along(strips, STREET_TREES, spacing=10.0, outward=-0.9, share=share),
        rows_along(beside, AVENUE, spacing=8.5, outward=-_KERB, share=kerb),
    ]
    ground = drawn(keys, "verge", ((Material.GRASS, 0.1 + region.green), (Material.PAVING, 0.4)))
    return (
        quads(verge, material=ground, tone=ticket(keys, "tone"), keys=keys, layer=Layer.LINE),
        join_discs(trees),
    )


def _avenue(quarters: Quarters) -> NDArray[np.bool_]:
    """Which edges of quarters are avenues `(n, 4)`, the same from both sides."""
    return np.asarray(ticket(edge_keys(quarters.corners), "avenue") < _AVENUES)


def car_park(ground: Parcels, *, share: float) -> Quads:
    """Cars in bays across the length of parking grounds.

    Args:
        ground: the parking grounds.
        share: of the bays that are taken.
    """
    inner, left = inset(ground.corners, 0.8)
    inner, own = inner[left], fresh(ground.keys[left], 71)
    length, depth = size(inner)
    bays, rows = np.floor(length / _BAY).astype(np.int64), np.maximum(np.floor(depth / _ROW), 1).astype(np.int64)
    counts = np.where(depth > _CAR[0], bays * rows, 0)
    parent = np.repeat(np.arange(len(inner)), counts)
    index = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = child_keys(own[parent], index)
    # whole rows fill from one end more than from the other
    busy = between(own, "busy", 0.5, 1.5)[parent] * share
    taken = ticket(keys, "bay") < busy
    parent, index, keys = parent[taken], index[taken], keys[taken]
    row, bay = np.divmod(index, bays[parent])
    middle = at(inner[parent], (bay + 0.5) / bays[parent], (row + 0.5) / rows[parent])
    along = direction(inner[parent])
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return _cars(middle, across, keys)


def _cars(middle: NDArray[np.float64], along: NDArray[np.float64], keys: Keys) -> Quads:
    longer = between(keys, "van", 0.92, 1.12)
    return quads(
        rectangles(middle, along, _CAR[0] * longer, _CAR[1]),
        material=Material.CAR,
        tone=ticket(keys, "tone"),
        keys=keys,
        height=1.4,
        layer=Layer.LINE,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Row:
    """Places in rows along edges."""

    middle: NDArray[np.float64]
    """`(n, 2)` metres."""
    along: NDArray[np.float64]
    """Unit direction of the edge `(n, 2)`."""
    keys: Keys
    """`(n,)`."""
    edge: NDArray[np.int64]
    """Which edge, four to a parcel, `(n,)`."""

    def where(self, keep: NDArray[np.bool_]) -> "_Row":
        """Those where `keep (n,)` is true."""
        return _Row(middle=self.middle[keep], along=self.along[keep], keys=self.keys[keep], edge=self.edge[keep])


def _along_edges(corners: Corners, keys: Keys, *, spacing: float, outward: float) -> _Row:
    """Places along every edge, as far outward as wished."""
    starts, ends = corners.reshape(-1, 2), np.roll(corners, -1, axis=1).reshape(-1, 2)
    lengths = edge_lengths(corners).ravel()
    # corners stay free
    counts = np.maximum(np.floor((lengths - _CROSSING) / spacing), 0).astype(np.int64)
    edge = np.repeat(np.arange(len(counts)), counts)
    index = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    own = child_keys(child_keys(keys[edge // 4], 15_485_863 + edge % 4), index)
    along = ((ends - starts) / np.maximum(lengths, 1e-9)[:, None])[edge]
    out = np.stack([along[:, 1], -along[:, 0]], axis=1)
    stray = index + 0.5 + between(own, "stray", -0.12, 0.12)
    far = _CROSSING / 2.0 + stray * (lengths[edge] - _CROSSING) / counts[edge]
    return _Row(middle=starts[edge] + along * far[:, None] + out * outward, along=along, keys=own, edge=edge)
