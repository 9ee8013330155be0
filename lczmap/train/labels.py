"""What the teacher says of surface-reflectance patches: a few drawn views while training, 24 averaged for judging.

In: patches `(n, 32, 32, 10)` float32, L2A, the very pixels the student sees. Out: probabilities `(n, 17)` float32.
Only the teacher looks through an atmosphere (`toa`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lczmap.train.augment import SYMMETRIES, random_symmetries, symmetry
from lczmap.train.teacher import Teacher
from lczmap.train.toa import above_air, drawn_air, top_of_atmosphere

STRENGTHS = (1.0, 1.25, 1.5)
"""Strengths of the atmosphere that averaged labels stand on."""
CHUNK = 64
JUDGED_SO = b"strengths 1 1.25 1.5, eight symmetries"
"""How averaged labels are made; part of the name of the file that keeps them."""


@dataclass(frozen=True, kw_only=True)
class Views:
    """How often, and through what, the teacher looks at a patch while training."""

    count: int = 4
    """Views a label is the mean of."""
    physical: float = 0.15
    """Share of views through physical air; the others go through the simple air that agreement is judged by.

    On towns, labels through one or the other alone agree on 74 % of held-out patches and 82 % of the Berlin district;
    through the simple air at strength 1 and at all three, on 82 % and 65 %.
    """


def teacher_probabilities(teacher: Teacher, above: NDArray[np.float32], *, fast: bool = False) -> NDArray[np.float32]:
    """Probabilities `(n, 17)` of top-of-atmosphere patches `(n, 32, 32, 10)`; `fast` computes in bfloat16."""
    answers = np.empty((len(above), 17), dtype=np.float32)
    device = next(teacher.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=fast):
        for start in range(0, len(above), CHUNK):
            volume = torch.from_numpy(np.ascontiguousarray(above[start : start + CHUNK])).permute(0, 3, 1, 2)
            answers[start : start + CHUNK] = teacher(volume.to(device)).float().softmax(dim=1).cpu().numpy()
    return answers


def averaged_labels(teacher: Teacher, patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """The teacher's mean answer through the simple air at three strengths, in eight symmetries: 24 views a patch."""
    total = np.zeros((len(patches), 17), dtype=np.float64)
    for strength in STRENGTHS:
        above = top_of_atmosphere(patches, np.full(len(patches), strength, dtype=np.float32))
        for index in range(SYMMETRIES):
            total += teacher_probabilities(teacher, symmetry(above, index))
    return (total / (len(STRENGTHS) * SYMMETRIES)).astype(np.float32)


def drawn_labels(
    teacher: Teacher,
    patches: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    views: Views,
    elevation: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """The mean over a few random views: unbiased for the many, and cheap enough for every step.

    A loss linear in its target (cross entropy) has the same expected gradient under either label. `elevation (n,)` is
    of each patch's sun in degrees, NaN where unknown.
    """
    total = np.zeros((len(patches), 17), dtype=np.float32)
    known = np.full(len(patches), np.nan, dtype=np.float32) if elevation is None else elevation
    for _ in range(views.count):
        strength = rng.choice(STRENGTHS, size=len(patches)).astype(np.float32)
        above = top_of_atmosphere(patches, strength)
        chosen = rng.random(len(patches)) < views.physical
        if chosen.any():
            above[chosen] = above_air(patches[chosen], drawn_air(int(chosen.sum()), rng, elevation=known[chosen]))
        total += teacher_probabilities(teacher, random_symmetries(above, rng), fast=True)
    return total / np.float32(views.count)


def cached_labels(
    teacher: Teacher, patches: NDArray[np.float32], path: Path, *, rough: bool = False
) -> NDArray[np.float32]:
    """The averaged labels of patches, kept in a file whose name tells the teacher and the patches they are of.

    Rough ones (the mean of four views) decide how often a patch is drawn, and nothing else.
    """
    of = hashlib.sha256(np.ascontiguousarray(patches).tobytes())
    of.update(b"rough" if rough else JUDGED_SO)
    for tensor in teacher.state_dict().values():
        of.update(tensor.cpu().numpy().tobytes())
    kept = path.with_name(f"{path.stem}-{of.hexdigest()[:12]}.npy")
    if kept.exists():
        labels: NDArray[np.float32] = np.load(kept, allow_pickle=False)
        return labels
    rng = np.random.default_rng(0)
    labels = (
        drawn_labels(teacher, patches, rng, views=Views(physical=0.0)) if rough else averaged_labels(teacher, patches)
    )
    np.save(kept, labels)
    return labels
