"""The ground as Sentinel-2's instrument sees it: ten bands of surface reflectance, shadow and all.

In: `Ground` at 2 m, a table of reflectances and a sun. Out: reflectance at 10 m before the instrument (`reflected`),
then blurred, at each band's own resolution, with noise (`sensed`). L2A keeps shadows and slopes, so they stay in.
Knows no clouds; `sky` lays them between the two.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lczmap.synthetic.chance import value_noise
from lczmap.synthetic.materials import CROWNS, Material
from lczmap.synthetic.noise import pixel_noise
from lczmap.synthetic.paint import Ground
from lczmap.synthetic.shade import SHADOW_REACH, facing, shadow, sky_seen
from lczmap.synthetic.sky import Sun, diffuse_shares
from lczmap.words.bands import BAND_NAMES, BANDS
from lczmap.words.errors import SpecError
from lczmap.words.grid import PIXEL_METRES, PixelGrid

FINE_METRES = 2
"""Side of the pixels that are lit and averaged."""
MARGIN = int(SHADOW_REACH) + 64
"""Metres of ground painted around what is wanted, for shadows and blur; a multiple of 20."""
_RATIO = PIXEL_METRES // FINE_METRES
_STRIP = 40 * _RATIO
"""Fine rows lit together, so that what is in between stays in a core's cache."""
_BOUNCED = np.array([0.06, 0.08, 0.10, 0.11, 0.14, 0.15, 0.16, 0.16, 0.17, 0.14], dtype=np.float32)
"""Light that sunlit walls, roofs and crowns around throw where the sky is hidden, against that on open ground."""
_POROUS = 0.45
"""How much of the contrast between lit and unlit crowns the scattering within them takes away."""
_CANOPY = 0.72
"""Direct light of a whole canopy against that on flat ground."""
_SHARP, _NEAR_INFRARED = (0.15, 0.70, 0.15), (0.19, 0.62, 0.19)
_COARSE, _SHORT_WAVE = (0.04, 0.23, 0.46, 0.23, 0.04), (0.10, 0.23, 0.34, 0.23, 0.10)
_TAPS = dict(zip(BAND_NAMES, [_SHARP] * 3 + [_COARSE] * 3 + [_NEAR_INFRARED, _COARSE] + [_SHORT_WAVE] * 2, strict=True))
"""Point spread along one axis in pixels of 10 m, by band, what pixel areas average left out: chosen so that
neighbouring pixels of simulated towns are as alike as those of real ones (Berlin, and towns all over Europe)."""
_NOISE = (0.0006, 0.004)
"""Standard deviation of the noise: floor, and share of the signal."""
_DRY = np.array([0.5, 0.5, 0.7, 0.5, 0.0, -0.2, -0.3, -0.3, 0.5, 0.8])
"""How bands answer where a field or a wood is drier than the next, against its brightness."""


_IS_CROWN = np.isin(np.arange(len(Material)), [int(crown) for crown in CROWNS])


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenery:
    """What of the ground no date changes; all `(rows, columns)` at 2 m, or at 10 m where said."""

    grid: PixelGrid
    """Where, at 2 m."""
    shade: NDArray[np.uint16]
    """Column in the table of reflectances: material * SHADES + tone."""
    height: NDArray[np.float32]
    """Metres above the ground."""
    instance: NDArray[np.uint32]
    """Shapes."""
    porous: NDArray[np.float32]
    """`_POROUS` where there are crowns, else 0."""
    open_sky: NDArray[np.float32]
    """Share of the sky that is seen."""
    lightness: NDArray[np.float32]
    """Slow variation within fields, woods and yards, about 0, at 10 m."""
    dryness: NDArray[np.float32]
    """The same for moisture, at 10 m."""


def scenery(ground: Ground, key: int) -> Scenery:
    """Prepare the ground for any number of dates.

    Args:
        ground: at 2 m, its edges on multiples of 20 m.
        key: of the city.

    Raises:
        SpecError: for another grid.
    """
    grid = ground.grid
    if grid.metres != FINE_METRES or any(edge % 20 for edge in grid.bounds):
        raise SpecError(f"Sentinel-2 is rendered from 2 m pixels with edges on multiples of 20 m, got {grid}.")
    return Scenery(
        grid=grid,
        shade=(ground.material.astype(np.uint16) << np.uint16(8)) | ground.tone.astype(np.uint16),
        height=ground.height,
        instance=ground.instance,
        porous=np.where(_IS_CROWN, np.float32(_POROUS), np.float32(0.0))[ground.material],
        open_sky=sky_seen(ground.height, FINE_METRES),
        lightness=_variation(key, grid, "lightness"),
        dryness=_variation(key, grid, "dryness"),
    )


def _variation(key: int, grid: PixelGrid, purpose: str) -> NDArray[np.float32]:
    """Smooth noise in about -1..1 at the grid's 10 m pixels, features of 240 m and of 45 m."""
    west, _, _, north = grid.bounds
    x = west + (np.arange(grid.width // _RATIO) + 0.5) * PIXEL_METRES
    y = north - (np.arange(grid.height // _RATIO) + 0.5) * PIXEL_METRES
    east, northing = np.meshgrid(x, y)
    wide = value_noise(key, east, northing, metres=240.0, purpose=purpose)
    narrow = value_noise(key, east, northing, metres=45.0, purpose=purpose + " narrow")
    return (0.6 * wide + 0.4 * narrow).astype(np.float32)


def reflected(seen: Scenery, table: NDArray[np.float32], sun: Sun, *, aerosol: float = 0.15) -> NDArray[np.float32]:
    """Surface reflectance as a perfect instrument would see it, `(10, rows, columns)` at 10 m.

    What the sun lights counts by its slope, what lies in shadow gets the sky's light and what its surroundings
    throw; divided, as L2A does, by the light on flat open ground.

    Args:
        seen: the ground.
        table: from `reflectances`.
        sun: where it stands.
        aerosol: optical depth at 0.55 um: haze brightens shadows.
    """
    direct = facing(seen.height, seen.instance, FINE_METRES, sun)
    direct *= np.float32(1.0) - shadow(seen.height, FINE_METRES, sun)
    # leaves let light through and scatter it on
    direct += seen.porous * (np.float32(_CANOPY) - direct)
    diffuse = diffuse_shares(sun, aerosol)
    rows, columns = (side // _RATIO for side in seen.shade.shape)
    out = np.empty((len(BANDS), rows, columns), dtype=np.float32)
    for top in range(0, seen.shade.shape[0], _STRIP):
        strip = np.s_[top : top + _STRIP]
        shade, lit, sky = seen.shade[strip].astype(np.intp), direct[strip], seen.open_sky[strip]
        for band in range(len(BANDS)):
            # the hidden part of the sky is filled by what the surroundings throw
            light = lit * (np.float32(1.0) - diffuse[band])
            light += sky * (diffuse[band] - _BOUNCED[band])
            light += _BOUNCED[band]
            light *= np.take(table[band], shade)
            out[band, top // _RATIO : (top + _STRIP) // _RATIO] = _averaged(light)
    out *= 1.0 + np.float32(0.07) * seen.lightness
    for band, answer in enumerate(_DRY):
        out[band] *= 1.0 + np.float32(0.14 * answer) * seen.dryness
    return out


def sensed(surface: NDArray[np.float32], grid: PixelGrid, *, seed: int, purpose: str) -> dict[str, NDArray[np.float32]]:
    """Blurred by the optics, sampled at each band's resolution, noisy.

    Args:
        surface: `(10, rows, columns)` at 10 m.
        grid: where they lie, at 10 m, edges on multiples of 20 m.
        seed: of the noise.
        purpose: name of the noise; another acquisition needs another.

    Returns:
        By ESA name, `(rows, columns)` at the band's own resolution. The outermost 40 m know too little of what lies
        beyond them; cut them off.
    """
    measured = {}
    for index, band in enumerate(BANDS):
        taps = np.array(_TAPS[band.name])
        blurred = ndimage.correlate1d(ndimage.correlate1d(surface[index], taps, axis=0), taps, axis=1)
        sampled = blurred if band.metres == PIXEL_METRES else _halved(blurred)
        own = at_metres(grid, band.metres)
        floor, share = _NOISE
        spread = floor + share * np.abs(sampled)
        measured[band.name] = sampled + spread * pixel_noise(seed, f"{purpose} {band.name}", own)
    return measured


def at_metres(grid: PixelGrid, metres: int) -> PixelGrid:
    """The same ground in pixels of another side that divides it."""
    width, height = grid.width * grid.metres // metres, grid.height * grid.metres // metres
    return replace(grid, metres=metres, width=width, height=height)


def grown_grid(grid: PixelGrid, metres: int) -> PixelGrid:
    """A grid with a margin on every side."""
    more = metres // grid.metres
    return replace(
        grid,
        west=grid.west - metres,
        north=grid.north + metres,
        width=grid.width + 2 * more,
        height=grid.height + 2 * more,
    )


def _averaged(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 5 x 5 pixels."""
    # sums of strided views take a fraction of the time of a mean over a reshaped one
    by_row = fine[0::_RATIO].copy()
    for row in range(1, _RATIO):
        by_row += fine[row::_RATIO]
    both = by_row[:, 0::_RATIO].copy()
    for column in range(1, _RATIO):
        both += by_row[:, column::_RATIO]
    both *= np.float32(1.0 / _RATIO**2)
    return both


def _halved(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 2 x 2 pixels."""
    upper = field[::2, ::2] + field[::2, 1::2]
    lower = field[1::2, ::2] + field[1::2, 1::2]
    return (upper + lower) * np.float32(0.25)
