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
"""Longest shadow that is followed, metres."""
_AROUND = 24.0
"""Metres around a place that decide how much sky it sees."""
_NEAR = 8.0
"""Metres that decide it most."""
_SOFT = 0.5
"""Height over which a shadow's edge fades, metres."""


def margins(sun: Sun, *, tallest: float) -> tuple[int, int, int, int]:
    """How far around a window things count for its light: whole metres left, bottom, right, top, multiples of 10.

    Args:
        sun: shadows come from its side alone.
        tallest: height of the tallest thing, metres.
    """
    reach = min(tallest / math.tan(math.radians(sun.elevation)), SHADOW_REACH)
    azimuth = math.radians(sun.azimuth)
    east, north = math.sin(azimuth) * reach, math.cos(azimuth) * reach
    left, bottom, right, top = (
        10 * math.ceil((max(side, 0.0) + _AROUND / 2.0 + 4.0) / 10.0) for side in (-east, -north, east, north)
    )
    return left, bottom, right, top


def shadow(height: NDArray[np.float32], metres: float, sun: Sun) -> NDArray[np.float32]:
    """1 where something keeps the direct sun away, 0 in the sun, in between within half a metre of the edge.

    Args:
        height: metres above the ground (rows, columns), row 0 in the north.
        metres: pixel side.
        sun: where it stands, above the horizon.
    """
    slope = math.tan(math.radians(sun.elevation))
    azimuth = math.radians(sun.azimuth)
    south, east = -math.cos(azimuth), math.sin(azimuth)
    longest = min((float(height.max(initial=0.0)) + _SOFT) / slope, SHADOW_REACH) / metres
    # the height a sunbeam must pass above each pixel: what stands d metres sunwards counts d * slope less
    source, needed = height, np.full(height.shape, -_SOFT, dtype=np.float32)
    spare, reached, steps = np.empty_like(needed), 0, 1
    while reached < longest:
        down, right = round(south * steps), round(east * steps)
        here, there = _shifted(height.shape, down, right)
        # along the sun's direction: a step to the nearest pixel is a little longer or shorter than wished
        fall = np.float32((south * down + east * right) * metres * slope)
        np.copyto(spare, needed)
        np.maximum(needed[here], source[there] - fall, out=spare[here])
        needed, spare = spare, needed
        source, reached, steps = needed, reached + steps, steps if not reached else 2 * steps
    needed -= height
    needed *= 1.0 / _SOFT
    needed += 0.5
    return np.clip(needed, 0.0, 1.0, out=needed)


def _shifted(shape: tuple[int, ...], down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Views of the pixels that have a partner `down` rows and `right` columns on, and of those partners."""
    rows, columns = shape
    far, wide = min(abs(down), rows), min(abs(right), columns)
    ahead, behind = (slice(0, rows - far), slice(far, rows))
    before, after = (slice(0, columns - wide), slice(wide, columns))
    vertical = (ahead, behind) if down >= 0 else (behind, ahead)
    horizontal = (before, after) if right >= 0 else (after, before)
    return (vertical[0], horizontal[0]), (vertical[1], horizontal[1])


def facing(height: NDArray[np.float32], instance: NDArray[np.uint32], metres: float, sun: Sun) -> NDArray[np.float32]:
    """Direct sunlight on each pixel's slope against that on flat ground: 1 flat, up to 2.5, 0 turned away.

    Slopes are taken within a shape only: a wall is no slope. At a shape's edge its inner neighbour alone counts.
    """
    climb, azimuth = math.radians(sun.elevation), math.radians(sun.azimuth)
    down = _slope(height, instance, metres)
    right = _slope(height.T, instance.T, metres).T
    towards = down * np.float32(math.cos(azimuth) / math.tan(climb))
    towards -= right * np.float32(math.sin(azimuth) / math.tan(climb))
    towards += 1.0
    down *= down
    right *= right
    down += right
    down += 1.0
    towards /= np.sqrt(down, out=down)
    return np.clip(towards, 0.0, 2.5, out=towards)


def _slope(height: NDArray[np.float32], instance: NDArray[np.uint32], metres: float) -> NDArray[np.float32]:
    """Rise to the next row, over the neighbours that belong to the same shape."""
    same = instance[1:] == instance[:-1]
    step = height[1:] - height[:-1]
    step *= same
    slope = np.zeros_like(height)
    slope[1:] += step
    slope[:-1] += step
    both = same[1:] & same[:-1]
    slope[1:-1] *= np.where(both, np.float32(0.5 / metres), np.float32(1.0 / metres))
    slope[:: max(len(slope) - 1, 1)] *= np.float32(1.0 / metres)
    return slope


def sky_seen(height: NDArray[np.float32], metres: float) -> NDArray[np.float32]:
    """Roughly the share of the sky each pixel sees (0.25..1), from how far its surroundings rise above it."""
    # in 64ths of a metre running sums are exact, so that they do not depend on where a window begins
    whole = np.rint(height * 64.0)
    wide = ndimage.uniform_filter(whole, max(3, round(_AROUND / metres)), mode="nearest")
    wide += ndimage.uniform_filter(whole, max(3, round(_NEAR / metres)), mode="nearest")
    wide *= 0.5 / 64.0
    wide -= height
    np.maximum(wide, 0.0, out=wide)
    wide *= 1.0 / 8.0
    wide += 1.0
    seen: NDArray[np.float32] = np.maximum(np.reciprocal(wide, out=wide), np.float32(0.25))
    return seen
