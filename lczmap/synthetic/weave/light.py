"""Lightweight low-rise (LCZ 7): shacks on bent alleys; sparsely built (LCZ 9): houses and farms in fields."""

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import between, child_keys, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, area, at, direction, inset, parcels_of, part, rectangles, size, split_down
from lczmap.synthetic.region import Mix, Region
from lczmap.synthetic.shapes import Layer, Quads, Shapes, choose_quads, quads, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import drawn, fresh, grown, roofs, shrunk, streets, surface, within_budget
from lczmap.synthetic.weave.green import GARDEN_TREES, Planting, scattered
from lczmap.synthetic.weave.land import tilled
from lczmap.synthetic.weave.lanes import bent, country, verge

_ALLEYS: Mix = ((Material.YARD, 1), (Material.PAVING, 1))
_YARDS: Mix = ((Material.YARD, 4), (Material.SOIL, 1), (Material.PAVING, 2), (Material.GARDEN, 1))
_SHACK_TREES = Planting(radius=(1.4, 3.2), height=(3.5, 7.0), kinds=((Material.BROADLEAF, 4), (Material.PALM, 1)))
_LANES = 0.75
"""Share of the sides of hamlets along a lane."""
_ORCHARD = Planting(radius=(1.4, 2.4), height=(2.5, 4.5), kinds=((Material.ORCHARD, 1),))


def shacks(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 7: 4 to 8 m shacks of sheets and boards, alleys of a metre or two, dirt streets, hardly a tree."""
    inner, _ = inset(quarters.corners, 4.0)
    land = parcels_of(inner, quarters.keys)
    blocks = split_down(land, 150.0, irregular=1.0, purpose="block")
    blocks = shrunk(blocks, between(blocks.keys, "street", 1.0, 2.6))
    clusters = split_down(blocks, 30.0, irregular=1.0, purpose="cluster")
    clusters = shrunk(grown(clusters, blocks.parent), between(clusters.keys, "alley", 0.1, 0.8))
    # whoever came first took more
    pitch = np.where(
        ticket(clusters.keys, "large") < 0.08,
        between(clusters.keys, "pitch", 10.0, 15.0),
        between(clusters.keys, "pitch", 4.6, 8.0),
    ) * between(quarters.district[clusters.parent], "pitch", 0.88, 1.25)
    lots = grown(split_down(clusters, pitch, irregular=1.0, purpose="lot"), clusters.parent)
    built = within_budget(lots, lots.parent, _covered(quarters), purpose="built")
    yards, homes = _twisted(lots.where(~built), quarters), _crooked(lots.where(built), quarters)
    pitched = ticket(homes.keys, "pitched") < 0.45
    rise = np.where(pitched, between(homes.keys, "rise", 0.2, 0.7), 0.0)
    sealed = ticket(quarters.keys, "sealed") < 0.5
    floor = Parcels(corners=inner, keys=fresh(quarters.keys, 1), parent=land.parent)
    return shapes(
        ground=[
            streets(quarters, np.where(sealed, Material.ASPHALT, Material.YARD)),
            surface(floor, np.where(sealed, Material.YARD, drawn(quarters.keys, "alleys", _ALLEYS)), Layer.BLOCK),
            surface(yards, drawn(yards.keys, "yard", _YARDS), Layer.PATCH),
        ],
        details=[_clutter(yards)],
        roofs=[
            roofs(homes, drawn(homes.keys, "roof", region.shack_roofs), between(homes.keys, "eaves", 2.1, 3.3), rise)
        ],
        crowns=[scattered(yards, _SHACK_TREES, per_hectare=60.0 + 160.0 * region.green, purpose="tree")],
    )


def _covered(quarters: Quarters) -> NDArray[np.float64]:
    """Square metres of lots to build on in each quarter."""
    return np.asarray(between(quarters.keys, "covered", 0.70, 0.79) * np.abs(area(quarters.corners)))


def _clutter(yards: Parcels) -> Quads:
    """Carts, tarpaulins and tanks."""
    keys = fresh(yards.keys, 10)
    middle = at(yards.corners, between(keys, "u", 0.2, 0.8), between(keys, "v", 0.2, 0.8))
    turn = ticket(keys, "turn") * np.pi
    along = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    these = quads(
        rectangles(middle, along, between(keys, "long", 1.0, 2.8), between(keys, "deep", 0.8, 1.8)),
        material=Material.CAR,
        tone=ticket(keys, "tone"),
        keys=keys,
        height=1.2,
        layer=Layer.LINE,
    )
    return choose_quads(these, ticket(keys, "lies") < 0.5)


def _twisted(ground: Parcels, quarters: Quarters) -> Parcels:
    """Streets and alleys that wind: corners follow the same bends, less and less towards the main roads."""
    outline = quarters.corners[ground.parent]
    edge = np.roll(outline, -1, axis=1) - outline
    edge /= np.linalg.norm(edge, axis=2, keepdims=True)
    gap = ground.corners[:, :, None] - outline[:, None]
    far = (edge[:, None, :, 0] * gap[..., 1] - edge[:, None, :, 1] * gap[..., 0]).min(axis=2)
    loose = np.clip((far - 4.0) / 40.0, 0.0, 1.0)[..., None]
    wide = bent(ground.corners, 14.0, metres=110.0, purpose="streets") - ground.corners
    fine = bent(ground.corners, 4.0, metres=32.0, purpose="alleys") - ground.corners
    return Parcels(corners=ground.corners + (wide + fine) * loose, keys=ground.keys, parent=ground.parent)


def _crooked(ground: Parcels, quarters: Quarters) -> Parcels:
    """Twisted, each corner a bit inside."""
    corners = _twisted(ground, quarters).corners
    pull = np.stack([between(ground.keys, f"pull {k}", 0.0, 0.065) for k in range(4)], axis=1)[..., None]
    middle = corners.mean(axis=1, keepdims=True)
    return Parcels(corners=corners + (middle - corners) * pull, keys=ground.keys, parent=ground.parent)


def sparse(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 9: houses, farms and their sheds in groups on lanes, gardens and orchards, fields between."""
    land = country(quarters, region, hedges=0.6)
    cut = split_down(land.land, 100.0 * region.block, irregular=1.0, purpose="block")
    swung = bent(cut.corners, 6.0, metres=120.0, purpose="lane")
    cut = Parcels(corners=swung, keys=cut.keys, parent=cut.parent)
    settled = within_budget(cut, cut.parent, 0.61 * np.abs(area(quarters.corners)), purpose="settled")
    fields, hamlets = shrunk(cut.where(~settled), 1.0), cut.where(settled)
    # lanes on most sides, the others are fences
    sides = ticket(child_keys(hamlets.keys[:, None], np.arange(4)), "lane")
    hamlets = shrunk(hamlets, np.where(sides < _LANES, 3.1, 0.3))
    lots = grown(split_down(hamlets, 40.0, irregular=0.9, purpose="lot"), hamlets.parent)
    house, shed = _house(lots, quarters), _shed(lots)
    pitched = ticket(house.keys, "pitched") < region.tilted
    rise = np.where(pitched, between(house.keys, "rise", 1.5, 3.4), 0.0)
    grove = ticket(lots.keys, "orchard") < 0.2
    lanes = Parcels(corners=cut.corners, keys=fresh(cut.keys, 5), parent=cut.parent).where(settled)
    return shapes(
        ground=[
            verge(quarters, Material.GRASS if region.green > 0.3 else Material.YARD),
            land.roads,
            surface(lanes, drawn(quarters.keys[lanes.parent], "lane", _lanes(region)), Layer.BLOCK),
            surface(lots, drawn(lots.keys, "garden", region.yards), Layer.LOT),
            tilled(fields, region),
            _drive(lots),
        ],
        details=[_car(lots)],
        roofs=[
            roofs(house, drawn(house.keys, "roof", region.house_roofs), between(house.keys, "eaves", 3.2, 6.8), rise),
            roofs(
                shed,
                drawn(shed.keys, "roof", region.shed_roofs),
                between(shed.keys, "eaves", 3.0, 6.0),
                between(shed.keys, "rise", 0.4, 2.2),
            ),
        ],
        crowns=[
            land.trees,
            scattered(lots.where(~grove), GARDEN_TREES, per_hectare=15.0 + 55.0 * region.green, purpose="tree"),
            scattered(lots.where(grove), _ORCHARD, per_hectare=30.0 + 130.0 * region.green, purpose="orchard"),
        ],
    )


def _lanes(region: Region) -> Mix:
    """What lanes between houses are made of."""
    earthen = {"informal": 0.15, "desert": 0.4}.get(region.name, 0.1)
    return (
        (Material.ASPHALT, 1.0),
        (Material.CONCRETE, 0.3 if region.name == "dense_asian" else 0.0),
        (Material.YARD, earthen),
    )


def _car(lots: Parcels) -> Quads:
    """A car on some drives."""
    keys = fresh(lots.keys, 14)
    middle = at(lots.corners, between(keys, "u", 0.49, 0.53), between(keys, "v", 0.1, 0.4))
    along = direction(lots.corners)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    cars = quads(
        rectangles(middle, across, 4.4, 1.8), material=Material.CAR, tone=ticket(keys, "tone"), keys=keys, height=1.4,
        layer=Layer.LINE,
    )  # fmt: skip
    return choose_quads(cars, ticket(keys, "home") < 0.5)


def _house(lots: Parcels, quarters: Quarters) -> Parcels:
    """The dwelling on each lot, turned as the lot is."""
    keys = fresh(lots.keys, 11)
    footprint = np.clip(between(keys, "share", 0.14, 0.22) * np.abs(area(lots.corners)), 60.0, 330.0)
    footprint *= between(quarters.keys, "roomy", 0.95, 1.25)[lots.parent]
    aspect = between(keys, "aspect", 1.15, 1.9)
    middle = at(lots.corners, between(keys, "u", 0.3, 0.42), between(keys, "v", 0.36, 0.64))
    corners = rectangles(middle, direction(lots.corners), np.sqrt(footprint * aspect), np.sqrt(footprint / aspect))
    return Parcels(corners=corners, keys=keys, parent=lots.parent)


def _shed(lots: Parcels) -> Parcels:
    """Barns, garages and stables on most lots, often across."""
    keys = fresh(lots.keys, 12)
    footprint = np.clip(between(keys, "share", 0.05, 0.2) * np.abs(area(lots.corners)), 20.0, 420.0)
    aspect = between(keys, "aspect", 1.2, 2.8)
    middle = at(lots.corners, between(keys, "u", 0.7, 0.8), between(keys, "v", 0.3, 0.7))
    along = direction(lots.corners)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    along = np.where((ticket(keys, "across") < 0.7)[:, None], across, along)
    corners = rectangles(middle, along, np.sqrt(footprint * aspect), np.sqrt(footprint / aspect))
    stands = ticket(keys, "stands") < 0.88
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
