"""Laws of painting, of light and of shadow."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lczmap.synthetic import shade
from lczmap.synthetic.chance import between, city_key, lattice_keys, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.paint import Ground, blank_ground, paint, paint_flat, paint_roofs
from lczmap.synthetic.quads import rectangles
from lczmap.synthetic.shapes import Layer, Shapes, discs, quads, shapes
from lczmap.synthetic.sky import Sun
from lczmap.words.grid import PixelGrid

WEST, NORTH = 500_000, 5_540_000


def _grid(width: int, height: int, *, metres: int = 1, east: int = 0, south: int = 0) -> PixelGrid:
    return PixelGrid(epsg=32632, west=WEST + east, north=NORTH - south, metres=metres, width=width, height=height)


def _keys(count: int, seed: int = 1) -> NDArray[np.uint64]:
    return lattice_keys(city_key(seed), np.arange(count), np.zeros(count, dtype=np.int64), purpose="test")


def _turned(keys: NDArray[np.uint64], side: float, least: float, most: float) -> NDArray[np.float64]:
    """Rectangles anywhere on a square, turned anyhow."""
    middle = np.stack([WEST + side * ticket(keys, "x"), NORTH - side * ticket(keys, "y")], axis=1)
    angle = between(keys, "angle", 0.0, 2.0 * math.pi)
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return rectangles(middle, along, between(keys, "long", least, most), between(keys, "deep", least, most))


def _crowd(count: int, side: float, seed: int = 1) -> Shapes:
    """Fields, cars, roofs of every form, crowns and tanks that overlap as they please."""
    keys = _keys(count, seed)
    ground, roof = (_turned(k, side, 3.0, 25.0) for k in (keys, keys[::-1]))
    tone = ticket(keys, "tone")
    rise = np.array([0.0, 3.0, -2.0])[np.arange(count) % 3]
    return shapes(
        ground=[
            quads(ground[: count // 2], material=Material.GRASS, tone=tone[: count // 2], keys=keys[: count // 2]),
            quads(ground[count // 2 :], material=Material.SOIL, tone=tone[count // 2 :], keys=keys[count // 2 :],
                  layer=Layer.PATCH),
        ],
        details=[quads(_turned(keys[:5], side, 1.8, 4.5), material=Material.CAR, tone=tone[:5], keys=keys[:5])],
        roofs=[
            quads(roof, material=Material.TILE_ROOF, tone=tone, keys=keys + np.uint64(7), rise=rise,
                  height=between(keys, "height", 3.0, 12.0))
        ],
        crowns=[
            discs(roof.mean(axis=1) + 4.0, radius=between(keys, "radius", 0.7, 6.0), material=Material.BROADLEAF,
                  height=between(keys, "top", 2.0, 14.0), dome=np.where(rise > 0, 2.0, 0.0), tone=tone, keys=keys)
        ],
    )  # fmt: skip


def _painted(scene: Shapes, grid: PixelGrid) -> Ground:
    ground = blank_ground(grid, Material.ASPHALT)
    paint(ground, scene, details=True)
    return ground


@pytest.mark.parametrize("metres", [1, 2])
def test_windows_agree_where_they_overlap(metres: int) -> None:
    scene = _crowd(400, 300.0)
    whole = _painted(scene, _grid(300 // metres, 300 // metres, metres=metres))
    part = _painted(scene, _grid(90, 70, metres=metres, east=34, south=62))
    rows, columns = slice(62 // metres, 62 // metres + 70), slice(34 // metres, 34 // metres + 90)
    for field in fields(Ground):
        if field.name != "grid":
            kept = getattr(whole, field.name)[rows, columns]
            np.testing.assert_array_equal(kept, getattr(part, field.name), err_msg=field.name)


def test_more_shapes_than_one_lot_holds_change_nothing() -> None:
    scene = _crowd(4_000, 300.0)
    grid = _grid(300, 300)
    often = _painted(scene, grid)
    again = blank_ground(grid, Material.ASPHALT)
    paint_flat(again, scene.ground)
    paint_flat(again, scene.details)
    order = np.random.default_rng(5).permutation(len(scene.roofs))
    paint_roofs(again, type(scene.roofs)(**{f.name: getattr(scene.roofs, f.name)[order] for f in fields(scene.roofs)}))
    paint(again, replace(scene, ground=shapes().ground, details=shapes().details, roofs=shapes().roofs), details=False)
    np.testing.assert_array_equal(often.height, again.height)
    np.testing.assert_array_equal(often.instance, again.instance)


def test_painting_equals_a_plain_pixel_by_pixel_painter() -> None:
    scene = _crowd(16, 24.0, seed=3)
    grid = _grid(24, 24)
    got, expected = _painted(scene, grid), _plainly(scene, grid)
    # a pixel whose centre lies on an edge to the last bit may fall either way
    assert (got.material == expected.material).mean() > 0.99
    np.testing.assert_allclose(np.sort(got.height - expected.height, axis=None)[3:-3], 0.0, atol=0.07)


def _plainly(scene: Shapes, grid: PixelGrid) -> Ground:
    """One pixel after another, one shape after another."""
    ground = blank_ground(grid, Material.ASPHALT)
    for row in range(grid.height):
        for column in range(grid.width):
            point = np.array([grid.west + column + 0.5, grid.north - row - 0.5])
            material, height = _seen_at(point, scene)
            ground.material[row, column], ground.height[row, column] = material, height
    return ground


def _seen_at(point: NDArray[np.float64], scene: Shapes) -> tuple[int, float]:
    material, height = int(Material.ASPHALT), 0.0
    flat = sorted(range(len(scene.ground)), key=lambda i: (scene.ground.layer[i], -_extent(scene.ground.corners[i])))
    for i in flat:
        if min(_insides(point, scene.ground.corners[i])) >= 0:
            material = int(scene.ground.material[i])
    for i in range(len(scene.details)):
        if min(_insides(point, scene.details.corners[i])) >= 0:
            material = int(scene.details.material[i])
    for i in range(len(scene.roofs)):
        inside = _insides(point, scene.roofs.corners[i])
        if min(inside) < 0:
            continue
        depth, length = inside[0] + inside[2], inside[1] + inside[3]
        rise = float(scene.roofs.rise[i])
        gable = 2.0 * min(inside[0], inside[2]) / depth
        hip = 2.0 * min(inside) / min(depth, length)
        top = float(scene.roofs.height[i]) + (rise * gable if rise >= 0 else -rise * hip)
        if top > height:
            material, height = int(scene.roofs.material[i]), top
    for i in range(len(scene.discs)):
        share = float(((point - scene.discs.centre[i]) ** 2).sum() / scene.discs.radius[i] ** 2)
        top = float(scene.discs.height[i] - scene.discs.dome[i] * (1.0 - math.sqrt(max(1.0 - share, 0.0))))
        if share <= 1.0 and top > height:
            material, height = int(scene.discs.material[i]), top
    return material, height


def _insides(point: NDArray[np.float64], corners: NDArray[np.float64]) -> list[float]:
    """Distance inside each edge of a counter-clockwise quad."""
    found = []
    for k in range(4):
        along = corners[(k + 1) % 4] - corners[k]
        to = point - corners[k]
        found.append(float(along[0] * to[1] - along[1] * to[0]) / float(np.hypot(*along)))
    return found


def _extent(corners: NDArray[np.float64]) -> float:
    return float(np.ceil(2.0 * np.log2(np.ptp(corners, axis=0).max())))


def test_higher_layers_lie_over_lower_ones_in_whatever_order_they_come() -> None:
    place = rectangles(np.full((3, 2), [WEST + 10.0, NORTH - 10.0]), np.array([[1.0, 0.0]] * 3), 10.0, 10.0)
    made = quads(place, material=[Material.CONCRETE, Material.SOIL, Material.GRASS], tone=np.zeros(3), keys=_keys(3))
    made = replace(made, layer=np.array([Layer.LINE, Layer.BLOCK, Layer.LOT], dtype=np.uint8))
    ground = blank_ground(_grid(20, 20), Material.ASPHALT)
    paint_flat(ground, made)
    assert set(np.unique(ground.material)) == {Material.ASPHALT, Material.CONCRETE}


def test_a_ridge_runs_along_the_length_and_a_hip_peaks_in_the_middle() -> None:
    for angle in (0.0, 30.0, 75.0, 140.0):
        along = np.array([[math.cos(math.radians(angle)), math.sin(math.radians(angle))]])
        middle = np.array([[WEST + 30.0, NORTH - 30.0]])
        box = rectangles(middle, along, 30.0, 12.0)
        for rise in (4.0, -4.0):
            ground = blank_ground(_grid(60, 60), Material.GRASS)
            paint_roofs(ground, quads(box, material=2, tone=np.zeros(1), keys=_keys(1), height=6.0, rise=rise))
            places = [middle[0] + along[0] * far for far in (-14.0, -7.0, 0.0, 7.0, 14.0)]
            heights = [ground.height[int(NORTH - y), int(x - WEST)] for x, y in places]
            assert abs(heights[2] - 10.0) < 0.6
            if rise > 0:
                assert max(heights) - min(heights) < 0.6, "a ridge keeps its height to the gables"
            else:
                assert heights[0] < 7.2, "a hip falls towards all four sides"
                assert heights[4] < 7.2


@pytest.mark.parametrize("elevation", [20.0, 35.0, 50.0, 70.0])
@pytest.mark.parametrize("azimuth", [10.0, 100.0, 152.0, 200.0, 305.0])
def test_a_shadow_is_as_long_as_height_over_the_tangent_and_points_away_from_the_sun(
    elevation: float, azimuth: float
) -> None:
    height = np.zeros((301, 301), dtype=np.float32)
    height[148:153, 148:153] = 40.0
    dark = shade.shadow(height, 1.0, Sun(elevation=elevation, azimuth=azimuth)) > 0.5
    rows, columns = np.nonzero(dark)
    east, north = columns - 150.0, 150.0 - rows
    away = math.radians(azimuth + 180.0)
    far = east * math.sin(away) + north * math.cos(away)
    aside = east * math.cos(away) - north * math.sin(away)
    reach = 40.0 / math.tan(math.radians(elevation))
    assert reach - 1.0 < far.max() < reach + 5.0
    assert np.abs(aside).max() < 6.0
    assert far.min() > -4.0
    # no gaps along the way
    assert len(np.unique(np.floor(far[far > 3.0]))) >= math.floor(reach) - 3


def test_shadows_equal_those_of_a_plain_march_towards_the_sun() -> None:
    ground = _painted(_crowd(60, 100.0, seed=9), _grid(100, 100))
    sun = Sun(elevation=38.0, azimuth=155.0)
    slope = math.tan(math.radians(sun.elevation))
    rows, columns = np.indices(ground.height.shape)
    dark = np.zeros(ground.height.shape, dtype=bool)
    for far in np.arange(0.5, 30.0, 0.25):
        y = np.rint(rows - math.cos(math.radians(sun.azimuth)) * far).astype(int)
        x = np.rint(columns + math.sin(math.radians(sun.azimuth)) * far).astype(int)
        known = (y >= 0) & (y < 100) & (x >= 0) & (x < 100)
        there = ground.height[np.clip(y, 0, 99), np.clip(x, 0, 99)]
        dark |= known & (there - far * slope > ground.height)
    agree = (shade.shadow(ground.height, 1.0, sun) > 0.5) == dark
    assert 0.2 < dark.mean() < 0.8
    assert agree.mean() > 0.93, "they may differ by a pixel at the edges"


def test_flat_ground_faces_the_sun_once_and_slopes_follow_the_cosine() -> None:
    sun = Sun(elevation=45.0, azimuth=180.0)
    same = np.ones((20, 20), dtype=np.uint32)
    flat = np.zeros((20, 20), dtype=np.float32)
    np.testing.assert_allclose(shade.facing(flat, same, 1.0, sun), 1.0, rtol=1e-6)
    southward = np.repeat(np.arange(20, 0, -1, dtype=np.float32)[:, None] * np.tan(np.float32(0.5)), 20, axis=1)
    expected = math.cos(math.radians(45.0) - 0.5) / math.sin(math.radians(45.0))
    np.testing.assert_allclose(shade.facing(southward, same, 1.0, sun), expected, rtol=1e-4)
    turned_away = shade.facing(southward[::-1].copy(), same, 1.0, sun)
    np.testing.assert_allclose(
        turned_away, math.cos(math.radians(45.0) + 0.5) / math.sin(math.radians(45.0)), rtol=1e-4
    )


def test_a_wall_is_no_slope() -> None:
    height = np.zeros((12, 12), dtype=np.float32)
    height[4:8, 4:8] = 30.0
    instance = (height > 0).astype(np.uint32)
    np.testing.assert_allclose(shade.facing(height, instance, 1.0, Sun(elevation=40.0, azimuth=150.0)), 1.0, rtol=1e-6)


def test_an_open_plain_sees_the_whole_sky_and_a_court_little_of_it() -> None:
    height = np.zeros((80, 80), dtype=np.float32)
    assert shade.sky_seen(height, 1.0).min() == 1.0
    height[30:50, 30:50] = 25.0
    height[37:43, 37:43] = 0.0
    seen = shade.sky_seen(height, 1.0)
    assert seen[40, 40] < 0.5
    assert seen[2, 2] == 1.0
    assert seen[32, 32] == 1.0


def test_light_depends_on_nothing_beyond_the_margins() -> None:
    sun = Sun(elevation=33.0, azimuth=140.0)
    left, bottom, right, top = shade.margins(sun, tallest=20.0)
    assert right > left
    assert bottom > top, "shadows come from the sun's side"
    height = _painted(_crowd(500, 400.0), _grid(400, 400)).height
    rows, columns = slice(150 - top, 200 + bottom), slice(160 - left, 230 + right)
    small = height[rows, columns]
    inner = slice(top, top + 50), slice(left, left + 70)
    for of in (lambda h: shade.shadow(h, 1.0, sun), lambda h: shade.sky_seen(h, 1.0)):
        np.testing.assert_array_equal(of(small)[inner], of(height)[150:200, 160:230])
