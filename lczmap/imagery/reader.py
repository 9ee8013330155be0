"""How stackstac reads one asset: the raster itself says where it lies, and a failure is never missing data.

stackstac's own reader takes a 404 for missing pixels, makes a masked copy of every window and warps even what
needs no resampling. This one keeps its contract (`stackstac.reader_protocol.Reader`) and does none of that.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window
from stackstac.raster_spec import RasterSpec

from lczmap.imagery.access import Asset, RasterAccess
from lczmap.imagery.resample import Between, read_on_grid
from lczmap.words.grid import PixelGrid


class AssetReader:
    """Reads windows of one asset on the stack's grid; opens it anew for every window, so nothing is shared."""

    def __init__(  # noqa: PLR0913 - stackstac's contract
        self,
        *,
        url: str,
        spec: RasterSpec,
        resampling: Resampling,
        dtype: np.dtype[np.generic],
        fill_value: float,
        scale_offset: tuple[float, float],
        gdal_env: None,
        errors_as_nodata: tuple[Exception, ...] = (),
        access: RasterAccess,
        assets: Mapping[str, Asset],
    ) -> None:
        if fill_value != 0 or tuple(scale_offset) != (1, 0) or errors_as_nodata or gdal_env is not None:
            raise ValueError("assets are read as unscaled digital numbers, and no error stands for missing data")
        self._asset = assets[url]
        self._spec = spec
        self._between: Between = "bilinear" if resampling is Resampling.bilinear else "nearest"
        self._dtype = dtype
        self._access = access

    def read(self, window: Window, **_kwargs: object) -> NDArray[np.generic]:
        """Digital numbers of a window of the stack's grid, (rows, columns), 0 where there is no data."""
        metres = int(self._spec.resolutions_xy[0])
        grid = PixelGrid(
            epsg=self._spec.epsg,
            west=int(self._spec.bounds[0]) + int(window.col_off) * metres,
            north=int(self._spec.bounds[3]) - int(window.row_off) * metres,
            metres=metres,
            width=int(window.width),
            height=int(window.height),
        )
        numbers = self._access.read(self._asset, lambda raster: read_on_grid(raster, grid, self._between))
        return numbers.astype(self._dtype, copy=False)

    def close(self) -> None:
        """Nothing stays open."""
