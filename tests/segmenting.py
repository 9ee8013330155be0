"""Networks of segment-anything's classes whose masks are blobs around their prompts, and pictures to cut with them.

Random weights alone give masks that fill the picture. Here only the encoder, the prompt encoder and the quality head
are random; where the decoder's transformer stands, tokens are scored by how near they lie to the prompt and by what
the encoder says of them.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lczmap.segment.tiny import TinyShape, tiny_sam

if TYPE_CHECKING:
    from segment_anything.modeling.sam import Sam

SMALL = TinyShape(
    width=24, windows=(5, 6), heads=2, channels=32, decoder_heads=2, decoder_mlp=32, pixel_channels=(8, 4)
)
POINT = 5
"""Place of the prompt among the decoder's tokens: after the quality's and four masks'."""


class Near(nn.Module):
    """In the place of the transformer: the first channel says how near and how alike a token is, the second is one."""

    def forward(self, image: Tensor, positions: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        count, channels = image.shape[:2]
        near = torch.einsum("nchw,nc->nhw", positions, tokens[:, POINT]) / (channels / 2)
        detail = image[:, 0] - image[:, 0].mean((1, 2), keepdim=True)
        score = (20 * (near - 0.5) + 2 * detail).flatten(1)
        keys = torch.zeros(count, score.shape[1], channels, dtype=image.dtype, device=image.device)
        keys[..., 0], keys[..., 1] = score, 1
        # what the quality is made of: the picture within the blob, and the prompt
        weights = functional.softmax(score, dim=1)
        seen = torch.einsum("nk,nck->nc", weights, image.flatten(2))
        return tokens + seen[:, None], keys


class Enlarged(nn.Module):
    """In the place of the upscaling: four pixels a token, bilinear."""

    def forward(self, keys: Tensor) -> Tensor:
        return functional.interpolate(keys[:, : keys.shape[1] // 8], scale_factor=4, mode="bilinear")


def blob_sam(side: int = 192, *, seed: int = 1) -> "Sam":
    """A network for pictures of 8 px tokens; its three masks of a prompt differ in size."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        sam = tiny_sam(side, SMALL)
        decoder = sam.mask_decoder
        decoder.transformer, decoder.output_upscaling = Near(), Enlarged()
        with torch.no_grad():
            sam.prompt_encoder.point_embeddings[1].weight.zero_()
            for kind, network in enumerate(decoder.output_hypernetworks_mlps):
                last = network.layers[-1]
                last.weight.zero_()
                last.bias.copy_(torch.tensor([1.0, 4.0 * (kind - 2), 0.0, 0.0]))
            head = decoder.iou_prediction_head.layers[-1]
            head.weight.mul_(1.5)
            head.bias.add_(0.7)
    return sam


def blocks(side: int, *, block: int = 12, seed: int = 0, count: int = 1) -> NDArray[np.uint8]:
    """(count, side, side, 3) pictures of coloured blocks, none of them black."""
    tones = np.random.default_rng(seed).integers(1, 256, (count, -(-side // block), -(-side // block), 3), np.uint8)
    return tones.repeat(block, 1).repeat(block, 2)[:, :side, :side]
