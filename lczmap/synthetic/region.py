"""Regions of the world a simulated city can lie in: what differs between a Chinese megacity and a Saharan town.

Data only, as Python constants: how a city is zoned by distance from its centre, what roofs and yards are made of,
how wide streets and lots are, how green it is, what grows around it. The LCZ ranges themselves hold everywhere.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from lczmap.synthetic.materials import Material
from lczmap.words.errors import SpecError

RegionName = Literal["dense_asian", "european", "north_american", "informal", "desert"]
REGION_NAMES: tuple[RegionName, ...] = get_args(RegionName)
"""Every region."""
Mix = tuple[tuple[Material, float], ...]
"""Materials and their weights, in any scale."""
Shares = tuple[tuple[int, float], ...]
"""LCZ codes and their weights, in any scale."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """What a city of one region is like."""

    name: RegionName
    """Its name."""
    latitude: float
    """Degrees north, for the sun and the seasons."""
    rings: tuple[tuple[float, Shares], ...]
    """Outer radius as a share of the city's radius, and the classes of districts inside it; the last has no end."""
    block: float
    """Size of blocks against the European one."""
    street: float
    """Width of streets against the European one."""
    green: float
    """0 bare to 1 lush: street trees and gardens."""
    tilted: float
    """Share of small buildings under a pitched roof."""
    town_roofs: Mix
    """Roofs of blocks of flats and offices (LCZ 1, 2, 4, 5)."""
    house_roofs: Mix
    """Roofs of houses (LCZ 3, 6, 9)."""
    shed_roofs: Mix
    """Roofs of halls and works (LCZ 8, 10)."""
    shack_roofs: Mix
    """Roofs of lightweight buildings (LCZ 7)."""
    yards: Mix
    """Unsealed ground between buildings."""
    fields: Mix
    """Crops and meadows (LCZ D), and the surroundings of LCZ 9."""
    wild: Mix
    """Ground of LCZ B and C under and between trees and bushes."""
    bare: Mix
    """Ground of LCZ F."""
    conifers: float
    """Share of conifers in woods."""
    tallest: float
    """Height of the highest towers, metres (LCZ 1 and 4)."""


_M = Material

EUROPEAN = Region(
    name="european",
    latitude=50.0,
    rings=(
        (0.22, ((2, 0.86), (1, 0.10), (5, 0.04))),
        (0.45, ((2, 0.46), (5, 0.28), (3, 0.10), (8, 0.06), (12, 0.06), (4, 0.04))),
        (0.75, ((5, 0.30), (6, 0.34), (8, 0.11), (4, 0.09), (10, 0.06), (12, 0.07), (11, 0.03))),
        (1.00, ((6, 0.52), (9, 0.10), (8, 0.10), (10, 0.06), (14, 0.12), (11, 0.07), (15, 0.03))),
        (9.99, ((14, 0.56), (11, 0.22), (9, 0.09), (12, 0.07), (13, 0.04), (16, 0.02))),
    ),
    block=1.0, street=1.0, green=0.75, tilted=0.85,
    town_roofs=((_M.TILE_ROOF, 4), (_M.DARK_ROOF, 3), (_M.GREY_ROOF, 2), (_M.GRAVEL_ROOF, 2), (_M.METAL_ROOF, 1)),
    house_roofs=((_M.TILE_ROOF, 6), (_M.DARK_ROOF, 3), (_M.GREY_ROOF, 1)),
    shed_roofs=((_M.GREY_ROOF, 4), (_M.GRAVEL_ROOF, 3), (_M.METAL_ROOF, 3), (_M.WHITE_ROOF, 2), (_M.DARK_ROOF, 2)),
    shack_roofs=((_M.DARK_ROOF, 4), (_M.GREY_ROOF, 3), (_M.RUST_ROOF, 2), (_M.TILE_ROOF, 2)),
    yards=((_M.GRASS, 6), (_M.GARDEN, 3), (_M.YARD, 1)),
    fields=((_M.WHEAT, 4), (_M.GRASS, 3), (_M.MAIZE, 2), (_M.SOIL, 1), (_M.STUBBLE, 1)),
    wild=((_M.GRASS, 4), (_M.SCRUB, 2), (_M.DRY_GRASS, 1)),
    bare=((_M.SOIL, 4), (_M.SAND, 1), (_M.GRAVEL, 1)),
    conifers=0.35, tallest=90.0,
)  # fmt: skip

DENSE_ASIAN = Region(
    name="dense_asian",
    latitude=30.3,
    rings=(
        (0.25, ((1, 0.44), (2, 0.24), (4, 0.16), (3, 0.12), (12, 0.04))),
        (0.55, ((4, 0.34), (5, 0.18), (2, 0.14), (3, 0.13), (8, 0.08), (1, 0.06), (12, 0.07))),
        (0.85, ((4, 0.24), (5, 0.17), (3, 0.14), (8, 0.16), (10, 0.09), (6, 0.06), (12, 0.06), (14, 0.08))),
        (1.00, ((8, 0.18), (3, 0.15), (6, 0.12), (10, 0.10), (4, 0.10), (9, 0.08), (14, 0.18), (16, 0.05), (11, 0.04))),
        (9.99, ((14, 0.48), (11, 0.20), (9, 0.12), (3, 0.05), (12, 0.06), (13, 0.05), (16, 0.04))),
    ),
    block=1.15, street=1.1, green=0.65, tilted=0.3,
    town_roofs=((_M.GREY_ROOF, 5), (_M.GRAVEL_ROOF, 3), (_M.DARK_ROOF, 2), (_M.WHITE_ROOF, 1), (_M.TILE_ROOF, 1)),
    house_roofs=((_M.GREY_ROOF, 4), (_M.DARK_ROOF, 3), (_M.TILE_ROOF, 2), (_M.BLUE_ROOF, 1)),
    shed_roofs=((_M.BLUE_ROOF, 5), (_M.METAL_ROOF, 3), (_M.GREY_ROOF, 3), (_M.WHITE_ROOF, 1), (_M.RUST_ROOF, 1)),
    shack_roofs=((_M.RUST_ROOF, 4), (_M.METAL_ROOF, 1.5), (_M.BLUE_ROOF, 1.5), (_M.GREY_ROOF, 3)),
    yards=((_M.GRASS, 4), (_M.GARDEN, 3), (_M.YARD, 3)),
    fields=((_M.RICE, 5), (_M.GARDEN, 2), (_M.WHEAT, 2), (_M.SOIL, 1), (_M.PLASTIC, 0.4)),
    wild=((_M.GRASS, 3), (_M.SCRUB, 4)),
    bare=((_M.SOIL, 5), (_M.GRAVEL, 1), (_M.SAND, 1)),
    conifers=0.2, tallest=115.0,
)  # fmt: skip

NORTH_AMERICAN = Region(
    name="north_american",
    latitude=39.0,
    rings=(
        (0.10, ((1, 0.72), (2, 0.22), (8, 0.06))),
        (0.28, ((5, 0.26), (6, 0.24), (8, 0.24), (2, 0.12), (4, 0.06), (10, 0.05), (12, 0.03))),
        (0.80, ((6, 0.63), (8, 0.17), (5, 0.06), (10, 0.04), (12, 0.06), (11, 0.04))),
        (1.00, ((6, 0.42), (9, 0.26), (8, 0.08), (14, 0.12), (11, 0.10), (12, 0.02))),
        (9.99, ((14, 0.42), (9, 0.16), (11, 0.26), (12, 0.07), (13, 0.05), (16, 0.04))),
    ),
    block=1.25, street=1.35, green=0.9, tilted=0.9,
    town_roofs=((_M.GRAVEL_ROOF, 4), (_M.WHITE_ROOF, 3), (_M.GREY_ROOF, 3), (_M.DARK_ROOF, 2)),
    house_roofs=((_M.DARK_ROOF, 6), (_M.GREY_ROOF, 3), (_M.TILE_ROOF, 0.6)),
    shed_roofs=((_M.WHITE_ROOF, 4), (_M.GREY_ROOF, 3), (_M.GRAVEL_ROOF, 3), (_M.METAL_ROOF, 2)),
    shack_roofs=((_M.METAL_ROOF, 4), (_M.WHITE_ROOF, 2), (_M.DARK_ROOF, 2)),
    yards=((_M.GRASS, 8), (_M.GARDEN, 2)),
    fields=((_M.MAIZE, 4), (_M.GRASS, 3), (_M.WHEAT, 2), (_M.SOIL, 1)),
    wild=((_M.GRASS, 3), (_M.SCRUB, 2), (_M.DRY_GRASS, 2)),
    bare=((_M.SOIL, 4), (_M.GRAVEL, 1)),
    conifers=0.3, tallest=120.0,
)  # fmt: skip

INFORMAL = Region(
    name="informal",
    latitude=-4.0,
    rings=(
        (0.15, ((1, 0.35), (2, 0.30), (3, 0.25), (5, 0.10))),
        (0.50, ((3, 0.36), (7, 0.34), (2, 0.10), (8, 0.08), (5, 0.06), (12, 0.06))),
        (0.85, ((7, 0.36), (3, 0.27), (8, 0.10), (6, 0.10), (10, 0.06), (12, 0.05), (16, 0.06))),
        (1.00, ((3, 0.20), (7, 0.20), (9, 0.22), (6, 0.12), (14, 0.12), (16, 0.06), (13, 0.08))),
        (9.99, ((14, 0.34), (13, 0.20), (12, 0.16), (9, 0.14), (11, 0.08), (16, 0.08))),
    ),
    block=0.8, street=0.75, green=0.4, tilted=0.5,
    town_roofs=((_M.GREY_ROOF, 5), (_M.METAL_ROOF, 2), (_M.DARK_ROOF, 1), (_M.WHITE_ROOF, 1)),
    house_roofs=((_M.RUST_ROOF, 4), (_M.METAL_ROOF, 3), (_M.GREY_ROOF, 3), (_M.TILE_ROOF, 1)),
    shed_roofs=((_M.METAL_ROOF, 5), (_M.RUST_ROOF, 2), (_M.GREY_ROOF, 2), (_M.BLUE_ROOF, 2)),
    shack_roofs=((_M.RUST_ROOF, 6), (_M.METAL_ROOF, 1.8), (_M.BLUE_ROOF, 0.5), (_M.GREY_ROOF, 3)),
    yards=((_M.YARD, 6), (_M.SOIL, 2), (_M.GARDEN, 1), (_M.GRASS, 1)),
    fields=((_M.MAIZE, 3), (_M.GARDEN, 3), (_M.SOIL, 2), (_M.GRASS, 2)),
    wild=((_M.DRY_GRASS, 3), (_M.SCRUB, 3), (_M.SOIL, 1)),
    bare=((_M.SOIL, 6), (_M.YARD, 2)),
    conifers=0.0, tallest=70.0,
)  # fmt: skip

DESERT = Region(
    name="desert",
    latitude=24.5,
    rings=(
        (0.15, ((1, 0.45), (2, 0.35), (4, 0.20))),
        (0.50, ((3, 0.46), (2, 0.16), (5, 0.12), (8, 0.12), (4, 0.08), (12, 0.06))),
        (0.85, ((3, 0.42), (8, 0.18), (6, 0.14), (10, 0.10), (15, 0.06), (16, 0.10))),
        (1.00, ((3, 0.16), (9, 0.22), (10, 0.10), (8, 0.10), (16, 0.34), (14, 0.08))),
        (9.99, ((16, 0.58), (15, 0.12), (13, 0.12), (14, 0.08), (9, 0.07), (12, 0.03))),
    ),
    block=1.0, street=1.05, green=0.15, tilted=0.05,
    town_roofs=((_M.WHITE_ROOF, 3), (_M.GREY_ROOF, 4), (_M.EARTH_ROOF, 2), (_M.GRAVEL_ROOF, 2)),
    house_roofs=((_M.EARTH_ROOF, 4), (_M.GREY_ROOF, 3), (_M.WHITE_ROOF, 3)),
    shed_roofs=((_M.METAL_ROOF, 4), (_M.WHITE_ROOF, 3), (_M.GREY_ROOF, 3)),
    shack_roofs=((_M.RUST_ROOF, 3), (_M.EARTH_ROOF, 4), (_M.METAL_ROOF, 2)),
    yards=((_M.YARD, 5), (_M.SAND, 4), (_M.PAVING, 2), (_M.GARDEN, 0.6)),
    fields=((_M.GARDEN, 4), (_M.WHEAT, 3), (_M.SOIL, 2)),
    wild=((_M.SAND, 4), (_M.SOIL, 2), (_M.DRY_GRASS, 1)),
    bare=((_M.SAND, 7), (_M.SOIL, 1), (_M.GRAVEL, 1)),
    conifers=0.0, tallest=110.0,
)  # fmt: skip

REGIONS: dict[RegionName, Region] = {
    region.name: region for region in (DENSE_ASIAN, EUROPEAN, NORTH_AMERICAN, INFORMAL, DESERT)
}
"""By name."""


def region_of(name: str) -> Region:
    """A region by its name.

    Raises:
        SpecError: there is none of that name.
    """
    for known, region in REGIONS.items():
        if known == name:
            return region
    raise SpecError(f"There is no simulated region {name!r}; choose one of {', '.join(REGION_NAMES)}.")
