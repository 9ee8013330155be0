"""The seams: what the story needs of the outer world, with numpy at each border.

A door implements one of these; `lczmap.testing` ships fakes; the story and the tests know nothing else.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lczmap.things.composite import Composite
from lczmap.things.frames import Reach
from lczmap.things.graph import Graphs
from lczmap.things.instances import Instances
from lczmap.things.record import Record, RecordKind
from lczmap.things.verdicts import Verdicts
from lczmap.things.vhr import VhrView
from lczmap.words.grid import PixelGrid
from lczmap.words.modelcard import ModelCard
from lczmap.words.period import Period
from lczmap.words.place import LonLatBox
from lczmap.words.scene import Found, Scene, SceneItem
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.source import SourceRules
from lczmap.words.spec import CompositeMethod
from lczmap.words.vhr import VhrIdentity


class ImagerySource(Protocol):
    """Sentinel-2 L2A by STAC."""

    @property
    def rules(self) -> SourceRules:
        """How this source's items are read."""
        ...

    def search(self, box: LonLatBox, period: Period) -> Found:
        """Every item whose footprint meets a box in a period, and those that cannot be used.

        Raises:
            SourceUnreachableError: the source does not answer after retries.
            BrokenCatalogueError: it answers, but not with STAC.
        """
        ...

    def fetch(self, ids: Sequence[str]) -> Sequence[SceneItem]:
        """Items by id, for replaying a manifest.

        Raises:
            SourceError: one of them is gone.
        """
        ...

    def settle(self, entry: SceneItem) -> SceneItem:
        """Decide an item's radiometric offset from the source's rule and one coarse overview.

        Raises:
            BrokenAssetError: the overview cannot be read.
        """
        ...

    def composite(
        self, grid: PixelGrid, scenes: Sequence[Scene], items: Sequence[str], method: CompositeMethod
    ) -> Composite:
        """Read frozen scenes on a grid and make their clear-sky composite.

        Args:
            grid: a tile's observed grid, or any grid on multiples of 10 m.
            scenes: the frozen scenes.
            items: their STAC items as JSON text, in the same order.
            method: mask and median.

        Raises:
            BrokenAssetError: an asset is missing, truncated or unreadable; it names the item.
            SourceUnreachableError: the source does not answer after retries.
        """
        ...


class PatchClassifier(Protocol):
    """Classes of Sentinel-2 patches, and whether the model knows patches of that kind."""

    @property
    def card(self) -> ModelCard:
        """What the model is and what it eats."""
        ...

    def classify(self, patches: NDArray[np.float32]) -> Verdicts:
        """Class probabilities of patches, and how strange they look.

        Args:
            patches: (n, 32, 32, 10) reflectance 0..1, rows from the north, bands in input order.
        """
        ...


class VhrSource(Protocol):
    """Very-high-resolution imagery: a raster, a folder, a STAC collection or a service of tiles."""

    def identify(self, box: LonLatBox) -> VhrIdentity:
        """What a plan freezes of the image of a place: parts, bands, stretch, days, attribution.

        The stretch comes from the source's own overviews and never from the box, so that maps of neighbouring
        areas agree.

        Raises:
            NoImageryError: it shows nothing of the box.
            SourceError: it cannot be read.
        """
        ...

    def view(self, identity: VhrIdentity) -> VhrView:
        """A reader of windows of what was identified; nothing is read yet.

        Raises:
            SourceError: the image is no longer the one that was identified.
        """
        ...


class Segmenter(Protocol):
    """Cuts pictures into instances."""

    @property
    def spec(self) -> SegmenterSpec:
        """How it cuts."""
        ...

    @property
    def lot(self) -> int:
        """Pictures it likes to have at once; one picture's instances do not depend on the others."""
        ...

    def segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> Sequence[Instances]:
        """Instances of frames, one result a picture, in the order given.

        Args:
            pictures: (n, side, side, 3) RGB at 1 m, side = `spec.frame_metres`; black is no data.
            reaches: for each picture, where prompts serve anybody, metres; instances may extend beyond.
        """
        ...


class GraphClassifier(Protocol):
    """Classes of instance graphs."""

    @property
    def card(self) -> ModelCard:
        """What the model is and what it eats."""
        ...

    def classify(self, graphs: Graphs) -> NDArray[np.float32]:
        """(n, 17) class probabilities; rows of NaN where a graph has no node."""
        ...


class TileStore(Protocol):
    """Records under their keys: written whole or not at all, never changed."""

    def has(self, kind: RecordKind, key: str) -> bool:
        """Whether a record exists."""
        ...

    def read(self, kind: RecordKind, key: str) -> Record:
        """Read a record.

        Raises:
            BrokenRecordError: it is not there or cannot be read.
        """
        ...

    def write(self, kind: RecordKind, key: str, record: Record) -> None:
        """Write a record; under its final name it is whole or absent.

        Raises:
            StoreFullError: no space is left.
            StoreError: the store failed otherwise.
        """
        ...
