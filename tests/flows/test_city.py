"""The flow is another way to run, never another map: the same records and the same pixels, offline."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from lczmap import catalog, run
from lczmap.store.records import FileStore
from lczmap.testing.scenes import SceneMetadata, write_catalogue, write_tiny_scene
from lczmap.things.maps import map_of
from lczmap.words.errors import BrokenAssetError, LczmapError, OutputPathError, SourceUnreachableError
from lczmap.words.grid import PixelGrid
from lczmap.words.manifest import plan_of
from lczmap.words.period import parse_period
from lczmap.words.plan import Plan, map_key
from lczmap.words.quality import Quality
from lczmap.words.site import Site
from lczmap.words.spec import RunSpec

pytest.importorskip("prefect", reason="needs Prefect: install lczmap[flows]")

# 6 x 4 cells on both sides of the border between the tiles 50N_54_259 and 50N_55_259
GROUND = PixelGrid(epsg=32650, west=703_040, north=3_321_600, metres=10, width=192, height=128)
BOX = "119.1095,29.9985,119.1210,30.0030"
"""Two cells in each of the two tiles."""
FIRST = datetime(2023, 2, 21, 2, 35, tzinfo=UTC)


@pytest.fixture(scope="module")
def ephemeral_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prefect on this machine alone: a home and a database of its own, nothing reported to anybody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DO_NOT_TRACK", "1")
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        patch.setenv("PREFECT_LOGGING_LEVEL", "ERROR")
        from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415 - reads the environment

        with prefect_test_harness(server_startup_timeout=180):  # the machine may be busy
            yield


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Three scenes of plain ground."""
    root = tmp_path / "catalogue"
    scenes = [
        write_tiny_scene(
            root,
            SceneMetadata(grid=GROUND, taken=FIRST + timedelta(days=10 * count)),
            pixels=lambda band, east, north, step=count: 0.05 + 0.02 * step + (east + north + band.metres) % 97 / 1000,
        )
        for count in range(3)
    ]
    return write_catalogue(root, scenes)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Roofs of many colours at 2 m on the same ground."""
    path = tmp_path / "picture.tif"
    colours = np.random.default_rng(4).integers(1, 255, (3, 64, 96), np.uint8).repeat(10, axis=1).repeat(10, axis=2)
    shape = {"driver": "GTiff", "width": 960, "height": 640, "count": 3, "dtype": "uint8", "crs": "EPSG:32650"}
    with rasterio.open(path, "w", transform=Affine(2, 0, GROUND.west, 0, -2, GROUND.north), **shape) as raster:
        raster.write(colours)
    return path


def planned(catalogue: Path, out: Path, picture: Path | None = None) -> tuple[Plan, Site]:
    """The same wish without Prefect."""
    place = catalog.resolve_place(None, BOX)
    vhr = "none" if picture is None else "local"
    spec = RunSpec(period=parse_period("2023-H1", today=date(2026, 1, 1)), source="local", vhr=vhr, segmenter="slic")
    image = None if picture is None else str(picture)
    site = Site(out=out, local_source=catalogue, vhr=image, device="cpu")
    return run.plan(place, spec, site), site


def records(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / ".lczmap" / "map").rglob("*") if path.is_file()}


@pytest.mark.usefixtures("ephemeral_server")
@pytest.mark.parametrize("whole", [3, 2])
def test_a_flow_makes_the_map_of_a_plain_run(catalogue: Path, tmp_path: Path, whole: int) -> None:
    from flows.city import map_city  # noqa: PLC0415 - brings Prefect

    if whole < 3:
        broken = min(catalogue.parent.glob("*/B08.tif"))
        broken.write_bytes(broken.read_bytes()[:600])
    folder = Path(
        map_city("2023-H1", aoi=BOX, source=str(catalogue), out=str(tmp_path / "flow"), device="cpu"),
    )
    direct = run.carry_out(*planned(catalogue, tmp_path / "direct")).folder
    assert records(tmp_path / "flow") == records(tmp_path / "direct")
    assert len(records(tmp_path / "flow")) == 2
    for product in (folder, direct):
        assert len(plan_of((product / "manifest.toml").read_text()).scenes) == whole
    assert folder.relative_to(tmp_path / "flow") == direct.relative_to(tmp_path / "direct")
    for name in ("lcz", "confidence", "quality", "probabilities"):
        (file,) = folder.glob(f"*_{name}.tif")
        assert pixels(file) == pixels(direct / file.name)


@pytest.mark.usefixtures("ephemeral_server")
def test_a_flow_of_both_streams_makes_the_map_of_a_plain_run(catalogue: Path, picture: Path, tmp_path: Path) -> None:
    from flows.city import map_city  # noqa: PLC0415 - brings Prefect

    wish = {"aoi": BOX, "source": str(catalogue), "vhr": str(picture), "segmenter": "slic", "device": "cpu"}
    folder = Path(map_city("2023-H1", out=str(tmp_path / "flow"), **wish))
    run.carry_out(*planned(catalogue, tmp_path / "direct", picture))
    assert records(tmp_path / "flow") == records(tmp_path / "direct")
    frozen = plan_of((folder / "manifest.toml").read_text())
    assert frozen.vhr is not None
    store = FileStore(tmp_path / "flow" / ".lczmap")
    for tile in frozen.tiles:
        record = map_of(store.read("map", map_key(frozen, tile)))
        assert record.vhr is not None
        assert (record.quality[tile.area.wanted] & Quality.NO_VHR == 0).all()


def test_a_flow_writes_to_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.city import map_city  # noqa: PLC0415 - brings Prefect

    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputPathError, match="s3:"):
        map_city.fn("2023-H1", aoi="nowhere.geojson", out="s3://bucket/maps")
    assert not list(tmp_path.iterdir())


def pixels(path: Path) -> bytes:
    with rasterio.open(path) as raster:
        return raster.read().tobytes()


@pytest.mark.parametrize(
    ("error", "expected"),
    [(SourceUnreachableError("busy"), True), (BrokenAssetError("cut", item_id="a"), False), (ValueError("bug"), False)],
)
def test_only_what_may_pass_is_tried_again(error: Exception, expected: bool) -> None:
    from prefect.states import State, StateType  # noqa: PLC0415

    from flows.city import may_pass, plan_city  # noqa: PLC0415

    assert may_pass(plan_city, None, State(type=StateType.FAILED, data=error)) is expected


def test_an_error_that_blames_no_item_ends_the_flow(catalogue: Path, tmp_path: Path) -> None:
    from flows.city import left_out  # noqa: PLC0415

    frozen, site = planned(catalogue, tmp_path)
    key = run.save_plan(frozen, site)
    for error in (SourceUnreachableError("busy"), BrokenAssetError("no item to blame")):
        with pytest.raises(type(error), match=str(error)):
            left_out(key, [error], site)
    kept = run.load_plan(key, site)
    gone, *others = sorted(kept.scenes)
    lesser = run.load_plan(left_out(key, [BrokenAssetError("cut", item_id=gone)], site), site)
    assert sorted(lesser.scenes) == others
    with pytest.raises(LczmapError, match="cut"):
        left_out(key, [BrokenAssetError("cut", item_id=scene) for scene in kept.scenes], site)
