"""Find the rasters of a very-high-resolution image: one file, a folder of them, or items of a STAC collection.

In: where it is, and a box. Out: parts with their addresses, the one that lies on top first. What is on disk is looked
into, of what is far only the catalogue is asked.
"""

import hashlib
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import shapely
import shapely.geometry
from pystac.utils import make_absolute_href
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from lczmap.imagery.access import Asset
from lczmap.imagery.catalogue import Catalogue, Wanted
from lczmap.imagery.items import RawItem
from lczmap.imagery.vhr_raster import day_in
from lczmap.words.errors import LczmapError
from lczmap.words.place import LonLatBox
from lczmap.words.vhr import COARSEST_METRES, VhrRules

RASTERS = (".tif", ".tiff", ".vrt", ".jp2", ".img", ".png", ".jpg", ".jpeg")
"""What is taken for a raster in a folder."""
USUAL_ASSETS = ("visual", "rgb", "image", "ortho*", "data", "*.tif")
"""Keys of assets tried where the rules name none."""
_CHUNK = 1 << 22
_PER_DEGREE, _WORLD_DEGREES = 1_000_000, 360
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One raster of an image, with what must not be written down."""

    id: str
    """File name or item id."""
    asset: Asset
    """Where it is."""
    taken: date | None
    """Day it was taken; None where nobody says."""
    footprint: BaseGeometry
    """Where it lies, degrees."""
    digest: str = ""
    """What its bytes go by; empty until it is needed."""
    attribution: str = ""
    """By its own metadata."""
    licence: str = ""
    """By its own metadata."""


def renamed(piece: Piece, name: str) -> Piece:
    """The same raster under another name, by which errors blame it too."""
    return replace(piece, id=name, asset=replace(piece.asset, item_id=name))


def on_top_first(pieces: Iterable[Piece]) -> list[Piece]:
    """Newest first, then by id: the order in which pixels are taken."""
    return sorted(pieces, key=lambda piece: (-(piece.taken or date.min).toordinal(), piece.id))


def box_around(footprint: BaseGeometry) -> LonLatBox | None:
    """The box around a footprint, rounded outwards to about a decimetre; None for one that is the whole world."""
    west, south, east, north = footprint.bounds
    if east - west >= _WORLD_DEGREES:
        return None
    return LonLatBox(
        west=math.floor(west * _PER_DEGREE) / _PER_DEGREE,
        south=math.floor(south * _PER_DEGREE) / _PER_DEGREE,
        east=math.ceil(east * _PER_DEGREE) / _PER_DEGREE,
        north=math.ceil(north * _PER_DEGREE) / _PER_DEGREE,
    )


def files_of(folder: Path) -> list[Path]:
    """Rasters in a folder and the folders in it, by name; of a VRT and the files it joins only the VRT."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in RASTERS and path.is_file())
    joined = [path for path in found if path.suffix.lower() == ".vrt"]
    return joined or [path for path in found if path.suffix.lower() not in {".png", ".jpg", ".jpeg"}] or found


def stac_root(path: Path) -> Path | None:
    """The file a STAC catalogue on disk starts at; None where a path is none."""
    named = ("catalog.json", "collection.json", "item.json")
    roots = [path / name for name in named] if path.is_dir() else [path]
    return next((each for each in roots if each.suffix == ".json" and each.is_file()), None)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


@dataclass(frozen=True, kw_only=True)
class StacPieces:
    """Pieces of a STAC API, catalogue, collection or item."""

    location: str
    """Address, or path on disk."""
    rules: VhrRules
    """How it is read."""
    documents: dict[str, Mapping[str, object]] = field(default_factory=dict)
    """Collections already read, by address."""
    known: dict[str, Piece] = field(default_factory=dict)
    """Pieces already found: to walk a static catalogue again for a few of them may take minutes."""

    def find(self, box: LonLatBox | None, today: date) -> list[Piece]:
        """Pieces that meet a box, on top first; None takes all.

        Raises:
            LczmapError: the catalogue does not answer, or is none.
        """
        found: dict[str, Piece] = {}
        for raw in self._raw(Wanted(collection=self.rules.collection, box=box)):
            piece = self._piece(raw, today)
            if piece is not None and (box is None or piece.footprint.intersects(box.polygon)):
                found.setdefault(piece.id, piece)
        self.known.update(found)
        return on_top_first(found.values())

    def fetch(self, ids: Sequence[str], today: date) -> list[Piece]:
        """Pieces by id, in the order asked for; those that are gone are left out.

        Raises:
            LczmapError: as `find` does.
        """
        found = {name: self.known[name] for name in ids if name in self.known}
        missing = [name for name in ids if name not in found]
        wanted = Wanted(collection=self.rules.collection, ids=tuple(missing))
        for raw in self._raw(wanted) if missing else ():
            piece = self._piece(raw, today) if raw.body.get("id") in missing else None
            if piece is not None:
                found.setdefault(piece.id, piece)
            if len(found) == len(set(ids)):
                break
        return [found[name] for name in ids if name in found]

    def _raw(self, wanted: Wanted) -> Iterator[RawItem]:
        for raw in Catalogue(self.location, option="--vhr").items(wanted):
            collection = raw.body.get("collection")
            if not (wanted.collection and collection and collection != wanted.collection):
                yield raw

    def _piece(self, raw: RawItem, today: date) -> Piece | None:
        """An item as a piece; None where it shows nothing, or pixels that are too coarse."""
        name = str(raw.body.get("id") or "item without id")
        try:
            properties = cast("Mapping[str, object]", raw.body.get("properties") or {})
            assets = cast("Mapping[str, Mapping[str, object]]", raw.body.get("assets") or {})
            key = asset_key(assets, self.rules.assets or USUAL_ASSETS)
            if key is None or _coarse(properties, assets[key]):
                return None
            href = make_absolute_href(str(assets[key]["href"]), raw.href)
            said = {**self._collection(raw), **properties}
            return Piece(
                id=name,
                asset=Asset(href=href, item_id=name, name=key),
                taken=day_in(str(properties.get("datetime") or properties.get("end_datetime") or ""), today),
                footprint=shapely.geometry.shape(cast("dict[str, Any]", raw.body["geometry"])),
                digest=f"item:{name},updated:{properties.get('updated') or properties.get('datetime')}",
                attribution=_attribution(said),
                licence=str(said.get("license") or ""),
            )
        except (AttributeError, KeyError, TypeError, ValueError, ShapelyError) as error:
            _LOG.warning("VHR item %s is left out: malformed (%s: %s)", name, type(error).__name__, error)
            return None

    def _collection(self, raw: RawItem) -> Mapping[str, object]:
        """The collection an item belongs to, read once; empty where it cannot be read."""
        links = cast("Sequence[Mapping[str, object]]", raw.body.get("links") or ())
        href = next((str(link.get("href")) for link in links if link.get("rel") == "collection"), "")
        if not href:
            return {}
        address = make_absolute_href(href, raw.href)
        if address not in self.documents:
            try:
                self.documents[address] = Catalogue(address, option="--vhr").document()
            except LczmapError as error:
                _LOG.warning("The collection of the VHR items cannot be read: %s", error)
                self.documents[address] = {}
        return {key: value for key, value in self.documents[address].items() if key in _KEPT}


_KEPT = ("attribution", "license", "providers")


def asset_key(assets: Mapping[str, Mapping[str, object]], patterns: Sequence[str]) -> str | None:
    """The key of the asset that fits the best pattern; None where none fits."""
    for pattern in patterns:
        fitting = sorted(key for key in assets if fnmatchcase(key, pattern))
        if fitting:
            return fitting[0]
    return None


def _coarse(properties: Mapping[str, object], asset: Mapping[str, object]) -> bool:
    """Whether an asset says that its pixels are too coarse."""
    gsd = asset.get("gsd", properties.get("gsd"))
    return isinstance(gsd, int | float) and gsd > 1.01 * COARSEST_METRES


def _attribution(said: Mapping[str, object]) -> str:
    """The line to carry: `attribution`, else the providers who made or license it."""
    if said.get("attribution"):
        return str(said["attribution"])
    providers = [each for each in cast("Sequence[object]", said.get("providers") or ()) if isinstance(each, Mapping)]
    makers = [each for each in providers if {"producer", "licensor"} & set(each.get("roles") or ())]
    return ", ".join(dict.fromkeys(str(each.get("name", "")) for each in makers or providers))
