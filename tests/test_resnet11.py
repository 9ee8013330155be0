"""The 3D ResNet11: it is the paper's network, and its fast form is the same function."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from lczmap.models.classifier import SentinelClassifier, classifier_from, load_classifier, resnet11_from
from lczmap.models.resnet11 import ResNet11, as_volume
from lczmap.models.resnet11_fast import fast_resnet11, pushed_down_logits
from lczmap.weights import find_card, shipped_names, weights_path
from lczmap.words.errors import ModelCardError
from lczmap.words.spec import Precision

CPU = torch.device("cpu")
NAME = shipped_names()[0]
FLOAT32_TOLERANCE = 1e-5
BFLOAT16_TOLERANCE = 2e-2


@pytest.fixture(scope="module")
def network() -> ResNet11:
    """A network whose batch normalisations do something, as after training."""
    torch.manual_seed(1)
    network = ResNet11()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.3, 1.5)
    nn.init.normal_(network.dense.weight, std=0.5)  # spread the classes, or every answer would be near 1/17
    return network.eval()


@pytest.fixture(scope="module")
def patches() -> NDArray[np.float32]:
    rng = np.random.default_rng(2)
    coarse = rng.gamma(2.0, 0.06, size=(6, 8, 8, 10)).repeat(4, axis=1).repeat(4, axis=2)
    return (coarse * rng.uniform(0.7, 1.3, size=(6, 32, 32, 10))).astype(np.float32)


@pytest.fixture(scope="module")
def shipped() -> SentinelClassifier:
    return load_classifier(NAME, precision="float32", device=CPU)


def plain_probabilities(network: ResNet11, patches: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network(as_volume(torch.from_numpy(patches))).softmax(dim=1).numpy()


def answers_of(classifier: SentinelClassifier, patches: NDArray[np.float32]) -> NDArray[np.float32]:
    return classifier.classify(patches).probabilities


def test_shapes_are_the_papers(network: ResNet11, patches: NDArray[np.float32]) -> None:
    # DF4LCZ Fig. 4 and section III-B: strides 1, 2, 2 in all three axes, sides rounded up
    seen: list[tuple[int, ...]] = []
    hooks = [
        module.register_forward_hook(lambda _module, _given, result: seen.append(tuple(result.shape[1:])))
        for module in (network.stem, *network.blocks, network.dense)
    ]
    plain_probabilities(network, patches[:1])
    for hook in hooks:
        hook.remove()
    assert seen == [(64, 10, 32, 32), (256, 10, 32, 32), (512, 5, 16, 16), (1024, 3, 8, 8), (17,)]


def test_parameters_are_about_three_and_a_half_million(network: ResNet11) -> None:
    count = sum(parameter.numel() for parameter in network.parameters())
    stem, dense = 64 * 27, 1024 * 17 + 17
    blocks = sum(
        c * f + 27 * f * f + f * 4 * f + c * 4 * f for c, f in ((64, 64), (256, 128), (512, 256))
    )  # 1x1x1, 3x3x3, 1x1x1, projection
    norms = 2 * (64 + sum(f + f + 4 * f + 4 * f for f in (64, 128, 256)))
    assert count == stem + blocks + norms + dense == 3_534_417


def test_fast_float32_equals_plain(network: ResNet11, patches: NDArray[np.float32]) -> None:
    fast = fast_resnet11(network, dtype=torch.float32, device=CPU)
    with torch.inference_mode():
        answers = fast.logits(fast.features(torch.from_numpy(patches))).softmax(dim=1).numpy()
    expected = plain_probabilities(network, patches)
    assert expected.max() > 0.3  # the comparison means something
    assert np.abs(answers - expected).max() <= FLOAT32_TOLERANCE


def test_fast_bfloat16_is_near_plain(network: ResNet11, patches: NDArray[np.float32]) -> None:
    fast = fast_resnet11(network, dtype=torch.bfloat16, device=CPU)
    with torch.inference_mode():
        answers = fast.logits(fast.features(torch.from_numpy(patches))).softmax(dim=1).numpy()
    assert np.abs(answers - plain_probabilities(network, patches)).max() <= BFLOAT16_TOLERANCE


def test_pushed_down_form_equals_plain(network: ResNet11, patches: NDArray[np.float32]) -> None:
    volume = as_volume(torch.from_numpy(patches[:2]))
    with torch.inference_mode():
        difference = (pushed_down_logits(network, volume) - network(volume)).abs().max()
    assert difference <= 1e-4


def test_shipped_weights_agree_in_both_forms(shipped: SentinelClassifier, patches: NDArray[np.float32]) -> None:
    card = shipped.card
    network, _ = resnet11_from(card, weights_path(card))
    with torch.inference_mode():
        logits = network(as_volume(torch.from_numpy(patches))) / card.temperature
    assert np.abs(answers_of(shipped, patches) - logits.softmax(dim=1).numpy()).max() <= FLOAT32_TOLERANCE
    low = load_classifier(card.name, precision="bfloat16", device=CPU)
    assert np.abs(answers_of(low, patches) - logits.softmax(dim=1).numpy()).max() <= BFLOAT16_TOLERANCE


def test_probabilities_are_probabilities(shipped: SentinelClassifier, patches: NDArray[np.float32]) -> None:
    answers = answers_of(shipped, patches)
    assert answers.dtype == np.float32
    assert answers.shape == (len(patches), 17)
    np.testing.assert_allclose(answers.sum(axis=1), 1.0, atol=1e-5)


def test_answers_do_not_depend_on_the_batch(shipped: SentinelClassifier, patches: NDArray[np.float32]) -> None:
    card, path = shipped.card, weights_path(shipped.card)
    expected = answers_of(shipped, patches)
    for batch in (1, 3, 8):
        other = classifier_from(card, path, precision="float32", device=CPU, batch=batch)
        assert np.abs(answers_of(other, patches) - expected).max() <= FLOAT32_TOLERANCE


def test_answers_do_not_depend_on_how_many_patches_come(
    shipped: SentinelClassifier, patches: NDArray[np.float32]
) -> None:
    together = answers_of(shipped, patches)
    assert len(patches) % shipped.batch  # so that the last batch is padded
    first = answers_of(shipped, patches[: shipped.batch])
    alone = answers_of(shipped, patches[shipped.batch :])
    assert np.array_equal(together, np.concatenate([first, alone]))
    assert answers_of(shipped, patches[:0]).shape == (0, 17)


def test_band_order_matters(shipped: SentinelClassifier, patches: NDArray[np.float32]) -> None:
    reversed_bands = np.ascontiguousarray(patches[..., ::-1])
    assert np.abs(answers_of(shipped, patches) - answers_of(shipped, reversed_bands)).max() > 0.05


def test_doubled_reflectance_matters(shipped: SentinelClassifier, patches: NDArray[np.float32]) -> None:
    assert np.abs(answers_of(shipped, patches) - answers_of(shipped, patches + np.float32(0.1))).max() > 0.05


@pytest.mark.parametrize("shape", [(2, 10, 32, 32), (2, 32, 32, 9), (32, 32, 10)])
def test_patches_of_another_shape_are_refused(shipped: SentinelClassifier, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelCardError, match="expected float32"):
        shipped.classify(np.zeros(shape, dtype=np.float32))


def test_digital_numbers_are_refused(shipped: SentinelClassifier) -> None:
    with pytest.raises(ModelCardError, match="int16"):
        shipped.classify(np.zeros((1, 32, 32, 10), dtype=np.int16))  # type: ignore[arg-type]


def test_shipped_weights_are_small_and_called_what_they_are() -> None:
    card = find_card(NAME)
    assert ("PROVISIONAL" in card.title) == card.provisional
    assert weights_path(card).stat().st_size < 8_000_000


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", FLOAT32_TOLERANCE), ("bfloat16", BFLOAT16_TOLERANCE)])
def test_gpu_agrees_with_cpu(patches: NDArray[np.float32], precision: Precision, tolerance: float) -> None:
    cpu = answers_of(load_classifier(NAME, precision="float32", device=CPU), patches)
    gpu = load_classifier(NAME, precision=precision, device=torch.device("cuda"))
    assert np.abs(answers_of(gpu, patches) - cpu).max() <= tolerance
