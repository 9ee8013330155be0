"""sam-tiny: a small configuration of segment-anything's own classes, for pictures of 1 m.

In: a configuration. Out: a `Sam` of any side, without weights or with those of a safetensors file. One token sees
8 px, and the masks have four pixels a token's side. Attention stays within windows of two sizes in turn, so that
the borders of one are bridged by the next; relative positions only, so the picture may have any side.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from lczmap.segment.vision import segment_anything
from lczmap.weights import read_weights

if TYPE_CHECKING:
    from segment_anything.modeling.sam import Sam


PATCH = 8
"""Side of a token, pixels."""


class Stem(nn.Sequential):
    """Three convolutions of stride 2 in place of one of stride 8, which is easier to train.

    Source: Xiao et al., Early convolutions help transformers see better (2021).
    """

    stride = (PATCH, PATCH)
    """Of a token, pixels, as a single convolution would say it."""

    def __init__(self, channels: tuple[int, int, int]) -> None:
        first, second, last = channels
        super().__init__(
            nn.Conv2d(3, first, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(second, last, 3, stride=2, padding=1),
        )


@dataclass(frozen=True, kw_only=True)
class TinyShape:
    """Sizes of the network."""

    stem: tuple[int, int] = (32, 64)
    """Channels at 2 and at 4 m."""
    width: int = 96
    """Channels of the encoder."""
    windows: tuple[int, ...] = (8, 10, 8, 10)
    """Side of the attention windows of each encoder block, tokens."""
    heads: int = 3
    """Attention heads of the encoder."""
    mlp_ratio: float = 3.0
    """Width of an encoder block's hidden layer over `width`."""
    channels: int = 64
    """Channels of the embedding and of the decoder."""
    decoder_depth: int = 2
    """Two-way blocks of the decoder."""
    decoder_heads: int = 2
    """Attention heads of the decoder."""
    pixel_channels: tuple[int, int] = (32, 32)
    """Channels of the decoder's pixels, two a token's side and four; the second is the length of a mask's kernel."""
    decoder_mlp: int = 128
    """Hidden width of the decoder's blocks and of its quality head."""


TINY = TinyShape()
"""The shipped network."""
_SIDE = 128


def tiny_sam(side: int = _SIDE, shape: TinyShape = TINY) -> Sam:
    """A `Sam` with random weights.

    Args:
        side: of the pictures that segment-anything's own generator shall enlarge to, and unit of positions, pixels:
            that of the crops it was trained on for `attend`, whatever the side of the frames.
        shape: sizes of the network.
    """
    modeling = segment_anything().modeling
    tokens = side // PATCH
    encoder = modeling.ImageEncoderViT(
        img_size=side,
        patch_size=PATCH,
        embed_dim=shape.width,
        depth=0,
        out_chans=shape.channels,
        use_abs_pos=False,
    )
    encoder.patch_embed.proj = Stem((*shape.stem, shape.width))
    encoder.blocks = nn.ModuleList(
        modeling.image_encoder.Block(
            dim=shape.width,
            num_heads=shape.heads,
            mlp_ratio=shape.mlp_ratio,
            use_rel_pos=True,
            window_size=window,
        )
        for window in shape.windows
    )
    decoder = modeling.MaskDecoder(
        transformer_dim=shape.channels,
        transformer=modeling.TwoWayTransformer(
            depth=shape.decoder_depth,
            embedding_dim=shape.channels,
            num_heads=shape.decoder_heads,
            mlp_dim=shape.decoder_mlp,
        ),
        num_multimask_outputs=3,
        iou_head_depth=3,
        iou_head_hidden_dim=shape.decoder_mlp,
    )
    # segment-anything gives pixels an eighth of the channels: of 64, too few to tell instances apart
    coarse, fine = shape.pixel_channels
    decoder.output_upscaling[0] = nn.ConvTranspose2d(shape.channels, coarse, kernel_size=2, stride=2)
    decoder.output_upscaling[1] = modeling.common.LayerNorm2d(coarse)
    decoder.output_upscaling[3] = nn.ConvTranspose2d(coarse, fine, kernel_size=2, stride=2)
    decoder.output_hypernetworks_mlps = nn.ModuleList(
        modeling.mask_decoder.MLP(shape.channels, shape.channels, fine, 3) for _ in range(decoder.num_mask_tokens)
    )
    sam: Sam = modeling.Sam(
        image_encoder=encoder,
        prompt_encoder=modeling.PromptEncoder(
            embed_dim=shape.channels,
            image_embedding_size=(tokens, tokens),
            input_image_size=(side, side),
            mask_in_chans=16,
        ),
        mask_decoder=decoder,
    )
    return sam.eval()


def load_tiny(path: Path, sha256: str, *, side: int = _SIDE) -> Sam:
    """The shipped network with its weights.

    Args:
        path: a safetensors file.
        sha256: digest that the model card gives.
        side: as for `tiny_sam`.

    Raises:
        WeightsError: the file is missing, altered or belongs to another network.
    """
    sam = tiny_sam(side)
    shapes = {name: tuple(tensor.shape) for name, tensor in sam.state_dict().items()}
    tensors = read_weights(path, sha256=sha256, shapes=shapes)
    sam.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in tensors.items()})
    return sam
