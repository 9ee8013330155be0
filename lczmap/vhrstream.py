"""The second stream: the VHR image of a tile, cut into instances, made into graphs, told into votes.

Frame by frame: read one lot ahead, segment, build the graphs of the cells it serves; then classify all graphs of the
tile in one row-major batch. Part of the story: it knows no file and no library.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.protocols import GraphClassifier, Segmenter, VhrSource
from lczmap.things.frames import Frame, frames_of
from lczmap.things.graph import Graphs, empty_graphs, graphs_of, joined
from lczmap.things.observation import Observation
from lczmap.things.registration import Registration, register
from lczmap.things.vhr import VhrPixels, VhrView
from lczmap.words.bands import BAND_NAMES
from lczmap.words.event import Clock, Event
from lczmap.words.grid import WINDOW_METRES, PixelGrid, Tile, posts_across
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.plan import Plan, TilePlan
from lczmap.words.quality import Quality

COVERED_SHARE = 0.5
"""Least share of a cell's square that the image must show."""
TRIED_FRAMES = 16
"""Frames that are looked at for one that the image shows."""


@dataclass(frozen=True, kw_only=True)
class VhrStream:
    """The live parts of the second stream."""

    source: VhrSource
    """Where the image comes from."""
    segmenter: Segmenter
    """What cuts it into instances."""
    graphs: GraphClassifier
    """What classifies the graphs of the instances."""


@dataclass(frozen=True, kw_only=True, eq=False)
class VhrVotes:
    """What the second stream says of every post of a tile."""

    probabilities: NDArray[np.float32]
    """(posts, 17), row-major; NaN where it has no vote."""
    quality: NDArray[np.uint16]
    """(posts,) quality bits that follow from the image."""
    registration: Registration | None
    """Where the image lies against Sentinel-2; None where there is too little to tell."""


def vhr_votes(observation: Observation, tile: TilePlan, plan: Plan, stream: VhrStream, *, clock: Clock) -> VhrVotes:
    """Votes of the second stream for one tile's wanted posts.

    Raises:
        SourceError: the image cannot be read.
    """
    side = posts_across(plan.spec.posting)
    probabilities = np.full((side * side, CLASS_COUNT), np.nan, np.float32)
    quality = np.full(side * side, Quality.NO_VHR, np.uint16)
    view = observation.vhr
    if view is None:
        return VhrVotes(probabilities=probabilities, quality=quality, registration=None)
    with clock.timing("register"):
        registration = registered(observation, view)
    seen = 0
    if registration is not None and registration.misregistered:
        seen |= Quality.VHR_MISREGISTERED
    image = plan.vhr_of(tile)
    far = () if image is None else image.far(plan.spec.period)
    posts: list[NDArray[np.intp]] = []
    graphs: list[Graphs] = []
    frames = list(frames_of(observation.tile, plan.spec.posting, tile.area.wanted, stream.segmenter.spec))
    for done, (frame, made, look) in enumerate(_cut(frames, view, stream, clock), start=1):
        covered = covered_cells(look.colours, frame.corners)
        voting = covered & (made.counts > 0)
        bits = seen | np.where(made.counts > 0, 0, Quality.NO_INSTANCES)
        bits |= np.where(far_cells(look, frame.corners, far), Quality.VHR_FAR_IN_TIME, 0)
        quality[frame.posts] = np.where(covered, bits, Quality.NO_VHR).astype(np.uint16)
        posts.append(frame.posts[voting])
        graphs.append(made[voting])
        clock.tell(Event(stage="segment", text=f"tile {tile.tile.name}: windows cut", done=done, total=len(frames)))
    if posts and sum(map(len, posts)):
        order = np.argsort(np.concatenate(posts))
        with clock.timing("graphs"):
            probabilities[np.concatenate(posts)[order]] = stream.graphs.classify(joined(graphs)[order])
    return VhrVotes(probabilities=probabilities, quality=quality, registration=registration)


def registered(observation: Observation, view: VhrView) -> Registration | None:
    """Where the image lies against the red band of the composite."""
    red = observation.composite.reflectance[BAND_NAMES.index("B04")]
    return register(red, view.read(observation.tile.observed))


def covered_cells(picture: NDArray[np.uint8], corners: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(k,) whether the image shows at least half of each cell's square.

    Args:
        picture: (rows, columns, 3) at 1 m, black where there is no data.
        corners: (k, 2) row and column of each square's upper left corner.
    """
    enough: NDArray[np.bool_] = _counted(_shown(picture), corners) >= COVERED_SHARE * WINDOW_METRES**2
    return enough


def far_cells(look: VhrPixels, corners: NDArray[np.int64], far: Sequence[bool]) -> NDArray[np.bool_]:
    """(k,) whether at least half of what the image shows of each cell's square was taken far from the period.

    Args:
        look: at 1 m.
        corners: (k, 2) row and column of each square's upper left corner.
        far: of each part of the image, whether it was.
    """
    # one more for pixels without data, whose number is -1
    pixels = np.array([*far, False], np.bool_)[look.parts]
    if not pixels.any():
        return np.zeros(len(corners), np.bool_)
    old, shown = _counted(pixels, corners), _counted(_shown(look.colours), corners)
    most: NDArray[np.bool_] = (old > 0) & (2 * old >= shown)
    return most


def _shown(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(rows, columns) where a picture is not black, which is no data."""
    return np.asarray(picture.any(axis=2), np.bool_)


def _counted(pixels: NDArray[np.bool_], corners: NDArray[np.int64]) -> NDArray[np.int64]:
    """(k,) how many pixels of each cell's square are true."""
    sums = np.zeros((pixels.shape[0] + 1, pixels.shape[1] + 1), np.int64)
    np.cumsum(np.cumsum(pixels, axis=0, dtype=np.int64), axis=1, out=sums[1:, 1:])
    top, left = corners.T
    bottom, right = top + WINDOW_METRES, left + WINDOW_METRES
    found: NDArray[np.int64] = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return found


def shown_frame(plan: Plan, stream: VhrStream) -> tuple[Frame, VhrView] | None:
    """A frame of which the image shows a cell, and what reads it; None where a few tries find none.

    Tried are frames from the place's middle outwards, evenly spread as far as its edge.

    Raises:
        SourceError: the image cannot be read.
    """
    images = {entry.tile: image for entry in plan.tiles if (image := plan.vhr_of(entry)) is not None and image.parts}
    frames = [
        (entry.tile, frame)
        for entry in plan.tiles
        if entry.tile in images
        for frame in frames_of(entry.tile, plan.spec.posting, entry.area.wanted, stream.segmenter.spec)
    ]
    views: dict[Tile, VhrView] = {}
    for index in _outwards([frame.grid for _, frame in frames]):
        tile, frame = frames[index]
        if tile not in views:
            views[tile] = stream.source.view(images[tile])
        if covered_cells(views[tile].read(frame.grid), frame.corners).any():
            return frame, views[tile]
    return None


def _outwards(grids: Sequence[PixelGrid]) -> Sequence[int]:
    """Numbers of at most `TRIED_FRAMES` grids: the one in the middle of them all, then ever further out."""
    if not grids:
        return []
    corners = np.array([(grid.west, grid.north) for grid in grids])
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    order = np.argsort(((corners - middle) ** 2).sum(axis=1), kind="stable")
    spread = np.linspace(0, len(grids) - 1, min(len(grids), TRIED_FRAMES)).round().astype(int)
    return [int(number) for number in order[spread]]


def _cut(
    frames: Sequence[Frame], view: VhrView, stream: VhrStream, clock: Clock
) -> Iterator[tuple[Frame, Graphs, VhrPixels]]:
    """Every frame with the graphs of its cells and what the image shows of it."""
    size = stream.segmenter.lot
    lots = [frames[start : start + size] for start in range(0, len(frames), size)]
    for lot, looks in zip(lots, _ahead(lots, view, clock), strict=True):
        able = [
            index
            for index, (look, frame) in enumerate(zip(looks, lot, strict=True))
            if covered_cells(look.colours, frame.corners).any()
        ]
        with clock.timing("segment"):
            reaches, pictures = [lot[index].reach for index in able], [looks[index].colours for index in able]
            cut = dict(zip(able, stream.segmenter.segment(np.stack(pictures), reaches), strict=True)) if able else {}
        with clock.timing("graphs"):
            made = [
                graphs_of(cut[index], looks[index].colours, frame.corners)
                if index in cut
                else empty_graphs(len(frame.posts))
                for index, frame in enumerate(lot)
            ]
        yield from zip(lot, made, looks, strict=True)


def _ahead(lots: Sequence[Sequence[Frame]], view: VhrView, clock: Clock) -> Iterator[list[VhrPixels]]:
    """What the image shows of each frame of a lot, the next lot being read meanwhile."""

    def read(lot: Sequence[Frame]) -> list[VhrPixels]:
        with clock.timing("read"):
            return [view.look(frame.grid) for frame in lot]

    reader = ThreadPoolExecutor(1, thread_name_prefix="vhr")
    try:
        waiting = [reader.submit(read, lot) for lot in lots[:1]]
        for following in range(1, len(lots) + 1):
            seen = waiting.pop(0)
            seen.exception()  # wait for it before the next is read: one ahead, never two
            waiting.extend(reader.submit(read, lot) for lot in lots[following : following + 1])
            yield seen.result()
    finally:
        reader.shutdown(wait=False, cancel_futures=True)
