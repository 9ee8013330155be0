"""The paper's 3D ResNet11, plain: the network as it is described, slow and obviously right.

In: reflectance `(n, 32, 32, 10)`, bands in the order of `lczmap.words.bands`. Out: logits `(n, 17)`.
The fast form in `resnet11_fast` is tested against this one. Source: DF4LCZ, section III-B and Fig. 4.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from lczmap.words.lcz import CLASS_COUNT

PATCH_SIDE = 32
BANDS = 10

STEM_FILTERS = 64
BLOCK_FILTERS = (64, 128, 256)
BLOCK_STRIDES = (1, 2, 2)
EXPANSION = 4


class Bottleneck(nn.Module):
    """One residual block: 1x1x1 (strided), 3x3x3, 1x1x1, beside a projection that is always there.

    Convolutions carry no bias: each is followed by a batch normalisation, which has one.
    """

    def __init__(self, channels: int, filters: int, *, stride: int) -> None:
        super().__init__()
        widened = EXPANSION * filters
        self.stride = stride
        self.reduce = nn.Conv3d(channels, filters, 1, stride=stride, bias=False)
        self.reduce_norm = nn.BatchNorm3d(filters)
        self.spread = nn.Conv3d(filters, filters, 3, padding=1, bias=False)
        self.spread_norm = nn.BatchNorm3d(filters)
        self.widen = nn.Conv3d(filters, widened, 1, bias=False)
        self.widen_norm = nn.BatchNorm3d(widened)
        self.project = nn.Conv3d(channels, widened, 1, stride=stride, bias=False)
        self.project_norm = nn.BatchNorm3d(widened)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, c, d, y, x)` to `(n, 4f, d/s, y/s, x/s)`, sides rounded up."""
        y = functional.relu(self.reduce_norm(self.reduce(x)))
        y = functional.relu(self.spread_norm(self.spread(y)))
        y = self.widen_norm(self.widen(y))
        return functional.relu(y + self.project_norm(self.project(x)))


class ResNet11(nn.Module):
    """3D ResNet11: one 3x3x3 convolution, three bottleneck blocks, mean over all positions, one dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv3d(1, STEM_FILTERS, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm3d(STEM_FILTERS)
        blocks = []
        channels = STEM_FILTERS
        for filters, stride in zip(BLOCK_FILTERS, BLOCK_STRIDES, strict=True):
            blocks.append(Bottleneck(channels, filters, stride=stride))
            channels = EXPANSION * filters
        self.blocks = nn.ModuleList(blocks)
        self.dense = nn.Linear(channels, CLASS_COUNT)

    def forward(self, x: Tensor) -> Tensor:
        """Logits `(n, 17)` of volumes `(n, 1, 10, 32, 32)`; see `as_volume`."""
        x = functional.relu(self.stem_norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.dense(x.mean(dim=(2, 3, 4)))
        return logits


def as_volume(patches: Tensor) -> Tensor:
    """Turn patches `(n, 32, 32, 10)` into volumes `(n, 1, 10, 32, 32)`: the bands become the depth."""
    return patches.permute(0, 3, 1, 2).unsqueeze(1)
