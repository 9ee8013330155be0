"""Prompts of many embeddings decoded in lots of one size; only masks of the predicted quality asked for are drawn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lczmap.segment.decode import Prompts, attend, draw
from lczmap.segment.decode_fast import attend_fast, draw_fast, foldable
from lczmap.segment.network import Network
from lczmap.segment.vision import segment_anything


@dataclass(frozen=True, kw_only=True)
class Batches:
    """How much is computed at once: changes the last bits of a result at most."""

    prompts: int
    """Prompts decoded at once; the last lot is filled up with its last prompt."""
    frames: int
    """Frames whose prompts are decoded together."""
    encoded: int
    """Frames or crops encoded at once; the last lot is filled up with its last one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """k masks, of the earlier prompt first."""

    frames: Tensor
    """(k,) int64, which embedding each belongs to."""
    qualities: Tensor
    """(k,) float32 predicted IoU."""
    corners: Tensor
    """(k, 2) int64 row and column of the upper left token of what it was decoded on."""
    logits: Tensor
    """(k, 4c, 4c) of what it was decoded on, or whatever became of them."""

    def __len__(self) -> int:
        return len(self.qualities)

    def __getitem__(self, which: Tensor) -> "Candidates":
        return Candidates(
            frames=self.frames[which],
            qualities=self.qualities[which],
            corners=self.corners[which],
            logits=self.logits[which],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoder:
    """A network that draws masks of at least some quality."""

    network: Network
    """What decodes."""
    size: int
    """Prompts at once."""
    crop_tokens: int
    """Side of what a prompt is decoded on, tokens; 0 is the whole embedding."""
    least_quality: float
    """Masks of no better predicted IoU are not drawn."""

    def candidates(
        self, embeddings: Tensor, prompts: Prompts, *, thinned: Callable[[Candidates], Candidates]
    ) -> Candidates:
        """What is left of all prompts' masks after each lot has been thinned out."""
        starts = range(0, len(prompts.frames), self.size)
        lots = [thinned(self._lot(embeddings, prompts, start)) for start in starts]
        return Candidates(
            frames=torch.cat([lot.frames for lot in lots]),
            qualities=torch.cat([lot.qualities for lot in lots]),
            corners=torch.cat([lot.corners for lot in lots]),
            logits=torch.cat([lot.logits for lot in lots]),
        )

    def _lot(self, embeddings: Tensor, prompts: Prompts, start: int) -> Candidates:
        """The good masks of one lot of prompts."""
        device = self.network.device
        lot = torch.arange(start, start + self.size).clamp(max=len(prompts.frames) - 1)
        frames = prompts.frames[lot].to(device)
        attend_here, draw_here = (attend_fast, draw_fast) if foldable(self.network.sam) else (attend, draw)
        attended = attend_here(
            self.network.sam,
            embeddings,
            Prompts(points=prompts.points[lot].to(device), frames=frames),
            crop_tokens=self.crop_tokens,
        )
        qualities = attended.qualities.float()
        # segment-anything does not look at qualities where the threshold is 0
        good = qualities > (self.least_quality or -torch.inf)
        good[len(prompts.frames) - start :] = False
        # all three masks of a prompt are drawn where one of them is good
        drawn = good.any(1).nonzero()[:, 0]
        row, kind = good[drawn].nonzero(as_tuple=True)
        which = drawn[row]
        return Candidates(
            frames=frames[which],
            qualities=qualities[which, kind],
            corners=attended.corners[which],
            logits=draw_here(self.network.sam, attended, drawn)[row, kind],
        )


def filled(count: int, size: int) -> Iterator[NDArray[np.intp]]:
    """Indices 0..count-1 in lots of one size, the last one filled up with the last index."""
    for start in range(0, count, size):
        yield np.minimum(np.arange(start, start + size), count - 1)


def suppressed(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Indices of the boxes (k, 4) that no better one overlaps by more than a threshold, best first."""
    nms = segment_anything().automatic_mask_generator.batched_nms
    kept: Tensor = nms(boxes.float(), scores, torch.zeros_like(scores), iou_threshold=threshold)
    return kept
