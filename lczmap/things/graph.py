"""Instance graphs of cells, as padded arrays for whole batches: no object a cell, no loop over nodes.

A cell's nodes are its instances clipped to its 320 m square, those of at least 50 m2, the 50 largest, largest first
(DF4LCZ, section III-B). Every two nodes are joined unless their centres coincide, so that no adjacency is stored.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.things.instances import Instances

MOST_NODES = 50
"""Instances kept of a cell (DF4LCZ)."""
LEAST_METRES2 = 50
"""Least area of an instance within its cell, square metres (DF4LCZ: 50 px of 1 m)."""
FEATURES = ("red", "green", "blue", "x", "y")
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


def graphs_of(instances: Instances, picture: NDArray[np.uint8], corners: NDArray[np.int64]) -> Graphs:
    """Graphs of the cells in one frame.

    Args:
        instances: of the frame.
        picture: the frame, (rows, columns, 3) at 1 m; black (0, 0, 0) pixels are no data and belong to no node.
        corners: (k, 2) row and column of each cell's upper left corner, metres in the frame.
    """
    raise NotImplementedError
