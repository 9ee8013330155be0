"""The classifier of instance graphs: a card, its checked weights and the closed form, numpy in and numpy out.

In: `Graphs`. Out: probabilities `(n, 17)` float32, rows of NaN where a graph has no node: it has no vote.
Batches are of one fixed size, the last one padded, so a graph's answer does not depend on how many came with it.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lczmap.models.gcn_fast import FastGCN
from lczmap.things.graph import Graphs, empty_graphs, joined
from lczmap.weights import read_weights
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.modelcard import ModelCard, require_graph

ARCHITECTURE = "gcn"
"""What a card calls the network that this file runs."""
BATCH = 256
"""Graphs computed at once; fewer are padded."""


class InstanceGraphClassifier:
    """A `GraphClassifier` on the GCN, in float32."""

    def __init__(self, card: ModelCard, network: FastGCN, *, device: torch.device) -> None:
        self.card = card
        """What the model is and what it eats."""
        self._network = network.eval().to(device)
        self._device = device

    def classify(self, graphs: Graphs) -> NDArray[np.float32]:
        """(n, 17) class probabilities in the order given; rows of NaN where a graph has no node."""
        short = -len(graphs) % BATCH
        padded = joined([graphs, empty_graphs(short)])
        lots = [np.zeros((0, CLASS_COUNT), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(padded), BATCH):
                lot = slice(start, start + BATCH)
                given = (padded.nodes[lot], padded.centres[lot], padded.counts[lot])
                logits = self._network(*(torch.from_numpy(array).to(self._device) for array in given))
                lots.append((logits / self.card.temperature).softmax(dim=1).cpu().numpy())
        probabilities = np.concatenate(lots)[: len(graphs)]
        probabilities[graphs.counts == 0] = np.nan
        return probabilities


def graph_classifier_from(card: ModelCard, weights: Path, *, device: torch.device) -> InstanceGraphClassifier:
    """A classifier from a card and its weights.

    Raises:
        ModelCardError: the card does not describe a GCN on instance graphs.
        WeightsError: the file is not what the card says.
    """
    require_graph(card, ARCHITECTURE)
    network = FastGCN()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    tensors = read_weights(weights, sha256=card.sha256, shapes=shapes)
    network.load_state_dict({name: torch.from_numpy(tensors[name]) for name in shapes})
    return InstanceGraphClassifier(card, network, device=device)
