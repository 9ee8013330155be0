"""Laws of the 1 m picture: colours, light, texture, windows, files."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rio_cogeo.cogeo import cog_validate

from lczmap.synthetic.camera import LOOKS, RGB_BANDS, Camera, camera_of, varied
from lczmap.synthetic.materials import Material
from lczmap.synthetic.paint import Ground, blank_ground
from lczmap.synthetic.reflectance import SHADES, Season, reflectances
from lczmap.synthetic.region import EUROPEAN, REGION_NAMES
from lczmap.synthetic.rgb import rgb_of
from lczmap.synthetic.sky import Sun
from lczmap.synthetic.texture import aligned, textures, turns, world
from lczmap.synthetic.townplan import TownPlan
from lczmap.synthetic.vhr import ATTRIBUTION, Flight, flight_over, photograph, write_vhr
from lczmap.synthetic.vhr_item import write_vhr_collection, write_vhr_item
from lczmap.words.errors import SpecError
from lczmap.words.grid import PixelGrid

SUN = Sun(elevation=45.0, azimuth=150.0)
PLAN = TownPlan(seed=4, region=EUROPEAN, middle=(500_000.0, 5_540_000.0), radius=4_000.0)


@pytest.fixture(scope="module")
def camera() -> Camera:
    return camera_of("european", day=190)


@pytest.fixture(scope="module")
def flight() -> Flight:
    return flight_over(PLAN, datetime(2023, 6, 14, 9, 30, tzinfo=UTC), SUN)


def _grid(width: int, height: int, *, east: int = 0, south: int = 0) -> PixelGrid:
    return PixelGrid(epsg=32632, west=500_300 + east, north=5_540_200 - south, metres=1, width=width, height=height)


def _of(material: Material, side: int = 80) -> Ground:
    return blank_ground(_grid(side, side), material)


def _mean(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(picture.reshape(-1, 3).mean(axis=0))


def test_what_reflects_more_is_brighter(camera: Camera) -> None:
    table = reflectances(Season(day=190, latitude=EUROPEAN.latitude), stock=0, variety=0.0)
    shade = [int(material) * SHADES + 128 for material in Material]
    green = table[RGB_BANDS[1], shade]
    seen = np.array([_mean(rgb_of(_of(material), SUN, camera))[1] for material in Material])
    order = np.argsort(green)
    # textures and tints of the look move materials by a few per cent
    assert (np.diff(seen[order]) > -8.0).all()
    assert seen[order[-1]] > 3.0 * seen[order[0]]


def test_a_red_roof_is_red_a_blue_one_blue_and_summer_grass_green(camera: Camera) -> None:
    red, blue, grass = (
        _mean(rgb_of(_of(m), SUN, camera)) for m in (Material.TILE_ROOF, Material.BLUE_ROOF, Material.GRASS)
    )
    assert red[0] > red[1] > red[2]
    assert blue[2] > blue[1] > blue[0]
    assert grass.argmax() == 1


def test_fields_turn_with_the_seasons() -> None:
    def greenness(day: int) -> float:
        red, green, _ = _mean(rgb_of(_of(Material.WHEAT), SUN, camera_of("european", day=day)))
        return float(green - red)

    assert greenness(110) > greenness(250) + 10.0


def test_shadow_is_darker_and_bluer_than_the_same_ground_in_the_sun(camera: Camera) -> None:
    ground = _of(Material.CONCRETE, 120)
    ground.height[60:66, 20:100] = 25.0
    ground.instance[60:66, 20:100] = 9
    picture = rgb_of(ground, Sun(elevation=45.0, azimuth=180.0), camera).astype(float)
    dark, lit = picture[45:55, 40:80].mean(axis=(0, 1)), picture[80:110, 40:80].mean(axis=(0, 1))
    assert (dark < 0.62 * lit).all()
    assert dark[2] / dark[0] > 1.08 * lit[2] / lit[0]


@pytest.mark.parametrize("region", REGION_NAMES)
def test_every_region_has_a_look_in_which_nothing_common_is_black_or_burnt(region: str) -> None:
    made = camera_of(next(name for name in REGION_NAMES if name == region), day=190)
    for material in (Material.ASPHALT, Material.GRASS, Material.TILE_ROOF, Material.SAND, Material.BROADLEAF):
        mean = _mean(rgb_of(_of(material, 40), SUN, made))
        assert mean.min() > 20
        assert mean.max() < 245


def test_flights_differ_by_seed_and_only_by_seed() -> None:
    look = LOOKS["european"]
    assert varied(look, 1) == varied(look, 1)
    assert varied(look, 1) != varied(look, 2)


def test_textures_have_no_mean_and_unit_variance() -> None:
    made = textures()
    for name in ("grain", "lumps", "mottle", "wear", "sensor", "cells"):
        tile = getattr(made, name)
        assert abs(float(tile.mean())) < 0.02, name
        assert abs(float(tile.std()) - 1.0) < 0.02, name


def test_textures_belong_to_the_ground_not_to_the_window() -> None:
    tile = textures().mottle
    whole, part = world(tile, _grid(300, 200)), world(tile, _grid(120, 90, east=70, south=31))
    np.testing.assert_array_equal(whole[31:121, 70:190], part)


@pytest.mark.parametrize("degrees", [0, 25, 90, 130])
def test_furrows_run_along_the_field(degrees: int) -> None:
    grid = _grid(200, 200)
    turning = turns(np.array([[40.0, 3.0]]))
    kind = np.full((200, 200), round(degrees / 180 * 256), dtype=np.uint16)
    seen = aligned(textures().cells, grid, turning, kind, np.zeros((200, 200), dtype=np.uint8))

    def change(angle: float) -> float:
        """Mean step over eight metres in a direction, counter-clockwise from east."""
        down, right = round(-8 * np.sin(np.radians(angle))), round(8 * np.cos(np.radians(angle)))
        inner = seen[20:-20, 20:-20]
        return float(np.abs(inner - np.roll(seen, (-down, -right), axis=(0, 1))[20:-20, 20:-20]).mean())

    assert change(degrees) < 0.6 * change(degrees + 90)


def test_windows_of_a_city_agree_to_the_byte_where_they_overlap(flight: Flight) -> None:
    picture, instances = photograph(PLAN, _grid(260, 220), flight)
    part, whose = photograph(PLAN, _grid(90, 110, east=101, south=57), flight)
    np.testing.assert_array_equal(picture[57:167, 101:191], part)
    np.testing.assert_array_equal(instances[57:167, 101:191], whose)
    assert picture.std() > 15.0


def test_the_camera_sees_metres_only(flight: Flight) -> None:
    with pytest.raises(SpecError, match="1 m"):
        photograph(PLAN, replace(_grid(10, 10), metres=2), flight)


def test_a_picture_written_by_windows_is_the_city_in_a_valid_cog(flight: Flight, tmp_path: Path) -> None:
    grid = _grid(600, 520)
    path, whose = tmp_path / "vhr" / "flight" / "visual.tif", tmp_path / "vhr" / "flight" / "instances.tif"
    write_vhr(path, PLAN, grid, flight=flight, instances=whose, window=512)
    expected, instances = photograph(PLAN, grid, flight)
    with rasterio.open(path) as picture, rasterio.open(whose) as identities:
        # JPEG is lossy; a window in the wrong place would differ by tens
        assert np.abs(np.moveaxis(picture.read(), 0, 2).astype(int) - expected).mean() < 4.0
        np.testing.assert_array_equal(identities.read(1), instances)
        for raster in (picture, identities):
            assert raster.crs.to_epsg() == grid.epsg
            assert tuple(raster.transform)[:6] == grid.transform
            assert raster.tags()["ATTRIBUTION"] == ATTRIBUTION
        assert picture.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        assert picture.overviews(1)
        assert (picture.profile["compress"], picture.profile["photometric"]) == ("jpeg", "ycbcr")
    assert cog_validate(path)[0]
    assert sorted(p.name for p in path.parent.iterdir()) == ["instances.tif", "visual.tif"]


def test_windows_that_split_blocks_are_refused(flight: Flight, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="512"):
        write_vhr(tmp_path / "visual.tif", PLAN, _grid(600, 520), flight=flight, window=700)


def test_items_of_pictures_are_read_by_pystac(flight: Flight, tmp_path: Path) -> None:
    grid = _grid(600, 520)
    folder = tmp_path / "vhr" / "flight-20230614"
    folder.mkdir(parents=True)
    item = write_vhr_item(folder / "visual.tif", grid, flight=flight, instances=folder / "instances.tif")
    collection = write_vhr_collection(tmp_path / "vhr", [item])
    read = pystac.Item.from_file(item)
    assert read.id == "flight-20230614"
    assert read.datetime == flight.taken
    assert read.properties["gsd"] == 1.0
    assert set(read.assets) == {"visual", "instances"}
    assert read.assets["visual"].extra_fields["proj:shape"] == [520, 600]
    listed = json.loads(collection.read_text())
    assert listed["id"] == read.collection_id == "simulated-vhr"
    assert [link["href"] for link in listed["links"] if link["rel"] == "item"] == ["./flight-20230614/item.json"]
