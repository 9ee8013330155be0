"""Blocks that are no dwellings: schools, parks, car parks, markets, large buildings, building sites.

In: blocks of a fabric and a region. Out: which blocks they take, and their shapes.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import Keys, pick, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, area, long_first, size
from lczmap.synthetic.region import Region, RegionName
from lczmap.synthetic.shapes import Layer, Shapes, join, shapes
from lczmap.synthetic.weave.blocks import drawn, flat_only, floors, piece, rimmed, ring, roof_boxes, shrunk, surface
from lczmap.synthetic.weave.character import greenness
from lczmap.synthetic.weave.green import COURT_TREES, STREET_TREES, rows_along, scattered
from lczmap.synthetic.weave.traffic import car_park

COMMON, SCHOOL, PARK, PARKING, MARKET, LARGE, SITE = range(7)
"""What a block may be; `COMMON` ones are left to their fabric."""
_WEIGHTS: Mapping[RegionName, tuple[float, ...]] = {
    "european": (2.0, 3.0, 1.0, 1.0, 2.0, 0.7),
    "dense_asian": (2.0, 2.0, 1.0, 1.0, 2.5, 1.8),
    "north_american": (2.0, 2.5, 2.5, 1.8, 2.0, 0.6),
    "informal": (2.0, 1.0, 0.6, 1.0, 1.5, 2.0),
    "desert": (1.5, 0.8, 2.0, 1.0, 2.0, 2.0),
}
"""How common schools, parks, car parks, markets, large buildings and building sites are."""
_LEAST, _MOST = 1_400.0, 16_000.0
"""Smallest and largest block that is taken, square metres."""


def specials_among(blocks: Parcels, quarters: Keys, region: Region, *, every: float, parks: float) -> NDArray[np.int64]:
    """What each block is `(n,)`: `COMMON`, `SCHOOL`, ...

    Args:
        blocks: `parent` indexes the quarters.
        quarters: their keys.
        region: what is common there.
        every: one block in so many is special, spread evenly over quarters.
        parks: factor on how common parks are.
    """
    count = np.bincount(blocks.parent, minlength=len(quarters))
    taken = np.floor(count / every + ticket(quarters, "specials")).astype(np.int64)
    square = np.abs(area(blocks.corners))
    able = (square > _LEAST) & (square < _MOST)
    order = np.lexsort((ticket(blocks.keys, "special") + ~able, blocks.parent))
    rank = np.empty(len(blocks), dtype=np.int64)
    rank[order] = np.arange(len(blocks)) - np.repeat(np.cumsum(count) - count, count)
    weights = np.array(_WEIGHTS[region.name]) * np.array([1.0, parks, 1.0, 1.0, 1.0, 1.0])
    kind = 1 + pick(blocks.keys, "kind of special", weights)
    return np.where(able & (rank < taken[blocks.parent]), kind, COMMON)


def specials(lots: Parcels, kind: NDArray[np.int64], region: Region, *, storeys: tuple[float, float]) -> Shapes:
    """Shapes of special blocks.

    Args:
        lots: blocks within their pavements.
        kind: what each is `(n,)`; nothing stands on `COMMON` ones.
        region: what they are made of.
        storeys: lowest and highest buildings, metres.
    """
    lots = Parcels(corners=long_first(lots.corners), keys=lots.keys, parent=lots.parent)
    return join(
        [
            _school(lots.where(kind == SCHOOL), region, storeys),
            _park(lots.where(kind == PARK), region),
            _parking(lots.where(kind == PARKING), region),
            _market(lots.where(kind == MARKET), region),
            _large(lots.where(kind == LARGE), region, storeys),
            _site(lots.where(kind == SITE), region, storeys),
        ]
    )


def _school(lots: Parcels, region: Region, storeys: tuple[float, float]) -> Shapes:
    """Two wings at a corner, a paved yard and a playing field."""
    wings = [piece(lots, (0.05, 0.62), (0.05, 0.3), number=1), piece(lots, (0.05, 0.22), (0.34, 0.85), number=2)]
    field = piece(lots, (0.3, 0.96), (0.42, 0.95), number=3)
    watered = ticket(field.keys, "watered") < 0.3 + region.green
    turf = drawn(field.keys, "turf", ((Material.GRASS, 3), (Material.COURT, 1)))
    height = floors(lots.keys, *storeys) + 0.8
    roof = drawn(lots.keys, "roof", flat_only(region.town_roofs))
    return shapes(
        ground=[
            surface(lots, drawn(lots.keys, "yard", ((Material.PAVING, 2), (Material.ASPHALT, 2))), Layer.LOT),
            surface(field, np.where(watered, turf, np.uint8(Material.YARD)), Layer.PATCH),
        ],
        roofs=[rimmed(wing, roof, height, like=lots.keys) for wing in wings],
        crowns=[rows_along(lots, STREET_TREES, spacing=8.0, outward=-2.5, share=0.8 * region.green)],
    )


def _park(lots: Parcels, region: Region) -> Shapes:
    """A lawn under trees and a path across."""
    watered = ticket(lots.keys, "watered") < 0.3 + region.green
    wide = 3.0 / np.maximum(size(lots.corners)[1], 12.0)
    path = piece(lots, (0.0, 1.0), (0.5 - wide / 2.0, 0.5 + wide / 2.0), number=1)
    thick = 30.0 + 75.0 * region.green * greenness(lots.keys)
    return shapes(
        ground=[
            surface(lots, np.where(watered, np.uint8(Material.GRASS), np.uint8(Material.YARD)), Layer.LOT),
            surface(path, drawn(path.keys, "path", ((Material.PAVING, 2), (Material.GRAVEL, 2))), Layer.PATCH),
        ],
        crowns=[
            scattered(lots, COURT_TREES, per_hectare=thick, purpose="park"),
            rows_along(lots, COURT_TREES, spacing=8.0, outward=-3.0, share=0.2 + 0.6 * region.green),
        ],
    )


def _parking(lots: Parcels, region: Region) -> Shapes:
    """Asphalt from kerb to kerb."""
    return shapes(
        ground=[surface(lots, Material.ASPHALT, Layer.LOT)],
        details=[car_park(lots, share=0.6)],
        crowns=[rows_along(lots, STREET_TREES, spacing=9.0, outward=-1.5, share=0.5 * region.green)],
    )


def _market(lots: Parcels, region: Region) -> Shapes:
    """A hall and its car park."""
    hall, cars = piece(lots, (0.04, 0.6), (0.08, 0.92), number=1), piece(lots, (0.63, 0.99), (0.03, 0.97), number=2)
    height = floors(hall.keys, 6.0, 9.0)
    return shapes(
        ground=[surface(lots, Material.ASPHALT, Layer.LOT)],
        details=[car_park(cars, share=0.6)],
        roofs=[
            rimmed(hall, drawn(hall.keys, "roof", flat_only(region.shed_roofs)), height),
            roof_boxes(hall, height, share=0.9),
        ],
        crowns=[rows_along(lots, STREET_TREES, spacing=9.0, outward=-1.5, share=0.4 * region.green)],
    )


def _large(lots: Parcels, region: Region, storeys: tuple[float, float]) -> Shapes:
    """A hospital, a ministry, an office: one building around a court, lawn or paving before it."""
    body = shrunk(lots, 5.0)
    sides, core = ring(body, np.full(len(body), 15.0))
    owner = body.keys[sides.parent]
    height = floors(body.keys, *storeys)[sides.parent] + 1.0
    green = ticket(lots.keys, "front") < region.green
    floor = np.where(green, np.uint8(Material.GRASS), np.uint8(Material.PAVING))
    whole = Parcels(corners=sides.corners, keys=owner, parent=sides.parent)
    return shapes(
        ground=[surface(lots, floor, Layer.LOT), surface(core, Material.PAVING, Layer.PATCH)],
        roofs=[
            rimmed(whole, drawn(owner, "roof", flat_only(region.town_roofs)), height),
            roof_boxes(sides, height, share=0.8),
        ],
        crowns=[scattered(core, COURT_TREES, per_hectare=120.0 * region.green, purpose="core")],
    )


def _site(lots: Parcels, region: Region, storeys: tuple[float, float]) -> Shapes:
    """Bare ground and a shell."""
    shell = piece(lots, (0.15, 0.68), (0.2, 0.78), number=1)
    return shapes(
        ground=[surface(lots, drawn(lots.keys, "ground", region.bare), Layer.LOT)],
        roofs=[rimmed(shell, np.uint8(Material.GREY_ROOF), floors(shell.keys, *storeys))],
    )
