"""What a plan will take, from what is known before a pixel is read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lczmap.words.bands import BANDS
from lczmap.words.grid import WINDOW_METRES, Tile
from lczmap.words.plan import Plan
from lczmap.words.segmenter import SegmenterNetwork

COMPRESSION = 0.95
"""Bytes on the wire per byte of uint16 pixels, as deflated COGs of a real city without predictor have it."""
BLOCK_PIXELS = 1024
"""Side of a COG's blocks, as Earth Search and the Planetary Computer write them; blocks are read whole."""
LOOK_BYTES = 22
"""Bytes a pixel and look while a composite is made: ten bands of int16, a mask and provenance."""
STACK_BYTES = 1 << 30
"""Bytes of looks held at a time; beyond that a tile is made in strips."""
BASE_MEGABYTES = 900
"""Resident memory of an idle process with PyTorch, xarray and GDAL loaded."""
VIT_MEGABYTES = 2000
"""Allowance for what one of Meta's networks computes with: attention between 64 x 64 tokens in some 12 to 16 heads,
and the masks decoded at once. An estimate, not measured."""
SEGMENT_MEGABYTES: Mapping[SegmenterNetwork, int] = {
    "slic": 100,
    "sam-tiny": 600,
    "vit_b": 375 + VIT_MEGABYTES,
    "vit_l": 1250 + VIT_MEGABYTES,
    "vit_h": 2565 + VIT_MEGABYTES,
}
"""Resident memory that the second stream adds, by what cuts, whatever the number of cells. Measured for `sam-tiny` on
two threads (0.6 GB), for `slic` on a run of a few cells (0.04 GB); of Meta's networks it is the size of their weights
in float32 and the allowance."""
RECORD_BYTES_PER_PIXEL = 18
"""Bytes of a stored composite a pixel: ten bands, looks and provenance, deflated; 14 simulated, 18 on a real city."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run will take, to a factor of about two."""

    tiles: int
    """Tiles of 12.8 km."""
    cells: int
    """Wanted posts."""
    scenes: int
    """Different STAC items."""
    read_gigabytes: float
    """Bytes read from the source, tiles and scenes together; egress, where the source charges for it."""
    stored_gigabytes: float
    """Bytes of records and product."""
    memory_gigabytes: float
    """Peak resident memory of one process."""
    seconds: float
    """Time to classify, at the measured rate; reading over a slow network comes on top."""
    frames: int = 0
    """Windows or cells of the VHR image that are segmented."""
    prompts: int = 0
    """Prompts of all these; 0 where the segmenter takes none."""
    vhr_gigabytes: float = 0.0
    """Pixels of the VHR image that the frames show, before compression."""
    segment_seconds: float | None = 0.0
    """Time to segment and to classify the graphs, at the measured rate; reading comes on top. None where no rate could
    be measured."""


def estimate(plan: Plan, *, patches_per_second: float, frames_per_second: float | None = math.inf) -> Estimate:
    """Reckon what a plan will take.

    Args:
        plan: the plan.
        patches_per_second: rate of the classifier on this machine.
        frames_per_second: rate of the segmenter on this machine, where the plan has a VHR image; None where it could
            not be measured.
    """
    frames = _frames(plan)
    posts = sum(entry.area.count for entry in plan.tiles)
    pixels = {entry.tile: entry.tile.observed.width * entry.tile.observed.height for entry in plan.tiles}
    looks = max((len({scene.solar_day for scene in plan.scenes_of(entry)}) for entry in plan.tiles), default=0)
    read = sum(_bytes_of_a_scene(entry.tile) * len(entry.scene_ids) for entry in plan.tiles)
    widest = max(pixels.values(), default=0)
    # the stack of looks, the finished composite and the one read ahead
    memory = BASE_MEGABYTES * 1e6 + min(widest * looks * LOOK_BYTES, STACK_BYTES) + 2 * widest * 2 * len(BANDS)
    memory += SEGMENT_MEGABYTES[plan.segmenter.network] * 1e6 if plan.segmenter is not None else 0
    return Estimate(
        tiles=len(plan.tiles),
        cells=posts,
        scenes=len(plan.scenes),
        read_gigabytes=read * COMPRESSION / 1e9,
        stored_gigabytes=(sum(pixels.values()) * RECORD_BYTES_PER_PIXEL + posts * 40) / 1e9,
        memory_gigabytes=memory / 1e9,
        seconds=posts / patches_per_second,
        frames=frames,
        prompts=round(frames * _prompts_of_a_frame(plan)),
        vhr_gigabytes=frames * _bytes_of_a_frame(plan) / 1e9,
        segment_seconds=None if frames_per_second is None else frames / frames_per_second,
    )


def _frames(plan: Plan) -> int:
    """Frames that hold a wanted post: the windows whose core has its centre, or the posts themselves."""
    if plan.segmenter is None:
        return 0
    if plan.segmenter.mode == "cell":
        return sum(entry.area.count for entry in plan.tiles)
    posting, core = plan.spec.posting, plan.segmenter.core_metres
    owners = [(np.argwhere(entry.area.wanted) * posting + posting // 2) // core for entry in plan.tiles]
    return sum(len(np.unique(each, axis=0)) for each in owners)


def _prompts_of_a_frame(plan: Plan) -> float:
    """Prompts of a window whose posts are all there, or of a cell with its crops; 0 without prompts."""
    spec = plan.segmenter
    if spec is None or spec.network == "slic":
        return 0.0
    if spec.mode == "cell":
        return float(spec.points_per_side**2 + sum(4**layer * (spec.points_per_side // 2**layer) ** 2
                                                   for layer in range(1, spec.crop_layers + 1)))  # fmt: skip
    reach = max(spec.core_metres - plan.spec.posting, 0) + WINDOW_METRES
    return (reach / spec.pitch_metres) ** 2


def _bytes_of_a_frame(plan: Plan) -> float:
    """Bytes of one byte a band and pixel at the image's own resolution, or at 1 m, as overviews of finer ones have."""
    if plan.segmenter is None or plan.vhr is None:
        return 0.0
    return 3 * (plan.segmenter.frame_metres / max(plan.vhr.metres, 1.0)) ** 2


def _bytes_of_a_scene(tile: Tile) -> float:
    """Bytes of the blocks that a tile meets in one scene, before compression: on average a block more each way."""
    metres = tile.observed.width * tile.observed.metres
    bands = [2 * (metres / band.metres + BLOCK_PIXELS) ** 2 for band in BANDS]
    return sum(bands) + (metres / 20 + BLOCK_PIXELS) ** 2
