"""What of a VHR image concerns a tile: its rasters alone make key and flags, whatever else the place holds."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer

from lczmap import run
from lczmap.imagery.vhr import vhr_source
from lczmap.pipeline import Parts
from lczmap.testing.fakes import ColourSegmenter, GroundImagery, HashClassifier, HashGraphs, MemoryStore, fake_card
from lczmap.things.maps import TileMap, map_of
from lczmap.vhrstream import VhrStream
from lczmap.words.errors import BrokenAssetError
from lczmap.words.grid import Tile
from lczmap.words.manifest import manifest_of, plan_of
from lczmap.words.period import parse_period
from lczmap.words.place import LonLatBox, tile_outline
from lczmap.words.plan import Plan, map_key, vhr_reach
from lczmap.words.quality import Quality
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.vhr import VhrIdentity, VhrPart
from tests.plans import WEST, plan_of_tiles, scene, vhr_image, with_vhr

SIDE = 1280
"""Metres of a sheet: four by four cells in the north-western corner of a tile."""


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registration has tests of its own, and these sheets show little of a tile."""
    monkeypatch.setattr("lczmap.vhrstream.register", lambda *_: None)


def sheet(path: Path, tile: Tile, seed: int, hole: tuple[slice, slice] | None = None) -> None:
    """A raster of 2 m on the north-western corner of a tile and 320 m around it; black is no data."""
    west, _, _, north = tile.bounds
    side = (SIDE + 640) // 2
    colours = np.random.default_rng(seed).integers(1, 250, (3, side // 10, side // 10), np.uint8)
    pixels = colours.repeat(10, axis=1).repeat(10, axis=2)
    if hole is not None:
        pixels[:, hole[0], hole[1]] = 0
    shape = {"driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint8", "nodata": 0}
    place = Affine(2, 0, west - 320, 0, -2, north + 320)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", crs=f"EPSG:{tile.epsg}", transform=place, **shape) as raster:
        raster.write(pixels)


def frozen(folder: Path, *tiles: Tile) -> Plan:
    """The plan of four cells of each tile under the sheets of a folder."""
    cut = ColourSegmenter().spec
    outlines = [tile_outline(tile, vhr_reach(cut)) for tile in tiles]
    west, south, east, north = shapely.total_bounds(outlines)
    image = vhr_source(str(folder)).identify(LonLatBox(west=west, south=south, east=east, north=north))
    plan = plan_of_tiles(320, {tile: [(0, 0), (0, 1), (2, 2), (2, 3)] for tile in tiles}, [scene()])
    spec = replace(plan.spec, period=parse_period("2023-H1", today=date(2026, 1, 1)))
    return replace(plan, spec=spec, vhr=image, segmenter=cut, sentinel_weight=0.6)


def mapped(plan: Plan, folder: Path) -> dict[str, TileMap]:
    """Maps of a plan's tiles by name."""
    live = Parts(
        imagery=GroundImagery(rules=plan.source),
        sentinel=HashClassifier(card=fake_card()),
        store=MemoryStore(),
        vhr=VhrStream(
            source=vhr_source(str(folder)),
            segmenter=ColourSegmenter(),
            graphs=HashGraphs(card=fake_card("fake-gcn", role="graph")),
        ),
    )
    keys = run.map_tiles(plan, live).keys
    return {name: map_of(live.store.read("map", key)) for name, key in keys.items()}


def flagged(tile_map: TileMap) -> list[bool]:
    """Whether each of the four cells is said to be far in time."""
    return [bool(tile_map.quality[cell] & Quality.VHR_FAR_IN_TIME) for cell in ((0, 0), (0, 1), (2, 2), (2, 3))]


def test_a_tile_under_an_image_is_the_same_mapped_alone_or_beside_a_tile_of_another_age(tmp_path: Path) -> None:
    sheet(tmp_path / "west_20230501.tif", WEST, 1)
    beyond = Tile(epsg=WEST.epsg, column=WEST.column + 4, row=WEST.row)
    sheet(tmp_path / "east_20120501.tif", beyond, 2)
    alone, both = frozen(tmp_path, WEST), frozen(tmp_path, WEST, beyond)
    assert [len(plan.vhr.parts) for plan in (alone, both) if plan.vhr is not None] == [1, 2]
    assert map_key(alone, alone.tiles[0]) == map_key(both, both.tiles[0])
    by_itself, together = mapped(alone, tmp_path), mapped(both, tmp_path)
    for name, array in by_itself[WEST.name].record().arrays.items():
        np.testing.assert_array_equal(array, together[WEST.name].record().arrays[name])
    assert not any(flagged(together[WEST.name]))
    assert all(flagged(together[beyond.name]))


def test_ground_shown_by_a_new_raster_is_not_far_in_time_for_an_old_one_beneath(tmp_path: Path) -> None:
    sheet(tmp_path / "town_20120501.tif", WEST, 1)
    sheet(tmp_path / "town_20230501.tif", WEST, 2)
    plan = frozen(tmp_path, WEST)
    assert plan.vhr is not None
    assert len(plan.vhr.parts) == 2
    told = mapped(plan, tmp_path)[WEST.name]
    assert not any(flagged(told))
    assert told.vhr is not None
    assert (told.vhr[0, 0] < 255).all()
    assert not plan.vhr_far


def test_a_cell_is_far_in_time_where_most_of_what_it_shows_is_old(tmp_path: Path) -> None:
    sheet(tmp_path / "town_20120501.tif", WEST, 1)
    # the newer one has a hole over all of the first cell and a third of the second
    sheet(tmp_path / "town_20230501.tif", WEST, 2, hole=(slice(160, 320), slice(160, 370)))
    assert flagged(mapped(frozen(tmp_path, WEST), tmp_path)[WEST.name]) == [True, False, False, False]


def test_a_raster_made_anew_maps_only_the_tiles_it_meets_again(tmp_path: Path) -> None:
    beyond = Tile(epsg=WEST.epsg, column=WEST.column + 4, row=WEST.row)
    sheet(tmp_path / "west_20230501.tif", WEST, 1)
    sheet(tmp_path / "east_20230501.tif", beyond, 2)
    before = frozen(tmp_path, WEST, beyond)
    sheet(tmp_path / "east_20230501.tif", beyond, 3)
    after = frozen(tmp_path, WEST, beyond)
    west, east = (map_key(before, entry) == map_key(after, entry) for entry in before.tiles)
    assert (west, east) == (True, False)


CUTS: dict[str, SegmenterSpec] = {
    "usual": SegmenterSpec(name="x", network="slic"),
    "wide": SegmenterSpec(name="x", network="slic", context_metres=960),
}


@pytest.mark.parametrize("name", CUTS)
def test_every_raster_that_a_frame_of_a_tile_can_show_is_in_its_key(name: str) -> None:
    """A sheet just where the outermost frame ends counts; the next tile's own ground beyond does not."""
    cut = CUTS[name]
    west, _, _, north = WEST.bounds
    to_box = boxes(WEST.epsg)
    edge = west - cut.context_metres
    parts = (
        VhrPart(id="in", digest="1", box=to_box(edge - 500, north - 9000, edge + 1, north - 8000)),
        VhrPart(id="out", digest="2", box=to_box(edge - 1500, north - 9000, edge - 500, north - 8000)),
        VhrPart(id="anywhere", digest="3"),
    )
    plan = with_vhr(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]), replace(vhr_image(), parts=parts))
    plan = replace(plan, segmenter=cut)
    image = plan.vhr_of(plan.tiles[0])
    assert image is not None
    assert [part.id for part in image.parts] == ["in", "anywhere"]


def boxes(epsg: int) -> Callable[[float, float, float, float], LonLatBox]:
    """What turns a square of a zone into a box in degrees."""
    to_degrees = Transformer.from_crs(epsg, 4326, always_xy=True)

    def box(left: float, bottom: float, right: float, top: float) -> LonLatBox:
        west, south, east, north = to_degrees.transform_bounds(left, bottom, right, top)
        return LonLatBox(west=west, south=south, east=east, north=north)

    return box


def test_an_image_is_as_far_as_what_newer_parts_leave_open() -> None:
    def image(*parts: VhrPart) -> VhrIdentity:
        return replace(vhr_image(), parts=parts)

    period = parse_period("2023", today=date(2026, 1, 1))
    left, right, wide = (
        LonLatBox(west=west, south=50.0, east=east, north=50.1)
        for west, east in ((13.0, 13.1), (13.1, 13.2), (13.0, 13.2))
    )
    new = [VhrPart(id=str(box.west), digest="", taken=date(2023, 5, 1), box=box) for box in (left, right)]
    old = VhrPart(id="old", digest="", taken=date(2012, 5, 1), box=wide)
    assert image(*new, old).days_from(period) == 0
    assert image(new[0], old).days_from(period) == (date(2023, 1, 1) - old.taken).days  # type: ignore[operator]
    assert image(*new, replace(old, box=None)).days_from(period) != 0
    assert image(*new, old).taken == (date(2012, 5, 1), date(2023, 5, 1))
    assert image().days_from(period) is None


def cut_short(path: Path) -> None:
    """Leave of a raster its header and first rows."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def test_an_unreadable_raster_of_an_image_leaves_the_plan_and_the_run_goes_on(tmp_path: Path) -> None:
    """It shows only while a tile is mapped; what is left is the map of the others."""
    sheet(tmp_path / "north" / "new_20230501.tif", WEST, 1)
    sheet(tmp_path / "old_20230101.tif", WEST, 2)
    cut_short(tmp_path / "north" / "new_20230501.tif")
    # as a plan from before the raster broke holds it
    healthy = frozen(tmp_path, WEST)
    part = VhrPart(id="north/new_20230501.tif", digest="", taken=date(2023, 5, 1))
    assert healthy.vhr is not None
    assert [entry.id for entry in healthy.vhr.refused] == [part.id]
    source = vhr_source(str(tmp_path))
    digest = source._place.digest(source._place.fetch([part.id], date(2026, 1, 1))[0], source._rasters)
    image = replace(healthy.vhr, parts=(replace(part, digest=digest), *healthy.vhr.parts), refused=())
    live = Parts(
        imagery=GroundImagery(rules=healthy.source),
        sentinel=HashClassifier(card=fake_card()),
        store=MemoryStore(),
        vhr=VhrStream(
            source=source, segmenter=ColourSegmenter(), graphs=HashGraphs(card=fake_card("fake-gcn", role="graph"))
        ),
    )
    done = run.map_tiles(replace(healthy, vhr=image), live)
    assert [entry.id for entry in done.plan.skipped] == [part.id]
    assert str(tmp_path) not in done.plan.skipped[0].reason
    assert done.keys == {WEST.name: map_key(healthy, healthy.tiles[0])}
    assert plan_of(manifest_of(done.plan)).skipped == done.plan.skipped
    alone = replace(healthy, vhr=replace(image, parts=image.parts[:1]))
    with pytest.raises(BrokenAssetError, match="new_20230501"):
        run.map_tiles(alone, replace(live, store=MemoryStore()))


def test_what_cannot_be_used_of_a_folder_is_named_with_its_reason(tmp_path: Path) -> None:
    sheet(tmp_path / "a.tif", WEST, 1)
    (tmp_path / "b.tif").write_bytes(b"II*\0rubbish")
    with rasterio.open(tmp_path / "a.tif") as raster:
        shape = {**raster.profile, "count": 1}
        with rasterio.open(tmp_path / "heights.tif", "w", **shape) as heights:
            heights.write(raster.read([1]))
    image = frozen(tmp_path, WEST).vhr
    assert image is not None
    assert [part.id for part in image.parts] == ["a.tif"]
    assert [entry.id for entry in image.refused] == ["b.tif", "heights.tif"]
    assert "expected 3 or 4" in image.refused[1].reason
    assert not any(str(tmp_path) in entry.reason for entry in image.refused)
