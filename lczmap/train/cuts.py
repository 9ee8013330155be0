"""Cut the pictures of simulated pairs into graphs: `python -m lczmap.train.cuts --pairs DIR [--segmenter NAME]`.

Frames lie as in a run. A folder a segmenter under the pairs, a file a piece of ground; what stands is not cut again.
Out, in memory: `Cut`, patches, graphs and truth of cells, all that the streams learn and are judged by.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lczmap import catalog
from lczmap.device import choose_device, use_threads
from lczmap.protocols import Segmenter
from lczmap.segment.segmenter import segmenter_from
from lczmap.things.frames import Frame, frames_of
from lczmap.things.graph import Graphs, graphs_of, joined
from lczmap.train.pairs import MARGIN, Place, StoredPair, add_places, asked, read_pair, save
from lczmap.train.patches import PatchFolderError
from lczmap.weights import find_card
from lczmap.words.grid import WINDOW_METRES, Posting, Tile, posts_across
from lczmap.words.modelcard import segmenter_identity
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
class Cutter:
    """A segmenter and what its instances go by."""

    segmenter: Segmenter
    """Ready to cut."""
    weights_sha256: str
    """Digest of its weights; empty where it has none."""

    @property
    def identity(self) -> str:
        """What its instances go by in the cards of graph models."""
        return segmenter_identity(self.segmenter.spec, self.weights_sha256)

    def folder(self, pairs: Path) -> Path:
        """Where its graphs of some pairs lie."""
        return pairs / f"cut-{self.identity[:16]}"


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
    parts: list[Graphs] = []
    for start in range(0, len(frames), segmenter.lot):
        lot = frames[start : start + segmenter.lot]
        pictures = np.stack([picture[each.window] for each in lot])
        found = segmenter.segment(pictures, [each.frame.reach for each in lot])
        parts += [
            graphs_of(instances, seen, each.frame.corners)
            for instances, seen, each in zip(found, pictures, lot, strict=True)
        ]
    return joined(parts)[np.argsort(np.concatenate([each.cells for each in frames]))]


def write_cut(place: Place, segmenter: Segmenter, *, pairs: Path, out: Path) -> Path:
    """Cut a piece's picture into graphs in `out`, whole or not at all, unless that stands; return the file.

    A cut of a picture that was since rendered anew is made again.
    """
    path, pair = out / f"{place.name}.npz", read_pair(pairs / f"{place.name}.npz")
    if not path.exists() or _read_graphs(path)[1] != digest_of(pair):
        graphs = graphs_on(pair.picture, segmenter)
        arrays: dict[str, NDArray[np.generic]] = {"nodes": graphs.nodes, "centres": graphs.centres}
        save(path, {**arrays, "counts": graphs.counts, "of": np.array(digest_of(pair))})
    return path


def digest_of(pair: StoredPair) -> str:
    """SHA-256 of the picture of a pair: what a cut is of."""
    return hashlib.sha256(pair.picture.tobytes()).hexdigest()


def _read_graphs(path: Path) -> tuple[Graphs, str]:
    """The graphs of a piece, and the digest of the picture they are of."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            graphs = Graphs(nodes=archive["nodes"], centres=archive["centres"], counts=archive["counts"])
            return graphs, str(archive["of"])
    except (OSError, KeyError, ValueError) as error:
        raise PatchFolderError(f"{path} holds no graphs: {error}; cut with lczmap.train.cuts.") from error


def read_cut(where: Sequence[Place], *, pairs: Path, cuts: Path) -> Cut:
    """Read pieces with their graphs.

    Raises:
        PatchFolderError: a file is missing or another thing, or a cut is of another picture.
    """
    stored = [read_pair(pairs / f"{place.name}.npz") for place in where]
    graphs: list[Graphs] = []
    for place, pair in zip(where, stored, strict=True):
        path = cuts / f"{place.name}.npz"
        found, of = _read_graphs(path)
        if of != digest_of(pair):
            raise PatchFolderError(f"{path} was cut from another picture of {place.name}; cut with lczmap.train.cuts.")
        graphs.append(found)
    return Cut(
        x=np.concatenate([each.x for each in stored]),
        truth=np.concatenate([each.truth for each in stored]),
        share=np.concatenate([each.share for each in stored]),
        graphs=joined(graphs),
        piece=np.repeat(np.arange(len(stored)), [len(each.truth) for each in stored]),
        frozen=tuple(sorted({each.frozen for each in stored})),
    )


def cutter(name: str, *, checkpoint: Path | None = None, threads: int | None = None) -> Cutter:
    """A segmenter of the catalogue, on the best device there is.

    Args:
        name: one of the catalogue.
        checkpoint: its weights, where they are not shipped.
        threads: of the CPU; all where None.

    Raises:
        SpecError: there is none of that name.
        WeightsError: its weights are missing or altered.
    """
    use_threads(threads)
    spec = catalog.segmenter_spec(name)
    if checkpoint is not None:
        digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    else:
        digest = find_card(spec.network).sha256 if spec.network == "sam-tiny" else ""
    segmenter = segmenter_from(spec, weights=checkpoint, device=choose_device("auto"))
    return Cutter(segmenter=segmenter, weights_sha256=digest)


def cut_all(where: Sequence[Place], tool: Cutter, pairs: Path) -> None:
    """Cut what is not yet cut."""
    began = time.perf_counter()
    for number, place in enumerate(where, start=1):
        path = write_cut(place, tool.segmenter, pairs=pairs, out=tool.folder(pairs))
        logger.info("%d of %d pieces, %.0f s: %s", number, len(where), time.perf_counter() - began, path.name)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and cut what is missing."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.cuts", description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True, help="what `lczmap.train.pairs` left in its --out")
    parser.add_argument("--segmenter", default="sam-tiny", help="one of the catalogue")
    parser.add_argument("--checkpoint", type=Path, help="its weights, where they are not shipped")
    parser.add_argument("--threads", type=int, help="of the CPU")
    add_places(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    tool = cutter(options.segmenter, checkpoint=options.checkpoint, threads=options.threads)
    cut_all(asked(options), tool, options.pairs)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
