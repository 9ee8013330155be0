"""Laws of shores: one shore for all windows, quays in towns and beaches outside, bridges that end on land."""

import numpy as np
import pytest

from lczmap.synthetic.materials import WATERS, Material
from lczmap.synthetic.paint import blank_ground
from lczmap.synthetic.region import region_of
from lczmap.synthetic.scene import ground_of, zones_of
from lczmap.synthetic.shore import depth_on, let_in, on_land
from lczmap.synthetic.townplan import TownPlan, water_at
from lczmap.words.grid import PixelGrid

PLAN = TownPlan(seed=3, region=region_of("dense_asian"), middle=(0.0, 0.0), radius=5_000.0, coast=900.0)
COAST = (560, -560)
"""A place by the sea."""


def grid_at(west: int, north: int, side: int, metres: int = 2) -> PixelGrid:
    across = side // metres
    return PixelGrid(epsg=32650, west=west, north=north, metres=metres, width=across, height=across)


def planes(grid: PixelGrid) -> tuple[np.ndarray, ...]:
    seen = ground_of(PLAN, grid, details=True)
    return seen.material, seen.height, seen.tone, seen.grain, seen.instance


def test_windows_agree_about_the_shore() -> None:
    """A window by the sea is a part of a larger one, in every plane."""
    west, north = COAST
    whole = planes(grid_at(west, north, 240))
    part = planes(grid_at(west + 86, north - 62, 120))
    for large, small in zip(whole, part, strict=True):
        np.testing.assert_array_equal(large[31:91, 43:103], small)


@pytest.mark.parametrize("zone", [2, 12])
def test_towns_have_quays_and_country_has_beaches(zone: int) -> None:
    grid = grid_at(*COAST, 480)
    ground = blank_ground(grid, Material.ASPHALT)
    let_in(PLAN, ground, np.full((grid.height, grid.width), zone, dtype=np.uint8))
    depth, kind = depth_on(PLAN, grid)
    sea = kind == Material.SEA
    margin = 8.0 if zone == 12 else 0.0
    assert (ground.material[sea & (depth > margin)] == Material.SEA).all()
    assert (ground.material[depth < -60.0] == Material.ASPHALT).all()
    rim = ground.material[sea & (depth > -6.0) & (depth < -1.0)]
    assert (rim == Material.PAVING).all() if zone == 2 else (np.isin(rim, [Material.SAND, Material.SEA]).mean() > 0.7)


def test_truth_and_picture_meet_at_the_shore() -> None:
    """Where the truth says water far from the shore, the picture shows water, and nowhere far inland."""
    grid = grid_at(*COAST, 480)
    truth, seen = zones_of(PLAN, grid) == 17, ground_of(PLAN, grid, details=False)
    depth, _ = depth_on(PLAN, grid)
    wet = np.isin(seen.material, sorted(WATERS))
    clear = np.abs(depth) > 8.0
    assert truth.any()
    assert not truth.all()
    # but for a bridge or a crown over the water
    assert (truth == wet)[clear].mean() > 0.995


def test_what_stands_on_land_keeps_its_distance() -> None:
    points = np.random.default_rng(5).uniform(-3_000.0, 3_000.0, (400, 1, 2))
    dry = on_land(PLAN, points, 10.0)
    depth, _ = water_at(PLAN, points[:, 0, 0], points[:, 0, 1])
    assert dry.any()
    assert (depth[dry] < 0.0).all()
    assert not dry[depth > -5.0].any()
    assert np.array_equal(on_land(PLAN, points[:9], 10.0), dry[:9])
    assert on_land(PLAN, np.empty((0, 4, 2)), 1.0).shape == (0,)
