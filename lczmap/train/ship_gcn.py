"""Train and ship a GCN for a segmenter and a Sentinel model: `python -m lczmap.train.ship_gcn --pairs DIR`.

In one go: cuts what is not yet cut, trains on the training pieces, fits temperature and the Sentinel stream's weight on
the validation pieces, measures on the held-out ones, and writes float16 safetensors and the card beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from lczmap.models.classifier import SentinelClassifier, load_classifier
from lczmap.models.gcn_fast import FastGCN
from lczmap.synthetic.city import SIMULATION_RECIPE
from lczmap.things.graph import joined
from lczmap.train.calibrate import fit_temperature, reliability, softmax
from lczmap.train.cuts import Cut, Cutter, cut_all, cutter, read_cut
from lczmap.train.fusion import Streams, choose_weight, gain_of
from lczmap.train.gcn import GcnSettings, TrainedGcn, by_another_camera, labelled, logits_of, train_gcn
from lczmap.train.gcn_card import GcnFindings, Naming, gcn_card_text, tables_of
from lczmap.train.pairs import ACROSS, SEEDS, Place, Split, places
from lczmap.weights import WEIGHTS_FOLDER
from lczmap.words.bands import REFLECTANCE_SCALE
from lczmap.words.errors import LczmapError
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.modelcard import parse_model_card

logger = logging.getLogger(__name__)

CAMERAS = 4
"""Times that each validation cell is looked at, each time by another camera."""


class MixedPairsError(LczmapError):
    """Pairs that were rendered by several simulators."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cuts:
    """The cells of all splits."""

    train: Cut
    """To learn from."""
    validation: Cut
    """To fit temperature and weight on."""
    held_out: Cut
    """To measure on."""

    @property
    def frozen(self) -> str:
        """Digest of the simulator that rendered them.

        Raises:
            MixedPairsError: there were several.
        """
        digests = {digest for cut in (self.train, self.validation, self.held_out) for digest in cut.frozen}
        if len(digests) != 1:
            raise MixedPairsError(
                f"The pairs were rendered by {len(digests)} states of the simulator, expected one; remove them and "
                "render them anew (lczmap.train.pairs)."
            )
        return next(iter(digests))


def rounded_gcn(network: FastGCN) -> tuple[FastGCN, dict[str, NDArray[np.float16]]]:
    """The network as a user will load it, through float16, and its tensors on disk."""
    tensors = {name: value.detach().numpy().astype(np.float16) for name, value in network.state_dict().items()}
    shipped = FastGCN()
    shipped.load_state_dict({name: torch.from_numpy(value.astype(np.float32)) for name, value in tensors.items()})
    return shipped.eval(), tensors


def streams_of(cut: Cut, network: FastGCN, temperature: float, sentinel: SentinelClassifier) -> Streams:
    """What both streams say of some cells."""
    vhr = softmax(logits_of(network, cut.graphs), temperature)
    vhr[cut.graphs.counts == 0] = np.nan
    return Streams(
        sentinel=sentinel.classify(cut.x * np.float32(REFLECTANCE_SCALE)).probabilities,
        vhr=vhr,
        truth=cut.truth.astype(np.int64),
        piece=cut.piece,
    )


def find(cuts: Cuts, network: FastGCN, sentinel: SentinelClassifier) -> GcnFindings:
    """Fit on the validation cells, measure on the held-out ones.

    Args:
        cuts: the cells.
        network: as it will be shipped.
        sentinel: the stream beside it.
    """
    otherwise = [seen_otherwise(cuts.validation, seed) for seed in range(CAMERAS)]
    voting = [_voting(cut, network) for cut in otherwise]
    logits, labels = (np.concatenate(each) for each in zip(*voting, strict=True))
    temperature = fit_temperature(logits, labels)
    held_out = streams_of(cuts.held_out, network, temperature, sentinel)
    validation = several([streams_of(cut, network, temperature, sentinel) for cut in otherwise])
    weight, tried = choose_weight(validation)
    logits, labels = _voting(cuts.held_out, network)
    states = {"temperature 1": 1.0, f"temperature {temperature:g}": temperature}
    return GcnFindings(
        temperature=temperature,
        sentinel_weight=weight,
        tried=tried,
        held_out=held_out,
        held_out_otherwise=streams_of(seen_otherwise(cuts.held_out, CAMERAS), network, temperature, sentinel),
        share=cuts.held_out.share,
        gain=gain_of(held_out, weight),
        reliability={state: reliability(softmax(logits, value), labels) for state, value in states.items()},
    )


def seen_otherwise(cut: Cut, seed: int) -> Cut:
    """The same cells, their graphs as other cameras would give them."""
    draw = torch.Generator().manual_seed(seed)
    nodes = by_another_camera(torch.from_numpy(cut.graphs.nodes), torch.from_numpy(cut.graphs.counts), draw)
    return replace(cut, graphs=replace(cut.graphs, nodes=nodes.numpy()))


def several(seen: Sequence[Streams]) -> Streams:
    """What the streams say of the same cells, seen several times."""
    return Streams(
        sentinel=np.concatenate([each.sentinel for each in seen]),
        vhr=np.concatenate([each.vhr for each in seen]),
        truth=np.concatenate([each.truth for each in seen]),
        piece=np.concatenate([each.piece for each in seen]),
    )


def _voting(cut: Cut, network: FastGCN) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits and one-hot labels `(m, 17)` of the cells that have a graph."""
    keep = cut.graphs.counts > 0
    return logits_of(network, cut.graphs)[keep], np.eye(CLASS_COUNT, dtype=np.float32)[cut.truth[keep] - 1]


def training_sentences(cuts: Cuts, trained: TrainedGcn, settings: GcnSettings, seeds: Sequence[int]) -> list[str]:
    """What a GCN was trained on and how.

    Args:
        cuts: the cells.
        trained: what came out.
        settings: how.
        seeds: of the training pieces.
    """
    train = cuts.train
    pieces, cells = len(np.unique(train.piece)), len(train.truth)
    voting = float((train.graphs.counts > 0).mean())
    validation, held = SEEDS["validation"], SEEDS["held-out"]
    return [
        (
            f"{cells:,} simulated cells, the Sentinel-2 patch and the 1 m picture of the same ground, on {pieces} "
            f"pieces of {ACROSS} x {ACROSS} cells in five regions (seeds {seeds[0]} to {seeds[-1]}), each with a date, "
            "sun, camera and building stock of its own; three in four from ground where all classes are alike."
        ),
        (
            f"{voting:.1%} of them have instances, {float(train.graphs.counts.mean()):.1f} on average; the true class "
            "of a cell is the one with the largest share of its square."
        ),
        (
            f"Frozen before training: simulation recipe {SIMULATION_RECIPE}, validation seeds {validation[0]} to "
            f"{validation[-1]}, held-out seeds {held[0]} to {held[-1]}, and the simulator's sources; SHA-256 over all "
            f"of these {cuts.frozen}."
        ),
        (
            f"Nadam, learning rate {settings.rate:g}, batches of {settings.batch}, at most {settings.epochs} epochs, "
            f"patience {settings.patience} (DF4LCZ), cross entropy with classes weighed by their rarity to the power "
            f"{settings.balance:g}; graphs turned, mirrored, thinned by up to {settings.left_out:.0%} "
            "and seen by other cameras anew at every step "
            "(exposure 25 %, colours 8 %, gamma 20 %, contrast 25 %, saturation 0.4 to 1.6, haze 0.05); "
            f"the best of {settings.restarts} starts by validation loss, epoch {trained.epoch}, loss "
            f"{trained.loss:.3f}."
        ),
        (
            "Temperature, then the weight of the Sentinel stream, were fitted on the validation cells "
            f"({len(cuts.validation.truth):,}); held-out cells ({len(cuts.held_out.truth):,}) were looked at last, and "
            "once."
        ),
    ]


def write_gcn(
    naming: Naming, tensors: dict[str, NDArray[np.float16]], found: GcnFindings, training: Sequence[str], out: Path
) -> None:
    """Write weights and card, the card last: it names the digest of the weights.

    Args:
        naming: what the model is shipped as.
        tensors: its weights.
        found: what was fitted and measured.
        training: sentences on what it was trained on and how.
        out: folder of both files.
    """
    content = save(dict(tensors))
    text = gcn_card_text(naming, found, sha256=hashlib.sha256(content).hexdigest(), training=training)
    parse_model_card(text)
    out.mkdir(parents=True, exist_ok=True)
    (out / naming.weights).write_bytes(content)
    (out / f"{naming.name}.toml").write_text(text, encoding="utf-8")


def cells_of(tool: Cutter, pairs: Path, *, seeds: int | None = None) -> Cuts:
    """All cells, cut where they are not yet; the held-out ones last.

    Args:
        tool: what cuts.
        pairs: where they lie.
        seeds: train on the first so many seeds only.
    """
    where: dict[Split, tuple[Place, ...]] = {
        "train": places("train", seeds=seeds),
        "validation": places("validation"),
        "held-out": places("held-out"),
    }
    cut_all([place for each in where.values() for place in each], tool, pairs)
    train, validation, held_out = (read_cut(each, pairs=pairs, cuts=tool.folder(pairs)) for each in where.values())
    return Cuts(train=train, validation=validation, held_out=held_out)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, cut, train, measure and write."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.ship_gcn", description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True, help="what `lczmap.train.pairs` left in its --out")
    parser.add_argument("--segmenter", default="sam-tiny", help="one of the catalogue")
    parser.add_argument("--checkpoint", type=Path, help="its weights, where they are not shipped")
    parser.add_argument("--sentinel", default="resnet11-provisional", help="the Sentinel model it is paired with")
    parser.add_argument("--name", help="what it is shipped as (gcn-SEGMENTER)")
    parser.add_argument("--seeds", type=int, help="train on the first so many seeds only")
    parser.add_argument("--note", nargs="*", default=[], help="sentences on this training, for its card")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FOLDER, help="folder of weights and card")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    tool = cutter(options.segmenter, checkpoint=options.checkpoint, threads=options.threads)
    cuts, settings = cells_of(tool, options.pairs, seeds=options.seeds), GcnSettings()
    logger.info("simulator %s", cuts.frozen)
    trained = train_gcn(
        labelled(cuts.train.graphs, cuts.train.truth),
        labelled(
            joined([seen_otherwise(cuts.validation, seed).graphs for seed in range(CAMERAS)]),
            np.tile(cuts.validation.truth, CAMERAS),
        ),
        settings,
    )
    network, tensors = rounded_gcn(trained.network)
    sentinel = load_classifier(options.sentinel, precision="float32", device=torch.device("cpu"))
    found = find(cuts, network, sentinel)
    naming = Naming(
        name=options.name or f"gcn-{options.segmenter}",
        segmenter_name=options.segmenter,
        segmenter=tool.identity,
        pair=sentinel.card.sha256,
        pair_name=options.sentinel,
    )
    training = training_sentences(cuts, trained, settings, SEEDS["train"][: options.seeds])
    write_gcn(naming, tensors, found, [*training, *options.note], options.out)
    for heading, rows in list(tables_of(found).items())[:3]:
        for name, figures in rows.items():
            logger.info("%s: %s: %s", heading, name, figures)
    logger.info("temperature %g, sentinel_weight %g", found.temperature, found.sentinel_weight)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
