"""Compact low-rise (LCZ 3): old lanes, rows, jumbled houses, houses around courts.

In: quarters of one class and a region. Out: shapes. What stands where follows Stewart and Oke's fractions; what it
looks like follows the region.
"""

import numpy as np

from lczmap.synthetic.chance import between, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, direction, size, sliced, split_down
from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Layer, Shapes, join, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import (
    FLOOR_METRES,
    Grid,
    back_to_back,
    blocks_of,
    drawn,
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
from lczmap.synthetic.weave.character import builder, greenness, lined, scale
from lczmap.synthetic.weave.compact import COURTS, wall_to_wall
from lczmap.synthetic.weave.green import GARDEN_TREES, STREET_TREES, rows_along, scattered
from lczmap.synthetic.weave.special import COMMON, specials, specials_among
from lczmap.synthetic.weave.traffic import driving, parked


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


def _old_lanes(quarters: Quarters, region: Region) -> Shapes:
    """An old town of crooked lanes, gables to the lane; in North America rows of town houses on alleys."""
    crooked = region.name == "european"
    grid = (
        Grid(main=5.0, block=50.0, street=4.6, irregular=1.0)
        if crooked
        else Grid(main=7.0, block=74.0, street=7.5, irregular=0.5)
    )
    blocks = blocks_of(quarters, grid)
    blocks, other = _told_apart(blocks, quarters, region)
    lots = shrunk(blocks, 0.7 if crooked else 1.5)
    sides, core = ring(lots, between(lots.keys, "depth", 8.5, 11.0) + (0.0 if crooked else 3.0))
    houses = sliced(sides, between(sides.keys, "front", 6.5, 11.0), irregular=0.5)
    empty = ticket(houses.keys, "empty") < 0.1 * ticket(lots.keys[sides.parent], "empty")[houses.parent]
    gaps, houses = houses.where(empty), houses.where(~empty)
    set_back = piece(houses, (0.0, 1.0), (0.0, between(houses.keys, "deep", 0.78, 1.0)), number=1)
    eaves = floors(set_back.keys, 3.4, 7.6) + between(set_back.keys, "plinth", -0.3, 0.6)
    of_house = lots.keys[sides.parent][set_back.parent]
    homes, plant = wall_to_wall(set_back, of_house, region, eaves=eaves, share=region.tilted + 0.1)
    yards = split_down(core, 11.0, irregular=0.8, purpose="yard")
    block = lots.keys[core.parent][yards.parent]
    barn = ticket(yards.keys, "rear") < between(block, "dense", 0.05, 0.95)
    barns = piece(yards.where(barn), (0.0, 0.9), (0.0, 0.75))
    barn_roofs, _ = wall_to_wall(barns, block[barn], region, eaves=floors(barns.keys, 2.0, 6.0), share=region.tilted)
    open_yards, leafy = yards.where(~barn), greenness(block[~barn])
    paved = ticket(open_yards.keys, "paved") < 0.9 - 0.5 * leafy
    moving, dashes = driving(quarters, lanes=1)
    yard = np.where(
        paved, drawn(open_yards.keys, "court", COURTS), drawn(open_yards.keys, "yard", region.yards)
    ).astype(np.uint8)
    woven = shapes(
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
            scattered(open_yards, GARDEN_TREES, per_hectare=150.0 * region.green * leafy, purpose="yard"),
            scattered(gaps, GARDEN_TREES, per_hectare=130.0 * region.green, purpose="gap"),
        ],
    )
    return join([woven, other])


def _rows(quarters: Quarters, region: Region) -> Shapes:
    """Parallel rows of small houses on lanes, one plan a block (lilong)."""
    blocks = blocks_of(quarters, Grid(main=7.0, block=72.0, street=6.0, irregular=0.3))
    blocks, other = _told_apart(blocks, quarters, region)
    lots = shrunk(blocks, 1.0)
    lots = turned_parcels(lots, (np.abs(direction(lots.corners)[:, 1]) < 0.7).astype(np.int64))
    rows = sliced(lots, between(lots.keys, "pitch", 11.2, 15.4), irregular=0.0)
    rows = turned_parcels(rows, 1)
    _, pitch = size(rows.corners)
    lane = np.minimum(3.4 / np.maximum(pitch, 1.0), 0.4)
    terraces = piece(rows, (0.02, 0.98), (lane / 2.0, 1.0 - lane / 2.0))
    front = between(lots.keys[rows.parent], "front", 4.5, 9.0)
    houses = sliced(Parcels(corners=terraces.corners, keys=rows.keys, parent=rows.parent), front, irregular=0.1)
    gone = ticket(houses.keys, "gone") < 0.07 * ticket(lots.keys[rows.parent], "gone")[houses.parent]
    yards, houses = houses.where(gone), houses.where(~gone)
    whole = piece(houses, (0.0, 1.0), (0.0, between(houses.keys, "deep", 0.84, 1.0)), number=1)
    eaves = np.rint(between(lots.keys[rows.parent][houses.parent], "storeys", 1.6, 2.6)) * FLOOR_METRES
    eaves = eaves + between(houses.keys, "eaves", -0.4, 0.5)
    # one roofer for most of a district; blue sheets came later, house by house
    first = tuple(entry for entry in region.house_roofs if entry[0] != Material.BLUE_ROOF)
    of_block = lots.keys[rows.parent][houses.parent]
    of_district = quarters.district[lots.parent][rows.parent][houses.parent]
    roofer = np.where(ticket(of_block, "other roofs") < 0.4, of_block, of_district)
    who = builder(houses.keys, of_block)
    own = who != of_block
    material = np.where(own, drawn(houses.keys, "roof", region.house_roofs), drawn(roofer, "roof", first))
    rise, leafy = np.where(ticket(houses.keys, "flat") < 0.2, 0.0, 2.4), greenness(lots.keys)[rows.parent]
    moving, dashes = driving(quarters, lanes=1)
    homes = shapes(
        ground=[
            streets(quarters),
            surface(blocks, Material.CONCRETE, Layer.BLOCK),
            surface(yards, drawn(yards.keys, "yard", region.yards), Layer.LOT),
        ],
        details=[dashes, moving, parked(blocks, outward=1.0, share=0.2)],
        roofs=[roofs(whole, material, eaves, rise, like=who)],
        crowns=[
            scattered(rows, GARDEN_TREES, per_hectare=40.0 * region.green * leafy, purpose="lane"),
            rows_along(blocks, STREET_TREES, spacing=9.0, outward=0.5, share=lined(blocks.keys, 0.45 * region.green)),
        ],
    )
    return join([homes, other])


def _jumble(quarters: Quarters, region: Region) -> Shapes:
    """Small houses of every height and roof, shoulder to shoulder on crooked lanes, gardens in the gaps."""
    blocks = blocks_of(quarters, Grid(main=4.5, block=42.0, street=3.8, irregular=1.0))
    blocks, other = _told_apart(blocks, quarters, region)
    plots = split_down(blocks, between(blocks.keys, "plots", 9.0, 14.0), irregular=0.8, purpose="plot")
    dense = between(blocks.keys, "dense", 0.7, 0.97)[plots.parent]
    built = ticket(plots.keys, "fate") < dense
    houses, gaps = plots.where(built), plots.where(~built)
    leafy = greenness(blocks.keys)[gaps.parent]
    bodies = shrunk(houses, between(fresh(houses.keys, 1), "gap", 0.1, 1.0))
    block = blocks.keys[bodies.parent]
    eaves = floors(bodies.keys, 2.6, 10.4) + between(bodies.keys, "eaves", -0.2, 0.7)
    homes, plant = wall_to_wall(bodies, block, region, eaves=eaves, share=0.35 * region.tilted)
    lean_to = bodies.where(ticket(bodies.keys, "lean-to") < 0.3)
    sheet = piece(lean_to, (0.0, between(lean_to.keys, "long", 0.35, 0.8)), (0.55, 1.0), number=4)
    under = eaves[ticket(bodies.keys, "lean-to") < 0.3]
    sheets = roofs(sheet, drawn(sheet.keys, "sheet", region.shack_roofs), under + 2.4)
    moving, dashes = driving(quarters, lanes=1)
    woven = shapes(
        ground=[
            streets(quarters),
            surface(blocks, drawn(blocks.keys, "lane", ((Material.CONCRETE, 2), (Material.PAVING, 2))), Layer.BLOCK),
            surface(gaps, drawn(gaps.keys, "yard", region.yards), Layer.LOT),
        ],
        details=[dashes, moving, parked(blocks, outward=0.9, share=0.06)],
        roofs=[homes, plant, sheets],
        crowns=[scattered(gaps, GARDEN_TREES, per_hectare=(60.0 + 160.0 * region.green) * leafy, purpose="gap")],
    )
    return join([woven, other])


def _courtyards(quarters: Quarters, region: Region) -> Shapes:
    """Flat houses around small courts on narrow lanes."""
    blocks = blocks_of(quarters, Grid(main=6.5, block=52.0, street=5.0, irregular=0.8))
    blocks, other = _told_apart(blocks, quarters, region)
    rows = back_to_back(blocks)
    fronts = between(rows.keys, "front", 11.0, 18.0) * scale(blocks.keys, "fronts", 1.35)[rows.parent]
    plots = grown(sliced(rows, fronts, irregular=0.4), rows.parent)
    built = ticket(plots.keys, "fate") < 1.0 - 0.16 * ticket(blocks.keys, "open")[plots.parent]
    houses, gaps = plots.where(built), plots.where(~built)
    walls, court = ring(houses, between(houses.keys, "depth", 3.4, 5.4))
    who = builder(houses.keys, blocks.keys[houses.parent])
    eaves = np.rint(between(houses.keys[walls.parent], "storeys", 0.9, 2.6) + between(walls.keys, "step", -0.5, 0.5))
    eaves = np.maximum(eaves, 1.0) * 3.4 + between(walls.keys, "parapet", 0.2, 0.9)
    roofer = who[walls.parent]
    leafy = greenness(blocks.keys)[houses.parent][court.parent]
    moving, dashes = driving(quarters, lanes=1)
    yards = drawn(builder(court.keys, blocks.keys[houses.parent][court.parent]), "yard", region.yards)
    homes = shapes(
        ground=[
            streets(quarters),
            surface(blocks, Material.PAVING, Layer.BLOCK),
            surface(court, yards, Layer.PATCH),
            surface(gaps, drawn(gaps.keys, "gap", region.yards), Layer.PATCH),
        ],
        details=[dashes, moving, parked(blocks, outward=0.9, share=0.2)],
        roofs=[
            roofs(walls, drawn(roofer, "roof", region.house_roofs), eaves, like=roofer),
            roof_boxes(walls, eaves, share=0.2),
        ],
        crowns=[scattered(court, GARDEN_TREES, per_hectare=(30.0 + 60.0 * region.green) * leafy, purpose="court")],
    )
    return join([homes, other])


def _told_apart(blocks: Parcels, quarters: Quarters, region: Region) -> tuple[Parcels, Shapes]:
    """Blocks of houses, and what stands on the others."""
    kind = specials_among(blocks, quarters.keys, region, every=12.0, parks=0.8)
    other = kind != COMMON
    return blocks.where(~other), specials(blocks.where(other), kind[other], region, storeys=(4.0, 9.5))
