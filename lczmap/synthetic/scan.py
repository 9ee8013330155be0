"""Which pixels convex quads and discs cover, as runs of pixels along rows: the cost is that of what is covered.

Positions count from each shape's own first pixel, so that they are rounded alike in every window.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.quads import Corners
from lczmap.words.grid import PixelGrid

_PIXELS_AT_ONCE = 1 << 20
_LEVEL = 1e-12
_Value = TypeVar("_Value", bound=np.generic)
_Whole = NDArray[np.int64]
_Real = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Runs:
    """Runs of pixels inside shapes, in painting order."""

    shape: _Whole
    """Index of the shape `(m,)`."""
    start: _Whole
    """First pixel, row * columns + column `(m,)`."""
    count: _Whole
    """Length, at least 1 `(m,)`."""
    x: _Real
    """x of the first pixel's centre, from the shape's own first pixel (quads) or its middle (discs) `(m,)`."""

    def places(self) -> _Whole:
        """Every pixel, row * columns + column `(k,)`."""
        places = np.repeat(self.start - (np.cumsum(self.count) - self.count), self.count)
        places += np.arange(len(places))
        return places

    def spread(self, values: NDArray[_Value]) -> NDArray[_Value]:
        """One value a shape on every pixel `(k,)`."""
        return np.repeat(values[self.shape], self.count)

    def _across(self) -> _Real:
        """X of every pixel's centre `(k,)`."""
        x = np.repeat(self.x - (np.cumsum(self.count) - self.count), self.count)
        x += np.arange(len(x))
        return x


@dataclass(frozen=True, kw_only=True, eq=False)
class QuadRuns(Runs):
    """Runs inside quads."""

    offset: _Real
    """Distance inside each of the four edges, pixels, in the run's row at x = 0 `(m, 4)`."""
    slope: _Real
    """What a pixel east adds to that `(m, 4)`."""

    def inside(self) -> list[NDArray[np.float32]]:
        """How far each pixel's centre lies inside each of the four edges, pixels, four of `(k,)`."""
        across = self._across().astype(np.float32)
        far = []
        for k in range(4):
            distance = np.repeat(self.slope[:, k].astype(np.float32), self.count)
            distance *= across
            distance += np.repeat(self.offset[:, k].astype(np.float32), self.count)
            far.append(distance)
        return far


@dataclass(frozen=True, kw_only=True, eq=False)
class DiscRuns(Runs):
    """Runs inside discs."""

    y_share: _Real
    """Squared share of the radius that the run lies north or south of the middle `(m,)`."""
    scale: _Real
    """One over the radius, pixels `(m,)`."""

    def share(self) -> NDArray[np.float32]:
        """Squared distance of each pixel's centre from the middle, as a share of the radius squared `(k,)`."""
        across = self._across()
        across *= np.repeat(self.scale, self.count)
        across *= across
        across += np.repeat(self.y_share, self.count)
        return across.astype(np.float32)


def quad_runs(grid: PixelGrid, corners: Corners, order: _Whole) -> Iterator[QuadRuns]:
    """Lots of runs of the quads that meet a grid.

    Args:
        grid: the pixels.
        corners: quads `(n, 4, 2)`, metres, counter-clockwise.
        order: painting order: indices of quads; those out of sight are left out.
    """
    pixels = _in_pixels(grid, corners)
    first, last = np.floor(pixels.min(axis=1)).astype(np.int64), np.ceil(pixels.max(axis=1)).astype(np.int64)
    for lot in _lots(grid, first, last, order):
        yield _quad_runs(grid, lot, pixels[lot] - first[lot, None], (first[lot], last[lot]))


def disc_runs(grid: PixelGrid, centre: _Real, radius: NDArray[np.float32]) -> Iterator[DiscRuns]:
    """Lots of runs of the discs that meet a grid.

    Args:
        grid: the pixels.
        centre: metres `(n, 2)`.
        radius: metres `(n,)`; less than 0.3 pixels counts as that.
    """
    middle = _in_pixels(grid, centre)
    reach = np.maximum(radius.astype(np.float64) / grid.metres, 0.3)
    first = np.floor(middle - reach[:, None]).astype(np.int64)
    last = np.ceil(middle + reach[:, None]).astype(np.int64)
    for lot in _lots(grid, first, last, np.arange(len(radius))):
        disc, row = _rows(grid, first[lot], last[lot])
        far = row + 0.5 - middle[lot[disc], 1]
        y_share = (far / reach[lot[disc]]) ** 2
        half = reach[lot[disc]] * np.sqrt(np.maximum(1.0 - y_share, 0.0))
        x = middle[lot[disc], 0]
        # the runs of a disc's tips may be empty
        left = np.maximum(np.ceil(x - half - 0.5).astype(np.int64), 0)
        right = np.minimum(np.floor(x + half - 0.5).astype(np.int64), grid.width - 1)
        some = np.flatnonzero((right >= left) & (y_share <= 1.0))
        disc, left = lot[disc[some]], left[some]
        yield DiscRuns(
            shape=disc,
            start=row[some] * grid.width + left,
            count=right[some] - left + 1,
            x=left + 0.5 - middle[disc, 0],
            y_share=y_share[some],
            scale=1.0 / reach[disc],
        )


def _quad_runs(grid: PixelGrid, lot: _Whole, here: Corners, box: tuple[_Whole, _Whole]) -> QuadRuns:
    """Runs of one lot of quads, whose corners count from their first pixels."""
    first, last = box
    quad, row = _rows(grid, first, last)
    y = row - first[quad, 1] + 0.5
    edge = np.roll(here, -1, axis=1) - here
    scale = 1.0 / np.maximum(np.hypot(edge[..., 0], edge[..., 1]), 1e-6)
    # rows run south, so a counter-clockwise ring runs clockwise in pixels
    slope, fall = edge[..., 1] * scale, -edge[..., 0] * scale
    at_zero = -(slope * here[..., 0] + fall * here[..., 1])
    across, offset = slope[quad], at_zero[quad] + fall[quad] * y[:, None]
    level = np.abs(across) <= _LEVEL
    bound = -offset / np.where(level, 1.0, across)
    width = (last - first)[quad, 0]
    low = np.where(across > _LEVEL, bound, 0.0).max(axis=1)
    high = np.where(across < -_LEVEL, bound, width[:, None]).min(axis=1)
    possible = (~level | (offset >= 0)).all(axis=1) & (high > low)
    left = np.maximum(np.ceil(np.clip(low, 0.0, width) - 0.5).astype(np.int64), -first[quad, 0])
    right = np.floor(np.clip(high, 0.0, width) - 0.5).astype(np.int64)
    right = np.minimum(right, grid.width - 1 - first[quad, 0])
    some = np.flatnonzero(possible & (right >= left))
    quad, left = quad[some], left[some]
    return QuadRuns(
        shape=lot[quad],
        start=row[some] * grid.width + first[quad, 0] + left,
        count=right[some] - left + 1,
        x=left + 0.5,
        offset=offset[some],
        slope=across[some],
    )


def _rows(grid: PixelGrid, first: _Whole, last: _Whole) -> tuple[_Whole, _Whole]:
    """Every row of the grid that boxes meet: index of the box, and the row, each `(m,)`."""
    top = np.maximum(first[:, 1], 0)
    rows = np.maximum(np.minimum(last[:, 1], grid.height) - top, 0)
    box = np.repeat(np.arange(len(rows)), rows)
    return box, np.arange(len(box)) - np.repeat(np.cumsum(rows) - rows - top, rows)


def _lots(grid: PixelGrid, first: _Whole, last: _Whole, order: _Whole) -> Iterator[_Whole]:
    """Boxes in sight in their order, about a million pixels at a time."""
    seen = (last > 0).all(axis=1) & (first[:, 0] < grid.width) & (first[:, 1] < grid.height)
    order = order[seen[order]]
    size = np.maximum(last - first, 1)[order]
    lots = np.cumsum(size[:, 0] * size[:, 1]) // _PIXELS_AT_ONCE
    for lot in np.split(order, np.flatnonzero(np.diff(lots)) + 1):
        if len(lot):
            yield lot


def _in_pixels(grid: PixelGrid, points: _Real) -> _Real:
    """Columns and rows, fractions kept, of metres east and north."""
    return np.stack([points[..., 0] - grid.west, grid.north - points[..., 1]], axis=-1) / grid.metres
