"""One item, as the wild words it: what is read from it, under whatever name, and why some cannot be used."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import shapely

from lczmap.imagery.items import RawItem, freeze, zone_of_mgrs
from lczmap.words.bands import BANDS
from lczmap.words.errors import BrokenAssetError
from lczmap.words.scene import SceneItem, Skipped
from tests.imagery_scenes import metadata, rules, written

Change = Callable[[dict[str, object]], None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One scene."""
    root = tmp_path_factory.mktemp("folder")
    written(root, [(metadata(0, cloud_percent=3.5, baseline="05.09"), 0.1, 4)])
    return root


@pytest.fixture
def body(folder: Path) -> dict[str, object]:
    """An item as JSON."""
    return json.loads((folder / "S2B_50RQU_20230301_0_L2A" / "item.json").read_text())  # type: ignore[no-any-return]


def frozen(body: dict[str, object], zone: int | None = None) -> SceneItem | Skipped:
    return freeze(RawItem(body=body, href="/data/item.json"), rules(), lambda _asset: zone)


def scene_of(body: dict[str, object], zone: int | None = None) -> SceneItem:
    entry = frozen(body, zone)
    assert isinstance(entry, SceneItem), entry
    return entry


def test_an_item_tells_its_facts(body: dict[str, object]) -> None:
    scene = scene_of(body).scene
    assert scene.id == "S2B_50RQU_20230301_0_L2A"
    assert scene.taken == datetime(2023, 3, 1, 2, 35, tzinfo=UTC)
    assert scene.solar_day == date(2023, 3, 1)
    assert (scene.mgrs, scene.epsg, scene.baseline) == ("50RQU", 32650, "05.09")
    assert scene.updated == "2023-03-01T02:35:00Z"
    assert scene.cloud_percent == 3.5
    assert scene.has_scl


def test_a_frozen_item_is_small_absolute_and_named_by_band(body: dict[str, object]) -> None:
    item = json.loads(scene_of(body).item)
    assert sorted(item["assets"]) == ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12", "B8A", "SCL"]
    assert item["assets"]["B8A"]["href"] == "/data/B8A.tif"
    assert len(json.dumps(item)) < len(json.dumps(body)) / 2


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"proj:epsg": 32651}, 32651),
        ({"proj:code": "EPSG:32651"}, 32651),
        ({"proj:epsg": None, "proj:code": "epsg:32651"}, 32651),
        ({"proj:epsg": None, "grid:code": "MGRS-4CDE"}, 32704),
        ({}, 32650),
    ],
)
def test_the_zone_goes_by_many_names(body: dict[str, object], named: dict[str, object], expected: int) -> None:
    properties = body["properties"]
    assert isinstance(properties, dict)
    del properties["proj:epsg"]
    properties.update(named)
    assert scene_of(body, zone=1).scene.epsg == expected


def test_the_pixels_are_asked_for_a_zone_that_nothing_names(body: dict[str, object]) -> None:
    body["id"] = "anything"
    body["properties"] = {"datetime": "2023-03-01T02:35:00Z"}
    entry = scene_of(body, zone=32650)
    assert entry.scene.epsg == 32650
    assert entry.scene.mgrs == "anything"
    assert isinstance(frozen(body, zone=None), Skipped)

    def broken(_asset: object) -> int:
        raise BrokenAssetError("Band B02 cannot be read.")

    skipped = freeze(RawItem(body=body, href="/data/item.json"), rules(), broken)
    assert isinstance(skipped, Skipped)
    assert "cannot be read" in skipped.reason


@pytest.mark.parametrize(
    "keys",
    [
        lambda band, metres, _common: f"{band}_{metres}m",
        lambda band, _metres, _common: band,
        lambda _band, _metres, common: common,
    ],
    ids=["cdse", "planetary-computer", "earth-search"],
)
def test_assets_go_by_many_names(body: dict[str, object], keys: Callable[[str, int, str], str]) -> None:
    assets = body["assets"]
    assert isinstance(assets, dict)
    body["assets"] = {keys(band.name, band.metres, band.common): assets[band.common] for band in BANDS}
    entry = scene_of(body)
    assert not entry.scene.has_scl
    assert json.loads(entry.item)["assets"]["B12"]["href"] == "/data/B12.tif"


def without(*path: str) -> Change:
    def change(body: dict[str, object]) -> None:
        holder = body
        for key in path[:-1]:
            holder = holder[key]  # type: ignore[assignment]
        del holder[path[-1]]

    return change


def with_value(key: str, value: object) -> Change:
    return lambda body: body.update({key: value})


def with_property(key: str, value: object) -> Change:
    return lambda body: body["properties"].update({key: value})  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without("assets", "swir22"), "no asset for B12"),
        (without("assets"), "no asset for B02"),
        (without("properties", "datetime"), "no datetime"),
        (without("properties"), "no datetime"),
        (with_value("properties", {"datetime": "yesterday"}), "its datetime 'yesterday' is none"),
        (with_value("properties", {"datetime": None}), "no datetime"),
        (without("id"), "it has no id"),
        (with_value("geometry", {"type": "Polygon", "coordinates": "round"}), "malformed"),
        (with_value("geometry", {"type": "Polygon", "coordinates": [[[1, 2]]]}), "malformed"),
        (with_value("assets", [1, 2]), "no asset for B02"),
        (with_value("id", "S2B_50RQU_20230301_0_L1C"), "level 1C"),
        (with_value("id", "S2B_MSIL1C_20230301T023551_N0509_R089_T50RQU_20230301T050000"), "level 1C"),
        (with_property("s2:product_type", "S2MSI1C"), "level 1C"),
        (with_property("processing:level", "L1C"), "level 1C"),
    ],
)
def test_items_that_cannot_be_used_say_why(body: dict[str, object], change: Change, reason: str) -> None:
    change(body)
    skipped = frozen(body)
    assert isinstance(skipped, Skipped)
    assert reason in skipped.reason


def test_an_item_without_id_is_named_by_the_end_of_its_address(body: dict[str, object]) -> None:
    del body["id"]
    for href in ("/home/me/data/item.json", "https://host/items/item.json?sig=secret"):
        skipped = freeze(RawItem(body=body, href=href), rules(), lambda _asset: None)
        assert isinstance(skipped, Skipped)
        assert skipped.id == "item.json"


def test_an_item_without_geometry_lies_in_its_box(body: dict[str, object]) -> None:
    body["geometry"] = None
    west, south, east, north = body["bbox"]  # type: ignore[misc]
    assert scene_of(body).footprint.bounds == pytest.approx((west, south, east, north))
    del body["bbox"]
    skipped = frozen(body)
    assert isinstance(skipped, Skipped)
    assert "footprint" in skipped.reason


@pytest.mark.parametrize(("stated", "expected"), [(None, None), ("clear", None), (float("nan"), None), (130, 100.0)])
def test_cloud_that_is_not_stated_is_not_known(body: dict[str, object], stated: object, expected: float | None) -> None:
    with_property("eo:cloud_cover", stated)(body)
    assert scene_of(body).scene.cloud_percent == expected


def test_an_outline_cut_at_180_degrees_does_not_move_the_day(body: dict[str, object]) -> None:
    """Fiji, half past ten in the morning of 2 March by the sun, is still 1 March in UTC."""
    with_property("datetime", "2023-03-01T22:25:00Z")(body)
    with_property("proj:epsg", 32760)(body)
    halves = shapely.MultiPolygon([shapely.box(179.2, -17, 180, -16), shapely.box(-180, -17, -179.8, -16)])
    body["geometry"] = shapely.geometry.mapping(halves)
    assert scene_of(body).scene.solar_day == date(2023, 3, 2)
    body["geometry"] = shapely.geometry.mapping(shapely.box(179.2, -17, 179.9, -16))
    assert scene_of(body).scene.solar_day == date(2023, 3, 2)


def test_pixels_in_no_utm_zone_take_the_day_of_their_outline(body: dict[str, object]) -> None:
    with_property("proj:epsg", 3857)(body)
    with_property("datetime", "2023-03-01T17:00:00Z")(body)
    assert scene_of(body).scene.solar_day == date(2023, 3, 2)  # at 119.7 degrees east


def test_relative_addresses_need_an_address_to_start_from(body: dict[str, object]) -> None:
    skipped = freeze(RawItem(body=body, href=""), rules(), lambda _asset: None)
    assert isinstance(skipped, Skipped)
    assert "relative" in skipped.reason


def test_mgrs_tiles_lie_in_zones() -> None:
    assert [zone_of_mgrs(tile) for tile in ("33UUU", "1CAA", "60XZZ", "33MUU", "61UUU", "here", "")] == [
        32633,
        32701,
        32660,
        32733,
        None,
        None,
        None,
    ]
