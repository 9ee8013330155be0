"""What a GIS sees: palette, names, nodata, overviews, vector zones, tables; with and without side files."""

import csv
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.shutil
import rioxarray  # noqa: F401 - gives datasets their `rio`
import xarray
from PIL import Image
from rasterio import features
from rio_cogeo import cog_validate

from lczmap.store import picture
from lczmap.store.product import Product
from lczmap.store.publish import write_product
from lczmap.store.zones import connected
from lczmap.words.lcz import LCZ
from tests.plans import EAST, WEST
from tests.products import SOUTH_EAST, aoi_plan, city_plan, expected, keep_observations, request_of

COGS = ("lcz", "lcz_filtered", "confidence", "quality", "probabilities")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """A city at 80 m: large enough for overviews, with a corner missing."""
    request = request_of(city_plan(80, (WEST, EAST, SOUTH_EAST)), tmp_path_factory.mktemp("city"))
    keep_observations(request)
    return write_product(request)


def words_of(path: Path, folder: Path) -> Mapping[str, list[str]]:
    """What GDAL knows of a raster, as it hands it on to a VRT."""
    rasterio.shutil.copy(path, folder / "seen.vrt", driver="VRT")
    band = ET.parse(folder / "seen.vrt").getroot().find("VRTRasterBand")  # noqa: S314 - our own file
    assert band is not None
    return {
        "categories": [entry.text or "" for entry in band.iterfind("CategoryNames/Category")],
        "palette": [
            f"{entry.get('c1')},{entry.get('c2')},{entry.get('c3')}" for entry in band.iterfind("ColorTable/Entry")
        ],
        "tags": [f"{entry.get('key')}={entry.text}" for entry in band.iterfind("Metadata/MDI")],
    }


@pytest.mark.parametrize("key", COGS)
def test_rasters_are_cloud_optimised(key: str, city: Product) -> None:
    valid, errors, warnings = cog_validate(city.files[key], quiet=True)
    assert (valid, list(errors), list(warnings)) == (True, [], [])


@pytest.mark.parametrize("key", ["lcz", "lcz_filtered"])
@pytest.mark.parametrize("bare", [False, True])
def test_class_rasters_have_the_official_colours_and_names(
    key: str, city: Product, tmp_path: Path, *, bare: bool
) -> None:
    path = tmp_path / city.files[key].name
    path.write_bytes(city.files[key].read_bytes())
    side_file = city.files[f"{key}_names"]
    if not bare:
        (tmp_path / side_file.name).write_bytes(side_file.read_bytes())
    with rasterio.open(path) as raster:
        assert (raster.count, raster.dtypes, raster.nodata) == (1, ("uint8",), 0)
        colours = raster.colormap(1)
        assert colours[0][3] == 0
        assert [colours[zone.code] for zone in LCZ] == [(*zone.rgb, 255) for zone in LCZ]
        assert raster.tags()["LICENCE"]
        assert raster.tags()["FIRST_DAY"] == "2024-01-01"
        assert "S2A_33UUU_20240701_0_L2A" in raster.tags()["SCENES"]
    seen = words_of(path, tmp_path)
    assert [f"LCZ_{zone.code:02d}={zone.title}" for zone in LCZ] == sorted(seen["tags"])
    assert len(seen["palette"]) == 256
    if bare:
        assert not seen["categories"]
    else:
        assert seen["categories"] == ["nodata", *(zone.title for zone in LCZ)]


def test_overviews_show_the_commonest_class(city: Product) -> None:
    with rasterio.open(city.files["lcz"]) as raster:
        assert raster.overviews(1) == [2]
        codes = raster.read(1)
    with rasterio.open(city.files["lcz"], overview_level=0) as overview:
        coarse = overview.read(1)
    squares = codes.reshape(coarse.shape[0], 2, coarse.shape[1], 2)
    votes = np.stack([(squares == code).sum(axis=(1, 3)) for code in range(1, 18)])
    chosen = np.take_along_axis(votes, np.maximum(coarse.astype(int) - 1, 0)[None], axis=0)[0]
    assert np.array_equal(coarse == 0, votes.sum(axis=0) == 0)
    assert np.array_equal(chosen[coarse > 0], votes.max(axis=0)[coarse > 0])


def test_other_rasters_state_unit_scale_and_nodata(city: Product) -> None:
    with rasterio.open(city.files["probabilities"]) as raster:
        assert (raster.count, raster.nodata) == (17, 255)
        assert raster.scales == (0.004,) * 17
        assert raster.descriptions == tuple(zone.title for zone in LCZ)
    with rasterio.open(city.files["confidence"]) as raster:
        assert (raster.units, raster.nodata, raster.dtypes) == (("%",), 255, ("uint8",))
    with rasterio.open(city.files["quality"]) as raster:
        assert (raster.nodata, raster.dtypes) == (65535, ("uint16",))
        assert raster.tags(1)["BIT_0008"] == "unmasked (no SCL)"


def test_styles_name_every_class(city: Product) -> None:
    style = ET.fromstring(city.files["lcz_style"].read_text())  # noqa: S314 - our own file
    entries = {entry.get("value"): (entry.get("color"), entry.get("label")) for entry in style.iter("paletteEntry")}
    assert entries == {str(zone.code): (f"#{zone.colour}", zone.title) for zone in LCZ}


def test_the_cube_decodes_by_cf(city: Product) -> None:
    dataset = xarray.open_zarr(city.files["zarr"], decode_coords="all").load()
    assert dataset.rio.crs.to_epsg() == 32633
    assert set(dataset.coords) == {"x", "y", "class", "spatial_ref"}
    unknown = np.isnan(dataset.lcz)
    assert unknown.any()
    total = dataset.probabilities.sum("class", skipna=False)
    assert np.array_equal(np.isnan(total), unknown)
    assert abs(total.where(~unknown) - 1).max() < 0.05
    assert dataset.lcz.attrs["flag_values"] == [zone.code for zone in LCZ]
    assert len(dataset.lcz.attrs["flag_meanings"].split()) == 17
    assert len(dataset.quality.attrs["flag_meanings"].split()) == len(dataset.quality.attrs["flag_masks"])
    best = dataset.probabilities.fillna(-1).argmax("class") + 1
    assert np.array_equal(best.where(~unknown), dataset.lcz, equal_nan=True)


def test_zones_are_the_map_as_polygons(tmp_path: Path) -> None:
    request = request_of(aoi_plan(100), tmp_path)
    product = write_product(request)
    codes = expected(request, "lcz")
    zones = pyogrio.read_dataframe(product.files["zones"], layer="zones")
    assert zones.crs.to_epsg() == 32633
    assert zones.is_valid.all()
    assert zones.area_km2.sum() == pytest.approx((codes > 0).sum() * 0.01)
    assert zones.geometry.area.to_numpy() / 1e6 == pytest.approx(zones.area_km2.to_numpy())
    with rasterio.open(product.files["lcz"]) as raster:
        drawn = features.rasterize(
            zip(zones.geometry, zones.lcz, strict=True), raster.shape, transform=raster.transform, dtype="uint8"
        )
    assert np.array_equal(drawn, codes)
    assert set(zip(zones.lcz, zones.label, zones.name, zones.colour, strict=True)) <= {
        (zone.code, zone.label, zone.name, f"#{zone.colour}") for zone in LCZ
    }


def test_patches_touch_along_edges_and_carry_their_mean_confidence(tmp_path: Path) -> None:
    labels, classes = connected(np.array([[1, 2, 2], [2, 1, 0], [1, 1, 2]], np.uint8))
    assert len(classes) - 1 == 5
    assert labels[1, 1] == labels[2, 1] == labels[2, 0] != labels[0, 0]
    assert classes[labels[0, 1]] == 2
    request = request_of(aoi_plan(320), tmp_path)
    product = write_product(request)
    labels, _ = connected(expected(request, "lcz"))
    known = expected(request, "confidence").astype(float)
    means = sorted(round(known[labels == number].mean(), 1) for number in range(1, labels.max() + 1))
    zones = pyogrio.read_dataframe(product.files["zones"], layer="zones", read_geometry=False)
    assert sorted(zones.confidence) == pytest.approx(means)


def test_qgis_finds_a_default_style_in_the_geopackage(city: Product) -> None:
    with closing(sqlite3.connect(city.files["zones"])) as file:
        rows = file.execute("SELECT f_table_name, useAsDefault, styleQML FROM layer_styles").fetchall()
    [(layer, default, text)] = rows
    assert (layer, default) == ("zones", 1)
    style = ET.fromstring(text)  # noqa: S314 - our own file
    assert sum(1 for _ in style.iter("category")) == 17


def test_the_table_of_areas_adds_up(city: Product) -> None:
    with city.files["areas"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["code", "label", "name", "cells", "area_km2", "share_percent"]
    assert [row["code"] for row in rows] == [str(code) for code in range(1, 18)]
    assert sum(round(float(row["share_percent"]) * 100) for row in rows) == 10_000
    assert sum(int(row["cells"]) for row in rows) == city.wanted - city.nodata
    assert sum(float(row["area_km2"]) for row in rows) == pytest.approx((city.wanted - city.nodata) * 0.0064)


def test_pictures_show_the_map_in_its_colours(city: Product) -> None:
    with Image.open(city.files["quicklook"]) as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or ()}
    present = {area.zone.rgb for area in city.areas if area.cells}
    assert present <= colours
    with Image.open(city.files["truecolour"]) as image:
        assert image.mode == "RGBA"
        assert max(image.size) <= 900


def test_letters_that_the_font_lacks_are_not_drawn() -> None:
    assert picture.drawable("Zürich", "zurich-ch") == "Zürich"
    assert picture.drawable("杭州", "hangzhou-cn") == "hangzhou-cn"
