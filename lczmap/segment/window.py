"""Window mode: one encoding serves all posts of a wide window, its prompts are decoded with those of other windows.

In: frames at 1 m, and their reach. Out: instances at the spec's grain, best first. Masks are judged and thinned out
on the decoder's own pixels, and only what is left is brought to the grain of the frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lczmap.segment.decode import Prompts, attend, draw
from lczmap.segment.grain import MASK_PIXELS, grain_lines
from lczmap.segment.masks import boxes_of, stability
from lczmap.segment.network import Network
from lczmap.segment.prompts import seen_points, window_points
from lczmap.segment.regions import without_small_regions
from lczmap.segment.vision import segment_anything
from lczmap.things.frames import Reach
from lczmap.things.instances import Instances, no_instances
from lczmap.words.errors import SpecError
from lczmap.words.segmenter import SegmenterSpec


@dataclass(frozen=True, kw_only=True)
class Batches:
    """How much is computed at once: changes the last bits of a result at most."""

    prompts: int
    """Prompts decoded at once; the last lot is filled up with its last prompt."""
    frames: int
    """Frames whose prompts are decoded together."""
    encoded: int
    """Frames encoded at once; the last lot is filled up with its last frame."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """Masks that passed both thresholds."""

    frames: Tensor
    """(k,) int64, which frame each belongs to."""
    qualities: Tensor
    """(k,) float32 predicted IoU."""
    corners: Tensor
    """(k, 2) int64 row and column of its crop, tokens."""
    logits: Tensor
    """(k, 4c, 4c) on that crop."""

    def __getitem__(self, which: Tensor) -> "Candidates":
        return Candidates(
            frames=self.frames[which],
            qualities=self.qualities[which],
            corners=self.corners[which],
            logits=self.logits[which],
        )

    @property
    def boxes(self) -> Tensor:
        """(k, 4) float32, in mask pixels of the frame."""
        offset = MASK_PIXELS * self.corners.flip(1)
        return (boxes_of(self.logits > 0) + offset.repeat(1, 2)).float()


class WindowSegmenter:
    """A `Segmenter` on windows."""

    def __init__(self, spec: SegmenterSpec, network: Network, batches: Batches) -> None:
        pixels = round(spec.frame_metres * spec.scale)
        most = network.side if network.fixed else 1 << 16
        if pixels > most or abs(pixels - spec.frame_metres * spec.scale) > 1e-6:
            raise SpecError(
                f"The segmenter's frame of {spec.frame_metres} m at scale {spec.scale:g} is "
                f"{spec.frame_metres * spec.scale:g} px, expected whole pixels, at most {most}; change the scale."
            )
        self.spec = spec
        """How it cuts."""
        self.note = network.note
        """What a run has to say of the weights; empty where nothing."""
        self._network, self._batches, self._pixels = network, batches, pixels
        self._side = spec.frame_metres // spec.grain_metres
        tokens = network.tokens(pixels)
        self._crop = min(spec.crop_tokens or tokens, tokens)
        self._lines = grain_lines(
            tokens=tokens,
            crop=self._crop,
            token_metres=network.patch / spec.scale,
            grain=spec.grain_metres,
            side=self._side,
        ).to(network.device)

    @property
    def lot(self) -> int:
        """Pictures it likes to have at once."""
        return self._batches.frames

    def segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> Sequence[Instances]:
        """Instances of frames (n, side, side, 3), in the order given; black is no data.

        Args:
            pictures: RGB at 1 m.
            reaches: where each of them is prompted.

        Raises:
            SpecError: the pictures are not of the spec's frame.
        """
        side = self.spec.frame_metres
        if pictures.shape[1:] != (side, side, 3) or pictures.dtype != np.uint8:
            raise SpecError(
                f"The segmenter {self.spec.name} got {pictures.dtype} pictures of shape {pictures.shape}, expected "
                f"uint8 (n, {side}, {side}, 3)."
            )
        found: list[Instances] = []
        with torch.inference_mode():
            for start in range(0, len(pictures), self.lot):
                lot = slice(start, start + self.lot)
                found += self._segment(pictures[lot], reaches[lot])
        return found

    def _segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> Iterator[Instances]:
        """Instances of frames that fit into memory together."""
        points = [window_points(self.spec, reach) for reach in reaches]
        points = [each[seen_points(each, picture)] for each, picture in zip(points, pictures, strict=True)]
        shown = np.flatnonzero([len(each) for each in points])
        if not len(shown):
            return (no_instances(self._side, self._side, metres=self.spec.grain_metres) for _ in pictures)
        # frames without a prompt are not encoded
        embeddings = self._embeddings(pictures[shown])
        prompts = Prompts(
            # segment-anything counts from the centre of the first pixel
            points=torch.from_numpy(np.concatenate(points) * self.spec.scale - 0.5).float(),
            frames=torch.from_numpy(np.repeat(np.arange(len(shown)), [len(points[index]) for index in shown])),
        )
        lots = [self._candidates(embeddings, prompts, start) for start in self._starts(len(prompts.frames))]
        candidates = Candidates(
            **{field: torch.cat([getattr(lot, field) for lot in lots]) for field in Candidates.__dataclass_fields__}
        )
        places = {int(index): place for place, index in enumerate(shown)}
        return (
            self._instances(candidates[candidates.frames == places[index]])
            if index in places
            else no_instances(self._side, self._side, metres=self.spec.grain_metres)
            for index in range(len(pictures))
        )

    def _starts(self, prompts: int) -> range:
        return range(0, prompts, self._batches.prompts)

    def _embeddings(self, pictures: NDArray[np.uint8]) -> Tensor:
        """Embeddings of frames, encoded in lots of one size."""
        size, lots = self._batches.encoded, []
        for start in range(0, len(pictures), size):
            lot = pictures[np.minimum(np.arange(start, start + size), len(pictures) - 1)]
            lots.append(self._network.embed(lot, self._pixels)[: len(pictures) - start])
        return torch.cat(lots)

    def _candidates(self, embeddings: Tensor, prompts: Prompts, start: int) -> Candidates:
        """What passes of one lot of prompts."""
        count = min(self._batches.prompts, len(prompts.frames) - start)
        lot = torch.arange(start, start + self._batches.prompts).clamp(max=len(prompts.frames) - 1)
        device, spec = self._network.device, self.spec
        frames = prompts.frames[lot].to(device)
        attended = attend(
            self._network.sam,
            embeddings,
            Prompts(points=prompts.points[lot].to(device), frames=frames),
            crop_tokens=self._crop,
        )
        qualities = attended.qualities.float()
        good = qualities > spec.iou_threshold
        good[count:] = False
        # three masks of a prompt are drawn where one of them is good
        drawn = good.any(1).nonzero()[:, 0]
        which, kind = good[drawn].nonzero(as_tuple=True)
        logits = draw(self._network.sam, attended, drawn)[which, kind].float()
        stable = stability(logits) >= spec.stability_threshold
        which, kind = drawn[which[stable]], kind[stable]
        return Candidates(
            frames=frames[which],
            qualities=qualities[which, kind],
            corners=attended.corners[which],
            logits=logits[stable],
        )

    def _instances(self, candidates: Candidates) -> Instances:
        """The instances of one frame: the better of boxes that overlap, without small regions."""
        spec = self.spec
        best = candidates[_kept(candidates.boxes, candidates.qualities, spec.nms_threshold)]
        masks, changed = without_small_regions(
            self._lines.masks(best.logits, best.corners), spec.least_metres2 / spec.grain_metres**2
        )
        starts = self._lines.starts[best.corners]
        boxes = (boxes_of(masks) + starts.flip(1).repeat(1, 2)).float()
        # cleaning can make two masks alike: the untouched one stays, then the better one
        again = _kept(boxes, (~changed).float(), spec.nms_threshold)
        again = again[masks[again].flatten(1).any(1)].sort().values
        corner, row, column = masks[again].nonzero(as_tuple=True)
        rows, columns = (starts[again][corner, axis] + line for axis, line in ((0, row), (1, column)))
        count = len(again)
        return Instances(
            rows=self._side,
            columns=self._side,
            metres=spec.grain_metres,
            pixels=(rows * self._side + columns).int().cpu().numpy(),
            starts=torch.searchsorted(corner, torch.arange(count + 1, device=corner.device)).cpu().numpy(),
            scores=best.qualities[again].clamp(0, 1).cpu().numpy(),
        )


def _kept(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Indices of the boxes that no better one overlaps too much, best first."""
    nms = segment_anything().automatic_mask_generator.batched_nms
    kept: Tensor = nms(boxes, scores, torch.zeros_like(scores), iou_threshold=threshold)
    return kept
