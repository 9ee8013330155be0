"""Colour statistics of simulated windows beside real ones at 1 m.

Run as `python -m tests.bench.likeness [--real ../shared/data/vhr]`. Prints, for each picture: mean and standard
deviation of red, green and blue; the first, 50th and 99th percentile of lightness; colourfulness (largest minus
smallest band); local contrast (standard deviation in 5 x 5 pixels); mean step to the next pixel; the slope of the power
spectrum between 2.5 and 64 m; the colour of the darkest three hundredths, which are shadows.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lczmap.synthetic.sheet import SHOWN, real_panels, simulated

_SIDE = 128
"""Of the squares whose spectra are averaged, pixels."""


def main() -> None:
    """Print a line a picture."""
    options = argparse.ArgumentParser()
    options.add_argument("--real", type=Path, default=Path(__file__).parents[3] / "shared" / "data" / "vhr")
    given = options.parse_args()
    print("| picture | mean | std | p1 p50 p99 | colour | local | step | slope | shadow |")
    print("|---|---|---|---|---|---|---|---|---|")
    panels = [(panel.caption, panel.pixels) for panel in real_panels(given.real)]
    for caption, pixels in panels:
        print(line(caption, pixels), flush=True)
    for shown in SHOWN:
        panel = simulated(*shown)
        print(line(panel.caption, panel.pixels), flush=True)


def line(caption: str, pixels: NDArray[np.uint8]) -> str:
    """One row of the table; white pixels are no picture."""
    known = pixels.min(axis=2) < 255
    colours = pixels.astype(np.float64)
    light = colours @ [0.299, 0.587, 0.114]
    local = np.sqrt(np.maximum(ndimage.uniform_filter(light**2, 5) - ndimage.uniform_filter(light, 5) ** 2, 0.0))
    step = np.abs(np.diff(light, axis=1))[known[:, 1:] & known[:, :-1]].mean()
    dark = known & (light <= np.percentile(light[known], 3.0))
    shares = (
        " ".join(f"{value:.0f}" for value in values)
        for values in (
            colours[known].mean(axis=0),
            colours[known].std(axis=0),
            np.percentile(light[known], (1, 50, 99)),
        )
    )
    cells = [caption.replace("\n", " "), *shares, f"{np.ptp(colours, axis=2)[known].mean():.1f}"]
    cells += [f"{local[known].mean():.1f}", f"{step:.1f}", f"{slope(light, known):.2f}"]
    cells.append(" ".join(f"{value:.0f}" for value in colours[dark].mean(axis=0)))
    return "| " + " | ".join(cells) + " |"


def slope(light: NDArray[np.float64], known: NDArray[np.bool_]) -> float:
    """Exponent of the power spectrum, squares without a picture left out."""
    window = np.hanning(_SIDE)[:, None] * np.hanning(_SIDE)
    power = []
    for row in range(0, light.shape[0] - _SIDE + 1, _SIDE // 2):
        for column in range(0, light.shape[1] - _SIDE + 1, _SIDE // 2):
            part = (slice(row, row + _SIDE), slice(column, column + _SIDE))
            if known[part].mean() > 0.97:
                power.append(np.abs(np.fft.fft2((light[part] - light[part].mean()) * window)) ** 2)
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.fftfreq(_SIDE)[None])
    edges = np.geomspace(1.0 / 64.0, 1.0 / 2.5, 12)
    rings = [(frequency >= low) & (frequency < high) for low, high in pairwise(edges)]
    mean = np.mean(power, axis=0)
    x = [np.log(frequency[ring].mean()) for ring in rings if ring.any()]
    y = [np.log(mean[ring].mean()) for ring in rings if ring.any()]
    return float(np.polyfit(x, y, 1)[0])


if __name__ == "__main__":
    main()
