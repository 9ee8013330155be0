"""Seconds and memory to photograph a simulated city at 1 m, by stage.

Run as `python -m tests.bench.vhr [--side 3200] [--regions european,informal]`. Times are processor time of one thread,
in microseconds a pixel of what is asked for, margins included; memory is the peak of a fresh process, writing included.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from lczmap.synthetic import shade
from lczmap.synthetic.region import region_of
from lczmap.synthetic.rgb import rgb_of
from lczmap.synthetic.scene import ground_of
from lczmap.synthetic.sky import Sun
from lczmap.synthetic.townplan import TownPlan
from lczmap.synthetic.vhr import flight_over, write_vhr
from lczmap.words.grid import TILE_METRES, PixelGrid

_Made = TypeVar("_Made")
SUN = Sun(elevation=48.0, azimuth=150.0)


def main() -> None:
    """Time the stages here, and the whole in a process of its own."""
    options = argparse.ArgumentParser()
    options.add_argument("--side", type=int, default=3_200)
    options.add_argument("--regions", default="european,dense_asian,north_american,informal,desert")
    options.add_argument("--whole", action="store_true", help="write one picture, print seconds and peak memory")
    given = options.parse_args()
    for region in given.regions.split(","):
        if given.whole:
            whole(region, given.side)
            continue
        stages(region, given.side)
        asked = [sys.executable, "-m", "tests.bench.vhr", "--whole", "--regions", region, "--side", str(given.side)]
        print(subprocess.run(asked, check=True, capture_output=True, text=True).stdout, end="", flush=True)


def stages(region: str, side: int) -> None:
    """Geometry, light and colour of one window."""
    plan, grid = city(region, side)
    flight = flight_over(plan, datetime(2023, 6, 20, 10, tzinfo=UTC), SUN)
    spent: dict[str, float] = {}

    def timed(name: str, work: Callable[[], _Made]) -> _Made:
        start = time.process_time()
        result = work()
        spent[name] = (time.process_time() - start) / side**2 * 1e6
        return result

    ground = timed("ground", lambda: ground_of(plan, grid, details=True))
    timed("of it shadow", lambda: shade.shadow(ground.height, 1.0, SUN))
    timed("of it open sky", lambda: shade.sky_seen(ground.height, 1.0))
    timed("picture", lambda: rgb_of(ground, SUN, flight.camera))
    order = ("ground", "picture", "of it shadow", "of it open sky")
    print(f"{region}: " + ", ".join(f"{name} {spent[name]:.3f} us/px" for name in order), flush=True)


def whole(region: str, side: int) -> None:
    """Window by window into a COG, with instances."""
    plan, grid = city(region, side)
    with tempfile.TemporaryDirectory() as folder:
        start, wall = time.process_time(), time.perf_counter()
        flight = flight_over(plan, datetime(2023, 6, 20, 10, tzinfo=UTC), SUN)
        picture = Path(folder) / "visual.tif"
        write_vhr(picture, plan, grid, flight=flight, instances=Path(folder) / "instances.tif")
        spent, wall = time.process_time() - start, time.perf_counter() - wall
        weight = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert peak
    tile = spent / side**2 * TILE_METRES**2
    print(
        f"{region}: {side} m written in {spent:.1f} s of processor time ({wall:.1f} s), {int(peak[1]) / 1e3:.0f} MB, "
        f"{weight:.1f} MB on disk; a tile of 12.8 km would take {tile:.0f} s"
    )


def city(region: str, side: int) -> tuple[TownPlan, PixelGrid]:
    """The middle of a city with a river and a coast."""
    plan = TownPlan(seed=3, region=region_of(region), middle=(500_000.0, 5_540_000.0), radius=5_000.0, coast=side / 2.0)
    grid = PixelGrid(
        epsg=32632, west=500_000 - side // 2, north=5_540_000 + side // 2, metres=1, width=side, height=side
    )
    return plan, grid


if __name__ == "__main__":
    main()
