"""What is asked of a product and what one is: plain facts, no writing.

`lczmap.store.publish.write_product` makes the one from the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lczmap.protocols import TileStore
from lczmap.things.areas import ClassArea
from lczmap.words.modelcard import ModelCard
from lczmap.words.plan import Plan, TilePlan, digest, map_key
from lczmap.words.quality import Quality

PRODUCT_FORMAT = 1
"""Rises whenever the same maps would give other files; a rerun then publishes anew."""
ITEM = "item.json"
"""The STAC item; a folder without one is no product."""
CAVEAT = (
    "Accuracy of this map is not known: no labels of this place took part. Even two expert label sets of the same "
    "city agree at a median of 79.7 % only (28 cities), which is the ceiling for any such map."
)
"""What every report says about accuracy."""


@dataclass(frozen=True, kw_only=True)
class ProductRequest:
    """Everything a product is made from; the pixels come from the store, one tile at a time."""

    plan: Plan
    """The plan as it was carried out."""
    store: TileStore
    """Holds a map record for every tile of the plan."""
    out: Path
    """Folder of products."""
    manifest: str
    """The plan as TOML, written as `manifest.toml`."""
    clip: bool = False
    """Crop a city to its box and margin instead of whole tiles. An AOI is always cropped to its wanted cells."""
    cards: tuple[ModelCard, ...] = ()
    """Card of every model that took part."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage of the run so far."""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the product is made, UTC."""

    @property
    def edition(self) -> str:
        """Period and, where it is not 320 m, posting: the product's folder within its place."""
        return edition_name(self.plan)

    @property
    def stem(self) -> str:
        """What every file's name begins with, and the id of the STAC item."""
        return f"{self.plan.place.slug}_{self.edition}"

    @property
    def folder(self) -> Path:
        """Where the product stands once it is published."""
        return self.out / self.plan.place.slug / self.edition

    @property
    def key(self) -> str:
        """Address of the product: equal keys, equal maps in equal files."""
        return digest(
            {
                "format": PRODUCT_FORMAT,
                "place": self.plan.place.slug,
                "edition": self.edition,
                "open": self.open_period,
                "clip": self.clip and self.plan.place.kind == "city",
                "maps": sorted(map_key(self.plan, tile) for tile in self.plan.tiles),
            }
        )

    @property
    def open_period(self) -> bool:
        """Whether the period was not over when the product was made, so that a later run may see more."""
        return self.plan.spec.period.provisional(self.created.date())

    def key_of(self, tile: TilePlan) -> str:
        """Map key of one tile."""
        return map_key(self.plan, tile)


@dataclass(frozen=True, kw_only=True)
class Product:
    """A published product as it stands in its folder."""

    folder: Path
    """Where it is."""
    stem: str
    """What its files' names begin with."""
    files: Mapping[str, Path]
    """Every file by its STAC asset key, for instance `lcz`, `zarr`, `quicklook`; and `item`."""
    areas: tuple[ClassArea, ...]
    """Area and share by class."""
    wanted: int
    """Cells that were asked for, inside the product's extent."""
    nodata: int
    """Of these, the ones without a class."""
    flagged: Mapping[Quality, int]
    """Wanted cells by quality bit; bits that no cell has are left out."""
    vhr_alone: int
    """Wanted cells that stand on the VHR stream alone, for want of a usable Sentinel-2 window."""
    written: bool
    """Whether this run wrote it; False where an equal one stood there already."""
    seconds: float
    """Time it took to write, seconds; 0 where nothing was written."""

    @property
    def nodata_share(self) -> float:
        """Share of the wanted cells without a class, 0..1."""
        return self.nodata / self.wanted if self.wanted else 0.0


def edition_name(plan: Plan) -> str:
    """Folder of a plan's product within its place: `2023-H1` or `2023-H1-100m`."""
    posting = plan.spec.posting
    return plan.spec.period.label + ("" if posting == 320 else f"-{posting}m")
