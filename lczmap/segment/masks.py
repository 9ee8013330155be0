"""Arithmetic on batches of masks: stability, boxes, bilinear resampling as a matrix.

Masks are (k, rows, columns), boxes (k, 4) as (left, top, right, bottom) with the last pixel included, as
segment-anything counts them. Nothing here knows frames or metres.
"""

import torch
from torch import Tensor

STABILITY_OFFSET = 1.0
"""Logits by which a mask's threshold is moved up and down to judge its stability (segment-anything's default)."""


def stability(logits: Tensor) -> Tensor:
    """(k,) IoU of each mask cut at +1 and at -1; 0 where it is empty at -1.

    segment-anything leaves NaN there, which no threshold above 0 lets pass: the same masks are kept.
    """
    inner = (logits > STABILITY_OFFSET).flatten(1).sum(1, dtype=torch.float32)
    outer = (logits > -STABILITY_OFFSET).flatten(1).sum(1, dtype=torch.float32)
    return inner / outer.clamp(min=1)


def boxes_of(masks: Tensor) -> Tensor:
    """(k, 4) int64 boxes of masks; zeros for an empty mask."""
    if not len(masks):
        return torch.zeros(0, 4, dtype=torch.int64, device=masks.device)
    ends = []
    for line in (masks.any(1), masks.any(2)):
        marks = line.to(torch.uint8)
        ends.append((marks.argmax(1), line.shape[1] - 1 - marks.flip(1).argmax(1), line.any(1)))
    (left, right, some), (top, bottom, _) = ends
    return torch.stack([left, top, right, bottom], dim=1) * some[:, None]


def bilinear(length: int, given: int, ratio: float) -> Tensor:
    """(length, given) float32 matrix that resamples a line of `given` samples bilinearly.

    Sample i of the result lies at `(i + 0.5) * ratio - 0.5` of the given ones, clamped to the first and the last: with
    ratio = given / length that is `torch.nn.functional.interpolate(align_corners=False)`.
    """
    place = ((torch.arange(length, dtype=torch.float64) + 0.5) * ratio - 0.5).clamp(0, given - 1)
    low = place.floor().long().clamp(max=max(given - 2, 0))
    share = place - low
    matrix = torch.zeros(length, given, dtype=torch.float64)
    rows = torch.arange(length)
    matrix[rows, low] += 1 - share
    matrix[rows, (low + 1).clamp(max=given - 1)] += share
    return matrix.float()
