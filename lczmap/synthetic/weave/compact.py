"""Compact mid-rise and low-rise (LCZ 2 and 3): perimeter blocks, solid blocks, old lanes, rows, courtyard houses.

In: quarters of one class and a region. Out: shapes. What stands where follows Stewart and Oke's fractions; what it
looks like follows the region.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import between, child_keys, ticket
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
    grown,
    piece,
    ring,
    roof_boxes,
    roofs,
    shrunk,
    streets,
    surface,
    turned_parcels,
)
from lczmap.synthetic.weave.green import GARDEN_TREES, STREET_TREES, rows_along, scattered
from lczmap.synthetic.weave.traffic import avenues, driving, parked

_PITCHED = (Material.TILE_ROOF, Material.DARK_ROOF, Material.GREY_ROOF, Material.RUST_ROOF, Material.BLUE_ROOF)
_COURTS = ((Material.PAVING, 4.0), (Material.CONCRETE, 3.0), (Material.ASPHALT, 1.5))


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """Buildings and the ground that they leave."""

    roofs: tuple[Quads, ...]
    """Roofs."""
    yards: Parcels
    """Open ground; `parent` indexes whatever the buildings stand on."""


def compact_midrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 2: 3 to 9 storeys wall to wall."""
    if region.name in ("european", "north_american"):
        return _perimeter(quarters, region)
    return _solid(quarters, region)


def compact_lowrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 3: 1 to 3 storeys wall to wall."""
    if region.name == "desert":
        return _courtyards(quarters, region)
    if region.name == "informal":
        return _jumble(quarters, region)
    if region.name == "dense_asian":
        # whole districts are either rows of one plan or villages that the city swallowed
        planned = ticket(quarters.district, "rows") < 0.5
        return join([_rows(quarters.where(planned), region), _jumble(quarters.where(~planned), region)])
    return _old_lanes(quarters, region)


def wall_to_wall(houses: Parcels, region: Region, *, eaves: NDArray[np.float64], share: float) -> tuple[Quads, Quads]:
    """Roofs over houses that fill their parcels, ridges along edge 0, and what stands on the flat ones.

    Args:
        houses: parcels under roof.
        region: what roofs are made of.
        eaves: heights `(n,)`.
        share: of the roofs that are pitched.
    """
    tall = eaves > 11.0
    material = np.where(
        tall, drawn(houses.keys, "roof", region.town_roofs), drawn(houses.keys, "roof", region.house_roofs)
    )
    pitched = np.isin(material, _PITCHED) & (ticket(houses.keys, "pitched") < share)
    material = np.where(
        ~pitched & (material == Material.TILE_ROOF), drawn(houses.keys, "flat", flat_only(region.town_roofs)), material
    )
    _, depth = size(houses.corners)
    rise = np.where(pitched, np.minimum(depth, 13.0) / 2.0 * between(houses.keys, "pitch", 0.55, 0.85), 0.0)
    flat = houses.where(~pitched)
    return roofs(houses, material, eaves, rise), roof_boxes(flat, eaves[~pitched], share=0.55)


def _perimeter(quarters: Quarters, region: Region) -> Shapes:
    """Closed blocks around courts, with wings and sheds in the courts; a church and a square now and then."""
    wide = region.street**0.5
    blocks = blocks_of(
        quarters,
        Grid(main=8.5 * wide, block=84.0 * region.block**0.5, street=10.5 * wide, irregular=0.8),
    )
    lots = shrunk(blocks, 2.2)
    special = _special(lots)
    homes, squares = lots.where(special == 0), lots.where(special > 0)
    sides, core = ring(homes, between(homes.keys, "depth", 11.5, 14.5))
    houses = sliced(sides, between(sides.keys, "front", 12.0, 24.0), irregular=0.4)
    base = between(homes.keys[sides.parent], "storeys", 3.6, 6.0)[houses.parent]
    eaves = np.rint(base + between(houses.keys, "storeys", -0.9, 0.9)) * FLOOR_METRES + 0.8
    front, plant = wall_to_wall(houses, region, eaves=eaves, share=region.tilted)
    behind = _court(core, region)
    # a street has trees or has none
    lined = 0.75 * (ticket(child_keys(blocks.keys[:, None], np.arange(4)), "lined") < 0.5 * region.green)
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
                crowns=[verge_trees, rows_along(blocks, STREET_TREES, spacing=9.0, outward=-0.6, share=lined)],
            ),
            behind,
            _squares(squares, special[special > 0] == 2, region),
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


def _court(core: Parcels, region: Region) -> Shapes:
    """Inside a block: yards, some of them built over, sheds, trees."""
    yards = split_down(core, between(core.keys, "yards", 13.0, 24.0), irregular=0.8, purpose="yard")
    lot = ticket(yards.keys, "rear")
    wings, sheds = yards.where(lot < 0.5), yards.where((lot >= 0.5) & (lot < 0.7))
    rear = piece(wings, (0.0, between(wings.keys, "long", 0.7, 1.0)), (0.0, between(wings.keys, "deep", 0.5, 0.85)))
    low = floors(rear.keys, 3.0, 15.0)
    wing_roofs, plant = wall_to_wall(rear, region, eaves=low, share=0.5 * region.tilted)
    shed = piece(sheds, (0.1, between(sheds.keys, "long", 0.35, 0.6)), (0.1, between(sheds.keys, "deep", 0.3, 0.5)))
    green = ticket(yards.keys, "green") < 0.5 * region.green
    material = np.where(
        green, drawn(yards.keys, "yard", region.yards), drawn(fresh(yards.keys, 1), "court", _COURTS)
    ).astype(np.uint8)
    return shapes(
        ground=[surface(yards, material, Layer.PATCH)],
        roofs=[wing_roofs, plant, roofs(shed, drawn(shed.keys, "roof", region.shed_roofs), 2.8)],
        crowns=[scattered(yards.where(lot >= 0.5), GARDEN_TREES, per_hectare=85.0 * region.green, purpose="court")],
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
    lots = shrunk(blocks, 1.2)
    rows = back_to_back(lots)
    plots = sliced(rows, between(rows.keys, "front", 9.0, 17.0), irregular=0.5)
    keys = plots.keys
    deep, broad = between(keys, "deep", 0.48, 0.62), between(keys, "wide", 0.5, 0.8)
    open_plot = ticket(keys, "open") < 0.05
    houses = plots.where(~open_plot)
    deep, broad = deep[~open_plot], broad[~open_plot]
    front = piece(houses, (0.0, 1.0), (0.0, deep), number=1)
    wing = piece(houses, (0.0, broad), (deep, between(houses.keys, "back", 0.9, 1.0)), number=2)
    base = between(lots.keys[rows.parent][plots.parent][~open_plot], "storeys", 4.0, 5.8)
    storeys = np.rint(base + between(houses.keys, "storeys", -1.6, 1.4))
    eaves = storeys * FLOOR_METRES + 0.9
    lower = np.maximum(storeys - np.rint(between(houses.keys, "lower", 0.0, 2.4)), 1.0) * FLOOR_METRES + 0.6
    front_roofs, plant = wall_to_wall(front, region, eaves=eaves, share=0.25 * region.tilted)
    wing_roofs, more = wall_to_wall(wing, region, eaves=lower, share=0.0)
    gaps = plots.where(open_plot)
    moving, dashes = driving(quarters)
    verges, verge_trees = avenues(quarters, region)
    return shapes(
        ground=[
            streets(quarters),
            verges,
            surface(blocks, Material.CONCRETE, Layer.BLOCK),
            surface(plots, drawn(keys, "court", _COURTS), Layer.LOT),
            surface(gaps, drawn(gaps.keys, "gap", region.yards), Layer.PATCH),
        ],
        details=[dashes, moving, parked(blocks, outward=1.0, share=0.3)],
        roofs=[front_roofs, plant, wing_roofs, more],
        crowns=[
            verge_trees,
            scattered(plots, GARDEN_TREES, per_hectare=30.0 * region.green, purpose="court"),
            rows_along(blocks, STREET_TREES, spacing=11.0, outward=0.6, share=0.28 * region.green),
        ],
    )


def _old_lanes(quarters: Quarters, region: Region) -> Shapes:
    """An old town of crooked lanes, gables to the lane; in North America rows of town houses on alleys."""
    crooked = region.name == "european"
    grid = (
        Grid(main=5.0, block=50.0, street=4.6, irregular=1.0)
        if crooked
        else Grid(main=7.0, block=74.0, street=7.5, irregular=0.5)
    )
    blocks = blocks_of(quarters, grid)
    lots = shrunk(blocks, 0.7 if crooked else 1.5)
    sides, core = ring(lots, between(lots.keys, "depth", 8.5, 11.0) + (0.0 if crooked else 3.0))
    houses = sliced(sides, between(sides.keys, "front", 6.5, 11.0), irregular=0.5)
    empty = ticket(houses.keys, "empty") < 0.04
    gaps, houses = houses.where(empty), houses.where(~empty)
    set_back = piece(houses, (0.0, 1.0), (0.0, between(houses.keys, "deep", 0.78, 1.0)), number=1)
    eaves = floors(set_back.keys, 3.4, 7.6) + between(set_back.keys, "plinth", -0.3, 0.6)
    homes, plant = wall_to_wall(set_back, region, eaves=eaves, share=region.tilted + 0.1)
    yards = split_down(core, 11.0, irregular=0.8, purpose="yard")
    lot = ticket(yards.keys, "rear")
    barns = piece(yards.where(lot < 0.5), (0.0, 0.9), (0.0, 0.75))
    barn_roofs, _ = wall_to_wall(barns, region, eaves=floors(barns.keys, 2.0, 6.0), share=region.tilted)
    open_yards = yards.where(lot >= 0.5)
    paved = ticket(open_yards.keys, "paved") < 0.35
    moving, dashes = driving(quarters, lanes=1)
    yard = np.where(
        paved, drawn(open_yards.keys, "court", _COURTS), drawn(open_yards.keys, "yard", region.yards)
    ).astype(np.uint8)
    return shapes(
        ground=[
            streets(quarters),
            surface(blocks, Material.PAVING, Layer.BLOCK),
            surface(open_yards, yard, Layer.PATCH),
            surface(gaps, drawn(gaps.keys, "yard", region.yards), Layer.PATCH),
        ],
        details=[dashes, moving, parked(blocks, outward=0.9, share=0.12 if crooked else 0.45)],
        roofs=[homes, plant, barn_roofs],
        crowns=[
            rows_along(blocks, STREET_TREES, spacing=10.0, outward=-0.3, share=0.0 if crooked else 0.3 * region.green),
            scattered(open_yards, GARDEN_TREES, per_hectare=130.0 * region.green, purpose="yard"),
            scattered(gaps, GARDEN_TREES, per_hectare=130.0 * region.green, purpose="gap"),
        ],
    )


def _rows(quarters: Quarters, region: Region) -> Shapes:
    """Parallel rows of small houses on lanes, one plan a block (lilong)."""
    blocks = blocks_of(quarters, Grid(main=7.0, block=72.0, street=6.0, irregular=0.3))
    lots = shrunk(blocks, 1.0)
    lots = turned_parcels(lots, (np.abs(direction(lots.corners)[:, 1]) < 0.7).astype(np.int64))
    rows = sliced(lots, 12.6, irregular=0.0)
    rows = turned_parcels(rows, 1)
    _, pitch = size(rows.corners)
    lane = np.minimum(3.4 / np.maximum(pitch, 1.0), 0.4)
    terraces = piece(rows, (0.02, 0.98), (lane / 2.0, 1.0 - lane / 2.0))
    front = between(lots.keys[rows.parent], "front", 4.5, 9.0)
    houses = sliced(Parcels(corners=terraces.corners, keys=rows.keys, parent=rows.parent), front, irregular=0.1)
    gone = ticket(houses.keys, "gone") < 0.03
    yards, houses = houses.where(gone), houses.where(~gone)
    whole = piece(houses, (0.0, 1.0), (0.0, between(houses.keys, "deep", 0.84, 1.0)), number=1)
    eaves = np.rint(between(lots.keys[rows.parent][houses.parent], "storeys", 1.6, 2.6)) * FLOOR_METRES
    eaves = eaves + between(houses.keys, "eaves", -0.4, 0.5)
    # one roofer for most of a district; blue sheets came later, house by house
    first = tuple(entry for entry in region.house_roofs if entry[0] != Material.BLUE_ROOF)
    of_block = lots.keys[rows.parent][houses.parent]
    of_district = quarters.district[lots.parent][rows.parent][houses.parent]
    same = drawn(np.where(ticket(of_block, "other roofs") < 0.3, of_block, of_district), "roof", first)
    material = np.where(ticket(houses.keys, "own") < 0.25, drawn(houses.keys, "roof", region.house_roofs), same)
    rise = np.where(ticket(houses.keys, "flat") < 0.2, 0.0, 2.4)
    moving, dashes = driving(quarters, lanes=1)
    return shapes(
        ground=[
            streets(quarters),
            surface(blocks, Material.CONCRETE, Layer.BLOCK),
            surface(yards, drawn(yards.keys, "yard", region.yards), Layer.LOT),
        ],
        details=[dashes, moving, parked(blocks, outward=1.0, share=0.2)],
        roofs=[roofs(whole, material, eaves, rise)],
        crowns=[
            scattered(rows, GARDEN_TREES, per_hectare=28.0 * region.green, purpose="lane"),
            rows_along(blocks, STREET_TREES, spacing=9.0, outward=0.5, share=0.35 * region.green),
        ],
    )


def _jumble(quarters: Quarters, region: Region) -> Shapes:
    """Small houses of every height and roof, shoulder to shoulder on crooked lanes, gardens in the gaps."""
    blocks = blocks_of(quarters, Grid(main=4.5, block=42.0, street=3.8, irregular=1.0))
    plots = split_down(blocks, between(blocks.keys, "plots", 9.0, 14.0), irregular=0.8, purpose="plot")
    fate = ticket(plots.keys, "fate")
    houses, gaps = plots.where(fate < 0.84), plots.where(fate >= 0.84)
    bodies = shrunk(houses, between(fresh(houses.keys, 1), "gap", 0.1, 1.0))
    eaves = floors(bodies.keys, 2.6, 10.4) + between(bodies.keys, "eaves", -0.2, 0.7)
    homes, plant = wall_to_wall(bodies, region, eaves=eaves, share=0.35 * region.tilted)
    lean_to = bodies.where(ticket(bodies.keys, "lean-to") < 0.3)
    sheet = piece(lean_to, (0.0, between(lean_to.keys, "long", 0.35, 0.8)), (0.55, 1.0), number=4)
    under = eaves[ticket(bodies.keys, "lean-to") < 0.3]
    sheets = roofs(sheet, drawn(sheet.keys, "sheet", region.shack_roofs), under + 2.4)
    moving, dashes = driving(quarters, lanes=1)
    return shapes(
        ground=[
            streets(quarters),
            surface(blocks, drawn(blocks.keys, "lane", ((Material.CONCRETE, 2), (Material.PAVING, 2))), Layer.BLOCK),
            surface(gaps, drawn(gaps.keys, "yard", region.yards), Layer.LOT),
        ],
        details=[dashes, moving, parked(blocks, outward=0.9, share=0.06)],
        roofs=[homes, plant, sheets],
        crowns=[scattered(gaps, GARDEN_TREES, per_hectare=60.0 + 160.0 * region.green, purpose="gap")],
    )


def _courtyards(quarters: Quarters, region: Region) -> Shapes:
    """Flat houses around small courts on narrow lanes."""
    blocks = blocks_of(quarters, Grid(main=6.5, block=52.0, street=5.0, irregular=0.8))
    rows = back_to_back(blocks)
    plots = sliced(rows, between(rows.keys, "front", 11.0, 18.0), irregular=0.4)
    plots = grown(plots, rows.parent)
    fate = ticket(plots.keys, "fate")
    houses, gaps = plots.where(fate < 0.93), plots.where(fate >= 0.93)
    walls, court = ring(houses, between(houses.keys, "depth", 3.6, 5.2))
    eaves = np.rint(between(houses.keys[walls.parent], "storeys", 0.9, 2.6) + between(walls.keys, "step", -0.5, 0.5))
    eaves = np.maximum(eaves, 1.0) * 3.4 + between(walls.keys, "parapet", 0.2, 0.9)
    same = drawn(houses.keys[walls.parent], "roof", region.house_roofs)
    moving, dashes = driving(quarters, lanes=1)
    yards = drawn(court.keys, "yard", region.yards)
    return shapes(
        ground=[
            streets(quarters),
            surface(blocks, Material.PAVING, Layer.BLOCK),
            surface(court, yards, Layer.PATCH),
            surface(gaps, drawn(gaps.keys, "gap", region.yards), Layer.PATCH),
        ],
        details=[dashes, moving, parked(blocks, outward=0.9, share=0.2)],
        roofs=[roofs(walls, same, eaves), roof_boxes(walls, eaves, share=0.2)],
        crowns=[scattered(court, GARDEN_TREES, per_hectare=30.0 + 60.0 * region.green, purpose="court")],
    )
