"""Registration: a known shift is found again to a tenth of a pixel, and where there is none, none is told."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject
from scipy.ndimage import gaussian_filter, shift

from lczmap.imagery.vhr import vhr_source
from lczmap.things.registration import Registration, register
from lczmap.words.grid import PixelGrid
from lczmap.words.place import LonLatBox


def town(seed: int, side: int = 260) -> NDArray[np.float64]:
    """Blocks and fields, 0..1, as both sensors might see them."""
    rng = np.random.default_rng(seed)
    ground = np.full((side, side), 0.3)
    for _ in range(side * 6):
        row, column = rng.integers(0, side, 2)
        height, width = rng.integers(2, 9, 2)
        ground[row : row + height, column : column + width] = rng.uniform(0.05, 0.9)
    return np.asarray(gaussian_filter(ground, 0.6))


def seen_by_both(
    east: float, north: float, *, seed: int = 0, noise: float = 0.03
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """B04 and a VHR image that shows everything metres further east and north, in other light."""
    rng, ground = np.random.default_rng(seed), town(seed)
    haze = gaussian_filter(rng.normal(size=ground.shape), 30)
    moved = shift(ground, (-north / 10, east / 10), order=3, mode="reflect")
    red = 600 + 3000 * (ground + noise * rng.normal(size=ground.shape)) + 4000 * haze
    value = 20 + 200 * moved**0.8 + 200 * noise * rng.normal(size=ground.shape)
    rgb = np.stack([value, 0.9 * value, 0.8 * value], axis=-1)
    return np.rint(red).clip(1, 10000).astype(np.int16), np.rint(rgb).clip(1, 255).astype(np.uint8)


@pytest.mark.parametrize("east_north", [(0, 0), (4, -3), (-13, 26.5), (90, 45), (-150, -120)])
def test_a_known_shift_is_found_to_a_tenth_of_a_pixel(east_north: tuple[float, float]) -> None:
    east, north = east_north
    found = register(*seen_by_both(east, north))
    assert found is not None
    assert found.east == pytest.approx(east, abs=1.0)
    assert found.north == pytest.approx(north, abs=1.0)
    assert found.misregistered == (np.hypot(east, north) > 10)
    assert found.share == 1


def test_holes_do_not_pull_the_shift_towards_nothing() -> None:
    red, rgb = seen_by_both(37, -22, seed=1)
    red[40:90, 30:200] = -32768
    rgb[:, :60] = 0
    rgb[200:230, 100:180] = 0
    found = register(red, rgb)
    assert found is not None
    assert (found.east, found.north) == pytest.approx((37, -22), abs=1.0)
    assert 0.5 < found.share < 0.8


@pytest.mark.parametrize("seed", range(6))
def test_two_towns_that_differ_tell_nothing(seed: int) -> None:
    red, _ = seen_by_both(0, 0, seed=seed)
    _, rgb = seen_by_both(0, 0, seed=seed + 50)
    assert register(red, rgb) is None
    assert register(red[:48, :48], rgb[:48, :48]) is None
    rgb[:, :100], red[:100] = 0, -32768  # the same outline in both is no agreement
    assert register(red, rgb) is None


@pytest.mark.parametrize("kind", ["nothing seen", "a corner", "a line", "flat"])
def test_too_little_ground_tells_nothing(kind: str) -> None:
    red, rgb = seen_by_both(0, 0)
    if kind == "flat":
        red[:], rgb[:] = 1000, 100
    else:
        shown = {"nothing seen": np.s_[:0], "a corner": np.s_[:20, :20], "a line": np.s_[5:8]}[kind]
        seen = rgb[shown].copy()
        rgb[:] = 0
        rgb[shown] = seen
    assert register(red, rgb) is None


def test_what_is_seen_far_beyond_reach_is_not_told_as_something_near() -> None:
    assert register(*seen_by_both(330, 0, seed=2)) is None


def test_ten_metres_are_the_border() -> None:
    near, far = (Registration(east=east, north=-8.0, peak=50, share=1) for east in (5.9, 6.1))
    assert not near.misregistered
    assert far.misregistered


def test_a_real_pair_of_sensors_is_registered(shared_data: Path) -> None:
    folder = shared_data / "vhr"
    name = "20221109_094507_SN30_40N_227050_2482590"
    source = vhr_source(str(folder / f"{name}_TOA.tif"))
    view = source.view(source.identify(LonLatBox(west=54.349, south=22.425, east=54.351, north=22.427)))
    grid = PixelGrid(epsg=32640, west=227_050, north=2_482_590, metres=10, width=38, height=38)
    red = np.zeros((38, 38), np.int16)
    with rasterio.open(folder / f"{name}_S2L2A.tif") as raster:
        reproject(
            rasterio.band(raster, 4), red, dst_transform=Affine(*grid.transform), dst_crs="EPSG:32640",
            resampling=Resampling.bilinear,
        )  # fmt: skip
    rgb = view.read(grid)
    found = register(red, rgb)
    assert found is not None
    assert found.misregistered
    # an oracle without any Fourier: the whole-pixel shift under which the two correlate best
    inner = red[8:30, 8:30].ravel()
    best = max(
        (np.corrcoef(inner, rgb[8 + down : 30 + down, 8 + right : 30 + right, 0].ravel())[0, 1], down, right)
        for down in range(-8, 9)
        for right in range(-8, 9)
    )
    assert best[0] > 0.98
    assert (found.east, found.north) == pytest.approx((10 * best[2], -10 * best[1]), abs=10)
