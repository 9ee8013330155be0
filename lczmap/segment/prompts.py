"""Where pictures are prompted: a lattice fixed in the zone for windows, segment-anything's grids for cells and crops.

Points are (n, 2) float64, x and y. Nothing here depends on which posts are wanted.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.things.frames import Reach
from lczmap.words.segmenter import SegmenterSpec

CROP_OVERLAP = 512 / 1500
"""Share of a picture's side by which crops of the first layer overlap (segment-anything's default)."""


def window_points(spec: SegmenterSpec, reach: Reach) -> NDArray[np.float64]:
    """Prompts of a window within its reach, metres from the frame's upper left corner, row by row.

    The lattice begins half a pitch inside the core and goes on beyond it; where the pitch divides the core it is one
    lattice for the whole zone.
    """
    top, left, bottom, right = reach
    rows, columns = (
        _line(low, high, spec.context_metres + spec.pitch_metres / 2, spec.pitch_metres)
        for low, high in ((top, bottom), (left, right))
    )
    x, y = np.meshgrid(columns, rows)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _line(low: int, high: int, anchor: float, pitch: float) -> NDArray[np.float64]:
    """Every anchor + i * pitch with low <= place < high."""
    first = math.ceil((low - anchor) / pitch - 1e-9)
    last = math.ceil((high - anchor) / pitch - 1e-9)
    places: NDArray[np.float64] = anchor + pitch * np.arange(first, last, dtype=np.float64)
    return places


def seen_points(points: NDArray[np.float64], picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(n,) which points (pixels) lie on data: black is none."""
    columns, rows = np.floor(points).astype(np.intp).T
    seen: NDArray[np.bool_] = picture[rows, columns].any(axis=1)
    return seen


@dataclass(frozen=True, kw_only=True)
class Crop:
    """One part of a cell that is encoded and prompted by itself."""

    left: int
    """First column."""
    top: int
    """First row."""
    right: int
    """Column after the last."""
    bottom: int
    """Row after the last."""
    points_per_side: int
    """Prompts along its sides."""

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def points(self) -> NDArray[np.float64]:
        """Prompts in pixels of the crop, row by row (segment-anything's `build_point_grid`)."""
        half = 1 / (2 * self.points_per_side)
        line = np.linspace(half, 1 - half, self.points_per_side)
        x, y = np.meshgrid(line, line)
        points: NDArray[np.float64] = np.stack([x.ravel() * self.width, y.ravel() * self.height], axis=1)
        return points


def crops_of(side: int, spec: SegmenterSpec) -> tuple[Crop, ...]:
    """A square picture and its layers of crops: 4, then 16, ... with half the points a side each time.

    As `generate_crop_boxes` of segment-anything: columns outside, rows inside, integer sides rounded up.
    """
    crops = [Crop(left=0, top=0, right=side, bottom=side, points_per_side=spec.points_per_side)]
    for layer in range(1, spec.crop_layers + 1):
        across, points = 2**layer, spec.points_per_side // 2**layer
        if not points:
            break
        overlap = int(CROP_OVERLAP * side * (2 / across))
        length = math.ceil((overlap * (across - 1) + side) / across)
        starts = [(length - overlap) * place for place in range(across)]
        crops += [
            Crop(
                left=left,
                top=top,
                right=min(left + length, side),
                bottom=min(top + length, side),
                points_per_side=points,
            )
            for left in starts
            for top in starts
        ]
    return tuple(crops)
