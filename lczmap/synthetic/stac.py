"""Write scenes as a static STAC catalogue of COGs that looks like Earth Search `sentinel-2-l2a` v1.

Reflectance and a scene classification come in; one folder an item with eleven COGs and `item.json`
goes out, then `catalog.json` and `collection.json` beside the folders. Nothing is simulated here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.windows import Window

from lczmap.words.bands import BANDS, REFLECTANCE_SCALE
from lczmap.words.errors import SpecError
from lczmap.words.grid import PixelGrid

COLLECTION = "sentinel-2-l2a"
"""Collection of every item."""
SCL_METRES = 20
"""Pixel side of the scene classification."""

_BLOCK = 256
_ROWS = 1024
"""Rows turned into numbers at once: a whole MGRS tile in several copies would take gigabytes."""
_EXTENSIONS = "https://stac-extensions.github.io"
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"


@dataclass(frozen=True, kw_only=True)
class SceneMetadata:
    """All that an item says of a scene, apart from its pixels."""

    grid: PixelGrid
    """The 10 m grid; west, north, width and height on multiples of 20 m."""
    taken: datetime
    """Sensing time, UTC."""
    mgrs: str = "50RPU"
    """MGRS tile, zone and latitude band and square."""
    platform: str = "S2B"
    """`S2A`, `S2B` or `S2C`."""
    baseline: str = "05.09"
    """Processing baseline."""
    sequence: int = 0
    """Last number but one of the id: a later processing of the same acquisition counts on."""
    updated: datetime | None = None
    """When the item was last written, UTC; the sensing time where None."""
    cloud_percent: float = 0.0
    """`eo:cloud_cover`, 0..100."""
    sun_elevation: float = 50.0
    """Degrees above the horizon."""
    sun_azimuth: float = 145.0
    """Degrees clockwise from north."""
    offset_dn: int = 0
    """What the pixels truly carry above reflectance x 10000: 1000 as ESA delivers from 04.00 on, or 0."""
    boa_offset_applied: bool | None = None
    """`earthsearch:boa_offset_applied`, right or wrong; left out where None."""
    names_epsg: bool = True
    """Whether `proj:epsg` is given."""
    names_code: bool = False
    """Whether `proj:code` is given."""
    footprint: tuple[tuple[float, float], ...] | None = None
    """Corners of the outline in metres of the zone, not closed; the whole grid where None."""
    absent: frozenset[str] = frozenset()
    """ESA names of bands whose asset is missing."""

    @property
    def id(self) -> str:
        """Item id as Earth Search forms it, for instance `S2B_50RPU_20230115_0_L2A`."""
        return f"{self.platform}_{self.mgrs}_{self.taken:%Y%m%d}_{self.sequence}_L2A"

    @property
    def declared_offset(self) -> float:
        """Offset in `raster:bands`: -0.1 from baseline 04.00 on, whatever the pixels carry (as there)."""
        return -0.1 if self.baseline >= "04.00" else 0.0


def at_resolution(grid: PixelGrid, metres: int) -> PixelGrid:
    """The same ground in pixels of another side.

    Raises:
        SpecError: where the grid's edges do not fall on that side's multiples.
    """
    edges = (grid.west, grid.north, grid.width * grid.metres, grid.height * grid.metres)
    if any(edge % metres for edge in edges):
        raise SpecError(f"The grid {grid} does not fall on multiples of {metres} m; Sentinel-2 grids do.")
    return PixelGrid(
        epsg=grid.epsg,
        west=grid.west,
        north=grid.north,
        metres=metres,
        width=grid.width * grid.metres // metres,
        height=grid.height * grid.metres // metres,
    )


def write_scene(
    root: Path,
    scene: SceneMetadata,
    *,
    reflectance: Mapping[str, NDArray[np.float32]],
    scl: NDArray[np.uint8] | None,
) -> Path:
    """Write one item and its assets into `root/<item id>`.

    Args:
        root: folder of the catalogue.
        scene: what the item says; `offset_dn` is added to the pixels.
        reflectance: by ESA name, (rows, columns) at the band's own resolution, 0..1, NaN for no data.
        scl: scene classification (rows, columns) at 20 m, 0 for no data; None leaves the asset out.

    Returns:
        Path of `item.json`.
    """
    folder = root / scene.id
    folder.mkdir(parents=True)
    assets: dict[str, object] = {}
    for band in BANDS:
        if band.name in scene.absent:
            continue
        grid = at_resolution(scene.grid, band.metres)
        numbers = digital_numbers(reflectance[band.name], scene.offset_dn)
        _write_cog(folder / f"{band.name}.tif", numbers, grid=grid, overviews="average")
        assets[band.common] = _band_asset(band.name, band.common, grid, scene.declared_offset)
    if scl is not None:
        grid = at_resolution(scene.grid, SCL_METRES)
        _write_cog(folder / "SCL.tif", scl, grid=grid, overviews="nearest")
        assets["scl"] = _scl_asset(grid)
    return _write_json(folder / "item.json", _item(scene, assets))


def write_catalogue(
    root: Path, items: Sequence[Path], *, title: str = "Simulated Sentinel-2 L2A", others: Sequence[Path] = ()
) -> Path:
    """Write `collection.json` and `catalog.json` over items that `write_scene` returned.

    Args:
        root: folder of the catalogue.
        items: scenes.
        title: what it is.
        others: further collections below the folder, already written.

    Returns:
        Path of `catalog.json`.
    """
    records = [json.loads(path.read_text(encoding="utf-8")) for path in items]
    boxes = np.array([record["bbox"] for record in records], dtype=np.float64).reshape(-1, 4)
    times = sorted(record["properties"]["datetime"] for record in records)
    world = np.array([[-180.0, -90.0, 180.0, 90.0]])
    lows, highs = (boxes if len(boxes) else world)[:, :2], (boxes if len(boxes) else world)[:, 2:]
    up = [_link("root", "./catalog.json"), _link("parent", "./catalog.json")]
    collection = {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": COLLECTION,
        "description": title,
        "license": "proprietary",
        "extent": {
            "spatial": {"bbox": [[*lows.min(axis=0).tolist(), *highs.max(axis=0).tolist()]]},
            "temporal": {"interval": [[times[0], times[-1]] if times else [None, None]]},
        },
        "links": up + [_link("item", f"./{path.relative_to(root).as_posix()}") for path in items],
    }
    _write_json(root / "collection.json", collection)
    catalog = {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": "simulated",
        "description": title,
        "attribution": "Simulated scenes of no real place",
        "license": "CC0-1.0",
        "links": [
            _link("root", "./catalog.json"),
            _link("child", "./collection.json"),
            *(_link("child", f"./{path.relative_to(root).as_posix()}") for path in others),
        ],
    }
    return _write_json(root / "catalog.json", catalog)


def digital_numbers(reflectance: NDArray[np.float32], offset_dn: int) -> NDArray[np.uint16]:
    """Reflectance as L2A stores it: round(10000 r) + offset, at least 1; 0 where there is no data."""
    numbers = np.empty(reflectance.shape, dtype=np.uint16)
    for start in range(0, len(reflectance), _ROWS):
        strip = reflectance[start : start + _ROWS]
        scaled = np.rint(strip / np.float32(REFLECTANCE_SCALE)) + offset_dn
        valid = np.clip(np.nan_to_num(scaled, nan=0.0), 1, 65535)
        numbers[start : start + _ROWS] = np.where(np.isnan(strip), 0, valid)
    return numbers


def _write_cog(path: Path, pixels: NDArray[np.uint16] | NDArray[np.uint8], *, grid: PixelGrid, overviews: str) -> None:
    """One band, nodata 0, overviews down to a block."""
    if pixels.shape != (grid.height, grid.width):
        raise SpecError(f"{path.name} needs {grid.height} x {grid.width} pixels, got {pixels.shape}.")
    profile = {
        "driver": "COG",
        "dtype": pixels.dtype.name,
        "count": 1,
        "width": grid.width,
        "height": grid.height,
        "crs": CRS.from_epsg(grid.epsg),
        "transform": Affine(*grid.transform),
        "nodata": 0,
        "compress": "DEFLATE",
        "predictor": "STANDARD",
        "blocksize": _BLOCK,
        "overview_resampling": overviews,
    }
    with rasterio.open(path, "w", **profile) as target:
        target.write(pixels, 1, window=Window(0, 0, grid.width, grid.height))


def _band_asset(name: str, common: str, grid: PixelGrid, offset: float) -> dict[str, object]:
    return {
        "href": f"./{name}.tif",
        "type": _COG,
        "title": f"{common} - {grid.metres}m",
        "roles": ["data", "reflectance"],
        "eo:bands": [{"name": common, "common_name": common}],
        "gsd": grid.metres,
        "proj:shape": [grid.height, grid.width],
        "proj:transform": list(grid.transform),
        "raster:bands": [
            {
                "nodata": 0,
                "data_type": "uint16",
                "bits_per_sample": 15,
                "spatial_resolution": grid.metres,
                "scale": REFLECTANCE_SCALE,
                "offset": offset,
            }
        ],
    }


def _scl_asset(grid: PixelGrid) -> dict[str, object]:
    return {
        "href": "./SCL.tif",
        "type": _COG,
        "title": "Scene classification map (SCL)",
        "roles": ["data"],
        "gsd": grid.metres,
        "proj:shape": [grid.height, grid.width],
        "proj:transform": list(grid.transform),
        "raster:bands": [{"nodata": 0, "data_type": "uint8", "spatial_resolution": grid.metres}],
    }


def _item(scene: SceneMetadata, assets: dict[str, object]) -> dict[str, object]:
    ring = _outline(scene)
    lons, lats = zip(*ring, strict=True)
    projection = "v1.1.0" if scene.names_epsg else "v2.0.0"
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": scene.id,
        "properties": _properties(scene),
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [min(lons), min(lats), max(lons), max(lats)],
        "links": [
            _link("root", "../catalog.json"),
            _link("parent", "../collection.json"),
            _link("collection", "../collection.json"),
        ],
        "assets": assets,
        "collection": COLLECTION,
        "stac_extensions": [
            f"{_EXTENSIONS}/eo/v1.1.0/schema.json",
            f"{_EXTENSIONS}/grid/v1.1.0/schema.json",
            f"{_EXTENSIONS}/projection/{projection}/schema.json",
            f"{_EXTENSIONS}/raster/v1.1.0/schema.json",
            f"{_EXTENSIONS}/view/v1.0.0/schema.json",
        ],
    }


def _properties(scene: SceneMetadata) -> dict[str, object]:
    sensed, compact = scene.taken.astimezone(UTC), scene.baseline.replace(".", "")
    written = (scene.updated or scene.taken).astimezone(UTC)
    properties: dict[str, object] = {
        "datetime": f"{sensed:%Y-%m-%dT%H:%M:%S}.{sensed.microsecond // 1000:03d}Z",
        "created": f"{written:%Y-%m-%dT%H:%M:%SZ}",
        "updated": f"{written:%Y-%m-%dT%H:%M:%SZ}",
        "platform": f"sentinel-2{scene.platform[-1].lower()}",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "eo:cloud_cover": scene.cloud_percent,
        "grid:code": f"MGRS-{scene.mgrs}",
        "mgrs:utm_zone": int(scene.mgrs[:2]),
        "mgrs:latitude_band": scene.mgrs[2],
        "mgrs:grid_square": scene.mgrs[3:],
        "view:sun_azimuth": scene.sun_azimuth,
        "view:sun_elevation": scene.sun_elevation,
        "s2:product_type": "S2MSI2A",
        "s2:processing_baseline": scene.baseline,
        "s2:sequence": str(scene.sequence),
        "s2:product_uri": f"{scene.platform}_MSIL2A_{sensed:%Y%m%dT%H%M%S}_N{compact}_R089_T{scene.mgrs}"
        f"_{written:%Y%m%dT%H%M%S}.SAFE",
    }
    if scene.names_epsg:
        properties["proj:epsg"] = scene.grid.epsg
    if scene.names_code:
        properties["proj:code"] = f"EPSG:{scene.grid.epsg}"
    if scene.boa_offset_applied is not None:
        properties["earthsearch:boa_offset_applied"] = scene.boa_offset_applied
    return properties


def _outline(scene: SceneMetadata) -> list[list[float]]:
    """Footprint as a closed ring of degrees, longitude first."""
    left, bottom, right, top = scene.grid.bounds
    corners = scene.footprint or ((left, bottom), (right, bottom), (right, top), (left, top))
    to_degrees = Transformer.from_crs(scene.grid.epsg, 4326, always_xy=True)
    ring = [[round(degree, 8) for degree in to_degrees.transform(x, y)] for x, y in corners]
    return [*ring, ring[0]]


def _link(rel: str, href: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": "application/json"}


def _write_json(path: Path, content: Mapping[str, object]) -> Path:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path
