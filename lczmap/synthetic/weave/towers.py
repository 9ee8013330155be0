"""High-rise, compact and open (LCZ 1 and 4): towers on podiums, slabs and point towers in rows on lawns.

In: quarters of one class and a region. Out: shapes, by Stewart and Oke's fractions.
"""

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import between, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, size, split_down
from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Layer, Quads, Shapes, join, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import (
    Grid,
    blocks_of,
    drawn,
    flat_only,
    floors,
    piece,
    rimmed,
    ring,
    roof_boxes,
    shrunk,
    streets,
    surface,
)
from lczmap.synthetic.weave.estate import Estate, estate
from lczmap.synthetic.weave.green import STREET_TREES, rows_along, scattered
from lczmap.synthetic.weave.special import COMMON, specials, specials_among
from lczmap.synthetic.weave.traffic import avenues, driving, parked


def compact_highrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 1: podiums from kerb to kerb with towers on them, courts walled by offices, a plaza here and there."""
    wide = region.street**0.5
    blocks = blocks_of(
        quarters,
        Grid(main=9.5 * wide, block=92.0 * region.block, street=12.0 * wide, irregular=0.5),
    )
    kind = specials_among(blocks, quarters.keys, region, every=22.0, parks=0.7)
    other, blocks = blocks.where(kind != COMMON), blocks.where(kind == COMMON)
    lots = shrunk(blocks, 2.8)
    plots = split_down(lots, between(lots.keys, "plots", 28.0, 54.0), irregular=0.6, purpose="plot")
    fate = ticket(plots.keys, "fate")
    plazas, walled = plots.where(fate < 0.05), plots.where((fate >= 0.05) & (fate < 0.25))
    podiums = shrunk(plots.where(fate >= 0.25), between(plots.keys[fate >= 0.25], "rim", 0.2, 1.6))
    base = floors(podiums.keys, 8.0, 26.0)
    mix = flat_only(region.town_roofs)
    moving, dashes = driving(quarters)
    verges, verge_trees = avenues(quarters, region)
    common = shapes(
        ground=[
            streets(quarters),
            verges,
            surface(blocks, Material.PAVING, Layer.BLOCK),
            surface(plots, drawn(plots.keys, "floor", ((Material.PAVING, 3), (Material.CONCRETE, 3))), Layer.LOT),
        ],
        details=[dashes, moving, parked(blocks, outward=1.3, share=0.45)],
        roofs=[
            rimmed(podiums, drawn(podiums.keys, "roof", mix), base),
            *(roof_boxes(podiums, base, share=0.6, number=number) for number in range(3)),
            *_stacked(podiums, base, region),
            *_walled(walled, region),
        ],
        crowns=[
            verge_trees,
            rows_along(blocks, STREET_TREES, spacing=9.0, outward=-0.8, share=0.45 * region.green),
            scattered(plazas, STREET_TREES, per_hectare=110.0 * region.green, purpose="plaza"),
        ],
    )
    return join([common, specials(other, kind[kind != COMMON], region, storeys=(24.0, 48.0))])


def _stacked(podiums: Parcels, base: NDArray[np.float64], region: Region) -> list[Quads]:
    """Towers on podiums, some of them stepped back once more, with lift houses and plant on top."""
    bears = ticket(podiums.keys, "tower") < 0.88
    sites, low = podiums.where(bears), base[bears]
    keys = sites.keys
    length, depth = size(sites.corners)
    wide = np.clip(between(keys, "wide", 0.45, 0.9), 15.0 / np.maximum(length, 16.0), 52.0 / np.maximum(length, 52.0))
    deep = np.clip(between(keys, "deep", 0.45, 0.9), 15.0 / np.maximum(depth, 16.0), 38.0 / np.maximum(depth, 38.0))
    left, front = ticket(keys, "left") * (1.0 - wide), ticket(keys, "front") * (1.0 - deep)
    shafts = piece(sites, (left, left + wide), (front, front + deep), number=1)
    top = np.maximum(34.0 + (region.tallest - 34.0) * ticket(keys, "tall") ** 2.0, low + 12.0)
    stepped = ticket(keys, "stepped") < 0.45
    crowns = piece(shafts.where(stepped), (0.14, 0.86), (0.14, 0.86), number=2)
    upper = top[stepped] + between(crowns.keys, "step", 4.0, 24.0)
    material = drawn(shafts.keys, "roof", flat_only(region.town_roofs))
    plain, under = shafts.where(~stepped), top[~stepped]
    return [
        rimmed(shafts, material, top),
        rimmed(crowns, material[stepped], upper),
        *(roof_boxes(plain, under, share=0.75, number=number) for number in range(3)),
        *(roof_boxes(crowns, upper, share=0.75, number=number) for number in range(2)),
    ]


def _walled(plots: Parcels, region: Region) -> list[Quads]:
    """Offices around a court, at two heights."""
    sides, _ = ring(plots, between(plots.keys, "depth", 11.0, 15.0))
    height = floors(plots.keys, 22.0, 46.0)[sides.parent] + np.where(ticket(sides.keys, "low") < 0.3, -9.3, 0.0)
    material = drawn(plots.keys, "roof", flat_only(region.town_roofs))[sides.parent]
    return [
        rimmed(sides, material, height),
        roof_boxes(sides, height, share=0.8),
        roof_boxes(sides, height, share=0.5, number=1),
    ]


def open_highrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 4: slabs and point towers of more than 25 m in rows, lawns and car parks between, shops at the rim."""
    plan = Estate(
        block=175.0,
        street=9.0,
        lengths=(37.0, 64.0),
        points=0.45,
        depth=(13.5, 16.5),
        pitch=46.0,
        heights=(27.0, region.tallest),
        low=3.2,
        facing_south=region.name == "dense_asian",
        special=20.0,
        public=(22.0, 34.0),
        impervious=0.385,
    )
    return estate(quarters, region, plan)
