"""Start-up times and peak memory of whole commands: `python -m tests.bench.whole`.

Prints the median of five for start-ups, and the peak resident memory of mapping 2, 8 and 32 tiles. Each of the tiles
is observed whole (two scenes, ten bands and SCL, 1312 x 1312 pixels), of each the cells around its centre are wanted.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from pyproj import Transformer

from lczmap.testing.scenes import SceneMetadata, write_catalogue, write_tiny_scene
from lczmap.words.grid import TILE_METRES, PixelGrid

ZONE = 32633
CORNER = (30, 454)
"""Column and row of the south-western tile."""
WANTED_METRES = 2560
"""Side of the wanted square of each tile: 64 cells."""


def measured(words: list[str]) -> tuple[float, float]:
    """Seconds and peak resident megabytes of one command.

    Raises:
        RuntimeError: it failed.
    """
    began = time.perf_counter()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    said = child.stderr.read().decode() if child.stderr else ""
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{words} ended with {child.returncode}: {said}")
    return seconds, usage.ru_maxrss / 1024


def apart(root: Path, columns: int, rows: int) -> Path:
    """Write scenes in a process of their own: what this one once held would count as its children's peak."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        return other.submit(scenes, root, columns, rows).result()


def scenes(root: Path, columns: int, rows: int) -> Path:
    """Two dates over a block of tiles and its halo, of noise that compresses as real scenes do."""
    west, south = CORNER[0] * TILE_METRES - 200, CORNER[1] * TILE_METRES - 200
    grid = PixelGrid(
        epsg=ZONE,
        west=west,
        north=south + rows * TILE_METRES + 400,
        metres=10,
        width=(columns * TILE_METRES + 400) // 10,
        height=(rows * TILE_METRES + 400) // 10,
    )
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 64, (512, 512)).astype(np.float32) * 8e-4 + np.float32(0.05)

    def pixels(band: object, east: np.ndarray, north: np.ndarray) -> np.ndarray:
        del band
        return texture[(north // 10 % 512).astype(np.intp), (east // 10 % 512).astype(np.intp)]

    items = [
        write_tiny_scene(
            root,
            SceneMetadata(grid=grid, taken=datetime(2024, 6, day, 10, 10, tzinfo=UTC), mgrs="33UUU"),
            pixels=pixels,
        )
        for day in (1, 11)
    ]
    write_catalogue(root, items)
    return root


def area(path: Path, columns: int, rows: int) -> Path:
    """A square around the centre of each tile of a block."""
    to_degrees = Transformer.from_crs(ZONE, 4326, always_xy=True)
    polygons = []
    for column in range(columns):
        for row in range(rows):
            east = (CORNER[0] + column + 0.5) * TILE_METRES
            north = (CORNER[1] + row + 0.5) * TILE_METRES
            half = WANTED_METRES / 2
            ring = [(-half, -half), (half, -half), (half, half), (-half, half), (-half, -half)]
            polygons.append([[to_degrees.transform(east + x, north + y) for x, y in ring]])
    path.write_text(json.dumps({"type": "MultiPolygon", "coordinates": polygons}))
    return path


def mapping(place: Path, source: Path, out: Path) -> list[str]:
    """The command line that maps an area from scenes on disk."""
    return ["city", "--aoi", str(place), "--date", "2024-06", "--source", str(source), "--out", str(out), "-q"]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", default="2x1,4x2,8x4", help="columns x rows of tiles")
    asked = parser.parse_args()
    lczmap = [sys.executable, "-m", "lczmap"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print("command                              seconds (median of 5)")
        for words in (["--help"], ["cities", "berlin"], ["sources"]):
            times = [measured([*lczmap, *words])[0] for _ in range(5)]
            print(f"lczmap {' '.join(words):<30} {statistics.median(times):.2f}")
        one = apart(root / "one", 1, 1)
        place = area(root / "one.geojson", 1, 1)
        times = []
        for attempt in range(5):
            times.append(measured([*lczmap, *mapping(place, one, root / f"o{attempt}")])[0])
        print(f"{'one tile, 64 cells, 2 scenes':<37} {statistics.median(times):.2f}")
        print("\ntiles   peak MB   against the first")
        first = None
        for block in asked.blocks.split(","):
            columns, rows = (int(side) for side in block.split("x"))
            source = apart(root / block, columns, rows)
            place = area(root / f"{block}.geojson", columns, rows)
            _, peak = measured([*lczmap, *mapping(place, source, root / f"m{block}")])
            first = first or peak
            print(f"{columns * rows:>5} {peak:>9.0f} {peak / first:>12.2f}")


if __name__ == "__main__":
    main()
