"""The ten Sentinel-2 bands that the paper maps from, in the one order used everywhere.

DF4LCZ, section III-A: B02 B03 B04 B05 B06 B07 B08 B8A B11 B12, reflectance 0..1.
"""

from dataclasses import dataclass

REFLECTANCE_SCALE = 1e-4
"""Reflectance per digital number, in Sentinel-2 L2A products and in stored composites alike."""
COMPOSITE_NODATA = -32768
"""Value of a composite pixel that no clear look covers (int16)."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """One Sentinel-2 MSI band."""

    name: str
    """ESA name, `B02` to `B12`."""
    common: str
    """Asset key at Earth Search v1, for instance `blue`."""
    metres: int
    """Native pixel side, 10 or 20 m."""
    nanometres: int
    """Central wavelength of Sentinel-2A, nm."""


BANDS: tuple[Band, ...] = (
    Band(name="B02", common="blue", metres=10, nanometres=493),
    Band(name="B03", common="green", metres=10, nanometres=560),
    Band(name="B04", common="red", metres=10, nanometres=665),
    Band(name="B05", common="rededge1", metres=20, nanometres=704),
    Band(name="B06", common="rededge2", metres=20, nanometres=741),
    Band(name="B07", common="rededge3", metres=20, nanometres=783),
    Band(name="B08", common="nir", metres=10, nanometres=833),
    Band(name="B8A", common="nir08", metres=20, nanometres=865),
    Band(name="B11", common="swir16", metres=20, nanometres=1614),
    Band(name="B12", common="swir22", metres=20, nanometres=2202),
)
"""The ten bands in input order."""

BAND_NAMES: tuple[str, ...] = tuple(band.name for band in BANDS)
"""ESA names in input order."""
