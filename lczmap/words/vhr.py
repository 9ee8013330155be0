"""The identity of a very-high-resolution image: what a plan freezes of it, and nothing that is secret or local.

Files on disk go by their SHA-256, remote ones by address without query, size and ETag, tile services by their
template without key and the day they were asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from lczmap.words.period import Period

VhrKind = Literal["file", "folder", "stac", "tiles"]
"""What an image is: one raster, a folder of them, items of a STAC collection, or a service of tiles (XYZ, WMTS)."""

FAR_DAYS = 365
"""An image taken further than this from the mapped period is flagged."""


@dataclass(frozen=True, kw_only=True)
class VhrPart:
    """One raster of an image."""

    id: str
    """File name or STAC item id."""
    digest: str
    """What its bytes go by: `sha256:...`, `size:...,etag:...`, `item:...,updated:...` or `day:...`."""
    taken: date | None = None
    """Day it was taken; None where nobody says."""


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

    @property
    def taken(self) -> tuple[date, date] | None:
        """First and last day it was taken; None where no part says."""
        days = sorted(part.taken for part in self.parts if part.taken is not None)
        return (days[0], days[-1]) if days else None

    @property
    def digest_fields(self) -> Mapping[str, object]:
        """Only what can change a pixel or a flag, as plain JSON."""
        return {
            "kind": self.kind,
            "parts": [[part.id, part.digest, part.taken.isoformat() if part.taken else None] for part in self.parts],
            "bands": list(self.bands),
            "stretch": [list(self.low), list(self.high)],
        }

    def days_from(self, period: Period) -> int | None:
        """Days between the period and the part taken furthest from it, 0 inside; None where no day is known."""
        if self.taken is None:
            return None
        first, last = self.taken
        return max((period.first - first).days, (last - period.last).days, 0)
