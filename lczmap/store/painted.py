"""Windows painted for the eye: true colours of Sentinel-2, the VHR picture, instances over it. Arrays in, RGB out.

Nodata is pale grey everywhere, so that it cannot be taken for a dark roof.
"""

import colorsys

import numpy as np
from numpy.typing import NDArray

from lczmap.words.bands import BAND_NAMES
from lczmap.words.grid import WINDOW_METRES

NOTHING = (222, 226, 228)
"""Colour of what was not seen."""
_LEAST_SPAN = 0.06
"""Least reflectance from black to white: the noise of a lake must not look like a town."""
_FINE = 3
"""Painted pixels per metre, so that outlines are thin."""
_GOLDEN = 0.61803398875
"""Steps of hue by which any number of neighbours in a list differ."""
_FILL, _LINE = 0.30, 0.95
"""Opacity of an instance's inside and of its outline."""


def true_colours(reflectance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Red, green and blue of a composite, 1st to 99th percentile of all three together.

    Args:
        reflectance: (rows, columns, 10), 0..1, NaN where nodata.

    Returns:
        (rows, columns, 3).
    """
    seen = reflectance[..., [BAND_NAMES.index(name) for name in ("B04", "B03", "B02")]]
    known = ~np.isnan(seen).any(axis=2)
    painted = np.full(seen.shape, NOTHING, np.uint8)
    if known.any():
        low, high = (float(edge) for edge in np.percentile(seen[known], (1, 99)))
        spread = max(high - low, _LEAST_SPAN)
        low -= (spread - (high - low)) / 2
        painted[known] = np.rint(np.clip((seen[known] - low) / spread, 0, 1) ** 0.8 * 255).astype(np.uint8)
    return painted


def seen_from_above(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A VHR window (rows, columns, 3) with its nodata pale instead of black."""
    return np.where(picture.any(axis=2, keepdims=True), picture, np.array(NOTHING, np.uint8)).astype(np.uint8)


def hues(count: int) -> NDArray[np.float64]:
    """(count, 3) colours 0..1 that tell neighbours in a list apart."""
    return np.array([colorsys.hsv_to_rgb((0.02 + index * _GOLDEN) % 1, 0.85, 1.0) for index in range(count)]).reshape(
        -1, 3
    )


def cut_up(picture: NDArray[np.uint8], masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A VHR window with its instances: tinted inside, outlined, smaller ones over larger.

    Args:
        picture: (320, 320, 3), black where nodata.
        masks: (n, side, side) of the same square, largest first.

    Returns:
        (960, 960, 3).
    """
    base = seen_from_above(picture)
    canvas = np.repeat(np.repeat(base, _FINE, axis=0), _FINE, axis=1).astype(np.float32) * 0.9
    for mask, hue in zip(masks, hues(len(masks)), strict=True):
        times = WINDOW_METRES * _FINE // len(mask)
        box = tuple(slice(int(edge.min()), int(edge.max()) + 1) for edge in np.nonzero(mask))
        inside = np.repeat(np.repeat(mask[box], times, axis=0), times, axis=1)
        here = canvas[tuple(slice(edge.start * times, edge.stop * times) for edge in box)]
        colour = (hue * 255).astype(np.float32)
        here[inside] += _FILL * (colour - here[inside])
        rim = inside & ~_shrunk(inside, _FINE)
        here[rim] += _LINE * (colour - here[rim])
    painted: NDArray[np.uint8] = np.rint(canvas).astype(np.uint8)
    return painted


def _shrunk(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """A mask without a rim of some pixels."""
    kept = np.pad(mask, by)
    for _ in range(2):
        kept = np.logical_and.reduce([kept[step : len(kept) - 2 * by + step] for step in range(2 * by + 1)]).T
    return kept
