"""The second stream in the story: where it votes, what it flags, and that the first stream never notices it."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from lczmap import assemble, run
from lczmap.pipeline import Parts, interpret, observed
from lczmap.testing.fakes import (
    ColourSegmenter,
    GroundImagery,
    HashClassifier,
    HashGraphs,
    MemoryStore,
    PaintedVhr,
    fake_card,
    fake_vhr,
)
from lczmap.things.frames import Reach, frames_of
from lczmap.things.graph import graphs_of
from lczmap.things.instances import Instances, no_instances
from lczmap.things.maps import TileMap, map_of
from lczmap.things.probabilities import encode, fuse
from lczmap.things.registration import Registration
from lczmap.vhrstream import TRIED_FRAMES, VhrStream, covered_cells, shown_frame
from lczmap.words.event import Event
from lczmap.words.grid import POSTINGS, PixelGrid, Posting, Tile, posts_across
from lczmap.words.plan import Plan, map_key
from lczmap.words.quality import Quality
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.site import Site
from tests.plans import EAST, WEST, border_posts, plan_of_tiles, scene

WEIGHT = 0.6
NOTICED = Quality.NO_VHR | Quality.NO_INSTANCES | Quality.STREAMS_DISAGREE | Quality.VHR_FAR_IN_TIME
NOTICED |= Quality.VHR_MISREGISTERED


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registration has tests of its own, and painted ground shows nothing of the other."""
    monkeypatch.setattr("lczmap.vhrstream.register", lambda *_: None)


def paired(plan: Plan, segmenter: ColourSegmenter | None = None) -> Plan:
    cut = segmenter or ColourSegmenter()
    return replace(plan, vhr=fake_vhr(), segmenter=cut.spec, sentinel_weight=WEIGHT)


def parts(plan: Plan, vhr: PaintedVhr | None = None, segmenter: ColourSegmenter | None = None) -> Parts:
    return Parts(
        imagery=GroundImagery(rules=plan.source),
        sentinel=HashClassifier(card=fake_card()),
        store=MemoryStore(),
        vhr=VhrStream(
            source=vhr or PaintedVhr(),
            segmenter=segmenter or ColourSegmenter(),
            graphs=HashGraphs(card=fake_card("fake-gcn", role="graph")),
        ),
    )


def mapped(plan: Plan, live: Parts) -> TileMap:
    entry = plan.tiles[0]
    return interpret(observed(entry, plan, live), entry, plan, live)


@pytest.mark.parametrize("posting", POSTINGS)
def test_every_post_votes_by_what_lies_in_its_own_square(posting: Posting) -> None:
    """Across tiles, cores and lots, a post's vote equals that of its square alone, read and cut by itself."""
    plan = paired(plan_of_tiles(posting, border_posts(posting), [scene()]))
    live = parts(plan)
    keys = run.map_tiles(plan, live).keys
    for entry in plan.tiles:
        tile_map = map_of(live.store.read("map", keys[entry.tile.name]))
        grid = entry.tile.posts(posting)
        for row, column in np.argwhere(entry.area.wanted):
            square = PixelGrid(
                epsg=grid.epsg,
                west=int(grid.west + (column + 0.5) * posting - 160),
                north=int(grid.north - (row + 0.5) * posting + 160),
                metres=1,
                width=320,
                height=320,
            )
            picture = PaintedVhr().read(square)
            cut = ColourSegmenter().segment(picture[None], [(0, 0, 320, 320)])
            graphs = graphs_of(cut[0], picture, np.array([[0, 0]]))
            expected = HashGraphs(card=fake_card()).classify(graphs)
            assert tile_map.vhr is not None
            np.testing.assert_array_equal(tile_map.vhr[row, column], encode(expected)[0])


def test_the_sentinel_stream_is_the_same_with_and_without_an_image() -> None:
    alone = plan_of_tiles(320, {WEST: [(0, 0), (3, 4), (39, 39)]}, [scene()])
    both = paired(alone)
    by_one, by_two = mapped(alone, parts(alone)), mapped(both, parts(both))
    assert by_two.sentinel is not None
    np.testing.assert_array_equal(by_two.sentinel, by_one.probabilities)
    np.testing.assert_array_equal(by_two.quality & ~np.uint16(NOTICED), by_one.quality & ~np.uint16(NOTICED))


def test_the_streams_are_fused_by_the_plan_s_weight() -> None:
    plan = paired(plan_of_tiles(320, {WEST: list(itertools.product(range(4), range(4)))}, [scene()]))
    wanted = plan.tiles[0].area.wanted
    for weight in (0.0, 0.35, 1.0):
        told = mapped(replace(plan, sentinel_weight=weight), parts(plan))
        assert told.sentinel is not None
        assert told.vhr is not None
        by_hand = fuse((told.sentinel / np.float32(250))[wanted], (told.vhr / np.float32(250))[wanted], weight)
        np.testing.assert_allclose((told.probabilities / np.float32(250))[wanted], by_hand, atol=0.009)
        disagree = (told.sentinel.argmax(axis=2) != told.vhr.argmax(axis=2))[wanted]
        np.testing.assert_array_equal((told.quality[wanted] & Quality.STREAMS_DISAGREE) > 0, disagree)
        assert disagree.sum() > 0


def test_where_the_image_ends_the_sentinel_stream_stands_alone() -> None:
    west, _, _, north = WEST.bounds
    # the second column of cells is covered by less, the third by more than half
    hole = (west + 320, north - 12_800, west + 640 + 150, north)
    plan = paired(plan_of_tiles(320, {WEST: [(0, 0), (0, 1), (0, 2)]}, [scene()]))
    live = parts(plan, PaintedVhr(hole=hole))
    told = mapped(plan, live)
    assert [bool(bits & Quality.NO_VHR) for bits in told.quality[0, :3]] == [False, True, False]
    assert told.vhr is not None
    assert (told.vhr[0, 1] == 255).all()
    assert told.sentinel is not None
    np.testing.assert_array_equal(told.probabilities[0, 1], told.sentinel[0, 1])
    assert (told.vhr[0, 2] < 255).all()


def test_where_sentinel_2_saw_nothing_the_image_stands_alone() -> None:
    west, _, _, north = WEST.bounds
    plan = paired(plan_of_tiles(320, {WEST: [(0, 0), (0, 1)]}, [scene()]))
    live = parts(plan)
    blind = replace(
        live, imagery=GroundImagery(rules=plan.source, hole=(west - 200, north - 330, west + 320, north + 200))
    )
    told = mapped(plan, blind)
    assert told.quality[0, 0] & Quality.NO_CLEAR_PIXEL
    assert told.vhr is not None
    np.testing.assert_array_equal(told.probabilities[0, 0], told.vhr[0, 0])
    assert not told.quality[0, 0] & Quality.STREAMS_DISAGREE


def test_a_square_without_instances_has_no_vote() -> None:
    plan = paired(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]))

    class Nothing(ColourSegmenter):
        def segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> Sequence[Instances]:
            return [no_instances(480, 480, metres=2) for _ in zip(pictures, reaches, strict=True)]

    told = mapped(plan, parts(plan, segmenter=Nothing()))
    assert told.quality[0, 0] & Quality.NO_INSTANCES
    assert not told.quality[0, 0] & Quality.NO_VHR
    assert told.sentinel is not None
    np.testing.assert_array_equal(told.probabilities[0, 0], told.sentinel[0, 0])


def test_an_image_far_from_the_period_is_flagged() -> None:
    plan = paired(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]))
    assert plan.vhr is not None
    part = plan.vhr.parts[0]
    for taken, far in ((date(2024, 7, 1), False), (date(2025, 12, 30), False), (date(2022, 12, 1), True)):
        dated = replace(plan, vhr=replace(plan.vhr, parts=(replace(part, taken=taken),)))
        assert bool(mapped(dated, parts(dated)).quality[0, 0] & Quality.VHR_FAR_IN_TIME) == far


def test_a_shift_beyond_ten_metres_is_told_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = paired(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]))
    for east, flagged in ((9.0, False), (11.0, True)):
        shift = Registration(east=east, north=1.0, peak=0.5, share=1.0)
        monkeypatch.setattr("lczmap.vhrstream.register", lambda *_, shift=shift: shift)
        told = mapped(plan, parts(plan))
        assert bool(told.quality[0, 0] & Quality.VHR_MISREGISTERED) == flagged
        assert map_of(told.record()).registration == shift


def test_the_second_stream_enters_the_key_only_where_there_is_one() -> None:
    alone = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    other_wish = replace(alone, spec=replace(alone.spec, segmenter="slic", graph_model="other"))
    assert map_key(other_wish, alone.tiles[0]) == map_key(alone, alone.tiles[0])
    both = paired(alone)
    assert both.segmenter is not None
    assert both.vhr is not None
    changes = [
        alone,
        replace(both, sentinel_weight=0.5),
        replace(both, segmenter=replace(both.segmenter, pitch_metres=20.0)),
        replace(both, vhr=replace(both.vhr, high=(200.0, 255.0, 255.0))),
        replace(both, vhr=replace(both.vhr, parts=(replace(both.vhr.parts[0], digest="sha256:1"),))),
    ]
    assert len({map_key(each, alone.tiles[0]) for each in (both, *changes)}) == len(changes) + 1
    renamed = replace(both, vhr=replace(both.vhr, attribution="Somebody else", name="mirror"))
    assert map_key(renamed, alone.tiles[0]) == map_key(both, alone.tiles[0])


@pytest.mark.parametrize("posting", POSTINGS)
@pytest.mark.parametrize("mode", ["cell", "window"])
def test_frames_serve_every_post_once_and_hold_its_square(posting: Posting, mode: str) -> None:
    spec = SegmenterSpec(name="x", network="slic", mode="cell" if mode == "cell" else "window")
    side = posts_across(posting)
    everything = np.ones((side, side), np.bool_)
    frames = list(frames_of(WEST, posting, everything, spec))
    posts = np.concatenate([frame.posts for frame in frames])
    np.testing.assert_array_equal(np.sort(posts), np.arange(side * side))
    grid = WEST.posts(posting)
    for frame in frames:
        assert (frame.corners >= 0).all()
        assert (frame.corners + 320 <= spec.frame_metres).all()
        top, left, bottom, right = frame.reach
        assert (frame.corners.min(axis=0) == (top, left)).all()
        assert ((frame.corners + 320).max(axis=0) == (bottom, right)).all()
        rows, columns = np.divmod(frame.posts, side)
        np.testing.assert_array_equal(
            grid.west + (columns + 0.5) * posting - 160, frame.grid.west + frame.corners[:, 1]
        )
        np.testing.assert_array_equal(grid.north - (rows + 0.5) * posting + 160, frame.grid.north - frame.corners[:, 0])


def test_what_is_wanted_changes_no_frame() -> None:
    spec, side = SegmenterSpec(name="x", network="slic"), posts_across(100)
    little = np.zeros((side, side), np.bool_)
    little[7, 9] = True
    (one,) = frames_of(WEST, 100, little, spec)
    alike = [frame for frame in frames_of(WEST, 100, ~little, spec) if frame.grid == one.grid]
    assert [frame.reach for frame in alike] == [one.reach]


def test_half_a_square_is_enough() -> None:
    picture = np.zeros((960, 960, 3), np.uint8)
    picture[:, 480:, 1] = 3
    corners = np.array([[0, 320], [0, 319], [640, 640]])
    np.testing.assert_array_equal(covered_cells(picture, corners), [True, False, True])


def streams_of(plan: Plan, hole: tuple[int, int, int, int] | None) -> tuple[Plan, PaintedVhr, VhrStream]:
    image = PaintedVhr(hole=hole)
    live = parts(plan, image).vhr
    assert live is not None
    return paired(plan), image, live


def whole(*tiles: Tile) -> Plan:
    return plan_of_tiles(320, {tile: list(itertools.product(range(40), range(40))) for tile in tiles}, [scene()])


def test_a_frame_that_is_timed_is_one_that_the_image_shows() -> None:
    """Though the middle is black, and most of the place."""
    west, _, _, _ = WEST.bounds
    _, bottom, east, top = EAST.bounds
    plan, image, live = streams_of(whole(WEST, EAST), (west - 999, bottom - 999, east - 4000, top + 999))
    shown = shown_frame(plan, live)
    assert shown is not None
    frame, view = shown
    assert covered_cells(view.read(frame.grid), frame.corners).any()
    assert 1 < len(image.looked) - 1 <= TRIED_FRAMES
    first = image.looked[0]
    assert abs(first.west + first.width / 2 - EAST.bounds[0]) < 640


def test_where_the_middle_is_shown_one_look_is_enough() -> None:
    plan, image, live = streams_of(whole(WEST), None)
    assert shown_frame(plan, live) is not None
    assert len(image.looked) == 1


def test_an_image_that_shows_nothing_has_no_frame_to_time() -> None:
    west, bottom, east, top = WEST.bounds
    plan, image, live = streams_of(whole(WEST), (west - 999, bottom - 999, east + 999, top + 999))
    assert shown_frame(plan, live) is None
    assert len(image.looked) == TRIED_FRAMES


@pytest.mark.parametrize("dark", [False, True])
def test_a_black_window_is_never_timed(dark: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    west, bottom, east, top = WEST.bounds
    hole = (west - 999, bottom - 999, east + 999 if dark else east - 4000, top + 999)
    plan, _, live = streams_of(whole(WEST), hole)
    seen: list[bool] = []

    class Watched(ColourSegmenter):
        def segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> Sequence[Instances]:
            seen.extend(bool(picture.any()) for picture in pictures)
            return super().segment(pictures, reaches)

    monkeypatch.setattr("lczmap.assemble.second_stream", lambda *_: replace(live, segmenter=Watched()))
    rate = assemble.measured_frame_rate(plan, Site())
    assert (rate is None) == dark
    assert seen == ([] if dark else [True] * assemble.RATED_FRAMES)


def test_a_long_tile_tells_how_far_it_is() -> None:
    plan = paired(plan_of_tiles(320, {WEST: list(itertools.product(range(4), range(4)))}, [scene()]))
    heard: list[Event] = []
    run.map_tiles(plan, parts(plan), tell=heard.append)
    assert [(event.done, event.total) for event in heard if event.stage == "segment"] == [(n, 4) for n in range(1, 5)]
