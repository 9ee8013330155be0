"""The room of segment-anything's import: its classes, with or without torchvision.

segment-anything needs four functions of torchvision and imports them even where none is called. No torchvision wheel
works beside a CPU build of torch, and a wheel without its CUDA libraries fails with RuntimeError rather than
ImportError. So the real one is used where its `nms` runs, and small stand-ins of the four functions are shown to
segment-anything where it does not; nobody else ever sees them.
"""

import importlib
import sys
from functools import cache
from threading import Lock
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

_PARTS = ("torchvision", "torchvision.ops", "torchvision.ops.boxes", "torchvision.transforms")
_FUNCTIONAL = "torchvision.transforms.functional"
_ONE_AT_A_TIME = Lock()
"""Held while modules are exchanged: two threads would take away each other's."""


@cache
def segment_anything() -> ModuleType:
    """The package segment-anything: `build_sam_vit_b`, `SamAutomaticMaskGenerator`, `modeling` and the rest."""
    with _ONE_AT_A_TIME:
        return _imported()


def _imported() -> ModuleType:
    if "segment_anything" in sys.modules or vision_runs():
        return importlib.import_module("segment_anything")
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "torchvision"}
    sys.modules.update(stand_in())
    try:
        return importlib.import_module("segment_anything")
    finally:
        for name in (*_PARTS, _FUNCTIONAL):
            sys.modules.pop(name)
        sys.modules.update(kept)


def vision_runs() -> bool:
    """Whether the real torchvision is here and suppresses boxes on this machine's device."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]], device=device)
    try:
        from torchvision.ops import boxes  # noqa: PLC0415 - it may fail, and only here is that no error

        kept = boxes.batched_nms(box, box[:, 2], torch.zeros_like(box[:, 2]), 0.5)
    # a torchvision built for another torch fails in any of these ways
    except (ImportError, RuntimeError, AttributeError, OSError):
        return False
    return len(kept) == 1


def stand_in() -> dict[str, ModuleType]:
    """Modules by name that hold the four functions under torchvision's names."""
    modules = {name: ModuleType(name) for name in (*_PARTS, _FUNCTIONAL)}
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
    vars(modules["torchvision.ops.boxes"]).update(batched_nms=batched_nms, box_area=box_area)
    vars(modules[_FUNCTIONAL]).update(resize=resize, to_pil_image=to_pil_image)
    return modules


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """Indices of the boxes that stay, best first: greedy suppression within each group.

    Args:
        boxes: (n, 4) left, top, right, bottom.
        scores: (n,) any float; of equals the earlier one wins.
        idxs: (n,) group of each box; boxes of different groups leave each other alone.
        iou_threshold: boxes that overlap a better one by more than this go.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    sorted_boxes, groups = boxes[order].float(), idxs[order]
    areas = box_area(sorted_boxes)
    upper = torch.maximum(sorted_boxes[:, None, :2], sorted_boxes[None, :, :2])
    lower = torch.minimum(sorted_boxes[:, None, 2:], sorted_boxes[None, :, 2:])
    shared = (lower - upper).clamp(min=0).prod(dim=2)
    rivals = (shared > iou_threshold * (areas[:, None] + areas[None, :] - shared)) & (groups[:, None] == groups)
    beaten = rivals.cpu().numpy()
    stays = np.ones(len(order), np.bool_)
    for place in range(len(order)):
        if stays[place]:
            stays[place + 1 :] &= ~beaten[place, place + 1 :]
    return order[torch.from_numpy(stays).to(order.device)]


def box_area(boxes: Tensor) -> Tensor:
    """(n,) areas of boxes (n, 4) given by left, top, right, bottom."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def to_pil_image(picture: NDArray[np.uint8]) -> Image.Image:
    """A picture (rows, columns, 3) as Pillow's."""
    return Image.fromarray(picture)


def resize(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture of `size` = rows, columns; bilinear, averaging where it shrinks."""
    return picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
