"""What a plan will take, from what is known before a pixel is read."""

from dataclasses import dataclass

from lczmap.words.bands import BANDS
from lczmap.words.grid import Tile
from lczmap.words.plan import Plan

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


def estimate(plan: Plan, *, patches_per_second: float) -> Estimate:
    """Reckon what a plan will take.

    Args:
        plan: the plan.
        patches_per_second: rate of the classifier on this machine.
    """
    posts = sum(entry.area.count for entry in plan.tiles)
    pixels = {entry.tile: entry.tile.observed.width * entry.tile.observed.height for entry in plan.tiles}
    looks = max((len({scene.solar_day for scene in plan.scenes_of(entry)}) for entry in plan.tiles), default=0)
    read = sum(_bytes_of_a_scene(entry.tile) * len(entry.scene_ids) for entry in plan.tiles)
    widest = max(pixels.values(), default=0)
    # the stack of looks, the finished composite and the one read ahead
    memory = BASE_MEGABYTES * 1e6 + min(widest * looks * LOOK_BYTES, STACK_BYTES) + 2 * widest * 2 * len(BANDS)
    return Estimate(
        tiles=len(plan.tiles),
        cells=posts,
        scenes=len(plan.scenes),
        read_gigabytes=read * COMPRESSION / 1e9,
        stored_gigabytes=(sum(pixels.values()) * RECORD_BYTES_PER_PIXEL + posts * 40) / 1e9,
        memory_gigabytes=memory / 1e9,
        seconds=posts / patches_per_second,
    )


def _bytes_of_a_scene(tile: Tile) -> float:
    """Bytes of the blocks that a tile meets in one scene, before compression: on average a block more each way."""
    metres = tile.observed.width * tile.observed.metres
    bands = [2 * (metres / band.metres + BLOCK_PIXELS) ** 2 for band in BANDS]
    return sum(bands) + (metres / 20 + BLOCK_PIXELS) ** 2
