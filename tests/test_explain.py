"""What an explanation shows is what the map holds, and a square by itself goes through the map's own arithmetic."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lczmap import run
from lczmap.explain.blank import degrees_from, metres_of
from lczmap.explain.image import free_frame, post_frame
from lczmap.explain.post import explain_post, product_plan, telling_points
from lczmap.explain.square import explain_square
from lczmap.pipeline import Parts
from lczmap.testing.fakes import (
    ColourSegmenter,
    GroundImagery,
    HashClassifier,
    HashGraphs,
    MemoryStore,
    PaintedVhr,
    fake_card,
    fake_vhr,
    ground,
)
from lczmap.things.explanation import Explanation, Post, node_masks
from lczmap.things.graph import graphs_of
from lczmap.things.instances import instances_of
from lczmap.things.maps import map_of
from lczmap.things.probabilities import winners
from lczmap.vhrstream import VhrStream
from lczmap.words.errors import AreaError, BrokenRecordError, SpecError
from lczmap.words.grid import POSTINGS, PixelGrid, Posting, Tile, posts_across
from lczmap.words.manifest import manifest_of
from lczmap.words.plan import Plan
from lczmap.words.quality import Quality
from lczmap.words.segmenter import SegmenterSpec
from tests.plans import EAST, WEST, plan_of_tiles, scene

CELL = SegmenterSpec(name="fake", network="slic", mode="cell")
WINDOW = SegmenterSpec(name="fake", network="slic")
OF_REGISTRATION = np.uint16(Quality.VHR_MISREGISTERED)


def paired(plan: Plan, spec: SegmenterSpec = WINDOW) -> Plan:
    return replace(plan, vhr=fake_vhr(), segmenter=spec, sentinel_weight=0.6)


def parts(plan: Plan, vhr: PaintedVhr | None = None) -> Parts:
    stream = VhrStream(
        source=vhr or PaintedVhr(),
        segmenter=ColourSegmenter(spec=plan.segmenter or WINDOW),
        graphs=HashGraphs(card=fake_card("fake-gcn", role="graph")),
    )
    return Parts(
        imagery=GroundImagery(rules=plan.source),
        sentinel=HashClassifier(card=fake_card()),
        store=MemoryStore(),
        vhr=None if plan.vhr is None else stream,
    )


def middle(post: Post) -> tuple[float, float]:
    """Longitude and latitude of a post."""
    west, north = post.corner
    lon, lat = degrees_from(post.tile.epsg)(np.array([[west + 160.0, north - 160.0]]))[0]
    return float(lon), float(lat)


def some(posting: Posting) -> dict[Tile, list[tuple[int, int]]]:
    """A corner, and posts on both sides of the border between two tiles."""
    last = posts_across(posting) - 1
    return {WEST: [(0, 0), (3, last)], EAST: [(4, 0)]}


def both_windows_show(told: Explanation, post: Post) -> None:
    """Both windows show the post's own square."""
    assert (told.grid.west, told.grid.north) == post.corner
    assert told.reflectance is not None
    np.testing.assert_array_equal(told.reflectance, np.moveaxis(ground(told.grid), 0, 2) * np.float32(1e-4))
    square = PixelGrid(epsg=told.grid.epsg, west=told.grid.west, north=told.grid.north, metres=1, width=320, height=320)
    np.testing.assert_array_equal(told.picture, PaintedVhr().read(square))


@pytest.mark.parametrize("posting", POSTINGS)
def test_what_is_shown_is_what_the_map_holds(posting: Posting) -> None:
    plan = paired(plan_of_tiles(posting, some(posting), [scene()]))
    live = parts(plan)
    keys = run.map_tiles(plan, live).keys
    places = [(tile, *place) for tile, held in some(posting).items() for place in held]
    for tile, row, column in places:
        post = Post(tile=tile, posting=posting, row=row, column=column)
        told = explain_post(plan, middle(post), store=live.store, vhr=live.vhr)
        held = map_of(live.store.read("map", keys[post.tile.name]))
        here = post.row, post.column
        assert told.post == post
        assert told.verdict.zone is not None
        assert told.verdict.zone.code == held.lcz[here]
        for shown, stored in (
            (told.verdict.sentinel, held.sentinel),
            (told.verdict.vhr, held.vhr),
            (told.verdict.fused, held.probabilities),
        ):
            assert stored is not None
            np.testing.assert_array_equal(shown, stored[here])
        assert (told.verdict.confidence, told.verdict.margin) == (held.confidence[here], held.margin[here])
        assert (int(told.verdict.quality), told.verdict.looks) == (held.quality[here], held.looks[here])
        assert any("the very vote" in note for note in told.notes)
        both_windows_show(told, post)


@pytest.mark.parametrize("spec", [CELL, WINDOW], ids=["cell", "window"])
def test_a_free_square_on_a_post_says_what_the_map_says(spec: SegmenterSpec) -> None:
    plan = paired(plan_of_tiles(320, {WEST: [(0, 0), (7, 31)]}, [scene()]), spec)
    live = parts(plan)
    run.map_tiles(plan, live)
    for row, column in ((0, 0), (7, 31)):
        at = middle(Post(tile=WEST, posting=320, row=row, column=column))
        mapped, alone = explain_post(plan, at, store=live.store, vhr=live.vhr), explain_square(plan, at, live)
        assert alone.grid == mapped.grid
        assert alone.post is None
        for name in ("sentinel", "vhr", "fused", "confidence", "margin", "looks"):
            np.testing.assert_array_equal(getattr(alone.verdict, name), getattr(mapped.verdict, name))
        # how far the image is shifted is judged over other ground
        assert (alone.verdict.quality ^ mapped.verdict.quality) & ~OF_REGISTRATION == 0
        np.testing.assert_array_equal(alone.masks, mapped.masks)


def test_a_free_square_lies_on_the_10_m_grid_nearest_to_its_point() -> None:
    plan = paired(plan_of_tiles(320, {WEST: [(7, 31)]}, [scene()]))
    at = middle(Post(tile=WEST, posting=320, row=7, column=31))
    x, y = metres_of(at, WEST.epsg)
    lon, lat = degrees_from(WEST.epsg)(np.array([[x + 13.0, y + 4.0]]))[0]
    told = explain_square(plan, (float(lon), float(lat)), parts(plan))
    assert (told.grid.west, told.grid.north) == (round(x) + 10 - 160, round(y) + 160)
    assert "freely" in told.notes[0]


def test_without_an_image_the_sentinel_stream_stands_alone() -> None:
    plan = plan_of_tiles(320, {WEST: [(7, 31)]}, [scene()])
    live = parts(plan)
    run.map_tiles(plan, live)
    at = middle(Post(tile=WEST, posting=320, row=7, column=31))
    for told in (explain_post(plan, at, store=live.store), explain_square(plan, at, live)):
        assert told.verdict.vhr is None
        assert told.picture is None
        assert Quality.NO_VHR in told.verdict.quality
        np.testing.assert_array_equal(told.verdict.sentinel, told.verdict.fused)
        assert any("without VHR" in note or "No VHR" in note for note in told.notes)


def test_without_a_scene_the_image_stands_alone() -> None:
    plan = paired(plan_of_tiles(320, {WEST: [(7, 31)]}, []))
    plan = replace(plan, scenes={}, items={})
    told = explain_square(plan, middle(Post(tile=WEST, posting=320, row=7, column=31)), parts(plan))
    assert told.reflectance is None
    assert told.verdict.sentinel is None
    np.testing.assert_array_equal(told.verdict.vhr, told.verdict.fused)
    assert any("Sentinel-2 was not asked for" in note for note in told.notes)
    assert told.credit == fake_vhr().attribution


def test_outside_the_image_the_square_says_so() -> None:
    west, south, east, north = WEST.bounds
    nowhere = PaintedVhr(hole=(west - 2000, south - 2000, east + 2000, north + 2000))
    plan = paired(plan_of_tiles(320, {WEST: [(7, 31)]}, [scene()]))
    live = parts(plan, nowhere)
    run.map_tiles(plan, live)
    at = middle(Post(tile=WEST, posting=320, row=7, column=31))
    for told in (explain_post(plan, at, store=live.store, vhr=live.vhr), explain_square(plan, at, live)):
        assert told.picture is None
        assert told.verdict.vhr is None
        assert Quality.NO_VHR in told.verdict.quality
        assert "The VHR image shows nothing of this square." in told.notes


def test_a_post_is_found_from_anywhere_in_its_cell() -> None:
    plan = plan_of_tiles(320, {WEST: [(7, 31), (39, 0)], EAST: [(0, 0)]}, [scene()])
    live = parts(plan)
    run.map_tiles(plan, live)
    for post in (
        Post(tile=WEST, posting=320, row=7, column=31),
        Post(tile=WEST, posting=320, row=39, column=0),
        Post(tile=EAST, posting=320, row=0, column=0),
    ):
        west, north = post.corner
        for right, down in ((1, 1), (319, 1), (160, 319), (2, 200)):
            lon, lat = degrees_from(post.tile.epsg)(np.array([[west + right, north - down]], np.float64))[0]
            assert explain_post(plan, (float(lon), float(lat)), store=live.store).post == post


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ((52.5, 13.3), "outside the map of Here"),
        ((13.31, 52.5), "outside the map of Here"),
        ((200.0, 10.0), "longitude first"),
        ((float("nan"), 10.0), "no point"),
        ((13.3, 88.0), "too near a pole"),
    ],
)
def test_a_point_that_is_not_on_the_map_is_refused_in_words(at: tuple[float, float], says: str) -> None:
    plan = plan_of_tiles(320, {WEST: [(7, 31)]}, [scene()])
    with pytest.raises(AreaError, match=says):
        explain_post(plan, at, store=MemoryStore())


def test_a_map_without_its_records_says_how_to_make_them() -> None:
    plan = plan_of_tiles(320, {WEST: [(7, 31)]}, [scene()])
    with pytest.raises(BrokenRecordError, match="lczmap city --from"):
        explain_post(plan, middle(Post(tile=WEST, posting=320, row=7, column=31)), store=MemoryStore())


def test_a_map_whose_composite_is_gone_is_explained_without_it() -> None:
    plan = plan_of_tiles(320, {WEST: [(7, 31)]}, [scene()])
    live = parts(plan)
    run.map_tiles(plan, live)
    kept = MemoryStore(records={key: record for key, record in live.store.records.items() if key[0] == "map"})  # type: ignore[attr-defined]
    told = explain_post(plan, middle(Post(tile=WEST, posting=320, row=7, column=31)), store=kept)
    assert told.reflectance is None
    assert told.verdict.zone is not None
    assert any("no longer kept" in note for note in told.notes)


def product(folder: Path, plan: Plan) -> Path:
    folder.mkdir(parents=True)
    (folder / "item.json").write_text("{}")
    (folder / "manifest.toml").write_text(manifest_of(plan))
    return folder


@pytest.mark.parametrize("name", ["", "item.json", "manifest.toml"])
@pytest.mark.parametrize("edition", ["here/2024", "here/2024/.editions/1"])
def test_a_product_is_known_by_its_folder_item_or_manifest(tmp_path: Path, edition: str, name: str) -> None:
    plan = plan_of_tiles(320, {WEST: [(7, 31)]}, [scene()])
    (tmp_path / ".lczmap").mkdir()
    found, out = product_plan(product(tmp_path / edition, plan) / name)
    assert out == tmp_path
    assert found.tiles[0].tile == WEST


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "manifest.toml").unlink(),
        lambda folder: (folder / "item.json").unlink(),
        lambda folder: (folder / "manifest.toml").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "manifest.toml").write_text("format = 1\n"),
        lambda folder: folder.rename(folder.with_name("elsewhere")),
    ],
)
def test_what_is_no_product_is_refused_in_words(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    folder = product(tmp_path / "here" / "2024", plan_of_tiles(320, {WEST: [(7, 31)]}, [scene()]))
    spoil(folder)
    with pytest.raises(SpecError, match=r"no map made by lczmap|cannot be read"):
        product_plan(folder)


@pytest.mark.parametrize("metres", [1, 2, 5])
def test_the_masks_shown_are_the_nodes_of_the_graph(metres: int) -> None:
    random = np.random.default_rng(3)
    side = 640
    masks = np.zeros((70, side // metres, side // metres), np.bool_)
    for mask in masks:
        top, left = random.integers(0, side // metres - 12, 2)
        high, wide = random.integers(1, 60 // metres + 4, 2)
        mask[top : top + high, left : left + wide] = True
    picture = random.integers(1, 256, (side, side, 3)).astype(np.uint8)
    picture[200:260, 150:400] = 0
    instances = instances_of(masks, metres=metres)
    corner = (160, 160)
    graph = graphs_of(instances, picture, np.array([corner]))
    shown = node_masks(instances, picture, corner)
    assert len(shown) == graph.counts[0] > 5
    square = picture[160:480, 160:480]
    seen = square.any(axis=2)
    for mask, node, centre in zip(shown, graph.nodes[0], graph.centres[0], strict=False):
        rows, columns = np.nonzero(mask)
        assert [columns.min() + columns.max() + 1, rows.min() + rows.max() + 1] == centre.tolist()
        whole = np.repeat(np.repeat(mask, metres, axis=0), metres, axis=1) & seen
        np.testing.assert_allclose(square[whole].mean(axis=0) / 255, node[:3], rtol=1e-5)


def test_a_free_window_sees_as_much_as_a_map_s() -> None:
    post = Post(tile=WEST, posting=320, row=7, column=31)
    for spec in (CELL, WINDOW, replace(WINDOW, core_metres=1280, context_metres=200)):
        mapped, alone = post_frame(post, spec), free_frame(WEST.epsg, post.corner, spec)
        assert (alone.grid.width, alone.grid.height) == (mapped.grid.width, mapped.grid.height)
        top, left, bottom, right = alone.reach
        of_map = mapped.reach
        assert (bottom - top, right - left) == (of_map[2] - of_map[0], of_map[3] - of_map[1])
        assert alone.grid.west + int(alone.corners[0, 1]) == post.corner[0]
        assert alone.grid.north - int(alone.corners[0, 0]) == post.corner[1]


def test_telling_points_are_the_surest_of_the_commonest_classes() -> None:
    places = [(row, column) for row in range(0, 40, 10) for column in range(0, 40, 10)]
    plan = paired(plan_of_tiles(320, {WEST: places}, [scene()]))
    west, _, _, north = WEST.bounds
    live = parts(plan, PaintedVhr(hole=(west, north - 6400, west + 3200, north)))
    held = map_of(live.store.read("map", run.map_tiles(plan, live).keys[WEST.name]))
    codes, cells = np.unique(held.lcz[held.lcz > 0], return_counts=True)
    told = [explain_post(plan, at, store=live.store) for at in telling_points(plan, live.store, most=3)]
    assert held.vhr is not None
    paired_cells = held.vhr[..., 0] != 255
    able = {
        int(code): int(count)
        for code, count in zip(codes, cells, strict=True)
        if (paired_cells & (held.lcz == code)).any()
    }
    commonest = sorted(able, key=lambda code: (-able[code], code))[:3]
    assert [each.verdict.zone.code for each in told if each.verdict.zone] == commonest
    for each, code in zip(told, commonest, strict=True):
        assert each.verdict.confidence == held.confidence[paired_cells & (held.lcz == code)].max()
        assert each.verdict.vhr is not None


def test_classes_follow_from_the_levels_shown() -> None:
    plan = paired(plan_of_tiles(320, {WEST: [(7, 31)]}, [scene()]))
    told = explain_square(plan, middle(Post(tile=WEST, posting=320, row=7, column=31)), parts(plan))
    assert told.verdict.zone is not None
    assert told.verdict.zone.code == winners(told.verdict.fused[None])[0]
