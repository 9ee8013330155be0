"""sam-tiny: a configuration of segment-anything's classes that takes any side."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from lczmap.segment.decode import Prompts, attend, draw
from lczmap.segment.tiny import load_tiny, tiny_sam
from lczmap.segment.vision import segment_anything
from lczmap.words.errors import WeightsError


@pytest.mark.parametrize(("rows", "columns"), [(240, 320), (96, 96)])
def test_masks_have_two_metre_grain_on_pictures_of_any_side(rows: int, columns: int) -> None:
    sam = tiny_sam()
    assert isinstance(sam, segment_anything().modeling.Sam)
    with torch.inference_mode():
        embeddings = sam.image_encoder(torch.randn(2, 3, rows, columns))
        asked = Prompts(points=torch.tensor([[5.0, 90.0], [90.0, 5.0]]), frames=torch.tensor([0, 1]))
        got = attend(sam, embeddings, asked)
        logits = draw(sam, got)
    assert embeddings.shape == (2, 64, rows // 8, columns // 8)
    assert logits.shape == (2, 3, rows // 2, columns // 2)
    assert got.qualities.shape == (2, 3)


def test_weights_come_back_and_others_are_refused(tmp_path: Path) -> None:
    torch.manual_seed(5)
    sam = tiny_sam()
    path = tmp_path / "tiny.safetensors"
    save_file({name: tensor.numpy().astype(np.float16) for name, tensor in sam.state_dict().items()}, path)
    loaded = load_tiny(path, hashlib.sha256(path.read_bytes()).hexdigest())
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, sam.state_dict()[name].half().float()), name
    with pytest.raises(WeightsError, match="not those of their card"):
        load_tiny(path, "0" * 64)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="truncated"):
        load_tiny(path, "0" * 64)
