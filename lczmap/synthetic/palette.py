"""Shades of materials: which reds, greens and blues instances of one material have, in reflectance.

Data. What never changes has colours of its own; what grows has factors on its seasonal colour and, for crops, days
ahead of or behind the calendar. `reflectance` makes them into spectra, which the camera's three bands are part of.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.materials import Material

Colour = tuple[float, float, float]
"""Red, green, blue."""
Shades = tuple[tuple[float, Colour], ...]
"""Weights, in any scale, and colours."""


@dataclass(frozen=True, kw_only=True)
class Paintbox:
    """Which colours instances of one material have."""

    shades: Shades
    """Reflectance; factors on the seasonal colour where `grows`."""
    spread: float = 0.12
    """Lightness of one shade varies by a factor between exp(-spread) and exp(spread)."""
    hue: float = 0.09
    """How far red and blue of what people made stray from its shade: no two greys are the same grey."""
    grows: bool = False
    """Whether the seasonal spectrum is its base."""
    days: float = 0.0
    """How many days an instance may be ahead of or behind its calendar."""


_M = Material
PAINT: Mapping[Material, Paintbox] = {
    _M.ASPHALT: Paintbox(
        shades=((3, (0.1, 0.098, 0.094)), (4, (0.125, 0.122, 0.116)), (2, (0.155, 0.152, 0.145))), hue=0.025
    ),
    _M.CONCRETE: Paintbox(shades=((4, (0.215, 0.208, 0.192)), (2, (0.26, 0.252, 0.236)), (2, (0.175, 0.165, 0.15)))),
    _M.PAVING: Paintbox(shades=((3, (0.185, 0.172, 0.152)), (3, (0.165, 0.16, 0.152)), (2, (0.195, 0.16, 0.13)))),
    _M.TILE_ROOF: Paintbox(
        shades=(
            (3, (0.255, 0.175, 0.135)), (4, (0.205, 0.148, 0.118)), (4, (0.16, 0.122, 0.102)),
            (3, (0.13, 0.108, 0.096)), (1.5, (0.305, 0.143, 0.103)), (1, (0.205, 0.185, 0.165)),
        ),
        spread=0.18,
    ),
    _M.DARK_ROOF: Paintbox(
        shades=((4, (0.072, 0.07, 0.07)), (3, (0.092, 0.084, 0.078)), (2, (0.062, 0.066, 0.074)),
                (2, (0.11, 0.094, 0.082))),
        spread=0.2,
    ),
    _M.GREY_ROOF: Paintbox(
        shades=((4, (0.165, 0.16, 0.15)), (3, (0.205, 0.2, 0.19)), (2, (0.13, 0.128, 0.124)),
                (2, (0.19, 0.173, 0.15)), (1, (0.185, 0.155, 0.142)), (1, (0.14, 0.15, 0.155)),
                (1, (0.15, 0.16, 0.145)), (0.7, (0.28, 0.268, 0.25)), (0.5, (0.225, 0.15, 0.125))),
        spread=0.22,
    ),
    _M.GRAVEL_ROOF: Paintbox(shades=((3, (0.18, 0.172, 0.158)), (3, (0.145, 0.14, 0.13)), (1, (0.12, 0.124, 0.1)))),
    _M.METAL_ROOF: Paintbox(
        shades=((4, (0.29, 0.292, 0.29)), (3, (0.23, 0.235, 0.24)), (2, (0.35, 0.35, 0.345)),
                (1, (0.22, 0.245, 0.225))),
        spread=0.18,
    ),
    _M.BLUE_ROOF: Paintbox(
        shades=((4, (0.08, 0.165, 0.275)), (3, (0.055, 0.14, 0.27)), (2, (0.125, 0.19, 0.27)),
                (0.7, (0.13, 0.2, 0.212))),
        spread=0.2,
    ),
    _M.RUST_ROOF: Paintbox(
        shades=((4, (0.185, 0.125, 0.092)), (3, (0.145, 0.108, 0.086)), (3, (0.225, 0.165, 0.125)),
                (2, (0.205, 0.185, 0.165))),
        spread=0.25,
    ),
    _M.WHITE_ROOF: Paintbox(shades=((4, (0.44, 0.435, 0.42)), (3, (0.36, 0.355, 0.345)), (2, (0.5, 0.5, 0.495)))),
    _M.EARTH_ROOF: Paintbox(shades=((4, (0.235, 0.19, 0.14)), (3, (0.275, 0.23, 0.175)), (2, (0.2, 0.155, 0.115)))),
    _M.GRASS: Paintbox(
        shades=((3, (1.05, 1.05, 1.05)), (4, (1.6, 1.35, 1.4)), (2, (2.2, 1.65, 1.8)), (2, (0.9, 1.1, 0.9))),
        spread=0.12, grows=True,
    ),
    _M.DRY_GRASS: Paintbox(shades=((3, (1, 1, 1)), (3, (1.15, 1.1, 1.05)), (2, (0.85, 0.95, 0.85))), grows=True),
    _M.GARDEN: Paintbox(shades=((3, (1, 1, 1)), (3, (1.3, 1.15, 1.1)), (2, (0.8, 0.95, 0.9))), grows=True, days=25),
    _M.BROADLEAF: Paintbox(
        shades=((5, (1.0, 1.0, 0.95)), (4, (1.45, 1.25, 1.1)), (3, (0.8, 0.85, 0.85)), (1.5, (1.9, 1.4, 1.2)),
                (0.2, (2.0, 1.2, 1.2))),
        spread=0.22, grows=True, days=9.0,
    ),
    _M.CONIFER: Paintbox(
        shades=((4, (1, 1, 1)), (3, (0.85, 0.95, 1.05)), (1, (1.3, 1.15, 1.1))),
        spread=0.2, grows=True,
    ),
    _M.BUSH: Paintbox(shades=((4, (1, 1, 1)), (3, (0.8, 0.9, 0.9)), (2, (1.35, 1.2, 1.1))), spread=0.2, grows=True),
    _M.PALM: Paintbox(shades=((3, (1, 1, 1)), (2, (1.3, 1.15, 1.1))), grows=True),
    _M.ORCHARD: Paintbox(shades=((4, (1, 1, 1)), (2, (1.25, 1.15, 1.1))), spread=0.15, grows=True, days=5),
    _M.SCRUB: Paintbox(shades=((3, (1, 1, 1)), (2, (1.3, 1.2, 1.1)), (2, (0.85, 0.9, 0.9))), grows=True),
    _M.WHEAT: Paintbox(shades=((3, (1, 1, 1)), (2, (1.1, 1.05, 1)), (2, (0.85, 0.95, 0.9))), grows=True, days=18),
    _M.RICE: Paintbox(shades=((3, (1, 1, 1)), (2, (1.15, 1.1, 1.1))), grows=True, days=16),
    _M.MAIZE: Paintbox(shades=((3, (1, 1, 1)), (2, (0.85, 0.95, 0.9))), grows=True, days=18),
    _M.STUBBLE: Paintbox(shades=((3, (0.215, 0.178, 0.125)), (2, (0.25, 0.215, 0.155)), (2, (0.18, 0.145, 0.105)))),
    _M.SOIL: Paintbox(shades=((4, (0.165, 0.132, 0.1)), (3, (0.2, 0.165, 0.126)), (2, (0.13, 0.102, 0.078)))),
    _M.YARD: Paintbox(shades=((4, (0.19, 0.16, 0.125)), (3, (0.225, 0.19, 0.15)), (2, (0.155, 0.135, 0.11)))),
    _M.SAND: Paintbox(
        shades=((3, (0.3, 0.25, 0.19)), (3, (0.335, 0.285, 0.22)), (2, (0.265, 0.215, 0.16))),
        spread=0.08,
    ),
    _M.GRAVEL: Paintbox(shades=((3, (0.205, 0.19, 0.165)), (2, (0.235, 0.22, 0.195)))),
    _M.ROCK: Paintbox(shades=((3, (0.185, 0.17, 0.15)), (3, (0.15, 0.142, 0.132)), (1, (0.22, 0.195, 0.165)))),
    _M.RAIL: Paintbox(shades=((3, (0.125, 0.11, 0.098)), (2, (0.15, 0.135, 0.122)))),
    _M.COURT: Paintbox(
        shades=((3, (0.2, 0.098, 0.078)), (2, (0.085, 0.14, 0.095)), (1, (0.08, 0.115, 0.175)),
                (1, (0.215, 0.15, 0.105)))
    ),
    _M.SEA: Paintbox(shades=((1, (0.03, 0.052, 0.06)),), spread=0),
    _M.RIVER: Paintbox(shades=((1, (0.072, 0.084, 0.07)),), spread=0),
    _M.POND: Paintbox(shades=((1, (0.034, 0.048, 0.042)),), spread=0.05),
    _M.POOL: Paintbox(shades=((3, (0.09, 0.235, 0.285)), (1, (0.12, 0.26, 0.27)))),
    _M.PLASTIC: Paintbox(shades=((3, (0.34, 0.345, 0.345)), (2, (0.27, 0.285, 0.29)))),
    _M.MARKING: Paintbox(shades=((4, (0.36, 0.36, 0.35)), (1, (0.38, 0.33, 0.18)))),
    _M.CAR: Paintbox(
        shades=(
            (27, (0.48, 0.48, 0.475)), (17, (0.25, 0.252, 0.255)), (18, (0.12, 0.122, 0.128)),
            (20, (0.035, 0.036, 0.04)), (7, (0.055, 0.085, 0.18)), (6, (0.23, 0.04, 0.04)),
            (2, (0.15, 0.12, 0.085)), (2, (0.38, 0.3, 0.08)), (1, (0.06, 0.13, 0.09)),
        ),
        spread=0.15,
    ),
}  # fmt: skip
"""One paintbox for each `Material`."""

EARTHS = frozenset({_M.SOIL, _M.YARD, _M.SAND, _M.GRAVEL, _M.EARTH_ROOF, _M.ROCK, _M.STUBBLE})
"""What has the colour of the region's soil."""


def drawn_shades(box: Paintbox) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Colour `(256, 3)`, lightness `(256,)` and another free number in 0..1 `(256,)` of each tone."""
    tone = (np.arange(256) + 0.5) / 256.0
    edges = np.concatenate([[0.0], np.cumsum([weight for weight, _ in box.shades])])
    edges /= edges[-1]
    chosen = np.searchsorted(edges[1:-1], tone, side="right")
    within = (tone - edges[chosen]) / (edges[chosen + 1] - edges[chosen])
    colours = np.array([colour for _, colour in box.shades], dtype=np.float64)[chosen]
    if not box.grows:
        colours = colours * (1.0 + box.hue * (2.0 * (tone[:, None] * 101.0 % 1.0) - 1.0) * np.array([1.0, 0.0, -1.0]))
    lightness = np.asarray(np.exp(box.spread * (2.0 * within - 1.0)), dtype=np.float64)
    return colours, lightness, np.asarray(tone * 37.0 % 1.0)
