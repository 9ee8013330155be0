"""An area of interest from a vector file or a box becomes polygons in degrees.

Comes in: `west,south,east,north`, GeoJSON, or whatever vector file GDAL reads (GeoPackage first of
all) in any CRS. Goes out: one valid polygon or multipolygon in longitude and latitude with a name.
Whether a map can be made there is judged by `lczmap.words.place`.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely.errors import ShapelyError
from shapely.geometry import GeometryCollection, MultiPolygon, Polygon, shape
from shapely.geometry.base import BaseGeometry

from lczmap.words.errors import AreaError
from lczmap.words.place import LonLatBox, slug_of

_EDGE_METRES = 1_000.0
"""Edges of a projected file are cut this fine, so that they stay straight in their own CRS."""
_GEOMETRIES = {
    "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Area:
    """An area of interest as it was given."""

    geometry: Polygon | MultiPolygon
    """Valid, two-dimensional, degrees (longitude, latitude), WGS 84."""
    slug: str
    """ASCII name for files: the file's stem, or `aoi-<8 hex>`."""
    name: str
    """Name for people."""
    note: str
    """Where the area comes from, in a few words."""


def read_area(text: str | Path) -> Area:
    """Read an area of interest.

    Args:
        text: `west,south,east,north` in degrees, or the path of a vector file.

    Raises:
        AreaError: one sentence saying what is wrong and what is expected.
    """
    plain = str(text).strip()
    path = Path(plain)
    if "," in plain and not re.search("[A-Za-z]", path.suffix) and not _is_file(path):
        return _box(plain)
    if not _is_file(path):
        raise AreaError(f"The area {plain!r} is no file; give a GeoJSON or GeoPackage file, or west,south,east,north.")
    if path.suffix.lower() in {".geojson", ".json"}:
        pieces, crs = _read_geojson(path)
    else:
        pieces, crs = _read_vector(path)
    geometry = _polygons(pieces, label=path.name)
    if crs is not None:
        geometry = _degrees(geometry, crs, label=path.name)
    slug = slug_of(path.stem) or f"aoi-{_short(path.stem)}"
    return Area(geometry=geometry, slug=slug, name=path.stem, note=f"area from {path.name}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long or with a zero byte
        return False


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _box(text: str) -> Area:
    """Read `west,south,east,north`."""
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        edges = []
    if len(edges) != 4 or not np.isfinite(edges).all():
        raise AreaError(f"The area {text!r} is no box; expected four numbers west,south,east,north in degrees.")
    box = LonLatBox(west=edges[0], south=edges[1], east=edges[2], north=edges[3])
    if box.west > box.east and -180.0 <= box.east < 0.0 < box.west <= 180.0:
        raise AreaError(
            f"The box {box.text} runs eastward across the antimeridian, which is not supported yet; "
            "split it at 180 degrees, or put the smaller longitude first."
        )
    if box.west >= box.east or box.south >= box.north:
        raise AreaError(f"The box {box.text} is inverted or flat; expected west < east and south < north, in degrees.")
    return Area(geometry=box.polygon, slug=f"aoi-{_short(box.text)}", name=box.text, note=f"box {box.text}")


def _read_geojson(path: Path) -> tuple[list[BaseGeometry], CRS | None]:
    """Geometries of a GeoJSON file, and its CRS where an old file names one other than WGS 84."""
    try:
        content = json.loads(path.read_bytes(), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise AreaError(f"{path.name} cannot be read as GeoJSON ({error}); check the file.") from error
    try:
        pieces = [shapely.force_2d(shape(each)) for each in _geometries(content)]
    except (ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise AreaError(
            f"{path.name} is no valid GeoJSON ({type(error).__name__}: {error}); check its 'type' and 'coordinates'."
        ) from error
    return pieces, _legacy_crs(content, label=path.name)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _geometries(node: object) -> Iterator[dict[str, object]]:
    """Geometry objects inside a GeoJSON object, unlocated features left out."""
    if not isinstance(node, dict) or "type" not in node:
        raise ValueError("an object without 'type'")
    kind = node["type"]
    if kind == "FeatureCollection":
        for feature in node["features"]:
            yield from _geometries(feature)
    elif kind == "Feature":
        if node["geometry"] is not None:
            yield from _geometries(node["geometry"])
    elif kind in _GEOMETRIES:
        yield node
    else:
        raise ValueError(f"unknown type {kind!r}")


def _legacy_crs(content: object, *, label: str) -> CRS | None:
    """The `crs` member that GeoJSON had before RFC 7946; None for WGS 84."""
    member = content.get("crs") if isinstance(content, dict) else None
    if member is None:
        return None
    try:
        crs = CRS.from_user_input(member["properties"]["name"])
    except (CRSError, KeyError, TypeError) as error:
        raise AreaError(f"{label} names a CRS that is not understood ({member}); use EPSG:4326.") from error
    return None if crs.to_authority() in {("OGC", "CRS84"), ("EPSG", "4326")} else crs


def _read_vector(path: Path) -> tuple[list[BaseGeometry], CRS]:
    """Geometries and CRS of the only polygon layer of a vector file."""
    import pyogrio  # noqa: PLC0415 - GDAL is loaded only for files that need it
    import pyogrio.raw  # noqa: PLC0415

    try:
        layers = [(str(name), str(kind)) for name, kind in pyogrio.list_layers(path)]  # type: ignore[no-untyped-call]
        names = [name for name, kind in layers if "Polygon" in kind or kind in {"Unknown", "Geometry"}]
        if len(names) > 1:
            raise AreaError(
                f"{path.name} holds several layers that may have polygons ({', '.join(names)}); "
                "keep the area alone in a file."
            )
        if not names:
            raise AreaError(f"{path.name} holds no polygon layer; expected at least one polygon.")
        read = pyogrio.raw.read(path, layer=names[0], columns=[], force_2d=True)  # type: ignore[no-untyped-call]
        meta, _, blobs, _ = read
        pieces = [shapely.from_wkb(blob) for blob in blobs if blob is not None]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ShapelyError) as error:
        raise AreaError(
            f"{path.name} cannot be read as a vector file ({error}); give GeoJSON or GeoPackage."
        ) from error
    if meta["crs"] is None:
        raise AreaError(f"{path.name} does not say its CRS; write it into the file, or give degrees.")
    return pieces, CRS.from_user_input(meta["crs"])


def _polygons(pieces: Sequence[BaseGeometry], *, label: str) -> Polygon | MultiPolygon:
    """The union of all polygons among some geometries, repaired where need be.

    Raises:
        AreaError: where there is none.
    """
    if not pieces:
        raise AreaError(f"{label} holds no geometry; expected at least one polygon.")
    parts = [part for piece in pieces for part in _polygon_parts(piece)]
    if not parts:
        kinds = ", ".join(sorted({piece.geom_type for piece in pieces}))
        raise AreaError(f"{label} holds no polygon with an inside (only {kinds}); expected at least one.")
    if not np.isfinite(shapely.get_coordinates(parts)).all():
        raise AreaError(f"{label} has coordinates that are no numbers; check the file.")
    sound = [part for each in parts for part in _polygon_parts(shapely.make_valid(each))]
    whole = shapely.union_all(sound)
    kept = list(_polygon_parts(whole))
    if not kept:
        raise AreaError(f"{label} holds only polygons without an inside; expected an area.")
    return kept[0] if len(kept) == 1 else MultiPolygon(kept)


def _polygon_parts(geometry: BaseGeometry) -> Iterator[Polygon]:
    """The polygons inside a geometry, however nested."""
    if isinstance(geometry, Polygon):
        if not geometry.is_empty:
            yield geometry
    elif isinstance(geometry, (MultiPolygon, GeometryCollection)):
        for part in geometry.geoms:
            yield from _polygon_parts(part)


def _degrees(geometry: Polygon | MultiPolygon, crs: CRS, *, label: str) -> Polygon | MultiPolygon:
    """A geometry of some CRS in longitude and latitude, its edges straight where they were drawn."""
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    if crs.is_projected:
        metres = crs.axis_info[0].unit_conversion_factor or 1.0
        geometry = shapely.segmentize(geometry, _EDGE_METRES / metres)
    moved = shapely.transform(geometry, lambda points: np.column_stack(to_degrees.transform(*points.T)))
    if not np.isfinite(moved.bounds).all():
        raise AreaError(f"{label} cannot be brought to degrees from {crs.name}; check the file's CRS.")
    return _polygons([moved], label=label)
