"""Instances: what a segmenter cut from one frame, as lists of mask pixels; masks may overlap and leave gaps.

A list of pixels an instance takes a hundredth of the memory of whole masks and is exact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Instances:
    """The n instances of one frame."""

    rows: int
    """Rows of a mask."""
    columns: int
    """Columns of a mask."""
    metres: int
    """Pixel side of the masks, metres; the frame's side is `rows * metres`."""
    pixels: NDArray[np.int32]
    """(p,) flat indices of the pixels of instance 0, then of instance 1, ...; ascending within an instance."""
    starts: NDArray[np.int64]
    """(n + 1,) where each instance begins in `pixels`; the last entry is p."""
    scores: NDArray[np.float32]
    """(n,) quality that the segmenter gives each, 0..1; ones where it does not tell."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def areas(self) -> NDArray[np.int64]:
        """(n,) square metres."""
        return np.diff(self.starts) * self.metres**2

    def mask(self, index: int) -> NDArray[np.bool_]:
        """(rows, columns) of one instance."""
        mask = np.zeros(self.rows * self.columns, np.bool_)
        mask[self.pixels[self.starts[index] : self.starts[index + 1]]] = True
        return mask.reshape(self.rows, self.columns)


def instances_of(masks: NDArray[np.bool_], *, metres: int, scores: NDArray[np.float32] | None = None) -> Instances:
    """Instances from whole masks (n, rows, columns)."""
    count, rows, columns = masks.shape
    flat = masks.reshape(count, rows * columns)
    whose, pixels = np.nonzero(flat)
    starts = np.searchsorted(whose, np.arange(count + 1)).astype(np.int64)
    return Instances(
        rows=rows,
        columns=columns,
        metres=metres,
        pixels=pixels.astype(np.int32),
        starts=starts,
        scores=np.ones(count, np.float32) if scores is None else scores.astype(np.float32),
    )


def no_instances(rows: int, columns: int, *, metres: int) -> Instances:
    """A frame on which nothing was found."""
    return instances_of(np.zeros((0, rows, columns), np.bool_), metres=metres)
