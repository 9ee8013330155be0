"""Leanings of a student: found where they are, folded into the network without changing anything else."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from lczmap.models.resnet11 import ResNet11, as_volume
from lczmap.train.level import fit_biases, levelled, under_low_sun


def soft(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def test_a_known_leaning_is_found_at_any_temperature() -> None:
    rng = np.random.default_rng(3)
    true = rng.normal(0.0, 2.0, (4000, 17)).astype(np.float32)
    leaning = np.zeros(17, dtype=np.float32)
    leaning[4], leaning[1] = 1.5, -0.8
    found = fit_biases(2.0 * (true + leaning), soft(true))
    # the ridge keeps it a little short
    np.testing.assert_allclose(found, -2.0 * (leaning - leaning.mean()), rtol=0.06, atol=0.01)


def test_a_student_that_leans_nowhere_keeps_its_logits() -> None:
    true = np.random.default_rng(4).normal(0.0, 2.0, (1000, 17)).astype(np.float32)
    assert np.abs(fit_biases(true, soft(true))).max() < 0.02


def test_few_patches_are_not_believed_whole() -> None:
    logits, labels = np.zeros((3, 17), dtype=np.float32), np.eye(17, dtype=np.float32)[[4, 4, 4]]
    few, many = fit_biases(logits, labels), fit_biases(logits.repeat(300, 0), labels.repeat(300, 0))
    assert 0 < few[4] < many[4]


def test_a_levelled_network_answers_as_before_but_for_the_biases() -> None:
    torch.manual_seed(0)
    network = ResNet11().eval()
    biases = np.linspace(-1.0, 1.0, 17, dtype=np.float32)
    seen = as_volume(torch.rand(2, 32, 32, 10))
    with torch.inference_mode():
        before, after = network(seen), levelled(network, biases)(seen)
    np.testing.assert_allclose((after - before).numpy(), np.stack([biases, biases]), atol=1e-5)


def test_a_low_sun_darkens_and_hardens() -> None:
    patches = np.random.default_rng(5).uniform(0.05, 0.3, (2, 32, 32, 10)).astype(np.float32)
    low = under_low_sun(patches)
    assert low.dtype == np.float32
    np.testing.assert_allclose(low.mean(axis=(1, 2)), 0.6 * patches.mean(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose(low.std(axis=(1, 2)), 0.75 * patches.std(axis=(1, 2)), rtol=1e-3)
