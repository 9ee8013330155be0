"""Batches to distil from: windows of real places, varied, chosen for rarity, and what the teacher says of them.

In: a `Source` (real places, perhaps simulated ones, the teacher) and a generator. Out: what the student sees, its soft
labels, in which truth has a say on simulated patches, and the teacher's map of the same ground.
Student and teacher see the same pixels, grain of the 20 m bands included; only the teacher then looks through an
atmosphere, only the student through speckle and softening (Beyer et al. 2022: a good teacher is consistent).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lczmap.train.augment import (
    mixed,
    random_symmetries,
    randomly_regrained,
    recoloured,
    relit,
    sharpened,
    softened,
    speckled,
)
from lczmap.train.hint import seen_by
from lczmap.train.labels import Views, drawn_labels
from lczmap.train.patches import Canvas
from lczmap.train.simulated import (
    Simulated,
    blended_labels,
    held_seeds,
    learnable,
    teacher_recall,
    truth_weights,
)
from lczmap.train.teacher import Teacher
from lczmap.words.lcz import CLASS_COUNT

GLANCE = Views(count=1, physical=0.0)
"""What candidates are chosen by."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How batches are drawn. Shares and probabilities are 0..1 of the patches.

    The student has never agreed better with the teacher on the towns it learned from than on others, so variations are
    there for places, seasons and suns it has not met, not against learning by heart, and kept few.
    """

    rarity: float = 0.85
    """Power by which patches of rare classes are drawn more often: 0 as they come, 1 all classes alike."""
    candidates: int = 2
    """Varied windows drawn for each that is kept; the rarer what the teacher sees in one, the likelier it is kept."""
    choosiness: float = 0.5
    """Power by which candidates of rare classes are kept more often."""
    survey: int = 12
    """Times 64 candidates looked at, before the first batch, to learn which classes are rare among them."""
    views: Views = field(default_factory=Views)
    """What the teacher's label is the mean of."""
    sharpness: float = 1.0
    """Power that the teacher's labels are raised to: above 1 a student that smooths keeps the teacher's decisions, and
    its confidence is set right by the temperature that shipping fits."""
    zoomed: float = 0.2
    """Share of windows cut wider or narrower than 320 m."""
    pasted: float = 0.1
    """Share that gets a rectangle of another."""
    blended: float = 0.04
    """Share averaged with another."""
    recoloured: float = 0.3
    """Share that takes another's band means and covariances: a simulated one's where there is such, and so those of
    places, seasons and suns that no real window of the training has."""
    sharpened: float = 0.3
    """Share whose fine detail is exaggerated."""
    relit: float = 0.6
    """Share under another light."""
    doubled: float = 0.1
    """Share whose 20 m bands are doubled by nearest neighbour."""
    smoothed: float = 0.15
    """Share whose 20 m bands are made anew from 2x2 means, smoothly; of zoomed windows all but the doubled ones."""
    softened: float = 0.15
    """Share the student alone sees shifted by part of a pixel."""
    simulated: float = 0.2
    """Share of a batch that is simulated, where there is such; relit half as often as real windows, and never mixed."""


def settled(drawing: Drawing) -> Drawing:
    """The same with windows and views nearer to what a run sees and is judged by, and with decided labels."""
    return replace(
        drawing,
        zoomed=drawing.zoomed / 2,
        pasted=drawing.pasted / 2,
        blended=drawing.blended / 2,
        views=replace(drawing.views, physical=drawing.views.physical / 3),
        sharpness=2.0,
    )


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Simulated patches to learn from."""

    patches: Simulated
    """Of seeds and regions that training may see."""
    chances: NDArray[np.float64]
    """`(n,)`: chance of each to be drawn, higher in rare classes."""
    weights: NDArray[np.float32]
    """`(17,)`: of truth against the teacher, by class."""


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
    stage: Stage | None = None
    """Simulated patches, if any."""


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
    means = np.stack([drawn_labels(teacher, each, rng, views=GLANCE).mean(axis=0) for each in seen])
    rareness = (means.mean(axis=0) + 0.005) ** -drawing.choosiness
    return Source(canvas=canvas, chances=chances, teacher=teacher, rareness=rareness.astype(np.float32))


def stage_of(simulated: Simulated, teacher: Teacher, drawing: Drawing) -> Stage:
    """What may be learned of simulated patches; truth weighs what the teacher misses on the held-out seeds.

    They are drawn the more often the rarer their class is, in truth and in the teacher's eyes alike.
    """
    rng = np.random.default_rng(0)
    held = simulated.chosen(held_seeds(simulated))
    weights = truth_weights(teacher_recall(teacher, held, rng))
    patches = simulated.chosen(learnable(simulated))
    classes = np.eye(CLASS_COUNT, dtype=np.float32)[patches.truth.astype(np.int64) - 1]
    said = drawn_labels(teacher, patches.surface, rng, views=GLANCE, elevation=patches.sun)
    chances = draw_weights(classes, rarity=drawing.rarity) + draw_weights(said, rarity=drawing.rarity)
    return Stage(patches=patches, chances=chances / 2, weights=weights)


def draw_simulated(
    stage: Stage, teacher: Teacher, drawing: Drawing, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Simulated patches `(count, 32, 32, 10)`, each under its own sun, and their labels `(count, 17)`."""
    drawn = stage.patches.chosen(rng.choice(len(stage.chances), size=count, p=stage.chances))
    scene = relit(random_symmetries(drawn.surface, rng), rng, share=drawing.relit / 2)
    scene = randomly_regrained(scene, rng, doubled=drawing.doubled, smoothed=np.zeros(count))
    said = drawn_labels(teacher, scene, rng, views=drawing.views, elevation=drawn.sun)
    said = decided(said, sharpness=drawing.sharpness)
    return scene, blended_labels(said, drawn.truth, drawn.share, weights=stage.weights)


def decided(labels: NDArray[np.float32], *, sharpness: float) -> NDArray[np.float32]:
    """Labels `(n, 17)` raised to a power and made to sum to one again."""
    powered = labels**sharpness
    result: NDArray[np.float32] = powered / powered.sum(axis=1, keepdims=True)
    return result


def draw_candidates(source: Source, drawing: Drawing, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Varied windows `(count, 32, 32, 10)`, surface reflectance."""
    which = rng.choice(len(source.chances), size=count, p=source.chances)
    windows, zoomed = source.canvas.cut(which, rng, zoomed=drawing.zoomed)
    palette = None
    if source.stage is not None:
        drawn = rng.choice(len(source.stage.chances), size=count, p=source.stage.chances)
        palette = source.stage.patches.chosen(drawn).surface
    scene = recoloured(random_symmetries(windows, rng), rng, share=drawing.recoloured, palette=palette)
    scene = sharpened(scene, rng, share=drawing.sharpened)
    scene = relit(mixed(scene, rng, pasted=drawing.pasted, blended=drawing.blended), rng, share=drawing.relit)
    smoothed = np.where(zoomed, 1 - drawing.doubled, drawing.smoothed)
    return randomly_regrained(scene, rng, doubled=drawing.doubled, smoothed=smoothed)


def draw_real(
    source: Source, drawing: Drawing, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Windows of real places `(count, 32, 32, 10)` and their labels `(count, 17)`.

    The label of a chosen candidate is made of new views: those it was chosen by would flatter it.
    """
    scene = draw_candidates(source, drawing, count * drawing.candidates, rng)
    if drawing.candidates > 1:
        weights = drawn_labels(source.teacher, scene, rng, views=GLANCE) @ source.rareness
        scene = scene[rng.choice(len(scene), size=count, replace=False, p=weights / weights.sum())]
    labels = drawn_labels(source.teacher, scene, rng, views=drawing.views)
    return scene, decided(labels, sharpness=drawing.sharpness)


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One batch to learn from."""

    seen: NDArray[np.float32]
    """`(n, 32, 32, 10)`: what the student sees."""
    labels: NDArray[np.float32]
    """`(n, 17)`: soft labels."""
    map: NDArray[np.float32]
    """`(n, 8, 8, 256)`: what the teacher sees where."""


def draw_batch(source: Source, drawing: Drawing, count: int, rng: np.random.Generator) -> Lesson:
    """One batch of `count` patches."""
    simulated = 0 if source.stage is None else round(count * drawing.simulated)
    scene, labels = draw_real(source, drawing, count - simulated, rng)
    if source.stage is not None and simulated:
        staged, blended = draw_simulated(source.stage, source.teacher, drawing, simulated, rng)
        scene, labels = np.concatenate([scene, staged]), np.concatenate([labels, blended])
    seen = speckled(softened(scene, rng, share=drawing.softened), rng)
    return Lesson(seen=seen, labels=labels, map=seen_by(source.teacher, scene))
