"""Simulated 1 m scenes to learn segmenting from: `python -m lczmap.train.segment_scenes --out DIR --seeds 0 1 2`.

In: a region and a seed. Out: a picture, the instance of every pixel, and what kind each instance is. An instance is
what a sharp eye tells apart at 1 m: a roof, a group of crowns that touch, a field, a paved area, a water body.
Neighbouring grounds of one kind and colour are one instance; things too small to be cut out, as cars, belong to
what surrounds them. A scene that stands is not made again. Seeds that leave a remainder of 4 divided by 5 are held
out.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lczmap.synthetic.materials import CROWNS, Material
from lczmap.synthetic.msi import at_metres
from lczmap.synthetic.paint import Ground
from lczmap.synthetic.pairs import flight_of
from lczmap.synthetic.patches import piece_of
from lczmap.synthetic.region import REGION_NAMES, RegionName
from lczmap.synthetic.rgb import rgb_of
from lczmap.synthetic.scene import ground_of
from lczmap.synthetic.shade import margins
from lczmap.train.simulated import UNSEEN_REGION
from lczmap.words.grid import PixelGrid

CELLS = 3
"""Cells along a side: a scene is as large as a window with its context."""
FIRST_PIECE = 100
"""Pieces of a seed from here on are the segmenter's; those before are other trainings'."""
LEAST_METRES2 = 30
"""Things smaller than this belong to what surrounds them."""
ALIKE = 12.0
"""Open grounds, and paved ones, whose mean colours differ by less than this, of 255, look like one."""
logger = logging.getLogger(__name__)


class Kind(IntEnum):
    """What an instance is."""

    PAVED = 0
    OPEN = 1
    CROWNS = 2
    ROOF = 3
    WATER = 4


_WATER = (Material.SEA, Material.RIVER, Material.POND, Material.POOL)
_PAVED = (Material.ASPHALT, Material.CONCRETE, Material.PAVING, Material.GRAVEL, Material.RAIL, Material.COURT,
          Material.MARKING, Material.CAR)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentScene:
    """One picture with its truth."""

    picture: NDArray[np.uint8]
    """(side, side, 3) red, green and blue at 1 m."""
    labels: NDArray[np.uint16]
    """(side, side) instance of each pixel, 0, 1, ..., without gaps."""
    kinds: NDArray[np.uint8]
    """(instances,) `Kind` of each."""


def scene_of(region: RegionName, seed: int, index: int = 0, *, cells: int = CELLS) -> SegmentScene:
    """Render one scene.

    Args:
        region: name of the region.
        seed: the same one gives the same scenes.
        index: which of the seed's scenes.
        cells: side, cells of 320 m.
    """
    piece = piece_of(region, seed, FIRST_PIECE + index, across=cells)
    flight = flight_of(piece)
    left, bottom, right, top = margins(flight.sun, tallest=piece.plan.region.tallest)
    inner = at_metres(piece.cells, 1)
    ground = ground_of(piece.plan, _grown(inner, (left, bottom, right, top)), details=True)
    kept = slice(top, top + inner.height), slice(left, left + inner.width)
    picture = np.maximum(rgb_of(ground, flight.sun, flight.camera)[kept], np.uint8(1))
    return instances_seen(picture, part_of(ground, kept))


def instances_seen(picture: NDArray[np.uint8], ground: Ground) -> SegmentScene:
    """What can be told apart on a picture of some ground."""
    kinds = kinds_of(ground)
    whose = _connected(ground.instance.astype(np.int64) * len(Kind) + kinds)
    # crowns that touch are one group, whatever their own identities
    whose = np.where(kinds == Kind.CROWNS, whose.max() + 1 + _connected((kinds == Kind.CROWNS).astype(np.int64)), whose)
    whose = _merged(_compact(whose), picture, kinds)
    whose = _without_small(whose)
    first = np.unique(whose, return_index=True)[1]
    return SegmentScene(
        picture=picture,
        labels=whose.astype(np.uint16),
        kinds=kinds.ravel()[first].astype(np.uint8),
    )


def kinds_of(ground: Ground) -> NDArray[np.int64]:
    """(rows, columns) `Kind` of each pixel."""
    table = np.full(len(Material), Kind.OPEN, np.int64)
    table[list(_PAVED)] = Kind.PAVED
    table[list(_WATER)] = Kind.WATER
    table[list(CROWNS)] = Kind.CROWNS
    kinds = table[ground.material]
    kinds[(ground.height > 1.5) & (kinds != Kind.CROWNS)] = Kind.ROOF
    return kinds


def part_of(ground: Ground, kept: tuple[slice, slice]) -> Ground:
    """A part of a piece of ground."""
    rows, columns = kept
    metres = ground.grid.metres
    grid = replace(
        ground.grid,
        west=ground.grid.west + columns.start * metres,
        north=ground.grid.north - rows.start * metres,
        width=columns.stop - columns.start,
        height=rows.stop - rows.start,
    )
    names = ("material", "height", "tone", "grain", "instance")
    return Ground(grid=grid, **{name: getattr(ground, name)[kept] for name in names})


def _grown(grid: PixelGrid, by: tuple[int, int, int, int]) -> PixelGrid:
    left, bottom, right, top = by
    return replace(
        grid,
        west=grid.west - left,
        north=grid.north + top,
        width=grid.width + left + right,
        height=grid.height + top + bottom,
    )


def _compact(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same regions numbered 0, 1, ... without gaps."""
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def _neighbours(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(2, edges) labels of pixels beside or below each other."""
    beside = np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()])
    below = np.stack([labels[:-1].ravel(), labels[1:].ravel()])
    return np.concatenate([beside, below], axis=1)


def _connected(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Connected regions of equal value, numbered 0, 1, ..."""
    places = np.arange(values.size).reshape(values.shape)
    edges = _neighbours(places)
    edges = edges[:, values.ravel()[edges[0]] == values.ravel()[edges[1]]]
    return _joined(edges, values.size).reshape(values.shape)


def _joined(edges: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(count,) component of each node."""
    graph = coo_array((np.ones(edges.shape[1], np.bool_), (edges[0], edges[1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _merged(labels: NDArray[np.int64], picture: NDArray[np.uint8], kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join neighbouring grounds of one kind that look alike."""
    flat, count = labels.ravel(), int(labels.max()) + 1
    first = np.unique(flat, return_index=True)[1]
    size = np.bincount(flat, minlength=count)
    colour = np.stack([np.bincount(flat, picture[..., band].ravel(), count) / size for band in range(3)], axis=1)
    kind = kinds.ravel()[first]
    edges = _neighbours(labels)
    edges = np.unique(edges[:, edges[0] != edges[1]], axis=1)
    one, other = edges
    alike = np.abs(colour[one] - colour[other]).max(axis=1) < ALIKE
    flat_ground = (kind != Kind.ROOF) & (kind != Kind.CROWNS)
    alike &= flat_ground[one] & flat_ground[other] & (kind[one] == kind[other])
    return _joined(edges[:, alike], count)[labels]


def _without_small(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give small regions to what is nearest."""
    small = np.bincount(labels.ravel())[labels] < LEAST_METRES2
    if small.all():
        return np.zeros_like(labels)
    rows, columns = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
    return _compact(labels[rows, columns])


def write_scene(region: RegionName, seed: int, *, out: Path, cells: int = CELLS) -> Path:
    """Write one scene, whole or not at all; return its file."""
    path = out / f"{region}-{seed}.npz"
    if not path.exists():
        scene = scene_of(region, seed, cells=cells)
        out.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".partial.npz")
        np.savez(temporary, picture=scene.picture, labels=scene.labels, kinds=scene.kinds)
        temporary.replace(path)
    return path


def read_scene(path: Path) -> SegmentScene:
    """Read one scene."""
    with np.load(path) as content:
        return SegmentScene(picture=content["picture"], labels=content["labels"], kinds=content["kinds"])


def held_out(path: Path) -> bool:
    """Whether a scene is never trained on: every fifth seed, and one region whole."""
    region, _, seed = path.stem.rpartition("-")
    return region == UNSEEN_REGION or int(seed) % 5 == 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and make what is missing."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.segment_scenes", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where the scenes lie")
    parser.add_argument("--regions", nargs="+", choices=REGION_NAMES, default=list(REGION_NAMES))
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    with ProcessPoolExecutor(options.processes) as pool:
        jobs = [
            pool.submit(write_scene, region, seed, out=options.out)
            for seed, region in product(options.seeds, options.regions)
        ]
        for job in jobs:
            logger.info("%s", job.result())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
