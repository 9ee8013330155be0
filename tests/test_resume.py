"""`kill -9` at any moment, run again: the same map, and no tile whose record existed is computed again."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lczmap.testing.scenes import SceneMetadata, write_catalogue, write_tiny_scene
from lczmap.words.bands import Band
from lczmap.words.grid import PixelGrid

# three small scenes around the corner that four tiles share: four tiles to map, little to read
GRID = PixelGrid(epsg=32633, west=31 * 12_800 - 1280, north=455 * 12_800 + 1280, metres=10, width=256, height=256)
BOX = "13.463,52.547,13.492,52.566"


def ground(band: Band, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    return 0.05 + 0.001 * ((east // 10 * 31 + north // 10 * 17 + band.nanometres) % 211)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scenes")
    taken = [datetime(2024, 6, day, 10, 10, tzinfo=UTC) for day in (1, 11, 21)]
    items = [write_tiny_scene(root, SceneMetadata(grid=GRID, taken=day, mgrs="33UUU"), pixels=ground) for day in taken]
    write_catalogue(root, items)
    return root


def start(catalogue: Path, out: Path, area: str) -> subprocess.Popen[bytes]:
    words = ["city", "--aoi", area, "--name", "here", "--date", "2024-06", "--source", str(catalogue)]
    return subprocess.Popen(
        [sys.executable, "-m", "lczmap", *words, "--out", str(out), "-q", "--allow-gaps"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(child: subprocess.Popen[bytes]) -> int:
    """Wait for a run; its exit status."""
    child.communicate()
    return child.returncode


def rasters(out: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted((out / "here" / "2024-06").glob("*.tif")):
        with rasterio.open(path) as file:
            found[path.name] = file.read().tobytes()
    return found


def records(out: Path) -> dict[Path, int]:
    kinds = (out / ".lczmap" / kind for kind in ("observation", "map"))  # unfinished products in staging are swept
    return {path: path.stat().st_mtime_ns for kind in kinds for path in kind.glob("[!.]*")}


def test_killed_at_random_moments_and_run_again_is_the_same_map(catalogue: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    assert finish(start(catalogue, tmp_path / "undisturbed", BOX)) == 0
    whole = time.monotonic() - began
    expected = rasters(tmp_path / "undisturbed")
    assert "here_2024-06_lcz.tif" in expected

    moments = random.Random(1)
    out = tmp_path / "killed"
    for _ in range(5):
        before = records(out)
        child = start(catalogue, out, BOX)
        time.sleep(moments.uniform(0.3, 1.0) * whole)
        child.kill()
        child.communicate()
        after = records(out)
        assert {path: after[path] for path in before} == before, "a finished record was written again"
    assert finish(start(catalogue, out, BOX)) == 0
    assert rasters(out) == expected
    assert len([path for path in records(out) if path.parent.name == "map"]) == 4
    assert not list((out / ".lczmap").rglob("*.tmp")), "a killed run's half-written files were not swept"


@pytest.fixture
def heard() -> Iterator[None]:
    """A shell's background jobs ignore SIGINT, and so would their children: here it is heard."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_polite_signal_ends_with_its_status(
    number: signal.Signals, status: int, catalogue: Path, tmp_path: Path
) -> None:
    child = start(catalogue, tmp_path, BOX)
    deadline = time.monotonic() + 60
    while not list((tmp_path / ".lczmap").glob("observation/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(number)
    _, said = child.communicate(timeout=120)
    assert child.returncode == status, said.decode()
    assert b"goes on from there" in said


def test_two_processes_share_one_store_without_a_lock(catalogue: Path, tmp_path: Path) -> None:
    children = [start(catalogue, tmp_path, BOX) for _ in range(2)]
    assert [finish(child) for child in children] == [0, 0]
    alone = tmp_path / "alone"
    assert finish(start(catalogue, alone, BOX)) == 0
    assert rasters(tmp_path) == rasters(alone)
