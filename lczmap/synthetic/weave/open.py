"""Open mid-rise and low-rise (LCZ 5 and 6): estates of flats on lawns, and houses on lots of their own.

In: quarters of one class and a region. Out: shapes, by Stewart and Oke's fractions.
"""

from dataclasses import dataclass

import numpy as np

from lczmap.synthetic.chance import between, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, long_first, size, sliced
from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Layer, Quads, Shapes, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import (
    Grid,
    back_to_back,
    blocks_of,
    drawn,
    floors,
    piece,
    roofs,
    shrunk,
    streets,
    surface,
)
from lczmap.synthetic.weave.estate import Estate, estate
from lczmap.synthetic.weave.green import GARDEN_TREES, STREET_TREES, Planting, rows_along, scattered
from lczmap.synthetic.weave.traffic import driving, parked

_HEDGE = Planting(radius=(0.7, 1.2), height=(1.2, 2.2), kinds=((Material.BUSH, 1),))


def open_midrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 5: slabs of 3 to 7 storeys, some bent into L and U, on lawns."""
    plan = Estate(
        block=135.0,
        street=8.5,
        lengths=(26.0, 58.0),
        points=0.15,
        depth=(11.0, 14.0),
        pitch=34.0,
        heights=(10.0, 21.5),
        facing_south=region.name == "dense_asian",
        impervious=0.39,
    )
    return estate(quarters, region, plan)


@dataclass(frozen=True, kw_only=True)
class Suburb:
    """Measures of a suburb of houses, metres."""

    block: float
    """Longest side of a block."""
    lot: tuple[float, float]
    """Narrowest and widest lot."""
    house: tuple[float, float]
    """Share of the lot's width and of its depth that a house takes, on average."""
    front: float
    """Front garden."""
    pools: float
    """Share of lots with a pool."""
    hedges: float
    """Share of lots behind hedges."""
    twins: float
    """Share of blocks with semi-detached houses."""


_AMERICAN = Suburb(block=150.0, lot=(17.0, 24.0), house=(0.72, 0.46), front=6.5, pools=0.1, hedges=0.1, twins=0.0)
_EUROPEAN = Suburb(block=105.0, lot=(14.0, 20.0), house=(0.66, 0.44), front=4.5, pools=0.03, hedges=0.6, twins=0.45)
_ELSEWHERE = Suburb(block=100.0, lot=(14.0, 21.0), house=(0.7, 0.48), front=3.5, pools=0.02, hedges=0.25, twins=0.15)


def open_lowrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 6: houses of 1 to 2 storeys on lots with gardens and drives."""
    plan = {"north_american": _AMERICAN, "european": _EUROPEAN}.get(region.name, _ELSEWHERE)
    grid = Grid(main=6.5 * region.street, block=plan.block, street=6.5 * region.street, irregular=0.6)
    blocks = blocks_of(quarters, grid)
    lots = sliced(back_to_back(shrunk(blocks, 1.7)), 1.0, irregular=0.0) if not len(blocks) else _lots(blocks, plan)
    houses, garages = _homes(lots, plan)
    eaves = floors(houses.keys, 2.8, 6.8)
    pitched = ticket(houses.keys, "pitched") < region.tilted
    long, deep = size(houses.corners)
    slope = np.minimum(np.minimum(long, deep), 12.0) / 2.0 * between(houses.keys, "pitch", 0.45, 0.8)
    hipped = ticket(houses.keys, "hip") < 0.4
    rise = np.where(pitched, np.where(hipped, -slope, slope), 0.0)
    ridged = Parcels(corners=long_first(houses.corners), keys=houses.keys, parent=houses.parent)
    ground, cars = _gardens(lots, region, plan)
    moving, dashes = driving(quarters)
    return shapes(
        ground=[
            streets(quarters),
            surface(blocks, Material.CONCRETE, Layer.BLOCK),
            *ground,
        ],
        details=[dashes, moving, parked(blocks, outward=1.0, share=0.16), cars],
        roofs=[
            roofs(ridged, drawn(houses.keys, "roof", region.house_roofs), eaves, rise),
            roofs(garages, drawn(garages.keys, "roof", region.house_roofs), 2.9, 0.0),
        ],
        crowns=[
            scattered(lots, GARDEN_TREES, per_hectare=75.0 * (0.15 + region.green), purpose="garden"),
            rows_along(blocks, STREET_TREES, spacing=11.0, outward=-2.4, share=0.5 * region.green),
            rows_along(
                lots.where(ticket(lots.keys, "hedge") < plan.hedges * (0.2 + region.green)),
                _HEDGE,
                spacing=1.6,
                outward=-0.7,
                share=0.75,
            ),
        ],
    )


def _lots(blocks: Parcels, plan: Suburb) -> Parcels:
    rows = back_to_back(shrunk(blocks, 1.7))
    return sliced(rows, between(rows.keys, "lot", *plan.lot), irregular=0.3)


def _homes(lots: Parcels, plan: Suburb) -> tuple[Parcels, Parcels]:
    """Houses behind their front gardens, garages beside or behind them; edge 0 along the street."""
    keys = lots.keys
    _, depth = size(lots.corners)
    wide = np.clip(plan.house[0] + between(keys, "wide", -0.12, 0.12), 0.3, 0.94)
    deep = np.clip(plan.house[1] + between(keys, "deep", -0.1, 0.1), 0.2, 0.75)
    front = np.minimum((plan.front + between(keys, "front", -1.2, 1.8)) / np.maximum(depth, 8.0), 0.35)
    left = (1.0 - wide) * between(keys, "side", 0.12, 0.6)
    built = ticket(keys, "built") < 0.965
    houses = piece(lots, (left, left + wide), (front, front + deep), number=1)
    shed = ticket(keys, "garage") < 0.55
    garages = piece(
        lots, (0.68, 0.95), (np.minimum(front + deep + 0.06, 0.74), np.minimum(front + deep + 0.24, 0.96)), number=2
    )
    return houses.where(built), garages.where(shed & built)


def _gardens(lots: Parcels, region: Region, plan: Suburb) -> tuple[list[Quads], Quads]:
    """Lawns, drives with a car, terraces, beds and pools."""
    keys = lots.keys
    length, _ = size(lots.corners)
    drives = piece(lots, (1.0 - 3.4 / np.maximum(length, 8.0), 0.99), (0.0, between(keys, "drive", 0.3, 0.6)), number=3)
    terraces = piece(lots, (0.2, 0.7), (0.55, between(keys, "terrace", 0.68, 0.8)), number=4)
    beds = lots.where(ticket(keys, "bed") < 0.35)
    beds = piece(beds, (0.08, between(beds.keys, "bed", 0.3, 0.8)), (0.82, 0.96), number=5)
    wet = lots.where(ticket(keys, "pool") < plan.pools)
    pools = piece(wet, (0.3, 0.3 + 8.0 / np.maximum(size(wet.corners)[0], 14.0)), (0.78, 0.92), number=6)
    at_home = drives.where(ticket(drives.keys, "car") < 0.5)
    bays = piece(at_home, (0.15, 0.85), (0.05, 0.05 + 5.0 / np.maximum(size(at_home.corners)[1], 6.0)), number=7)
    parked_cars = surface(piece(bays, (0.1, 0.9), (0.05, 0.95)), Material.CAR, Layer.LINE)
    return [
        surface(lots, drawn(keys, "yard", region.yards), Layer.LOT),
        surface(terraces, Material.PAVING, Layer.PATCH),
        surface(
            drives,
            drawn(drives.keys, "drive", ((Material.CONCRETE, 3), (Material.PAVING, 2), (Material.ASPHALT, 2))),
            Layer.PATCH,
        ),
        surface(beds, Material.GARDEN, Layer.PATCH),
        surface(pools, Material.POOL, Layer.LINE),
    ], parked_cars
