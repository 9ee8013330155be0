"""COG, Zarr and the maps in memory hold the same pixels, at every posting, whole and cropped."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401 - gives datasets their `rio`
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lczmap.store.cube import write_cube
from lczmap.store.extent import extent_of
from lczmap.store.layers import mosaic_of
from lczmap.store.product import Product
from lczmap.store.publish import write_product
from lczmap.things.areas import class_areas, mode_reduced
from lczmap.things.filter import filtered
from lczmap.words.grid import POSTINGS, Posting
from lczmap.words.plan import Plan
from tests.plans import EAST, WEST
from tests.products import aoi_plan, city_plan, expected, flag_counts, request_of

CASES: list[tuple[str, Posting]] = [*(("aoi", posting) for posting in POSTINGS), ("city", 320)]
RASTERS = ("lcz", "confidence", "quality", "probabilities")
CUBED = (*RASTERS, "margin", "looks")


def plan_named(name: str, posting: Posting) -> Plan:
    return aoi_plan(posting) if name == "aoi" else city_plan(posting)


def raster(product: Product, key: str) -> NDArray[np.generic]:
    with rasterio.open(product.files[key]) as dataset:
        values = dataset.read()
    return values[0] if len(values) == 1 else np.moveaxis(values, 0, 2)


def cube(product: Product, group: str | None = None) -> xarray.Dataset:
    return xarray.open_zarr(product.files["zarr"], group=group, decode_coords="all", mask_and_scale=False).load()


def cubed(dataset: xarray.Dataset, name: str) -> NDArray[np.generic]:
    values = dataset[name].to_numpy()
    return values if values.ndim == 2 else np.moveaxis(values, 0, 2)


@pytest.mark.parametrize(("name", "posting"), CASES)
def test_every_format_holds_the_maps_pixels(name: str, posting: Posting, tmp_path: Path) -> None:
    request = request_of(plan_named(name, posting), tmp_path)
    product = write_product(request)
    dataset = cube(product)
    for field in CUBED:
        truth = expected(request, field)
        assert np.array_equal(cubed(dataset, field), truth), field
        assert dataset[field].dtype == truth.dtype
        if field in RASTERS:
            pixels = raster(product, field)
            assert np.array_equal(pixels, truth), field
            assert pixels.dtype == truth.dtype


@pytest.mark.parametrize("posting", POSTINGS)
def test_the_grids_of_the_formats_are_one(posting: Posting, tmp_path: Path) -> None:
    product = write_product(request_of(aoi_plan(posting), tmp_path))
    dataset = cube(product)
    with rasterio.open(product.files["lcz"]) as cog:
        assert cog.crs.to_epsg() == 32633
        centre = cog.xy(0, 0)
        last = cog.xy(cog.height - 1, cog.width - 1)
        assert abs(cog.transform.a) == posting
    assert (float(dataset.x[0]), float(dataset.y[0])) == centre
    assert (float(dataset.x[-1]), float(dataset.y[-1])) == last
    assert dataset.rio.crs.to_epsg() == 32633
    west = WEST.bounds
    assert (centre[0] - posting / 2 - west[0]) % posting == 0
    assert (west[3] - (centre[1] + posting / 2)) % posting == 0


def test_streams_keep_apart_and_a_lone_stream_is_the_map(tmp_path: Path) -> None:
    both = request_of(aoi_plan(160), tmp_path / "both", vhr=True)
    alone = request_of(aoi_plan(160), tmp_path / "alone")
    dataset = cube(write_product(both))
    assert np.array_equal(cubed(dataset, "probabilities_sentinel"), expected(both, "sentinel"))
    assert np.array_equal(cubed(dataset, "probabilities_vhr"), expected(both, "vhr"))
    dataset = cube(write_product(alone))
    assert np.array_equal(cubed(dataset, "probabilities_sentinel"), expected(alone, "probabilities"))
    assert "probabilities_vhr" not in dataset


@pytest.mark.parametrize("posting", POSTINGS)
def test_the_filter_comes_with_fine_postings_only(posting: Posting, tmp_path: Path) -> None:
    request = request_of(aoi_plan(posting), tmp_path)
    product = write_product(request)
    assert ("lcz_filtered" in product.files) == (posting <= 160)
    if posting <= 160:
        assert np.array_equal(raster(product, "lcz_filtered"), filtered(expected(request, "lcz"), posting))


def test_a_crop_changes_no_pixel_not_even_a_filtered_one(tmp_path: Path) -> None:
    plan = city_plan(100)
    whole = write_product(request_of(plan, tmp_path / "whole"))
    cropped = write_product(request_of(plan, tmp_path / "cropped", clip=True))
    with rasterio.open(whole.files["lcz"]) as large, rasterio.open(cropped.files["lcz"]) as small:
        left = (small.bounds.left - large.bounds.left) / 100
        top = (large.bounds.top - small.bounds.top) / 100
        rows = slice(round(top), round(top) + small.height)
        columns = slice(round(left), round(left) + small.width)
        assert small.height < large.height
        assert small.width < large.width
    for key in ("lcz", "lcz_filtered", "confidence", "quality", "probabilities"):
        assert np.array_equal(raster(whole, key)[rows, columns], raster(cropped, key)), key
    large_cube, small_cube = cube(whole), cube(cropped)
    for field in CUBED:
        assert np.array_equal(cubed(large_cube, field)[rows, columns], cubed(small_cube, field)), field
    assert cropped.wanted == small_cube.lcz.size - int((small_cube.quality == 65535).sum())


@pytest.mark.parametrize(("name", "posting"), [("aoi", 100), ("city", 320)])
def test_counts_are_those_of_the_wanted_cells(name: str, posting: Posting, tmp_path: Path) -> None:
    request = request_of(plan_named(name, posting), tmp_path)
    product = write_product(request)
    codes = expected(request, "lcz")
    assert product.wanted == sum(tile.area.count for tile in request.plan.tiles)
    assert [area.cells for area in product.areas] == [int((codes == code).sum()) for code in range(1, 18)]
    assert product.nodata == product.wanted - int((codes > 0).sum())
    assert product.flagged == flag_counts(request)
    assert sum(area.percent for area in product.areas) == pytest.approx(100)


def test_a_chunk_is_a_tile_and_coarser_levels_are_modes(tmp_path: Path) -> None:
    request = request_of(city_plan(160, (WEST, EAST)), tmp_path)
    extent = extent_of(request.plan, clip=False)
    (tmp_path / "plain").mkdir()
    mosaic = mosaic_of(request, extent, tmp_path / "plain")
    write_cube(mosaic, 160, tmp_path / "cube.zarr", {})
    dataset = xarray.open_zarr(tmp_path / "cube.zarr", decode_coords="all", mask_and_scale=False)
    assert dataset.lcz.chunksizes == {"y": (80,), "x": (80, 80)}
    level = xarray.open_zarr(tmp_path / "cube.zarr", group="overviews/2", mask_and_scale=False).load()
    assert np.array_equal(level.lcz, mode_reduced(mosaic.lcz, 2))
    layout = dataset.attrs["multiscales"]["layout"]
    assert [entry["asset"] for entry in layout] == ["lcz", "overviews/2/lcz"]
    assert layout[1]["spatial:shape"] == list(level.lcz.shape)


@given(cells=st.lists(st.integers(0, 10_000), min_size=17, max_size=17), posting=st.sampled_from(POSTINGS))
def test_shares_add_up_to_a_hundred(cells: list[int], posting: Posting) -> None:
    areas = class_areas(cells, posting)
    hundredths = sum(round(area.percent * 100) for area in areas)
    assert hundredths == (10_000 if any(cells) else 0)
    for area, count in zip(areas, cells, strict=True):
        assert abs(area.percent - 100 * count / max(sum(cells), 1)) < 0.01
        assert area.km2 == pytest.approx(count * posting * posting / 1e6)


@given(seed=st.integers(0, 10**6), factor=st.integers(1, 4), shape=st.tuples(st.integers(1, 9), st.integers(1, 9)))
@settings(max_examples=30)
def test_a_coarser_map_shows_the_commonest_class(seed: int, factor: int, shape: tuple[int, int]) -> None:
    codes = np.random.default_rng(seed).choice(np.array([0, 1, 5, 17], np.uint8), shape)
    reduced = mode_reduced(codes, factor)
    for row in range(reduced.shape[0]):
        for column in range(reduced.shape[1]):
            square = codes[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            votes = np.bincount(square.ravel(), minlength=18)[1:]
            assert reduced[row, column] == (votes.argmax() + 1 if votes.any() else 0)
