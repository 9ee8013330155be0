"""Zones: the class map as polygons in a GeoPackage that QGIS opens in the official colours, and the table of areas."""

import csv
import io
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pyogrio.raw
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio import features
from scipy import ndimage

from lczmap.store.layers import CONFIDENCE, Mosaic
from lczmap.store.style import zones_style
from lczmap.things.areas import ClassArea
from lczmap.things.probabilities import PROBABILITY_NODATA
from lczmap.words.lcz import LCZ

LAYER = "zones"
"""Name of the layer in the GeoPackage."""
_BATCH = 20_000
_FIELDS = ("lcz", "label", "name", "colour", "cells", "area_km2", "confidence")


def write_zones(mosaic: Mosaic, path: Path) -> int:
    """Write one polygon for every connected patch of a class (cells that share an edge).

    Columns: `lcz` 1..17, `label`, `name`, `colour`, `cells`, `area_km2` (on the map's grid), `confidence` (mean of the
    patch's cells, percent).

    Args:
        mosaic: the layers.
        path: the GeoPackage.

    Returns:
        Number of polygons.
    """
    labels, codes = connected(mosaic.lcz)
    cells = np.bincount(labels.ravel(), minlength=len(codes))
    confidence = _mean_confidence(mosaic, labels, cells)
    shapes = features.shapes(
        labels, mask=labels > 0, connectivity=4, transform=Affine(*mosaic.extent.grid.transform)
    )  # fmt: skip
    written = 0
    while batch := list(islice(shapes, _BATCH)):
        patches = np.array([round(value) for _, value in batch], np.int64)
        polygons = [shapely.geometry.shape(outline) for outline, _ in batch]
        columns = (
            codes[patches].astype(np.int32),
            *_class_words(codes[patches]),
            cells[patches].astype(np.int32),
            cells[patches] * mosaic.extent.grid.metres**2 / 1e6,
            confidence[patches],
        )
        pyogrio.raw.write(  # type: ignore[no-untyped-call]
            path,
            shapely.to_wkb(polygons),
            list(columns),
            np.array(_FIELDS, dtype=object),
            layer=LAYER,
            driver="GPKG",
            geometry_type="Polygon",
            crs=f"EPSG:{mosaic.extent.grid.epsg}",
            append=written > 0,
        )
        written += len(batch)
    if written:
        _embed_style(path)
    return written


def connected(codes: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Number the connected patches of a class map, cells touching along an edge.

    Args:
        codes: (rows, columns), 0 where nodata.

    Returns:
        (rows, columns) patch numbers from 1, 0 where nodata; and the class of each number, that of 0 being 0.
    """
    labels = np.zeros(codes.shape, np.int32)
    classes = [0]
    for code in np.unique(codes[codes > 0]):
        numbered, count = ndimage.label(codes == code)
        inside = numbered > 0
        labels[inside] = numbered[inside] + len(classes) - 1
        classes += [int(code)] * count
    return labels, np.array(classes, np.uint8)


def areas_csv(areas: Sequence[ClassArea]) -> bytes:
    """The table of areas: code, label, name, cells, area in km2, share in percent; shares add up to 100."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("code", "label", "name", "cells", "area_km2", "share_percent"))
    for area in areas:
        zone = area.zone
        rows.writerow((zone.code, zone.label, zone.name, area.cells, f"{area.km2:.4f}", f"{area.percent:.2f}"))
    return text.getvalue().encode()


def _mean_confidence(mosaic: Mosaic, labels: NDArray[np.int32], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean confidence of each patch, percent with one decimal; read in strips."""
    total = np.zeros(len(cells))
    for rows in _strips(labels.shape[0]):
        values = mosaic.read(CONFIDENCE, (rows, slice(0, labels.shape[1])))[0]
        known = np.where(values == PROBABILITY_NODATA, 0, values)
        total += np.bincount(labels[rows].ravel(), weights=known.ravel(), minlength=len(cells))
    return np.round(total / np.maximum(cells, 1), 1)


def _strips(rows: int, side: int = 256) -> Iterator[slice]:
    for start in range(0, rows, side):
        yield slice(start, min(start + side, rows))


def _class_words(codes: NDArray[np.uint8]) -> tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.object_]]:
    """Label, name and colour of each code."""
    words = np.array([("", "", ""), *((zone.label, zone.name, f"#{zone.colour}") for zone in LCZ)], dtype=object)
    return words[codes, 0], words[codes, 1], words[codes, 2]


def _embed_style(path: Path) -> None:
    """Put the QGIS style into the file itself, in the table where QGIS looks for a default style."""
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(
            "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), "
            "f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), "
            "styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
            "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
        )
        file.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner) VALUES ('', '', ?, 'geom', ?, ?, '', 1, ?, '')",
            (LAYER, "Local Climate Zones", zones_style(), "official LCZ colours"),
        )
        file.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', 0)"
        )
