"""Streets, buildings, trees and fields at 5 m: what each class of the plan is made of.

Built classes follow Stewart and Oke (2012), Table 3, for the shares of building, impervious and
pervious surface and for heights; each is a grid of blocks and lots turned to its district's direction.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from lczmap.synthetic.landplan import FINE_METRES, NO_WATER, LandPlan
from lczmap.synthetic.materials import Material
from lczmap.synthetic.noise import generator, lottery, smooth_field

Mix = tuple[tuple[Material, float], ...]
"""Materials and their weights, in any scale."""

BUILDINGS = frozenset(
    {
        Material.TILE_ROOF,
        Material.DARK_ROOF,
        Material.GREY_ROOF,
        Material.METAL_ROOF,
        Material.BLUE_ROOF,
        Material.RUST_ROOF,
    }
)
"""Materials of roofs."""
IMPERVIOUS = frozenset({Material.ASPHALT, Material.CONCRETE})
"""Sealed ground."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """The finished surface at 5 m, row 0 in the north."""

    material: NDArray[np.uint8]
    """`Material` (rows, columns)."""
    brightness: NDArray[np.float32]
    """Factor on the material's reflectance, about 1: each roof and field has its own (rows, columns)."""
    height: NDArray[np.float32]
    """Buildings and trees, metres above the ground (rows, columns)."""


@dataclass(frozen=True, kw_only=True)
class Fabric:
    """How one built class is woven, metres unless stated."""

    block: tuple[float, float]
    """Block with its street."""
    street: float
    """Width of the street."""
    lot: tuple[float, float]
    """Lot inside the block."""
    gap: tuple[float, float]
    """Free ground between buildings of neighbouring lots."""
    chance: float
    """Share of lots that are built on."""
    height: tuple[float, float]
    """Lowest and highest building."""
    roofs: Mix
    """Roof of a lot."""
    ground: Mix
    """Free ground inside blocks."""
    lane: Mix = ((Material.ASPHALT, 0.86), (Material.BROADLEAF, 0.14))
    """Surface of the street, trees over it included."""


_TOWN: Mix = ((Material.GREY_ROOF, 4), (Material.DARK_ROOF, 3), (Material.METAL_ROOF, 1), (Material.TILE_ROOF, 1))
_HOUSES: Mix = ((Material.TILE_ROOF, 5), (Material.DARK_ROOF, 3), (Material.GREY_ROOF, 2))
_SHEDS: Mix = ((Material.METAL_ROOF, 4), (Material.BLUE_ROOF, 4), (Material.GREY_ROOF, 3), (Material.RUST_ROOF, 1))
_BARE_LANE: Mix = ((Material.ASPHALT, 0.96), (Material.BROADLEAF, 0.04))

FABRICS: dict[int, Fabric] = {
    1: Fabric(
        block=(90, 90), street=15, lot=(25, 37.5), gap=(5, 5), chance=0.96, height=(28, 110), roofs=_TOWN,
        ground=((Material.CONCRETE, 6), (Material.ASPHALT, 3), (Material.BROADLEAF, 1)),
        lane=_BARE_LANE,
    ),
    2: Fabric(
        block=(80, 70), street=12, lot=(34, 29), gap=(5, 5), chance=0.96, height=(12, 24),
        roofs=((Material.TILE_ROOF, 4), (Material.DARK_ROOF, 3), (Material.GREY_ROOF, 3)),
        ground=((Material.CONCRETE, 5), (Material.ASPHALT, 2), (Material.BROADLEAF, 3), (Material.GRASS, 1)),
        lane=_BARE_LANE,
    ),
    3: Fabric(
        block=(60, 45), street=7.5, lot=(17.5, 12.5), gap=(3, 2), chance=0.97, height=(3.5, 9),
        roofs=((Material.TILE_ROOF, 6), (Material.DARK_ROOF, 2), (Material.GREY_ROOF, 2)),
        ground=((Material.CONCRETE, 4), (Material.SOIL, 1), (Material.BROADLEAF, 4), (Material.GRASS, 2)),
        lane=_BARE_LANE,
    ),
    4: Fabric(
        block=(150, 150), street=15, lot=(67, 67), gap=(27, 27), chance=0.92, height=(35, 95),
        roofs=((Material.GREY_ROOF, 5), (Material.DARK_ROOF, 2), (Material.METAL_ROOF, 1)),
        ground=((Material.CONCRETE, 3), (Material.GRASS, 4), (Material.BROADLEAF, 3)),
    ),
    5: Fabric(
        block=(110, 80), street=12, lot=(49, 34), gap=(9, 18), chance=0.94, height=(12, 22),
        roofs=((Material.GREY_ROOF, 4), (Material.TILE_ROOF, 3), (Material.DARK_ROOF, 2), (Material.METAL_ROOF, 1)),
        ground=((Material.CONCRETE, 4), (Material.GRASS, 4), (Material.BROADLEAF, 3)),
    ),
    6: Fabric(
        block=(100, 60), street=8, lot=(23, 26), gap=(10, 12), chance=0.94, height=(3.5, 8.5), roofs=_HOUSES,
        ground=((Material.CONCRETE, 2), (Material.GRASS, 6), (Material.BROADLEAF, 5)),
    ),
    7: Fabric(
        block=(45, 40), street=4, lot=(10.25, 9), gap=(1, 1), chance=0.98, height=(2, 4),
        roofs=((Material.RUST_ROOF, 6), (Material.METAL_ROOF, 2), (Material.BLUE_ROOF, 1), (Material.DARK_ROOF, 1)),
        ground=((Material.SOIL, 6), (Material.BROADLEAF, 1), (Material.GRASS, 1)),
        lane=((Material.SOIL, 6), (Material.ASPHALT, 4)),
    ),
    8: Fabric(
        block=(220, 160), street=20, lot=(100, 70), gap=(26, 20), chance=0.96, height=(5, 10), roofs=_SHEDS,
        ground=((Material.CONCRETE, 6), (Material.ASPHALT, 5), (Material.GRASS, 2), (Material.SOIL, 1)),
        lane=_BARE_LANE,
    ),
    9: Fabric(
        block=(160, 120), street=5, lot=(51, 57), gap=(29, 34), chance=0.94, height=(3.5, 8), roofs=_HOUSES,
        ground=((Material.GRASS, 5), (Material.BROADLEAF, 4), (Material.GARDEN, 3), (Material.CONCRETE, 1)),
    ),
    10: Fabric(
        block=(180, 140), street=15, lot=(82, 62), gap=(36, 26), chance=0.93, height=(6, 15),
        roofs=((Material.RUST_ROOF, 4), (Material.DARK_ROOF, 3), (Material.METAL_ROOF, 2), (Material.BLUE_ROOF, 1)),
        ground=((Material.SOIL, 5), (Material.GRASS, 2), (Material.ASPHALT, 2), (Material.CONCRETE, 1)),
        lane=_BARE_LANE,
    ),
}  # fmt: skip
"""One fabric for each built class."""

_FIELDS: Mix = ((Material.WHEAT, 5), (Material.RICE, 4), (Material.GARDEN, 3), (Material.GRASS, 2), (Material.SOIL, 1))
_COVER: dict[int, Mix] = {
    11: ((Material.BROADLEAF, 6), (Material.CONIFER, 5), (Material.GRASS, 0.3)),
    12: ((Material.GRASS, 5.5), (Material.BROADLEAF, 4), (Material.SOIL, 0.3)),
    13: ((Material.SCRUB, 6), (Material.GRASS, 2), (Material.SOIL, 1.5)),
    15: ((Material.CONCRETE, 6), (Material.ASPHALT, 4)),
    16: ((Material.SOIL, 4), (Material.SAND, 4), (Material.SCRUB, 0.3)),
}
"""Natural classes without a pattern of their own."""
_GRAIN: dict[int, float] = {11: 14.0, 12: 9.0, 13: 6.0, 15: 24.0, 16: 20.0}
"""Size of their patches, pixels of 5 m."""
_TREE_METRES = {Material.BROADLEAF: 9.0, Material.CONIFER: 11.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pixels:
    """The pixels of one class, all arrays (n,)."""

    u: NDArray[np.float32]
    """Metres along the district's streets."""
    v: NDArray[np.float32]
    """Metres across."""
    district: NDArray[np.int32]
    """District."""
    chance: NDArray[np.float32]
    """Uniform in 0..1, slightly clumped: decides the ground."""


_Made = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]
"""Material, brightness and height of some pixels, each (n,)."""


def weave(plan: LandPlan, seed: int) -> Ground:
    """Fill the plan with material, brightness and height."""
    shape = plan.zone.shape
    material = np.full(shape, Material.SOIL, dtype=np.uint8)
    brightness = np.ones(shape, dtype=np.float32)
    height = np.zeros(shape, dtype=np.float32)
    for code in range(1, 17):
        rows, columns = np.nonzero(plan.zone == code)
        if rows.size == 0:
            continue
        clump = _GRAIN.get(code, 5.0)
        ticket = _tickets(seed, code, shape, clump)[rows, columns]
        pixels = _turned(plan, rows, columns, ticket)
        maker = _maker(code)
        made = maker(pixels, seed * 64 + code)
        material[rows, columns], brightness[rows, columns], height[rows, columns] = made
    _pave(plan, seed, material=material, brightness=brightness, height=height)
    return Ground(material=material, brightness=brightness, height=height)


def _maker(code: int) -> Callable[[_Pixels, int], _Made]:
    if code in FABRICS:
        return lambda pixels, seed: _town(pixels, seed, FABRICS[code])
    if code == 14:
        return _farmland
    return lambda pixels, seed: _cover(pixels, seed, _COVER[code])


def _tickets(seed: int, code: int, shape: tuple[int, int], clump: float) -> NDArray[np.float32]:
    """Uniform draws whose neighbours resemble each other over `clump` pixels."""
    rng = generator(seed, f"ground {code}")
    # the field repeats every few kilometres, which no eye sees behind the districts
    side = (min(shape[0], 720), min(shape[1], 720))
    patch = smooth_field(rng, side, pixels=clump, roughness=2.0) + 0.5 * rng.standard_normal(side)
    uniform = ndtr(patch / patch.std()).astype(np.float32)
    repeats = (-(-shape[0] // side[0]), -(-shape[1] // side[1]))
    return np.tile(uniform, repeats)[: shape[0], : shape[1]]


def _turned(plan: LandPlan, rows: NDArray[np.intp], columns: NDArray[np.intp], ticket: NDArray[np.float32]) -> _Pixels:
    district = plan.district[rows, columns]
    cosine, sine = np.cos(plan.angle)[district], np.sin(plan.angle)[district]
    x, y = (index.astype(np.float32) * FINE_METRES for index in (columns, rows))
    return _Pixels(u=x * cosine + y * sine, v=y * cosine - x * sine, district=district, chance=ticket)


def _town(pixels: _Pixels, seed: int, fabric: Fabric) -> _Made:
    block_u, in_u = _split(pixels.u, fabric.block[0])
    block_v, in_v = _split(pixels.v, fabric.block[1])
    street = (in_u < fabric.street) | (in_v < fabric.street)
    lot_u, at_u = _split(in_u - fabric.street, fabric.lot[0])
    lot_v, at_v = _split(in_v - fabric.street, fabric.lot[1])
    keys = (block_u * 64 + lot_u, block_v * 64 + lot_v, pixels.district)
    inside = (np.abs(at_u - fabric.lot[0] / 2) < (fabric.lot[0] - fabric.gap[0]) / 2) & (
        np.abs(at_v - fabric.lot[1] / 2) < (fabric.lot[1] - fabric.gap[1]) / 2
    )
    building = inside & ~street & (lottery(seed, *keys) < fabric.chance)
    material = _pick(fabric.ground, pixels.chance)
    material[street] = _pick(fabric.lane, pixels.chance)[street]
    material[building] = _pick(fabric.roofs, lottery(seed + 1, *keys))[building]
    low, high = fabric.height
    # few towers stand out, most roofs stay near the lower end
    height = low + (high - low) * lottery(seed + 2, *keys) ** 1.5
    brightness = np.where(building, 0.78 + 0.44 * lottery(seed + 3, *keys), 1.0)
    return material, brightness.astype(np.float32), np.where(building, height, _trees(material))


def _farmland(pixels: _Pixels, seed: int) -> _Made:
    field_u, at_u = _split(pixels.u, 180.0)
    shift = 40.0 * lottery(seed, field_u, pixels.district)
    field_v, at_v = _split(pixels.v + shift, 70.0)
    keys = (field_u, field_v, pixels.district)
    material = _pick(_FIELDS, lottery(seed + 1, *keys))
    track = (at_u < 6.0) | (at_v < 3.5)
    material[track] = np.where(pixels.chance[track] < 0.6, Material.GRASS, Material.SOIL)
    material[(at_u < 12.0) & (pixels.chance > 0.9)] = Material.BROADLEAF
    brightness = 0.86 + 0.28 * lottery(seed + 2, *keys)
    return material, brightness, _trees(material)


def _cover(pixels: _Pixels, seed: int, mix: Mix) -> _Made:
    material = _pick(mix, pixels.chance)
    grain = lottery(seed, pixels.u.astype(np.int32) // 6, pixels.v.astype(np.int32) // 6)
    brightness = 0.85 + 0.3 * grain
    return material, brightness, _trees(material)


def _pave(
    plan: LandPlan,
    seed: int,
    *,
    material: NDArray[np.uint8],
    brightness: NDArray[np.float32],
    height: NDArray[np.float32],
) -> None:
    """Lay water and then arterial roads (bridges included) over everything, in place."""
    wet = plan.water != NO_WATER
    material[wet] = plan.water[wet]
    ripple = smooth_field(generator(seed, "ripple"), plan.zone.shape, pixels=220, roughness=2.6)
    brightness[wet] = 1.0 + 0.06 * ripple[wet]
    material[plan.road] = Material.ASPHALT
    brightness[plan.road] = 1.05
    height[wet | plan.road] = 0.0


def _split(distance: NDArray[np.float32], step: float) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Number of the step and metres into it."""
    number = np.floor(distance / np.float32(step))
    return number.astype(np.int32), distance - number * np.float32(step)


def _pick(mix: Mix, ticket: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One material for each ticket in 0..1, in the mix's shares."""
    materials, weights = zip(*mix, strict=True)
    edges = np.cumsum(weights)[:-1] / np.sum(weights)
    return np.array(materials, dtype=np.uint8)[np.searchsorted(edges, ticket, side="right")]


def _trees(material: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Height of the canopy, 0 elsewhere."""
    table = np.zeros(len(Material), dtype=np.float32)
    for tree, metres in _TREE_METRES.items():
        table[tree] = metres
    return table[material]
