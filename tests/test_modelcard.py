"""Cards of the second stream: what each role must tell, and what is refused because it would not fit."""

from dataclasses import replace

import pytest

from lczmap.testing.fakes import fake_card
from lczmap.words.errors import ModelCardError
from lczmap.words.modelcard import (
    NODE_FEATURES,
    NODE_UNITS,
    PICTURE_UNITS,
    ModelCard,
    pair_weight,
    parse_model_card,
    require_graph,
    require_instances,
    require_segmenter,
    segmenter_identity,
)
from lczmap.words.segmenter import SegmenterSpec

SPEC = SegmenterSpec(name="small", network="sam-tiny")
HERE = segmenter_identity(SPEC, "ab" * 32)
COMMON = f"""
name = "one"
title = "One"
provisional = false
weights = "one.safetensors"
sha256 = "{"0" * 64}"
licence = "Apache-2.0"
attribution = []
training = []
limits = []
"""
GRAPH = f"""{COMMON}
role = "graph"
architecture = "gcn"
units = "{NODE_UNITS}"
classes = 17
temperature = 1.25
features = ["red", "green", "blue", "x", "y"]
segmenter = "{HERE}"
segmenter_name = "small"
pair = "{"cd" * 32}"
sentinel_weight = 0.8
frozen = "{"ef" * 32}"
"""
SEGMENTER = f"""{COMMON}
role = "segmenter"
architecture = "sam-tiny"
units = "{PICTURE_UNITS}"
"""


def without(text: str, field: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(f"{field} ="))


def graph_card() -> ModelCard:
    return parse_model_card(GRAPH)


def test_a_graph_models_card_is_read_whole() -> None:
    card = graph_card()
    require_graph(card, "gcn")
    assert card.features == NODE_FEATURES
    assert (card.segmenter, card.segmenter_name) == (HERE, "small")
    assert (card.pair, card.frozen, card.sentinel_weight, card.temperature) == ("cd" * 32, "ef" * 32, 0.8, 1.25)
    assert (card.bands, card.patch_pixels, card.classes) == ((), 0, 17)


def test_a_segmenters_card_tells_neither_bands_nor_classes() -> None:
    card = parse_model_card(SEGMENTER)
    require_segmenter(card, "sam-tiny")
    assert (card.bands, card.patch_pixels, card.classes, card.temperature) == ((), 0, 0, 1.0)


@pytest.mark.parametrize("field", ["features", "segmenter", "segmenter_name", "classes", "temperature", "units"])
def test_what_a_graph_models_card_lacks_is_named(field: str) -> None:
    with pytest.raises(ModelCardError, match=f"lacks `{field}`"):
        parse_model_card(without(GRAPH, field))


@pytest.mark.parametrize("field", ["segmenter", "pair", "frozen", "sha256"])
def test_digests_are_digests(field: str) -> None:
    with pytest.raises(ModelCardError, match=f"{field} is 'sam', expected 64"):
        parse_model_card(f'{without(GRAPH, field)}\n{field} = "sam"')


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("role", "sentinel", "role = sentinel, expected graph"),
        ("architecture", "gat", "architecture = gat, expected gcn"),
        ("features", ("x", "y", "red", "green", "blue"), "features = x y red green blue, expected red green blue x y"),
        ("units", "pixels", "units = pixels, expected mean colour / 255"),
        ("classes", 10, "classes = 10, expected 17"),
    ],
)
def test_a_graph_model_that_eats_other_graphs_is_refused(field: str, value: str, said: str) -> None:
    with pytest.raises(ModelCardError, match=f"one cannot classify instance graphs.*{said}"):
        require_graph(replace(graph_card(), **{field: value}), "gcn")


@pytest.mark.parametrize(
    ("field", "value"), [("role", "graph"), ("architecture", "vit_b"), ("units", "surface reflectance 0..1")]
)
def test_a_segmenter_for_other_pictures_is_refused(field: str, value: str) -> None:
    with pytest.raises(ModelCardError, match=f"one cannot segment these pictures.*{field} = {value}, expected"):
        require_segmenter(replace(parse_model_card(SEGMENTER), **{field: value}), "sam-tiny")


def test_identity_is_of_settings_and_weights_and_not_of_the_name() -> None:
    assert segmenter_identity(replace(SPEC, name="other"), "ab" * 32) == HERE
    others = (
        segmenter_identity(replace(SPEC, pitch_metres=20.0), "ab" * 32),
        segmenter_identity(SPEC, "ac" * 32),
        segmenter_identity(SPEC, ""),
    )
    assert len({HERE, *others}) == 4


def test_a_graph_model_trained_on_other_instances_is_refused_with_both_names() -> None:
    require_instances(graph_card(), SPEC, "ab" * 32)
    slic = SegmenterSpec(name="slic", network="slic")
    with pytest.raises(ModelCardError, match=r"one was trained on .* small \(.*cuts them with slic .*lczmap models"):
        require_instances(graph_card(), slic, "")
    for spec, weights in ((replace(SPEC, grain_metres=5), "ab" * 32), (SPEC, "ac" * 32)):
        with pytest.raises(ModelCardError, match="the same name with other settings or weights"):
            require_instances(graph_card(), spec, weights)


def test_the_weight_is_as_wished_else_the_pairs_else_the_papers() -> None:
    graph = graph_card()
    pair, stranger = replace(fake_card(), sha256="cd" * 32), replace(fake_card(), sha256="ce" * 32)
    assert pair_weight(0.3, pair, graph) == 0.3
    assert pair_weight(0.0, pair, graph) == 0.0
    assert pair_weight(None, pair, graph) == 0.8
    assert pair_weight(None, stranger, graph) == 0.6
    assert pair_weight(None, replace(pair, sentinel_weight=0.9), replace(graph, pair="")) == 0.6
