"""GCN training: it learns what can be learned, the same way every time, and turns graphs as squares turn."""

import numpy as np
import pytest
import torch

from lczmap.things.graph import MOST_NODES, Graphs
from lczmap.train.gcn import GcnSettings, Labelled, class_weights, labelled, logits_of, train_gcn, varied

QUICK = GcnSettings(epochs=8, patience=3, restarts=1)


def toy(count: int, seed: int) -> Labelled:
    """Cells of three classes that differ in colour, with 0 to 6 instances at random places."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([2, 11, 17], count).astype(np.uint8)
    counts = rng.integers(0, 7, count)
    nodes = np.zeros((count, MOST_NODES, 5), np.float32)
    centres = np.full((count, MOST_NODES, 2), -1, np.int32)
    for cell, number in enumerate(counts):
        places = rng.integers(1, 640, (number, 2))
        nodes[cell, :number, :3] = np.clip(truth[cell] / 20 + rng.normal(0, 0.05, (number, 3)), 0.02, 1)
        nodes[cell, :number, 3:] = places / 640
        centres[cell, :number] = places
    return labelled(Graphs(nodes=nodes, centres=centres, counts=counts), truth)


def test_training_learns_and_repeats() -> None:
    training, validation = toy(160, 0), toy(60, 1)
    first, again = (train_gcn(training, validation, QUICK) for _ in range(2))
    assert first.loss < 0.6 * np.log(17)
    assert first.loss < first.first_loss
    assert 1 <= first.epoch <= QUICK.epochs
    for name, values in first.network.state_dict().items():
        torch.testing.assert_close(values, again.network.state_dict()[name], rtol=0, atol=0)
    with torch.inference_mode():
        said = first.network(validation.nodes, validation.centres, validation.counts).argmax(dim=1)
    assert (said == validation.truth).float().mean() > 0.8


def test_the_best_epoch_is_kept() -> None:
    training, validation = toy(96, 0), toy(40, 1)
    found = train_gcn(training, validation, QUICK)
    with torch.inference_mode():
        logits = found.network(validation.nodes, validation.centres, validation.counts)
    loss = torch.nn.functional.cross_entropy(logits, validation.truth)
    assert float(loss) == pytest.approx(found.loss)


def test_cells_without_instances_teach_nothing() -> None:
    assert (toy(200, 2).counts > 0).all()
    assert len(toy(200, 2)) < 200


def test_turned_graphs_keep_distances_colours_in_proportion_and_padding() -> None:
    cells = toy(64, 3)
    turned = varied(cells.nodes, cells.counts, torch.Generator().manual_seed(0), tint=0.0)
    torch.testing.assert_close(turned[..., :3], cells.nodes[..., :3])
    real = (torch.arange(MOST_NODES) < cells.counts[:, None])[..., None]
    assert (turned[~real.expand_as(turned)] == 0).all()
    for before, after, count in zip(cells.nodes, turned, cells.counts, strict=True):
        distances = [torch.cdist(each[:count, 3:], each[:count, 3:]) for each in (before, after)]
        torch.testing.assert_close(*distances, rtol=0, atol=2e-3)
    assert (turned[..., 3:] >= 0).all()
    moved = (turned[..., 3:] - cells.nodes[..., 3:]).abs().amax(dim=(1, 2)) > 1e-3
    # one of the eight ways leaves a square as it is
    assert 0.7 < moved.float().mean() < 1.0


def test_a_tint_is_one_for_all_instances_of_a_cell() -> None:
    cells = toy(40, 4)
    tinted = varied(cells.nodes, cells.counts, torch.Generator().manual_seed(1), tint=0.1)
    for before, after, count in zip(cells.nodes, tinted, cells.counts, strict=True):
        ratio = after[:count, :3] / before[:count, :3]
        free = (after[:count, :3] < 1).all(dim=1)
        torch.testing.assert_close(ratio[free], ratio[free][:1].expand_as(ratio[free]))


def test_class_weights_are_one_for_the_mean_cell() -> None:
    truth = torch.tensor([0] * 90 + [5] * 10)
    assert class_weights(truth, 0.0).unique().tolist() == [1.0]
    weights = class_weights(truth, 1.0)
    assert float(weights[truth].mean()) == pytest.approx(1.0)
    assert float(weights[5] / weights[0]) == pytest.approx(9.0)


def test_logits_are_those_of_the_network() -> None:
    cells = toy(30, 5)
    found = train_gcn(cells, cells, GcnSettings(epochs=1, restarts=1))
    graphs = Graphs(nodes=cells.nodes.numpy(), centres=cells.centres.numpy(), counts=cells.counts.numpy())
    with torch.inference_mode():
        expected = found.network(cells.nodes, cells.centres, cells.counts).numpy()
    np.testing.assert_array_equal(logits_of(found.network, graphs), expected)
