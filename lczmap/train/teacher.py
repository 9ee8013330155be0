"""The So2Sat GUL teacher: a Keras ResNet20-v2 on disk, read into torch exactly.

In: the HDF5 file its authors publish (Keras 2.1.5; zhu-xlab/So2Sat-LCZ-Classification-Demo, MIT), its path given by
the user. Out: a network from TOP-OF-ATMOSPHERE reflectance `(n, 10, 32, 32)` to logits `(n, 17)`.
What must stand between surface reflectance and this network is in `toa`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lczmap.words.errors import WeightsError

KERAS_EPSILON = 1e-3
BLOCKS_PER_STAGE = 2
STAGES = ((16, 64, 1), (64, 128, 2), (128, 256, 2))
"""Per stage: inner filters, outer filters, stride of its first block (on the first 1x1 convolution)."""


class PreActivationBlock(nn.Module):
    """A version-2 bottleneck: normalise, ReLU, convolve, three times, beside a shortcut."""

    def __init__(self, channels: int, inner: int, outer: int, *, stride: int, project: bool) -> None:
        super().__init__()
        # the network's very first block alone takes its input activated already: it projects without a stride
        self.norm1 = None if project and stride == 1 else nn.BatchNorm2d(channels, eps=KERAS_EPSILON)
        self.conv1 = nn.Conv2d(channels, inner, 1, stride=stride)
        self.norm2 = nn.BatchNorm2d(inner, eps=KERAS_EPSILON)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1)
        self.norm3 = nn.BatchNorm2d(inner, eps=KERAS_EPSILON)
        self.conv3 = nn.Conv2d(inner, outer, 1)
        self.project = nn.Conv2d(channels, outer, 1, stride=stride) if project else None

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, channels, y, x)` to `(n, outer, y/stride, x/stride)`."""
        y = x if self.norm1 is None else functional.relu(self.norm1(x))
        y = self.conv1(y)
        y = self.conv2(functional.relu(self.norm2(y)))
        y = self.conv3(functional.relu(self.norm3(y)))
        total: Tensor = y + (x if self.project is None else self.project(x))
        return total


class Teacher(nn.Module):
    """ResNet20-v2 as So2Sat GUL uses it: 0.6 M parameters, 32x32x10 in, 17 classes out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(10, 16, 3, padding=1)
        self.stem_norm = nn.BatchNorm2d(16, eps=KERAS_EPSILON)
        blocks = []
        channels = 16
        for inner, outer, stage_stride in STAGES:
            for index in range(BLOCKS_PER_STAGE):
                first = index == 0
                blocks.append(
                    PreActivationBlock(
                        channels,
                        inner,
                        outer,
                        stride=stage_stride if first else 1,
                        project=first,
                    )
                )
                channels = outer
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.BatchNorm2d(channels, eps=KERAS_EPSILON)
        self.dense = nn.Linear(channels, 17)

    def map(self, x: Tensor) -> Tensor:
        """What it pools, `(n, 256, 8, 8)`, of top-of-atmosphere reflectance `(n, 10, 32, 32)`."""
        x = functional.relu(self.stem_norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return functional.relu(self.norm(x))

    def forward(self, x: Tensor) -> Tensor:
        """Logits `(n, 17)` of top-of-atmosphere reflectance `(n, 10, 32, 32)`."""
        # 8x8 average pooling of an 8x8 map, then flatten: the mean over positions
        logits: Tensor = self.dense(self.map(x).mean(dim=(2, 3)))
        return logits


def read_teacher(path: Path) -> Teacher:
    """Read the Keras file into a `Teacher` in evaluation mode.

    Keras numbered its layers in the order of creation, which is the order of `_creation_order`.

    Raises:
        WeightsError: the file is missing, is no HDF5, or holds other layers than expected.
    """
    teacher = Teacher()
    try:
        arrays = _read_arrays(path)
        convolutions, norms = _creation_order(teacher)
        with torch.no_grad():
            for index, convolution in enumerate(convolutions, start=1):
                _load_convolution(convolution, arrays, f"conv2d_{index}")
            for index, norm in enumerate(norms, start=1):
                _load_norm(norm, arrays, f"batch_normalization_{index}")
            teacher.dense.weight.copy_(arrays["dense_1/kernel"].T)
            teacher.dense.bias.copy_(arrays["dense_1/bias"])
    except (OSError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{path} is not the So2Sat GUL ResNet20-v2 in Keras HDF5: {error}.") from error
    return teacher.eval()


def _read_arrays(path: Path) -> dict[str, Tensor]:
    """Every array of a Keras file as `layer/name`, for instance `conv2d_1/kernel`."""
    arrays: dict[str, Tensor] = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):  # type: ignore[attr-defined]
            layer, parameter = name.split("/")[-2:]
            arrays[f"{layer}/{parameter.removesuffix(':0')}"] = torch.from_numpy(np.asarray(item, dtype=np.float32))

    with h5py.File(path, "r") as file:  # type: ignore[attr-defined, no-untyped-call]
        file.visititems(keep)
    return arrays


def _creation_order(teacher: Teacher) -> tuple[list[nn.Conv2d], list[nn.BatchNorm2d]]:
    """Layers in the order Keras made them: a block's projection comes after its three convolutions."""
    convolutions, norms = [teacher.stem], [teacher.stem_norm]
    for block in teacher.blocks:
        assert isinstance(block, PreActivationBlock)  # noqa: S101 - for the type checker
        convolutions += [block.conv1, block.conv2, block.conv3]
        convolutions += [] if block.project is None else [block.project]
        norms += [] if block.norm1 is None else [block.norm1]
        norms += [block.norm2, block.norm3]
    return convolutions, [*norms, teacher.norm]


def _load_convolution(convolution: nn.Conv2d, arrays: Mapping[str, Tensor], layer: str) -> None:
    """Copy one convolution; Keras keeps kernels as (y, x, in, out)."""
    convolution.weight.copy_(arrays[f"{layer}/kernel"].permute(3, 2, 0, 1))
    assert convolution.bias is not None  # noqa: S101 - for the type checker
    convolution.bias.copy_(arrays[f"{layer}/bias"])


def _load_norm(norm: nn.BatchNorm2d, arrays: Mapping[str, Tensor], layer: str) -> None:
    """Copy one batch normalisation, statistics included."""
    assert norm.running_mean is not None  # noqa: S101 - for the type checker
    assert norm.running_var is not None  # noqa: S101
    norm.weight.copy_(arrays[f"{layer}/gamma"])
    norm.bias.copy_(arrays[f"{layer}/beta"])
    norm.running_mean.copy_(arrays[f"{layer}/moving_mean"])
    norm.running_var.copy_(arrays[f"{layer}/moving_variance"])
