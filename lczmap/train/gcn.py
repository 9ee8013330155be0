"""Train the GCN of the VHR stream on graphs of cells: DF4LCZ's settings, and graphs as other cameras would see them.

In: graphs and true classes of training and validation cells. Out: the network of the best epoch by validation loss,
and how it went. Nadam, learning rate 0.01, batches of 32, at most 100 epochs, patience 20 (DF4LCZ, section IV-B).
Seeded: the same cells and settings give the same network on one build and device.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lczmap.models.gcn_fast import FastGCN
from lczmap.things.graph import Graphs
from lczmap.words.lcz import CLASS_COUNT

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class GcnSettings:
    """How a GCN is trained; the defaults are the paper's but for the last five."""

    rate: float = 0.01
    """Learning rate of Nadam."""
    batch: int = 32
    """Cells at once."""
    epochs: int = 100
    """At most."""
    patience: int = 20
    """Epochs without a better validation loss before it ends."""
    balance: float = 0.5
    """A class weighs as its rarity to this power: 0 leaves all alike, 1 makes up for their numbers."""
    cameras: float = 1.0
    """How far colours are moved in training, in the spreads of `by_another_camera`; 0 leaves them alone."""
    left_out: float = 0.4
    """Largest share of a cell's instances that a training graph may lack."""
    restarts: int = 3
    """Networks from other seeds; the best by validation loss is kept."""
    seed: int = 0
    """Of weights, order, turns and cameras."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Cells that have at least one instance, as tensors."""

    nodes: Tensor
    """`(n, 50, 5)` as in `Graphs`."""
    centres: Tensor
    """`(n, 50, 2)`."""
    counts: Tensor
    """`(n,)`."""
    truth: Tensor
    """`(n,)`: class code less 1."""

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedGcn:
    """What training left."""

    network: FastGCN
    """Of the best epoch, in evaluation mode."""
    loss: float
    """Its mean cross entropy on the validation cells, nats."""
    first_loss: float
    """The same after the first epoch."""
    epoch: int
    """Which epoch that was, from 1."""


def labelled(graphs: Graphs, truth: NDArray[np.uint8]) -> Labelled:
    """The cells that have a graph, with their classes `(n,)`, codes from 1."""
    keep = np.flatnonzero(graphs.counts > 0)
    return Labelled(
        nodes=torch.from_numpy(graphs.nodes[keep]),
        centres=torch.from_numpy(graphs.centres[keep]),
        counts=torch.from_numpy(graphs.counts[keep]),
        truth=torch.from_numpy(truth[keep].astype(np.int64) - 1),
    )


def train_gcn(training: Labelled, validation: Labelled, settings: GcnSettings = GcnSettings()) -> TrainedGcn:
    """Train networks from several seeds and keep the best."""
    runs = []
    for restart in range(settings.restarts):
        runs.append(_run(training, validation, settings, seed=settings.seed + restart))
        logger.info("start %d: loss %.3f at epoch %d", restart + 1, runs[-1].loss, runs[-1].epoch)
    return min(runs, key=lambda run: run.loss)


def _run(training: Labelled, validation: Labelled, settings: GcnSettings, *, seed: int) -> TrainedGcn:
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    network = FastGCN()
    optimizer = torch.optim.NAdam(network.parameters(), lr=settings.rate)
    weights = class_weights(training.truth, settings.balance)
    best, losses = copy.deepcopy(network.state_dict()), [float("inf")]
    for _ in range(settings.epochs):
        network.train()
        for rows in torch.split(torch.randperm(len(training), generator=draw), settings.batch):
            chosen = (training.nodes[rows], training.centres[rows], training.counts[rows])
            nodes, centres, counts = thinned(*chosen, draw, most=settings.left_out)
            nodes = by_another_camera(turned(nodes, counts, draw), counts, draw, strength=settings.cameras)
            logits = network(nodes, centres, counts)
            loss = functional.cross_entropy(logits, training.truth[rows], weight=weights)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        loss_now = _validation_loss(network, validation)
        if loss_now < min(losses):
            best = copy.deepcopy(network.state_dict())
        losses.append(loss_now)
        if len(losses) - 1 - losses.index(min(losses)) >= settings.patience:
            break
    network.load_state_dict(best)
    return TrainedGcn(network=network.eval(), loss=min(losses), first_loss=losses[1], epoch=losses.index(min(losses)))


def class_weights(truth: Tensor, balance: float) -> Tensor:
    """Weight of each class `(17,)`: its rarity among `truth (n,)` to a power, 1 for the mean cell."""
    count = torch.bincount(truth, minlength=CLASS_COUNT).clamp(min=1).float()
    weights = (count.mean() / count) ** balance
    return weights / weights[truth].mean()


def turned(nodes: Tensor, counts: Tensor, draw: torch.Generator) -> Tensor:
    """Graphs `(b, 50, 5)` turned and mirrored at random, each as a whole; padding stays zero.

    A turned square's instances are the same but for their centres; shadows, which do not turn with the square, are no
    feature of a node.
    """
    count = len(nodes)
    middle = nodes[..., 3:] - 0.5
    middle = middle * (torch.randint(2, (count, 1, 2), generator=draw) * 2 - 1)
    swapped = torch.rand(count, 1, 1, generator=draw) < 0.5
    middle = torch.where(swapped, middle.flip(-1), middle)
    return torch.cat([nodes[..., :3], middle + 0.5], dim=-1) * _real(counts, nodes.shape[1])


def by_another_camera(nodes: Tensor, counts: Tensor, draw: torch.Generator, *, strength: float = 1.0) -> Tensor:
    """Graphs `(b, 50, 5)` with the colours that another light, lens and laboratory would give, one a cell.

    The simulator's cameras are few and alike; a network that trusts their very colours is sure of itself, and wrong,
    on a picture it has never seen the like of. Spreads, at strength 1: exposure 25 % and each colour 8 %, gamma 20 %,
    contrast between the instances 25 %, saturation between 0.4 and 1.6, haze 0.05.
    """
    count, real = len(nodes), _real(counts, nodes.shape[1])

    def normal(colours: int = 1) -> Tensor:
        return strength * torch.randn(count, 1, colours, generator=draw)

    exposed = nodes[..., :3] * (0.25 * normal() + 0.08 * normal(3)).exp()
    seen = exposed.clamp(0.0, 1.0) ** (0.2 * normal()).exp()
    middle = (seen * real).sum(dim=1, keepdim=True) / counts.clamp(min=1)[:, None, None]
    seen = middle + (seen - middle) * (0.25 * normal()).exp()
    grey = seen.mean(dim=2, keepdim=True)
    saturation = 1 + strength * 0.6 * (2 * torch.rand(count, 1, 1, generator=draw) - 1)
    seen = grey + (seen - grey) * saturation + 0.05 * normal()
    return torch.cat([seen.clamp(0.0, 1.0), nodes[..., 3:]], dim=-1) * real


def thinned(
    nodes: Tensor, centres: Tensor, counts: Tensor, draw: torch.Generator, *, most: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes, centres and counts of graphs that lack up to a share of their instances, but never all."""
    count, size = nodes.shape[:2]
    real = _real(counts, size)[..., 0]
    kept = real & (torch.rand(count, size, generator=draw) >= most * torch.rand(count, 1, generator=draw))
    kept[:, 0] |= real[:, 0] & ~kept.any(dim=1)
    order = torch.argsort((~kept).int(), dim=1, stable=True)[..., None]
    left = kept.sum(dim=1)
    padded = _real(left, size)
    nodes = torch.gather(nodes, 1, order.expand(-1, -1, nodes.shape[2])) * padded
    centres = torch.where(padded, torch.gather(centres, 1, order.expand(-1, -1, 2)), -1)
    return nodes, centres, left


def _real(counts: Tensor, size: int) -> Tensor:
    """(b, size, 1) which rows are nodes, not padding."""
    return (torch.arange(size) < counts[:, None])[..., None]


def logits_of(network: FastGCN, graphs: Graphs) -> NDArray[np.float32]:
    """Logits `(n, 17)`; those of a graph without nodes mean nothing."""
    with torch.inference_mode():
        given = (graphs.nodes, graphs.centres, graphs.counts)
        logits: NDArray[np.float32] = network(*(torch.from_numpy(array) for array in given)).numpy()
    return logits


def _validation_loss(network: FastGCN, validation: Labelled) -> float:
    network.eval()
    with torch.inference_mode():
        logits = network(validation.nodes, validation.centres, validation.counts)
        return float(functional.cross_entropy(logits, validation.truth))
