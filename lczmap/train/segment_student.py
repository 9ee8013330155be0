"""What learns to segment, from what state, by which loss.

The loss is segment-anything's (Kirillov et al. 2023, section 3 and appendix A): focal and dice loss of the best of
three masks, squared error of the predicted IoU. Two things differ, since a slim network has minutes to learn. Inside
and outside of a mask weigh alike in a third term, without which small instances are given up for lost. And a linear
layer on the embedding draws the borders and kinds of everything at once, which teaches the encoder from every pixel
and is thrown away in the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lczmap.segment.decode import Attended, Prompts
from lczmap.segment.decode_fast import attend_fast, draw_fast
from lczmap.segment.tiny import PATCH, TinyShape, tiny_sam
from lczmap.train.segment_batches import Batch, borders_at, targets_at
from lczmap.train.segment_scenes import Kind

if TYPE_CHECKING:
    from segment_anything.modeling.mask_decoder import MaskDecoder
    from segment_anything.modeling.sam import Sam
    from segment_anything.modeling.transformer import Attention

FOCAL, DICE, BALANCED, QUALITY, BORDERS, KINDS, BARE = 2.0, 1.0, 2.0, 1.0, 1.0, 0.3, 0.5
"""Weights of the parts of the loss."""
OTHERS = 0.2
"""Share of the mask loss that all three masks bear, whichever is best: none of them is left behind."""
MEASURES = ("iou", "chosen")
"""What `losses` tells besides its parts: IoU of the mask with the least loss, and of the one it thinks best."""
_PER_TOKEN = 4
"""Mask pixels along a token."""


class Student(nn.Module):
    """The network, and the layer that helps it to learn."""

    def __init__(self, shape: TinyShape) -> None:
        super().__init__()
        self.sam = tiny_sam(shape=shape).train()
        look_where_it_points(self.sam)
        see_edges(cast("nn.Sequential", self.sam.image_encoder.patch_embed.proj))
        self.shape = shape
        self.hints = nn.Conv2d(shape.channels, _PER_TOKEN**2 * (1 + len(Kind)), 1)

    def hinted(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of borders (f, rows, columns) and kinds (f, kinds, rows, columns) at the masks' grain."""
        drawn = functional.pixel_shuffle(self.hints(embeddings), _PER_TOKEN)
        return drawn[:, 0], drawn[:, 1:]


def look_where_it_points(sam: Sam) -> None:
    """Let the decoder begin as one that looks at its point, which is slow to be found out.

    Queries and keys start with one projection, so that equal places attract each other; values come out of an
    attention as they went in; output tokens listen to the point more than to each other; the image stays as the
    encoder saw it.
    """
    transformer, prompts = sam.mask_decoder.transformer, sam.prompt_encoder
    with torch.no_grad():
        # twice the frequencies narrow a place to about a token
        cast("Tensor", prompts.pe_layer.positional_encoding_gaussian_matrix).mul_(2.0)
        for name, each in transformer.named_modules():
            if name.endswith(("self_attn", "token_to_image", "image_to_token")):
                _attend_to_equals(cast("Attention", each), gain=1.0 if name.endswith("self_attn") else 2.0)
            if name.endswith("image_to_token"):
                nn.init.zeros_(cast("Attention", each).out_proj.weight)
        for each in transformer.modules():
            if isinstance(each, nn.Linear):
                nn.init.zeros_(each.bias)
        common = cast("Tensor", prompts.point_embeddings[1].weight)
        for listener in (sam.mask_decoder.mask_tokens.weight, sam.mask_decoder.iou_token.weight):
            listener.mul_(0.5).add_(0.5 * common)
        prompts.not_a_point_embed.weight.mul_(0.1)
        nn.init.zeros_(prompts.no_mask_embed.weight)
        _undecided(sam.mask_decoder)


def _attend_to_equals(attention: Attention, *, gain: float) -> None:
    nn.init.orthogonal_(attention.q_proj.weight, gain=gain)
    attention.k_proj.weight.copy_(attention.q_proj.weight)
    nn.init.orthogonal_(attention.v_proj.weight)
    attention.out_proj.weight.copy_(attention.v_proj.weight.T)


def _undecided(decoder: MaskDecoder) -> None:
    """Masks begin at logits of 0 with lively kernels; one channel is the same everywhere, as a bias would be."""
    last = cast("nn.ConvTranspose2d", decoder.output_upscaling[3])
    bias = cast("Tensor", last.bias)
    nn.init.zeros_(bias)
    bias[0] = 1.0
    last.weight[:, 0] = 0.0
    for each in decoder.output_hypernetworks_mlps.modules():
        if isinstance(each, nn.Linear):
            nn.init.zeros_(each.bias)
            nn.init.orthogonal_(each.weight, gain=2**0.5)
            if each.out_features == last.out_channels:
                each.weight[0] = 0.0


def see_edges(stem: nn.Sequential) -> None:
    """Let the first layers keep the scale of what they see."""
    for each in stem:
        if isinstance(each, nn.Conv2d):
            nn.init.kaiming_normal_(each.weight, nonlinearity="relu")
            nn.init.zeros_(cast("Tensor", each.bias))


def losses(student: Student, batch: Batch, *, crop_tokens: int) -> dict[str, Tensor]:
    """Parts of the loss, weighted, and the IoU reached."""
    embeddings = student.sam.image_encoder(batch.pictures)
    borders, kinds = student.hinted(embeddings)
    attended = attend_fast(student.sam, embeddings, batch.prompts, crop_tokens=crop_tokens)
    truth = targets_at(batch, attended.corners * PATCH, side=attended.sides[0] * PATCH)
    logits = draw_fast(student.sam, attended, torch.arange(len(truth), device=truth.device))
    masks, reached = mask_losses(logits, truth)
    bare, _ = mask_losses(without_attention(student.sam, embeddings, batch.prompts, attended), truth)
    best = masks.detach().argmin(dim=1, keepdim=True)
    quality = functional.mse_loss(attended.qualities, reached)
    grain = PATCH // _PER_TOKEN
    seen_kinds = batch.kinds[:, grain // 2 :: grain, grain // 2 :: grain]
    return {
        "masks": (1 - OTHERS) * masks.gather(1, best).mean() + OTHERS * masks.mean(),
        "bare": BARE * ((1 - OTHERS) * bare.amin(dim=1).mean() + OTHERS * bare.mean()),
        "quality": QUALITY * quality,
        "borders": BORDERS * functional.binary_cross_entropy_with_logits(borders, borders_at(batch.labels)),
        "kinds": KINDS * functional.cross_entropy(kinds, seen_kinds),
        "iou": reached.gather(1, best).mean(),
        "chosen": reached.gather(1, attended.qualities.detach().argmax(dim=1, keepdim=True)).mean(),
    }


def without_attention(sam: Sam, embeddings: Tensor, prompts: Prompts, attended: Attended) -> Tensor:
    """Logits (n, 3, h, w) on each prompt's crop if its output tokens were the image token under its point.

    This teaches kernels and pixels to speak one language without waiting for attention to carry it.
    """
    decoder = sam.mask_decoder
    row, column = (prompts.points / PATCH).long().flip(1).unbind(1)
    under = embeddings[prompts.frames, :, row, column]
    kernels = torch.stack([mlp(under) for mlp in list(decoder.output_hypernetworks_mlps)[1:]], dim=1)
    fine = decoder.output_upscaling(embeddings).permute(0, 2, 3, 1)
    corners = attended.corners * _PER_TOKEN
    down = corners[:, :1] + torch.arange(attended.sides[0] * _PER_TOKEN, device=corners.device)
    across = corners[:, 1:] + torch.arange(attended.sides[1] * _PER_TOKEN, device=corners.device)
    seen = fine[prompts.frames[:, None, None], down[:, :, None], across[:, None, :]]
    logits: Tensor = kernels @ seen.flatten(1, 2).transpose(1, 2)
    return logits.view(*logits.shape[:2], *seen.shape[1:3])


def mask_losses(logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Focal and dice loss, and the IoU reached, each (n, 3), of logits (n, 3, h, w) against (n, h, w)."""
    flat, wanted = logits.flatten(2), truth.flatten(1)[:, None]
    chance = flat.sigmoid()
    entropy = functional.softplus(flat) - flat * wanted
    # 1 - p of the true class, alpha = 0.25 for the inside
    miss = chance + wanted - 2 * chance * wanted
    # inside and outside weigh alike, so that small instances are worth their outlines
    inner, outer = wanted.sum(dim=2).clamp(min=1), (1 - wanted).sum(dim=2).clamp(min=1)
    balanced = 0.5 * ((entropy * wanted).sum(dim=2) / inner + (entropy * (1 - wanted)).sum(dim=2) / outer)
    focal = (entropy * miss.square() * (0.75 - 0.5 * wanted)).mean(dim=2)
    shared = (chance * wanted).sum(dim=2)
    dice = 1 - (2 * shared + 1) / (chance.sum(dim=2) + wanted.sum(dim=2) + 1)
    with torch.no_grad():
        drawn, inside = (flat > 0).float(), (wanted > 0.5).float()
        both = (drawn @ inside.transpose(1, 2))[:, :, 0]
        union = drawn.sum(dim=2) + inside.sum(dim=2) - both
        reached = both / union.clamp(min=1)
    return FOCAL * focal + DICE * dice + BALANCED * balanced, reached
