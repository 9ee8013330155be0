"""From the finished ground to what Sentinel-2 measures of it on one day: ten bands and an SCL.

Material at 5 m becomes brightness-weighted abundance at 10 m once; a day is then a product with that
day's spectra, sun and shadow, clouds, the sensor's blur, and noise.
"""

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lczmap.synthetic.fabric import Ground
from lczmap.synthetic.landplan import FINE_METRES
from lczmap.synthetic.materials import Material, spectra
from lczmap.synthetic.sky import DIFFUSE, Sun, classify_scene, draw_sky, halved, veil
from lczmap.words.bands import BANDS

_BLUR = {10: 0.45, 20: 0.85}
"""Standard deviation of the point spread by native resolution, in pixels of 10 m."""
_NOISE = (0.0007, 0.004)
"""Standard deviation of the noise: floor, and share of the signal."""
_STEP = np.float32(0.0008)
"""Reflectance is kept to 8 DN: less than the noise, and a quarter of the bytes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Terrain:
    """The ground as a 10 m sensor can mix it."""

    abundance: NDArray[np.float32]
    """Share of each material times its brightness (materials, rows, columns) at 10 m."""
    elevation: NDArray[np.float32]
    """Metres (rows, columns) at 10 m."""
    height: NDArray[np.float32]
    """Buildings and trees, metres (rows, columns) at 5 m."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """One acquisition over the whole region."""

    reflectance: dict[str, NDArray[np.float32]]
    """By ESA name, (rows, columns) at the band's own resolution."""
    scl: NDArray[np.uint8]
    """Scene classification (rows, columns) at 20 m."""


def mix_terrain(ground: Ground, elevation: NDArray[np.float32]) -> Terrain:
    """Average the ground into 10 m pixels.

    Args:
        ground: surface at 5 m.
        elevation: metres at 5 m.
    """
    planes = [
        halved(np.where(ground.material == material, ground.brightness, np.float32(0.0))) for material in Material
    ]
    return Terrain(abundance=np.stack(planes), elevation=halved(elevation), height=ground.height)


def look(terrain: Terrain, taken: datetime, *, cover: float, sun: Sun, rng: np.random.Generator) -> Look:
    """What one overpass sees.

    Args:
        terrain: the ground.
        taken: decides the season.
        cover: share of clouds, 0..1.
        sun: where it stands.
        rng: source of clouds, haze and noise.
    """
    surface = np.tensordot(spectra(taken.timetuple().tm_yday).T, terrain.abundance, axes=1)
    surface *= _slopes(terrain.elevation, sun)
    shadow = halved(_cast(terrain.height, sun))
    diffuse = np.array(DIFFUSE, dtype=np.float32)[:, None, None]
    surface *= 1.0 - shadow * (1.0 - diffuse)
    sky = draw_sky(rng, terrain.elevation.shape, cover=cover, sun=sun)
    # what the correction for the atmosphere left behind
    haze = np.linspace(1.0, 0.0, len(BANDS), dtype=np.float32) * np.float32(rng.uniform(-0.002, 0.006))
    gain = np.float32(rng.uniform(0.98, 1.02))
    seen = veil(surface, sky) * gain + haze[:, None, None]
    reflectance = {band.name: _sense(seen[index], band.metres, rng) for index, band in enumerate(BANDS)}
    return Look(reflectance=reflectance, scl=classify_scene(rng, surface, sky))


def _sense(seen: NDArray[np.float32], metres: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur, sample at the band's resolution and add noise."""
    blurred = ndimage.gaussian_filter(seen, _BLUR[metres], mode="nearest", truncate=3.0)
    sampled = blurred if metres == 10 else halved(blurred)
    floor, share = _NOISE
    spread = floor + share * np.abs(sampled)
    noisy = sampled + spread * rng.standard_normal(sampled.shape, dtype=np.float32)
    return rounded(noisy)


def rounded(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reflectance to the step that is kept, above 0; NaN stays."""
    kept: NDArray[np.float32] = np.maximum(np.rint(reflectance / _STEP), np.float32(1.0)) * _STEP
    return kept


def _slopes(elevation: NDArray[np.float32], sun: Sun) -> NDArray[np.float32]:
    """Factor of the light on tilted ground (cosine law, softened as minor corrections do)."""
    down, right = np.gradient(elevation, 10.0)
    climb, azimuth = math.radians(sun.elevation), math.radians(sun.azimuth)
    towards = -right * math.sin(azimuth) + down * math.cos(azimuth)
    cosine = (math.sin(climb) + math.cos(climb) * towards) / np.sqrt(1.0 + right**2 + down**2)
    factor: NDArray[np.float32] = np.clip(1.0 + 0.7 * (cosine / math.sin(climb) - 1.0), 0.35, 1.5).astype(np.float32)
    return factor


def _cast(height: NDArray[np.float32], sun: Sun) -> NDArray[np.float32]:
    """1 where a building or tree keeps the sun from a pixel, (rows, columns) at 5 m."""
    slope, azimuth = math.tan(math.radians(sun.elevation)), math.radians(sun.azimuth)
    rows, columns = height.shape
    shadow = np.zeros(height.shape, dtype=np.bool_)
    for step in range(1, int(float(height.max()) / slope / FINE_METRES) + 1):
        # walk from each pixel towards the sun: south is down, east is right
        down, right = round(-step * math.cos(azimuth)), round(step * math.sin(azimuth))
        here = np.s_[max(-down, 0) : rows - max(down, 0), max(-right, 0) : columns - max(right, 0)]
        there = np.s_[max(down, 0) : rows - max(-down, 0), max(right, 0) : columns - max(-right, 0)]
        shadow[here] |= height[there] > height[here] + np.float32(step * FINE_METRES * slope)
    return shadow.astype(np.float32)
