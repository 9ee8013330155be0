"""The VHR view: a lazy reader of RGB windows at 1 m or coarser, the second half of a paired cell."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lczmap.words.grid import PixelGrid


class VhrView(Protocol):
    """Reads RGB on demand; nothing is read before it is asked for."""

    def read(self, grid: PixelGrid) -> NDArray[np.uint8]:
        """RGB of a grid of whole-metre pixels, (rows, columns, 3), under the run's one stretch.

        Black (0, 0, 0) is no data, and nothing that was seen is black. Grids that overlap agree.

        Raises:
            SourceError: the image cannot be read.
        """
        ...
