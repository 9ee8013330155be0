"""GCN training: it learns what can be learned, the same way every time, and turns graphs as squares turn."""

import numpy as np
import pytest
import torch

from lczmap.things.graph import MOST_NODES, Graphs
from lczmap.train.gcn import (
    GcnSettings,
    Labelled,
    by_another_camera,
    class_weights,
    labelled,
    logits_of,
    thinned,
    train_gcn,
    turned,
)

# the toy's classes are shades of grey, which another exposure would mix up
QUICK = GcnSettings(epochs=8, patience=3, restarts=1, cameras=0.1)


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


def test_turned_graphs_keep_distances_colours_and_padding() -> None:
    cells = toy(64, 3)
    after_all = turned(cells.nodes, cells.counts, torch.Generator().manual_seed(0))
    torch.testing.assert_close(after_all[..., :3], cells.nodes[..., :3])
    real = (torch.arange(MOST_NODES) < cells.counts[:, None])[..., None]
    assert (after_all[~real.expand_as(after_all)] == 0).all()
    for before, after, count in zip(cells.nodes, after_all, cells.counts, strict=True):
        distances = [torch.cdist(each[:count, 3:], each[:count, 3:]) for each in (before, after)]
        torch.testing.assert_close(*distances, rtol=0, atol=2e-3)
    assert (after_all[..., 3:] >= 0).all()
    moved = (after_all[..., 3:] - cells.nodes[..., 3:]).abs().amax(dim=(1, 2)) > 1e-3
    # one of the eight ways leaves a square as it is
    assert 0.7 < moved.float().mean() < 1.0


def test_another_camera_moves_colours_and_nothing_else() -> None:
    cells = toy(64, 4)
    seen = by_another_camera(cells.nodes, cells.counts, torch.Generator().manual_seed(1))
    torch.testing.assert_close(seen[..., 3:], cells.nodes[..., 3:])
    real = (torch.arange(MOST_NODES) < cells.counts[:, None])[..., None]
    assert (seen[~real.expand_as(seen)] == 0).all()
    assert ((seen >= 0) & (seen <= 1)).all()
    moved = (seen[..., :3] - cells.nodes[..., :3]).abs()[real.expand_as(cells.nodes)[..., :3]]
    assert moved.mean() > 0.05
    alone = by_another_camera(cells.nodes, cells.counts, torch.Generator().manual_seed(1), strength=0.0)
    torch.testing.assert_close(alone, cells.nodes)


def test_a_camera_is_one_for_all_instances_of_a_cell() -> None:
    """Instances of one colour are of one colour to every camera."""
    cells = toy(64, 5)
    nodes = cells.nodes.clone()
    nodes[:, 1:4, :3] = nodes[:, :1, :3]
    seen = by_another_camera(nodes, cells.counts, torch.Generator().manual_seed(2))
    several = cells.counts >= 4
    assert several.any()
    torch.testing.assert_close(seen[several, 1:4, :3], seen[several, :1, :3].expand(-1, 3, -1))


def test_thinned_graphs_lack_some_instances_and_never_all() -> None:
    cells = toy(200, 6)
    nodes, centres, counts = thinned(
        cells.nodes, cells.centres, cells.counts, torch.Generator().manual_seed(3), most=0.9
    )
    assert ((counts >= 1) & (counts <= cells.counts)).all()
    assert (counts < cells.counts).any()
    real = torch.arange(MOST_NODES) < counts[:, None]
    assert (nodes[~real] == 0).all()
    assert (centres[~real] == -1).all()
    for before, after, left, whole in zip(cells.nodes, nodes, counts, cells.counts, strict=True):
        rows = {tuple(row) for row in before[:whole].tolist()}
        assert {tuple(row) for row in after[:left].tolist()} <= rows


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
