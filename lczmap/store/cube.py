"""The cube: every quantity of a map in one Zarr v3 group with CF metadata, coarser levels of the classes beside it.

Open it with `xarray.open_zarr(path, decode_coords="all")`; add `mask_and_scale=False` for the bytes themselves. A chunk
is the size of a tile, and is a tile where the product holds whole tiles. Every write covers whole chunks: one across
their borders could lose data silently. zarr-python's v3 arrays are not read by GDAL 3.10 and older; the COGs are.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray
from pyproj import CRS

from lczmap import __version__
from lczmap.store.about import Json
from lczmap.store.extent import Window
from lczmap.store.layers import (
    CONFIDENCE,
    LCZ_LAYER,
    LOOKS,
    MARGIN,
    PROBABILITIES,
    QUALITY,
    SENTINEL,
    VHR,
    Layer,
    Mosaic,
)
from lczmap.things.areas import mode_reduced
from lczmap.things.probabilities import PROBABILITY_SCALE
from lczmap.words.grid import PixelGrid, Posting, posts_across
from lczmap.words.lcz import CLASS_COUNT, LCZ, NODATA
from lczmap.words.quality import MEANINGS

_CONVENTIONS: tuple[dict[str, str], ...] = (
    {
        "schema_url": "https://raw.githubusercontent.com/zarr-conventions/multiscales/refs/tags/v1/schema.json",
        "spec_url": "https://github.com/zarr-conventions/multiscales/blob/v1/README.md",
        "uuid": "d35379db-88df-4056-af3a-620245f8e347",
        "name": "multiscales",
        "description": "Multiscale layout of zarr datasets",
    },
    {
        "schema_url": "https://raw.githubusercontent.com/zarr-experimental/geo-proj/refs/tags/v1/schema.json",
        "spec_url": "https://github.com/zarr-experimental/geo-proj/blob/v1/README.md",
        "uuid": "f17cb550-5864-4468-aeb7-f3180cfb622f",
        "name": "proj:",
        "description": "Coordinate reference system information for geospatial data",
    },
    {
        "schema_url": "https://raw.githubusercontent.com/zarr-conventions/spatial/refs/tags/v1/schema.json",
        "spec_url": "https://github.com/zarr-conventions/spatial/blob/v1/README.md",
        "uuid": "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4",
        "name": "spatial",
        "description": "Spatial coordinate information",
    },
)


@dataclass(frozen=True, kw_only=True)
class _Variable:
    """How a layer is called and described in the cube."""

    layer: Layer
    """The layer; its name is the variable's."""
    long_name: str
    """Name for people."""
    attributes: Mapping[str, Json]
    """CF attributes."""


def _flag_words(names: Sequence[str]) -> str:
    """CF's `flag_meanings`: one word a flag, blanks between."""
    words = ("".join(letter if letter.isalnum() else " " for letter in name).split() for name in names)
    return " ".join("_".join(parts) for parts in words)


_CLASS_FLAGS: dict[str, Json] = {
    "flag_values": [zone.code for zone in LCZ],
    "flag_meanings": _flag_words([zone.title.replace(":", "") for zone in LCZ]),
    "flag_colors": " ".join(f"#{zone.colour}" for zone in LCZ),
}
_SHARE: dict[str, Json] = {"scale_factor": PROBABILITY_SCALE, "add_offset": 0.0, "units": "1"}
_VARIABLES = (
    _Variable(layer=LCZ_LAYER, long_name="Local Climate Zone", attributes=_CLASS_FLAGS),
    _Variable(layer=CONFIDENCE, long_name="probability of the mapped class", attributes={"units": "percent"}),
    _Variable(layer=PROBABILITIES, long_name="probability of each class, streams fused", attributes=_SHARE),
    _Variable(layer=SENTINEL, long_name="probability of each class, Sentinel-2 stream", attributes=_SHARE),
    _Variable(layer=VHR, long_name="probability of each class, VHR stream", attributes=_SHARE),
    _Variable(layer=MARGIN, long_name="lead of the first class over the second", attributes=_SHARE),
    _Variable(
        layer=QUALITY,
        long_name="quality bits",
        attributes={
            "flag_masks": [bit.value for bit in MEANINGS],
            "flag_meanings": _flag_words(list(MEANINGS.values())),
        },
    ),
    _Variable(layer=LOOKS, long_name="median number of clear looks at the window", attributes={"units": "1"}),
)


def write_cube(mosaic: Mosaic, posting: Posting, path: Path, about: Mapping[str, str]) -> None:
    """Write the cube of a product.

    Args:
        mosaic: the layers.
        posting: distance of posts, metres.
        path: folder of the cube, `..._lcz.zarr`.
        about: what the cube says of place, period, scenes and licence.
    """
    grid, side = mosaic.extent.grid, posts_across(posting)
    factors = _factors(grid, side)
    root = zarr.open_group(path, mode="w", zarr_format=3, attributes=_group_attributes(grid, factors, about))
    _write_grid(root, grid)
    _write_coordinate(
        root,
        "class",
        np.arange(1, CLASS_COUNT + 1, dtype=np.uint8),
        {"long_name": "Local Climate Zone", **_CLASS_FLAGS},
    )
    for variable in _VARIABLES:
        if variable.layer in mosaic.files:
            _write_variable(root, variable, mosaic, side)
    for factor in factors:
        _write_level(root, mosaic, factor, side)
    with warnings.catch_warnings():
        # listing a group over http needs it; the v3 specification has yet to adopt it, hence the warning
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(root.store)


def _write_variable(root: zarr.Group, variable: _Variable, mosaic: Mosaic, side: int) -> None:
    layer, grid = variable.layer, mosaic.extent.grid
    single = layer.bands == 1
    shape = (grid.height, grid.width) if single else (layer.bands, grid.height, grid.width)
    array = root.create_array(
        layer.name,
        shape=shape,
        dtype=layer.dtype,
        chunks=(side, side) if single else (layer.bands, side, side),
        fill_value=0 if layer.nodata is None else layer.nodata,
        dimension_names=("y", "x") if single else ("class", "y", "x"),
        attributes=_attributes(variable.long_name, variable.attributes, layer.nodata),
    )
    for rows, columns in _chunks(grid, side):
        values = mosaic.read(layer, (rows, columns))
        if single:
            array[rows, columns] = values[0]
        else:
            array[:, rows, columns] = values


def _write_level(root: zarr.Group, mosaic: Mosaic, factor: int, side: int) -> None:
    """One coarser level of the classes, itself a complete group."""
    grid = _coarser(mosaic.extent.grid, factor)
    group = root.create_group(_level(factor))
    array = group.create_array(
        LCZ_LAYER.name,
        shape=(grid.height, grid.width),
        dtype=LCZ_LAYER.dtype,
        chunks=(side, side),
        fill_value=NODATA,
        dimension_names=("y", "x"),
        attributes=_attributes("Local Climate Zone, commonest class", _CLASS_FLAGS, NODATA),
    )
    array[:, :] = mode_reduced(mosaic.lcz, factor)
    _write_grid(group, grid)


def _write_grid(group: zarr.Group, grid: PixelGrid) -> None:
    """Coordinates of cell centres and the grid mapping."""
    across = np.arange(grid.width, dtype=np.float64) + 0.5
    down = np.arange(grid.height, dtype=np.float64) + 0.5
    for name, values, words in (
        ("x", grid.west + across * grid.metres, "x coordinate of projection"),
        ("y", grid.north - down * grid.metres, "y coordinate of projection"),
    ):
        attributes: dict[str, Json] = {
            "standard_name": f"projection_{name}_coordinate",
            "long_name": words,
            "units": "m",
            "axis": name.upper(),
        }
        _write_coordinate(group, name, values, attributes)
    crs = CRS.from_epsg(grid.epsg)
    mapping: dict[str, Json] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in crs.to_cf().items()
    }
    mapping["spatial_ref"] = mapping["crs_wkt"]
    mapping["GeoTransform"] = f"{grid.west} {grid.metres} 0 {grid.north} 0 -{grid.metres}"
    group.create_array("spatial_ref", shape=(), dtype="int64", fill_value=0, attributes=mapping, dimension_names=())


def _write_coordinate(
    group: zarr.Group, name: str, values: NDArray[np.float64] | NDArray[np.uint8], attributes: dict[str, Json]
) -> None:
    array = group.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=values.shape,
        dimension_names=(name,),
        attributes=attributes,
    )
    array[:] = values


def _attributes(long_name: str, attributes: Mapping[str, Json], nodata: int | None) -> dict[str, Json]:
    """CF attributes of a variable; `grid_mapping` stands here because xarray's `encoding` would replace rioxarray's."""
    nothing: dict[str, Json] = {} if nodata is None else {"_FillValue": nodata}
    return {"long_name": long_name, **attributes, **nothing, "grid_mapping": "spatial_ref"}


def _group_attributes(grid: PixelGrid, factors: Sequence[int], about: Mapping[str, str]) -> dict[str, Json]:
    levels: list[Json] = [{"asset": LCZ_LAYER.name, **_placed(grid)}]
    levels += [
        {
            "asset": f"{_level(factor)}/{LCZ_LAYER.name}",
            "derived_from": LCZ_LAYER.name,
            "transform": {"scale": [float(factor), float(factor)]},
            **_placed(_coarser(grid, factor)),
        }
        for factor in factors
    ]
    return {
        "Conventions": "CF-1.11",
        "source": f"lczmap {__version__}",
        **about,
        "zarr_conventions": list(_CONVENTIONS),
        "proj:code": f"EPSG:{grid.epsg}",
        "spatial:dimensions": ["y", "x"],
        "spatial:bbox": list(grid.bounds),
        "multiscales": {"layout": levels, "resampling_method": "mode"},
        **_placed(grid),
    }


def _placed(grid: PixelGrid) -> dict[str, Json]:
    return {"spatial:transform": list(grid.transform), "spatial:shape": [grid.height, grid.width]}


def _chunks(grid: PixelGrid, side: int) -> Iterator[Window]:
    for top in range(0, grid.height, side):
        for left in range(0, grid.width, side):
            yield slice(top, min(top + side, grid.height)), slice(left, min(left + side, grid.width))


def _factors(grid: PixelGrid, side: int) -> tuple[int, ...]:
    """Powers of two until a level fits into one chunk."""
    factors: list[int] = []
    while max(grid.height, grid.width) > side * 2 ** len(factors):
        factors.append(2 ** (len(factors) + 1))
    return tuple(factors)


def _coarser(grid: PixelGrid, factor: int) -> PixelGrid:
    return PixelGrid(
        epsg=grid.epsg,
        west=grid.west,
        north=grid.north,
        metres=grid.metres * factor,
        width=-(-grid.width // factor),
        height=-(-grid.height // factor),
    )


def _level(factor: int) -> str:
    return f"overviews/{factor}"
