"""The observation: what was seen of one tile, with its key; done means numpy, nothing lazy is left."""

from dataclasses import dataclass

import numpy as np

from lczmap.things.composite import Composite
from lczmap.things.record import Record
from lczmap.things.vhr import VhrView
from lczmap.words.grid import Tile, tile_of


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One tile seen by Sentinel-2 and, where there is one, by a VHR image."""

    tile: Tile
    """Which tile."""
    key: str
    """Its observation key."""
    composite: Composite
    """The Sentinel-2 image on the tile's observed grid (1312 x 1312)."""
    vhr: VhrView | None = None
    """A reader of 1 m RGB windows; None where no VHR image was asked for. Never stored."""

    def record(self) -> Record:
        """The part that is kept."""
        return Record(
            header={"tile": self.tile.name, "key": self.key},
            arrays={
                "reflectance": self.composite.reflectance,
                "looks": self.composite.looks,
                "provenance": self.composite.provenance,
            },
        )


def observation_of(record: Record) -> Observation:
    """Read an observation back from its record, without its VHR view."""
    return Observation(
        tile=tile_of(record.header["tile"]),
        key=record.header["key"],
        composite=Composite(
            reflectance=record.arrays["reflectance"].astype(np.int16, copy=False),
            looks=record.arrays["looks"].astype(np.uint8, copy=False),
            provenance=record.arrays["provenance"].astype(np.uint8, copy=False),
        ),
    )
