"""What a plan is said to take grows with what it reads, and is of the right order."""

from dataclasses import replace
from datetime import date

import pytest

from lczmap.words.estimate import estimate
from tests.plans import EAST, WEST, plan_of_tiles, scene


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
