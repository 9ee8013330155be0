"""Simulate a city that exists nowhere: a Sentinel-2 catalogue, aerial imagery beside it, and its true classes.

In: a folder and a design. Out: a static STAC catalogue (`catalog.json`) of COGs that looks like Earth Search, and the
true class with its share at every posting. Made window by window: memory does not grow with the city.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from lczmap.synthetic.delivery import deliver, granules_over
from lczmap.synthetic.design import Design
from lczmap.synthetic.exposures import WINDOW_METRES, expose
from lczmap.synthetic.msi import at_metres
from lczmap.synthetic.stac import SceneMetadata, write_catalogue, write_scene
from lczmap.synthetic.truth import write_truth
from lczmap.synthetic.vhr import flight_over, write_vhr
from lczmap.synthetic.vhr_item import write_vhr_collection, write_vhr_item
from lczmap.words.errors import OutputPathError
from lczmap.words.grid import Posting
from lczmap.words.place import LonLatBox

SIMULATION_RECIPE = 4
"""Rises whenever the same design gives other bytes."""
_SECONDS_TOLD_APART = 10**9


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
    vhr: Path | None
    """The picture from above at 1 m, where one was taken."""

    @property
    def truth(self) -> Path:
        """GeoTIFF of the true classes: uint8, 320 m cells on the lattice, nodata 0."""
        return self.truth_at(320)

    def truth_at(self, posting: Posting) -> Path:
        """GeoTIFF of the class with the largest share of the 320 m square around each post."""
        return self.catalogue.parent / f"truth_{posting}.tif"

    def share_at(self, posting: Posting) -> Path:
        """GeoTIFF of that class's share, percent."""
        return self.catalogue.parent / f"share_{posting}.tif"


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What is made of a city beside scenes and truth."""

    vhr: bool = True
    """The picture from above at 1 m."""
    instances: bool = False
    """The raster of instances on the picture's grid."""

    @property
    def mark(self) -> str:
        """End of the folder's name: what a folder holds never changes."""
        return ("" if self.vhr else "-s2") + ("-instances" if self.instances else "")


def folder_of(root: Path, design: Design, extras: Extras = Extras()) -> Path:
    """Where `simulate` puts a city; it is there once it is whole."""
    return root / f"{design.slug}-r{SIMULATION_RECIPE}-s{design.seed}{extras.mark}"


def simulate(root: Path, design: Design, extras: Extras = Extras()) -> SimulatedCity:
    """Simulate a city below a folder, or find it there.

    Args:
        root: folder that may hold several simulations; each appears whole or not at all.
        design: which city.
        extras: what else is made.

    Raises:
        OutputPathError: where the folder cannot be written.
    """
    final = folder_of(root, design, extras)
    if not final.is_dir():
        draft = _draft(root, final.name)
        try:
            build(draft, design, extras)
            _settle(draft, final)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return SimulatedCity(
        name=design.name,
        catalogue=final / "catalog.json",
        box=design.box,
        period=design.period,
        vhr=_picture(final, design) if extras.vhr else None,
    )


def build(
    folder: Path, design: Design, extras: Extras = Extras(), *, window: int = WINDOW_METRES, workers: int = 2
) -> None:
    """Write catalogue, scenes, picture and truth of a design straight into a folder.

    Args:
        folder: empty.
        design: which city.
        extras: what else is made.
        window: metres of ground made at once, a multiple of 20; changes memory and time, no byte.
        workers: things worked on at once; the same.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        # the picture is made by a thread of its own while the scenes are
        flown = pool.submit(_write_picture, folder, design, extras)
        write_truth(folder, design.plan, design.grid)
        items = list(_write_scenes(folder, design, window, workers - 1 if extras.vhr else workers))
        others = flown.result()
    write_catalogue(folder, items, title=f"{design.name}, a simulated city", others=others)


def _picture(folder: Path, design: Design) -> Path:
    return folder / "vhr" / f"{design.slug}_{design.flown:%Y%m%d}" / "visual.tif"


def _write_picture(folder: Path, design: Design, extras: Extras) -> list[Path]:
    """The collection of the picture from above, if one is wished."""
    if not extras.vhr:
        return []
    path, grid = _picture(folder, design), at_metres(design.grid, 1)
    flight = flight_over(design.plan, design.flown, design.sun(design.flown))
    instances = path.with_name("instances.tif") if extras.instances else None
    write_vhr(path, design.plan, grid, flight=flight, instances=instances)
    item = write_vhr_item(path, grid, flight=flight, instances=instances)
    return [write_vhr_collection(path.parents[1], [item])]


def _write_scenes(folder: Path, design: Design, window: int, workers: int) -> Iterator[Path]:
    """Expose the ground, then cut and write each delivery."""
    exposed = folder / ".exposed"
    dates = [(overpass, design.sun(overpass.taken)) for overpass in design.overpasses]
    granules = granules_over(design.grid, latitude=(design.box.south + design.box.north) / 2)
    try:
        seen = expose(
            exposed, design.plan, design.grid, dates, seed=design.seed, window=window, workers=max(workers, 1)
        )
        for (overpass, sun), exposure in zip(dates, seen, strict=True):
            for each in deliver(overpass, exposure, region=design.grid, granules=granules, sun=sun):
                scene = _of_seed(each.scene, design.seed)
                yield write_scene(folder, scene, reflectance=each.reflectance, scl=each.scl)
    finally:
        shutil.rmtree(exposed, ignore_errors=True)


def _of_seed(scene: SceneMetadata, seed: int) -> SceneMetadata:
    """The scene as written in another second: scenes of two seeds share their ids, and must not share keys."""
    return replace(scene, updated=(scene.updated or scene.taken) + timedelta(seconds=seed % _SECONDS_TOLD_APART))


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
