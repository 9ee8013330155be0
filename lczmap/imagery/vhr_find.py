"""Where an image's rasters are: on disk, at an address, in a STAC catalogue, behind a template of tiles.

Four places with one face, `Place`: what meets a box, what was once found, and by what its bytes go.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

import numpy as np
import shapely
from rasterio.io import DatasetReader

from lczmap.imagery.access import Asset
from lczmap.imagery.vhr_open import OpenRasters
from lczmap.imagery.vhr_parts import Piece, StacPieces, files_of, renamed, sha256_of
from lczmap.imagery.vhr_raster import day_in
from lczmap.imagery.vhr_tiles import description_of, filled
from lczmap.imagery.vhr_told import size_and_tag
from lczmap.words.errors import SourceNameError
from lczmap.words.place import LonLatBox
from lczmap.words.vhr import VhrKind, VhrRules
from lczmap.words.vhr_address import is_address

WORLD = shapely.box(-180, -90, 180, 90)
"""Where a raster may lie that was not looked at yet."""
_OVERVIEW = "overview:"


class Place(Protocol):
    """Where an image's rasters are."""

    @property
    def kind(self) -> VhrKind:
        """What it is."""
        ...

    @property
    def on_disk(self) -> bool:
        """Whether each raster is looked into when it is identified."""
        ...

    def find(self, box: LonLatBox | None, today: date) -> list[Piece]:
        """Pieces that may meet a box; None takes all.

        Raises:
            LczmapError: they cannot be found out.
        """
        ...

    def fetch(self, ids: Sequence[str], today: date) -> list[Piece]:
        """Pieces by id, in the order asked for, without those that are gone.

        Raises:
            LczmapError: they cannot be found out.
        """
        ...

    def digest(self, piece: Piece, rasters: OpenRasters, like: str = "") -> str:
        """What a piece's bytes go by.

        Args:
            piece: the piece.
            rasters: opens it.
            like: what it went by before, for one of the same kind; empty for the best there is.

        Raises:
            LczmapError: they cannot be read.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class DiskFiles:
    """A raster on disk, or all in a folder."""

    path: Path
    """The file or folder."""
    kind: VhrKind
    """`file` or `folder`."""
    on_disk: bool = True
    """Always."""
    digests: dict[tuple[str, int, int], str] = field(default_factory=dict)
    """SHA-256 of files by path, size and time of change: an image of gigabytes is hashed once."""

    def find(self, box: LonLatBox | None, today: date) -> list[Piece]:  # noqa: ARG002 - a header tells where it lies
        """One piece a raster.

        Raises:
            SourceNameError: the folder holds no raster.
        """
        paths = [self.path] if self.kind == "file" else files_of(self.path)
        if not paths:
            raise SourceNameError(f"The VHR folder {self.path.name} holds no raster; expected GeoTIFFs, a VRT or JP2s.")
        return [
            Piece(
                id=self._name(path),
                asset=Asset(href=str(path.absolute()), item_id=self._name(path), name="RGB"),
                taken=day_in(path.stem, today),
                footprint=WORLD,
            )
            for path in paths
        ]

    def fetch(self, ids: Sequence[str], today: date) -> list[Piece]:
        """Pieces by file name; of one file whatever it is called now."""
        found = {piece.id: piece for piece in self.find(None, today)}
        if self.kind == "file":
            return [renamed(piece, ids[0]) for piece in found.values()]
        return [found[name] for name in ids if name in found]

    def digest(self, piece: Piece, rasters: OpenRasters, like: str = "") -> str:  # noqa: ARG002 - of one kind
        """SHA-256 of the file, or of all files it is made of (a VRT's sources, overviews, masks) under their names.

        And of what GDAL makes of them: files of GDAL and GIS beside a raster (`.aux.xml`) may move it, or say where it
        has no data. Their bytes do not count, since statistics are written into them whenever somebody looks.
        """
        files, header = rasters.read(
            piece.asset, lambda raster: ([Path(name) for name in raster.files], _header_sum(raster))
        )
        mine = sorted({path for path in files if path.is_file() and path.suffix != ".xml"} | {Path(piece.asset.href)})
        # in the order of their paths: files in several folders may have one name
        sums = [(path.name, self._sha256(path)) for path in mine]
        whole = sums[0][1] if len(sums) == 1 else hashlib.sha256(json.dumps(sums).encode()).hexdigest()
        return f"sha256:{whole},header:{header}"

    def _name(self, path: Path) -> str:
        return path.name if self.kind == "file" else path.relative_to(self.path).as_posix()

    def _sha256(self, path: Path) -> str:
        state = path.stat()
        key = (str(path), state.st_size, state.st_mtime_ns)
        if key not in self.digests:
            self.digests[key] = sha256_of(path)
        return self.digests[key]


@dataclass(frozen=True, kw_only=True)
class StacItems:
    """Items of a STAC API, catalogue or collection."""

    pieces: StacPieces
    """Finds them."""
    disk: DiskFiles
    """Hashes those on disk."""
    kind: VhrKind = "stac"
    """Always."""

    @classmethod
    def of(cls, pieces: StacPieces) -> "StacItems":
        """The items of a catalogue, on disk or not."""
        return cls(pieces=pieces, disk=DiskFiles(path=Path(pieces.location).parent, kind="folder"))

    @property
    def on_disk(self) -> bool:
        """Whether the catalogue is on disk."""
        return not is_address(self.pieces.location)

    def find(self, box: LonLatBox | None, today: date) -> list[Piece]:
        """Items that meet a box, newest first.

        Those beneath newer ones too: a footprint tells nothing of the holes in it, and what a box leaves open is no
        property of a place. They are read only where those above have no data.
        """
        return self.pieces.find(box, today)

    def fetch(self, ids: Sequence[str], today: date) -> list[Piece]:
        """Items by id."""
        return self.pieces.fetch(ids, today)

    def digest(self, piece: Piece, rasters: OpenRasters, like: str = "") -> str:
        """SHA-256 of a file on disk, else the item's id and when it was updated."""
        return piece.digest if is_address(piece.asset.href) else self.disk.digest(piece, rasters, like)


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A raster at an address."""

    rules: VhrRules
    """Holds its public address."""
    typed: str
    """Its address with query and names of the environment; never written down."""
    kind: VhrKind = "file"
    """Always."""
    on_disk: bool = True
    """Its header is read, as a file's on disk."""
    backoff_seconds: float = 1.0
    """Wait before the third time that its server is asked, doubled before each one after."""

    def find(self, box: LonLatBox | None, today: date) -> list[Piece]:  # noqa: ARG002 - its header tells where it lies
        """The one piece."""
        name = self.rules.url.rpartition("/")[2]
        return [
            Piece(
                id=name,
                asset=Asset(href=self.rules.url, item_id=name, name="RGB"),
                taken=day_in(name, today),
                footprint=WORLD,
            )
        ]

    def fetch(self, ids: Sequence[str], today: date) -> list[Piece]:  # noqa: ARG002 - there is but one
        """The one piece."""
        return self.find(None, today)

    def digest(self, piece: Piece, rasters: OpenRasters, like: str = "") -> str:
        """Size and ETag as its server tells them; of a server that does not, SHA-256 of the coarsest overview.

        Raises:
            SourceUnreachableError: the server does not answer after retries.
            SourceError: it refuses access, or has the raster no more.
        """
        asked = not like.startswith(_OVERVIEW) and self.rules.url.startswith("http")
        told = size_and_tag(filled(self.typed), piece.asset, backoff_seconds=self.backoff_seconds) if asked else None
        return told or f"{_OVERVIEW}{rasters.read(piece.asset, _overview_sum)}"

    def sign(self, href: str) -> str:  # noqa: ARG002 - there is but one
        """The address to open."""
        address = filled(self.typed)
        return address if address.startswith("s3://") else f"/vsicurl/{address}"

    def forget(self, href: str) -> None:
        """Nothing to forget."""


@dataclass(frozen=True, kw_only=True)
class TileService:
    """A template of tiles."""

    rules: VhrRules
    """Holds its public template and its finest level."""
    typed: str
    """The template with keys and names of the environment; never written down."""
    kind: VhrKind = "tiles"
    """Always."""
    on_disk: bool = False
    """It covers the world, and its tiles tell nothing."""

    def find(self, box: LonLatBox | None, today: date) -> list[Piece]:  # noqa: ARG002 - it claims the whole world
        """The one piece, as of today."""
        return [
            Piece(
                id=self.rules.url,
                asset=Asset(href=self.rules.url, item_id=self.rules.url, name="RGB"),
                taken=None,
                footprint=WORLD,
                digest=f"day:{today.isoformat()}",
            )
        ]

    def fetch(self, ids: Sequence[str], today: date) -> list[Piece]:
        """The one piece, where it is the template that was identified."""
        return [piece for piece in self.find(None, today) if piece.id in ids]

    def digest(self, piece: Piece, rasters: OpenRasters, like: str = "") -> str:  # noqa: ARG002 - nothing to read
        """The day it is asked."""
        return piece.digest

    def sign(self, href: str) -> str:  # noqa: ARG002 - there is but one
        """What GDAL opens."""
        return description_of(self.typed, self.rules.level)

    def forget(self, href: str) -> None:
        """Nothing to forget."""


def _header_sum(raster: DatasetReader) -> str:
    """SHA-256, its first 16 digits, of what decides where a raster lies, what is data and which colour is which."""
    told = [
        raster.crs.to_string() if raster.crs is not None else "",
        tuple(raster.transform),
        raster.nodatavals,
        [[flag.name for flag in flags] for flags in raster.mask_flag_enums],
        [colour.name for colour in raster.colorinterp],
        raster.descriptions,
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _overview_sum(raster: DatasetReader) -> str:
    """SHA-256 of a raster's header and coarsest overview."""
    shrink = max(max(raster.width, raster.height) / 256, 1.0)
    shape = max(round(raster.height / shrink), 1), max(round(raster.width / shrink), 1)
    header = f"{raster.shape} {tuple(raster.transform)} {raster.crs} {raster.nodata} {raster.dtypes}"
    pixels = np.ascontiguousarray(raster.read(out_shape=(raster.count, *shape)))
    return hashlib.sha256(header.encode() + pixels.tobytes()).hexdigest()
