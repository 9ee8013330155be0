"""`lczmap explain` on the command line: a map's square, squares by themselves on real data, rubbish in words."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from PIL import Image
from pyproj import Transformer

from lczmap import assemble, catalog, weights
from lczmap.cli.main import status_of
from lczmap.explain.blank import LonLat
from lczmap.explain.square import explain_square, square_plan
from lczmap.imagery.vhr import vhr_source
from lczmap.pipeline import Parts
from lczmap.segment.segmenter import segmenter_from
from lczmap.testing.fakes import HashGraphs, MemoryStore, fake_card
from lczmap.testing.scenes import SceneMetadata, write_catalogue, write_tiny_scene
from lczmap.things.explanation import Explanation
from lczmap.vhrstream import VhrStream
from lczmap.words.grid import PixelGrid
from lczmap.words.period import parse_period
from lczmap.words.place import LonLatBox
from lczmap.words.quality import Quality
from lczmap.words.site import Site
from lczmap.words.spec import RunSpec
from tests.satellogic import MIDDLE, PERIOD, vhr_file, write_pair_catalogue

BERLIN = "13.3167,52.5061"
BANEPA = "85.522,27.633"


GRID = PixelGrid(epsg=32633, west=384_000, north=5_820_480, metres=10, width=192, height=192)
DATE = ("--date", "2024-10")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene of 1.92 km, dark bands in the west, bright ones in the east."""
    root = tmp_path_factory.mktemp("scenes")
    scene = SceneMetadata(grid=GRID, taken=datetime(2024, 10, 24, 10, 10, tzinfo=UTC), mgrs="33UUU")
    slope = write_tiny_scene(root, scene, pixels=lambda _, x, y: 0.05 + (x - 384_000) / 8000 + (y % 160) / 4000)
    write_catalogue(root, [slope])
    return root


@pytest.fixture(scope="module")
def mapped(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its map by the Sentinel stream alone; the product's folder."""
    out = tmp_path_factory.mktemp("mapped")
    words = ["city", "--aoi", "13.298,52.507,13.315,52.516", "--name", "bay", "--source", str(catalogue)]
    assert status_of([*words, *DATE, "--out", str(out), "--threads", "1", "-q"]) == 0
    return out / "bay" / "2024-10"


def middle_of_map(product: Path) -> tuple[LonLat, int]:
    """Centre of a map's middle pixel, degrees, and its class."""
    with rasterio.open(next(product.glob("*_lcz.tif"))) as file:
        codes = file.read(1)
        row, column = (size // 2 for size in codes.shape)
        x, y = file.xy(row, column)
        lon, lat = Transformer.from_crs(file.crs, 4326, always_xy=True).transform(x, y)
    return (lon, lat), int(codes[row, column])


def test_a_map_is_explained_from_its_own_records(
    mapped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (lon, lat), code = middle_of_map(mapped)
    picture = tmp_path / "cell.png"
    assert status_of(["explain", str(mapped), "--at", f"{lon},{lat}", "--out", str(picture), "--json"]) == 0
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told["asked"] == [lon, lat]
    assert told["event"] == "explanation"
    assert told["lcz"] == told["fused"]["lcz"] == told["sentinel"]["lcz"] == code
    assert told["vhr"] is None
    assert "no VHR" in told["flags"]
    assert abs(told["lon"] - lon) + abs(told["lat"] - lat) < 1e-6
    with Image.open(picture) as image:
        assert image.format == "PNG"


def test_the_verdicts_are_said_in_words(mapped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lon, lat), _ = middle_of_map(mapped)
    picture = tmp_path / "cell.png"
    assert status_of(["explain", str(mapped / "item.json"), "--at", f"{lon},{lat}", "--out", str(picture)]) == 0
    said = capsys.readouterr().out
    for words in ("LCZ ", "of bay", "Sentinel stream", "VHR stream       no vote", "fused", "quality", str(picture)):
        assert words in said


def test_without_a_point_a_map_shows_its_commonest_classes(
    mapped: Path, empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["explain", str(mapped), "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    with rasterio.open(next(mapped.glob("*_lcz.tif"))) as file:
        codes, cells = np.unique(file.read(1), return_counts=True)
    commonest = [int(code) for code in codes[np.argsort(-cells, kind="stable")] if code][:4]
    assert [each["lcz"] for each in told] == commonest
    assert (empty / "lczmap-explain_bay.png").is_file()


def test_several_points_are_laid_side_by_side(mapped: Path, empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = [word for lon in (13.301, 13.307, 13.312) for word in ("--at", f"{lon},52.512")]
    assert status_of(["explain", str(mapped), *points, "--out", str(empty / "few.png"), "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len({each["post"]["column"] for each in told}) == 3
    with Image.open(empty / "few.png") as image:
        assert image.width > 3 * 2.9 * 150


@pytest.mark.parametrize("points", [1, 2])
def test_the_folder_of_a_picture_is_made(mapped: Path, tmp_path: Path, points: int) -> None:
    (lon, lat), _ = middle_of_map(mapped)
    picture = tmp_path / "new" / "folder" / "cell.png"
    assert status_of(["explain", str(mapped), *["--at", f"{lon},{lat}"] * points, "--out", str(picture)]) == 0
    with Image.open(picture) as image:
        assert image.format == "PNG"
    assert list(picture.parent.iterdir()) == [picture]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "a point is needed"),
        (["MAP", *(["--at", "0,0"] * 5)], "at most 4"),
        (["MAP", "--at", "13.3"], "longitude and latitude in degrees"),
        (["MAP", "--at", "13.3,52.5,7"], "longitude and latitude in degrees"),
        (["MAP", "--at", "here,there"], "longitude and latitude in degrees"),
        (["MAP", "--at", "0,0"], "outside the map of bay"),
        (["MAP", "--at", "500,95"], "longitude first"),
        (["MAP", "--at", "0,0", "--date", "2024"], "got also --date"),
        (["MAP", "--at", "0,0", "--source", "earth-search"], "got also --source"),
        (["MAP", "--at", "0,0", "--vhr", "naip"], "no VHR image"),
        (["MAP", "--at", "0,0", "--out", "cell.jpg"], "ends in .png"),
        (["MAP", "--at", "0,0", "--out", "/proc/nowhere/cell.png"], "/proc"),
        (["nowhere", "--at", "0,0"], "no map made by lczmap"),
        (["--at", "0,0"], "a period is needed"),
        (["--at", "0,0", "--date", "2024", "--source", "none"], "Neither Sentinel-2 nor VHR"),
        (["--at", "0,0", "--date", "2024", "--segmenter", "slic"], "--segmenter would play no part"),
        (["--at", "0,0", "--date", "20x4"], "20x4"),
    ],
)
def test_rubbish_is_refused_in_words(
    mapped: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str], empty: Path
) -> None:
    assert status_of(["explain", *(str(mapped) if word == "MAP" else word for word in words)]) == 2
    heard = capsys.readouterr()
    assert says in heard.err
    assert "bug" not in heard.err
    assert not list(empty.iterdir())


def wish_of(period: str) -> RunSpec:
    return RunSpec(period=parse_period(period, today=date(2026, 1, 1)), source="local")


def alone(at: LonLat, wish: RunSpec, site: Site, *, image: Path | None) -> Explanation:
    """A square by itself through superpixels and a fake reader of graphs, whatever models are shipped."""
    plan, stream = square_plan(at, replace(wish, vhr="none"), site), None
    if image is not None:
        spec, source = catalog.segmenter_spec("slic"), vhr_source(str(image))
        west, south, east, north = plan.place.geometry.bounds
        identity = source.identify(LonLatBox(west=west, south=south, east=east, north=north))
        plan = replace(plan, vhr=identity, segmenter=spec, sentinel_weight=0.6)
        stream = VhrStream(
            source=source,
            segmenter=segmenter_from(spec, weights=None, device=torch.device("cpu")),
            graphs=HashGraphs(card=fake_card("fake-gcn", role="graph")),
        )
    live = Parts(
        imagery=assemble.imagery(plan.spec, site),
        sentinel=assemble.sentinel(plan.spec, site),
        store=MemoryStore(),
        vhr=stream,
    )
    return explain_square(plan, at, live)


def test_a_real_pair_goes_through_both_streams(shared_data: Path, tmp_path: Path) -> None:
    source = write_pair_catalogue(shared_data, tmp_path / "pair")
    site = Site(out=tmp_path, local_source=source, threads=1)
    told = alone(MIDDLE, wish_of(PERIOD), site, image=vhr_file(shared_data))
    assert told.reflectance is not None
    assert not np.isnan(told.reflectance).any()
    assert told.picture is not None
    assert told.picture.any(axis=2).all()
    assert told.verdict.sentinel is not None
    assert told.verdict.vhr is not None
    assert len(told.masks) > 10
    # the tile truly lies some 60 m off: block means of its red band agree with B04 best there
    assert told.registration is not None
    assert np.hypot(told.registration.east + 20, told.registration.north - 60) < 10
    assert Quality.VHR_MISREGISTERED in told.verdict.quality


def test_berlin_is_explained_without_an_image(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "berlin.png"
    words = ["--at", BERLIN, "--date", "2024-10", "--source", str(shared_data / "stac_berlin"), "--threads", "1"]
    assert status_of(["explain", *words, "--out", str(picture), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["post"] is None
    assert told["days"] == ["2024-10-24"]
    assert 1 <= told["lcz"] <= 10
    assert any("freely" in note for note in told["notes"])
    assert picture.is_file()


def test_a_square_by_itself_is_judged_as_its_map_judges_it(mapped: Path, catalogue: Path, tmp_path: Path) -> None:
    (lon, lat), code = middle_of_map(mapped)
    site = Site(out=tmp_path, local_source=catalogue, threads=1)
    told = alone((lon, lat), wish_of("2024-10"), site, image=None)
    assert told.verdict.zone is not None
    assert told.verdict.zone.code == code
    with rasterio.open(next(mapped.glob("*_probabilities.tif"))) as file:
        levels = next(file.sample([(told.grid.west + 160, told.grid.north - 160)]))
    assert np.abs(levels.astype(int) - told.verdict.fused).max() <= 1  # another batch, other last bits


@pytest.mark.parametrize(("at", "flag"), [("13.40,52.47", "no clear pixel"), ("13.2925,52.513", "gaps filled")])
def test_a_square_that_no_scene_shows_whole_is_explained_all_the_same(
    catalogue: Path, empty: Path, at: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--at", at, *DATE, "--source", str(catalogue), "--threads", "1", "--json"]
    assert status_of(["explain", *words]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert flag in told["flags"]
    assert (told["lcz"] == 0) == (told["fused"] is None) == (flag == "no clear pixel")
    (picture,) = empty.iterdir()
    assert picture.name.startswith("lczmap-explain_13.")


@pytest.fixture(params=["slic", "sam-tiny"])
def segmenter(request: pytest.FixtureRequest) -> str:
    """A segmenter for which a graph model is shipped."""
    name = str(request.param)
    if name not in {card.segmenter_name for card in weights.shipped_cards() if card.role == "graph"}:
        pytest.skip(f"no graph model is shipped for the segmenter {name}")
    return name


def test_a_map_of_both_streams_is_explained_with_its_image(
    catalogue: Path, segmenter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "picture.tif"
    blocks = np.random.default_rng(3).integers(1, 255, (3, 48, 48), np.uint8).repeat(20, axis=1).repeat(20, axis=2)
    shape = {"driver": "GTiff", "width": 960, "height": 960, "count": 3, "dtype": "uint8", "crs": "EPSG:32633"}
    with rasterio.open(image, "w", transform=Affine(2, 0, GRID.west, 0, -2, GRID.north), **shape) as raster:
        raster.write(blocks)
    asked = ["--aoi", "13.303,52.509,13.309,52.513", "--name", "both", "--source", str(catalogue), *DATE]
    second = ["--vhr", str(image), "--segmenter", segmenter]
    assert status_of(["city", *asked, *second, "--out", str(tmp_path), "--threads", "1", "-q"]) == 0
    product = tmp_path / "both" / "2024-10"
    (lon, lat), code = middle_of_map(product)
    here = ["explain", str(product), "--at", f"{lon},{lat}", "--out", str(tmp_path / "cell.png"), "--json"]
    assert status_of(here) == 2  # the image lies on disk and was not named
    assert "--vhr" in capsys.readouterr().err
    assert status_of([*here, "--vhr", str(image)]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["lcz"] == told["fused"]["lcz"] == code
    assert told["instances"] > 3
    assert any("very vote" in note for note in told["notes"])
    with rasterio.open(next(product.glob("*_probabilities.tif"))) as file:
        x, y = Transformer.from_crs(4326, file.crs, always_xy=True).transform(lon, lat)
        levels = next(file.sample([(x, y)]))
    np.testing.assert_allclose(told["fused"]["probabilities"], levels / 250, atol=1e-6)


def test_where_the_image_does_not_reach_is_said(
    shared_data: Path, tmp_path: Path, segmenter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(shared_data / "vhr" / "banepa_oam_0.3m.tif")
    for source in ("none", str(shared_data / "stac_berlin")):
        words = ["--at", BERLIN, "--date", "2024-10", "--source", source, "--segmenter", segmenter, "--vhr", image]
        assert status_of(["explain", *words, "--out", str(tmp_path / "b.png")]) == 4
        assert "VHR" in capsys.readouterr().err


def test_banepa_is_explained_by_its_image_alone(
    shared_data: Path, tmp_path: Path, segmenter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--at", BANEPA, "--date", "2022", "--source", "none", "--segmenter", segmenter, "--threads", "1"]
    image = str(shared_data / "vhr" / "banepa_oam_0.3m.tif")
    assert status_of(["explain", *words, "--vhr", image, "--out", str(tmp_path / "b.png"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["sentinel"] is None
    assert told["vhr"] == told["fused"]
    assert told["instances"] > 10
    assert any("Sentinel-2 was not asked for" in note for note in told["notes"])
