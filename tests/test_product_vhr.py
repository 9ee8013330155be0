"""A product tells of its second stream wherever a user looks, and of nothing where there is none."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
import xarray
from pystac.validation import RegisteredValidator

from lczmap.store.about import attribution
from lczmap.store.product import Product, ProductRequest
from lczmap.store.publish import write_product
from lczmap.testing.fakes import MemoryStore
from lczmap.words.plan import map_key
from lczmap.words.quality import Quality
from tests.plans import EAST, WEST, vhr_image, with_vhr
from tests.products import HIDDEN, SHIFT, aoi_plan, city_plan, expected, flag_counts, made_up_map, request_of

SAID = "Aerial image by <Somebody> & Co"


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> ProductRequest:
    return request_of(city_plan(320), tmp_path_factory.mktemp("out"), vhr=True)


@pytest.fixture(scope="module")
def product(request_: ProductRequest) -> Product:
    return write_product(request_)


def report(product: Product) -> dict[str, object]:
    value = json.loads(product.files["report_json"].read_text())
    assert isinstance(value, dict)
    return value


def test_every_raster_carries_the_attribution_of_both_images(product: Product, request_: ProductRequest) -> None:
    for key in ("lcz", "confidence", "quality", "probabilities"):
        with rasterio.open(product.files[key]) as raster:
            tags = raster.tags()
        assert SAID in tags["ATTRIBUTION"]
        assert "Copernicus" in tags["ATTRIBUTION"]
        assert SAID in tags["TIFFTAG_COPYRIGHT"]
        assert tags["VHR_LICENCE"] == "CC-BY-4.0"
        assert tags["VHR_PARTS"] == "north.tif south.tif"
        assert (tags["VHR_FIRST_DAY"], tags["VHR_LAST_DAY"]) == ("2024-05-06", "2024-05-06")
        assert tags["SENTINEL_WEIGHT"] == "0.55"
        assert tags["SEGMENTER"].startswith("slic ")
    attributes = xarray.open_zarr(product.files["zarr"]).attrs
    assert SAID in attributes["attribution"]
    assert attributes["segmenter"].startswith("slic ")
    assert attribution(request_.plan).count(";") == 1


def test_the_report_tells_what_the_image_shows_and_where_the_streams_disagree(tmp_path: Path) -> None:
    request = request_of(aoi_plan(160), tmp_path, vhr=True)
    product = write_product(request)
    facts, counted = report(product)["vhr"], flag_counts(request)
    assert isinstance(facts, dict)
    assert facts["cells"]["shown"] == product.wanted - counted[Quality.NO_VHR]
    paired = 0
    for tile in request.plan.tiles:
        arrays = request.store.read("map", map_key(request.plan, tile)).arrays
        for row, column in np.argwhere(tile.area.wanted):
            paired += arrays["sentinel"][row, column, 0] != 255 and arrays["vhr"][row, column, 0] != 255
    assert facts["cells"]["with_both_votes"] == paired > 0
    assert facts["sentinel_weight"] == 0.55
    assert facts["segmenter"]["core_metres"] == 320
    assert facts["segmenter"]["digest"] == request.plan.segmenter.digest  # type: ignore[union-attr]
    assert [entry["tile"] for entry in facts["registration"]] == [WEST.name, EAST.name]
    shift = facts["registration"][0]
    assert (shift["east"], shift["north"], shift["metres"], shift["flagged"]) == (SHIFT.east, SHIFT.north, 11.31, True)
    assert [part["taken"] for part in facts["parts"]] == ["2024-05-06", None]


def test_the_page_tells_it_to_people(product: Product) -> None:
    page = product.files["report"].read_text(encoding="utf-8")
    assert "Aerial image by &lt;Somebody&gt; &amp; Co" in page
    assert "<Somebody>" not in page
    for words in ("beyond 10 m, flagged", "A fake reader of graphs", "VHR stream", "core metres 320", "0.55"):
        assert words in page
    warnings = " ".join(str(text) for text in report(product)["warnings"])  # type: ignore[attr-defined]
    assert "3 of 3 tiles" in warnings
    assert "more than 10 m" in warnings


def test_the_item_is_valid_and_derived_from_every_raster_of_the_image(
    product: Product, request_: ProductRequest
) -> None:
    item = json.loads(product.files["item"].read_text())
    RegisteredValidator.get_validator().validate_core(item, pystac.STACObjectType.ITEM, "1.1.0")
    derived = {link["title"]: link["href"] for link in item["links"] if link["rel"] == "derived_from"}
    assert set(derived) == {*request_.plan.scenes, "north.tif", "south.tif"}
    assert derived["north.tif"] == "urn:vhr:local:north.tif"
    facts = item["properties"]
    assert facts["license"] == "other"
    assert "CC-BY-4.0" in facts["lczmap:licence"]
    assert facts["lczmap:vhr_taken"] == ["2024-05-06", "2024-05-06"]
    assert facts["lczmap:sentinel_weight"] == 0.55
    assert "slic" in facts["processing:lineage"]
    assert any(provider.get("description") == SAID for provider in facts["providers"])


def test_one_stream_says_nothing_of_a_second(tmp_path: Path) -> None:
    product = write_product(request_of(aoi_plan(320), tmp_path))
    assert "vhr" not in report(product)
    assert "Very-high-resolution" not in product.files["report"].read_text()
    item = json.loads(product.files["item"].read_text())
    assert not [name for name in item["properties"] if "vhr" in name or "segmenter" in name]
    with rasterio.open(product.files["lcz"]) as raster:
        assert not [name for name in raster.tags() if name.startswith(("VHR", "SEGMENTER"))]


@pytest.mark.parametrize(("cells", "warned"), [(0, False), (1, True)])
def test_only_cells_that_are_mapped_by_the_image_alone_are_counted_as_such(
    tmp_path: Path, cells: int, warned: bool
) -> None:
    """Counted are wanted cells with a vote of the image and none of Sentinel-2, not those the other way round."""
    store, plan = MemoryStore(), with_vhr(aoi_plan(320))
    request = request_of(plan, tmp_path, vhr=True, store=store)
    tile = plan.tiles[0]
    key = map_key(plan, tile)
    drawn = made_up_map(tile, 320, key, seed=1, vhr=True)
    assert drawn.sentinel is not None
    assert drawn.vhr is not None
    both = (drawn.sentinel[..., 0] != 255) & (drawn.vhr[..., 0] != 255)
    chosen = tuple(np.argwhere(both & tile.area.wanted)[:cells].T)
    sentinel = drawn.sentinel.copy()
    sentinel[chosen] = 255
    sentinel[(~tile.area.wanted).nonzero()] = 255
    store.records["map", key] = replace(drawn, sentinel=sentinel).record()
    product = write_product(request)
    facts, warnings = report(product)["vhr"], report(product)["warnings"]
    assert isinstance(facts, dict)
    assert facts["cells"]["by_vhr_alone"] == product.vhr_alone == cells
    assert any("stands alone, where" in str(text) for text in warnings) == warned  # type: ignore[attr-defined]


@pytest.mark.parametrize("bare", [0, 1])
def test_a_tile_that_holds_one_stream_only_is_nodata_in_the_other(tmp_path: Path, bare: int) -> None:
    """A record without the second stream among others that have it, whether it comes first or last."""
    store, plan = MemoryStore(), with_vhr(aoi_plan(160))
    request = request_of(plan, tmp_path, vhr=True, store=store)
    tile = plan.tiles[bare]
    key = map_key(plan, tile)
    store.records["map", key] = made_up_map(tile, 160, key, seed=1).record()
    cube = xarray.open_zarr(write_product(request).files["zarr"], mask_and_scale=False).load()
    whole = {side.tile: made_up_map(side, 160, map_key(plan, side), seed=1, vhr=True) for side in plan.tiles}
    store.records["map", key] = replace(
        whole[tile.tile],
        vhr=np.full_like(whole[tile.tile].vhr, 255),
        sentinel=whole[tile.tile].probabilities,
    ).record()
    for name, field in (("probabilities_vhr", "vhr"), ("probabilities_sentinel", "sentinel")):
        assert np.array_equal(np.moveaxis(cube[name].to_numpy(), 0, 2), expected(request, field)), name


@pytest.mark.parametrize(
    ("taken", "words"),
    [(None, "does not say when"), (date(2019, 3, 4), "days from the period"), (date(2024, 2, 2), "")],
)
def test_the_day_of_the_image_is_weighed(tmp_path: Path, taken: date | None, words: str) -> None:
    plan = with_vhr(aoi_plan(320), vhr_image(taken))
    product = write_product(request_of(plan, tmp_path, vhr=True))
    warnings = [str(text) for text in report(product)["warnings"]]  # type: ignore[attr-defined]
    told = [text for text in warnings if "image" in text and ("when" in text or "period" in text)]
    assert (words in told[0]) if words else not told


def test_no_file_tells_a_local_path_of_the_image(tmp_path: Path) -> None:
    image = replace(vhr_image(), attribution=f"Photographed for {HIDDEN}", licence=f"see {HIDDEN}")
    write_product(request_of(with_vhr(aoi_plan(320), image), tmp_path, vhr=True))
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"someone" not in path.read_bytes(), path
