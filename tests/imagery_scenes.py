"""A few small scenes on disk, and the source that reads them, for tests of the imagery door."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lczmap.imagery.source import StacImagery
from lczmap.testing.scenes import Pixels, SceneMetadata, write_catalogue, write_tiny_scene
from lczmap.words.bands import BAND_NAMES, BANDS, Band
from lczmap.words.grid import PixelGrid
from lczmap.words.period import Period
from lczmap.words.place import LonLatBox
from lczmap.words.scene import Scene, SceneItem
from lczmap.words.source import OffsetRule, SourceRules

GROUND = PixelGrid(epsg=32650, west=760_000, north=3_360_000, metres=10, width=120, height=104)
"""1.2 km in zone 50, near 119.7 E."""
EVERYWHERE = LonLatBox(west=-180, south=-80, east=180, north=80)
ALWAYS = Period(first=date(2015, 7, 1), last=date(2030, 1, 1), label="always")
FIRST_DAY = datetime(2023, 3, 1, 2, 35, tzinfo=UTC)


def rules(offset_rule: OffsetRule = "none", **fields: object) -> SourceRules:
    base: dict[str, object] = {
        "name": "local",
        "title": "Local catalogue",
        "url": None,
        "collection": "sentinel-2-l2a",
        "assets": {band.name: band.common for band in BANDS},
        "scl": "scl",
        "offset_rule": offset_rule,
        "licence": "none",
        "attribution": "nobody",
    }
    return SourceRules(**{**base, **fields})  # type: ignore[arg-type]


def source(root: Path, offset_rule: OffsetRule = "none", threads: int = 2) -> StacImagery:
    return StacImagery(rules(offset_rule), str(root), threads=threads)


def metadata(day: int = 0, **fields: object) -> SceneMetadata:
    base = {"grid": GROUND, "taken": FIRST_DAY + timedelta(days=day), "mgrs": "50RQU", "baseline": "03.01"}
    return SceneMetadata(**{**base, **fields})  # type: ignore[arg-type]


def rough(seed: int, holes: float = 0.002) -> Pixels:
    """Noise without any two bands alike, with a few pixels of no data in the 20 m bands and fewer in the others."""
    rng = np.random.default_rng(seed)

    def field(band: Band, east: NDArray[np.floating], _north: NDArray[np.floating]) -> NDArray[np.floating]:
        values = rng.uniform(0.01, 0.6, east.shape)
        share = holes if band.metres == 20 else holes / 8
        return np.where(rng.random(east.shape) < share, np.nan, values)

    return field


def gentle(day: int) -> Pixels:
    """A smooth pattern bound to the ground, the same in whatever zone it is written."""

    def field(band: Band, east: NDArray[np.floating], north: NDArray[np.floating]) -> NDArray[np.floating]:
        return 0.3 + 0.1 * np.sin(east / 90 + day) * np.cos(north / 130) + 0.001 * BAND_NAMES.index(band.name)

    return field


def patchy_scl(seed: int, grid: PixelGrid = GROUND) -> NDArray[np.uint8]:
    """Vegetation with blots of cloud, shadow and cirrus at 20 m."""
    rng = np.random.default_rng(seed)
    scl = np.full((grid.height // 2, grid.width // 2), 4, np.uint8)
    for _ in range(3):
        row, column = rng.integers(0, scl.shape[0]), rng.integers(0, scl.shape[1])
        scl[row : row + 9, column : column + 12] = rng.choice([3, 8, 9, 10])
    return scl


@dataclass(frozen=True, kw_only=True)
class Written:
    """Scenes on disk as a source finds them."""

    root: Path
    imagery: StacImagery
    entries: tuple[SceneItem, ...]

    @property
    def scenes(self) -> list[Scene]:
        return [entry.scene for entry in self.entries]

    @property
    def items(self) -> list[str]:
        return [entry.item for entry in self.entries]


def written(
    root: Path,
    scenes: Sequence[tuple[SceneMetadata, Pixels, NDArray[np.uint8] | int | None]],
    offset_rule: OffsetRule = "none",
    offsets: Mapping[str, int] | None = None,
) -> Written:
    """Write scenes and find them again; `offsets` overrules the verdict on some."""
    write_catalogue(root, [write_tiny_scene(root, each, pixels=pixels, scl=scl) for each, pixels, scl in scenes])
    imagery = source(root, offset_rule)
    found = imagery.search(EVERYWHERE, ALWAYS)
    assert not found.skipped
    entries = [
        replace(entry, scene=replace(entry.scene, offset_dn=(offsets or {}).get(entry.scene.id, entry.scene.offset_dn)))
        for entry in found.items
    ]
    return Written(root=root, imagery=imagery, entries=tuple(entries))
