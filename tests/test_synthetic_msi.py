"""The ten bands of a simulated scene: light, shadow and blur as physics has them, and no window shows."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from lczmap.imagery.resample import read_on_grid
from lczmap.synthetic.design import lattice_bay
from lczmap.synthetic.materials import MATERIALS, ROOFS, WATERS, Material
from lczmap.synthetic.msi import MARGIN, Scenery, at_metres, grown_grid, reflected, scenery, sensed
from lczmap.synthetic.noise import pixel_noise
from lczmap.synthetic.paint import Ground, blank_ground
from lczmap.synthetic.patches import _on_ten_metres, simulated_patches
from lczmap.synthetic.reflectance import SHADES, Season, reflectances
from lczmap.synthetic.scene import ground_of
from lczmap.synthetic.sky import Sun, diffuse_shares, draw_clouds, sky_over, sun_at
from lczmap.synthetic.truth import classes_of
from lczmap.words.bands import BAND_NAMES, BANDS
from lczmap.words.errors import SpecError
from lczmap.words.grid import PixelGrid

HIGH, LOW = Sun(elevation=62.0, azimuth=150.0), Sun(elevation=25.0, azimuth=168.0)
NOON = Sun(elevation=45.0, azimuth=180.0)
SUMMER = Season(day=190, latitude=50.0)
PLAIN = PixelGrid(epsg=32633, west=500_000, north=5_500_000, metres=2, width=200, height=200)
NEAR, RED = BAND_NAMES.index("B08"), BAND_NAMES.index("B04")


@pytest.fixture(scope="module")
def table() -> NDArray[np.float32]:
    return reflectances(SUMMER, stock=0, variety=0.0)


def plain(material: Material) -> Ground:
    return blank_ground(PLAIN, material)


def seen(ground: Ground) -> Scenery:
    """A scenery without the slow variation of fields and woods."""
    still = scenery(ground, 1)
    return replace(still, lightness=np.zeros_like(still.lightness), dryness=np.zeros_like(still.dryness))


def test_open_flat_ground_has_its_materials_reflectance_whatever_the_sun(table: NDArray[np.float32]) -> None:
    for material in (Material.SOIL, Material.GRASS, Material.ASPHALT):
        expected = table[:, int(material) * SHADES + 128]
        for sun in (HIGH, LOW):
            surface = reflected(seen(plain(material)), table, sun)
            np.testing.assert_allclose(surface, np.broadcast_to(expected[:, None, None], surface.shape), rtol=1e-5)


def test_a_shadow_is_blue_dark_and_as_long_as_the_sun_says(table: NDArray[np.float32]) -> None:
    ground = plain(Material.CONCRETE)
    ground.height[100:120, 90:110] = 20.0
    ground.instance[100:120, 90:110] = 7
    surface = reflected(seen(ground), table, NOON) / reflected(seen(plain(Material.CONCRETE)), table, NOON)
    column = surface[:, :, 20]
    # 20 m high at 45 degrees: 20 m, or two pixels, to the north
    assert (column[NEAR, 18:20] < 0.5).all()
    assert (column[NEAR, :16] > 0.9).all()
    assert column[0, 18] > 1.3 * column[NEAR, 18]
    assert column[NEAR, 18] > column[-1, 18]


def test_a_lower_sun_and_more_haze_leave_more_of_the_light_to_the_sky() -> None:
    shares = [diffuse_shares(sun) for sun in (HIGH, LOW)]
    assert (shares[1] > shares[0]).all()
    assert (np.diff(shares[1]) < 0).all()
    assert (diffuse_shares(LOW, 0.4) > shares[1]).all()


def test_10_m_pixels_are_means_of_25(table: NDArray[np.float32]) -> None:
    ground = plain(Material.SAND)
    ground.material[::5] = Material.ASPHALT
    mixed = reflected(seen(ground), table, HIGH)
    sand, asphalt = (table[:, int(m) * SHADES + 128] for m in (Material.SAND, Material.ASPHALT))
    np.testing.assert_allclose(mixed.mean(axis=(1, 2)), 0.8 * sand + 0.2 * asphalt, rtol=1e-4)


def test_the_blur_keeps_sums_and_20_m_bands_are_blurrier() -> None:
    grid = at_metres(PLAIN, 10)
    surface = np.full((10, grid.height, grid.width), 0.1, dtype=np.float32)
    surface[:, 20:22, 20:22] = 0.5
    bands = sensed(surface, grid, seed=1, purpose="test")
    for band in BANDS:
        assert bands[band.name].shape == (400 // band.metres,) * 2
        assert abs(float(bands[band.name].mean()) - float(surface[0].mean())) < 5e-4
    contrast = {name: float(bands[name].max() - np.median(bands[name])) for name in ("B08", "B8A")}
    assert contrast["B8A"] < contrast["B08"] < 0.4


def test_noise_belongs_to_pixels_and_is_white() -> None:
    whole = PixelGrid(epsg=32633, west=499_000, north=-1_000, metres=10, width=300, height=200)
    noise = pixel_noise(5, "B02", whole)
    part = replace(whole, west=whole.west + 370, north=whole.north - 710, width=90, height=101)
    np.testing.assert_array_equal(pixel_noise(5, "B02", part), noise[71:172, 37:127])
    assert abs(noise.std() - 1.0) < 0.02
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 0.02
    assert not np.array_equal(noise, pixel_noise(5, "B03", whole))


def test_windows_of_a_city_agree_in_every_band() -> None:
    plan, table = lattice_bay().plan, reflectances(SUMMER, stock=0)
    whole = PixelGrid(epsg=32650, west=703_000, north=3_321_000, metres=10, width=48, height=32)
    left = replace(whole, width=20)

    def surface(grid: PixelGrid) -> NDArray[np.float32]:
        outer = grown_grid(grid, MARGIN)
        cut = MARGIN // 10
        scene = scenery(ground_of(plan, at_metres(outer, 2), details=False), plan.key)
        return reflected(scene, table, LOW)[:, cut : cut + grid.height, cut : cut + grid.width]

    np.testing.assert_array_equal(surface(left), surface(whole)[:, :, :20])


def test_only_2_m_pixels_on_the_20_m_lattice_are_rendered() -> None:
    for grid in (replace(PLAIN, metres=1), replace(PLAIN, west=PLAIN.west + 10)):
        with pytest.raises(SpecError, match="2 m pixels"):
            scenery(blank_ground(grid, Material.GRASS), 1)


def test_clouds_cover_what_they_should_and_cast_shadows_away_from_the_sun() -> None:
    region = PixelGrid(epsg=32650, west=700_000, north=3_320_000, metres=10, width=800, height=800)
    sun = Sun(elevation=45.0, azimuth=135.0)
    clouds = draw_clouds(0, "test", region, cover=0.15, sun=sun)
    east, north = clouds.shift
    assert east < -600  # towards west
    assert abs(east + north) <= 1  # and as far north
    sky = sky_over(clouds, region)
    assert 0.1 < (sky.opacity > 0.3).mean() < 0.2
    right, down = east // 10, -north // 10
    moved = np.roll(sky.opacity, (down, right), axis=(0, 1))[:-120, :-120]
    assert np.corrcoef(moved.ravel(), sky.shade[:-120, :-120].ravel())[0, 1] > 0.9
    part = replace(region, west=region.west + 1_260, north=region.north - 2_040, width=60, height=40)
    np.testing.assert_array_equal(sky_over(clouds, part).shade, sky.shade[204:244, 126:186])
    assert not sky_over(draw_clouds(0, "test", region, cover=0.0, sun=sun), region).opacity.any()


def test_the_sun_stands_high_in_june_and_in_the_south_east_of_a_morning() -> None:
    winter, summer = (sun_at(datetime(2023, month, 21, 2, 35, tzinfo=UTC), lon=119.1, lat=30.0) for month in (1, 6))
    assert 30 < winter.elevation < 40
    assert 62 < summer.elevation < 75
    assert 90 < summer.azimuth < winter.azimuth < 180


def test_calendars_rise_and_spectra_are_reflectances() -> None:
    assert len(MATERIALS) == len(Material)
    for surface in MATERIALS:
        days = [day for day, _ in surface.calendar]
        assert days == sorted(set(days))
    for day in (1, 100, 152, 365):
        for latitude in (-35.0, -4.0, 24.0, 55.0):
            every = reflectances(Season(day=day, latitude=latitude, wet=0.5), stock=3)
            assert every.shape == (10, len(Material) * SHADES)
            assert ((every > 0) & (every <= 1.2)).all()


def test_leaves_come_and_go_with_the_half_year_and_not_at_all_near_the_equator() -> None:
    def greenness(day: int, latitude: float) -> float:
        spectrum = reflectances(Season(day=day, latitude=latitude), stock=0, variety=0.0)
        tree = spectrum[:, int(Material.BROADLEAF) * SHADES : (int(Material.BROADLEAF) + 1) * SHADES].mean(axis=1)
        return float((tree[NEAR] - tree[RED]) / (tree[NEAR] + tree[RED]))

    assert greenness(190, 52.0) > 0.8
    assert greenness(20, 52.0) < 0.6
    assert greenness(20, -35.0) > greenness(200, -35.0)
    assert abs(greenness(20, 3.0) - greenness(200, 3.0)) < 0.1


def test_rain_darkens_soil_more_than_roofs_and_leaves_water_as_it_is() -> None:
    dry, wet = (reflectances(replace(SUMMER, wet=wet), stock=0, variety=0.0) for wet in (0.0, 1.0))
    ratio = (wet / dry).reshape(10, len(Material), SHADES).mean(axis=(0, 2))
    assert ratio[Material.SOIL] < 0.65
    assert all(ratio[Material.SOIL] < ratio[roof] <= 1.0 for roof in ROOFS - {Material.EARTH_ROOF})
    assert all(ratio[water] == 1.0 for water in WATERS)


def test_patches_are_what_a_run_would_cut_and_repeat() -> None:
    first = simulated_patches("european", seed=4, cells=100)
    again = simulated_patches("european", seed=4, cells=1)
    np.testing.assert_array_equal(first.x, again.x)
    np.testing.assert_array_equal(first.truth, again.truth)
    assert first.x.shape == (100, 32, 32, 10)
    assert first.x.dtype == np.uint16
    assert first.x.min() >= 1
    assert len(np.unique(first.truth)) >= 3
    assert ((first.share > 1 / 17) & (first.share <= 1)).all()
    assert len(set(first.sun.tolist())) == 1
    lower = simulated_patches("european", seed=4, cells=1, sun=20.0)
    assert (lower.sun == 20.0).all()


def test_20_m_bands_of_patches_are_interpolated_as_in_a_run(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(1, 5_000, (12, 14)).astype(np.uint16)
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 1, "width": 14, "height": 12, "crs": "EPSG:32633"}
    with rasterio.open(
        tmp_path / "b.tif", "w", transform=Affine(20, 0, 500_000, 0, -20, 5_500_000), **profile
    ) as target:
        target.write(numbers, 1)
    inner = PixelGrid(epsg=32633, west=500_040, north=5_499_960, metres=10, width=16, height=12)
    with rasterio.open(tmp_path / "b.tif") as source:
        expected = read_on_grid(source, inner, "bilinear")
    np.testing.assert_array_equal(_on_ten_metres(numbers * np.float32(1e-4), 20)[4:16, 4:20], expected)


def test_the_commonest_class_of_a_square_wins() -> None:
    zones = np.random.default_rng(1).integers(1, 18, (37, 52)).astype(np.uint8)
    codes, shares = classes_of(zones, side=10, step=3)
    assert codes.shape == shares.shape == (10, 15)
    for row, column in np.ndindex(codes.shape):
        counts = np.bincount(zones[3 * row : 3 * row + 10, 3 * column : 3 * column + 10].ravel(), minlength=18)
        assert (codes[row, column], shares[row, column]) == (counts.argmax(), np.float32(counts.max() / 100))
