"""Rasters of a product: each layer becomes a cloud-optimised GeoTIFF that explains itself.

A palette reaches a COG only by way of a plain GeoTIFF that is then copied by GDAL's COG driver, and overviews of
classes are always made by MODE: the driver's own choice would invent classes between two codes.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.io import DatasetWriter

from lczmap.store.layers import Layer, Mosaic, profile_of
from lczmap.store.style import class_side_file, class_tags, palette, quality_tags, raster_style
from lczmap.things.probabilities import PROBABILITY_SCALE
from lczmap.words.lcz import LCZ

BLOCK = 256
"""Side of a COG's blocks; maps larger than this have overviews."""


@dataclass(frozen=True, kw_only=True)
class Dress:
    """What a layer says about itself inside its GeoTIFF."""

    title: str
    """Title for people."""
    resampling: str
    """How its overviews are made."""
    bands: tuple[str, ...]
    """Description of each band."""
    unit: str = ""
    """Unit of its values, where they have one."""
    scale: float = 1.0
    """Value per unit of a pixel's number."""
    colours: bool = False
    """Whether it bears the palette of classes."""
    band_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of band 1: what the numbers mean."""


DRESS: dict[str, Dress] = {
    "lcz": Dress(
        title="Local Climate Zones",
        resampling="mode",
        bands=("Local Climate Zone, 1..17, 0 nodata",),
        colours=True,
        band_tags=class_tags(),
    ),
    "lcz_filtered": Dress(
        title="Local Climate Zones, WUDAPT Gaussian filter",
        resampling="mode",
        bands=("Local Climate Zone after the WUDAPT filter, 1..17, 0 nodata",),
        colours=True,
        band_tags=class_tags(),
    ),
    "confidence": Dress(
        title="Probability of the mapped class", resampling="average", bands=("confidence",), unit="%"
    ),
    "quality": Dress(
        title="Quality bits", resampling="nearest", bands=("quality bits",), band_tags=quality_tags()
    ),
    "probabilities": Dress(
        title="Probability of each class",
        resampling="average",
        bands=tuple(zone.title for zone in LCZ),
        scale=PROBABILITY_SCALE,
    ),
}  # fmt: skip
"""Every raster of a product by the end of its file's name."""


def write_raster(mosaic: Mosaic, layer: Layer, path: Path, tags: Mapping[str, str]) -> None:
    """Copy a layer's plain raster into a COG.

    Args:
        mosaic: the layers; the plain raster gains tags.
        layer: which one; its name is in `DRESS`.
        path: the COG.
        tags: what the file says of place, period, scenes and licence.

    Raises:
        OSError: what was written does not read back.
    """
    plain = mosaic.files[layer]
    _copy(plain, path, DRESS[layer.name], tags)


def write_classes(codes: NDArray[np.uint8], mosaic: Mosaic, layer: Layer, path: Path, tags: Mapping[str, str]) -> None:
    """Write a class map that is no layer, such as the filtered one, as a COG.

    Args:
        codes: (rows, columns) class codes of the product.
        mosaic: gives the grid and the folder for the plain raster.
        layer: kind of numbers; its name is in `DRESS`.
        path: the COG.
        tags: what the file says of place, period, scenes and licence.

    Raises:
        OSError: what was written does not read back.
    """
    plain = next(iter(mosaic.files.values())).with_name(f"{layer.name}.tif")
    with rasterio.open(plain, "w", driver="GTiff", **profile_of(mosaic.extent.grid, layer)) as raster:
        raster.write(codes[None])
    _copy(plain, path, DRESS[layer.name], tags)


def _copy(plain: Path, path: Path, dress: Dress, tags: Mapping[str, str]) -> None:
    with rasterio.open(plain, "r+") as raster:
        _put_on(raster, dress, tags)
    rasterio.shutil.copy(
        plain,
        path,
        driver="COG",
        blocksize=BLOCK,
        compress="DEFLATE",
        level=9,
        overview_resampling=dress.resampling,
        bigtiff="IF_SAFER",
    )
    _check(plain, path)
    if dress.colours:
        path.with_name(f"{path.name}.aux.xml").write_bytes(class_side_file())
        path.with_suffix(".qml").write_bytes(raster_style())


def _put_on(raster: DatasetWriter, dress: Dress, tags: Mapping[str, str]) -> None:
    raster.update_tags(**{"TITLE": dress.title, "AREA_OR_POINT": "Area", **tags})
    raster.descriptions = dress.bands
    if dress.unit:
        raster.units = (dress.unit,) * raster.count
    if dress.scale != 1.0:
        raster.scales = (dress.scale,) * raster.count
    if dress.band_tags:
        raster.update_tags(1, **dress.band_tags)
    if dress.colours:
        raster.write_colormap(1, palette())


def _check(plain: Path, path: Path) -> None:
    """Compare checksums: GDAL may meet a full disk while closing a file and not say so."""
    with rasterio.open(plain) as first, rasterio.open(path) as second:
        for band in first.indexes:
            if first.checksum(band) != second.checksum(band):
                raise OSError(errno.EIO, f"{path.name} does not read back as it was written")
