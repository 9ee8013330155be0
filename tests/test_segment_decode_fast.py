"""The decoder's shortcut equals its plain form, whatever the network's sizes."""

import pytest
import torch

from lczmap.segment.decode import Prompts, attend, draw
from lczmap.segment.decode_fast import attend_fast, draw_fast, foldable
from lczmap.segment.network import ready
from lczmap.segment.tiny import TinyShape, tiny_sam
from tests.segmenting import SMALL, blob_sam

SHAPES = {
    "small": SMALL,
    "as official": TinyShape(width=24, heads=2, channels=64, decoder_heads=8, decoder_mlp=96),
    "deep": TinyShape(width=24, heads=2, channels=32, decoder_depth=3, decoder_heads=4),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("crop", [0, 6])
def test_folded_attention_equals_the_plain_one(name: str, crop: int) -> None:
    torch.manual_seed(3)
    sam = ready(tiny_sam(96, SHAPES[name]), "float32", torch.device("cpu")).sam
    for parameter in sam.mask_decoder.parameters():
        parameter.mul_(1.5)
    embeddings = torch.randn(2, SHAPES[name].channels, 12, 12)
    prompts = Prompts(points=torch.rand(9, 2) * 96, frames=torch.arange(9) % 2)
    with torch.inference_mode():
        plain, fast = (each(sam, embeddings, prompts, crop_tokens=crop) for each in (attend, attend_fast))
        chosen = torch.tensor([7, 0, 3])
        drawn = draw(sam, plain, chosen)
        assert drawn.std() > 0.05
        torch.testing.assert_close(fast.qualities, plain.qualities, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(draw_fast(sam, fast, chosen), drawn, atol=1e-4, rtol=1e-4)
        assert draw_fast(sam, fast, chosen[:0]).shape == (0, *drawn.shape[1:])
    assert (fast.corners == plain.corners).all()
    assert fast.sides == plain.sides


def test_other_decoders_are_left_alone() -> None:
    assert foldable(tiny_sam(96, SMALL))
    assert not foldable(blob_sam(96))
