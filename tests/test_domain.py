"""Out of domain: what lies off the directions of training is flagged, on every route, where a card has a domain."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save

from lczmap.models.classifier import SentinelClassifier, classifier_from
from lczmap.models.domain import FEATURES, domain_from, domain_shapes
from lczmap.models.resnet11 import ResNet11
from lczmap.pipeline import Parts, interpret, observe
from lczmap.testing.fakes import GroundImagery, HashClassifier, MemoryStore, fake_card, ground
from lczmap.train.domain import FALSE_ALARMS, fit_domain, strangers
from lczmap.train.ship import float16_tensors, rounded
from lczmap.words.modelcard import ModelCard
from lczmap.words.quality import Quality
from lczmap.words.spec import Precision
from tests.plans import WEST, plan_of_tiles, scene

CPU = torch.device("cpu")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def familiar_features(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Features that fill six directions of their space, with a little noise off them."""
    directions = np.random.default_rng(11).normal(size=(6, FEATURES))
    return (rng.normal(size=(count, 6)) @ directions + 0.05 * rng.normal(size=(count, FEATURES))).astype(np.float32)


def strangeness_of(tensors: dict[str, NDArray[np.generic]], features: NDArray[np.float32]) -> NDArray[np.float32]:
    domain = domain_from({name: value.astype(np.float32) for name, value in tensors.items()})
    assert domain is not None
    return domain.strangeness(torch.from_numpy(features)).numpy()


def test_one_in_a_hundred_held_out_is_flagged_and_what_lies_off_the_directions_is(rng: np.random.Generator) -> None:
    held = familiar_features(rng, 500)
    tensors = fit_domain(familiar_features(rng, 200), held, directions=6)
    flagged = (strangeness_of(tensors, held) > 1).mean()
    assert flagged == pytest.approx(FALSE_ALARMS, abs=0.004)
    assert (strangeness_of(tensors, familiar_features(rng, 500)) > 1).mean() < 0.05
    off = familiar_features(rng, 20) + 0.5 * rng.normal(size=(20, FEATURES)).astype(np.float32)
    assert (strangeness_of(tensors, off) > 1).all()


def test_moving_along_a_known_direction_is_not_strange(rng: np.random.Generator) -> None:
    known = familiar_features(rng, 200)
    tensors = fit_domain(known, known, directions=6)
    assert (strangeness_of(tensors, known.mean(axis=0) + 2 * (known[:20] - known.mean(axis=0))) < 2.2).all()


def test_tensors_are_those_a_card_with_directions_promises(rng: np.random.Generator) -> None:
    known = familiar_features(rng, 40)
    tensors = fit_domain(known, known, directions=6)
    assert {name: value.shape for name, value in tensors.items()} == domain_shapes(6)
    assert all(value.flags.c_contiguous for value in tensors.values())
    assert domain_shapes(0) == {}
    assert domain_from({}) is None
    assert sum(value.nbytes for value in fit_domain(known, known).values()) < 600_000


@pytest.fixture(scope="module")
def network() -> ResNet11:
    torch.manual_seed(3)
    return rounded(ResNet11())


@pytest.fixture
def patches(rng: np.random.Generator) -> NDArray[np.float32]:
    coarse = rng.gamma(2.0, 0.06, size=(9, 8, 8, 10)).repeat(4, axis=1).repeat(4, axis=2)
    return coarse.astype(np.float32)


def written(network: ResNet11, folder: Path, tensors: dict[str, NDArray[np.generic]]) -> tuple[ModelCard, Path]:
    """A card and weights of an untrained network, with a domain or without."""
    path = folder / "none.safetensors"
    path.write_bytes(save({**float16_tensors(network), **tensors}))
    digest = sha256(path.read_bytes()).hexdigest()
    directions = len(tensors["domain.directions"]) if tensors else 0
    return replace(fake_card(), architecture="resnet11", sha256=digest, domain_directions=directions), path


def features_of(network: ResNet11, patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean over positions before the last layer, from the plain network."""
    seen: list[torch.Tensor] = []
    hook = network.dense.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    with torch.inference_mode():
        network(torch.from_numpy(patches).permute(0, 3, 1, 2).unsqueeze(1))
    hook.remove()
    return seen[0].numpy()


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 2e-3), ("bfloat16", 5e-2)])
def test_score_is_that_of_the_plain_network_on_every_route(
    network: ResNet11, patches: NDArray[np.float32], tmp_path: Path, precision: Precision, tolerance: float
) -> None:
    features = features_of(network, patches)
    tensors = fit_domain(features, features, directions=3)
    card, path = written(network, tmp_path, tensors)
    expected = strangeness_of(tensors, features)
    for batch in (2, 9):
        told = classifier_from(card, path, precision=precision, device=CPU, batch=batch).classify(patches)
        np.testing.assert_allclose(told.strangeness, expected, rtol=tolerance)


def test_model_without_a_domain_flags_nothing(network: ResNet11, patches: NDArray[np.float32], tmp_path: Path) -> None:
    card, path = written(network, tmp_path, {})
    classifier: SentinelClassifier = classifier_from(card, path, precision="float32", device=CPU)
    told = classifier.classify(patches[:2])
    assert told.strangeness.tolist() == [0, 0]
    assert not told.out_of_domain.any()
    assert not any(name.startswith("domain") for name in load(path.read_bytes()))


def test_strange_windows_alone_are_flagged_on_the_map() -> None:
    frozen = plan_of_tiles(320, {WEST: [(0, 0), (3, 4), (9, 9), (20, 20)]}, [scene()])
    entry = frozen.tiles[0]
    grid = entry.tile.observed
    imagery = GroundImagery(rules=frozen.source)
    seen = observe(entry, frozen, imagery)
    everyone = Parts(imagery=imagery, sentinel=HashClassifier(card=fake_card()), store=MemoryStore())
    calm = interpret(seen, entry, frozen, everyone)
    middle = float(np.median(ground(grid))) * 1e-4
    some = replace(everyone, sentinel=HashClassifier(card=fake_card(), familiar_up_to=middle))
    told = interpret(seen, entry, frozen, some)
    wanted = entry.area.wanted
    flagged = (told.quality & Quality.OUT_OF_DOMAIN) > 0
    assert not (calm.quality[wanted] & Quality.OUT_OF_DOMAIN).any()
    assert 0 < flagged[wanted].sum() < wanted.sum()
    np.testing.assert_array_equal(told.quality[wanted] & ~np.uint16(Quality.OUT_OF_DOMAIN), calm.quality[wanted])
    np.testing.assert_array_equal(told.probabilities, calm.probabilities)


def test_strangers_are_what_their_names_say(patches: NDArray[np.float32]) -> None:
    made = strangers(patches)
    assert all(values.shape == patches.shape and values.dtype == np.float32 for values in made.values())
    np.testing.assert_allclose(made["offset of 1000 DN left in"] - patches, 0.1, atol=1e-6)
    np.testing.assert_array_equal(made["bands in reverse order"][..., 0], patches[..., 9])
    np.testing.assert_array_equal(made["red and near infrared swapped"][..., 2], patches[..., 6])
    np.testing.assert_array_equal(made["blue and red swapped"][..., 0], patches[..., 2])
    np.testing.assert_allclose(made["pixels shuffled"].mean(axis=(1, 2)), patches.mean(axis=(1, 2)), rtol=1e-4)
    assert all(np.array_equal(values, strangers(patches)[name]) for name, values in made.items())
