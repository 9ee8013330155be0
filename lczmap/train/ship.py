"""Turn a checkpoint into a shipped model: `python -m lczmap.train.ship --checkpoint FILE --patches DIR --teacher FILE`.

In one go: fits biases, temperature and out-of-domain score on held-out patches, measures, and writes float16
safetensors, the card beside them, and pictures where asked for. What it measures is in `judge`, what it says in `card`.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from lczmap.device import use_threads
from lczmap.models.resnet11 import ResNet11
from lczmap.train.calibrate import reliability, softmax
from lczmap.train.card import Naming, card_text, training_sentences
from lczmap.train.findings import Evidence, Found, find, leanings
from lczmap.train.level import levelled
from lczmap.train.patches import in_split, read_patches
from lczmap.train.picture import Disagreement, write_disagreements, write_reliability
from lczmap.train.simulated import learnable, read_simulated
from lczmap.train.teacher import read_teacher
from lczmap.weights import WEIGHTS_FOLDER, read_card
from lczmap.words.modelcard import ModelCard, parse_model_card

logger = logging.getLogger(__name__)


LEVELLED = (
    "One bias a class was then fitted on the validation patches, as they are and darkened as by a low sun, and added "
    "to the last layer."
)
"""What the card says of `level`."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training left."""

    network: ResNet11
    """The running average of the weights, through float16, as a user will load it."""
    steps: int
    """Steps it took."""
    begun: str
    """What it began from; empty for random weights."""


def float16_tensors(network: ResNet11) -> dict[str, NDArray[np.float16]]:
    """A network's parameters and statistics as they are shipped; the count of training steps is left out."""
    return {
        name: value.detach().numpy().astype(np.float16)
        for name, value in network.state_dict().items()
        if value.is_floating_point()
    }


def rounded(network: ResNet11) -> ResNet11:
    """The network as a user will load it: through float16."""
    shipped = ResNet11()
    tensors = {name: torch.from_numpy(value.astype(np.float32)) for name, value in float16_tensors(network).items()}
    shipped.load_state_dict(tensors, strict=False)
    return shipped.eval()


def read_checkpoint(path: Path) -> Trained:
    """What `distill` left: the optimiser's state, which shipping has no use for, is not looked at."""
    content = torch.load(path, weights_only=True, map_location="cpu")
    network = ResNet11()
    network.load_state_dict(content["average"])
    return Trained(network=rounded(network), steps=int(content["step"]), begun=str(content["begun"]))


def write_model(naming: Naming, network: ResNet11, found: Found, training: Sequence[str], out: Path) -> None:
    """Write weights and card, the card last: it names the digest of the weights.

    Args:
        naming: what the model is shipped as.
        network: its weights.
        found: what was fitted and measured.
        training: sentences on what it was trained on and how.
        out: folder of both files.
    """
    content = save({**float16_tensors(network), **found.domain})
    text = card_text(naming, found.findings, sha256=hashlib.sha256(content).hexdigest(), training=training)
    parse_model_card(text)
    out.mkdir(parents=True, exist_ok=True)
    (out / naming.weights).write_bytes(content)
    (out / f"{naming.name}.toml").write_text(text, encoding="utf-8")


def told_before(card: ModelCard, training: Sequence[str]) -> list[str]:
    """What the card of the weights that a training began from says of theirs, less what would be said twice."""
    return [f"Before that: {sentence}" for sentence in card.training if sentence not in training]


def write_pictures(found: Found, folder: Path) -> None:
    """Draw the reliability diagram of the held-out patches, and the patches where student and teacher differ most."""
    folder.mkdir(parents=True, exist_ok=True)
    held = found.held_out
    temperature = found.findings.temperature
    states = {"as trained": 1.0, f"shipped, temperature {temperature:g}": temperature}
    tables = {name: reliability(softmax(held.logits, value), held.labels) for name, value in states.items()}
    write_reliability(tables, folder / "reliability.png")
    shown = Disagreement(
        patches=found.shown_patches,
        labels=found.shown.labels,
        probabilities=softmax(found.shown.logits, temperature),
        places=found.shown_places,
    )
    write_disagreements(shown, folder / "disagreements.png")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure and write."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.ship", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="what `distill` left in its --out")
    parser.add_argument("--patches", type=Path, nargs="+", required=True, help="the folders `distill` read")
    parser.add_argument("--teacher", type=Path, required=True, help="So2Sat GUL ResNet20-v2, Keras HDF5")
    parser.add_argument("--simulated", type=Path, nargs="*", default=[], help="folders of simulated patches")
    parser.add_argument("--scene", type=Path, help="folder of a scene's bands, of a city never trained on")
    parser.add_argument("--note", nargs="*", default=[], help="sentences on this training, for its card")
    parser.add_argument("--before", type=Path, help="card of the weights it began from: what it says of training stays")
    parser.add_argument("--name", default="resnet11-provisional", help="what the model is shipped as")
    parser.add_argument("--final", action="store_true", help="do not call it provisional")
    parser.add_argument("--labels", type=Path, help="where the teacher's labels are kept (beside the checkpoint)")
    parser.add_argument("--pictures", type=Path, help="folder for the reliability diagram and the disagreements")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=WEIGHTS_FOLDER)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    use_threads(options.threads)
    trained = read_checkpoint(options.checkpoint)
    everything = read_patches(options.patches)
    simulated = read_simulated(options.simulated) if options.simulated else None
    evidence = Evidence(
        teacher=read_teacher(options.teacher),
        patches=everything,
        folders=options.patches,
        simulated=simulated,
        scene=options.scene,
        kept=options.labels or options.checkpoint.parent,
    )
    biases = leanings(trained.network, evidence)
    logger.info("biases by class: %s", biases.round(2))
    network = rounded(levelled(trained.network, biases))
    found = find(network, evidence)
    learned = in_split(everything, ["train"]).rows
    training = [
        *training_sentences(learned, 0 if simulated is None else int(learnable(simulated).sum())),
        (
            f"{trained.steps} steps{f' from {trained.begun}' if trained.begun else ''}; the running average of the "
            "weights is what is shipped."
        ),
        LEVELLED,
        *options.note,
    ]
    if options.before is not None:
        training += told_before(read_card(options.before), training)
    naming = Naming(name=options.name, provisional=not options.final)
    write_model(naming, network, found, training, options.out)
    if options.pictures is not None:
        write_pictures(found, options.pictures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
