"""Lightweight low-rise (LCZ 7): shacks on bent alleys; sparsely built (LCZ 9): houses and farms in fields."""

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import between, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, area, at, direction, inset, parcels_of, part, rectangles, size, split_down
from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Layer, Quads, Shapes, quads, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import drawn, fresh, grown, roofs, shrunk, surface, within_budget
from lczmap.synthetic.weave.green import GARDEN_TREES, Planting, scattered
from lczmap.synthetic.weave.land import tilled
from lczmap.synthetic.weave.lanes import bent, country, verge

_SHACK_TREES = Planting(radius=(1.4, 3.2), height=(3.5, 7.0), kinds=((Material.BROADLEAF, 4), (Material.PALM, 1)))
_ORCHARD = Planting(radius=(1.4, 2.4), height=(2.5, 4.5), kinds=((Material.ORCHARD, 1),))


def shacks(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 7: 4 to 8 m shacks of sheets and boards, alleys of a metre or two, dirt streets, hardly a tree."""
    inner, _ = inset(quarters.corners, 4.2)
    land = parcels_of(inner, quarters.keys)
    blocks = shrunk(split_down(land, 110.0, irregular=1.0, purpose="block"), 1.5)
    clusters = split_down(blocks, 27.0, irregular=1.0, purpose="cluster")
    alley = between(clusters.keys, "alley", 0.2, 0.75)
    clusters = shrunk(grown(clusters, blocks.parent), alley)
    lots = grown(split_down(clusters, 6.6, irregular=0.9, purpose="lot"), clusters.parent)
    # some stand empty: a yard, a tap, a tree
    built = within_budget(lots, lots.parent, _covered(quarters), purpose="built")
    yards = lots.where(~built)
    homes = _crooked(lots.where(built))
    height = between(homes.keys, "eaves", 2.1, 3.3)
    pitched = ticket(homes.keys, "pitched") < 0.45
    rise = np.where(pitched, between(homes.keys, "rise", 0.25, 0.7), 0.0)
    dirt = np.where(ticket(quarters.keys, "sealed") < 0.4, Material.ASPHALT, Material.YARD)
    ground = surface(
        Parcels(corners=inner, keys=fresh(quarters.keys, 1), parent=land.parent), Material.YARD, Layer.BLOCK
    )
    return shapes(
        ground=[
            quads(
                quarters.corners,
                material=dirt,
                tone=ticket(quarters.keys, "tone"),
                keys=quarters.keys,
                layer=Layer.QUARTER,
            ),
            ground,
            surface(
                _twisted(yards),
                drawn(yards.keys, "yard", ((Material.YARD, 4), (Material.SOIL, 2), (Material.GARDEN, 1))),
                Layer.PATCH,
            ),
        ],
        roofs=[roofs(homes, drawn(homes.keys, "roof", region.shack_roofs), height, rise)],
        crowns=[scattered(_twisted(yards), _SHACK_TREES, per_hectare=40.0 + 160.0 * region.green, purpose="tree")],
    )


def _covered(quarters: Quarters) -> NDArray[np.float64]:
    """Square metres of lots to build on in each quarter: 66 to 76 % of it, or all that there are."""
    share = between(quarters.keys, "covered", 0.69, 0.78)
    return np.asarray(share * np.abs(area(quarters.corners)))


def _twisted(ground: Parcels) -> Parcels:
    """Alleys that wind: every corner follows the same slow bends."""
    corners = bent(bent(ground.corners, 3.2, metres=55.0, purpose="alleys"), 1.3, metres=17.0, purpose="alley")
    return Parcels(corners=corners, keys=ground.keys, parent=ground.parent)


def _crooked(ground: Parcels) -> Parcels:
    """Twisted, each corner a bit inside."""
    corners = _twisted(ground).corners
    pull = np.stack([between(ground.keys, f"pull {k}", 0.0, 0.065) for k in range(4)], axis=1)[..., None]
    middle = corners.mean(axis=1, keepdims=True)
    return Parcels(corners=corners + (middle - corners) * pull, keys=ground.keys, parent=ground.parent)


def sparse(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 9: houses, farms and their sheds in groups on lanes, gardens and orchards, fields between."""
    land = country(quarters, region, hedges=0.6)
    pieces = shrunk(split_down(land.land, 92.0, irregular=0.9, purpose="block"), 2.1)
    settled = within_budget(pieces, pieces.parent, 0.56 * np.abs(area(quarters.corners)), purpose="settled")
    fields, hamlets = pieces.where(~settled), pieces.where(settled)
    lots = grown(split_down(hamlets, 40.0, irregular=0.8, purpose="lot"), hamlets.parent)
    garden = drawn(lots.keys, "garden", region.yards)
    house = _house(lots)
    shed = _shed(lots)
    height = between(house.keys, "eaves", 3.2, 6.8)
    pitched = ticket(house.keys, "pitched") < region.tilted
    rise = np.where(pitched, between(house.keys, "rise", 1.5, 3.4), 0.0)
    lanes = shrunk(Parcels(corners=land.land.corners, keys=fresh(land.land.keys, 5), parent=land.land.parent), 0.8)
    lane = Material.ASPHALT
    drive = _drive(lots)
    orchards = lots.where(ticket(lots.keys, "orchard") < 0.2)
    return shapes(
        ground=[
            verge(quarters, Material.GRASS if region.green > 0.3 else Material.YARD),
            land.roads,
            surface(lanes, lane, Layer.BLOCK),
            surface(lots, garden, Layer.LOT),
            drive,
            tilled(fields, region),
        ],
        roofs=[
            roofs(house, drawn(house.keys, "roof", region.house_roofs), height, rise),
            roofs(
                shed,
                drawn(shed.keys, "roof", region.shed_roofs),
                between(shed.keys, "eaves", 3.0, 6.0),
                between(shed.keys, "rise", 0.4, 2.2),
            ),
        ],
        crowns=[
            land.trees,
            scattered(lots, GARDEN_TREES, per_hectare=15.0 + 55.0 * region.green, purpose="tree"),
            scattered(orchards, _ORCHARD, per_hectare=110.0 * region.green, purpose="orchard"),
        ],
    )


def _house(lots: Parcels) -> Parcels:
    """The dwelling on each lot, turned as the lot is."""
    keys = fresh(lots.keys, 11)
    footprint = np.clip(between(keys, "share", 0.12, 0.2) * np.abs(area(lots.corners)), 60.0, 330.0)
    aspect = between(keys, "aspect", 1.15, 1.9)
    middle = at(lots.corners, between(keys, "u", 0.3, 0.42), between(keys, "v", 0.36, 0.64))
    corners = rectangles(middle, direction(lots.corners), np.sqrt(footprint * aspect), np.sqrt(footprint / aspect))
    return Parcels(corners=corners, keys=keys, parent=lots.parent)


def _shed(lots: Parcels) -> Parcels:
    """Barns, garages and stables on most lots, often across."""
    keys = fresh(lots.keys, 12)
    footprint = np.clip(between(keys, "share", 0.03, 0.16) * np.abs(area(lots.corners)), 20.0, 420.0)
    aspect = between(keys, "aspect", 1.2, 2.8)
    middle = at(lots.corners, between(keys, "u", 0.7, 0.8), between(keys, "v", 0.3, 0.7))
    along = direction(lots.corners)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    along = np.where((ticket(keys, "across") < 0.7)[:, None], across, along)
    corners = rectangles(middle, along, np.sqrt(footprint * aspect), np.sqrt(footprint / aspect))
    stands = ticket(keys, "stands") < 0.8
    return Parcels(corners=corners, keys=keys, parent=lots.parent).where(stands)


def _drive(lots: Parcels) -> Quads:
    """A paved way from the lane to the house, and the yard before it."""
    keys = fresh(lots.keys, 13)
    u = between(keys, "u", 0.46, 0.56)
    length, _ = size(lots.corners)
    half = between(keys, "half", 1.5, 4.5) / np.maximum(length, 1.0)
    corners = part(lots.corners, (u - half, u + half), (0.0, between(keys, "v", 0.4, 0.75)))
    paved = drawn(
        keys, "paved", ((Material.PAVING, 3), (Material.ASPHALT, 2), (Material.CONCRETE, 2), (Material.YARD, 2))
    )
    return quads(corners, material=paved, tone=ticket(keys, "tone"), keys=keys, layer=Layer.PATCH)
