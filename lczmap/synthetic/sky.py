"""Sun, clouds, their shadows, and the scene classification (SCL) with its usual small mistakes."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lczmap.synthetic.noise import smooth_field

DIFFUSE: tuple[float, ...] = (0.46, 0.38, 0.32, 0.30, 0.27, 0.25, 0.24, 0.23, 0.17, 0.15)
"""Share of the light that reaches a shadow, by band: the blue sky lights it."""
_RAYLEIGH = (0.155, 0.091, 0.045, 0.036, 0.029, 0.023, 0.018, 0.016, 0.0013, 0.0004)
"""Optical depth of the air itself, by band."""
_MICROMETRES = (0.490, 0.560, 0.665, 0.705, 0.740, 0.783, 0.842, 0.865, 1.610, 2.190)
_CLOUD: tuple[float, ...] = (0.62, 0.60, 0.60, 0.61, 0.62, 0.63, 0.64, 0.64, 0.46, 0.36)
_PIXEL = 10.0
_SHARE_SEEN = 0.3
"""Opacity from which a pixel counts as cloudy."""


@dataclass(frozen=True, kw_only=True)
class Sun:
    """Where the sun stands."""

    elevation: float
    """Degrees above the horizon."""
    azimuth: float
    """Degrees clockwise from north."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sky:
    """Clouds over a 10 m grid, row 0 in the north."""

    opacity: NDArray[np.float32]
    """0 clear to 1 opaque (rows, columns)."""
    shade: NDArray[np.float32]
    """Share of direct sunlight kept from the ground by clouds (rows, columns)."""


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


def draw_sky(rng: np.random.Generator, shape: tuple[int, int], *, cover: float, sun: Sun) -> Sky:
    """Cumulus of a given cover with its shadows.

    Args:
        rng: source of the draws.
        shape: rows, columns at 10 m.
        cover: share of cloudy pixels, 0..1.
        sun: casts the shadows.
    """
    if cover <= 0.0:
        none = np.zeros(shape, dtype=np.float32)
        return Sky(opacity=none, shade=none)
    lumps = smooth_field(rng, shape, pixels=160, roughness=2.3) + 0.22 * smooth_field(rng, shape, pixels=14)
    base = float(np.quantile(lumps, 1.0 - cover))
    opacity = np.clip((lumps - base) / 0.5 + _SHARE_SEEN, 0.0, 1.0).astype(np.float32)
    reach = float(rng.uniform(900.0, 1500.0)) / math.tan(math.radians(sun.elevation)) / _PIXEL
    azimuth = math.radians(sun.azimuth)
    # the field is periodic: clouds out of view on one side throw their shadow in from the other
    move = (round(reach * math.cos(azimuth)), round(-reach * math.sin(azimuth)))
    shade = ndimage.gaussian_filter(np.roll(opacity, move, axis=(0, 1)), 1.5, mode="wrap")
    return Sky(opacity=opacity, shade=(0.9 * shade).astype(np.float32))


def veil(surface: NDArray[np.float32], sky: Sky) -> NDArray[np.float32]:
    """What is seen through the sky: the shaded ground behind the clouds, (10, rows, columns)."""
    if not sky.opacity.any():
        return surface
    diffuse, cloud = (np.array(values, dtype=np.float32)[:, None, None] for values in (DIFFUSE, _CLOUD))
    lit = surface * (1.0 - sky.shade * (1.0 - diffuse))
    bright = cloud * (0.75 + 0.4 * sky.opacity)
    return np.asarray(lit * (1.0 - sky.opacity) + bright * sky.opacity, dtype=np.float32)


def classify_scene(rng: np.random.Generator, surface: NDArray[np.float32], sky: Sky) -> NDArray[np.uint8]:
    """Scene classification at 20 m from what lies on the ground and in the sky.

    The mistakes are those of the real thing: thinnest cloud edges pass as clear, a few bright roofs
    and sands are called cloud, shadows are found one pixel aside and only partly.

    Args:
        rng: source of the mistakes.
        surface: reflectance without clouds (10, rows, columns) at 10 m.
        sky: the clouds.
    """
    blue, red, near, short = (halved(surface[band]) for band in (0, 2, 7, 8))
    shape = blue.shape
    greenness = (near - red) / (near + red + 1e-6)
    classes = np.full(shape, 5, dtype=np.uint8)
    unsure = (greenness > 0.28) & (greenness < 0.4) & (rng.random(shape) < 0.15)
    classes[unsure] = 7
    classes[greenness >= 0.4] = 4
    # the shadow of a tower is as dark as water, but not as black at 1.6 um
    classes[(near < 0.085) & (short < 0.09)] = 2
    classes[(near < 0.085) & (short < 0.028)] = 6
    shade = np.roll(halved(sky.shade), 1, axis=1)
    classes[(shade + 0.06 * rng.standard_normal(shape) > 0.2) & (classes != 6)] = 3
    bright = (blue > 0.24) & (smooth_field(rng, shape, pixels=20) > 1.0)
    classes[bright] = 8
    opacity = ndimage.uniform_filter(halved(sky.opacity), 3) + 0.03 * rng.standard_normal(shape)
    if sky.opacity.any():
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
    """Means of 2 x 2 pixels over the last two axes."""
    # four strided sums take a quarter of the time of a mean over a reshaped view
    upper = field[..., ::2, ::2] + field[..., ::2, 1::2]
    lower = field[..., 1::2, ::2] + field[..., 1::2, 1::2]
    return (upper + lower) * np.float32(0.25)
