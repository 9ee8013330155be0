"""The real pair of `../shared/data/vhr`: a Satellogic tile and its Sentinel-2 cut-out, in the form that lczmap reads.

The cut-out is one GeoTIFF of twelve L2A bands in degrees; here it becomes a static STAC catalogue of one scene, as any
user would have to make of such a file: warp the ten bands to the zone, write them with `write_scene`.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import Resampling, reproject

from lczmap.synthetic.stac import SceneMetadata, at_resolution, write_catalogue, write_scene
from lczmap.words.bands import BANDS
from lczmap.words.grid import PixelGrid

NAME = "20221109_094507_SN30_40N_227050_2482590"
IN_FILE = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
TAKEN = datetime(2022, 11, 9, 6, 50, tzinfo=UTC)
PERIOD = "2022-11"
MIDDLE = (54.3502, 22.4261)
"""Inside both images, with 160 m to spare on each side."""
GRID = PixelGrid(epsg=32640, west=227_000, north=2_482_640, metres=10, width=48, height=48)


def vhr_file(shared_data: Path) -> Path:
    return shared_data / "vhr" / f"{NAME}_TOA.tif"


def write_pair_catalogue(shared_data: Path, root: Path) -> Path:
    """A catalogue of the one scene; its path."""
    reflectance = {}
    with rasterio.open(shared_data / "vhr" / f"{NAME}_S2L2A.tif") as file:
        for band in BANDS:
            grid = at_resolution(GRID, band.metres)
            warped = np.full((grid.height, grid.width), np.nan, np.float32)
            reproject(
                file.read(IN_FILE.index(band.name) + 1).astype(np.float32),
                warped,
                src_transform=file.transform,
                src_crs=file.crs,
                dst_transform=Affine(*grid.transform),
                dst_crs=CRS.from_epsg(grid.epsg),
                dst_nodata=np.nan,
                resampling=Resampling.bilinear,
            )
            reflectance[band.name] = warped * np.float32(1e-4)
    scene = SceneMetadata(
        grid=GRID, taken=TAKEN, mgrs="40QBL", platform="S2B", sun_elevation=48.0, boa_offset_applied=True
    )
    catalogue = write_catalogue(root, [write_scene(root, scene, reflectance=reflectance, scl=None)], title="A desert")
    told = json.loads(catalogue.read_text())
    told["attribution"] = "EOTDL; contains modified Copernicus Sentinel data 2022"
    catalogue.write_text(json.dumps(told))
    return catalogue
