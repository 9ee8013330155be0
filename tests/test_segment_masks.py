"""Masks: regions as segment-anything removes them, boxes, stability and resampling as torch has them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from lczmap.segment.grain import grain_lines
from lczmap.segment.masks import bilinear, boxes_of, stability
from lczmap.segment.regions import (
    cleaned_in_batch,
    cleaned_in_boxes,
    without_small_regions,
    without_small_regions_inside,
)
from lczmap.segment.vision import segment_anything


def speckled(count: int, rows: int, columns: int, seed: int) -> torch.Tensor:
    """Masks with holes, islands, windings, and some that are empty or full."""
    rng = np.random.default_rng(seed)
    smooth = (
        rng.random((count, rows, columns))
        + 0.7 * rng.random((count, -(-rows // 4), -(-columns // 4))).repeat(4, 1).repeat(4, 2)[:, :rows, :columns]
    )
    masks = smooth > np.linspace(-0.1, 1.8, count)[:, None, None]
    # a box within the picture, so that what surrounds it counts
    masks[::2, :3] = False
    masks[::3, :, -4:] = False
    return torch.from_numpy(masks)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.sampled_from([(17, 23), (30, 30), (8, 40)]), st.sampled_from([1, 4, 12, 60, 900]))
def test_regions_are_removed_as_segment_anything_does(seed: int, shape: tuple[int, int], least: int) -> None:
    remove = segment_anything().utils.amg.remove_small_regions
    masks = speckled(9, *shape, seed)
    cleaned, changed = without_small_regions(masks, least)
    batch = cleaned_in_batch(masks, least)
    for mask, one, other, said in zip(masks.numpy(), cleaned.numpy(), batch.numpy(), changed, strict=True):
        filled, _ = remove(mask, least, mode="holes")
        if not filled.any():
            continue  # segment-anything takes no empty mask
        expected, _ = remove(filled, least, mode="islands")
        sizes_tie = one.sum() == expected.sum() < least
        assert (one == expected).all() or sizes_tie
        assert (other == one).all()
        assert bool(said) == bool((one != mask).any())


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([(17, 23), (70, 30), (40, 150)]), st.sampled_from([4, 12, 60]))
def test_regions_are_removed_alike_within_boxes(seed: int, shape: tuple[int, int], least: int) -> None:
    masks = speckled(9, *shape, seed)
    masks[1:4, shape[0] // 2 :] = False
    masks[2:6, :, shape[1] // 3 :] = False
    cleaned, _ = without_small_regions_inside(masks, least)
    boxed = cleaned_in_boxes(functional.pad(masks, (1, 1, 1, 1)), least)[:, 1:-1, 1:-1]
    assert (boxed == cleaned).all()
    # what touches an edge is no hole: as in a picture that goes on
    beyond, _ = without_small_regions(functional.pad(masks, (9, 9, 9, 9)), least)
    assert (beyond[:, 9:-9, 9:-9] == cleaned).all()


def test_no_masks_stay_none() -> None:
    none = torch.zeros(0, 5, 5, dtype=torch.bool)
    assert without_small_regions(none, 4)[0].shape == (0, 5, 5)
    assert cleaned_in_batch(none, 4).shape == (0, 5, 5)
    assert cleaned_in_boxes(none, 4).shape == (0, 5, 5)
    assert boxes_of(none).shape == (0, 4)


def test_long_windings_are_one_region() -> None:
    mask = torch.zeros(1, 41, 41, dtype=torch.bool)
    mask[0, ::4] = True
    mask[0, 2::8, -1] = mask[0, 1::8, -1] = mask[0, 3::8, -1] = True
    mask[0, 5::8, 0] = mask[0, 6::8, 0] = mask[0, 7::8, 0] = True
    assert (cleaned_in_batch(mask, 100) == mask).all()
    assert (without_small_regions(mask, 100)[0] == mask).all()


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_boxes_and_stability_are_segment_anythings(seed: int) -> None:
    amg = segment_anything().utils.amg
    logits = torch.randn(7, 9, 13, generator=torch.Generator().manual_seed(seed)) * 2
    logits[0] = -5.0
    logits[1, :, :4] = -5.0
    assert (boxes_of(logits > 0) == amg.batched_mask_to_box(logits > 0)).all()
    expected = amg.calculate_stability_score(logits, 0.0, 1.0).nan_to_num(0.0)
    torch.testing.assert_close(stability(logits), expected)


@pytest.mark.parametrize(("length", "given_"), [(40, 10), (10, 40), (23, 17), (7, 1)])
def test_bilinear_is_torchs(length: int, given_: int) -> None:
    values = torch.randn(1, 1, given_, given_)
    matrix = bilinear(length, given_, given_ / length)
    expected = functional.interpolate(values, (length, length), mode="bilinear", align_corners=False)[0, 0]
    torch.testing.assert_close(matrix @ values[0, 0] @ matrix.T, expected, atol=1e-5, rtol=1e-5)


def test_own_grain_is_not_resampled() -> None:
    lines = grain_lines(tokens=30, crop=6, token_metres=8.0, grain=2, side=120)
    logits = torch.randn(3, 24, 24)
    corners = torch.tensor([[0, 0], [24, 3], [5, 24]])
    assert lines.exact
    assert (lines.starts == 4 * torch.arange(25)).all()
    assert (lines.masks(logits, corners) == (logits > 0)).all()


@pytest.mark.parametrize("crop", [8, 20])
def test_crops_land_where_the_whole_does(crop: int) -> None:
    # a ramp over the whole embedding, and crops of it: the same pixels of the frame are inside
    tokens, token_metres, side = 20, 15.0, 150
    place = torch.arange(4 * tokens, dtype=torch.float32)
    whole = torch.sin(place / 5)[:, None] + torch.cos(place / 7)[None]
    lines = grain_lines(tokens=tokens, crop=tokens, token_metres=token_metres, grain=2, side=side)
    expected = lines.masks(whole[None], torch.zeros(1, 2, dtype=torch.long))[0]
    assert expected.shape == (side, side)
    parts = grain_lines(tokens=tokens, crop=crop, token_metres=token_metres, grain=2, side=side)
    for corner in torch.cartesian_prod(torch.arange(tokens - crop + 1), torch.arange(tokens - crop + 1)):
        top, left = (4 * corner).tolist()
        mask = parts.masks(whole[None, top : top + 4 * crop, left : left + 4 * crop], corner[None])[0]
        row, column = parts.starts[corner].tolist()
        there = expected[row : row + len(mask), column : column + mask.shape[1]]
        # within two pixels of a crop's edge its own samples end
        assert (mask == there)[3:-3, 3:-3].all()
