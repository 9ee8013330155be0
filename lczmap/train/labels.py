"""What the teacher says of surface-reflectance patches: one view of each while training, many averaged for judging.

In: patches `(n, 32, 32, 10)` float32, L2A. Out: probabilities `(n, 17)` float32.
The teacher looks through a simple atmosphere (`toa`), at 20 m bands as they come or doubled by nearest neighbour.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lczmap.train.augment import SYMMETRIES, random_symmetries, regrained, symmetry
from lczmap.train.teacher import Teacher
from lczmap.train.toa import top_of_atmosphere

STRENGTHS = (1.0, 1.25, 1.5)
"""Strengths of the atmosphere that averaged labels stand on."""
CHUNK = 64


def teacher_probabilities(teacher: Teacher, above: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities `(n, 17)` of top-of-atmosphere patches `(n, 32, 32, 10)`."""
    answers = np.empty((len(above), 17), dtype=np.float32)
    device = next(teacher.parameters()).device
    with torch.inference_mode():
        for start in range(0, len(above), CHUNK):
            volume = torch.from_numpy(np.ascontiguousarray(above[start : start + CHUNK])).permute(0, 3, 1, 2)
            answers[start : start + CHUNK] = teacher(volume.to(device)).softmax(dim=1).cpu().numpy()
    return answers


def averaged_labels(teacher: Teacher, patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """The teacher's mean answer over three strengths, eight symmetries and both grains: 48 views a patch."""
    total = np.zeros((len(patches), 17), dtype=np.float64)
    views = 0
    for grain in (patches, regrained(patches, phase=(0, 0), smooth=False)):
        for strength in STRENGTHS:
            above = top_of_atmosphere(grain, np.full(len(grain), strength, dtype=np.float32))
            for index in range(SYMMETRIES):
                total += teacher_probabilities(teacher, symmetry(above, index))
                views += 1
    return (total / views).astype(np.float32)


def drawn_labels(
    teacher: Teacher, patches: NDArray[np.float32], rng: np.random.Generator, *, views: int
) -> NDArray[np.float32]:
    """The mean over a few random views: unbiased for the many, and cheap enough for every step.

    A loss linear in its target (cross entropy) has the same expected gradient under either label.
    """
    total = np.zeros((len(patches), 17), dtype=np.float32)
    doubled = regrained(patches, phase=(0, 0), smooth=False)
    for _ in range(views):
        grain = np.where(rng.random((len(patches), 1, 1, 1)) < 0.5, patches, doubled)
        strength = rng.uniform(STRENGTHS[0], STRENGTHS[-1], size=len(patches)).astype(np.float32)
        total += teacher_probabilities(teacher, random_symmetries(top_of_atmosphere(grain, strength), rng))
    return total / np.float32(views)


def cached_labels(
    teacher: Teacher, patches: NDArray[np.float32], path: Path, *, rough: bool = False
) -> NDArray[np.float32]:
    """The averaged labels of patches, kept in a file whose name tells the teacher and the patches they are of.

    Rough ones (the mean of four views) decide how often a patch is drawn, and nothing else.
    """
    of = hashlib.sha256(np.ascontiguousarray(patches).tobytes())
    for tensor in teacher.state_dict().values():
        of.update(tensor.cpu().numpy().tobytes())
    kept = path.with_name(f"{path.stem}-{of.hexdigest()[:12]}.npy")
    if kept.exists():
        labels: NDArray[np.float32] = np.load(kept, allow_pickle=False)
        return labels
    rng = np.random.default_rng(0)
    labels = drawn_labels(teacher, patches, rng, views=4) if rough else averaged_labels(teacher, patches)
    np.save(kept, labels)
    return labels
