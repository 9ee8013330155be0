"""Batches to train a segmenter on: crops of simulated scenes, made to look like other cameras, with point prompts.

In: scenes. Out: pictures as the encoder eats them, the instance and kind of every pixel, prompts half on a lattice as
in production and half inside instances, so that small ones are not forgotten. A step's batch depends on its number
and the seed alone.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from lczmap.segment.decode import Prompts
from lczmap.train.segment_scenes import SegmentScene

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
"""Of `Sam.preprocess`."""
LATTICE = 40
"""Pitch of the lattice of prompts, pixels."""
LEAST_PIXELS = 90
"""Instances with fewer pixels are not asked for by themselves."""
ZOOMS = (1.25, 2.3)


@dataclass(frozen=True, kw_only=True)
class BatchShape:
    """How much a batch holds."""

    frames: int = 2
    """Crops."""
    side: int = 320
    """Of a crop, pixels; a multiple of all attention windows in pixels."""
    prompts: int = 48
    """A crop."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """One step's."""

    pictures: Tensor
    """(frames, 3, side, side) float32, normalised."""
    labels: Tensor
    """(frames, side, side) int32, instance of each pixel."""
    kinds: Tensor
    """(frames, side, side) int64, `Kind` of each pixel."""
    prompts: Prompts
    """frames * prompts of them, in the order of the frames."""


def draw_batch(scenes: Sequence[SegmentScene], rng: np.random.Generator, shape: BatchShape) -> Batch:
    """Draw a batch from scenes."""
    crops = [_crop(scenes[int(rng.integers(len(scenes)))], rng, shape.side) for _ in range(shape.frames)]
    points = [_points(crop.labels, rng, shape.prompts) for crop in crops]
    pictures = np.stack([through_camera(crop.picture, rng) for crop in crops])
    return Batch(
        pictures=normalised(pictures),
        labels=torch.from_numpy(np.stack([crop.labels for crop in crops]).astype(np.int32)),
        kinds=torch.from_numpy(np.stack([crop.kinds[crop.labels] for crop in crops]).astype(np.int64)),
        prompts=Prompts(
            points=torch.from_numpy(np.concatenate(points).astype(np.float32)),
            frames=torch.arange(shape.frames).repeat_interleave(shape.prompts),
        ),
    )


def normalised(pictures: NDArray[np.uint8]) -> Tensor:
    """Pictures (n, rows, columns, 3) as the encoder eats them: (n, 3, rows, columns) float32."""
    values = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()
    return (values - torch.tensor(PIXEL_MEAN)[:, None, None]) / torch.tensor(PIXEL_STD)[:, None, None]


def targets_at(batch: Batch, corners: Tensor, *, side: int) -> Tensor:
    """Share of each mask pixel that belongs to the prompted instance, (n, side / 2, side / 2), two pixels to one.

    Args:
        batch: labels and prompts.
        corners: (n, 2) row and column of each prompt's crop, pixels.
        side: of the crops, pixels.
    """
    frames = batch.prompts.frames
    column, row = batch.prompts.points.long().unbind(1)
    whose = batch.labels[frames, row, column]
    down = corners[:, :1] + torch.arange(side, device=corners.device)
    across = corners[:, 1:] + torch.arange(side, device=corners.device)
    seen = batch.labels[frames[:, None, None], down[:, :, None], across[:, None, :]]
    return functional.avg_pool2d((seen == whose[:, None, None]).float(), 2)


def borders_at(labels: Tensor) -> Tensor:
    """(n, rows / 2, columns / 2) 1 where a border between instances runs through a square of two pixels."""
    padded = functional.pad(labels[:, None].float(), (0, 1, 0, 1), mode="replicate")[:, 0]
    differs = (padded[:, :-1, :-1] != padded[:, :-1, 1:]) | (padded[:, :-1, :-1] != padded[:, 1:, :-1])
    return functional.max_pool2d(differs.float(), 2)


def through_camera(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The same picture by another camera: light, colours, sharpness, noise, compression."""
    x = picture.astype(np.float32) / 255.0
    if rng.random() < 0.4:
        x = ndimage.gaussian_filter(x, (*(float(rng.uniform(0.2, 0.9)),) * 2, 0))
    elif rng.random() < 0.4:
        x += float(rng.uniform(0.3, 1.2)) * (x - ndimage.gaussian_filter(x, (1.0, 1.0, 0)))
    grey = x.mean(axis=2, keepdims=True)
    x = grey + (x - grey) * np.float32(rng.uniform(0.6, 1.8))
    x = np.clip(x * np.exp(rng.normal(0, 0.05, 3) + rng.normal(0.08, 0.15)).astype(np.float32), 0.0, 1.0)
    x **= np.float32(math.exp(rng.normal(-0.1, 0.15)))
    middle = x.mean()
    x = middle + (x - middle) * np.float32(math.exp(rng.normal(0.1, 0.15))) + np.float32(rng.normal(0, 0.03))
    x += rng.standard_normal(x.shape, dtype=np.float32) * np.float32(rng.uniform(0, 0.015))
    seen = np.clip(x * 255.0, 1.0, 255.0).astype(np.uint8)
    return _compressed(seen, int(rng.integers(45, 96))) if rng.random() < 0.2 else seen


def _compressed(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def _crop(scene: SegmentScene, rng: np.random.Generator, side: int) -> SegmentScene:
    """A turned square of a scene at another scale."""
    zoom = math.exp(rng.uniform(math.log(ZOOMS[0]), math.log(ZOOMS[1])))
    reach = min(round(side / zoom), *scene.labels.shape)
    top, left = (int(rng.integers(0, extent - reach + 1)) for extent in scene.labels.shape)
    window = slice(top, top + reach), slice(left, left + reach)
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))

    def turned(plane: NDArray[np.generic]) -> NDArray[np.generic]:
        plane = np.rot90(plane, turns)
        return np.ascontiguousarray(plane[:, ::-1] if mirrored else plane)

    picture, labels = turned(scene.picture[window]), turned(scene.labels[window])
    nearest = ((np.arange(side) + 0.5) * reach / side).astype(np.int64)
    return SegmentScene(
        picture=np.asarray(Image.fromarray(picture.astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR)),
        labels=labels[np.ix_(nearest, nearest)].astype(np.uint16),
        kinds=scene.kinds,
    )


def _points(labels: NDArray[np.uint16], rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """(count, 2) x and y: half from a lattice of free phase, half inside instances, each as likely as the next."""
    side = labels.shape[0]
    places = np.arange(int(rng.integers(LATTICE)), side, LATTICE)
    lattice = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    lattice = lattice[rng.permutation(len(lattice))[: count // 2]]
    flat = labels.ravel()
    order = np.argsort(flat, kind="stable")
    sizes = np.bincount(flat)
    starts = np.cumsum(sizes) - sizes
    able = np.flatnonzero(sizes >= LEAST_PIXELS)
    chosen = rng.choice(able, count - len(lattice)) if len(able) else rng.choice(flat, count - len(lattice))
    inside = order[starts[chosen] + (rng.random(len(chosen)) * sizes[chosen]).astype(np.int64)]
    return np.concatenate([lattice, np.stack([inside % side, inside // side], axis=1)])
