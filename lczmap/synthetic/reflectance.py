"""Ten-band reflectance of every material in every shade, for a season, the weather before, and a region's stock.

Data and one table: `reflectances`. Shades are those of `palette`, so that a roof that is red at 1 m is red at 10 m.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.materials import MATERIALS, ROOFS, WATERS, Material
from lczmap.synthetic.noise import generator
from lczmap.synthetic.palette import EARTHS, PAINT, Colour, Paintbox, drawn_shades
from lczmap.synthetic.region import Region

SHADES = 256
"""Shades of a material; a column of the table is material * SHADES + tone."""

_VISIBLE = ((0, 2), (1, 1), (2, 0))
"""Index of B02, B03 and B04, and of blue, green and red in a colour."""
WARMTH = (1.03, 0.97, 0.84)
"""Reflectance of what people made against its colour in `palette` (red, green, blue): those are as a camera balanced
for daylight shows them, while asphalt, concrete and tiles reflect blue least."""
_BEYOND = np.array([0.95, 0.9, 0.87, 0.85, 0.85, 0.8, 0.75])
"""How far the red shade of what never changes goes on into B05..B12, as an exponent."""
_ROOF_AGES = ((0.0, 0.12, 0.14, 0.72, 0.76, 0.90, 1.0), (0.45, 0.58, 0.76, 0.84, 1.30, 1.75, 2.40))
"""Sooty roofs, most, and pale ones: share of the roofs and factor on their reflectance, 1 on average."""
_PALE = frozenset({Material.WHITE_ROOF, Material.METAL_ROOF, Material.BLUE_ROOF})
"""Roofs that are pale anyway differ less: by the root of that."""
_BRIGHTEST = 0.7
"""Reflectance that no painted surface passes."""
_LEAVES = np.array([0.5, -0.1, -0.2, -0.22, -0.22, 0.15, 0.25])
"""The same for plants: yellower ones are darker in the near infrared and brighter beyond."""
_WET = np.array([0.42, 0.43, 0.44, 0.44, 0.44, 0.44, 0.43, 0.43, 0.50, 0.58])
"""Share of their reflectance that soaked soils lose, by band (water darkens most where it absorbs)."""
_WET_SEALED = 0.4
"""Sealed ground and roofs lose this share of what soils lose."""
_EVERGREEN = frozenset({Material.BROADLEAF, Material.ORCHARD, Material.BUSH, Material.SCRUB, Material.GRASS})
"""What keeps its leaves through a mild winter."""
_RAIN_FED = frozenset({Material.GRASS, Material.SCRUB, Material.BUSH, Material.DRY_GRASS})
_CROPS = frozenset({Material.WHEAT, Material.RICE, Material.MAIZE})
_YEAR = 365


@dataclass(frozen=True, kw_only=True)
class Season:
    """When and where, as plants and soils know it."""

    day: int
    """Of the year, 1..366."""
    latitude: float
    """Degrees north; decides winters, and their half of the year."""
    wet: float = 0.0
    """0 after dry weeks to 1 after rain."""
    lush: float = 1.0
    """1 where enough rain falls for grass and bushes to green, 0 in the desert."""

    @property
    def northern_day(self) -> float:
        """The day of the northern year that is as far into spring or autumn, at 30 degrees of latitude."""
        day = self.day if self.latitude >= 0 else (self.day + _YEAR // 2) % _YEAR
        late = 1.6 * (abs(self.latitude) - 30.0) * np.sin(np.pi * day / _YEAR) ** 2
        # spring comes later towards the pole, and autumn sooner
        return float(np.clip(day - late * np.cos(np.pi * np.clip((day - 120.0) / 200.0, 0.0, 1.0)), 1, _YEAR))

    @property
    def mildness(self) -> float:
        """0 where winter takes all leaves, 1 where there is none."""
        return float(np.clip((44.0 - abs(self.latitude)) / 26.0, 0.0, 1.0))


def rain_of(region: Region, more: float = 0.0) -> float:
    """How lush what rain waters is in a region, 0..1; `more` for wetter years."""
    return float(np.clip(0.2 + 1.1 * region.green + more, 0.0, 1.0))


def reflectances(season: Season, *, stock: int, variety: float = 1.0, warmth: Colour = WARMTH) -> NDArray[np.float32]:
    """Reflectance of every material in every shade, `(10, materials * SHADES)`.

    Args:
        season: when, where, how wet.
        stock: which roofs, soils and plants a region has: another stock is lighter here, redder there.
        variety: how far stocks differ; 0 gives the typical one.
        warmth: factors on red, green and blue of what people made; ones for a camera balanced for daylight.
    """
    table = np.empty((len(Material), SHADES, len(MATERIALS[0].lush)))
    for material in Material:
        table[material] = _of_material(material, season, np.array(warmth))
    table *= _stock(stock, variety)[:, None, :]
    return np.ascontiguousarray(np.clip(table, 1e-4, 1.2).reshape(-1, table.shape[2]).T, dtype=np.float32)


def _of_material(material: Material, season: Season, warmth: NDArray[np.float64]) -> NDArray[np.float64]:
    """One material in every shade, `(SHADES, 10)`."""
    if material in WATERS:
        return np.repeat(_grown(material, season, np.zeros(1)), SHADES, axis=0)
    box: Paintbox = PAINT[material]
    colour, lightness, share = drawn_shades(box)
    base = _grown(material, season, box.days * (2.0 * share - 1.0))
    shaded = np.empty((SHADES, base.shape[1]))
    if box.grows:
        red = colour[:, :1]
        for band, channel in _VISIBLE:
            shaded[:, band] = base[:, band] * colour[:, channel]
        shaded[:, 3:] = base[:, 3:] * red**_LEAVES
        shaded *= lightness[:, None]
        damp = 0.25 if material not in EARTHS else 1.0
        return shaded * (1.0 - 0.3 * damp * season.wet * _WET)
    if material in ROOFS:
        lightness = lightness**1.4 * np.interp(share, *_ROOF_AGES) ** (0.5 if material in _PALE else 1.0)
    painted = _BRIGHTEST * np.tanh(colour * lightness[:, None] / _BRIGHTEST) * (1.0 if material in EARTHS else warmth)
    for band, channel in _VISIBLE:
        shaded[:, band] = painted[:, channel]
    shaded[:, 3:] = base[:, 3:] * (painted[:, :1] / base[:, 2:3]) ** _BEYOND
    return shaded * (1.0 - (1.0 if material in EARTHS else _WET_SEALED) * season.wet * _WET)


def _grown(material: Material, season: Season, ahead: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spectrum `(n, 10)` by days ahead of the calendar `(n,)`."""
    surface = MATERIALS[material]
    days, shares = np.array(surface.calendar, dtype=np.float64).T
    own = (season.northern_day + ahead - 1.0) % _YEAR + 1.0
    share = np.interp(own, days, shares)
    if material in _EVERGREEN:
        share = np.maximum(share, season.mildness * (0.9 if material != Material.GRASS else 0.7))
    elif material in _CROPS and season.mildness > 0.8:
        # without winter there is no one season for crops: each field has its own
        share = 0.5 + 0.5 * np.sin(2.0 * np.pi * (own / _YEAR + 2.2 * ahead / 36.0))
    if material in _RAIN_FED:
        share = share * season.lush
    lush, lean = np.array(surface.lush), np.array(surface.lean)
    return np.asarray(lean + (lush - lean) * share[:, None])


def _stock(stock: int, variety: float) -> NDArray[np.float64]:
    """Factors on each material's reflectance, `(materials, 10)`."""
    rng = generator(stock, "stock")
    earths = np.array([material in EARTHS for material in Material])[:, None]
    brightness = rng.normal(0.0, 0.13, (len(Material), 1)) * np.where(earths, 1.8, 1.0)
    tilt = rng.normal(0.0, 0.07, (len(Material), 1)) * np.linspace(-1.0, 1.0, 10)
    # rivers and bays are clear here, turbid there
    waters = np.array([material in WATERS for material in Material])[:, None]
    brightness += waters * rng.normal(0.0, 0.3, (len(Material), 1))
    # neighbouring bands differ together: visible, red edge, near and short-wave infrared
    ends = rng.normal(0.0, 0.05, 4)
    kinds = ends[[0, 0, 0, 1, 1, 2, 2, 2, 3, 3]]
    factors: NDArray[np.float64] = np.exp(variety * (brightness + tilt + kinds))
    return factors
