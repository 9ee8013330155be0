"""Simulate Lattice Bay: a city that exists nowhere, as a Sentinel-2 catalogue with its true classes.

In: a folder and a seed. Out: a static STAC catalogue (`catalog.json`) of a dozen scenes over half a
year and the true class of every cell (`truth.tif`). The region lies where the MGRS tiles 50RPU and
50RQU overlap and straddles the border of two lattice tiles.
"""

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS

from lczmap.synthetic.delivery import Granule, Overpass, deliver
from lczmap.synthetic.fabric import weave
from lczmap.synthetic.landplan import LandPlan, cell_classes, draw_plan
from lczmap.synthetic.noise import generator
from lczmap.synthetic.render import Terrain, look, mix_terrain
from lczmap.synthetic.sky import Sun, sun_at
from lczmap.synthetic.stac import SceneMetadata, write_catalogue, write_scene
from lczmap.words.errors import OutputPathError
from lczmap.words.grid import PIXEL_METRES, WINDOW_METRES, PixelGrid
from lczmap.words.lcz import LCZ, NODATA
from lczmap.words.place import LonLatBox

SIMULATION_RECIPE = 2
"""Rises whenever the same seed gives other bytes."""
NAME = "Lattice Bay"
"""Name of the city."""
PERIOD = "2023-H1"
"""Period that holds every scene."""


@dataclass(frozen=True, kw_only=True)
class SimulatedCity:
    """A simulated city on disk."""

    name: str
    """Name for people."""
    catalogue: Path
    """Its static STAC catalogue, `catalog.json`."""
    box: LonLatBox
    """Area to map, degrees; scenes reach at least 160 m beyond."""
    period: str
    """Label of the period to map."""
    truth: Path
    """GeoTIFF of the true classes: uint8, 320 m cells on the lattice, nodata 0."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is simulated and from where it is seen."""

    grid: PixelGrid
    """The region at 10 m, its edges on multiples of 320 m."""
    granules: tuple[Granule, ...]
    """MGRS tiles over it."""
    overpasses: tuple[Overpass, ...]
    """Acquisitions in time order."""


_PU, _QU = "50RPU", "50RQU"


def _at(day: str) -> datetime:
    """When Sentinel-2 passes over the region, UTC."""
    return datetime.fromisoformat(f"{day}T02:35:51").replace(tzinfo=UTC)


DESIGN = Design(
    # the border of the lattice tiles 50N_54_259 and 50N_55_259 (704,000 m) runs through the centre
    grid=PixelGrid(epsg=32650, west=698_880, north=3_325_120, metres=PIXEL_METRES, width=1024, height=704),
    granules=(
        Granule(mgrs=_PU, west=600_000, east=709_800),
        Granule(mgrs=_QU, west=699_960, east=809_760),
    ),
    overpasses=(
        Overpass(taken=_at("2023-01-17"), platform="S2A", cover=0.02, harmonised=False, mgrs=(_PU,)),
        Overpass(taken=_at("2023-02-21"), platform="S2B", cover=0.14, baseline="03.01", harmonised=False, mgrs=(_PU,)),
        Overpass(taken=_at("2023-03-18"), platform="S2A", cover=0.28, mgrs=(_QU,)),
        Overpass(taken=_at("2023-04-22"), platform="S2B", cover=0.0, mgrs=(_PU, _QU), swath_edge=True),
        Overpass(taken=_at("2023-05-17"), platform="S2A", cover=0.10, harmonised=False, mgrs=(_PU, _QU)),
        Overpass(taken=_at("2023-06-11"), platform="S2B", cover=0.05, mgrs=(_PU, _QU), superseded=True),
        Overpass(taken=_at("2023-06-26"), platform="S2A", cover=0.70, mgrs=(_PU,)),
    ),
)
"""The region of the demo: 32 x 22 cells and seven days."""
_SECONDS_TOLD_APART = 10**9
_MARGIN = 2 * WINDOW_METRES
"""Ground simulated around the area to map."""


def simulate(root: Path, *, seed: int = 0) -> SimulatedCity:
    """Simulate the city below a folder, or find it there.

    Args:
        root: folder that may hold several simulations; each appears whole or not at all.
        seed: not negative; another seed is another city, the same seed gives the same bytes.

    Raises:
        OutputPathError: where the folder cannot be written.
    """
    final = root / f"lattice-bay-r{SIMULATION_RECIPE}-s{seed}"
    if not final.is_dir():
        draft = _draft(root, final.name)
        try:
            build(draft, DESIGN, seed=seed)
            _settle(draft, final)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return SimulatedCity(
        name=NAME,
        catalogue=final / "catalog.json",
        box=mapped_box(DESIGN.grid),
        period=PERIOD,
        truth=final / "truth.tif",
    )


def build(folder: Path, design: Design, *, seed: int) -> None:
    """Write catalogue, scenes and truth of a design straight into a folder."""
    plan = draw_plan(design.grid, seed)
    _write_truth(folder / "truth.tif", plan, design.grid)
    terrain = mix_terrain(weave(plan, seed), plan.elevation)
    with ThreadPoolExecutor(max_workers=2) as pool:
        written = pool.map(lambda overpass: _write_overpass(folder, design, overpass, terrain, seed), design.overpasses)
        items = [item for items in written for item in items]
    write_catalogue(folder, items, title=f"{NAME}, a simulated city")


def mapped_box(grid: PixelGrid) -> LonLatBox:
    """The largest box of degrees inside the region less its margin, cut to six digits."""
    left, bottom, right, top = grid.bounds
    eastings = np.array([left + _MARGIN, right - _MARGIN]).repeat(2)
    northings = np.tile([bottom + _MARGIN, top - _MARGIN], 2)
    lons, lats = Transformer.from_crs(grid.epsg, 4326, always_xy=True).transform(eastings, northings)
    (_, west, east, _), (_, south, north, _) = np.sort(lons).round(6).tolist(), np.sort(lats).round(6).tolist()
    return LonLatBox(west=west, south=south, east=east, north=north)


def _draft(root: Path, name: str) -> Path:
    """A folder to work in, on the disk of the final one."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
    except OSError as error:
        raise OutputPathError(
            f"Cannot write the simulated city to {root} ({error.strerror}); choose another folder."
        ) from error
    draft.chmod(0o755)
    return draft


def _settle(draft: Path, final: Path) -> None:
    """Give the finished draft its name; where another process was first, its equal bytes stay."""
    try:
        os.rename(draft, final)  # noqa: PTH104 (never into an existing folder, and nothing to resolve)
    except OSError:
        if not final.is_dir():
            raise


def _write_overpass(folder: Path, design: Design, overpass: Overpass, terrain: Terrain, seed: int) -> list[Path]:
    """Render one overpass and write its items."""
    rng = generator(seed, f"overpass {overpass.taken:%Y%m%d}")
    sun = _sun(overpass.taken, design.grid)
    seen = look(terrain, overpass.taken, cover=overpass.cover, sun=sun, rng=rng)
    deliveries = deliver(overpass, seen, region=design.grid, granules=design.granules, sun=sun)
    return [
        write_scene(folder, _of_seed(delivery.scene, seed), reflectance=delivery.reflectance, scl=delivery.scl)
        for delivery in deliveries
    ]


def _of_seed(scene: SceneMetadata, seed: int) -> SceneMetadata:
    """The scene as written in another second: scenes of two seeds share their ids, and must not share keys."""
    return replace(scene, updated=(scene.updated or scene.taken) + timedelta(seconds=seed % _SECONDS_TOLD_APART))


def _sun(taken: datetime, grid: PixelGrid) -> Sun:
    place = mapped_box(grid)
    return sun_at(taken, lon=(place.west + place.east) / 2, lat=(place.south + place.north) / 2)


def _write_truth(path: Path, plan: LandPlan, grid: PixelGrid) -> None:
    classes = cell_classes(plan, WINDOW_METRES)
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "width": classes.shape[1],
        "height": classes.shape[0],
        "crs": CRS.from_epsg(grid.epsg),
        "transform": Affine(WINDOW_METRES, 0, grid.west, 0, -WINDOW_METRES, grid.north),
        "nodata": NODATA,
        "compress": "DEFLATE",
    }
    with rasterio.open(path, "w", **profile) as target:
        target.write(classes, 1)
        target.write_colormap(1, {zone.code: (*zone.rgb, 255) for zone in LCZ})
