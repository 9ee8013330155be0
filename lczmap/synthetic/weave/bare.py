"""Land without plants: rock and paved ground (LCZ 15), soil and sand (LCZ 16)."""

from collections.abc import Mapping

import numpy as np

from lczmap.synthetic.chance import Keys, between, child_keys, pick, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import (
    Parcels,
    direction,
    inset,
    long_first,
    parcels_of,
    part,
    rectangles,
    sliced,
    split_down,
)
from lczmap.synthetic.region import Mix, Region, RegionName
from lczmap.synthetic.shapes import Discs, Layer, Quads, Shapes, choose_quads, discs, join, quads, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import drawn, fresh, shrunk, streets, surface
from lczmap.synthetic.weave.green import Places, Planting, drift, places_in, planted, rows_along
from lczmap.synthetic.weave.halls import spots
from lczmap.synthetic.weave.lanes import bent, country, crossing, ribbons, stains, to_edges, verge
from lczmap.synthetic.weave.traffic import car_park

_KINDS: Mapping[RegionName, tuple[float, float, float, float]] = {
    "european": (4, 2, 2, 2), "dense_asian": (2, 4, 2, 2), "north_american": (5, 2, 2, 3), "informal": (1, 1, 0.5, 5),
    "desert": (1, 0.5, 0.5, 6),
}  # fmt: skip
"""Weights of car parks, container yards, aprons and rock among districts of LCZ 15."""
_SHADES = (0.42, 0.54)
"""Shades of sand in neighbouring districts: a desert is of one colour."""
_SPILL = 4.0
"""How far dunes may reach over the border of their quarter, metres."""
_TREES = Planting(radius=(1.3, 2.6), height=(3.0, 6.0), kinds=((Material.BROADLEAF, 1),))
_TUFTS = Planting(radius=(0.5, 1.4), height=(0.3, 1.2), kinds=((Material.BUSH, 1),))


def paved(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 15: car parks, container yards, aprons or rock; one of them a district."""
    kind = pick(quarters.district, "kind", _KINDS[region.name])
    return join(
        [make(quarters.where(kind == k), region) for k, make in enumerate((_car_parks, _containers, _apron, _rock))]
    )


def _car_parks(quarters: Quarters, region: Region) -> Shapes:
    inner, _ = inset(quarters.corners, 6.0)
    bays = split_down(parcels_of(inner, quarters.keys), 150.0, irregular=0.4, purpose="bays")
    bays = shrunk(Parcels(corners=long_first(bays.corners), keys=bays.keys, parent=bays.parent), 4.5)
    green = shrunk(bays, -1.6)
    busy = ticket(bays.keys, "busy") < 0.5
    full, quiet = bays.where(busy), bays.where(~busy)
    return shapes(
        ground=[
            streets(quarters),
            surface(green, Material.GRASS if region.green > 0.3 else Material.PAVING, Layer.BLOCK),
            surface(bays, drawn(bays.keys, "floor", ((Material.ASPHALT, 5), (Material.CONCRETE, 1))), Layer.LOT),
            _stripes(bays),
        ],
        details=[car_park(full, share=0.75), car_park(quiet, share=0.3)],
        crowns=[rows_along(bays, _TREES, spacing=10.0, outward=0.6, share=0.5 * region.green)],
    )


def _stripes(bays: Parcels) -> Quads:
    """The lines that bays end at: two rows meet there."""
    rows = sliced(Parcels(corners=np.roll(bays.corners, -1, axis=1), keys=bays.keys, parent=bays.parent), 16.4)
    lines = part(rows.corners, (0.0, 0.04), (0.02, 0.98))
    return quads(
        np.roll(lines, 1, axis=1),
        material=Material.MARKING,
        tone=ticket(rows.keys, "tone"),
        keys=rows.keys,
        layer=Layer.LINE,
    )


def _containers(quarters: Quarters, region: Region) -> Shapes:
    """Stacks in rows between lanes, most places empty: the yard is what counts."""
    del region
    inner, _ = inset(quarters.corners, 7.0)
    yards = split_down(parcels_of(inner, quarters.keys), 120.0, irregular=0.5, purpose="yard")
    yards = shrunk(Parcels(corners=long_first(yards.corners), keys=yards.keys, parent=yards.parent), 5.0)
    busy = yards.where(ticket(yards.keys, "busy") < 0.32)
    where, parent, keys = spots(busy, along=12.9, across=2.7)
    row = np.floor(ticket(busy.keys, "lane")[parent] * 8.0)
    stack = drift(where, busy.keys[parent], metres=26.0, purpose="stack")
    here = (stack > 0.12 + 0.02 * row) & (ticket(keys, "here") < 0.9)
    where, parent, keys = where[here], parent[here], keys[here]
    boxes = quads(
        rectangles(where, direction(busy.corners[parent]), 12.2, 2.44),
        material=Material.CAR,
        tone=ticket(keys, "tone"),
        keys=keys,
        height=2.6 * np.ceil(between(keys, "stacked", 0.0, 1.7)),
    )
    lines = _stripes(yards)
    return shapes(
        ground=[
            streets(quarters, Material.CONCRETE),
            surface(
                yards,
                drawn(yards.keys, "floor", ((Material.CONCRETE, 3), (Material.ASPHALT, 3), (Material.PAVING, 1))),
                Layer.LOT,
            ),
            lines,
        ],
        roofs=[boxes],
    )


def _apron(quarters: Quarters, region: Region) -> Shapes:
    """Slabs of concrete, and taxiways marked across them."""
    slabs = split_down(parcels_of(quarters.corners, quarters.keys), 26.0, irregular=0.0, purpose="slab")
    ways = Parcels(corners=quarters.corners, keys=fresh(quarters.keys, 61), parent=np.arange(len(quarters.keys)))
    middle = crossing(ways, purpose="taxi", bends=10, stray=0.02)
    strips = long_first(quarters.corners)
    lawn = part(strips, (0.08, 0.92), (0.03, 0.08))
    return shapes(
        ground=[
            streets(quarters, Material.CONCRETE),
            surface(slabs, Material.CONCRETE, Layer.BLOCK),
            quads(
                lawn,
                material=Material.GRASS if region.green > 0.3 else Material.SAND,
                tone=ticket(ways.keys, "lawn"),
                keys=fresh(ways.keys, 62),
                layer=Layer.PATCH,
            ),
            ribbons(middle, 24.0, material=Material.ASPHALT, keys=ways.keys, layer=Layer.PATCH),
            ribbons(middle, 0.9, material=Material.MARKING, keys=fresh(ways.keys, 63)),
        ],
    )


def _rock(quarters: Quarters, region: Region) -> Shapes:
    """Bare rock: slabs whose shade follows the strata, cracks with dry grass, tufts and rubble."""
    land = country(quarters, region, hedges=0.0)
    district = quarters.district
    places = places_in(land.land.corners, district, spacing=11.0, purpose="slabs")
    own, keys = district[places.parent], places.keys
    slow = drift(places.where, own, metres=70.0, purpose="strata")
    turn = ticket(own, "strike") * np.pi + between(keys, "turn", -0.5, 0.5)
    slabs = quads(
        rectangles(
            places.where,
            np.stack([np.cos(turn), np.sin(turn)], axis=1),
            between(keys, "long", 7.0, 26.0),
            between(keys, "deep", 4.0, 13.0),
        ),
        material=Material.ROCK,
        tone=np.clip(0.5 + 0.45 * slow + between(keys, "own", -0.1, 0.1), 0.0, 0.999),
        keys=child_keys(own, 0),
        layer=Layer.LOT,
    )
    grown_over = ((Material.GRAVEL, 0.03), (Material.DRY_GRASS, 0.03))
    tufts = places_in(land.land.corners, district, spacing=9.0, purpose="tufts")
    tufts = tufts.chosen(drift(tufts.where, district[tufts.parent], metres=45.0, purpose="cracks") > 0.62)
    return shapes(
        ground=[
            verge(quarters, Material.ROCK),
            land.roads,
            slabs,
            stains(land.land, district, grown_over, metres=38.0, grain=4.0),
        ],
        roofs=[_ledges(land.land, district)],
        crowns=[planted(tufts, _TUFTS)],
    )


def _ledges(land: Parcels, district: Keys) -> Quads:
    """Low steps along the strike of the rock, where it breaks."""
    places = places_in(land.corners, district, spacing=10.0, purpose="ledges")
    broken = drift(places.where, district[places.parent], metres=90.0, purpose="ledges") > 0.1
    places = places.chosen(broken & (ticket(places.keys, "ledge") < 0.5))
    own, keys = district[places.parent], places.keys
    turn = ticket(own, "strike") * np.pi + between(keys, "turn", -0.3, 0.3)
    return quads(
        rectangles(
            places.where,
            np.stack([np.cos(turn), np.sin(turn)], axis=1),
            between(keys, "long", 6.0, 22.0),
            between(keys, "deep", 1.6, 5.0),
        ),
        material=Material.ROCK,
        tone=ticket(keys, "tone"),
        keys=keys,
        height=between(keys, "height", 0.1, 0.9),
        rise=-0.4,
    )


def soil(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 16: dunes in deserts; elsewhere building ground, or a dry river's bed of gravel and sand."""
    if region.name == "desert":
        kind = pick(quarters.district, "kind", (4, 1, 1))
    else:
        kind = pick(quarters.district, "kind", (0.1, 4, 1.5))
    return join([make(quarters.where(kind == k), region) for k, make in enumerate((_dunes, _site, _bed))])


def _dunes(quarters: Quarters, region: Region) -> Shapes:
    """Low ridges across the wind, further apart here and there, hard ground in the hollows."""
    land = country(quarters, region, hedges=0.0)
    clear, _ = inset(quarters.corners, np.where(land.beside, 30.0, 8.0))
    district = quarters.district
    wind = between(district, "wind", 0.0, np.pi)
    places = places_in(clear, district, spacing=13.0, purpose="dunes")
    slow = drift(places.where, district[places.parent], metres=120.0, purpose="dune field")
    here = slow + between(places.keys, "here", -0.4, 0.4) > -0.3
    places, slow = places.chosen(here), slow[here]
    own, keys = district[places.parent], places.keys
    angle = wind[places.parent] + 0.5 * slow + between(keys, "angle", -0.15, 0.15)
    ridges = quads(
        rectangles(
            places.where,
            np.stack([np.cos(angle), np.sin(angle)], axis=1),
            between(keys, "long", 18.0, 50.0),
            between(keys, "deep", 6.0, 13.0) * (1.2 + 0.5 * slow),
        ),
        material=Material.SAND,
        tone=between(own, "sand", *_SHADES),
        keys=own,
        rise=-between(keys, "rise", 0.15, 0.7),
        height=0.02,
    )
    outline = quarters.corners[places.parent]
    over = np.stack([to_edges(ridges.corners[:, k], outline).min(axis=1) for k in range(4)], axis=1).min(axis=1)
    ridges = choose_quads(ridges, over > -_SPILL)
    tufts = places_in(land.land.corners, district, spacing=11.0, purpose="tufts")
    tufts = tufts.chosen(ticket(tufts.keys, "tuft") < 0.04)
    hollows = ((Material.YARD, 0.1), (Material.GRAVEL, 0.05))
    return shapes(
        ground=[
            verge(quarters, Material.SAND, tone=between(district, "sand", *_SHADES)),
            land.roads,
            stains(land.land, district, hollows, metres=70.0),
        ],
        roofs=[ridges],
        crowns=[planted(tufts, _TUFTS)],
    )


def _site(quarters: Quarters, region: Region) -> Shapes:
    """Ground laid bare: terraces, ruts, heaps, weeds at the rims."""
    land = country(quarters, region, hedges=0.1)
    lots = split_down(land.land, 170.0, irregular=1.0, purpose="site")
    lots = Parcels(corners=bent(lots.corners, 5.0, metres=60.0, purpose="site"), keys=lots.keys, parent=lots.parent)
    base = drawn(quarters.district, "base", _bare(region))
    floor = np.where(ticket(lots.keys, "same") < 0.7, base[lots.parent], drawn(lots.keys, "floor", _bare(region)))
    ruts = [
        _ways(
            land.land, 64 + n, purpose="rut", width=(2.5, 6.0), of=((Material.GRAVEL, 1), (Material.YARD, 1)), stray=0.2
        )
        for n in range(3)
    ]
    heaps = places_in(land.land.corners, quarters.district, spacing=13.0, purpose="heaps")
    near = drift(heaps.where, quarters.district[heaps.parent], metres=60.0, purpose="dump") > 0.55
    heaps = heaps.chosen(near & (ticket(heaps.keys, "heap") < 0.6))
    others = ((Material.DRY_GRASS, 0.08), (Material.GRAVEL, 0.10), (Material.SAND, 0.08), (Material.YARD, 0.16))
    weeds = places_in(land.land.corners, quarters.district, spacing=8.0, purpose="weeds")
    weeds = weeds.chosen(drift(weeds.where, quarters.district[weeds.parent], metres=55.0, purpose="weeds") > 0.6)
    return shapes(
        ground=[
            verge(quarters, base),
            land.roads,
            surface(lots, floor, Layer.LOT),
            stains(land.land, quarters.district, others, metres=42.0),
            *ruts,
        ],
        crowns=[land.trees, _piles(heaps), planted(weeds, _TUFTS)],
    )


def _bare(region: Region) -> Mix:
    """Bare ground that no plough has furrowed."""
    return tuple((Material.YARD if material == Material.SOIL else material, weight) for material, weight in region.bare)


def _piles(places: Places) -> Discs:
    keys = places.keys
    radius = between(keys, "radius", 2.5, 6.5)
    return discs(
        places.where,
        radius=radius,
        material=drawn(keys, "of", ((Material.SOIL, 4), (Material.SAND, 1), (Material.GRAVEL, 1))),
        height=0.4 * radius,
        dome=0.38 * radius,
        tone=ticket(keys, "tone"),
        keys=keys,
    )


def _bed(quarters: Quarters, region: Region) -> Shapes:
    """Braided channels of sand through gravel, islands of scrub."""
    land = country(quarters, region, hedges=0.0)
    of = ((Material.SAND, 3.0), (Material.SOIL, 1.0))
    braids = [
        _ways(land.land, 70 + n, purpose="braid", width=(8.0, 34.0), of=of, stray=0.22, layer=Layer.LOT)
        for n in range(4)
    ]
    islands = ((Material.YARD, 0.1), (Material.SAND, 0.2), (Material.GRAVEL, 0.2), (Material.SCRUB, 0.08))
    return shapes(
        ground=[
            verge(quarters, Material.GRAVEL),
            land.roads,
            *braids,
            stains(land.land, quarters.district, islands, metres=40.0),
        ],
        crowns=[land.trees],
    )


def _ways(  # noqa: PLR0913 - what a way has
    land: Parcels,
    number: int,
    *,
    purpose: str,
    width: tuple[float, float],
    of: Mix,
    stray: float,
    layer: Layer = Layer.LINE,
) -> Quads:
    """One winding way through each parcel."""
    keys = fresh(land.keys, number)
    way = crossing(Parcels(corners=land.corners, keys=keys, parent=land.parent), purpose=purpose, bends=18, stray=stray)
    return ribbons(way, between(keys, "wide", *width), material=drawn(keys, "of", of), keys=keys, layer=layer)
