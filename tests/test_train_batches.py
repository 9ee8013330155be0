"""Batches to distil from: repeatable, consistent between teacher and student, richer in what is rare."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lczmap.train.augment import mixed, randomly_regrained, recoloured, relit, sharpened, softened, speckled
from lczmap.train.batches import Drawing, Source, decided, draw_batch, source_of
from lczmap.train.labels import Views, averaged_labels, drawn_labels
from lczmap.train.patches import Patches, PatchRow, canvas_of
from lczmap.train.teacher import Teacher

COUNT = 6
QUICK = Drawing(views=Views(count=1), survey=1)


@pytest.fixture
def patches() -> NDArray[np.float32]:
    """Noise, each patch with a colour of its own."""
    rng = np.random.default_rng(5)
    colours = rng.uniform(0.05, 1.0, size=(COUNT, 1, 1, 10))
    return (colours * rng.uniform(0.02, 0.4, size=(COUNT, 32, 32, 10))).astype(np.float32)


class Brightness(Teacher):
    """A teacher whose answer is plain: the brighter a patch, the likelier the first class."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = 60 * x.mean(dim=(1, 2, 3)) - 4
        return torch.stack([bright, *[torch.zeros_like(bright)] * 16], dim=1)


@pytest.fixture
def source(patches: NDArray[np.float32]) -> Source:
    rows = tuple(PatchRow(source="s", place="p", group=str(i), chip="", corner=(0, 0)) for i in range(COUNT))
    canvas = canvas_of(Patches(pixels=(patches * 1e4).astype(np.uint16), rows=rows))
    labels = np.full((COUNT, 17), 1 / 17, dtype=np.float32)
    return source_of(canvas, labels, Brightness(), QUICK)


def test_augmentations_repeat_with_their_seed_and_stay_physical(patches: NDArray[np.float32]) -> None:
    def drawn() -> NDArray[np.float32]:
        rng = np.random.default_rng(9)
        scene = recoloured(relit(mixed(patches, rng, pasted=0.5, blended=0.3), rng, share=0.7), rng, share=0.6)
        scene = sharpened(scene, rng, share=0.5)
        scene = randomly_regrained(scene, rng, doubled=0.4, smoothed=np.full(COUNT, 0.3))
        return speckled(softened(scene, rng, share=0.5), rng)

    first = drawn()
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert 0 < first.min() <= first.max() <= 2
    np.testing.assert_array_equal(first, drawn())


def test_recolouring_gives_colours_of_another_and_keeps_the_pattern(patches: NDArray[np.float32]) -> None:
    two = np.stack([patches[0], patches[1] * np.linspace(0.3, 1.2, 10, dtype=np.float32)])
    moved = recoloured(two, np.random.default_rng(0), share=1.0)
    between = np.sort(np.stack([two.mean(axis=(1, 2)), two.mean(axis=(1, 2))[::-1]]), axis=0)
    assert np.all(moved.mean(axis=(1, 2)) >= between[0] - 0.01)
    assert np.all(moved.mean(axis=(1, 2)) <= between[1] + 0.01)
    assert np.corrcoef(moved[0, ..., 0].ravel(), two[0, ..., 0].ravel())[0, 1] > 0.95


def test_a_palette_lends_its_colours(patches: NDArray[np.float32]) -> None:
    dark = np.full((3, 32, 32, 10), 0.03, dtype=np.float32)
    moved = recoloured(patches, np.random.default_rng(0), share=1.0, palette=dark)
    before, after = patches.mean(axis=(1, 2)), moved.mean(axis=(1, 2))
    assert np.all(np.abs(after - 0.03) <= np.abs(before - 0.03) + 1e-3)
    assert np.abs(after - 0.03).mean() < 0.6 * np.abs(before - 0.03).mean()


def test_sharpening_keeps_levels_and_ramps_and_raises_contrast(patches: NDArray[np.float32]) -> None:
    sharp = sharpened(patches, np.random.default_rng(0), share=1.0)
    np.testing.assert_allclose(sharp.mean(axis=(1, 2)), patches.mean(axis=(1, 2)), rtol=0.15)
    assert np.all(sharp.std(axis=(1, 2)) > patches.std(axis=(1, 2)))
    ramp = np.broadcast_to(np.linspace(0.1, 0.5, 32, dtype=np.float32)[:, None, None], (1, 32, 32, 10))
    kept = sharpened(ramp, np.random.default_rng(0), share=1.0)
    np.testing.assert_allclose(kept[:, 1:-1], ramp[:, 1:-1], atol=1e-6)


def test_softening_moves_no_level_and_no_pixel_far() -> None:
    ramp = np.broadcast_to(np.arange(32, dtype=np.float32)[:, None, None], (8, 32, 32, 10)).copy()
    moved = softened(ramp, np.random.default_rng(0), share=1.0)
    assert np.all(np.abs(moved - ramp) <= 0.5)
    assert len(np.unique(moved[:, 16, 16, 0])) == 8


def test_a_batch_repeats_with_its_seed(source: Source) -> None:
    first, second = (draw_batch(source, QUICK, 3, np.random.default_rng([0, 7])) for _ in range(2))
    np.testing.assert_array_equal(first.seen, second.seen)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.map, second.map)
    np.testing.assert_allclose(first.labels.sum(axis=1), 1.0, rtol=1e-5)


def test_decided_labels_keep_their_order_and_sum() -> None:
    labels = np.random.default_rng(0).dirichlet(np.ones(17), size=5).astype(np.float32)
    sharp = decided(labels, sharpness=2.0)
    np.testing.assert_allclose(sharp.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(sharp.argsort(axis=1), labels.argsort(axis=1))
    assert np.all(sharp.max(axis=1) > labels.max(axis=1))
    np.testing.assert_allclose(decided(labels, sharpness=1.0), labels, rtol=1e-5)


def test_candidates_the_teacher_finds_rare_are_kept(source: Source) -> None:
    """With all the weight on one class, batches hold more of it than batches drawn blindly."""
    keen = replace(source, rareness=np.eye(17, dtype=np.float32)[0])

    def held(drawing: Drawing) -> float:
        rng = np.random.default_rng(3)
        return float(np.mean([draw_batch(keen, drawing, 48, rng).labels[:, 0].mean() for _ in range(2)]))

    assert held(replace(QUICK, candidates=4)) > 1.1 * held(replace(QUICK, candidates=1))


def test_many_drawn_views_are_the_judge_s_label(patches: NDArray[np.float32]) -> None:
    judged = averaged_labels(Brightness(), patches[:2])
    drawn = drawn_labels(Brightness(), patches[:2], np.random.default_rng(0), views=Views(count=40, physical=0.0))
    np.testing.assert_allclose(drawn, judged, atol=0.03)
