"""The ground as an aerial camera sees it from straight above: light, shadow, colour, blur, tone and noise.

In: `Ground` at a metre, a `Sun` and a `Camera` (colours of a day and region, textures, tone). Out: 8-bit RGB. What a
pixel becomes depends on its surroundings within `shade.SHADOW_REACH` alone.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic import shade
from lczmap.synthetic.camera import Camera, Look
from lczmap.synthetic.paint import Ground
from lczmap.synthetic.sky import Sun
from lczmap.synthetic.texture import aligned, world

_STRIP = 96
"""Rows developed at a time, so that what is in between stays in the processor's cache."""
_MARGIN = 2
"""Rows beyond a strip that slopes and blur look at."""
_WEAR_TINT = (1.0, 0.55, 0.45)
"""Worn ground turns pale and brown: how strongly wear moves red, green and blue."""
_SKYLIGHT = (0.13, 0.155, 0.195)
"""Light of the blue sky on open ground, as a share of all light, with the sun at 45 degrees."""

_SHOULDER = 0.2
"""How much of the brightest lights the film holds back: s - 0.2 s^3 of the square root s."""
_BRIGHTEST = 1.66
"""Light beyond this is all the same to it."""


def rgb_of(ground: Ground, sun: Sun, camera: Camera) -> NDArray[np.uint8]:
    """What the camera sees.

    Args:
        ground: at a metre; the outer `shade.SHADOW_REACH` metres miss the shadows of what stands outside.
        sun: where it stands.
        camera: of the region and day.

    Returns:
        Red, green, blue `(rows, columns, 3)`.
    """
    metres = float(ground.grid.metres)
    shaded = shade.shadow(ground.height, metres, sun)
    open_sky = shade.sky_seen(ground.height, metres)
    seen = np.empty((*ground.height.shape, 3), dtype=np.uint8)
    for strip in _strips(ground.grid.height):
        rows = _rows(ground, strip.around)
        light = Light(sunlit=1.0 - shaded[strip.around], open_sky=open_sky[strip.around], sun=sun)
        seen[strip.inner] = _developed(rows, light, camera)[strip.kept]
    return seen


@dataclass(frozen=True, kw_only=True)
class _Strip:
    inner: slice
    """Rows that it fills."""
    around: slice
    """Rows that it looks at."""
    kept: slice
    """The former within the latter."""


def _strips(rows: int) -> Iterator[_Strip]:
    for start in range(0, rows, _STRIP):
        stop = min(start + _STRIP, rows)
        first = max(start - _MARGIN, 0)
        yield _Strip(
            inner=slice(start, stop),
            around=slice(first, min(stop + _MARGIN, rows)),
            kept=slice(start - first, stop - first),
        )


def _rows(ground: Ground, rows: slice) -> Ground:
    grid = replace(
        ground.grid, north=ground.grid.north - rows.start * ground.grid.metres, height=rows.stop - rows.start
    )
    return Ground(
        grid=grid,
        material=ground.material[rows],
        height=ground.height[rows],
        tone=ground.tone[rows],
        grain=ground.grain[rows],
        instance=ground.instance[rows],
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Light:
    """What light reaches the ground."""

    sunlit: NDArray[np.float32]
    """1 where the sun shines, 0 in full shadow `(rows, columns)`."""
    open_sky: NDArray[np.float32]
    """Share of the sky that is seen `(rows, columns)`."""
    sun: Sun
    """Where it stands."""


def _developed(ground: Ground, light: Light, camera: Camera) -> NDArray[np.uint8]:
    """Strip of a picture, `(rows, columns, 3)`."""
    texture = camera.textures
    bright, wear = _texture(ground, camera)
    lumps = world(texture.lumps, ground.grid)
    lumps *= camera.bumps[ground.material]
    lumps += ground.height
    direct = shade.facing(lumps, ground.instance, float(ground.grid.metres), light.sun)
    direct *= light.sunlit
    noise = world(texture.sensor, ground.grid)
    noise *= np.float32(camera.look.noise)
    shade_of = (ground.material.astype(np.uint16) << np.uint16(8)) | ground.tone
    picture = np.empty((*ground.material.shape, 3), dtype=np.uint8)
    for band, sky in enumerate(_skylight(light.sun)):
        seen = direct * np.float32(1.0 - sky)
        seen += light.open_sky * np.float32(sky)
        seen *= bright + wear * np.float32(_WEAR_TINT[band])
        seen *= camera.colours[band][shade_of]
        seen += np.float32(camera.look.haze[band])
        seen *= np.float32(camera.look.balance[band] * camera.look.exposure)
        picture[..., band] = _exposed(_blurred(seen, camera.look.blur), noise, camera.look)
    return picture


def _texture(ground: Ground, camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Factor on all colours, and wear, which moves red most; each `(rows, columns)`."""
    grain, mottle, worn, cells, rare = camera.relief
    texture = camera.textures
    bright = world(texture.grain, ground.grid)
    bright *= grain[ground.material]
    bright += 1.0
    bright += world(texture.mottle, ground.grid) * mottle[ground.material]
    kind = (ground.material.astype(np.uint16) << np.uint16(8)) | ground.grain
    patches = aligned(texture.cells, ground.grid, camera.turning, kind, ground.tone)
    # cubes of a normal draw are small nearly everywhere: chimneys, skylights, boxes on roofs
    bright += patches * (cells[ground.material] + rare[ground.material] * (patches * patches))
    np.maximum(bright, 0.25, out=bright)
    return bright, world(texture.wear, ground.grid) * worn[ground.material]


def _skylight(sun: Sun) -> tuple[float, float, float]:
    """Share of skylight in the light on open ground, by band: the lower the sun, the more."""
    lower = math.sqrt(math.sin(math.radians(45.0)) / max(math.sin(math.radians(sun.elevation)), 0.1))
    red, green, blue = (min(share * lower, 0.6) for share in _SKYLIGHT)
    return red, green, blue


def _blurred(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Three-tap blur in both directions with the variance of a Gaussian; borders stay as they are."""
    side = np.float32(min(sigma * sigma / 2.0, 1.0 / 3.0))
    for turned in (plane, plane.T):
        bent = turned[2:] + turned[:-2]
        bent -= 2.0 * turned[1:-1]
        bent *= side
        turned[1:-1] += bent
    return plane


def _exposed(plane: NDArray[np.float32], noise: NDArray[np.float32], look: Look) -> NDArray[np.uint8]:
    """Tone curve, noise and eight bits: a square root with a shoulder, steeper in the middle."""
    np.minimum(plane, np.float32(_BRIGHTEST), out=plane)
    shoulder = plane * np.float32(-_SHOULDER)
    shoulder += 1.0
    np.sqrt(plane, out=plane)
    plane *= shoulder
    # s + c * s * (1 - s) * (s - 0.45): darker darks, brighter lights
    bend = 1.0 - plane
    bend *= plane - np.float32(0.45)
    bend *= np.float32(look.contrast)
    bend += 1.0
    plane *= bend
    plane += noise
    plane *= 255.0
    plane += 0.5
    np.clip(plane, 0.0, 255.0, out=plane)
    return plane.astype(np.uint8)
