"""The laws of a map hold for both streams: one function of a tile, with segmenters that really cut, killed or not."""

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lczmap import assemble, catalog, run
from lczmap.pipeline import Parts
from lczmap.protocols import Segmenter
from lczmap.segment.lots import Batches
from lczmap.segment.network import ready
from lczmap.segment.segmenter import segmenter_from
from lczmap.segment.slic import SlicSegmenter
from lczmap.segment.window import WindowSegmenter
from lczmap.testing.fakes import (
    ColourSegmenter,
    GroundImagery,
    HashClassifier,
    HashGraphs,
    MemoryStore,
    PaintedVhr,
    fake_card,
    fake_vhr,
)
from lczmap.things.frames import Reach
from lczmap.things.instances import Instances
from lczmap.things.maps import TileMap, map_of
from lczmap.vhrstream import VhrStream
from lczmap.words.errors import ModelCardError
from lczmap.words.grid import Posting, Tile, posts_across
from lczmap.words.plan import Plan
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.site import Site
from tests.plans import EAST, WEST, plan_of_tiles, scene
from tests.segmenting import blob_sam, blocks
from tests.test_laws import Killed, MortalStore

SUPERPIXELS = SegmenterSpec(name="slic", network="slic", core_metres=320, pitch_metres=64, grain_metres=10)
NETWORK = SegmenterSpec(
    name="blobs",
    network="sam-tiny",
    core_metres=320,
    pitch_metres=80,
    crop_tokens=12,
    precision="float32",
    iou_threshold=0.3,
    stability_threshold=0.3,
)


def network() -> WindowSegmenter:
    sam = ready(blob_sam(8 * NETWORK.crop_tokens), "float32", torch.device("cpu"))
    return WindowSegmenter(NETWORK, sam, Batches(prompts=24, frames=2, encoded=1))


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registration has tests of its own, and painted ground shows nothing of the other."""
    monkeypatch.setattr("lczmap.vhrstream.registered", lambda *_: None)


def mapped(plan: Plan, segmenter: Segmenter, store: MemoryStore | None = None) -> tuple[dict[str, TileMap], int]:
    """The maps of a plan's tiles by name, and how many were computed."""
    both = replace(plan, vhr=fake_vhr(), segmenter=segmenter.spec, sentinel_weight=0.6)
    stream = VhrStream(
        source=PaintedVhr(), segmenter=segmenter, graphs=HashGraphs(card=fake_card("fake-gcn", role="graph"))
    )
    live = Parts(
        imagery=GroundImagery(rules=plan.source),
        sentinel=HashClassifier(card=fake_card()),
        store=MemoryStore() if store is None else store,
        vhr=stream,
    )
    done = run.map_tiles(both, live)
    return {name: map_of(live.store.read("map", key)) for name, key in done.keys.items()}, done.computed


def votes(tile_map: TileMap) -> NDArray[np.uint8]:
    assert tile_map.vhr is not None
    return tile_map.vhr


def bytes_of(maps: dict[str, TileMap]) -> dict[str, dict[str, bytes]]:
    return {name: {key: array.tobytes() for key, array in each.record().arrays.items()} for name, each in maps.items()}


def close(one: NDArray[np.uint8], other: NDArray[np.uint8], levels: int) -> None:
    """Votes apart by a few levels at most, where the masks of a network may differ by a pixel in the last bits."""
    assert np.abs(one.astype(int) - other.astype(int)).max() <= levels


@pytest.mark.parametrize(
    ("posting", "make", "levels"), [(320, network, 1), (100, lambda: SlicSegmenter(SUPERPIXELS), 0)]
)
def test_neighbouring_tiles_cut_apart_equal_both_cut_together(
    posting: Posting, make: Callable[[], Segmenter], levels: int
) -> None:
    last = posts_across(posting) - 1
    wanted = {WEST: [(3, last), (4, last - 1)], EAST: [(3, 0), (4, 1)]}
    together, _ = mapped(plan_of_tiles(posting, wanted, [scene()]), make())
    for tile, posts in wanted.items():
        alone, _ = mapped(plan_of_tiles(posting, {tile: posts}, [scene()]), make())
        close(votes(alone[tile.name]), votes(together[tile.name]), levels)
        assert (votes(alone[tile.name])[tuple(np.transpose(posts))] < 255).any()


@pytest.mark.parametrize(("make", "levels"), [(lambda: SlicSegmenter(SUPERPIXELS), 0), (network, 1)])
def test_what_is_wanted_of_a_tile_changes_no_vote(make: Callable[[], Segmenter], levels: int) -> None:
    """Other windows come along, in other lots: what a post's own window holds stays."""
    few = [(5, 8), (6, 9)]
    many = [*itertools.product(range(4, 7), range(7, 9)), (6, 9), (7, 12)]
    (little, much) = (mapped(plan_of_tiles(100, {WEST: posts}, [scene()]), make())[0] for posts in (few, many))
    for row, column in few:
        close(votes(little[WEST.name])[row, column], votes(much[WEST.name])[row, column], levels)
    assert np.count_nonzero(votes(little[WEST.name])[..., 0] != 255) == len(few)


def test_the_shipped_network_cuts_a_frame_alike_in_any_company() -> None:
    """Lots of prompts begin elsewhere where a frame before has fewer: its instances stay the same to the pixel."""
    spec = catalog.segmenter_spec("sam-tiny")
    segmenter = segmenter_from(spec, weights=None, device=torch.device("cpu"))
    dark, seen = blocks(spec.frame_metres, block=17, count=2)
    dark[:, :455] = 0
    reach = (320, 320, 640, 640)
    (_, among), (alone,) = (
        segmenter.segment(np.stack([dark, seen]), [reach] * 2),
        segmenter.segment(seen[None], [reach]),
    )
    assert len(alone) > 50
    np.testing.assert_array_equal(among.pixels, alone.pixels)
    np.testing.assert_array_equal(among.starts, alone.starts)


def three_tiles() -> Plan:
    tiles = [Tile(epsg=32633, column=30 + column, row=454) for column in range(3)]
    return plan_of_tiles(320, {tile: [(0, 0), (5, 5)] for tile in tiles}, [scene()])


def test_the_order_of_tiles_changes_no_byte_of_either_stream() -> None:
    plan = three_tiles()
    expected = bytes_of(mapped(plan, ColourSegmenter())[0])
    for order in ((2, 1, 0), (1, 2, 0)):
        shuffled = replace(plan, tiles=tuple(plan.tiles[index] for index in order))
        assert bytes_of(mapped(shuffled, ColourSegmenter())[0]) == expected


@dataclass(kw_only=True)
class MortalSegmenter(ColourSegmenter):
    """Dies while it cuts a given lot, counted from 1."""

    fatal: int = 0

    def segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> Sequence[Instances]:
        if len(self.sizes) + 1 == self.fatal:
            raise Killed
        return super().segment(pictures, reaches)


@pytest.mark.parametrize(
    "deaths",
    [
        [(1, "cutting"), (1, "before")],
        [(2, "cutting"), (2, "after"), (1, "cutting")],
        [(3, "before"), (2, "cutting"), (1, "after"), (1, "before")],
    ],
)
def test_killed_and_resumed_both_streams_are_the_same_map(deaths: list[tuple[int, str]]) -> None:
    plan = three_tiles()
    expected = bytes_of(mapped(plan, ColourSegmenter())[0])
    store = MortalStore()
    for at, where in [*deaths, (0, "never")]:
        store.count, store.next_death = 0, (0 if where == "cutting" else at, where == "after")
        segmenter = MortalSegmenter(fatal=at if where == "cutting" else 0)
        standing = sum(kind == "map" for kind, _ in store.records)
        try:
            maps, computed = mapped(plan, segmenter, store)
        except Killed:
            for thread in threading.enumerate():  # a process that dies takes its readers with it
                if thread.name.startswith(("observe", "vhr")):
                    thread.join()
            continue
        assert computed == len(plan.tiles) - standing
        assert sum(segmenter.sizes) == 2 * computed, "windows of a finished tile were cut again"
        assert bytes_of(maps) == expected
        assert len(store.written) == len(set(store.written)), "a record was written twice"
        break


def test_a_plan_is_cut_as_it_says_or_not_at_all(tmp_path: Path) -> None:
    """Its graph model stands for the instances that it was trained on, whatever the catalogue says today."""
    plan = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    spec, site = replace(plan.spec, vhr="local", segmenter="slic"), Site(out=tmp_path, vhr=str(tmp_path))
    cut = assemble.segmenter(spec)
    own = replace(plan, spec=spec, models=assemble.model_files(spec, site), vhr=fake_vhr(), segmenter=cut)
    stream = assemble.second_stream(own, site)
    assert stream is not None
    assert stream.segmenter.spec == cut
    with pytest.raises(ModelCardError, match="trained on instances"):
        assemble.second_stream(replace(own, segmenter=replace(cut, pitch_metres=20.0)), site)
