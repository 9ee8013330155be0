"""Small regions of masks: holes are filled and islands taken away, in batch on a device or one by one on a CPU.

A region is 8-connected, as segment-anything has it (`remove_small_regions`, on cv2's connected components). Both ways
give the same masks; the first wants no copy from a GPU, the second no iterations.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from lczmap.segment.masks import boxes_of

BOX_SIDES = (32, 64, 128, 256)
"""Sides of the squares in which masks are cleaned together, pixels."""
EIGHT = np.ones((3, 3), np.bool_)
"""Neighbours that belong to one region: all eight."""


def without_small_regions(masks: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """Masks (k, rows, columns) without holes and islands of fewer than `least` pixels; and (k,) which were changed.

    Holes go first. Where every island is small the largest stays (of equal ones the first, row by row). Background at
    the edge of the picture is a region like any other: pad what should not be filled.
    """
    if masks.device.type == "cpu":
        kept = [_cleaned(mask, least) for mask in masks.numpy()]
        if not kept:
            return masks, torch.zeros(0, dtype=torch.bool)
        cleaned = torch.from_numpy(np.stack(kept))
    else:
        cleaned = cleaned_in_batch(masks, least)
    return cleaned, (cleaned != masks).flatten(1).any(1)


def without_small_regions_inside(masks: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """The same where the masks' pictures go on beyond their edges: background that reaches an edge is no hole."""
    padded = functional.pad(masks, (1, 1, 1, 1))
    if masks.device.type == "cpu":
        cleaned, changed = without_small_regions(padded, least)
        return cleaned[:, 1:-1, 1:-1], changed
    cleaned = cleaned_in_boxes(padded, least)[:, 1:-1, 1:-1]
    return cleaned, (cleaned != masks).flatten(1).any(1)


def _cleaned(mask: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    """One mask: work goes on inside its box, whose surroundings are one region of background."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return mask if mask.size >= least else ~mask
    box = np.s_[max(rows[0] - 1, 0) : rows[-1] + 2, max(columns[0] - 1, 0) : columns[-1] + 2]
    last_row, last_column = len(mask) - 1, mask.shape[1] - 1
    across = (rows[0] == 0 and rows[-1] == last_row) or (columns[0] == 0 and columns[-1] == last_column)
    outside = mask.size - mask[box].size
    if across or outside < least:
        # what surrounds the box falls into parts, or is itself small: no shortcut
        return _without_islands(_without_holes(mask, least, (0, 0), outside=0), least)
    # a corner of the box that surely lies outside the mask
    corner = (0 if rows[0] > 0 else -1, 0 if columns[0] > 0 else -1)
    cleaned = mask.copy()
    cleaned[box] = _without_islands(_without_holes(mask[box], least, corner, outside=outside), least)
    return cleaned


def _without_holes(
    mask: NDArray[np.bool_], least: float, corner: tuple[int, int], *, outside: int
) -> NDArray[np.bool_]:
    """Fill small regions of background; the one at a corner goes on for `outside` pixels more."""
    regions, _ = ndimage.label(~mask, structure=EIGHT)
    sizes = np.bincount(regions.ravel())
    if outside:
        sizes[regions[corner]] += outside
    small = sizes < least
    small[0] = False
    return mask | small[regions] if small.any() else mask


def _without_islands(mask: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    regions, count = ndimage.label(mask, structure=EIGHT)
    if not count:
        return mask
    kept = np.bincount(regions.ravel(), minlength=count + 1) >= least
    kept[0] = False
    if not kept.any():
        kept[1 + int(np.argmax(np.bincount(regions.ravel())[1:]))] = True
    islands: NDArray[np.bool_] = kept[regions]
    return islands


def cleaned_in_boxes(masks: Tensor, least: float) -> Tensor:
    """Masks with an empty margin of a pixel, cleaned within squares that hold their boxes, small ones with small ones.

    What surrounds a mask counts as large.
    """
    cleaned = masks.clone()
    side = max(masks.shape[1:])
    wide = functional.pad(masks, (0, side, 0, side))
    boxes = boxes_of(masks)
    spans = (boxes[:, 2:] - boxes[:, :2]).amax(1) + 3 if len(masks) else boxes[:, 0]
    low = 0
    for square in (*(each for each in BOX_SIDES if each < side), side + 1):
        here = ((spans > low) & (spans <= square)).nonzero()[:, 0]
        low = square
        if not len(here):
            continue
        # the square begins in the margin, to the left of and above the box
        line = torch.arange(square, device=masks.device)
        rows, columns = ((boxes[here, axis] - 1).clamp(min=0)[:, None] + line for axis in (1, 0))
        place = (here[:, None, None], rows[:, :, None], columns[:, None, :])
        wide[place] = cleaned_in_batch(wide[place], least, open_corner=True)
        cleaned[here] = wide[here, : masks.shape[1], : masks.shape[2]]
    return cleaned


def cleaned_in_batch(masks: Tensor, least: float, *, open_corner: bool = False) -> Tensor:
    """All masks at once, wherever they lie.

    Args:
        masks: (k, rows, columns).
        least: pixels of a region that stays.
        open_corner: whether the background at the upper left corner goes on beyond the picture and is never filled.
    """
    if not masks.numel():
        return masks
    regions, sizes = _regions(~masks)
    # the first pixel's region has the highest label
    small = (sizes < least) & (regions != masks[0].numel()) if open_corner else sizes < least
    masks = masks | (~masks & small)
    regions, sizes = _regions(masks)
    big = masks & (sizes >= least)
    # of equal sizes the region whose first pixel comes first: labels are counted from the last pixel
    rank = torch.where(masks, sizes.long() * (masks[0].numel() + 1) + regions, 0).flatten(1)
    largest = masks & (regions == regions.flatten(1).gather(1, rank.argmax(1, keepdim=True))[:, :, None])
    return torch.where(big.flatten(1).any(1)[:, None, None], big, largest)


def _regions(masks: Tensor) -> tuple[Tensor, Tensor]:
    """Label of each pixel's region, 0 outside, and its number of pixels: (k, rows, columns) int64 both.

    Labels spread by the largest neighbour; each round also jumps to the label that stands at its label's own pixel,
    so that long windings take few rounds. A label is the number, counted from the last pixel, of its region's first.
    """
    count, rows, columns = masks.shape
    size = rows * columns
    numbers = torch.arange(size, 0, -1, device=masks.device, dtype=torch.float32).view(1, rows, columns)
    labels = numbers * masks
    while True:
        spread = functional.max_pool2d(labels[:, None], 3, stride=1, padding=1)[:, 0] * masks
        flat = spread.flatten(1)
        spread = flat.gather(1, (size - flat.long()).clamp(max=size - 1)).view_as(masks) * masks
        if torch.equal(spread, labels):
            break
        labels = spread
    whole = labels.long()
    tally = torch.zeros(count, size + 1, dtype=torch.int64, device=masks.device)
    tally.scatter_add_(1, whole.flatten(1), torch.ones_like(whole).flatten(1))
    return whole, tally.gather(1, whole.flatten(1)).view_as(whole)
