"""The stand-in for torchvision says what torchvision would say."""

import numpy as np
import pytest
import torch

from lczmap.segment.vision import batched_nms, box_area, resize, segment_anything, stand_in, to_pil_image


def plain_nms(boxes: np.ndarray, scores: np.ndarray, groups: np.ndarray, threshold: float) -> list[int]:
    """One box after the other against all that stayed."""
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        left, top, right, bottom = boxes[index]
        free = True
        for other in kept:
            wide = min(right, boxes[other, 2]) - max(left, boxes[other, 0])
            high = min(bottom, boxes[other, 3]) - max(top, boxes[other, 1])
            shared = max(wide, 0) * max(high, 0)
            areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (boxes[index], boxes[other])]
            if groups[index] == groups[other] and shared > threshold * (sum(areas) - shared):
                free = False
        if free:
            kept.append(int(index))
    return kept


@pytest.mark.parametrize("seed", range(4))
def test_suppression_equals_one_box_after_the_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 40, (200, 2))
    boxes = np.concatenate([corner, corner + rng.integers(1, 30, (200, 2))], axis=1).astype(np.float32)
    scores = np.round(rng.random(200), 2).astype(np.float32)  # with ties
    groups = rng.integers(0, 2, 200)
    got = batched_nms(torch.tensor(boxes), torch.tensor(scores), torch.tensor(groups), 0.4)
    assert got.tolist() == plain_nms(boxes, scores, groups, 0.4)


def test_no_boxes_stay_none() -> None:
    assert batched_nms(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0), 0.5).shape == (0,)


def test_areas_are_width_times_height() -> None:
    assert box_area(torch.tensor([[1.0, 2.0, 4.0, 7.0]])).tolist() == [15.0]


def test_resizing_takes_rows_before_columns_and_keeps_a_flat_colour() -> None:
    grey = resize(to_pil_image(np.full((8, 6, 3), 77, np.uint8)), (20, 30))
    assert np.array_equal(np.asarray(grey), np.full((20, 30, 3), 77))


def test_segment_anything_is_here_and_finds_four_functions_under_these_names() -> None:
    assert segment_anything().SamAutomaticMaskGenerator is not None
    modules = stand_in()
    boxes = modules["torchvision"].ops.boxes
    assert boxes is modules["torchvision.ops.boxes"]
    assert {name for module in modules.values() for name in vars(module) if callable(vars(module)[name])} >= {
        "batched_nms",
        "box_area",
        "resize",
        "to_pil_image",
    }
