"""How near simulated patches are to real ones: `python -m lczmap.train.landcover --real DIR --simulated DIR --out DIR`.

By land cover (LCZ): mean of every band, and its standard deviation within a patch. Real patches are sorted by the
teacher where it is sure, simulated ones by their truth where it fills the square. Out: `landcover.md`, a table, and
`landcover.png`, a panel for each class. What is compared is statistics, nothing is learned.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lczmap.train.labels import teacher_probabilities
from lczmap.train.patches import in_split, read_patches
from lczmap.train.simulated import read_simulated
from lczmap.train.teacher import read_teacher
from lczmap.train.toa import top_of_atmosphere
from lczmap.words.bands import BAND_NAMES
from lczmap.words.lcz import LCZ

STRENGTH = 1.25
"""Strength of the atmosphere through which the teacher sees real patches."""
SURE = 0.5
"""Probability from which the teacher's class counts."""
PURE = 0.8
"""Share of the square from which a truth counts."""
FEWEST = 8
"""Patches of a class on either side below which it is left out."""
_MICROMETRES = np.array([0.490, 0.560, 0.665, 0.705, 0.740, 0.783, 0.842, 0.865, 1.610, 2.190])
_COLUMNS = 5
_COLOURS = {"real": "#1d2326", "simulated": "#d10000"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Of the patches of one land cover; reflectance x 10000, bands in their order."""

    count: int
    """Patches."""
    mean: NDArray[np.float64]
    """Mean of each band `(10,)`."""
    texture: NDArray[np.float64]
    """Median over the patches of the standard deviation within a patch `(10,)`."""
    between: NDArray[np.float64]
    """Standard deviation of the patches' means `(10,)`."""


Found = Mapping[int, Statistics]
"""By LCZ code."""


def statistics_by_class(pixels: NDArray[np.uint16], codes: NDArray[np.integer]) -> Found:
    """Statistics of each class that has enough patches.

    Args:
        pixels: `(n, 32, 32, 10)`, reflectance x 10000.
        codes: LCZ code of each patch `(n,)`; 0 leaves one out.
    """
    found: dict[int, Statistics] = {}
    for zone in LCZ:
        chosen = pixels[codes == zone.code].astype(np.float64)
        if len(chosen) >= FEWEST:
            means = chosen.mean(axis=(1, 2))
            found[zone.code] = Statistics(
                count=len(chosen),
                mean=means.mean(axis=0),
                texture=np.median(chosen.std(axis=(1, 2)), axis=0),
                between=means.std(axis=0),
            )
    return found


def nearness(real: Statistics, simulated: Statistics) -> tuple[float, float]:
    """Median over the bands of simulated against real, for means and for textures: 1 is alike."""
    mean = float(np.median(simulated.mean / np.maximum(real.mean, 1.0)))
    return mean, float(np.median(simulated.texture / np.maximum(real.texture, 1.0)))


def table(real: Found, simulated: Found) -> str:
    """Both sides by class, in Markdown."""
    head = "| class | side | patches | " + " | ".join(BAND_NAMES) + " |\n|---|---|---|" + "---|" * len(BAND_NAMES)
    lines = ["Mean reflectance x 10000 ± standard deviation within a patch.", "", head]
    for zone in LCZ:
        for side, found in (("real", real), ("simulated", simulated)):
            if zone.code in real and zone.code in simulated:
                here = found[zone.code]
                cells = [f"{mean:.0f} ± {texture:.0f}" for mean, texture in zip(here.mean, here.texture, strict=True)]
                mean, texture = nearness(real[zone.code], simulated[zone.code])
                name = f"LCZ {zone.label}" if side == "real" else f"means x {mean:.2f}, textures x {texture:.2f}"
                lines.append(f"| {name} | {side} | {here.count} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(real: Found, simulated: Found, path: Path) -> None:
    """A panel for each class that both sides have: means with the spread within a patch."""
    zones = [zone for zone in LCZ if zone.code in real and zone.code in simulated]
    rows = -(-len(zones) // _COLUMNS)
    figure = Figure(figsize=(3.0 * _COLUMNS, 2.3 * rows), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for panel in panels[len(zones) :]:
        panel.set_visible(False)
    for panel, zone in zip(panels, zones, strict=False):
        _draw(panel, {"real": real[zone.code], "simulated": simulated[zone.code]})
        panel.set_title(f"LCZ {zone.label}", fontsize=9)
    panels[0].legend(fontsize=7)
    figure.savefig(path)


def _draw(panel: Axes, sides: Mapping[str, Statistics]) -> None:
    """Mean and spread of both sides against wavelength."""
    for side, found in sides.items():
        low, high = np.maximum(found.mean - found.texture, 0.0), found.mean + found.texture
        panel.fill_between(_MICROMETRES, low, high, color=_COLOURS[side], alpha=0.15, linewidth=0)
        panel.plot(_MICROMETRES, found.mean, ".-", color=_COLOURS[side], linewidth=1.1, label=f"{side} ± in patch")
    panel.set_ylim(0, None)
    panel.tick_params(labelsize=6)


def real_codes(weights: Path, pixels: NDArray[np.uint16]) -> NDArray[np.int64]:
    """The teacher's class of each patch `(n,)`, 0 where it is not sure."""
    teacher = read_teacher(weights).eval()
    surface = pixels * np.float32(1e-4)
    seen = top_of_atmosphere(surface, np.full(len(surface), STRENGTH, dtype=np.float32))
    probabilities = teacher_probabilities(teacher, seen)
    sure = probabilities.max(axis=1) >= SURE
    return np.where(sure, probabilities.argmax(axis=1) + 1, 0)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, compare, write."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.landcover", description=__doc__)
    parser.add_argument("--real", type=Path, nargs="+", required=True, help="folders of real patches")
    parser.add_argument("--simulated", type=Path, nargs="+", required=True, help="folders of simulated patches")
    parser.add_argument("--teacher", type=Path, required=True, help="the teacher's weights, HDF5")
    parser.add_argument("--splits", nargs="+", default=["train", "validation"], help="of the real patches")
    parser.add_argument("--most", type=int, default=1500, help="real patches that are looked at")
    parser.add_argument("--out", type=Path, required=True, help="folder of table and plot")
    options = parser.parse_args(arguments)
    pixels = in_split(read_patches(options.real), options.splits).pixels
    if len(pixels) > options.most:
        pixels = pixels[np.random.default_rng(0).permutation(len(pixels))[: options.most]]
    real = statistics_by_class(pixels, real_codes(options.teacher, pixels))
    made = read_simulated(options.simulated)
    simulated = statistics_by_class(made.pixels, np.where(made.share >= PURE, made.truth, 0))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "landcover.md").write_text(table(real, simulated), encoding="utf-8")
    plot(real, simulated, options.out / "landcover.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
