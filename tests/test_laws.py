"""The laws of a map: it is a function of a tile, however, whenever and in whatever order tiles are mapped."""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lczmap import assemble, catalog, run
from lczmap.pipeline import Parts, interpret, observe
from lczmap.testing.fakes import GroundImagery, HashClassifier, MemoryStore, fake_card, ground
from lczmap.things.maps import TileMap, map_of
from lczmap.things.record import Record, RecordKind
from lczmap.things.verdicts import Verdicts
from lczmap.words.errors import BrokenAssetError, ModelCardError, NoImageryError, SpecError
from lczmap.words.grid import POSTINGS, PixelGrid, Posting, Tile, posts_across
from lczmap.words.period import parse_period
from lczmap.words.plan import ModelFile, Plan, map_key, observation_key
from lczmap.words.site import Site
from lczmap.words.spec import CompositeMethod
from tests.plans import EAST, WEST, border_posts, plan_of_tiles, scene


def parts(imagery: GroundImagery | None = None) -> Parts:
    return Parts(
        imagery=imagery or GroundImagery(rules=catalog.source("earth-search")),
        sentinel=HashClassifier(card=fake_card()),
        store=MemoryStore(),
    )


def bytes_of(live: Parts, keys: dict[str, str]) -> dict[str, bytes]:
    maps = {name: map_of(live.store.read("map", key)) for name, key in keys.items()}
    return {name: each.probabilities.tobytes() + each.quality.tobytes() for name, each in maps.items()}


@pytest.mark.parametrize("posting", POSTINGS)
def test_neighbouring_tiles_agree_with_a_tile_that_holds_both(posting: Posting) -> None:
    """A post is classified alike from its own tile and from plain windows of the ground, across the border."""
    frozen = plan_of_tiles(posting, border_posts(posting), [scene()])
    live = parts()
    mapped = run.map_tiles(frozen, live)
    whole = HashClassifier(card=fake_card())
    for entry in frozen.tiles:
        tile_map = map_of(live.store.read("map", mapped.keys[entry.tile.name]))
        grid = entry.tile.posts(posting)
        for row, column in np.argwhere(entry.area.wanted):
            square = PixelGrid(
                epsg=grid.epsg,
                west=int(grid.west + (column + 0.5) * posting - 160),
                north=int(grid.north - (row + 0.5) * posting + 160),
                metres=10,
                width=32,
                height=32,
            )
            patch = (ground(square).transpose(1, 2, 0) * np.float32(1e-4)).astype(np.float32)
            expected = whole.classify(patch[None]).probabilities[0]
            assert tile_map.lcz[row, column] == expected.argmax() + 1
            np.testing.assert_allclose(tile_map.probabilities[row, column] / 250, expected, atol=0.0061)


def test_what_is_wanted_of_a_tile_changes_no_value() -> None:
    side = posts_across(320)
    everything = plan_of_tiles(320, {WEST: list(itertools.product(range(side), range(0, side, 8)))}, [scene()])
    little = plan_of_tiles(320, {WEST: [(5, 8), (7, 16)]}, [scene()])
    maps: list[TileMap] = []
    for frozen in (everything, little):
        live = parts()
        seen = observe(frozen.tiles[0], frozen, live.imagery)
        maps.append(interpret(seen, frozen.tiles[0], frozen, live))
    for row, column in ((5, 8), (7, 16)):
        np.testing.assert_array_equal(maps[0].probabilities[row, column], maps[1].probabilities[row, column])
    assert (maps[1].quality != 65535).sum() == 2
    assert (maps[1].lcz > 0).sum() == 2


@settings(max_examples=8)
@given(st.permutations(range(4)))
def test_the_order_of_tiles_changes_no_byte(order: list[int]) -> None:
    wanted = {
        Tile(epsg=32633, column=30 + column, row=454 + row): [(0, 0), (5, 5)] for row in (0, 1) for column in (0, 1)
    }
    frozen = plan_of_tiles(320, wanted, [scene()])
    shuffled = replace(frozen, tiles=tuple(frozen.tiles[index] for index in order))
    first, second = parts(), parts()
    assert bytes_of(first, dict(run.map_tiles(frozen, first).keys)) == bytes_of(
        second, dict(run.map_tiles(shuffled, second).keys)
    )


class Killed(BaseException):
    """Stands in for a signal that nothing can catch."""


class MortalStore(MemoryStore):
    """A store whose process dies just before or just after one of its writes."""

    count: int = 0
    next_death: tuple[int, bool] = (0, False)

    def write(self, kind: RecordKind, key: str, record: Record) -> None:
        self.count += 1
        at, after = self.next_death
        if self.count == at and not after:
            raise Killed
        super().write(kind, key, record)
        if self.count == at and after:
            raise Killed


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=6))
def test_killed_and_resumed_is_the_same_map_and_no_finished_tile_is_computed_again(
    deaths: list[tuple[int, bool]],
) -> None:
    wanted = {Tile(epsg=32633, column=30 + column, row=454): [(0, 0), (5, 5)] for column in range(3)}
    frozen = plan_of_tiles(320, wanted, [scene()])
    undisturbed = parts()
    expected = bytes_of(undisturbed, dict(run.map_tiles(frozen, undisturbed).keys))

    store = MortalStore()
    for death in [*deaths, (0, False)]:
        store.count, store.next_death = 0, death
        classifier = HashClassifier(card=fake_card())
        live = Parts(imagery=GroundImagery(rules=frozen.source), sentinel=classifier, store=store)
        standing = {key for kind, key in store.records if kind == "map"}
        try:
            mapped = run.map_tiles(frozen, live)
        except Killed:
            for thread in threading.enumerate():  # a process that dies takes its reader with it
                if thread.name.startswith("observe"):
                    thread.join()
            continue
        assert mapped.computed == len(frozen.tiles) - len(standing)
        assert sum(classifier.sizes) == 2 * mapped.computed
        assert bytes_of(live, dict(mapped.keys)) == expected
        assert len(store.written) == len(set(store.written)), "a record was written twice"
        break


def test_whoever_interrupts_is_not_kept_waiting_for_the_tile_that_is_read_ahead() -> None:
    answered = threading.Event()

    class Slow(GroundImagery):
        def composite(self, grid, scenes, items, method):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
            if self.looked:
                answered.wait(20)
            return super().composite(grid, scenes, items, method)

    class Interrupted(HashClassifier):
        def classify(self, patches: np.ndarray) -> Verdicts:
            del patches
            raise KeyboardInterrupt

    frozen = plan_of_tiles(320, {WEST: [(0, 0)], EAST: [(0, 0)]}, [scene()])
    live = replace(parts(Slow(rules=frozen.source)), sentinel=Interrupted(card=fake_card()))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run.map_tiles(frozen, live)
    waited = time.monotonic() - began
    answered.set()
    assert waited < 10


def test_a_kept_observation_is_not_read_again() -> None:
    frozen = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    live = parts()
    run.map_tiles(frozen, live)
    finer = replace(frozen, models=(ModelFile(role="sentinel", name="better", sha256="1" * 64),))
    imagery = GroundImagery(rules=frozen.source)
    run.map_tiles(finer, replace(live, imagery=imagery))
    assert imagery.looked == []
    assert map_key(finer, finer.tiles[0]) != map_key(frozen, frozen.tiles[0])


class HalfBrokenImagery(GroundImagery):
    """One item of this source turns out to be truncated."""

    def composite(self, grid, scenes, items, method):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
        for each in scenes:
            if each.id.startswith("BROKEN"):
                raise BrokenAssetError(f"B04 of {each.id} is truncated.", item_id=each.id)
        return super().composite(grid, scenes, items, method)


def test_an_unreadable_item_leaves_the_whole_plan() -> None:
    frozen = plan_of_tiles(320, {WEST: [(0, 0)], EAST: [(0, 0)]}, [scene(), scene("BROKEN_33UUU")])
    live = parts(HalfBrokenImagery(rules=frozen.source))
    mapped = run.map_tiles(frozen, live)
    assert [entry.scene_ids for entry in mapped.plan.tiles] == [(scene().id,), (scene().id,)]
    assert [entry.id for entry in mapped.plan.skipped] == ["BROKEN_33UUU"]
    never = plan_of_tiles(320, {WEST: [(0, 0)], EAST: [(0, 0)]}, [scene()])
    assert mapped.keys == {entry.tile.name: map_key(never, entry) for entry in never.tiles}


def test_an_unreadable_item_without_substitute_ends_the_run() -> None:
    frozen = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene("BROKEN_33UUU")])
    with pytest.raises(BrokenAssetError, match="truncated") as caught:
        run.map_tiles(frozen, parts(HalfBrokenImagery(rules=frozen.source)))
    assert caught.value.exit_code == 5
    with pytest.raises(NoImageryError):
        frozen.without("BROKEN_33UUU", "truncated")


CHANGES: dict[str, Callable[[Plan], Plan]] = {
    "posting": lambda it: replace(it, spec=replace(it.spec, posting=100)),
    "precision": lambda it: replace(it, spec=replace(it.spec, precision="bfloat16")),
    "model": lambda it: replace(it, models=(ModelFile(role="sentinel", name="fake", sha256="1" * 64),)),
    "temperature": lambda it: replace(it, models=tuple(replace(model, temperature=2.0) for model in it.models)),
    "reprocessed": lambda it: replace(it, scenes={key: replace(each, updated="x") for key, each in it.scenes.items()}),
    "offset": lambda it: replace(it, scenes={key: replace(each, offset_dn=-1000) for key, each in it.scenes.items()}),
    "classification": lambda it: replace(
        it, scenes={key: replace(each, has_scl=False) for key, each in it.scenes.items()}
    ),
    "day's mosaic": lambda it: replace(
        it, scenes={key: replace(each, solar_day=date(2024, 7, 2)) for key, each in it.scenes.items()}
    ),
    "zone": lambda it: replace(it, scenes={key: replace(each, epsg=32632) for key, each in it.scenes.items()}),
    "mask": lambda it: replace(it, spec=replace(it.spec, composite=CompositeMethod(dilation_metres=20))),
    "source": lambda it: replace(it, source=replace(it.source, offset_rule="none")),
}
SAME: dict[str, Callable[[Plan], Plan]] = {
    "weight of a lone stream": lambda it: replace(it, spec=replace(it.spec, sentinel_weight=0.5)),
    "name": lambda it: replace(it, place=replace(it.place, name="Elsewhere", slug="elsewhere")),
    "day": lambda it: replace(it, planned=date(2020, 2, 2)),
    "mirror": lambda it: replace(it, source=replace(it.source, url="https://mirror.example/v1", title="A mirror")),
    "label": lambda it: replace(it, spec=replace(it.spec, period=parse_period("2024-07", today=date(2026, 1, 1)))),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_pixels_changes_the_map_key(name: str) -> None:
    before = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    after = CHANGES[name](before)
    assert map_key(after, after.tiles[0]) != map_key(before, before.tiles[0])
    observed_anew = observation_key(after, after.tiles[0]) != observation_key(before, before.tiles[0])
    assert observed_anew == (
        name in {"reprocessed", "offset", "classification", "day's mosaic", "zone", "mask", "source"}
    )


@pytest.mark.parametrize("name", SAME)
def test_what_changes_no_pixel_changes_no_key(name: str) -> None:
    before = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    after = SAME[name](before)
    assert map_key(after, after.tiles[0]) == map_key(before, before.tiles[0])


def test_a_plan_is_carried_out_with_its_own_weights_or_not_at_all(tmp_path: Path) -> None:
    """Other weights under the same name would enter their map under the key of the old ones."""
    frozen = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    with pytest.raises(ModelCardError, match="plan was made with"):
        assemble.parts(frozen, Site(out=tmp_path))
    own = replace(frozen, models=assemble.model_files(frozen.spec, Site(out=tmp_path)))
    assert assemble.parts(own, Site(out=tmp_path)).sentinel.card.sha256 == own.models[0].sha256


def test_a_plan_is_replayed_by_its_own_rules_or_not_at_all(tmp_path: Path) -> None:
    frozen = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    other = replace(frozen, source=replace(frozen.source, offset_rule="none"))
    with pytest.raises(SpecError, match="rules"):
        run.replay(other, Site(out=tmp_path))
