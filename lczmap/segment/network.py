"""The networks: segment-anything's own classes, with weights or random ones, ready in a precision on a device.

A network is built for the side of the pictures it will encode. `vit_*` are trained at 1,024 px; at another side their
position tables are interpolated.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lczmap.segment.checkpoint import VitNetwork, read_checkpoint
from lczmap.segment.vision import segment_anything
from lczmap.words.segmenter import SegmenterPrecision

if TYPE_CHECKING:
    from segment_anything.modeling.sam import Sam

Zone = tuple[int, int, int, int]
"""Top, left, bottom, right of a part of a picture, tokens."""
DTYPES: dict[SegmenterPrecision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """One network, ready."""

    sam: Sam
    """Encoder and mask decoder in `dtype`; prompts and predicted quality always in float32."""
    device: torch.device
    """Where it computes."""
    dtype: torch.dtype
    """Arithmetic of encoder and decoder."""

    @property
    def side(self) -> int:
        """Side of the pictures it encodes, pixels; where it is not fixed, the side that cells are enlarged to."""
        return int(self.sam.image_encoder.img_size)

    @property
    def fixed(self) -> bool:
        """Whether pictures must have that side, because the encoder has a table of positions."""
        return self.sam.image_encoder.pos_embed is not None

    @property
    def patch(self) -> int:
        """Side of a token, pixels."""
        return int(self.sam.image_encoder.patch_embed.proj.stride[0])

    def tokens(self, side: int) -> int:
        """Tokens along the side of the embedding of a picture of `side` pixels."""
        return self.side // self.patch if self.fixed else -(-side // self.patch)

    def embed(self, pictures: NDArray[np.uint8], side: int, zone: Zone | None = None) -> Tensor:
        """Embeddings (n, channels, tokens, tokens) of square pictures (n, s, s, 3) enlarged or shrunk to `side`.

        Args:
            pictures: RGB.
            side: pixels that the encoder sees of a whole picture.
            zone: the part that is encoded; the rest of the embedding is 0. The whole picture where None.
        """
        values = torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float()
        if values.shape[2] != side:
            values = functional.interpolate(values, (side, side), mode="bilinear", antialias=side < values.shape[2])
        tokens = self.tokens(side)
        if zone is None or zone == (0, 0, tokens, tokens):
            return self.encode(values)
        top, left, bottom, right = zone
        rows, columns = (slice(low * self.patch, high * self.patch) for low, high in ((top, bottom), (left, right)))
        part = self._encoded(self._prepared(values)[:, :, rows, columns])
        return functional.pad(part, (left, tokens - right, top, tokens - bottom))

    def encode(self, values: Tensor) -> Tensor:
        """Embeddings of pictures (n, 3, rows, columns) of 0 to 255.

        Short of whole tokens, or of a fixed side, they are padded to the right and below, after normalising, as
        segment-anything's `Sam.preprocess` does.
        """
        return self._encoded(self._prepared(values))

    def _prepared(self, values: Tensor) -> Tensor:
        side = max(values.shape[2:])
        mean, spread = cast("Tensor", self.sam.pixel_mean), cast("Tensor", self.sam.pixel_std)
        whole = self.tokens(side) * self.patch
        return functional.pad((values - mean) / spread, (0, whole - values.shape[3], 0, whole - values.shape[2]))

    def _encoded(self, prepared: Tensor) -> Tensor:
        embeddings: Tensor = self.sam.image_encoder(prepared.to(self.dtype))
        return embeddings


@contextmanager
def computing() -> Iterator[None]:
    """No gradients, and float32 that is float32: cuDNN would use TF32, which keeps three digits only."""
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def ready(sam: Sam, precision: SegmenterPrecision, device: torch.device) -> Network:
    """A network cast and moved; the given one is changed in place."""
    sam = sam.to(device).eval().requires_grad_(requires_grad=False)
    dtype = DTYPES[precision]
    sam.image_encoder.to(dtype)
    sam.mask_decoder.to(dtype)
    # qualities decide which of two masks stays: bfloat16 has ties there
    sam.mask_decoder.iou_prediction_head.float()
    return Network(sam=sam, device=device, dtype=dtype)


def vit_sam(network: VitNetwork, weights: Path | None, *, side: int = 1024) -> Sam:
    """An official network; with random weights where there is no file (for benches).

    Raises:
        WeightsError: the file is not a checkpoint of that network.
    """
    build = segment_anything().sam_model_registry[network]
    if weights is None:
        return fitted(build(), side)
    with torch.device("meta"):
        sam = build()
    shapes = {name: tuple(tensor.shape) for name, tensor in sam.state_dict().items()}
    sam.load_state_dict(dict(read_checkpoint(weights, network, shapes).tensors), assign=True)
    return fitted(sam, side)


def fitted(sam: Sam, side: int) -> Sam:
    """A network for pictures of another side: its table of positions is interpolated; changed in place.

    Relative positions (ViTDet) are interpolated by segment-anything itself, whenever it looks them up.
    """
    encoder, prompts = sam.image_encoder, sam.prompt_encoder
    if side == encoder.img_size:
        return sam
    tokens = side // int(encoder.patch_embed.proj.stride[0])
    encoder.img_size = side
    if encoder.pos_embed is not None:
        table = functional.interpolate(
            encoder.pos_embed.detach().permute(0, 3, 1, 2), (tokens, tokens), mode="bicubic", align_corners=False
        )
        encoder.pos_embed = torch.nn.Parameter(table.permute(0, 2, 3, 1).contiguous())
    prompts.image_embedding_size = (tokens, tokens)
    prompts.input_image_size = (side, side)
    prompts.mask_input_size = (4 * tokens, 4 * tokens)
    return sam
