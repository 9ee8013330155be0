"""Both streams on simulated cities: time by stage and peak memory, `python -m tests.bench.paired`.

Maps a quarter of one simulated city and then all of it, each by the command line in a process of its own. Simulating
comes before and is not counted.
"""

import argparse
import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from lczmap.synthetic.city import simulate
from lczmap.synthetic.design import city_of
from lczmap.words.place import LonLatBox
from tests.bench.whole import measured

STAGES = ("observe", "classify", "register", "read", "segment", "graphs", "interpret")
"""Stages in the order of the table; `read` runs beside `segment`, `interpret` is all but `observe`."""


def made(root: Path, region: str, kilometres: float) -> tuple[Path, LonLatBox]:
    """Simulate a city with its picture."""
    city = simulate(root, city_of(region, kilometres=kilometres))
    return city.catalogue, city.box


def quarter(box: LonLatBox) -> LonLatBox:
    """The south-western quarter."""
    return LonLatBox(west=box.west, south=box.south, east=(box.west + box.east) / 2, north=(box.south + box.north) / 2)


def mapped(catalogue: Path, box: LonLatBox, out: Path, posting: int) -> tuple[dict[str, float], float, int]:
    """Seconds by stage, peak megabytes and number of cells of one run."""
    words = ["city", "--aoi", box.text, "--date", "2023", "--source", str(catalogue), "--out", str(out), "-q"]
    words += ["--vhr", str(catalogue), "--name", "bench", "--posting", str(posting), "--allow-gaps"]
    _, peak = measured([sys.executable, "-m", "lczmap", *words])
    (report,) = out.glob("bench/*/*_report.json")
    facts = json.loads(report.read_text(encoding="utf-8"))
    return facts["seconds"], peak, int(facts["cells"]["wanted"])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--region", default="european")
    parser.add_argument("--kilometres", type=float, default=14.4, help="side of the city; 14.4 is 2,025 cells")
    parser.add_argument("--posting", type=int, default=320)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
            catalogue, box = other.submit(made, root / "city", asked.region, asked.kilometres).result()
        rows = [
            mapped(catalogue, part, root / name, asked.posting)
            for name, part in (("quarter", quarter(box)), ("whole", box))
        ]
    print("cells " + " ".join(f"{stage:>10}" for stage in STAGES) + "   s a cell   peak MB   against the first")
    for seconds, peak, cells in rows:
        shares = " ".join(f"{seconds.get(stage, 0.0) / seconds['interpret']:>10.2%}" for stage in STAGES)
        print(f"{cells:>5} {shares} {seconds['interpret'] / cells:>10.3f} {peak:>9.0f} {peak / rows[0][1]:>19.2f}")


if __name__ == "__main__":
    main()
