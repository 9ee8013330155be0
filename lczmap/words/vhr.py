"""The identity of a very-high-resolution image: what a plan freezes of it, and nothing that is secret or local.

Files on disk go by their SHA-256, remote ones by address without query, size and ETag, tile services by their
template without key and the day they were asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from lczmap.words.errors import SpecError
from lczmap.words.period import Period
from lczmap.words.place import LonLatBox
from lczmap.words.scene import Skipped
from lczmap.words.source import Signing

VhrKind = Literal["file", "folder", "stac", "tiles"]
"""What an image is: one raster, a folder of them, items of a STAC collection, or a service of tiles (XYZ, WMTS)."""

FINEST_METRES, COARSEST_METRES = 0.1, 5.0
"""Pixel sides that are of use, metres."""
TILE_LEVEL = 18
"""Level of a service of tiles that is read at most: 0.6 m at the equator, 0.3 m at 60 degrees."""

FAR_DAYS = 365
"""An image taken further than this from the mapped period is flagged."""


@dataclass(frozen=True, kw_only=True)
class VhrPart:
    """One raster of an image."""

    id: str
    """File name or STAC item id."""
    digest: str
    """What its bytes go by: `sha256:...,header:...` (of its files, and of what GDAL makes of them),
    `size:...,etag:...`, `overview:...` (SHA-256 of the coarsest one), `item:...,updated:...` or `day:...`."""
    taken: date | None = None
    """Day it was taken; None where nobody says."""
    box: LonLatBox | None = None
    """Box around its footprint; None where it may lie anywhere. In no key: it only tells which tiles it concerns."""

    def days_from(self, period: Period) -> int | None:
        """Days between a period and the day it was taken, 0 inside; None where nobody says."""
        if self.taken is None:
            return None
        return max((period.first - self.taken).days, (self.taken - period.last).days, 0)


@dataclass(frozen=True, kw_only=True)
class VhrIdentity:
    """One image of a place, as frozen in a plan."""

    name: str
    """Name in the catalogue, `local`, or the address without query and key."""
    kind: VhrKind
    """What it is."""
    parts: tuple[VhrPart, ...]
    """Its rasters, the one that lies on top first."""
    bands: tuple[int, int, int]
    """Numbers of the red, green and blue band in each raster, from 1."""
    low: tuple[float, float, float]
    """Value of each band that becomes 1 (black; 0 is no data)."""
    high: tuple[float, float, float]
    """Value of each band that becomes 255."""
    metres: float
    """Pixel side of its finest raster, metres."""
    attribution: str
    """Line that every product must carry; empty where nobody says."""
    licence: str
    """Licence; empty where nobody says."""
    refused: tuple[Skipped, ...] = field(default=(), compare=False)
    """Rasters that were found and cannot be used, until a plan takes them over; no part of what the image is."""

    @property
    def taken(self) -> tuple[date, date] | None:
        """First and last day it was taken; None where no part says."""
        days = sorted(part.taken for part in self.parts if part.taken is not None)
        return (days[0], days[-1]) if days else None

    @property
    def digest_fields(self) -> Mapping[str, object]:
        """Only what can change a pixel, as plain JSON; days show in the order of the parts."""
        return {
            "kind": self.kind,
            "parts": [[part.id, part.digest] for part in self.parts],
            "bands": list(self.bands),
            "stretch": [list(self.low), list(self.high)],
        }

    def within(self, outline: BaseGeometry) -> "VhrIdentity":
        """The same image with only those parts whose box meets an outline in degrees."""
        meets = shapely.intersects(self._boxes, outline)
        return replace(self, parts=tuple(part for part, met in zip(self.parts, meets, strict=True) if met))

    def without(self, part_id: str) -> "VhrIdentity":
        """The same image without one of its parts."""
        return replace(self, parts=tuple(part for part in self.parts if part.id != part_id))

    def far(self, period: Period) -> tuple[bool, ...]:
        """Of each part, whether it was taken far from a period, as far as anybody says when."""
        days = [part.days_from(period) for part in self.parts]
        return tuple(each is not None and each > FAR_DAYS for each in days)

    def days_from(self, period: Period) -> int | None:
        """Days between a period and the part taken furthest from it, 0 inside; None where no day is known.

        Parts whose box newer ones cover do not count. Whether they show in a hole of these is told cell by cell, by
        the pixels.
        """
        days = [part.days_from(period) for part in self._uncovered]
        return max((each for each in days if each is not None), default=None)

    @property
    def _boxes(self) -> NDArray[np.object_]:
        everywhere = shapely.box(-180, -90, 180, 90)
        boxes = [everywhere if part.box is None else part.box.polygon for part in self.parts]
        return np.array(boxes, dtype=np.object_)

    @property
    def _uncovered(self) -> tuple[VhrPart, ...]:
        """Parts whose box those above them leave open; one that may lie anywhere covers nothing."""
        boxes, placed = self._boxes, np.array([part.box is not None for part in self.parts], np.bool_)
        kept = []
        for index, part in enumerate(self.parts):
            above = boxes[:index][placed[:index] & shapely.intersects(boxes[:index], boxes[index])]
            if not shapely.covers(shapely.union_all(above), boxes[index]):
                kept.append(part)
        return tuple(kept)


@dataclass(frozen=True, kw_only=True)
class VhrRules:
    """One source of very-high-resolution imagery, before anything is asked of it."""

    name: str
    """Short name, what `--vhr` takes; `local` for files on disk, `address` or `template` for others."""
    title: str
    """Name for people."""
    url: str
    """Address of a raster, a STAC API or catalogue, or template of a service of tiles, without key or query; empty for
    files on disk."""
    collection: str | None = None
    """STAC collection; None takes all that show pixels of the right size."""
    assets: tuple[str, ...] = ()
    """Keys of the asset to read, the best first, as shell patterns (`*_0.1_2056.tif`); empty takes usual names."""
    bands: tuple[int, int, int] | None = None
    """Numbers of red, green and blue, from 1; None takes what the rasters say."""
    level: int = TILE_LEVEL
    """Finest level read of a service of tiles."""
    signing: Signing = "none"
    """How addresses of assets become readable (see `SourceRules.signing`)."""
    boxes: tuple[LonLatBox, ...] = ()
    """Where it covers the ground as a whole; empty where it covers patches only and is offered to nobody unasked."""
    licence: str = ""
    """Licence of the imagery; empty where its own metadata tell."""
    attribution: str = ""
    """Line that every product must carry; empty where its own metadata tell."""
    notes: str = ""
    """What a user should know before choosing it."""

    def __post_init__(self) -> None:
        """Refuse bands and levels that there cannot be."""
        if self.bands is not None and (len(set(self.bands)) != 3 or min(self.bands) < 1):
            raise SpecError(
                f"The VHR bands are {self.bands}, expected three different numbers from 1 for red, green and blue."
            )
        if not 0 <= self.level <= 24:
            raise SpecError(f"The VHR source's level is {self.level}, expected 0 to 24.")

    @property
    def public(self) -> str:
        """What a wish keeps of it: its name, or for an address itself, without key or query."""
        return self.url if self.name in {"address", "template"} else self.name

    def covers(self, box: LonLatBox) -> bool:
        """Whether it covers a place as a whole: every part of the box lies in one of its own."""
        own = shapely.union_all([each.polygon for each in self.boxes])
        return bool(own.covers(box.polygon))
