"""The held-out pieces of the first seeds as both streams and their fusion see them.

`python -m lczmap.train.fusion_picture --pairs DIR --out PNG`. In: pairs that were cut, a shipped GCN and the Sentinel
model it is paired with. Out: one picture, from the left the ground at 1 m, the true classes, S, G and S+G, each with
its share of right cells. A column a region, a row a seed: none is chosen.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from lczmap.models.classifier import load_classifier
from lczmap.models.graph_classifier import graph_classifier_from
from lczmap.synthetic.region import REGION_NAMES
from lczmap.train.cuts import cutter, read_cut
from lczmap.train.evaluate import Codes
from lczmap.train.fusion import Streams, answers
from lczmap.train.pairs import ACROSS, MARGIN, Place, places, read_pair
from lczmap.train.picture import INK, PAPER, SOFT, few_colours
from lczmap.weights import find_card, weights_path
from lczmap.words.bands import REFLECTANCE_SCALE
from lczmap.words.lcz import LCZ
from lczmap.words.modelcard import ModelCard

TITLES = {"S": "S: Sentinel-2 stream", "G": "G: VHR stream", "S+G": "S+G: fused"}
SEEDS = 12
"""Seeds whose pieces are shown, the first ones."""
_CELL = 12
"""Side of a cell as it is drawn, pixels."""
_GAP = 5
"""Pixels between pieces."""
_COLOURS = 96
"""Of the ground."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grounds:
    """Pieces of ground and what is said of them."""

    pictures: NDArray[np.uint8]
    """Their ground from above `(pieces, side, side, 3)`, `_CELL` pixels a cell."""
    truth: Codes
    """`(n,)`: class codes of their cells, piece by piece, row by row from the north-west."""
    said: Mapping[str, Codes]
    """Class codes by stream, each `(n,)`; 0 where a stream is silent."""


def grounds_of(where: Sequence[Place], card: ModelCard, *, sentinel: str, pairs: Path) -> Grounds:
    """Pieces through both streams.

    Args:
        where: the pieces, cut before.
        card: the GCN's.
        sentinel: name of the Sentinel model.
        pairs: where they lie.
    """
    cpu = torch.device("cpu")
    cut = read_cut(where, pairs=pairs, cuts=cutter(card.segmenter_name).folder(pairs))
    patches = load_classifier(sentinel, precision="float32", device=cpu)
    streams = Streams(
        sentinel=patches.classify(cut.x * np.float32(REFLECTANCE_SCALE)).probabilities,
        vhr=graph_classifier_from(card, weights_path(card), device=cpu).classify(cut.graphs),
        truth=cut.truth.astype(np.int64),
        piece=cut.piece,
    )
    pictures = np.stack([_small(read_pair(pairs / f"{place.name}.npz").picture) for place in where])
    return Grounds(pictures=pictures, truth=streams.truth, said=answers(streams, card.sentinel_weight))


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A piece's cells without the ground around them."""
    inner = Image.fromarray(picture[MARGIN:-MARGIN, MARGIN:-MARGIN])
    side = ACROSS * _CELL
    return np.asarray(inner.resize((side, side), Image.Resampling.LANCZOS))


def write_grounds(grounds: Grounds, path: Path) -> None:
    """Draw them, as many in a row as there are regions."""
    figure = Figure(figsize=(14.6, 7.6), dpi=100, facecolor=PAPER)
    panels = figure.subplots(1, 2 + len(grounds.said))
    ground = Image.fromarray(mosaic(grounds.pictures)).quantize(_COLOURS).convert("RGB")
    shown = {"1 m pictures": np.asarray(ground), "true classes": mosaic(coloured(grounds.truth))}
    for name, codes in grounds.said.items():
        shown[f"{TITLES[name]}, {(codes == grounds.truth).mean():.1%} right"] = mosaic(coloured(codes))
    for axes, (title, drawn) in zip(panels, shown.items(), strict=True):
        axes.imshow(drawn, interpolation="nearest")
        axes.set_title(title, fontsize=10, color=INK, loc="left")
        axes.set_axis_off()
    marks = [Rectangle((0, 0), 1, 1, color=f"#{zone.colour}") for zone in LCZ]
    names = [f"{zone.label} {zone.name}" for zone in LCZ]
    figure.legend(marks, names, loc="lower left", ncols=9, fontsize=7.5, frameon=False, labelcolor=INK,
                  bbox_to_anchor=(0.005, 0.03), handlelength=1.0, columnspacing=1.2)  # fmt: skip
    foot = (
        f"{len(grounds.pictures)} held-out pieces of simulated ground, {len(grounds.truth):,} cells of 320 m; from "
        f"the left {', '.join(name.replace('_', ' ') for name in REGION_NAMES)}. Self-consistency, not accuracy."
    )
    figure.text(0.012, 0.012, foot, fontsize=7.5, color=SOFT)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.95, bottom=0.1, wspace=0.05)
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    with Image.open(buffer) as image:
        few_colours(image.convert("RGB")).save(path, optimize=True)


def coloured(codes: Codes) -> NDArray[np.uint8]:
    """Maps of pieces in the official colours `(pieces, side, side, 3)`; white where no class is said."""
    colours = np.array([(255, 255, 255), *(zone.rgb for zone in LCZ)], np.uint8)
    return colours[codes.reshape(-1, ACROSS, ACROSS)].repeat(_CELL, axis=1).repeat(_CELL, axis=2)


def mosaic(tiles: NDArray[np.uint8], *, columns: int = len(REGION_NAMES)) -> NDArray[np.uint8]:
    """Tiles `(n, side, side, 3)` side by side on white, row by row."""
    spaced = np.pad(tiles, ((0, 0), (0, _GAP), (0, _GAP), (0, 0)), constant_values=255)
    side = spaced.shape[1]
    rows = spaced.reshape(-1, columns, side, side, 3).swapaxes(1, 2)
    return rows.reshape(-1, columns * side, 3)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, classify and draw."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.fusion_picture", description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True, help="what `lczmap.train.pairs` left in its --out")
    parser.add_argument("--graph", default="gcn-sam-tiny", help="a shipped GCN")
    parser.add_argument("--sentinel", default="resnet11-provisional", help="a shipped Sentinel model")
    parser.add_argument("--out", type=Path, required=True, help="the PNG")
    options = parser.parse_args(arguments)
    card = find_card(options.graph)
    grounds = grounds_of(places("held-out", seeds=SEEDS), card, sentinel=options.sentinel, pairs=options.pairs)
    write_grounds(grounds, options.out)
    right = {name: round(float((codes == grounds.truth).mean()), 3) for name, codes in grounds.said.items()}
    sys.stdout.write(f"{options.out}: {right}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
