"""Large low-rise (LCZ 8): halls, markets and depots with car parks before and loading yards behind them."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lczmap.synthetic.chance import Keys, between, child_keys, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import (
    Parcels,
    area,
    at,
    direction,
    edge_lengths,
    part,
    rectangles,
    size,
    sliced,
    turned,
)
from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Layer, Quads, Shapes, choose_quads, join_quads, quads, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import (
    Grid,
    areas_by,
    blocks_of,
    drawn,
    fresh,
    piece,
    roof_boxes,
    shrunk,
    streets,
    surface,
    turned_parcels,
)
from lczmap.synthetic.weave.green import Planting, rows_along, scattered
from lczmap.synthetic.weave.traffic import car_park, driving, parked

_SIDE = 6.0
"""Way beside a hall, metres."""
_TREES = Planting(radius=(1.4, 3.2), height=(4.0, 9.0), kinds=((Material.BROADLEAF, 1),))
_GRID = Grid(main=6.8, block=195.0, street=9.0, irregular=0.8)
_PLOT_FLOORS = ((Material.ASPHALT, 6), (Material.CONCRETE, 3), (Material.PAVING, 1))
_YARD_FLOORS = ((Material.CONCRETE, 4), (Material.ASPHALT, 4), (Material.PAVING, 1))


def halls(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 8: each block a plot in a ring of green, with its parking, its hall and its yard across the depth."""
    blocks = blocks_of(quarters, replace(_GRID, block=_GRID.block * max(region.block, 0.92)))
    total = np.abs(area(quarters.corners))
    rim = _rim(blocks, between(quarters.keys, "green", 0.16, 0.185) * total)
    plots = shrunk(blocks, rim)
    plots = turned_parcels(plots, 2 * (ticket(plots.keys, "front") < 0.5))
    plots = Parcels(corners=_long(plots), keys=plots.keys, parent=plots.parent)
    hall, front, back = _laid_out(plots, between(quarters.keys, "built", 0.39, 0.44) * total)
    parking = piece(plots, (0.02, 0.98), (0.03, np.maximum(front - 0.03, 0.04)), number=31)
    yard = piece(plots, (0.05, 0.95), (back, 0.98), number=32)
    cars, dashes = driving(quarters)
    bare = _dry_ground(region)
    return shapes(
        ground=[
            streets(quarters),
            dashes,
            surface(
                Parcels(corners=blocks.corners, keys=fresh(blocks.keys, 33), parent=blocks.parent), bare, Layer.BLOCK
            ),
            surface(plots, drawn(plots.keys, "floor", _PLOT_FLOORS), Layer.LOT),
            surface(parking, Material.ASPHALT, Layer.PATCH),
            surface(yard, drawn(yard.keys, "floor", _YARD_FLOORS), Layer.PATCH),
            _gates(plots, size(plots.corners)[1]),
        ],
        details=[cars, parked(blocks, outward=1.6, share=0.08), car_park(parking, share=0.55), lorries(yard)],
        roofs=[works(hall, region, low=5.5, high=10.0)],
        crowns=[
            rows_along(plots, _TREES, spacing=9.0, outward=2.0, share=0.55 * region.green),
            scattered(parking, _TREES, per_hectare=22.0 * region.green, purpose="parking"),
        ],
    )


def _laid_out(plots: Parcels, wished: NDArray[np.float64]) -> tuple[Parcels, NDArray[np.float64], NDArray[np.float64]]:
    """Where halls stand on plots, so that a quarter's cover the wished square metres.

    Returns:
        The halls, and where they begin and end as shares of their plots' depth, each `(n,)`.
    """
    length, _ = size(plots.corners)
    side = np.minimum(_SIDE / length, 0.2)
    share = wished / np.maximum(areas_by(plots, plots.parent, len(wished)), 1.0)
    for _ in range(2):
        deep = np.clip(share[plots.parent] / (1.0 - 2.0 * side), 0.2, 0.76)
        front = (1.0 - deep) * between(plots.keys, "before", 0.45, 0.8)
        hall = squared(piece(plots, (side, 1.0 - side), (front, front + deep), number=30))
        # what right angles cost is made up in depth
        share *= np.clip(wished / np.maximum(areas_by(hall, hall.parent, len(wished)), 1.0), 1.0, 1.4)
    return hall, front, front + deep


def squared(ground: Parcels) -> Parcels:
    """The rectangle inside each parcel that lies along its edge 0; parcels too crooked stay as they are."""
    corners = ground.corners
    start = corners[:, :1]
    along = direction(corners)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    u = ((corners - start) * along[:, None]).sum(axis=2)
    v = ((corners - start) * across[:, None]).sum(axis=2)
    left, right = np.maximum(u[:, 0], u[:, 3]), np.minimum(u[:, 1], u[:, 2])
    low, high = np.maximum(v[:, 0], v[:, 1]), np.minimum(v[:, 2], v[:, 3])
    box = np.stack([np.stack(p, axis=1) for p in ((left, low), (right, low), (right, high), (left, high))], axis=1)
    box = start + box[..., :1] * along[:, None] + box[..., 1:] * across[:, None]
    fits = (right - left > 8.0) & (high - low > 8.0) & (area(box) > 0.6 * area(corners))
    return Parcels(corners=np.where(fits[:, None, None], box, corners), keys=ground.keys, parent=ground.parent)


def works(hall: Parcels, region: Region, *, low: float, high: float, ragged: float = 0.14) -> Quads:
    """Halls as roofs: cut into buildings, flat with skylights and plant, or in bays under gables.

    Args:
        hall: where halls stand.
        region: what roofs are made of.
        low: lowest eaves, metres.
        high: highest eaves, metres.
        ragged: how much less deep than others some buildings of a row are, share.
    """
    pieces = sliced(_lengthwise(hall), between(hall.keys, "wide", 45.0, 150.0), irregular=0.5, purpose="hall")
    # neighbours are not equally deep
    pieces = Parcels(
        corners=part(pieces.corners, (0.0, 1.0), (0.0, between(pieces.keys, "deep", 1.0 - ragged, 1.0))),
        keys=pieces.keys,
        parent=pieces.parent,
    )
    eaves = between(pieces.keys, "eaves", low, high)
    material = drawn(pieces.keys, "roof", region.shed_roofs)
    bayed = ticket(pieces.keys, "bays") < 0.4
    flat, tops = pieces.where(~bayed), eaves[~bayed]
    plain = quads(flat.corners, material=material[~bayed], tone=ticket(flat.keys, "tone"), keys=flat.keys, height=tops)
    plant = sliced(flat, 28.0, irregular=0.4, purpose="plant")
    boxes = roof_boxes(plant, tops[plant.parent], share=0.4)
    return join_quads([plain, _bays(pieces.where(bayed), material[bayed], eaves[bayed]), _skylights(flat, tops), boxes])


def lorries(yard: Parcels) -> Quads:
    """Lorries and trailers backed against the hall along edge 0 of yards."""
    length, depth = size(yard.corners)
    counts = np.where(depth > 15.0, np.floor(length / 4.2), 0.0).astype(np.int64)
    parent = np.repeat(np.arange(len(yard)), counts)
    index = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = child_keys(fresh(yard.keys, 34)[parent], index)
    busy = between(yard.keys, "busy", 0.05, 0.55)[parent]
    here = ticket(keys, "dock") < busy
    parent, index, keys = parent[here], index[here], keys[here]
    long = between(keys, "long", 8.0, 13.6)
    middle = at(yard.corners[parent], (index + 0.5) / counts[parent], (0.8 + long / 2.0) / depth[parent])
    along = direction(yard.corners[parent])
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return quads(
        rectangles(middle, across, long, 2.5),
        material=Material.CAR,
        tone=ticket(keys, "tone"),
        keys=keys,
        height=3.6,
        layer=Layer.LINE,
    )


def spots(
    ground: Parcels, *, along: ArrayLike, across: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], Keys]:
    """A regular pattern of points in parcels.

    Args:
        ground: where.
        along: spacing along the length, metres (one number or `(n,)`).
        across: spacing along the depth.

    Returns:
        Points `(k, 2)`, which parcel each is in `(k,)`, keys `(k,)`.
    """
    length, depth = size(ground.corners)
    columns = np.floor(length / np.asarray(along)).astype(np.int64)
    rows = np.floor(depth / np.asarray(across)).astype(np.int64)
    counts = columns * rows
    parent = np.repeat(np.arange(len(ground)), counts)
    index = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    row, column = np.divmod(index, np.maximum(columns[parent], 1))
    where = at(ground.corners[parent], (column + 0.5) / columns[parent], (row + 0.5) / rows[parent])
    return where, parent, child_keys(fresh(ground.keys, 35)[parent], index)


def _rim(blocks: Parcels, wished: NDArray[np.float64]) -> NDArray[np.float64]:
    """Width of the green around each block `(n,)`, so that a quarter's add up to the wished square metres."""
    around = np.bincount(blocks.parent, weights=edge_lengths(blocks.corners).sum(axis=1), minlength=len(wished))
    return np.asarray((wished / np.maximum(around, 1.0))[blocks.parent])


def _long(ground: Parcels) -> NDArray[np.float64]:
    length, depth = size(ground.corners)
    return turned(ground.corners, (length < 0.8 * depth).astype(np.int64))


def _lengthwise(ground: Parcels) -> Parcels:
    return Parcels(corners=_long(ground), keys=ground.keys, parent=ground.parent)


def _dry_ground(region: Region) -> Material:
    """What lies between kerb and plot."""
    return Material.GRASS if region.green > 0.5 else Material.YARD if region.name == "informal" else Material.SAND


def _bays(pieces: Parcels, material: NDArray[np.uint8], eaves: NDArray[np.float64]) -> Quads:
    """Gables side by side over one building."""
    bays = sliced(pieces, between(pieces.keys, "bay", 12.0, 30.0))
    mother = bays.parent
    return quads(
        turned(bays.corners, 1),
        material=material[mother],
        tone=ticket(pieces.keys, "tone")[mother],
        keys=pieces.keys[mother],
        height=eaves[mother],
        rise=between(pieces.keys, "rise", 0.8, 2.0)[mother],
    )


def _skylights(flat: Parcels, tops: NDArray[np.float64]) -> Quads:
    """Rows of skylights on some flat roofs."""
    lit = ticket(flat.keys, "lit") < 0.55
    under = flat.where(lit)
    where, parent, keys = spots(
        under, along=between(under.keys, "along", 7.0, 13.0), across=between(under.keys, "across", 11.0, 20.0)
    )
    way = direction(under.corners[parent])
    across = np.stack([-way[:, 1], way[:, 0]], axis=1)
    return quads(
        rectangles(where, across, between(under.keys, "long", 2.5, 8.0)[parent], 1.7),
        material=np.where(ticket(under.keys, "glass") < 0.6, Material.WHITE_ROOF, Material.GREY_ROOF)[parent],
        tone=ticket(under.keys, "tone")[parent],
        keys=keys,
        height=tops[lit][parent] + 0.3,
    )


def _gates(plots: Parcels, depth: NDArray[np.float64]) -> Quads:
    """Two ways over the green to each plot."""
    gates = []
    for number, (v, low, high) in enumerate((((-9.0, 1.0), 0.08, 0.4), ((-9.0, 1.0), 0.6, 0.92))):
        keys = fresh(plots.keys, 40 + number)
        u, half = between(keys, "u", low, high), 4.5 / np.maximum(size(plots.corners)[0], 1.0)
        corners = part(plots.corners, (u - half, u + half), (v[0] / depth, v[1] / depth))
        gates.append(quads(corners, material=Material.ASPHALT, tone=ticket(keys, "tone"), keys=keys, layer=Layer.LINE))
    joined = join_quads(gates)
    return choose_quads(joined, np.abs(area(joined.corners)) < 200.0)
