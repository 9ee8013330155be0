"""Fit what a network's features look like on its training patches, and make patches that surely look otherwise.

In: pooled features `(n, 1024)` of training and of held-out patches. Out: the tensors that `lczmap.models.domain` reads,
and by name the patches that its score is tried on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lczmap.models.domain import PREFIX
from lczmap.words.bands import BAND_NAMES

DIRECTIONS = 256
"""Directions kept. At equal false alarms on a sample of held-out patches, with a student of real and simulated windows:
of an offset of 1000 DN left in, 32 flag 0.31, 64 0.53, 128 0.58 and 256 0.73; of a half cloudy date 0.78, then 1.00."""
FALSE_ALARMS = 0.01
"""Share of the held-out patches that the threshold flags, by construction."""
STATEMENT = (
    "Length of what of a window's standardised pooled features lies outside the {directions} principal directions of "
    "{fitted} windows of its training{simulated}; above 1 is out of domain. 1 is the {percentile:g}th percentile of "
    "{held} held-out real windows (validation), so that 1 in {one_in:.0f} of windows like them is flagged."
)
"""What a card says of its score."""

CLOUD = np.array([0.70, 0.68, 0.68, 0.70, 0.71, 0.72, 0.73, 0.73, 0.50, 0.42])
"""Reflectance of a thick water cloud, bands in input order."""
SNOW = np.array([0.88, 0.88, 0.87, 0.86, 0.85, 0.83, 0.82, 0.80, 0.10, 0.08])
"""Reflectance of fresh snow, bands in input order."""

Pixels = NDArray[np.float32]


def fit_domain(
    features: NDArray[np.float32], held: NDArray[np.float32], *, directions: int = DIRECTIONS
) -> dict[str, NDArray[np.generic]]:
    """Tensors of the out-of-domain score, as they are shipped.

    Args:
        features: `(n, 1024)` of patches the network was trained on, n > directions.
        held: `(m, 1024)` of held-out patches of the same kinds: they set the threshold.
        directions: how many directions to keep.
    """
    centre = features.mean(axis=0, dtype=np.float64)
    spread = features.std(axis=0, dtype=np.float64)
    # a feature that hardly ever stirs must not decide alone
    gain = 1 / (spread + 1e-2 * features.std(dtype=np.float64) + 1e-12)
    units = (features - centre) * gain
    axes = np.linalg.eigh(units.T @ units)[1][:, ::-1]
    # safetensors writes the memory of an array, whatever its strides
    kept = np.ascontiguousarray(axes[:, :directions].T, dtype=np.float16)
    rounded = kept.astype(np.float64)
    rest = (held - centre) * gain
    rest -= (rest @ rounded.T) @ rounded
    threshold = np.quantile(np.linalg.norm(rest, axis=1), 1 - FALSE_ALARMS)
    return {
        f"{PREFIX}centre": centre.astype(np.float32),
        f"{PREFIX}gain": (gain / threshold).astype(np.float32),
        f"{PREFIX}directions": kept,
    }


def statement(real: int, simulated: int, held: int, directions: int = DIRECTIONS) -> str:
    """What the card says of a score fitted on so many real and simulated windows."""
    return STATEMENT.format(
        directions=directions,
        fitted=f"{real + simulated:,}",
        simulated=f", {simulated:,} of them simulated" if simulated else "",
        percentile=100 * (1 - FALSE_ALARMS),
        held=f"{held:,}",
        one_in=1 / FALSE_ALARMS,
    )


def strangers(patches: Pixels, *, seed: int = 0) -> Mapping[str, Pixels]:
    """Patches that a sound run never hands over, by what is wrong with them.

    Args:
        patches: `(n, 32, 32, 10)` real surface reflectance, which most of them are made from.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    n = len(patches)
    band = {name: index for index, name in enumerate(BAND_NAMES)}
    swapped = list(range(len(BAND_NAMES)))
    swapped[band["B04"]], swapped[band["B08"]] = band["B08"], band["B04"]
    blue_and_red = list(range(len(BAND_NAMES)))
    blue_and_red[band["B02"]], blue_and_red[band["B04"]] = band["B04"], band["B02"]
    light = rng.uniform(0.6, 1.1, (n, 1, 1, 1)) * (1 + rng.normal(0, 0.05, (n, 32, 32, 1)))
    thickness = rng.uniform(0.3, 0.7, (n, 1, 1, 1))
    made = {
        "offset of 1000 DN left in": patches + 0.1,
        "offset of 1000 DN taken off twice": np.clip(patches - 0.1, 0, None),
        "bands in reverse order": patches[..., ::-1],
        "red and near infrared swapped": patches[..., swapped],
        "blue and red swapped": patches[..., blue_and_red],
        "reflectance doubled": patches * 2,
        "reflectance halved": patches * 0.5,
        "noise of 0.1 added": np.clip(patches + rng.normal(0, 0.1, patches.shape), 0, None),
        "pixels shuffled": patches.reshape(n, -1, len(BAND_NAMES))[:, rng.permutation(32 * 32)].reshape(patches.shape),
        "thin cloud over them": patches * (1 - thickness) + thickness * CLOUD * light,
        "thick cloud, simulated": CLOUD * light,
        "snow, simulated": SNOW * light,
        "one random colour": np.broadcast_to(rng.uniform(0, 0.6, (n, 1, 1, len(BAND_NAMES))), patches.shape),
        "uniform noise": rng.uniform(0, 0.6, patches.shape),
    }
    return {name: np.ascontiguousarray(values, dtype=np.float32) for name, values in made.items()}
