"""Sun, skylight, clouds and their shadows.

Clouds are a function of place and seed: ask for any window, and windows agree where they overlap.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lczmap.synthetic.chance import city_key, value_noise
from lczmap.synthetic.noise import generator
from lczmap.words.grid import PixelGrid

_RAYLEIGH = (0.155, 0.091, 0.045, 0.036, 0.029, 0.023, 0.018, 0.016, 0.0013, 0.0004)
"""Optical depth of the air itself, by band."""
_MICROMETRES = (0.490, 0.560, 0.665, 0.705, 0.740, 0.783, 0.842, 0.865, 1.610, 2.190)
_CLOUD = (0.62, 0.60, 0.60, 0.61, 0.62, 0.63, 0.64, 0.64, 0.46, 0.36)
_OCTAVES = ((3_600.0, 1.0), (1_700.0, 0.62), (800.0, 0.36), (380.0, 0.20), (170.0, 0.11), (80.0, 0.06))
"""Size of lumps in metres, and their weight."""
_EDGE = 0.45
"""How much the lumps rise from clear to opaque."""
_SHARE_SEEN = 0.3
"""Opacity from which a pixel counts as cloudy."""
_SURVEY = 160
"""Spacing at which the cover of a region is counted, metres."""
SKY_MARGIN = 80
"""Metres beyond a window that are worked out for its clouds' soft edges."""


@dataclass(frozen=True, kw_only=True)
class Sun:
    """Where the sun stands."""

    elevation: float
    """Degrees above the horizon."""
    azimuth: float
    """Degrees clockwise from north."""


@dataclass(frozen=True, kw_only=True)
class Clouds:
    """The clouds of one date."""

    key: int
    """Of their noise."""
    base: float
    """Where lumps become visible; infinite for a clear sky."""
    shift: tuple[int, int]
    """Metres east and north from a cloud to its shadow."""
    diffuse: tuple[float, ...]
    """Share of the light that a cloud's shadow keeps, by band."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sky:
    """Clouds over a 10 m grid, row 0 in the north."""

    opacity: NDArray[np.float32]
    """0 clear to 1 opaque (rows, columns)."""
    shade: NDArray[np.float32]
    """Share of direct sunlight kept from the ground by clouds (rows, columns)."""
    clear: bool
    """Whether the date has no clouds anywhere: what is done without them must not depend on the window."""


def sun_at(taken: datetime, *, lon: float, lat: float) -> Sun:
    """Position of the sun to about a degree (Cooper's declination, no equation of time)."""
    sensed = taken.astimezone(UTC)
    day = sensed.timetuple().tm_yday
    declination = math.radians(23.45) * math.sin(2.0 * math.pi * (284 + day) / 365.0)
    hour = math.radians(15.0 * (sensed.hour + sensed.minute / 60.0 + lon / 15.0 - 12.0))
    phi = math.radians(lat)
    sine = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(hour)
    east = -math.cos(declination) * math.sin(hour)
    north = math.cos(phi) * math.sin(declination) - math.sin(phi) * math.cos(declination) * math.cos(hour)
    azimuth = math.degrees(math.atan2(east, north)) % 360.0
    return Sun(elevation=round(math.degrees(math.asin(sine)), 3), azimuth=round(azimuth, 3))


def diffuse_shares(sun: Sun, aerosol: float = 0.15) -> NDArray[np.float32]:
    """Share of the light on flat open ground that comes from the blue sky, by band `(10,)`.

    Single scattering: half of what the air scatters and three quarters of what aerosol scatters comes down.

    Args:
        sun: the lower, the more.
        aerosol: optical depth at 0.55 um; its Angstrom exponent is 1.3.
    """
    path = 1.0 / math.sin(math.radians(max(sun.elevation, 5.0)))
    air = np.array(_RAYLEIGH) * path
    haze = aerosol * (np.array(_MICROMETRES) / 0.55) ** -1.3 * path
    scattered = 0.5 * -np.expm1(-air) + 0.75 * -np.expm1(-haze)
    shares: NDArray[np.float32] = (scattered / (scattered + np.exp(-air - haze))).astype(np.float32)
    return shares


def draw_clouds(seed: int, purpose: str, region: PixelGrid, *, cover: float, sun: Sun) -> Clouds:
    """Cumulus that covers a region by a given share.

    Args:
        seed: with `purpose`, makes other clouds.
        purpose: name of the draw.
        region: where the share is counted.
        cover: share of cloudy pixels, 0..1.
        sun: casts the shadows.
    """
    rng = generator(seed, f"clouds {purpose}")
    key = city_key(int(rng.integers(2**31)))
    reach = float(rng.uniform(900.0, 1_500.0)) / math.tan(math.radians(sun.elevation))
    azimuth = math.radians(sun.azimuth)
    left, bottom, right, top = region.bounds
    wide = PixelGrid(
        epsg=region.epsg,
        west=left,
        north=top,
        metres=_SURVEY,
        width=max((right - left) // _SURVEY, 1),
        height=max((top - bottom) // _SURVEY, 1),
    )
    # clouds lie over about cover of the region; where the survey is small, a little more or less
    base = float(np.quantile(_lumps(key, wide, (0, 0)), 1.0 - cover)) if cover > 0.0 else math.inf
    return Clouds(
        key=key,
        base=base,
        shift=(round(-reach * math.sin(azimuth)), round(-reach * math.cos(azimuth))),
        diffuse=tuple(diffuse_shares(sun).tolist()),
    )


def sky_over(clouds: Clouds, grid: PixelGrid) -> Sky:
    """The clouds over a window at 10 m, edges on multiples of 20 m."""
    if math.isinf(clouds.base):
        none = np.zeros((grid.height, grid.width), dtype=np.float32)
        return Sky(opacity=none, shade=none, clear=True)
    opacity = _opacity(clouds, grid, (0, 0))
    shade = ndimage.uniform_filter(_opacity(clouds, grid, clouds.shift), 5, mode="nearest")
    return Sky(opacity=opacity, shade=np.float32(0.9) * shade, clear=False)


def veil(surface: NDArray[np.float32], sky: Sky, clouds: Clouds) -> NDArray[np.float32]:
    """What is seen through the sky: the shaded ground behind the clouds, (10, rows, columns)."""
    if sky.clear:
        return surface
    diffuse, cloud = (np.array(values, dtype=np.float32)[:, None, None] for values in (clouds.diffuse, _CLOUD))
    lit = surface * (1.0 - sky.shade * (1.0 - diffuse))
    bright = cloud * (0.75 + 0.4 * sky.opacity)
    return np.asarray(lit * (1.0 - sky.opacity) + bright * sky.opacity, dtype=np.float32)


def _opacity(clouds: Clouds, grid: PixelGrid, shift: tuple[int, int]) -> NDArray[np.float32]:
    """How opaque what stands `shift` metres off is, on every pixel."""
    coarse = replace(grid, metres=20, width=grid.width // 2, height=grid.height // 2)
    rise = (_lumps(clouds.key, coarse, shift) - clouds.base) / _EDGE + _SHARE_SEEN
    half = np.clip(rise, 0.0, 1.0).astype(np.float32)
    return half.repeat(2, axis=0).repeat(2, axis=1)


def _lumps(key: int, grid: PixelGrid, shift: tuple[int, int]) -> NDArray[np.float64]:
    """The heaps that clouds are the tops of, at pixel centres `shift` metres away."""
    x = grid.west - shift[0] + (np.arange(grid.width) + 0.5) * grid.metres
    y = grid.north - shift[1] - (np.arange(grid.height) + 0.5) * grid.metres
    east, north = np.meshgrid(x, y)
    heaps = np.zeros(east.shape)
    for metres, weight in _OCTAVES:
        heaps += weight * value_noise(key, east, north, metres=metres, purpose=f"cloud {metres}")
    return heaps
