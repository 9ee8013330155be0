"""The map of one tile: classes and what is known about them, in the very numbers that go to disk."""

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.things.probabilities import PROBABILITY_NODATA, winners
from lczmap.things.record import Record
from lczmap.things.registration import Registration
from lczmap.words.grid import Posting, Tile, posting_of, posts_across, tile_of
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.quality import QUALITY_NODATA


@dataclass(frozen=True, kw_only=True)
class TileMap:
    """One tile's posts, row 0 in the north; n posts a side."""

    tile: Tile
    """Which tile."""
    posting: Posting
    """Distance of posts, metres."""
    key: str
    """Its map key."""
    probabilities: NDArray[np.uint8]
    """(n, n, 17) fused, round(250 p), nodata 255."""
    sentinel: NDArray[np.uint8] | None
    """(n, n, 17) of the Sentinel stream; None where it stood alone, so that it equals `probabilities`."""
    vhr: NDArray[np.uint8] | None
    """(n, n, 17) of the VHR stream; None where there was none."""
    confidence: NDArray[np.uint8]
    """(n, n) percent, nodata 255."""
    margin: NDArray[np.uint8]
    """(n, n) lead of the winner, round(250 (p1 - p2)), nodata 255."""
    quality: NDArray[np.uint16]
    """(n, n) quality bits, nodata 65535 where the post was not wanted."""
    looks: NDArray[np.uint8]
    """(n, n) median number of clear looks."""
    registration: Registration | None = None
    """Where the VHR image lies against Sentinel-2 in this tile; None where there is none, or it cannot be told."""

    @property
    def lcz(self) -> NDArray[np.uint8]:
        """(n, n) class codes 1..17, 0 where nodata."""
        return winners(self.probabilities)

    def record(self) -> Record:
        """The map as a record."""
        streams = {"sentinel": self.sentinel, "vhr": self.vhr}
        shift = {} if self.registration is None else {"registration": json.dumps(asdict(self.registration))}
        return Record(
            header={"tile": self.tile.name, "posting": str(self.posting), "key": self.key, **shift},
            arrays={
                "probabilities": self.probabilities,
                "confidence": self.confidence,
                "margin": self.margin,
                "quality": self.quality,
                "looks": self.looks,
                **{name: values for name, values in streams.items() if values is not None},
            },
        )


def map_of(record: Record) -> TileMap:
    """Read a map back from its record."""
    arrays, shift = record.arrays, record.header.get("registration")
    return TileMap(
        tile=tile_of(record.header["tile"]),
        posting=posting_of(int(record.header["posting"])),
        key=record.header["key"],
        probabilities=arrays["probabilities"].astype(np.uint8, copy=False),
        sentinel=_bytes_or_none(arrays.get("sentinel")),
        vhr=_bytes_or_none(arrays.get("vhr")),
        confidence=arrays["confidence"].astype(np.uint8, copy=False),
        margin=arrays["margin"].astype(np.uint8, copy=False),
        quality=arrays["quality"].astype(np.uint16, copy=False),
        looks=arrays["looks"].astype(np.uint8, copy=False),
        registration=None if shift is None else Registration(**json.loads(shift)),
    )


def blank_map(tile: Tile, posting: Posting, key: str) -> TileMap:
    """A map on which nothing is known yet: fresh arrays to be filled."""
    side = posts_across(posting)
    return TileMap(
        tile=tile,
        posting=posting,
        key=key,
        probabilities=np.full((side, side, CLASS_COUNT), PROBABILITY_NODATA, np.uint8),
        sentinel=None,
        vhr=None,
        confidence=np.full((side, side), PROBABILITY_NODATA, np.uint8),
        margin=np.full((side, side), PROBABILITY_NODATA, np.uint8),
        quality=np.full((side, side), QUALITY_NODATA, np.uint16),
        looks=np.zeros((side, side), np.uint8),
    )


def _bytes_or_none(values: NDArray[np.generic] | None) -> NDArray[np.uint8] | None:
    return None if values is None else values.astype(np.uint8, copy=False)
