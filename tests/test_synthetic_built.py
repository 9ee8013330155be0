"""Laws of simulated built classes: Stewart and Oke's ranges, one city for every window, bends that join."""

import numpy as np
import pytest

from lczmap.synthetic.bend import BEND_REACH, bent, bent_quads, moved
from lczmap.synthetic.materials import ROOFS, Material
from lczmap.synthetic.measure import Fractions, measured
from lczmap.synthetic.paint import Ground, blank_ground, paint, paint_flat
from lczmap.synthetic.quads import area
from lczmap.synthetic.ranges import RANGES, Span
from lczmap.synthetic.region import REGION_NAMES, region_of
from lczmap.synthetic.shapes import Layer, quads
from lczmap.synthetic.townplan import Quarters, TownPlan, quarters_in
from lczmap.synthetic.weave.loom import weave
from lczmap.words.grid import PixelGrid
from lczmap.words.lcz import CLASS_COUNT

SIDE = 1_200
BUILT = (1, 2, 3, 4, 5, 6)
SINGLE = 0.03
"""How far the shares of a single quarter may lie outside the ranges; those of a district may not."""


def grid_at(west: int, south: int, side: int = SIDE, metres: int = 2) -> PixelGrid:
    across = side // metres
    return PixelGrid(epsg=32632, west=west, north=south + side, metres=metres, width=across, height=across)


def district(zone: int, region: str, seed: int) -> tuple[Quarters, TownPlan, PixelGrid]:
    """Quarters of one class that cover a window."""
    plan = TownPlan(seed=seed, region=region_of(region), middle=(0.0, 0.0), radius=5_000.0, river=None)
    grid = grid_at(1_700 * seed, -900 * seed)
    left, bottom, right, top = grid.bounds
    found = quarters_in(plan, (left - 40.0, bottom - 40.0, right + 40.0, top + 40.0))
    zones = np.full(len(found.keys), zone, dtype=np.uint8)
    return Quarters(corners=found.corners, zone=zones, keys=found.keys, district=found.district), plan, grid


def painted(quarters: Quarters, plan: TownPlan, grid: PixelGrid) -> Ground:
    ground = blank_ground(grid, Material.GRASS)
    paint(ground, bent(weave(quarters, plan.region), plan.key), details=False)
    return ground


def whole_quarters(quarters: Quarters, plan: TownPlan, grid: PixelGrid) -> list[np.ndarray]:
    """Masks of the quarters that lie within a window."""
    left, bottom, right, top = grid.bounds
    corners = moved(quarters.corners, plan.key)
    edge = BEND_REACH
    inside = ((corners > [left + edge, bottom + edge]) & (corners < [right - edge, top - edge])).all(axis=(1, 2))
    number = blank_ground(grid, Material.ASPHALT)
    flat = quads(
        quarters.corners,
        material=np.arange(1, len(inside) + 1),
        tone=np.zeros(len(inside)),
        keys=quarters.keys,
        layer=Layer.QUARTER,
    )
    paint_flat(number, bent_quads(flat, plan.key))
    return [number.material == index + 1 for index in np.flatnonzero(inside)]


@pytest.mark.parametrize("region", REGION_NAMES)
@pytest.mark.parametrize("zone", BUILT)
def test_built_classes_keep_to_stewart_and_oke(zone: int, region: str) -> None:
    """Districts lie inside the ranges, single quarters at most 3 points outside."""
    found = []
    for seed in (1, 2):
        quarters, plan, grid = district(zone, region, seed)
        ground = painted(quarters, plan, grid)
        found += [measured(ground, mask) for mask in whole_quarters(quarters, plan, grid)]
    assert len(found) >= 6
    for name in ("building", "impervious", "pervious", "height"):
        values = np.array([getattr(each, name) for each in found])
        asked: Span = getattr(RANGES[zone - 1], name)
        tolerance = SINGLE if name != "height" else 0.0
        assert asked.holds(values.min(), tolerance), name
        assert asked.holds(values.max(), tolerance), name
        assert asked.holds(values.mean()), name


def test_ranges_are_those_of_every_class() -> None:
    assert len(RANGES) == CLASS_COUNT
    for asked in RANGES:
        low = asked.building.least + asked.impervious.least + asked.pervious.least
        high = asked.building.most + asked.impervious.most + asked.pervious.most
        assert low <= 1.0 <= high


def test_fractions_are_counted_from_above() -> None:
    """Half roof, a quarter asphalt, a quarter under a crown; heights from their own pixels only."""
    ground = blank_ground(grid_at(0, 0, side=8, metres=2), Material.ASPHALT)
    ground.material[:2], ground.height[:2] = Material.TILE_ROOF, 12.0
    ground.material[3], ground.height[3] = Material.BROADLEAF, 5.0
    found = measured(ground, np.ones((4, 4), dtype=np.bool_))
    assert found == Fractions(building=0.5, impervious=0.25, pervious=0.25, height=12.0, canopy=5.0)


@pytest.mark.parametrize("zone", BUILT)
@pytest.mark.parametrize("region", ["european", "dense_asian", "desert"])
def test_a_quarter_is_the_same_in_every_company(zone: int, region: str) -> None:
    """Woven alone or with its neighbours, in whatever order, a quarter has the same shapes."""
    quarters, plan, _ = district(zone, region, 4)
    index = np.arange(len(quarters.keys))
    alone = weave(quarters.where(index == index[-1]), plan.region)
    together = weave(quarters, plan.region)
    for name in ("ground", "details", "roofs"):
        own, every = getattr(alone, name), getattr(together, name)
        known = {(key, *corners) for key, corners in zip(every.keys, every.corners.reshape(-1, 8), strict=True)}
        assert len(own)
        assert all((key, *corners) in known for key, corners in zip(own.keys, own.corners.reshape(-1, 8), strict=True))


@pytest.mark.parametrize("zone", BUILT)
def test_nothing_leaves_its_quarter(zone: int) -> None:
    """Roofs and cars stand inside their quarter's corners' box, ground too."""
    for region in REGION_NAMES:
        quarters, plan, _ = district(zone, region, 5)
        one = quarters.where(np.arange(len(quarters.keys)) == 3)
        woven = weave(one, plan.region)
        low, high = one.corners[0].min(axis=0) - 1.0, one.corners[0].max(axis=0) + 1.0
        for these in (woven.ground, woven.details, woven.roofs):
            assert (these.corners > low).all()
            assert (these.corners < high).all()
            assert (area(these.corners) > 0.0).all()
        assert np.isin(woven.roofs.material, [*ROOFS, Material.BUSH, Material.CONCRETE]).all()


def test_bends_keep_neighbours_joined() -> None:
    """A point moves by the field of its place, whoever asks; quarters cut into pieces still cover the plane."""
    quarters, plan, grid = district(5, "european", 6)
    points = quarters.corners.reshape(-1, 2)
    assert np.array_equal(moved(points, plan.key)[7:9], moved(points[7:9], plan.key))
    assert np.abs(moved(points, plan.key) - points).max() < BEND_REACH
    bare = blank_ground(grid, Material.SEA)
    flat = quads(
        quarters.corners,
        material=Material.ASPHALT,
        tone=np.zeros(len(quarters.keys)),
        keys=quarters.keys,
        layer=Layer.QUARTER,
    )
    paint_flat(bare, bent_quads(flat, plan.key))
    assert (bare.material == Material.ASPHALT).all()
