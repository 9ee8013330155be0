"""Light and shadow on a height field, for a sun at any height.

In: heights on a grid and a sun. Out: where the sun does not reach, how steeply roofs and crowns face it, and how
much of the sky a place sees. Shadows march towards the sun in doubling steps: log2 of the longest shadow's length.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lczmap.synthetic.sky import Sun

SHADOW_REACH = 256.0
"""Longest shadow that is followed, metres: the margin a window needs to agree with its neighbours."""


def shadow(height: NDArray[np.float32], metres: float, sun: Sun) -> NDArray[np.float32]:
    """1 where something keeps the direct sun away, 0 in the sun, in between within half a metre of the edge.

    Args:
        height: metres above the ground (rows, columns), row 0 in the north.
        metres: pixel side.
        sun: where it stands, above the horizon.
    """
    slope = math.tan(math.radians(sun.elevation))
    azimuth = math.radians(sun.azimuth)
    # the height a sunbeam must pass above each pixel: what stands d metres sunwards counts d * slope less
    needed = np.full(height.shape, -np.inf, dtype=np.float32)
    source, steps = height, 1
    while steps * metres <= SHADOW_REACH:
        down, right = round(-math.cos(azimuth) * steps), round(math.sin(azimuth) * steps)
        here, there = _shifted(height.shape, down, right)
        lowered = source[there] - np.float32(math.hypot(down, right) * metres * slope)
        raised = needed.copy()
        np.maximum(raised[here], lowered, out=raised[here])
        steps = 1 if source is height else 2 * steps
        source = needed = raised
    softened: NDArray[np.float32] = np.clip((needed - height) / 0.5 + 0.5, 0.0, 1.0)
    return softened


def _shifted(shape: tuple[int, ...], down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Views of the pixels that have a partner `down` rows and `right` columns on, and of those partners."""
    rows, columns = shape
    here = (slice(max(-down, 0), rows - max(down, 0)), slice(max(-right, 0), columns - max(right, 0)))
    there = (slice(max(down, 0), rows - max(-down, 0)), slice(max(right, 0), columns - max(-right, 0)))
    return here, there


def facing(height: NDArray[np.float32], instance: NDArray[np.uint32], metres: float, sun: Sun) -> NDArray[np.float32]:
    """Direct sunlight on each pixel's slope against that on flat ground: 1 flat, up to about 2, 0 turned away.

    Slopes are taken within a shape only: a wall is no slope.
    """
    down = np.zeros_like(height)
    right = np.zeros_like(height)
    same = instance[1:] == instance[:-1]
    step = np.where(same, height[1:] - height[:-1], 0.0)
    down[1:] += step
    down[:-1] += step
    same = instance[:, 1:] == instance[:, :-1]
    step = np.where(same, height[:, 1:] - height[:, :-1], 0.0)
    right[:, 1:] += step
    right[:, :-1] += step
    down *= 0.5 / metres
    right *= 0.5 / metres
    climb, azimuth = math.radians(sun.elevation), math.radians(sun.azimuth)
    towards = down * np.float32(math.cos(azimuth)) - right * np.float32(math.sin(azimuth))
    cosine = (math.sin(climb) + math.cos(climb) * towards) / np.sqrt(1.0 + down**2 + right**2)
    factor: NDArray[np.float32] = np.clip(cosine / math.sin(climb), 0.0, 2.5).astype(np.float32)
    return factor


def sky_seen(height: NDArray[np.float32], metres: float) -> NDArray[np.float32]:
    """Roughly the share of the sky each pixel sees (0.25..1), from how far its surroundings rise above it."""
    wide = ndimage.uniform_filter(height, max(3, round(24.0 / metres)), mode="nearest")
    near = ndimage.uniform_filter(height, max(3, round(8.0 / metres)), mode="nearest")
    above = np.maximum(0.5 * (wide + near) - height, 0.0)
    seen: NDArray[np.float32] = np.clip(1.0 / (1.0 + above / 8.0), 0.25, 1.0).astype(np.float32)
    return seen
