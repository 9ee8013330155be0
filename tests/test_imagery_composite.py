"""The composite read through stackstac against the plain one, and the laws it keeps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from lczmap.things.composite import ASSUMED, UNMASKED, Composite
from lczmap.words.bands import BAND_NAMES, COMPOSITE_NODATA
from lczmap.words.grid import PixelGrid
from lczmap.words.scene import Scene
from lczmap.words.spec import CompositeMethod
from tests.imagery_scenes import GROUND, Written, gentle, metadata, patchy_scl, rough, source, written
from tests.plain_composite import by_hand, by_warping, plain_composite

METHOD = CompositeMethod()
BARE = CompositeMethod(dilation_metres=0)
"""Without dilation nothing is lost where a scene ends: beyond it the classification is as unknown as in a cloud."""


def composite_on(grid: PixelGrid, found: Written, method: CompositeMethod = METHOD) -> Composite:
    return found.imagery.composite(grid, found.scenes, found.items, method)


def assert_equals_plain(
    composite: Composite, grid: PixelGrid, found: Written, method: CompositeMethod = METHOD
) -> None:
    median, looks = plain_composite(grid, found.scenes, found.items, method, by_hand)
    np.testing.assert_array_equal(composite.looks, looks)
    expected = np.where(np.isnan(median), COMPOSITE_NODATA, np.rint(np.nan_to_num(median))).astype(np.int16)
    np.testing.assert_array_equal(composite.reflectance, expected)


def within(grid: PixelGrid, left: int, top: int, width: int, height: int) -> PixelGrid:
    """Part of a grid, offsets in pixels; may reach outside."""
    return replace(
        grid, west=grid.west + left * grid.metres, north=grid.north - top * grid.metres, width=width, height=height
    )


@pytest.fixture(scope="module")
def five_days(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Noise on five days: clouds, holes, offsets, two overlapping MGRS tiles, a second processing, one without SCL."""
    east = replace(GROUND, west=GROUND.west + 400, north=GROUND.north - 200)
    scenes = [
        (metadata(0), rough(0), patchy_scl(0)),
        (metadata(0, grid=east, mgrs="50RQT"), rough(1), patchy_scl(1)),
        (metadata(5, baseline="05.09", offset_dn=1000), rough(2), patchy_scl(2)),
        (metadata(5, sequence=1, baseline="05.10", offset_dn=1000), rough(3, holes=0.3), patchy_scl(3)),
        (metadata(10), rough(4), None),
        (metadata(15, grid=east, mgrs="50RQT"), rough(5), patchy_scl(5)),
        (metadata(20), rough(6), 9),
    ]
    return written(tmp_path_factory.mktemp("five"), scenes, offset_rule="baseline")


@pytest.mark.parametrize(
    "part",
    [(0, 0, 120, 104), (-7, -9, 64, 40), (33, 17, 51, 45), (100, 90, 80, 60), (1, 0, 64, 40), (0, 1, 64, 40)],
    ids=["whole", "past-the-corner", "odd", "past-the-end", "odd-column", "odd-row"],
)
def test_it_equals_the_plain_composite(five_days: Written, part: tuple[int, int, int, int]) -> None:
    grid = within(GROUND, *part)
    assert_equals_plain(composite_on(grid, five_days), grid, five_days)


@pytest.mark.parametrize("dilation", [0, 20, 100])
def test_it_equals_the_plain_composite_at_any_dilation(five_days: Written, dilation: int) -> None:
    method = CompositeMethod(dilation_metres=dilation, scl_dropped=(8, 9))
    assert_equals_plain(composite_on(GROUND, five_days, method), GROUND, five_days, method)


@settings(max_examples=4)
@given(st.permutations(range(7)), st.integers(1, 5))
def test_order_and_threads_change_nothing(five_days: Written, order: list[int], threads: int) -> None:
    expected = composite_on(GROUND, five_days)
    imagery = source(five_days.root, threads=threads)
    got = imagery.composite(GROUND, [five_days.scenes[k] for k in order], [five_days.items[k] for k in order], METHOD)
    np.testing.assert_array_equal(got.reflectance, expected.reflectance)
    np.testing.assert_array_equal(got.looks, expected.looks)
    np.testing.assert_array_equal(got.provenance, expected.provenance)


def test_strips_of_rows_change_nothing(five_days: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = composite_on(GROUND, five_days)
    monkeypatch.setattr("lczmap.imagery.stack._HELD_BYTES", 300_000)
    got = composite_on(GROUND, five_days)
    np.testing.assert_array_equal(got.reflectance, expected.reflectance)
    np.testing.assert_array_equal(got.looks, expected.looks)


def test_neighbouring_grids_agree_where_they_overlap(five_days: Written) -> None:
    west, east = within(GROUND, 0, 0, 77, 104), within(GROUND, 45, 0, 75, 104)
    one, other = composite_on(west, five_days), composite_on(east, five_days)
    np.testing.assert_array_equal(one.reflectance[:, :, 45:], other.reflectance[:, :, :32])
    np.testing.assert_array_equal(one.looks[:, 45:], other.looks[:, :32])
    np.testing.assert_array_equal(one.provenance[:, 45:], other.provenance[:, :32])


def test_two_zones_agree_with_an_exact_warp(tmp_path: Path) -> None:
    to_next = Transformer.from_crs(32650, 32651, always_xy=True)
    x, y = to_next.transform(GROUND.west + 600, GROUND.north - 500)
    next_zone = PixelGrid(
        epsg=32651, west=round(x / 20) * 20 - 500, north=round(y / 20) * 20 + 600, metres=10, width=130, height=130
    )
    found = written(
        tmp_path,
        [
            (metadata(0), gentle(0), patchy_scl(0)),
            (metadata(0, grid=next_zone, mgrs="51RTP"), gentle(1), 4),
            (metadata(5, grid=next_zone, mgrs="51RTP"), gentle(2), patchy_scl(4, next_zone)),
        ],
    )
    assert {scene.epsg for scene in found.scenes} == {32650, 32651}
    for grid in (GROUND, next_zone):
        composite = composite_on(grid, found)
        median, looks = plain_composite(grid, found.scenes, found.items, METHOD, by_warping)
        same = composite.looks == looks
        assert same.mean() > 0.999
        assert looks.max() == 2
        known = same & (looks > 0)
        assert np.abs(composite.reflectance[:, known] - median[:, known]).max() <= 2


def test_gdals_own_bilinear_agrees(five_days: Written) -> None:
    """Halves of 20 m pixels are what GDAL's warper makes of them, but for the rounding of halves."""
    composite = composite_on(GROUND, five_days)
    median, looks = plain_composite(GROUND, five_days.scenes, five_days.items, METHOD, by_warping)
    same = composite.looks == looks
    assert same.mean() > 0.99
    known = same & (looks > 0)
    assert np.abs(composite.reflectance[:, known] - median[:, known]).max() <= 1.5


def test_a_point_lands_on_its_pixel(tmp_path: Path) -> None:
    """One bright pixel a band, each elsewhere: it shows where it is and nowhere else."""
    spots = {}
    pixels = {}
    for index, band in enumerate(BAND_NAMES):
        side = 20 if band in {"B05", "B06", "B07", "B8A", "B11", "B12"} else 10
        field = np.full((GROUND.height * 10 // side, GROUND.width * 10 // side), 0.1)
        row, column = 5 + 2 * index, 40 - 3 * index
        field[row, column] = 0.5
        pixels[band] = field
        spots[band] = row * side // 10, column * side // 10, side // 10
    found = written(tmp_path, [(metadata(0), pixels, 4)])
    grid = within(GROUND, 2, 3, 110, 95)
    composite = composite_on(grid, found, BARE)
    for index, band in enumerate(BAND_NAMES):
        row, column, size = spots[band]
        bright = composite.reflectance[index] > 3000 - 800 * (size - 1)
        expected = np.zeros_like(bright)
        expected[row - 3 : row - 3 + size, column - 2 : column - 2 + size] = True
        np.testing.assert_array_equal(bright, expected)


def test_every_band_lands_at_its_index(tmp_path: Path) -> None:
    found = written(tmp_path, [(metadata(0), {band: 0.01 * (k + 1) for k, band in enumerate(BAND_NAMES)}, 4)])
    reflectance = composite_on(GROUND, found, BARE).reflectance
    np.testing.assert_array_equal(
        reflectance, np.broadcast_to(100 * np.arange(1, 11)[:, None, None], reflectance.shape)
    )


def test_offsets_belong_to_items(tmp_path: Path) -> None:
    """Equal ground under two processing baselines is equal in the composite."""
    days = [
        (metadata(0, baseline="03.01"), 0.05, 4),
        (metadata(5, baseline="05.09", offset_dn=1000), 0.05, 4),
        (metadata(10, baseline="05.10", offset_dn=1000), 0.0, 4),
    ]
    found = written(tmp_path, days, offset_rule="baseline")
    assert [scene.offset_dn for scene in found.scenes] == [0, -1000, -1000]
    assert (composite_on(GROUND, found, BARE).reflectance == 500).all()


def test_one_overpass_counts_once(tmp_path: Path) -> None:
    """Two MGRS tiles and a second processing of one day are one look; the newest processing is shown."""
    found = written(
        tmp_path,
        [
            (metadata(0), 0.1, 4),
            (metadata(0, mgrs="50RQT"), 0.2, 4),
            (metadata(0, sequence=1, baseline="05.10"), 0.3, 4),
        ],
    )
    composite = composite_on(GROUND, found, BARE)
    assert (composite.looks == 1).all()
    assert (composite.reflectance == 3000).all()


def test_scenes_without_classification_are_used_and_flagged(tmp_path: Path) -> None:
    found = written(tmp_path, [(metadata(0), 0.1, None), (metadata(5), 0.3, 9)])
    composite = composite_on(GROUND, found, BARE)
    assert (composite.reflectance == 1000).all()
    assert (composite.provenance == UNMASKED).all()
    assert (composite.looks == 1).all()


def test_assumed_offsets_are_flagged_where_they_contribute(tmp_path: Path) -> None:
    half = replace(GROUND, width=60)
    found = written(tmp_path, [(metadata(0), 0.1, 4), (metadata(5, grid=half), 0.1, 4)])
    scenes = [replace(scene, offset_assumed=scene.taken.day != 1) for scene in found.scenes]
    provenance = found.imagery.composite(GROUND, scenes, found.items, BARE).provenance
    assert (provenance[:, :60] == ASSUMED).all()
    assert (provenance[:, 60:] == 0).all()


def test_no_scene_gives_no_pixel(tmp_path: Path) -> None:
    found = written(tmp_path, [(metadata(0), 0.1, 4)])
    scenes: list[Scene] = []
    for composite in (
        found.imagery.composite(GROUND, scenes, [], METHOD),
        composite_on(replace(GROUND, north=GROUND.north + 50_000), found),
    ):
        assert (composite.reflectance == COMPOSITE_NODATA).all()
        assert composite.reflectance.shape == (10, GROUND.height, GROUND.width)
        assert not composite.looks.any()
        assert not composite.provenance.any()
