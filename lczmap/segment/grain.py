"""From mask logits on a crop of tokens to masks at the grain of a frame.

A decoder gives four pixels a token, on the whole embedding or on a crop of it that begins at some token. A frame's
masks have a grain of whole metres. One small matrix for every possible corner carries the one to the other.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

MASK_PIXELS = 4
"""Mask pixels along a token's side, as segment-anything decodes them."""

CHUNK = 64
"""Masks that are resampled at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GrainLines:
    """How a line of mask pixels becomes a line of the frame, for each corner that a crop can have."""

    starts: Tensor
    """(corners,) int64, pixel of the frame at which the crop's line begins."""
    matrices: Tensor
    """(corners, length, 4c) float32 bilinear weights; rows of zeros beyond the crop or the frame."""
    exact: bool
    """Whether every matrix is the identity: the grain is the decoder's own."""

    def to(self, device: torch.device) -> "GrainLines":
        """The same lines on a device."""
        return replace(self, starts=self.starts.to(device), matrices=self.matrices.to(device))

    def masks(self, logits: Tensor, corners: Tensor) -> Tensor:
        """(k, length, length) masks of logits (k, 4c, 4c) on crops at corners (k, 2), row and column in tokens."""
        if self.exact:
            return logits > 0
        length = self.matrices.shape[1]
        masks = torch.empty(len(logits), length, length, dtype=torch.bool, device=logits.device)
        for start in range(0, len(logits), CHUNK):
            here = slice(start, start + CHUNK)
            down, across = (self.matrices[corners[here, axis]] for axis in (0, 1))
            masks[here] = (down @ logits[here].float() @ across.transpose(1, 2)) > 0
        return masks


def grain_lines(*, tokens: int, crop: int, token_metres: float, grain: int, side: int) -> GrainLines:
    """The lines of a frame.

    Args:
        tokens: along the embedding's side.
        crop: along the side of what a prompt is decoded on; equal to `tokens` for the whole.
        token_metres: side of a token.
        grain: pixel side of the frame's masks, metres.
        side: pixels along the frame's masks.
    """
    pixel = token_metres / MASK_PIXELS
    given = MASK_PIXELS * crop
    corners = torch.arange(tokens - crop + 1, dtype=torch.float64)
    begins = corners * token_metres
    starts = torch.floor(begins / grain + 1e-9).long()
    length = int(torch.ceil((begins + given * pixel) / grain - 1e-9).long().sub(starts).max())
    if length >= side:
        starts, length = torch.zeros_like(starts), side
    starts = starts.minimum(torch.tensor(side - length))
    centres = (starts[:, None] + torch.arange(length, dtype=torch.float64) + 0.5) * grain
    places = (centres - begins[:, None]) / pixel - 0.5
    within = (places > -0.5 - 1e-9) & (places < given - 0.5 + 1e-9)
    places = places.clamp(0, given - 1)
    low = places.floor().clamp(max=given - 2).long()
    share = places - low
    matrices = torch.zeros(len(corners), length, given, dtype=torch.float64)
    matrices.scatter_(2, low[:, :, None], (1 - share)[:, :, None])
    matrices.scatter_(2, low[:, :, None] + 1, share[:, :, None])
    matrices = (matrices * within[:, :, None]).float()
    exact = length == given and bool((matrices == torch.eye(given)).all())
    return GrainLines(starts=starts, matrices=matrices, exact=exact)
