"""The scene classification (SCL) that comes with a simulated scene, with the real one's small mistakes.

In: what lies on the ground and in the sky at 10 m. Out: SCL at 20 m.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lczmap.synthetic.chance import city_key, value_noise
from lczmap.synthetic.noise import pixel_noise
from lczmap.synthetic.sky import Sky
from lczmap.words.grid import PixelGrid

_SEVENTH = 1.04
"""Noise of variance 1 is above this at 15 % of the pixels."""


def classify_scene(
    surface: NDArray[np.float32], sky: Sky, grid: PixelGrid, *, seed: int, purpose: str
) -> NDArray[np.uint8]:
    """Scene classification at 20 m.

    Thinnest cloud edges pass as clear, a few bright roofs and sands are called cloud, shadows are found one pixel
    aside and only partly, towers' shadows may pass for dark ground or water.

    Args:
        surface: reflectance without clouds (10, rows, columns) at 10 m.
        sky: the clouds.
        grid: where, at 10 m; the outermost 40 m know too little of what lies beyond them.
        seed: of the mistakes.
        purpose: name of the acquisition.

    Returns:
        (rows, columns) at 20 m.
    """
    blue, red, near, short = (halved(surface[band]) for band in (0, 2, 7, 8))
    coarse = PixelGrid(
        epsg=grid.epsg, west=grid.west, north=grid.north, metres=20, width=grid.width // 2, height=grid.height // 2
    )

    def mistake(name: str) -> NDArray[np.float32]:
        return pixel_noise(seed, f"{purpose} SCL {name}", coarse)

    greenness = (near - red) / (near + red + np.float32(1e-6))
    classes = np.full(blue.shape, 5, dtype=np.uint8)
    classes[(greenness > 0.28) & (greenness < 0.4) & (mistake("green") > _SEVENTH)] = 7
    classes[greenness >= 0.4] = 4
    # the shadow of a tower is as dark as water, but not as black at 1.6 um
    classes[(near < 0.07) & (short < 0.07)] = 2
    classes[(near < 0.085) & (short < 0.028)] = 6
    if not sky.clear:
        shade = np.roll(halved(sky.shade), 1, axis=1)
        classes[(shade + 0.06 * mistake("shadow") > 0.2) & (classes != 6)] = 3
    classes[(blue > 0.24) & (_patches(seed, purpose, coarse) > 0.45)] = 8
    if not sky.clear:
        opacity = ndimage.uniform_filter(halved(sky.opacity), 3) + 0.03 * mistake("cloud")
        classes[opacity > 0.11] = 10
        classes[opacity > 0.25] = 8
        classes[opacity > 0.55] = 9
    return classes


def cloud_percent(classes: NDArray[np.uint8]) -> float:
    """Share of cloud (8, 9, 10) among classified pixels, percent."""
    valid = int(np.count_nonzero(classes))
    cloudy = int(np.isin(classes, (8, 9, 10)).sum())
    return round(100.0 * cloudy / max(valid, 1), 6)


def halved(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 2 x 2 pixels."""
    # four strided sums take a quarter of the time of a mean over a reshaped view
    upper = field[::2, ::2] + field[::2, 1::2]
    lower = field[1::2, ::2] + field[1::2, 1::2]
    return (upper + lower) * np.float32(0.25)


def _patches(seed: int, purpose: str, grid: PixelGrid) -> NDArray[np.float64]:
    """Where bright things are taken for clouds: in patches of some hundred metres."""
    x = grid.west + (np.arange(grid.width) + 0.5) * grid.metres
    y = grid.north - (np.arange(grid.height) + 0.5) * grid.metres
    east, north = np.meshgrid(x, y)
    return value_noise(city_key(seed), east, north, metres=400.0, purpose=f"{purpose} SCL bright")
