"""Plans of a few posts, for tests of what depends on a plan."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from lczmap import catalog
from lczmap.words.grid import Posting, Tile, posts_across
from lczmap.words.period import parse_period
from lczmap.words.place import LonLatBox, TileArea, area_place
from lczmap.words.plan import ModelFile, Plan, TilePlan
from lczmap.words.scene import Scene
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.spec import RunSpec
from lczmap.words.vhr import VhrIdentity, VhrPart

WEST = Tile(epsg=32633, column=30, row=454)
EAST = Tile(epsg=32633, column=31, row=454)


def scene(name: str = "S2A_33UUU_20240701_0_L2A") -> Scene:
    return Scene(
        id=name,
        taken=datetime(2024, 7, 1, 10, tzinfo=UTC),
        solar_day=date(2024, 7, 1),
        updated="2024-07-02T00:00:00Z",
        baseline="05.10",
        mgrs="33UUU",
        epsg=32633,
        cloud_percent=1.0,
        has_scl=True,
        offset_dn=0,
        offset_assumed=False,
    )


def plan_of_tiles(posting: Posting, wanted: dict[Tile, list[tuple[int, int]]], scenes: Sequence[Scene]) -> Plan:
    """A plan that wants some posts, by row and column, of some tiles."""
    tiles = []
    for tile, posts in wanted.items():
        mask = np.zeros((posts_across(posting), posts_across(posting)), np.bool_)
        mask[tuple(np.transpose(posts))] = True
        area = TileArea(tile=tile, wanted=mask)
        tiles.append(TilePlan(area=area, scene_ids=tuple(sorted(each.id for each in scenes))))
    return Plan(
        place=area_place(LonLatBox(west=13.2, south=52.4, east=13.5, north=52.6).polygon, slug="here", name="Here"),
        spec=RunSpec(period=parse_period("2024", today=date(2026, 1, 1)), source="earth-search", posting=posting),
        source=catalog.source("earth-search"),
        models=(ModelFile(role="sentinel", name="fake", sha256="0" * 64),),
        scenes={each.id: each for each in scenes},
        tiles=tuple(tiles),
        planned=date(2026, 1, 1),
        items={each.id: "{}" for each in scenes},
    )


def vhr_image(taken: date | None = date(2024, 5, 6)) -> VhrIdentity:
    """An image of two parts, one of which says neither where it lies nor when it was taken."""
    return VhrIdentity(
        name="local",
        kind="folder",
        parts=(
            VhrPart(
                id="north.tif",
                digest="sha256:" + "1" * 64,
                taken=taken,
                box=LonLatBox(west=13.25, south=52.480001, east=13.6, north=52.6),
            ),
            VhrPart(id="south.tif", digest="sha256:" + "2" * 64),
        ),
        bands=(3, 2, 1),
        low=(0.0, 1.5, 3.0),
        high=(255.0, 1200.25, 3000.0),
        metres=0.5,
        attribution="Aerial image by <Somebody> & Co",
        licence="CC-BY-4.0",
    )


def with_vhr(plan: Plan, image: VhrIdentity | None = None) -> Plan:
    """The plan with a second stream."""
    return replace(
        plan,
        spec=replace(plan.spec, vhr="local", segmenter="slic", segmenter_settings={"core_metres": 320}),
        models=(*plan.models, ModelFile(role="graph", name="fake-gcn", sha256="1" * 64, temperature=1.5)),
        vhr=vhr_image() if image is None else image,
        segmenter=SegmenterSpec(name="slic", network="slic", core_metres=320, pitch_metres=26.7),
        sentinel_weight=0.55,
    )


def border_posts(posting: Posting) -> dict[Tile, list[tuple[int, int]]]:
    """A few posts on both sides of the border between two tiles, and some corners."""
    last = posts_across(posting) - 1
    return {WEST: [(0, 0), (3, last), (4, last - 1), (last, last)], EAST: [(0, 0), (3, 0), (4, 1), (last, 0)]}
