"""What the second stream says of the same cells by window and by cell mode: `python -m tests.bench.labels`.

Cells of simulated ground that no shipped weights have seen are cut as shipped, by windows at cell mode's prompt pitch,
and cell by cell as in the paper, all by the same weights; the graph model of the windows then classifies every graph.
The table holds how often it says what it says of the shipped instances, and how often the true class.
"""

import argparse

import numpy as np
import torch

from lczmap.catalog import segmenter_spec
from lczmap.device import choose_device, use_threads
from lczmap.models.graph_classifier import graph_classifier_from
from lczmap.segment.segmenter import sam_segmenter
from lczmap.synthetic.pairs import pair_of
from lczmap.synthetic.patches import piece_of
from lczmap.synthetic.region import REGION_NAMES
from lczmap.things.graph import joined
from lczmap.train.cuts import graphs_on
from lczmap.train.pairs import MARGIN
from lczmap.weights import find_card, weights_path
from tests.bench.segment import network_of

FIRST_SEED = 9_000
"""Seeds from here on are nobody's: they train, validate and judge nothing."""


def main() -> None:
    """Cut, classify, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="pieces of each region")
    parser.add_argument("--across", type=int, default=4, help="cells along a side of a piece, an even number")
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    device = choose_device(asked.device)
    use_threads(asked.threads)
    pairs = [
        pair_of(piece_of(region, FIRST_SEED + seed, across=asked.across), margin=MARGIN)
        for seed in range(asked.seeds)
        for region in REGION_NAMES
    ]
    truth = np.concatenate([each.patches.truth for each in pairs])
    shipped = segmenter_spec("sam-tiny")
    cell = shipped.changed({"mode": "cell", "points_per_side": asked.points, "crop_layers": asked.layers})
    specs = {
        "window, as shipped": shipped,
        "window, cell mode's pitch": shipped.changed({"pitch_metres": 320 / asked.points}),
        "cell, without crops": cell.changed({"crop_layers": 0}),
        f"cell, {asked.layers} layers of crops": cell,
    }
    card = find_card("gcn-sam-tiny")
    model = graph_classifier_from(card, weights_path(card), device=torch.device("cpu"))
    first = None
    print(f"{len(truth)} cells of {len(pairs)} pieces")
    print(f"  {'':26} {'nodes':>6} {'same class':>11} {'true class':>11}")
    for name, spec in specs.items():
        segmenter = sam_segmenter(spec, network_of(spec, device)[0])
        graphs = joined([graphs_on(each.picture, segmenter) for each in pairs])
        said = np.where(graphs.counts > 0, np.nan_to_num(model.classify(graphs)).argmax(axis=1) + 1, 0)
        first = said if first is None else first
        print(f"  {name:26} {graphs.counts.mean():6.1f} {(said == first).mean():11.1%} {(said == truth).mean():11.1%}")


if __name__ == "__main__":
    main()
