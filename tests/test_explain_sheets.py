"""A free square near the edge of a sheet: every raster that its frame can show is found, tile borders or not."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from lczmap import assemble
from lczmap.explain.blank import degrees_from
from lczmap.explain.square import explain_square, square_plan
from lczmap.imagery.vhr import vhr_source
from lczmap.pipeline import Parts
from lczmap.testing.fakes import ColourSegmenter, GroundImagery, HashClassifier, HashGraphs, MemoryStore, fake_card
from lczmap.testing.scenes import SceneMetadata, write_catalogue, write_tiny_scene
from lczmap.vhrstream import VhrStream
from lczmap.words.grid import PixelGrid, Tile
from lczmap.words.period import parse_period
from lczmap.words.plan import Plan
from lczmap.words.site import Site
from lczmap.words.spec import RunSpec

TILE = Tile(epsg=32633, column=39, row=454)
"""At its zone's middle, where degrees run along the grid."""
WEST, SOUTH, _, NORTH = TILE.bounds
MIDDLE = (SOUTH + NORTH) // 2


def sheets(folder: Path, edges: Sequence[int]) -> Path:
    """Sheets of 2 m side by side, each from one easting to the next, without a hole."""
    folder.mkdir()
    for left, right in pairwise(edges):
        colours = np.random.default_rng(left % 97).integers(1, 250, (3, 1000, (right - left) // 2), np.uint8)
        shape = {"driver": "GTiff", "width": colours.shape[2], "height": 1000, "count": 3, "dtype": "uint8"}
        place = Affine(2, 0, left, 0, -2, MIDDLE + 1000)
        with rasterio.open(folder / f"{left}.tif", "w", crs="EPSG:32633", transform=place, **shape) as raster:
            raster.write(colours)
    return folder


def point(east: int) -> tuple[float, float]:
    """Degrees of a point so far east of the tile's western border."""
    lon, lat = degrees_from(TILE.epsg)(np.array([(WEST + east, MIDDLE)], np.float64))[0]
    return float(lon), float(lat)


def wish() -> RunSpec:
    period = parse_period("2024-10", today=date(2026, 1, 1))
    return RunSpec(period=period, source="local", vhr="local", segmenter="slic")


def live(plan: Plan, folder: Path) -> Parts:
    cut = assemble.segmenter(plan.spec)
    return Parts(
        imagery=GroundImagery(rules=plan.source),
        sentinel=HashClassifier(card=fake_card()),
        store=MemoryStore(),
        vhr=VhrStream(
            source=vhr_source(str(folder)),
            segmenter=ColourSegmenter(spec=cut),
            graphs=HashGraphs(card=fake_card("fake-gcn", role="graph")),
        ),
    )


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue with one scene around the tile's western border."""
    root = tmp_path_factory.mktemp("scenes")
    grid = PixelGrid(epsg=TILE.epsg, west=WEST - 640, north=MIDDLE + 640, metres=10, width=128, height=128)
    taken = datetime(2024, 10, 24, 10, 10, tzinfo=UTC)
    write_catalogue(root, [write_tiny_scene(root, SceneMetadata(grid=grid, taken=taken, mgrs="33UVU"))])
    return root


def test_a_square_by_itself_shows_the_neighbouring_sheets_too(tmp_path: Path, scenes: Path) -> None:
    start = WEST + 4000
    folder = sheets(tmp_path / "sheets", [start, start + 1000, start + 2000])
    at = point(4000 + 900)
    site = Site(out=tmp_path, local_source=scenes, vhr=str(folder))
    plan = square_plan(at, wish(), site, sentinel=False)
    assert plan.vhr is not None
    assert len(plan.vhr.parts) == 2
    told = explain_square(plan, at, live(plan, folder))
    assert told.picture is not None
    assert told.picture.any(axis=2).all()


def test_a_square_at_a_tile_s_border_is_cut_from_all_of_its_frame(tmp_path: Path, scenes: Path) -> None:
    """The frame reaches further out of the tile than any of the tile's own."""
    folder = sheets(tmp_path / "sheets", [WEST - 1300, WEST - 300, WEST + 1000])
    at = point(50)
    plan = square_plan(at, wish(), Site(out=tmp_path, local_source=scenes, vhr=str(folder)))
    assert plan.vhr is not None
    assert plan.scenes
    assert {part.id for part in plan.vhr.parts} == {f"{WEST - 1300}.tif", f"{WEST - 300}.tif"}
