"""Fine structure of surfaces that belongs to the world: the same at a place in whatever window it is seen.

Textures are periodic tiles laid over the plane. Those of `world` lie north up; that of `aligned` is turned and
stretched by each shape's own direction, for furrows, roof sheets and mended asphalt.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.noise import generator, smooth_field
from lczmap.words.grid import PixelGrid

_SEED = 20_190_613
_CELLS = 256
"""Cells along one side of the aligned texture; a power of two, so that wrapping integers wrap it."""
_FRACTION_BITS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Textures:
    """Periodic noise of mean 0 and variance 1; sides differ so that sums repeat only after many kilometres."""

    grain: NDArray[np.float32]
    """Features of 1 to 2 m `(n, n)`."""
    lumps: NDArray[np.float32]
    """Features of 3 m `(n, n)`: leaves in clumps."""
    mottle: NDArray[np.float32]
    """Features of 5 to 15 m `(n, n)`."""
    wear: NDArray[np.float32]
    """Features of 30 m and more `(n, n)`."""
    sensor: NDArray[np.float32]
    """White `(n, n)`: read noise, fixed to the ground so that windows agree."""
    cells: NDArray[np.float32]
    """White `(256, 256)`, for `aligned`."""


def textures() -> Textures:
    """All tiles, always the same."""
    white = generator(_SEED, "sensor").standard_normal((997, 997), dtype=np.float32)
    cells = generator(_SEED, "cells").standard_normal((_CELLS, _CELLS), dtype=np.float32)
    return Textures(
        grain=smooth_field(generator(_SEED, "grain"), (1024, 1024), pixels=1.2),
        lumps=smooth_field(generator(_SEED, "lumps"), (960, 960), pixels=3.0, roughness=2.6),
        mottle=smooth_field(generator(_SEED, "mottle"), (1000, 1000), pixels=9.0, roughness=2.2),
        wear=smooth_field(generator(_SEED, "wear"), (900, 900), pixels=40.0, roughness=2.2),
        sensor=white,
        cells=cells,
    )


def world(tile: NDArray[np.float32], grid: PixelGrid) -> NDArray[np.float32]:
    """A tile of one-metre texels seen through a grid, `(rows, columns)`."""
    rows, columns = _metres(grid)
    return tile[np.ix_(rows % tile.shape[0], columns % tile.shape[1])]


@dataclass(frozen=True, kw_only=True, eq=False)
class Turns:
    """Integer steps through the aligned texture for a metre east and north, by kind and direction.

    Cells and their 65,536ths, in 32 bits that wrap: exact, and the same wherever a window begins.
    """

    along_east: NDArray[np.uint32]
    """`(kinds * 256,)`."""
    along_north: NDArray[np.uint32]
    """`(kinds * 256,)`."""
    across_east: NDArray[np.uint32]
    """`(kinds * 256,)`."""
    across_north: NDArray[np.uint32]
    """`(kinds * 256,)`."""


def turns(cell: NDArray[np.float64]) -> Turns:
    """Steps for cells of some sizes.

    Args:
        cell: length along the shape's direction and across it, metres `(kinds, 2)`.
    """
    # the middle of each of the 256 directions that `Ground.grain` tells apart
    angle = (np.arange(256) + 0.5) / 256.0 * np.pi
    per_metre = 2.0**_FRACTION_BITS / cell

    def steps(direction: NDArray[np.float64], axis: int) -> NDArray[np.uint32]:
        return np.rint(per_metre[:, axis, None] * direction).astype(np.int64).astype(np.uint32).ravel()

    return Turns(
        along_east=steps(np.cos(angle), 0),
        along_north=steps(np.sin(angle), 0),
        across_east=steps(-np.sin(angle), 1),
        across_north=steps(np.cos(angle), 1),
    )


def aligned(
    cells: NDArray[np.float32], grid: PixelGrid, turning: Turns, kind: NDArray[np.uint16], start: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """White cells along each shape's direction, `(rows, columns)`.

    Args:
        cells: the texture `(256, 256)`.
        grid: where.
        turning: steps by kind.
        kind: kind * 256 + direction of each pixel.
        start: where in the texture each shape begins.
    """
    rows, columns = _metres(grid)
    east, north = columns.astype(np.uint32), -rows.astype(np.uint32)[:, None]
    begin = start.astype(np.uint32) << np.uint32(19)
    along = turning.along_east[kind] * east
    along += turning.along_north[kind] * north
    along += begin
    along >>= np.uint32(_FRACTION_BITS)
    along &= np.uint32(_CELLS - 1)
    across = turning.across_east[kind] * east
    across += turning.across_north[kind] * north
    across += begin
    across >>= np.uint32(_FRACTION_BITS - 8)
    across &= np.uint32((_CELLS - 1) << 8)
    across |= along
    return np.take(cells.reshape(-1), across)


def _metres(grid: PixelGrid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whole metres southwards and eastwards of each row and column."""
    rows = -grid.north + np.arange(grid.height, dtype=np.int64) * grid.metres
    columns = grid.west + np.arange(grid.width, dtype=np.int64) * grid.metres
    return rows, columns
