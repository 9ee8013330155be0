"""What a plan is said to take grows with what it reads, and is of the right order."""

from dataclasses import replace
from datetime import date
from typing import get_args

import pytest

from lczmap.segment.checkpoint import PUBLISHED
from lczmap.segment.prompts import window_points
from lczmap.things.frames import frames_of
from lczmap.words.estimate import estimate
from lczmap.words.grid import POSTINGS, Posting
from lczmap.words.segmenter import SegmenterNetwork, SegmenterSpec, SegmentMode
from tests.plans import EAST, WEST, border_posts, plan_of_tiles, scene, with_vhr


def test_an_estimate_grows_with_scenes_tiles_and_cells() -> None:
    one = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    later = replace(scene("S2B_33UUU_20240711_0_L2A"), solar_day=date(2024, 7, 11))
    two = plan_of_tiles(320, {WEST: [(0, 0)], EAST: [(0, 0), (1, 1)]}, [scene(), later])
    small, large = (estimate(plan, patches_per_second=10) for plan in (one, two))
    assert (small.cells, large.cells) == (1, 3)
    assert (small.tiles, large.tiles) == (1, 2)
    assert large.seconds == pytest.approx(3 * small.seconds)
    assert large.read_gigabytes == pytest.approx(4 * small.read_gigabytes)
    assert large.memory_gigabytes > small.memory_gigabytes


def test_a_tile_of_one_scene_reads_the_blocks_it_meets() -> None:
    plan = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    pixels = 1312 * 1312 * (4 * 2 + 6 * 2 / 4 + 1 / 4)
    read = estimate(plan, patches_per_second=10).read_gigabytes * 1e9
    assert 2 * pixels < read < 8 * pixels  # whole blocks of 1024 pixels around 1312 and 656 pixels
    assert estimate(replace(plan, tiles=()), patches_per_second=10).read_gigabytes == 0


@pytest.mark.parametrize("posting", POSTINGS)
@pytest.mark.parametrize("mode", ["window", "cell"])
def test_the_second_stream_is_counted_as_it_is_cut(posting: Posting, mode: SegmentMode) -> None:
    spec = SegmenterSpec(name="a", network="sam-tiny", mode=mode, core_metres=1280)
    plan = replace(with_vhr(plan_of_tiles(posting, border_posts(posting), [scene()])), segmenter=spec)
    told = estimate(plan, patches_per_second=10, frames_per_second=0.5)
    frames = [frame for entry in plan.tiles for frame in frames_of(entry.tile, posting, entry.area.wanted, spec)]
    assert told.frames == len(frames)
    assert told.segment_seconds == 2 * len(frames)
    by_hand = (
        len(frames) * (12**2 + 4 * 6**2)
        if mode == "cell"
        else sum(len(window_points(spec, frame.reach)) for frame in frames)
    )
    assert told.prompts == pytest.approx(by_hand, rel=0.1)
    assert told.vhr_gigabytes == pytest.approx(len(frames) * 3 * spec.frame_metres**2 / 1e9)


@pytest.mark.parametrize("network", get_args(SegmenterNetwork))
def test_memory_holds_what_cuts_the_image(network: SegmenterNetwork) -> None:
    alone = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    both = replace(with_vhr(alone), segmenter=SegmenterSpec(name="a", network=network))
    many = replace(both, tiles=plan_of_tiles(320, {WEST: [(0, 0), (9, 9)]}, [scene()]).tiles)
    one, two, more = (estimate(plan, patches_per_second=10).memory_gigabytes for plan in (alone, both, many))
    assert two == more
    least = {"slic": 0.04, "sam-tiny": 0.6} | {name: file.size / 1e9 + 1 for name, file in PUBLISHED.items()}
    assert least[network] <= two - one + 1e-9 < least[network] + 1.1


def test_a_rate_that_is_not_known_gives_a_time_that_is_not_known() -> None:
    told = estimate(
        with_vhr(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])), patches_per_second=10, frames_per_second=None
    )
    assert told.frames == 1
    assert told.segment_seconds is None
    assert told.seconds == 0.1


def test_one_stream_segments_nothing() -> None:
    told = estimate(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]), patches_per_second=10)
    assert (told.frames, told.prompts, told.segment_seconds, told.vhr_gigabytes) == (0, 0, 0, 0)
