"""Registration: how far the VHR image of a tile lies from Sentinel-2's, by phase correlation with band B04.

Both come on one grid of 10 m. What is not seen in both is left out; a weak peak gives no answer instead of a wrong
one. Nothing is shifted: the shift is reported, and flagged where it is large.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, ifft2
from scipy.ndimage import gaussian_filter

from lczmap.words.grid import PIXEL_METRES

Field = NDArray[np.float32]
"""(rows, columns)."""

TOO_FAR_METRES: Final = 10.0
"""A shift beyond this is flagged: Sentinel-2's own geolocation is no better."""
LEAST_PIXELS: Final = 1000
"""Pixels seen in both below which nothing is told (0.1 km2)."""
LEAST_PEAK: Final = 8.0
"""Peaks below this, in standard deviations of the correlation, are refused."""
_LEAST_LEAD: Final = 1.25
"""How much the peak must be above the next."""
_FARTHEST: Final = 20
"""Shifts are sought up to this, pixels."""
_SMOOTH: Final = 6.0
"""Sigma of the mean that is taken away, pixels: haze, season and stretch differ slowly."""
_PASS: Final = 0.2
"""Frequency at which the weight has fallen to exp(-1/2), cycles a pixel: beyond it the sensors share little."""
_FLAT: Final = 1e-3
"""Contrast, as a share of the brightness, below which an image shows nothing: rounding would be whitened too."""
_FINE: Final = 20
"""Steps to a pixel of the refined peak."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Where the VHR image lies against Sentinel-2."""

    east: float
    """By how much what the VHR image shows lies east of where Sentinel-2 shows it, metres."""
    north: float
    """Likewise north, metres."""
    peak: float
    """Height of the correlation's peak in its standard deviations: 8 is refused below, hundreds are perfect."""
    share: float
    """Share of the pixels that were seen in both, 0..1."""

    @property
    def metres(self) -> float:
        """Length of the shift."""
        return math.hypot(self.east, self.north)

    @property
    def misregistered(self) -> bool:
        """Whether the shift is more than a pixel of Sentinel-2."""
        return self.metres > TOO_FAR_METRES


def register(red: NDArray[np.int16], rgb: NDArray[np.uint8]) -> Registration | None:
    """Find the shift between band B04 and a VHR image on the same grid of 10 m.

    Args:
        red: (rows, columns) reflectance of B04 x 1e-4, negative for no data.
        rgb: (rows, columns, 3) of the VHR image; black is no data.

    Returns:
        The shift; None where too little is seen in both, or they do not agree.
    """
    both = (red > 0) & (rgb > 0).any(axis=2)
    if np.count_nonzero(both) < LEAST_PIXELS:
        return None
    rows, columns = (np.flatnonzero(both.any(axis=axis)) for axis in (1, 0))
    part = np.ix_(range(rows[0], rows[-1] + 1), range(columns[0], columns[-1] + 1))
    mask = both[part]
    reach = min(_FARTHEST, min(mask.shape) // 4)
    if reach < 1:
        return None
    cross = _cross(_edges(red[part], mask), _edges(rgb[..., 0][part], mask))
    surface = np.asarray(ifft2(cross, workers=1).real, np.float32)
    found = _peak(surface, reach)
    if found is None:
        return None
    peak = found[2]
    down, right = _refined(cross, found[0], found[1])
    return Registration(
        east=right * PIXEL_METRES,
        north=-down * PIXEL_METRES,
        peak=peak,
        share=float(np.count_nonzero(both) / both.size),
    )


def _edges(values: NDArray[np.generic], mask: NDArray[np.bool_]) -> Field:
    """What stands out from its surroundings, in their own contrast; fades to 0 where nothing is seen."""
    seen = mask.astype(np.float32)
    weight = gaussian_filter(seen, _SMOOTH, mode="constant")
    weight = np.maximum(weight, 1e-3)
    plain = np.where(mask, values, 0).astype(np.float32)
    high = (plain - gaussian_filter(plain, _SMOOTH, mode="constant") / weight) * seen
    contrast = np.sqrt(gaussian_filter(high**2, 2 * _SMOOTH, mode="constant") / weight)
    usual = float(contrast[mask].mean())
    if usual < _FLAT * float(plain[mask].mean()):
        return np.zeros_like(plain)
    # a mask's outline is the same in both images and would say that they coincide: fade it out
    fade = np.clip(2 * gaussian_filter(seen, 2.0, mode="constant") - 1, 0, 1) * seen
    return np.asarray(np.clip(high / np.maximum(contrast, 0.1 * usual), -4, 4) * fade, np.float32)


def _cross(first: Field, second: Field) -> NDArray[np.complex64]:
    """Phases of the cross power spectrum, weighted by frequency."""
    product = fft2(second, workers=1) * np.conj(fft2(first, workers=1))
    down, right = np.fft.fftfreq(first.shape[0])[:, None], np.fft.fftfreq(first.shape[1])[None]
    weight = np.exp(-0.5 * (down**2 + right**2) / _PASS**2)
    weight[0, 0] = 0
    size = np.abs(product)
    return np.asarray(product / np.maximum(size, 1e-6 * size.max() + 1e-30) * weight, np.complex64)


def _peak(surface: Field, reach: int) -> tuple[int, int, float] | None:
    """Rows down and columns right of the highest point within reach, and its height; None where it is weak."""
    noise = float(surface.std())
    steps = np.arange(-reach, reach + 1)
    near = surface[np.ix_(steps % surface.shape[0], steps % surface.shape[1])].copy()
    row, column = (int(index) for index in np.unravel_index(int(near.argmax()), near.shape))
    height = float(near[row, column])
    near[max(row - 4, 0) : row + 5, max(column - 4, 0) : column + 5] = -np.inf
    second = float(near.max())
    if noise == 0 or height < LEAST_PEAK * noise or height < _LEAST_LEAD * second:
        return None
    if reach in (abs(row - reach), abs(column - reach)):  # at the edge: the true one may lie beyond
        return None
    return row - reach, column - reach, height / noise


def _refined(cross: NDArray[np.complex64], down: int, right: int) -> tuple[float, float]:
    """The peak between pixels: the correlation evaluated on a fine lattice around it."""
    steps = np.arange(-_FINE, _FINE + 1) / _FINE
    rows, columns = np.fft.fftfreq(cross.shape[0]), np.fft.fftfreq(cross.shape[1])
    vertical = np.exp(2j * np.pi * np.outer(down + steps, rows)).astype(np.complex64)
    horizontal = np.exp(2j * np.pi * np.outer(columns, right + steps)).astype(np.complex64)
    fine = (vertical @ cross @ horizontal).real
    row, column = np.unravel_index(int(fine.argmax()), fine.shape)
    return float(down + steps[row]), float(right + steps[column])
