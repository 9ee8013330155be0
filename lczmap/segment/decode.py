"""Decode point prompts of many frames in one batch, each on the whole embedding or on a crop around its point.

In: a `Sam`, the embeddings of some frames, prompts. Out: three masks a prompt with their predicted quality. Two
steps, since most masks are never looked at: `attend` says how good each mask would be, `draw` draws some. Built on
the decoder's own parts; on the whole embedding they equal `Sam.mask_decoder`, which takes one frame at a time.

Positions are counted from the corner of what is looked at and divided by the prompt encoder's own input size, so that
a smaller embedding and a crop keep the spacing that the network was trained with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from segment_anything.modeling.mask_decoder import MaskDecoder
    from segment_anything.modeling.prompt_encoder import PromptEncoder
    from segment_anything.modeling.sam import Sam


@dataclass(frozen=True, kw_only=True, eq=False)
class Prompts:
    """One foreground point each."""

    points: Tensor
    """(n, 2) x and y, pixels of the encoder's input; the centre of the first pixel is 0, 0."""
    frames: Tensor
    """(n,) int64, which embedding each belongs to."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Attended:
    """What the decoder knows of n prompts before any mask is drawn."""

    seen: Tensor
    """(n, h * w, channels) the tokens looked at."""
    kernels: Tensor
    """(n, 3, channels / 8) of each mask."""
    qualities: Tensor
    """(n, 3) IoU that each mask is predicted to have."""
    corners: Tensor
    """(n, 2) int64, row and column of the upper left token looked at; times four in mask pixels."""
    sides: tuple[int, int]
    """h and w, tokens."""


def attend(sam: Sam, embeddings: Tensor, prompts: Prompts, *, crop_tokens: int = 0) -> Attended:
    """Let prompts and image tokens look at each other.

    Args:
        sam: any configuration. Its quality head may have another dtype than the rest.
        embeddings: (f, channels, rows, columns), the encoder's.
        prompts: points and their frames.
        crop_tokens: side of the square of tokens around the point that is looked at, kept inside the embedding;
            0 or more than its side is the whole embedding.
    """
    look = looked_at(sam, embeddings, prompts, crop_tokens=crop_tokens)
    count = len(look.tokens)
    said, seen = sam.mask_decoder.transformer(
        look.crops.permute(0, 3, 1, 2),
        look.where.permute(2, 0, 1)[None].expand(count, -1, -1, -1),
        look.tokens,
    )
    return said_of(sam, said, seen, look)


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """What goes into the decoder's transformer."""

    crops: Tensor
    """(n, h, w, channels) the tokens looked at."""
    where: Tensor
    """(h, w, channels) their positional encoding."""
    tokens: Tensor
    """(n, 7, channels): of the quality, of four masks, the point, and the one that closes the list."""
    corners: Tensor
    """(n, 2) int64, row and column of the upper left token looked at."""


def looked_at(sam: Sam, embeddings: Tensor, prompts: Prompts, *, crop_tokens: int) -> Look:
    """The transformer's input; arguments as for `attend`."""
    rows, columns = embeddings.shape[2:]
    sides = (min(crop_tokens or rows, rows), min(crop_tokens or columns, columns))
    patch = int(sam.image_encoder.patch_embed.proj.stride[0])
    corners = crop_corners(prompts.points / patch, (rows, columns), sides)
    crops = _crops(embeddings, prompts.frames, corners, sides)
    crops = crops + sam.prompt_encoder.no_mask_embed.weight[0].to(crops.dtype)
    points = _point_tokens(sam.prompt_encoder, prompts.points + 0.5 - corners.flip(1) * patch).to(crops.dtype)
    decoder: MaskDecoder = sam.mask_decoder
    outputs = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight]).expand(len(points), -1, -1)
    return Look(
        crops=crops,
        where=_grid_encoding(sam.prompt_encoder, sides, patch).to(crops.dtype),
        tokens=torch.cat([outputs, points], dim=1),
        corners=corners,
    )


def said_of(sam: Sam, said: Tensor, seen: Tensor, look: Look) -> Attended:
    """Qualities and kernels from the transformer's output tokens (n, 7, channels) and image tokens."""
    decoder: MaskDecoder = sam.mask_decoder
    # the first mask token is for prompts that are not ambiguous; a single point is
    kinds = range(1, decoder.num_mask_tokens)
    head = decoder.iou_prediction_head
    dtype = cast("Tensor", head.layers[0].weight).dtype
    return Attended(
        seen=seen,
        kernels=torch.stack([decoder.output_hypernetworks_mlps[kind](said[:, 1 + kind]) for kind in kinds], dim=1),
        qualities=head(said[:, 0].to(dtype))[:, 1:],
        corners=look.corners,
        sides=(look.crops.shape[1], look.crops.shape[2]),
    )


def draw(sam: Sam, attended: Attended, chosen: Tensor | None = None) -> Tensor:
    """Logits (k, 3, 4h, 4w) of the masks of k chosen prompts, all where None; above 0 is inside."""
    seen, kernels = attended.seen, attended.kernels
    if chosen is not None:
        seen, kernels = seen[chosen], kernels[chosen]
    count, _, channels = seen.shape
    fine: Tensor = sam.mask_decoder.output_upscaling(seen.transpose(1, 2).view(count, channels, *attended.sides))
    return (kernels @ fine.flatten(2)).view(count, kernels.shape[1], *fine.shape[2:])


def crop_corners(places: Tensor, shape: tuple[int, int], sides: tuple[int, int]) -> Tensor:
    """(n, 2) row and column of the crops of `sides` tokens around points (n, 2), x and y in tokens."""
    most = torch.tensor([shape[0] - sides[0], shape[1] - sides[1]], device=places.device)
    half = torch.tensor([sides[0] / 2, sides[1] / 2], device=places.device)
    corners: Tensor = torch.round(places.flip(1) - half).long()
    return corners.clamp(min=0).minimum(most)


def _crops(embeddings: Tensor, frames: Tensor, corners: Tensor, sides: tuple[int, int]) -> Tensor:
    """(n, rows, columns, channels): the crop of each prompt, channels last."""
    tokens = embeddings.permute(0, 2, 3, 1).contiguous()
    height, width = tokens.shape[1:3]
    down = corners[:, :1] + torch.arange(sides[0], device=corners.device)
    across = corners[:, 1:] + torch.arange(sides[1], device=corners.device)
    flat = (frames[:, None, None] * height + down[:, :, None]) * width + across[:, None, :]
    return tokens.reshape(-1, tokens.shape[3])[flat]


def _grid_encoding(encoder: PromptEncoder, sides: tuple[int, int], patch: int) -> Tensor:
    """(rows, columns, channels) positional encoding of the tokens looked at."""
    device = encoder.no_mask_embed.weight.device
    down, across = ((torch.arange(side, device=device) + 0.5) * patch for side in sides)
    y, x = torch.meshgrid(down, across, indexing="ij")
    return _encoding(encoder, torch.stack([x, y], dim=2))


def _point_tokens(encoder: PromptEncoder, inside: Tensor) -> Tensor:
    """(n, 2, channels): a foreground point, pixels from the corner, and the token that closes the list."""
    foreground = cast("Tensor", encoder.point_embeddings[1].weight)
    point = _encoding(encoder, inside) + foreground
    closing = encoder.not_a_point_embed.weight.expand(len(inside), -1)
    return torch.stack([point, closing], dim=1)


def _encoding(encoder: PromptEncoder, pixels: Tensor) -> Tensor:
    """Random Fourier features of places x, y, always in float32: bfloat16 would blur them."""
    height, width = encoder.input_image_size
    share = pixels.float() / torch.tensor([width, height], device=pixels.device)
    frequencies = cast("Tensor", encoder.pe_layer.positional_encoding_gaussian_matrix).float()
    angles = 2 * math.pi * ((2 * share - 1) @ frequencies)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
