"""On a GPU: the same instances as on a CPU, within what rounding may move."""

import numpy as np
import pytest
import torch

from lczmap.segment.decode import Prompts, attend
from lczmap.segment.decode_fast import attend_fast, draw_fast
from lczmap.segment.lots import Batches
from lczmap.segment.network import computing, ready
from lczmap.segment.regions import cleaned_in_batch, without_small_regions
from lczmap.segment.segmenter import sam_segmenter
from lczmap.segment.tiny import tiny_sam
from lczmap.words.segmenter import SegmenterPrecision, SegmentMode
from tests.segmenting import SMALL, blob_sam, blocks
from tests.test_segment_cell import SPEC as CELL
from tests.test_segment_masks import speckled
from tests.test_segment_window import CORE, SPEC, alike

pytestmark = pytest.mark.gpu
CPU = torch.device("cpu")


@pytest.fixture
def gpu() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device, which is not here")
    return torch.device("cuda")


@pytest.mark.parametrize(("precision", "share"), [("float32", 0.98), ("bfloat16", 0.8)])
@pytest.mark.parametrize("mode", ["window", "cell"])
def test_gpu_finds_what_the_cpu_finds(
    gpu: torch.device, mode: SegmentMode, precision: SegmenterPrecision, share: float
) -> None:
    spec = (SPEC if mode == "window" else CELL).changed({"precision": precision})
    pictures = blocks(spec.frame_metres, count=3)
    cut = [
        sam_segmenter(spec, ready(blob_sam(96 if mode == "window" else 320), precision, device)).segment(
            pictures, [CORE] * len(pictures)
        )
        for device in (CPU, gpu)
    ]
    for one, other in zip(*cut, strict=True):
        assert len(one) > 5
        assert alike(one, other) >= share
        assert alike(other, one) >= share


def test_gpu_batches_change_nothing(gpu: torch.device) -> None:
    network = ready(blob_sam(96), "float32", gpu)
    pictures = blocks(SPEC.frame_metres, count=3)
    some, others = (
        sam_segmenter(SPEC, network, batches=batches).segment(pictures, [CORE] * 3)
        for batches in (Batches(prompts=17, frames=1, encoded=1), Batches(prompts=512, frames=3, encoded=2))
    )
    assert all(alike(one, other) >= 0.98 for one, other in zip(some, others, strict=True))


def test_gpu_removes_the_same_regions(gpu: torch.device) -> None:
    masks = speckled(40, 60, 60, 5)
    cleaned, changed = without_small_regions(masks, 20)
    assert torch.equal(cleaned_in_batch(masks.to(gpu), 20).cpu(), cleaned)
    assert torch.equal(without_small_regions(masks.to(gpu), 20)[1].cpu(), changed)


def test_gpu_decodes_alike(gpu: torch.device) -> None:
    sam = tiny_sam(96, SMALL)
    embeddings, points = torch.randn(2, SMALL.channels, 12, 12), torch.rand(9, 2) * 96
    drawn = []
    with computing():
        for device, look in ((CPU, attend), (gpu, attend_fast)):
            here = ready(sam, "float32", device).sam
            prompts = Prompts(points=points.to(device), frames=(torch.arange(9) % 2).to(device))
            attended = look(here, embeddings.to(device), prompts, crop_tokens=6)
            drawn.append(draw_fast(here, attended, torch.arange(9, device=device)).cpu())
    np.testing.assert_allclose(drawn[1], drawn[0], atol=1e-3)
