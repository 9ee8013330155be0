"""The item and its catalogue are valid STAC, say what the files hold, and tell no secret."""

import hashlib
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pystac
import pytest
from pystac.validation import RegisteredValidator

from lczmap.store.about import days, scene_href, without_paths
from lczmap.store.product import CAVEAT, Product, ProductRequest
from lczmap.store.publish import write_product
from lczmap.testing.fakes import MemoryStore
from lczmap.words.lcz import LCZ
from lczmap.words.quality import Quality
from tests.plans import scene
from tests.products import HIDDEN, aoi_plan, city_plan, flag_counts, keep_observations, request_of


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> ProductRequest:
    plan = city_plan(100)
    links = [{"rel": "self", "href": "https://user:password@example.org/items/S2A?token=abc#part"}]
    local = [{"rel": "self", "href": f"file://{HIDDEN}"}]
    first, second = sorted(plan.scenes)
    items = {first: json.dumps({"links": links}), second: json.dumps({"links": local})}
    source = replace(plan.source, title=f"A folder {HIDDEN}", attribution=f"Contains Copernicus data, {HIDDEN}")
    request = request_of(replace(plan, items=items, source=source), tmp_path_factory.mktemp("out"))
    keep_observations(request)
    return request


@pytest.fixture(scope="module")
def product(request_: ProductRequest) -> Product:
    write_product(request_of(aoi_plan(320), request_.out))
    return write_product(request_)


def item_in(product: Product) -> dict[str, object]:
    value = json.loads(product.files["item"].read_text())
    assert isinstance(value, dict)
    return value


def test_item_collection_and_catalogue_are_valid(product: Product, request_: ProductRequest) -> None:
    checker = RegisteredValidator.get_validator()
    checker.validate_core(item_in(product), pystac.STACObjectType.ITEM, "1.1.0")
    for path in request_.out.glob("*/collection.json"):
        checker.validate_core(json.loads(path.read_text()), pystac.STACObjectType.COLLECTION, "1.1.0")
    catalog = json.loads((request_.out / "catalog.json").read_text())
    checker.validate_core(catalog, pystac.STACObjectType.CATALOG, "1.1.0")
    with pytest.raises(pystac.STACValidationError):
        checker.validate_core({**item_in(product), "links": None}, pystac.STACObjectType.ITEM, "1.1.0")


def test_a_client_walks_from_the_catalogue_to_every_item(product: Product, request_: ProductRequest) -> None:
    catalog = pystac.Catalog.from_file(str(request_.out / "catalog.json"))
    assert {child.id for child in catalog.get_children()} == {"here", "testville-de"}
    items = {item.id: item for item in catalog.get_items(recursive=True)}
    assert set(items) == {"here_2024", "testville-de_2024-100m"}
    item = items[product.stem]
    assert item.get_collection() is not None
    assert item.get_parent() is not None
    for asset in item.assets.values():
        path = asset.get_absolute_href()
        assert path is not None
        assert Path(path).exists()


def test_every_file_is_an_asset_with_its_checksum(product: Product) -> None:
    assets = item_in(product)["assets"]
    assert isinstance(assets, dict)
    named = {asset["href"] for asset in assets.values()}
    assert named == {f"./{path.name}" for path in product.folder.iterdir() if path.name != "item.json"}
    for asset in assets.values():
        path = product.folder / asset["href"]
        if path.is_file():
            assert asset["file:size"] == path.stat().st_size
            assert asset["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            assert asset["lczmap:files"] == sum(entry.is_file() for entry in path.rglob("*"))


def test_extensions_are_used_as_they_are_written(product: Product) -> None:
    item = pystac.Item.from_file(str(product.files["item"]))
    assert item.ext.proj.code == "EPSG:32633"
    assert item.ext.proj.shape == [256, 256]
    lcz = item.assets["lcz"]
    classes = lcz.ext.classification.classes
    assert classes is not None
    assert [(entry.value, entry.color_hint) for entry in classes[1:]] == [
        (zone.code, zone.colour.upper()) for zone in LCZ
    ]
    bands = item.assets["probabilities"].ext.raster.bands
    assert bands is not None
    assert [(band.scale, band.nodata) for band in bands] == [(0.004, 255)] * 17
    fields = item.assets["quality"].ext.classification.bitfields
    assert fields is not None
    assert [2**field.offset for field in fields] == [2**power for power in range(11)]
    assert item.properties["processing:software"].keys() == {"lczmap"}


def test_the_item_is_derived_from_every_scene(product: Product, request_: ProductRequest) -> None:
    item = item_in(product)
    links = [link for link in item["links"] if link["rel"] == "derived_from"]  # type: ignore[index,attr-defined]
    assert [link["title"] for link in links] == sorted(request_.plan.scenes)
    assert links[0]["href"] == "https://example.org/items/S2A"
    assert links[1]["href"].startswith("urn:")


def test_the_outline_runs_counter_clockwise_inside_its_box(product: Product) -> None:
    item = item_in(product)
    ring = item["geometry"]["coordinates"][0]  # type: ignore[index]
    assert ring[0] == ring[-1]
    area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in itertools.pairwise(ring))
    assert area > 0
    west, south, east, north = item["bbox"]  # type: ignore[misc]
    assert all(west <= x <= east and south <= y <= north for x, y in ring)
    assert 13 < west < 13.5
    assert 52 < south < 52.6


def test_no_file_tells_a_local_path_or_a_secret(product: Product, request_: ProductRequest) -> None:
    words = [HIDDEN, "someone", "password", "token=abc", str(request_.out), str(Path.cwd()), str(Path.home())]
    for path in request_.out.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for word in words:
                assert word.encode() not in data, (path, word)
    assert product.files["report"].read_text().count("catalogue.json") >= 2


class _Page(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_report_stands_alone_and_is_well_formed(product: Product) -> None:
    text = product.files["report"].read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert not page.open
    assert "<script" not in text
    assert all(link.startswith("data:image/png") or (product.folder / link).exists() for link in page.links)
    words = " ".join(page.words)
    assert "Testville <am & See>" in words
    assert "<am" not in text
    assert CAVEAT in words
    for expected in ("S2A_33UUU_20240701_0_L2A", "provisional", "Somebody <kind> & Co", "truncated", "3.5"):
        assert expected in words


def test_the_report_for_machines_says_the_same(product: Product, request_: ProductRequest) -> None:
    facts = json.loads(product.files["report_json"].read_text())
    assert facts["cells"]["wanted"] == product.wanted
    assert facts["cells"]["nodata"] == product.nodata
    assert {flag["bit"]: flag["cells"] for flag in facts["flags"]} == {
        bit.value: count for bit, count in product.flagged.items()
    }
    assert [entry["id"] for entry in facts["scenes"]] == sorted(request_.plan.scenes)
    assert facts["skipped"] == [{"id": "S2A_BROKEN", "reason": "cannot open catalogue.json: truncated"}]
    assert any("provisional" in text for text in facts["warnings"])
    assert facts["seconds"] == {"search": 1.25, "observe": 3.5}


def test_an_unmasked_scene_and_an_assumed_offset_are_warned_of(tmp_path: Path) -> None:
    plain = replace(scene(), has_scl=False, offset_assumed=True)
    product = write_product(request_of(aoi_plan(320, scenes=(plain,)), tmp_path))
    warnings = " ".join(json.loads(product.files["report_json"].read_text())["warnings"])
    assert "SCL" in warnings
    assert "metadata alone" in warnings


@pytest.mark.parametrize(("every", "warned"), [(1, True), (40, False)])
def test_many_strange_cells_are_warned_of_and_a_few_only_counted(tmp_path: Path, every: int, *, warned: bool) -> None:
    store = MemoryStore()
    request = request_of(aoi_plan(320), tmp_path, store=store)
    for record in store.records.values():
        quality = record.arrays["quality"]
        quality.reshape(-1)[np.flatnonzero(quality != 65535)[::every]] |= np.uint16(Quality.OUT_OF_DOMAIN)
    product = write_product(request)
    assert product.flagged[Quality.OUT_OF_DOMAIN] == flag_counts(request)[Quality.OUT_OF_DOMAIN] > 0
    warnings = json.loads(product.files["report_json"].read_text())["warnings"]
    assert any("unlike what" in text for text in warnings) == warned


def test_cloud_that_no_catalogue_stated_is_not_reported_as_none_at_all(tmp_path: Path) -> None:
    product = write_product(request_of(aoi_plan(320, scenes=(replace(scene(), cloud_percent=None),)), tmp_path))
    (entry,) = json.loads(product.files["report_json"].read_text())["scenes"]
    assert entry["cloud_percent"] is None
    assert "<td>?</td>" in re.sub("<td[^>]*>", "<td>", product.files["report"].read_text())


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("cannot open /data/x/y.tif: no", "cannot open y.tif: no"),
        ("file:///data/x/y.tif", "y.tif"),
        (r"C:\maps\new\y.tif", "y.tif"),
        ("~/maps/y.tif", "y.tif"),
        ("https://host/a/b?c=1", "https://host/a/b?c=1"),
        ("s3://bucket/a/b.tif", "s3://bucket/a/b.tif"),
        ("cloud 3/4, and/or 10 m", "cloud 3/4, and/or 10 m"),
        ("'/vsicurl/https://host/a'", "'https://host/a'"),
    ],
)
def test_paths_are_cut_and_addresses_are_not(text: str, bare: str) -> None:
    assert without_paths(text) == bare


def test_periods_read_as_people_write_them() -> None:
    assert days(aoi_plan(320, period="2024-10").spec.period) == "1 to 31 October 2024"
    assert days(aoi_plan(320, period="2024").spec.period) == "1 January to 31 December 2024"
    assert days(aoi_plan(320, period="2024-05-07").spec.period) == "7 May 2024"
    assert days(aoi_plan(320, period="2023-12/2024-02").spec.period) == "1 December 2023 to 29 February 2024"


def test_a_scene_without_a_public_address_has_a_name() -> None:
    href = scene_href(aoi_plan(320), "S2A odd/name")
    assert re.fullmatch(r"urn:stac:item:S2A%20odd%2Fname", href)
