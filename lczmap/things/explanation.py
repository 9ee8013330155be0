"""The explanation of one square: what both streams were shown there, what was cut from it, and what they said.

Numpy and words only; `lczmap.explain` gathers it, `lczmap.store.portrait` draws it.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from lczmap.things.graph import LEAST_METRES2, MOST_NODES, Graphs
from lczmap.things.instances import Instances
from lczmap.things.probabilities import decode, winners
from lczmap.things.registration import Registration
from lczmap.words.grid import WINDOW_METRES, WINDOW_PIXELS, PixelGrid, Posting, Tile
from lczmap.words.lcz import LCZ, Lcz
from lczmap.words.period import Period
from lczmap.words.quality import MEANINGS, Quality
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.vhr import VhrIdentity

SQUARES_ON_A_PAGE = 4
"""Explanations that one picture can hold side by side."""


@dataclass(frozen=True, kw_only=True)
class Post:
    """A post of a map."""

    tile: Tile
    """Its tile."""
    posting: Posting
    """Distance of posts, metres."""
    row: int
    """Row in the tile, 0 in the north."""
    column: int
    """Column in the tile, 0 in the west."""

    @property
    def corner(self) -> tuple[int, int]:
        """Easting and northing of the upper left corner of its 320 m square, metres."""
        west, _, _, north = self.tile.bounds
        inside = self.posting // 2 - WINDOW_METRES // 2
        return west + self.column * self.posting + inside, north - self.row * self.posting - inside


@dataclass(frozen=True, kw_only=True, eq=False)
class Verdict:
    """What was said of a square, in the very numbers a map holds; 255 is nodata."""

    sentinel: NDArray[np.uint8] | None
    """(17,) of the Sentinel stream, round(250 p); None where it had no vote."""
    vhr: NDArray[np.uint8] | None
    """(17,) of the VHR stream; None where it had no vote."""
    fused: NDArray[np.uint8]
    """(17,) of both."""
    confidence: int
    """Percent, 255 where unknown."""
    margin: int
    """Lead of the winner over the second class, round(250 (p1 - p2)), 255 where unknown."""
    quality: Quality
    """What is noteworthy."""
    looks: int
    """Median number of clear looks at the square."""

    @property
    def flags(self) -> tuple[str, ...]:
        """The quality bits in words."""
        return tuple(words for bit, words in MEANINGS.items() if bit in self.quality)

    @property
    def zone(self) -> Lcz | None:
        """The fused class; None where there is none."""
        return zone_said(self.fused)


def zone_said(levels: NDArray[np.uint8] | None) -> Lcz | None:
    """The class a stream gives; None where it has no vote."""
    if levels is None:
        return None
    code = int(winners(levels[None])[0])
    return LCZ[code - 1] if code else None


def shares_said(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(17,) probabilities of a stream, zeros where it has no vote."""
    return np.nan_to_num(decode(levels))


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """One 320 m square: what was seen, what was cut, what was said."""

    title: str
    """Name of the map's place, or what stands for it."""
    grid: PixelGrid
    """The square, 32 x 32 pixels of 10 m."""
    lonlat: tuple[float, float]
    """Longitude and latitude of the square's centre, degrees."""
    asked: tuple[float, float]
    """The point that was asked for, degrees."""
    post: Post | None
    """The map's post; None where there is no map and the square lies freely."""
    period: Period
    """First and last day of imagery."""
    days: tuple[date, ...]
    """Solar days of the scenes that were read, ascending; some may not have seen the square clearly."""
    reflectance: NDArray[np.float32] | None
    """(32, 32, 10) of the composite, 0..1, NaN where nodata; None where Sentinel-2 was not read."""
    picture: NDArray[np.uint8] | None
    """(320, 320, 3) VHR under the run's stretch, black where nodata; None where there is no VHR image."""
    vhr: VhrIdentity | None
    """What the VHR image is; None where there is none."""
    registration: Registration | None
    """Where the VHR image lies against Sentinel-2, over the tile or the ground around a free square; None where it
    cannot be told."""
    segmenter: SegmenterSpec | None
    """How instances were cut; None without VHR."""
    masks: NDArray[np.bool_]
    """(n, rows, columns) the graph's instances clipped to the square, in the order of its nodes."""
    graph: Graphs | None
    """The square's graph (one cell); None without VHR."""
    verdict: Verdict
    """What both streams said."""
    sentinel_weight: float
    """Share of the Sentinel stream in the fused probabilities."""
    models: tuple[str, ...]
    """Every model that took part: role and name."""
    notes: tuple[str, ...]
    """What a reader must know besides: what is missing, where the windows lie."""
    credit: str
    """Lines of attribution of all imagery."""

    def __post_init__(self) -> None:
        """Refuse arrays that cannot be of one square: a bug of the caller's."""
        if (self.grid.width, self.grid.height, self.grid.metres) != (WINDOW_PIXELS, WINDOW_PIXELS, 10):
            raise ValueError(f"a square of {self.grid}, expected 32 x 32 pixels of 10 m")
        if self.graph is not None and len(self.masks) != int(self.graph.counts[0]):
            raise ValueError(f"{len(self.masks)} masks for {int(self.graph.counts[0])} nodes")

    @property
    def mask_metres(self) -> int:
        """Pixel side of the masks, metres."""
        return WINDOW_METRES // int(self.masks.shape[1])


def node_masks(instances: Instances, picture: NDArray[np.uint8], corner: tuple[int, int]) -> NDArray[np.bool_]:
    """The instances of one cell that are nodes of its graph, clipped to it, in the order of the nodes.

    The plain way round of `graphs_of`: whole masks, one after the other.

    Args:
        instances: of the frame.
        picture: the frame, (rows, columns, 3) at 1 m, black where nodata.
        corner: row and column of the cell's upper left corner, metres in the frame.

    Returns:
        (n, side, side) with a side of 320 m, n at most 50.
    """
    grain, side = instances.metres, WINDOW_METRES // instances.metres
    rows, columns = (slice(start // grain, start // grain + side) for start in corner)
    blocks = picture.any(axis=2).reshape(instances.rows, grain, instances.columns, grain)
    metres2 = blocks.sum(axis=(1, 3))[rows, columns]
    clipped = [instances.mask(index)[rows, columns] & (metres2 > 0) for index in range(len(instances))]
    areas = np.array([int(metres2[mask].sum()) for mask in clipped], np.int64)
    ranked = [index for index in np.argsort(-areas, kind="stable") if areas[index] >= LEAST_METRES2][:MOST_NODES]
    return np.stack([clipped[index] for index in ranked]) if ranked else np.zeros((0, side, side), np.bool_)
