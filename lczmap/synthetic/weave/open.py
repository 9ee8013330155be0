"""Open mid-rise and low-rise (LCZ 5 and 6): estates of flats on lawns, and houses on lots of their own.

In: quarters of one class and a region. Out: shapes, by Stewart and Oke's fractions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import Keys, between, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, area, long_first, size, sliced
from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Layer, Quads, Shapes, join, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import (
    Grid,
    back_to_back,
    drawn,
    floors,
    piece,
    roof_boxes,
    roofs,
    shrunk,
    streets,
    strips_of,
    surface,
    turned_parcels,
    unsealed,
)
from lczmap.synthetic.weave.character import builder, greenness, lined, scale
from lczmap.synthetic.weave.estate import Estate, estate
from lczmap.synthetic.weave.green import GARDEN_TREES, OLD_TREES, STREET_TREES, rows_along, scattered
from lczmap.synthetic.weave.special import COMMON, specials, specials_among
from lczmap.synthetic.weave.traffic import avenues, driving, parked


def open_midrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 5: slabs of 3 to 7 storeys, some bent into L and U, on lawns."""
    plan = Estate(
        block=135.0,
        street=8.5,
        lengths=(26.0, 58.0),
        points=0.15,
        depth=(11.0, 14.0),
        pitch=33.0,
        heights=(10.0, 21.5),
        low=1.3,
        facing_south=region.name == "dense_asian",
        special=11.0,
        public=(9.0, 17.0),
        impervious=0.435,
    )
    return estate(quarters, region, plan)


@dataclass(frozen=True, kw_only=True)
class Suburb:
    """Measures of a suburb of houses."""

    rows: float
    """Depth of two rows of lots back to back, metres."""
    block: float
    """Length of a block, metres."""
    lot: tuple[float, float]
    """Smallest and largest lot, square metres."""
    built: float
    """Share of a lot under its house, on average."""
    front: float
    """Depth of the front garden, metres."""
    pools: float
    """Share of lots with a pool."""
    hedges: float
    """Share of lots behind hedges."""
    walls: float
    """Share of the other lots behind walls."""
    twins: float
    """Share of rows whose houses stand in pairs."""


_AMERICAN = Suburb(
    rows=66.0, block=150.0, lot=(540.0, 720.0), built=0.41, front=7.0, pools=0.12, hedges=0.12, walls=0.0, twins=0.0
)
_EUROPEAN = Suburb(
    rows=52.0, block=95.0, lot=(330.0, 540.0), built=0.43, front=4.5, pools=0.03, hedges=0.6, walls=0.1, twins=0.35
)
_ELSEWHERE = Suburb(
    rows=50.0, block=105.0, lot=(310.0, 480.0), built=0.395, front=3.5, pools=0.02, hedges=0.2, walls=0.75, twins=0.15
)


def open_lowrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 6: houses of 1 to 2 storeys on lots with gardens and drives."""
    plan = {"north_american": _AMERICAN, "european": _EUROPEAN}.get(region.name, _ELSEWHERE)
    wide = region.street**0.5
    blocks = strips_of(quarters, Grid(main=6.5 * wide, block=plan.block, street=6.8 * wide, irregular=0.4), plan.rows)
    kind = specials_among(blocks, quarters.keys, region, every=10.0, parks=1.0)
    inner, other = shrunk(blocks.where(kind == COMMON), 1.7), blocks.where(kind != COMMON)
    rows = back_to_back(inner)
    _, depth = size(rows.corners)
    large = between(rows.keys, "lot", *plan.lot) * scale(inner.keys, "large", 1.35)[rows.parent]
    lots = sliced(rows, np.clip(large / np.maximum(depth, 10.0), 10.0, 34.0), irregular=0.3)
    block = inner.keys[rows.parent][lots.parent]
    leafy = greenness(block)
    twin = ticket(rows.keys, "twins")[lots.parent] < plan.twins
    houses, garages = _homes(lots, block, twin, plan)
    ground, cars = _gardens(lots, block, region, plan)
    moving, dashes = driving(quarters)
    verges, verge_trees = avenues(quarters, region)
    # in old suburbs, the trees of many gardens meet
    old = ticket(block, "old") < 0.25
    hedged = ticket(lots.keys, "hedge") < plan.hedges * (0.2 + region.green) * leafy
    walled = ~hedged & (ticket(lots.keys, "wall") < plan.walls)
    homes = shapes(
        ground=[streets(quarters), verges, surface(blocks, Material.CONCRETE, Layer.BLOCK), *ground],
        details=[dashes, moving, parked(blocks, outward=1.0, share=0.16), cars],
        roofs=[
            *_roofed(houses, builder(houses.keys, inner.keys[rows.parent][houses.parent]), region),
            roofs(garages, drawn(garages.keys, "roof", region.house_roofs), 2.9),
            *_bounds(lots.where(hedged), Material.BUSH, 1.4),
            *_bounds(lots.where(walled), Material.CONCRETE, 0.8),
        ],
        crowns=[
            verge_trees,
            scattered(lots, GARDEN_TREES, per_hectare=52.0 * (0.15 + region.green) * leafy**1.7, purpose="garden"),
            scattered(lots.where(old), OLD_TREES, per_hectare=130.0 * region.green, purpose="old"),
            rows_along(blocks, STREET_TREES, spacing=11.0, outward=-2.4, share=lined(blocks.keys, 0.55 * region.green)),
        ],
    )
    return join([homes, specials(other, kind[kind != COMMON], region, storeys=(6.0, 9.5))])


def _roofed(houses: Parcels, who: Keys, region: Region) -> list[Quads]:
    """Gables, hips and flat tops, as whoever built them `(n,)` chose; some houses have a lower wing to the garden."""
    keys = houses.keys
    eaves = floors(keys, 2.8, 6.8)
    pitched = ticket(who, "pitched") < region.tilted
    ridged = Parcels(corners=long_first(houses.corners), keys=keys, parent=houses.parent)
    _, narrow = size(ridged.corners)
    slope = np.minimum(narrow, 12.0) / 2.0 * between(keys, "pitch", 0.45, 0.8)
    rise = np.where(pitched, np.where(ticket(keys, "hip") < 0.45, -slope, slope), 0.0)
    material = drawn(who, "roof", region.house_roofs)
    winged = ticket(keys, "wing") < 0.4
    left = between(keys[winged], "left", 0.05, 0.5)
    wings = turned_parcels(piece(houses.where(winged), (left, left + 0.42), (0.7, 1.28), number=3), 1)
    return [
        roofs(ridged, material, eaves, rise, like=who),
        roofs(
            wings,
            material[winged],
            np.maximum(eaves[winged] - 0.4, 2.6),
            np.where(pitched, 1.8, 0.0)[winged],
            like=who[winged],
        ),
        roof_boxes(houses.where(~pitched), eaves[~pitched], share=0.5),
    ]


def _bounds(lots: Parcels, material: Material, width: float) -> list[Quads]:
    """Hedges or walls along the back, one side and part of the front of lots."""
    length, depth = (np.maximum(metres, 8.0) for metres in size(lots.corners))
    front = lots.where(ticket(lots.keys, "front") < 0.6)
    rows = (
        piece(lots, (0.0, 1.0), (1.0 - width / depth, 1.0), number=11),
        piece(lots, (0.0, width / length), (0.0, 1.0), number=12),
        piece(front, (0.0, 0.78), (0.0, width / np.maximum(size(front.corners)[1], 8.0)), number=13),
    )
    return [roofs(row, material, between(row.keys, "high", 1.3, 2.4)) for row in rows]


def _homes(lots: Parcels, block: Keys, twin: NDArray[np.bool_], plan: Suburb) -> tuple[Parcels, Parcels]:
    """Houses behind their front gardens, pairs wall to wall, garages and sheds behind; edge 0 along the street."""
    keys = lots.keys
    length, depth = size(lots.corners)
    wished = np.abs(area(lots.corners)) * plan.built * between(keys, "size", 0.85, 1.15)
    wished = wished * between(block, "dense", 0.66, 1.34)
    across = np.minimum(np.sqrt(wished * between(keys, "shape", 0.8, 1.9)), 0.8 * length) / length
    deep = np.clip(wished / (across * length) / np.maximum(depth, 8.0), 0.2, 0.68)
    front = np.minimum((plan.front + between(keys, "front", -1.2, 1.8)) / np.maximum(depth, 8.0), 0.3)
    left = (1.0 - across) * between(keys, "side", 0.1, 0.6)
    # number within the row: the left one of a pair leans right, the right one left
    number = np.arange(len(lots)) - np.searchsorted(lots.parent, lots.parent)
    left = np.where(twin, np.where(number % 2 == 0, 1.0 - across, 0.0), left)
    built = ticket(keys, "built") < 0.97
    houses = piece(lots, (left, left + across), (front, front + deep), number=1)
    shed = built & (ticket(keys, "garage") < 0.55)
    back = np.minimum(front + deep + 0.1, 0.78)
    garages = piece(lots, (0.7, 0.95), (back, np.minimum(back + 0.2, 0.97)), number=2)
    return houses.where(built), garages.where(shed)


def _gardens(lots: Parcels, block: Keys, region: Region, plan: Suburb) -> tuple[list[Quads], Quads]:
    """Lawns, drives with a car, terraces, beds and pools; in bare blocks many gardens are paved."""
    keys = lots.keys
    tended = builder(keys, block)
    leafy = greenness(block)
    length, _ = size(lots.corners)
    drives = piece(lots, (1.0 - 3.6 / np.maximum(length, 8.0), 0.99), (0.0, between(keys, "drive", 0.3, 0.6)), number=3)
    paving = drawn(drives.keys, "drive", ((Material.CONCRETE, 3), (Material.PAVING, 2), (Material.ASPHALT, 2)))
    sitting = lots.where(ticket(keys, "sitting") < 1.2 - 0.55 * leafy)
    terraces = piece(sitting, (0.15, 0.65), (0.5, between(sitting.keys, "terrace", 0.6, 0.78)), number=4)
    beds = lots.where(ticket(keys, "bed") < 0.35)
    beds = piece(beds, (0.08, between(beds.keys, "bed", 0.3, 0.8)), (0.82, 0.96), number=5)
    wet = lots.where(ticket(keys, "pool") < plan.pools)
    pools = piece(wet, (0.3, 0.3 + 8.0 / np.maximum(size(wet.corners)[0], 14.0)), (0.78, 0.92), number=6)
    at_home = drives.where(ticket(drives.keys, "car") < 0.5)
    start = 1.0 / np.maximum(size(at_home.corners)[1], 7.0)
    cars = piece(at_home, (0.22, 0.76), (start, 5.4 * start), number=7)
    # lawns green or dry, from block to block
    yards = drawn(tended, "yard", unsealed(region.yards))
    dry = (yards == Material.GRASS) & (ticket(block, "dry") < 0.7 - 0.55 * region.green)
    yards = np.where(dry, np.uint8(Material.DRY_GRASS), yards)
    bare = ticket(keys, "bare") < 0.45 * region.green * (1.0 - leafy)
    yards = np.where(bare, drawn(keys, "paved", ((Material.PAVING, 3), (Material.CONCRETE, 1))), yards)
    return [
        surface(lots, yards, Layer.LOT, like=tended),
        surface(terraces, Material.PAVING, Layer.PATCH),
        surface(drives, paving, Layer.PATCH),
        surface(beds, Material.GARDEN, Layer.PATCH),
        surface(pools, Material.POOL, Layer.LINE),
    ], surface(cars, Material.CAR, Layer.LINE)
