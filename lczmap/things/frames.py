"""Frames: the pictures a tile is cut into for segmenting, and which posts each of them serves.

A frame is a window with its context, or one cell, on a lattice that is fixed in the zone. A post belongs to the frame
whose core holds its centre, so that its 320 m square lies in ONE frame and nothing is reconciled between frames. What
a frame looks like, and where it is prompted, does not depend on which posts are wanted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.words.grid import WINDOW_METRES, PixelGrid, Posting, Tile, posts_across
from lczmap.words.segmenter import SegmenterSpec

Reach = tuple[int, int, int, int]
"""Top, left, bottom, right of a rectangle in a frame, metres from its upper left corner."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture to be cut into instances."""

    grid: PixelGrid
    """Where, in pixels of 1 m."""
    posts: NDArray[np.intp]
    """(k,) flat index in the tile of the wanted posts it serves, ascending; row 0 in the north."""
    corners: NDArray[np.int64]
    """(k, 2) row and column of the upper left corner of each post's 320 m square, metres in the frame."""
    reach: Reach
    """The squares of ALL its posts lie in here: prompts elsewhere serve nobody."""


def frames_of(tile: Tile, posting: Posting, wanted: NDArray[np.bool_], spec: SegmenterSpec) -> Iterator[Frame]:
    """The frames that hold a wanted post, row by row from the north-west.

    Args:
        tile: the tile.
        posting: distance of posts, metres.
        wanted: (posts, posts) mask of the posts to serve.
        spec: the segmenter's.
    """
    side, half = posts_across(posting), WINDOW_METRES // 2
    core = posting if spec.mode == "cell" else spec.core_metres
    west, _, _, north = tile.bounds
    centres = posting // 2 + posting * np.arange(side)
    owner = centres // core
    for down in range(int(owner[-1]) + 1):
        rows = np.flatnonzero(owner == down)
        for across in range(int(owner[-1]) + 1):
            columns = np.flatnonzero(owner == across)
            chosen = wanted[np.ix_(rows, columns)]
            if not chosen.any():
                continue
            # the frame's corner, metres south and east of the tile's
            top, left = (_corner(index, core, spec) for index in (down, across))
            tops, lefts = centres[rows] - half - top, centres[columns] - half - left
            row, column = (places.ravel()[chosen.ravel()] for places in np.meshgrid(rows, columns, indexing="ij"))
            yield Frame(
                grid=PixelGrid(
                    epsg=tile.epsg,
                    west=west + left,
                    north=north - top,
                    metres=1,
                    width=spec.frame_metres,
                    height=spec.frame_metres,
                ),
                posts=(row * side + column).astype(np.intp),
                corners=np.stack([centres[row] - half - top, centres[column] - half - left], axis=1),
                reach=(
                    int(tops[0]),
                    int(lefts[0]),
                    int(tops[-1]) + WINDOW_METRES,
                    int(lefts[-1]) + WINDOW_METRES,
                ),
            )


def _corner(index: int, core: int, spec: SegmenterSpec) -> int:
    """Where a frame begins, metres from the tile's edge."""
    if spec.mode == "cell":
        return index * core + core // 2 - WINDOW_METRES // 2
    return index * core - spec.context_metres
