"""A manifest is the plan: it reads back to the same keys, and refuses to be edited."""

import tomllib
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lczmap.words.errors import SpecError
from lczmap.words.grid import Tile
from lczmap.words.manifest import manifest_of, plan_of
from lczmap.words.place import TileArea
from lczmap.words.plan import Plan, TilePlan, map_key, observation_key
from tests.plans import WEST, border_posts, plan_of_tiles, scene, vhr_image, with_vhr


def same(one: Plan, other: Plan) -> None:
    assert [map_key(one, tile) for tile in one.tiles] == [map_key(other, tile) for tile in other.tiles]
    assert [observation_key(one, tile) for tile in one.tiles] == [observation_key(other, tile) for tile in other.tiles]
    assert (one.spec, one.source, one.models, one.scenes) == (other.spec, other.source, other.models, other.scenes)
    assert (one.planned, one.skipped) == (other.planned, other.skipped)
    assert (one.vhr, one.segmenter, one.sentinel_weight) == (other.vhr, other.segmenter, other.sentinel_weight)
    assert one.place.slug == other.place.slug


def test_a_manifest_reads_back() -> None:
    frozen = plan_of_tiles(100, border_posts(100), [scene(), scene("S2B_33UUU_20240711_0_L2A")])
    same(plan_of(manifest_of(frozen)), frozen)


@given(arrays(np.bool_, (40, 40)))
def test_any_mask_reads_back(mask: np.ndarray) -> None:
    base = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    mask[0, 0] = True
    area = TileArea(tile=Tile(epsg=32733, column=-3, row=-1), wanted=mask)
    frozen = replace(base, tiles=(TilePlan(area=area, scene_ids=base.tiles[0].scene_ids),))
    read = plan_of(manifest_of(frozen))
    np.testing.assert_array_equal(read.tiles[0].area.wanted, mask)
    assert read.tiles[0].tile == area.tile


def test_an_edited_manifest_is_refused() -> None:
    text = manifest_of(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]))
    with pytest.raises(SpecError, match="edited"):
        plan_of(text.replace('precision = "float32"', 'precision = "bfloat16"'))


def test_another_recipe_is_refused() -> None:
    text = manifest_of(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]))
    with pytest.raises(SpecError, match="recipes"):
        plan_of(text.replace("observe = ", "observe = 9"))


@given(st.integers(0, 3000), st.integers(1, 40))
def test_a_damaged_manifest_is_refused_in_words(at: int, length: int) -> None:
    text = manifest_of(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]))
    damaged = text[:at] + text[at + length :]
    try:
        read = plan_of(damaged)
    except SpecError as error:
        assert str(error).startswith("The manifest ")  # noqa: PT017
    else:  # damage in a title, say, changes no pixel
        whole = plan_of(text)
        assert [map_key(read, tile) for tile in read.tiles] == [map_key(whole, tile) for tile in whole.tiles]


def test_a_manifest_holds_no_item_and_no_path() -> None:
    frozen = replace(
        plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]), items={scene().id: '{"href": "/secret/place?sig=abc"}'}
    )
    assert "secret" not in manifest_of(frozen)
    assert "sig=" not in manifest_of(frozen)


@pytest.mark.parametrize("taken", [None, date(2020, 2, 29)])
def test_a_second_stream_reads_back(taken: date | None) -> None:
    frozen = with_vhr(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]), vhr_image(taken))
    same(plan_of(manifest_of(frozen)), frozen)


def test_a_manifest_by_one_stream_says_nothing_of_a_second() -> None:
    alone = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    tables = tomllib.loads(manifest_of(alone))
    assert not {"vhr", "segmenter", "fusion"} & set(tables)
    assert {"vhr", "segmenter", "fusion"} <= set(tomllib.loads(manifest_of(with_vhr(alone))))


def test_a_manifest_from_before_the_second_stream_reads() -> None:
    frozen = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    tables = tomllib.loads(manifest_of(frozen))
    del tables["spec"]["segmenter_settings"]
    tables["spec"] |= {"segmenter": "none", "graph_model": "none"}
    read = plan_of(tomli_w.dumps(tables))
    assert [map_key(read, tile) for tile in read.tiles] == [map_key(frozen, tile) for tile in frozen.tiles]
    assert read.vhr is None


@pytest.mark.parametrize(
    ("written", "edited"),
    [
        ("sentinel_weight = 0.55", "sentinel_weight = 0.5"),
        ("pitch_metres = 26.7", "pitch_metres = 26.8"),
        ("sha256:" + "2" * 64, "sha256:" + "3" * 64),
        ("1200.25", "1200.0"),
    ],
)
def test_an_edited_second_stream_is_refused(written: str, edited: str) -> None:
    text = manifest_of(with_vhr(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])))
    assert text.count(written) == 1
    with pytest.raises(SpecError, match="edited"):
        plan_of(text.replace(written, edited))


@given(st.integers(0, 4200), st.integers(1, 40))
def test_a_damaged_second_stream_is_refused_in_words(at: int, length: int) -> None:
    frozen = with_vhr(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]))
    text = manifest_of(frozen)
    try:
        read = plan_of(text[:at] + text[at + length :])
    except SpecError as error:
        assert str(error).startswith("The manifest ")  # noqa: PT017
    else:
        assert [map_key(read, tile) for tile in read.tiles] == [map_key(frozen, tile) for tile in frozen.tiles]
