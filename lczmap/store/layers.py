"""Layers: the records of a place's tiles laid side by side, one plain raster file a quantity.

Records are read one at a time and only the class map (one byte a post) is kept in memory, so that memory does not
grow with what else a tile holds. From these rasters the COGs and the Zarr cube are copied; they are no product.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import DatasetWriter
from rasterio.windows import Window as RasterWindow

from lczmap.store.extent import Extent, Window
from lczmap.store.product import ProductRequest
from lczmap.things.areas import class_cells
from lczmap.things.maps import TileMap, map_of
from lczmap.things.probabilities import PROBABILITY_NODATA
from lczmap.things.registration import Registration
from lczmap.words.errors import BrokenRecordError
from lczmap.words.grid import PixelGrid
from lczmap.words.lcz import CLASS_COUNT, NODATA
from lczmap.words.quality import QUALITY_NODATA, Quality

Values = NDArray[np.uint8] | NDArray[np.uint16]
"""Pixels of a layer, (bands, rows, columns)."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One quantity of a map."""

    name: str
    """Its name, also in files and in the cube."""
    bands: int
    """1, or 17 for probabilities."""
    dtype: str
    """numpy's name of its numbers."""
    nodata: int | None
    """Value of posts where it is not known; None where every value is one."""


LCZ_LAYER = Layer(name="lcz", bands=1, dtype="uint8", nodata=NODATA)
CONFIDENCE = Layer(name="confidence", bands=1, dtype="uint8", nodata=PROBABILITY_NODATA)
QUALITY = Layer(name="quality", bands=1, dtype="uint16", nodata=QUALITY_NODATA)
LOOKS = Layer(name="looks", bands=1, dtype="uint8", nodata=None)
MARGIN = Layer(name="margin", bands=1, dtype="uint8", nodata=PROBABILITY_NODATA)
PROBABILITIES = Layer(name="probabilities", bands=CLASS_COUNT, dtype="uint8", nodata=PROBABILITY_NODATA)
SENTINEL = Layer(name="probabilities_sentinel", bands=CLASS_COUNT, dtype="uint8", nodata=PROBABILITY_NODATA)
VHR = Layer(name="probabilities_vhr", bands=CLASS_COUNT, dtype="uint8", nodata=PROBABILITY_NODATA)
LAYERS = (LCZ_LAYER, CONFIDENCE, QUALITY, LOOKS, MARGIN, PROBABILITIES, SENTINEL, VHR)
"""Every layer there may be."""


@dataclass(frozen=True, kw_only=True)
class Mosaic:
    """The layers of a place, and what they add up to."""

    extent: Extent
    """Posts that the layers hold."""
    classes: NDArray[np.uint8]
    """(rows, columns) class codes of the WHOLE tiles, 0 where nodata, so that a crop changes no filtered cell."""
    files: Mapping[Layer, Path]
    """The rasters; `VHR` is missing where no tile has that stream."""
    cells: tuple[int, ...]
    """Wanted cells by class, 17."""
    wanted: int
    """Wanted cells."""
    flagged: Mapping[Quality, int]
    """Wanted cells by quality bit, those that occur."""
    paired: int
    """Wanted cells with a vote of both streams."""
    vhr_alone: int
    """Wanted cells with a vote of the VHR stream only: the Sentinel-2 window is not half clear."""
    registrations: Mapping[str, Registration | None]
    """Where the VHR image lies against Sentinel-2, by tile; None where it cannot be told. Empty without that stream."""

    @property
    def lcz(self) -> NDArray[np.uint8]:
        """(rows, columns) class codes of the product."""
        return self.classes[self.extent.window]

    def read(self, layer: Layer, window: Window) -> Values:
        """Pixels of a layer, (bands, rows, columns).

        Args:
            layer: one of `files`.
            window: rows and columns of the product.
        """
        with rasterio.open(self.files[layer]) as raster:
            values: Values = raster.read(window=_raster_window(window))
        return values


def mosaic_of(request: ProductRequest, extent: Extent, folder: Path) -> Mosaic:
    """Lay the records of a request's tiles side by side.

    Args:
        request: names the tiles and the store.
        extent: posts to keep.
        folder: an empty folder for the rasters.

    Raises:
        BrokenRecordError: a record is missing, unreadable or of another tile.
    """
    classes = np.zeros((extent.mosaic.height, extent.mosaic.width), np.uint8)
    cells = np.zeros(CLASS_COUNT, np.int64)
    flagged = dict.fromkeys(Quality, 0)
    wanted_cells = paired = vhr_alone = 0
    registrations: dict[str, Registration | None] = {}
    with ExitStack() as stack:
        rasters: dict[Layer, DatasetWriter] = {}
        for tile_map, wanted in _tile_maps(request):
            codes = tile_map.lcz
            classes[extent.place_of(tile_map.tile)] = codes
            cut = extent.cut(tile_map.tile)
            if cut is None:
                continue
            inner, outer = cut
            for layer, values in _values(tile_map, codes):
                if layer not in rasters:
                    rasters[layer] = stack.enter_context(_new(folder, layer, extent.grid))
                rasters[layer].write(values[(slice(None), *inner)], window=_raster_window(outer))
            inside = wanted[inner]
            wanted_cells += int(np.count_nonzero(inside))
            cells += class_cells(codes[inner][inside])
            if request.plan.vhr is not None:
                registrations[tile_map.tile.name] = tile_map.registration
                by_sentinel, by_vhr = (votes[inner][inside] for votes in _votes(tile_map))
                paired += int(np.count_nonzero(by_vhr & by_sentinel))
                vhr_alone += int(np.count_nonzero(by_vhr & ~by_sentinel))
            for bit in Quality:
                flagged[bit] += int(np.count_nonzero(tile_map.quality[inner][inside] & bit))
    return Mosaic(
        extent=extent,
        classes=classes,
        files={layer: folder / f"{layer.name}.tif" for layer in LAYERS if layer in rasters},
        cells=tuple(int(count) for count in cells),
        wanted=wanted_cells,
        flagged={bit: count for bit, count in flagged.items() if count},
        paired=paired,
        vhr_alone=vhr_alone,
        registrations=registrations,
    )


def profile_of(grid: PixelGrid, layer: Layer) -> dict[str, object]:
    """What rasterio needs to know to make a raster of a layer."""
    return {
        "width": grid.width,
        "height": grid.height,
        "count": layer.bands,
        "dtype": layer.dtype,
        "nodata": layer.nodata,
        "crs": f"EPSG:{grid.epsg}",
        "transform": Affine(*grid.transform),
    }


def _new(folder: Path, layer: Layer, grid: PixelGrid) -> DatasetWriter:
    """A raster that reads as nodata (looks: as 0); uncompressed, for tiles need not fall on its blocks."""
    raster: DatasetWriter = rasterio.open(
        folder / f"{layer.name}.tif",
        "w",
        driver="GTiff",
        tiled=True,
        blockxsize=256,
        blockysize=256,
        interleave="band",
        bigtiff="if_safer",
        **profile_of(grid, layer),
    )
    return raster


def _tile_maps(request: ProductRequest) -> Iterator[tuple[TileMap, NDArray[np.bool_]]]:
    for entry in request.plan.tiles:
        key = request.key_of(entry)
        tile_map = map_of(request.store.read("map", key))
        if tile_map.tile != entry.tile or tile_map.posting != request.plan.spec.posting:
            raise BrokenRecordError(
                f"The map record {key} holds tile {tile_map.tile.name} at {tile_map.posting} m, expected "
                f"{entry.tile.name} at {request.plan.spec.posting} m; run again with --fresh to make it anew."
            )
        yield tile_map, entry.area.wanted


def _values(tile_map: TileMap, codes: NDArray[np.uint8]) -> Iterator[tuple[Layer, Values]]:
    """Every layer's pixels of one tile, (bands, rows, columns)."""
    sentinel = tile_map.probabilities if tile_map.sentinel is None else tile_map.sentinel
    yield LCZ_LAYER, codes[None]
    yield CONFIDENCE, tile_map.confidence[None]
    yield QUALITY, tile_map.quality[None]
    yield LOOKS, tile_map.looks[None]
    yield MARGIN, tile_map.margin[None]
    yield PROBABILITIES, np.moveaxis(tile_map.probabilities, 2, 0)
    yield SENTINEL, np.moveaxis(sentinel, 2, 0)
    if tile_map.vhr is not None:
        yield VHR, np.moveaxis(tile_map.vhr, 2, 0)


def _votes(tile_map: TileMap) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(posts, posts) where the Sentinel and where the VHR stream has a vote; nowhere in a record of one stream."""
    if tile_map.sentinel is None or tile_map.vhr is None:
        nowhere = np.zeros(tile_map.quality.shape, np.bool_)
        return nowhere, nowhere
    return tile_map.sentinel[..., 0] != PROBABILITY_NODATA, tile_map.vhr[..., 0] != PROBABILITY_NODATA


def _raster_window(window: Window) -> RasterWindow:
    rows, columns = window
    return RasterWindow(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
