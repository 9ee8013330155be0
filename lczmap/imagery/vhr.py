"""Very-high-resolution imagery of any kind: identified, then shown. The one implementation of `VhrSource`."""

import logging
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.io import DatasetReader

from lczmap.catalog import vhr_rules
from lczmap.imagery.access import RasterAccess
from lczmap.imagery.signing import PlanetaryComputerSigner, Signer, Unsigned
from lczmap.imagery.vhr_find import DiskFiles, Place, RemoteFile, StacItems, TileService
from lczmap.imagery.vhr_open import OpenRasters
from lczmap.imagery.vhr_parts import Piece, StacPieces, box_around, on_top_first, stac_root
from lczmap.imagery.vhr_raster import Bands, Facts, UnusableRasterError, facts_of
from lczmap.imagery.vhr_stretch import sample_of, spread, stretch_of
from lczmap.imagery.vhr_view import BYTES_HIGH, BYTES_LOW, ShownImage, Three
from lczmap.words.errors import BrokenAssetError, LczmapError, NoImageryError, SourceError, SourceNameError
from lczmap.words.grid import PixelGrid
from lczmap.words.place import LonLatBox
from lczmap.words.scene import Skipped
from lczmap.words.vhr import VhrIdentity, VhrPart, VhrRules
from lczmap.words.vhr_address import NAMED, is_address
from lczmap.words.zone import zone_of

Result = TypeVar("Result")

_S3_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_RASTER_ENDS = (".tif", ".tiff", ".vrt", ".jp2", ".img")
_PROBES = 3
"""Places along each side of a box that are looked at before the whole of it is."""
_LOG = logging.getLogger(__name__)


def vhr_source(text: str, *, local: Path | None = None, bands: Bands | None = None) -> "VhrImagery":
    """The source of very-high-resolution imagery that a text names; nothing is opened yet.

    Args:
        text: a name of the catalogue; an address (http, https, s3) of a raster or a STAC API or catalogue; a template
            of tiles; the path of a raster, a folder of them or a STAC catalogue on disk; or `local`.
        local: the path that `local` stands for.
        bands: numbers of red, green and blue, from 1; None takes what the rasters say.

    Raises:
        SourceNameError: it is none of these.
    """
    typed = str(local) if text == "local" and local is not None else text
    rules = vhr_rules(typed)
    rules = rules if bands is None else replace(rules, bands=bands)
    if rules.name == "local":
        return VhrImagery(rules, _on_disk(Path(typed), rules))
    if rules.name == "template":
        return VhrImagery(rules, TileService(rules=rules, typed=typed))
    if rules.name == "address" and rules.url.lower().endswith(_RASTER_ENDS):
        return VhrImagery(rules, RemoteFile(rules=rules, typed=typed))
    if rules.url.startswith("s3://"):
        raise SourceNameError(f"{rules.url} is no raster by its name; expected one that ends in .tif, .vrt or .jp2.")
    return VhrImagery(rules, StacItems.of(StacPieces(location=rules.url, rules=rules)))


class VhrImagery:
    """One source of very-high-resolution imagery."""

    def __init__(self, rules: VhrRules, place: Place, *, today: date | None = None) -> None:
        """Nothing is read before it is asked for.

        Args:
            rules: how it is read.
            place: where its rasters are.
            today: the day it is asked, which a service of tiles goes by; None asks the clock.
        """
        self._rules = rules
        self._place = place
        self._today = today if today is not None else datetime.now(UTC).date()
        self._rasters = OpenRasters(_access(rules, place))

    @property
    def rules(self) -> VhrRules:
        """How it is read."""
        return self._rules

    def identify(self, box: LonLatBox) -> VhrIdentity:
        """What a plan freezes of the image of a place.

        Raises:
            NoImageryError: it shows nothing of the box.
            SourceNameError: what a path or address names is no raster that can be used.
            SourceError: it cannot be read.
        """
        pieces, facts, refused = self._usable(self._place.find(box, self._today), box)
        low, high = self._stretch(facts[0])
        identity = VhrIdentity(
            name=self._rules.public,
            kind=self._place.kind,
            parts=tuple(
                VhrPart(id=piece.id, digest=self._digest(piece), taken=piece.taken, box=box_around(piece.footprint))
                for piece in pieces
            ),
            bands=facts[0].bands,
            low=low,
            high=high,
            metres=min(fact.metres for fact in facts),
            attribution=self._rules.attribution or _joined(piece.attribution for piece in pieces),
            licence=self._rules.licence or _joined(piece.licence for piece in pieces),
            refused=tuple(refused),
        )
        return self._shown_in(box, identity, pieces)

    def _shown_in(self, box: LonLatBox, identity: VhrIdentity, pieces: Sequence[Piece]) -> VhrIdentity:
        """An image that shows something of a box, without rasters that turn out to be unreadable on the way.

        Raises:
            LczmapError: it shows nothing, or nothing that can be read.
        """
        while True:
            try:
                if _shows(self._shown(identity, pieces), box):
                    return identity
            except BrokenAssetError as error:
                pieces = [piece for piece in pieces if piece.id != error.item_id]
                if not pieces or len(pieces) == len(identity.parts):
                    raise
                left = identity.without(error.item_id)
                identity = replace(left, refused=(*identity.refused, _refusal(error.item_id, str(error))))
            else:
                raise self._nothing()

    def view(self, identity: VhrIdentity) -> ShownImage:
        """A reader of windows of what was identified, or of some of its parts.

        Raises:
            SourceError: the image is no longer the one that was identified.
        """
        wanted = [part.id for part in identity.parts]
        pieces = self._place.fetch(wanted, self._today) if wanted else []
        here = {piece.id: piece for piece in pieces}
        for part in identity.parts:
            if part.id not in here:
                raise SourceError(
                    f"The VHR raster {part.id} is not there any more; make a new plan instead of replaying this one."
                )
            if self._place.kind != "tiles" and self._digest(here[part.id], part.digest) != part.digest:
                raise SourceError(
                    f"The VHR raster {part.id} is no longer the one that was planned with (its digest differs); give "
                    "that one, or make a new plan."
                )
        if self._place.on_disk:
            pieces = [replace(piece, footprint=self._facts(piece).footprint) for piece in pieces]
        return self._shown(identity, pieces)

    def _shown(self, identity: VhrIdentity, pieces: Sequence[Piece]) -> ShownImage:
        return ShownImage(
            pieces=tuple(pieces),
            bands=identity.bands,
            low=identity.low,
            high=identity.high,
            rasters=self._rasters,
        )

    def _usable(self, found: Sequence[Piece], box: LonLatBox) -> tuple[list[Piece], list[Facts], list[Skipped]]:
        """Pieces that meet a box and can be used, on top first, the facts of those looked into, and what was refused.

        Raises:
            LczmapError: there is none.
        """
        pieces: list[Piece] = []
        facts: list[Facts] = []
        refused: list[Skipped] = []
        reason: LczmapError = self._nothing()
        for piece in found:
            if pieces and not self._place.on_disk:
                pieces.append(piece)  # far away only the first is looked into
                continue
            try:
                fact = self._facts(piece)
            except (SourceNameError, BrokenAssetError) as error:
                reason = error
                if len(found) > 1:
                    refused.append(_refusal(piece.id, str(error)))
                continue
            if facts and fact.bands != facts[0].bands:
                refused.append(_refusal(piece.id, "Its colours are in other bands than those of the rest."))
            elif fact.footprint.intersects(box.polygon):
                pieces.append(_told(piece, fact))
                facts.append(fact)
        if not pieces:
            raise reason
        return on_top_first(pieces), facts, refused

    def _facts(self, piece: Piece) -> Facts:
        """A raster's header.

        Raises:
            SourceNameError: it cannot be used, or is none.
            SourceError: it cannot be read.
        """

        def told(raster: DatasetReader) -> Facts | UnusableRasterError:
            try:
                return facts_of(raster, self._rules.bands)
            except UnusableRasterError as error:
                return error

        try:
            found = self._rasters.read(piece.asset, told)
        except BrokenAssetError as error:
            if is_address(piece.asset.href):
                raise
            raise SourceNameError(
                f"The VHR raster {piece.id} cannot be read by GDAL; expected a GeoTIFF, COG, VRT or JPEG 2000 of red, "
                "green and blue that is whole."
            ) from error
        if isinstance(found, UnusableRasterError):
            raise SourceNameError(f"The VHR raster {piece.id} cannot be used: {found}.")
        return found

    def _stretch(self, fact: Facts) -> tuple[Three, Three]:
        """What becomes black and white.

        Raises:
            SourceError: it cannot be told without the area.
        """
        if fact.whole_bytes:
            return BYTES_LOW, BYTES_HIGH
        if not self._place.on_disk:
            raise SourceError(
                f"The VHR imagery {self._rules.title} has more than 8 bits, and its stretch would depend on the area; "
                "give imagery of 8 bits, or files."
            )
        every = sorted(self._place.find(None, self._today), key=lambda piece: piece.id)
        alike = [piece for piece in every if self._has_bands(piece, fact.bands)]
        chosen = [alike[index] for index in spread(len(alike))]
        samples: list[NDArray[np.float64]] = []
        broken: BrokenAssetError | None = None
        for each in chosen:
            try:
                samples.append(self._rasters.read(each.asset, lambda raster: sample_of(raster, fact.bands)))
            except BrokenAssetError as error:
                broken = error
        if broken is not None and not samples:
            raise broken
        return stretch_of(samples)

    def _has_bands(self, piece: Piece, bands: Bands) -> bool:
        """Whether a raster can be used and has its colours there; others are left out wherever they lie."""
        try:
            return self._facts(piece).bands == bands
        except (SourceNameError, BrokenAssetError):
            return False

    def _digest(self, piece: Piece, like: str = "") -> str:
        return self._place.digest(piece, self._rasters, like)

    def _nothing(self) -> NoImageryError:
        return NoImageryError(
            f"The VHR imagery {self._rules.title} shows nothing of the area; give imagery that covers it, or leave it "
            "out with --vhr none."
        )


def _refusal(name: str, reason: str) -> Skipped:
    """What is left out and why, said once in the log."""
    _LOG.warning("The VHR raster %s is left out: %s", name, reason)
    return Skipped(id=name, reason=reason)


def _told(piece: Piece, fact: Facts) -> Piece:
    """A piece with what its own tags add."""
    return replace(
        piece,
        footprint=fact.footprint,
        taken=piece.taken or fact.taken,
        attribution=piece.attribution or fact.attribution,
        licence=piece.licence or fact.licence,
    )


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _on_disk(path: Path, rules: VhrRules) -> Place:
    """A STAC catalogue, a folder of rasters or one raster."""
    root = stac_root(path)
    if root is not None:
        return StacItems.of(StacPieces(location=str(root), rules=rules))
    return DiskFiles(path=path, kind="folder" if path.is_dir() else "file")


def _access(rules: VhrRules, place: Place) -> RasterAccess:
    """How the rasters of a place are opened."""
    keyed = os.environ.get(_S3_KEYS[0])
    signer: Signer = PlanetaryComputerSigner() if rules.signing == "planetary-computer" else Unsigned()
    secrets: list[str] = []
    if isinstance(place, RemoteFile | TileService):
        signer, secrets = place, NAMED.findall(place.typed)
    # on disk the files beside a raster count: overviews, masks, world files
    beside = {"GDAL_DISABLE_READDIR_ON_OPEN": "FALSE"} if rules.name == "local" else {}
    return RasterAccess(
        signer=signer,
        credentials=_S3_KEYS if keyed else (),
        settings=beside,
        secrets=tuple(secrets),
        option="--vhr",
    )


def _shows(image: ShownImage, box: LonLatBox) -> bool:
    """Whether an image shows anything of a box: at some places of it, else in all of it, coarsely."""
    epsg = zone_of((box.west + box.east) / 2, (box.south + box.north) / 2)
    to_zone = Transformer.from_crs(4326, epsg, always_xy=True)
    left, bottom, right, top = to_zone.transform_bounds(box.west, box.south, box.east, box.north)
    metres = max(math.ceil(max(right - left, top - bottom) / 512), 1)
    whole = PixelGrid(
        epsg=epsg,
        west=math.floor(left / metres) * metres,
        north=math.ceil(top / metres) * metres,
        metres=metres,
        width=math.ceil((right - left) / metres) + 1,
        height=math.ceil((top - bottom) / metres) + 1,
    )
    shares = [(index + 0.5) / _PROBES for index in range(_PROBES)]
    for down in shares:
        for across in shares:
            west, north = round(left + across * (right - left)), round(top - down * (top - bottom))
            if image.read(PixelGrid(epsg=epsg, west=west, north=north, metres=1, width=1, height=1)).any():
                return True
    return bool(image.read(whole).any())
