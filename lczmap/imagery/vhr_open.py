"""Open very-high-resolution rasters: kept open for each thread, with their overviews, retried, errors in words.

GDAL's readers serve one thread each; what a thread opened it keeps, so that headers and tiles are fetched once.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import rasterio
from pyproj import Transformer
from rasterio.io import DatasetReader

from lczmap.imagery.access import Asset, RasterAccess
from lczmap.imagery.vhr_pixels import Levels
from lczmap.imagery.vhr_raster import Bands

Result = TypeVar("Result")

_KEPT = 24
"""Rasters and overviews that a thread keeps open."""


class _Open(threading.local):
    """What one thread holds open."""

    def __init__(self) -> None:
        self.rasters: OrderedDict[tuple[str, int | None], DatasetReader] = OrderedDict()
        self.transformers: dict[tuple[int, str], Transformer] = {}


class OpenRasters:
    """Rasters of one source."""

    def __init__(self, access: RasterAccess) -> None:
        self._access = access
        self._mine = _Open()
        self._warping = threading.Lock()

    def read(self, asset: Asset, task: Callable[[DatasetReader], Result]) -> Result:
        """Do something with an open raster.

        Raises:
            LczmapError: as `RasterAccess.read` does.
        """
        return self._access.read(asset, task, self._kept)

    def read_levels(self, asset: Asset, bands: Bands, task: Callable[[Levels], Result]) -> Result:
        """Do something with a raster and its overviews.

        Raises:
            LczmapError: as `RasterAccess.read` does.
        """
        addresses: list[str] = []

        @contextmanager
        def noted(address: str) -> Iterator[DatasetReader]:
            addresses.append(address)
            with self._kept(address) as raster:
                yield raster

        def with_levels(raster: DatasetReader) -> Result:
            factors = tuple(int(each) for each in raster.overviews(bands[0]))
            return task(
                Levels(
                    full=raster,
                    factors=factors,
                    at=lambda number: self._opened(addresses[-1], number),
                    bands=bands,
                    to_raster=lambda epsg: self.transformer(epsg, raster.crs.to_wkt()),
                    warping=self._warping,
                )
            )

        return self._access.read(asset, with_levels, noted)

    def transformer(self, epsg: int, other: str) -> Transformer:
        """From a zone to another CRS, as WKT or `EPSG:...`; one for each thread."""
        kept = self._mine.transformers
        if (epsg, other) not in kept:
            kept[epsg, other] = Transformer.from_crs(epsg, other, always_xy=True)
        return kept[epsg, other]

    @contextmanager
    def _kept(self, address: str) -> Iterator[DatasetReader]:
        try:
            yield self._opened(address, None)
        except BaseException:  # whatever failed, nothing half-read is used again
            for key in [key for key in self._mine.rasters if key[0] == address]:
                self._mine.rasters.pop(key).close()
            raise

    def _opened(self, address: str, overview: int | None) -> DatasetReader:
        rasters = self._mine.rasters
        key = (address, overview)
        if key not in rasters:
            options = {} if overview is None else {"overview_level": overview}
            rasters[key] = rasterio.open(address, sharing=False, **options)
            if len(rasters) > _KEPT:
                rasters.popitem(last=False)[1].close()
        rasters.move_to_end(key)
        return rasters[key]
