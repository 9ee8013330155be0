"""Make simulated patches to learn from: `python -m lczmap.train.simulate --out DIR --seeds 0 1 2 --cells 400`.

Each region and seed is a folder `REGION-SEED` under `--out`, in the format that `simulated` reads; one that stands is
not made again, so a run that is stopped goes on. Seeds that leave a remainder of 4 divided by 5 are held out.
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np

from lczmap.synthetic.patches import simulated_patches
from lczmap.synthetic.region import REGION_NAMES, RegionName

logger = logging.getLogger(__name__)


LOW_SUN = (18.0, 40.0)
"""Elevations of a low sun, degrees."""


def write_patches(region: RegionName, seed: int, *, cells: int, out: Path, low_sun: bool = False) -> Path:
    """Write the folder of one region and seed, whole or not at all; return it.

    Every date has its own sun, unless a low one is asked for: then the folder has one, drawn by its seed.
    """
    folder = out / f"{region}-{seed}"
    if (folder / "patches.csv").exists():
        return folder
    sun = float(np.random.default_rng(seed).uniform(*LOW_SUN)) if low_sun else None
    made = simulated_patches(region, seed=seed, cells=cells, sun=sun)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "patches.npz", x=made.x, truth=made.truth, share=made.share, sun=made.sun)
    # the table comes last: a folder without it is made again
    temporary = folder / "patches.partial"
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["seed", "region", "period"])
        writer.writerows([seed, region, f"day {day}"] for day in made.day)
    temporary.replace(folder / "patches.csv")
    return folder


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and make what is missing."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.simulate", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where the folders lie")
    parser.add_argument("--regions", nargs="+", choices=REGION_NAMES, default=list(REGION_NAMES))
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--cells", type=int, default=400, help="patches of each region and seed")
    parser.add_argument("--low-sun", action="store_true", help="a sun of 18 to 40 degrees, instead of the dates' own")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    with ProcessPoolExecutor(options.processes) as pool:
        jobs = [
            pool.submit(write_patches, region, seed, cells=options.cells, out=options.out, low_sun=options.low_sun)
            for seed, region in product(options.seeds, options.regions)
        ]
        for job in jobs:
            logger.info("%s", job.result())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
