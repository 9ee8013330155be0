"""The second stream on one square: its picture, the instances cut from it, their graph and vote.

What `lczmap.vhrstream` does for all of a tile, for one frame, with everything kept that it lets go.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.things.explanation import Post, node_masks
from lczmap.things.frames import Frame, frames_of
from lczmap.things.graph import Graphs, empty_graphs, graphs_of
from lczmap.vhrstream import VhrStream, covered_cells, far_cells
from lczmap.words.grid import WINDOW_METRES, PixelGrid, posts_across
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.period import Period
from lczmap.words.quality import Quality
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.vhr import VhrIdentity


@dataclass(frozen=True, kw_only=True, eq=False)
class SquareImage:
    """What the VHR stream made of one square."""

    picture: NDArray[np.uint8] | None
    """(320, 320, 3); None where the image shows nothing of it."""
    masks: NDArray[np.bool_]
    """(n, rows, columns) instances in the order of the nodes."""
    graph: Graphs
    """Its graph."""
    probabilities: NDArray[np.float32]
    """(1, 17), NaN without a vote."""
    quality: Quality
    """What follows from the image: no VHR, no instances, far in time."""


def cut_square(frame: Frame, stream: VhrStream, *, identity: VhrIdentity, period: Period) -> SquareImage:
    """Read, cut and judge the one square of a frame.

    Args:
        frame: holds it.
        stream: the live parts.
        identity: what was frozen of the image.
        period: from which the image may have been taken far.

    Raises:
        SourceError: the image cannot be read, or is no longer the one that was identified.
    """
    corner = int(frame.corners[0, 0]), int(frame.corners[0, 1])
    rows, columns = (slice(start, start + WINDOW_METRES) for start in corner)
    look = stream.source.view(identity).look(frame.grid)
    whole = look.colours
    side = WINDOW_METRES // stream.segmenter.spec.mask_metres
    masks, graph = np.zeros((0, side, side), np.bool_), empty_graphs(1)
    covered = bool(covered_cells(whole, frame.corners)[0])
    if covered:
        (instances,) = stream.segmenter.segment(whole[None], [frame.reach])
        masks, graph = node_masks(instances, whole, corner), graphs_of(instances, whole, frame.corners)
    voting = int(graph.counts[0]) > 0
    quality = Quality(0) if voting else Quality.NO_INSTANCES
    if far_cells(look, frame.corners, identity.far(period))[0]:
        quality |= Quality.VHR_FAR_IN_TIME
    return SquareImage(
        picture=whole[rows, columns] if whole[rows, columns].any() else None,
        masks=masks,
        graph=graph,
        probabilities=stream.graphs.classify(graph) if voting else np.full((1, CLASS_COUNT), np.nan, np.float32),
        quality=quality if covered else Quality.NO_VHR,
    )


def post_frame(post: Post, spec: SegmenterSpec) -> Frame:
    """The frame in which a map cuts a post's square."""
    side = posts_across(post.posting)
    wanted = np.zeros((side, side), np.bool_)
    wanted[post.row, post.column] = True
    (frame,) = frames_of(post.tile, post.posting, wanted, spec)
    return frame


def free_frame(epsg: int, corner: tuple[int, int], spec: SegmenterSpec) -> Frame:
    """The frame of a square that lies on no lattice: the square itself, or a window with it in the middle of its core.

    Args:
        epsg: the zone.
        corner: easting and northing of the square's upper left corner, metres.
        spec: the segmenter's.
    """
    side = spec.frame_metres
    around = (side - WINDOW_METRES) // 2
    # in window mode a map prompts all of a core: so here, for instances that reach into the square from outside
    edge = 0 if spec.mode == "cell" else spec.context_metres
    return Frame(
        grid=PixelGrid(epsg=epsg, west=corner[0] - around, north=corner[1] + around, metres=1, width=side, height=side),
        posts=np.zeros(1, np.intp),
        corners=np.full((1, 2), around, np.int64),
        reach=(edge, edge, side - edge, side - edge),
    )
