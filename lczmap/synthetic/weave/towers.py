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
    floors,
    piece,
    roof_boxes,
    roofs,
    shrunk,
    streets,
    surface,
)
from lczmap.synthetic.weave.estate import Estate, estate
from lczmap.synthetic.weave.green import STREET_TREES, rows_along, scattered
from lczmap.synthetic.weave.traffic import driving, parked


def compact_highrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 1: podiums from kerb to kerb, towers on them, a plaza here and there."""
    blocks = blocks_of(
        quarters,
        Grid(main=10.0 * region.street, block=92.0 * region.block, street=13.0 * region.street, irregular=0.45),
    )
    lots = shrunk(blocks, 3.0)
    plots = split_down(lots, between(lots.keys, "plots", 38.0, 70.0), irregular=0.5, purpose="plot")
    fate = ticket(plots.keys, "fate")
    sites, plazas = plots.where(fate < 0.93), plots.where(fate >= 0.93)
    podiums = shrunk(sites, between(sites.keys, "rim", 0.2, 2.2))
    base = floors(podiums.keys, 8.0, 26.0)
    moving, dashes = driving(quarters)
    return shapes(
        ground=[
            streets(quarters),
            surface(blocks, Material.PAVING, Layer.BLOCK),
            surface(sites, Material.CONCRETE, Layer.LOT),
            surface(plazas, Material.PAVING, Layer.LOT),
        ],
        details=[dashes, moving, parked(blocks, outward=1.3, share=0.45)],
        roofs=[
            roofs(podiums, drawn(podiums.keys, "roof", region.town_roofs), base),
            roof_boxes(podiums, base, share=0.8),
            *_stacked(podiums, base, region),
        ],
        crowns=[
            rows_along(blocks, STREET_TREES, spacing=9.0, outward=-0.8, share=0.45 * region.green),
            scattered(plazas, STREET_TREES, per_hectare=110.0 * region.green, purpose="plaza"),
        ],
    )


def _stacked(podiums: Parcels, base: NDArray[np.float64], region: Region) -> list[Quads]:
    """Towers on podiums, some of them stepped back once more, with lift houses on top."""
    bears = ticket(podiums.keys, "tower") < 0.85
    sites, low = podiums.where(bears), base[bears]
    keys = sites.keys
    length, depth = size(sites.corners)
    wide = np.clip(between(keys, "wide", 0.5, 0.85), 16.0 / np.maximum(length, 17.0), 52.0 / np.maximum(length, 52.0))
    deep = np.clip(between(keys, "deep", 0.5, 0.85), 16.0 / np.maximum(depth, 17.0), 40.0 / np.maximum(depth, 40.0))
    left = ticket(keys, "left") * (1.0 - wide)
    front = ticket(keys, "front") * (1.0 - deep)
    shafts = piece(sites, (left, left + wide), (front, front + deep), number=1)
    reach = region.tallest - 34.0
    top = np.maximum(34.0 + reach * ticket(keys, "tall") ** 1.7, low + 12.0)
    stepped = ticket(keys, "stepped") < 0.45
    crowns = piece(shafts.where(stepped), (0.14, 0.86), (0.14, 0.86), number=2)
    upper = top[stepped] + between(crowns.keys, "step", 4.0, 24.0)
    material = drawn(shafts.keys, "roof", region.town_roofs)
    return [
        roofs(shafts, material, top),
        roof_boxes(shafts.where(~stepped), top[~stepped], share=0.9),
        roofs(crowns, material[stepped], upper),
        roof_boxes(crowns, upper, share=0.9),
    ]


def open_highrise(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 4: slabs and point towers of more than 25 m in rows, lawns and car parks between, shops at the rim."""
    asian = region.name == "dense_asian"
    return join(
        [
            estate(
                quarters,
                region,
                Estate(
                    block=170.0,
                    street=9.0,
                    lengths=(30.0, 62.0),
                    points=0.45,
                    depth=(14.0, 17.0),
                    pitch=40.0,
                    heights=(28.0, region.tallest),
                    facing_south=asian,
                    impervious=0.355,
                ),
            )
        ]
    )
