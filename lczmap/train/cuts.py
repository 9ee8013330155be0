"""Cut the pictures of simulated pairs into graphs: `python -m lczmap.train.cuts --pairs DIR --segmenter NAME`.

Frames lie as in a run. A folder a segmenter under the pairs, a file a piece of ground; what stands is not cut again.
Out, in memory: `Cut`, patches, graphs and truth of cells, all that the streams learn and are judged by.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lczmap.protocols import Segmenter
from lczmap.things.frames import Frame, frames_of
from lczmap.things.graph import Graphs, graphs_of, joined
from lczmap.train.pairs import MARGIN, Place, read_pair, save
from lczmap.train.patches import PatchFolderError
from lczmap.words.grid import WINDOW_METRES, Posting, Tile, posts_across
from lczmap.words.segmenter import SegmenterSpec

logger = logging.getLogger(__name__)

_POSTING: Posting = 320
_TILE = Tile(epsg=32633, column=39, row=429)
"""Any tile: a piece is cut as if its cells were the tile's first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """The n cells of some pieces, with their graphs."""

    x: NDArray[np.uint16]
    """`(n, 32, 32, 10)`: patches, surface reflectance x 10000."""
    truth: NDArray[np.uint8]
    """`(n,)`: LCZ code with the largest share of the square."""
    share: NDArray[np.float32]
    """`(n,)`: that share, 0..1."""
    graphs: Graphs
    """Of the cells."""
    piece: NDArray[np.int64]
    """`(n,)`: which piece each cell lies in, from 0."""
    frozen: tuple[str, ...]
    """Every digest of the simulator that rendered some of it; one, where all is well."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Framed:
    """One frame over a piece of ground."""

    frame: Frame
    """As a run would lay it."""
    window: tuple[slice, slice]
    """Its rows and columns in the picture."""
    cells: NDArray[np.intp]
    """The cells it serves, from 0 in the north-west, row by row."""


def frames_over(side: int, spec: SegmenterSpec) -> Iterator[Framed]:
    """The frames that a run would cut `side` x `side` cells into.

    Raises:
        PatchFolderError: frames would reach beyond the picture.
    """
    if side * WINDOW_METRES % spec.core_metres or spec.context_metres > MARGIN:
        raise PatchFolderError(
            f"Pieces of {side} cells with a margin of {MARGIN} m hold no whole frames of {spec.core_metres} m and "
            f"{spec.context_metres} m around; choose another core and context."
        )
    across = posts_across(_POSTING)
    wanted = np.zeros((across, across), np.bool_)
    wanted[:side, :side] = True
    west, _, _, north = _TILE.bounds
    for frame in frames_of(_TILE, _POSTING, wanted, spec):
        top, left = north - frame.grid.north + MARGIN, frame.grid.west - west + MARGIN
        rows, columns = np.divmod(frame.posts, across)
        yield Framed(
            frame=frame,
            window=(slice(top, top + frame.grid.height), slice(left, left + frame.grid.width)),
            cells=rows * side + columns,
        )


def graphs_on(picture: NDArray[np.uint8], segmenter: Segmenter) -> Graphs:
    """The graphs of all cells of a picture with `MARGIN` metres around them, row by row from the north-west."""
    frames = list(frames_over((len(picture) - 2 * MARGIN) // WINDOW_METRES, segmenter.spec))
    pictures = np.stack([picture[each.window] for each in frames])
    found = segmenter.segment(pictures, [each.frame.reach for each in frames])
    parts = [
        graphs_of(instances, seen, each.frame.corners)
        for instances, seen, each in zip(found, pictures, frames, strict=True)
    ]
    return chosen(joined(parts), np.argsort(np.concatenate([each.cells for each in frames])))


def chosen(graphs: Graphs, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Graphs:
    """Some of the graphs."""
    return Graphs(nodes=graphs.nodes[rows], centres=graphs.centres[rows], counts=graphs.counts[rows])


def write_cut(place: Place, segmenter: Segmenter, *, pairs: Path, out: Path) -> Path:
    """Cut a piece's picture into graphs in `out`, whole or not at all, unless that stands; return the file."""
    path = out / f"{place.name}.npz"
    if not path.exists():
        graphs = graphs_on(read_pair(pairs / f"{place.name}.npz").picture, segmenter)
        save(path, {"nodes": graphs.nodes, "centres": graphs.centres, "counts": graphs.counts})
    return path


def read_cut(where: Sequence[Place], *, pairs: Path, cuts: Path) -> Cut:
    """Read pieces with their graphs.

    Raises:
        PatchFolderError: a file is missing or another thing.
    """
    stored = [read_pair(pairs / f"{place.name}.npz") for place in where]
    graphs: list[Graphs] = []
    for place in where:
        path = cuts / f"{place.name}.npz"
        try:
            with np.load(path, allow_pickle=False) as archive:
                graphs.append(Graphs(nodes=archive["nodes"], centres=archive["centres"], counts=archive["counts"]))
        except (OSError, KeyError, ValueError) as error:
            raise PatchFolderError(f"{path} holds no graphs: {error}; cut with lczmap.train.cuts.") from error
    return Cut(
        x=np.concatenate([each.x for each in stored]),
        truth=np.concatenate([each.truth for each in stored]),
        share=np.concatenate([each.share for each in stored]),
        graphs=joined(graphs),
        piece=np.repeat(np.arange(len(stored)), [len(each.truth) for each in stored]),
        frozen=tuple(sorted({each.frozen for each in stored})),
    )
