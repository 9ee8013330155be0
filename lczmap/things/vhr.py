"""The VHR view: a lazy reader of 1 m RGB windows on a tile, the second half of a paired cell."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lczmap.words.grid import PixelGrid


class VhrView(Protocol):
    """Reads 1 m RGB on demand; nothing is read before it is asked for."""

    def read(self, grid: PixelGrid) -> NDArray[np.uint8]:
        """RGB of a grid with 1 m pixels, (3, rows, columns), under the run's one stretch; 0, 0, 0 is nodata."""
        ...
