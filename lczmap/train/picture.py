"""Pictures of how far to trust a model: `python -m lczmap.train.picture --before PNG --after PNG --out PNG`.

A reliability diagram, the windows that student and teacher disagree on most, and two quicklooks of one place side by
side. In: figures and patches in memory, or PNG files. Out: small PNG files of few colours.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lczmap.train.calibrate import Reliability
from lczmap.words.bands import BAND_NAMES
from lczmap.words.lcz import LCZ

INK, SOFT, PAPER = "#1d2326", "#5d676c", "#ffffff"
SHADES = ("#c2c9cc", "#d10000")
"""Of the states of a reliability diagram, in order."""
COLUMNS, ROWS = 6, 4
"""Windows on a sheet."""
ALIKE = 2
"""Windows on a sheet with the same pair of classes."""
BRIGHTEST = 0.25
"""Reflectance drawn white: one stretch for all windows, so that a dark one looks dark."""
COLOURS = 128
"""Of the palette of a picture."""


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """Windows, and what teacher and student say of them."""

    patches: NDArray[np.float32]
    """`(n, 32, 32, 10)`: surface reflectance."""
    labels: NDArray[np.float32]
    """`(n, 17)`: the teacher's probabilities."""
    probabilities: NDArray[np.float32]
    """`(n, 17)`: the student's."""
    places: Sequence[str]
    """`(n,)`: where each lies."""

    def worst(self, most: int) -> NDArray[np.intp]:
        """Those whose classes differ, the surest errors first, no pair of classes more than `ALIKE` times."""
        ours, theirs = self.probabilities.argmax(axis=1), self.labels.argmax(axis=1)
        rows = np.arange(len(ours))
        gap = self.probabilities[rows, ours] - self.labels[rows, ours]
        seen: dict[tuple[int, int], int] = {}
        chosen: list[int] = []
        for row in np.argsort(-gap, kind="stable"):
            pair = int(theirs[row]), int(ours[row])
            if pair[0] != pair[1] and seen.get(pair, 0) < ALIKE and len(chosen) < most:
                seen[pair] = seen.get(pair, 0) + 1
                chosen.append(int(row))
        return np.array(chosen, dtype=np.intp)


def write_reliability(states: Mapping[str, Reliability], path: Path) -> None:
    """Draw confidence against agreement, and beneath it how many windows have that confidence.

    Args:
        states: tables of the same windows by what is done to their probabilities, the shipped state last.
        path: the PNG.
    """
    figure = Figure(figsize=(5.2, 5.6), dpi=110, facecolor=PAPER)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    above.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle="--")
    for (name, found), colour in zip(states.items(), SHADES, strict=True):
        filled = found.count > 0
        above.plot(found.confidence[filled], found.agreement[filled], color=colour, marker="o", markersize=4,
                   linewidth=1.4, label=f"{name}: expected error {found.expected_error:.3f}")  # fmt: skip
    last = list(states.values())[-1]
    filled = last.count > 0
    above.plot(last.confidence[filled], last.backing[filled], color=SHADES[-1], linestyle=":", linewidth=1.2,
               label=f"teacher's own probability of that class: {last.expected_error_soft:.3f}")  # fmt: skip
    centres = (np.arange(len(last.count)) + 0.5) / len(last.count)
    below.bar(centres, last.count, width=0.9 / len(last.count), color=SHADES[-1])
    above.set(ylabel="share that the teacher agrees with", xlim=(0, 1), ylim=(0, 1))
    above.legend(fontsize=8, frameon=False, loc="lower right")
    below.set(xlabel="confidence of the student", ylabel="windows")
    for axes in (above, below):
        _plain(axes)
    figure.suptitle(f"Reliability on {int(last.count.sum())} held-out windows", fontsize=11, color=INK)
    figure.tight_layout()
    _save(figure, path)


def write_disagreements(found: Disagreement, path: Path) -> None:
    """Draw the windows that a student is most sure of and its teacher does not believe, in true colour."""
    chosen = found.worst(COLUMNS * ROWS)
    figure = Figure(figsize=(COLUMNS * 1.62, ROWS * 2.15 + 0.4), dpi=110, facecolor=PAPER)
    figure.suptitle("320 m windows where student and teacher differ most", fontsize=11, color=INK, y=0.99)
    for index, row in enumerate(chosen):
        axes = figure.add_subplot(ROWS, COLUMNS, index + 1)
        axes.imshow(true_colour(found.patches[row]), interpolation="nearest")
        axes.set_axis_off()
        words = [
            f"{who} {LCZ[int(each.argmax())].label} {LCZ[int(each.argmax())].name}, {each.max():.2f}"
            for who, each in (("T", found.labels[row]), ("S", found.probabilities[row]))
        ]
        axes.set_title("\n".join(words), fontsize=6.5, color=INK, loc="left", pad=3)
        place = found.places[row].removeprefix("unseen blocks of ").split("(")[0].split(",")[0].strip()
        axes.text(0, 34.5, place, fontsize=5.5, color=SOFT, clip_on=False)
    foot = (
        "T teacher, S student, with the probability each gives its class. Contains modified Copernicus Sentinel data."
    )
    figure.text(0.01, 0.008, foot, fontsize=6.5, color=SOFT)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.92, bottom=0.05, wspace=0.08, hspace=0.38)
    _save(figure, path)


def true_colour(patch: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One window `(32, 32, 10)` as `(32, 32, 3)` bytes, red, green, blue, under one fixed stretch."""
    bands = patch[..., [BAND_NAMES.index(name) for name in ("B04", "B03", "B02")]]
    shown: NDArray[np.uint8] = np.rint(np.clip(bands / BRIGHTEST, 0, 1) ** 0.65 * 255).astype(np.uint8)
    return shown


def write_side_by_side(pictures: Mapping[str, Path], path: Path, *, width: int = 900) -> None:
    """Paste pictures of one size beside each other, each under its heading.

    Args:
        pictures: PNG files by heading, from the left.
        path: the PNG.
        width: of each, pixels.
    """
    head, parts = 46, []
    for file in pictures.values():
        with Image.open(file) as image:
            opaque = Image.new("RGB", image.size, PAPER)
            opaque.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
        parts.append(opaque.resize((width, round(opaque.height * width / opaque.width)), Image.Resampling.LANCZOS))
    sheet = Image.new("RGB", (width * len(parts), head + max(part.height for part in parts)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for index, (heading, part) in enumerate(zip(pictures, parts, strict=True)):
        sheet.paste(part, (index * width, head))
        pen.text((index * width + 25, 14), heading, fill=INK, font=ImageFont.load_default(size=24))
    few_colours(sheet).save(path, optimize=True)


def few_colours(sheet: Image.Image) -> Image.Image:
    """A sheet with a palette that certainly holds the official colours: a rare class must not change its own."""
    common = np.array(sheet.quantize(COLOURS).getpalette(), np.uint8).reshape(-1, 3)
    palette = np.concatenate([np.array([(255, 255, 255), *(zone.rgb for zone in LCZ)], np.uint8), common])
    pixels = np.asarray(sheet)
    colours, which = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    apart = np.square(colours[:, None].astype(np.int32) - palette.astype(np.int32)).sum(axis=2)
    image = Image.fromarray(apart.argmin(axis=1).astype(np.uint8)[which].reshape(pixels.shape[:2]), mode="P")
    image.putpalette(palette.tobytes())
    return image


def _plain(axes: Axes) -> None:
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    axes.tick_params(labelsize=8, colors=SOFT)
    axes.xaxis.label.set(fontsize=9, color=INK)
    axes.yaxis.label.set(fontsize=9, color=INK)


def _save(figure: Figure, path: Path) -> None:
    """Write a figure with few colours, which makes it several times smaller."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    buffer.seek(0)
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(COLOURS).save(path, optimize=True)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and compose."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.picture", description=__doc__)
    parser.add_argument("--before", type=Path, required=True, help="quicklook of a product")
    parser.add_argument("--after", type=Path, required=True, help="quicklook of the same place, later")
    parser.add_argument("--headings", nargs=2, default=["before", "after"])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    write_side_by_side(dict(zip(options.headings, (options.before, options.after), strict=True)), options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
