"""A simulated city is reproducible, true to its plan, and has the flaws of a real catalogue."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from numpy.typing import NDArray

from lczmap.synthetic.city import DESIGN, NAME, PERIOD, Design, SimulatedCity, build, simulate
from lczmap.synthetic.fabric import BUILDINGS, FABRICS, IMPERVIOUS, weave
from lczmap.synthetic.landplan import cell_classes, draw_plan
from lczmap.synthetic.materials import MATERIALS, Material
from lczmap.synthetic.noise import generator
from lczmap.synthetic.sky import Sun, draw_sky, sun_at
from lczmap.testing.scenes import SceneMetadata, pixel_centres, write_catalogue, write_tiny_scene
from lczmap.words.bands import BANDS
from lczmap.words.errors import OutputPathError
from lczmap.words.grid import PixelGrid, tiles_touching
from lczmap.words.place import area_place, cover

CLOUDY = (8, 9, 10)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> SimulatedCity:
    return simulate(tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="module")
def items(city: SimulatedCity) -> dict[str, pystac.Item]:
    catalogue = pystac.Catalog.from_file(str(city.catalogue))
    return {item.id: item for item in catalogue.get_items(recursive=True)}


def band_of(item: pystac.Item, key: str) -> NDArray[np.uint16]:
    href = item.assets[key].get_absolute_href()
    assert href is not None
    with rasterio.open(href) as source:
        pixels: NDArray[np.uint16] = source.read(1)
    return pixels


def small_design(side: int) -> Design:
    grid = PixelGrid(epsg=32650, west=699_840, north=3_321_280, metres=10, width=side, height=side)
    return Design(grid=grid, granules=DESIGN.granules, overpasses=(DESIGN.overpasses[0], DESIGN.overpasses[5]))


def digests(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()


def test_same_seed_gives_the_same_bytes_and_another_seed_another_city(tmp_path: Path) -> None:
    design = small_design(256)
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        (tmp_path / name).mkdir()
        build(tmp_path / name, design, seed=seed)
    first, again, other = (dict(digests(tmp_path / name)) for name in ("first", "again", "other"))
    assert first == again
    assert first.keys() == other.keys()
    assert first["truth.tif"] != other["truth.tif"]
    # same ids, so what else addresses a scene must differ: else one city's composites would pass for the other's
    for item in (tmp_path / "first").glob("*/item.json"):
        written = [
            json.loads((tmp_path / name / item.parent.name / "item.json").read_text()) for name in ("first", "other")
        ]
        assert written[0]["id"] == written[1]["id"]
        assert written[0]["properties"]["updated"] != written[1]["properties"]["updated"]


def test_a_finished_city_is_found_again_and_no_draft_is_left(city: SimulatedCity) -> None:
    root = city.catalogue.parent.parent
    before = city.catalogue.stat().st_mtime_ns
    assert simulate(root) == city
    assert city.catalogue.stat().st_mtime_ns == before
    assert [path.name for path in root.iterdir()] == [city.catalogue.parent.name]


def test_a_folder_that_cannot_be_written_is_an_output_path_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputPathError, match="choose another folder"):
        simulate(tmp_path / "file")


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lczmap.synthetic.city.build", fail)
    with pytest.raises(OSError, match="No space left"):
        simulate(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_area_holds_enough_cells_on_two_tiles_inside_every_margin(city: SimulatedCity) -> None:
    place = area_place(city.box.polygon, slug="lattice-bay", name=city.name)
    areas = cover(place, 320)
    assert place.epsg == DESIGN.grid.epsg
    assert [area.tile.name for area in areas] == ["50N_54_259", "50N_55_259"]
    assert sum(area.count for area in areas) >= 400
    left, bottom, right, top = DESIGN.grid.bounds
    for area in areas:
        cells = area.tile.posts(320)
        rows, columns = np.nonzero(area.wanted)
        assert (cells.west + columns * 320 - 160 >= left).all()
        assert (cells.west + (columns + 1) * 320 + 160 <= right).all()
        assert (cells.north - rows * 320 + 160 <= top).all()
        assert (cells.north - (rows + 1) * 320 - 160 >= bottom).all()
    assert (city.name, city.period) == (NAME, PERIOD)


def test_the_truth_lies_on_the_lattice_and_holds_every_class(city: SimulatedCity) -> None:
    with rasterio.open(city.truth) as source:
        classes, transform = source.read(1), source.transform
        assert (source.dtypes[0], source.nodata, source.crs.to_epsg()) == ("uint8", 0, 32650)
    assert (transform.a, transform.e) == (320, -320)
    assert transform.c % 320 == 0
    assert transform.f % 320 == 0
    assert set(np.unique(classes[2:-2, 2:-2])) == set(range(1, 18))
    assert len(tiles_touching(32650, DESIGN.grid.bounds)) == 2


def test_the_truth_is_where_the_pixels_are(city: SimulatedCity, items: dict[str, pystac.Item]) -> None:
    with rasterio.open(city.truth) as source:
        classes = source.read(1)
    clear = items["S2B_50RPU_20230422_0_L2A"]
    near, red = (band_of(clear, key).astype(np.float64) for key in ("nir", "red"))
    cells = classes.repeat(32, axis=0).repeat(32, axis=1)
    greenness = (near - red) / np.maximum(near + red, 1.0)
    seen = near > 0
    means = {code: float(greenness[(cells == code) & seen].mean()) for code in (1, 2, 11, 14, 16, 17)}
    assert means[17] < min(means[code] for code in (1, 2, 11, 14, 16))
    assert means[11] > means[14] > means[2]
    assert means[11] > 0.7
    assert means[1] < 0.35


def test_buildings_and_sealed_ground_follow_stewart_and_oke() -> None:
    ranges = {
        1: ((40, 60), (40, 60)), 2: ((40, 70), (30, 50)), 3: ((40, 70), (20, 50)), 4: ((20, 40), (30, 40)),
        5: ((20, 40), (30, 50)), 6: ((20, 40), (20, 50)), 7: ((60, 90), (0, 20)), 8: ((30, 50), (40, 50)),
        9: ((10, 20), (0, 20)), 10: ((20, 30), (20, 40)),
    }  # fmt: skip
    plan = draw_plan(DESIGN.grid, 0)
    ground = weave(plan, 0)
    for code, (building, sealed) in ranges.items():
        inside = (plan.zone == code) & ~plan.road
        material = ground.material[inside]
        roofs = 100.0 * np.isin(material, list(BUILDINGS))
        # a few percent of slack: lots meet the district's border where they please
        assert building[0] - 1 <= roofs.mean() <= building[1] + 1, f"class {code}"
        paved = 100.0 * np.isin(material, list(IMPERVIOUS)).mean()
        assert sealed[0] - 1 <= paved <= sealed[1] + 4, f"class {code}"
        low, high = FABRICS[code].height
        heights = ground.height[inside][roofs > 0]
        assert low <= heights.min() <= heights.max() <= high


def test_two_baselines_offsets_duplicates_and_both_projection_properties_occur(items: dict[str, pystac.Item]) -> None:
    told = {key: item.properties for key, item in items.items()}
    assert {p["s2:processing_baseline"] for p in told.values()} == {"03.01", "04.00", "05.09"}
    assert {p["earthsearch:boa_offset_applied"] for p in told.values()} == {True, False}
    assert {p["grid:code"] for p in told.values()} == {"MGRS-50RPU", "MGRS-50RQU"}
    old, new = told["S2B_50RPU_20230611_0_L2A"], told["S2B_50RPU_20230611_1_L2A"]
    assert old["datetime"] == new["datetime"]
    assert old["updated"] < new["updated"]
    assert old["s2:processing_baseline"] < new["s2:processing_baseline"]


def test_items_name_their_projection_in_either_way(city: SimulatedCity) -> None:
    # read as text: pystac turns one property into the other
    texts = [path.read_text() for path in city.catalogue.parent.glob("*/item.json")]
    assert any('"proj:epsg"' in text and '"proj:code"' not in text for text in texts)
    assert any('"proj:code"' in text and '"proj:epsg"' not in text for text in texts)


def test_offsets_are_truly_in_the_pixels(items: dict[str, pystac.Item]) -> None:
    bay = np.s_[620:690, 650:750]
    for item in items.values():
        if item.properties["eo:cloud_cover"] > 15 or "50RPU" not in item.id:
            continue
        waiting = item.properties["s2:processing_baseline"] >= "04.00"
        waiting &= not item.properties["earthsearch:boa_offset_applied"]
        water = float(np.percentile(band_of(item, "nir")[bay], 20))
        assert (water > 1000) == waiting, item.id
        assert abs(water - 1000 * waiting) < 400, item.id


def test_one_acquisition_agrees_where_its_tiles_overlap(items: dict[str, pystac.Item]) -> None:
    west, east = items["S2A_50RPU_20230517_0_L2A"], items["S2A_50RQU_20230517_0_L2A"]
    for key, metres in (("blue", 10), ("swir16", 20), ("scl", 20)):
        shift = (699_960 - DESIGN.grid.west) // metres
        assert np.array_equal(band_of(west, key)[:, shift:], band_of(east, key))


def test_every_asset_is_a_cog_on_its_own_grid_with_a_coarse_overview(items: dict[str, pystac.Item]) -> None:
    item = items["S2B_50RPU_20230422_0_L2A"]
    assert set(item.assets) == {band.common for band in BANDS} | {"scl"}
    for asset in item.assets.values():
        with rasterio.open(asset.get_absolute_href()) as source:
            assert source.nodata == 0
            assert list(source.shape) == asset.extra_fields["proj:shape"]
            assert list(source.transform)[:6] == asset.extra_fields["proj:transform"]
            assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert len(source.overviews(1)) >= 1


def test_the_swath_ends_inside_the_region_and_the_footprint_says_so(items: dict[str, pystac.Item]) -> None:
    item, whole = items["S2B_50RPU_20230422_0_L2A"], items["S2A_50RPU_20230117_0_L2A"]
    for key in ("red", "swir22", "scl"):
        empty = band_of(item, key) == 0
        assert 0.05 < empty.mean() < 0.3
        assert not empty[:, : empty.shape[1] // 2].any()
        assert band_of(whole, key).all()
    assert item.bbox is not None
    assert whole.bbox is not None
    assert item.bbox[2] < whole.bbox[2]


def test_the_scene_classification_finds_most_clouds_with_a_few_mistakes(items: dict[str, pystac.Item]) -> None:
    clear, cloudy = items["S2B_50RPU_20230422_0_L2A"], items["S2A_50RPU_20230626_0_L2A"]
    before, after = (band_of(item, "blue").astype(np.int64)[::2, ::2] for item in (clear, cloudy))
    veiled = (after - before > 1500) & (before > 0)
    called = np.isin(band_of(cloudy, "scl"), CLOUDY)
    assert called[veiled].mean() > 0.99
    calm = (np.abs(after - before) < 300) & (before > 0)
    assert called[calm].mean() < 0.35
    scl = band_of(clear, "scl")
    assert 0 < np.isin(scl[scl > 0], CLOUDY).mean() < 0.02
    assert (band_of(cloudy, "scl") == 3).mean() > 0.02
    assert cloudy.properties["eo:cloud_cover"] > 40


def test_a_cloud_casts_its_shadow_away_from_the_sun() -> None:
    sun = Sun(elevation=45.0, azimuth=135.0)
    sky = draw_sky(generator(0, "test"), (512, 512), cover=0.1, sun=sun)
    seen = {
        (down, right): float((np.roll(sky.opacity, (down, right), axis=(0, 1)) * sky.shade).mean())
        for down in range(-120, 121, 8)
        for right in range(-120, 121, 8)
    }
    down, right = max(seen, key=lambda move: seen[move])
    assert down < -30  # towards north
    assert abs(down - right) <= 8  # and as far west


def test_the_sun_stands_high_in_june_and_in_the_south_east_of_a_morning() -> None:
    winter, summer = (sun_at(datetime(2023, month, 21, 2, 35, tzinfo=UTC), lon=119.1, lat=30.0) for month in (1, 6))
    assert 30 < winter.elevation < 40
    assert 62 < summer.elevation < 75
    assert 90 < summer.azimuth < winter.azimuth < 180


def test_calendars_rise_and_spectra_are_reflectances() -> None:
    assert len(MATERIALS) == len(Material)
    for surface in MATERIALS:
        days = [day for day, _ in surface.calendar]
        assert days == sorted(set(days))
        for day in (1, 100, 152, 365):
            assert ((surface.at(day) > 0) & (surface.at(day) < 0.6)).all()


def test_cell_classes_are_majorities() -> None:
    plan = draw_plan(small_design(128).grid, 1)
    classes = cell_classes(plan, 320)
    for row, column in np.ndindex(classes.shape):
        block = plan.zone[row * 64 : (row + 1) * 64, column * 64 : (column + 1) * 64]
        assert classes[row, column] == np.bincount(block.ravel()).argmax()


TINY = PixelGrid(epsg=32733, west=300_000, north=8_000_020, metres=10, width=64, height=32)
MIDWINTER = datetime(2024, 7, 1, 9, 0, tzinfo=UTC)


def test_a_tiny_scene_holds_the_stated_pixels(tmp_path: Path) -> None:
    scene = SceneMetadata(grid=TINY, taken=MIDWINTER, mgrs="33LUE", offset_dn=1000, names_epsg=False, names_code=True)
    function: Callable[..., NDArray[np.float64]] = lambda band, east, north: (  # noqa: E731
        0.1 + (east - 300_000) * 1e-4 + (band.name == "B12") * 0.05 + (8_000_020 - north) * 1e-5
    )
    path = write_catalogue(tmp_path, [write_tiny_scene(tmp_path, scene, pixels=function, scl=5)])
    (item,) = pystac.Catalog.from_file(str(path)).get_items(recursive=True)
    assert item.id == "S2B_33LUE_20240701_0_L2A"
    assert band_of(item, "red")[0, 0] == round((0.1 + 5e-4 + 5e-5) * 1e4) + 1000
    assert band_of(item, "swir22").shape == (16, 32)
    east, _ = pixel_centres(TINY)
    assert np.array_equal(
        np.rint(band_of(item, "blue")[0].astype(np.float64) - band_of(item, "blue")[0, 0]), east[0] - east[0, 0]
    )
    assert (band_of(item, "scl") == 5).all()


def test_a_tiny_scene_may_lack_bands_and_classification_and_have_gaps(tmp_path: Path) -> None:
    scene = SceneMetadata(grid=TINY, taken=MIDWINTER, absent=frozenset({"B05"}), boa_offset_applied=True)
    pixels = {band.name: 0.2 for band in BANDS} | {"B04": np.full((32, 64), np.nan)}
    path = write_catalogue(tmp_path, [write_tiny_scene(tmp_path, scene, pixels=pixels, scl=None)])
    (item,) = pystac.Catalog.from_file(str(path)).get_items(recursive=True)
    assert {band.common for band in BANDS} - set(item.assets) == {"rededge1"}
    assert "scl" not in item.assets
    assert not band_of(item, "red").any()
    assert (band_of(item, "nir") == 2000).all()


def test_a_catalogue_may_be_empty(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path, [])
    assert list(pystac.Catalog.from_file(str(path)).get_items(recursive=True)) == []
