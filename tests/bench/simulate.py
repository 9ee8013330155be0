"""Seconds and memory to make a simulated city on one core: scenes alone, and with the picture at 1 m; patches too.

Run as `python -m tests.bench.simulate [--kilometres 12.8] [--regions european,dense_asian]`. Each line is a process of
its own, bound to one core: wall seconds, processor seconds, peak memory, bytes written. One date is what a tile of
Sentinel-2 costs by itself, ground included; a catalogue holds seven.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lczmap.synthetic.city import Extras, build
from lczmap.synthetic.design import city_of
from lczmap.synthetic.patches import simulated_patches
from lczmap.synthetic.region import region_of

PATCHES = 400


def main() -> None:
    """Start a process a line, or be one."""
    options = argparse.ArgumentParser()
    options.add_argument("--kilometres", type=float, default=12.8)
    options.add_argument("--regions", default="european")
    options.add_argument("--only", choices=WORKS, help="do this work here and print its cost")
    given = options.parse_args()
    for region in given.regions.split(","):
        for work in [given.only] if given.only else WORKS:
            if given.only:
                cost(region, work, given.kilometres)
                continue
            asked = [sys.executable, "-m", "tests.bench.simulate", "--regions", region, "--only", work]
            asked += ["--kilometres", str(given.kilometres)]
            environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            done = subprocess.run(asked, check=True, capture_output=True, text=True, env=environment)
            print(done.stdout, end="", flush=True)


def scenes(region: str, kilometres: float, folder: Path, *, dates: int, vhr: bool) -> str:
    """Write a city with some of its dates."""
    design = city_of(region, seed=1, kilometres=kilometres)
    build(folder, replace(design, overpasses=design.overpasses[3 : 3 + dates]), Extras(vhr=vhr), workers=1)
    return f"{kilometres:g} km square"


def all_dates(region: str, kilometres: float, folder: Path, *, vhr: bool) -> str:
    """Write a whole city."""
    build(folder, city_of(region, seed=1, kilometres=kilometres), Extras(vhr=vhr), workers=1)
    return f"{kilometres:g} km square"


def patches(region: str, kilometres: float, folder: Path) -> str:
    """Make training patches."""
    del kilometres, folder
    simulated_patches(region_of(region).name, seed=1, cells=PATCHES)
    return f"{PATCHES} patches"


WORKS: dict[str, Callable[[str, float, Path], str]] = {
    "one date": lambda region, kilometres, folder: scenes(region, kilometres, folder, dates=1, vhr=False),
    "one date and 1 m": lambda region, kilometres, folder: scenes(region, kilometres, folder, dates=1, vhr=True),
    "seven dates": lambda region, kilometres, folder: all_dates(region, kilometres, folder, vhr=False),
    "patches": patches,
}


def cost(region: str, work: str, kilometres: float) -> None:
    """Do one work on one core and print what it took."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        wall, spent = time.perf_counter(), time.process_time()
        what = WORKS[work](region, kilometres, Path(folder))
        wall, spent = time.perf_counter() - wall, time.process_time() - spent
        written = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert peak
    print(
        f"{region}, {work}, {what}: {wall:.1f} s, {spent:.1f} s of processor time, {int(peak[1]) / 1e3:.0f} MB, "
        f"{written:.0f} MB on disk",
        flush=True,
    )


if __name__ == "__main__":
    main()
