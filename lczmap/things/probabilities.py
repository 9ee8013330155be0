"""Class probabilities: fused as float32, kept as bytes, by functions that never change the winner.

Layout is (..., 17), index = class code - 1. On disk a byte is round(250 p), 255 is nodata, scale 0.004.
"""

import numpy as np
from numpy.typing import NDArray

from lczmap.words.lcz import NODATA

PROBABILITY_NODATA = 255
"""Byte of a probability, confidence or margin that is not known."""
PROBABILITY_LEVELS = 250
"""Byte of probability 1."""
PROBABILITY_SCALE = 0.004
"""Probability per unit of a byte."""


def fuse(sentinel: NDArray[np.float32], vhr: NDArray[np.float32] | None, sentinel_weight: float) -> NDArray[np.float32]:
    """Weighted mean of the two streams: `w p_s + (1 - w) p_g` (DF4LCZ, eq. 8, as the released code weighs it).

    Args:
        sentinel: (n, 17) probabilities of the Sentinel stream.
        vhr: (n, 17) of the VHR stream, rows of NaN where it has no vote; None where there is no such stream.
        sentinel_weight: share w of the Sentinel stream, 0..1.

    Returns:
        (n, 17); where one stream is missing the other stands alone.
    """
    if vhr is None:
        return sentinel
    weight = np.float32(sentinel_weight)
    both = weight * sentinel + (1 - weight) * vhr
    alone = np.where(np.isnan(vhr), sentinel, vhr)
    return np.where(np.isnan(both), alone, both)


def encode(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Bytes of probabilities, the winner strictly first.

    Rounding may tie the runner-up with the winner; then the runner-up gives way by one.

    Args:
        probabilities: (..., 17), rows of NaN where unknown.
    """
    known = ~np.isnan(probabilities).any(axis=-1, keepdims=True)
    levels = np.rint(np.where(known, probabilities, 0) * PROBABILITY_LEVELS).astype(np.uint8)
    winner = np.argmax(np.where(known, probabilities, 0), axis=-1)[..., None]
    top = np.take_along_axis(levels, winner, axis=-1)
    tied = (levels == top) & (np.arange(levels.shape[-1]) != winner) & (top > 0)
    return np.where(known, levels - tied.astype(np.uint8), PROBABILITY_NODATA).astype(np.uint8)


def decode(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probabilities from bytes, NaN where nodata."""
    values = levels.astype(np.float32) * np.float32(PROBABILITY_SCALE)
    return np.where(levels == PROBABILITY_NODATA, np.float32(np.nan), values)


def winners(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Class code of each row of bytes, 0 where nodata."""
    codes = levels.argmax(axis=-1) + 1
    return np.where(levels[..., 0] == PROBABILITY_NODATA, NODATA, codes).astype(np.uint8)


def confidence(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Probability of the winner in percent, 255 where unknown."""
    top = probabilities.max(axis=-1)
    return np.where(np.isnan(top), PROBABILITY_NODATA, np.rint(np.nan_to_num(top) * 100)).astype(np.uint8)


def margin(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lead of the winner over the second class, coded as probabilities are, 255 where unknown."""
    second, first = np.moveaxis(np.partition(probabilities, -2, axis=-1)[..., -2:], -1, 0)
    lead = first - second
    levels = np.rint(np.nan_to_num(lead) * PROBABILITY_LEVELS)
    return np.where(np.isnan(lead), PROBABILITY_NODATA, levels).astype(np.uint8)
