"""STAC: the item of a product, and the collection and catalogue pages rebuilt from the items that stand.

Links are relative, so that a folder of products may be moved, copied or served as it is. The item is the commit of a
product: it is written last and names every other file with its checksum.
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from pyproj import Transformer

from lczmap import __version__
from lczmap.store.about import Json, attribution, heading, licence, scene_href, without_paths
from lczmap.store.assets import NAMES, described
from lczmap.store.disk import write_whole
from lczmap.store.layers import Mosaic
from lczmap.store.product import ITEM, ProductRequest
from lczmap.store.secondstream import part_href, stream_lineage, stream_properties
from lczmap.store.shelf import items_under
from lczmap.words.grid import PixelGrid

VERSION = "1.1.0"
"""STAC version of everything written here."""
EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)
"""Extensions that an item uses."""
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
Table = Mapping[str, Json]
"""A JSON object."""


def item_of(request: ProductRequest, mosaic: Mosaic, files: Mapping[str, Path]) -> dict[str, Json]:
    """The STAC item of a product.

    Args:
        request: what was asked.
        mosaic: what the map adds up to.
        files: every file written so far, by asset key.
    """
    plan = request.plan
    outline = _outline(mosaic.extent.grid)
    lons, lats = [point[0] for point in outline], [point[1] for point in outline]
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": request.stem,
        "collection": plan.place.slug,
        "geometry": {"type": "Polygon", "coordinates": [outline]},
        "bbox": [min(lons), min(lats), max(lons), max(lats)],
        "properties": {
            **_properties(request, mosaic.extent.grid),
            **_counts(mosaic),
            **stream_properties(plan, mosaic),
        },
        "links": _links(request),
        "assets": {key: described(NAMES[key], path, plan.spec.posting) for key, path in files.items()},
    }


def write_json(path: Path, value: Json) -> None:
    """Write JSON, whole or not at all; nothing happens where the file holds it already."""
    payload = (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    if not path.is_file() or path.read_bytes() != payload:
        write_whole(path, payload)


def read_item(path: Path) -> Table | None:
    """A published item; None where the file is missing or was not written here."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not is_table(value) or not is_table(value.get("assets")):
        return None
    facts = value.get("properties")
    return value if is_table(facts) and "lczmap:product_key" in facts else None


def is_table(value: object) -> TypeGuard[Table]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def rebuild_catalogue(out: Path) -> None:
    """Make the catalogue page and one collection page a place say what items stand under a folder."""
    places: dict[str, list[Table]] = {}
    for path in items_under(out):
        item = read_item(path)
        if item is not None:
            places.setdefault(path.parent.parent.name, []).append({**item, "_folder": path.parent.name})
    for slug, items in places.items():
        write_json(out / slug / "collection.json", _collection(slug, items))
    children: list[Json] = [
        {"rel": "child", "href": f"./{slug}/collection.json", "type": "application/json", "title": _title(items)}
        for slug, items in places.items()
    ]
    root: Json = {"rel": "root", "href": "./catalog.json", "type": "application/json"}
    write_json(
        out / "catalog.json",
        {
            "type": "Catalog",
            "stac_version": VERSION,
            "id": "lczmap",
            "title": "Local Climate Zone maps",
            "description": "Local Climate Zone maps of cities, made from Sentinel-2 by lczmap.",
            "links": [root, *children],
        },
    )


def _properties(request: ProductRequest, grid: PixelGrid) -> dict[str, Json]:
    plan, period = request.plan, request.plan.spec.period
    created = request.created.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "title": heading(plan),
        "description": f"{heading(plan)}. {attribution(plan)}",
        "datetime": None,
        "start_datetime": f"{period.first}T00:00:00Z",
        "end_datetime": f"{period.last}T23:59:59Z",
        "created": created,
        "updated": created,
        "license": _licence(request),
        "providers": _providers(request),
        "gsd": plan.spec.posting,
        "proj:code": f"EPSG:{grid.epsg}",
        "proj:bbox": list(grid.bounds),
        "proj:shape": [grid.height, grid.width],
        "proj:transform": list(grid.transform),
        "processing:level": "L3",
        "processing:software": {"lczmap": __version__},
        "processing:lineage": _lineage(request),
        "lczmap:product_key": request.key,
        "lczmap:edition": request.edition,
        "lczmap:place": plan.place.name,
        "lczmap:country": plan.place.country,
        "lczmap:posting": plan.spec.posting,
        "lczmap:licence": licence(plan),
        "lczmap:models": [f"{model.role}={model.name}" for model in plan.models],
        "lczmap:open_period": request.open_period,
        "lczmap:provisional": any(card.provisional for card in request.cards),
    }


def _counts(mosaic: Mosaic) -> dict[str, Json]:
    return {
        "lczmap:cells_wanted": mosaic.wanted,
        "lczmap:cells_nodata": mosaic.wanted - sum(mosaic.cells),
        "lczmap:class_cells": list(mosaic.cells),
        "lczmap:quality_cells": {str(bit.value): count for bit, count in mosaic.flagged.items()},
    }


def _lineage(request: ProductRequest) -> str:
    method, models = request.plan.spec.composite, ", ".join(model.name for model in request.plan.models)
    return (
        f"Clear-sky median of {len(request.plan.scenes)} Sentinel-2 L2A scenes (cloud at most "
        f"{method.max_cloud_percent:g} %, at most {method.max_solar_days} solar days for each MGRS tile); "
        f"320 m windows classified by {models or 'unnamed models'}."
    ) + stream_lineage(request.plan)


def _licence(request: ProductRequest) -> str:
    plan = request.plan
    texts = {plan.source.licence, plan.source.licence if plan.vhr is None else plan.vhr.licence}
    text = texts.pop()
    return text if not texts and _SPDX.fullmatch(text) else "other"


def _providers(request: ProductRequest) -> list[Json]:
    source, image = request.plan.source, request.plan.vhr
    seen: list[Json] = [
        {"name": without_paths(source.title), "description": without_paths(source.attribution), "roles": ["producer"]}
    ]
    if image is not None:
        words = without_paths(image.attribution) or "very-high-resolution image"
        seen.append({"name": without_paths(image.name), "description": words, "roles": ["producer"]})
    return [
        *seen,
        {"name": "lczmap", "description": "Composite, classification and map", "roles": ["processor"]},
    ]


def _links(request: ProductRequest) -> list[Json]:
    page = "application/json"
    scenes: list[Json] = [
        {"rel": "derived_from", "href": scene_href(request.plan, scene), "type": "application/geo+json", "title": scene}
        for scene in sorted(request.plan.scenes)
    ]
    image = request.plan.vhr
    parts: Sequence[Json] = (
        []
        if image is None
        else [{"rel": "derived_from", "href": part_href(image, part), "title": part.id} for part in image.parts]
    )
    return [
        {"rel": "root", "href": "../../catalog.json", "type": page},
        {"rel": "parent", "href": "../collection.json", "type": page},
        {"rel": "collection", "href": "../collection.json", "type": page},
        *scenes,
        *parts,
    ]


def _collection(slug: str, items: Sequence[Table]) -> dict[str, Json]:
    properties = [item["properties"] for item in items]
    facts = [entry for entry in properties if is_table(entry)]
    licences = {entry.get("license") for entry in facts}
    links: list[Json] = [
        {"rel": "root", "href": "../catalog.json", "type": "application/json"},
        {"rel": "parent", "href": "../catalog.json", "type": "application/json"},
    ]
    links += [
        {"rel": "item", "href": f"./{item['_folder']}/{ITEM}", "type": "application/geo+json", "title": item["id"]}
        for item in items
    ]
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "id": slug,
        "title": _title(items),
        "description": f"Local Climate Zone maps of {_title(items)}.",
        "license": licences.pop() if len(licences) == 1 else "other",
        "providers": facts[-1].get("providers", []),
        "extent": {
            "spatial": {"bbox": [_union([_numbers(item["bbox"]) for item in items])]},
            "temporal": {"interval": [[_least(facts, "start_datetime"), _most(facts, "end_datetime")]]},
        },
        "links": links,
    }


def _title(items: Sequence[Table]) -> str:
    facts = items[-1]["properties"]
    return str(facts.get("lczmap:place", items[-1]["id"])) if is_table(facts) else str(items[-1]["id"])


def _least(facts: Sequence[Table], name: str) -> str:
    return min(str(entry[name]) for entry in facts)


def _most(facts: Sequence[Table], name: str) -> str:
    return max(str(entry[name]) for entry in facts)


def _numbers(value: Json) -> list[float]:
    return [float(entry) for entry in value if isinstance(entry, int | float)] if isinstance(value, list) else []


def _union(boxes: Sequence[Sequence[float]]) -> list[Json]:
    west, south, east, north = zip(*boxes, strict=True)
    return [min(west), min(south), max(east), max(north)]


def _outline(grid: PixelGrid) -> list[list[float]]:
    """The grid's outline in degrees, counter-clockwise from the south-west, four points an edge."""
    west, south, east, north = grid.bounds
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    points = [
        (x0 + (x1 - x0) * step / 4, y0 + (y1 - y0) * step / 4)
        for (x0, y0), (x1, y1) in itertools.pairwise(corners)
        for step in range(4)
    ]
    to_degrees = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    outline = [[round(float(degree), 6) for degree in to_degrees.transform(x, y)] for x, y in points]
    return [*outline, outline[0]]
