"""Frozen scenes to one composite: a Dask-chunked stack on the tile's grid, a mosaic a solar day, their median.

stackstac builds the stack, lazily; the graph that follows masks, mosaics and takes the median; one `compute` runs
it. A task reads one whole asset, because strips of a compressed raster would be decompressed twice.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import numpy as np
import stackstac
import xarray as xr
from dask.base import compute
from dask.delayed import Delayed, delayed
from numpy.typing import NDArray
from rasterio.enums import Resampling

from lczmap.imagery.access import Asset, RasterAccess
from lczmap.imagery.items import SCL
from lczmap.imagery.reader import AssetReader
from lczmap.things.composite import (
    Composite,
    Look,
    SceneView,
    blank_composite,
    clear_of_scl,
    composite_of,
    look_of,
)
from lczmap.words.bands import BAND_NAMES
from lczmap.words.errors import BrokenAssetError, SpecError
from lczmap.words.grid import PixelGrid
from lczmap.words.scene import Scene, overlap_order
from lczmap.words.spec import CompositeMethod

_HELD_BYTES = 1 << 30
"""Looks held in memory at a time (28 of a whole tile); beyond that a tile is done in strips of rows."""
_LOOK_BYTES = 22
"""Bytes of one pixel of a look: ten bands of int16, a mask and provenance."""
_MOST_LOOKS = 255
"""More would not fit the count of looks."""


@dataclass(frozen=True, kw_only=True)
class FrozenItem:
    """A frozen scene with its files."""

    scene: Scene
    """The frozen facts."""
    assets: Mapping[str, Asset]
    """Its files by `B02` to `B12` and `SCL`."""

    def asset(self, name: str) -> Asset:
        """One of its files.

        Raises:
            BrokenAssetError: the item has lost it since it was frozen.
        """
        if name not in self.assets:
            raise BrokenAssetError(
                f"Item {self.scene.id} has no asset {name} any more; expected the item as it was planned.",
                item_id=self.scene.id,
            )
        return self.assets[name]


def clear_composite(
    grid: PixelGrid, items: Sequence[FrozenItem], method: CompositeMethod, access: RasterAccess, *, threads: int
) -> Composite:
    """Read scenes on a grid and make their clear-sky composite.

    Args:
        grid: where; edges on multiples of its pixel side.
        items: the frozen scenes, in any order.
        method: mask and median.
        access: how rasters are opened.
        threads: rasters read at the same time.

    Raises:
        BrokenAssetError: an asset is missing, truncated or unreadable.
        SourceUnreachableError: the source does not answer after retries.
    """
    if not items:
        return blank_composite(grid.height, grid.width)
    days = _by_day(items, grid.epsg)
    if len(days) > _MOST_LOOKS:
        raise SpecError(
            f"A tile has {len(days)} solar days, at most {_MOST_LOOKS} can be counted; lower max_solar_days."
        )
    return _joined([_at_once(part, items, method, access, threads) for part in _in_parts(grid, len(days))])


def _at_once(
    grid: PixelGrid, items: Sequence[FrozenItem], method: CompositeMethod, access: RasterAccess, threads: int
) -> Composite:
    """One graph, one `compute`."""
    numbers = stack_of(grid, items, BAND_NAMES, access).data.to_delayed(optimize_graph=False)
    clear = _clear_masks(grid, items, method, access)
    position = {entry.scene.id: index for index, entry in enumerate(items)}
    look, median = delayed(_look, pure=False), delayed(_median, pure=False)
    looks = [
        look([list(numbers[position[scene.id], :, 0, 0]) for scene in day], [clear.get(scene.id) for scene in day], day)
        for day in _by_day(items, grid.epsg)
    ]
    rows = math.ceil(grid.height / (2 * threads))  # enough parts to keep the threads busy
    strips = [median(looks, slice(start, start + rows)) for start in range(0, grid.height, rows)]
    return _joined(compute(*strips, scheduler="threads", num_workers=threads))  # type: ignore[no-untyped-call]


def stack_of(grid: PixelGrid, items: Sequence[FrozenItem], names: Sequence[str], access: RasterAccess) -> xr.DataArray:
    """The lazy stack of some assets on a grid: (time, band, y, x) of uint16, one chunk an asset.

    The items are handed over as plain records that all claim the whole grid: catalogues give projection under two
    names, or wrongly, or not at all, and a stack that believed them would cut pixels off. The raster tells.

    Args:
        grid: where.
        items: scenes that all have those assets.
        names: asset keys; the classification is never interpolated.
        access: how rasters are opened.
    """
    assets = [{name: entry.asset(name) for name in names} for entry in items]
    plain = [
        {
            "id": entry.scene.id,
            "type": "Feature",
            "properties": {
                "datetime": entry.scene.taken.isoformat(),
                "proj:epsg": grid.epsg,
                "proj:bbox": grid.bounds,
            },
            "assets": {name: {"href": asset.href} for name, asset in mine.items()},
        }
        for entry, mine in zip(items, assets, strict=True)
    ]
    by_address = {asset.href: asset for mine in assets for asset in mine.values()}
    stack: xr.DataArray = stackstac.stack(
        plain,
        assets=list(names),
        epsg=grid.epsg,
        resolution=grid.metres,
        bounds=grid.bounds,
        snap_bounds=False,
        resampling=Resampling.nearest if SCL in names else Resampling.bilinear,
        chunksize=(1, 1, grid.height, grid.width),
        dtype=np.dtype("uint16"),
        fill_value=np.uint16(0),  # type: ignore[arg-type] # a Python 0 would be refused
        rescale=False,
        sortby_date=False,
        xy_coords="center",
        properties=False,
        band_coords=False,
        errors_as_nodata=(),
        reader=partial(AssetReader, access=access, assets=by_address),  # type: ignore[arg-type] # called as a type is
    )
    return stack


def _by_day(items: Iterable[FrozenItem], epsg: int) -> list[tuple[Scene, ...]]:
    """Scenes of each solar day in overlap order."""
    scenes = sorted((entry.scene for entry in items), key=lambda scene: scene.solar_day)
    return [overlap_order(list(day), epsg) for _, day in groupby(scenes, key=lambda scene: scene.solar_day)]


def _in_parts(grid: PixelGrid, looks: int) -> list[PixelGrid]:
    """The grid whole where its looks fit into memory, else in strips of rows; a pixel's value depends on neither."""
    held = looks * grid.width * grid.height * _LOOK_BYTES
    rows = math.ceil(grid.height / math.ceil(held / _HELD_BYTES))
    return [
        replace(grid, north=grid.north - start * grid.metres, height=min(rows, grid.height - start))
        for start in range(0, grid.height, rows)
    ]


def _clear_masks(
    grid: PixelGrid, items: Sequence[FrozenItem], method: CompositeMethod, access: RasterAccess
) -> dict[str, Delayed]:
    """Where each scene that has a classification is clear, by item id."""
    masked = [entry for entry in items if entry.scene.has_scl]
    if not masked:
        return {}
    margin = method.dilation_metres // grid.metres
    padded = PixelGrid(
        epsg=grid.epsg,
        west=grid.west - margin * grid.metres,
        north=grid.north + margin * grid.metres,
        metres=grid.metres,
        width=grid.width + 2 * margin,
        height=grid.height + 2 * margin,
    )
    classes = stack_of(padded, masked, [SCL], access).data.to_delayed(optimize_graph=False)
    return {
        entry.scene.id: delayed(_clear, pure=False)(classes[index, 0, 0, 0], method.scl_dropped, margin)
        for index, entry in enumerate(masked)
    }


def _clear(block: NDArray[np.uint16], dropped: tuple[int, ...], margin: int) -> NDArray[np.bool_]:
    return clear_of_scl(block[0, 0].astype(np.uint8), dropped, margin)


def _look(
    blocks: Sequence[Sequence[NDArray[np.uint16]]], clear: Sequence[NDArray[np.bool_] | None], scenes: Sequence[Scene]
) -> Look:
    """One solar day."""
    return look_of(
        [
            SceneView(
                numbers=[block[0, 0] for block in bands],
                clear=mask,
                offset_dn=scene.offset_dn,
                offset_assumed=scene.offset_assumed,
            )
            for bands, mask, scene in zip(blocks, clear, scenes, strict=True)
        ]
    )


def _median(looks: Sequence[Look], rows: slice) -> Composite:
    return composite_of(
        [
            Look(
                reflectance=look.reflectance[:, rows],
                seen=look.seen[rows],
                provenance=look.provenance[rows],
            )
            for look in looks
        ]
    )


def _joined(strips: Sequence[Composite]) -> Composite:
    return Composite(
        reflectance=np.concatenate([strip.reflectance for strip in strips], axis=1),
        looks=np.concatenate([strip.looks for strip in strips]),
        provenance=np.concatenate([strip.provenance for strip in strips]),
    )
