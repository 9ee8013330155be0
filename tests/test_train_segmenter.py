"""Laws of training the segmenter: what its targets are, that it learns, goes on and is judged by what it cuts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lczmap.segment.decode import Prompts
from lczmap.segment.tiny import TINY, TinyShape, load_tiny
from lczmap.synthetic.materials import Material
from lczmap.synthetic.paint import Ground, blank_ground
from lczmap.things.instances import instances_of, no_instances
from lczmap.train.segment_batches import (
    Batch,
    BatchShape,
    borders_at,
    draw_batch,
    normalised,
    targets_at,
    through_camera,
)
from lczmap.train.segment_judge import tally
from lczmap.train.segment_scenes import Kind, SegmentScene, held_out, instances_seen, read_scene, write_scene
from lczmap.train.segment_student import Student, mask_losses
from lczmap.train.segmenter import Recipe, Trainer, batches, rate_at
from lczmap.train.ship_segmenter import float16_tensors, write_segmenter
from lczmap.words.grid import PixelGrid
from lczmap.words.modelcard import parse_model_card, require_segmenter

SHAPE = TinyShape(stem=(8, 16), width=24, windows=(5, 5), heads=2, channels=32, decoder_mlp=32, pixel_channels=(8, 8))
RECIPE = Recipe(steps=30, warm_up=3, crop_tokens=8, batch=BatchShape(frames=1, side=80, prompts=12))


def rectangles(seed: int = 0, side: int = 160) -> SegmentScene:
    """Coloured rectangles on a coloured ground."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side), np.int64)
    for index in range(1, 20):
        height, width = rng.integers(10, 40, 2)
        top, left = rng.integers(0, side - 10, 2)
        labels[top : top + height, left : left + width] = index
    colours, labels = np.unique(labels, return_inverse=True)
    colours = rng.integers(20, 235, (len(colours), 3))
    return SegmentScene(
        picture=colours[labels].astype(np.uint8).reshape(side, side, 3),
        labels=labels.reshape(side, side).astype(np.uint16),
        kinds=(colours.argmax(1)).astype(np.uint8),
    )


def ground(height: NDArray[np.float32], material: NDArray[np.uint8], instance: NDArray[np.uint32]) -> Ground:
    rows, columns = height.shape
    grid = PixelGrid(epsg=32632, west=500_000, north=5_500_000, metres=1, width=columns, height=rows)
    return replace(blank_ground(grid, Material.GRASS), height=height, material=material, instance=instance)


def test_instances_are_what_an_eye_tells_apart() -> None:
    side = 60
    height, instance = np.zeros((side, side), np.float32), np.ones((side, side), np.uint32)
    material = np.full((side, side), Material.GRASS, np.uint8)
    picture = np.full((side, side, 3), 100, np.uint8)
    material[:20, :20], height[:20, :20], instance[:20, :20] = Material.TILE_ROOF, 6.0, 2  # a house
    for index, left in enumerate((30, 36)):  # two crowns that touch
        material[:8, left : left + 6], height[:8, left : left + 6] = Material.BROADLEAF, 8.0
        instance[:8, left : left + 6] = 3 + index
    instance[40:, :30] = 5  # another lot of the same grass, which nobody can see
    instance[40:, 30:], picture[40:, 30:] = 6, 180  # one that is seen
    material[50:52, 5:9], instance[50:52, 5:9], picture[50:52, 5:9] = Material.CAR, 7, 250
    seen = instances_seen(picture, ground(height, material, instance))
    labels = seen.labels
    assert sorted(np.unique(labels)) == list(range(4))
    assert len({int(labels[10, 10]), int(labels[3, 33]), int(labels[30, 30]), int(labels[50, 50])}) == 4
    assert labels[3, 33] == labels[3, 39]
    assert labels[30, 10] == labels[55, 10] == labels[51, 7]
    assert seen.kinds[labels[10, 10]] == Kind.ROOF
    assert seen.kinds[labels[3, 33]] == Kind.CROWNS
    assert seen.kinds[labels[30, 30]] == Kind.OPEN


def test_scenes_come_back_and_every_fifth_seed_and_a_region_are_held_out(tmp_path: Path) -> None:
    path = write_scene("desert", 4, out=tmp_path, cells=1)
    scene = read_scene(path)
    assert held_out(path)
    assert not held_out(tmp_path / "desert-5.npz")
    assert held_out(tmp_path / "north_american-5.npz")
    assert scene.picture.shape == (320, 320, 3)
    assert scene.labels.max() + 1 == len(scene.kinds)
    written = path.stat().st_mtime_ns
    assert write_scene("desert", 4, out=tmp_path, cells=1).stat().st_mtime_ns == written


def test_targets_are_the_prompted_instance_within_the_crop() -> None:
    labels = np.zeros((1, 16, 16), np.int32)
    labels[0, 4:8, 6:16] = 3
    batch = Batch(
        pictures=torch.zeros(1, 3, 16, 16),
        labels=torch.from_numpy(labels),
        kinds=torch.zeros(1, 16, 16, dtype=torch.long),
        prompts=Prompts(points=torch.tensor([[7.0, 5.0], [1.0, 1.0]]), frames=torch.tensor([0, 0])),
    )
    inside, outside = targets_at(batch, torch.tensor([[2, 4], [2, 4]]), side=8)
    expected = torch.zeros(4, 4)
    expected[1:3, 1:] = 1
    assert torch.equal(inside, expected)
    assert torch.equal(outside, 1 - expected)


def test_borders_lie_between_instances() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.int32)
    labels[0, :, 4:] = 1
    borders = borders_at(labels)[0]
    assert borders[:, 1].all()
    assert borders.sum() == 4


def test_a_batch_depends_on_its_number_alone() -> None:
    scenes = [rectangles(seed) for seed in range(3)]
    one, other = (draw_batch(scenes, np.random.default_rng([0, 7]), RECIPE.batch) for _ in range(2))
    assert torch.equal(one.pictures, other.pictures)
    assert torch.equal(one.prompts.points, other.prompts.points)
    third = next(iter(batches(scenes, RECIPE, 7)))
    assert torch.equal(third.pictures, one.pictures)
    assert ((one.prompts.points >= 0) & (one.prompts.points < 80)).all()


def test_a_camera_makes_no_black_and_keeps_the_size() -> None:
    for seed in range(12):
        seen = through_camera(rectangles(seed).picture, np.random.default_rng(seed))
        assert seen.dtype == np.uint8
        assert seen.shape == (160, 160, 3)
        assert seen.mean() > 5
    assert normalised(np.full((1, 2, 2, 3), 255, np.uint8)).shape == (1, 3, 2, 2)


def test_a_perfect_mask_costs_nothing() -> None:
    truth = torch.zeros(2, 8, 8)
    truth[0, 2:4, 2:4], truth[1, :, 4:] = 1, 1
    right, wrong = 60 * (truth - 0.5), 60 * (0.5 - truth)
    loss, reached = mask_losses(torch.stack([right, wrong, torch.zeros(2, 8, 8)], dim=1), truth)
    assert torch.allclose(reached, torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    assert (loss[:, 0] < 1e-3).all()
    assert (loss[:, 0] < loss[:, 2]).all()
    assert (loss[:, 2] < loss[:, 1]).all()


def test_training_lowers_the_loss_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    scenes = [rectangles(seed) for seed in range(3)]
    trainer = Trainer(RECIPE, SHAPE)
    told = [trainer.learn(batch)["masks"] for batch in batches(scenes, replace(RECIPE, steps=20), 0)]
    assert np.mean(told[-5:]) < 0.95 * np.mean(told[:5])
    trainer.save(tmp_path / "checkpoint.pt")
    second = Trainer(replace(RECIPE, seed=1), SHAPE)
    second.resume(tmp_path / "checkpoint.pt")
    batch = next(iter(batches(scenes, RECIPE, 20)))
    assert second.learn(batch) == trainer.learn(batch)
    assert second.step == trainer.step == 21
    begun = Trainer(RECIPE, SHAPE)
    begun.begin(tmp_path / "checkpoint.pt")
    assert begun.step == 0
    assert not torch.equal(begun.average["hints.weight"], Trainer(RECIPE, SHAPE).average["hints.weight"])


def test_the_rate_rises_then_falls() -> None:
    rates = [rate_at(step, RECIPE) for step in range(RECIPE.steps)]
    assert np.argmax(rates) in (2, 3)
    assert rates[-1] < 0.1 * max(rates)
    assert max(rates) == pytest.approx(RECIPE.rate)


def test_cutting_the_truth_finds_everything_and_nothing_finds_nothing() -> None:
    labels = rectangles(side=320).labels
    core = (0, 0, 320, 320)
    coarse = labels[1::2, 1::2]
    masks = np.stack([coarse == index for index in range(int(labels.max()) + 1)])
    perfect = tally(instances_of(masks, metres=2), labels, core)
    assert perfect.borders[0] == perfect.borders[1] > 0
    assert perfect.borders[2] == perfect.borders[3]
    assert (perfect.found[:, 0] == perfect.found[:, 1]).all()
    assert perfect.covered[0] == perfect.covered[1]
    none = tally(no_instances(160, 160, metres=2), labels, core)
    assert none.borders[1] == 0
    assert not none.found[:, 1].any()
    both = perfect + none
    assert both.found[:, 0].sum() == 2 * both.found[:, 1].sum()


def test_what_is_shipped_loads_with_its_card(tmp_path: Path) -> None:
    tensors = float16_tensors(Student(TINY))
    write_segmenter(tensors, {}, training=["Not at all."], provisional=True, out=tmp_path)
    card = parse_model_card((tmp_path / "sam-tiny.toml").read_text())
    require_segmenter(card, "sam-tiny")
    assert (tmp_path / card.weights).stat().st_size < 3_000_000
    sam = load_tiny(tmp_path / card.weights, card.sha256)
    for name, tensor in sam.state_dict().items():
        assert np.array_equal(tensor.numpy(), tensors[name].astype(np.float32)), name
