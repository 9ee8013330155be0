"""Show a very-high-resolution image on any grid of whole metres, under the one stretch that its identity froze.

In: pieces, the one that lies on top first. Out: RGB of 8 bit in which black is no data, and the piece it comes from.
Both depend on the pixel alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from lczmap.imagery.vhr_open import OpenRasters
from lczmap.imagery.vhr_parts import Piece
from lczmap.imagery.vhr_pixels import Colours
from lczmap.imagery.vhr_warp import lattice_blocks, overlap, read_block
from lczmap.things.vhr import VhrPixels
from lczmap.words.grid import PixelGrid

Three = tuple[float, float, float]
"""One value a colour."""

BYTES_LOW: Three = (1.0, 1.0, 1.0)
BYTES_HIGH: Three = (255.0, 255.0, 255.0)
"""Of 8-bit images: values stay as they are, but real black becomes 1."""


@dataclass(frozen=True, kw_only=True)
class ShownImage:
    """A view of an image; threads may share it."""

    pieces: Sequence[Piece]
    """Its rasters, the one that lies on top first."""
    bands: tuple[int, int, int]
    """Numbers of red, green and blue."""
    low: Three
    """Values that become 1."""
    high: Three
    """Values that become 255."""
    rasters: OpenRasters
    """Opens them."""

    def read(self, grid: PixelGrid) -> NDArray[np.uint8]:
        """RGB of a grid, (rows, columns, 3); black is no data.

        Raises:
            SourceError: a raster cannot be read.
        """
        return self.look(grid).colours

    def look(self, grid: PixelGrid) -> VhrPixels:
        """RGB of a grid, and the number of the piece that each pixel shows.

        Raises:
            SourceError: a raster cannot be read.
        """
        colours, parts = _nothing(grid)
        footprints = np.array([piece.footprint for piece in self.pieces], dtype=np.object_)
        to_degrees = self.rasters.transformer(grid.epsg, "EPSG:4326")
        for block in lattice_blocks(grid):
            ours, its = overlap(block, grid)
            under = np.flatnonzero(shapely.intersects(footprints, _outline(block, to_degrees)))
            seen = self._block(block, under.tolist())
            colours[ours], parts[ours] = seen.colours[its], seen.parts[its]
        return VhrPixels(colours=colours, parts=parts)

    def _block(self, block: PixelGrid, under: Sequence[int]) -> VhrPixels:
        picture, parts = _nothing(block)
        empty = np.ones((block.height, block.width), np.bool_)
        for number in under:
            asset = self.pieces[number].asset
            found = self.rasters.read_levels(asset, self.bands, lambda levels: read_block(levels, block))
            if found is None:
                continue
            colours, seen = found
            new = seen & empty
            picture[new] = stretched(colours, self.low, self.high)[new]
            parts[new] = number
            empty &= ~seen
            if not empty.any():
                break
        return VhrPixels(colours=picture, parts=parts)


def stretched(colours: Colours, low: Three, high: Three) -> NDArray[np.uint8]:
    """Values as 1 to 255, (rows, columns, 3): `low` becomes 1, `high` 255.

    Args:
        colours: (3, rows, columns).
        low: of each colour.
        high: of each colour, above `low`.
    """
    # one stretch for the run: percentiles of a window would break the seam to the next
    slope = np.array([254 / (top - bottom) for bottom, top in zip(low, high, strict=True)], np.float32)
    values = (colours - np.array(low, np.float32)[:, None, None]) * slope[:, None, None] + 1
    return np.ascontiguousarray(np.rint(np.clip(values, 1, 255)).astype(np.uint8).transpose(1, 2, 0))


def _nothing(grid: PixelGrid) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Colours and numbers of pieces where there is no data."""
    return np.zeros((grid.height, grid.width, 3), np.uint8), np.full((grid.height, grid.width), -1, np.int16)


def _outline(block: PixelGrid, to_degrees: Transformer) -> shapely.Geometry:
    """A block in degrees, with room for the kernel and the bend of its edges."""
    left, bottom, right, top = block.bounds
    room = 0.02 * (right - left) + 10
    return shapely.box(*to_degrees.transform_bounds(left - room, bottom - room, right + room, top + room))
