"""Cell mode: each 320 m square by itself and in crops, as the paper cuts it with segment-anything's own generator.

In: cells at 1 m. Out: the instances that `segment_anything.SamAutomaticMaskGenerator` gives for the same network and
settings, up to ties, best first. What differs is how it is computed: prompts of many cells and crops share a batch,
masks are drawn only where their predicted quality passes, and the generator's two bilinear steps (up to the network's
side, down to the crop) are one product of matrices.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lczmap.segment.decode import Prompts
from lczmap.segment.grain import MASK_PIXELS
from lczmap.segment.lots import Batches, Candidates, Decoder, filled, suppressed
from lczmap.segment.masks import bilinear, boxes_of, stability
from lczmap.segment.network import Network, computing
from lczmap.segment.prompts import Crop, crops_of, seen_points
from lczmap.segment.regions import without_small_regions
from lczmap.things.frames import Reach
from lczmap.things.instances import Instances, instances_of, no_instances
from lczmap.words.errors import SpecError
from lczmap.words.grid import WINDOW_METRES
from lczmap.words.segmenter import SegmenterSpec

EDGE_PIXELS = 20
"""Boxes that come this near to the edge of a crop within the picture are cut off by it and dropped."""


class CellSegmenter:
    """A `Segmenter` on cells."""

    def __init__(self, spec: SegmenterSpec, network: Network, batches: Batches, *, side: int = WINDOW_METRES) -> None:
        self.spec = spec
        """How it cuts."""
        self.lot = batches.frames
        """Pictures it likes to have at once."""
        self._network, self._encoded, self._side = network, batches.encoded, side
        self._decoder = Decoder(network=network, size=batches.prompts, crop_tokens=0, least_quality=spec.iou_threshold)
        self._crops = crops_of(side, spec)
        lines = [_lines(crop, side, network) for crop in self._crops]
        self._down, self._across = (torch.stack(each).to(network.device) for each in zip(*lines, strict=True))
        inside = torch.zeros(len(self._crops), side, side, dtype=torch.bool)
        for index, crop in enumerate(self._crops):
            inside[index, crop.top : crop.bottom, crop.left : crop.right] = True
        self._outside = ~inside.to(network.device)

    def segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> Sequence[Instances]:
        """Instances of cells (n, side, side, 3), in the order given; black is no data.

        Args:
            pictures: RGB at 1 m.
            reaches: a cell is prompted all over; only how many there are is looked at.

        Raises:
            SpecError: the pictures are not cells.
        """
        side = self._side
        if pictures.shape[1:] != (side, side, 3) or pictures.dtype != np.uint8 or len(reaches) != len(pictures):
            raise SpecError(
                f"The segmenter {self.spec.name} got {len(reaches)} reaches and {pictures.dtype} pictures of shape "
                f"{pictures.shape}, expected uint8 (n, {side}, {side}, 3) and a reach for each."
            )
        found: list[Instances] = []
        with computing():
            for start in range(0, len(pictures), self.lot):
                found += self._segment(pictures[start : start + self.lot])
        return found

    def _segment(self, pictures: NDArray[np.uint8]) -> list[Instances]:
        """Instances of cells that fit into memory together."""
        parts: list[NDArray[np.uint8]] = []
        points: list[NDArray[np.float64]] = []
        frames: list[int] = []
        for picture in pictures:
            for crop in self._crops:
                part = picture[crop.top : crop.bottom, crop.left : crop.right]
                seen = crop.points[seen_points(crop.points, part)]
                frames += [len(parts)] * len(seen)
                rows, columns = _input_size(crop, self._network.side)
                points.append(seen * np.array([columns / crop.width, rows / crop.height]))
                parts.append(np.asarray(Image.fromarray(part).resize((columns, rows), Image.Resampling.BILINEAR)))
        if not frames:
            return [no_instances(self._side, self._side, metres=1) for _ in pictures]
        candidates = self._decoder.candidates(
            self._embeddings(parts),
            Prompts(points=torch.from_numpy(np.concatenate(points)).float(), frames=torch.tensor(frames)),
            thinned=self._good,
        )
        owner = candidates.frames // len(self._crops)
        return [self._instances(candidates[owner == index]) for index in range(len(pictures))]

    def _embeddings(self, parts: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Embeddings of enlarged crops; crops of one size are encoded together."""
        sizes = [part.shape for part in parts]
        embeddings: dict[int, Tensor] = {}
        for size in dict.fromkeys(sizes):
            alike = [index for index, each in enumerate(sizes) if each == size]
            for lot in filled(len(alike), self._encoded):
                values = torch.from_numpy(np.stack([parts[alike[place]] for place in lot])).to(self._network.device)
                coded = self._network.encode(values.permute(0, 3, 1, 2).float())
                embeddings.update({alike[place]: coded[row] for row, place in enumerate(lot)})
        return torch.stack([embeddings[index] for index in range(len(parts))])

    def _good(self, candidates: Candidates) -> Candidates:
        """Stable masks, as whole pictures, that no crop cuts off."""
        kind = candidates.frames % len(self._crops)
        logits = self._down[kind] @ candidates.logits.float() @ self._across[kind].transpose(1, 2)
        logits = logits.masked_fill(self._outside[kind], -torch.inf)
        boxes = boxes_of(logits > 0)
        whole = torch.zeros(len(candidates), dtype=torch.bool, device=logits.device)
        for index, crop in enumerate(self._crops):
            whole |= (kind == index) & ~_cut_off(boxes, crop, self._side)
        good = whole & (stability(logits) >= self.spec.stability_threshold)
        return Candidates(
            frames=candidates.frames[good],
            qualities=candidates.qualities[good],
            corners=candidates.corners[good],
            logits=logits[good] > 0,
        )

    def _instances(self, candidates: Candidates) -> Instances:
        """Instances of one cell: box suppression within crops, between crops, and after cleaning."""
        spec, boxes = self.spec, boxes_of(candidates.logits)
        kind = candidates.frames % len(self._crops)
        kept = []
        for index in range(len(self._crops)):
            here = (kind == index).nonzero()[:, 0]
            kept.append(here[suppressed(boxes[here], candidates.qualities[here], spec.nms_threshold)])
        order = torch.cat(kept)
        if len(self._crops) > 1:
            # what was seen in the smaller crop stays
            areas = torch.tensor([crop.width * crop.height for crop in self._crops], device=order.device)
            order = order[suppressed(boxes[order], 1 / areas[kind[order]], spec.nms_threshold)]
        masks, qualities = candidates.logits[order], candidates.qualities[order]
        if spec.least_metres2 > 0 and len(masks):
            masks, changed = without_small_regions(masks, spec.least_metres2)
            again = suppressed(boxes_of(masks), (~changed).float(), spec.nms_threshold)
            masks, qualities = masks[again], qualities[again]
        best = qualities.argsort(descending=True, stable=True)
        return instances_of(masks[best].cpu().numpy(), metres=1, scores=qualities[best].clamp(0, 1).cpu().numpy())


def _input_size(crop: Crop, side: int) -> tuple[int, int]:
    """Rows and columns of a crop whose longer side is enlarged to the network's."""
    scale = side / max(crop.width, crop.height)
    return int(crop.height * scale + 0.5), int(crop.width * scale + 0.5)


def _lines(crop: Crop, side: int, network: Network) -> tuple[Tensor, Tensor]:
    """Matrices (side, 4 tokens) from a decoder's rows and columns to the picture's; zeros outside the crop."""
    given = MASK_PIXELS * network.tokens(network.side)
    up = bilinear(network.side, given, given / network.side)
    lines = []
    for enlarged, low, length in zip(
        _input_size(crop, network.side), (crop.top, crop.left), (crop.height, crop.width), strict=True
    ):
        matrix = torch.zeros(side, given)
        matrix[low : low + length] = bilinear(length, enlarged, enlarged / length) @ up[:enlarged]
        lines.append(matrix)
    return lines[0], lines[1]


def _cut_off(boxes: Tensor, crop: Crop, side: int) -> Tensor:
    """(k,) which boxes in the picture lie near an edge of their crop that is no edge of the picture."""
    edges = torch.tensor([crop.left, crop.top, crop.right, crop.bottom], device=boxes.device)
    ends = torch.tensor([0, 0, side, side], device=boxes.device)
    near = ((boxes - edges).abs() <= EDGE_PIXELS) & ((boxes - ends).abs() > EDGE_PIXELS)
    return near.any(1)
