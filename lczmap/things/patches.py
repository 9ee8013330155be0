"""Patches: the 320 m windows of a tile's posts, cut from its composite, judged and filled.

In: a composite on the observed grid. Out: lots of (n, 32, 32, 10) float32 reflectance for the posts that hold
enough clear pixels, with what is known of each window. Windows are views until a lot is gathered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lczmap.things.composite import ASSUMED, UNMASKED, Composite
from lczmap.words.bands import COMPOSITE_NODATA, REFLECTANCE_SCALE
from lczmap.words.grid import PIXEL_METRES, WINDOW_PIXELS, Posting, posts_across, window_offset
from lczmap.words.quality import Quality

Pixel = TypeVar("Pixel", bound=np.generic)

CLEAR_SHARE = 0.5
"""Least share of a window's pixels that must be clear for it to be classified."""
FEW_LOOKS = 3
"""Windows with a lower median number of looks are flagged."""


@dataclass(frozen=True, kw_only=True)
class Patches:
    """One lot of windows, in row-major order of their posts."""

    posts: NDArray[np.intp]
    """(n,) flat index of each post in the tile, row 0 in the north."""
    reflectance: NDArray[np.float32]
    """(n, 32, 32, 10), reflectance 0..1, rows from the north; gaps filled. Rows that are not usable hold zeros."""
    usable: NDArray[np.bool_]
    """(n,) whether at least half the window's pixels are clear."""
    looks: NDArray[np.uint8]
    """(n,) median number of clear looks in the window, rounded down."""
    quality: NDArray[np.uint16]
    """(n,) quality bits that follow from the composite."""


def cut_patches(
    composite: Composite, posting: Posting, wanted: NDArray[np.bool_], *, lot: int = 256
) -> Iterator[Patches]:
    """Cut the wanted posts' windows, a lot at a time, so that memory does not grow with the posting.

    Args:
        composite: image of a tile on its observed grid.
        posting: distance of posts, metres.
        wanted: (posts, posts) mask of the posts to cut.
        lot: windows per lot.
    """
    windows = _windows(composite.reflectance, posting)
    looks = _windows(composite.looks[None], posting)
    provenance = _windows(composite.provenance[None], posting)
    side = posts_across(posting)
    posts = np.flatnonzero(wanted)
    for start in range(0, len(posts), lot):
        chosen = posts[start : start + lot]
        rows, columns = np.divmod(chosen, side)
        yield _judge(
            chosen,
            windows[:, rows, columns].transpose(1, 2, 3, 0),
            looks[0, rows, columns],
            provenance[0, rows, columns],
        )


def patch_of(composite: Composite) -> Patches:
    """One lot with the one window that a composite of 32 x 32 pixels is."""
    return _judge(
        np.zeros(1, np.intp),
        composite.reflectance.transpose(1, 2, 0)[None],
        composite.looks[None],
        composite.provenance[None],
    )


def _windows(image: NDArray[Pixel], posting: Posting) -> NDArray[Pixel]:
    """View of every post's window: (bands, posts, posts, 32, 32)."""
    start, step, side = window_offset(posting), posting // PIXEL_METRES, posts_across(posting)
    every = sliding_window_view(image, (WINDOW_PIXELS, WINDOW_PIXELS), axis=(1, 2))
    return every[:, start::step, start::step][:, :side, :side]


def _judge(
    posts: NDArray[np.intp],
    values: NDArray[np.int16],
    looks: NDArray[np.uint8],
    provenance: NDArray[np.uint8],
) -> Patches:
    clear = (values != COMPOSITE_NODATA).all(axis=3)
    share = clear.mean(axis=(1, 2))
    usable = share >= CLEAR_SHARE
    reflectance = values.astype(np.float32) * np.float32(REFLECTANCE_SCALE)
    for index in np.flatnonzero(usable & (share < 1)):
        reflectance[index][~clear[index]] = np.median(reflectance[index][clear[index]], axis=0)
    reflectance[~usable] = 0
    median_looks = np.median(looks, axis=(1, 2))
    bits = np.bitwise_or.reduce(provenance, axis=(1, 2))
    quality = (
        np.where(share == 0, Quality.NO_CLEAR_PIXEL, 0)
        | np.where(median_looks < FEW_LOOKS, Quality.FEW_LOOKS, 0)
        | np.where(usable & (share < 1), Quality.GAPS_FILLED, 0)
        | np.where(bits & UNMASKED, Quality.UNMASKED, 0)
        | np.where(bits & ASSUMED, Quality.OFFSET_ASSUMED, 0)
    ).astype(np.uint16)
    return Patches(
        posts=posts,
        reflectance=reflectance,
        usable=usable,
        looks=median_looks.astype(np.uint8),
        quality=quality,
    )
