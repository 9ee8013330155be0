"""Bad input ends in one clear sentence and its exit code, and writes nothing."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from lczmap.cli.main import COMMANDS, status_of
from lczmap.testing.scenes import SceneMetadata, write_catalogue, write_tiny_scene
from lczmap.words.grid import PixelGrid
from lczmap.words.manifest import plan_of

GRID = PixelGrid(epsg=32633, west=384_000, north=5_820_480, metres=10, width=192, height=192)
"""1.92 km in Berlin, inside one tile."""
BOX = "13.295,52.505,13.318,52.518"
"""An area inside that scene."""
DATE = ("--date", "2024-10")

Speaking = Callable[..., tuple[int, str]]


@pytest.fixture
def lczmap(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Speaking:
    """Run a command line in this process; its exit status and what it said on standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str]:
        code = status_of(words)
        return code, capsys.readouterr().err

    return call


def metadata(**fields: object) -> SceneMetadata:
    base = {"grid": GRID, "taken": datetime(2024, 10, 24, 10, 10, tzinfo=UTC), "mgrs": "33UUU"}
    return SceneMetadata(**(base | fields))  # type: ignore[arg-type]


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    root = tmp_path / "scenes"
    write_catalogue(root, [write_tiny_scene(root, metadata())])
    return root


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture at 2 m of the middle of the scene, and a folder that holds none."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.tif").write_text("no picture")
    path = tmp_path / PICTURE
    colours = np.random.default_rng(3).integers(1, 255, (3, 320, 320), np.uint8)
    profile = {"driver": "GTiff", "width": 320, "height": 320, "count": 3, "dtype": "uint8", "crs": "EPSG:32633"}
    with rasterio.open(path, "w", transform=Affine(2, 0, 384_640, 0, -2, 5_819_840), **profile) as raster:
        raster.write(colours)
    return path


def one_sentence(said: str, *needed: str) -> None:
    last = said.strip().splitlines()[-1]
    assert last.startswith("lczmap: "), said
    assert "Traceback" not in said
    assert 20 < len(last) < 640
    for word in needed:
        assert word.lower() in last.lower(), f"{word!r} is not in {last!r}"


HERE = ("city", "--aoi", BOX, "--source", "scenes", *DATE)
PICTURE = "picture.tif"
LONG = "x" * 400
"""A name that no file system holds."""

USAGE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "unknown city": (("city", "Hangzhu", *DATE), ("Hangzhou",)),
    "no such city at all": (("city", "Qqxzv", *DATE), ("Qqxzv",)),
    "ambiguous city": (("city", "San Jose", *DATE), ("country",)),
    "neither city nor area": (("city", *DATE), ("--aoi",)),
    "city and area": (("city", "Berlin", "--aoi", BOX, *DATE), ("both",)),
    "no period": (("city", "Berlin"), ("--date",)),
    "impossible day": (("city", "Berlin", "--date", "2023-02-30"), ("2023-02-30",)),
    "impossible half": (("city", "Berlin", "--date", "2023-H3"), ("H3",)),
    "inverted period": (("city", "Berlin", "--date", "2023-09/2023-05"), ("inverted",)),
    "future period": (("city", "Berlin", "--date", "2999"), ("future",)),
    "rubbish period": (("city", "Berlin", "--date", "last summer"), ("last summer",)),
    "pole": (("city", "--aoi", "10,86,20,88", *DATE), ("pole",)),
    "antimeridian": (("city", "--aoi", "179,-18,181,-17", *DATE), ("antimeridian",)),
    "a tile across the antimeridian": (("city", "--aoi", "179.985,-1,179.999,-0.99", *DATE), ("antimeridian", "60S")),
    "outside its zone": (("city", "--aoi", "13.0,52.0,21.5,52.5", *DATE), ("zone",)),
    "zone far away": (("city", "Berlin", "--zone", "50N", *DATE), ("zone",)),
    "no zone": (("city", "Berlin", "--zone", "99Q", *DATE), ("99Q",)),
    "swapped axes": (("city", "--aoi", "52.49,132.29,52.52,132.34", *DATE), ("swapped",)),
    "flat area": (("city", "--aoi", "13.3,52.5,13.3,52.5", *DATE), ("flat",)),
    "smaller than a cell": (("city", "--aoi", "13.3,52.5,13.3001,52.5001", *DATE), ("cell",)),
    "rubbish box": (("city", "--aoi", "a,b,c,d", *DATE), ("west,south,east,north",)),
    "no such file": (("city", "--aoi", "nowhere.geojson", *DATE), ("nowhere.geojson",)),
    "long name": (("city", "--aoi", BOX, "--name", LONG, *DATE), ("--name",)),
    "unwritable": (("city", "--aoi", BOX, "--source", "scenes", "--out", "/proc/maps", *DATE), ("--out",)),
    "huge": (("city", "--aoi", "12.2,47,14.8,52", *DATE), ("--yes",)),
    "unknown source": (("city", "--aoi", BOX, "--source", "earth-serch", *DATE), ("earth-search",)),
    "posting": (("city", "--aoi", BOX, "--posting", "90", *DATE), ("320",)),
    "unknown command": (("citty", "Berlin"), ("citty",)),
    "unknown option": (("city", "Berlin", "--dat", "2023"), ("--dat",)),
    "device": (("city", "--aoi", BOX, "--source", "scenes", "--device", "abacus", *DATE), ("abacus",)),
    "model": (("models", "resnet-11"), ("resnet",)),
    "no such VHR image": ((*HERE, "--vhr", "nowhere.tif"), ("nowhere.tif", "path")),
    "near VHR name": ((*HERE, "--vhr", "naipp"), ("naip?",)),
    "VHR address with a login": ((*HERE, "--vhr", "https://me:secret@host/a.tif"), ("login",)),
    "VHR template without a row": ((*HERE, "--vhr", "https://host/{z}/{x}/a.png"), ("TileRow",)),
    "VHR that is no raster": ((*HERE, "--vhr", "notes.tif", "--segmenter", "slic"), ("notes.tif",)),
    "VHR in an empty folder": ((*HERE, "--vhr", "empty", "--segmenter", "slic"), ("empty",)),
    "unknown segmenter": ((*HERE, "--vhr", PICTURE, "--segmenter", "sam-tny"), ("sam-tiny",)),
    "unknown graph model": ((*HERE, "--vhr", PICTURE, "--graph-model", "gcn-sam-tin"), ("gcn-sam-tin",)),
    "a classifier of patches as graph model": (
        (*HERE, "--vhr", PICTURE, "--segmenter", "slic", "--graph-model", "resnet11-provisional"),
        ("sentinel", "graphs"),
    ),
    "no checkpoint": ((*HERE, "--vhr", PICTURE, "--segmenter", "sam-vit-b"), ("--checkpoint",)),
    "checkpoint that is not there": (
        (*HERE, "--vhr", PICTURE, "--segmenter", "sam-vit-b", "--checkpoint", "nowhere.pth"),
        ("nowhere.pth", "--checkpoint"),
    ),
    "checkpoint for a segmenter that has its own": (
        (*HERE, "--vhr", PICTURE, "--checkpoint", "nowhere.pth"),
        ("sam-tiny", "--checkpoint"),
    ),
    "segmenter without an image": ((*HERE, "--segmenter", "slic"), ("--vhr",)),
    "checkpoint without an image": ((*HERE, "--vhr", "none", "--checkpoint", "fetch"), ("--vhr",)),
}


@pytest.mark.usefixtures("catalogue", "picture")
@pytest.mark.parametrize("case", USAGE)
def test_usage_errors_exit_2_in_one_sentence(case: str, lczmap: Speaking, tmp_path: Path) -> None:
    words, needed = USAGE[case]
    before = sorted(tmp_path.rglob("*"))
    code, said = lczmap(*words)
    one_sentence(said, *needed)
    assert code == 2
    assert sorted(tmp_path.rglob("*")) == before, "something was written"


BUCKET = "s3://bucket/maps"
WRITERS: dict[str, tuple[str, ...]] = {
    "city": (*HERE, "--out", BUCKET),
    "a replay": ("city", "--from", "nowhere.toml", "--out", BUCKET),
    "demo": ("demo", "--out", BUCKET),
    "doctor": ("doctor", "--out", BUCKET),
    "simulate": ("simulate", BUCKET),
    "explain": ("explain", "nowhere", "--at", "0,0", "--out", f"{BUCKET}/cell.png"),
    "plan": ("plan", "--aoi", BOX, "--source", "scenes", "--write", f"{BUCKET}/plan.toml", *DATE),
}
"""A command line that would write to an address, by what writes; those of files that there are not read nothing."""


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("case", WRITERS)
def test_an_address_is_no_output_path(case: str, lczmap: Speaking, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, said = lczmap(*WRITERS[case])
    one_sentence(said, "output path", "s3:", "on this machine")
    assert code == 2
    assert sorted(tmp_path.rglob("*")) == before, "something was written"


@pytest.mark.parametrize("words", [("demo", "--out"), ("simulate",)])
def test_nothing_is_simulated_where_it_cannot_be_written(words: tuple[str, ...], lczmap: Speaking) -> None:
    code, said = lczmap(*words, "/proc/maps")
    one_sentence(said, "/proc", "--out")
    assert code == 2


@pytest.mark.parametrize("text", ['{"type": "Feature', "[]", '{"type": "Point", "coordinates": [13.3, 52.5]}', ""])
def test_malformed_geojson(text: str, lczmap: Speaking, tmp_path: Path) -> None:
    (tmp_path / "area.geojson").write_text(text)
    code, said = lczmap("city", "--aoi", "area.geojson", *DATE)
    one_sentence(said, "area.geojson")
    assert code == 2


@pytest.mark.parametrize("text", ["not json", '{"type": "Catalog"', "{}"])
def test_a_local_source_that_is_no_catalogue(text: str, lczmap: Speaking, tmp_path: Path) -> None:
    (tmp_path / "stac").mkdir()
    (tmp_path / "stac" / "catalog.json").write_text(text)
    code, said = lczmap("city", "--aoi", BOX, "--source", "stac", *DATE)
    one_sentence(said, "STAC")
    assert code == 2


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("posting = 90", "90"),
        ("postng = 100", "posting"),
        ("[composite]\nmax_cloud = 3", "max_cloud_percent"),
        ("[composite]\ndilation_metres = 1000", "160"),
        ("[composite]\nscl_dropped = [300]", "0 to 11"),
        ("[composite]\nscl_dropped = ['8']", "0 to 11"),
        ("[composite]\nscl_dropped = [8, -1]", "0 to 11"),
        ("[composite]\nscl_dropped = [true, 8.0]", "0 to 11"),
        ("[composite]\nscl_dropped = 8", "scl_dropped"),
        ("sentinel_weight = 2", "0 to 1"),
        ("sentinel_model = 'resnet12'", "resnet"),
        ("precision = 'float8'", "float32"),
        ("segmenter = 'sam'", "sam-tiny"),
        ("vhr = 'nowhere.tif'", "nowhere.tif"),
        ("vhr = 3", "expected str"),
        ("segmenter_settings = 3", "[segmenter_settings]"),
        ("[segmenter_settings]\ncore_meters = 640", "core_metres"),
        ("[segmenter_settings]\ncore_metres = 'wide'", "int"),
        ("[segmenter_settings]\ncore_metres = 500", "12,800"),
        ("[segmenter_settings]\nmode = 'picture'", "window"),
        # no graph model is shipped for instances cut like that
        ("vhr = 'picture.tif'\nsegmenter = 'slic'\n[segmenter_settings]\npitch_metres = 51.5", "graph model"),
        ("not toml", "TOML"),
    ],
)
@pytest.mark.usefixtures("picture")
def test_a_spec_that_asks_for_what_there_is_not(
    text: str, needed: str, lczmap: Speaking, tmp_path: Path, catalogue: Path
) -> None:
    (tmp_path / "spec.toml").write_text(text)
    code, said = lczmap("city", "--aoi", BOX, "--source", str(catalogue), "--spec", "spec.toml", *DATE)
    one_sentence(said, needed)
    assert code == 2


def test_the_open_sea_has_no_imagery(lczmap: Speaking, catalogue: Path, tmp_path: Path) -> None:
    code, said = lczmap("city", "--aoi", "-30.1,40.0,-30.0,40.1", "--source", str(catalogue), *DATE)
    one_sentence(said, "no Sentinel-2", "sea")
    assert code == 4
    assert not (tmp_path / "lczmap-out").exists()


def test_a_period_without_scenes(lczmap: Speaking, catalogue: Path) -> None:
    code, said = lczmap("city", "--aoi", BOX, "--source", str(catalogue), "--date", "2021")
    one_sentence(said, "2021")
    assert code == 4


def test_an_item_without_all_ten_bands(lczmap: Speaking, tmp_path: Path) -> None:
    root = tmp_path / "scenes"
    write_catalogue(root, [write_tiny_scene(root, metadata(absent=frozenset({"B11"})))])
    code, said = lczmap("city", "--aoi", BOX, "--source", str(root), *DATE)
    one_sentence(said, "B11")
    assert code == 4


def test_only_cloudy_scenes(lczmap: Speaking, tmp_path: Path) -> None:
    root = tmp_path / "scenes"
    write_catalogue(root, [write_tiny_scene(root, metadata(cloud_percent=97.0))])
    code, said = lczmap("city", "--aoi", BOX, "--source", str(root), *DATE)
    one_sentence(said, "cloudier", "40 %")
    assert code == 4


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 6 // 10)


def test_a_truncated_image_without_substitute(lczmap: Speaking, catalogue: Path, tmp_path: Path) -> None:
    for path in catalogue.rglob("B*.tif"):
        truncate(path)
    code, said = lczmap("city", "--aoi", BOX, "--source", str(catalogue), *DATE)
    one_sentence(said, "S2B_33UUU_20241024_0_L2A")
    assert code == 5
    assert not (tmp_path / "lczmap-out" / "aoi").exists()


def test_a_truncated_image_gives_way_to_the_others(lczmap: Speaking, tmp_path: Path) -> None:
    root = tmp_path / "scenes"
    whole = write_tiny_scene(root, metadata())
    broken = write_tiny_scene(root, metadata(taken=datetime(2024, 10, 14, 10, 10, tzinfo=UTC)))
    write_catalogue(root, [whole, broken])
    truncate(broken.parent / "B04.tif")
    code, said = lczmap("city", "--aoi", BOX, "--name", "here", "--source", str(root), *DATE)
    assert code == 0, said
    report = json.loads(next((tmp_path / "lczmap-out" / "here").rglob("*_report.json")).read_text())
    assert "S2B_33UUU_20241014_0_L2A" in json.dumps(report["skipped"])
    product = tmp_path / "lczmap-out" / "here" / "2024-10"
    for path in (product / "manifest.toml", *product.glob("*_report.*"), product / "item.json"):
        assert str(tmp_path) not in path.read_text(), f"a local path stands in {path.name}"


def test_an_output_path_that_is_a_file(lczmap: Speaking, catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    code, said = lczmap("city", "--aoi", BOX, "--source", str(catalogue), "--out", "taken/maps", *DATE)
    one_sentence(said, "--out")
    assert code == 2
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_plan_that_cannot_be_written(lczmap: Speaking, catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    code, said = lczmap("plan", "--aoi", BOX, "--source", str(catalogue), "--write", "taken/plan.toml", *DATE)
    one_sentence(said, "taken")
    assert code == 2


def test_the_folder_of_a_plan_is_made(lczmap: Speaking, catalogue: Path, tmp_path: Path) -> None:
    code, said = lczmap("plan", "--aoi", BOX, "--source", str(catalogue), "--write", "new/plan.toml", *DATE)
    assert code == 0, said
    assert plan_of((tmp_path / "new" / "plan.toml").read_text()).source.name == "local"


def test_machines_that_look_up_a_city_hear_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["cities", "Berlin", "--json"]) == 0
    assert [json.loads(line)["slug"] for line in capsys.readouterr().out.splitlines()] == ["berlin-de"]


def test_a_manifest_that_is_none(lczmap: Speaking, tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text("a = 1")
    code, said = lczmap("city", "--from", "manifest.toml")
    one_sentence(said, "manifest")
    assert code == 2


def test_without_a_network_a_city_ends_in_exit_5_and_nothing_written(tmp_path: Path) -> None:
    """In a process of its own: the guard of this test run would speak first."""
    ended = subprocess.run(
        [sys.executable, "-m", "lczmap", "city", "Hangzhou", "--date", "2023-H1", "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    one_sentence(ended.stderr, "earth-search", "--source")
    assert ended.returncode == 5
    assert "50N" in ended.stdout or "51N" in ended.stdout
    assert "2023-01-01" in ended.stdout
    assert "2023-06-30" in ended.stdout
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing_half_written(catalogue: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a disk that fills up while the composite is kept."""
    out = tmp_path / "out"
    ended = subprocess.run(
        [sys.executable, "-m", "lczmap", "city", "--aoi", BOX, "--source", str(catalogue), "--out", str(out), *DATE],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    one_sentence(ended.stderr, "space")
    assert ended.returncode == 5
    assert [path for path in out.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of([command, "--help"]) == 0
    assert "Usage: lczmap" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from lczmap.cli.main import status_of; status_of(['--help']); print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"torch", "dask", "xarray", "prefect", "rasterio", "numpy", "shapely"} & set(seen)


def test_a_reader_that_goes_leaves_the_map(catalogue: Path, tmp_path: Path) -> None:
    words = ["city", "--aoi", BOX, "--name", "here", "--source", str(catalogue), "--out", str(tmp_path / "out"), *DATE]
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "lczmap", *words],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=240,
        check=False,
    )
    os.close(writer)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "out" / "here" / "2024-10" / "item.json").is_file()


def test_machines_hear_of_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["city", "Qqxzv", "--date", "2023", "--json"]) == 2
    heard = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (heard["event"], heard["code"]) == ("error", 2)
