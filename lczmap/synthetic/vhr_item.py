"""Describe simulated 1 m pictures as STAC items of a collection of their own, beside the Sentinel-2 ones.

Files that `vhr.write_vhr` wrote come in; `item.json` beside them and `collection.json` go out.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path

from pyproj import Transformer

from lczmap.synthetic.vhr import ATTRIBUTION, Flight
from lczmap.words.grid import PixelGrid

COLLECTION = "simulated-vhr"
"""Collection of every item."""
_EXTENSIONS = "https://stac-extensions.github.io"
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_GEOTIFF = "image/tiff; application=geotiff"


def write_vhr_item(picture: Path, grid: PixelGrid, *, flight: Flight, instances: Path | None = None) -> Path:
    """Write `item.json` beside a picture.

    Args:
        picture: as `write_vhr` wrote it; the folder's name is the item's id.
        grid: of the picture.
        flight: as it was taken.
        instances: raster of identities in the same folder, or None.

    Returns:
        Path of `item.json`.
    """
    ring = _outline(grid)
    lons, lats = zip(*ring, strict=True)
    assets = {"visual": _asset(picture.name, grid, "Colours at 1 m", "uint8")}
    if instances is not None:
        assets["instances"] = _asset(instances.name, grid, "Identity of what is seen, 0 for nothing", "uint32")
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": picture.parent.name,
        "properties": _properties(grid, flight),
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [min(lons), min(lats), max(lons), max(lats)],
        "links": [
            _link("root", "../../catalog.json"),
            _link("parent", "../collection.json"),
            _link("collection", "../collection.json"),
        ],
        "assets": assets,
        "collection": COLLECTION,
        "stac_extensions": [
            f"{_EXTENSIONS}/eo/v1.1.0/schema.json",
            f"{_EXTENSIONS}/projection/v1.1.0/schema.json",
            f"{_EXTENSIONS}/raster/v1.1.0/schema.json",
            f"{_EXTENSIONS}/view/v1.0.0/schema.json",
        ],
    }
    return _write_json(picture.parent / "item.json", item)


def write_vhr_collection(root: Path, items: Sequence[Path]) -> Path:
    """Write `collection.json` over items that `write_vhr_item` wrote in folders of `root`.

    Args:
        root: the collection's folder, itself in the catalogue's folder.
        items: at least one.

    Returns:
        Path of `collection.json`.
    """
    records = [json.loads(path.read_text(encoding="utf-8")) for path in items]
    lows = [min(record["bbox"][axis] for record in records) for axis in (0, 1)]
    highs = [max(record["bbox"][axis] for record in records) for axis in (2, 3)]
    times = sorted(record["properties"]["datetime"] for record in records)
    collection = {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": COLLECTION,
        "description": "Simulated pictures from above at 1 m",
        "attribution": ATTRIBUTION,
        "license": "CC0-1.0",
        "extent": {"spatial": {"bbox": [[*lows, *highs]]}, "temporal": {"interval": [[times[0], times[-1]]]}},
        "links": [
            _link("root", "../catalog.json"),
            _link("parent", "../catalog.json"),
            *(_link("item", f"./{path.relative_to(root).as_posix()}") for path in items),
        ],
    }
    return _write_json(root / "collection.json", collection)


def _asset(name: str, grid: PixelGrid, title: str, dtype: str) -> dict[str, object]:
    common: dict[str, object] = {
        "href": f"./{name}",
        "title": title,
        "gsd": grid.metres,
        "proj:shape": [grid.height, grid.width],
        "proj:transform": list(grid.transform),
    }
    band = {"data_type": dtype, "spatial_resolution": grid.metres}
    if dtype == "uint8":
        colours = [{"name": name, "common_name": name} for name in ("red", "green", "blue")]
        return common | {"type": _COG, "roles": ["visual", "data"], "eo:bands": colours, "raster:bands": [band] * 3}
    return common | {"type": _GEOTIFF, "roles": ["data"], "raster:bands": [band | {"nodata": 0}]}


def _properties(grid: PixelGrid, flight: Flight) -> dict[str, object]:
    return {
        "datetime": f"{flight.taken.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "gsd": float(grid.metres),
        "proj:epsg": grid.epsg,
        "view:off_nadir": 0,
        "view:sun_elevation": flight.sun.elevation,
        "view:sun_azimuth": flight.sun.azimuth,
        "attribution": ATTRIBUTION,
    }


def _outline(grid: PixelGrid) -> list[list[float]]:
    """Footprint as a closed ring of degrees, longitude first, counter-clockwise."""
    left, bottom, right, top = grid.bounds
    to_degrees = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    corners = ((left, bottom), (right, bottom), (right, top), (left, top), (left, bottom))
    return [[round(degree, 8) for degree in to_degrees.transform(x, y)] for x, y in corners]


def _link(rel: str, href: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": "application/json"}


def _write_json(path: Path, content: Mapping[str, object]) -> Path:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path
