"""What a plan will take, from what is known before a pixel is read."""

from dataclasses import dataclass

from lczmap.words.bands import BANDS
from lczmap.words.plan import Plan

COMPRESSION = 0.6
"""Bytes on the wire per byte of uint16 pixels; DEFLATE on Sentinel-2 COGs saves 35 to 50 %."""
BLOCK_OVERHEAD = 1.5
"""Share of blocks read beyond a tile's edges; COGs of Sentinel-2 hold blocks of 512 or 1024 pixels."""
STACK_BYTES = 4
"""Bytes a pixel and look while a composite is made: the value as read and the value in order."""
BASE_MEGABYTES = 900
"""Resident memory of an idle process with PyTorch, xarray and GDAL loaded."""
RECORD_BYTES_PER_PIXEL = 14
"""Bytes of a stored composite a pixel: ten bands, looks and provenance, deflated."""


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
    looks = max((len(entry.scene_ids) for entry in plan.tiles), default=0)
    bytes_a_pixel = sum(2 * (10 / band.metres) ** 2 for band in BANDS) + (10 / 20) ** 2
    read = sum(pixels[entry.tile] * len(entry.scene_ids) for entry in plan.tiles) * bytes_a_pixel
    widest = max(pixels.values(), default=0)
    # one band of the stack at a time, one finished composite and the one read ahead
    memory = BASE_MEGABYTES * 1e6 + widest * (looks * STACK_BYTES * 2 + 2 * 2 * len(BANDS))
    return Estimate(
        tiles=len(plan.tiles),
        cells=posts,
        scenes=len(plan.scenes),
        read_gigabytes=read * COMPRESSION * BLOCK_OVERHEAD / 1e9,
        stored_gigabytes=(sum(pixels.values()) * RECORD_BYTES_PER_PIXEL + posts * 40) / 1e9,
        memory_gigabytes=memory / 1e9,
        seconds=posts / patches_per_second,
    )
