"""The composite: many dated looks at one grid become one image by the median of the clear ones.

In: digital numbers as offsets-corrected int16 and a clear mask, per look. Out: int16 x 1e-4 reflectance,
nodata -32768, with the count of clear looks. Reading files is not done here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lczmap.words.bands import COMPOSITE_NODATA

UNMASKED = 1
"""Provenance bit: a look without scene classification contributed to the pixel."""
ASSUMED = 2
"""Provenance bit: a look whose radiometric offset was assumed contributed to the pixel."""

_ABSENT = np.int16(np.iinfo(np.int16).max)  # sorts behind every true value


@dataclass(frozen=True, kw_only=True)
class Composite:
    """One image of a tile and its halo."""

    reflectance: NDArray[np.int16]
    """(10, rows, columns), bands in input order, reflectance x 10,000; nodata -32768 in all bands at once."""
    looks: NDArray[np.uint8]
    """(rows, columns), number of solar days that saw the ground clearly."""
    provenance: NDArray[np.uint8]
    """(rows, columns), bits `UNMASKED` and `ASSUMED`."""


def clear_of_scl(scl: NDArray[np.uint8], dropped: tuple[int, ...], dilation_pixels: int) -> NDArray[np.bool_]:
    """Where a look sees the ground, what does not having grown by a square of some pixels.

    Args:
        scl: (rows + 2 d, columns + 2 d) scene classification with a margin of `dilation_pixels` (d) all round, so
            that a cloud just outside the grid reaches in and neighbouring tiles agree.
        dropped: SCL classes that are not clear.
        dilation_pixels: radius d of the growth.

    Returns:
        (rows, columns) mask, True where clear.
    """
    veiled = np.isin(scl, np.asarray(dropped, dtype=np.uint8))
    if not dilation_pixels:
        return ~veiled
    side = 2 * dilation_pixels + 1
    grown = ndimage.maximum_filter(veiled.view(np.uint8), size=side, mode="constant", cval=0)
    inner = slice(dilation_pixels, -dilation_pixels)
    clear: NDArray[np.bool_] = grown[inner, inner] == 0
    return clear


def clear_median(values: NDArray[np.int16], clear: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Median over the clear looks of one band.

    Of an even number of looks it is the mean of the middle two, rounded half to even.

    Args:
        values: (looks, rows, columns), reflectance x 10,000.
        clear: (looks, rows, columns), True where the look counts.

    Returns:
        (rows, columns), `COMPOSITE_NODATA` where no look counts.
    """
    ordered = np.where(clear, values, _ABSENT)
    ordered.sort(axis=0)
    count = clear.sum(axis=0, dtype=np.int16)
    low = np.maximum(count - 1, 0) // 2
    high = np.minimum(count // 2, len(values) - 1)
    below = np.take_along_axis(ordered, low[None].astype(np.intp), axis=0)[0].astype(np.int32)
    above = np.take_along_axis(ordered, high[None].astype(np.intp), axis=0)[0].astype(np.int32)
    total = below + above
    half = total >> 1
    median = half + (total & half & 1)  # half to even
    return np.where(count > 0, median, COMPOSITE_NODATA).astype(np.int16)
