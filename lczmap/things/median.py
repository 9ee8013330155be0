"""The exact median of a few looks, by a sorting network over cache-sized runs of pixels.

In: planes of int16 in which an absent look holds `ABSENT`, and how many looks are present. Out: the median of
the present ones. A network of minimum and maximum sorts all pixels of a run at once, so that nothing
branches on a pixel; only those comparisons are made on which the middle ranks depend.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lczmap.words.bands import COMPOSITE_NODATA

Plane = NDArray[np.int16]

ABSENT = np.int16(np.iinfo(np.int16).max)
"""Value of a look that does not count; it sorts behind every other."""

_RUN = 16_384
"""Pixels sorted together: 32 KiB a plane, so that a dozen looks and the spare planes stay in a core's cache."""


class Comparison(NamedTuple):
    """Put two planes in order, the lower one first."""

    low: int
    """Index of the plane that receives the minimum."""
    high: int
    """Index of the plane that receives the maximum."""
    keeps_low: bool
    """Whether the minimum is read later."""
    keeps_high: bool
    """Whether the maximum is read later."""


def network(size: int, ranks: Iterable[int]) -> tuple[Comparison, ...]:
    """Comparisons that bring some ranks of a few values to their places.

    Batcher's merge exchange (Knuth, The Art of Computer Programming, vol. 3, algorithm 5.2.2M), without the
    comparisons on which the wanted ranks do not depend.

    Args:
        size: number of values.
        ranks: the wanted ranks, 0 the lowest.
    """
    needed = set(ranks)
    kept: list[Comparison] = []
    for low, high in reversed(_merge_exchange(size)):
        if low in needed or high in needed:
            kept.append(Comparison(low, high, low in needed, high in needed))
            needed |= {low, high}
    return tuple(reversed(kept))


def median_of_looks(looks: Sequence[Plane], present: NDArray[np.uint8]) -> Plane:
    """Median of the looks that count, for every band at once.

    Of an even number of looks it is the mean of the middle two, rounded half to even.

    Args:
        looks: planes of one shape, (bands, rows, columns) or (rows, columns), `ABSENT` where a look does not count.
        present: (rows, columns), number of looks that count; the same for every band.

    Returns:
        Shaped as a look; `COMPOSITE_NODATA` where no look counts.
    """
    counts = present.reshape(-1)
    flat = [look.reshape(-1, counts.size) for look in looks]
    medians = np.empty(flat[0].shape, np.int16)
    networks: dict[tuple[int, int], tuple[Comparison, ...]] = {}
    spare = np.empty((len(looks) + 5, min(_RUN, counts.size)), np.int16)
    for start in range(0, counts.size, _RUN):
        run = slice(start, min(start + _RUN, counts.size))
        middle = _middle(counts[run])
        ranks = middle.first, middle.last
        if ranks not in networks:
            networks[ranks] = network(len(looks), range(middle.first, middle.last + 1))
        rows = list(spare[:, : run.stop - run.start])
        for band, out in enumerate(medians):
            ordered = _in_order([look[band, run] for look in flat], networks[ranks], rows[3:])
            _median(ordered, middle, rows[:3], out[run])
    return medians.reshape(looks[0].shape)


class _Middle(NamedTuple):
    """Where the median lies in one run of pixels."""

    first: int
    """Lowest rank that any pixel needs."""
    last: int
    """Highest rank that any pixel needs."""
    lower: tuple[Plane, ...]
    """For each rank after the first: a ceiling that lets it through where the lower middle is not before it."""
    upper: tuple[Plane, ...]
    """Likewise for the upper middle."""
    empty: NDArray[np.bool_] | None
    """Where no look counts; None where every pixel has one."""


def _middle(counts: NDArray[np.uint8]) -> _Middle:
    lower, upper = (np.maximum(counts, 1) - 1) >> 1, counts >> 1
    first, empty = int(lower.min()), counts == 0
    return _Middle(
        first=first,
        last=int(upper.max()),
        lower=tuple(_ceiling(lower >= rank) for rank in range(first + 1, int(lower.max()) + 1)),
        upper=tuple(_ceiling(upper >= rank) for rank in range(first + 1, int(upper.max()) + 1)),
        empty=empty if empty.any() else None,
    )


def _ceiling(reached: NDArray[np.bool_]) -> Plane:
    return np.where(reached, ABSENT, np.int16(COMPOSITE_NODATA))


def _in_order(values: list[Plane], steps: Sequence[Comparison], spare: list[Plane]) -> list[Plane]:
    """The wanted ranks at their places; inputs are left as they are, results live in the spare planes."""
    ours = [False] * len(values)
    for low, high, keeps_low, keeps_high in steps:
        one, other = values[low], values[high]
        if keeps_low:
            values[low] = np.minimum(one, other, out=spare.pop())
        if keeps_high:
            values[high] = np.maximum(one, other, out=other if ours[high] else spare.pop())
        if ours[low]:
            spare.append(one)
        if ours[high] and not keeps_high:
            spare.append(other)
        ours[low], ours[high] = keeps_low, keeps_high
    return values


def _median(ordered: list[Plane], middle: _Middle, spare: list[Plane], out: Plane) -> None:
    """Pick the two middle ranks of every pixel and average them."""
    low, high, risen = spare
    for chosen, ceilings in ((low, middle.lower), (high, middle.upper)):
        np.copyto(chosen, ordered[middle.first])
        for rank, ceiling in enumerate(ceilings, start=middle.first + 1):
            np.maximum(chosen, np.minimum(ordered[rank], ceiling, out=risen), out=chosen)
    differ = np.bitwise_xor(low, high, out=risen)
    np.bitwise_and(low, high, out=out)
    np.right_shift(differ, 1, out=high)
    np.add(out, high, out=out)  # floor of the mean, free of overflow
    differ &= out
    differ &= 1
    out += differ  # half to even
    if middle.empty is not None:
        out[middle.empty] = COMPOSITE_NODATA


def _merge_exchange(size: int) -> list[tuple[int, int]]:
    """All comparisons of Batcher's merge exchange, in order."""
    comparisons: list[tuple[int, int]] = []
    top = 1 << max((size - 1).bit_length() - 1, 0)
    step = top
    while step:
        width, offset, apart = top, 0, step
        while apart:
            comparisons += [(low, low + apart) for low in range(size - apart) if low & step == offset]
            apart, width, offset = width - step, width >> 1, step
        step >>= 1
    return comparisons
