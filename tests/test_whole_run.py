"""Whole runs by the command line: the simulated city, and the real Berlin scene where it is at hand."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

from lczmap.cli.main import status_of
from lczmap.store.records import FileStore
from lczmap.synthetic.city import SimulatedCity
from lczmap.things.maps import map_of
from lczmap.words.manifest import plan_of
from lczmap.words.plan import map_key
from lczmap.words.quality import Quality

BERLIN = "13.291,52.490,13.343,52.521"


@pytest.fixture(scope="module")
def mapped(demo: SimulatedCity, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated city, mapped once at 320 m."""
    out = tmp_path_factory.mktemp("mapped")
    assert status_of(words(demo, out)) == 0
    return out


def words(demo: SimulatedCity, out: Path, *more: str) -> list[str]:
    """Map the middle of the city: some cells on both sides of the border between its two tiles."""
    east, north = (demo.box.west + demo.box.east) / 2, (demo.box.south + demo.box.north) / 2
    middle = f"{east - 0.02},{north - 0.012},{east + 0.02},{north + 0.012}"
    return [
        *("city", "--aoi", middle, "--name", "bay", "--date", demo.period),
        *("--source", str(demo.catalogue), "--out", str(out), "-q", *more),
    ]


def classes(out: Path, name: str = "bay_2023-H1_lcz.tif") -> np.ndarray:
    (path,) = out.rglob(name)
    with rasterio.open(path) as file:
        return np.asarray(file.read(1))


def test_the_city_is_mapped_and_every_class_raster_agrees(mapped: Path, demo: SimulatedCity) -> None:
    codes = classes(mapped)
    assert (codes > 0).sum() >= 80
    cube = xr.open_zarr(next(mapped.rglob("*_lcz.zarr")), decode_coords="all", mask_and_scale=False)
    np.testing.assert_array_equal(cube["lcz"].to_numpy(), codes)
    with rasterio.open(next(mapped.rglob("*_probabilities.tif"))) as file:
        levels = file.read()
    known = codes > 0
    np.testing.assert_array_equal(levels.argmax(axis=0)[known] + 1, codes[known])
    with rasterio.open(demo.truth) as truth:
        assert truth.crs == rasterio.open(next(mapped.rglob("*_lcz.tif"))).crs


def test_the_map_holds_the_records_of_its_tiles(mapped: Path) -> None:
    frozen = plan_of(next(mapped.rglob("manifest.toml")).read_text())
    store = FileStore(mapped / ".lczmap")
    with rasterio.open(next(mapped.rglob("*_lcz.tif"))) as file:
        raster, to_metres = file.read(1), file.transform
    for tile in frozen.tiles:
        record = map_of(store.read("map", map_key(frozen, tile)))
        grid = tile.tile.posts(320)
        for row, column in np.argwhere(tile.area.wanted)[::17]:
            x, y = grid.west + (column + 0.5) * 320, grid.north - (row + 0.5) * 320
            there = int((to_metres.f - y) // 320), int((x - to_metres.c) // 320)
            assert raster[there] == record.lcz[row, column]


def test_a_rerun_computes_and_writes_nothing(mapped: Path, demo: SimulatedCity) -> None:
    before = {path: path.stat().st_mtime_ns for path in mapped.rglob("*") if path.is_file()}
    assert status_of(words(demo, mapped)) == 0
    assert {path: path.stat().st_mtime_ns for path in mapped.rglob("*") if path.is_file()} == before


def test_a_manifest_replays_to_the_same_map(mapped: Path, demo: SimulatedCity, tmp_path: Path) -> None:
    manifest = next(mapped.rglob("manifest.toml"))
    replayed = ["city", "--from", str(manifest), "--source", str(demo.catalogue), "--out", str(tmp_path), "-q"]
    assert status_of(replayed) == 0
    np.testing.assert_array_equal(classes(tmp_path), classes(mapped))
    again = plan_of(next(tmp_path.rglob("manifest.toml")).read_text())
    first = plan_of(manifest.read_text())
    assert [map_key(again, tile) for tile in again.tiles] == [map_key(first, tile) for tile in first.tiles]


def test_fresh_computes_every_tile_and_the_same_bytes(mapped: Path, demo: SimulatedCity, tmp_path: Path) -> None:
    shutil.copytree(mapped / ".lczmap", tmp_path / ".lczmap")
    records = {path: path.read_bytes() for path in (tmp_path / ".lczmap").rglob("*") if path.is_file()}
    times = {path: path.stat().st_mtime_ns for path in records if path.parent.name in {"map", "observation"}}
    assert status_of(words(demo, tmp_path, "--fresh")) == 0
    assert all(path.stat().st_mtime_ns > times[path] for path in times)
    assert {path: path.read_bytes() for path in records} == records


def test_machines_hear_json_and_nothing_else(
    mapped: Path, demo: SimulatedCity, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = [word for word in words(demo, mapped, "--json") if word != "-q"]
    assert status_of(spoken) == 0
    heard = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert heard[0]["event"] == "place"
    assert heard[-1]["event"] == "done"
    assert Path(heard[-1]["files"]["lcz"]).is_file()


def berlin(shared_data: Path, out: Path, *more: str) -> int:
    source = str(shared_data / "stac_berlin")
    return status_of(
        [
            "city",
            "--aoi",
            BERLIN,
            "--date",
            "2024-10",
            "--source",
            source,
            "--name",
            "b",
            "--out",
            str(out),
            "-q",
            *more,
        ]
    )


def test_berlin_shows_the_rule_of_half_a_window(shared_data: Path, tmp_path: Path) -> None:
    assert berlin(shared_data, tmp_path) == 0
    with rasterio.open(next(tmp_path.rglob("*_quality.tif"))) as file:
        quality = file.read(1)
    wanted = quality != 65535
    filled = wanted & ((quality & Quality.GAPS_FILLED) > 0)
    codes = classes(tmp_path, "b_2024-10_lcz.tif")
    assert wanted.sum() == 116
    assert filled.sum() == 15
    assert (wanted & (codes > 0)).sum() == 115
    assert (quality[codes > 0] & Quality.UNMASKED).all()


def test_berlin_at_100_m_is_partial(shared_data: Path, tmp_path: Path) -> None:
    assert berlin(shared_data, tmp_path, "--posting", "100") == 3
    with rasterio.open(next(tmp_path.rglob("*_quality.tif"))) as file:
        quality = file.read(1)
    codes = classes(tmp_path, "b_2024-10-100m_lcz.tif")
    wanted = quality != 65535
    assert wanted.sum() == 1215
    assert (wanted & (codes == 0)).sum() == 19
    assert (wanted & ((quality & Quality.GAPS_FILLED) > 0)).sum() == 172
    assert berlin(shared_data, tmp_path, "--posting", "100", "--allow-gaps") == 0


def test_threads_change_no_composite_and_no_class(mapped: Path, demo: SimulatedCity, tmp_path: Path) -> None:
    assert status_of(words(demo, tmp_path, "--threads", "1")) == 0
    for seen in (mapped / ".lczmap" / "observation").iterdir():
        assert (tmp_path / ".lczmap" / "observation" / seen.name).read_bytes() == seen.read_bytes()
    one, many = FileStore(tmp_path / ".lczmap"), FileStore(mapped / ".lczmap")
    for path in (mapped / ".lczmap" / "map").iterdir():
        first, second = map_of(one.read("map", path.name)), map_of(many.read("map", path.name))
        close = second.margin.astype(int) <= 1  # a lead of up to 0.006: sums in another order may turn it
        np.testing.assert_array_equal(first.lcz[~close], second.lcz[~close])
        apart = np.abs(first.probabilities.astype(int) - second.probabilities.astype(int))
        assert apart.max() <= 1, "more than rounding of the last byte"
