"""UTM zones as Sentinel-2 uses them: which zone a point lies in, and how far outside one it lies.

Sentinel-2 tiles follow the military grid (MGRS) with its exceptions: zone 32 widened over southern
Norway, and zones 32, 34 and 36 left out around Svalbard.
"""

import re

import numpy as np
from numpy.typing import NDArray

from lczmap.words.errors import AreaError

NORTH_LIMIT, SOUTH_LIMIT = 84.0, -80.0
"""Latitudes beyond which UTM (and Sentinel-2's tiling) ends, degrees."""

_KM_PER_DEGREE = 111.32
_ZONE = re.compile(r"0*([1-9][0-9]?)\s*([NS])", re.IGNORECASE)


def zone_of(lon: float, lat: float) -> int:
    """EPSG code of the zone that holds a point, 32601..32660 or 32701..32760.

    Args:
        lon: degrees east, -180..180 (180 itself belongs to zone 60).
        lat: degrees north, -80..84.
    """
    number = min(int((lon + 180.0) // 6.0) + 1, 60)
    if 56.0 <= lat < 64.0 and 3.0 <= lon < 12.0:
        number = 32
    if lat >= 72.0 and 0.0 <= lon < 42.0:
        number = 31 if lon < 9.0 else 33 if lon < 21.0 else 35 if lon < 33.0 else 37
    return (32600 if lat >= 0.0 else 32700) + number


def zone_named(text: str) -> int:
    """EPSG code of a zone as users write it: `33N`, `4s`, `32633` or `EPSG:32633`.

    Raises:
        AreaError: where the text names no UTM zone.
    """
    plain = text.strip()
    match = _ZONE.fullmatch(plain)
    if match is not None and int(match[1]) <= 60:
        return (32600 if match[2].upper() == "N" else 32700) + int(match[1])
    digits = re.sub(r"^epsg:", "", plain, flags=re.IGNORECASE)
    if re.fullmatch(r"32[67][0-9]{2}", digits) and 1 <= int(digits) % 100 <= 60:
        return int(digits)
    raise AreaError(f"{text!r} is no UTM zone; write it like 33N or 32633.")


def central_meridian(epsg: int) -> float | None:
    """Longitude of a zone's middle, degrees east; None where the code is no UTM zone.

    Args:
        epsg: any EPSG code.
    """
    number = epsg % 100
    return 6.0 * number - 183.0 if epsg // 100 in {326, 327} and 1 <= number <= 60 else None


def zone_label(epsg: int) -> str:
    """A zone as people write it: `33N`."""
    return f"{epsg % 100}{'S' if epsg >= 32700 else 'N'}"


def kilometres_outside(lon: NDArray[np.float64], lat: NDArray[np.float64], *, epsg: int) -> float:
    """How far the farthest of some points lies outside a zone, in kilometres; 0 where all lie inside.

    Measured along the parallel to the zone's nearer meridian, or along the meridian to the equator
    where a point lies in the other hemisphere.

    Args:
        lon: degrees east, (n,).
        lat: degrees north, (n,).
        epsg: the zone.
    """
    west, east = _meridians(epsg % 100, lat)
    # the short way round: zone 1 is a neighbour of zone 60
    beyond = np.minimum((lon - east) % 360.0, (west - lon) % 360.0)
    beyond = np.where((lon >= west) & (lon <= east), 0.0, beyond)
    sideways = beyond * np.cos(np.radians(lat))
    across = np.maximum(lat if epsg >= 32700 else -lat, 0.0)
    return float(np.max(np.hypot(sideways, across)) * _KM_PER_DEGREE)


def _meridians(number: int, lat: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """West and east limit of a zone at some latitudes, degrees."""
    west = np.full(lat.shape, 6.0 * number - 186.0)
    east = west + 6.0
    norway, svalbard = (lat >= 56.0) & (lat < 64.0), lat >= 72.0
    if number == 31:
        east = np.where(norway, 3.0, np.where(svalbard, 9.0, east))
    elif number == 32:
        west = np.where(norway, 3.0, west)
    elif number == 33:
        west, east = np.where(svalbard, 9.0, west), np.where(svalbard, 21.0, east)
    elif number == 35:
        west, east = np.where(svalbard, 21.0, west), np.where(svalbard, 33.0, east)
    elif number == 37:
        west = np.where(svalbard, 33.0, west)
    return west, east
