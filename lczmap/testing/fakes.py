"""Fakes of the seams, for tests of the story without files, networks or weights."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lczmap.things.composite import Composite
from lczmap.things.record import Record, RecordKind
from lczmap.things.verdicts import Verdicts
from lczmap.words.bands import BAND_NAMES, COMPOSITE_NODATA
from lczmap.words.errors import BrokenRecordError
from lczmap.words.grid import PixelGrid
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.modelcard import SURFACE_REFLECTANCE, ModelCard
from lczmap.words.period import Period
from lczmap.words.place import LonLatBox
from lczmap.words.scene import Found, Scene, SceneItem
from lczmap.words.source import SourceRules
from lczmap.words.spec import CompositeMethod


@dataclass(kw_only=True)
class MemoryStore:
    """A `TileStore` that forgets everything when it goes."""

    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    """Records by kind and key."""
    written: list[tuple[str, str]] = field(default_factory=list)
    """Kind and key of every write, in order."""

    def has(self, kind: RecordKind, key: str) -> bool:
        """Whether a record exists."""
        return (kind, key) in self.records

    def read(self, kind: RecordKind, key: str) -> Record:
        """Read a record."""
        if (kind, key) not in self.records:
            raise BrokenRecordError(f"The {kind} record {key} is not in this store; write it first.")
        return self.records[kind, key]

    def write(self, kind: RecordKind, key: str, record: Record) -> None:
        """Keep a record."""
        self.records[kind, key] = record
        self.written.append((kind, key))


def ground(grid: PixelGrid) -> NDArray[np.int16]:
    """Reflectance x 10,000 that depends on where a pixel lies and on nothing else, (10, rows, columns).

    Every band, easting and northing of a zone gives its own value, so a shift by one pixel or a swap shows.
    """
    eastings = grid.west // 10 + np.arange(grid.width)
    northings = grid.north // 10 - np.arange(grid.height)
    bands = np.arange(len(BAND_NAMES))[:, None, None]
    mixed = (eastings[None, None, :] * 31 + northings[None, :, None] * 17 + bands * 7919) % 5003
    return (500 + mixed).astype(np.int16)


@dataclass(kw_only=True)
class GroundImagery:
    """An `ImagerySource` that sees `ground` wherever it looks."""

    rules: SourceRules
    """Rules of the source it stands in for."""
    found: Found = field(default_factory=lambda: Found(items=(), skipped=()))
    """What a search brings."""
    hole: tuple[int, int, int, int] | None = None
    """Left, bottom, right, top in metres of an area that no look covers."""
    looked: list[PixelGrid] = field(default_factory=list)
    """Every grid that was asked for, in order."""

    def search(self, box: LonLatBox, period: Period) -> Found:
        """What was put in."""
        del box, period
        return self.found

    def fetch(self, ids: Sequence[str]) -> Sequence[SceneItem]:
        """Those of the items that were put in."""
        return [entry for entry in self.found.items if entry.scene.id in ids]

    def settle(self, entry: SceneItem) -> SceneItem:
        """Nothing to settle."""
        return entry

    def composite(
        self, grid: PixelGrid, scenes: Sequence[Scene], items: Sequence[str], method: CompositeMethod
    ) -> Composite:
        """The ground, with three looks, or none in the hole."""
        del items, method
        self.looked.append(grid)
        reflectance = ground(grid)
        looks = np.full(reflectance.shape[1:], 3 if scenes else 0, np.uint8)
        if self.hole is not None:
            left, bottom, right, top = self.hole
            eastings = grid.west + 10 * np.arange(grid.width) + 5
            northings = grid.north - 10 * np.arange(grid.height) - 5
            looks[np.ix_((northings > bottom) & (northings < top), (eastings > left) & (eastings < right))] = 0
        reflectance[:, looks == 0] = COMPOSITE_NODATA
        return Composite(reflectance=reflectance, looks=looks, provenance=np.zeros_like(looks))


@dataclass(kw_only=True)
class HashClassifier:
    """A `PatchClassifier` whose answer depends on every pixel, band and position of a patch."""

    card: ModelCard
    """Card of the model it stands in for."""
    familiar_up_to: float = np.inf
    """Mean reflectance above which a patch is out of its domain; without end, none is."""
    sizes: list[int] = field(default_factory=list)
    """Number of patches of every call."""

    def classify(self, patches: NDArray[np.float32]) -> Verdicts:
        """Softmax of fixed random projections; strangeness in proportion to the mean reflectance."""
        self.sizes.append(len(patches))
        weights = np.random.default_rng(17).normal(size=(patches[0].size, CLASS_COUNT))
        # one patch at a time: a matrix product's last bits may depend on how many rows it has
        logits = np.stack([patch.reshape(-1).astype(np.float64) @ weights for patch in patches])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        means = np.array([patch.mean(dtype=np.float64) for patch in patches], dtype=np.float32)
        return Verdicts(probabilities=probabilities, strangeness=means / np.float32(self.familiar_up_to))


def fake_card(name: str = "fake") -> ModelCard:
    """A card for a classifier that needs no weights."""
    return ModelCard(
        name=name,
        title="A fake",
        role="sentinel",
        architecture="none",
        provisional=True,
        weights="none.safetensors",
        sha256="0" * 64,
        bands=BAND_NAMES,
        units=SURFACE_REFLECTANCE,
        patch_pixels=32,
        classes=CLASS_COUNT,
        temperature=1.0,
        sentinel_weight=0.6,
        licence="Apache-2.0",
        attribution=(),
        training=(),
        metrics=(),
        limits=(),
    )
