"""Window mode: its prompts are the zone's, its instances do not depend on what came along or how much at once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from lczmap.segment.lots import Batches
from lczmap.segment.network import fitted, ready
from lczmap.segment.prompts import seen_points, window_points
from lczmap.segment.segmenter import sam_segmenter, segmenter_from
from lczmap.segment.window import WindowSegmenter
from lczmap.things.frames import Reach, frames_of
from lczmap.things.instances import Instances
from lczmap.words.errors import SpecError, WeightsError
from lczmap.words.grid import POSTINGS, Tile, posts_across
from lczmap.words.segmenter import SegmenterSpec
from tests.segmenting import blob_sam, blocks

CPU = torch.device("cpu")
SPEC = SegmenterSpec(
    name="window",
    network="sam-tiny",
    core_metres=320,
    pitch_metres=40,
    crop_tokens=12,
    precision="float32",
    iou_threshold=0.5,
    stability_threshold=0.6,
)
SIDE = SPEC.frame_metres
CORE: Reach = (160, 160, 480, 480)
BATCHES = Batches(prompts=24, frames=3, encoded=1)


def cut(
    pictures: NDArray[np.uint8], spec: SegmenterSpec = SPEC, batches: Batches = BATCHES, reach: Reach = CORE
) -> list[Instances]:
    # positions count in units of what a prompt is decoded on
    unit = 8 * spec.crop_tokens or round(spec.frame_metres * spec.scale)
    segmenter = WindowSegmenter(spec, ready(blob_sam(unit), spec.precision, CPU), batches)
    return list(segmenter.segment(pictures, [reach] * len(pictures)))


def alike(one: Instances, other: Instances) -> float:
    """Share of the first one's instances that the second has too, to an IoU of 0.9."""
    one_, other_ = (
        csr_array(
            (np.ones(len(each.pixels), np.int32), each.pixels, each.starts), (len(each), each.rows * each.columns)
        )
        for each in (one, other)
    )
    shared = (one_ @ other_.T).toarray()
    union = np.diff(one.starts)[:, None] + np.diff(other.starts)[None] - shared
    return float(((shared / union).max(axis=1, initial=0) > 0.9).mean())


@pytest.mark.parametrize("posting", POSTINGS)
def test_prompts_of_neighbouring_windows_are_one_lattice(posting: int) -> None:
    spec = replace(SPEC, core_metres=640, pitch_metres=80 / 3)
    side = posts_across(posting)
    tile = Tile(epsg=32633, column=3, row=4)
    places: dict[tuple[int, int], set[tuple[float, float]]] = {}
    for frame in list(frames_of(tile, posting, np.ones((side, side), np.bool_), spec))[:25]:
        points = window_points(spec, frame.reach)
        top, left, bottom, right = frame.reach
        assert ((points >= [left, top]) & (points < [right, bottom])).all()
        assert len(points) >= 576
        zone = np.round(np.array([frame.grid.west, -frame.grid.north]) + points, 6)
        steps = (zone / (80 / 3)) - 0.5
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
        places[frame.grid.west, frame.grid.north] = set(map(tuple, zone))
    first, second = list(places.values())[:2]
    shared = len(first & second)
    # at finer postings squares reach into the next window, which is prompted there at the same places
    assert (shared == 0) == (posting == 320)


def test_prompts_do_not_depend_on_wanted_posts() -> None:
    tile = Tile(epsg=32633, column=0, row=0)
    whole = {frame.grid: frame.reach for frame in frames_of(tile, 100, np.ones((128, 128), np.bool_), SPEC)}
    few = np.zeros((128, 128), np.bool_)
    few[5, 7] = few[90, 33] = True
    for frame in frames_of(tile, 100, few, SPEC):
        assert frame.reach == whole[frame.grid]


def test_instances_come_best_first_and_within_the_frame() -> None:
    (found,) = cut(blocks(SIDE))
    assert len(found) > 10
    assert (np.diff(found.scores) <= 0).all()
    assert (found.rows, found.columns, found.metres) == (SIDE // 2, SIDE // 2, 2)
    assert found.pixels.min() >= 0
    assert found.pixels.max() < found.rows * found.columns
    assert (np.diff(found.starts) > 0).all()
    for index in range(len(found)):
        assert (np.diff(found.pixels[found.starts[index] : found.starts[index + 1]]) > 0).all()
    assert (found.areas >= SPEC.least_metres2).any()


def test_instances_lie_around_their_prompts() -> None:
    # one prompt only: what it finds holds the prompt or lies beside it
    reach = (300, 200, 340, 240)
    (found,) = cut(blocks(SIDE), replace(SPEC, iou_threshold=0, stability_threshold=0, nms_threshold=1), reach=reach)
    (point,) = window_points(SPEC, reach)
    rows, columns = np.divmod(found.pixels, found.columns)
    assert np.hypot(rows.mean() * 2 - point[1], columns.mean() * 2 - point[0]) < 24


def test_batches_change_nothing() -> None:
    pictures = blocks(SIDE, count=3)
    some = cut(pictures)
    for batches in (Batches(prompts=11, frames=1, encoded=1), Batches(prompts=300, frames=4, encoded=3)):
        for one, other in zip(some, cut(pictures, batches=batches), strict=True):
            assert len(one) == len(other)
            np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
            # pixels whose logit is 0 to the last bits may fall either way
            assert abs(len(one.pixels) - len(other.pixels)) <= 3
            assert alike(one, other) == 1


def test_frames_do_not_depend_on_their_companions() -> None:
    pictures = blocks(SIDE, count=3)
    together = cut(pictures)
    for picture, one in zip(pictures, together, strict=True):
        (alone,) = cut(picture[None])
        assert alike(one, alone) == alike(alone, one) == 1


def test_overlapping_frames_agree_where_both_are_prompted() -> None:
    # the encoder sees whole windows of 30 tokens: frames that are shifted by as much, prompted at the same places
    (wide,) = blocks(SIDE + 240)
    pictures = np.stack([wide[:SIDE, :SIDE], wide[:SIDE, 240 : 240 + SIDE]])
    spec = replace(SPEC, context_metres=160)
    segmenter = WindowSegmenter(spec, ready(blob_sam(96), "float32", CPU), BATCHES)
    left, right = segmenter.segment(pictures, [(280, 400, 360, 480), (280, 160, 360, 240)])
    shifted = replace(right, pixels=right.pixels + 120)
    assert len(left) > 0
    assert alike(left, shifted) > 0.8


def test_what_no_prompt_looks_at_changes_nothing() -> None:
    """Encoded is what prompts within the reach can look at; beyond lies another town, and nobody notices."""
    spec = replace(SPEC, crop_tokens=8, context_metres=240)
    side, reach = spec.frame_metres, (240, 240, 560, 560)
    (here,) = blocks(side)
    elsewhere = blocks(side, seed=5)[0]
    # half of what a prompt is decoded on, and two tokens for the rounding
    near = slice(240 - 8 * 6, 560 + 8 * 6)
    elsewhere[near, near] = here[near, near]
    one, other = cut(np.stack([here, elsewhere]), spec, reach=reach)
    assert len(one) > 0
    assert len(one) == len(other)
    np.testing.assert_array_equal(one.pixels, other.pixels)


def test_bfloat16_finds_nearly_the_same() -> None:
    pictures = blocks(SIDE)
    (exact,), (short,) = cut(pictures), cut(pictures, replace(SPEC, precision="bfloat16"))
    assert alike(exact, short) > 0.8
    assert alike(short, exact) > 0.8


def test_no_data_is_not_prompted() -> None:
    picture = blocks(SIDE)[0]
    picture[:, : SIDE // 2] = 0
    points = window_points(SPEC, CORE)
    assert (seen_points(points, picture) == (points[:, 0] >= SIDE // 2)).all()
    found = cut(np.stack([np.zeros_like(picture), picture, np.zeros_like(picture)]))
    assert [len(each) > 0 for each in found] == [False, True, False]
    assert all((each.rows, each.metres) == (SIDE // 2, 2) for each in found)


def test_nothing_good_is_no_instance() -> None:
    (found,) = cut(blocks(SIDE), replace(SPEC, iou_threshold=1.0, stability_threshold=1.0))
    assert len(found) == 0
    assert found.starts.tolist() == [0]
    assert cut(np.zeros((0, SIDE, SIDE, 3), np.uint8)) == []


@pytest.mark.parametrize("settings", [{"scale": 1.25, "crop_tokens": 0}, {"grain_metres": 5}, {"scale": 2.0}])
def test_scale_and_grain_move_nothing(settings: dict[str, float]) -> None:
    spec = SPEC.changed(settings)
    reach = (300, 200, 340, 240)
    loose = spec.changed({"iou_threshold": 0, "stability_threshold": 0, "nms_threshold": 1.0})
    (found,) = cut(blocks(SIDE), loose, reach=reach)
    (point,) = window_points(spec, reach)
    rows, columns = np.divmod(found.pixels, found.columns)
    grain = spec.grain_metres
    assert found.rows == SIDE // grain
    # the median: on a whole embedding, positions far away may be alike by chance
    assert np.hypot((np.median(rows) + 0.5) * grain - point[1], (np.median(columns) + 0.5) * grain - point[0]) < 24


def test_pictures_of_another_side_are_refused() -> None:
    with pytest.raises(SpecError, match=r"expected uint8 \(n, 640, 640, 3\)"):
        cut(blocks(320))


def test_scales_without_whole_pixels_are_refused() -> None:
    with pytest.raises(SpecError, match="whole pixels"):
        cut(blocks(SIDE), replace(SPEC, scale=1.001))


def test_positions_are_interpolated_for_another_side() -> None:
    from lczmap.segment.vision import segment_anything  # noqa: PLC0415 - its encoder with positions

    modeling = segment_anything().modeling
    encoder = modeling.ImageEncoderViT(
        img_size=64, patch_size=8, embed_dim=16, depth=1, num_heads=2, out_chans=32, use_rel_pos=True
    )
    torch.nn.init.normal_(encoder.pos_embed)
    prompts = modeling.PromptEncoder(
        embed_dim=32, image_embedding_size=(8, 8), input_image_size=(64, 64), mask_in_chans=16
    )
    sam = fitted(modeling.Sam(encoder, prompts, blob_sam().mask_decoder), 96)
    assert sam.image_encoder.pos_embed.shape == (1, 12, 12, 16)
    network = ready(sam, "float32", CPU)
    assert network.fixed
    assert network.embed(blocks(90), 90).shape == (1, 32, 12, 12)


def test_modes_and_networks_by_spec() -> None:
    network = ready(blob_sam(96), "float32", CPU)
    assert isinstance(sam_segmenter(SPEC, network), WindowSegmenter)
    assert sam_segmenter(replace(SPEC, mode="cell"), network).spec.mode == "cell"
    assert segmenter_from(SegmenterSpec(name="s", network="slic"), weights=None, device=CPU).spec.network == "slic"
    with pytest.raises(WeightsError, match="checkpoint of vit_b"):
        segmenter_from(SegmenterSpec(name="s", network="vit_b"), weights=None, device=CPU)
