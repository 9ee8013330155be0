"""One STAC item, as any catalogue may word it, becomes a frozen scene with its files, or a reason why not.

In: the item as plain JSON. Out: `SceneItem` with a minimal item whose assets are called `B02` to `B12` and `SCL`,
with absolute addresses. Nothing is read here; where only the pixels know their zone, the caller looks.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import shapely
from pystac.utils import make_absolute_href
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from lczmap.imagery.access import Asset
from lczmap.imagery.offset import declared_offset
from lczmap.words.bands import BAND_NAMES, BANDS
from lczmap.words.errors import BrokenAssetError
from lczmap.words.period import Period
from lczmap.words.place import LonLatBox
from lczmap.words.scene import Scene, SceneItem, Skipped, solar_day
from lczmap.words.source import SourceRules
from lczmap.words.zone import central_meridian

Json: TypeAlias = Mapping[str, object]

SCL = "SCL"
"""Asset key of the scene classification in frozen items."""

_MGRS = re.compile(r"(?:^|[^0-9A-Z])T?(\d{1,2}[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V])(?![0-9A-Z])")
_LEVEL_1_IN_ID = re.compile(r"(?:^|_)(?:MSI)?L1C(?:_|$)")
_BASELINE_IN_ID = re.compile(r"_N(\d{2})(\d{2})_")
_KEPT = ("datetime", "updated", "created", "eo:cloud_cover", "earthsearch:boa_offset_applied", "s2:processing_baseline")


class UnusableItemError(ValueError):
    """Why an item cannot be used, in a few words."""


@dataclass(frozen=True, kw_only=True)
class RawItem:
    """An item as the catalogue gave it."""

    body: Json
    """The JSON object."""
    href: str
    """Its own address or path, to which relative addresses refer; empty where unknown."""


ZoneOfPixels = Callable[[Asset], int | None]
"""Looks a raster's zone up; None where it has none."""


def freeze(raw: RawItem, rules: SourceRules, zone_of_pixels: ZoneOfPixels) -> SceneItem | Skipped:
    """Read what a plan needs from an item; its offset is what metadata says, not yet settled.

    Args:
        raw: the item.
        rules: how the source's items are read.
        zone_of_pixels: asked only where the item does not say its zone.
    """
    # of an address only the last part: a local path or a signature does not belong into a manifest
    name = str(raw.body.get("id") or raw.href.split("?")[0].rpartition("/")[2] or "item without id")
    try:
        return _frozen(raw, name, rules, zone_of_pixels)
    except (UnusableItemError, BrokenAssetError) as reason:
        return Skipped(id=name, reason=str(reason))
    except (AttributeError, KeyError, TypeError, ValueError, ShapelyError) as error:
        return Skipped(id=name, reason=f"malformed item ({type(error).__name__}: {error})")


def meets(raw: RawItem, box: LonLatBox, period: Period) -> bool:
    """Whether an item lies in a box and a period (days of UTC); True where it does not say, to be judged later."""
    try:
        taken, footprint = _time(_mapping(raw.body.get("properties"))), _footprint(raw.body)
    except (AttributeError, KeyError, TypeError, ValueError, ShapelyError):
        return True
    return period.first <= taken.date() <= period.last and bool(footprint.intersects(box.polygon))


def assets_of(item: str) -> dict[str, Asset]:
    """Files of a frozen item by band name, and `SCL`.

    Args:
        item: its JSON text.
    """
    body = json.loads(item)
    return {key: Asset(href=entry["href"], item_id=body["id"], name=key) for key, entry in body["assets"].items()}


def zone_of_mgrs(mgrs: str) -> int | None:
    """EPSG code of the zone an MGRS tile such as `33UUU` lies in; None where it is none."""
    match = re.fullmatch(r"(\d{1,2})([C-HJ-NP-X])[A-Z]{2}", mgrs)
    if match is None or not 1 <= int(match[1]) <= 60:
        return None
    return (32600 if match[2] >= "N" else 32700) + int(match[1])


def _frozen(raw: RawItem, name: str, rules: SourceRules, zone_of_pixels: ZoneOfPixels) -> SceneItem:
    if not raw.body.get("id"):
        raise UnusableItemError("it has no id")
    properties = _mapping(raw.body.get("properties"))
    if _is_level_1(properties, name):
        raise UnusableItemError("it is level 1C (top of atmosphere), not surface reflectance")
    keys = _asset_keys(_mapping(raw.body.get("assets")), rules)
    assets = {band: _asset(_mapping(_mapping(raw.body["assets"])[key]), raw.href) for band, key in keys.items()}
    footprint = _footprint(raw.body)
    taken = _time(properties)
    mgrs = _mgrs(properties, name)
    baseline = _baseline(properties, name)
    epsg = _epsg(properties, _mapping(raw.body["assets"]), keys, mgrs)
    if epsg is None:
        epsg = zone_of_pixels(Asset(href=str(assets["B02"]["href"]), item_id=name, name="B02"))
    if epsg is None:
        raise UnusableItemError("neither its metadata nor its pixels say their zone")
    meridian = central_meridian(epsg)
    offset = declared_offset(properties, assets["B04"], baseline, rules.offset_rule)
    scene = Scene(
        id=name,
        taken=taken,
        # the zone's own meridian where there is one: an outline cut at 180 degrees has its centre near 0
        solar_day=solar_day(taken, footprint.centroid.x if meridian is None else meridian),
        updated=str(properties.get("updated") or properties.get("created") or ""),
        baseline=baseline,
        mgrs=mgrs or name,
        epsg=epsg,
        cloud_percent=_cloud(properties),
        has_scl=SCL in assets,
        offset_dn=offset.offset_dn,
        offset_assumed=offset.assumed,
    )
    return SceneItem(scene=scene, footprint=footprint, item=_minimal(raw, properties, assets))


def _is_level_1(properties: Json, name: str) -> bool:
    """Whether an item says that it is L1C: its assets bear the same keys as those of L2A."""
    stated = (properties.get("s2:product_type"), properties.get("product:type"), properties.get("processing:level"))
    return any(text in {"S2MSI1C", "L1C", "L1"} for text in stated) or _LEVEL_1_IN_ID.search(name) is not None


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _asset_keys(assets: Json, rules: SourceRules) -> dict[str, str]:
    """The item's own asset key for each band and the classification, the source's habit first.

    Raises:
        UnusableItemError: one of the ten bands is not there.
    """
    found: dict[str, str] = {}
    for band in BANDS:
        habits = (rules.assets[band.name], band.name, f"{band.name}_{band.metres}m", band.common)
        key = next((habit for habit in habits if _has_file(assets, habit)), None)
        if key is not None:
            found[band.name] = key
    missing = [band for band in BAND_NAMES if band not in found]
    if missing:
        raise UnusableItemError(f"no asset for {', '.join(missing)}")
    for habit in (rules.scl, "scl", "SCL", "SCL_20m"):
        if habit and _has_file(assets, habit):
            found[SCL] = habit
            break
    return found


def _has_file(assets: Json, key: str) -> bool:
    return bool(_mapping(assets.get(key)).get("href"))


def _asset(asset: Json, item_href: str) -> dict[str, object]:
    """What is kept of an asset: its absolute address, and its declared offset."""
    kept: dict[str, object] = {"href": _absolute(str(asset["href"]), item_href)}
    if "raster:bands" in asset:
        kept["raster:bands"] = asset["raster:bands"]
    return kept


def _absolute(href: str, item_href: str) -> str:
    if re.match(r"^[a-z][a-z0-9+.-]*://|^/", href):
        return href
    if not item_href:
        raise UnusableItemError(f"the address {href!r} is relative and the item does not say to what")
    return str(make_absolute_href(href, item_href))


def _footprint(body: Json) -> BaseGeometry:
    geometry = body.get("geometry")
    if isinstance(geometry, Mapping):
        outline = shapely.geometry.shape(dict(geometry))
        if not outline.is_empty:
            return outline if outline.is_valid else shapely.make_valid(outline)
    bbox = body.get("bbox")
    if isinstance(bbox, Sequence) and len(bbox) in {4, 6}:
        half = len(bbox) // 2
        return shapely.box(float(bbox[0]), float(bbox[1]), float(bbox[half]), float(bbox[half + 1]))
    raise UnusableItemError("it has no footprint")


def _time(properties: Json) -> datetime:
    text = properties.get("datetime") or properties.get("start_datetime")
    if not isinstance(text, str):
        raise UnusableItemError("it has no datetime")
    try:
        taken = datetime.fromisoformat(text)
    except ValueError:
        raise UnusableItemError(f"its datetime {text!r} is none") from None
    return taken.replace(tzinfo=UTC) if taken.tzinfo is None else taken.astimezone(UTC)


def _mgrs(properties: Json, name: str) -> str:
    """MGRS tile from its properties or its id; empty where neither says."""
    parts = [properties.get(f"mgrs:{part}") for part in ("utm_zone", "latitude_band", "grid_square")]
    stated = properties.get("grid:code") or properties.get("s2:mgrs_tile") or "".join(str(part or "") for part in parts)
    text = str(stated).removeprefix("MGRS-").removeprefix("T").upper()
    if zone_of_mgrs(text) is None:
        match = _MGRS.search(name.upper())
        text = match[1] if match else ""
    return text.zfill(5) if text else ""


def _baseline(properties: Json, name: str) -> str:
    for key in ("s2:processing_baseline", "processing:version", "processing:baseline"):
        match = re.fullmatch(r"N?(\d{1,2})\.(\d{2})", str(properties.get(key, "")))
        if match:
            return f"{int(match[1]):02d}.{match[2]}"
    for text in (name, str(properties.get("s2:product_uri", ""))):
        match = _BASELINE_IN_ID.search(text)
        if match:
            return f"{match[1]}.{match[2]}"
    return ""


def _epsg(properties: Json, assets: Json, keys: Mapping[str, str], mgrs: str) -> int | None:
    """Zone of the pixels, from whichever of its names the item uses, else from the MGRS tile."""
    for holder in (properties, _mapping(assets[keys["B02"]])):
        stated = holder.get("proj:epsg") or holder.get("proj:code")
        match = re.fullmatch(r"(?:EPSG:)?(\d{4,6})", str(stated), flags=re.IGNORECASE)
        if match:
            return int(match[1])
    return zone_of_mgrs(mgrs)


def _cloud(properties: Json) -> float | None:
    """Stated cloud cover; None where there is none, which leaves the item to its mask."""
    stated = properties.get("eo:cloud_cover")
    if not isinstance(stated, int | float) or not math.isfinite(stated):
        return None
    return min(max(float(stated), 0.0), 100.0)


def _minimal(raw: RawItem, properties: Json, assets: Mapping[str, Json]) -> str:
    """The part of the item that a worker needs, as JSON; asset keys are band names whatever the source calls them."""
    kept = {key: properties[key] for key in _KEPT if key in properties}
    links = [{"rel": "self", "href": raw.href}] if "://" in raw.href else []
    body = {
        "type": "Feature",
        "stac_version": raw.body.get("stac_version", "1.0.0"),
        "id": raw.body["id"],
        "collection": raw.body.get("collection"),
        "properties": kept,
        "links": links,
        "assets": assets,
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"))
