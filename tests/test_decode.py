"""Batched decoding of point prompts against segment-anything's own decoder."""

import pytest
import torch

from lczmap.segment.decode import Prompts, _grid_encoding, attend, crop_corners, draw
from lczmap.segment.tiny import TinyShape, tiny_sam
from lczmap.segment.vision import segment_anything

SMALL = TinyShape(width=24, windows=(4, 6), channels=32, decoder_mlp=32)
POINT, FIRST = torch.tensor([[20.0, 30.0]]), torch.tensor([0])


def prompts(count: int, side: int, frames: int) -> Prompts:
    torch.manual_seed(3)
    return Prompts(points=torch.rand(count, 2) * (side - 1), frames=torch.randint(0, frames, (count,)))


def official_decoder() -> object:
    """The decoder of vit_b, vit_l and vit_h behind a slim encoder."""
    modeling = segment_anything().modeling
    transformer = modeling.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    return modeling.Sam(
        image_encoder=modeling.ImageEncoderViT(embed_dim=12, depth=1, num_heads=1, window_size=14),
        prompt_encoder=modeling.PromptEncoder(
            embed_dim=256, image_embedding_size=(64, 64), input_image_size=(1024, 1024), mask_in_chans=16
        ),
        mask_decoder=modeling.MaskDecoder(
            num_multimask_outputs=3,
            transformer=transformer,
            transformer_dim=256,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
    ).eval()


@pytest.mark.parametrize("network", ["tiny", "official"])
def test_whole_embedding_equals_the_mask_decoder(network: str) -> None:
    torch.manual_seed(0)
    if network == "tiny":
        sam, side, tokens = tiny_sam(96, SMALL), 96, 12
    else:
        sam, side, tokens = official_decoder(), 1024, 64
    embeddings = torch.randn(2, sam.prompt_encoder.embed_dim, tokens, tokens)
    asked = prompts(3, side, 2)
    with torch.inference_mode():
        got = attend(sam, embeddings, asked)
        logits = draw(sam, got)
        for index, (point, frame) in enumerate(zip(asked.points, asked.frames, strict=True)):
            sparse, dense = sam.prompt_encoder(points=(point[None, None], torch.ones(1, 1)), boxes=None, masks=None)
            masks, qualities = sam.mask_decoder(
                image_embeddings=embeddings[frame][None],
                image_pe=sam.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=True,
            )
            torch.testing.assert_close(logits[index], masks[0], rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(got.qualities[index], qualities[0], rtol=1e-4, atol=1e-4)
    assert not got.corners.any()


def test_a_crop_is_that_part_of_the_embedding_by_itself() -> None:
    torch.manual_seed(1)
    sam = tiny_sam(96, SMALL)
    embeddings = torch.randn(3, 32, 14, 12)
    asked = prompts(9, 96, 3)
    with torch.inference_mode():
        got = attend(sam, embeddings, asked, crop_tokens=6)
        logits = draw(sam, got)
        for index, (row, column) in enumerate(got.corners.tolist()):
            alone = attend(
                sam,
                embeddings[asked.frames[index]][None, :, row : row + 6, column : column + 6],
                Prompts(
                    points=asked.points[index][None] - torch.tensor([[column * 8.0, row * 8.0]]),
                    frames=torch.zeros(1, dtype=torch.long),
                ),
            )
            torch.testing.assert_close(logits[index], draw(sam, alone)[0], rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(got.qualities[index], alone.qualities[0], rtol=1e-4, atol=1e-4)


def test_a_crop_as_large_as_the_embedding_is_the_whole() -> None:
    sam = tiny_sam(96, SMALL)
    embeddings, asked = torch.randn(1, 32, 12, 12), prompts(4, 96, 1)
    with torch.inference_mode():
        whole = draw(sam, attend(sam, embeddings, asked))
        for crop_tokens in (12, 50):
            torch.testing.assert_close(draw(sam, attend(sam, embeddings, asked, crop_tokens=crop_tokens)), whole)


def test_crops_hold_their_point_near_the_middle_and_stay_inside() -> None:
    places = torch.rand(500, 2) * torch.tensor([20.0, 30.0])
    corners = crop_corners(places, (30, 20), (8, 6))
    shares = (places.flip(1) - corners) / torch.tensor([8.0, 6.0])
    assert (corners >= 0).all()
    assert (corners <= torch.tensor([22, 14])).all()
    assert (shares >= 0).all()
    assert (shares <= 1).all()
    inner = (corners > 0).all(1) & (corners < torch.tensor([22, 14])).all(1)
    assert (shares[inner] - 0.5).abs().max() <= 0.5 / 6 + 1e-6


def test_a_part_of_a_picture_keeps_the_spacing_of_positions() -> None:
    sam = tiny_sam(96, SMALL)
    part = draw(sam, attend(sam, torch.ones(1, 32, 9, 7), Prompts(points=POINT, frames=FIRST)))
    assert part.shape == (1, 3, 36, 28)
    whole = sam.prompt_encoder.get_dense_pe()[0]
    torch.testing.assert_close(_grid_encoding(sam.prompt_encoder, (9, 7), 8).permute(2, 0, 1), whole[:, :9, :7])


def test_chosen_masks_are_those_of_all() -> None:
    sam = tiny_sam(96, SMALL)
    with torch.inference_mode():
        got = attend(sam, torch.randn(2, 32, 12, 12), prompts(7, 96, 2), crop_tokens=6)
        chosen = torch.tensor([4, 0])
        torch.testing.assert_close(draw(sam, got, chosen), draw(sam, got)[chosen])
