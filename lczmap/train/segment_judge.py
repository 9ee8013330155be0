"""How well a segmenter cuts simulated scenes: boundary recall and precision, instances found by size.

In: a segmenter in window mode and scenes as large as its frames, with their truth. Out: shares, 0 to 1. Only the core
of a frame counts, since nothing else is used. A border is met within 2 m; an instance is found by an IoU of 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lczmap.protocols import Segmenter
from lczmap.things.instances import Instances
from lczmap.train.segment_scenes import SegmentScene

TOLERANCE_METRES = 2
"""Of borders."""
SIZES: Mapping[str, tuple[int, int]] = {"50-200": (50, 200), "200-1000": (200, 1000), "over 1000": (1000, 1 << 30)}
"""Classes of true instances, square metres."""
FOUND = 0.5
"""IoU from which an instance is found."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tally:
    """Counts of one or several frames."""

    borders: NDArray[np.int64]
    """(4,) true border pixels, those met, drawn border pixels, those that are true."""
    found: NDArray[np.int64]
    """(sizes, 2) true instances, those found."""
    instances: int
    """Instances cut."""
    covered: NDArray[np.int64]
    """(2,) pixels, those in some instance."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            borders=self.borders + other.borders,
            found=self.found + other.found,
            instances=self.instances + other.instances,
            covered=self.covered + other.covered,
        )


def judged(segmenter: Segmenter, scenes: Sequence[SegmentScene]) -> dict[str, float]:
    """Figures of a segmenter on scenes, by name."""
    spec = segmenter.spec
    reach = (spec.context_metres,) * 2 + (spec.context_metres + spec.core_metres,) * 2
    tallies = []
    for scene in scenes:
        (cut,) = segmenter.segment(scene.picture[None], [reach])
        tallies.append(tally(cut, scene.labels, reach))
    total = sum(tallies[1:], tallies[0])
    true, met, drawn, right = (float(count) for count in total.borders)
    figures = {"boundary recall": met / max(true, 1), "boundary precision": right / max(drawn, 1)}
    for name, (count, found) in zip(SIZES, total.found, strict=True):
        figures[f"recall {name} m2"] = float(found) / max(float(count), 1)
    figures["instances a cell"] = total.instances / len(scenes) / (spec.core_metres / 320) ** 2
    figures["covered"] = float(total.covered[1]) / float(total.covered[0])
    return figures


def tally(cut: Instances, labels: NDArray[np.uint16], reach: tuple[int, int, int, int]) -> Tally:
    """Counts of one frame.

    Args:
        cut: what was cut.
        labels: (side, side) true instance of each metre.
        reach: the part that counts, metres.
    """
    metres = cut.metres
    top, left, bottom, right = (edge // metres for edge in reach)
    core = slice(top, bottom), slice(left, right)
    truth = labels[metres // 2 :: metres, metres // 2 :: metres].astype(np.int64)[core]
    row, column = np.divmod(cut.pixels, cut.columns)
    inside = (row >= top) & (row < bottom) & (column >= left) & (column < right)
    whose = np.repeat(np.arange(len(cut)), np.diff(cut.starts))[inside]
    row, column = row[inside] - top, column[inside] - left
    covered = np.zeros(truth.shape, np.bool_)
    covered[row, column] = True
    best = best_overlap(whose, truth[row, column], truth)
    areas = np.bincount(truth.ravel()) * metres**2
    found = np.array(
        [[((areas >= least) & (areas < most)).sum(), ((areas >= least) & (areas < most) & (best >= FOUND)).sum()]
         for least, most in SIZES.values()]
    )  # fmt: skip
    true_edges, drawn_edges = edges_of(truth), _drawn_edges(whose, row, column, truth.shape)
    reach_pixels = TOLERANCE_METRES // metres
    counts = [
        true_edges.sum(),
        (true_edges & _near(drawn_edges, reach_pixels)).sum(),
        drawn_edges.sum(),
        (drawn_edges & _near(true_edges, reach_pixels)).sum(),
    ]
    return Tally(
        borders=np.array(counts, np.int64),
        found=found.astype(np.int64),
        instances=len(np.unique(whose)),
        covered=np.array([truth.size, covered.sum()]),
    )


def best_overlap(whose: NDArray[np.int64], hit: NDArray[np.int64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """(labels,) best IoU of each true instance with any cut one.

    Args:
        whose: (p,) instance of each cut pixel.
        hit: (p,) true label there.
        truth: true labels.
    """
    areas = np.bincount(truth.ravel())
    best = np.zeros(len(areas))
    if len(whose):
        pairs, shared = np.unique(whose * len(areas) + hit, return_counts=True)
        one, label = np.divmod(pairs, len(areas))
        sizes = np.bincount(whose)
        np.maximum.at(best, label, shared / (sizes[one] + areas[label] - shared))
    return best


def edges_of(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pixels that differ from the one to the right or below."""
    edges = np.zeros(labels.shape, np.bool_)
    edges[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edges[:-1] |= labels[:-1] != labels[1:]
    return edges


def _drawn_edges(
    whose: NDArray[np.int64], row: NDArray[np.int64], column: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Pixels where the outline of any instance runs; instances may overlap."""
    edges = np.zeros(shape, np.bool_)
    for index in np.unique(whose):
        own = whose == index
        mask = np.zeros(shape, np.int64)
        mask[row[own], column[own]] = 1
        edges |= edges_of(mask)
    return edges


def _near(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Pixels within some pixels of a mask, diagonals included."""
    return np.asarray(ndimage.binary_dilation(mask, np.ones((3, 3)), iterations=max(pixels, 1)))
