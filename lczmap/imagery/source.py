"""Sentinel-2 by STAC: search, settle offsets, make composites. The one implementation of `ImagerySource`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from lczmap.imagery.access import Asset, RasterAccess
from lczmap.imagery.catalogue import Catalogue, Wanted
from lczmap.imagery.items import RawItem, assets_of, freeze, meets
from lczmap.imagery.offset import DARK_BANDS, offset_shown
from lczmap.imagery.resample import digital_numbers
from lczmap.imagery.signing import PlanetaryComputerSigner, Unsigned
from lczmap.things.composite import Composite
from lczmap.words.errors import SourceError, SourceNameError, SpecError
from lczmap.words.grid import PixelGrid
from lczmap.words.period import Period
from lczmap.words.place import LonLatBox
from lczmap.words.scene import Found, Scene, SceneItem, Skipped
from lczmap.words.source import SourceRules
from lczmap.words.spec import CompositeMethod

OVERVIEW_PIXELS = 343
"""Longest side of the overview that settles an offset: 1/32 of a scene's 10,980 pixels."""


LEVEL_2A = "sentinel-2-l2a"
"""The collection that is taken where a catalogue holds several and the source's rules name none."""


class StacImagery:
    """One source of Sentinel-2 L2A: a STAC API, or a static catalogue by address or path."""

    def __init__(self, rules: SourceRules, location: str | None = None, *, threads: int) -> None:
        """Nothing is read before it is asked for.

        Args:
            rules: how the source's items are read.
            location: address, folder or file of the catalogue; None takes the rules' own address.
            threads: rasters read at the same time.

        Raises:
            SpecError: neither the rules nor `location` say where the catalogue is.
        """
        place = location if location is not None else rules.url
        if place is None:
            raise SpecError(f"The source {rules.name!r} has no address; name its catalogue with --source.")
        self._rules = rules
        self._threads = threads
        self._catalogue = Catalogue(place)
        self._access = RasterAccess(
            signer=PlanetaryComputerSigner() if rules.signing == "planetary-computer" else Unsigned(),
            s3_endpoint=rules.s3_endpoint,
            credentials=rules.env,
        )

    @property
    def rules(self) -> SourceRules:
        """How this source's items are read."""
        return self._rules

    def search(self, box: LonLatBox, period: Period) -> Found:
        """Every item whose footprint meets a box in a period (days of UTC), and those that cannot be used.

        Raises:
            SourceNameError: a path is no STAC catalogue, or it is open which of several collections is meant.
            SourceUnreachableError: the source does not answer after retries.
            BrokenCatalogueError: it answers, but not with STAC.
        """
        wanted = Wanted(collection=self._collection(), box=box, period=period)
        return self._frozen(self._of_one(raw for raw in self._raw(wanted) if meets(raw, box, period)))

    def fetch(self, ids: Sequence[str]) -> Sequence[SceneItem]:
        """Items by id, in the order asked for; offsets not yet settled.

        Raises:
            SourceError: one of them is gone, or cannot be used any more.
            SourceNameError: as `search` does.
        """
        found = self._frozen(self._of_one(self._raw(Wanted(collection=self._collection(), ids=tuple(ids)))))
        by_id = {entry.scene.id: entry for entry in found.items}
        reasons = {entry.id: entry.reason for entry in found.skipped}
        for item_id in ids:
            if item_id not in by_id:
                why = f"cannot be used ({reasons[item_id]})" if item_id in reasons else "is not there any more"
                raise SourceError(
                    f"Item {item_id} {why} at {self._rules.title}; make a new plan instead of replaying this one."
                )
        return [by_id[item_id] for item_id in ids]

    def settle(self, entry: SceneItem) -> SceneItem:
        """Decide an item's radiometric offset from the source's rule and coarse overviews of its dark bands.

        Only the rule `data` reads pixels, and of a second and third band only where the first does not tell.

        Raises:
            BrokenAssetError: an overview cannot be read.
            SourceUnreachableError: the source does not answer after retries.
        """
        scene = entry.scene
        if self._rules.offset_rule != "data" or not scene.offset_assumed:
            return entry
        overviews: list[NDArray[np.uint16]] = []
        shown: int | None = None
        files = assets_of(entry.item)
        for band in DARK_BANDS:
            overviews.append(self._access.read(files[band], _overview))
            shown = offset_shown(overviews)
            if shown is not None:
                return replace(entry, scene=replace(scene, offset_dn=shown, offset_assumed=False))
        return entry

    def composite(
        self, grid: PixelGrid, scenes: Sequence[Scene], items: Sequence[str], method: CompositeMethod
    ) -> Composite:
        """Read frozen scenes on a grid and make their clear-sky composite.

        Raises:
            BrokenAssetError: an asset is missing, truncated or unreadable; it names the item.
            SourceUnreachableError: the source does not answer after retries.
        """
        from lczmap.imagery.stack import FrozenItem, clear_composite  # noqa: PLC0415 - planning needs no Dask

        frozen = [FrozenItem(scene=scene, assets=assets_of(item)) for scene, item in zip(scenes, items, strict=True)]
        return clear_composite(grid, frozen, method, self._access, threads=self._threads)

    def _frozen(self, items: Iterable[RawItem]) -> Found:
        """Items read and put in order of their ids, the first of each id."""
        entries: dict[str, SceneItem] = {}
        skipped: dict[str, Skipped] = {}
        for raw in items:
            entry = freeze(raw, self._rules, self._zone_of_pixels)
            if isinstance(entry, Skipped):
                skipped.setdefault(entry.id, entry)
            else:
                entries.setdefault(entry.scene.id, entry)
        return Found(
            items=tuple(entries[key] for key in sorted(entries)),
            skipped=tuple(skipped[key] for key in sorted(skipped)),
        )

    def _collection(self) -> str | None:
        """The collection to ask for; None where neither the rules nor an API's list of collections name one."""
        if self._rules.collection is not None:
            return self._rules.collection
        names = self._catalogue.collections()
        return self._one_of(names) if names else None

    def _of_one(self, items: Iterable[RawItem]) -> Iterable[RawItem]:
        """Items of one collection, and those that name none; a static catalogue may hold several."""
        if self._rules.collection is not None:
            return items
        kept = list(items)
        names = sorted({str(raw.body["collection"]) for raw in kept if raw.body.get("collection")})
        collection = self._one_of(names) if names else None
        return [raw for raw in kept if raw.body.get("collection") in {None, "", collection}]

    def _one_of(self, names: Sequence[str]) -> str:
        """The collection among several whose items belong together: level 2A by its usual name, or the only one.

        Raises:
            SourceNameError: there are others only.
        """
        if LEVEL_2A in names:
            return LEVEL_2A
        if len(names) == 1:
            return names[0]
        listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise SourceNameError(
            f"The source {self._rules.title} holds {len(names)} collections ({listed}) and none is {LEVEL_2A}; give "
            "--source a catalogue of Sentinel-2 L2A alone, or a name from `lczmap sources`."
        )

    def _raw(self, wanted: Wanted) -> Iterator[RawItem]:
        """Raw items of the wanted collection and ids; an item that names no collection counts as of any."""
        for raw in self._catalogue.items(wanted):
            collection = raw.body.get("collection")
            if wanted.collection and collection and collection != wanted.collection:
                continue
            if not wanted.ids or raw.body.get("id") in wanted.ids:
                yield raw

    def _zone_of_pixels(self, asset: Asset) -> int | None:
        return self._access.read(asset, _epsg)


def _epsg(raster: DatasetReader) -> int | None:
    code = raster.crs.to_epsg() if raster.crs is not None else None
    return None if code is None else int(code)


def _overview(raster: DatasetReader) -> NDArray[np.uint16]:
    """The whole raster, coarse enough for a request or two; 0 is no data."""
    longest = max(raster.width, raster.height)
    shrink = max(longest / OVERVIEW_PIXELS, 1.0)
    shape = max(round(raster.height / shrink), 1), max(round(raster.width / shrink), 1)
    return digital_numbers(raster.read(1, out_shape=shape), raster.nodata)
