"""What an open very-high-resolution raster is: its colours, its pixel side, where it lies, when it was taken.

In: an open raster. Out: `Facts`, or a reason in words why it cannot be used. Few bytes are read: only the header.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Geod, Transformer
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader

from lczmap.words.vhr import COARSEST_METRES, FINEST_METRES

Bands = tuple[int, int, int]
"""Numbers of red, green and blue, from 1."""

_GEOD = Geod(ellps="WGS84")
_TYPES = frozenset({"uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"})
_COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
_NAMES = ("red", "green", "blue")
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_:]?(0[1-9]|1[0-2])[-_:]?(0[1-9]|[12]\d|3[01])(?!\d)")
_EARLIEST = 1990
_EDGE = 16
"""Points along an edge of a footprint."""


class UnusableRasterError(ValueError):
    """Why a raster cannot be used, in a few words."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a raster's header says."""

    bands: Bands
    """Numbers of red, green and blue, from 1."""
    metres: float
    """Pixel side on the ground at its centre, metres: root of the area."""
    whole_bytes: bool
    """Whether its values are 8-bit, which are shown as they are."""
    footprint: shapely.Polygon
    """Where it lies, degrees, longitude first."""
    taken: date | None
    """Day it was taken by its own tags; None where they do not say."""
    attribution: str
    """By its own tags."""
    licence: str
    """By its own tags."""


def facts_of(raster: DatasetReader, wanted: Bands | None = None) -> Facts:
    """Read a raster's header.

    Args:
        raster: the open raster.
        wanted: bands to take for red, green and blue; None takes what it says itself.

    Raises:
        UnusableRasterError: it has no georeference, other bands, values or pixel sides than can be used.
    """
    if raster.crs is None or raster.transform == Affine.identity() or raster.transform.is_degenerate:
        raise UnusableRasterError("it has no georeference (CRS and geotransform); add one with gdal_translate")
    bands = colours_of(raster, wanted)
    kinds = {raster.dtypes[band - 1] for band in bands}
    if not kinds <= _TYPES:
        raise UnusableRasterError(f"it holds {', '.join(sorted(kinds))} values, expected 8 or 16 bit or floats")
    metres = metres_of(raster.crs, raster.transform, raster.width, raster.height)
    # a hundredth to spare: a nominal 0.1 m is a little less in another projection
    if not 0.99 * FINEST_METRES <= metres <= 1.01 * COARSEST_METRES:
        raise UnusableRasterError(
            f"its pixels have {metres:.3g} m, expected {FINEST_METRES:g} to {COARSEST_METRES:g} m; resample it, or "
            "use other imagery"
        )
    tags = {key.upper(): value for key, value in raster.tags().items()}
    return Facts(
        bands=bands,
        metres=metres,
        whole_bytes=kinds == {"uint8"},
        footprint=footprint_of(raster),
        taken=_day_of_tags(raster.tags(ns="IMAGERY"), tags),
        attribution=tags.get("ATTRIBUTION") or tags.get("TIFFTAG_COPYRIGHT") or tags.get("COPYRIGHT") or "",
        licence=tags.get("LICENSE") or tags.get("LICENCE") or "",
    )


def colours_of(raster: DatasetReader, wanted: Bands | None = None) -> Bands:
    """Which bands are red, green and blue: as told, by colour interpretation, by description, or the first three.

    Raises:
        UnusableRasterError: there are too few or too many bands, or the wanted ones are not there.
    """
    if wanted is not None:
        if max(wanted) > raster.count:
            raise UnusableRasterError(f"it has {raster.count} bands, expected those numbered {wanted}")
        return wanted
    said = (
        [[index + 1 for index, colour in enumerate(raster.colorinterp) if colour is wish] for wish in _COLOURS],
        [[index + 1 for index, text in enumerate(raster.descriptions) if _is(text, name)] for name in _NAMES],
    )
    for found in said:
        if all(len(each) == 1 for each in found):
            return found[0][0], found[1][0], found[2][0]
    if raster.count not in (3, 4):
        raise UnusableRasterError(
            f"it has {raster.count} band{'s' if raster.count != 1 else ''}, expected 3 or 4 (red, green, blue and "
            "alpha or near infrared), or a setting that numbers its colours"
        )
    return 1, 2, 3


def located(
    transform: Affine, columns: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates of columns and rows, or with an inverse transform the other way."""
    return (
        transform.a * columns + transform.b * rows + transform.c,
        transform.d * columns + transform.e * rows + transform.f,
    )


def metres_of(crs: CRS, transform: Affine, width: int, height: int) -> float:
    """Side of the pixel at a raster's centre, metres on the ground: root of its area."""
    across, down = width // 2, height // 2
    corners = located(transform, across + np.array([0.0, 1.0, 0.0]), down + np.array([0.0, 0.0, 1.0]))
    lon, lat = _degrees(crs, corners)
    bearing, _, far = _GEOD.inv([lon[0]] * 2, [lat[0]] * 2, lon[1:], lat[1:])
    return float(np.sqrt(abs(far[0] * far[1] * np.sin(np.radians(bearing[0] - bearing[1])))))


def footprint_of(raster: DatasetReader) -> shapely.Polygon:
    """Where a raster lies, degrees."""
    steps = np.linspace(0, 1, _EDGE, endpoint=False)
    ring = [(step, 0.0) for step in steps] + [(1.0, step) for step in steps]
    ring += [(1 - step, 1.0) for step in steps] + [(0.0, 1 - step) for step in steps]
    columns, rows = np.array(ring).T * np.array([[raster.width], [raster.height]])
    return shapely.Polygon(np.column_stack(_degrees(raster.crs, located(raster.transform, columns, rows))))


def _degrees(crs: CRS, points: tuple[NDArray[np.float64], NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    """Longitudes and latitudes of points.

    Raises:
        UnusableRasterError: there are none, for instance on a building site's own grid.
    """
    try:
        found: tuple[NDArray[np.float64], ...] = Transformer.from_crs(crs, 4326, always_xy=True).transform(*points)
    except ProjError:
        found = ()
    if not found or not np.isfinite(found).all():
        raise UnusableRasterError("its georeference points to no place on Earth")
    return found


def day_in(text: str, today: date) -> date | None:
    """The first plausible day written in a text, such as a file name; None where there is none."""
    for year, month, day in _DAY.findall(text):
        try:
            found = date(int(year), int(month), int(day))
        except ValueError:
            continue
        if date(_EARLIEST, 1, 1) <= found <= today:
            return found
    return None


def valid_of(
    raster: DatasetReader, bands: Bands, pixels: NDArray[np.generic], masks: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Where a window shows ground, (rows, columns): any colour that the raster's own mask lets through.

    Args:
        raster: the open raster.
        bands: its colours.
        pixels: (3, rows, columns) their values.
        masks: (3, rows, columns) their masks, 0 for no data.
    """
    valid = (masks > 0).any(axis=0)
    if np.issubdtype(pixels.dtype, np.floating):
        valid &= np.isfinite(pixels).all(axis=0)
    if not says_nodata(raster, bands):
        valid &= (pixels != 0).any(axis=0)
    return np.asarray(valid)


def says_nodata(raster: DatasetReader, bands: Bands) -> bool:
    """Whether a raster says itself where it has no data: by a value, a mask or an alpha band."""
    return any(MaskFlags.all_valid not in raster.mask_flag_enums[band - 1] for band in bands)


def _is(description: str | None, name: str) -> bool:
    return description is not None and re.match(rf"\s*{name}\b", description, re.IGNORECASE) is not None


def _day_of_tags(imagery: Mapping[str, str], tags: Mapping[str, str]) -> date | None:
    text = imagery.get("ACQUISITIONDATETIME") or tags.get("ACQUISITIONDATETIME") or tags.get("TIFFTAG_DATETIME") or ""
    return day_in(text[:10], date.max)
