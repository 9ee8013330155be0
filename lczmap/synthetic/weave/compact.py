"""Compact mid-rise (LCZ 2): perimeter blocks around courts, and solid blocks.

In: quarters of one class and a region. Out: shapes. What stands where follows Stewart and Oke's fractions; what it
looks like follows the region.
"""

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import Keys, between, child_keys, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, area, at, direction, long_first, rectangles, size, sliced, split_down
from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Discs, Layer, Quads, Shapes, join, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import (
    FLOOR_METRES,
    Grid,
    back_to_back,
    blocks_of,
    drawn,
    flat_only,
    floors,
    fresh,
    piece,
    ring,
    roof_boxes,
    roofs,
    shrunk,
    streets,
    surface,
)
from lczmap.synthetic.weave.character import builder, greenness, lined, scale
from lczmap.synthetic.weave.green import COURT_TREES, GARDEN_TREES, STREET_TREES, rows_along, scattered
from lczmap.synthetic.weave.lanes import AVENUE
from lczmap.synthetic.weave.special import COMMON, specials, specials_among
from lczmap.synthetic.weave.traffic import avenues, driving, parked

_PITCHED = (Material.TILE_ROOF, Material.DARK_ROOF, Material.GREY_ROOF, Material.RUST_ROOF, Material.BLUE_ROOF)
COURTS = ((Material.PAVING, 4.0), (Material.CONCRETE, 3.0), (Material.ASPHALT, 1.5))
"""Floors of courts and their weights."""


def compact_midrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 2: 3 to 9 storeys wall to wall."""
    if region.name in ("european", "north_american"):
        return _perimeter(quarters, region)
    return _solid(quarters, region)


def wall_to_wall(
    houses: Parcels, block: Keys, region: Region, *, eaves: NDArray[np.float64], share: float
) -> tuple[Quads, Quads]:
    """Roofs over houses that fill their parcels, ridges along edge 0, and what stands on the flat ones.

    Args:
        houses: parcels under roof.
        block: key of the block each stands in `(n,)`; some blocks have one builder.
        region: what roofs are made of.
        eaves: heights `(n,)`.
        share: of the roofs that are pitched.
    """
    tall, who = eaves > 11.0, builder(houses.keys, block)
    material = np.where(tall, drawn(who, "roof", region.town_roofs), drawn(who, "roof", region.house_roofs))
    pitched = np.isin(material, _PITCHED) & (ticket(who, "pitched") < share)
    material = np.where(
        ~pitched & (material == Material.TILE_ROOF), drawn(who, "flat", flat_only(region.town_roofs)), material
    )
    _, depth = size(houses.corners)
    rise = np.where(pitched, np.minimum(depth, 13.0) / 2.0 * between(houses.keys, "pitch", 0.55, 0.85), 0.0)
    flat = houses.where(~pitched)
    return roofs(houses, material, eaves, rise, like=who), roof_boxes(flat, eaves[~pitched], share=0.55)


def _perimeter(quarters: Quarters, region: Region) -> Shapes:
    """Closed blocks around courts, with wings and sheds in the courts; a church and a square now and then."""
    wide = region.street**0.5
    blocks = blocks_of(
        quarters,
        Grid(main=8.5 * wide, block=84.0 * region.block**0.5, street=10.5 * wide, irregular=0.8),
    )
    lots = shrunk(blocks, 2.2)
    special = _special(lots)
    kind = np.where(special > 0, COMMON, specials_among(lots, quarters.keys, region, every=11.0, parks=0.5))
    homes, squares = lots.where((special == 0) & (kind == COMMON)), lots.where(special > 0)
    sides, core = ring(homes, between(homes.keys, "depth", 11.0, 16.0))
    fronts = between(sides.keys, "front", 12.0, 24.0) * scale(homes.keys, "fronts", 1.5)[sides.parent]
    houses = sliced(sides, fronts, irregular=0.4)
    block = homes.keys[sides.parent][houses.parent]
    base = between(homes.keys[sides.parent], "storeys", 3.6, 6.0)[houses.parent]
    eaves = np.rint(base + between(houses.keys, "storeys", -0.9, 0.9)) * FLOOR_METRES + 0.8
    front, plant = wall_to_wall(houses, block, region, eaves=eaves, share=region.tilted)
    behind = _court(core, homes.keys[core.parent], region)
    trees = lined(blocks.keys, 0.85 * region.green)
    moving, dashes = driving(quarters)
    verges, verge_trees = avenues(quarters, region)
    return join(
        [
            shapes(
                ground=[
                    streets(quarters),
                    verges,
                    surface(blocks, Material.PAVING, Layer.BLOCK),
                    surface(homes, Material.CONCRETE, Layer.LOT),
                ],
                details=[dashes, moving, parked(blocks, outward=1.2, share=0.55)],
                roofs=[front, plant],
                crowns=[verge_trees, rows_along(blocks, AVENUE, spacing=8.5, outward=0.9, share=trees)],
            ),
            behind,
            _squares(squares, special[special > 0] == 2, region),
            specials(lots.where(kind != COMMON), kind[kind != COMMON], region, storeys=(11.0, 19.0)),
        ]
    )


def _special(lots: Parcels) -> NDArray[np.int64]:
    """0 for common blocks, 1 for a square, 2 for a church in its yard: about every third quarter has one."""
    first = np.full(int(lots.parent.max(initial=-1)) + 1, 2.0)
    luck = ticket(lots.keys, "special")
    small = (np.abs(area(lots.corners)) < 6_500.0) & (np.abs(area(lots.corners)) > 2_000.0)
    np.minimum.at(first, lots.parent[small], luck[small])
    chosen = small & (luck == first[lots.parent]) & (ticket(fresh(lots.keys, 3), "square") < 0.4)
    church = ticket(fresh(lots.keys, 3), "church") < 0.5
    return np.where(chosen, 1 + church.astype(np.int64), 0)


def _court(core: Parcels, block: Keys, region: Region) -> Shapes:
    """Inside a block: yards, some of them built over, sheds, trees."""
    yards = split_down(core, between(core.keys, "yards", 13.0, 24.0), irregular=0.8, purpose="yard")
    block, leafy = block[yards.parent], greenness(block)[yards.parent]
    lot, dense = ticket(yards.keys, "rear"), between(block, "dense", 0.15, 0.95)
    winged = lot < dense
    wings, sheds = yards.where(winged), yards.where(~winged & (lot < dense + 0.2))
    rear = piece(wings, (0.0, between(wings.keys, "long", 0.7, 1.0)), (0.0, between(wings.keys, "deep", 0.5, 0.85)))
    low = floors(rear.keys, 3.0, 15.0)
    wing_roofs, plant = wall_to_wall(rear, block[winged], region, eaves=low, share=0.5 * region.tilted)
    shed = piece(sheds, (0.1, between(sheds.keys, "long", 0.35, 0.6)), (0.1, between(sheds.keys, "deep", 0.3, 0.5)))
    green = ticket(yards.keys, "green") < 0.55 * region.green * leafy
    material = np.where(
        green, drawn(yards.keys, "yard", region.yards), drawn(fresh(yards.keys, 1), "court", COURTS)
    ).astype(np.uint8)
    return shapes(
        ground=[surface(yards, material, Layer.PATCH)],
        roofs=[wing_roofs, plant, roofs(shed, drawn(shed.keys, "roof", region.shed_roofs), 2.8)],
        crowns=[
            scattered(
                yards.where(~winged), COURT_TREES, per_hectare=180.0 * region.green * leafy[~winged], purpose="court"
            )
        ],
    )


def _squares(lots: Parcels, church: NDArray[np.bool_], region: Region) -> Shapes:
    """Paved squares under trees, and churches: nave, transept and tower in a green yard."""
    yards = lots.where(church)
    length, depth = size(long_first(yards.corners))
    middle, along = at(yards.corners, 0.5, 0.5), direction(long_first(yards.corners))
    nave = np.minimum(0.62 * length, 46.0)
    wide = np.minimum(0.34 * depth, 15.0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    keys = yards.keys
    parts = (
        (middle, along, nave, wide, 13.0, 8.0),
        (middle + along * (0.16 * nave)[:, None], across, 1.9 * wide, 0.75 * wide, 12.0, 7.0),
        (middle - along * (0.5 * nave)[:, None], along, 0.6 * wide, 0.6 * wide, 34.0, -14.0),
    )
    stone = drawn(keys, "roof", ((Material.DARK_ROOF, 2), (Material.TILE_ROOF, 2), (Material.GREY_ROOF, 1)))
    made: list[Quads] = []
    for number, (where, axis, long, deep, eaves, rise) in enumerate(parts):
        body = Parcels(corners=rectangles(where, axis, long, deep), keys=child_keys(keys, number), parent=yards.parent)
        made.append(roofs(body, stone, eaves, rise))
    ground = np.where(church, np.uint8(Material.GRASS), np.uint8(Material.PAVING))
    trees: list[Discs] = [rows_along(lots, STREET_TREES, spacing=8.0, outward=-3.5, share=0.3 + 0.5 * region.green)]
    inner = shrunk(lots, 3.0)
    kept = np.isin(inner.keys, lots.keys[church])
    return shapes(
        ground=[
            surface(lots, Material.PAVING, Layer.LOT),
            surface(inner, np.where(kept, np.uint8(Material.GRASS), np.uint8(Material.PAVING)), Layer.PATCH),
        ]
        if len(ground)
        else [],
        roofs=made,
        crowns=trees,
    )


def _solid(quarters: Quarters, region: Region) -> Shapes:
    """Blocks of two rows of plots, built to the street with light wells behind."""
    wide = region.street**0.5
    blocks = blocks_of(
        quarters,
        Grid(main=7.5 * wide, block=60.0 * region.block**0.5, street=6.5 * wide, irregular=0.8),
    )
    kind = specials_among(blocks, quarters.keys, region, every=11.0, parks=0.6)
    lots, other = shrunk(blocks.where(kind == COMMON), 1.2), blocks.where(kind != COMMON)
    rows = back_to_back(lots)
    wide_plots = between(rows.keys, "front", 9.0, 17.0) * scale(lots.keys, "fronts", 1.4)[rows.parent]
    plots = sliced(rows, wide_plots, irregular=0.5)
    keys, block = plots.keys, lots.keys[rows.parent][plots.parent]
    deep, broad = between(keys, "deep", 0.48, 0.62), between(keys, "wide", 0.5, 0.8) * scale(block, "dense", 1.25)
    open_plot = ticket(keys, "open") < 0.12 * ticket(block, "open")
    houses = plots.where(~open_plot)
    deep, broad, block = deep[~open_plot], np.minimum(broad[~open_plot], 0.95), block[~open_plot]
    front = piece(houses, (0.0, 1.0), (0.0, deep), number=1)
    wing = piece(houses, (0.0, broad), (deep, between(houses.keys, "back", 0.9, 1.0)), number=2)
    base = between(block, "storeys", 4.0, 5.8)
    storeys = np.rint(base + between(houses.keys, "storeys", -1.6, 1.4))
    eaves = storeys * FLOOR_METRES + 0.9
    lower = np.maximum(storeys - np.rint(between(houses.keys, "lower", 0.0, 2.4)), 1.0) * FLOOR_METRES + 0.6
    front_roofs, plant = wall_to_wall(front, block, region, eaves=eaves, share=0.25 * region.tilted)
    wing_roofs, more = wall_to_wall(wing, block, region, eaves=lower, share=0.0)
    gaps, leafy = plots.where(open_plot), greenness(lots.keys)[rows.parent][plots.parent]
    moving, dashes = driving(quarters)
    verges, verge_trees = avenues(quarters, region)
    homes = shapes(
        ground=[
            streets(quarters),
            verges,
            surface(blocks, Material.CONCRETE, Layer.BLOCK),
            surface(plots, drawn(keys, "court", COURTS), Layer.LOT),
            surface(gaps, drawn(gaps.keys, "gap", region.yards), Layer.PATCH),
        ],
        details=[dashes, moving, parked(blocks, outward=1.0, share=0.3)],
        roofs=[front_roofs, plant, wing_roofs, more],
        crowns=[
            verge_trees,
            scattered(plots, GARDEN_TREES, per_hectare=42.0 * region.green * leafy, purpose="court"),
            rows_along(blocks, STREET_TREES, spacing=11.0, outward=0.6, share=lined(blocks.keys, 0.45 * region.green)),
        ],
    )
    return join([homes, specials(other, kind[kind != COMMON], region, storeys=(11.0, 19.0))])
