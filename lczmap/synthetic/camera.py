"""The camera of a simulated flight: its look by region, the colours of the day, how rough each material is.

Data and one constructor, `camera_of`; `rgb` takes the picture.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.materials import CROWNS, Material
from lczmap.synthetic.noise import generator
from lczmap.synthetic.palette import EARTHS, PAINT, Colour
from lczmap.synthetic.reflectance import SHADES, Season, reflectances
from lczmap.synthetic.region import RegionName, region_of
from lczmap.synthetic.texture import Textures, Turns, textures, turns

RGB_BANDS = (2, 1, 0)
"""B04, B03 and B02 in the ten-band order."""
STOCK_VARIETY = 0.6
"""How far the stocks of simulated cities differ, for scenes and pictures alike."""
_LUMINANCE = (0.3, 0.59, 0.11)
_RED_REACH = 0.25
"""Share of green in the film's red."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What differs between one flight and another."""

    exposure: float = 2.6
    """Factor on reflectance before the tone curve."""
    contrast: float = 0.85
    """Bend of the tone curve, 0 for a plain square root."""
    saturation: float = 1.0
    """1 leaves colours as they are."""
    balance: Colour = (1.0, 1.0, 0.94)
    """Factors on all light: the film's white."""
    haze: Colour = (0.004, 0.006, 0.008)
    """Light of the air below the camera, as reflectance."""
    blur: float = 0.58
    """Standard deviation of the point spread, pixels."""
    noise: float = 0.012
    """Standard deviation of the noise after the tone curve, share of full scale."""
    earth: Colour = (1.0, 1.0, 1.0)
    """Factors on the colours of soils."""
    green: Colour = (1.0, 1.0, 1.0)
    """Factors on the colours of plants."""


LOOKS: dict[RegionName, Look] = {
    "european": Look(exposure=2.85, saturation=1.25),
    "dense_asian": Look(
        exposure=2.5, contrast=0.75, saturation=1.28, balance=(1.0, 0.99, 0.93), haze=(0.007, 0.009, 0.010)
    ),
    "north_american": Look(exposure=2.7, saturation=1.35),
    "informal": Look(exposure=2.15, contrast=1.0, saturation=1.1, earth=(1.16, 0.92, 0.76)),
    "desert": Look(exposure=2.15, saturation=1.15, haze=(0.007, 0.008, 0.008), earth=(1.03, 1.0, 0.94)),
}
"""By region."""


def varied(look: Look, seed: int) -> Look:
    """Another flight with the same kind of camera: a little lighter, warmer, hazier or duller."""
    rng = generator(seed, "look")
    exposure, contrast, saturation, haze = np.exp(rng.normal(0.0, (0.08, 0.12, 0.07, 0.25)))
    red, blue = np.exp(rng.normal(0.0, 0.025, 2))
    return replace(
        look,
        exposure=look.exposure * float(exposure),
        contrast=look.contrast * float(contrast),
        saturation=look.saturation * float(saturation),
        balance=(look.balance[0] * float(red), look.balance[1], look.balance[2] * float(blue)),
        haze=(look.haze[0] * float(haze), look.haze[1] * float(haze), look.haze[2] * float(haze)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Camera:
    """All that is worked out once for a flight."""

    look: Look
    """Its look."""
    colours: NDArray[np.float32]
    """Reflectance `(3, materials * 256)`."""
    relief: NDArray[np.float32]
    """Strength of each texture by material `(5, materials)`: grain, mottle, wear, cells, rare cells."""
    bumps: NDArray[np.float32]
    """Height of the lumps by material, metres `(materials,)`."""
    turning: Turns
    """Steps of the aligned texture by material."""
    textures: Textures
    """Their tiles."""


_PLAIN = (0.04, 0.05, 0.03, 0.03, 0.0)
_RELIEF: dict[Material, tuple[float, float, float, float, float]] = {
    Material.ASPHALT: (0.035, 0.05, 0.04, 0.05, 0.0),
    Material.CONCRETE: (0.04, 0.06, 0.04, 0.05, 0.0),
    Material.PAVING: (0.05, 0.07, 0.05, 0.03, 0.0),
    Material.TILE_ROOF: (0.07, 0.04, 0.0, 0.05, 0.008),
    Material.DARK_ROOF: (0.08, 0.05, 0.0, 0.05, 0.015),
    Material.GREY_ROOF: (0.06, 0.07, 0.0, 0.04, 0.022),
    Material.GRAVEL_ROOF: (0.06, 0.07, 0.0, 0.02, 0.018),
    Material.METAL_ROOF: (0.03, 0.04, 0.0, 0.08, 0.008),
    Material.BLUE_ROOF: (0.03, 0.04, 0.0, 0.08, 0.008),
    Material.RUST_ROOF: (0.06, 0.06, 0.0, 0.16, 0.01),
    Material.WHITE_ROOF: (0.03, 0.06, 0.0, 0.02, 0.018),
    Material.EARTH_ROOF: (0.06, 0.08, 0.0, 0.03, 0.02),
    Material.GRASS: (0.07, 0.08, 0.09, 0.03, 0.0),
    Material.DRY_GRASS: (0.10, 0.12, 0.12, 0.02, 0.0),
    Material.BROADLEAF: (0.14, 0.06, 0.04, 0.0, 0.0),
    Material.CONIFER: (0.14, 0.05, 0.03, 0.0, 0.0),
    Material.SCRUB: (0.16, 0.16, 0.12, 0.0, 0.0),
    Material.BUSH: (0.14, 0.06, 0.04, 0.0, 0.0),
    Material.PALM: (0.14, 0.05, 0.03, 0.0, 0.0),
    Material.ORCHARD: (0.14, 0.05, 0.04, 0.0, 0.0),
    Material.WHEAT: (0.03, 0.03, 0.07, 0.06, 0.0),
    Material.RICE: (0.03, 0.04, 0.08, 0.05, 0.0),
    Material.MAIZE: (0.04, 0.03, 0.07, 0.06, 0.0),
    Material.GARDEN: (0.08, 0.10, 0.08, 0.12, 0.004),
    Material.STUBBLE: (0.04, 0.04, 0.06, 0.08, 0.0),
    Material.SOIL: (0.05, 0.08, 0.10, 0.08, 0.0),
    Material.YARD: (0.09, 0.14, 0.10, 0.04, 0.012),
    Material.SAND: (0.03, 0.06, 0.08, 0.0, 0.0),
    Material.ROCK: (0.12, 0.14, 0.08, 0.0, 0.0),
    Material.SEA: (0.04, 0.03, 0.03, 0.0, 0.0),
    Material.RIVER: (0.02, 0.02, 0.03, 0.0, 0.0),
    Material.POND: (0.02, 0.03, 0.04, 0.0, 0.0),
    Material.CAR: (0.04, 0.0, 0.0, 0.0, 0.0),
}
"""Strengths of grain, mottle, wear, cells and rare cells; `_PLAIN` for the others."""
_CELL: dict[Material, tuple[float, float]] = {
    Material.ASPHALT: (40.0, 3.2),
    Material.TILE_ROOF: (5.0, 2.0),
    Material.METAL_ROOF: (2.0, 24.0),
    Material.BLUE_ROOF: (2.0, 24.0),
    Material.RUST_ROOF: (2.2, 2.6),
    Material.WHEAT: (160.0, 3.0),
    Material.MAIZE: (160.0, 3.0),
    Material.STUBBLE: (160.0, 4.0),
    Material.SOIL: (120.0, 2.5),
    Material.RICE: (12.0, 9.0),
    Material.GARDEN: (25.0, 1.5),
    Material.GRASS: (60.0, 4.0),
}
"""Length and width of aligned cells, metres; 2.6 by 2.6 for the others."""
_LUMPY = 0.9


def camera_of(
    region: RegionName, *, day: int, latitude: float | None = None, stock: int | None = None, look: Look | None = None
) -> Camera:
    """The camera of a flight.

    Args:
        region: gives the look and the latitude where these are None.
        day: of the year, 1..366.
        latitude: degrees north, for the seasons.
        stock: which roofs, soils and plants the place has, as for `reflectances`; the typical ones where None.
        look: of the flight.
    """
    chosen = look or LOOKS[region]
    season = Season(day=day, latitude=region_of(region).latitude if latitude is None else latitude)
    variety = 0.0 if stock is None else STOCK_VARIETY
    table = reflectances(season, stock=stock or 0, variety=variety, warmth=(1.0, 1.0, 1.0))
    count = len(Material)
    relief = np.array([_RELIEF.get(material, _PLAIN) for material in Material], dtype=np.float32)
    cell = np.array([_CELL.get(material, (2.6, 2.6)) for material in Material])
    bumps = np.zeros(count, dtype=np.float32)
    bumps[[*CROWNS, Material.SCRUB]] = _LUMPY
    return Camera(
        look=chosen,
        colours=_tinted(table[list(RGB_BANDS)], chosen),
        relief=np.ascontiguousarray(relief.T),
        bumps=bumps,
        turning=turns(cell),
        textures=textures(),
    )


def _tinted(colours: NDArray[np.float32], look: Look) -> NDArray[np.float32]:
    """Colours `(3, materials * SHADES)` of the region's soils and plants, nearer to or farther from their grey."""
    table = colours.reshape(3, len(Material), SHADES).copy()
    for kinds, factors in ((EARTHS, look.earth), ([m for m in Material if PAINT[m].grows], look.green)):
        table[:, list(kinds)] *= np.array(factors, dtype=np.float32)[:, None, None]
    # a camera's red reaches down to orange and yellow
    table[0] += np.float32(_RED_REACH) * (table[1] - table[0])
    grey = np.tensordot(np.array(_LUMINANCE, dtype=np.float32), table, axes=1)
    moved: NDArray[np.float32] = np.maximum(grey + np.float32(look.saturation) * (table - grey), 0.002)
    return moved.reshape(3, -1)
