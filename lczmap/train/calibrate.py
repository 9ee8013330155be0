"""Confidence that means something: the temperature of a softmax, and how far its probabilities come true.

In: logits `(n, 17)` of held-out patches and soft labels `(n, 17)` for them. Out: a temperature, and a table by bins of
confidence. Source: Guo et al. 2017, arXiv:1706.04599, sections 2 and 4.2. Pure numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
TEMPERATURES = (0.2, 5.0)
"""Bounds of the search."""

Rows = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Confidence against what came true, by equal bins of confidence from 0 to 1. Means of empty bins are NaN."""

    count: NDArray[np.int64]
    """`(bins,)`: patches in each bin."""
    confidence: NDArray[np.float64]
    """`(bins,)`: mean probability of the class chosen."""
    agreement: NDArray[np.float64]
    """`(bins,)`: share whose class is the first of the label."""
    backing: NDArray[np.float64]
    """`(bins,)`: mean probability that the label gives the class chosen."""

    @property
    def expected_error(self) -> float:
        """Expected calibration error: mean distance of confidence from agreement, weighted by the bins' counts."""
        return self._distance(self.agreement)

    @property
    def expected_error_soft(self) -> float:
        """The same distance from the probability that the label itself gives."""
        return self._distance(self.backing)

    def _distance(self, came_true: NDArray[np.float64]) -> float:
        filled = self.count > 0
        apart = np.abs(self.confidence - came_true)[filled]
        return float(apart @ self.count[filled] / self.count.sum())


def softmax(logits: Rows, temperature: float = 1.0) -> Rows:
    """Probabilities `(n, 17)` of logits at a temperature."""
    return np.exp(_log_softmax(logits / np.float32(temperature)))


def cross_entropy(logits: Rows, labels: Rows, temperature: float = 1.0) -> float:
    """Mean negative log likelihood of soft labels, nats a patch."""
    return float(-(labels * _log_softmax(logits / np.float32(temperature))).sum(axis=1, dtype=np.float64).mean())


def fit_temperature(logits: Rows, labels: Rows) -> float:
    """The temperature that brings a softmax nearest to soft labels, by cross entropy, to three digits.

    The loss is convex in the inverse temperature, so ever finer grids around the best point find it.
    """
    low, high = np.log(TEMPERATURES)
    for _ in range(5):
        grid = np.linspace(low, high, 21)
        best = int(np.argmin([cross_entropy(logits, labels, float(np.exp(point))) for point in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return round(float(np.exp((low + high) / 2)), 3)


def reliability(probabilities: Rows, labels: Rows, *, bins: int = BINS) -> Reliability:
    """How far probabilities `(n, 17)` come true by soft labels `(n, 17)`."""
    chosen, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1).astype(np.float64)
    which = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    right = (chosen == labels.argmax(axis=1)).astype(np.float64)
    backing = labels[np.arange(len(labels)), chosen].astype(np.float64)
    count = np.bincount(which, minlength=bins)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        means = np.full(bins, np.nan)
        np.divide(np.bincount(which, weights=values, minlength=bins), count, out=means, where=count > 0)
        return means

    return Reliability(count=count, confidence=mean(confidence), agreement=mean(right), backing=mean(backing))


def _log_softmax(logits: Rows) -> Rows:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Rows = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
