"""Cars along kerbs, on main roads and in car parks, and the dashes between lanes: the details of built classes.

In: blocks, quarters and parking ground. Out: quads 4.4 x 1.8 m and thinner, for pixels of 1 m.
"""

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import Keys, between, child_keys, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Corners, Parcels, at, direction, edge_lengths, inset, rectangles, size
from lczmap.synthetic.shapes import Layer, Quads, quads
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import fresh

_CAR = (4.4, 1.8)
_BAY = 2.7
"""Width of a parking bay, metres."""
_ROW = 8.2
"""Depth of a row of bays with its share of the aisle, metres."""
_LANE = 3.4
"""Width of a lane of a main road, metres."""


def parked(blocks: Parcels, *, outward: float, share: float) -> Quads:
    """Cars along the kerbs around blocks.

    Args:
        blocks: whose edges are the kerbs.
        outward: distance of the row from the edge, metres.
        share: of the places that are taken, on average over streets.
    """
    middle, along, keys = _along_edges(blocks.corners, blocks.keys, spacing=6.0, outward=outward)
    taken = ticket(keys, "parked") < share
    return _cars(middle[taken], along[taken], keys[taken])


def driving(quarters: Quarters, *, lanes: int = 2) -> tuple[Quads, Quads]:
    """Cars on the main roads around quarters and the dashes between their lanes, on the quarter's own half.

    Args:
        quarters: between the roads.
        lanes: of the half, 1 or 2.
    """
    keys = fresh(quarters.keys, 70)
    moving = []
    for lane in range(lanes):
        own = fresh(keys, lane)
        middle, along, car = _along_edges(quarters.corners, own, spacing=14.0, outward=-_LANE * (lane + 0.5))
        on = ticket(car, "driving") < 0.2
        moving.append((middle[on], along[on], car[on]))
    cars = _cars(*(np.concatenate(column) for column in zip(*moving, strict=True)))
    middle, along, dash = _along_edges(quarters.corners, fresh(keys, 2), spacing=11.0, outward=-_LANE)
    middle, along, dash = (
        middle[: (lanes - 1) * len(dash)],
        along[: (lanes - 1) * len(dash)],
        dash[: (lanes - 1) * len(dash)],
    )
    dashes = quads(
        rectangles(middle, along, 3.0, 0.55),
        material=Material.MARKING,
        tone=ticket(dash, "tone"),
        keys=dash,
        layer=Layer.LINE,
    )
    return cars, dashes


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


def _along_edges(
    corners: Corners, keys: Keys, *, spacing: float, outward: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], Keys]:
    """Places along every edge: points `(k, 2)`, unit directions `(k, 2)`, keys `(k,)`."""
    starts, ends = corners.reshape(-1, 2), np.roll(corners, -1, axis=1).reshape(-1, 2)
    lengths = edge_lengths(corners).ravel()
    # corners stay free
    counts = np.maximum(np.floor((lengths - 12.0) / spacing), 0).astype(np.int64)
    edge = np.repeat(np.arange(len(counts)), counts)
    index = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    own = child_keys(child_keys(keys[edge // 4], 15_485_863 + edge % 4), index)
    along = ((ends - starts) / np.maximum(lengths, 1e-9)[:, None])[edge]
    out = np.stack([along[:, 1], -along[:, 0]], axis=1)
    far = 6.0 + (index + 0.5 + between(own, "stray", -0.12, 0.12)) * (lengths[edge] - 12.0) / counts[edge]
    return starts[edge] + along * far[:, None] + out * outward, along, own
