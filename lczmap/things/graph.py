"""Instance graphs of cells, as padded arrays for whole batches: no object a cell, no loop over nodes.

A cell's nodes are its instances clipped to its 320 m square, those of at least 50 m2, the 50 largest, largest first
(DF4LCZ, section III-B). Every two nodes are joined unless their centres coincide, so that no adjacency is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.things.instances import Instances
from lczmap.words.errors import SpecError
from lczmap.words.grid import WINDOW_METRES
from lczmap.words.modelcard import NODE_FEATURES

MOST_NODES = 50
"""Instances kept of a cell (DF4LCZ)."""
LEAST_METRES2 = 50
"""Least area of an instance within its cell, square metres (DF4LCZ: 50 px of 1 m)."""
FEATURES = NODE_FEATURES
"""Features of a node, in order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Graphs:
    """Graphs of n cells."""

    nodes: NDArray[np.float32]
    """(n, 50, 5): mean red, green, blue / 255, then box centre / 320 m from the west and from the north, each 0..1.
    Zeros where there is no node. That is the one normalisation there is."""
    centres: NDArray[np.int32]
    """(n, 50, 2): twice the box centre (x, y) in mask pixels, whole numbers that tell coincidence; padding -1."""
    counts: NDArray[np.int64]
    """(n,) nodes of each cell, 0 to 50; a cell without nodes has no vote."""

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "Graphs":
        """Some of the cells, by mask or by index, in that order."""
        return Graphs(nodes=self.nodes[chosen], centres=self.centres[chosen], counts=self.counts[chosen])


def empty_graphs(count: int) -> Graphs:
    """Graphs of cells on which nothing was found."""
    return Graphs(
        nodes=np.zeros((count, MOST_NODES, len(FEATURES)), np.float32),
        centres=np.full((count, MOST_NODES, 2), -1, np.int32),
        counts=np.zeros(count, np.int64),
    )


def joined(graphs: Sequence[Graphs]) -> Graphs:
    """Graphs of several lots of cells as one lot, in the order given."""
    lots = [empty_graphs(0), *graphs]
    return Graphs(
        nodes=np.concatenate([lot.nodes for lot in lots]),
        centres=np.concatenate([lot.centres for lot in lots]),
        counts=np.concatenate([lot.counts for lot in lots]),
    )


def graphs_of(instances: Instances, picture: NDArray[np.uint8], corners: NDArray[np.int64]) -> Graphs:
    """Graphs of the cells in one frame.

    Where masks have pixels of several metres, a pixel stands for all the metres in it that are not black, and belongs
    to the box of its instance if there is one.

    Args:
        instances: of the frame.
        picture: the frame, (rows, columns, 3) at 1 m; black (0, 0, 0) pixels are no data and belong to no node.
        corners: (k, 2) row and column of each cell's upper left corner, metres in the frame.

    Raises:
        SpecError: the picture has not the size of the masks, or a cell's edge falls between mask pixels.
    """
    _check(instances, picture, corners)
    if not len(corners):
        return empty_graphs(0)
    corner, side = corners // instances.metres, WINDOW_METRES // instances.metres
    # only what lies in some square is looked at: from here on rows and columns count from its corner
    origin, size = corner.min(axis=0), np.ptp(corner, axis=0) + side
    corner = corner - origin
    sums = _sums(picture, origin, size, instances.metres)
    runs = _runs(instances, origin, sums[:, 1:, 3] > sums[:, :-1, 3])
    # cell by cell, and within a cell by instance and row: what belongs to one node stands together
    cell, run = np.nonzero(_meets(runs, corner, side))
    if not len(cell):
        return empty_graphs(len(corners))
    top, left = corner[cell].T
    row = runs.row[run]
    first, last = np.maximum(runs.first[run], left), np.minimum(runs.last[run], left + side)
    whose = cell * len(instances) + runs.whose[run]
    begins = np.flatnonzero(np.diff(whose, prepend=-1))
    ends = np.append(begins[1:], len(whose)) - 1
    colours_area = np.add.reduceat(sums[row, last] - sums[row, first], begins, axis=0)
    # twice the centre of the box between the outer edges of its first and last pixel
    across = np.minimum.reduceat(first - left, begins) + np.maximum.reduceat(last - left, begins)
    down = (row - top)[begins] + (row - top)[ends] + 1
    return _padded(
        cell[begins],
        colours_area,
        np.stack([across, down], axis=1),
        count=len(corners),
        metres=instances.metres,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Runs:
    """Mask pixels that lie side by side in one row of one instance; by instance, then row, then column."""

    whose: NDArray[np.int64]
    """(r,) instance."""
    row: NDArray[np.int64]
    """(r,) row of mask pixels."""
    first: NDArray[np.int64]
    """(r,) column of the first pixel."""
    last: NDArray[np.int64]
    """(r,) column behind the last pixel."""


def _runs(instances: Instances, origin: NDArray[np.int64], seen: NDArray[np.bool_]) -> _Runs:
    """The runs of all instances in a window, without the mask pixels of which nothing was seen.

    Args:
        instances: of the frame.
        origin: row and column of the window's corner, mask pixels; the runs count from there.
        seen: (rows, columns) of the window, whether a pixel shows anything.
    """
    pixels, starts = instances.pixels, instances.starts
    if not seen.all():
        kept = np.zeros((instances.rows, instances.columns), np.bool_)
        kept[origin[0] : origin[0] + len(seen), origin[1] : origin[1] + seen.shape[1]] = seen
        chosen = kept.ravel()[pixels]
        starts = np.concatenate([[0], np.cumsum(chosen)])[starts]
        pixels = pixels[chosen]
    fresh = np.ones(len(pixels), np.bool_)
    fresh[1:] = (np.diff(pixels) != 1) | (pixels[1:] % instances.columns == 0)
    fresh[starts[:-1][np.diff(starts) > 0]] = True
    begins = np.flatnonzero(fresh)
    row, first = np.divmod(pixels[begins].astype(np.int64), instances.columns)
    return _Runs(
        whose=np.searchsorted(starts, begins, side="right") - 1,
        row=row - origin[0],
        first=first - origin[1],
        last=first - origin[1] + np.diff(np.append(begins, len(pixels))),
    )


def _meets(runs: _Runs, corners: NDArray[np.int64], side: int) -> NDArray[np.bool_]:
    """(cells, runs): whether a run has a pixel in a square, all in mask pixels."""
    top, left = corners.T[:, :, None]
    inside: NDArray[np.bool_] = (
        (runs.row >= top) & (runs.row < top + side) & (runs.last > left) & (runs.first < left + side)
    )
    return inside


def _sums(
    picture: NDArray[np.uint8], origin: NDArray[np.int64], size: NDArray[np.int64], metres: int
) -> NDArray[np.int32]:
    """Sums over all mask pixels of a window that lie before each in its row.

    Args:
        picture: the frame.
        origin: row and column of the window's corner, mask pixels.
        size: its rows and columns, mask pixels.
        metres: pixel side of the masks.

    Returns:
        (rows, columns + 1, 4): red, green, blue and the number of the metres that are not black.
    """
    (top, left), (bottom, right) = origin * metres, (origin + size) * metres
    red, green, blue = np.moveaxis(picture[top:bottom, left:right], 2, 0)
    seen = ((red | green | blue) > 0).astype(np.uint8)
    sums = np.zeros((size[0], size[1] + 1, 4), np.int32)
    for index, band in enumerate((red, green, blue, seen)):
        np.cumsum(_blocks(band, metres), axis=1, out=sums[:, 1:, index])
    return sums


def _blocks(band: NDArray[np.uint8], metres: int) -> NDArray[np.uint16]:
    """Sums over the metres of each mask pixel (at most 10 x 10 of them)."""
    total = np.zeros(band[::metres, ::metres].shape, np.uint16)
    for row in range(metres):
        for column in range(metres):
            total += band[row::metres, column::metres]
    return total


def _padded(
    cell: NDArray[np.int64],
    colours_area: NDArray[np.int32],
    centres: NDArray[np.int64],
    *,
    count: int,
    metres: int,
) -> Graphs:
    """The largest nodes of each cell, from all nodes by cell and instance.

    Args:
        cell: (m,) each node's cell, ascending.
        colours_area: (m, 4) sums of red, green and blue and seen metres.
        centres: (m, 2) twice the box centre, mask pixels.
        count: cells.
        metres: pixel side of the masks.
    """
    area = colours_area[:, 3]
    large = np.flatnonzero(area >= LEAST_METRES2)
    # stable: nodes of one size stay in the order of their instances
    order = large[np.lexsort((-area[large], cell[large]))]
    rank = np.arange(len(order)) - np.searchsorted(cell[order], cell[order])
    order, rank = order[rank < MOST_NODES], rank[rank < MOST_NODES]
    graphs = empty_graphs(count)
    place = cell[order], rank
    graphs.nodes[(*place, slice(0, 3))] = colours_area[order, :3] / area[order, None] / 255
    graphs.nodes[(*place, slice(3, 5))] = centres[order] * metres / (2 * WINDOW_METRES)
    graphs.centres[place] = centres[order]
    np.add.at(graphs.counts, cell[order], 1)
    return graphs


def _check(instances: Instances, picture: NDArray[np.uint8], corners: NDArray[np.int64]) -> None:
    size = (instances.rows * instances.metres, instances.columns * instances.metres, 3)
    if picture.shape != size:
        raise SpecError(f"The picture is {picture.shape}, expected {size}, the size of its masks in metres.")
    if (corners % instances.metres).any():
        raise SpecError(
            f"A cell begins between mask pixels of {instances.metres} m ({corners[0].tolist()} m); "
            "choose a grain that divides 10 m."
        )
