"""Confidence: the fitted temperature undoes a known one, and reliability is what counting by hand gives."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lczmap.train.calibrate import cross_entropy, fit_temperature, reliability, softmax


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("known", [0.4, 1.0, 1.6, 3.7])
def test_fitted_temperature_undoes_a_known_one(rng: np.random.Generator, known: float) -> None:
    logits = rng.normal(0, 3, size=(500, 17)).astype(np.float32)
    assert fit_temperature(logits, softmax(logits, known)) == pytest.approx(known, rel=0.01)


def test_no_temperature_near_the_fitted_one_is_better(rng: np.random.Generator) -> None:
    logits = rng.normal(0, 3, size=(200, 17)).astype(np.float32)
    labels = softmax(logits + rng.normal(0, 2, size=logits.shape).astype(np.float32))
    best = fit_temperature(logits, labels)
    losses = [cross_entropy(logits, labels, best * factor) for factor in (0.9, 0.97, 1.0, 1.03, 1.1)]
    assert np.argmin(losses) == 2


def hot(rows: list[tuple[int, float]]) -> NDArray[np.float32]:
    """Probabilities with a winner each, the rest shared evenly."""
    table = np.array([[(1 - p) / 16] * 17 for _, p in rows], dtype=np.float32)
    for row, (winner, p) in enumerate(rows):
        table[row, winner] = p
    return table


def test_bins_hold_what_falls_into_them() -> None:
    said = hot([(0, 0.95), (1, 0.91), (2, 0.93), (3, 0.55), (4, 0.52)])
    truth = hot([(0, 1.0), (1, 0.8), (5, 0.9), (6, 0.7), (4, 0.6)])
    found = reliability(said, truth)
    assert found.count.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 3]
    assert found.confidence[[5, 9]] == pytest.approx([0.535, 0.93])
    assert found.agreement[[5, 9]] == pytest.approx([1 / 2, 2 / 3])
    assert found.backing[9] == pytest.approx((1.0 + 0.8 + 0.1 / 16) / 3, abs=1e-6)
    assert np.isnan(found.agreement[0])
    assert found.expected_error == pytest.approx((2 * 0.035 + 3 * (0.93 - 2 / 3)) / 5, abs=1e-6)


def test_probabilities_that_come_true_have_no_error(rng: np.random.Generator) -> None:
    said = rng.dirichlet(np.full(17, 0.15), size=40_000).astype(np.float32)
    drawn = (said.cumsum(axis=1) > rng.random((len(said), 1))).argmax(axis=1)
    found = reliability(said, np.eye(17, dtype=np.float32)[drawn])
    assert found.expected_error < 0.02
    assert reliability(said, said).expected_error_soft < 1e-6


def test_certainty_falls_into_the_last_bin() -> None:
    assert reliability(np.eye(17, dtype=np.float32), np.eye(17, dtype=np.float32)).count[-1] == 17
