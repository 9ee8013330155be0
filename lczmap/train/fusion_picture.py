"""A held-out simulated town as both streams and their fusion see it: `python -m lczmap.train.fusion_picture --out PNG`.

In: a shipped GCN and the Sentinel model it is paired with. Out: one picture, from the left the ground at 1 m, the true
classes, S, G and S+G, each with its share of right cells.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping
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
from lczmap.synthetic.pairs import Pair, pair_of
from lczmap.synthetic.patches import piece_of
from lczmap.synthetic.region import RegionName
from lczmap.train.cuts import Cutter, cutter, graphs_on
from lczmap.train.evaluate import Codes
from lczmap.train.fusion import Streams, answers
from lczmap.train.pairs import MARGIN
from lczmap.train.picture import INK, PAPER, SOFT, few_colours
from lczmap.weights import find_card, weights_path
from lczmap.words.bands import REFLECTANCE_SCALE
from lczmap.words.lcz import LCZ
from lczmap.words.modelcard import ModelCard, require_instances

REGION: RegionName = "european"
SEED = 4_000
"""The first of the seeds beyond those of all splits."""
ACROSS = 12
"""Cells along a side."""
TITLES = {"S": "S: Sentinel-2 stream", "G": "G: VHR stream", "S+G": "S+G: fused"}
_SHOWN = 480
"""Side of the ground as it is drawn, pixels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Town:
    """One town and what is said of it."""

    picture: NDArray[np.uint8]
    """Its ground at 1 m `(side, side, 3)`."""
    truth: Codes
    """`(n,)`: class codes of its cells, row by row from the north-west."""
    said: Mapping[str, Codes]
    """Class codes by stream, each `(n,)`."""


def town_of(pair: Pair, tool: Cutter, card: ModelCard, sentinel: str) -> Town:
    """A town through both streams.

    Args:
        pair: the town.
        tool: what cuts its picture.
        card: the GCN's.
        sentinel: name of the Sentinel model.
    """
    cpu = torch.device("cpu")
    graphs = graph_classifier_from(card, weights_path(card), device=cpu)
    patches = load_classifier(sentinel, precision="float32", device=cpu)
    streams = Streams(
        sentinel=patches.classify(pair.patches.x * np.float32(REFLECTANCE_SCALE)).probabilities,
        vhr=graphs.classify(graphs_on(pair.picture, tool.segmenter)),
        truth=pair.patches.truth.astype(np.int64),
        piece=np.zeros(len(pair.patches.truth), np.int64),
    )
    inner = pair.picture[pair.margin : -pair.margin, pair.margin : -pair.margin]
    return Town(picture=inner, truth=streams.truth, said=answers(streams, card.sentinel_weight))


def write_town(town: Town, path: Path) -> None:
    """Draw it."""
    figure = Figure(figsize=(14.6, 3.7), dpi=100, facecolor=PAPER)
    panels = figure.subplots(1, 2 + len(town.said))
    ground = Image.fromarray(town.picture).resize((_SHOWN, _SHOWN), Image.Resampling.LANCZOS)
    panels[0].imshow(np.asarray(ground.quantize(96).convert("RGB")))
    panels[0].set_title("1 m picture", fontsize=10, color=INK, loc="left")
    titles = {"true classes": town.truth}
    titles |= {f"{TITLES[name]}, {(codes == town.truth).mean():.0%} right": codes for name, codes in town.said.items()}
    for axes, (title, codes) in zip(panels[1:], titles.items(), strict=True):
        axes.imshow(coloured(codes), interpolation="nearest")
        axes.set_title(title, fontsize=10, color=INK, loc="left")
    for axes in panels:
        axes.set_axis_off()
    shown = np.unique(np.concatenate([town.truth, *town.said.values()]))
    zones = [zone for zone in LCZ if zone.code in shown]
    marks = [Rectangle((0, 0), 1, 1, color=f"#{zone.colour}") for zone in zones]
    names = [f"{zone.label} {zone.name}" for zone in zones]
    figure.legend(marks, names, loc="lower left", ncols=9, fontsize=7.5, frameon=False, labelcolor=INK,
                  bbox_to_anchor=(0.005, 0.055), handlelength=1.0, columnspacing=1.2)  # fmt: skip
    foot = "A simulated town of no real place, of a seed that nothing was trained, tuned or measured on: 320 m cells."
    figure.text(0.012, 0.02, foot, fontsize=7.5, color=SOFT)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.92, bottom=0.2, wspace=0.05)
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    with Image.open(buffer) as image:
        few_colours(image.convert("RGB")).save(path, optimize=True)


def coloured(codes: Codes) -> NDArray[np.uint8]:
    """A square map in the official colours `(rows, columns, 3)`; white where no class is said."""
    colours = np.array([(255, 255, 255), *(zone.rgb for zone in LCZ)], np.uint8)
    side = round(len(codes) ** 0.5)
    return colours[codes.reshape(side, side)]


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, simulate, classify and draw."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.fusion_picture", description=__doc__)
    parser.add_argument("--graph", default="gcn-sam-tiny", help="a shipped GCN")
    parser.add_argument("--sentinel", default="resnet11-provisional", help="a shipped Sentinel model")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--out", type=Path, required=True, help="the PNG")
    options = parser.parse_args(arguments)
    card = find_card(options.graph)
    tool = cutter(card.segmenter_name, threads=options.threads)
    require_instances(card, tool.segmenter.spec, tool.weights_sha256)
    town = town_of(pair_of(piece_of(REGION, SEED, across=ACROSS), margin=MARGIN), tool, card, options.sentinel)
    write_town(town, options.out)
    right = {name: round(float((codes == town.truth).mean()), 3) for name, codes in town.said.items()}
    sys.stdout.write(f"{options.out}: {right}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
