"""Window mode: one encoding serves all posts of a wide window, its prompts are decoded with those of other windows.

In: frames at 1 m, and their reach. Out: instances at the spec's grain, best first. Masks are judged and thinned out
on the decoder's own pixels, and only what is left is brought to the grain of the frame.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lczmap.segment.decode import Prompts
from lczmap.segment.grain import MASK_PIXELS, grain_lines
from lczmap.segment.lots import Batches, Candidates, Decoder, filled, suppressed
from lczmap.segment.masks import boxes_of, stability
from lczmap.segment.network import Network, Zone, computing
from lczmap.segment.prompts import seen_points, window_points
from lczmap.segment.regions import without_small_regions_inside
from lczmap.things.frames import Reach
from lczmap.things.instances import Instances, no_instances
from lczmap.words.errors import SpecError
from lczmap.words.segmenter import SegmenterSpec


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
        self.lot = batches.frames
        """Pictures it likes to have at once."""
        self._network, self._pixels, self._encoded = network, pixels, batches.encoded
        self._side = spec.frame_metres // spec.grain_metres
        tokens = network.tokens(pixels)
        crop = min(spec.crop_tokens or tokens, tokens)
        self._decoder = Decoder(
            network=network, size=batches.prompts, crop_tokens=crop, least_quality=spec.iou_threshold
        )
        self._lines = grain_lines(
            tokens=tokens,
            crop=crop,
            token_metres=network.patch / spec.scale,
            grain=spec.grain_metres,
            side=self._side,
        ).to(network.device)

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
        with computing():
            for start in range(0, len(pictures), self.lot):
                lot = slice(start, start + self.lot)
                found += self._segment(pictures[lot], reaches[lot])
        return found

    def _segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> list[Instances]:
        """Instances of frames that fit into memory together."""
        nothing = no_instances(self._side, self._side, metres=self.spec.grain_metres)
        points = [window_points(self.spec, reach) for reach in reaches]
        points = [each[seen_points(each, picture)] for each, picture in zip(points, pictures, strict=True)]
        shown = np.flatnonzero([len(each) for each in points])
        if not len(shown):
            return [nothing] * len(pictures)
        # frames without a prompt are not encoded
        embeddings = self._embeddings(pictures[shown], [self._zone(reaches[int(index)]) for index in shown])
        prompts = Prompts(
            # segment-anything counts from the centre of the first pixel
            points=torch.from_numpy(np.concatenate(points) * self.spec.scale - 0.5).float(),
            frames=torch.from_numpy(np.repeat(np.arange(len(shown)), [len(points[index]) for index in shown])),
        )
        candidates = self._decoder.candidates(embeddings, prompts, thinned=self._stable)
        cut = iter(self._instances(candidates, len(shown)))
        return [next(cut) if len(each) else nothing for each in points]

    def _zone(self, reach: Reach) -> Zone:
        """The tokens that prompts within a reach can look at: encoding more would serve nobody.

        Where a prompt looks at the whole embedding, or the network takes one size only, that is all of them.
        """
        network, crop = self._network, self._decoder.crop_tokens
        tokens = network.tokens(self._pixels)
        if network.fixed or crop >= tokens:
            return 0, 0, tokens, tokens
        metres, margin = network.patch / self.spec.scale, crop // 2 + 1
        low = (max(0, math.floor(edge / metres) - margin) for edge in reach[:2])
        high = (min(tokens, math.ceil(edge / metres) + margin) for edge in reach[2:])
        (top, left), (bottom, right) = low, high
        return top, left, bottom, right

    def _embeddings(self, pictures: NDArray[np.uint8], zones: Sequence[Zone]) -> Tensor:
        """Embeddings of frames, encoded in lots of one size; frames of one zone go together."""
        found: dict[int, Tensor] = {}
        for zone in dict.fromkeys(zones):
            alike = np.flatnonzero([each == zone for each in zones])
            for lot in filled(len(alike), self._encoded):
                made = self._network.embed(pictures[alike[lot]], self._pixels, zone)
                found |= dict(zip(alike[lot].tolist(), made, strict=True))
        return torch.stack([found[index] for index in range(len(pictures))])

    def _stable(self, candidates: Candidates) -> Candidates:
        """Those whose mask hardly changes with its threshold."""
        return candidates[stability(candidates.logits) >= self.spec.stability_threshold]

    def _instances(self, candidates: Candidates, frames: int) -> list[Instances]:
        """The instances of each frame: the better of boxes that overlap, without small regions."""
        spec = self.spec
        # boxes on the decoder's own pixels, those of the frame
        boxes = boxes_of(candidates.logits > 0) + MASK_PIXELS * candidates.corners.flip(1).repeat(1, 2)
        best = candidates[_kept(boxes, candidates.qualities, candidates.frames, spec.nms_threshold)]
        # all frames at once: on a GPU rounds cost more than masks
        masks, changed = without_small_regions_inside(
            self._lines.masks(best.logits, best.corners), spec.least_metres2 / spec.grain_metres**2
        )
        starts = self._lines.starts[best.corners]
        # cleaning can make two masks alike: the untouched one stays, then the better one
        boxes = boxes_of(masks) + starts.flip(1).repeat(1, 2)
        again = _kept(boxes, (~changed).float(), best.frames, spec.nms_threshold)
        again = again[masks[again].flatten(1).any(1)].sort().values
        return [
            self._sparse(masks[here], starts[here], best.qualities[here])
            for here in (again[best.frames[again] == frame] for frame in range(frames))
        ]

    def _sparse(self, masks: Tensor, starts: Tensor, qualities: Tensor) -> Instances:
        """Instances of one frame from masks (k, length, length) that begin at `starts` (k, 2), row and column."""
        whose, row, column = masks.nonzero(as_tuple=True)
        rows, columns = (starts[whose, axis] + line for axis, line in ((0, row), (1, column)))
        counts = torch.arange(len(masks) + 1, device=whose.device)
        return Instances(
            rows=self._side,
            columns=self._side,
            metres=self.spec.grain_metres,
            pixels=(rows * self._side + columns).int().cpu().numpy(),
            starts=torch.searchsorted(whose, counts).cpu().numpy(),
            scores=qualities.clamp(0, 1).cpu().numpy(),
        )


def _kept(boxes: Tensor, scores: Tensor, frames: Tensor, threshold: float) -> Tensor:
    """Indices of the boxes that stay, frame by frame, best first."""
    kept = []
    for frame in sorted(set(frames.tolist())):
        here = (frames == frame).nonzero()[:, 0]
        kept.append(here[suppressed(boxes[here], scores[here], threshold)])
    return torch.cat(kept) if kept else frames
