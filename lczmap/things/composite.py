"""The composite: many dated looks at one grid become one image by the median of the clear ones.

In: digital numbers of scenes, their offsets and where each is clear. Out: int16 x 1e-4 reflectance, nodata
-32768, with the count of clear looks. Reading files is not done here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.things.median import ABSENT, median_of_looks
from lczmap.words.bands import BANDS, COMPOSITE_NODATA

UNMASKED = 1
"""Provenance bit: a look without scene classification contributed to the pixel."""
ASSUMED = 2
"""Provenance bit: a look whose radiometric offset was assumed contributed to the pixel."""

_STRIP = 16
"""Rows handled together, so that a scene's ten bands stay in a core's cache."""


@dataclass(frozen=True, kw_only=True)
class Composite:
    """One image of a tile and its halo."""

    reflectance: NDArray[np.int16]
    """(10, rows, columns), bands in input order, reflectance x 10,000; nodata -32768 in all bands at once."""
    looks: NDArray[np.uint8]
    """(rows, columns), number of solar days that saw the ground clearly."""
    provenance: NDArray[np.uint8]
    """(rows, columns), bits `UNMASKED` and `ASSUMED`."""


@dataclass(frozen=True, kw_only=True)
class SceneView:
    """One scene on the grid."""

    numbers: Sequence[NDArray[np.uint16]]
    """Digital numbers of the ten bands in input order, each (rows, columns); see `_imaged` for what 0 means."""
    clear: NDArray[np.bool_] | None
    """(rows, columns), where the scene shows the ground; None where it has no scene classification."""
    offset_dn: int
    """Added to every digital number: 0 or -1000."""
    offset_assumed: bool
    """Whether the offset rests on metadata alone."""

    @property
    def provenance(self) -> int:
        """Bits of a pixel that this scene fills."""
        return (UNMASKED if self.clear is None else 0) | (ASSUMED if self.offset_assumed else 0)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one solar day saw of the grid."""

    reflectance: NDArray[np.int16]
    """(10, rows, columns), reflectance x 10,000; `ABSENT` in all bands where the day did not see the ground."""
    seen: NDArray[np.bool_]
    """(rows, columns), where the look counts."""
    provenance: NDArray[np.uint8]
    """(rows, columns), bits of the scene that filled each pixel."""


def clear_of_scl(scl: NDArray[np.uint8], dropped: tuple[int, ...], dilation_pixels: int) -> NDArray[np.bool_]:
    """Where a look sees the ground, what hides it having grown by a square of some pixels.

    Class 0 (no data) does not grow: the edge of an image hides nothing beside it.

    Args:
        scl: (rows + 2 d, columns + 2 d) scene classification with a margin of `dilation_pixels` (d) all round, so
            that a cloud just outside the grid reaches in and neighbouring tiles agree.
        dropped: SCL classes that are not clear.
        dilation_pixels: radius d of the growth.

    Returns:
        (rows, columns) mask, True where clear.
    """
    hiding, absent = np.zeros((2, 256), np.bool_)
    hiding[[code for code in dropped if code]] = True
    absent[0] = 0 in dropped
    inner = slice(dilation_pixels, -dilation_pixels or None)
    veiled = _any_within(_any_within(hiding[scl], dilation_pixels).T, dilation_pixels).T
    return ~(veiled | absent[scl[inner, inner]])


def _any_within(veiled: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Whether anything within a radius along the rows' axis is True; the result is 2 x radius shorter.

    The reach doubles at every step, so the work grows with the logarithm of the radius.
    """
    reach, side = 1, 2 * radius + 1
    while reach < side:
        step = min(reach, side - reach)
        veiled = veiled[:-step] | veiled[step:]
        reach += step
    return veiled


def look_of(scenes: Sequence[SceneView]) -> Look:
    """Mosaic of one solar day: a pixel belongs to the first scene that has imaged it, which alone says if it is clear.

    A scene further down never shows what the owner calls hidden: it may be an older processing with a worse mask.

    Args:
        scenes: the day's scenes on one grid, in overlap order.
    """
    shape = scenes[0].numbers[0].shape
    look = Look(
        reflectance=np.empty((len(BANDS), *shape), np.int16),
        seen=np.zeros(shape, np.bool_),
        provenance=np.zeros(shape, np.uint8),
    )
    for start in range(0, shape[0], _STRIP):
        rows = slice(start, start + _STRIP)
        owned = np.zeros(look.seen[rows].shape, np.bool_)
        for order, scene in enumerate(scenes):
            _lay(scene, look, rows, owned, first=order == 0)
    return look


def _lay(scene: SceneView, look: Look, rows: slice, owned: NDArray[np.bool_], *, first: bool) -> None:
    """Lay a strip of a scene under what the look holds already, and mark in `owned` what it has imaged."""
    numbers = [band[rows] for band in scene.numbers]
    fresh = _imaged(numbers, scene.offset_dn)
    fresh &= ~owned
    owned |= fresh
    if scene.clear is not None:
        fresh &= scene.clear[rows]
    floor = np.where(fresh, np.int16(COMPOSITE_NODATA), ABSENT)
    for band, out in zip(numbers, look.reflectance[:, rows], strict=True):
        values = out if first else np.empty_like(out)
        np.add(_cut_off(band), np.int16(scene.offset_dn), out=values)
        np.maximum(values, floor, out=values)
        if not first:  # absent is the highest value: the minimum keeps what was laid before
            np.minimum(out, values, out=out)
    look.seen[rows] |= fresh
    look.provenance[rows][fresh] = scene.provenance


def _cut_off(numbers: NDArray[np.uint16]) -> NDArray[np.int16]:
    """The numbers as int16, what exceeds its range at its end."""
    signed = numbers.view(np.int16)
    return signed if signed.min() >= 0 else np.minimum(numbers, np.uint16(ABSENT)).view(np.int16)


def _imaged(numbers: Sequence[NDArray[np.uint16]], offset_dn: int) -> NDArray[np.bool_]:
    """Where a scene has pixels.

    With ESA's offset still on, 0 is no data and nothing else, in whichever band. Where it was taken off, what fell
    below 0 was cut, so deep shadow in blue and clear water in SWIR are 0: there a pixel is imaged where some 10 m
    band and some 20 m band is not 0; outside the swath all are.
    """
    present = [band != 0 for band in numbers]
    imaged: NDArray[np.bool_]
    if offset_dn:
        imaged = np.logical_and.reduce(present)
        return imaged
    fine, coarse = (
        np.logical_or.reduce([here for here, band in zip(present, BANDS, strict=True) if band.metres == metres])
        for metres in (10, 20)
    )
    imaged = fine & coarse
    return imaged


def composite_of(looks: Sequence[Look]) -> Composite:
    """Clear-sky median of at least one look."""
    present = np.zeros(looks[0].seen.shape, np.uint8)
    provenance = np.zeros(present.shape, np.uint8)
    for look in looks:
        present += look.seen
        provenance |= look.provenance
    return Composite(
        reflectance=median_of_looks([look.reflectance for look in looks], present),
        looks=present,
        provenance=provenance,
    )


def blank_composite(rows: int, columns: int) -> Composite:
    """The composite of no look at all."""
    return Composite(
        reflectance=np.full((len(BANDS), rows, columns), COMPOSITE_NODATA, np.int16),
        looks=np.zeros((rows, columns), np.uint8),
        provenance=np.zeros((rows, columns), np.uint8),
    )
