"""Heavy industry (LCZ 10): works, tanks, silos, chimneys, pipe racks, stock yards, sidings and waste ground."""

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import between, child_keys, pick, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import (
    Parcels,
    area,
    at,
    direction,
    inset,
    long_first,
    parcels_of,
    part,
    rectangles,
    size,
    sliced,
    split_down,
    turned,
)
from lczmap.synthetic.region import Mix, Region
from lczmap.synthetic.shapes import Discs, Layer, Quads, Shapes, discs, join_quads, quads, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import areas_by, drawn, fresh, piece, shrunk, streets, surface
from lczmap.synthetic.weave.green import Planting, scattered
from lczmap.synthetic.weave.halls import lorries, spots, squared, works
from lczmap.synthetic.weave.lanes import stains
from lczmap.synthetic.weave.traffic import car_park, driving

_WORKS, _TANKS, _PLANT, _STOCK, _WASTE = range(5)
_SHARES = (0.45, 0.14, 0.085, 0.11, 0.215)
"""Of the plots of a quarter, by what they are for."""
_ROADSIDE = 0.55
"""Share of the sides of plots along a road."""
_TANK_PATTERN = 0.34
"""Share of a plot under its tanks if no place stood empty."""
_TANK_COVER = 0.2
_PLANT_COVER = 0.17
_FLOORS: tuple[Mix, ...] = (
    ((Material.CONCRETE, 3), (Material.ASPHALT, 4), (Material.GRAVEL, 1.6)),
    ((Material.GRAVEL, 3), (Material.GRASS, 2), (Material.YARD, 2)),
    ((Material.GRAVEL, 3), (Material.YARD, 2)),
    ((Material.YARD, 3), (Material.SOIL, 3), (Material.GRAVEL, 2)),
    ((Material.DRY_GRASS, 3), (Material.SCRUB, 3), (Material.SOIL, 2)),
)
_BUSHES = Planting(radius=(0.8, 3.4), height=(1.0, 7.0), kinds=((Material.BUSH, 3), (Material.BROADLEAF, 2)))
_WEEDS: Mix = ((Material.DRY_GRASS, 0.2), (Material.SCRUB, 0.2), (Material.GRAVEL, 0.1), (Material.YARD, 0.15))
_TANK_ROOFS: Mix = (
    (Material.WHITE_ROOF, 4),
    (Material.METAL_ROOF, 3),
    (Material.GREY_ROOF, 2),
    (Material.RUST_ROOF, 1),
)
_HEAPS: Mix = ((Material.YARD, 3), (Material.SAND, 2), (Material.GRAVEL, 3), (Material.SOIL, 3))


def industry(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 10: plots for works, tanks, plant, stock and waste ground in fixed shares, a siding along some edges."""
    inner, _ = inset(quarters.corners, 7.0)
    land, sidings = _sidings(parcels_of(inner, quarters.keys))
    cut = split_down(land, 130.0, irregular=0.9, purpose="plot")
    # a road on some sides of a plot, a fence on the others
    sides = ticket(child_keys(cut.keys[:, None], np.arange(4)), "road")
    plots = shrunk(cut, np.where(sides < _ROADSIDE, 5.0, 0.8))
    kind = shared_out(plots, plots.parent, _SHARES)
    total = np.abs(area(quarters.corners))
    of_works = plots.where(kind == _WORKS)
    hall = _halls(of_works, between(quarters.keys, "built", 0.235, 0.27) * total - _elsewhere(plots, kind, len(total)))
    yard = piece(of_works, (0.05, 0.95), (0.82, 0.97), number=50)
    tanks, plant, stock, waste = (plots.where(kind == k) for k in (_TANKS, _PLANT, _STOCK, _WASTE))
    floor = np.choose(kind, [drawn(plots.keys, "floor", _grown(mix, region)) for mix in _FLOORS])
    floor_of = drawn(quarters.keys, "ways", ((Material.ASPHALT, 3), (Material.CONCRETE, 1)))
    cars, dashes = driving(quarters)
    made = kind != _WASTE
    return shapes(
        ground=[
            streets(quarters),
            dashes,
            surface(Parcels(corners=inner, keys=fresh(quarters.keys, 60), parent=land.parent), floor_of, Layer.BLOCK),
            surface(waste, floor[kind == _WASTE], Layer.LOT),
            stains(waste, quarters.district[waste.parent], _grown(_WEEDS, region), metres=26.0, grain=4.0),
            surface(plots.where(made), floor[made], Layer.LOT),
            surface(sidings, Material.GRAVEL, Layer.LOT),
            _tracks(sidings),
            _bunds(tanks),
        ],
        details=[cars, lorries(yard), car_park(yard, share=0.2)],
        roofs=[
            works(hall, region, low=7.0, high=15.0, ragged=0.35),
            _racks(plant, stock),
            _vessels(plant, 0.6),
            _vessels(of_works, 0.05),
            _heaps(stock),
            _wagons(sidings),
        ],
        crowns=[
            _tanks(tanks),
            _silos(of_works),
            _chimneys(of_works, plant),
            scattered(waste, _BUSHES, per_hectare=10.0 + 150.0 * region.green, purpose="waste"),
            scattered(tanks, _BUSHES, per_hectare=6.0 * region.green, purpose="tanks"),
        ],
    )


def _grown(mix: Mix, region: Region) -> Mix:
    """What grows by itself, or what lies there where nothing does."""
    if region.green > 0.3:
        return mix
    dry = {Material.SCRUB: Material.DRY_GRASS, Material.GRASS: Material.SAND, Material.DRY_GRASS: Material.YARD}
    return tuple((dry.get(material, material), weight) for material, weight in mix)


def _elsewhere(plots: Parcels, kind: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """Square metres under tanks and plant in each quarter, about."""
    square = np.abs(area(plots.corners))
    cover = np.select([kind == _TANKS, kind == _PLANT], [_TANK_COVER, _PLANT_COVER], 0.0)
    return np.asarray(np.bincount(plots.parent, weights=cover * square, minlength=groups), dtype=np.float64)


def shared_out(ground: Parcels, group: NDArray[np.int64], shares: tuple[float, ...]) -> NDArray[np.int64]:
    """A kind for each parcel, so that the kinds of each group have these shares of its area, about.

    Args:
        ground: what is shared out.
        group: which group each belongs to `(n,)`.
        shares: of each kind; they sum to 1.
    """
    order = np.lexsort((ticket(ground.keys, "shared out"), group))
    sizes, members = np.abs(area(ground.corners))[order], group[order]
    running = np.cumsum(sizes)
    starts = np.flatnonzero(np.diff(members, prepend=-1))
    counts = np.diff(np.append(starts, len(members)))
    before = np.repeat(running[starts] - sizes[starts], counts)
    whole = np.repeat(np.add.reduceat(sizes, starts), counts) if len(starts) else sizes
    kinds = np.empty(len(ground), dtype=np.int64)
    kinds[order] = np.searchsorted(np.cumsum(shares)[:-1], (running - before - sizes / 2.0) / whole, side="right")
    return kinds


def _sidings(land: Parcels) -> tuple[Parcels, Parcels]:
    """The land without, and the strips with, railway tracks along one edge of some quarters."""
    side = pick(land.keys, "side", np.ones(4))
    corners = turned(land.corners, side)
    _, depth = size(corners)
    has = ticket(land.keys, "siding") < 0.5
    wide = np.where(has, between(land.keys, "tracks", 14.0, 34.0) / depth, 0.0)
    rest = Parcels(corners=part(corners, (0.0, 1.0), (wide, 1.0)), keys=land.keys, parent=land.parent)
    strips = Parcels(corners=part(corners, (0.0, 1.0), (0.0, wide)), keys=fresh(land.keys, 51), parent=land.parent)
    return rest, strips.where(has)


def _tracks(sidings: Parcels) -> Quads:
    """Tracks about 5 m apart along the strips."""
    lanes = sliced(Parcels(corners=turned(sidings.corners, 1), keys=sidings.keys, parent=sidings.parent), 5.2)
    return surface(
        Parcels(corners=turned(part(lanes.corners, (0.25, 0.75), (0.0, 1.0)), 1), keys=lanes.keys, parent=lanes.parent),
        Material.RAIL,
        Layer.LINE,
    )


def _wagons(sidings: Parcels) -> Quads:
    """Trains that stand on the tracks."""
    lanes = sliced(Parcels(corners=turned(sidings.corners, 1), keys=sidings.keys, parent=sidings.parent), 5.2)
    lanes = lanes.where(ticket(lanes.keys, "train") < 0.3)
    along = Parcels(
        corners=turned(part(lanes.corners, (0.22, 0.78), (0.05, 0.9)), 1), keys=lanes.keys, parent=lanes.parent
    )
    wagons = sliced(along, 15.0)
    from_, to = between(lanes.keys, "from", 0.0, 0.5), between(lanes.keys, "to", 0.55, 1.0)
    first = np.arange(len(wagons)) - np.searchsorted(wagons.parent, wagons.parent)
    share = first / np.maximum(np.bincount(wagons.parent, minlength=len(lanes))[wagons.parent], 1)
    here = (share > from_[wagons.parent]) & (share < to[wagons.parent])
    wagons = wagons.where(here)
    return quads(
        part(wagons.corners, (0.03, 0.97), (0.0, 1.0)),
        material=Material.CAR,
        tone=ticket(wagons.keys, "tone"),
        keys=wagons.keys,
        height=3.8,
    )


def _halls(plots: Parcels, wished: NDArray[np.float64]) -> Parcels:
    """Where halls stand on plots of works, so that a quarter's cover the wished square metres."""
    # rows of halls are ragged and square: about a third of their ground stays free
    share = np.clip(1.45 * wished / np.maximum(areas_by(plots, plots.parent, len(wished)), 1.0), 0.1, 0.82)[
        plots.parent
    ]
    wide = np.clip(share * between(plots.keys, "wide", 1.15, 1.5), 0.3, 0.94)
    deep = np.clip(share / wide, 0.1, 0.94)
    u, v = (1.0 - wide) * between(plots.keys, "u", 0.2, 0.8), (1.0 - deep) * between(plots.keys, "v", 0.1, 0.5)
    return squared(piece(plots, (u, u + wide), (v, v + deep), number=52))


def _tanks(plots: Parcels) -> Discs:
    """Tanks in rows, of one or two sizes a plot, a place empty here and there."""
    radius = between(plots.keys, "tank", 5.0, 16.0)
    pitch = radius * np.sqrt(np.pi / _TANK_PATTERN)
    where, parent, keys = spots(plots, along=pitch, across=pitch)
    here = ticket(keys, "here") < 0.86
    where, parent, keys = where[here], parent[here], keys[here]
    lesser = (ticket(keys, "lesser") < 0.3) & (ticket(plots.keys, "mixed") < 0.6)[parent]
    aside = (radius * 0.2)[parent]
    where = where + np.stack([between(keys, "east", -aside, aside), between(keys, "north", -aside, aside)], axis=1)
    return discs(
        where,
        radius=(radius[parent] * np.where(lesser, 0.62, 0.97)),
        material=drawn(plots.keys, "tank roof", _TANK_ROOFS)[parent],
        height=between(plots.keys, "tank height", 8.0, 16.0)[parent],
        tone=ticket(keys, "tone"),
        keys=keys,
    )


def _bunds(plots: Parcels) -> Quads:
    """Low walls around tank farms, seen as pale lines."""
    walls = []
    for k in range(4):
        corners = turned(plots.corners, k)
        _, depth = size(corners)
        walls.append(
            quads(
                part(corners, (0.02, 0.98), (2.0 / depth, 3.4 / depth)),
                material=Material.CONCRETE,
                tone=ticket(plots.keys, "wall"),
                keys=fresh(plots.keys, 53),
                layer=Layer.LINE,
            )
        )
    return join_quads(walls)


def _silos(plots: Parcels) -> Discs:
    """A row of silos on some plots of works."""
    some = plots.where(ticket(plots.keys, "silos") < 0.35)
    row = piece(some, (0.04, 0.5), (0.84, 0.96), number=54)
    radius = between(row.keys, "radius", 2.6, 5.0)
    where, parent, keys = spots(row, along=2.1 * radius, across=2.1 * radius)
    return discs(
        where,
        radius=radius[parent],
        material=drawn(row.keys, "silo", _TANK_ROOFS)[parent],
        height=between(row.keys, "height", 15.0, 26.0)[parent],
        tone=ticket(row.keys, "tone")[parent],
        keys=keys,
    )


def _chimneys(works_: Parcels, plant: Parcels) -> Discs:
    """Thin and very tall."""
    keys = np.concatenate([fresh(works_.keys, 55), fresh(plant.keys, 55)])
    corners = np.concatenate([works_.corners, plant.corners])
    stands = ticket(keys, "stands") < 0.22
    keys, corners = keys[stands], corners[stands]
    return discs(
        at(corners, between(keys, "u", 0.1, 0.9), between(keys, "v", 0.1, 0.9)),
        radius=between(keys, "radius", 1.4, 3.0),
        material=Material.CONCRETE,
        height=between(keys, "height", 35.0, 95.0),
        tone=ticket(keys, "tone"),
        keys=keys,
    )


def _heaps(stock: Parcels) -> Quads:
    """Long heaps of ore, sand and rubble side by side, each stretch of one thing."""
    beds = sliced(_lengthwise(stock), between(stock.keys, "bed", 24.0, 60.0), irregular=0.4, purpose="bed")
    rows = sliced(
        Parcels(corners=turned(beds.corners, 1), keys=child_keys(beds.keys, 1), parent=beds.parent),
        between(beds.keys, "row", 9.0, 22.0),
        irregular=0.4,
    )
    rows = rows.where(ticket(rows.keys, "heap") < 0.72)
    gap = between(rows.keys, "gap", 0.03, 0.12)
    corners = turned(part(rows.corners, (gap, 1.0 - gap), (between(rows.keys, "from", 0.03, 0.3), 0.97)), 1)
    _, depth = size(corners)
    of = drawn(beds.keys, "heap of", _HEAPS)[rows.parent]
    return quads(
        corners,
        material=of,
        tone=ticket(beds.keys, "heap tone")[rows.parent],
        keys=rows.keys,
        height=0.1,
        rise=-np.minimum(0.3 * depth, 6.0),
    )


def _lengthwise(ground: Parcels) -> Parcels:
    return Parcels(corners=long_first(ground.corners), keys=ground.keys, parent=ground.parent)


def _racks(plant: Parcels, stock: Parcels) -> Quads:
    """Pipe racks along and across plots with plant, a conveyor over stock yards."""
    made = []
    for number, (ground, u, v) in enumerate(
        ((plant, (0.02, 0.98), 0.3), (plant, (0.02, 0.98), 0.7), (stock, (-0.05, 1.05), 0.5))
    ):
        along = long_first(ground.corners)
        _, depth = size(along)
        keys = fresh(ground.keys, 56 + number)
        middle = v + between(keys, "v", -0.12, 0.12)
        half = between(keys, "half", 1.0, 2.4) / depth
        made.append(
            quads(
                part(along, u, (middle - half, middle + half)),
                material=np.where(ticket(keys, "of") < 0.5, Material.METAL_ROOF, Material.RUST_ROOF),
                tone=ticket(keys, "tone"),
                keys=keys,
                height=between(keys, "height", 5.0, 9.0),
            )
        )
    return join_quads(made)


def _vessels(plant: Parcels, share: float) -> Quads:
    """Small buildings, coolers and vessels among the pipes."""
    where, parent, keys = spots(plant, along=13.0, across=13.0)
    here = ticket(keys, "here") < share
    where, parent, keys = where[here], parent[here], keys[here]
    where = where + np.stack([between(keys, "east", -2.5, 2.5), between(keys, "north", -2.5, 2.5)], axis=1)
    return quads(
        rectangles(
            where,
            direction(plant.corners[parent]),
            between(keys, "length", 3.0, 11.0),
            between(keys, "depth", 2.5, 8.0),
        ),
        material=drawn(keys, "roof", _TANK_ROOFS),
        tone=ticket(keys, "tone"),
        keys=keys,
        height=between(keys, "height", 3.5, 16.0),
    )
