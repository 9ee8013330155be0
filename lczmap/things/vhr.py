"""The VHR view: a lazy reader of RGB windows at 1 m or coarser, the second half of a paired cell."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lczmap.words.grid import PixelGrid


@dataclass(frozen=True, kw_only=True, eq=False)
class VhrPixels:
    """A window of a VHR image and where its pixels come from."""

    colours: NDArray[np.uint8]
    """(rows, columns, 3) RGB; black (0, 0, 0) is no data."""
    parts: NDArray[np.int16]
    """(rows, columns) number of the part of the image that a pixel shows, from 0; -1 where there is no data."""


class VhrView(Protocol):
    """Reads RGB on demand; nothing is read before it is asked for."""

    def read(self, grid: PixelGrid) -> NDArray[np.uint8]:
        """RGB of a grid of whole-metre pixels, (rows, columns, 3), under the run's one stretch.

        Black (0, 0, 0) is no data, and nothing that was seen is black. Grids that overlap agree.

        Raises:
            SourceError: the image cannot be read.
        """
        ...

    def look(self, grid: PixelGrid) -> VhrPixels:
        """What `read` gives, with the part of the image that each pixel shows.

        Raises:
            SourceError: the image cannot be read.
        """
        ...
