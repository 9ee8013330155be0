"""Which scenes of a tile are chosen, whatever their catalogue says or leaves out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import shapely

from lczmap.words.manifest import manifest_of, plan_of
from lczmap.words.scene import Scene, SceneItem, select_scenes, solar_day
from lczmap.words.spec import CompositeMethod
from tests.plans import WEST, plan_of_tiles, scene

BOX = shapely.box(13.0, 52.0, 13.2, 52.2)
METHOD = CompositeMethod(max_cloud_percent=40.0, max_solar_days=2)


def item(name: str, day: int = 0, *, footprint: shapely.Polygon = BOX, **fields: object) -> SceneItem:
    taken = datetime(2024, 7, 1, 10, tzinfo=UTC) + timedelta(days=day)
    base = replace(scene(name), taken=taken, solar_day=solar_day(taken, 15.0))
    return SceneItem(scene=replace(base, **fields), footprint=footprint, item="{}")  # type: ignore[arg-type]


def chosen(items: Sequence[SceneItem]) -> list[str]:
    names = [entry.scene.id for entry in select_scenes(items, BOX, METHOD)]
    assert names == [entry.scene.id for entry in select_scenes(items[::-1], BOX, METHOD)]
    return names


def test_an_old_copy_never_stands_in_for_a_cloudy_newest_one() -> None:
    old = item("a_0", baseline="03.01", cloud_percent=30.0)
    assert chosen([old]) == ["a_0"]
    assert chosen([old, item("a_1", cloud_percent=60.0)]) == []


def test_only_the_newest_processing_is_read() -> None:
    copies = [
        item("a_0", baseline="03.01", cloud_percent=3.0),
        item("a_1", updated="2024-07-03T00:00:00Z", cloud_percent=20.0),
        item("a_2", updated="2024-07-02T00:00:00Z", cloud_percent=5.0),
    ]
    assert chosen(copies) == ["a_1"]
    # its 20 % rank the day, not the 3 % of an older copy
    assert chosen([*copies, item("b", 1, cloud_percent=10.0), item("c", 2, cloud_percent=15.0)]) == ["b", "c"]


def test_two_parts_of_one_overpass_are_both_kept() -> None:
    """An orbit cut within an MGRS tile gives two items; some catalogues give both the time of the whole orbit."""
    south, north = shapely.box(13.0, 52.0, 13.2, 52.12), shapely.box(13.0, 52.1, 13.2, 52.2)
    assert chosen([item("south", footprint=south), item("north", footprint=north)]) == ["north", "south"]
    assert chosen([item("one"), item("next", taken=datetime(2024, 7, 1, 10, 0, 9, tzinfo=UTC))]) == ["next", "one"]


def test_items_that_state_no_cloud_are_kept_but_ranked_last() -> None:
    unknown = item("unknown", cloud_percent=None)
    cloudy = [item("b", 1, cloud_percent=39.0), item("c", 2, cloud_percent=40.0)]
    assert chosen([unknown, cloudy[0]]) == ["b", "unknown"]
    assert chosen([unknown, *cloudy]) == ["b", "c"]


def test_a_manifest_keeps_that_no_cloud_was_stated() -> None:
    silent: Scene = replace(scene(), cloud_percent=None)
    assert plan_of(manifest_of(plan_of_tiles(320, {WEST: [(0, 0)]}, [silent]))).scenes == {silent.id: silent}
