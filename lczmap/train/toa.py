"""From surface to top-of-atmosphere reflectance: what a teacher trained above the air has to be shown.

Two models. `top_of_atmosphere` is a table, `top = surface * transmittance ** strength + path * strength`, at strength 1
a clear day; agreement with the teacher is judged through it. `above_air` is physics by wavelength and sun angle, seen
from the nadir: `top = gas * (path + down * up * surface / (1 - sphere * surface))` (Vermote et al. 1997, 6S, eq. 1).
The student takes surface reflectance (L2A) as it is and never passes through here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PATH_REFLECTANCE = np.array([0.070, 0.042, 0.024, 0.020, 0.017, 0.014, 0.012, 0.010, 0.002, 0.001], dtype=np.float32)
"""Reflectance the air adds at strength 1, bands in input order."""
TRANSMITTANCE = np.array([0.84, 0.87, 0.90, 0.91, 0.93, 0.94, 0.95, 0.96, 0.97, 0.97], dtype=np.float32)
"""Share of the surface's signal the air lets through at strength 1, down and up, bands in input order."""
WAVELENGTHS = np.array([0.492, 0.560, 0.665, 0.704, 0.740, 0.783, 0.833, 0.865, 1.614, 2.202])
"""Band centres of Sentinel-2A, micrometres."""
OZONE = np.array([0.020, 0.104, 0.050, 0.018, 0.009, 0.004, 0.001, 0.0, 0.0, 0.0])
"""Absorption of ozone by band, per atm-cm (rounded from the Chappuis band's tables)."""
WATER = np.array([0.0, 0.001, 0.003, 0.006, 0.008, 0.003, 0.020, 0.001, 0.004, 0.012])
"""Absorption of water vapour by band, per square root of cm: roughly, broad bands saturate so."""
AEROSOL_MEDIAN, AEROSOL_SPREAD, AEROSOL_RANGE = 0.25, 0.5, (0.02, 0.4)
"""Aerosol optical depth at 550 nm of drawn air: median and logarithmic spread of a lognormal, and its bounds.

At medians of 0.12, 0.17, 0.25 and 0.32 the teacher's mean answer through this air agrees with its mean answer through
the table, at strengths 1 to 1.5, on 68, 72, 74 and 76 % of held-out towns: the table is hazy."""
ELEVATION_RANGE = (20.0, 70.0)
"""Sun elevations drawn for patches that know none, degrees."""


def top_of_atmosphere(surface: NDArray[np.float32], strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reflectance `(n, y, x, 10)` above the air, from `(n, y, x, 10)` below it and one strength a patch `(n,)`."""
    power = strength.reshape(-1, 1, 1, 1).astype(np.float32)
    lifted: NDArray[np.float32] = surface * TRANSMITTANCE**power + PATH_REFLECTANCE * power
    return lifted


@dataclass(frozen=True, kw_only=True)
class Air:
    """The air over each of n patches."""

    elevation: NDArray[np.float64]
    """`(n,)`: of the sun, degrees."""
    aerosol: NDArray[np.float64]
    """`(n,)`: optical depth of the aerosol at 550 nm."""
    angstrom: NDArray[np.float64]
    """`(n,)`: exponent by which the aerosol's optical depth falls with wavelength."""
    asymmetry: NDArray[np.float64]
    """`(n,)`: mean cosine of the aerosol's scattering."""
    albedo: NDArray[np.float64]
    """`(n,)`: share of what the aerosol takes out that it scatters."""
    ozone: NDArray[np.float64]
    """`(n,)`: atm-cm."""
    water: NDArray[np.float64]
    """`(n,)`: cm."""


def drawn_air(count: int, rng: np.random.Generator, *, elevation: NDArray[np.float32] | None = None) -> Air:
    """The air of `count` patches; sun elevations `(n,)` in degrees are drawn where they are unknown (NaN)."""
    drawn = rng.uniform(*ELEVATION_RANGE, size=count)
    depth = AEROSOL_MEDIAN * np.exp(rng.normal(0.0, AEROSOL_SPREAD, size=count))
    return Air(
        elevation=drawn if elevation is None else np.where(np.isnan(elevation), drawn, elevation.astype(np.float64)),
        aerosol=np.clip(depth, *AEROSOL_RANGE),
        angstrom=rng.uniform(0.8, 1.7, size=count),
        asymmetry=rng.uniform(0.58, 0.7, size=count),
        albedo=rng.uniform(0.88, 0.98, size=count),
        ozone=rng.uniform(0.25, 0.4, size=count),
        water=rng.uniform(0.5, 3.5, size=count),
    )


def rayleigh_depth() -> NDArray[np.float64]:
    """Optical depth `(10,)` of the molecules at sea level (Hansen and Travis 1974, eq. 2.30)."""
    inverse = WAVELENGTHS**-2
    depth: NDArray[np.float64] = 0.008569 * inverse**2 * (1 + 0.0113 * inverse + 0.00013 * inverse**2)
    return depth


@dataclass(frozen=True, kw_only=True)
class Optics:
    """What the air does to light, `(n, 10)` each: patch by band."""

    path: NDArray[np.float64]
    """Reflectance of the air itself over black ground."""
    through: NDArray[np.float64]
    """Transmittance down and up, direct and diffuse, gases left out."""
    sphere: NDArray[np.float64]
    """Spherical albedo: what of the ground's light the air sends back down."""
    gas: NDArray[np.float64]
    """Transmittance of ozone and water vapour on both ways."""


def optics(air: Air) -> Optics:
    """Path, transmittance and spherical albedo of molecules and aerosol, mixed evenly.

    Single scattering is exact for the mixture (Rayleigh's phase function and Henyey and Greenstein's); what is
    scattered more than once, and the fluxes, follow Sobolev's approximation (Katsev et al. 2010, eqs. 8 to 14).
    """
    sun = np.sin(np.radians(air.elevation))[:, None]
    molecules = rayleigh_depth()[None]
    aerosol = air.aerosol[:, None] * (WAVELENGTHS / 0.55) ** -air.angstrom[:, None]
    scattered = air.albedo[:, None] * aerosol
    depth = molecules + scattered
    g = air.asymmetry[:, None]
    # seen from the nadir, the cosine of the scattering angle is minus the sine of the sun's elevation
    forward = (1 - g**2) / (1 + g**2 + 2 * g * sun) ** 1.5
    phase = (molecules * 0.75 * (1 + sun**2) + scattered * forward) / depth
    first = 3 * g * scattered / depth
    slant = 1 / sun + 1
    lost = 1 - np.exp(-depth * slant)
    down, up = _sobolev(sun, depth), _sobolev(np.ones_like(sun), depth)
    thick = 4 + (3 - first) * depth
    again = 1 - down * up / thick + ((3 + first) * sun - 2 * (1 + sun)) * lost / (4 * (1 + sun))
    absorbed = np.exp(-(aerosol - scattered) * slant)
    return Optics(
        path=(phase * lost / (4 * (1 + sun)) + np.maximum(again, 0.0)) * np.sqrt(absorbed),
        through=4 * down * up / thick**2 * absorbed,
        sphere=1 - 4 / thick,
        gas=np.exp(-OZONE * air.ozone[:, None] * slant - WATER * np.sqrt(air.water[:, None] * slant)),
    )


def _sobolev(cosine: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sobolev's function of one direction; twice it over `thick` is that direction's total transmittance."""
    result: NDArray[np.float64] = 1 + 1.5 * cosine + (1 - 1.5 * cosine) * np.exp(-depth / cosine)
    return result


def above_air(surface: NDArray[np.float32], air: Air) -> NDArray[np.float32]:
    """Reflectance `(n, y, x, 10)` seen from above each patch's own air."""
    seen = optics(air)
    path, through, sphere, gas = (
        each[:, None, None].astype(np.float32) for each in (seen.path, seen.through, seen.sphere, seen.gas)
    )
    lifted: NDArray[np.float32] = gas * (path + through * surface / (1 - sphere * surface))
    return lifted
