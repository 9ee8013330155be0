"""The GCN: the closed form is the paper's network, for any number of nodes and any coincidence of centres."""

import hashlib
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from lczmap.models.gcn_fast import FastGCN, gathered, neighbours_of
from lczmap.models.graph_classifier import BATCH, InstanceGraphClassifier, graph_classifier_from
from lczmap.testing.fakes import fake_card
from lczmap.things.graph import MOST_NODES, Graphs, empty_graphs, joined
from lczmap.words.errors import ModelCardError, WeightsError
from lczmap.words.modelcard import NODE_FEATURES, NODE_UNITS, ModelCard

with warnings.catch_warnings():
    # torch_geometric scripts classes as it is imported, which torch would rather it did not
    warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
    from lczmap.models.gcn import GCN, normalised_adjacency

CPU = torch.device("cpu")
TOLERANCE = 1e-5  # float32: the closed form takes a group's sum from the whole sum
CARD = replace(
    fake_card(),
    role="graph",
    architecture="gcn",
    bands=(),
    features=NODE_FEATURES,
    units=NODE_UNITS,
    temperature=1.7,
)


def random_graphs(rng: np.random.Generator, counts: list[int], places: int) -> Graphs:
    """Graphs whose centres are drawn from a few places a side, so that some coincide."""
    graphs = empty_graphs(len(counts))
    for index, count in enumerate(counts):
        centres = rng.integers(0, places, (count, 2)) * 7
        graphs.centres[index, :count] = centres
        graphs.nodes[index, :count, :3] = rng.random((count, 3))
        graphs.nodes[index, :count, 3:] = centres / 640
        graphs.counts[index] = count
    return graphs


def twins(seed: int) -> tuple[GCN, FastGCN]:
    """A random network in both forms, sharp enough for the comparison to mean something."""
    torch.manual_seed(seed)
    plain, fast = GCN().eval(), FastGCN().eval()
    with torch.no_grad():
        plain.dense.weight.mul_(8)
    fast.load_state_dict(plain.state_dict())
    return plain, fast


def tensors(graphs: Graphs) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.from_numpy(graphs.nodes), torch.from_numpy(graphs.centres), torch.from_numpy(graphs.counts)


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(0, MOST_NODES), min_size=1, max_size=6),
    places=st.sampled_from([1, 2, 4, 90]),
    seed=st.integers(0, 1000),
)
def test_closed_form_equals_the_plain_network(counts: list[int], places: int, seed: int) -> None:
    graphs = random_graphs(np.random.default_rng(seed), counts, places)
    plain, fast = twins(seed)
    with torch.inference_mode():
        expected, answers = plain(*tensors(graphs)), fast(*tensors(graphs))
    assert (answers.softmax(dim=1) - expected.softmax(dim=1)).abs().max() <= TOLERANCE
    assert (answers - expected).abs().max() <= TOLERANCE * (1 + expected.abs().max())


@pytest.mark.parametrize("places", [1, 2, 90])
def test_gathering_is_the_normalised_adjacency(places: int) -> None:
    graphs = random_graphs(np.random.default_rng(places), list(range(MOST_NODES + 1)), places)
    nodes, centres, counts = tensors(graphs)
    real = torch.arange(MOST_NODES) < counts[:, None]
    expected = normalised_adjacency(centres, real) @ nodes
    assert (gathered(nodes, neighbours_of(centres, counts)) - expected).abs().max() <= TOLERANCE


def test_nodes_apart_gather_the_mean_of_all_others() -> None:
    graphs = empty_graphs(1)
    graphs.counts[0] = 5
    graphs.centres[0, :5] = [(k, 2 * k) for k in range(5)]
    graphs.nodes[0, :5, 0] = [1, 2, 3, 4, 5]
    nodes, centres, counts = tensors(graphs)
    means = gathered(nodes, neighbours_of(centres, counts))[0, :5, 0]
    torch.testing.assert_close(means, torch.tensor([14.0, 13, 12, 11, 10]) / 4)


def test_a_node_alone_and_nodes_all_in_one_place_gather_nothing() -> None:
    graphs = random_graphs(np.random.default_rng(0), [1, 50, 3], 1)
    nodes, centres, counts = tensors(graphs)
    assert not gathered(nodes, neighbours_of(centres, counts)).any()


def test_both_forms_have_one_gradient() -> None:
    graphs = random_graphs(np.random.default_rng(1), [1, 2, 9, 50], 3)
    plain, fast = twins(1)
    truth = torch.tensor([0, 5, 9, 16])
    for network in (plain, fast):
        torch.nn.functional.cross_entropy(network(*tensors(graphs)), truth).backward()
    for (name, ours), (same, theirs) in zip(fast.named_parameters(), plain.named_parameters(), strict=True):
        assert name == same
        assert ours.grad is not None
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)
        assert ours.grad.any()


def test_the_order_of_nodes_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    graphs, shuffled = random_graphs(rng, [30], 4), empty_graphs(1)
    order = rng.permutation(30)
    shuffled.nodes[0, :30], shuffled.centres[0, :30] = graphs.nodes[0, order], graphs.centres[0, order]
    shuffled.counts[:] = 30
    _, fast = twins(2)
    with torch.inference_mode():
        assert (fast(*tensors(graphs)) - fast(*tensors(shuffled))).abs().max() <= TOLERANCE


def classifier() -> InstanceGraphClassifier:
    return InstanceGraphClassifier(CARD, twins(3)[1], device=CPU)


def test_answers_are_tempered_probabilities_and_none_without_nodes() -> None:
    graphs = random_graphs(np.random.default_rng(3), [4, 0, 50], 5)
    answers = classifier().classify(graphs)
    assert answers.dtype == np.float32
    assert np.isnan(answers[1]).all()
    with torch.inference_mode():
        expected = (twins(3)[0](*tensors(graphs)) / 1.7).softmax(dim=1).numpy()
    np.testing.assert_allclose(answers[[0, 2]], expected[[0, 2]], atol=TOLERANCE)
    np.testing.assert_allclose(answers[[0, 2]].sum(axis=1), 1, atol=1e-5)
    assert classifier().classify(empty_graphs(0)).shape == (0, 17)


def test_answers_do_not_depend_on_who_comes_along() -> None:
    rng = np.random.default_rng(4)
    graphs = random_graphs(rng, rng.integers(1, 51, 20).tolist(), 4)
    crowd = random_graphs(rng, [50] * BATCH, 2)
    alone = classifier().classify(graphs)
    np.testing.assert_array_equal(classifier().classify(joined([graphs, crowd]))[:20], alone)


def saved(folder: Path, **changed: object) -> tuple[ModelCard, Path]:
    content = save({name: value.numpy().astype(np.float16) for name, value in twins(5)[0].state_dict().items()})
    path = folder / "gcn.safetensors"
    path.write_bytes(content)
    return replace(CARD, sha256=hashlib.sha256(content).hexdigest(), **changed), path


def test_weights_of_the_plain_form_serve_the_closed_form(tmp_path: Path) -> None:
    card, path = saved(tmp_path)
    graphs = random_graphs(np.random.default_rng(5), [12], 5)
    answers = graph_classifier_from(card, path, device=CPU).classify(graphs)
    with torch.inference_mode():
        expected = (twins(5)[0](*tensors(graphs)) / 1.7).softmax(dim=1).numpy()
    np.testing.assert_allclose(answers, expected, atol=5e-3)  # float16 on disk


def test_cards_and_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    card, path = saved(tmp_path, features=("x", "y", "red", "green", "blue"))
    with pytest.raises(ModelCardError, match="features = x y red green blue, expected red green blue x y"):
        graph_classifier_from(card, path, device=CPU)
    card, path = saved(tmp_path)
    with pytest.raises(WeightsError, match="not those of their card"):
        graph_classifier_from(replace(card, sha256="0" * 64), path, device=CPU)


def test_the_fast_path_does_without_torch_geometric() -> None:
    code = "import sys, lczmap.models.graph_classifier; sys.exit('torch_geometric' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
