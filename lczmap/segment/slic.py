"""Superpixels as instances: a segmenter without weights, the honest baseline of those that learned.

In: pictures at 1 m. Out: instances that touch but do not overlap. SLIC (Achanta et al. 2012,
doi:10.1109/TPAMI.2012.120) on pixels of the spec's grain, seeds `pitch_metres` apart; it draws nothing by chance.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import slic

from lczmap.things.frames import Reach
from lczmap.things.instances import Instances, no_instances
from lczmap.words.errors import SpecError
from lczmap.words.segmenter import SegmenterSpec

COMPACTNESS = 10.0
"""How much nearness weighs against colour (CIELAB): scikit-image's own."""
SMOOTHING = 1.0
"""Sigma of the Gaussian before clustering, mask pixels: less ragged borders."""


class SlicSegmenter:
    """A `Segmenter` on scikit-image's SLIC."""

    def __init__(self, spec: SegmenterSpec) -> None:
        if spec.network != "slic":
            raise SpecError(f"The segmenter {spec.name} runs {spec.network}, expected slic; choose the network slic.")
        self.spec = spec
        """How it cuts."""
        self.lot = 1
        """Pictures it likes to have at once: it takes them one by one."""

    def segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> Sequence[Instances]:
        """Instances of frames, one result a picture, in the order given.

        Args:
            pictures: (n, side, side, 3) RGB at 1 m, side = `spec.frame_metres`; black is no data.
            reaches: for each picture, where instances serve anybody, metres; what lies further than two superpixels
                beyond is left out.
        """
        return [superpixels(picture, reach, self.spec) for picture, reach in zip(pictures, reaches, strict=True)]


def superpixels(picture: NDArray[np.uint8], reach: Reach, spec: SegmenterSpec) -> Instances:
    """The superpixels of one frame (side, side, 3) at 1 m, black left out."""
    metres, side = spec.mask_metres, len(picture) // spec.mask_metres
    margin = 2 * spec.pitch_metres
    top, left = (max(math.floor((edge - margin) / metres), 0) for edge in reach[:2])
    bottom, right = (min(math.ceil((edge + margin) / metres), side) for edge in reach[2:])
    window = picture[top * metres : bottom * metres, left * metres : right * metres]
    colours, seen = _coarsened(window, metres)
    if not seen.any():
        return no_instances(side, side, metres=metres)
    labels = np.zeros((side, side), np.int64)
    labels[top:bottom, left:right] = seen * slic(
        colours,
        n_segments=max(round(colours[:, :, 0].size * (metres / spec.pitch_metres) ** 2), 1),
        compactness=COMPACTNESS,
        sigma=SMOOTHING,
        min_size_factor=spec.least_metres2 / spec.pitch_metres**2,
        start_label=1,
        channel_axis=2,
    )
    return _instances(labels, metres)


def _coarsened(window: NDArray[np.uint8], metres: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean colour 0..1 of the metres in each mask pixel that are not black, and whether there is one."""
    rows, columns = len(window) // metres, window.shape[1] // metres
    blocks = window.reshape(rows, metres, columns, metres, 3)
    count = (blocks > 0).any(axis=4).sum(axis=(1, 3))
    colours = blocks.sum(axis=(1, 3), dtype=np.int64) / np.maximum(count, 1)[:, :, None] / 255
    return colours, count > 0


def _instances(labels: NDArray[np.int64], metres: int) -> Instances:
    """Instances from labels (rows, columns), 0 where there is none; in the order of their labels."""
    flat = labels.ravel()
    order = np.argsort(flat, kind="stable")
    pixels = order[np.searchsorted(flat[order], 1) :]
    sizes = np.bincount(flat)[1:]
    sizes = sizes[sizes > 0]
    return Instances(
        rows=labels.shape[0],
        columns=labels.shape[1],
        metres=metres,
        pixels=pixels.astype(np.int32),
        starts=np.concatenate([[0], np.cumsum(sizes)]),
        scores=np.ones(len(sizes), np.float32),
    )
