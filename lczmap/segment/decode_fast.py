"""The decoder's exact shortcut: what it projects of the image is folded into its few tokens.

A prompt has seven tokens and looks at hundreds or thousands of image tokens. Of an attention between the two,
`softmax(Q K^T) V`, the image's side is never projected: `(t Wq)(x Wk)^T = (t Wq Wk^T) x^T`, and `P (x Wv) = (P x) Wv`,
so that the projections act on seven tokens only. Mask pixels are made by products on the last axis in place of
transposed convolutions. In and out as `lczmap.segment.decode`, which is the plain form; equal to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn import ConvTranspose2d, Module, Sequential, functional

from lczmap.segment.decode import Attended, Prompts, looked_at, said_of
from lczmap.segment.vision import segment_anything

if TYPE_CHECKING:
    from segment_anything.modeling.common import LayerNorm2d
    from segment_anything.modeling.sam import Sam
    from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock, TwoWayTransformer


def foldable(sam: Sam) -> bool:
    """Whether a decoder has the parts that are folded here."""
    modeling = segment_anything().modeling
    upscaling = sam.mask_decoder.output_upscaling
    return isinstance(sam.mask_decoder.transformer, modeling.TwoWayTransformer) and isinstance(upscaling, Sequential)


def attend_fast(sam: Sam, embeddings: Tensor, prompts: Prompts, *, crop_tokens: int = 0) -> Attended:
    """Let prompts and image tokens look at each other; see `lczmap.segment.decode.attend`."""
    look = looked_at(sam, embeddings, prompts, crop_tokens=crop_tokens)
    transformer = cast("TwoWayTransformer", sam.mask_decoder.transformer)
    layers = cast("Sequence[TwoWayAttentionBlock]", transformer.layers)
    prompt, keys = look.tokens, look.crops.flatten(1, 2)
    where = look.where.flatten(0, 1)
    queries = prompt
    for index, layer in enumerate(layers):
        if index:
            placed = queries + prompt
            queries = layer.norm1(queries + layer.self_attn(q=placed, k=placed, v=queries))
        else:
            queries = layer.norm1(layer.self_attn(q=queries, k=queries, v=queries))
        placed_keys = keys + where
        queries = layer.norm2(
            queries + tokens_to_image(layer.cross_attn_token_to_image, queries + prompt, placed_keys, keys)
        )
        queries = layer.norm3(queries + layer.mlp(queries))
        keys = layer.norm4(
            image_to_tokens(layer.cross_attn_image_to_token, keys, placed_keys, (queries + prompt, queries))
        )
    final = transformer.final_attn_token_to_image
    queries = transformer.norm_final_attn(queries + tokens_to_image(final, queries + prompt, keys + where, keys))
    return said_of(sam, queries, keys, look)


def tokens_to_image(attention: Attention, tokens: Tensor, placed: Tensor, image: Tensor) -> Tensor:
    """(n, t, c) what tokens (n, t, c) draw from image tokens: `placed` (n, k, c) are looked for, `image` is taken."""
    count, length, channels = tokens.shape
    heads, asked = attention.num_heads, _heads(attention.q_proj(tokens), attention.num_heads)
    width = asked.shape[3]
    # the bias of the keys moves all scores of a token alike, and softmax takes no notice
    folded = (asked / width**0.5) @ attention.k_proj.weight.view(heads, width, channels)
    shares = torch.softmax(folded.flatten(1, 2) @ placed.transpose(1, 2), dim=-1)
    taken = (shares @ image).view(count, heads, length, channels)
    values = taken @ attention.v_proj.weight.view(heads, width, channels).transpose(1, 2)
    joined = values.transpose(1, 2).flatten(2) + attention.v_proj.bias
    out: Tensor = attention.out_proj(joined)
    return out


def image_to_tokens(attention: Attention, image: Tensor, placed: Tensor, tokens: tuple[Tensor, Tensor]) -> Tensor:
    """(n, k, c): image tokens with what they draw from the prompt's added; `tokens` are looked for and taken."""
    count, length, channels = tokens[0].shape
    heads = attention.num_heads
    offered = _heads(attention.k_proj(tokens[0]), heads)
    width = offered.shape[3]
    offered = offered / width**0.5
    folded = offered @ attention.q_proj.weight.view(heads, width, channels)
    level = offered @ attention.q_proj.bias.view(heads, width, 1)
    scores = torch.baddbmm(level.flatten(1, 2), folded.flatten(1, 2), placed.transpose(1, 2))
    shares = torch.softmax(scores.view(count, heads, length, -1), dim=2).flatten(1, 2)
    given = _heads(attention.v_proj(tokens[1]), heads)
    drawn = given @ attention.out_proj.weight.view(channels, heads, width).permute(1, 2, 0)
    # shares of a head add up to one: the bias may ride on the first head
    drawn = torch.cat([drawn[:, :1] + attention.out_proj.bias, drawn[:, 1:]], dim=1)
    return torch.baddbmm(image, shares.transpose(1, 2), drawn.flatten(1, 2))


def draw_fast(sam: Sam, attended: Attended, chosen: Tensor) -> Tensor:
    """Logits (k, 3, 4h, 4w) of chosen prompts (k,); see `lczmap.segment.decode.draw`."""
    parts = cast("Sequence[Module]", sam.mask_decoder.output_upscaling)
    first, second = (cast("ConvTranspose2d", parts[place]) for place in (0, 3))
    norm, bend, bend_again = cast("LayerNorm2d", parts[1]), parts[2], parts[4]
    seen, kernels = attended.seen[chosen], attended.kernels[chosen]
    count, (height, width) = len(seen), attended.sides
    fine = functional.linear(seen, *_as_linear(first)).view(count, height * width, 4, first.out_channels)
    fine = bend(functional.layer_norm(fine, fine.shape[3:], norm.weight, norm.bias, norm.eps))
    fine = bend_again(functional.linear(fine, *_as_linear(second))).view(
        count, height * width * 16, second.out_channels
    )
    logits = kernels @ fine.transpose(1, 2)
    # a pixel's row: of its token, in the first doubling, in the second
    spread = logits.view(count, kernels.shape[1], height, width, 2, 2, 2, 2).permute(0, 1, 2, 4, 6, 3, 5, 7)
    sheet: Tensor = spread.reshape(count, kernels.shape[1], 4 * height, 4 * width)
    return sheet


def _heads(projected: Tensor, heads: int) -> Tensor:
    """(n, heads, t, d) from (n, t, heads * d)."""
    return projected.view(*projected.shape[:2], heads, -1).transpose(1, 2)


def _as_linear(doubling: ConvTranspose2d) -> tuple[Tensor, Tensor]:
    """Weight (4 out, in) and bias of a transposed convolution of 2 x 2 with stride 2: row, column, channel."""
    weight = doubling.weight.permute(2, 3, 1, 0).flatten(0, 2)
    return weight, cast("Tensor", doubling.bias).repeat(4)
