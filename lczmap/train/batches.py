"""Batches to distil from: windows of real places, varied, chosen for rarity, and what the teacher says of them.

In: a `Source` (canvas, chances, teacher) and a generator. Out: what the student sees and its soft labels.
Student and teacher see the same pixels, grain of the 20 m bands included; only the teacher then looks through an
atmosphere, only the student through speckle and softening (Beyer et al. 2022: a good teacher is consistent).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.train.augment import mixed, random_symmetries, randomly_regrained, recoloured, relit, softened, speckled
from lczmap.train.labels import drawn_labels
from lczmap.train.patches import Canvas
from lczmap.train.teacher import Teacher


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How batches are drawn. Shares and probabilities are 0..1 of the patches."""

    rarity: float = 0.85
    """Power by which patches of rare classes are drawn more often: 0 as they come, 1 all classes alike."""
    candidates: int = 2
    """Varied windows drawn for each that is kept; the rarer what the teacher sees in one, the likelier it is kept."""
    choosiness: float = 0.5
    """Power by which candidates of rare classes are kept more often."""
    survey: int = 12
    """Times 64 candidates looked at, before the first batch, to learn which classes are rare among them."""
    views: int = 4
    """Random views of each patch the teacher's label is the mean of."""
    physical: float = 0.3
    """Share of views through physical air; the others go through the simple air that agreement is judged by.

    On towns, labels through one or the other alone agree on 74 % of held-out patches and 82 % of the Berlin district;
    through the simple air at strengths 1 or 1.5 and at all three, on 80 % and 64 %.
    """
    zoomed: float = 0.35
    """Share of windows cut wider or narrower than 320 m."""
    pasted: float = 0.2
    """Share that gets a rectangle of another."""
    blended: float = 0.08
    """Share averaged with another."""
    recoloured: float = 0.25
    """Share that takes another's band means and covariances."""
    relit: float = 0.6
    """Share under another light."""
    doubled: float = 0.15
    """Share whose 20 m bands are doubled by nearest neighbour."""
    smoothed: float = 0.15
    """Share whose 20 m bands are made anew from 2x2 means, smoothly; of zoomed windows all but the doubled ones."""
    softened: float = 0.15
    """Share the student alone sees shifted by part of a pixel."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What batches are drawn from."""

    canvas: Canvas
    """Real places."""
    chances: NDArray[np.float64]
    """`(n,)`: chance of each of the canvas's patches."""
    teacher: Teacher
    """Says what every drawn patch is."""
    rareness: NDArray[np.float32]
    """`(17,)`: weight of a class in the choice among candidates."""


def draw_weights(labels: NDArray[np.float32], *, rarity: float) -> NDArray[np.float64]:
    """Chance of each patch to be drawn, `(n,)`: the rarer the classes the teacher sees in it, the higher."""
    totals = labels.sum(axis=0).astype(np.float64) + 5.0
    weights = labels.astype(np.float64) @ totals**-rarity
    chances: NDArray[np.float64] = weights / weights.sum()
    return chances


def source_of(canvas: Canvas, labels: NDArray[np.float32], teacher: Teacher, drawing: Drawing) -> Source:
    """A source that has looked at some candidates, to know what is rare among them."""
    chances = draw_weights(labels, rarity=drawing.rarity)
    naive = Source(canvas=canvas, chances=chances, teacher=teacher, rareness=np.ones(17, dtype=np.float32))
    rng = np.random.default_rng(0)
    seen = [draw_candidates(naive, drawing, 64, rng) for _ in range(drawing.survey)]
    means = np.stack([drawn_labels(teacher, each, rng, views=1, physical=0.0).mean(axis=0) for each in seen])
    rareness = (means.mean(axis=0) + 0.005) ** -drawing.choosiness
    return Source(canvas=canvas, chances=chances, teacher=teacher, rareness=rareness.astype(np.float32))


def draw_candidates(source: Source, drawing: Drawing, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Varied windows `(count, 32, 32, 10)`, surface reflectance."""
    which = rng.choice(len(source.chances), size=count, p=source.chances)
    windows, zoomed = source.canvas.cut(which, rng, zoomed=drawing.zoomed)
    scene = recoloured(random_symmetries(windows, rng), rng, share=drawing.recoloured)
    scene = relit(mixed(scene, rng, pasted=drawing.pasted, blended=drawing.blended), rng, share=drawing.relit)
    smoothed = np.where(zoomed, 1 - drawing.doubled, drawing.smoothed)
    return randomly_regrained(scene, rng, doubled=drawing.doubled, smoothed=smoothed)


def draw_batch(
    source: Source, drawing: Drawing, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One batch: what the student sees `(count, 32, 32, 10)` and what the teacher says of it `(count, 17)`.

    The label of a chosen patch is made of new views: those it was chosen by would flatter it.
    """
    scene = draw_candidates(source, drawing, count * drawing.candidates, rng)
    if drawing.candidates > 1:
        weights = drawn_labels(source.teacher, scene, rng, views=1, physical=0.0) @ source.rareness
        scene = scene[rng.choice(len(scene), size=count, replace=False, p=weights / weights.sum())]
    labels = drawn_labels(source.teacher, scene, rng, views=drawing.views, physical=drawing.physical)
    return speckled(softened(scene, rng, share=drawing.softened), rng), labels
