"""Whole runs of both streams by the command line, on a made-up scene and picture: replay, resume, no path told."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray
from affine import Affine

from lczmap.cli.main import status_of
from lczmap.testing.scenes import SceneMetadata, write_catalogue, write_tiny_scene
from lczmap.words.grid import PixelGrid
from lczmap.words.manifest import plan_of
from lczmap.words.quality import Quality

GRID = PixelGrid(epsg=32633, west=384_000, north=5_820_480, metres=10, width=128, height=128)
BOX = "13.2945,52.5140,13.3070,52.5205"
"""A few cells inside that scene."""
SECOND = ("--segmenter", "slic")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scene and a picture at 2 m of its western two thirds, in which blocks have colours."""
    root = tmp_path_factory.mktemp("hidden-place")
    taken = datetime(2024, 10, 24, 10, 10, tzinfo=UTC)
    scene = write_tiny_scene(
        root / "scenes",
        SceneMetadata(grid=GRID, taken=taken, mgrs="33UUU"),
        pixels=lambda band, east, north: 0.05 + (east // 7 + north // 5 + band.metres) % 97 / 1000,
    )
    write_catalogue(root / "scenes", [scene])
    write_picture(root / "picture.tif", seed=3)
    return root


def write_picture(path: Path, *, seed: int, west: float = GRID.west) -> None:
    colours = np.random.default_rng(seed).integers(1, 255, (3, 64, 42), np.uint8).repeat(10, axis=1).repeat(10, axis=2)
    shape = {"driver": "GTiff", "width": 420, "height": 640, "count": 3, "dtype": "uint8", "crs": "EPSG:32633"}
    with rasterio.open(path, "w", transform=Affine(2, 0, west, 0, -2, GRID.north), **shape) as raster:
        raster.write(colours)
        raster.update_tags(TIFFTAG_DATETIME="2024:06:01 12:00:00", TIFFTAG_COPYRIGHT="Somebody up there")


def city(ground: Path, out: Path, *more: str) -> int:
    return status_of(
        [
            *("city", "--aoi", BOX, "--name", "here", "--date", "2024-10", "--source", str(ground / "scenes")),
            *("--out", str(out), "-q", *more),
        ]
    )


@pytest.fixture(scope="module")
def mapped(ground: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    assert city(ground, out, "--vhr", str(ground / "picture.tif"), *SECOND) == 0
    return out / "here" / "2024-10"


def cube(product: Path) -> xarray.Dataset:
    return xarray.open_zarr(next(product.glob("*_lcz.zarr")), mask_and_scale=False).load()


def test_the_sentinel_stream_of_both_is_the_map_of_one(mapped: Path, ground: Path, tmp_path: Path) -> None:
    assert city(ground, tmp_path) == 0
    alone, both = cube(tmp_path / "here" / "2024-10"), cube(mapped)
    assert "probabilities_vhr" not in alone
    assert np.array_equal(both["probabilities_sentinel"], alone["probabilities"])
    hidden = (both["quality"].to_numpy() & Quality.NO_VHR) > 0
    assert 0 < hidden.sum() < hidden.size
    assert (both["probabilities_vhr"].to_numpy()[:, hidden] == 255).all()
    assert np.array_equal(
        both["probabilities"].to_numpy()[:, hidden], both["probabilities_sentinel"].to_numpy()[:, hidden]
    )


def test_a_second_run_writes_nothing_and_another_picture_makes_another_map(
    mapped: Path, ground: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in mapped.rglob("*") if path.is_file()}
    assert city(ground, mapped.parents[1], "--vhr", str(ground / "picture.tif"), *SECOND) == 0
    assert {path: path.stat().st_mtime_ns for path in mapped.rglob("*") if path.is_file()} == before
    write_picture(tmp_path / "picture.tif", seed=4)
    manifest, again = str(mapped / "manifest.toml"), tmp_path / "again"
    replayed = ["city", "--from", manifest, "--source", str(ground / "scenes"), "--out", str(again), "-q", "--vhr"]
    assert status_of([*replayed, str(tmp_path / "picture.tif")]) == 5
    assert not (again / "here").exists()
    assert status_of([*replayed, str(ground / "picture.tif")]) == 0
    assert np.array_equal(cube(again / "here" / "2024-10")["probabilities"], cube(mapped)["probabilities"])


def test_the_image_is_named_by_its_digest_and_never_by_its_path(mapped: Path, ground: Path) -> None:
    frozen = plan_of((mapped / "manifest.toml").read_text())
    assert frozen.vhr is not None
    (part,) = frozen.vhr.parts
    assert part.digest.startswith("sha256:")
    for path in (path for path in mapped.parents[1].rglob("*") if path.is_file()):
        assert ground.name.encode() not in path.read_bytes(), path


def test_the_report_knows_both_streams(mapped: Path) -> None:
    report = json.loads(next(mapped.glob("*_report.json")).read_text())
    assert report["vhr"]["segmenter"]["network"] == "slic"
    assert {card["role"] for card in report["cards"]} == {"sentinel", "graph"}
    assert {"segment", "graphs", "classify", "register"} <= set(report["seconds"])
    assert 0 < report["vhr"]["cells"]["with_both_votes"] < report["cells"]["wanted"]
    assert report["vhr"]["cells"]["disagree"] == sum(
        flag["cells"] for flag in report["flags"] if flag["bit"] == Quality.STREAMS_DISAGREE
    )


def test_what_stands_on_the_image_alone_is_counted_and_told(
    ground: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A period of nothing but clouds: a map all the same, and nobody can miss what it rests on."""
    clouds = SceneMetadata(grid=GRID, taken=datetime(2024, 10, 24, 10, 10, tzinfo=UTC), mgrs="33UUU")
    write_catalogue(tmp_path / "scenes", [write_tiny_scene(tmp_path / "scenes", clouds, scl=9)])
    words = ["city", "--aoi", BOX, "--name", "here", "--date", "2024-10", "--source", str(tmp_path / "scenes")]
    words += ["--out", str(tmp_path), "--vhr", str(ground / "picture.tif"), *SECOND, "--allow-gaps"]
    assert status_of(words) == 0
    told = capsys.readouterr().out
    product = tmp_path / "here" / "2024-10"
    layers = cube(product)
    alone = (layers["probabilities_sentinel"][0] == 255) & (layers["probabilities_vhr"][0] != 255)
    assert int(alone.sum()) == int((layers["lcz"] != 0).sum()) > 0
    report = json.loads(next(product.glob("*_report.json")).read_text())
    assert report["vhr"]["cells"]["by_vhr_alone"] == int(alone.sum())
    (warning,) = [text for text in report["warnings"] if "VHR stream stands alone" in text]
    assert warning.startswith(f"{int(alone.sum())} of {report['cells']['wanted']} wanted cells")
    page = next(product.glob("*_report.html")).read_text()
    assert warning in page
    assert f"by the VHR stream alone, no usable Sentinel-2: {int(alone.sum())} of" in told
    assert status_of([*words, "--json"]) == 0  # nothing new to write: read back from the product
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (done["event"], done["written"], done["vhr_alone"]) == ("done", False, int(alone.sum()))


def test_a_map_whose_cells_all_have_sentinel_2_says_nothing_of_standing_alone(mapped: Path) -> None:
    report = json.loads(next(mapped.glob("*_report.json")).read_text())
    assert report["vhr"]["cells"]["by_vhr_alone"] == 0
    assert not [text for text in report["warnings"] if "VHR stream stands alone" in text]


@pytest.mark.parametrize(("metres_east", "known"), [(0, True), (6000, False)])
def test_a_plan_tells_how_long_it_segments_only_by_what_the_image_shows(
    ground: Path, tmp_path: Path, metres_east: int, known: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A picture of the same tile that shows none of its wanted cells is cut in no time, which tells nothing."""
    write_picture(tmp_path / "picture.tif", seed=3, west=GRID.west + metres_east)
    words = ["plan", "--aoi", BOX, "--date", "2024-10", "--source", str(ground / "scenes"), *SECOND, "--vhr"]
    assert status_of([*words, str(tmp_path / "picture.tif")]) == 0
    told = capsys.readouterr().out
    assert ("to segment on this machine" in told) == known
    assert ("to segment: not known" in told) != known
    assert status_of([*words, str(tmp_path / "picture.tif"), "--json"]) == 0
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (plan,) = [each for each in facts if each["event"] == "plan"]
    assert (plan["segment_seconds"] is not None) == known
