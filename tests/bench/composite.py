"""A tile's composite against its floor: the same windows read by plain rasterio threads and one `np.partition`.

Run as `python -m tests.bench.composite [--threads 2] [--rounds 5] [--scenes 12]`. Scenes are simulated on the spot:
COGs as Earth Search keeps them (DEFLATE, predictor 2, blocks of 1024), eleven assets each, in a temporary folder.
Rounds are interleaved and medians printed; memory is the peak of a fresh process for each.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy import ndimage

from lczmap.imagery.access import GDAL_SETTINGS, Asset, RasterAccess
from lczmap.imagery.stack import FrozenItem, clear_composite
from lczmap.things.composite import Composite
from lczmap.words.bands import BANDS
from lczmap.words.grid import PixelGrid, Tile
from lczmap.words.scene import Scene
from lczmap.words.spec import CompositeMethod

GRID = Tile(epsg=32633, column=30, row=454).observed
WEST, NORTH, SIDE = GRID.west - 3_360, GRID.north + 3_120, 2048
"""Scenes of 20 km whose blocks do not fall on the tile's edges."""
METRES = {band.name: band.metres for band in BANDS} | {"SCL": 20}


def main() -> None:
    """Simulate, race, print."""
    options = argparse.ArgumentParser()
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--scenes", type=int, default=12)
    options.add_argument("--peak", choices=tuple(RUNNERS))
    options.add_argument("--folder", type=Path)
    given = options.parse_args()
    if given.peak:
        RUNNERS[given.peak](given.folder, given.scenes, given.threads)
        print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))[1])
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        simulate(folder, given.scenes)
        race(folder, given.scenes, given.threads, given.rounds)


def race(folder: Path, scenes: int, threads: int, rounds: int) -> None:
    """Interleave the runners and print the medians."""
    seconds: dict[str, list[float]] = {name: [] for name in RUNNERS}
    busy: dict[str, list[float]] = {name: [] for name in RUNNERS}
    for _ in range(rounds + 1):  # the first round warms up
        for name, runner in RUNNERS.items():
            start, began = time.perf_counter(), time.process_time()
            runner(folder, scenes, threads)
            seconds[name].append(time.perf_counter() - start)
            busy[name].append(time.process_time() - began)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    work = {name: statistics.median(times[1:]) for name, times in busy.items()}
    print(f"{scenes} scenes x 10 bands + SCL, {GRID.width} x {GRID.height} px, {threads} threads, {rounds} rounds")
    print(f"{'':24}{'seconds':>9}{'to floor':>10}{'CPU s':>8}{'to floor':>10}{'peak MiB':>10}")
    for name, median in medians.items():
        print(
            f"{name:24}{median:9.2f}{median / medians['floor']:10.2f}"
            f"{work[name]:8.2f}{work[name] / work['floor']:10.2f}{peak(name, folder, scenes, threads):10.0f}"
        )


def peak(name: str, folder: Path, scenes: int, threads: int) -> float:
    """Highest memory of a process that runs one runner once, MiB."""
    words = ["--peak", name, "--folder", str(folder), "--scenes", str(scenes), "--threads", str(threads)]
    told = subprocess.run([sys.executable, "-m", __spec__.name, *words], check=True, capture_output=True, text=True)
    return float(told.stdout) / 1024


def composite(folder: Path, scenes: int, threads: int) -> Composite:
    """What is measured."""
    return clear_composite(GRID, frozen(folder, scenes), CompositeMethod(), RasterAccess(), threads=threads)


def composite_in_pairs(folder: Path, scenes: int, threads: int) -> Composite:
    """Two scenes a solar day, as where MGRS tiles overlap."""
    return clear_composite(GRID, frozen(folder, scenes, pairs=True), CompositeMethod(), RasterAccess(), threads=threads)


def reading_alone(folder: Path, scenes: int, threads: int) -> None:
    """The floor's reading without its median."""
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(partial(native_window, folder), *zip(*pairs_of(scenes), strict=True)):
            pass


def floor(folder: Path, scenes: int, threads: int) -> NDArray[np.int16]:
    """Every asset's window by plain rasterio, 20 m pixels repeated, and the median of all looks, unmasked."""
    looks = np.empty((10, scenes, GRID.height, GRID.width), np.int16)

    def read(scene: int, name: str) -> None:
        values = native_window(folder, scene, name)
        if name != "SCL":
            fine = values if METRES[name] == 10 else values.repeat(2, axis=0).repeat(2, axis=1)
            index = [band.name for band in BANDS].index(name)
            looks[index, scene] = fine[: GRID.height, : GRID.width]

    def median(band: int) -> NDArray[np.int16]:
        middle = (scenes - 1) // 2, scenes // 2
        ordered = np.partition(looks[band], middle, axis=0)
        return ((ordered[middle[0]].astype(np.int32) + ordered[middle[1]]) // 2).astype(np.int16)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(read, *zip(*pairs_of(scenes), strict=True)):
            pass
        return np.stack(list(pool.map(median, range(10))))


def pairs_of(scenes: int) -> list[tuple[int, str]]:
    return [(scene, name) for scene in range(scenes) for name in METRES]


def native_window(folder: Path, scene: int, name: str) -> NDArray[np.uint16]:
    metres = METRES[name]
    pixels = -(-GRID.width * 10 // metres)
    window = Window((GRID.west - WEST) // metres, (NORTH - GRID.north) // metres, pixels, pixels)
    with rasterio.Env(**GDAL_SETTINGS), rasterio.open(path_of(folder, scene, name), sharing=False) as raster:
        values: NDArray[np.uint16] = raster.read(1, window=window)
    return values


def path_of(folder: Path, scene: int, name: str) -> Path:
    return folder / f"{scene}_{name}.tif"


def frozen(folder: Path, scenes: int, *, pairs: bool = False) -> list[FrozenItem]:
    taken = [datetime(2023, 3, 1, 10, tzinfo=UTC) + timedelta(days=5 * (k // 2 if pairs else k)) for k in range(scenes)]
    return [
        FrozenItem(
            scene=Scene(
                id=f"scene-{k}",
                taken=when,
                solar_day=when.date(),
                updated="",
                baseline="05.09",
                mgrs="33UUU",
                epsg=GRID.epsg,
                cloud_percent=10,
                has_scl=True,
                offset_dn=-1000,
                offset_assumed=False,
            ),
            assets={
                name: Asset(href=str(path_of(folder, k, name)), item_id=f"scene-{k}", name=name) for name in METRES
            },
        )
        for k, when in enumerate(taken)
    ]


def simulate(folder: Path, scenes: int) -> None:
    """Fields, texture and noise in every band; blots of cloud in the classification."""
    rng = np.random.default_rng(0)
    fields = np.kron(rng.uniform(300, 3000, (SIDE // 32, SIDE // 32)), np.ones((32, 32)))
    texture = ndimage.gaussian_filter(rng.normal(0, 400, (SIDE, SIDE)), 1.5) * 4
    for scene in range(scenes):
        for name, metres in METRES.items():
            side = SIDE * 10 // metres
            if name == "SCL":
                blots = ndimage.gaussian_filter(rng.normal(0, 1, (side, side)), 40)
                values = np.where(blots > np.quantile(blots, 0.8), 9, 4).astype(np.uint8)
            else:
                step = metres // 10
                ground = (fields + texture)[::step, ::step] * rng.uniform(0.7, 1.2) + 1000
                values = np.clip(ground + rng.normal(0, 25, ground.shape), 1, 20_000).astype(np.uint16)
            write(path_of(folder, scene, name), values, PixelGrid(**grid_of(metres)))


def grid_of(metres: int) -> dict[str, int]:
    side = SIDE * 10 // metres
    return {"epsg": GRID.epsg, "west": WEST, "north": NORTH, "metres": metres, "width": side, "height": side}


def write(path: Path, values: NDArray[np.generic], grid: PixelGrid) -> None:
    profile = {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": 1,
        "dtype": values.dtype,
        "crs": f"EPSG:{grid.epsg}",
        "transform": Affine(*grid.transform),
        "nodata": 0,
        "tiled": True,
        "blockxsize": 1024,
        "blockysize": 1024,
        "compress": "deflate",
        "predictor": 2,
        "zlevel": 6,
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(values, 1)


RUNNERS: dict[str, Callable[[Path, int, int], object]] = {
    "floor": floor,
    "reading alone": reading_alone,
    "composite": composite,
    "composite, pairs a day": composite_in_pairs,
}

if __name__ == "__main__":
    main()
