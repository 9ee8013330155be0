"""Fakes of the seams, for tests of the story without files, networks or weights."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lczmap.things.composite import Composite
from lczmap.things.frames import Reach
from lczmap.things.graph import Graphs
from lczmap.things.instances import Instances, instances_of
from lczmap.things.record import Record, RecordKind
from lczmap.things.verdicts import Verdicts
from lczmap.things.vhr import VhrPixels
from lczmap.words.bands import BAND_NAMES, COMPOSITE_NODATA
from lczmap.words.errors import BrokenRecordError
from lczmap.words.grid import PixelGrid
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.modelcard import SURFACE_REFLECTANCE, ModelCard, Role
from lczmap.words.period import Period
from lczmap.words.place import LonLatBox
from lczmap.words.scene import Found, Scene, SceneItem
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.source import SourceRules
from lczmap.words.spec import CompositeMethod
from lczmap.words.vhr import VhrIdentity, VhrPart


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


@dataclass(kw_only=True)
class PaintedVhr:
    """A `VhrSource` and its own `VhrView`: blocks of 16 m in a few colours that depend on where they lie."""

    hole: tuple[int, int, int, int] | None = None
    """Left, bottom, right, top in metres of an area without data."""
    looked: list[PixelGrid] = field(default_factory=list)
    """Every grid that was asked for, in order."""

    def identify(self, box: LonLatBox) -> VhrIdentity:
        """One file, whatever the box."""
        del box
        return fake_vhr()

    def view(self, identity: VhrIdentity) -> "PaintedVhr":
        """Itself."""
        del identity
        return self

    def read(self, grid: PixelGrid) -> NDArray[np.uint8]:
        """Colour of the block in which each pixel's centre lies, (rows, columns, 3)."""
        self.looked.append(grid)
        eastings = grid.west + (np.arange(grid.width) + 0.5) * grid.metres
        northings = grid.north - (np.arange(grid.height) + 0.5) * grid.metres
        across, down = (eastings // 16).astype(np.int64), (northings // 16).astype(np.int64)
        mixed = (across[None, :] * 7919 + down[:, None] * 104_729) % 11
        colours = np.stack([20 + 20 * mixed, 250 - 20 * mixed, 30 + 7 * mixed], axis=2).astype(np.uint8)
        if self.hole is not None:
            left, bottom, right, top = self.hole
            rows, columns = (northings > bottom) & (northings < top), (eastings > left) & (eastings < right)
            colours[np.ix_(rows, columns)] = 0
        return colours

    def look(self, grid: PixelGrid) -> VhrPixels:
        """The same, all of one part."""
        colours = self.read(grid)
        return VhrPixels(colours=colours, parts=np.where(colours.any(axis=2), 0, -1).astype(np.int16))


@dataclass(kw_only=True)
class ColourSegmenter:
    """A `Segmenter` for which all pixels of one red are one instance, wherever they lie."""

    spec: SegmenterSpec = field(
        default_factory=lambda: SegmenterSpec(name="fake", network="slic", core_metres=640, grain_metres=2)
    )
    """How frames are cut."""
    lot: int = 3
    """Pictures at once."""
    sizes: list[int] = field(default_factory=list)
    """Number of pictures of every call."""

    def segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> Sequence[Instances]:
        """One instance a colour."""
        self.sizes.append(len(reaches))
        grain = self.spec.mask_metres
        reds = [picture[::grain, ::grain, 0] for picture in pictures]
        return [
            instances_of(np.stack([red == value for value in np.unique(red[red > 0])]), metres=grain) for red in reds
        ]


@dataclass(kw_only=True)
class HashGraphs:
    """A `GraphClassifier` whose answer depends on every feature of every node."""

    card: ModelCard
    """Card of the model it stands in for."""

    def classify(self, graphs: Graphs) -> NDArray[np.float32]:
        """Softmax of fixed random projections; NaN where there is no node."""
        weights = np.random.default_rng(18).normal(size=(graphs.nodes[0].size, CLASS_COUNT))
        probabilities = np.full((len(graphs), CLASS_COUNT), np.nan, np.float32)
        for index in np.flatnonzero(graphs.counts):
            powers = np.exp(graphs.nodes[index].reshape(-1).astype(np.float64) @ weights)
            probabilities[index] = powers / powers.sum()
        return probabilities


def fake_vhr() -> VhrIdentity:
    """The identity of an image that nobody took."""
    return VhrIdentity(
        name="local",
        kind="file",
        parts=(VhrPart(id="painted.tif", digest="sha256:" + "0" * 64),),
        bands=(1, 2, 3),
        low=(1.0, 1.0, 1.0),
        high=(255.0, 255.0, 255.0),
        metres=1.0,
        attribution="Painted, of no real place",
        licence="CC0-1.0",
    )


def fake_card(name: str = "fake", *, role: Role = "sentinel") -> ModelCard:
    """A card for a classifier that needs no weights."""
    return ModelCard(
        name=name,
        title="A fake",
        role=role,
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
