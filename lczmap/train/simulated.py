"""Simulated patches on disk, their true classes, and how far truth outweighs the teacher on them.

In: folders that each hold `patches.npz` (`x (n, 32, 32, 10)` uint16, reflectance x 10000 as a run sees it, 20 m bands
bilinear; `truth (n,)` uint8, 1..17; `share (n,)` float32, of the truth's class in the 320 m square; `sun (n,)` float32,
elevation in degrees) and `patches.csv` with a row a patch (`seed, region, period`). Out: `Simulated`, split by seed and
region. Draws nothing and renders nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lczmap.train.labels import Views, drawn_labels
from lczmap.train.patches import PatchFolderError
from lczmap.train.teacher import Teacher
from lczmap.words.lcz import CLASS_COUNT

ARRAYS = {"x": np.uint16, "truth": np.uint8, "share": np.float32, "sun": np.float32}
"""What `patches.npz` holds."""
UNSEEN_REGION = "north_american"
"""Held out whole: its classes stand in other regions too, while class 7 stands in `informal` alone."""
HELD_EVERY = 5
"""Every fifth seed of the other regions is held out."""
HEARD, BLIND = 0.5, 0.2
"""Weight of truth where the teacher is blind to a class; and the mean probability of the true class from which on the
teacher sees it, and truth has no say. What is simulated is not quite real, and on real places it is the teacher that
is to be repeated: even a little truth in what it sees seemed to draw dense towns under a low sun away from it (never
tried alone).
"""
LOOKED = Views(count=8)
"""Views of a held-out patch that the teacher's blindness is measured on."""


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """Simulated patches with what is known of them."""

    pixels: NDArray[np.uint16]
    """`(n, 32, 32, 10)`, surface reflectance x 10000."""
    truth: NDArray[np.uint8]
    """`(n,)`: class codes 1..17."""
    share: NDArray[np.float32]
    """`(n,)`: share of the true class in the patch's square, 0..1."""
    sun: NDArray[np.float32]
    """`(n,)`: elevation, degrees."""
    seed: NDArray[np.int64]
    """`(n,)`: seed of the city."""
    region: NDArray[np.str_]
    """`(n,)`: name of the region whose parameters shaped it."""

    def chosen(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Simulated:
        """The patches where `keep (n,)` is true, or of these rows."""
        return Simulated(
            pixels=self.pixels[keep],
            truth=self.truth[keep],
            share=self.share[keep],
            sun=self.sun[keep],
            seed=self.seed[keep],
            region=self.region[keep],
        )

    @property
    def surface(self) -> NDArray[np.float32]:
        """Surface reflectance `(n, 32, 32, 10)`."""
        return self.pixels * np.float32(1e-4)


def read_simulated(folders: Sequence[Path]) -> Simulated:
    """Read and join folders of simulated patches.

    Raises:
        PatchFolderError: a folder lacks its files, or they do not fit each other.
    """
    arrays: dict[str, list[NDArray[np.generic]]] = {name: [] for name in ARRAYS}
    seeds: list[int] = []
    regions: list[str] = []
    for folder in folders:
        table, values = _read_folder(folder)
        for name, each in arrays.items():
            each.append(values[name])
        seeds += [int(row["seed"]) for row in table]
        regions += [row["region"] for row in table]
    joined = {name: np.concatenate(each) for name, each in arrays.items()}
    return Simulated(
        pixels=joined["x"],
        truth=joined["truth"],
        share=joined["share"],
        sun=joined["sun"],
        seed=np.array(seeds, dtype=np.int64),
        region=np.array(regions, dtype=np.str_),
    )


def _read_folder(folder: Path) -> tuple[list[dict[str, str]], dict[str, NDArray[np.generic]]]:
    try:
        with (folder / "patches.csv").open(newline="", encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        with np.load(folder / "patches.npz", allow_pickle=False) as archive:
            values = {name: archive[name].astype(kind, casting="same_kind") for name, kind in ARRAYS.items()}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise PatchFolderError(
            f"{folder} holds no patches.npz and patches.csv of simulated patches: {error}."
        ) from error
    wrong = [name for name, each in values.items() if len(each) != len(table)]
    if wrong or values["x"].shape[1:] != (32, 32, 10) or not np.isin(values["truth"], range(1, CLASS_COUNT + 1)).all():
        raise PatchFolderError(
            f"{folder}: patches.npz holds x {values['x'].shape} and truth {values['truth'].shape}, expected "
            f"({len(table)}, 32, 32, 10) as patches.csv has rows, and classes 1..{CLASS_COUNT}."
        )
    return table, values


def held_seeds(simulated: Simulated) -> NDArray[np.bool_]:
    """Which patches are of held-out seeds, in regions that training sees `(n,)`."""
    held: NDArray[np.bool_] = (simulated.region != UNSEEN_REGION) & (simulated.seed % HELD_EVERY == HELD_EVERY - 1)
    return held


def learnable(simulated: Simulated) -> NDArray[np.bool_]:
    """Which patches may be learned from `(n,)`: neither of held-out seeds nor of the unseen region."""
    seen: NDArray[np.bool_] = simulated.region != UNSEEN_REGION
    return seen & ~held_seeds(simulated)


def teacher_recall(teacher: Teacher, simulated: Simulated, rng: np.random.Generator) -> NDArray[np.float64]:
    """Mean probability `(17,)` that the teacher gives the true class; NaN for a class without patches."""
    labels = drawn_labels(teacher, simulated.surface, rng, views=LOOKED, elevation=simulated.sun)
    given = labels[np.arange(len(labels)), simulated.truth.astype(np.int64) - 1].astype(np.float64)
    counts = np.bincount(simulated.truth - 1, minlength=CLASS_COUNT)
    sums = np.bincount(simulated.truth - 1, weights=given, minlength=CLASS_COUNT)
    recall = np.full(CLASS_COUNT, np.nan)
    np.divide(sums, counts, out=recall, where=counts > 0)
    return recall


def truth_weights(recall: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weight of truth against the teacher for each class `(17,)`, from its recall on held-out seeds."""
    blindness = np.clip(1 - np.nan_to_num(recall, nan=BLIND) / BLIND, 0.0, 1.0)
    weights: NDArray[np.float32] = (HEARD * blindness).astype(np.float32)
    return weights


def blended_labels(
    labels: NDArray[np.float32], truth: NDArray[np.uint8], share: NDArray[np.float32], *, weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Teacher's labels `(n, 17)` with truth mixed in: its class's weight times its share of the square."""
    index = truth.astype(np.int64) - 1
    heard = (weights[index] * share)[:, None]
    blended: NDArray[np.float32] = (1 - heard) * labels + heard * np.eye(CLASS_COUNT, dtype=np.float32)[index]
    return blended
