"""A simulated city is reproducible, true to its plan, and has the flaws of a real catalogue."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from numpy.typing import NDArray

from lczmap.cli.main import status_of
from lczmap.synthetic import design as designs
from lczmap.synthetic.city import Extras, SimulatedCity, build, simulate
from lczmap.synthetic.delivery import granules_over
from lczmap.synthetic.design import Design, city_of, lattice_bay
from lczmap.synthetic.region import REGION_NAMES
from lczmap.synthetic.scene import zones_of
from lczmap.synthetic.truth import posts_of, truth_of
from lczmap.testing.scenes import SceneMetadata, pixel_centres, write_catalogue, write_tiny_scene
from lczmap.words.bands import BANDS
from lczmap.words.errors import OutputPathError, SpecError
from lczmap.words.grid import POSTINGS, PixelGrid, tiles_touching
from lczmap.words.place import area_place, cover

CLOUDY = (8, 9, 10)
SCENES = Extras(vhr=False)


@pytest.fixture(scope="module")
def design() -> Design:
    return lattice_bay()


@pytest.fixture(scope="module")
def items(demo: SimulatedCity) -> dict[str, pystac.Item]:
    catalogue = pystac.Catalog.from_file(str(demo.catalogue))
    return {item.id: item for item in catalogue.get_items(recursive=True)}


def band_of(item: pystac.Item, key: str) -> NDArray[np.uint16]:
    href = item.assets[key].get_absolute_href()
    assert href is not None
    with rasterio.open(href) as source:
        pixels: NDArray[np.uint16] = source.read(1)
    return pixels


def piece(whole: Design, side: int) -> Design:
    """A piece of a design by the shore, two overpasses over it."""
    grid = replace(whole.grid, west=703_680, north=3_320_640, width=side, height=side)
    return replace(whole, grid=grid, overpasses=(whole.overpasses[1], whole.overpasses[5]))


def digests(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()


def test_same_seed_gives_the_same_bytes_however_it_is_cut_and_another_seed_another_city(
    tmp_path: Path, design: Design
) -> None:
    small = piece(design, 96)
    other = replace(small, seed=4, plan=replace(small.plan, seed=4))
    for name, wished, window, workers in (
        ("first", small, 5120, 1), ("again", small, 340, 2), ("other", other, 5120, 1)
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        build(tmp_path / name, wished, Extras(instances=True), window=window, workers=workers)
    first, again, third = (dict(digests(tmp_path / name)) for name in ("first", "again", "other"))
    assert first == again
    assert first.keys() == third.keys()
    assert first["truth_320.tif"] != third["truth_320.tif"]
    # same ids, so what else addresses a scene must differ: else one city's composites would pass for the other's
    for item in (tmp_path / "first").glob("*/item.json"):
        written = [
            json.loads((tmp_path / name / item.parent.name / "item.json").read_text()) for name in ("first", "other")
        ]
        assert written[0]["id"] == written[1]["id"]
        assert written[0]["properties"]["updated"] != written[1]["properties"]["updated"]


def test_the_picture_at_1_m_is_a_second_collection_beside_the_scenes(tmp_path: Path, design: Design) -> None:
    small = piece(design, 64)
    made = simulate(tmp_path, small, Extras(instances=True))
    catalogue = pystac.Catalog.from_file(str(made.catalogue))
    assert {child.id for child in catalogue.get_children()} == {"sentinel-2-l2a", "simulated-vhr"}
    (flown,) = (item for item in catalogue.get_items(recursive=True) if item.collection_id == "simulated-vhr")
    href = flown.assets["visual"].get_absolute_href()
    assert href == str(made.vhr)
    with rasterio.open(href) as picture, rasterio.open(flown.assets["instances"].get_absolute_href()) as instances:
        assert tuple(picture.bounds) == small.grid.bounds == tuple(instances.bounds)
        assert (picture.count, picture.res, instances.dtypes[0]) == (3, (1.0, 1.0), "uint32")


def test_a_finished_city_is_found_again_and_no_draft_is_left(tmp_path: Path, design: Design) -> None:
    small = piece(design, 64)
    city = simulate(tmp_path, small, SCENES)
    before = city.catalogue.stat().st_mtime_ns
    assert simulate(tmp_path, small, SCENES) == city
    assert city.catalogue.stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir()] == [city.catalogue.parent.name]
    assert not [path for path in city.catalogue.parent.iterdir() if path.name.startswith(".")]


def test_a_folder_that_cannot_be_written_is_an_output_path_error(tmp_path: Path, design: Design) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputPathError, match="choose another folder"):
        simulate(tmp_path / "file", design)


def test_a_failure_leaves_nothing_behind(tmp_path: Path, design: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lczmap.synthetic.city.build", fail)
    with pytest.raises(OSError, match="No space left"):
        simulate(tmp_path, design)
    assert list(tmp_path.iterdir()) == []


def test_the_area_holds_enough_cells_on_two_tiles_inside_every_margin(demo: SimulatedCity, design: Design) -> None:
    place = area_place(demo.box.polygon, slug="lattice-bay", name=demo.name)
    areas = cover(place, 320)
    assert place.epsg == design.grid.epsg
    assert [area.tile.name for area in areas] == ["50N_54_259", "50N_55_259"]
    assert sum(area.count for area in areas) >= 400
    left, bottom, right, top = design.grid.bounds
    for area in areas:
        cells = area.tile.posts(320)
        rows, columns = np.nonzero(area.wanted)
        assert (cells.west + columns * 320 - 160 >= left).all()
        assert (cells.west + (columns + 1) * 320 + 160 <= right).all()
        assert (cells.north - rows * 320 + 160 <= top).all()
        assert (cells.north - (rows + 1) * 320 - 160 >= bottom).all()
    assert (demo.name, demo.period) == ("Lattice Bay", "2023-H1")


def test_the_truth_lies_on_the_lattice_and_holds_every_class(demo: SimulatedCity, design: Design) -> None:
    for posting in POSTINGS:
        with rasterio.open(demo.truth_at(posting)) as source, rasterio.open(demo.share_at(posting)) as shares:
            classes, share, transform = source.read(1), shares.read(1), source.transform
            assert (source.dtypes[0], source.nodata, source.crs.to_epsg()) == ("uint8", 0, 32650)
            assert shares.transform == transform
        assert (transform.a, transform.e) == (posting, -posting)
        assert transform.c % posting == transform.f % posting == 0
        assert set(np.unique(classes)) == set(range(1, 18))
        assert ((share >= 6) & (share <= 100)).all()
    assert len(tiles_touching(32650, design.grid.bounds)) == 2


def test_the_truth_is_the_class_with_the_largest_share_of_the_square_around_each_post(design: Design) -> None:
    for posting in POSTINGS:
        posts = posts_of(replace(design.grid, width=160, height=96), posting)
        classes, shares = truth_of(design.plan, posts)
        for row, column in ((0, 0), (posts.height - 1, posts.width - 1), (1, posts.width // 2)):
            x = posts.west + column * posting + posting // 2 - 160
            y = posts.north - row * posting - posting // 2 + 160
            square = PixelGrid(epsg=posts.epsg, west=x, north=y, metres=10, width=32, height=32)
            counts = np.bincount(zones_of(design.plan, square).ravel(), minlength=18)
            assert (classes[row, column], shares[row, column]) == (counts.argmax(), np.float32(counts.max() / 1024))


def test_the_truth_is_where_the_pixels_are(demo: SimulatedCity, items: dict[str, pystac.Item]) -> None:
    with rasterio.open(demo.truth) as source, rasterio.open(demo.share_at(320)) as shares:
        classes = np.where(shares.read(1) > 80, source.read(1), 0)
    clear = items["S2B_50RPU_20230422_0_L2A"]
    near, red = (band_of(clear, key).astype(np.float64) for key in ("nir", "red"))
    cells = classes.repeat(32, axis=0).repeat(32, axis=1)
    greenness = (near - red) / np.maximum(near + red, 1.0)
    seen = near > 0
    means = {code: float(greenness[(cells == code) & seen].mean()) for code in (1, 2, 11, 14, 16, 17)}
    assert means[17] < min(means[code] for code in (1, 2, 11, 14, 16))
    assert means[11] > means[14] > means[2]
    assert means[11] > 0.6
    assert means[1] < 0.35


def test_two_baselines_offsets_duplicates_and_both_projection_properties_occur(items: dict[str, pystac.Item]) -> None:
    told = {key: item.properties for key, item in items.items()}
    assert {p["s2:processing_baseline"] for p in told.values()} == {"03.01", "04.00", "05.09"}
    assert {p["earthsearch:boa_offset_applied"] for p in told.values()} == {True, False}
    assert {p["grid:code"] for p in told.values()} == {"MGRS-50RPU", "MGRS-50RQU"}
    old, new = told["S2B_50RPU_20230611_0_L2A"], told["S2B_50RPU_20230611_1_L2A"]
    assert old["datetime"] == new["datetime"]
    assert old["updated"] < new["updated"]
    assert old["s2:processing_baseline"] < new["s2:processing_baseline"]


def test_items_name_their_projection_in_either_way(demo: SimulatedCity) -> None:
    # read as text: pystac turns one property into the other
    texts = [path.read_text() for path in demo.catalogue.parent.glob("*/item.json")]
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


def test_one_acquisition_agrees_where_its_tiles_overlap(items: dict[str, pystac.Item], design: Design) -> None:
    west, east = items["S2A_50RPU_20230517_0_L2A"], items["S2A_50RQU_20230517_0_L2A"]
    for key, metres in (("blue", 10), ("swir16", 20), ("scl", 20)):
        shift = (699_960 - design.grid.west) // metres
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
    veiled = (after - before > 2000) & (before > 0)
    called = np.isin(band_of(cloudy, "scl"), CLOUDY)
    assert called[veiled].mean() > 0.98
    calm = (np.abs(after - before) < 300) & (before > 0)
    assert called[calm].mean() < 0.35
    scl = band_of(clear, "scl")
    assert 0 < np.isin(scl[scl > 0], CLOUDY).mean() < 0.02
    assert (band_of(cloudy, "scl") == 3).mean() > 0.02
    assert cloudy.properties["eo:cloud_cover"] > 40


@pytest.mark.parametrize("region", REGION_NAMES)
def test_every_region_has_a_place_its_tiles_overlap_and_the_sun_is_up(region: str) -> None:
    wished = city_of(region, kilometres=1.0)
    granules = granules_over(wished.grid, latitude=(wished.box.south + wished.box.north) / 2)
    assert len(granules) == 2
    west, east = (granule.bounds for granule in granules)
    assert west[2] - east[0] == 9_780
    assert all(edge % 20 == 0 for edge in west + east)
    for overpass in wished.overpasses:
        assert 14 < wished.sun(overpass.taken).elevation < 80


def test_tiles_have_the_names_they_have_in_the_real_grid() -> None:
    prague = PixelGrid(epsg=32633, west=455_000, north=5_550_000, metres=10, width=10, height=10)
    nairobi = PixelGrid(epsg=32737, west=250_000, north=9_860_000, metres=10, width=10, height=10)
    assert [granule.mgrs for granule in granules_over(prague, latitude=50.1)] == ["33UVR"]
    assert "37MBU" in [granule.mgrs for granule in granules_over(nairobi, latitude=-1.3)]


def test_another_city_takes_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", str(tmp_path), "--region", "desert", "--seed", "2", "--kilometres", "0.32", "--no-vhr"]
    assert status_of(words) == 0
    assert "lczmap city --aoi" in capsys.readouterr().out
    assert status_of([*words[:3], "atlantis"]) == 2
    assert status_of([*words[:2], "--kilometres", "0.1"]) == 2
    assert status_of([*words, "--instances"]) == 2
    assert "choose one of dense_asian" in capsys.readouterr().err


def test_a_seed_without_every_class_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(designs, "_TRIES", 0)
    with pytest.raises(SpecError, match="choose another seed"):
        lattice_bay(3)


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
