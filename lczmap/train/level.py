"""Take a student's leanings away: one bias a class, fitted on held-out windows and folded into its last layer.

A student trained for long on rare classes, and stopped before it knows all, calls what it cannot tell by the class it
met most. Vector scaling without the scales (Guo et al. 2017, arXiv:1706.04599, section 4.2) sets that right and costs
nothing when classifying. Fitted on windows as they are and under a low sun, for leanings differ there.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize, special

from lczmap.models.resnet11 import ResNet11
from lczmap.words.lcz import CLASS_COUNT

RIDGE = 1.0
"""Weight of the squared biases, in patches: what few patches say is not believed whole."""
LOW_SUN = (0.6, 1.25)
"""What stands in for a low sun: factors on a window's level and on its contrast. Chosen by eye, not measured."""

Rows = NDArray[np.float32]


def under_low_sun(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Patches `(n, 32, 32, 10)` darker and harder, as in October."""
    gain, contrast = LOW_SUN
    level = patches.mean(axis=(1, 2), keepdims=True)
    low: NDArray[np.float32] = np.clip((level + contrast * (patches - level)) * gain, 1e-4, 2.0).astype(np.float32)
    return low


def fit_biases(logits: Rows, labels: Rows) -> NDArray[np.float32]:
    """What to add to logits `(n, 17)` so that, at the best temperature, they come nearest to soft labels `(n, 17)`.

    Returns:
        `(17,)`, mean 0, at the scale of the logits.
    """
    given, wanted = logits.astype(np.float64), labels.astype(np.float64)

    def loss(free: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        biases, cold = free[:-1], np.exp(free[-1])
        shifted = (given + biases) * cold
        told = shifted - special.logsumexp(shifted, axis=1, keepdims=True)
        slope = (np.exp(told) - wanted) / len(given)
        value = -(wanted * told).sum() / len(given) + RIDGE * (biases**2).sum() / len(given)
        by_bias = cold * slope.sum(axis=0) + 2.0 * RIDGE * biases / len(given)
        return value, np.append(by_bias, (slope * shifted).sum())

    best = optimize.minimize(loss, np.zeros(CLASS_COUNT + 1), jac=True, method="L-BFGS-B").x[:-1]
    return np.asarray(best - best.mean(), dtype=np.float32)


def levelled(network: ResNet11, biases: NDArray[np.float32]) -> ResNet11:
    """The same network with biases `(17,)` added to its last layer."""
    same = ResNet11()
    same.load_state_dict(network.state_dict())
    with torch.no_grad():
        same.dense.bias.add_(torch.from_numpy(biases))
    return same.eval()
