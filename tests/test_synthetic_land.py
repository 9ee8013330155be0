"""Laws of light, large, sparse and industrial classes and of natural land: ranges, borders, one city in all windows."""

import numpy as np
import pytest

from lczmap.synthetic.materials import Material
from lczmap.synthetic.measure import Fractions, measured
from lczmap.synthetic.paint import Ground, blank_ground, paint, paint_flat
from lczmap.synthetic.quads import area
from lczmap.synthetic.ranges import RANGES, Span
from lczmap.synthetic.region import REGION_NAMES, region_of
from lczmap.synthetic.shapes import quads
from lczmap.synthetic.townplan import Quarters, TownPlan, quarters_in
from lczmap.synthetic.weave.green import places_in
from lczmap.synthetic.weave.lanes import country, edge_keys
from lczmap.synthetic.weave.loom import weave
from lczmap.words.grid import PixelGrid
from tests.test_synthetic_built import district

LAND = tuple(range(7, 17))
WOODY, FLAT = (11, 12, 13), (14, 15, 16)
ENOUGH = 6
"""Quarters that are measured."""
SINGLE = 0.03
"""How far the shares of a single quarter may lie outside the ranges; those of a district may not."""
STRAY = 8.0
"""How far ground and crowns may reach over their quarter's border, metres."""


def roughness(zone: int, ground: Ground, mask: np.ndarray, found: Fractions) -> float:
    """Height of what makes a class rough: roofs, crowns, or whatever stands on all of the ground."""
    if zone in WOODY:
        return found.canopy
    return float(ground.height[mask].mean()) if zone in FLAT else found.height


def lone_quarters(zone: int, region: str) -> Quarters:
    """Quarters of one class from districts all over a city, as many as are asked for."""
    plan = TownPlan(seed=zone, region=region_of(region), middle=(0.0, 0.0), radius=5_000.0, patchwork=True)
    found = quarters_in(plan, (-9_000.0, -9_000.0, 9_000.0, 9_000.0))
    of_class = found.where(found.zone == zone)
    _, first = np.unique(of_class.district, return_index=True)
    return of_class.where(np.isin(np.arange(len(of_class.keys)), first[:ENOUGH]))


def window_of(corners: np.ndarray) -> PixelGrid:
    """A window of 2 m pixels around a quarter."""
    low, high = np.floor(corners.min(axis=0) / 2.0), np.ceil(corners.max(axis=0) / 2.0)
    across, up = (high - low).astype(int)
    return PixelGrid(
        epsg=32632, west=int(2 * low[0]), north=int(2 * high[1]), metres=2, width=int(across), height=int(up)
    )


@pytest.mark.parametrize("region", REGION_NAMES)
@pytest.mark.parametrize("zone", LAND)
def test_land_keeps_to_stewart_and_oke(zone: int, region: str) -> None:
    """The mean of quarters lies inside the ranges, single ones at most 3 points outside."""
    quarters = lone_quarters(zone, region)
    assert len(quarters.keys) == ENOUGH
    woven = weave(quarters, region_of(region))
    found, heights = [], []
    for corners in quarters.corners:
        ground, inside = (blank_ground(window_of(corners), Material.GRASS) for _ in range(2))
        paint(ground, woven, details=False)
        outline = quads(corners, material=Material.SEA, tone=np.zeros(1), keys=np.ones(1, dtype=np.uint64))
        paint_flat(inside, outline)
        mask = inside.material == Material.SEA
        found.append(measured(ground, mask))
        heights.append(roughness(zone, ground, mask, found[-1]))
    assert RANGES[zone - 1].height.holds(float(np.mean(heights))), heights
    for name in ("building", "impervious", "pervious"):
        values = np.array([getattr(each, name) for each in found])
        asked: Span = getattr(RANGES[zone - 1], name)
        assert asked.holds(values.min(), SINGLE), (name, values)
        assert asked.holds(values.max(), SINGLE), (name, values)
        assert asked.holds(values.mean()), (name, values)


@pytest.mark.parametrize("zone", LAND)
@pytest.mark.parametrize("region", ["european", "north_american", "desert"])
def test_a_quarter_is_the_same_in_every_company(zone: int, region: str) -> None:
    """Woven alone or with its neighbours, a quarter has the same shapes."""
    quarters, plan, _ = district(zone, region, 4)
    index = np.arange(4)
    quarters = quarters.where(np.arange(len(quarters.keys)) < len(index))
    alone = weave(quarters.where(index == index[-1]), plan.region)
    together = weave(quarters, plan.region)
    assert len(alone.ground)
    for name in ("ground", "details", "roofs"):
        own, every = getattr(alone, name), getattr(together, name)
        known = {(key, *corners) for key, corners in zip(every.keys, every.corners.reshape(-1, 8), strict=True)}
        assert all((key, *corners) in known for key, corners in zip(own.keys, own.corners.reshape(-1, 8), strict=True))
    crowns = {(key, *centre) for key, centre in zip(together.discs.keys, together.discs.centre, strict=True)}
    assert all((key, *centre) in crowns for key, centre in zip(alone.discs.keys, alone.discs.centre, strict=True))


@pytest.mark.parametrize("zone", LAND)
def test_land_stays_by_its_quarter(zone: int) -> None:
    """Nothing reaches much further than a crown's width over the border, and every quad runs counter-clockwise."""
    for region in REGION_NAMES:
        quarters, plan, _ = district(zone, region, 5)
        one = quarters.where(np.arange(len(quarters.keys)) == 3)
        woven = weave(one, plan.region)
        low, high = one.corners[0].min(axis=0) - STRAY, one.corners[0].max(axis=0) + STRAY
        for these in (woven.ground, woven.details, woven.roofs):
            assert (these.corners > low).all()
            assert (these.corners < high).all()
            assert (area(these.corners) > 0.0).all()
        assert (woven.discs.centre > low).all()
        assert (woven.discs.centre < high).all()


def test_neighbours_agree_about_the_road_between_them() -> None:
    """An edge has one key from both sides, and so one road, of one identity and surface."""
    quarters, plan, _ = district(14, "european", 3)
    keys = edge_keys(quarters.corners)
    _, counts = np.unique(keys, return_counts=True)
    assert set(counts) == {1, 2}
    assert (counts == 2).sum() > len(quarters.keys)
    roads = country(quarters, plan.region).roads
    for key in np.unique(roads.keys):
        same = roads.keys == key
        assert len(np.unique(roads.material[same])) == 1
        assert len(np.unique(roads.tone[same])) == 1


def test_woods_share_their_lattice() -> None:
    """The places in two halves of a quad are those in the whole one."""
    whole = np.array([[[3.0, 5.0], [203.0, 0.0], [210.0, 190.0], [-10.0, 160.0]]])
    low, high = (whole[:, 0] + whole[:, 1]) / 2.0, (whole[:, 2] + whole[:, 3]) / 2.0
    halves = np.stack(
        [
            np.stack([whole[0, 0], low[0], high[0], whole[0, 3]]),
            np.stack([low[0], whole[0, 1], whole[0, 2], high[0]]),
        ]
    )
    together = places_in(whole, np.uint64(7), spacing=6.0, purpose="test")
    apart = places_in(halves, np.uint64(7), spacing=6.0, purpose="test")
    assert len(together) > 800
    assert set(together.keys) == set(apart.keys)
