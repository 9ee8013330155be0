"""Surface materials and their ten-band reflectance through the year.

The spectra are rounded, typical values of each material at the ten Sentinel-2 bands, with the usual
features: red edge, chlorophyll and water absorption, the rise of soils and tiles towards 1.6 um.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Spectrum = tuple[float, float, float, float, float, float, float, float, float, float]
"""Reflectance at B02 B03 B04 B05 B06 B07 B08 B8A B11 B12."""
Calendar = tuple[tuple[int, float], ...]
"""(day of year, share of the lush spectrum) knots, linear in between."""

_ALWAYS: Calendar = ((1, 1.0),)


class Material(IntEnum):
    """What a 5 m pixel is made of; the value indexes `MATERIALS`."""

    ASPHALT = 0
    CONCRETE = 1
    TILE_ROOF = 2
    DARK_ROOF = 3
    GREY_ROOF = 4
    METAL_ROOF = 5
    BLUE_ROOF = 6
    RUST_ROOF = 7
    GRASS = 8
    BROADLEAF = 9
    CONIFER = 10
    SCRUB = 11
    WHEAT = 12
    RICE = 13
    GARDEN = 14
    SOIL = 15
    SAND = 16
    SEA = 17
    RIVER = 18
    POND = 19
    WHITE_ROOF = 20
    EARTH_ROOF = 21
    PAVING = 22
    GRAVEL = 23
    RAIL = 24
    COURT = 25
    ROCK = 26
    MAIZE = 27
    STUBBLE = 28
    PLASTIC = 29
    BUSH = 30
    PALM = 31
    POOL = 32
    CAR = 33
    YARD = 34
    DRY_GRASS = 35
    ORCHARD = 36
    GRAVEL_ROOF = 37
    MARKING = 38


@dataclass(frozen=True, kw_only=True)
class Surface:
    """How one material reflects."""

    lush: Spectrum
    """At the height of its season (or always)."""
    lean: Spectrum
    """Out of season."""
    calendar: Calendar
    """When it is which."""

    def at(self, day: int) -> NDArray[np.float32]:
        """Spectrum at a day of the year, (10,)."""
        days, shares = zip(*self.calendar, strict=True)
        share = float(np.interp(day, days, shares))
        return (share * np.array(self.lush) + (1.0 - share) * np.array(self.lean)).astype(np.float32)


def _constant(*spectrum: float) -> Surface:
    values: Spectrum = tuple(spectrum)  # type: ignore[assignment]
    return Surface(lush=values, lean=values, calendar=_ALWAYS)


_SOIL: Spectrum = (0.085, 0.110, 0.140, 0.165, 0.180, 0.192, 0.205, 0.220, 0.300, 0.270)
_STUBBLE: Spectrum = (0.075, 0.110, 0.150, 0.190, 0.220, 0.240, 0.260, 0.280, 0.340, 0.270)
_CROP: Spectrum = (0.028, 0.062, 0.034, 0.098, 0.325, 0.420, 0.436, 0.446, 0.205, 0.098)
_FLOODED: Spectrum = (0.050, 0.070, 0.060, 0.070, 0.100, 0.110, 0.115, 0.115, 0.060, 0.035)
_DRY_GRASS: Spectrum = (0.052, 0.084, 0.098, 0.140, 0.192, 0.216, 0.236, 0.250, 0.285, 0.200)

MATERIALS: tuple[Surface, ...] = (
    _constant(0.082, 0.098, 0.110, 0.121, 0.130, 0.137, 0.143, 0.149, 0.170, 0.156),
    _constant(0.160, 0.192, 0.215, 0.232, 0.244, 0.253, 0.262, 0.268, 0.296, 0.266),
    _constant(0.075, 0.105, 0.180, 0.222, 0.242, 0.254, 0.266, 0.276, 0.326, 0.284),
    _constant(0.062, 0.070, 0.078, 0.088, 0.096, 0.102, 0.107, 0.111, 0.130, 0.118),
    _constant(0.130, 0.152, 0.168, 0.183, 0.194, 0.202, 0.210, 0.216, 0.238, 0.214),
    _constant(0.270, 0.300, 0.318, 0.332, 0.342, 0.350, 0.358, 0.362, 0.362, 0.326),
    _constant(0.225, 0.210, 0.160, 0.162, 0.182, 0.215, 0.245, 0.260, 0.275, 0.255),
    _constant(0.090, 0.120, 0.170, 0.208, 0.228, 0.244, 0.256, 0.268, 0.330, 0.300),
    Surface(
        lush=(0.034, 0.066, 0.042, 0.105, 0.315, 0.388, 0.405, 0.415, 0.235, 0.120),
        lean=_DRY_GRASS,
        calendar=((1, 0.30), (60, 0.40), (100, 0.90), (180, 1.0), (270, 0.90), (330, 0.45), (365, 0.30)),
    ),
    Surface(
        lush=(0.024, 0.052, 0.028, 0.086, 0.330, 0.432, 0.452, 0.464, 0.195, 0.085),
        lean=(0.046, 0.064, 0.072, 0.102, 0.156, 0.178, 0.196, 0.208, 0.215, 0.145),
        calendar=((1, 0.25), (75, 0.30), (110, 0.90), (160, 1.0), (270, 0.95), (320, 0.50), (365, 0.25)),
    ),
    Surface(
        lush=(0.022, 0.042, 0.025, 0.068, 0.228, 0.290, 0.306, 0.316, 0.140, 0.062),
        lean=(0.028, 0.045, 0.036, 0.072, 0.190, 0.236, 0.252, 0.262, 0.138, 0.068),
        calendar=((1, 0.4), (100, 0.7), (170, 1.0), (300, 0.8), (365, 0.4)),
    ),
    Surface(
        lush=(0.032, 0.058, 0.045, 0.105, 0.252, 0.300, 0.318, 0.328, 0.175, 0.090),
        lean=(0.050, 0.074, 0.086, 0.122, 0.175, 0.198, 0.214, 0.226, 0.245, 0.170),
        calendar=((1, 0.2), (80, 0.3), (130, 0.9), (200, 1.0), (300, 0.6), (365, 0.2)),
    ),
    Surface(lush=_CROP, lean=_STUBBLE, calendar=((1, 0.45), (50, 0.6), (95, 1.0), (120, 0.9), (148, 0.1), (152, 0))),
    Surface(lush=_FLOODED, lean=_SOIL, calendar=((1, 0.0), (120, 0.05), (150, 0.9), (165, 1.0), (365, 0.0))),
    Surface(lush=_CROP, lean=_SOIL, calendar=((1, 0.40), (70, 0.5), (110, 0.7), (170, 0.75), (300, 0.5), (365, 0.4))),
    _constant(*_SOIL),
    _constant(0.180, 0.225, 0.270, 0.295, 0.305, 0.315, 0.325, 0.335, 0.400, 0.360),
    _constant(0.062, 0.072, 0.050, 0.040, 0.026, 0.023, 0.019, 0.016, 0.007, 0.005),
    _constant(0.058, 0.080, 0.072, 0.060, 0.040, 0.036, 0.032, 0.027, 0.010, 0.007),
    _constant(0.036, 0.046, 0.030, 0.028, 0.021, 0.021, 0.020, 0.018, 0.010, 0.007),
    _constant(0.420, 0.450, 0.470, 0.480, 0.485, 0.490, 0.495, 0.495, 0.430, 0.372),
    _constant(0.105, 0.145, 0.195, 0.220, 0.235, 0.250, 0.262, 0.275, 0.345, 0.310),
    _constant(0.160, 0.190, 0.212, 0.226, 0.238, 0.248, 0.257, 0.264, 0.300, 0.280),
    _constant(0.120, 0.146, 0.168, 0.184, 0.196, 0.206, 0.215, 0.222, 0.248, 0.222),
    _constant(0.095, 0.105, 0.118, 0.128, 0.135, 0.142, 0.148, 0.155, 0.200, 0.195),
    _constant(0.070, 0.085, 0.160, 0.190, 0.205, 0.218, 0.228, 0.238, 0.280, 0.250),
    _constant(0.130, 0.155, 0.185, 0.200, 0.210, 0.220, 0.230, 0.240, 0.290, 0.270),
    Surface(lush=_CROP, lean=_SOIL, calendar=((1, 0.0), (140, 0.05), (190, 0.8), (230, 1.0), (275, 0.3), (300, 0.0))),
    _constant(*_STUBBLE),
    _constant(0.300, 0.320, 0.325, 0.340, 0.370, 0.390, 0.400, 0.400, 0.350, 0.300),
    Surface(
        lush=(0.030, 0.056, 0.040, 0.100, 0.275, 0.335, 0.352, 0.362, 0.190, 0.098),
        lean=(0.048, 0.070, 0.078, 0.115, 0.178, 0.204, 0.220, 0.232, 0.230, 0.155),
        calendar=((1, 0.4), (90, 0.6), (130, 1.0), (190, 0.6), (270, 0.4), (330, 0.5)),
    ),
    _constant(0.030, 0.056, 0.042, 0.095, 0.245, 0.300, 0.318, 0.330, 0.190, 0.098),
    _constant(0.150, 0.140, 0.055, 0.045, 0.035, 0.032, 0.030, 0.028, 0.012, 0.008),
    _constant(0.110, 0.115, 0.118, 0.120, 0.122, 0.124, 0.126, 0.128, 0.130, 0.125),
    _constant(0.095, 0.125, 0.155, 0.178, 0.192, 0.204, 0.216, 0.228, 0.290, 0.265),
    Surface(
        lush=(0.040, 0.072, 0.060, 0.118, 0.255, 0.302, 0.322, 0.334, 0.235, 0.138),
        lean=_DRY_GRASS,
        calendar=((1, 0.45), (70, 0.7), (125, 1.0), (180, 0.65), (240, 0.35), (300, 0.55), (365, 0.45)),
    ),
    Surface(
        lush=(0.028, 0.054, 0.036, 0.092, 0.280, 0.355, 0.374, 0.386, 0.195, 0.092),
        lean=(0.048, 0.068, 0.078, 0.112, 0.166, 0.188, 0.204, 0.216, 0.220, 0.148),
        calendar=((1, 0.25), (75, 0.30), (110, 0.9), (170, 1.0), (280, 0.8), (320, 0.4)),
    ),
    _constant(0.112, 0.132, 0.150, 0.164, 0.174, 0.182, 0.190, 0.196, 0.218, 0.196),
    _constant(0.300, 0.320, 0.330, 0.335, 0.338, 0.340, 0.342, 0.344, 0.340, 0.320),
)
"""One surface for each `Material`, in its order."""


def spectra(day: int) -> NDArray[np.float32]:
    """Reflectance of every material at a day of the year, (materials, 10)."""
    return np.stack([surface.at(day) for surface in MATERIALS])


ROOFS = frozenset(
    {
        Material.TILE_ROOF, Material.DARK_ROOF, Material.GREY_ROOF, Material.METAL_ROOF, Material.BLUE_ROOF,
        Material.RUST_ROOF, Material.WHITE_ROOF, Material.EARTH_ROOF, Material.GRAVEL_ROOF,
    }
)  # fmt: skip
"""Buildings seen from above."""
SEALED = frozenset(
    {
        Material.ASPHALT, Material.CONCRETE, Material.PAVING, Material.RAIL, Material.COURT, Material.CAR,
        Material.MARKING, Material.ROCK, Material.PLASTIC, Material.POOL,
    }
)  # fmt: skip
"""Impervious surfaces that are no buildings (rock included, as in LCZ E)."""
CROWNS = frozenset({Material.BROADLEAF, Material.CONIFER, Material.BUSH, Material.PALM, Material.ORCHARD})
"""Woody plants."""
WATERS = frozenset({Material.SEA, Material.RIVER, Material.POND})
"""Open water."""
