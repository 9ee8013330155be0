"""Shipping a GCN: what is written loads, says what was measured, and fits its segmenter and its pair alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lczmap.catalog import segmenter_spec
from lczmap.cli.card import WIDTH, card_lines
from lczmap.models.graph_classifier import graph_classifier_from
from lczmap.testing.fakes import HashClassifier, fake_card
from lczmap.things.graph import MOST_NODES, Graphs
from lczmap.train.cuts import Cut
from lczmap.train.gcn import GcnSettings, labelled, train_gcn
from lczmap.train.gcn_card import GcnFindings, Naming
from lczmap.train.judge import SELF_CONSISTENCY
from lczmap.train.ship_gcn import Cuts, MixedPairsError, find, rounded_gcn, training_sentences, write_gcn
from lczmap.weights import find_card, read_card, shipped_cards
from lczmap.words.errors import ModelCardError
from lczmap.words.modelcard import ModelCard, pair_weight, require_graph, require_instances, segmenter_identity
from lczmap.words.segmenter import SegmenterSpec

SPEC = SegmenterSpec(name="toy", network="slic")
PAIR = "ab" * 32


def cut(pieces: int, seed: int, frozen: str = "f" * 64) -> Cut:
    """Pieces of eight cells; the class is in the colour of the instances and not in the patch; one cell has none."""
    rng = np.random.default_rng(seed)
    count = 8 * pieces
    truth = rng.choice([2, 6, 14], count).astype(np.uint8)
    counts = rng.integers(1, 5, count)
    counts[0] = 0
    nodes = np.zeros((count, MOST_NODES, 5), np.float32)
    centres = np.full((count, MOST_NODES, 2), -1, np.int32)
    for cell, number in enumerate(counts):
        places = rng.integers(1, 640, (number, 2))
        nodes[cell, :number, :3] = np.clip(truth[cell] / 16 + rng.normal(0, 0.04, (number, 3)), 0, 1)
        nodes[cell, :number, 3:], centres[cell, :number] = places / 640, places
    return Cut(
        x=rng.integers(1, 5_000, (count, 32, 32, 10)).astype(np.uint16),
        truth=truth,
        share=rng.uniform(0.5, 1.0, count).astype(np.float32),
        graphs=Graphs(nodes=nodes, centres=centres, counts=counts),
        piece=np.repeat(np.arange(pieces), 8),
        frozen=(frozen,),
    )


@pytest.fixture(scope="module")
def cuts() -> Cuts:
    return Cuts(train=cut(16, 0), validation=cut(6, 1), held_out=cut(8, 2))


@pytest.fixture(scope="module")
def shipped(cuts: Cuts, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GcnFindings]:
    settings = GcnSettings(epochs=12, restarts=1)
    trained = train_gcn(
        labelled(cuts.train.graphs, cuts.train.truth),
        labelled(cuts.validation.graphs, cuts.validation.truth),
        settings,
    )
    network, tensors = rounded_gcn(trained.network)
    found = find(cuts, network, HashClassifier(card=fake_card()))
    naming = Naming(
        name="gcn-toy", segmenter_name="toy", segmenter=segmenter_identity(SPEC, ""), pair=PAIR, pair_name="fake"
    )
    folder = tmp_path_factory.mktemp("weights")
    write_gcn(naming, tensors, found, training_sentences(cuts, trained, settings, range(16)), folder)
    return folder, found


@pytest.fixture(scope="module")
def card(shipped: tuple[Path, GcnFindings]) -> ModelCard:
    return read_card(shipped[0] / "gcn-toy.toml")


def test_what_is_written_answers_as_it_was_measured(
    shipped: tuple[Path, GcnFindings], card: ModelCard, cuts: Cuts
) -> None:
    folder, found = shipped
    classifier = graph_classifier_from(card, folder / card.weights, device=torch.device("cpu"))
    answer = classifier.classify(cuts.held_out.graphs)
    np.testing.assert_allclose(answer, found.held_out.vhr, atol=1e-5)
    assert np.isnan(answer[0]).all()
    assert (answer[1:].argmax(axis=1) + 1 == cuts.held_out.truth[1:]).mean() > 0.8


def test_a_card_fits_its_segmenter_and_its_pair_alone(card: ModelCard, shipped: tuple[Path, GcnFindings]) -> None:
    require_graph(card, "gcn")
    require_instances(card, SPEC, "")
    with pytest.raises(ModelCardError, match="trained on instances"):
        require_instances(card, SPEC.changed({"pitch_metres": 30}), "")
    sentinel = replace(fake_card(), sha256=PAIR)
    assert pair_weight(None, sentinel, card) == shipped[1].sentinel_weight
    assert pair_weight(None, fake_card(), card) == 0.6


def test_a_card_says_what_was_measured_and_what_was_not(card: ModelCard, shipped: tuple[Path, GcnFindings]) -> None:
    tables = {table.heading: table.rows for table in card.metrics}
    overall = tables[SELF_CONSISTENCY]
    assert overall["G, VHR stream alone"]["OA"] > 0.7
    assert overall["S+G, fused"]["cells"] == 64
    # the made-up Sentinel stream knows nothing: the VHR stream is listened to
    assert card.sentinel_weight < 0.5
    gain = next(rows for heading, rows in tables.items() if "gain" in heading)
    row = next(iter(gain.values()))
    assert row["pieces"] == 8
    assert row["low_95"] <= row["gain"] <= row["high_95"]
    assert row["gain"] == pytest.approx(shipped[1].gain.gain, abs=1e-3)
    assert any("f" * 64 in sentence for sentence in card.training)
    assert any("simulated pairs alone" in sentence for sentence in card.limits)
    if row["low_95"] <= 0:
        assert any("not surely better" in sentence for sentence in card.limits)
    assert all(len(line) <= WIDTH for line in card_lines(card))


def test_pairs_of_two_simulators_are_refused(cuts: Cuts) -> None:
    assert cuts.frozen == "f" * 64
    with pytest.raises(MixedPairsError, match="2 states of the simulator"):
        _ = replace(cuts, validation=cut(1, 3, frozen="e" * 64)).frozen


GRAPH_CARDS = [each for each in shipped_cards() if each.role == "graph"]


@pytest.mark.parametrize("shipped_card", GRAPH_CARDS, ids=lambda each: each.name)
def test_a_shipped_gcn_belongs_to_a_shipped_segmenter_and_sentinel_model(shipped_card: ModelCard) -> None:
    spec = segmenter_spec(shipped_card.segmenter_name)
    require_instances(shipped_card, spec, find_card(spec.network).sha256 if spec.network == "sam-tiny" else "")
    assert shipped_card.pair in {each.sha256 for each in shipped_cards() if each.role == "sentinel"}


@pytest.mark.parametrize("shipped_card", GRAPH_CARDS, ids=lambda each: each.name)
def test_a_shipped_gcn_gains_by_fusion_for_certain_or_says_so(shipped_card: ModelCard) -> None:
    rows = next(table.rows for table in shipped_card.metrics if "gain of OA" in table.heading)
    gain = next(iter(rows.values()))
    assert gain["low_95"] > 0 or any("not surely better" in limit for limit in shipped_card.limits)
