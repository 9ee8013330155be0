"""Housing estates: slabs, point towers and groups standing free in rows on lawns (LCZ 4 and 5).

In: quarters, a region and the measures of an `Estate`. Out: shapes. Car parks and paved courts are given out until
the impervious share of each quarter is met.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import between, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, at, direction, rectangles, size, sliced
from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Layer, Quads, Shapes, join, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import (
    Grid,
    areas_by,
    blocks_of,
    drawn,
    flat_only,
    floors,
    fresh,
    grown,
    piece,
    rimmed,
    roof_boxes,
    roofs,
    shrunk,
    streets,
    surface,
    turned_parcels,
    unsealed,
    within_budget,
)
from lczmap.synthetic.weave.character import builder, greenness, lined, scale
from lczmap.synthetic.weave.green import COURT_TREES, STREET_TREES, rows_along, scattered
from lczmap.synthetic.weave.special import COMMON, specials, specials_among
from lczmap.synthetic.weave.traffic import avenues, car_park, driving, parked


@dataclass(frozen=True, kw_only=True)
class Estate:
    """Measures of an estate, metres."""

    block: float
    """Longest side of a block."""
    street: float
    """Width of the streets between blocks."""
    lengths: tuple[float, float]
    """Length of a cell with a point tower and of one with a slab."""
    points: float
    """Share of blocks with point towers."""
    depth: tuple[float, float]
    """Shallowest and deepest slab."""
    pitch: float
    """Distance between rows."""
    heights: tuple[float, float]
    """Lowest and highest building."""
    low: float
    """1 where all heights are as common, more where low ones prevail."""
    facing_south: bool
    """Whether a whole district has its slabs in one direction, facing south."""
    special: float
    """One block in so many is a school, a park, a market."""
    public: tuple[float, float]
    """Lowest and highest building there."""
    impervious: float
    """Wished share of streets, paths, courts and car parks in a quarter, 0..1."""


_COURTS = ((Material.ASPHALT, 6.0), (Material.PAVING, 2.0), (Material.COURT, 0.7), (Material.CONCRETE, 1.5))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Site:
    """The cells of an estate, one building each."""

    cells: Parcels
    """Edge 0 runs along the building; `parent` indexes the lots."""
    lots: Parcels
    """Blocks within their pavements; `parent` indexes the quarters."""
    special: Parcels
    """Blocks of another kind; `parent` indexes the quarters."""
    point: NDArray[np.bool_]
    """Whether a cell bears a point tower `(cells,)`."""
    along: NDArray[np.float64]
    """Unit direction of each building `(cells, 2)`."""


def estate(quarters: Quarters, region: Region, plan: Estate) -> Shapes:
    """Free-standing buildings in rows, and the ground between."""
    grid = Grid(main=8.5 * region.street, block=plan.block, street=plan.street * region.street, irregular=0.35)
    blocks = blocks_of(quarters, grid)
    kind = specials_among(blocks, quarters.keys, region, every=plan.special, parks=0.25)
    other, blocks = blocks.where(kind != COMMON), blocks.where(kind == COMMON)
    site = _laid_out(quarters, blocks, other, plan)
    bodies, height = _buildings(site, plan)
    ground, cars = _grounds(quarters, site, region, plan)
    hats = _hats(site, bodies, height, region)
    moving, dashes = driving(quarters)
    verges, verge_trees = avenues(quarters, region)
    watered = ticket(site.lots.keys, "watered") < 0.25 + region.green
    leafy = greenness(site.lots.keys)[site.cells.parent]
    base = np.where(watered, np.uint8(Material.GRASS), drawn(site.lots.keys, "base", unsealed(region.yards)))
    shops = _shops(site.lots, region) if plan.heights[0] > 25.0 else ()
    homes = shapes(
        ground=[
            streets(quarters),
            verges,
            surface(blocks, Material.PAVING, Layer.BLOCK),
            surface(site.lots, base, Layer.LOT),
            *ground,
        ],
        details=[dashes, moving, parked(blocks, outward=1.1, share=0.35), cars],
        roofs=[*hats, *shops],
        crowns=[
            verge_trees,
            scattered(site.cells, COURT_TREES, per_hectare=75.0 * region.green * leafy, purpose="estate"),
            rows_along(blocks, STREET_TREES, spacing=9.0, outward=-2.6, share=lined(blocks.keys, 0.7 * region.green)),
        ],
    )
    return join([homes, specials(other, kind[kind != COMMON], region, storeys=plan.public)])


def _laid_out(quarters: Quarters, blocks: Parcels, special: Parcels, plan: Estate) -> _Site:
    """Cut blocks into rows and rows into cells."""
    lots = shrunk(blocks, 2.0)
    way = direction(lots.corners)
    # the edge that runs most nearly east: its building faces south
    eastward = np.stack([way[:, 0], -way[:, 1], -way[:, 0], way[:, 1]], axis=1)
    eastward[:, 1] = _edge_east(lots, 1)
    eastward[:, 3] = -eastward[:, 1]
    turn = eastward.argmax(axis=1)
    if not plan.facing_south:
        turn = (turn + (ticket(lots.keys, "turn") < 0.4)) % 4
    lots = turned_parcels(lots, turn)
    strips = turned_parcels(sliced(turned_parcels(lots, 1), plan.pitch * scale(lots.keys, "pitch", 1.3)), 3)
    point_block = ticket(lots.keys, "points") < plan.points
    wide = np.where(point_block, plan.lengths[0], plan.lengths[1])[strips.parent]
    cells = sliced(strips, wide, irregular=0.1 if plan.facing_south else 0.3)
    cells = grown(cells, strips.parent)
    along = direction(cells.corners)
    if plan.facing_south:
        angle = between(quarters.district, "facing", -0.22, 0.22)[lots.parent[cells.parent]]
        along = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _Site(cells=cells, lots=lots, special=special, point=point_block[cells.parent], along=along)


def _edge_east(lots: Parcels, edge: int) -> NDArray[np.float64]:
    """Eastward share of an edge's direction `(n,)`."""
    return np.asarray(direction(turned_parcels(lots, edge).corners)[:, 0])


def _hats(site: _Site, bodies: Parcels, height: NDArray[np.float64], region: Region) -> list[Quads]:
    """Roofs: one material for most of a block, parapets and plant on the flat ones."""
    cell, block = site.cells.keys[bodies.parent], site.lots.keys[site.cells.parent[bodies.parent]]
    who = builder(cell, block)
    hipped = (height < 20.0) & (ticket(block, "hip") < region.tilted)
    material = np.where(
        hipped, drawn(who, "roof", region.house_roofs), drawn(who, "flat", flat_only(region.town_roofs))
    )
    # most buildings have one roof over all their bodies
    one = site.point[bodies.parent] | (ticket(cell, "one roof") < 0.7)
    whole = Parcels(corners=bodies.corners, keys=np.where(one, fresh(cell, 9), bodies.keys), parent=bodies.parent)
    low, flat, top = whole.where(hipped), bodies.where(~hipped), height[~hipped]
    ridge = turned_parcels(low, (np.diff(np.stack(size(low.corners)), axis=0)[0] > 0).astype(np.int64))
    return [
        roofs(ridge, material[hipped], height[hipped], -between(block[hipped], "rise", 2.6, 4.4), like=who[hipped]),
        rimmed(whole.where(~hipped), material[~hipped], top, like=who[~hipped]),
        *(roof_boxes(flat, top, share=0.8, number=number) for number in range(2)),
    ]


def _buildings(site: _Site, plan: Estate) -> tuple[Parcels, NDArray[np.float64]]:
    """Slabs of two staggered halves, towers of two or three bodies, wings to the south; `parent` indexes the cells."""
    keys, cells = site.cells.keys, site.cells.corners
    length, pitch = size(cells)
    block = site.lots.keys[site.cells.parent]
    deep = np.minimum(between(block, "deep", *plan.depth), 0.6 * pitch)
    long = np.where(site.point, np.minimum(length - 8.0, 1.8 * deep), length - between(keys, "gap", 6.0, 11.0))
    middle = at(cells, 0.5, 0.6)
    made = [*_halves(site, middle, long, deep), *_wings(site, middle, long, deep)]
    owner = np.concatenate([m.parent for m in made])
    corners = np.concatenate([m.corners for m in made])
    bodies = Parcels(corners=corners, keys=np.concatenate([m.keys for m in made]), parent=owner)
    stands = _inside(corners, site.lots.corners[site.cells.parent[owner]]) & (long[owner] > 9.0)
    base = ticket(site.lots.keys, "tall") ** plan.low
    share = np.clip(base[site.cells.parent] + between(keys, "taller", -0.12, 0.12), 0.0, 1.0)
    low, high = plan.heights
    height = np.rint((low + (high - low) * share) / 3.0) * 3.0 + 1.2
    # the bodies of one building differ a little, so that the seam shows
    return bodies.where(stands), (height[owner] + between(bodies.keys, "seam", 0.0, 0.8))[stands]


def _halves(
    site: _Site, middle: NDArray[np.float64], long: NDArray[np.float64], deep: NDArray[np.float64]
) -> list[Parcels]:
    """The bodies of slabs and towers: two staggered halves; a cross; two bars and a link."""
    keys, block = site.cells.keys, site.lots.keys[site.cells.parent]
    across = np.stack([-site.along[:, 1], site.along[:, 0]], axis=1)
    barred = site.point & (ticket(block, "plan") < 0.4)
    arm = between(block, "arm", 0.5, 0.8) * long
    stagger = np.where(site.point, 0.0, between(block, "stagger", 0.0, 2.6))
    aside = np.where(barred, 0.3 * long, stagger)[:, None] * across
    ahead = np.where(site.point, 0.0, long / 4.0)[:, None] * site.along
    half = long / 2.0 + 0.5
    first = np.where(site.point, long, half), np.where(barred, 0.36 * long, np.where(site.point, arm, deep))
    second = (
        np.where(barred, 0.85 * long, np.where(site.point, arm, half)),
        np.where(barred, 0.36 * long, np.where(site.point, long, deep)),
    )
    index = np.arange(len(keys))
    link = Parcels(corners=rectangles(middle, site.along, 0.4 * long, 0.5 * long), keys=fresh(keys, 5), parent=index)
    return [
        Parcels(corners=rectangles(middle - ahead + aside, site.along, *first), keys=fresh(keys, 1), parent=index),
        Parcels(corners=rectangles(middle + ahead - aside, site.along, *second), keys=fresh(keys, 2), parent=index),
        link.where(barred),
    ]


def _wings(
    site: _Site, middle: NDArray[np.float64], long: NDArray[np.float64], deep: NDArray[np.float64]
) -> list[Parcels]:
    """Wings that make slabs into L and U."""
    keys = site.cells.keys
    _, pitch = size(site.cells.corners)
    across = np.stack([-site.along[:, 1], site.along[:, 0]], axis=1)
    made = []
    for number, sign in ((3, -1.0), (4, 1.0)):
        bears = ~site.point & (ticket(keys, f"wing {number}") < 0.3) & (long > 2.6 * deep)
        reach = np.minimum(0.3 * pitch, 22.0)
        where = middle + site.along * (sign * (long - deep) / 2.0)[:, None] - across * ((deep + reach) / 2.0)[:, None]
        corners = rectangles(where, site.along, 0.9 * deep, reach + deep * 0.6)
        made.append(Parcels(corners=corners, keys=fresh(keys, number), parent=np.arange(len(keys))).where(bears))
    return made


def _inside(corners: NDArray[np.float64], within: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether quads `(n, 4, 2)` lie in others `(n, 4, 2)`, to a metre."""
    edge = np.roll(within, -1, axis=1) - within
    edge = edge / np.maximum(np.linalg.norm(edge, axis=2, keepdims=True), 1e-9)
    gap = corners[:, None] - within[:, :, None]
    left_of = edge[:, :, None, 0] * gap[..., 1] - edge[:, :, None, 1] * gap[..., 0]
    return np.asarray((left_of > -1.0).all(axis=(1, 2)))


def _grounds(quarters: Quarters, site: _Site, region: Region, plan: Estate) -> tuple[list[Quads], Quads]:
    """Paths, drives, courts and car parks with their cars, as much as the impervious share allows."""
    cells, count = site.cells, len(quarters.keys)
    length, pitch = size(cells.corners)
    quarter = site.lots.parent[cells.parent]
    paths = piece(cells, (0.0, 1.0), (1.0 - 5.0 / np.maximum(pitch, 12.0), 1.0 - 1.6 / np.maximum(pitch, 12.0)))
    doors = piece(cells, (0.5 - 1.2 / np.maximum(length, 8.0), 0.5 + 1.2 / np.maximum(length, 8.0)), (0.6, 0.92))
    courts = piece(cells, (0.08, 0.92), (0.04, 0.37), number=6)
    sealed = areas_by(
        Parcels(corners=quarters.corners, keys=quarters.keys, parent=np.arange(count)), np.arange(count), count
    )
    wished = plan.impervious * sealed - (sealed - areas_by(site.lots, site.lots.parent, count))
    # about half of a special block is sealed, and some of it built on
    wished = wished + 0.6 * areas_by(site.special, site.special.parent, count)
    wished = wished - areas_by(paths, quarter, count) * (1.0 - 0.25 * region.green)
    # the car parks of some blocks are the lawns of others
    late = 0.6 * greenness(site.lots.keys)[cells.parent]
    paved = within_budget(courts, quarter, wished, purpose="paved", late=late)
    hard = courts.where(paved)
    material = drawn(hard.keys, "court", _COURTS)
    drives = piece(cells.where(paved), (0.0, 4.5 / np.maximum(length[paved], 9.0)), (0.04, 0.93), number=7)
    lawns = cells.where(ticket(cells.keys, "lawn") < 0.4)
    tended = builder(lawns.keys, site.lots.keys[lawns.parent])
    return [
        surface(lawns, drawn(tended, "lawn", unsealed(region.yards)), Layer.PATCH, like=tended),
        surface(hard, material, Layer.LINE),
        surface(drives, Material.ASPHALT, Layer.LINE),
        surface(paths, Material.CONCRETE, Layer.LINE),
        surface(doors, Material.CONCRETE, Layer.LINE),
    ], car_park(hard.where(material == Material.ASPHALT), share=0.6)


def _shops(lots: Parcels, region: Region) -> tuple[Quads, ...]:
    """Low podium buildings along one side of some blocks."""
    chosen = lots.where(ticket(lots.keys, "shops") < 0.5)
    _, depth = size(chosen.corners)
    rows = piece(chosen, (0.04, 0.96), (0.01, np.minimum(13.0 / np.maximum(depth, 14.0), 0.3)), number=8)
    parts = sliced(rows, between(rows.keys, "front", 24.0, 60.0), irregular=0.5)
    parts = parts.where(ticket(parts.keys, "built") < 0.8)
    height = floors(parts.keys, 4.0, 9.5) + 1.0
    return (
        roofs(parts, drawn(parts.keys, "roof", region.town_roofs), height),
        roof_boxes(parts, height, share=0.6),
    )
