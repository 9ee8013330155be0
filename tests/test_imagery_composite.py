"""The composite read through stackstac against the plain one, and the laws it keeps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from lczmap.run import observed_box
from lczmap.things.composite import ASSUMED, UNMASKED, Composite
from lczmap.things.patches import cut_patches
from lczmap.words.bands import BAND_NAMES, COMPOSITE_NODATA
from lczmap.words.grid import PIXEL_METRES, TILE_METRES, PixelGrid, Tile, posts_across, window_offset
from lczmap.words.scene import Scene, select_scenes
from lczmap.words.spec import CompositeMethod
from tests.imagery_scenes import GROUND, Written, gentle, metadata, patchy_scl, rough, source, written
from tests.plain_composite import by_hand, by_warping, plain_composite

METHOD = CompositeMethod()
BARE = CompositeMethod(dilation_metres=0)
"""Without dilation nothing is lost where a scene ends: beyond it the classification is as unknown as in a cloud."""

WEST, EAST = Tile(epsg=32651, column=18, row=262), Tile(epsg=32651, column=19, row=262)
"""Two neighbours near 120.4 E, where zone 50 still reaches."""
TILE_PIXELS = TILE_METRES // PIXEL_METRES


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


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Scenes of two zones over the middle of the border between two tiles."""
    _, south, east, _ = WEST.bounds
    ground = PixelGrid(epsg=WEST.epsg, west=east - 700, north=south + 3000, metres=10, width=140, height=120)
    x, y = Transformer.from_crs(WEST.epsg, 32650, always_xy=True).transform(east, south + 2400)
    other = PixelGrid(
        epsg=32650, west=round(x / 20) * 20 - 1000, north=round(y / 20) * 20 + 1000, metres=10, width=200, height=200
    )
    scenes = [
        (metadata(0, grid=ground, mgrs="51RTP"), rough(0), patchy_scl(0, ground)),
        (metadata(0, grid=other), gentle(0), patchy_scl(3, other)),
        (metadata(5, grid=other), rough(1), patchy_scl(1, other)),
        (metadata(10, grid=ground, mgrs="51RTP"), rough(2), patchy_scl(2, ground)),
        (metadata(15, grid=other), rough(3), 4),
    ]
    return written(tmp_path_factory.mktemp("border"), scenes)


@pytest.fixture(scope="module")
def mapped_whole(border: Written) -> Composite:
    """Both tiles and their halos at once."""
    both = replace(WEST.observed, width=WEST.observed.width + TILE_PIXELS)
    return composite_on(both, border)


@pytest.mark.parametrize("tile", [WEST, EAST], ids=["west", "east"])
def test_a_tile_is_what_the_region_mapped_whole_is_there(border: Written, mapped_whole: Composite, tile: Tile) -> None:
    """Pixels in the halo too, and so the windows that reach across the border."""
    chosen = select_scenes(border.entries, observed_box(tile), METHOD)
    alone = border.imagery.composite(
        tile.observed, [entry.scene for entry in chosen], [entry.item for entry in chosen], METHOD
    )
    first = (tile.column - WEST.column) * TILE_PIXELS
    here = slice(first, first + tile.observed.width)
    np.testing.assert_array_equal(alone.reflectance, mapped_whole.reflectance[:, :, here])
    np.testing.assert_array_equal(alone.looks, mapped_whole.looks[:, here])
    np.testing.assert_array_equal(alone.provenance, mapped_whole.provenance[:, here])

    across = np.zeros((posts_across(100), posts_across(100)), np.bool_)
    across[98:116, -2:] = tile == WEST
    across[98:116, :2] |= tile == EAST
    (patches,) = cut_patches(alone, 100, across)
    assert patches.usable.sum() > 20
    for post, window in zip(patches.posts[patches.usable], patches.reflectance[patches.usable], strict=True):
        row, column = (window_offset(100) + 10 * int(at) for at in divmod(int(post), posts_across(100)))
        column += first
        assert column < TILE_PIXELS + 16 < column + 32, "the window reaches across the border"
        expected = mapped_whole.reflectance[:, row : row + 32, column : column + 32].transpose(1, 2, 0)
        clear = (expected != COMPOSITE_NODATA).all(axis=2)
        np.testing.assert_array_equal(window[clear], expected[clear] * np.float32(1e-4))


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


@pytest.mark.parametrize("epsg", [32636, 32736])
def test_a_grid_across_the_equator_reads_both_of_its_zones(tmp_path: Path, epsg: int) -> None:
    """The zones differ by 10,000 km of northing and nothing else: rows below 0 in the north, scenes from the south."""
    north = PixelGrid(epsg=32636, west=454_000, north=400, metres=10, width=120, height=104)
    south = replace(north, epsg=32736, north=10_000_400)
    grid, other = (north, south) if epsg == north.epsg else (south, north)

    def scenes(of_other: PixelGrid) -> Written:
        return written(
            tmp_path / str(of_other.epsg),
            [
                (metadata(0, grid=grid, mgrs="36NVF", baseline="03.02"), rough(0), patchy_scl(0)),
                (metadata(0, grid=of_other, mgrs="36MVE"), rough(1), patchy_scl(1)),
                (metadata(5, grid=of_other, mgrs="36MVE"), rough(2), patchy_scl(2)),
            ],
        )

    found, one = scenes(other), scenes(grid)
    assert {scene.epsg for scene in found.scenes} == {32636, 32736}
    got, expected = composite_on(grid, found), composite_on(grid, one)
    assert expected.looks.max() == 2
    np.testing.assert_array_equal(got.looks, expected.looks)
    np.testing.assert_allclose(got.reflectance, expected.reflectance, atol=1)


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
